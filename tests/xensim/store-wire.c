/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated xenstore's protocol (xen/io/xs_wire.h), as of a Unix socket
 *
 * A request is a header and some bytes, mostly texts that each end with a
 * null byte; the answer has the same header with other bytes, or says XS_ERROR
 * with the name of an errno value.  Whoever connects is domain 0.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <xen/io/xs_wire.h>
#include "store-private.h"

/* Relative paths are relative to this. */
#define HOME "/local/domain/0"

/* A request that has come as a whole */
typedef struct Request {
    struct xsd_sockmsg header;
    const char *payload;
    StoreTransaction *tx;
    char *path;                 /* the first text, made absolute */
    size_t prefix;              /* what was put in front of it */
    const char *rest;           /* what follows it */
    size_t rest_len;
    GByteArray *reply;
} Request;

/*
 * Send
 */

static void send_all(int fd, const void *data, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent < 0) {
            return;             /* The peer is gone; the poll will tell. */
        }
        data = (const uint8_t *)data + sent;
        len -= sent;
    }
}

static void send_message(StoreClient *client, struct xsd_sockmsg header,
                         const void *payload, size_t len)
{
    g_autoptr(GByteArray) message = g_byte_array_new();

    header.len = len;
    g_byte_array_append(message, (const uint8_t *)&header, sizeof(header));
    g_byte_array_append(message, payload, len);
    send_all(client->fd, message->data, message->len);
}

static const char *get_error_name(int error)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(xsd_errors); i++) {
        if (xsd_errors[i].errnum == error) {
            return xsd_errors[i].errstring;
        }
    }
    return "EINVAL";
}

static void send_error(StoreClient *client, struct xsd_sockmsg header,
                       int error)
{
    const char *name = get_error_name(error);

    header.type = XS_ERROR;
    send_message(client, header, name, strlen(name) + 1);
}

static void add_text(GByteArray *reply, const char *text)
{
    g_byte_array_append(reply, (const uint8_t *)text, strlen(text) + 1);
}

void store_wire_send_event(StoreClient *client, const StoreWatch *watch,
                           const char *path)
{
    struct xsd_sockmsg header = { .type = XS_WATCH_EVENT };
    g_autoptr(GByteArray) payload = g_byte_array_new();

    add_text(payload, strlen(path) >= watch->prefix ? path + watch->prefix :
             path);
    add_text(payload, watch->token);
    send_message(client, header, payload->data, payload->len);
}

/*
 * Requests: each returns 0 or a negative errno value
 */

static int answer_read(XensimStore *store, Request *request)
{
    g_autoptr(GBytes) value = NULL;
    int error = store_read(store, request->tx, 0, request->path, &value);

    if (!error) {
        g_byte_array_append(request->reply, g_bytes_get_data(value, NULL),
                            g_bytes_get_size(value));
        return 0;
    }
    return error;
}

static int answer_directory(XensimStore *store, Request *request)
{
    g_autoptr(GPtrArray) names = NULL;
    int error = store_list(store, request->tx, 0, request->path, &names);

    for (unsigned int i = 0; !error && i < names->len; i++) {
        add_text(request->reply, names->pdata[i]);
    }
    return request->reply->len > XENSTORE_PAYLOAD_MAX ? -E2BIG : error;
}

static int answer_write(XensimStore *store, Request *request)
{
    g_autoptr(GBytes) value = g_bytes_new(request->rest, request->rest_len);

    add_text(request->reply, "OK");
    return store_write(store, request->tx, 0, request->path, value);
}

static int answer_mkdir(XensimStore *store, Request *request)
{
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    g_autoptr(GBytes) value = NULL;

    add_text(request->reply, "OK");
    if (!store_read(store, request->tx, 0, request->path, &value)) {
        return 0;
    }
    return store_write(store, request->tx, 0, request->path, empty);
}

static int answer_rm(XensimStore *store, Request *request)
{
    add_text(request->reply, "OK");
    return store_remove(store, request->tx, 0, request->path);
}

static int answer_get_perms(XensimStore *store, Request *request)
{
    g_autoptr(GArray) perms = NULL;
    int error = store_get_perms(store, request->tx, 0, request->path, &perms);

    for (unsigned int i = 0; !error && i < perms->len; i++) {
        const StorePerm *perm = &g_array_index(perms, StorePerm, i);
        g_autofree char *text = g_strdup_printf("%c%u", perm->access,
                                                perm->domid);

        add_text(request->reply, text);
    }
    return error;
}

static int parse_perms(const Request *request, GArray *perms)
{
    const char *end = request->rest + request->rest_len;

    for (const char *text = request->rest; text < end;
         text += strlen(text) + 1) {
        StorePerm perm;
        unsigned int domid;

        if (!memchr(text, 0, end - text) ||
            sscanf(text, "%c%u", &perm.access, &domid) != 2 ||
            !strchr("nrwb", perm.access)) {
            return -EINVAL;
        }
        perm.domid = domid;
        g_array_append_val(perms, perm);
    }
    return perms->len ? 0 : -EINVAL;
}

static int answer_set_perms(XensimStore *store, Request *request)
{
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(StorePerm));
    int error = parse_perms(request, perms);

    add_text(request->reply, "OK");
    return error ?: store_set_perms(store, request->tx, 0, request->path,
                                    perms);
}

static void watch_free(void *opaque)
{
    StoreWatch *watch = opaque;

    g_free(watch->path);
    g_free(watch->token);
    g_free(watch);
}

static StoreWatch *find_watch(StoreClient *client, const char *path,
                              const char *token)
{
    for (unsigned int i = 0; i < client->watches->len; i++) {
        StoreWatch *watch = client->watches->pdata[i];

        if (!strcmp(watch->path, path) && !strcmp(watch->token, token)) {
            return watch;
        }
    }
    return NULL;
}

static bool has_token(const Request *request)
{
    return request->rest_len && !request->rest[request->rest_len - 1];
}

static int answer_watch(StoreClient *client, Request *request)
{
    StoreWatch *watch;

    if (!has_token(request)) {
        return -EINVAL;
    }
    if (find_watch(client, request->path, request->rest)) {
        return -EEXIST;
    }
    watch = g_new0(StoreWatch, 1);
    watch->path = g_strdup(request->path);
    watch->prefix = request->prefix;
    watch->token = g_strdup(request->rest);
    g_ptr_array_add(client->watches, watch);
    add_text(request->reply, "OK");
    return 0;
}

static int answer_unwatch(StoreClient *client, Request *request)
{
    StoreWatch *watch = has_token(request) ?
        find_watch(client, request->path, request->rest) : NULL;

    if (!watch) {
        return -ENOENT;
    }
    g_ptr_array_remove(client->watches, watch);
    add_text(request->reply, "OK");
    return 0;
}

static int answer_start(XensimStore *store, StoreClient *client,
                        Request *request)
{
    uint32_t number = ++client->last_transaction;
    g_autofree char *text = g_strdup_printf("%u", number);

    g_hash_table_insert(client->transactions, GUINT_TO_POINTER(number),
                        store_begin(store));
    add_text(request->reply, text);
    return 0;
}

static int answer_end(XensimStore *store, StoreClient *client,
                      Request *request)
{
    int error = 0;

    if (!request->tx) {
        return -ENOENT;
    }
    if (!strcmp(request->payload, "T")) {
        error = store_commit(store, request->tx);
    }
    g_hash_table_remove(client->transactions,
                        GUINT_TO_POINTER(request->header.tx_id));
    add_text(request->reply, "OK");
    return error;
}

static int answer_domain_path(Request *request)
{
    g_autofree char *path = g_strconcat("/local/domain/", request->payload,
                                        NULL);

    add_text(request->reply, path);
    return 0;
}

/* Is the first text a path?  The others' are numbers, letters or nothing. */
static bool has_path(const Request *request)
{
    return request->header.type != XS_TRANSACTION_START &&
           request->header.type != XS_TRANSACTION_END &&
           request->header.type != XS_GET_DOMAIN_PATH;
}

/* What begins with @ isn't a node, but can be watched.  The root is "". */
static bool is_valid_path(const Request *request)
{
    const char *path = request->path;
    size_t len = strlen(path);

    if (*path == '@') {
        return request->header.type == XS_WATCH ||
               request->header.type == XS_UNWATCH;
    }
    return len <= XENSTORE_ABS_PATH_MAX && !strstr(path, "//") &&
           !g_str_has_suffix(path, "/") &&
           strspn(path, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-/_@") == len;
}

static int answer(XensimStore *store, StoreClient *client, Request *request)
{
    if (has_path(request) && !is_valid_path(request)) {
        return -EINVAL;
    }
    switch (request->header.type) {
    case XS_READ:
        return answer_read(store, request);
    case XS_DIRECTORY:
        return answer_directory(store, request);
    case XS_WRITE:
        return answer_write(store, request);
    case XS_MKDIR:
        return answer_mkdir(store, request);
    case XS_RM:
        return answer_rm(store, request);
    case XS_GET_PERMS:
        return answer_get_perms(store, request);
    case XS_SET_PERMS:
        return answer_set_perms(store, request);
    case XS_WATCH:
        return answer_watch(client, request);
    case XS_UNWATCH:
        return answer_unwatch(client, request);
    case XS_TRANSACTION_START:
        return answer_start(store, client, request);
    case XS_TRANSACTION_END:
        return answer_end(store, client, request);
    case XS_GET_DOMAIN_PATH:
        return answer_domain_path(request);
    default:
        return -ENOSYS;
    }
}

/*
 * Receive
 */

/* What every request has in its payload: a text, mostly a path, and a rest */
static int parse_request(StoreClient *client, Request *request)
{
    size_t len = request->header.len;
    const char *end = memchr(request->payload, 0, len);

    if (!end) {
        return -EINVAL;
    }
    request->rest = end + 1;
    request->rest_len = len - (request->rest - request->payload);
    if (*request->payload != '/' && *request->payload != '@') {
        request->prefix = strlen(HOME "/");
    }
    request->path = g_strconcat(request->prefix ? HOME "/" : "",
                                request->payload, NULL);
    if (!strcmp(request->path, "/")) {
        request->path[0] = 0;
    }
    if (request->header.tx_id) {
        request->tx = g_hash_table_lookup(
            client->transactions, GUINT_TO_POINTER(request->header.tx_id));
        return request->tx ? 0 : -ENOENT;
    }
    return 0;
}

static void serve_request(XensimStore *store, StoreClient *client,
                          Request *request)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();
    int error = parse_request(client, request);

    request->reply = reply;
    if (!error && store->shared &&
        !xensim_op(store->shared, XENSIM_OP_STORE)) {
        error = -EIO;
    }
    error = error ?: answer(store, client, request);
    if (error) {
        send_error(client, request->header, -error);
    } else {
        send_message(client, request->header, reply->data, reply->len);
    }
    /* A watch fires at once. */
    if (!error && request->header.type == XS_WATCH) {
        store_wire_send_event(
            client, client->watches->pdata[client->watches->len - 1],
            request->path);
    }
    g_free(request->path);
}

/* Serves the first request if it's there.  Returns its length, else 0. */
static size_t serve_first(XensimStore *store, StoreClient *client)
{
    Request request = { 0 };
    size_t len = sizeof(request.header);

    if (client->input->len < len) {
        return 0;
    }
    memcpy(&request.header, client->input->data, len);
    request.payload = (const char *)client->input->data + len;
    len += request.header.len;
    if (client->input->len < len) {
        return 0;
    }
    serve_request(store, client, &request);
    return len;
}

static bool receive(void *opaque, void *peer)
{
    XensimStore *store = opaque;
    StoreClient *client = peer;
    uint8_t buffer[4096];
    ssize_t received = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    size_t len;

    if (received <= 0) {
        return received < 0 && errno == EAGAIN;
    }
    g_byte_array_append(client->input, buffer, received);
    g_mutex_lock(&store->lock);
    while ((len = serve_first(store, client))) {
        g_byte_array_remove_range(client->input, 0, len);
    }
    g_mutex_unlock(&store->lock);
    return true;
}

static void *begin(void *opaque, int fd)
{
    XensimStore *store = opaque;
    StoreClient *client = g_new0(StoreClient, 1);

    client->fd = fd;
    client->input = g_byte_array_new();
    client->watches = g_ptr_array_new_with_free_func(watch_free);
    client->transactions = g_hash_table_new_full(NULL, NULL, NULL,
                                                 store_transaction_free);
    g_mutex_lock(&store->lock);
    g_ptr_array_add(store->clients, client);
    g_mutex_unlock(&store->lock);
    return client;
}

static void end(void *opaque, void *peer)
{
    XensimStore *store = opaque;
    StoreClient *client = peer;

    g_mutex_lock(&store->lock);
    g_ptr_array_remove(store->clients, client);
    g_mutex_unlock(&store->lock);
    g_byte_array_unref(client->input);
    g_ptr_array_unref(client->watches);
    g_hash_table_unref(client->transactions);
    g_free(client);
}

const XensimServerOps store_wire_ops = {
    .begin = begin,
    .receive = receive,
    .end = end,
};
