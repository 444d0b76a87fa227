/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One queue of a vif: a pair of rings and what serves it
 *
 * See hw/net/xen_nic_pg_queue.c for how it works.  The first part of this
 * header is what the vif uses; the rest is for the port and for the queue's own
 * files, xen_nic_pg_queue.c, xen_nic_pg_tx.c and xen_nic_pg_rx.c.
 */

#ifndef HW_NET_XEN_NIC_PG_QUEUE_H
#define HW_NET_XEN_NIC_PG_QUEUE_H

#include "block/aio.h"
#include "hw/qdev-core.h"
#include "hw/xen/xen-grant-io.h"
#include "hw/xen/interface/io/netif.h"
#include "xen_nic_pg_credit.h"
#include "xen_nic_pg_mcast.h"
#include "xen_nic_pg_offload.h"
#include "xen_nic_pg_parse.h"
#include "xen_nic_pg_port.h"

/* Slots of a ring: one page (netif.h). */
#define XEN_NIC_PG_TX_RING_SIZE __CONST_RING_SIZE(netif_tx, XEN_PAGE_SIZE)
#define XEN_NIC_PG_RX_RING_SIZE __CONST_RING_SIZE(netif_rx, XEN_PAGE_SIZE)

/* Of XDP headroom in bytes: with half a page, short frames have one slot. */
#define XEN_NIC_PG_HEADROOM_MAX (XEN_PAGE_SIZE / 2)

/**
 * XenNicPgQueueConfig: what the frontend says of a queue
 * @domid: the frontend's domain
 * @tx_ring_ref: grant reference of the transmit ring
 * @rx_ring_ref: grant reference of the receive ring
 * @tx_event_channel: the frontend's port of the transmit ring's event channel
 * @rx_event_channel: of the receive ring's; if both have one, the same
 * @max_grants: pages that may stay mapped per direction since they are used,
 *              0: none
 * @max_static_grants: pages that the guest may name on the control ring, 0:
 *                     none
 * @sg: the guest takes frames of more than one slot
 * @rx_notify: the guest notifies when it posts receive buffers
 * @headroom: bytes to leave free at the beginning of each receive slot
 * @offloads: what the guest takes in received frames
 */
typedef struct XenNicPgQueueConfig {
    uint32_t domid;
    uint32_t tx_ring_ref;
    uint32_t rx_ring_ref;
    uint32_t tx_event_channel;
    uint32_t rx_event_channel;
    uint32_t max_grants;
    uint32_t max_static_grants;
    bool sg;
    bool rx_notify;
    uint32_t headroom;
    XenNicPgOffloads offloads;
} XenNicPgQueueConfig;

/**
 * XenNicPgShared: what all queues of a vif share
 * @mcast: the multicast frames that the guest wants
 * @credit: how fast it may send
 * @fault: scheduled if the frontend breaks the rules of a ring, when the queue
 *         has stopped working
 * @carrier: scheduled when a queue has stalled, when it goes on, and when the
 *           link goes up or down
 * @stall_timeout: a queue has stalled if a frame has waited for slots for so
 *                 many milliseconds; 0: never
 * @guard: the device's reentrancy guard
 */
typedef struct XenNicPgShared {
    XenNicPgMcast *mcast;
    XenNicPgCredit *credit;
    QEMUBH *fault;
    QEMUBH *carrier;
    uint32_t stall_timeout;
    MemReentrancyGuard *guard;
} XenNicPgShared;

/**
 * xen_nic_pg_queue_new:
 * @shared: what it shares with the vif's other queues; outlives the queue
 *
 * Returns: a queue that isn't connected.  It is given a port by
 * xen_nic_pg_port_set_queues(), and runs while that is started; but it is
 * handled from the main loop, wherever it runs.
 */
XenNicPgQueue *xen_nic_pg_queue_new(const XenNicPgShared *shared);

/**
 * xen_nic_pg_queue_free:
 * @queue: a queue that isn't connected, or NULL
 */
void xen_nic_pg_queue_free(XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_connect: map the rings and bind the event channels
 * @queue: a queue that isn't connected
 * @config: what the frontend says; copied
 * @errp: where to report why it failed
 *
 * Returns: true on success; on failure all is as before.
 */
bool xen_nic_pg_queue_connect(XenNicPgQueue *queue,
                              const XenNicPgQueueConfig *config, Error **errp);

/**
 * xen_nic_pg_queue_disconnect: let go of the guest
 * @queue: the queue, whose port isn't started; nothing happens if it isn't
 *         connected
 *
 * When it returns, nothing of the guest is mapped, and no event channel is
 * bound.
 *
 * Returns: how the frontend broke the rules of a ring, or NULL.
 */
const char *xen_nic_pg_queue_disconnect(XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_set_headroom: change the headroom of receive slots
 * @queue: a queue that is connected
 * @headroom: bytes to leave free, at most XEN_NIC_PG_HEADROOM_MAX
 */
void xen_nic_pg_queue_set_headroom(XenNicPgQueue *queue, uint32_t headroom);

/**
 * xen_nic_pg_queue_is_stalled:
 * @queue: the queue
 *
 * Returns: true if frames have waited for receive slots for too long.
 */
bool xen_nic_pg_queue_is_stalled(XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_add_grants: map pages that the guest will use (netif.h,
 *                              XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING)
 * @queue: a queue that is connected
 * @grefs: the pages; @status isn't used
 * @nr: how many
 *
 * Pages that are marked read-only serve transmit requests, others both rings.
 *
 * Returns: true on success.  On failure none is added: one of them can't be
 * mapped, or is there already, or has unknown flags, or there's no room.
 */
bool xen_nic_pg_queue_add_grants(XenNicPgQueue *queue,
                                 struct xen_netif_gref *grefs,
                                 unsigned int nr);

/**
 * xen_nic_pg_queue_remove_grants: unmap such pages
 * @queue: a queue that is connected
 * @grefs: the pages; @status is set to whether each was removed: not if it
 *         wasn't added, or is used by a request that isn't answered
 * @nr: how many
 *
 * Returns: how many were removed.
 */
unsigned int xen_nic_pg_queue_remove_grants(XenNicPgQueue *queue,
                                            struct xen_netif_gref *grefs,
                                            unsigned int nr);

/**
 * xen_nic_pg_queue_max_static_grants:
 * @queue: a queue that is connected
 *
 * Returns: how many pages can be added.
 */
unsigned int xen_nic_pg_queue_max_static_grants(const XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_visit: put the counters out, as a struct without a name
 * @queue: the queue
 * @v: an output visitor
 * @errp: where to report an error of the visitor
 *
 * The counters go on from one connection to the next.
 *
 * Returns: true on success.
 */
bool xen_nic_pg_queue_visit(XenNicPgQueue *queue, Visitor *v, Error **errp);

/*
 * What the port does to its queues
 */

/**
 * xen_nic_pg_queue_set_port: say which port it has
 * @queue: a queue whose port isn't started
 * @port: the port, which stays the caller's
 */
void xen_nic_pg_queue_set_port(XenNicPgQueue *queue, XenNicPgPort *port);

/**
 * xen_nic_pg_queue_run: begin to serve the rings, in the port's context
 * @queue: a queue that is connected
 */
void xen_nic_pg_queue_run(XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_rest: do nothing until xen_nic_pg_queue_run() is called
 *                        again, maybe in another context
 * @queue: the queue
 */
void xen_nic_pg_queue_rest(XenNicPgQueue *queue);

/*
 * Of the queue's own files
 */

/*
 * How many slots are served before responses are published.  More would make
 * a grant copy cheaper per slot, but the guest waits longer for the first.
 */
#define XEN_NIC_PG_BURST 128

/**
 * XenNicPgTx: the half from guest to host
 * @ring: the shared ring
 * @cache: mapped pages, NULL if not persistent
 * @io: reads the burst's slots
 * @bh: goes on with the ring
 * @requests: the burst's requests, copied from the ring
 * @frames: what they describe
 * @packets: the same, for the port
 * @iov: the packets' iovecs: each has one for the port, one for what is copied
 *       of the beginning, and one per slot
 * @segments_end: by frame, how many segments of @io it and those before it have
 * @nr_seen: requests, the last on the ring, that don't make up a frame yet
 * @nr_frames: frames in the burst
 * @next_frame: the first of them that hasn't been answered
 * @next_request: its first request
 * @large: a frame that software works on, NULL until needed
 * @segment: one segment of it
 * @nr_paid: frames, from the burst's first on, that are paid for
 * @credit_timer: goes on when there's credit
 * @segment_len: length of a segment that the port hasn't taken yet, or 0
 * @segmenter: makes the segments
 * @counters: what was done
 * @past_grants: grant counters of earlier connections
 */
typedef struct XenNicPgTx {
    netif_tx_back_ring_t ring;
    XenGrantCache *cache;
    XenGrantIO *io;
    QEMUBH *bh;
    netif_tx_request_t requests[XEN_NIC_PG_BURST];
    XenNicPgFrame frames[XEN_NIC_PG_BURST];
    XenNicPgPacket packets[XEN_NIC_PG_BURST];
    struct iovec iov[3 * XEN_NIC_PG_BURST];
    uint8_t segments_end[XEN_NIC_PG_BURST];
    unsigned int nr_seen;
    unsigned int nr_frames;
    unsigned int next_frame;
    unsigned int next_request;
    unsigned int nr_paid;
    QEMUTimer *credit_timer;
    uint8_t *large;
    uint8_t *segment;
    size_t segment_len;
    XenNicPgSegmenter segmenter;
    XenNicPgCounters counters;
    XenNicPgGrantCounters past_grants;
} XenNicPgTx;

/**
 * XenNicPgRxFrame: a frame in the receive burst
 * @nr_slots: ring slots that it takes, extra infos included
 * @size: its length in bytes
 * @gso: it is to be segmented by the guest
 */
typedef struct XenNicPgRxFrame {
    unsigned int nr_slots;
    size_t size;
    bool gso;
} XenNicPgRxFrame;

/**
 * XenNicPgRx: the half from host to guest
 * @ring: the shared ring
 * @cache: mapped pages, NULL if not persistent
 * @io: writes the burst's slots
 * @bh: publishes the burst
 * @responses: the burst's responses and extra infos, in ring order
 * @segments: the memory of each response, NULL for an extra info
 * @frames: the frames that they make up
 * @nr_responses: how many responses
 * @nr_frames: how many frames
 * @requests: the requests of slots whose pages are lent to the port, which
 *            aren't consumed yet
 * @lent: their pages, NULL if not mapped
 * @nr_lent: how many slots were lent
 * @next_lent: the first of them that isn't consumed
 * @wanted: slots that a frame waits for, 0 if none does
 * @stall_timer: runs while one does
 * @stalled: it has waited for too long, and frames are dropped
 * @large: a frame that software works on, NULL until needed
 * @segment: one segment of it
 * @counters: what was done
 * @past_grants: grant counters of earlier connections
 */
typedef struct XenNicPgRx {
    netif_rx_back_ring_t ring;
    XenGrantCache *cache;
    XenGrantIO *io;
    QEMUBH *bh;
    netif_rx_response_t responses[XEN_NIC_PG_BURST];
    XenGrantSegment *segments[XEN_NIC_PG_BURST];
    XenNicPgRxFrame frames[XEN_NIC_PG_BURST];
    unsigned int nr_responses;
    unsigned int nr_frames;
    netif_rx_request_t requests[XEN_NIC_PG_BURST];
    XenGrantSegment *lent[XEN_NIC_PG_BURST];
    unsigned int nr_lent;
    unsigned int next_lent;
    unsigned int wanted;
    QEMUTimer *stall_timer;
    bool stalled;
    uint8_t *large;
    uint8_t *segment;
    XenNicPgCounters counters;
    XenNicPgGrantCounters past_grants;
} XenNicPgRx;

/**
 * XenNicPgQueue: both halves and what they share
 * @shared: what all queues share
 * @config: what the frontend says
 * @port: where frames go to and come from; while that is started, nothing below
 *        is touched from outside its context
 * @connected: between connect and disconnect; the main loop's
 * @fault: how the frontend broke the rules, or NULL
 * @running: rings are served: the port is started, and no fault
 * @polling: the rings are looked at all the time, so the frontend needn't
 *           notify
 * @xgt: maps and copies; the queue's own
 * @xeh: the event channels' handle; the queue's own
 * @events: the same, for the AioContext
 * @tx_port: our end of the transmit ring's event channel
 * @rx_port: of the receive ring's; if both have one, the same
 * @tx_sring: the mapped transmit ring
 * @rx_sring: the mapped receive ring
 */
struct XenNicPgQueue {
    const XenNicPgShared *shared;
    XenNicPgQueueConfig config;
    XenNicPgPort *port;
    bool connected;
    const char *fault;
    bool running;
    bool polling;
    xengnttab_handle *xgt;
    xenevtchn_handle *xeh;
    EventNotifier events;
    int tx_port;
    int rx_port;
    netif_tx_sring_t *tx_sring;
    netif_rx_sring_t *rx_sring;
    XenNicPgTx tx;
    XenNicPgRx rx;
};

/**
 * xen_nic_pg_queue_guard:
 * @queue: a queue that has a port
 *
 * Returns: what bottom halves in the port's context are to be guarded by: the
 * device's guard in the main loop, whose it is, else NULL.
 */
MemReentrancyGuard *xen_nic_pg_queue_guard(const XenNicPgQueue *queue);

/**
 * xen_nic_pg_queue_report_fault: stop working since the frontend is rogue
 * @queue: the queue
 * @reason: what the frontend did; a constant
 */
void xen_nic_pg_queue_report_fault(XenNicPgQueue *queue, const char *reason);

/**
 * xen_nic_pg_queue_notify: tell the frontend of responses, if it asked
 * @queue: the queue
 * @port: its @tx_port or @rx_port
 * @wanted: it asked
 * @counters: where to count
 */
void xen_nic_pg_queue_notify(XenNicPgQueue *queue, int port, bool wanted,
                             XenNicPgCounters *counters);

/**
 * xen_nic_pg_tx_start, xen_nic_pg_rx_start: prepare to serve the mapped ring
 * @queue: the queue; the receive half is started first
 * @errp: where to report why it failed
 *
 * Returns: true on success.
 */
bool xen_nic_pg_tx_start(XenNicPgQueue *queue, Error **errp);
bool xen_nic_pg_rx_start(XenNicPgQueue *queue, Error **errp);

/**
 * xen_nic_pg_tx_attach, xen_nic_pg_rx_attach: begin to serve it
 * @queue: the queue
 *
 * They make what is bound to the port's context.
 */
void xen_nic_pg_tx_attach(XenNicPgQueue *queue);
void xen_nic_pg_rx_attach(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_detach, xen_nic_pg_rx_detach: leave the port's context
 * @queue: the queue
 */
void xen_nic_pg_tx_detach(XenNicPgQueue *queue);
void xen_nic_pg_rx_detach(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_stop, xen_nic_pg_rx_stop: unmap all but the ring
 * @queue: the queue; the transmit half is stopped first
 */
void xen_nic_pg_tx_stop(XenNicPgQueue *queue);
void xen_nic_pg_rx_stop(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_run: forward what's on the transmit ring
 * @queue: the queue
 *
 * Goes on until the ring is empty, the port is full, or others should have
 * their turn; in the last case it has arranged to be called again.
 */
void xen_nic_pg_tx_run(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_is_pending: is there something to forward?
 * @queue: the queue
 *
 * Returns: true if xen_nic_pg_tx_run() would find requests that it hasn't seen.
 */
bool xen_nic_pg_tx_is_pending(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_ask: ask the frontend to notify of the next request
 * @queue: the queue
 *
 * There may be some already of which it didn't: see
 * xen_nic_pg_tx_is_pending().
 */
void xen_nic_pg_tx_ask(XenNicPgQueue *queue);

/**
 * xen_nic_pg_tx_wake: the port has room again
 * @queue: the queue
 */
void xen_nic_pg_tx_wake(XenNicPgQueue *queue);

/**
 * xen_nic_pg_rx_receive: a frame comes from the port
 * @queue: the queue
 * @vnet: what the sender left to do to it; all 0 if nothing
 * @bytes: its bytes
 * @hash: its hash, for the guest
 *
 * Returns: as xen_nic_pg_port_receive().
 */
bool xen_nic_pg_rx_receive(XenNicPgQueue *queue,
                           const struct virtio_net_hdr *vnet,
                           const XenNicPgBytes *bytes,
                           const XenNicPgHashValue *hash);

/**
 * xen_nic_pg_rx_lend: the pages that frames will end up in
 * @queue: the queue
 * @pages: set to where the pages of the next slots are mapped, in ring order;
 *         NULL for a page that isn't
 * @nr: how many slots are wanted, at most XEN_NIC_PG_BURST; set to how many
 *      there are
 *
 * A frame that is read into the pages of its slots needn't be copied any more.
 * A frame has one slot per page, and, if it is to be segmented, one more after
 * the first.  A page is lent until the slot is taken by whatever frame is
 * received next, so what is in the pages of slots that don't turn out to be its
 * own has to be saved before.  xen_nic_pg_rx_publish() takes back what is left.
 *
 * Returns: false if the guest hasn't posted slots; the port is woken when it
 * has.  True with no slot at all if frames would be dropped.
 */
bool xen_nic_pg_rx_lend(XenNicPgQueue *queue, void **pages, unsigned int *nr);

/**
 * xen_nic_pg_rx_publish: give the guest what was received
 * @queue: the queue
 *
 * Without this, a bottom half does it, unless pages are lent.
 */
void xen_nic_pg_rx_publish(XenNicPgQueue *queue);

/**
 * xen_nic_pg_rx_is_pending: are there slots for the frame that waits?
 * @queue: the queue
 *
 * Returns: true if xen_nic_pg_rx_run() would wake the port.
 */
bool xen_nic_pg_rx_is_pending(XenNicPgQueue *queue);

/**
 * xen_nic_pg_rx_run: see whether the guest has posted the slots that a frame
 *                    waits for
 * @queue: the queue
 */
void xen_nic_pg_rx_run(XenNicPgQueue *queue);

#endif /* HW_NET_XEN_NIC_PG_QUEUE_H */
