/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor: what a tap does when nothing but a system call is in the way
 *
 * A program that writes the frames to the tap, or reads them from it, with no
 * Xen and no QEMU: by writev() and read(), one call a frame, or in bursts
 * through io_uring.  No backend that reaches its tap that way can be faster.
 *
 * A burst of reads is waited for as a whole, which is as fast as it gets, and
 * later than a backend may be.
 */

#include <errno.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "../qtest/tap.h"
#include "bench.h"

/* Room for a frame that is read, with its virtio-net header */
#define ROOM (65536 + sizeof(struct virtio_net_hdr))

/**
 * Floor:
 * @bench: what is measured
 * @tap: the tap
 * @iov: a frame that is written, with its header
 * @buffers: room for frames that are read
 * @ring: for bursts
 * @received: frames that were read so far
 * @end: the feeding thread has to end
 */
typedef struct Floor {
    const Bench *bench;
    int tap;
    struct iovec iov[2];
    uint8_t *buffers;
    struct io_uring ring;
    atomic_ullong received;
    atomic_bool end;
} Floor;

static void fail_errno(const char *what, int number)
{
    g_error("%s: %s", what, g_strerror(number));
}

/*
 * One system call a frame
 */

static uint64_t write_singly(void *opaque)
{
    Floor *floor = opaque;

    for (unsigned int i = 0; i < BENCH_BURST; i++) {
        if (writev(floor->tap, floor->iov, G_N_ELEMENTS(floor->iov)) < 0) {
            fail_errno("tap: write", errno);
        }
    }
    return BENCH_BURST;
}

static uint64_t read_singly(void *opaque)
{
    Floor *floor = opaque;
    struct pollfd pollfd = { .fd = floor->tap, .events = POLLIN };
    unsigned int nr = 0;

    while (nr < BENCH_BURST && read(floor->tap, floor->buffers, ROOM) > 0) {
        nr++;
    }
    if (!nr) {
        poll(&pollfd, 1, 1);
    }
    atomic_fetch_add(&floor->received, nr);
    return nr;
}

/*
 * Bursts
 */

static unsigned int run_burst(Floor *floor)
{
    struct io_uring_cqe *cqe;
    unsigned int head, nr = 0;

    io_uring_submit_and_wait(&floor->ring, BENCH_BURST);
    io_uring_for_each_cqe(&floor->ring, head, cqe) {
        if (cqe->res < 0) {
            fail_errno("io_uring", -cqe->res);
        }
        nr++;
    }
    io_uring_cq_advance(&floor->ring, nr);
    return nr;
}

static uint64_t write_batched(void *opaque)
{
    Floor *floor = opaque;

    for (unsigned int i = 0; i < BENCH_BURST; i++) {
        io_uring_prep_writev(io_uring_get_sqe(&floor->ring), floor->tap,
                             floor->iov, G_N_ELEMENTS(floor->iov), 0);
    }
    return run_burst(floor);
}

static uint64_t read_batched(void *opaque)
{
    Floor *floor = opaque;
    unsigned int nr;

    for (unsigned int i = 0; i < BENCH_BURST; i++) {
        io_uring_prep_read(io_uring_get_sqe(&floor->ring), floor->tap,
                           floor->buffers + i * ROOM, ROOM, 0);
    }
    nr = run_burst(floor);
    atomic_fetch_add(&floor->received, nr);
    return nr;
}

/*
 * Both
 */

static void *feed(void *opaque)
{
    Floor *floor = opaque;
    BenchFeed *feed = bench_feed_new(floor->bench);

    while (!atomic_load(&floor->end)) {
        bench_feed_send(feed, atomic_load(&floor->received));
    }
    bench_feed_free(feed);
    return NULL;
}

static BenchResult measure_rx(Floor *floor, bool batched)
{
    GThread *feeder = g_thread_new("feed", feed, floor);
    BenchResult result = bench_measure(batched ? read_batched : read_singly,
                                       floor, 0);

    atomic_store(&floor->end, true);
    g_thread_join(feeder);
    return result;
}

/* The tap takes and gives what QEMU has it take and give. */
static int open_tap(void)
{
    int fd = tap_open(BENCH_TAP);

    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0) {
        fail_errno("TUNSETOFFLOAD", errno);
    }
    return fd;
}

BenchResult bench_floor(const Bench *bench, bool batched)
{
    Floor floor = {
        .bench = bench,
        .tap = open_tap(),
        .iov = {
            { (void *)&bench->vnet, sizeof(bench->vnet) },
            { bench->frame, bench->len },
        },
        .buffers = g_malloc(BENCH_BURST * ROOM),
    };
    BenchResult result;
    int ret;

    if (batched) {
        ret = io_uring_queue_init(BENCH_BURST, &floor.ring, 0);
        if (ret < 0) {
            fail_errno("io_uring", -ret);
        }
    }
    result = bench->rx ? measure_rx(&floor, batched) :
           bench_measure(batched ? write_batched : write_singly, &floor, 0);
    if (batched) {
        io_uring_queue_exit(&floor.ring);
    }
    close(floor.tap);
    g_free(floor.buffers);
    return result;
}
