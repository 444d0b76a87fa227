/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where queues' frames go to and come from
 *
 * A port is what queues see of the host's side of the network, and the other
 * way round.  There is one per queue of the netdev.  The netdev port
 * (xen_nic_pg_netdev.c) reaches any QEMU -netdev, from the main loop; the tap
 * port (xen_nic_pg_tap.c) moves bursts through a tap's own file, from any one
 * thread.
 *
 * If the netdev has as many queues as the guest, each queue has a port of its
 * own.  If it has fewer, queues share a port, and if so, they share its thread,
 * too: so what is in a port, and in its queues, needs no lock.
 *
 * Towards the host a queue calls the port: send() takes as many frames of a
 * burst as there's room for, and if it can't take all, the port calls
 * xen_nic_pg_port_has_room() when it can again.  Towards the guest the port
 * calls xen_nic_pg_port_receive(), which finds the frame's queue
 * (choose_queue()).  That takes the frame or leaves it with the port, and in
 * that case wake() tells the port to try again.  A port that reads frames
 * itself is first lent the pages that they will end up in, provided that it is
 * known which queue they will go to.
 */

#include "qemu/osdep.h"
#include "block/aio-wait.h"
#include "xen_nic_pg_port.h"
#include "xen_nic_pg_queue.h"

/*
 * The port's context
 */

typedef struct PortCall {
    QEMUBHFunc *fn;
    void *opaque;
    bool done;
} PortCall;

static void call_here(void *opaque)
{
    PortCall *call = opaque;

    call->fn(call->opaque);
    qatomic_store_release(&call->done, true);
}

/*
 * aio_wait_bh_oneshot() itself orders what @fn did before what follows here, by
 * barriers that ThreadSanitizer doesn't know; it does know the flag.
 */
void xen_nic_pg_port_call(XenNicPgPort *port, QEMUBHFunc *fn, void *opaque)
{
    PortCall call = { .fn = fn, .opaque = opaque };

    if (!port->started || port->ctx == qemu_get_current_aio_context()) {
        fn(opaque);
        return;
    }
    aio_wait_bh_oneshot(port->ctx, call_here, &call);
    g_assert(qatomic_load_acquire(&call.done));
}

/*
 * Queues
 */

void xen_nic_pg_port_set_queues(XenNicPgPort *port, AioContext *ctx,
                                XenNicPgQueue **queues, unsigned int first,
                                unsigned int step, unsigned int nr_queues)
{
    g_assert(!port->started && first < nr_queues);
    xen_nic_pg_port_clear(port);
    port->ctx = ctx;
    port->queues = g_new(XenNicPgQueue *, DIV_ROUND_UP(nr_queues, step));
    for (unsigned int i = first; i < nr_queues; i += step) {
        xen_nic_pg_queue_set_port(queues[i], port);
        port->queues[port->nr_queues++] = queues[i];
    }
}

void xen_nic_pg_port_clear(XenNicPgPort *port)
{
    g_assert(!port->started);
    g_clear_pointer(&port->queues, g_free);
    port->nr_queues = 0;
}

static void start_here(void *opaque)
{
    XenNicPgPort *port = opaque;

    if (port->ops->attach) {
        port->ops->attach(port);
    }
    for (unsigned int i = 0; i < port->nr_queues; i++) {
        xen_nic_pg_queue_run(port->queues[i]);
    }
    port->ops->wake(port);  /* frames left with it */
}

void xen_nic_pg_port_start(XenNicPgPort *port, const XenNicPgOffloads *guest)
{
    g_assert(!port->started);
    port->ops->start(port, guest);
    port->started = true;
    xen_nic_pg_port_call(port, start_here, port);
}

static void stop_here(void *opaque)
{
    XenNicPgPort *port = opaque;

    for (unsigned int i = 0; i < port->nr_queues; i++) {
        xen_nic_pg_queue_rest(port->queues[i]);
    }
    if (port->ops->detach) {
        port->ops->detach(port);
    }
}

void xen_nic_pg_port_stop(XenNicPgPort *port)
{
    if (!port->started) {
        return;
    }
    xen_nic_pg_port_call(port, stop_here, port);
    port->started = false;
    port->ops->stop(port);
}

void xen_nic_pg_port_has_room(XenNicPgPort *port)
{
    for (unsigned int i = 0; i < port->nr_queues; i++) {
        xen_nic_pg_tx_wake(port->queues[i]);
    }
}

static void go_on_here(void *opaque)
{
    xen_nic_pg_port_has_room(opaque);
}

void xen_nic_pg_port_go_on(XenNicPgPort *port)
{
    xen_nic_pg_port_call(port, go_on_here, port);
}

/*
 * Towards the guest
 */

typedef struct PortSetHash {
    XenNicPgPort *port;
    const XenNicPgHash *hash;
} PortSetHash;

static void set_hash_here(void *opaque)
{
    PortSetHash *set = opaque;

    set->port->hash = *set->hash;
}

void xen_nic_pg_port_set_hash(XenNicPgPort *port, const XenNicPgHash *hash)
{
    PortSetHash set = { .port = port, .hash = hash };

    xen_nic_pg_port_call(port, set_hash_here, &set);
}

/* Is it known, before they come, that all frames go to one queue? */
static bool has_one_way(const XenNicPgPort *port)
{
    return port->nr_queues == 1 && !xen_nic_pg_hash_is_on(&port->hash);
}

static XenNicPgQueue *choose_queue(XenNicPgPort *port,
                                   const XenNicPgBytes *bytes,
                                   XenNicPgHashValue *hash)
{
    uint8_t start[XEN_NIC_PG_HEADERS_MAX];
    size_t len;

    *hash = (XenNicPgHashValue) { 0 };
    if (has_one_way(port)) {
        return port->queues[0];
    }
    len = xen_nic_pg_bytes_get(bytes, 0, start, sizeof(start));
    if (xen_nic_pg_hash_is_on(&port->hash)) {
        *hash = xen_nic_pg_hash_frame(&port->hash, start, len);
    }
    if (port->nr_queues == 1) {
        return port->queues[0];
    }
    if (hash->valid) {
        return port->queues[xen_nic_pg_hash_queue(&port->hash, hash->value,
                                                  port->nr_queues)];
    }
    return port->queues[xen_nic_pg_hash_flow(start, len) % port->nr_queues];
}

bool xen_nic_pg_port_receive(XenNicPgPort *port,
                             const struct virtio_net_hdr *vnet,
                             const XenNicPgBytes *bytes)
{
    XenNicPgHashValue hash;
    XenNicPgQueue *queue = choose_queue(port, bytes, &hash);

    return xen_nic_pg_rx_receive(queue, vnet, bytes, &hash);
}

bool xen_nic_pg_port_lend(XenNicPgPort *port, void **pages, unsigned int *nr)
{
    if (has_one_way(port)) {
        return xen_nic_pg_rx_lend(port->queues[0], pages, nr);
    }
    memset(pages, 0, *nr * sizeof(*pages));
    return true;
}

void xen_nic_pg_port_publish(XenNicPgPort *port)
{
    for (unsigned int i = 0; i < port->nr_queues; i++) {
        xen_nic_pg_rx_publish(port->queues[i]);
    }
}

/*
 * Counters
 */

typedef struct PortVisit {
    XenNicPgPort *port;
    Visitor *v;
    Error **errp;
    bool ok;
} PortVisit;

static void visit_here(void *opaque)
{
    PortVisit *visit = opaque;

    visit->ok = xen_nic_pg_port_counters_visit(visit->v,
                                               visit->port->ops->name,
                                               &visit->port->counters,
                                               visit->errp);
}

bool xen_nic_pg_port_visit(XenNicPgPort *port, Visitor *v, Error **errp)
{
    PortVisit visit = { .port = port, .v = v, .errp = errp };

    xen_nic_pg_port_call(port, visit_here, &visit);
    return visit.ok;
}
