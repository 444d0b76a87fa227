/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that serves a Unix socket: for the hypervisor and for xenstore
 */

#ifndef XENSIM_SERVER_H
#define XENSIM_SERVER_H

#include <glib.h>
#include <stdbool.h>

typedef struct XensimServer XensimServer;

/**
 * XensimServerOps: what the server calls, in its thread
 * @begin: somebody has connected; returns what stands for it
 * @receive: there's something to read; returns false to end the connection
 * @end: the connection has ended, and its socket will be closed
 */
typedef struct XensimServerOps {
    void *(*begin)(void *opaque, int fd);
    bool (*receive)(void *opaque, void *peer);
    void (*end)(void *opaque, void *peer);
} XensimServerOps;

/**
 * xensim_server_new: serve a socket in a thread of its own
 * @path: where to make the socket
 * @ops: what to call; stays the caller's
 * @opaque: passed to @ops
 */
XensimServer *xensim_server_new(const char *path, const XensimServerOps *ops,
                                void *opaque);

/**
 * xensim_server_stop: end all connections, take no more
 *
 * All of @ops have returned for the last time.  May be called again.
 */
void xensim_server_stop(XensimServer *server);

/**
 * xensim_server_free: stop, and remove the socket
 */
void xensim_server_free(XensimServer *server);

#endif /* XENSIM_SERVER_H */
