/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated xenstore
 *
 * Backends reach it over the real protocol (io/xs_wire.h) through the real
 * libxenstore, on a Unix socket, as domain 0.  The test itself calls the
 * functions below, on behalf of the toolstack (domain 0, which may do
 * anything) or of the guest.
 *
 * These may be called from any thread.
 */

#ifndef XENSIM_STORE_H
#define XENSIM_STORE_H

#include <glib.h>
#include <stdint.h>
#include "shared.h"

typedef struct XensimStore XensimStore;

/**
 * xensim_store_new: a xenstore with nothing in it, and a thread to serve it
 * @path: where to make its socket
 * @shared: where to count requests, and to see which are to fail
 *          (XENSIM_OP_STORE); may be NULL
 */
XensimStore *xensim_store_new(const char *path, XensimShared *shared);

/**
 * xensim_store_free: end it and remove the socket
 * @store: the store, or NULL
 */
void xensim_store_free(XensimStore *store);

/**
 * xensim_store_write: create or change a node, and what is missing above it
 * @store: the store
 * @domid: on whose behalf
 * @path: an absolute path
 * @value: a text
 *
 * A new node belongs to @domid if it's a guest's, and has the permissions of
 * its parent otherwise, as in xenstored.
 *
 * Returns: true on success; false with errno EACCES or EINVAL.
 */
bool xensim_store_write(XensimStore *store, uint16_t domid, const char *path,
                        const char *value);

/**
 * xensim_store_printf: the same, with a format; as domain 0 or a guest that
 *                      must be allowed to
 */
void xensim_store_printf(XensimStore *store, uint16_t domid, const char *path,
                         const char *format, ...) G_GNUC_PRINTF(4, 5);

/**
 * xensim_store_read:
 *
 * Returns: the node's value, to be freed with g_free(); NULL with errno
 * ENOENT or EACCES.
 */
char *xensim_store_read(XensimStore *store, uint16_t domid, const char *path);

/**
 * xensim_store_remove: remove a node and all below it
 *
 * Returns: true on success, also if there was none; false with errno EACCES.
 */
bool xensim_store_remove(XensimStore *store, uint16_t domid, const char *path);

/**
 * xensim_store_list:
 *
 * Returns: the names of the nodes below, sorted, NULL-terminated, to be freed
 * with g_strfreev(); NULL with errno ENOENT or EACCES.
 */
char **xensim_store_list(XensimStore *store, uint16_t domid, const char *path);

/**
 * xensim_store_set_owner: set who may use a node, as the toolstack does
 * @path: an existing node
 * @owner: the domain that may do anything with it
 * @reader: another that may read it
 */
void xensim_store_set_owner(XensimStore *store, const char *path,
                            uint16_t owner, uint16_t reader);

/**
 * xensim_store_wait: wait until a node has a value
 * @path: an absolute path
 * @value: what to wait for; NULL: that the node isn't there
 * @timeout_ms: for how long at the most
 *
 * Returns: true if it came to that, false if the time was over.
 */
bool xensim_store_wait(XensimStore *store, const char *path,
                       const char *value, int timeout_ms);

/**
 * xensim_store_dump:
 *
 * Returns: all paths and values, one a line, sorted; to be freed with
 * g_free().
 */
char *xensim_store_dump(XensimStore *store);

/**
 * xensim_store_watches: how many watches the backend has
 */
unsigned int xensim_store_watches(XensimStore *store);

/**
 * xensim_store_connections: how many connections the backend has
 */
unsigned int xensim_store_connections(XensimStore *store);

/**
 * xensim_store_transactions: how many transactions the backend has open
 */
unsigned int xensim_store_transactions(XensimStore *store);

/**
 * xensim_store_go_away: end all connections, and take no more
 */
void xensim_store_go_away(XensimStore *store);

#endif /* XENSIM_STORE_H */
