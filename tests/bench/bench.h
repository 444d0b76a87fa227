/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of bench-native share
 *
 * bench-native.c reads the command line and takes the time; guest.c, virtio.c
 * and floor.c are the kinds of things that are measured; feed.c makes the
 * frames that come out of the tap.
 */

#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <glib.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_TAP "vif7.0"

/* Frames that go without a system call, or a push, in between */
#define BENCH_BURST 64

/* What goes as one packet; anything longer is TCP to be segmented. */
#define BENCH_MTU_FRAME 1514
#define BENCH_GSO_SIZE 1448

/**
 * Bench: what is measured
 * @rx: from the tap to the guest, else from the guest to the tap
 * @frame: a TCP/IPv4 frame
 * @len: its length in bytes
 * @vnet: what its virtio-net header is
 */
typedef struct Bench {
    bool rx;
    uint8_t *frame;
    size_t len;
    struct virtio_net_hdr vnet;
} Bench;

/**
 * BenchStep: go on for a few milliseconds at the most
 *
 * Returns: how many frames have come to their end meanwhile.
 */
typedef uint64_t BenchStep(void *opaque);

/**
 * BenchResult: what was measured
 * @rate: frames a second
 * @cpu: processor time of the backend for a frame, in nanoseconds
 */
typedef struct BenchResult {
    double rate;
    double cpu;
} BenchResult;

/**
 * bench_measure: run a step again and again
 * @backend: the backend's process, or 0 if this thread is the backend
 *
 * Returns: what that does, once it has warmed up.
 */
BenchResult bench_measure(BenchStep *step, void *opaque, pid_t backend);

/*
 * Frames for the guest
 */

typedef struct BenchFeed BenchFeed;

/**
 * bench_feed_new: a source of frames that come out of the tap
 *
 * Only so many are under way that the tap's queue doesn't overflow: what can't
 * be taken is not sent.  If nothing comes for a while, what is under way is
 * given up as lost.
 */
BenchFeed *bench_feed_new(const Bench *bench);

void bench_feed_free(BenchFeed *feed);

/**
 * bench_feed_send: send a burst, as far as there's room
 * @received: how many have come out so far
 *
 * Returns: how many were sent.
 */
unsigned int bench_feed_send(BenchFeed *feed, uint64_t received);

/*
 * What is measured
 */

/**
 * bench_floor: the tap alone, no Xen and no QEMU
 * @batched: bursts through io_uring, else a system call a frame
 */
BenchResult bench_floor(const Bench *bench, bool batched);

/**
 * bench_xen_nic: a guest behind QEMU's own xen_nic
 */
BenchResult bench_xen_nic(const Bench *bench);

/**
 * bench_virtio: a guest behind QEMU's virtio-net, without vhost
 */
BenchResult bench_virtio(const Bench *bench);

/**
 * bench_xen_nic_pg: a guest behind xen-nic-pg
 * @persistent: with pages that stay mapped
 * @options: further options of -device xen-nic-pg, as ",key=value…", or NULL
 */
BenchResult bench_xen_nic_pg(const Bench *bench, bool persistent,
                             const char *options);

#endif /* TESTS_BENCH_BENCH_H */
