/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where queues' frames go to and come from
 *
 * See hw/net/xen_nic_pg_port.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_PORT_H
#define HW_NET_XEN_NIC_PG_PORT_H

#include "block/aio.h"
#include "qemu/iov.h"
#include "standard-headers/linux/virtio_net.h"
#include "xen_nic_pg_hash.h"
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
 * xen_nic_pg_bytes_get: copy some bytes of a frame
 * @bytes: the frame
 * @offset: where in the frame to begin
 * @to: where to put them
 * @len: how many are wanted
 *
 * Returns: how many there were.
 */
static inline size_t xen_nic_pg_bytes_get(const XenNicPgBytes *bytes,
                                          size_t offset, void *to, size_t len)
{
    return iov_to_buf(bytes->iov, bytes->nr_iov, bytes->offset + offset, to,
                      len);
}

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
 * @start: queues are about to use it, for a guest that takes @guest
 * @stop: no queue uses it any more
 * @attach: frames are wanted from @wake on; or NULL
 * @detach: no frames are taken any more; or NULL
 * @send: send @nr packets, in order; the caller's memory isn't used once it
 *        returns.  Returns how many were taken: sent or, with drop set,
 *        dropped.  If fewer than @nr, the rest is to be sent again after
 *        xen_nic_pg_port_has_room().
 * @wake: a queue has room for the frame that it left with the port
 *
 * The main loop calls @start and @stop; all others are called in the port's
 * context, between those two.
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
 * @threads: it may be used from a thread of its own
 * @offloads: it takes blank checksums and frames to be segmented
 * @ctx: where it and its queues run
 * @started: between start and stop; the main loop's
 * @queues: those whose port it is; they don't run unless it is started
 * @nr_queues: how many, at least one
 * @hash: how the guest wants frames to be spread over its queues
 * @counters: what was done, by ports that know
 *
 * While it is started, @hash and @counters belong to the port's context; the
 * rest doesn't change.
 */
struct XenNicPgPort {
    const XenNicPgPortOps *ops;
    bool threads;
    bool offloads;
    AioContext *ctx;
    bool started;
    XenNicPgQueue **queues;
    unsigned int nr_queues;
    XenNicPgHash hash;
    XenNicPgPortCounters counters;
};

/**
 * xen_nic_pg_port_set_queues: say whose port it is
 * @port: a port that isn't started
 * @ctx: where it is to run: the main loop's, or, if it has @threads, another
 * @queues: all queues of the vif
 * @first: the port's first queue
 * @step: how far apart its queues are: as many as the vif uses ports
 * @nr_queues: how many queues there are
 */
void xen_nic_pg_port_set_queues(XenNicPgPort *port, AioContext *ctx,
                                XenNicPgQueue **queues, unsigned int first,
                                unsigned int step, unsigned int nr_queues);

/**
 * xen_nic_pg_port_start: let the queues run
 * @port: a port whose queues are connected
 * @guest: what the guest takes
 */
void xen_nic_pg_port_start(XenNicPgPort *port, const XenNicPgOffloads *guest);

/**
 * xen_nic_pg_port_stop: let the queues rest
 * @port: the port; nothing happens if it isn't started
 *
 * When it returns, nothing of the port or of its queues runs anywhere.
 */
void xen_nic_pg_port_stop(XenNicPgPort *port);

/**
 * xen_nic_pg_port_go_on: let the queues send what had to wait
 * @port: the port
 */
void xen_nic_pg_port_go_on(XenNicPgPort *port);

/**
 * xen_nic_pg_port_set_hash: spread frames over the queues as the guest wants
 * @port: the port
 * @hash: how; copied
 */
void xen_nic_pg_port_set_hash(XenNicPgPort *port, const XenNicPgHash *hash);

/**
 * xen_nic_pg_port_call: have something done where the port runs
 * @port: the port
 * @fn: what
 * @opaque: for @fn
 *
 * The main loop calls this, and waits until @fn has returned.  If the port
 * isn't started, nothing runs, and @fn is called at once.
 */
void xen_nic_pg_port_call(XenNicPgPort *port, QEMUBHFunc *fn, void *opaque);

/**
 * xen_nic_pg_port_visit: put the counters out, as a struct without a name
 * @port: the port
 * @v: an output visitor
 * @errp: where to report an error of the visitor
 *
 * Returns: true on success.
 */
bool xen_nic_pg_port_visit(XenNicPgPort *port, Visitor *v, Error **errp);

/**
 * xen_nic_pg_port_clear: let go of what xen_nic_pg_port_set_queues() has set
 * @port: a port that isn't started
 */
void xen_nic_pg_port_clear(XenNicPgPort *port);

/*
 * What each kind of port calls, in its context
 */

/**
 * xen_nic_pg_port_has_room: the port can send again
 * @port: the port
 */
void xen_nic_pg_port_has_room(XenNicPgPort *port);

/**
 * xen_nic_pg_port_receive: hand a frame on to the guest
 * @port: the port
 * @vnet: what the sender left to do to it; all 0 if nothing
 * @bytes: its bytes
 *
 * But for its buffer the memory isn't used once this returns.
 *
 * Returns: true if the frame was taken, be it to be dropped; false if the
 * port is to keep it until it is woken.
 */
bool xen_nic_pg_port_receive(XenNicPgPort *port,
                             const struct virtio_net_hdr *vnet,
                             const XenNicPgBytes *bytes);

/**
 * xen_nic_pg_port_lend: the pages that the next frames will end up in
 * @port: the port
 * @pages: set to where the pages of the next slots are, NULL for a page that
 *         isn't mapped, or if it isn't known before the frames are seen
 * @nr: how many slots are wanted, at most XEN_NIC_PG_BURST; set to how many
 *      there are
 *
 * See xen_nic_pg_rx_lend().
 *
 * Returns: false if there are no slots, and the port is woken when there are.
 */
bool xen_nic_pg_port_lend(XenNicPgPort *port, void **pages, unsigned int *nr);

/**
 * xen_nic_pg_port_publish: give the guest what was received, and take back what
 *                          was lent
 * @port: the port
 */
void xen_nic_pg_port_publish(XenNicPgPort *port);

#endif /* HW_NET_XEN_NIC_PG_PORT_H */
