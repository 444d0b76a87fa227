/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's netfront: to connect and to disconnect
 *
 * Rings, pages and channels are made anew for each connection and given back
 * at its end, so that whatever the backend still does with the old ones is
 * found.  What goes over them is in netfront-tx.c, netfront-rx.c and
 * netfront-ctrl.c.
 */

#include <string.h>
#include "netfront-private.h"

XensimFront *xensim_front_new(Xensim *sim, unsigned int handle)
{
    XensimFront *front = g_new0(XensimFront, 1);

    front->sim = sim;
    front->handle = handle;
    return front;
}

void xensim_front_free(XensimFront *front)
{
    g_free(front);
}

/*
 * xenstore
 */

static void write_key(XensimFront *front, const char *dir, const char *key,
                      const char *value)
{
    g_autofree char *name = g_strconcat(dir, key, NULL);
    g_autofree char *path = xensim_vif_frontend(front->sim, front->handle,
                                                name);

    if (*value) {
        xensim_store_printf(xensim_store(front->sim),
                            xensim_domid(front->sim), path, "%s", value);
    } else {
        xensim_store_remove(xensim_store(front->sim),
                            xensim_domid(front->sim), path);
    }
}

static void write_number(XensimFront *front, const char *dir, const char *key,
                         uint32_t number)
{
    g_autofree char *value = g_strdup_printf("%u", number);

    write_key(front, dir, key, value);
}

/* A feature that is off leaves no key behind. */
static void write_feature(XensimFront *front, const char *key, bool on)
{
    write_key(front, "", key, on ? "1" : "");
}

static void write_features(XensimFront *front)
{
    const XensimFrontConfig *config = &front->config;

    write_feature(front, "request-rx-copy", true);
    write_feature(front, "feature-rx-notify", true);
    write_feature(front, "feature-persistent", config->persistent);
    write_feature(front, "feature-sg", !config->no_sg);
    write_feature(front, "feature-gso-tcpv4", config->gso4);
    write_feature(front, "feature-gso-tcpv6", config->gso6);
    write_feature(front, "feature-no-csum-offload", config->no_csum);
    write_feature(front, "feature-ipv6-csum-offload", config->csum6);
}

static void write_queue(XensimFront *front, const XensimQueue *queue,
                        const char *dir)
{
    write_number(front, dir, "tx-ring-ref", queue->tx_ref);
    write_number(front, dir, "rx-ring-ref", queue->rx_ref);
    if (front->config.split) {
        write_number(front, dir, "event-channel-tx", queue->tx_port);
        write_number(front, dir, "event-channel-rx", queue->rx_port);
    } else {
        write_number(front, dir, "event-channel", queue->tx_port);
    }
}

static void write_queues(XensimFront *front)
{
    if (!front->config.queues) {
        write_queue(front, &front->queues[0], "");
        return;
    }
    write_number(front, "", "multi-queue-num-queues", front->config.queues);
    for (unsigned int i = 0; i < front->nr_queues; i++) {
        g_autofree char *dir = g_strdup_printf("queue-%u/", i);

        write_queue(front, &front->queues[i], dir);
    }
}

static void write_control(XensimFront *front)
{
    if (front->config.ctrl) {
        write_number(front, "", "ctrl-ring-ref", front->control.ref);
        write_number(front, "", "event-channel-ctrl", front->control.port);
    }
}

/* What tells of rings is from the last connection, until it's replaced. */
static void remove_rings(XensimFront *front)
{
    static const char *const keys[] = {
        "multi-queue-num-queues", "tx-ring-ref", "rx-ring-ref",
        "event-channel", "event-channel-tx", "event-channel-rx",
        "ctrl-ring-ref", "event-channel-ctrl",
    };

    for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
        write_key(front, "", keys[i], "");
    }
    for (unsigned int i = 0; i < XENSIM_MAX_QUEUES; i++) {
        g_autofree char *dir = g_strdup_printf("queue-%u", i);

        write_key(front, "", dir, "");
    }
}

void xensim_front_set_state(XensimFront *front, enum xenbus_state state)
{
    write_number(front, "", "state", state);
}

/*
 * Rings, pages and channels
 */

static void init_buffers(XensimBuffers *buffers)
{
    memset(buffers, 0, sizeof(*buffers));
    for (unsigned int id = 0; id < G_N_ELEMENTS(buffers->free); id++) {
        buffers->free[buffers->nr_free++] = G_N_ELEMENTS(buffers->free) - 1 -
                                            id;
    }
}

XensimBuffer *xensim_take_buffer(XensimFront *front, XensimBuffers *buffers,
                                 bool readonly, uint16_t *id)
{
    XensimBuffer *buffer;

    *id = buffers->free[--buffers->nr_free];
    buffer = &buffers->buffers[*id];
    if (!buffer->frame) {
        buffer->frame = xensim_alloc_page(front->sim);
    }
    if (!buffer->ref) {
        buffer->ref = xensim_grant(front->sim, buffer->frame, readonly);
    }
    buffer->busy = true;
    return buffer;
}

XensimBuffer *xensim_return_buffer(XensimFront *front, XensimBuffers *buffers,
                                   uint16_t id)
{
    XensimBuffer *buffer;

    if (id >= G_N_ELEMENTS(buffers->buffers) || !buffers->buffers[id].busy) {
        g_error("netfront: a response to request %u, which isn't out", id);
    }
    buffer = &buffers->buffers[id];
    buffer->busy = false;
    buffers->free[buffers->nr_free++] = id;
    if (!front->config.persistent) {
        if (!xensim_end_grant(front->sim, buffer->ref)) {
            g_error("netfront: the backend still uses request %u, which it "
                    "has answered", id);
        }
        buffer->ref = 0;
    }
    return buffer;
}

/* Returns the page. */
static void *share_page(XensimFront *front, uint32_t *frame, uint32_t *ref)
{
    *frame = xensim_alloc_page(front->sim);
    *ref = xensim_grant(front->sim, *frame, false);
    return xensim_page(front->sim, *frame);
}

static void open_queue(XensimFront *front, XensimQueue *queue)
{
    netif_tx_sring_t *tx;
    netif_rx_sring_t *rx;

    memset(queue, 0, sizeof(*queue));
    tx = share_page(front, &queue->tx_frame, &queue->tx_ref);
    rx = share_page(front, &queue->rx_frame, &queue->rx_ref);
    SHARED_RING_INIT(tx);
    SHARED_RING_INIT(rx);
    FRONT_RING_INIT(&queue->tx, tx, XENSIM_PAGE_SIZE);
    FRONT_RING_INIT(&queue->rx, rx, XENSIM_PAGE_SIZE);
    init_buffers(&queue->tx_buffers);
    init_buffers(&queue->rx_buffers);
    queue->tx_port = xensim_alloc_channel(front->sim);
    queue->rx_port = front->config.split ? xensim_alloc_channel(front->sim) :
                     queue->tx_port;
}

static void open_control(XensimFront *front)
{
    XensimControl *control = &front->control;
    xen_netif_ctrl_sring_t *ring;

    memset(control, 0, sizeof(*control));
    if (!front->config.ctrl) {
        return;
    }
    ring = share_page(front, &control->frame, &control->ref);
    SHARED_RING_INIT(ring);
    FRONT_RING_INIT(&control->ring, ring, XENSIM_PAGE_SIZE);
    share_page(front, &control->list_frame, &control->list_ref);
    control->port = xensim_alloc_channel(front->sim);
}

void xensim_front_publish(XensimFront *front, const XensimFrontConfig *config)
{
    front->config = *config;
    front->nr_queues = MAX(config->queues, 1);
    g_assert(front->nr_queues <= XENSIM_MAX_QUEUES);
    for (unsigned int i = 0; i < front->nr_queues; i++) {
        open_queue(front, &front->queues[i]);
    }
    open_control(front);
    remove_rings(front);
    write_queues(front);
    write_control(front);
    write_features(front);
    for (const char *const *key = config->keys; key && key[0]; key += 2) {
        write_key(front, "", key[0], key[1]);
    }
}

static char *read_state(XensimFront *front)
{
    g_autofree char *path = xensim_vif_frontend(front->sim, front->handle,
                                                "state");

    return xensim_store_read(xensim_store(front->sim), 0, path);
}

bool xensim_front_begin(XensimFront *front)
{
    g_autofree char *state = read_state(front);

    if (!g_strcmp0(state, "6") /* XenbusStateClosed */) {
        xensim_front_set_state(front, XenbusStateInitialising);
    }
    return xensim_vif_wait_backend(front->sim, front->handle,
                                   XenbusStateInitWait);
}

bool xensim_front_connect(XensimFront *front, const XensimFrontConfig *config)
{
    if (!xensim_front_begin(front)) {
        return false;
    }
    xensim_front_publish(front, config);
    xensim_front_set_state(front, XenbusStateConnected);
    return xensim_vif_wait_backend(front->sim, front->handle,
                                   XenbusStateConnected);
}

/* Returns false, and keeps the page, if the backend uses it. */
static bool give_back(XensimFront *front, uint32_t frame, uint32_t ref)
{
    if (ref && !xensim_end_grant(front->sim, ref)) {
        return false;
    }
    if (frame) {
        xensim_free_page(front->sim, frame);
    }
    return true;
}

static bool give_buffers_back(XensimFront *front, XensimBuffers *buffers)
{
    bool unused = true;

    for (unsigned int i = 0; i < G_N_ELEMENTS(buffers->buffers); i++) {
        XensimBuffer *buffer = &buffers->buffers[i];

        unused &= give_back(front, buffer->frame, buffer->ref);
    }
    return unused;
}

static bool close_queue(XensimFront *front, XensimQueue *queue)
{
    bool unused = give_buffers_back(front, &queue->tx_buffers);

    unused &= give_buffers_back(front, &queue->rx_buffers);
    unused &= give_back(front, queue->tx_frame, queue->tx_ref);
    unused &= give_back(front, queue->rx_frame, queue->rx_ref);
    xensim_close_channel(front->sim, queue->tx_port);
    if (queue->rx_port != queue->tx_port) {
        xensim_close_channel(front->sim, queue->rx_port);
    }
    return unused;
}

static bool close_control(XensimFront *front)
{
    XensimControl *control = &front->control;
    bool unused = give_back(front, control->frame, control->ref);

    unused &= give_back(front, control->list_frame, control->list_ref);
    xensim_close_channel(front->sim, control->port);
    memset(control, 0, sizeof(*control));
    return unused;
}

bool xensim_front_withdraw(XensimFront *front)
{
    bool unused = true;

    for (unsigned int i = 0; i < front->nr_queues; i++) {
        unused &= close_queue(front, &front->queues[i]);
    }
    front->nr_queues = 0;
    if (front->control.frame) {
        unused &= close_control(front);
    }
    return unused;
}

/* Says that it is @state, and waits for the backend to say so, too. */
static bool follow(XensimFront *front, enum xenbus_state state)
{
    xensim_front_set_state(front, state);
    return xensim_vif_wait_backend(front->sim, front->handle, state);
}

bool xensim_front_disconnect(XensimFront *front)
{
    return follow(front, XenbusStateClosing) &&
           follow(front, XenbusStateClosed) &&
           xensim_front_withdraw(front);
}
