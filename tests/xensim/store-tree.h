/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nodes of a xenstore, with their permissions
 *
 * A tree is a snapshot as well as the real thing: a transaction works on a
 * copy.  Nothing here knows of connections, watches or locks.
 */

#ifndef XENSIM_STORE_TREE_H
#define XENSIM_STORE_TREE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct StoreTree StoreTree;

/**
 * StorePerm: what a domain may do; a node's first one names its owner, and
 *            what those may do that no other names
 * @domid: the domain
 * @access: 'n', 'r', 'w' or 'b': none, read, write, both
 */
typedef struct StorePerm {
    uint16_t domid;
    char access;
} StorePerm;

/**
 * StoreNode:
 * @value: its bytes
 * @perms: StorePerm, at least one
 * @generation: changes with the node and with the list of its children, and
 *              never takes a value again
 */
typedef struct StoreNode {
    GBytes *value;
    GArray *perms;
    uint64_t generation;
} StoreNode;

/**
 * store_tree_new: a tree with its root only, which is domain 0's
 */
StoreTree *store_tree_new(void);

StoreTree *store_tree_copy(const StoreTree *tree);

void store_tree_free(StoreTree *tree);

/**
 * store_tree_find:
 *
 * Returns: the node, which is @tree's, or NULL.
 */
StoreNode *store_tree_find(const StoreTree *tree, const char *path);

/**
 * store_tree_may: find out whether a domain may use a node
 * @domid: the domain; 0 may do anything
 * @path: the node; if there is none, the nearest one above it
 * @access: 'r' or 'w'
 */
bool store_tree_may(const StoreTree *tree, uint16_t domid, const char *path,
                    char access);

/**
 * store_tree_write: create or change a node, and what is missing above it
 *
 * What is new takes the permissions of what is above it; it belongs to @domid
 * if that is a guest.
 */
void store_tree_write(StoreTree *tree, uint16_t domid, const char *path,
                      GBytes *value);

/**
 * store_tree_set_perms:
 * @perms: StorePerm; a reference is taken
 */
void store_tree_set_perms(StoreTree *tree, const char *path, GArray *perms);

/**
 * store_tree_remove: remove a node and all below it
 *
 * Returns: the paths that were removed, to be freed with g_ptr_array_unref().
 */
GPtrArray *store_tree_remove(StoreTree *tree, const char *path);

/**
 * store_tree_list: list a node's children
 *
 * Returns: their names, sorted, to be freed with g_ptr_array_unref().
 */
GPtrArray *store_tree_list(const StoreTree *tree, const char *path);

/**
 * store_tree_list_below: list all nodes below one
 *
 * Returns: their paths, sorted, to be freed with g_ptr_array_unref().
 */
GPtrArray *store_tree_list_below(const StoreTree *tree, const char *path);

/**
 * store_path_is_below: is a path that of a node, or of one below it?
 */
bool store_path_is_below(const char *path, const char *node);

#endif /* XENSIM_STORE_TREE_H */
