/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a guest's transmit requests to frame descriptors
 *
 * See hw/net/xen_nic_pg_parse.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_PARSE_H
#define HW_NET_XEN_NIC_PG_PARSE_H

#include "hw/xen/xen_backend_ops.h"
#include "net/net.h"
#include "hw/xen/interface/io/netif.h"
#include "xen_nic_pg_stats.h"

/* The most data slots of one frame that every backend must take (netif.h). */
#define XEN_NIC_PG_MAX_SLOTS XEN_NETIF_NR_SLOTS_MIN

/* The most extra infos of one frame: as many as there are types. */
#define XEN_NIC_PG_MAX_EXTRAS (XEN_NETIF_EXTRA_TYPE_MAX - 1)

/**
 * XenNicPgSlot: part of a frame in one of the guest's pages
 * @ref: the page's grant reference
 * @offset: where it begins in the page, in bytes
 * @size: its length in bytes; @offset + @size doesn't leave the page
 */
typedef struct XenNicPgSlot {
    uint32_t ref;
    uint16_t offset;
    uint16_t size;
} XenNicPgSlot;

/**
 * XenNicPgFrame: one frame that the guest sends
 * @error: why it has to be dropped; if not NONE, only @ring_slots and
 *         @nr_extras mean anything
 * @ring_slots: ring slots that it takes, extra infos included
 * @nr_extras: extra infos, which follow the first request
 * @flags: NETTXF_* of the first request
 * @size: its length in bytes, the sum of its slots' sizes
 * @gso_size: payload bytes of each segment, 0 without GSO
 * @gso_type: XEN_NETIF_GSO_TYPE_*
 * @mcast: XEN_NETIF_EXTRA_TYPE_MCAST_ADD or _DEL: not a frame, but a dummy that
 *         changes the multicast filter, without slots or size; else 0
 * @mcast_addr: the address that is added to it or removed
 * @nr_slots: how many of @slots are in use
 * @slots: where its bytes are, in order; none is empty
 */
typedef struct XenNicPgFrame {
    XenNicPgDrop error;
    uint16_t ring_slots;
    uint16_t nr_extras;
    uint16_t flags;
    uint16_t size;
    uint16_t gso_size;
    uint8_t gso_type;
    uint8_t nr_slots;
    uint8_t mcast;
    MACAddr mcast_addr;
    XenNicPgSlot slots[XEN_NIC_PG_MAX_SLOTS];
} XenNicPgFrame;

/**
 * xen_nic_pg_parse_frame: describe the first frame of some requests
 * @reqs: a private copy of consecutive requests, the first of which begins a
 *        frame
 * @nr_reqs: how many
 * @frame: where to put the description
 *
 * Returns: true if the requests hold a whole frame, good or bad; false if it
 * goes on beyond them, and @frame means nothing.
 */
bool xen_nic_pg_parse_frame(const netif_tx_request_t *reqs,
                            unsigned int nr_reqs, XenNicPgFrame *frame);

#endif /* HW_NET_XEN_NIC_PG_PARSE_H */
