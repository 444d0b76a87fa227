/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxenevtchn.so.1 in a simulated Xen
 *
 * A channel's state is in shared memory (shared.h); what wakes a handle's
 * user is an eventfd, which counts the ports that have fired and that
 * xenevtchn_pending() hasn't returned yet.  To notify the guest is to write
 * to the guest's eventfd for the channel, a system call as it would be on
 * Xen.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xenevtchn.h>
#include "client.h"

/* A port that is bound to a handle */
typedef struct Port {
    struct Port *next;
    evtchn_port_t port;
    XensimChannel *channel;
    int guest;                  /* the guest's eventfd */
} Port;

struct xenevtchn_handle {
    XensimClient client;
    pthread_mutex_t lock;       /* of the list */
    Port *ports;
};

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger,
                                 unsigned int flags)
{
    xenevtchn_handle *xce = calloc(1, sizeof(*xce));

    (void)logger;
    (void)flags;
    if (xce && xensim_client_open(&xce->client, XENSIM_OPEN_EVTCHN) < 0) {
        free(xce);
        return NULL;
    }
    if (xce) {
        pthread_mutex_init(&xce->lock, NULL);
    }
    return xce;
}

static void free_port(Port *port)
{
    close(port->guest);
    free(port);
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    if (!xce) {
        return 0;
    }
    while (xce->ports) {
        Port *port = xce->ports;

        xce->ports = port->next;
        free_port(port);
    }
    pthread_mutex_destroy(&xce->lock);
    /* The hypervisor unbinds what is still bound. */
    xensim_client_close(&xce->client);
    free(xce);
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    return xce->client.file;
}

static void fire(xenevtchn_handle *xce, XensimChannel *channel)
{
    if (xensim_fire(channel)) {
        eventfd_write(xce->client.file, 1);
    }
}

xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                           evtchn_port_t remote_port)
{
    XensimRequest request = {
        .type = XENSIM_BIND,
        .domid = domid,
        .port = remote_port,
    };
    Port *port = calloc(1, sizeof(*port));
    int number;

    if (!port) {
        return -1;
    }
    pthread_mutex_lock(&xce->lock);
    number = xensim_client_ask(&xce->client, &request, &port->guest);
    if (number < 0) {
        free(port);
    } else {
        port->port = number;
        port->channel =
            &xce->client.shared->channels[number - XENSIM_LOCAL_PORT];
        port->next = xce->ports;
        xce->ports = port;
        /* A new port is pending, since the guest may have notified already. */
        atomic_fetch_or(&port->channel->bits, XENSIM_PENDING);
        fire(xce, port->channel);
    }
    pthread_mutex_unlock(&xce->lock);
    return number;
}

xenevtchn_port_or_error_t
xenevtchn_bind_unbound_port(xenevtchn_handle *xce, uint32_t domid)
{
    (void)xce;
    (void)domid;
    errno = ENOSYS;
    return -1;
}

xenevtchn_port_or_error_t
xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    (void)xce;
    (void)virq;
    errno = ENOSYS;
    return -1;
}

/* Returns the link to the port, or to NULL. */
static Port **find_port(xenevtchn_handle *xce, evtchn_port_t number)
{
    Port **link = &xce->ports;

    while (*link && (*link)->port != number) {
        link = &(*link)->next;
    }
    return link;
}

/* Has the port fired?  That is answered once. */
static bool take_event(XensimChannel *channel)
{
    return atomic_fetch_and(&channel->bits, ~XENSIM_FIRED) & XENSIM_FIRED;
}

static int unbind_locked(xenevtchn_handle *xce, evtchn_port_t number)
{
    XensimRequest request = { .type = XENSIM_UNBIND, .port = number };
    Port **link = find_port(xce, number);
    Port *port = *link;

    if (!port) {
        errno = EINVAL;
        return -1;
    }
    *link = port->next;
    free_port(port);
    return xensim_client_ask(&xce->client, &request, NULL) < 0 ? -1 : 0;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    int result;

    pthread_mutex_lock(&xce->lock);
    result = unbind_locked(xce, port);
    pthread_mutex_unlock(&xce->lock);
    return result;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t number)
{
    Port *port;
    int result = -1;

    pthread_mutex_lock(&xce->lock);
    port = *find_port(xce, number);
    if (!port) {
        errno = EINVAL;
    } else if (!xensim_op(xce->client.shared, XENSIM_OP_NOTIFY)) {
        errno = EIO;
    } else {
        /* One to a channel that the guest has closed goes nowhere. */
        atomic_fetch_add(&port->channel->events, 1);
        result = eventfd_write(port->guest, 1);
    }
    pthread_mutex_unlock(&xce->lock);
    return result;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t number)
{
    Port *port;

    pthread_mutex_lock(&xce->lock);
    port = *find_port(xce, number);
    if (port) {
        atomic_fetch_and(&port->channel->bits, ~XENSIM_MASKED);
        fire(xce, port->channel);
    }
    pthread_mutex_unlock(&xce->lock);
    if (!port) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/*
 * As with Linux's driver, whose file isn't opened non-blocking, this waits if
 * nothing is pending.  EAGAIN tells of a port that was unbound after it had
 * fired.
 */
xenevtchn_port_or_error_t
xenevtchn_pending(xenevtchn_handle *xce)
{
    xenevtchn_port_or_error_t result = -1;
    eventfd_t one;

    if (eventfd_read(xce->client.file, &one) < 0) {
        return -1;
    }
    pthread_mutex_lock(&xce->lock);
    for (Port *port = xce->ports; port && result < 0; port = port->next) {
        if (take_event(port->channel)) {
            result = port->port;
        }
    }
    pthread_mutex_unlock(&xce->lock);
    if (result < 0) {
        errno = EAGAIN;
    }
    return result;
}
