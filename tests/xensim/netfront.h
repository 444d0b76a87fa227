/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated vif: what the toolstack and the guest's netfront do
 *
 * xensim_vif_*   writes into xenstore what libxl writes
 * xensim_front_* is the guest's driver: it connects with any set of features,
 *                sends frames cut into slots in any way, posts buffers, and
 *                takes what was received, and asks on the control ring.  Its
 *                rings, pages and references are open to tests that want to
 *                break the rules.
 *
 * A front is used by one thread at a time; different queues may be used by
 * different threads, and a raw test may write to a ring from a second thread
 * as it likes.
 */

#ifndef XENSIM_NETFRONT_H
#define XENSIM_NETFRONT_H

#include "store.h"
#include "xensim.h"

/* What ring.h leaves to its user */
#define xen_mb() atomic_thread_fence(memory_order_seq_cst)
#define xen_rmb() atomic_thread_fence(memory_order_acquire)
#define xen_wmb() atomic_thread_fence(memory_order_release)

#include <xen/io/netif.h>
#include <xen/io/xenbus.h>

/* How long anything may take before a test has failed, in milliseconds */
#define XENSIM_PATIENCE 30000

#define XENSIM_TX_SLOTS __CONST_RING_SIZE(netif_tx, XENSIM_PAGE_SIZE)
#define XENSIM_RX_SLOTS __CONST_RING_SIZE(netif_rx, XENSIM_PAGE_SIZE)
#define XENSIM_CTRL_SLOTS __CONST_RING_SIZE(xen_netif_ctrl, XENSIM_PAGE_SIZE)
#define XENSIM_MAX_QUEUES 8

/*
 * The toolstack's side
 */

/**
 * xensim_vif_new: make a vif's directories, as libxl does
 * @sim: the simulation
 * @handle: the vif's number
 * @keys: further keys and values of the backend's directory, in turn, ended
 *        by NULL, or NULL for none; one that is set anyway (mac, handle,
 *        online, …) is replaced
 *
 * Both ends begin in state Initialising.
 */
void xensim_vif_new(Xensim *sim, unsigned int handle,
                    const char *const *keys);

/**
 * xensim_vif_remove: ask the backend to let go, as xl network-detach and xl
 *                    destroy do, and remove the directories
 * @sim: the simulation
 * @handle: the vif's number
 * @guest_too: false: the guest is dead, its directory is removed first
 *
 * Returns: true if the backend said Closed in time.
 */
bool xensim_vif_remove(Xensim *sim, unsigned int handle, bool guest_too);

/**
 * xensim_vif_backend, xensim_vif_frontend: the path of a key
 * @key: a key, or NULL: the directory
 *
 * Returns: a path, to be freed with g_free().
 */
char *xensim_vif_backend(Xensim *sim, unsigned int handle, const char *key);
char *xensim_vif_frontend(Xensim *sim, unsigned int handle, const char *key);

/**
 * xensim_vif_wait_backend: wait for the backend's state
 *
 * Returns: true if it came to that within XENSIM_PATIENCE.
 */
bool xensim_vif_wait_backend(Xensim *sim, unsigned int handle,
                             enum xenbus_state state);

/*
 * The guest's side
 */

/**
 * XensimFrontConfig: how a front connects
 * @persistent: write feature-persistent = 1 and keep grants for ever
 * @queues: how many queues; 0: one, without multi-queue keys
 * @split: event channels of their own for transmit and receive
 * @ctrl: a control ring
 * @no_sg: don't write feature-sg
 * @csum6, gso4, gso6: write feature-ipv6-csum-offload, feature-gso-tcpv4,
 *                     feature-gso-tcpv6
 * @no_csum: write feature-no-csum-offload
 * @unchecked: receive buffers aren't filled with a pattern and checked
 * @keys: further keys and values of the frontend's directory, in turn, ended
 *        by NULL, or NULL for none; they replace those that would be written;
 *        a value of "" (empty) leaves the key out
 */
typedef struct XensimFrontConfig {
    bool persistent;
    unsigned int queues;
    bool split;
    bool ctrl;
    bool no_sg;
    bool csum6;
    bool gso4;
    bool gso6;
    bool no_csum;
    bool unchecked;
    const char *const *keys;
} XensimFrontConfig;

/**
 * XensimBuffer: a page that a front sends from or receives into
 * @frame: the page, or 0 if it wasn't needed yet
 * @ref: its grant, or 0 if there is none at the moment
 * @busy: it is with the backend
 */
typedef struct XensimBuffer {
    uint32_t frame;
    uint32_t ref;
    bool busy;
} XensimBuffer;

/**
 * XensimBuffers: the pages of a ring; a request's id says which is meant
 * @buffers: by id
 * @free: the ids of those that aren't busy; the last one is used next
 * @nr_free: how many
 */
typedef struct XensimBuffers {
    XensimBuffer buffers[XENSIM_TX_SLOTS];
    uint16_t free[XENSIM_TX_SLOTS];
    unsigned int nr_free;
} XensimBuffers;

G_STATIC_ASSERT(XENSIM_TX_SLOTS == XENSIM_RX_SLOTS);

/**
 * XensimQueue: a pair of rings
 * @tx, rx: the guest's private view of the rings
 * @tx_frame, rx_frame, tx_ref, rx_ref: their pages and grants
 * @tx_port, rx_port: the guest's ports, the same if they aren't split
 * @tx_buffers: the pages that are sent; persistent ones keep their grants
 * @rx_buffers: the pages that are posted
 * @rx_ids: by place in the ring, the id that was posted there
 * @tx_ok, tx_error, tx_dropped, tx_null: responses by status
 */
typedef struct XensimQueue {
    netif_tx_front_ring_t tx;
    netif_rx_front_ring_t rx;
    uint32_t tx_frame, rx_frame, tx_ref, rx_ref;
    uint32_t tx_port, rx_port;
    XensimBuffers tx_buffers, rx_buffers;
    uint16_t rx_ids[XENSIM_RX_SLOTS];
    uint64_t tx_ok, tx_error, tx_dropped, tx_null;
} XensimQueue;

/**
 * XensimControl: the control ring, or all 0 if there is none
 * @ring: the guest's private view of it
 * @frame, ref: its page and grant
 * @port: the guest's port
 * @list_frame, list_ref: a page for what a request names by a grant: a key, a
 *                        mapping, references
 * @last_id: the id of the last request
 */
typedef struct XensimControl {
    xen_netif_ctrl_front_ring_t ring;
    uint32_t frame, ref;
    uint32_t port;
    uint32_t list_frame, list_ref;
    uint16_t last_id;
} XensimControl;

/**
 * XensimFront: a vif's driver
 */
typedef struct XensimFront {
    Xensim *sim;
    unsigned int handle;
    XensimFrontConfig config;
    unsigned int nr_queues;
    XensimQueue queues[XENSIM_MAX_QUEUES];
    XensimControl control;
} XensimFront;

/**
 * xensim_front_new: a driver for a vif that xensim_vif_new() has made
 */
XensimFront *xensim_front_new(Xensim *sim, unsigned int handle);

/**
 * xensim_front_free: free the driver, which has disconnected
 */
void xensim_front_free(XensimFront *front);

/**
 * xensim_front_begin: say Initialising if Closed, wait for the backend's
 *                     InitWait
 *
 * Returns: true if it came to that in time.
 */
bool xensim_front_begin(XensimFront *front);

/**
 * xensim_front_publish: allocate and grant rings, write all keys
 * @front: a driver that isn't connected; its rings are empty
 * @config: how to connect; copied
 *
 * It neither waits for the backend nor changes the state: a test may do more
 * before it sets the state.
 */
void xensim_front_publish(XensimFront *front, const XensimFrontConfig *config);

/**
 * xensim_front_connect: begin, publish, say Connected, wait for the backend's
 *                       Connected
 *
 * Returns: true if it came to that in time.
 */
bool xensim_front_connect(XensimFront *front, const XensimFrontConfig *config);

/**
 * xensim_front_set_state: write the frontend's state
 */
void xensim_front_set_state(XensimFront *front, enum xenbus_state state);

/**
 * xensim_front_withdraw: give all pages and channels back
 *
 * Returns: true if the backend held nothing any more; else what it holds is
 * left as it is.
 */
bool xensim_front_withdraw(XensimFront *front);

/**
 * xensim_front_disconnect: say Closing and then Closed, each time waiting for
 *                          the backend to say so, too; end all grants
 *
 * Returns: true if the backend did so in time and held nothing any more.
 */
bool xensim_front_disconnect(XensimFront *front);

/**
 * XensimTxSlot: one slot of a frame to send
 * @offset: where in its page the data begins, in bytes
 * @len: how much of the frame it carries, in bytes
 */
typedef struct XensimTxSlot {
    uint16_t offset;
    uint16_t len;
} XensimTxSlot;

/**
 * XensimTxFrame: a frame to send
 * @data, len: its bytes; @len may be above 65535 only in raw tests
 * @slots, nr_slots: how it is cut; NULL: from offset 0 of as many pages as it
 *                   takes
 * @flags: NETTXF_csum_blank, NETTXF_data_validated; more_data and extra_info
 *         are set as needed
 * @extras, nr_extras: extra infos; XEN_NETIF_EXTRA_FLAG_MORE is set as needed
 * @size: what the first request says of the frame's size; 0: the truth
 */
typedef struct XensimTxFrame {
    const void *data;
    size_t len;
    const XensimTxSlot *slots;
    unsigned int nr_slots;
    uint16_t flags;
    const netif_extra_info_t *extras;
    unsigned int nr_extras;
    uint16_t size;
} XensimTxFrame;

/**
 * xensim_front_queue_tx: put a frame into the ring, without publishing it
 *
 * Takes the responses that have come first.
 *
 * Returns: true on success, false if there's no room in the ring.
 */
bool xensim_front_queue_tx(XensimFront *front, unsigned int queue,
                           const XensimTxFrame *frame);

/**
 * xensim_front_push_tx: publish, and notify the backend if it asked for it
 *
 * Returns: true if the backend was notified.
 */
bool xensim_front_push_tx(XensimFront *front, unsigned int queue);

/**
 * xensim_front_send: queue a frame, waiting for room, and push it
 *
 * Returns: true on success, false if there was no room in time.
 */
bool xensim_front_send(XensimFront *front, unsigned int queue,
                       const XensimTxFrame *frame);

/**
 * xensim_front_reap_tx: take the responses that have come
 *
 * Pages that aren't persistent have their grants ended; a grant that the
 * backend still uses by then is an error that ends the test.
 *
 * Returns: how many responses it took.
 */
unsigned int xensim_front_reap_tx(XensimFront *front, unsigned int queue);

/**
 * xensim_front_flush_tx: wait until all that was sent is answered
 *
 * Returns: true if it was, in time.
 */
bool xensim_front_flush_tx(XensimFront *front, unsigned int queue);

/**
 * xensim_front_post_rx: post buffers, publish and notify if asked for
 * @nr: how many, at most as many as the ring has room for
 *
 * Buffers are filled with a pattern first (XENSIM_RX_PATTERN), so that what
 * the backend writes beyond its data shows.
 *
 * Returns: how many were posted.
 */
unsigned int xensim_front_post_rx(XensimFront *front, unsigned int queue,
                                  unsigned int nr);

#define XENSIM_RX_PATTERN 0xa5

/**
 * XensimRxFrame: a frame that was received
 * @data, len: its bytes
 * @flags: of the first response (NETRXF_*)
 * @extras, nr_extras: extra infos
 * @nr_slots: data slots
 * @offsets: where in their pages the data of the first of them begins
 * @error: a response that had a negative status, or 0
 */
typedef struct XensimRxFrame {
    uint8_t *data;
    size_t len;
    uint16_t flags;
    netif_extra_info_t extras[XEN_NETIF_EXTRA_TYPE_MAX];
    unsigned int nr_extras;
    unsigned int nr_slots;
    uint16_t offsets[XEN_NETIF_NR_SLOTS_MIN];
    int error;
} XensimRxFrame;

/**
 * xensim_front_receive: wait for a frame
 * @timeout_ms: for how long at the most; 0: only take what is there
 *
 * Sets rsp_event so that the backend notifies for the next response.  Buffers
 * aren't posted again.
 *
 * Returns: a frame, to be freed with xensim_rx_frame_free(), or NULL if none
 * came in time.
 */
XensimRxFrame *xensim_front_receive(XensimFront *front, unsigned int queue,
                                    int timeout_ms);

void xensim_rx_frame_free(XensimRxFrame *frame);

/**
 * xensim_front_drain_rx: take the frames that have come, unread
 *
 * It doesn't ask for a notification; RING_FINAL_CHECK_FOR_RESPONSES() does.
 *
 * Returns: how many frames it took.
 */
unsigned int xensim_front_drain_rx(XensimFront *front, unsigned int queue);

/*
 * The control ring, of a front that was published with config.ctrl
 */

/**
 * xensim_front_control: make a request and wait for the response
 * @type: XEN_NETIF_CTRL_TYPE_*
 * @data0, @data1, @data2: the request's data
 * @answer: where to put the response's data, or NULL
 *
 * A response that doesn't come, or has another id or type, ends the test.
 *
 * Returns: the response's status.
 */
uint32_t xensim_front_control(XensimFront *front, uint16_t type,
                              uint32_t data0, uint32_t data1, uint32_t data2,
                              uint32_t *answer);

/**
 * xensim_front_set_hash_key: put a key into the list page and set it
 * @size: in bytes, at most a page
 *
 * Returns: the response's status.
 */
uint32_t xensim_front_set_hash_key(XensimFront *front, const void *key,
                                   uint32_t size);

/**
 * xensim_front_set_hash_mapping: put a part of the mapping into the list page
 *                                and set it
 * @queues: its entries
 * @nr: how many, at most a page of them
 * @offset: where in the mapping it begins
 *
 * Returns: the response's status.
 */
uint32_t xensim_front_set_hash_mapping(XensimFront *front,
                                       const uint32_t *queues, uint32_t nr,
                                       uint32_t offset);

/* How many references a page can list */
#define XENSIM_MAX_GREFS (XENSIM_PAGE_SIZE / sizeof(struct xen_netif_gref))

/* What an entry's status is before the backend writes one */
#define XENSIM_NO_STATUS 0xffff

/**
 * xensim_front_list_grefs: put references into the list page
 * @nr: how many, at most XENSIM_MAX_GREFS
 * @flags: XEN_NETIF_CTRLF_GREF_* of all of them
 *
 * Returns: the list, as it is in the page; each status is XENSIM_NO_STATUS.
 */
struct xen_netif_gref *xensim_front_list_grefs(XensimFront *front,
                                               const uint32_t *refs,
                                               uint32_t nr, uint16_t flags);

/**
 * xensim_front_add_grefs: have a queue's backend map pages for good
 * @refs, @nr, @flags: see xensim_front_list_grefs()
 *
 * Returns: the response's status.
 */
uint32_t xensim_front_add_grefs(XensimFront *front, uint32_t queue,
                                const uint32_t *refs, uint32_t nr,
                                uint16_t flags);

/**
 * xensim_front_del_grefs: have it unmap them
 * @removed: where to put how many it has unmapped, or NULL
 *
 * The status of each is in the list page afterwards.
 *
 * Returns: the response's status.
 */
uint32_t xensim_front_del_grefs(XensimFront *front, uint32_t queue,
                                const uint32_t *refs, uint32_t nr,
                                uint32_t *removed);

/**
 * xensim_front_put_control: put a request into the ring, which has room for it,
 *                           without publishing it
 */
void xensim_front_put_control(XensimFront *front,
                              const struct xen_netif_ctrl_request *request);

/**
 * xensim_front_push_control: publish, and notify the backend if it asked for it
 */
void xensim_front_push_control(XensimFront *front);

/**
 * xensim_front_take_control: wait for the next response, whatever it says
 *
 * Returns: true on success, false if none came in time.
 */
bool xensim_front_take_control(XensimFront *front,
                               struct xen_netif_ctrl_response *response);

#endif /* XENSIM_NETFRONT_H */
