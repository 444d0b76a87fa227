/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated xenstore: nodes, transactions, watches
 *
 * One lock is over everything.  A transaction copies the tree, works on the
 * copy, and notes what it has used and what it has changed.  At its end, if
 * nothing that it has used was changed by others meanwhile, its changes are
 * made again in the tree that all see, and fire watches there; else it fails
 * with -EAGAIN, and its owner begins again.
 */

#include <errno.h>
#include <string.h>
#include "store-private.h"

/* What a transaction has seen where there was no node */
#define NO_NODE UINT64_MAX

typedef enum StoreChangeType {
    CHANGE_WRITE,
    CHANGE_REMOVE,
    CHANGE_PERMS,
} StoreChangeType;

typedef struct StoreChange {
    StoreChangeType type;
    uint16_t domid;
    char *path;
    GBytes *value;              /* CHANGE_WRITE */
    GArray *perms;              /* CHANGE_PERMS */
} StoreChange;

/*
 * Watches
 */

static void fire_watches(XensimStore *store, const char *path, bool exact)
{
    for (unsigned int i = 0; i < store->clients->len; i++) {
        StoreClient *client = store->clients->pdata[i];

        for (unsigned int j = 0; j < client->watches->len; j++) {
            StoreWatch *watch = client->watches->pdata[j];

            if (exact ? !strcmp(path, watch->path) :
                store_path_is_below(path, watch->path)) {
                store_wire_send_event(client, watch, path);
            }
        }
    }
    g_cond_broadcast(&store->changed);
}

/* What is below a removed node is reported only to who watches just that. */
static void fire_removed(XensimStore *store, const GPtrArray *removed)
{
    for (unsigned int i = 0; i < removed->len; i++) {
        fire_watches(store, removed->pdata[i], i > 0);
    }
}

/*
 * Transactions
 */

static void change_free(void *opaque)
{
    StoreChange *change = opaque;

    g_clear_pointer(&change->value, g_bytes_unref);
    g_clear_pointer(&change->perms, g_array_unref);
    g_free(change->path);
    g_free(change);
}

StoreTransaction *store_begin(XensimStore *store)
{
    StoreTransaction *tx = g_new0(StoreTransaction, 1);

    tx->tree = store_tree_copy(store->tree);
    tx->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tx->changes = g_ptr_array_new_with_free_func(change_free);
    return tx;
}

void store_transaction_free(void *opaque)
{
    StoreTransaction *tx = opaque;

    store_tree_free(tx->tree);
    g_hash_table_unref(tx->seen);
    g_ptr_array_unref(tx->changes);
    g_free(tx);
}

static uint64_t get_generation(const StoreTree *tree, const char *path)
{
    const StoreNode *node = store_tree_find(tree, path);

    return node ? node->generation : NO_NODE;
}

/* Notes that a path is used.  Returns the tree to use. */
static StoreTree *use(XensimStore *store, StoreTransaction *tx,
                      const char *path)
{
    if (!tx) {
        return store->tree;
    }
    if (!g_hash_table_contains(tx->seen, path)) {
        uint64_t generation = get_generation(tx->tree, path);

        g_hash_table_insert(tx->seen, g_strdup(path),
                            g_memdup2(&generation, sizeof(generation)));
    }
    return tx->tree;
}

static void make_change(XensimStore *store, StoreTree *tree,
                        const StoreChange *change)
{
    bool visible = tree == store->tree;
    g_autoptr(GPtrArray) removed = NULL;

    switch (change->type) {
    case CHANGE_WRITE:
        store_tree_write(tree, change->domid, change->path, change->value);
        break;
    case CHANGE_PERMS:
        store_tree_set_perms(tree, change->path, change->perms);
        break;
    case CHANGE_REMOVE:
        removed = store_tree_remove(tree, change->path);
        break;
    }
    if (visible && removed) {
        fire_removed(store, removed);
    } else if (visible) {
        fire_watches(store, change->path, false);
    }
}

/* Takes @change over. */
static void submit_change(XensimStore *store, StoreTransaction *tx,
                          StoreChange *change)
{
    make_change(store, tx ? tx->tree : store->tree, change);
    if (tx) {
        g_ptr_array_add(tx->changes, change);
    } else {
        change_free(change);
    }
}

static StoreChange *new_change(StoreChangeType type, uint16_t domid,
                               const char *path)
{
    StoreChange *change = g_new0(StoreChange, 1);

    change->type = type;
    change->domid = domid;
    change->path = g_strdup(path);
    return change;
}

static bool has_conflict(XensimStore *store, StoreTransaction *tx)
{
    GHashTableIter iter;
    void *path, *generation;

    g_hash_table_iter_init(&iter, tx->seen);
    while (g_hash_table_iter_next(&iter, &path, &generation)) {
        if (get_generation(store->tree, path) != *(uint64_t *)generation) {
            return true;
        }
    }
    return false;
}

int store_commit(XensimStore *store, StoreTransaction *tx)
{
    if (has_conflict(store, tx)) {
        return -EAGAIN;
    }
    for (unsigned int i = 0; i < tx->changes->len; i++) {
        make_change(store, store->tree, tx->changes->pdata[i]);
    }
    return 0;
}

/*
 * Nodes
 */

/* Finds a node that a domain wants to read. */
static int find_readable(XensimStore *store, StoreTransaction *tx,
                         uint16_t domid, const char *path, StoreNode **node)
{
    StoreTree *tree = use(store, tx, path);

    if (!store_tree_may(tree, domid, path, 'r')) {
        return -EACCES;
    }
    *node = store_tree_find(tree, path);
    return *node ? 0 : -ENOENT;
}

int store_read(XensimStore *store, StoreTransaction *tx, uint16_t domid,
               const char *path, GBytes **value)
{
    StoreNode *node;
    int error = find_readable(store, tx, domid, path, &node);

    if (!error) {
        *value = g_bytes_ref(node->value);
    }
    return error;
}

int store_list(XensimStore *store, StoreTransaction *tx, uint16_t domid,
               const char *path, GPtrArray **names)
{
    StoreNode *node;
    int error = find_readable(store, tx, domid, path, &node);

    if (!error) {
        *names = store_tree_list(tx ? tx->tree : store->tree, path);
    }
    return error;
}

int store_get_perms(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                    const char *path, GArray **perms)
{
    StoreNode *node;
    int error = find_readable(store, tx, domid, path, &node);

    if (!error) {
        *perms = g_array_ref(node->perms);
    }
    return error;
}

int store_write(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                const char *path, GBytes *value)
{
    StoreChange *change;

    if (!store_tree_may(use(store, tx, path), domid, path, 'w')) {
        return -EACCES;
    }
    change = new_change(CHANGE_WRITE, domid, path);
    change->value = g_bytes_ref(value);
    submit_change(store, tx, change);
    return 0;
}

/* As with xenstored, to remove nothing is fine if its parent is there. */
static int remove_nothing(XensimStore *store, StoreTransaction *tx,
                          const char *path)
{
    g_autofree char *parent = g_strndup(path, strrchr(path, '/') - path);

    return store_tree_find(use(store, tx, parent), parent) ? 0 : -ENOENT;
}

int store_remove(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                 const char *path)
{
    StoreTree *tree = use(store, tx, path);

    if (!*path) {
        return -EINVAL;
    }
    if (!store_tree_may(tree, domid, path, 'w')) {
        return -EACCES;
    }
    if (!store_tree_find(tree, path)) {
        return remove_nothing(store, tx, path);
    }
    submit_change(store, tx, new_change(CHANGE_REMOVE, domid, path));
    return 0;
}

int store_set_perms(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                    const char *path, GArray *perms)
{
    StoreNode *node = store_tree_find(use(store, tx, path), path);
    StoreChange *change;

    if (!node) {
        return -ENOENT;
    }
    if (domid && g_array_index(node->perms, StorePerm, 0).domid != domid) {
        return -EACCES;
    }
    change = new_change(CHANGE_PERMS, domid, path);
    change->perms = g_array_ref(perms);
    submit_change(store, tx, change);
    return 0;
}

/*
 * What a test calls
 */

XensimStore *xensim_store_new(const char *path, XensimShared *shared)
{
    XensimStore *store = g_new0(XensimStore, 1);

    g_mutex_init(&store->lock);
    g_cond_init(&store->changed);
    store->shared = shared;
    store->tree = store_tree_new();
    store->clients = g_ptr_array_new();
    store->server = xensim_server_new(path, &store_wire_ops, store);
    return store;
}

void xensim_store_free(XensimStore *store)
{
    if (!store) {
        return;
    }
    xensim_server_free(store->server);
    store_tree_free(store->tree);
    g_ptr_array_unref(store->clients);
    g_cond_clear(&store->changed);
    g_mutex_clear(&store->lock);
    g_free(store);
}

/* Makes what the wire calls an error into what a C function does. */
static bool succeed(int error)
{
    errno = -error;
    return !error;
}

bool xensim_store_write(XensimStore *store, uint16_t domid, const char *path,
                        const char *value)
{
    g_autoptr(GBytes) bytes = g_bytes_new(value, strlen(value));
    int error;

    g_mutex_lock(&store->lock);
    error = store_write(store, NULL, domid, path, bytes);
    g_mutex_unlock(&store->lock);
    return succeed(error);
}

void xensim_store_printf(XensimStore *store, uint16_t domid, const char *path,
                         const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    if (!xensim_store_write(store, domid, path, value)) {
        g_error("xensim: domain %u can't write '%s' to %s: %s", domid, value,
                path, g_strerror(errno));
    }
}

static char *to_text(GBytes *bytes)
{
    size_t size;
    const char *data = g_bytes_get_data(bytes, &size);

    return g_strndup(data ?: "", size);
}

char *xensim_store_read(XensimStore *store, uint16_t domid, const char *path)
{
    g_autoptr(GBytes) value = NULL;
    int error;

    g_mutex_lock(&store->lock);
    error = store_read(store, NULL, domid, path, &value);
    g_mutex_unlock(&store->lock);
    return succeed(error) ? to_text(value) : NULL;
}

bool xensim_store_remove(XensimStore *store, uint16_t domid, const char *path)
{
    int error;

    g_mutex_lock(&store->lock);
    error = store_remove(store, NULL, domid, path);
    g_mutex_unlock(&store->lock);
    return succeed(error == -ENOENT ? 0 : error);
}

char **xensim_store_list(XensimStore *store, uint16_t domid, const char *path)
{
    GPtrArray *names;
    int error;

    g_mutex_lock(&store->lock);
    error = store_list(store, NULL, domid, path, &names);
    g_mutex_unlock(&store->lock);
    if (!succeed(error)) {
        return NULL;
    }
    g_ptr_array_add(names, NULL);
    g_ptr_array_set_free_func(names, NULL);
    return (char **)g_ptr_array_free(names, false);
}

void xensim_store_set_owner(XensimStore *store, const char *path,
                            uint16_t owner, uint16_t reader)
{
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(StorePerm));
    StorePerm entries[] = { { owner, 'n' }, { reader, 'r' } };
    int error;

    g_array_append_vals(perms, entries, G_N_ELEMENTS(entries));
    g_mutex_lock(&store->lock);
    error = store_set_perms(store, NULL, 0, path, perms);
    g_mutex_unlock(&store->lock);
    if (error) {
        g_error("xensim: permissions of %s: %s", path, g_strerror(-error));
    }
}

static bool has_value(XensimStore *store, const char *path, const char *value)
{
    const StoreNode *node = store_tree_find(store->tree, path);
    g_autofree char *text = node ? to_text(node->value) : NULL;

    return !g_strcmp0(text, value);
}

bool xensim_store_wait(XensimStore *store, const char *path,
                       const char *value, int timeout_ms)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * 1000ll;
    bool found;

    g_mutex_lock(&store->lock);
    do {
        found = has_value(store, path, value);
    } while (!found && g_cond_wait_until(&store->changed, &store->lock, end));
    g_mutex_unlock(&store->lock);
    return found;
}

char *xensim_store_dump(XensimStore *store)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GPtrArray) paths = NULL;

    g_mutex_lock(&store->lock);
    paths = store_tree_list_below(store->tree, "");
    for (unsigned int i = 0; i < paths->len; i++) {
        const char *path = paths->pdata[i];
        g_autofree char *value =
            to_text(store_tree_find(store->tree, path)->value);

        g_string_append_printf(text, "%s = \"%s\"\n", path, value);
    }
    g_mutex_unlock(&store->lock);
    return g_string_free(text, false);
}

unsigned int xensim_store_watches(XensimStore *store)
{
    unsigned int nr = 0;

    g_mutex_lock(&store->lock);
    for (unsigned int i = 0; i < store->clients->len; i++) {
        nr += ((StoreClient *)store->clients->pdata[i])->watches->len;
    }
    g_mutex_unlock(&store->lock);
    return nr;
}

unsigned int xensim_store_transactions(XensimStore *store)
{
    unsigned int nr = 0;

    g_mutex_lock(&store->lock);
    for (unsigned int i = 0; i < store->clients->len; i++) {
        StoreClient *client = store->clients->pdata[i];

        nr += g_hash_table_size(client->transactions);
    }
    g_mutex_unlock(&store->lock);
    return nr;
}

unsigned int xensim_store_connections(XensimStore *store)
{
    unsigned int nr;

    g_mutex_lock(&store->lock);
    nr = store->clients->len;
    g_mutex_unlock(&store->lock);
    return nr;
}

void xensim_store_go_away(XensimStore *store)
{
    xensim_server_stop(store->server);
}
