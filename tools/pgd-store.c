/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: what the daemon reads from and writes to xenstore.
 *
 * All paths are relative, which xenstored takes as relative to the home of
 * the domain that asks. So the same code works in dom0 and in a driver
 * domain.
 *
 *   backend/vif/<domid>/<devid>/    made by the toolstack, one for each vif
 *       state, online               the xenbus handshake
 *       tap-queues                  written by QEMU: how many it wants
 *       tap, tap-name               written by us: there's a tap for so many
 *       mtu                         written by the toolstack: that tap's
 *       hotplug-status, -error      written by Xen's scripts
 *       error                       written by us: what is wrong with a vif
 *   device-model/<domid>/
 *       state                       written by any QEMU for the guest
 *       backends/vif                written by a QEMU with xen-nic-pg
 *       xen-nic-pgd                 written by us: all of this is ours
 *   domid                           who we are; dom0 need not have it
 *
 * Xenstore is the only record of what the daemon has to do. When it can't
 * be read, then nothing that the daemon would do is right: a guest without
 * vifs and a xenstored that is gone must not look the same. So every error
 * other than "no such node" and "not allowed" ends the process. The QEMUs go
 * on, and the next daemon finds them.
 *
 * libxenstore reads watch events in a thread of its own, and that thread
 * ends silently when xenstored goes away: the descriptor that we poll is a
 * pipe and stays quiet. store_check_alive(), called now and then, notices.
 */
#include "pgd-store.h"

#include "pgd-log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#define VIFS "backend/vif"

struct Store {
    struct xs_handle *xs;
    unsigned int self;
};

bool parse_id(const char *text, unsigned int max, unsigned int *id)
{
    guint64 value;

    if (!g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL)) {
        return false;
    }
    *id = value;
    return true;
}

static void check_errno(Store *store, const char *verb, const char *path)
{
    if (errno == ENOENT) {
        return;
    }
    if (errno == EACCES) {
        log_line("cannot %s /local/domain/%u/%s: %s", verb, store->self, path,
                 g_strerror(errno));
        return;
    }
    log_line("xenstored doesn't answer: cannot %s /local/domain/%u/%s: %s; "
             "QEMUs are left running", verb, store->self, path,
             g_strerror(errno));
    exit(EXIT_FAILURE);
}

static char *read_node(Store *store, xs_transaction_t tx, const char *path)
{
    unsigned int len;
    char *value = xs_read(store->xs, tx, path, &len);

    if (!value) {
        check_errno(store, "read", path);
    }
    return value;
}

static int read_number(Store *store, const char *path)
{
    char *text = read_node(store, XBT_NULL, path);
    unsigned int value = 0;

    if (text && !parse_id(text, G_MAXINT, &value)) {
        value = 0;
    }
    free(text);
    return value;
}

static bool node_exists(Store *store, const char *path)
{
    char *value = read_node(store, XBT_NULL, path);

    free(value);
    return value != NULL;
}

static void write_node(Store *store, xs_transaction_t tx, const char *path,
                       const char *value)
{
    if (!xs_write(store->xs, tx, path, value, strlen(value))) {
        check_errno(store, "write", path);
    }
}

static void remove_node(Store *store, xs_transaction_t tx, const char *path)
{
    if (!xs_rm(store->xs, tx, path)) {
        check_errno(store, "remove", path);
    }
}

/*
 * list_ids: the children of @path whose names are numbers, in order
 */
static GArray *list_ids(Store *store, const char *path, unsigned int max)
{
    GArray *ids = g_array_new(false, false, sizeof(unsigned int));
    unsigned int i, id, n = 0;
    char **names = xs_directory(store->xs, XBT_NULL, path, &n);

    if (!names) {
        check_errno(store, "list", path);
        return ids;
    }
    for (i = 0; i < n; i++) {
        if (parse_id(names[i], max, &id)) {
            g_array_append_val(ids, id);
        }
    }
    free(names);
    return ids;
}

Store *store_open(void)
{
    Store *store = g_new0(Store, 1);

    store->xs = xs_open(0);
    if (!store->xs) {
        log_line("cannot connect to xenstored: %s; is this a Xen domain, and "
                 "does xenstored run?", g_strerror(errno));
        g_free(store);
        return NULL;
    }
    store->self = read_number(store, "domid");
    if (!xs_watch(store->xs, VIFS, "vif")) {
        log_line("cannot watch /local/domain/%u/" VIFS ": %s", store->self,
                 g_strerror(errno));
        store_close(store);
        return NULL;
    }
    return store;
}

void store_close(Store *store)
{
    xs_close(store->xs);
    g_free(store);
}

int store_fd(Store *store)
{
    return xs_fileno(store->xs);
}

unsigned int store_self(Store *store)
{
    return store->self;
}

/*
 * event_domid: which guest a path at or below backend/vif is about
 */
static int event_domid(const char *path)
{
    g_auto(GStrv) part = NULL;
    unsigned int domid;

    if (!g_str_has_prefix(path, VIFS "/")) {
        return STORE_ALL_GUESTS;
    }
    part = g_strsplit(path + strlen(VIFS "/"), "/", 2);
    if (!parse_id(part[0], DOMID_MAX, &domid)) {
        return STORE_ALL_GUESTS;
    }
    return domid;
}

bool store_next_event(Store *store, int *domid)
{
    char **event = xs_check_watch(store->xs);

    if (!event) {
        if (errno != EAGAIN) {
            check_errno(store, "watch", VIFS);
        }
        return false;
    }
    *domid = event_domid(event[XS_WATCH_PATH]);
    free(event);
    return true;
}

void store_check_alive(Store *store)
{
    free(read_node(store, XBT_NULL, "domid"));
}

GArray *store_list_guests(Store *store)
{
    return list_ids(store, VIFS, DOMID_MAX);
}

static int read_vif_number(Store *store, unsigned int domid,
                           unsigned int devid, const char *key)
{
    g_autofree char *path = g_strdup_printf(VIFS "/%u/%u/%s", domid, devid,
                                            key);

    return read_number(store, path);
}

static char *read_vif_text(Store *store, unsigned int domid,
                           unsigned int devid, const char *key)
{
    g_autofree char *path = g_strdup_printf(VIFS "/%u/%u/%s", domid, devid,
                                            key);
    char *value = read_node(store, XBT_NULL, path);
    char *text = g_strdup(value);

    free(value);
    return text;
}

static Vif read_vif(Store *store, unsigned int domid, unsigned int devid)
{
    return (Vif) {
        .devid = devid,
        .state = read_vif_number(store, domid, devid, "state"),
        .online = read_vif_number(store, domid, devid, "online") == 1,
        .wanted_queues = read_vif_number(store, domid, devid, "tap-queues"),
        .tap_queues = read_vif_number(store, domid, devid, "tap"),
    };
}

GArray *store_list_vifs(Store *store, unsigned int domid)
{
    g_autofree char *path = g_strdup_printf(VIFS "/%u", domid);
    g_autoptr(GArray) devids = list_ids(store, path, G_MAXINT);
    GArray *vifs = g_array_new(false, false, sizeof(Vif));
    unsigned int i;

    for (i = 0; i < devids->len; i++) {
        Vif vif = read_vif(store, domid, g_array_index(devids, unsigned int,
                                                       i));

        g_array_append_val(vifs, vif);
    }
    return vifs;
}

unsigned int store_read_mtu(Store *store, unsigned int domid,
                            unsigned int devid)
{
    return read_vif_number(store, domid, devid, "mtu");
}

char *store_read_hotplug_error(Store *store, unsigned int domid,
                               unsigned int devid)
{
    g_autofree char *status = read_vif_text(store, domid, devid,
                                            "hotplug-status");

    if (g_strcmp0(status, "error") != 0) {
        return NULL;
    }
    return read_vif_text(store, domid, devid, "hotplug-error") ?:
           g_strdup("it doesn't say why");
}

/*
 * Change: nodes below a vif's directory, and what to write there; NULL: to
 * remove the node
 */
typedef struct Change {
    const char *key;
    const char *value;
} Change;

/*
 * apply: the writes of change_vif(), in one transaction
 *
 * The state is read in the same transaction, so that a vif that the
 * toolstack removes meanwhile isn't made again by writing below it.
 */
static void apply(Store *store, xs_transaction_t tx, const char *vif,
                  const Change *changes, unsigned int n)
{
    g_autofree char *state_path = g_strdup_printf("%s/state", vif);
    char *state = read_node(store, tx, state_path);
    unsigned int i;

    for (i = 0; state && i < n; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", vif, changes[i].key);

        if (changes[i].value) {
            write_node(store, tx, path, changes[i].value);
        } else {
            remove_node(store, tx, path);
        }
    }
    free(state);
}

static void change_vif(Store *store, unsigned int domid, unsigned int devid,
                       const Change *changes, unsigned int n)
{
    g_autofree char *vif = g_strdup_printf(VIFS "/%u/%u", domid, devid);
    bool done = false;

    while (!done) {
        xs_transaction_t tx = xs_transaction_start(store->xs);

        if (tx == XBT_NULL) {
            check_errno(store, "start a transaction on", vif);
            return;
        }
        apply(store, tx, vif, changes, n);
        done = xs_transaction_end(store->xs, tx, false);
        if (!done && errno != EAGAIN) {
            check_errno(store, "end a transaction on", vif);
            return;
        }
    }
}

void store_set_state(Store *store, unsigned int domid, unsigned int devid,
                     int state, const char *error)
{
    g_autofree char *text = g_strdup_printf("%d", state);
    const Change changes[] = { { "error", error }, { "state", text } };

    /* Without an error there is none to be removed. */
    change_vif(store, domid, devid, error ? changes : changes + 1,
               error ? 2 : 1);
}

void store_set_error(Store *store, unsigned int domid, unsigned int devid,
                     const char *error)
{
    const Change change = { "error", error };

    change_vif(store, domid, devid, &change, 1);
}

void store_set_tap(Store *store, unsigned int domid, unsigned int devid,
                   const char *name, unsigned int queues)
{
    g_autofree char *text = g_strdup_printf("%u", queues);
    const Change changes[] = {
        { "tap-name", name }, { "tap", name ? text : NULL },
    };

    change_vif(store, domid, devid, changes, G_N_ELEMENTS(changes));
}

bool store_vif_backend_exists(Store *store, unsigned int domid)
{
    g_autofree char *path =
        g_strdup_printf("device-model/%u/backends/vif", domid);

    return node_exists(store, path);
}

bool store_claim_device_model(Store *store, unsigned int domid, GError **err)
{
    g_autofree char *dir = g_strdup_printf("device-model/%u", domid);
    g_autofree char *mark = g_strdup_printf("%s/xen-nic-pgd", dir);

    if (node_exists(store, dir)) {
        return true;
    }
    if (xs_write(store->xs, XBT_NULL, mark, "1", 1)) {
        return true;
    }
    check_errno(store, "write", mark);
    g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_ACCES,
                "it has to write below /local/domain/%u/device-model; a driver "
                "domain may, if its configuration has driver_domain=1",
                store->self);
    return false;
}

void store_release_device_model(Store *store, unsigned int domid)
{
    g_autofree char *dir = g_strdup_printf("device-model/%u", domid);
    g_autofree char *mark = g_strdup_printf("%s/xen-nic-pgd", dir);
    g_autofree char *vif = g_strdup_printf("%s/backends/vif", dir);

    remove_node(store, XBT_NULL, node_exists(store, mark) ? dir : vif);
}
