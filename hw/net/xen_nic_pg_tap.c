/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap itself as a queue's port
 *
 * QEMU's net layer moves one frame at a time, with a system call each.  For a
 * tap (or macvtap) that isn't necessary: as vhost does, this port takes the
 * tap's file over while the queue is started, and moves bursts
 * (xen_nic_pg_fdio.c).  The net layer gets the file back when it stops.
 *
 * Guest to host: each packet is a write whose iovecs are the guest's mapped
 * pages, so the kernel makes the only copy.
 *
 * Host to guest: as many frames are read as there are surely slots for, at
 * least one, and not many more than came the last time, as a read that finds
 * nothing costs, too; then they are handed to the queue.  Frames that find no
 * slots stay in the tap, which isn't polled until the queue wakes the port;
 * only of a burst that is read already, the rest is kept here.
 *
 * A tap with a send buffer that can fill (-netdev tap,sndbuf=) takes one packet
 * a call: in a burst, one that doesn't fit could be overtaken by others.
 *
 * While the link is down the net layer has the file, and a netdev that is
 * deleted counts as down.
 *
 * The main loop takes the file and gives it back; in between, the queue's
 * thread alone uses it.
 */

#include "qemu/osdep.h"
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include "block/aio.h"
#include "net/tap.h"
#include "trace.h"
#include "xen_nic_pg_fdio.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"
#include "xen_nic_pg_tap.h"

/* The longest frame that a tap gives, with header */
#define ROOM (sizeof(struct virtio_net_hdr) + 65535 + XEN_NIC_PG_HEADERS_MAX)

/* Frames that are read at a time */
#define READ_BURST 32

/* After so many bursts, others in the same context have their turn. */
#define BURSTS_PER_RUN 8

/**
 * XenNicPgTapPort:
 * @port: what the queue sees
 * @nc: the NIC, whose peer is the tap
 * @io_uring: use it, if it's there
 * @started: between start and stop; the main loop's
 * @taken: the file is ours: started, and the link is up; changed by the main
 *         loop, while the queue's thread doesn't look
 * @fd: the tap's file, while it is taken
 * @io: does bursts on it, while the queue's thread has it; else NULL
 * @write_singly: the tap may refuse a packet and take the next
 * @reading: listens for frames from the tap
 * @writing: listens for room in the tap
 * @buffers: READ_BURST times ROOM, for frames from the tap
 * @sizes: lengths of those that are there, with header
 * @next_burst: how many to read the next time
 * @nr_frames: how many there are
 * @next_frame: the first of them that the queue hasn't taken
 */
struct XenNicPgTapPort {
    XenNicPgPort port;
    NetClientState *nc;
    bool io_uring;
    bool started;
    bool taken;
    int fd;
    XenNicPgFdIO *io;
    bool write_singly;
    bool reading;
    bool writing;
    uint8_t *buffers;
    size_t sizes[READ_BURST];
    unsigned int next_burst;
    unsigned int nr_frames;
    unsigned int next_frame;
};

static XenNicPgTapPort *to_tap(XenNicPgPort *port)
{
    return container_of(port, XenNicPgTapPort, port);
}

/*
 * Events
 */

static void on_readable(void *opaque);
static void on_writable(void *opaque);

static void listen_for(XenNicPgTapPort *tap, bool reading, bool writing)
{
    if (tap->reading != reading || tap->writing != writing) {
        tap->reading = reading;
        tap->writing = writing;
        aio_set_fd_handler(tap->port.queue->ctx, tap->fd,
                           reading ? on_readable : NULL,
                           writing ? on_writable : NULL, NULL, NULL, tap);
    }
}

static void on_writable(void *opaque)
{
    XenNicPgTapPort *tap = opaque;

    listen_for(tap, tap->reading, false);
    xen_nic_pg_tx_wake(tap->port.queue);
}

/*
 * From the queue to the tap
 */

static void prepare_writes(XenNicPgFdOp *ops, XenNicPgPacket *packets,
                           unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        packets[i].iov[0].iov_base = &packets[i].vnet;
        packets[i].iov[0].iov_len = sizeof(packets[i].vnet);
        ops[i].iov = packets[i].iov;
        ops[i].nr_iov = packets[i].nr_iov;
    }
}

/* Returns how many packets are done with, before one that doesn't fit. */
static unsigned int finish_writes(XenNicPgTapPort *tap,
                                  const XenNicPgFdOp *ops,
                                  XenNicPgPacket *packets, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (ops[i].result == -EAGAIN) {
            listen_for(tap, tap->reading, true);
            return i;
        }
        if (ops[i].result < 0) {
            packets[i].drop = XEN_NIC_PG_DROP_NETDEV;
        }
    }
    return nr;
}

static unsigned int write_burst(XenNicPgTapPort *tap, XenNicPgPacket *packets,
                                unsigned int nr)
{
    XenNicPgFdOp ops[XEN_NIC_PG_FDIO_BURST];

    prepare_writes(ops, packets, nr);
    tap->port.counters.writes += nr;
    tap->port.counters.write_calls += xen_nic_pg_fdio_write(tap->io, ops, nr);
    return finish_writes(tap, ops, packets, nr);
}

static unsigned int tap_send(XenNicPgPort *port, XenNicPgPacket *packets,
                             unsigned int nr)
{
    XenNicPgTapPort *tap = to_tap(port);
    unsigned int most = tap->write_singly ? 1 : XEN_NIC_PG_FDIO_BURST;
    unsigned int done = 0, burst, taken;

    if (!tap->io) {
        for (unsigned int i = 0; i < nr; i++) {
            packets[i].drop = XEN_NIC_PG_DROP_LINK_DOWN;
        }
        return nr;
    }
    do {
        burst = MIN(nr - done, most);
        taken = write_burst(tap, packets + done, burst);
        done += taken;
    } while (taken == burst && done < nr);
    return done;
}

/*
 * From the tap to the queue
 */

static uint8_t *get_buffer(XenNicPgTapPort *tap, unsigned int i)
{
    return tap->buffers + i * ROOM;
}

/* Returns false if the queue leaves the frame with us. */
static bool deliver_frame(XenNicPgTapPort *tap, unsigned int i)
{
    struct virtio_net_hdr vnet;
    size_t size = tap->sizes[i];
    struct iovec iov = { get_buffer(tap, i), size };
    XenNicPgBytes bytes = {
        .iov = &iov,
        .nr_iov = 1,
        .offset = sizeof(vnet),
        .size = size - sizeof(vnet),
    };

    if (size < sizeof(vnet)) {
        return true;
    }
    memcpy(&vnet, iov.iov_base, sizeof(vnet));
    return xen_nic_pg_rx_receive(tap->port.queue, &vnet, &bytes);
}

/* Returns false if the queue leaves some of the frames with us. */
static bool deliver_burst(XenNicPgTapPort *tap)
{
    while (tap->next_frame < tap->nr_frames) {
        if (!deliver_frame(tap, tap->next_frame)) {
            return false;
        }
        tap->next_frame++;
    }
    return true;
}

/* Read at most @nr frames.  Returns false if there were fewer. */
static bool read_burst(XenNicPgTapPort *tap, unsigned int nr)
{
    XenNicPgFdOp ops[READ_BURST];
    struct iovec iov[READ_BURST];

    for (unsigned int i = 0; i < nr; i++) {
        iov[i] = (struct iovec) { get_buffer(tap, i), ROOM };
        ops[i] = (XenNicPgFdOp) { .iov = &iov[i], .nr_iov = 1 };
    }
    tap->port.counters.read_calls += xen_nic_pg_fdio_read(tap->io, ops, nr);
    tap->nr_frames = 0;
    tap->next_frame = 0;
    while (tap->nr_frames < nr && ops[tap->nr_frames].result > 0) {
        tap->sizes[tap->nr_frames] = ops[tap->nr_frames].result;
        tap->nr_frames++;
    }
    tap->port.counters.reads += tap->nr_frames;
    tap->next_burst = MIN(2 * tap->nr_frames + 1, READ_BURST);
    return tap->nr_frames == nr;
}

static void on_readable(void *opaque)
{
    XenNicPgTapPort *tap = opaque;
    bool more = true;

    for (int bursts = 0; more && bursts < BURSTS_PER_RUN; bursts++) {
        unsigned int room = xen_nic_pg_rx_room(tap->port.queue);

        if (!room) {
            listen_for(tap, false, tap->writing);
            return;
        }
        more = read_burst(tap, MIN(room, tap->next_burst));
        if (!deliver_burst(tap)) {
            listen_for(tap, false, tap->writing);
            return;
        }
    }
}

static void tap_wake(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

    if (tap->io && deliver_burst(tap)) {
        listen_for(tap, true, tap->writing);
    }
}

/*
 * The file
 */

static bool can_refuse(int fd)
{
    int sndbuf;

    return ioctl(fd, TUNGETSNDBUF, &sndbuf) < 0 || sndbuf < INT_MAX;
}

static bool link_is_up(const XenNicPgTapPort *tap)
{
    const NetClientState *peer = tap->nc->peer;

    return !tap->nc->link_down && peer && !peer->link_down;
}

static void tap_attach(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

    if (!tap->taken) {
        return;
    }
    tap->io = xen_nic_pg_fdio_new(tap->fd, tap->io_uring);
    tap->write_singly = xen_nic_pg_fdio_is_batched(tap->io) &&
                        can_refuse(tap->fd);
    trace_xen_nic_pg_tap_attach(tap->fd, xen_nic_pg_fdio_is_batched(tap->io),
                                tap->write_singly);
}

static void tap_detach(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

    deliver_burst(tap);     /* which drops it, if the queue has stopped */
    if (!tap->io) {
        return;
    }
    listen_for(tap, false, false);
    g_clear_pointer(&tap->io, xen_nic_pg_fdio_free);
    trace_xen_nic_pg_tap_detach(tap->fd);
}

static void take_file(XenNicPgTapPort *tap)
{
    tap->nc->peer->info->poll(tap->nc->peer, false);
    tap->fd = tap_get_fd(tap->nc->peer);
    tap->taken = true;
}

static void give_file_back(XenNicPgTapPort *tap)
{
    tap->taken = false;
    tap->nc->peer->info->poll(tap->nc->peer, true);
}

static void tap_start(XenNicPgPort *port, const XenNicPgOffloads *guest)
{
    XenNicPgTapPort *tap = to_tap(port);

    tap->started = true;
    tap->next_burst = 1;
    tap->nr_frames = 0;
    tap->next_frame = 0;
    xen_nic_pg_set_netdev_offloads(tap->nc->peer, guest);
    if (link_is_up(tap)) {
        take_file(tap);
    }
}

static void tap_stop(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

    tap->started = false;
    if (tap->taken) {
        give_file_back(tap);
    }
    xen_nic_pg_set_netdev_offloads(tap->nc->peer, NULL);
}

/*
 * Link
 */

static void link_up_here(void *opaque)
{
    XenNicPgTapPort *tap = opaque;

    tap_attach(&tap->port);
    tap_wake(&tap->port);
}

static void link_down_here(void *opaque)
{
    XenNicPgTapPort *tap = opaque;

    tap_detach(&tap->port);
    xen_nic_pg_tx_wake(tap->port.queue);
}

void xen_nic_pg_tap_port_update_link(XenNicPgTapPort *tap)
{
    bool up = link_is_up(tap);

    if (!tap->started || tap->taken == up) {
        return;
    }
    if (up) {
        take_file(tap);
        xen_nic_pg_queue_call(tap->port.queue, link_up_here, tap);
    } else {
        xen_nic_pg_queue_call(tap->port.queue, link_down_here, tap);
        give_file_back(tap);
    }
}

static const XenNicPgPortOps tap_port_ops = {
    .name = "tap",
    .start = tap_start,
    .stop = tap_stop,
    .attach = tap_attach,
    .detach = tap_detach,
    .send = tap_send,
    .wake = tap_wake,
};

/*
 * Life
 */

bool xen_nic_pg_tap_port_usable(NetClientState *netdev)
{
    return netdev->info->type == NET_CLIENT_DRIVER_TAP &&
           qemu_has_vnet_hdr_len(netdev, sizeof(struct virtio_net_hdr)) &&
           QTAILQ_EMPTY(&netdev->filters);
}

XenNicPgTapPort *xen_nic_pg_tap_port_new(NetClientState *nc, bool io_uring)
{
    XenNicPgTapPort *tap = g_new0(XenNicPgTapPort, 1);

    tap->port.ops = &tap_port_ops;
    tap->port.threads = true;
    tap->port.offloads = true;
    tap->nc = nc;
    tap->io_uring = io_uring;
    tap->buffers = g_malloc(READ_BURST * ROOM);
    return tap;
}

void xen_nic_pg_tap_port_free(XenNicPgTapPort *tap)
{
    if (!tap) {
        return;
    }
    g_assert(!tap->started);
    g_free(tap->buffers);
    g_free(tap);
}

XenNicPgPort *xen_nic_pg_tap_port_base(XenNicPgTapPort *tap)
{
    return &tap->port;
}
