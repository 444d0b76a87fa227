/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap's queue as a port
 *
 * QEMU's net layer moves one frame at a time, with a system call each.  For a
 * tap (or macvtap) that isn't necessary: as vhost does, this port takes the
 * tap's file over while the queue is started, and moves bursts
 * (xen_nic_pg_fdio.c).  The net layer gets the file back when it stops.
 *
 * Guest to host: each packet is a write whose iovecs are the guest's mapped
 * pages, so the kernel makes the only copy (but of short ones, see
 * xen_nic_pg_tx.c).
 *
 * Host to guest: frames are read right into the mapped pages of the ring slots
 * that they will have, so again the kernel makes the only copy.  How long a
 * frame is isn't known before it is read, and with it not which slots the next
 * one has.  So the last frames are taken for a sign of the next:
 *
 *   short ones    a burst, each frame in one page, and with private memory
 *                 behind it in case it is longer
 *   long ones     one frame, in as many pages as it may have slots; a call a
 *                 page would be dear, a call for 16 is not
 *
 * If the sign was wrong, that frame and those behind it are saved to private
 * memory, and copied to their pages from there.  Pages that aren't mapped are
 * written by grant copy, whose source is private memory anyway; then long
 * frames come in bursts, too.  So they do if several queues share the port, as
 * only the frame tells which of them it goes to.
 *
 * Not many more frames are read than came the last time, as a read that finds
 * nothing costs, too.  While there are no slots, frames stay in the tap, which
 * isn't polled until the queue wakes the port; of a burst that is read already,
 * the rest is kept here.
 *
 * A tap with a send buffer that can fill (-netdev tap,sndbuf=) takes one packet
 * a call.
 *
 * While the link is down the net layer has the file, and a netdev that is
 * deleted counts as down.  Frames that come while no frontend is connected are
 * dropped, as the interface has no carrier then.
 *
 * The main loop takes the file and gives it back; in between, the port's
 * thread alone uses it.
 */

#include "qemu/osdep.h"
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include "block/aio.h"
#include "net/tap.h"
#include "qemu/memalign.h"
#include "trace.h"
#include "xen_nic_pg_fdio.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"
#include "xen_nic_pg_tap.h"

/* Pages of the longest frame that a tap gives, and their bytes */
#define FRAME_PAGES DIV_ROUND_UP(65535 + XEN_NIC_PG_HEADERS_MAX, XEN_PAGE_SIZE)
#define FRAME_ROOM (FRAME_PAGES * XEN_PAGE_SIZE)

/* Short, and long, frames that are read at a time */
#define READ_BURST 64
#define LONG_READ_BURST 3

/* A short frame's header, page, and private memory, and much of a long one */
#define FRAME_IOV 3

/* After so many bursts, others in the same context have their turn. */
#define BURSTS_PER_RUN 4

QEMU_BUILD_BUG_ON(READ_BURST > XEN_NIC_PG_FDIO_BURST);
QEMU_BUILD_BUG_ON(READ_BURST > XEN_NIC_PG_BURST);
QEMU_BUILD_BUG_ON(READ_BURST * FRAME_IOV < 2 + FRAME_PAGES);

/**
 * TapFrame: a frame that comes from the tap
 * @vnet: what is left to do to it
 * @iov: where to read it: @vnet, then its bytes, in lent pages and @buffer
 * @nr_iov: how many iovecs
 * @buffer: private memory for all of its bytes, on a page boundary
 * @size: how many bytes were read, @vnet included
 * @turn: frames came in this order
 */
typedef struct TapFrame {
    struct virtio_net_hdr vnet;
    struct iovec *iov;
    unsigned int nr_iov;
    uint8_t *buffer;
    size_t size;
    unsigned int turn;
} TapFrame;

/**
 * XenNicPgTapPort:
 * @port: what the queue sees
 * @nc: the NIC, whose peer is the tap
 * @io_uring: use it, if it's there
 * @taken: the file is ours: the port is started, and the link is up; changed by
 *         the main loop, while the port's thread doesn't look
 * @fd: the tap's file, while it is taken
 * @io: does bursts on it, while the port's thread has it; else NULL
 * @reading: listens for frames from the tap
 * @writing: listens for room in the tap
 * @buffers: READ_BURST times FRAME_ROOM
 * @iov: of the frames
 * @frames: those that were read
 * @nr_frames: how many there are
 * @next_frame: the first of them that the queue hasn't taken
 * @next_burst: how many to read the next time
 * @expect_long: the next one is expected to be longer than a page
 * @expect_gso: and to be segmented by the guest
 */
struct XenNicPgTapPort {
    XenNicPgPort port;
    NetClientState *nc;
    bool io_uring;
    bool taken;
    int fd;
    XenNicPgFdIO *io;
    bool reading;
    bool writing;
    uint8_t *buffers;
    struct iovec iov[READ_BURST * FRAME_IOV];
    TapFrame frames[READ_BURST];
    unsigned int nr_frames;
    unsigned int next_frame;
    unsigned int next_burst;
    bool expect_long;
    bool expect_gso;
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

/*
 * A thread that polls has to be able to poll everything.  There's nothing in
 * memory that tells of a frame in a tap, so this takes a system call, but none
 * that sleeps.
 */
static bool on_poll(void *opaque)
{
    XenNicPgTapPort *tap = opaque;
    GPollFD file = { .fd = tap->fd, .events = G_IO_IN };

    return tap->reading && g_poll(&file, 1, 0) > 0;
}

static void listen_for(XenNicPgTapPort *tap, bool reading, bool writing)
{
    if (tap->reading != reading || tap->writing != writing) {
        tap->reading = reading;
        tap->writing = writing;
        aio_set_fd_handler(tap->port.ctx, tap->fd,
                           reading ? on_readable : NULL,
                           writing ? on_writable : NULL,
                           reading ? on_poll : NULL,
                           reading ? on_readable : NULL, tap);
    }
}

static void on_writable(void *opaque)
{
    XenNicPgTapPort *tap = opaque;

    listen_for(tap, tap->reading, false);
    xen_nic_pg_port_has_room(&tap->port);
}

/*
 * From the queue to the tap
 */

static void prepare_writes(XenNicPgFdOp *ops, XenNicPgPacket *packets,
                           unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        ops[i].iov = xen_nic_pg_packet_with_vnet(&packets[i], &ops[i].nr_iov);
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
    unsigned int done = 0, burst, taken;

    if (!tap->io) {
        for (unsigned int i = 0; i < nr; i++) {
            packets[i].drop = XEN_NIC_PG_DROP_LINK_DOWN;
        }
        return nr;
    }
    do {
        burst = MIN(nr - done, XEN_NIC_PG_FDIO_BURST);
        taken = write_burst(tap, packets + done, burst);
        done += taken;
    } while (taken == burst && done < nr);
    return done;
}

/*
 * From the tap to the queue
 */

/* Lay out where a frame is read: in the pages, and where those end or miss. */
static void prepare_frame(TapFrame *frame, struct iovec *iov, void **pages,
                          unsigned int nr_pages)
{
    size_t paged = nr_pages * XEN_PAGE_SIZE;

    frame->iov = iov;
    *iov++ = (struct iovec) { &frame->vnet, sizeof(frame->vnet) };
    for (unsigned int i = 0; i < nr_pages; i++) {
        void *page = pages[i] ?: frame->buffer + i * XEN_PAGE_SIZE;

        *iov++ = (struct iovec) { page, XEN_PAGE_SIZE };
    }
    if (paged < FRAME_ROOM) {
        *iov++ = (struct iovec) { frame->buffer + paged, FRAME_ROOM - paged };
    }
    frame->nr_iov = iov - frame->iov;
}

/*
 * Have a frame in private memory as a whole, since the pages that it was read
 * into won't be its own.
 */
static void save_frame(TapFrame *frame)
{
    uint8_t *to = frame->buffer;

    for (unsigned int i = 1; i < frame->nr_iov; i++) {
        size_t done = to - frame->buffer + sizeof(frame->vnet);
        struct iovec *iov = &frame->iov[i];

        if (iov->iov_base != to && done < frame->size) {
            memcpy(to, iov->iov_base, MIN(iov->iov_len, frame->size - done));
        }
        iov->iov_base = to;
        to += iov->iov_len;
    }
}

static bool is_gso(const TapFrame *frame)
{
    return frame->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/* Has it one slot, or none if it's dropped? */
static bool is_short(const TapFrame *frame)
{
    return frame->size <= sizeof(frame->vnet) + XEN_PAGE_SIZE &&
           !is_gso(frame);
}

/* Returns false if the queue leaves the frame with us. */
static bool deliver_frame(XenNicPgTapPort *tap, TapFrame *frame)
{
    XenNicPgBytes bytes = {
        .iov = frame->iov,
        .nr_iov = frame->nr_iov,
        .offset = sizeof(frame->vnet),
        .size = frame->size - sizeof(frame->vnet),
        .buffer = frame->buffer,
    };

    if (frame->size < sizeof(frame->vnet)) {
        return true;
    }
    return xen_nic_pg_port_receive(&tap->port, &frame->vnet, &bytes);
}

/* Returns false if the queue leaves some of the frames with us. */
static bool deliver_burst(XenNicPgTapPort *tap)
{
    while (tap->next_frame < tap->nr_frames) {
        if (!deliver_frame(tap, &tap->frames[tap->next_frame])) {
            return false;
        }
        tap->next_frame++;
    }
    return true;
}

static void save_frames(XenNicPgTapPort *tap, unsigned int first)
{
    for (unsigned int i = first; i < tap->nr_frames; i++) {
        save_frame(&tap->frames[i]);
    }
}

/*
 * Only frames before the first long one are in the pages of their own slots; a
 * long one is, too, if that was expected.
 */
static void save_misplaced(XenNicPgTapPort *tap)
{
    unsigned int i = 0;

    while (i < tap->nr_frames && is_short(&tap->frames[i])) {
        i++;
    }
    if (i == tap->nr_frames ||
        (tap->expect_long && tap->expect_gso == is_gso(&tap->frames[i]))) {
        return;
    }
    save_frames(tap, i);
}

static void swap_frames(TapFrame *a, TapFrame *b)
{
    TapFrame c = *a;

    *a = *b;
    *b = c;
}

/*
 * Move the last frame to its turn among the others, which have theirs.  Returns
 * false if it was at its place.
 */
static bool sort_last_frame(XenNicPgTapPort *tap)
{
    TapFrame *frame = &tap->frames[tap->nr_frames - 1];
    bool moved = false;

    while (frame > tap->frames && frame[-1].turn > frame->turn) {
        swap_frames(frame - 1, frame);
        frame--;
        moved = true;
    }
    return moved;
}

/*
 * Leave out reads that found nothing: a frame may come between two of them.
 * Those behind are in pages of later slots then, and are moved as they are
 * delivered.  That works only forwards; if any changes its place with another,
 * all are saved.
 */
static void gather_frames(XenNicPgTapPort *tap, const XenNicPgFdOp *ops,
                          unsigned int nr)
{
    bool moved = false;

    tap->nr_frames = 0;
    tap->next_frame = 0;
    for (unsigned int i = 0; i < nr; i++) {
        if (ops[i].result > 0) {
            tap->frames[i].size = ops[i].result;
            tap->frames[i].turn = ops[i].turn;
            swap_frames(&tap->frames[i], &tap->frames[tap->nr_frames]);
            tap->nr_frames++;
            moved |= sort_last_frame(tap);
        }
    }
    if (moved) {
        save_frames(tap, 0);
    }
}

/*
 * Read at most @nr frames.  Returns false if there were fewer.  If the tap's
 * interface is gone, that isn't tried again.
 */
static bool read_frames(XenNicPgTapPort *tap, unsigned int nr)
{
    XenNicPgFdOp ops[READ_BURST];

    for (unsigned int i = 0; i < nr; i++) {
        ops[i] = (XenNicPgFdOp) {
            .iov = tap->frames[i].iov,
            .nr_iov = tap->frames[i].nr_iov,
        };
    }
    tap->port.counters.read_calls += xen_nic_pg_fdio_read(tap->io, ops, nr);
    gather_frames(tap, ops, nr);
    tap->port.counters.reads += tap->nr_frames;
    if (ops[nr - 1].result < 0 && ops[nr - 1].result != -EAGAIN) {
        listen_for(tap, false, tap->writing);
    }
    return tap->nr_frames == nr;
}

/* Prepare to read short frames, each into one of the pages. */
static unsigned int prepare_short(XenNicPgTapPort *tap, void **pages,
                                  unsigned int nr_pages)
{
    unsigned int nr = MAX(nr_pages, 1);

    for (unsigned int i = 0; i < nr; i++) {
        prepare_frame(&tap->frames[i], &tap->iov[i * FRAME_IOV], pages + i,
                      MIN(nr_pages, 1));
    }
    return nr;
}

/* Prepare to read long frames: one into the pages, or some to be copied. */
static unsigned int prepare_long(XenNicPgTapPort *tap, void **pages,
                                 unsigned int nr_pages)
{
    if (!nr_pages || !pages[0]) {
        for (unsigned int i = 0; i < LONG_READ_BURST; i++) {
            prepare_frame(&tap->frames[i], &tap->iov[i * FRAME_IOV], NULL, 0);
        }
        return LONG_READ_BURST;
    }
    if (tap->expect_gso && nr_pages > 1) {
        pages[1] = pages[0];    /* the slot after the first has no page */
        pages++;
        nr_pages--;
    }
    prepare_frame(&tap->frames[0], tap->iov, pages, MIN(nr_pages, FRAME_PAGES));
    return 1;
}

/* The next frames are expected to be like the last one. */
static void expect_more(XenNicPgTapPort *tap)
{
    tap->next_burst = MIN(2 * tap->nr_frames + 1, READ_BURST);
    if (tap->nr_frames) {
        const TapFrame *last = &tap->frames[tap->nr_frames - 1];

        tap->expect_long = !is_short(last);
        tap->expect_gso = is_gso(last);
    }
}

/*
 * Read a burst of frames and hand them on.  Returns false if there's no use in
 * another: no more frames, or no slots.
 */
static bool receive_burst(XenNicPgTapPort *tap)
{
    unsigned int wanted = tap->expect_long ? XEN_NIC_PG_MAX_SLOTS
                                           : tap->next_burst;
    void *pages[XEN_NIC_PG_BURST];
    unsigned int nr;
    bool more;

    if (!xen_nic_pg_port_lend(&tap->port, pages, &wanted)) {
        listen_for(tap, false, tap->writing);
        return false;
    }
    nr = tap->expect_long ? prepare_long(tap, pages, wanted)
                          : prepare_short(tap, pages, wanted);
    more = read_frames(tap, nr);
    save_misplaced(tap);
    expect_more(tap);
    if (!deliver_burst(tap)) {
        save_frames(tap, tap->next_frame);
        listen_for(tap, false, tap->writing);
        more = false;
    }
    xen_nic_pg_port_publish(&tap->port);
    return more;
}

static void on_readable(void *opaque)
{
    XenNicPgTapPort *tap = opaque;
    int bursts = 0;

    while (bursts < BURSTS_PER_RUN && receive_burst(tap)) {
        bursts++;
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
    tap->io = xen_nic_pg_fdio_new(tap->fd, tap->io_uring, can_refuse(tap->fd));
    trace_xen_nic_pg_tap_attach(tap->fd,
                                xen_nic_pg_fdio_is_batched(tap->io, true));
}

static void tap_detach(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

    deliver_burst(tap);     /* which drops it, if the queues have stopped */
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

    tap->next_burst = 1;
    tap->expect_long = false;
    tap->nr_frames = 0;
    tap->next_frame = 0;
    if (link_is_up(tap)) {
        take_file(tap);
    }
    xen_nic_pg_drop_old_frames(port, tap->nc->peer);
    xen_nic_pg_set_netdev_offloads(tap->nc->peer, guest);
}

static void tap_stop(XenNicPgPort *port)
{
    XenNicPgTapPort *tap = to_tap(port);

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
    xen_nic_pg_port_has_room(&tap->port);
}

void xen_nic_pg_tap_port_update_link(XenNicPgTapPort *tap)
{
    bool up = link_is_up(tap);

    if (!tap->port.started || tap->taken == up) {
        return;
    }
    if (up) {
        take_file(tap);
        xen_nic_pg_port_call(&tap->port, link_up_here, tap);
    } else {
        xen_nic_pg_port_call(&tap->port, link_down_here, tap);
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
    tap->buffers = qemu_memalign(XEN_PAGE_SIZE, READ_BURST * FRAME_ROOM);
    for (unsigned int i = 0; i < READ_BURST; i++) {
        tap->frames[i].buffer = tap->buffers + i * FRAME_ROOM;
    }
    return tap;
}

void xen_nic_pg_tap_port_free(XenNicPgTapPort *tap)
{
    if (!tap) {
        return;
    }
    xen_nic_pg_port_clear(&tap->port);
    qemu_vfree(tap->buffers);
    g_free(tap);
}

XenNicPgPort *xen_nic_pg_tap_port_base(XenNicPgTapPort *tap)
{
    return &tap->port;
}
