/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a queue counts, and how an operator reads it
 *
 * Each direction of a queue has a XenNicPgCounters.  Each counter is named
 * here once; the name in QMP is the same, with hyphens.
 */

#ifndef HW_NET_XEN_NIC_PG_STATS_H
#define HW_NET_XEN_NIC_PG_STATS_H

#include "qapi/visitor.h"

/* Why a frame was dropped.  The names are part of the interface. */
#define XEN_NIC_PG_DROPS(X)                                                 \
    X(NONE, "none")                                                         \
    X(SIZE, "size")             /* below 14 bytes, or not what slots say */ \
    X(SLOTS, "slots")           /* more than 18 slots */                    \
    X(PAGE, "page")             /* a slot leaves its page */                \
    X(EXTRA, "extra")           /* an extra info that isn't known, or an */ \
                                /* address that can't be on the list */     \
    X(GSO, "gso")               /* GSO without size, of unknown type, or */ \
                                /* on a frame that isn't such TCP */        \
    X(CHECKSUM, "checksum")     /* a blank checksum that can't be found */  \
    X(GRANT, "grant")           /* a grant that can't be used */            \
    X(LINK_DOWN, "link-down")   /* the link of NIC or netdev is down */     \
    X(NETDEV, "netdev")         /* the netdev failed to send it */          \
    X(CLOSED, "closed")         /* the frontend isn't connected */          \
    X(TOO_LONG, "too-long")     /* needs more slots than the guest takes */ \
    X(NO_SLOTS, "no-slots")     /* no slots, and no way to be woken */      \
    X(STALLED, "stalled")       /* no slots for long */                     \
    X(MULTICAST, "multicast")   /* the guest doesn't want it */

typedef enum XenNicPgDrop {
#define X(id, name) XEN_NIC_PG_DROP_##id,
    XEN_NIC_PG_DROPS(X)
#undef X
    XEN_NIC_PG_DROP__MAX
} XenNicPgDrop;

/**
 * XenNicPgCounters: one direction of a queue
 * @frames: frames forwarded
 * @bytes: their bytes, from the Ethernet header on
 * @gso_frames: those that were left for the receiver to segment
 * @slots: ring slots consumed
 * @software_checksums: checksums computed since the receiver doesn't
 * @software_segments: frames made by segmenting, since the receiver doesn't
 * @held_back: times that the source had to wait for room
 * @notifications_sent: event channel notifications
 * @notifications_saved: bursts that needed none
 * @drops: frames dropped, by reason
 */
typedef struct XenNicPgCounters {
    uint64_t frames;
    uint64_t bytes;
    uint64_t gso_frames;
    uint64_t slots;
    uint64_t software_checksums;
    uint64_t software_segments;
    uint64_t held_back;
    uint64_t notifications_sent;
    uint64_t notifications_saved;
    uint64_t drops[XEN_NIC_PG_DROP__MAX];
} XenNicPgCounters;

/**
 * XenNicPgGrantCounters: how one direction of a queue reached the pages
 * @persistent_hits: slots served from a mapped page
 * @mapped: pages mapped now
 * @mapped_max: as many may be mapped
 * @static_pages: those of @mapped that the guest has named on the control ring
 * @copies: segments copied by the hypervisor
 * @copy_calls: hypercalls that did it
 * @map_calls: hypercalls that mapped
 * @evicted: pages unmapped to make room for others
 * @fallback_first: slots copied since the page was seen for the first time
 * @fallback_busy: slots copied since the page was in use already
 * @fallback_full: slots copied since no more pages may be mapped
 * @fallback_map_failed: slots copied since the page can't be mapped
 */
typedef struct XenNicPgGrantCounters {
    uint64_t persistent_hits;
    uint64_t mapped;
    uint64_t mapped_max;
    uint64_t static_pages;
    uint64_t copies;
    uint64_t copy_calls;
    uint64_t map_calls;
    uint64_t evicted;
    uint64_t fallback_first;
    uint64_t fallback_busy;
    uint64_t fallback_full;
    uint64_t fallback_map_failed;
} XenNicPgGrantCounters;

/**
 * XenNicPgPortCounters: how a port that has its own file used it
 * @reads: frames that came from it
 * @read_calls: system calls that it took
 * @writes: frames that it was to take
 * @write_calls: system calls that it took
 */
typedef struct XenNicPgPortCounters {
    uint64_t reads;
    uint64_t read_calls;
    uint64_t writes;
    uint64_t write_calls;
} XenNicPgPortCounters;

/**
 * xen_nic_pg_drop_name:
 * @drop: why a frame was dropped
 *
 * Returns: its name, as in QMP.
 */
const char *xen_nic_pg_drop_name(XenNicPgDrop drop);

/**
 * xen_nic_pg_counters_visit: put one direction's counters out
 * @v: an output visitor
 * @name: the name of the direction, "tx" or "rx"
 * @counters: what was counted
 * @grants: how the pages were reached
 * @errp: where to report an error of the visitor
 *
 * Returns: true on success.
 */
bool xen_nic_pg_counters_visit(Visitor *v, const char *name,
                               const XenNicPgCounters *counters,
                               const XenNicPgGrantCounters *grants,
                               Error **errp);

/**
 * xen_nic_pg_port_counters_visit: put a port's counters out, as a struct
 *                                 without a name
 * @v: an output visitor
 * @type: what kind of port it is
 * @counters: what was counted
 * @errp: where to report an error of the visitor
 *
 * Returns: true on success.
 */
bool xen_nic_pg_port_counters_visit(Visitor *v, const char *type,
                                    const XenNicPgPortCounters *counters,
                                    Error **errp);

#endif /* HW_NET_XEN_NIC_PG_STATS_H */
