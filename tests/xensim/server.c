/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that serves a Unix socket
 *
 * One thread polls the listening socket, all connections, and an eventfd that
 * tells it to end.  A connection is served until its peer hangs up or what is
 * called says so.
 */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "server.h"

typedef struct Connection {
    int fd;
    void *peer;
} Connection;

struct XensimServer {
    const XensimServerOps *ops;
    void *opaque;
    char *path;
    int listener;
    int end;
    GArray *connections;
    GThread *thread;
};

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
        sizeof(address.sun_path)) {
        g_error("xensim: the socket's path is too long: %s", path);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        g_error("xensim: %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static void accept_connection(XensimServer *server)
{
    Connection connection;

    connection.fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection.fd >= 0) {
        connection.peer = server->ops->begin(server->opaque, connection.fd);
        g_array_append_val(server->connections, connection);
    }
}

static void end_connection(XensimServer *server, unsigned int i)
{
    Connection *connection = &g_array_index(server->connections, Connection,
                                            i);

    server->ops->end(server->opaque, connection->peer);
    close(connection->fd);
    g_array_remove_index_fast(server->connections, i);
}

/* From the last to the first: one that ends is replaced by the last one. */
static void serve_connections(XensimServer *server, const struct pollfd *fds)
{
    for (unsigned int i = server->connections->len; i-- > 0;) {
        Connection *connection = &g_array_index(server->connections,
                                                Connection, i);

        if (fds[i].revents &&
            !server->ops->receive(server->opaque, connection->peer)) {
            end_connection(server, i);
        }
    }
}

static void add_fd(GArray *fds, int fd)
{
    struct pollfd entry = { .fd = fd, .events = POLLIN };

    g_array_append_val(fds, entry);
}

static GArray *list_fds(XensimServer *server)
{
    GArray *fds = g_array_new(false, false, sizeof(struct pollfd));

    add_fd(fds, server->end);
    add_fd(fds, server->listener);
    for (unsigned int i = 0; i < server->connections->len; i++) {
        add_fd(fds, g_array_index(server->connections, Connection, i).fd);
    }
    return fds;
}

static void *serve(void *opaque)
{
    XensimServer *server = opaque;
    bool ended = false;

    while (!ended) {
        g_autoptr(GArray) list = list_fds(server);
        struct pollfd *fds = (struct pollfd *)list->data;

        if (poll(fds, list->len, -1) < 0) {
            continue;
        }
        ended = fds[0].revents;
        serve_connections(server, fds + 2);
        if (fds[1].revents) {
            accept_connection(server);
        }
    }
    while (server->connections->len) {
        end_connection(server, server->connections->len - 1);
    }
    return NULL;
}

XensimServer *xensim_server_new(const char *path, const XensimServerOps *ops,
                                void *opaque)
{
    XensimServer *server = g_new0(XensimServer, 1);

    server->ops = ops;
    server->opaque = opaque;
    server->path = g_strdup(path);
    server->listener = listen_at(path);
    server->end = eventfd(0, EFD_CLOEXEC);
    server->connections = g_array_new(false, false, sizeof(Connection));
    server->thread = g_thread_new("xensim", serve, server);
    return server;
}

void xensim_server_stop(XensimServer *server)
{
    if (server->thread) {
        eventfd_write(server->end, 1);
        g_thread_join(server->thread);
        server->thread = NULL;
        close(server->listener);
        unlink(server->path);
    }
}

void xensim_server_free(XensimServer *server)
{
    xensim_server_stop(server);
    close(server->end);
    g_array_free(server->connections, true);
    g_free(server->path);
    g_free(server);
}
