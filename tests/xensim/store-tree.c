/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nodes of a xenstore
 *
 * They are kept in one sorted map by path, the root's being "".  A test's
 * xenstore has some hundred nodes: to list children is to look at all.
 */

#include <string.h>
#include "store-tree.h"

struct StoreTree {
    GTree *nodes;
    uint64_t generation;        /* the last one that was given */
};

static void node_free(void *opaque)
{
    StoreNode *node = opaque;

    g_bytes_unref(node->value);
    g_array_unref(node->perms);
    g_free(node);
}

static int compare_paths(const void *a, const void *b, void *opaque)
{
    (void)opaque;
    return strcmp(a, b);
}

static StoreTree *tree_new(uint64_t generation)
{
    StoreTree *tree = g_new0(StoreTree, 1);

    tree->nodes = g_tree_new_full(compare_paths, NULL, g_free, node_free);
    tree->generation = generation;
    return tree;
}

static void add_node(StoreTree *tree, const char *path, GBytes *value,
                     GArray *perms, uint64_t generation)
{
    StoreNode *node = g_new0(StoreNode, 1);

    node->value = g_bytes_ref(value);
    node->perms = g_array_ref(perms);
    node->generation = generation;
    g_tree_insert(tree->nodes, g_strdup(path), node);
}

StoreTree *store_tree_new(void)
{
    StoreTree *tree = tree_new(0);
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(StorePerm));
    StorePerm perm = { .domid = 0, .access = 'n' };

    g_array_append_val(perms, perm);
    add_node(tree, "", empty, perms, 0);
    return tree;
}

static gboolean copy_node(void *path, void *value, void *opaque)
{
    const StoreNode *node = value;

    add_node(opaque, path, node->value, node->perms, node->generation);
    return false;
}

StoreTree *store_tree_copy(const StoreTree *tree)
{
    StoreTree *copy = tree_new(tree->generation);

    g_tree_foreach(tree->nodes, copy_node, copy);
    return copy;
}

void store_tree_free(StoreTree *tree)
{
    g_tree_unref(tree->nodes);
    g_free(tree);
}

StoreNode *store_tree_find(const StoreTree *tree, const char *path)
{
    return g_tree_lookup(tree->nodes, path);
}

/* Returns the path above, to be freed; the root's is NULL. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? g_strndup(path, slash - path) : NULL;
}

static const StorePerm *get_perm(const StoreNode *node, uint16_t domid)
{
    for (unsigned int i = 1; i < node->perms->len; i++) {
        const StorePerm *perm = &g_array_index(node->perms, StorePerm, i);

        if (perm->domid == domid) {
            return perm;
        }
    }
    return &g_array_index(node->perms, StorePerm, 0);
}

static bool node_may(const StoreNode *node, uint16_t domid, char access)
{
    char allowed = get_perm(node, domid)->access;

    return domid == 0 ||
           g_array_index(node->perms, StorePerm, 0).domid == domid ||
           allowed == 'b' || allowed == access;
}

bool store_tree_may(const StoreTree *tree, uint16_t domid, const char *path,
                    char access)
{
    const StoreNode *node = store_tree_find(tree, path);

    if (!node) {
        g_autofree char *parent = parent_of(path);

        return store_tree_may(tree, domid, parent, access);
    }
    return node_may(node, domid, access);
}

/* The permissions of a new node: its parent's, with the guest as owner. */
static GArray *inherit_perms(const StoreNode *parent, uint16_t domid)
{
    GArray *perms = g_array_copy(parent->perms);

    if (domid) {
        g_array_index(perms, StorePerm, 0).domid = domid;
    }
    return perms;
}

static StoreNode *create_node(StoreTree *tree, uint16_t domid,
                              const char *path)
{
    g_autofree char *parent_path = parent_of(path);
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    g_autoptr(GArray) perms = NULL;
    StoreNode *parent = store_tree_find(tree, parent_path);

    if (!parent) {
        parent = create_node(tree, domid, parent_path);
    }
    perms = inherit_perms(parent, domid);
    parent->generation = ++tree->generation;
    add_node(tree, path, empty, perms, 0);
    return store_tree_find(tree, path);
}

void store_tree_write(StoreTree *tree, uint16_t domid, const char *path,
                      GBytes *value)
{
    StoreNode *node = store_tree_find(tree, path);

    if (!node) {
        node = create_node(tree, domid, path);
    }
    g_bytes_ref(value);
    g_bytes_unref(node->value);
    node->value = value;
    node->generation = ++tree->generation;
}

void store_tree_set_perms(StoreTree *tree, const char *path, GArray *perms)
{
    StoreNode *node = store_tree_find(tree, path);

    g_array_ref(perms);
    g_array_unref(node->perms);
    node->perms = perms;
    node->generation = ++tree->generation;
}

bool store_path_is_below(const char *path, const char *node)
{
    size_t len = strlen(node);

    return !strncmp(path, node, len) && (!path[len] || path[len] == '/');
}

typedef struct Listing {
    const char *path;
    GPtrArray *found;
} Listing;

static gboolean list_below(void *path, void *value, void *opaque)
{
    Listing *listing = opaque;

    (void)value;
    if (store_path_is_below(path, listing->path) &&
        strcmp(path, listing->path)) {
        g_ptr_array_add(listing->found, g_strdup(path));
    }
    return false;
}

GPtrArray *store_tree_list_below(const StoreTree *tree, const char *path)
{
    Listing listing = { path, g_ptr_array_new_with_free_func(g_free) };

    g_tree_foreach(tree->nodes, list_below, &listing);
    return listing.found;
}

GPtrArray *store_tree_list(const StoreTree *tree, const char *path)
{
    g_autoptr(GPtrArray) below = store_tree_list_below(tree, path);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (unsigned int i = 0; i < below->len; i++) {
        const char *name = (char *)below->pdata[i] + strlen(path) + 1;

        if (!strchr(name, '/')) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    return names;
}

GPtrArray *store_tree_remove(StoreTree *tree, const char *path)
{
    g_autofree char *parent = parent_of(path);
    GPtrArray *removed = store_tree_list_below(tree, path);

    g_ptr_array_insert(removed, 0, g_strdup(path));
    for (unsigned int i = 0; i < removed->len; i++) {
        g_tree_remove(tree->nodes, removed->pdata[i]);
    }
    store_tree_find(tree, parent)->generation = ++tree->generation;
    return removed;
}
