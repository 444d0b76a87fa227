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
 * It lives as long as the vif; between start and stop it is connected to a
 * frontend.  It has its own gnttab and evtchn handles and its own AioContext,
 * in whose thread all work is done, so that queues don't share anything.  The
 * main loop starts, stops and visits it: each has that done in the queue's
 * context (xen_nic_pg_queue_call()), and waits for it.
 *
 * An IOThread polls for a while before it sleeps, as long as its poll-max-ns
 * allows and polling pays (util/aio-posix.c).  Meanwhile the rings are looked
 * at rather than the event channel, and the frontend isn't asked to notify.
 *
 * Stopping is done in one order: no more events, let go of what the bursts
 * hold, unmap the persistent pages, unmap the rings, close the handles.  Only
 * then the device tells xenbus.
 */

#include "qemu/osdep.h"
#include "block/aio-wait.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "trace.h"
#include "xen_nic_pg_queue.h"

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
    aio_set_event_notifier(queue->ctx, &queue->events, on_event, on_poll,
                           on_poll_ready);
    aio_set_event_notifier_poll(queue->ctx, &queue->events, on_poll_begin,
                                on_poll_end);
}

static void ignore_events(XenNicPgQueue *queue)
{
    aio_set_event_notifier(queue->ctx, &queue->events, NULL, NULL, NULL);
}

static void on_tx_bh(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    if (queue->running) {
        xen_nic_pg_tx_run(queue);
    }
}

static void on_rx_bh(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    if (queue->running) {
        xen_nic_pg_rx_run(queue);
    }
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
    qemu_bh_schedule(queue->fault_bh);
}

/*
 * Start
 */

static void *map_ring(XenNicPgQueue *queue, uint32_t ref, const char *name,
                      Error **errp)
{
    void *ring = qemu_xen_gnttab_map_refs(queue->xgt, 1, queue->config.domid,
                                          &ref, PROT_READ | PROT_WRITE);

    if (!ring) {
        error_setg_errno(errp, errno, "cannot map %s %u", name, ref);
    }
    return ring;
}

static void unmap_ring(XenNicPgQueue *queue, void *ring, uint32_t ref)
{
    if (ring) {
        qemu_xen_gnttab_unmap(queue->xgt, ring, &ref, 1);
    }
}

static bool map_rings(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;

    queue->xgt = qemu_xen_gnttab_open();
    if (!queue->xgt) {
        error_setg_errno(errp, errno, "cannot open the grant table device");
        return false;
    }
    /* Older gntdev drivers want to know; newer ones have no such limit. */
    qemu_xen_gnttab_set_max_grants(queue->xgt,
                                   RING_PAGES + 2 * config->max_grants);

    queue->tx_sring = map_ring(queue, config->tx_ring_ref, "tx-ring-ref",
                               errp);
    if (!queue->tx_sring) {
        return false;
    }
    queue->rx_sring = map_ring(queue, config->rx_ring_ref, "rx-ring-ref",
                               errp);
    return queue->rx_sring;
}

static void unmap_rings(XenNicPgQueue *queue)
{
    if (!queue->xgt) {
        return;
    }
    unmap_ring(queue, queue->tx_sring, queue->config.tx_ring_ref);
    unmap_ring(queue, queue->rx_sring, queue->config.rx_ring_ref);
    queue->tx_sring = NULL;
    queue->rx_sring = NULL;
    qemu_xen_gnttab_close(queue->xgt);
    queue->xgt = NULL;
}

/* Returns our end, or -1. */
static int bind_event_channel(XenNicPgQueue *queue, uint32_t remote,
                              Error **errp)
{
    int port = qemu_xen_evtchn_bind_interdomain(queue->xeh,
                                                queue->config.domid, remote);

    if (port < 0) {
        error_setg_errno(errp, errno, "cannot bind event-channel %u", remote);
    }
    return port;
}

static bool bind_event_channels(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;

    queue->xeh = qemu_xen_evtchn_open();
    if (!queue->xeh) {
        error_setg_errno(errp, errno, "cannot open the event channel device");
        return false;
    }
    event_notifier_init_fd(&queue->events, qemu_xen_evtchn_fd(queue->xeh));
    qemu_set_cloexec(event_notifier_get_fd(&queue->events));

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
    ignore_events(queue);
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

/* Leave nothing of the frontend behind, however far the start got. */
static void release(XenNicPgQueue *queue)
{
    unbind_event_channels(queue);
    xen_nic_pg_tx_stop(queue);
    xen_nic_pg_rx_stop(queue);
    unmap_rings(queue);
}

typedef struct QueueStart {
    XenNicPgQueue *queue;
    Error **errp;
    bool ok;
} QueueStart;

static void start_here(void *opaque)
{
    QueueStart *start = opaque;
    XenNicPgQueue *queue = start->queue;

    if (!map_rings(queue, start->errp) ||
        !bind_event_channels(queue, start->errp) ||
        !xen_nic_pg_tx_start(queue, start->errp) ||
        !xen_nic_pg_rx_start(queue, start->errp)) {
        release(queue);
        return;
    }
    queue->fault = NULL;
    queue->running = true;
    if (queue->port->ops->attach) {
        queue->port->ops->attach(queue->port);
    }
    listen_for_events(queue);
    start->ok = true;

    /* What came before we listened, and frames left with the port. */
    qemu_bh_schedule(queue->tx.bh);
    queue->port->ops->wake(queue->port);
}

bool xen_nic_pg_queue_start(XenNicPgQueue *queue,
                            const XenNicPgQueueConfig *config, Error **errp)
{
    QueueStart start = { .queue = queue, .errp = errp };

    g_assert(!queue->started);
    queue->config = *config;
    queue->port->ops->start(queue->port, &queue->config.offloads);
    xen_nic_pg_queue_call(queue, start_here, &start);
    if (!start.ok) {
        queue->port->ops->stop(queue->port);
        return false;
    }
    queue->started = true;
    trace_xen_nic_pg_queue_start(queue, config->domid, config->max_grants);
    return true;
}

/*
 * Stop
 */

static void add_grant_counters(XenNicPgGrantCounters *sum,
                               const XenGrantCache *cache,
                               const XenGrantIO *io)
{
    if (io) {
        const XenGrantIOStats *copied = xen_grant_io_stats(io);

        sum->copies += copied->copies;
        sum->copy_calls += copied->copy_calls;
    }
    if (cache) {
        const XenGrantCacheStats *mapped = xen_grant_cache_stats(cache);

        sum->persistent_hits += mapped->hits;
        sum->map_calls += mapped->map_calls;
        sum->evicted += mapped->evicted;
        sum->fallback_first += mapped->first;
        sum->fallback_busy += mapped->busy;
        sum->fallback_full += mapped->full;
        sum->fallback_map_failed += mapped->map_failed;
    }
}

static void stop_here(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    queue->running = false;
    if (queue->port->ops->detach) {
        queue->port->ops->detach(queue->port);
    }
    add_grant_counters(&queue->tx.past_grants, queue->tx.cache, queue->tx.io);
    add_grant_counters(&queue->rx.past_grants, queue->rx.cache, queue->rx.io);
    release(queue);
}

const char *xen_nic_pg_queue_stop(XenNicPgQueue *queue)
{
    if (!queue->started) {
        return NULL;
    }
    xen_nic_pg_queue_call(queue, stop_here, queue);
    queue->port->ops->stop(queue->port);
    queue->started = false;
    trace_xen_nic_pg_queue_stop(queue);
    return queue->fault;
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
    now.mapped_max = cache ? queue->config.max_grants : 0;
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
                                          visit->errp) &&
                xen_nic_pg_port_counters_visit(v, queue->port->ops->name,
                                               &queue->port->counters,
                                               visit->errp);
}

bool xen_nic_pg_queue_visit(XenNicPgQueue *queue, Visitor *v, Error **errp)
{
    QueueVisit visit = { .queue = queue, .v = v, .errp = errp };

    if (!visit_start_struct(v, NULL, NULL, 0, errp)) {
        return false;
    }
    xen_nic_pg_queue_call(queue, visit_here, &visit);
    visit_end_struct(v, NULL);
    return visit.ok;
}

/*
 * Life
 */

typedef struct QueueCall {
    QEMUBHFunc *fn;
    void *opaque;
    bool done;
} QueueCall;

static void call_here(void *opaque)
{
    QueueCall *call = opaque;

    call->fn(call->opaque);
    qatomic_store_release(&call->done, true);
}

/*
 * aio_wait_bh_oneshot() itself orders what @fn did before what follows here, by
 * barriers that ThreadSanitizer doesn't know; it does know the flag.
 */
void xen_nic_pg_queue_call(XenNicPgQueue *queue, QEMUBHFunc *fn, void *opaque)
{
    QueueCall call = { .fn = fn, .opaque = opaque };

    if (queue->ctx == qemu_get_current_aio_context()) {
        fn(opaque);
        return;
    }
    aio_wait_bh_oneshot(queue->ctx, call_here, &call);
    g_assert(qatomic_load_acquire(&call.done));
}

XenNicPgQueue *xen_nic_pg_queue_new(XenNicPgPort *port, AioContext *ctx,
                                    MemReentrancyGuard *guard, QEMUBH *fault)
{
    XenNicPgQueue *queue = g_new0(XenNicPgQueue, 1);

    /* The guard is the main loop's. */
    if (ctx != qemu_get_aio_context()) {
        guard = NULL;
    }
    queue->port = port;
    queue->ctx = ctx;
    queue->fault_bh = fault;
    queue->tx_port = -1;
    queue->rx_port = -1;
    queue->tx.bh = aio_bh_new_guarded(ctx, on_tx_bh, queue, guard);
    queue->rx.bh = aio_bh_new_guarded(ctx, on_rx_bh, queue, guard);
    port->queue = queue;
    return queue;
}

void xen_nic_pg_queue_free(XenNicPgQueue *queue)
{
    if (!queue) {
        return;
    }
    g_assert(!queue->started);
    queue->port->queue = NULL;
    qemu_bh_delete(queue->tx.bh);
    qemu_bh_delete(queue->rx.bh);
    g_free(queue);
}
