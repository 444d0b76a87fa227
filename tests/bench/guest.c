/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest behind QEMU, on a simulated Xen and a real tap
 *
 *   this process, one thread      QEMU, its main loop
 *   front -------- rings ---------> backend ----- tap ----- network
 *   network's sender, to receive
 *
 * To send, the guest fills its ring, publishes a burst at a time, and, as
 * Linux' pktgen does, spins while the ring is full.  To receive, the same
 * thread sends bursts into the tap's interface and takes what has come to the
 * ring, so that there are two threads for two processors, as in the floor.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../qtest/qemu.h"
#include "../qtest/tap.h"
#include "../xensim/netfront.h"
#include "bench.h"

#define DOMID 7

/* A full ring is looked at so often, some 100 us, before the guest sleeps. */
#define SPINS 100000
#define NETDEV "tap,id=net,fd=" G_STRINGIFY(QEMU_FIRST_FD)

/* What xen_nic makes for itself, rather than the toolstack */
#define QNIC_BACKEND "/local/domain/0/backend/qnic/7/0/state"
#define QNIC_FRONTEND "/local/domain/7/device/vif/0/state"

typedef struct Guest {
    const Bench *bench;
    Xensim *sim;
    XensimFront *front;
    GSubprocess *qemu;
    BenchFeed *feed;
    uint64_t received;
} Guest;

/*
 * Steps
 */

static XensimQueue *get_queue(Guest *guest)
{
    return &guest->front->queues[0];
}

static void wait_tx(Guest *guest)
{
    XensimQueue *queue = get_queue(guest);
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(&queue->tx, more);
    for (int i = 0; i < SPINS && !more; i++) {
        xen_rmb(); /* the index is read anew */
        more = RING_HAS_UNCONSUMED_RESPONSES(&queue->tx);
    }
    if (!more) {
        xensim_wait_event(guest->sim, queue->tx_port, 1);
    }
}

static void wait_rx(Guest *guest)
{
    XensimQueue *queue = get_queue(guest);
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(&queue->rx, more);
    if (!more && !xensim_wait_event(guest->sim, queue->rx_port, 1)) {
        /*
         * QEMU's xen_nic doesn't ask to be told of buffers when it has none
         * for a frame, and waits for any event.
         */
        xensim_notify(guest->sim, queue->rx_port);
    }
}

static XensimTxFrame describe_frame(const Bench *bench,
                                    netif_extra_info_t *gso)
{
    XensimTxFrame frame = { .data = bench->frame, .len = bench->len };

    if (bench->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        *gso = (netif_extra_info_t) {
            .type = XEN_NETIF_EXTRA_TYPE_GSO,
            .u.gso.size = bench->vnet.gso_size,
            .u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4,
        };
        frame.flags = NETTXF_csum_blank | NETTXF_data_validated;
        frame.extras = gso;
        frame.nr_extras = 1;
    }
    return frame;
}

static uint64_t send_step(void *opaque)
{
    Guest *guest = opaque;
    netif_extra_info_t gso;
    XensimTxFrame frame = describe_frame(guest->bench, &gso);
    unsigned int nr = 0;

    while (nr < BENCH_BURST &&
           xensim_front_queue_tx(guest->front, 0, &frame)) {
        nr++;
    }
    if (!nr) {
        wait_tx(guest);
        return 0;
    }
    xensim_front_push_tx(guest->front, 0);
    return nr;
}

static uint64_t receive_step(void *opaque)
{
    Guest *guest = opaque;
    unsigned int sent = bench_feed_send(guest->feed, guest->received);
    unsigned int nr = xensim_front_drain_rx(guest->front, 0);

    guest->received += nr;
    if (nr) {
        xensim_front_post_rx(guest->front, 0, XENSIM_RX_SLOTS);
    } else if (!sent) {
        wait_rx(guest);
    }
    return nr;
}

/*
 * QEMU
 */

static void start(Guest *guest, const Bench *bench, const char *device)
{
    const char *const options[] = {
        "-netdev", NETDEV, "-device", device, NULL
    };
    int tap = tap_open(BENCH_TAP);

    guest->bench = bench;
    guest->sim = xensim_new(DOMID);
    guest->front = xensim_front_new(guest->sim, 0);
    guest->qemu = qemu_spawn(guest->sim, options, &tap, 1, NULL);
}

/* QEMU has nothing to lose; it is ended, and the tap with it. */
static void end(Guest *guest)
{
    g_subprocess_force_exit(guest->qemu);
    g_subprocess_wait(guest->qemu, NULL, NULL);
    g_clear_object(&guest->qemu);
    xensim_front_free(guest->front);
    xensim_free(guest->sim);
}

static BenchResult measure(Guest *guest)
{
    pid_t qemu = atoi(g_subprocess_get_identifier(guest->qemu));
    BenchResult result;

    if (!guest->bench->rx) {
        return bench_measure(send_step, guest, qemu);
    }
    guest->feed = bench_feed_new(guest->bench);
    xensim_front_post_rx(guest->front, 0, XENSIM_RX_SLOTS);
    result = bench_measure(receive_step, guest, qemu);
    bench_feed_free(guest->feed);
    return result;
}

static void connect_qnic(Guest *guest, const XensimFrontConfig *config)
{
    XensimStore *store = xensim_store(guest->sim);

    if (!xensim_store_wait(store, QNIC_FRONTEND, "1", XENSIM_PATIENCE)) {
        g_error("xen_nic makes no vif");
    }
    xensim_front_publish(guest->front, config);
    xensim_front_set_state(guest->front, XenbusStateConnected);
    if (!xensim_store_wait(store, QNIC_BACKEND, "4", XENSIM_PATIENCE)) {
        g_error("xen_nic doesn't connect");
    }
}

BenchResult bench_xen_nic(const Bench *bench)
{
    XensimFrontConfig config = { .no_sg = true, .unchecked = true };
    Guest guest = { 0 };
    BenchResult result;

    start(&guest, bench, "xen-net-device,idx=0,netdev=net");
    connect_qnic(&guest, &config);
    result = measure(&guest);
    end(&guest);
    return result;
}

BenchResult bench_xen_nic_pg(const Bench *bench, bool persistent,
                             const char *options)
{
    g_autofree char *device = g_strconcat("xen-nic-pg,netdev=net", options,
                                          NULL);
    XensimFrontConfig config = {
        .persistent = persistent,
        .gso4 = true,
        .unchecked = true,
    };
    Guest guest = { 0 };
    BenchResult result;

    start(&guest, bench, device);
    xensim_vif_new(guest.sim, 0, NULL);
    if (!xensim_front_connect(guest.front, &config)) {
        g_error("xen-nic-pg doesn't connect");
    }
    result = measure(&guest);
    end(&guest);
    return result;
}
