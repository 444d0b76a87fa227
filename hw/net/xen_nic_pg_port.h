/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a queue's frames go to and come from
 *
 * A port is what a queue sees of the host's side of the network.  The netdev
 * port (xen_nic_pg_netdev.c) reaches any QEMU -netdev, from the main loop; the
 * tap port (xen_nic_pg_tap.c) moves bursts through a tap's own file, from any
 * one thread.
 *
 * Towards the host the queue calls the port: send() takes as many frames of a
 * burst as there's room for, and if it can't take all, the port calls
 * xen_nic_pg_tx_wake() when it can again.  Towards the guest the port calls
 * xen_nic_pg_rx_receive(), which takes a frame or leaves it with the port,
 * and in that case wake() tells the port to try again.  A port that reads
 * frames itself is first lent the pages that they will end up in
 * (xen_nic_pg_rx_lend()).
 */

#ifndef HW_NET_XEN_NIC_PG_PORT_H
#define HW_NET_XEN_NIC_PG_PORT_H

#include "standard-headers/linux/virtio_net.h"
#include "xen_nic_pg_offload.h"
#include "xen_nic_pg_stats.h"

typedef struct XenNicPgPort XenNicPgPort;
typedef struct XenNicPgQueue XenNicPgQueue;

/**
 * XenNicPgPacket: a frame on its way to a port
 * @vnet: what is left to do to the frame, for ports with offloads
 * @start: room for a private copy of the frame's beginning; behind @vnet, so
 *         that both are one piece of memory
 * @iov: room for the port's own use, followed by the frame's bytes
 * @nr_iov: how many of @iov there are, the port's included
 * @size: length of the frame in bytes
 * @drop: set by the port: why the frame was dropped, or NONE
 */
typedef struct XenNicPgPacket {
    struct virtio_net_hdr vnet;
    uint8_t start[XEN_NIC_PG_HEADERS_MAX];
    struct iovec *iov;
    unsigned int nr_iov;
    size_t size;
    XenNicPgDrop drop;
} XenNicPgPacket;

/**
 * xen_nic_pg_packet_with_vnet: a packet's memory, its virtio-net header first
 * @packet: the packet; asking again gives the same
 * @nr_iov: where to store how many iovecs there are
 *
 * The fewer iovecs, the less the kernel has to look up: a short frame, which
 * is all in @start, is a single one.
 *
 * Returns: the iovecs, which stay the packet's.
 */
static inline struct iovec *
xen_nic_pg_packet_with_vnet(XenNicPgPacket *packet, unsigned int *nr_iov)
{
    struct iovec *iov = packet->iov + 1;

    if (iov->iov_base == packet->start) {
        iov->iov_base = &packet->vnet;
        iov->iov_len += offsetof(XenNicPgPacket, start);
    }
    if (iov->iov_base == &packet->vnet) {
        *nr_iov = packet->nr_iov - 1;
        return iov;
    }
    packet->iov[0].iov_base = &packet->vnet;
    packet->iov[0].iov_len = sizeof(packet->vnet);
    *nr_iov = packet->nr_iov;
    return packet->iov;
}

/**
 * XenNicPgBytes: a frame that comes from a port
 * @iov: memory that holds it
 * @nr_iov: how many iovecs
 * @offset: where in that memory the frame begins
 * @size: its length in bytes
 * @buffer: private memory for the frame, on a page boundary, that stays as it
 *          is until the burst is published, or NULL; in @iov some of its pages
 *          may be replaced by lent ones
 */
typedef struct XenNicPgBytes {
    const struct iovec *iov;
    unsigned int nr_iov;
    size_t offset;
    size_t size;
    uint8_t *buffer;
} XenNicPgBytes;

/**
 * XenNicPgOffloads: what the guest takes in frames that it receives
 * @csum4: blank TCP and UDP checksums over IPv4
 * @csum6: the same over IPv6
 * @gso4: TCP over IPv4 to be segmented later
 * @gso6: the same over IPv6
 */
typedef struct XenNicPgOffloads {
    bool csum4;
    bool csum6;
    bool gso4;
    bool gso6;
} XenNicPgOffloads;

/**
 * XenNicPgPortOps: what each kind of port does
 * @name: what kind it is, for the counters
 * @start: the queue is about to start, for a guest that takes @guest
 * @stop: the queue has stopped
 * @attach: frames are wanted from @wake on; or NULL
 * @detach: no frames are taken any more; or NULL
 * @send: send @nr packets, in order; the caller's memory isn't used once it
 *        returns.  Returns how many were taken: sent or, with drop set,
 *        dropped.  If fewer than @nr, the rest is to be sent again after
 *        xen_nic_pg_tx_wake().
 * @wake: the queue has room for the frame that it left with the port
 *
 * The main loop calls @start and @stop; all others are called where the queue
 * runs, between those two.
 */
typedef struct XenNicPgPortOps {
    const char *name;
    void (*start)(XenNicPgPort *port, const XenNicPgOffloads *guest);
    void (*stop)(XenNicPgPort *port);
    void (*attach)(XenNicPgPort *port);
    void (*detach)(XenNicPgPort *port);
    unsigned int (*send)(XenNicPgPort *port, XenNicPgPacket *packets,
                         unsigned int nr);
    void (*wake)(XenNicPgPort *port);
} XenNicPgPortOps;

/**
 * XenNicPgPort: the part that all kinds share
 * @ops: what it does
 * @queue: whose port it is
 * @threads: it may be used from a thread of its own
 * @offloads: it takes blank checksums and frames to be segmented
 * @counters: what was done, by ports that know
 */
struct XenNicPgPort {
    const XenNicPgPortOps *ops;
    XenNicPgQueue *queue;
    bool threads;
    bool offloads;
    XenNicPgPortCounters counters;
};

#endif /* HW_NET_XEN_NIC_PG_PORT_H */
