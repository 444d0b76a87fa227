/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that come out of the tap
 *
 * A packet socket on the tap's interface sends them, a burst by a system call,
 * past the interface's queueing discipline.  The tap drops what its queue of
 * 1,000 can't hold, so a window keeps the number under way below that.
 */

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../qtest/tap.h"
#include "bench.h"

#define WINDOW 512
#define GIVE_UP_US 100000

struct BenchFeed {
    int fd;
    struct virtio_net_hdr vnet;
    struct iovec iov[2];
    struct mmsghdr messages[BENCH_BURST];
    uint64_t sent;
    uint64_t received;
    gint64 progress;            /* when frames came out last */
};

BenchFeed *bench_feed_new(const Bench *bench)
{
    BenchFeed *feed = g_new0(BenchFeed, 1);
    int on = 1;

    feed->fd = tap_open_socket(BENCH_TAP, false);
    setsockopt(feed->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
    feed->vnet = bench->vnet;
    feed->iov[0].iov_base = &feed->vnet;
    feed->iov[0].iov_len = sizeof(feed->vnet);
    feed->iov[1].iov_base = bench->frame;
    feed->iov[1].iov_len = bench->len;
    for (unsigned int i = 0; i < BENCH_BURST; i++) {
        feed->messages[i].msg_hdr.msg_iov = feed->iov;
        feed->messages[i].msg_hdr.msg_iovlen = G_N_ELEMENTS(feed->iov);
    }
    feed->progress = g_get_monotonic_time();
    return feed;
}

void bench_feed_free(BenchFeed *feed)
{
    close(feed->fd);
    g_free(feed);
}

/* Returns how many more may be sent. */
static unsigned int open_window(BenchFeed *feed, uint64_t received)
{
    gint64 now = g_get_monotonic_time();

    if (received != feed->received) {
        feed->received = received;
        feed->progress = now;
    } else if (now - feed->progress > GIVE_UP_US) {
        feed->sent = received;
        feed->progress = now;
    }
    /* Some that were given up may have come nevertheless. */
    feed->sent = MAX(feed->sent, received);
    return WINDOW - (feed->sent - received);
}

unsigned int bench_feed_send(BenchFeed *feed, uint64_t received)
{
    unsigned int nr = MIN(open_window(feed, received), BENCH_BURST);
    int sent;

    if (!nr) {
        return 0;
    }
    sent = sendmmsg(feed->fd, feed->messages, nr, 0);
    if (sent < 0) {
        if (errno != ENOBUFS) {
            g_error("packet socket: %s", g_strerror(errno));
        }
        return 0;
    }
    feed->sent += sent;
    return sent;
}
