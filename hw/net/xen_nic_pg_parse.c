/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a guest's transmit requests to frame descriptors
 *
 * On the transmit ring a frame is (netif.h, "Guest transmit"):
 *
 *   request 1     flags, and the size of the whole frame
 *   extra infos   if request 1 has NETTXF_extra_info; each says whether
 *                 another follows
 *   request 2..N  each follows if the one before has NETTXF_more_data; with
 *                 its own size
 *
 * so the bytes in request 1's page are known only when all the others have
 * been seen.
 *
 * This file has no state and touches no shared memory: it gets a private copy
 * of the requests and describes the frame.  It finds the end of a bad frame
 * as well, by the same flags, so that all of its slots can be answered with
 * an error; the first fault found is the reason that is counted.
 */

#include "qemu/osdep.h"
#include "net/eth.h"
#include "xen_nic_pg_parse.h"

QEMU_BUILD_BUG_ON(sizeof(netif_extra_info_t) > sizeof(netif_tx_request_t));

static void set_error(XenNicPgFrame *frame, XenNicPgDrop error)
{
    if (frame->error == XEN_NIC_PG_DROP_NONE) {
        frame->error = error;
    }
}

static void parse_gso(const netif_extra_info_t *extra, XenNicPgFrame *frame)
{
    if (extra->u.gso.size == 0 ||
        (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
         extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)) {
        set_error(frame, XEN_NIC_PG_DROP_GSO);
        return;
    }
    frame->gso_size = extra->u.gso.size;
    frame->gso_type = extra->u.gso.type;
}

static void parse_mcast(const netif_extra_info_t *extra, XenNicPgFrame *frame)
{
    if (frame->mcast) {
        set_error(frame, XEN_NIC_PG_DROP_EXTRA);
        return;
    }
    frame->mcast = extra->type;
    memcpy(frame->mcast_addr.a, extra->u.mcast.addr,
           sizeof(frame->mcast_addr.a));
}

/* Returns whether another extra info follows. */
static bool parse_extra(const netif_tx_request_t *slot, XenNicPgFrame *frame)
{
    netif_extra_info_t extra;

    memcpy(&extra, slot, sizeof(extra));
    switch (extra.type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
        parse_gso(&extra, frame);
        break;
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
        parse_mcast(&extra, frame);
        break;
    case XEN_NETIF_EXTRA_TYPE_HASH:
        break;      /* the host finds flows by itself */
    default:
        set_error(frame, XEN_NIC_PG_DROP_EXTRA);
    }
    if (++frame->nr_extras > XEN_NIC_PG_MAX_EXTRAS) {
        set_error(frame, XEN_NIC_PG_DROP_EXTRA);
    }
    return extra.flags & XEN_NETIF_EXTRA_FLAG_MORE;
}

static void add_slot(XenNicPgFrame *frame, const netif_tx_request_t *req,
                     uint16_t size)
{
    XenNicPgSlot *slot = &frame->slots[frame->nr_slots];

    if (req->offset > XEN_PAGE_SIZE || size > XEN_PAGE_SIZE - req->offset) {
        set_error(frame, XEN_NIC_PG_DROP_PAGE);
        return;
    }
    if (size == 0) {
        return;
    }
    slot->ref = req->gref;
    slot->offset = req->offset;
    slot->size = size;
    frame->nr_slots++;
}

/* What the other requests leave of the whole frame is in the first's page. */
static void parse_sizes(const netif_tx_request_t *reqs, unsigned int nr_data,
                        XenNicPgFrame *frame)
{
    const netif_tx_request_t *rest = reqs + 1 + frame->nr_extras;
    uint32_t size_of_rest = 0;

    for (unsigned int i = 0; i < nr_data - 1; i++) {
        size_of_rest += rest[i].size;
    }
    if (reqs->size < ETH_HLEN || size_of_rest > reqs->size) {
        set_error(frame, XEN_NIC_PG_DROP_SIZE);
        return;
    }
    frame->size = reqs->size;
    add_slot(frame, reqs, reqs->size - size_of_rest);
    for (unsigned int i = 0; i < nr_data - 1; i++) {
        add_slot(frame, &rest[i], rest[i].size);
    }
}

bool xen_nic_pg_parse_frame(const netif_tx_request_t *reqs,
                            unsigned int nr_reqs, XenNicPgFrame *frame)
{
    unsigned int next = 0, nr_data = 0;
    bool more;

    frame->error = XEN_NIC_PG_DROP_NONE;
    frame->nr_extras = 0;
    frame->nr_slots = 0;
    frame->size = 0;
    frame->gso_size = 0;
    frame->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    frame->mcast = 0;

    do {
        if (next == nr_reqs) {
            return false;
        }
        more = reqs[next].flags & NETTXF_more_data;
        nr_data++;
        if (next++ == 0 && (reqs->flags & NETTXF_extra_info)) {
            do {
                if (next == nr_reqs) {
                    return false;
                }
            } while (parse_extra(&reqs[next++], frame));
        }
    } while (more);

    frame->ring_slots = next;
    frame->flags = reqs->flags;
    if (nr_data > XEN_NIC_PG_MAX_SLOTS) {
        set_error(frame, XEN_NIC_PG_DROP_SLOTS);
    } else if (!frame->mcast) {
        parse_sizes(reqs, nr_data, frame);
    }
    return true;
}
