/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that moves a vif's frames: its queues, and what they share
 *
 * See hw/net/xen_nic_pg_queues.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_QUEUES_H
#define HW_NET_XEN_NIC_PG_QUEUES_H

#include "system/iothread.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"

typedef struct XenNicPgQueues XenNicPgQueues;

/* Far above what pays: a queue of a tap has a thread. */
#define XEN_NIC_PG_MAX_QUEUES 64

/**
 * XenNicPgQueuesOptions: what the user wants
 * @nic: of the host's side
 * @max_queues: the guest may have so many queues, from 1 to
 *              XEN_NIC_PG_MAX_QUEUES
 * @threads: each port has a thread, if it allows that
 * @iothread: one thread for all, rather than one each that we make; or NULL
 * @poll_max_ns: of threads that we make
 * @stall_timeout: see XenNicPgShared
 */
typedef struct XenNicPgQueuesOptions {
    XenNicPgNicOptions nic;
    uint32_t max_queues;
    bool threads;
    IOThread *iothread;
    int64_t poll_max_ns;
    uint32_t stall_timeout;
} XenNicPgQueuesOptions;

/**
 * XenNicPgConfig: what a frontend says when it connects
 * @nr_queues: how many queues it has, at least one
 * @queues: each of them
 * @ctrl: it has a control ring, too
 * @ctrl_ring_ref: its grant reference
 * @ctrl_event_channel: the frontend's port of its event channel
 * @multicast_control: it wants only multicast frames that it names
 */
typedef struct XenNicPgConfig {
    unsigned int nr_queues;
    XenNicPgQueueConfig *queues;
    bool ctrl;
    uint32_t ctrl_ring_ref;
    uint32_t ctrl_event_channel;
    bool multicast_control;
} XenNicPgConfig;

/**
 * xen_nic_pg_queues_new: make NIC and queues
 * @options: what the user wants; outlives the queues
 * @config: what the toolstack says; used only until this returns
 * @id: a name for the threads, as no other vif has it
 * @guard: the device's reentrancy guard
 * @fault: scheduled if the frontend breaks the rules of a ring
 * @carrier: scheduled when xen_nic_pg_queues_update_carrier() should be called
 * @errp: where to report why it failed
 *
 * Returns: queues that aren't connected, or NULL.
 */
XenNicPgQueues *xen_nic_pg_queues_new(const XenNicPgQueuesOptions *options,
                                      const XenNicPgNicConfig *config,
                                      const char *id,
                                      MemReentrancyGuard *guard, QEMUBH *fault,
                                      QEMUBH *carrier, Error **errp);

/**
 * xen_nic_pg_queues_free:
 * @queues: queues that aren't connected, or NULL
 */
void xen_nic_pg_queues_free(XenNicPgQueues *queues);

/**
 * xen_nic_pg_queues_start: connect to a frontend, and begin to serve it
 * @queues: queues that aren't connected
 * @config: what the frontend says; used only until this returns
 * @errp: where to report why it failed
 *
 * Returns: true on success; on failure nothing of the frontend is left, as
 * before.
 */
bool xen_nic_pg_queues_start(XenNicPgQueues *queues,
                             const XenNicPgConfig *config, Error **errp);

/**
 * xen_nic_pg_queues_stop: stop serving the frontend and let go of the guest
 * @queues: the queues; nothing happens if they aren't connected
 *
 * When it returns, nothing of the guest is mapped, no event channel is bound,
 * and nothing of the queues runs anywhere.
 *
 * Returns: how the frontend broke the rules of a ring, or NULL.
 */
const char *xen_nic_pg_queues_stop(XenNicPgQueues *queues);

/**
 * xen_nic_pg_queues_set_rate: limit what the guest sends
 * @queues: the queues
 * @bytes: how many it may send
 * @usecs: every so many microseconds; 0: without a limit
 */
void xen_nic_pg_queues_set_rate(XenNicPgQueues *queues, uint64_t bytes,
                                uint64_t usecs);

/**
 * xen_nic_pg_queues_set_multicast_control:
 * @queues: the queues
 * @on: the guest wants only multicast frames that it names
 */
void xen_nic_pg_queues_set_multicast_control(XenNicPgQueues *queues, bool on);

/**
 * xen_nic_pg_queues_set_headroom: change the headroom of receive slots
 * @queues: the queues
 * @headroom: bytes to leave free, at most XEN_NIC_PG_HEADROOM_MAX
 */
void xen_nic_pg_queues_set_headroom(XenNicPgQueues *queues, uint32_t headroom);

/**
 * xen_nic_pg_queues_update_carrier: show the host whether frames are taken
 * @queues: the queues
 *
 * They are if a frontend is connected, no queue has stalled, and the link is
 * up.
 *
 * Returns: true if the link is up.
 */
bool xen_nic_pg_queues_update_carrier(XenNicPgQueues *queues);

/**
 * xen_nic_pg_queues_visit: put the counters out, as members of a struct
 * @queues: the queues
 * @v: an output visitor
 * @errp: where to report an error of the visitor
 *
 * Returns: true on success.
 */
bool xen_nic_pg_queues_visit(XenNicPgQueues *queues, Visitor *v, Error **errp);

#endif /* HW_NET_XEN_NIC_PG_QUEUES_H */
