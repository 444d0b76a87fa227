/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handle's connection to the simulated hypervisor
 *
 * A request is written as it is, and the caller waits for the answer.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"

#define MAX_FILES 2

/* Returns 0, or -1 with errno. */
static int connect_socket(int fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = getenv(XENSIM_SOCKET);

    if (!path || strlen(path) >= sizeof(address.sun_path)) {
        errno = ENOENT;
        return -1;
    }
    strcpy(address.sun_path, path);
    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static void take_files(struct msghdr *message, int *files, size_t nr_files)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);

    if (control && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(nr_files * sizeof(int))) {
        memcpy(files, CMSG_DATA(control), nr_files * sizeof(int));
    }
}

/* Returns the answer's value, or -1 with errno. */
static int receive_reply(int fd, int *files, size_t nr_files)
{
    XensimReply reply;
    struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
    char control[CMSG_SPACE(MAX_FILES * sizeof(int))];
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };

    if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != sizeof(reply)) {
        errno = EIO;
        return -1;
    }
    if (reply.error) {
        errno = reply.error;
        return -1;
    }
    take_files(&message, files, nr_files);
    return reply.value;
}

static int ask(int fd, const XensimRequest *request, int *files,
               size_t nr_files)
{
    if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) !=
        sizeof(*request)) {
        errno = EIO;
        return -1;
    }
    return receive_reply(fd, files, nr_files);
}

int xensim_client_ask(XensimClient *client, const XensimRequest *request,
                      int *file)
{
    return ask(client->fd, request, file, file ? 1 : 0);
}

/* Returns the handle's number, or -1 with errno. */
static int open_handle(XensimClient *client, XensimRequestType type)
{
    XensimRequest request = { .type = type };
    int files[MAX_FILES];
    int number;

    if (connect_socket(client->fd) < 0) {
        return -1;
    }
    number = ask(client->fd, &request, files, MAX_FILES);
    if (number < 0) {
        return -1;
    }
    client->shared = mmap(NULL, sizeof(XensimShared), PROT_READ | PROT_WRITE,
                          MAP_SHARED, files[0], 0);
    close(files[0]);
    client->file = files[1];
    if (client->shared == MAP_FAILED) {
        close(client->file);
        return -1;
    }
    return number;
}

int xensim_client_open(XensimClient *client, XensimRequestType type)
{
    int number;

    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        return -1;
    }
    number = open_handle(client, type);
    if (number < 0) {
        close(client->fd);
        return -1;
    }
    client->number = number;
    return 0;
}

void xensim_client_close(XensimClient *client)
{
    munmap(client->shared, sizeof(XensimShared));
    close(client->file);
    close(client->fd);
}
