/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the parser of transmit requests
 *
 * The input is a transmit ring's slots, as the guest has written them, one
 * behind the other; what is left over at its end is ignored.  They are parsed
 * frame by frame, as xen_nic_pg_tx.c does.
 *
 * What each frame must look like is worked out here once more, from netif.h
 * and in another way: first each slot is given its role, then sums are made
 * over roles.  The parser sees copies in memory of just their size, so that
 * AddressSanitizer finds a look beyond them.
 */

#include "qemu/osdep.h"
#include "hw/net/xen_nic_pg_parse.h"
#include "fuzz.h"

#define RING_SLOTS 256
#define MIN_FRAME 14

typedef enum Role {
    ROLE_FIRST,
    ROLE_EXTRA,
    ROLE_REST,
} Role;

/**
 * Expected: what a frame must look like
 * @roles: of its slots
 * @nr: how many slots; 0: it goes on behind the last one
 * @nr_extras: those that are extra infos
 * @nr_mcasts: those of them that change the multicast filter
 * @mcast: the place of the last of them
 * @gso: the place of the last extra info that is about GSO, or 0
 * @rest_size: what the requests behind the first say altogether
 */
typedef struct Expected {
    Role roles[RING_SLOTS];
    unsigned int nr;
    unsigned int nr_extras;
    unsigned int nr_mcasts;
    unsigned int mcast;
    unsigned int gso;
    uint32_t rest_size;
} Expected;

static netif_extra_info_t to_extra(const netif_tx_request_t *slot)
{
    netif_extra_info_t extra;

    memcpy(&extra, slot, sizeof(extra));
    return extra;
}

static void note_extra(Expected *e, const netif_tx_request_t *slots,
                       unsigned int i)
{
    uint8_t type = to_extra(&slots[i]).type;

    e->nr_extras++;
    if (type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ||
        type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
        e->nr_mcasts++;
        e->mcast = i;
    }
    if (type == XEN_NETIF_EXTRA_TYPE_GSO) {
        e->gso = i;
    }
}

/* Does the frame's current run of extra infos go on behind this slot? */
static bool extras_go_on(const netif_tx_request_t *slot, Role role)
{
    if (role == ROLE_FIRST) {
        return slot->flags & NETTXF_extra_info;
    }
    return role == ROLE_EXTRA &&
           (to_extra(slot).flags & XEN_NETIF_EXTRA_FLAG_MORE);
}

static void expect(Expected *e, const netif_tx_request_t *slots,
                   unsigned int nr_slots)
{
    Role role = ROLE_FIRST;
    bool more = false;

    memset(e, 0, sizeof(*e));
    for (unsigned int i = 0; i < nr_slots; i++) {
        e->roles[i] = role;
        if (role == ROLE_EXTRA) {
            note_extra(e, slots, i);
        } else {
            more = slots[i].flags & NETTXF_more_data;
            e->rest_size += role == ROLE_REST ? slots[i].size : 0;
        }
        if (extras_go_on(&slots[i], role)) {
            role = ROLE_EXTRA;
        } else if (more) {
            role = ROLE_REST;
        } else {
            e->nr = i + 1;
            return;
        }
    }
}

static bool extra_is_good(netif_extra_info_t extra)
{
    if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
        return extra.u.gso.size &&
               (extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ||
                extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6);
    }
    return extra.type > XEN_NETIF_EXTRA_TYPE_NONE &&
           extra.type < XEN_NETIF_EXTRA_TYPE_MAX;
}

/* The bytes of the frame in a slot's page; it has a good sum of sizes. */
static uint32_t size_in_page(const Expected *e, const netif_tx_request_t *slots,
                             unsigned int i)
{
    return i ? slots[i].size : slots[0].size - e->rest_size;
}

static bool slot_is_good(const Expected *e, const netif_tx_request_t *slots,
                         unsigned int i)
{
    if (e->roles[i] == ROLE_EXTRA) {
        return extra_is_good(to_extra(&slots[i]));
    }
    /* The requests of a dummy aren't looked at. */
    return e->nr_mcasts ||
           slots[i].offset + size_in_page(e, slots, i) <= XEN_PAGE_SIZE;
}

static bool frame_is_good(const Expected *e, const netif_tx_request_t *slots)
{
    if (e->nr - e->nr_extras > XEN_NIC_PG_MAX_SLOTS ||
        e->nr_extras > XEN_NIC_PG_MAX_EXTRAS || e->nr_mcasts > 1) {
        return false;
    }
    if (!e->nr_mcasts &&
        (slots[0].size < MIN_FRAME || slots[0].size < e->rest_size)) {
        return false;
    }
    for (unsigned int i = 0; i < e->nr; i++) {
        if (!slot_is_good(e, slots, i)) {
            return false;
        }
    }
    return true;
}

/* The frame's slots are the requests that have bytes of it, in order. */
static void check_slots(const XenNicPgFrame *frame, const Expected *e,
                        const netif_tx_request_t *slots)
{
    unsigned int next = 0;
    uint32_t sum = 0;

    for (unsigned int i = 0; i < e->nr; i++) {
        const XenNicPgSlot *slot = &frame->slots[next];

        if (e->roles[i] == ROLE_EXTRA || !size_in_page(e, slots, i)) {
            continue;
        }
        fuzz_check(next < frame->nr_slots);
        fuzz_check(slot->ref == slots[i].gref);
        fuzz_check(slot->offset == slots[i].offset);
        fuzz_check(slot->size == size_in_page(e, slots, i));
        fuzz_check(slot->offset + slot->size <= XEN_PAGE_SIZE);
        sum += slot->size;
        next++;
    }
    fuzz_check(next == frame->nr_slots && next <= XEN_NIC_PG_MAX_SLOTS);
    fuzz_check(sum == frame->size);
}

static void check_gso(const XenNicPgFrame *frame, const Expected *e,
                      const netif_tx_request_t *slots)
{
    netif_extra_info_t last = { 0 };

    if (e->gso) {
        last = to_extra(&slots[e->gso]);
    }
    fuzz_check(frame->gso_size == last.u.gso.size);
    fuzz_check(frame->gso_type == last.u.gso.type);
}

static void check_mcast(const XenNicPgFrame *frame, const Expected *e,
                        const netif_tx_request_t *slots)
{
    netif_extra_info_t mcast = to_extra(&slots[e->mcast]);

    fuzz_check(frame->size == 0 && frame->nr_slots == 0);
    fuzz_check(frame->mcast == mcast.type);
    fuzz_check(memcmp(frame->mcast_addr.a, mcast.u.mcast.addr,
                      sizeof(mcast.u.mcast.addr)) == 0);
}

static void check_frame(const XenNicPgFrame *frame, const Expected *e,
                        const netif_tx_request_t *slots)
{
    fuzz_check(frame->ring_slots == e->nr);
    fuzz_check(frame->nr_extras == e->nr_extras);
    fuzz_check(frame->error < XEN_NIC_PG_DROP__MAX);
    fuzz_check((frame->error == XEN_NIC_PG_DROP_NONE) ==
               frame_is_good(e, slots));
    if (frame->error != XEN_NIC_PG_DROP_NONE) {
        return;
    }
    fuzz_check(frame->flags == slots[0].flags);
    if (e->nr_mcasts) {
        check_mcast(frame, e, slots);
        return;
    }
    fuzz_check(frame->mcast == 0);
    fuzz_check(frame->size == slots[0].size);
    check_slots(frame, e, slots);
    check_gso(frame, e, slots);
}

/* Parse some slots, of which nobody may look beyond the last. */
static bool parse(const netif_tx_request_t *slots, unsigned int nr,
                  XenNicPgFrame *frame)
{
    g_autofree netif_tx_request_t *copy = g_new(netif_tx_request_t, nr);

    if (nr) {
        memcpy(copy, slots, nr * sizeof(*slots));
    }
    memset(frame, 0xa5, sizeof(*frame));
    return xen_nic_pg_parse_frame(copy, nr, frame);
}

/* Where a frame ends doesn't depend on what comes behind it. */
static void check_end(const netif_tx_request_t *slots, unsigned int nr,
                      const Expected *e)
{
    XenNicPgFrame frame;

    fuzz_check(!parse(slots, nr - 1, &frame));
    fuzz_check(parse(slots, nr, &frame));
    check_frame(&frame, e, slots);
}

/* Returns how many slots the first frame has, 0 if it isn't whole. */
static unsigned int check_first(const netif_tx_request_t *slots,
                                unsigned int nr_slots)
{
    XenNicPgFrame frame;
    Expected e;

    expect(&e, slots, nr_slots);
    fuzz_check(parse(slots, nr_slots, &frame) == (e.nr != 0));
    if (e.nr) {
        fuzz_check(e.nr <= nr_slots);
        check_frame(&frame, &e, slots);
        check_end(slots, e.nr, &e);
    }
    return e.nr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    netif_tx_request_t slots[RING_SLOTS];
    unsigned int nr = MIN(size / sizeof(slots[0]), RING_SLOTS);
    unsigned int next = 0, taken;

    if (nr) {
        memcpy(slots, data, nr * sizeof(slots[0]));
    }
    do {
        taken = check_first(slots + next, nr - next);
        next += taken;
    } while (taken);
    return 0;
}
