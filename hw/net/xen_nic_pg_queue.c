/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One queue of a vif: a pair of rings and what serves it
 *
 * A queue has a transmit half (xen_nic_pg_tx.c), a receive half
 * (xen_nic_pg_rx.c) and a port (xen_nic_pg_port.h).  This file holds them
 * together: it maps the rings, binds the event channels and hands their events
 * to the halves.  A frontend that has one channel for both halves has each of
 * them look at its ring.
 *
 * It lives as long as the vif.  Between connect and disconnect it has the
 * frontend's rings, its own gnttab and evtchn handles, and its caches.  Between
 * run and rest it works, in the context of its port, which is the only one that
 * touches it then: queues of different ports don't share anything but what has
 * a lock.  The main loop handles it from there, too (xen_nic_pg_port_call()).
 *
 * An IOThread polls for a while before it sleeps, as long as its poll-max-ns
 * allows and polling pays (util/aio-posix.c).  Meanwhile the rings are looked
 * at rather than the event channel, and the frontend isn't asked to notify.
 *
 * Disconnecting is done in one order: no more events, let go of what the bursts
 * hold, unmap the persistent pages, unmap the rings, close the handles.  Only
 * then the device tells xenbus.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "trace.h"
#include "xen_nic_pg_queue.h"
#include "xen_nic_pg_ring.h"

/* Both rings */
#define RING_PAGES 2

/*
 * Events
 */

static void run_rings(XenNicPgQueue *queue, bool rx, bool tx)
{
    if (rx) {
        xen_nic_pg_rx_run(queue);
    }
    if (tx && queue->running) {
        xen_nic_pg_tx_run(queue);
    }
}

static XenNicPgQueue *to_queue(EventNotifier *events)
{
    return container_of(events, XenNicPgQueue, events);
}

static void on_event(EventNotifier *events)
{
    XenNicPgQueue *queue = to_queue(events);
    int port = qemu_xen_evtchn_pending(queue->xeh);

    if (port >= 0) {
        qemu_xen_evtchn_unmask(queue->xeh, port);
        run_rings(queue, port == queue->rx_port, port == queue->tx_port);
    }
}

static bool on_poll(void *opaque)
{
    XenNicPgQueue *queue = to_queue(opaque);

    return xen_nic_pg_tx_is_pending(queue) || xen_nic_pg_rx_is_pending(queue);
}

static void on_poll_ready(EventNotifier *events)
{
    run_rings(to_queue(events), true, true);
}

static void on_poll_begin(EventNotifier *events)
{
    to_queue(events)->polling = true;
}

/* on_poll() is called once more after this. */
static void on_poll_end(EventNotifier *events)
{
    XenNicPgQueue *queue = to_queue(events);

    queue->polling = false;
    xen_nic_pg_tx_ask(queue);
}

static void listen_for_events(XenNicPgQueue *queue)
{
    queue->polling = false;
    aio_set_event_notifier(queue->port->ctx, &queue->events, on_event, on_poll,
                           on_poll_ready);
    aio_set_event_notifier_poll(queue->port->ctx, &queue->events,
                                on_poll_begin, on_poll_end);
}

static void ignore_events(XenNicPgQueue *queue)
{
    aio_set_event_notifier(queue->port->ctx, &queue->events, NULL, NULL, NULL);
}

void xen_nic_pg_queue_notify(XenNicPgQueue *queue, int port, bool wanted,
                             XenNicPgCounters *counters)
{
    if (wanted) {
        counters->notifications_sent++;
        qemu_xen_evtchn_notify(queue->xeh, port);
    } else {
        counters->notifications_saved++;
    }
}

void xen_nic_pg_queue_report_fault(XenNicPgQueue *queue, const char *reason)
{
    if (!queue->running) {
        return;
    }
    queue->running = false;
    queue->fault = reason;
    ignore_events(queue);
    trace_xen_nic_pg_queue_fault(queue, reason);
    qemu_bh_schedule(queue->shared->fault);
}

/*
 * In the port's context
 */

void xen_nic_pg_queue_set_port(XenNicPgQueue *queue, XenNicPgPort *port)
{
    queue->port = port;
}

MemReentrancyGuard *xen_nic_pg_queue_guard(const XenNicPgQueue *queue)
{
    return queue->port->ctx == qemu_get_aio_context() ? queue->shared->guard
                                                      : NULL;
}

void xen_nic_pg_queue_run(XenNicPgQueue *queue)
{
    xen_nic_pg_tx_attach(queue);
    xen_nic_pg_rx_attach(queue);
    if (!queue->fault) {
        queue->running = true;
        listen_for_events(queue);
        xen_nic_pg_tx_wake(queue);  /* what came before we listened */
    }
}

void xen_nic_pg_queue_rest(XenNicPgQueue *queue)
{
    if (queue->running) {
        xen_nic_pg_rx_publish(queue);
        ignore_events(queue);
        queue->running = false;
    }
    xen_nic_pg_rx_detach(queue);
    xen_nic_pg_tx_detach(queue);
}

/*
 * Connect
 */

static bool map_rings(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;

    queue->xgt = xen_nic_pg_open_grants(errp);
    if (!queue->xgt) {
        return false;
    }
    /* Older gntdev drivers want to know; newer ones have no such limit. */
    qemu_xen_gnttab_set_max_grants(queue->xgt, RING_PAGES +
                                   2 * config->max_grants +
                                   config->max_static_grants);

    queue->tx_sring = xen_nic_pg_map_ring(queue->xgt, config->domid,
                                          config->tx_ring_ref, "tx-ring-ref",
                                          errp);
    if (!queue->tx_sring) {
        return false;
    }
    queue->rx_sring = xen_nic_pg_map_ring(queue->xgt, config->domid,
                                          config->rx_ring_ref, "rx-ring-ref",
                                          errp);
    return queue->rx_sring;
}

static void unmap_rings(XenNicPgQueue *queue)
{
    if (!queue->xgt) {
        return;
    }
    xen_nic_pg_unmap_ring(queue->xgt, queue->tx_sring,
                          queue->config.tx_ring_ref);
    xen_nic_pg_unmap_ring(queue->xgt, queue->rx_sring,
                          queue->config.rx_ring_ref);
    queue->tx_sring = NULL;
    queue->rx_sring = NULL;
    qemu_xen_gnttab_close(queue->xgt);
    queue->xgt = NULL;
}

/* Returns our end, or -1. */
static int bind_event_channel(XenNicPgQueue *queue, uint32_t remote,
                              Error **errp)
{
    return xen_nic_pg_bind_event_channel(queue->xeh, queue->config.domid,
                                         remote, "event-channel", errp);
}

static bool bind_event_channels(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;

    queue->xeh = xen_nic_pg_open_events(&queue->events, errp);
    if (!queue->xeh) {
        return false;
    }
    queue->tx_port = bind_event_channel(queue, config->tx_event_channel, errp);
    if (queue->tx_port < 0) {
        return false;
    }
    if (config->rx_event_channel == config->tx_event_channel) {
        queue->rx_port = queue->tx_port;
        return true;
    }
    queue->rx_port = bind_event_channel(queue, config->rx_event_channel, errp);
    return queue->rx_port >= 0;
}

static void unbind_event_channels(XenNicPgQueue *queue)
{
    if (!queue->xeh) {
        return;
    }
    if (queue->rx_port >= 0 && queue->rx_port != queue->tx_port) {
        qemu_xen_evtchn_unbind(queue->xeh, queue->rx_port);
    }
    if (queue->tx_port >= 0) {
        qemu_xen_evtchn_unbind(queue->xeh, queue->tx_port);
    }
    queue->tx_port = -1;
    queue->rx_port = -1;
    qemu_xen_evtchn_close(queue->xeh);
    queue->xeh = NULL;
}

/*
 * Rings that are in use already have lost their backend, perhaps after it had
 * published something and before it notified: the frontend may wait for that.
 */
static void make_up_for_lost_notifications(XenNicPgQueue *queue)
{
    if (queue->tx_sring->rsp_prod || queue->rx_sring->rsp_prod) {
        qemu_xen_evtchn_notify(queue->xeh, queue->tx_port);
        qemu_xen_evtchn_notify(queue->xeh, queue->rx_port);
    }
}

/* Leave nothing of the frontend behind, however far the start got. */
static void release(XenNicPgQueue *queue)
{
    unbind_event_channels(queue);
    xen_nic_pg_tx_stop(queue);
    xen_nic_pg_rx_stop(queue);
    unmap_rings(queue);
}

bool xen_nic_pg_queue_connect(XenNicPgQueue *queue,
                              const XenNicPgQueueConfig *config, Error **errp)
{
    g_assert(!queue->connected);
    queue->config = *config;
    if (!map_rings(queue, errp) || !bind_event_channels(queue, errp) ||
        !xen_nic_pg_rx_start(queue, errp) ||
        !xen_nic_pg_tx_start(queue, errp)) {
        release(queue);
        return false;
    }
    make_up_for_lost_notifications(queue);
    queue->fault = NULL;
    queue->connected = true;
    trace_xen_nic_pg_queue_start(queue, config->domid, config->max_grants);
    return true;
}

/*
 * Disconnect
 */

static void add_grant_counters(XenNicPgGrantCounters *sum,
                               const XenGrantCache *cache,
                               const XenGrantIO *io)
{
    if (io) {
        const XenGrantIOStats *copied = xen_grant_io_stats(io);

        sum->persistent_hits += copied->hits;
        sum->copies += copied->copies;
        sum->copy_calls += copied->copy_calls;
    }
    if (cache) {
        const XenGrantCacheStats *mapped = xen_grant_cache_stats(cache);

        sum->map_calls += mapped->map_calls;
        sum->evicted += mapped->evicted;
        sum->fallback_first += mapped->first;
        sum->fallback_busy += mapped->busy;
        sum->fallback_full += mapped->full;
        sum->fallback_map_failed += mapped->map_failed;
    }
}

const char *xen_nic_pg_queue_disconnect(XenNicPgQueue *queue)
{
    if (!queue->connected) {
        return NULL;
    }
    g_assert(!queue->running);
    add_grant_counters(&queue->tx.past_grants, queue->tx.cache, queue->tx.io);
    add_grant_counters(&queue->rx.past_grants, queue->rx.cache, queue->rx.io);
    release(queue);
    queue->connected = false;
    trace_xen_nic_pg_queue_stop(queue);
    return queue->fault;
}

/*
 * While it is connected
 */

typedef struct SetHeadroom {
    XenNicPgQueue *queue;
    uint32_t headroom;
} SetHeadroom;

static void set_headroom_here(void *opaque)
{
    SetHeadroom *set = opaque;

    /* What is in the burst is laid out already. */
    xen_nic_pg_rx_publish(set->queue);
    set->queue->config.headroom = set->headroom;
    if (set->queue->rx.wanted) {
        /* The frame that waits may need fewer slots now. */
        set->queue->port->ops->wake(set->queue->port);
    }
}

void xen_nic_pg_queue_set_headroom(XenNicPgQueue *queue, uint32_t headroom)
{
    SetHeadroom set = { .queue = queue, .headroom = headroom };

    xen_nic_pg_port_call(queue->port, set_headroom_here, &set);
}

bool xen_nic_pg_queue_is_stalled(XenNicPgQueue *queue)
{
    return qatomic_read(&queue->rx.stalled);
}

typedef struct ChangeGrants {
    XenNicPgQueue *queue;
    struct xen_netif_gref *grefs;
    unsigned int nr;
    unsigned int nr_done;
} ChangeGrants;

static XenGrantCache *cache_for(XenNicPgQueue *queue,
                                const struct xen_netif_gref *gref)
{
    return gref->flags & XEN_NETIF_CTRLF_GREF_readonly ? queue->tx.cache
                                                       : queue->rx.cache;
}

static bool has_added(XenNicPgQueue *queue, uint32_t ref)
{
    return xen_grant_cache_has_added(queue->tx.cache, ref) ||
           xen_grant_cache_has_added(queue->rx.cache, ref);
}

/* What was learned of a page doesn't serve any more while it is added. */
static void hide_learned(XenNicPgQueue *queue, uint32_t ref)
{
    xen_grant_cache_hide(queue->tx.cache, ref);
    xen_grant_cache_hide(queue->rx.cache, ref);
}

static void show_learned(XenNicPgQueue *queue, uint32_t ref)
{
    xen_grant_cache_show(queue->tx.cache, ref);
    xen_grant_cache_show(queue->rx.cache, ref);
}

static bool add_grant(XenNicPgQueue *queue, const struct xen_netif_gref *gref)
{
    unsigned int nr = xen_grant_cache_added(queue->tx.cache) +
                      xen_grant_cache_added(queue->rx.cache);

    if (nr == queue->config.max_static_grants ||
        (gref->flags & ~XEN_NETIF_CTRLF_GREF_readonly) ||
        has_added(queue, gref->ref)) {
        return false;
    }
    hide_learned(queue, gref->ref);
    if (!xen_grant_cache_add(cache_for(queue, gref), gref->ref)) {
        show_learned(queue, gref->ref);
        return false;
    }
    return true;
}

static void take_back_grant(XenNicPgQueue *queue,
                            const struct xen_netif_gref *gref)
{
    xen_grant_cache_remove(cache_for(queue, gref), gref->ref);
    show_learned(queue, gref->ref);
}

static void add_grants_here(void *opaque)
{
    ChangeGrants *change = opaque;
    struct xen_netif_gref *grefs = change->grefs;

    while (change->nr_done < change->nr &&
           add_grant(change->queue, &grefs[change->nr_done])) {
        change->nr_done++;
    }
    if (change->nr_done < change->nr) {
        while (change->nr_done > 0) {
            take_back_grant(change->queue, &grefs[--change->nr_done]);
        }
    }
}

bool xen_nic_pg_queue_add_grants(XenNicPgQueue *queue,
                                 struct xen_netif_gref *grefs,
                                 unsigned int nr)
{
    ChangeGrants change = { .queue = queue, .grefs = grefs, .nr = nr };

    xen_nic_pg_port_call(queue->port, add_grants_here, &change);
    return change.nr_done == nr;
}

/* Unmaps the page for good, also where it has been learned. */
static bool remove_grant(XenNicPgQueue *queue, uint32_t ref)
{
    return has_added(queue, ref) &&
           xen_grant_cache_forget(queue->tx.cache, ref) &&
           xen_grant_cache_forget(queue->rx.cache, ref) &&
           (xen_grant_cache_remove(queue->tx.cache, ref) ||
            xen_grant_cache_remove(queue->rx.cache, ref));
}

static void remove_grants_here(void *opaque)
{
    ChangeGrants *change = opaque;

    for (unsigned int i = 0; i < change->nr; i++) {
        struct xen_netif_gref *gref = &change->grefs[i];
        bool removed = remove_grant(change->queue, gref->ref);

        gref->status = removed ? XEN_NETIF_CTRL_STATUS_SUCCESS
                               : XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
        change->nr_done += removed;
    }
}

unsigned int xen_nic_pg_queue_remove_grants(XenNicPgQueue *queue,
                                            struct xen_netif_gref *grefs,
                                            unsigned int nr)
{
    ChangeGrants change = { .queue = queue, .grefs = grefs, .nr = nr };

    xen_nic_pg_port_call(queue->port, remove_grants_here, &change);
    return change.nr_done;
}

unsigned int xen_nic_pg_queue_max_static_grants(const XenNicPgQueue *queue)
{
    return queue->config.max_static_grants;
}

/*
 * Counters
 */

static XenNicPgGrantCounters grant_counters(const XenNicPgQueue *queue,
                                            const XenNicPgGrantCounters *past,
                                            const XenGrantCache *cache,
                                            const XenGrantIO *io)
{
    XenNicPgGrantCounters now = *past;

    add_grant_counters(&now, cache, io);
    now.mapped = xen_grant_cache_mapped(cache);
    now.static_pages = xen_grant_cache_added(cache);
    now.mapped_max = cache ? queue->config.max_grants + now.static_pages : 0;
    return now;
}

typedef struct QueueVisit {
    XenNicPgQueue *queue;
    Visitor *v;
    Error **errp;
    bool ok;
} QueueVisit;

static void visit_here(void *opaque)
{
    QueueVisit *visit = opaque;
    XenNicPgQueue *queue = visit->queue;
    const XenNicPgTx *tx = &queue->tx;
    const XenNicPgRx *rx = &queue->rx;
    XenNicPgGrantCounters tx_grants, rx_grants;
    Visitor *v = visit->v;

    tx_grants = grant_counters(queue, &tx->past_grants, tx->cache, tx->io);
    rx_grants = grant_counters(queue, &rx->past_grants, rx->cache, rx->io);
    visit->ok = xen_nic_pg_counters_visit(v, "tx", &tx->counters, &tx_grants,
                                          visit->errp) &&
                xen_nic_pg_counters_visit(v, "rx", &rx->counters, &rx_grants,
                                          visit->errp);
}

bool xen_nic_pg_queue_visit(XenNicPgQueue *queue, Visitor *v, Error **errp)
{
    QueueVisit visit = { .queue = queue, .v = v, .errp = errp };

    if (!visit_start_struct(v, NULL, NULL, 0, errp)) {
        return false;
    }
    xen_nic_pg_port_call(queue->port, visit_here, &visit);
    visit_end_struct(v, NULL);
    return visit.ok;
}

/*
 * Life
 */

XenNicPgQueue *xen_nic_pg_queue_new(const XenNicPgShared *shared)
{
    XenNicPgQueue *queue = g_new0(XenNicPgQueue, 1);

    queue->shared = shared;
    queue->tx_port = -1;
    queue->rx_port = -1;
    return queue;
}

void xen_nic_pg_queue_free(XenNicPgQueue *queue)
{
    if (queue) {
        g_assert(!queue->connected);
        g_free(queue);
    }
}
