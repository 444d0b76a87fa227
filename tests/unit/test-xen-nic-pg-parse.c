/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of the parser of a guest's transmit requests
 *
 * Requests are written down as a guest would write them, good and bad; the
 * parser has no state, so each is a call.  The random test asks what must
 * hold for any requests whatever: a good frame's slots add up to its size and
 * stay in their pages, and its end doesn't depend on what comes after it.
 */

#include "qemu/osdep.h"
#include "hw/net/xen_nic_pg_parse.h"

#define MORE NETTXF_more_data
#define EXTRA NETTXF_extra_info

static netif_tx_request_t request(uint16_t flags, uint16_t offset,
                                  uint16_t size)
{
    return (netif_tx_request_t) {
        .gref = 100 + size, .offset = offset, .flags = flags, .size = size,
    };
}

static netif_tx_request_t extra(uint8_t type, bool more, uint8_t gso_type,
                                uint16_t gso_size)
{
    netif_extra_info_t info = {
        .type = type,
        .flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
        .u.gso.size = gso_size,
        .u.gso.type = gso_type,
    };
    netif_tx_request_t slot = { 0 };

    memcpy(&slot, &info, sizeof(info));
    return slot;
}

static netif_tx_request_t gso(uint8_t gso_type, uint16_t gso_size)
{
    return extra(XEN_NETIF_EXTRA_TYPE_GSO, false, gso_type, gso_size);
}

/* Parse requests that hold exactly one frame, and no fewer. */
static XenNicPgFrame parse(const netif_tx_request_t *reqs,
                           unsigned int nr_reqs)
{
    XenNicPgFrame frame;

    for (unsigned int cut = 0; cut < nr_reqs; cut++) {
        g_assert_false(xen_nic_pg_parse_frame(reqs, cut, &frame));
    }
    memset(&frame, 0xa5, sizeof(frame));
    g_assert_true(xen_nic_pg_parse_frame(reqs, nr_reqs, &frame));
    g_assert_cmpuint(frame.ring_slots, ==, nr_reqs);
    return frame;
}

static void check_error(const netif_tx_request_t *reqs, unsigned int nr_reqs,
                        XenNicPgDrop error)
{
    g_assert_cmpint(parse(reqs, nr_reqs).error, ==, error);
}

static void test_single(void)
{
    netif_tx_request_t reqs[] = {
        request(NETTXF_csum_blank, 96, 1500), request(0, 0, 60),
    };
    XenNicPgFrame frame = parse(reqs, 1);

    g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
    g_assert_cmpuint(frame.nr_extras, ==, 0);
    g_assert_cmpuint(frame.flags, ==, NETTXF_csum_blank);
    g_assert_cmpuint(frame.size, ==, 1500);
    g_assert_cmpuint(frame.gso_size, ==, 0);
    g_assert_cmpuint(frame.gso_type, ==, XEN_NETIF_GSO_TYPE_NONE);
    g_assert_cmpuint(frame.nr_slots, ==, 1);
    g_assert_cmpuint(frame.slots[0].ref, ==, 1600);
    g_assert_cmpuint(frame.slots[0].offset, ==, 96);
    g_assert_cmpuint(frame.slots[0].size, ==, 1500);

    /* The next frame's request isn't looked at. */
    g_assert_true(xen_nic_pg_parse_frame(reqs, 2, &frame));
    g_assert_cmpuint(frame.ring_slots, ==, 1);
}

/* A frame of as many slots, each of 1000 bytes. */
static void fill_slots(netif_tx_request_t *reqs, unsigned int nr_slots)
{
    for (unsigned int i = 0; i < nr_slots; i++) {
        reqs[i] = request(i + 1 < nr_slots ? MORE : 0, i, 1000);
        reqs[i].gref = 7 + i;
    }
    reqs[0].size = nr_slots * 1000;
}

static void test_most_slots(void)
{
    netif_tx_request_t reqs[18];
    XenNicPgFrame frame;

    fill_slots(reqs, 18);
    frame = parse(reqs, 18);
    g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
    g_assert_cmpuint(frame.size, ==, 18000);
    g_assert_cmpuint(frame.nr_slots, ==, 18);
    for (unsigned int i = 0; i < 18; i++) {
        g_assert_cmpuint(frame.slots[i].ref, ==, 7 + i);
        g_assert_cmpuint(frame.slots[i].offset, ==, i);
        g_assert_cmpuint(frame.slots[i].size, ==, 1000);
    }
}

static void test_too_many_slots(void)
{
    netif_tx_request_t reqs[200];

    fill_slots(reqs, 19);
    check_error(reqs, 19, XEN_NIC_PG_DROP_SLOTS);
    fill_slots(reqs, 200);
    check_error(reqs, 200, XEN_NIC_PG_DROP_SLOTS);
}

static void check_gso(uint8_t type, uint16_t size)
{
    netif_tx_request_t reqs[] = {
        request(MORE | EXTRA, 0, 5000), gso(type, size),
        request(MORE, 0, 2000), request(0, 0, 1000),
    };
    XenNicPgFrame frame = parse(reqs, 4);

    g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
    g_assert_cmpuint(frame.nr_extras, ==, 1);
    g_assert_cmpuint(frame.gso_size, ==, size);
    g_assert_cmpuint(frame.gso_type, ==, type);
    g_assert_cmpuint(frame.nr_slots, ==, 3);
    g_assert_cmpuint(frame.slots[0].size, ==, 2000);
    g_assert_cmpuint(frame.slots[1].size, ==, 2000);
    g_assert_cmpuint(frame.slots[2].size, ==, 1000);
}

static void test_gso(void)
{
    check_gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448);
    check_gso(XEN_NETIF_GSO_TYPE_TCPV6, 1428);
    check_gso(XEN_NETIF_GSO_TYPE_TCPV4, UINT16_MAX);
}

static void test_bad_gso(void)
{
    netif_tx_request_t reqs[2] = { request(EXTRA, 0, 1000) };

    reqs[1] = gso(XEN_NETIF_GSO_TYPE_TCPV4, 0);
    check_error(reqs, 2, XEN_NIC_PG_DROP_GSO);
    reqs[1] = gso(XEN_NETIF_GSO_TYPE_NONE, 1448);
    check_error(reqs, 2, XEN_NIC_PG_DROP_GSO);
    reqs[1] = gso(XEN_NETIF_GSO_TYPE_TCPV6 + 1, 1448);
    check_error(reqs, 2, XEN_NIC_PG_DROP_GSO);
}

static void test_unknown_extra(void)
{
    netif_tx_request_t reqs[] = {
        request(EXTRA | MORE, 0, 1000), { 0 }, request(0, 0, 100),
    };

    for (unsigned int type = 0; type <= UINT8_MAX; type++) {
        bool known = type > XEN_NETIF_EXTRA_TYPE_NONE &&
                     type < XEN_NETIF_EXTRA_TYPE_MAX;

        reqs[1] = extra(type, false, XEN_NETIF_GSO_TYPE_TCPV4, 1448);
        check_error(reqs, 3, known ? XEN_NIC_PG_DROP_NONE
                                   : XEN_NIC_PG_DROP_EXTRA);
    }
}

static netif_tx_request_t mcast(uint8_t type, bool more,
                                const MACAddr *addr)
{
    netif_tx_request_t slot = { 0 };
    netif_extra_info_t info = {
        .type = type,
        .flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
    };

    memcpy(info.u.mcast.addr, addr, sizeof(*addr));
    memcpy(&slot, &info, sizeof(info));
    return slot;
}

/* The request is a dummy: nothing of it matters, and nothing is sent. */
static void test_multicast(void)
{
    static const MACAddr addr = { { 1, 0, 0x5e, 1, 2, 3 } };
    netif_tx_request_t reqs[] = {
        request(EXTRA, 4000, 0), { 0 }, { 0 },
    };

    for (uint8_t type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
         type <= XEN_NETIF_EXTRA_TYPE_MCAST_DEL; type++) {
        XenNicPgFrame frame;

        reqs[1] = mcast(type, false, &addr);
        frame = parse(reqs, 2);
        g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
        g_assert_cmpuint(frame.mcast, ==, type);
        g_assert_cmpuint(frame.nr_slots, ==, 0);
        g_assert_cmpuint(frame.ring_slots, ==, 2);
        g_assert_cmpmem(&frame.mcast_addr, sizeof(addr), &addr, sizeof(addr));
    }
    reqs[1] = mcast(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, true, &addr);
    reqs[2] = mcast(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, false, &addr);
    check_error(reqs, 3, XEN_NIC_PG_DROP_EXTRA);
}

static void test_chain_of_extras(void)
{
    netif_tx_request_t reqs[64];
    unsigned int nr_extras;

    for (nr_extras = 1; nr_extras <= 60; nr_extras++) {
        XenNicPgFrame frame;

        reqs[0] = request(EXTRA | MORE, 0, 1000);
        for (unsigned int i = 1; i <= nr_extras; i++) {
            reqs[i] = extra(XEN_NETIF_EXTRA_TYPE_GSO, i < nr_extras,
                            XEN_NETIF_GSO_TYPE_TCPV4, 1448);
        }
        reqs[nr_extras + 1] = request(0, 0, 100);
        frame = parse(reqs, nr_extras + 2);
        g_assert_cmpuint(frame.nr_extras, ==, nr_extras);
        g_assert_cmpint(frame.error, ==,
                        nr_extras <= XEN_NIC_PG_MAX_EXTRAS
                        ? XEN_NIC_PG_DROP_NONE : XEN_NIC_PG_DROP_EXTRA);
    }
}

/* Only the first request's flag announces extra infos. */
static void test_late_extra_flag(void)
{
    netif_tx_request_t reqs[] = {
        request(MORE, 0, 1000), request(EXTRA, 0, 100),
    };

    check_error(reqs, 2, XEN_NIC_PG_DROP_NONE);
}

static void test_sizes(void)
{
    netif_tx_request_t reqs[2];

    for (uint16_t size = 0; size < 20; size++) {
        reqs[0] = request(0, 0, size);
        check_error(reqs, 1, size < 14 ? XEN_NIC_PG_DROP_SIZE
                                       : XEN_NIC_PG_DROP_NONE);
    }
    reqs[0] = request(MORE, 0, 1000);
    reqs[1] = request(0, 0, 1001);
    check_error(reqs, 2, XEN_NIC_PG_DROP_SIZE);
    reqs[0] = request(MORE, 0, 13);
    reqs[1] = request(0, 0, 5);
    check_error(reqs, 2, XEN_NIC_PG_DROP_SIZE);
}

static void test_page(void)
{
    netif_tx_request_t reqs[2];

    reqs[0] = request(0, 0, 4096);
    check_error(reqs, 1, XEN_NIC_PG_DROP_NONE);
    reqs[0] = request(0, 0, 4097);
    check_error(reqs, 1, XEN_NIC_PG_DROP_PAGE);
    reqs[0] = request(0, 4096 - 60, 60);
    check_error(reqs, 1, XEN_NIC_PG_DROP_NONE);
    reqs[0] = request(0, 4096 - 59, 60);
    check_error(reqs, 1, XEN_NIC_PG_DROP_PAGE);
    reqs[0] = request(MORE, 0, 200);
    reqs[1] = request(0, 4000, 100);
    check_error(reqs, 2, XEN_NIC_PG_DROP_PAGE);
    reqs[1] = request(0, 4097, 0);
    check_error(reqs, 2, XEN_NIC_PG_DROP_PAGE);
}

static void test_huge_values(void)
{
    netif_tx_request_t reqs[18];

    memset(reqs, 0xff, sizeof(reqs));
    reqs[0] = request(0, UINT16_MAX, UINT16_MAX);
    check_error(reqs, 1, XEN_NIC_PG_DROP_PAGE);
    for (unsigned int i = 0; i < 18; i++) {
        reqs[i] = request(i < 17 ? MORE : 0, UINT16_MAX, UINT16_MAX);
    }
    check_error(reqs, 18, XEN_NIC_PG_DROP_SIZE);

    /* 17 * 61681 is 1 modulo 65536: the sum mustn't wrap. */
    for (unsigned int i = 0; i < 18; i++) {
        reqs[i] = request(i < 17 ? MORE : 0, 0, i ? 61681 : 1000);
    }
    check_error(reqs, 18, XEN_NIC_PG_DROP_SIZE);
}

static void test_largest_frame(void)
{
    netif_tx_request_t reqs[16];
    XenNicPgFrame frame;

    for (unsigned int i = 0; i < 16; i++) {
        reqs[i] = request(i < 15 ? MORE : 0, 0, i ? 4096 : UINT16_MAX);
    }
    frame = parse(reqs, 16);
    g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
    g_assert_cmpuint(frame.size, ==, UINT16_MAX);
    g_assert_cmpuint(frame.slots[0].size, ==, 4095);
}

static void test_empty_slots(void)
{
    netif_tx_request_t reqs[] = {
        request(MORE, 10, 300), request(MORE, 20, 0), request(MORE, 30, 300),
        request(0, 4096, 0),
    };
    XenNicPgFrame frame = parse(reqs, 4);

    g_assert_cmpint(frame.error, ==, XEN_NIC_PG_DROP_NONE);
    g_assert_cmpuint(frame.nr_slots, ==, 1);
    g_assert_cmpuint(frame.slots[0].offset, ==, 30);
    g_assert_cmpuint(frame.slots[0].size, ==, 300);
}

/* The first fault counts; the end is found all the same. */
static void test_many_faults(void)
{
    netif_tx_request_t reqs[30];

    fill_slots(reqs, 30);
    reqs[0].flags |= EXTRA;
    reqs[0].size = 5;
    reqs[1] = gso(XEN_NETIF_GSO_TYPE_TCPV4, 0);
    reqs[20].offset = UINT16_MAX;
    check_error(reqs, 30, XEN_NIC_PG_DROP_GSO);
}

static netif_tx_request_t random_request(void)
{
    netif_tx_request_t req = {
        .gref = g_test_rand_int(),
        .offset = g_test_rand_int_range(0, 2000),
        .flags = g_test_rand_int_range(0, 16),
        .size = g_test_rand_int_range(0, 3000),
    };

    if (g_test_rand_int_range(0, 20) == 0) {
        req.offset = g_test_rand_int();
        req.flags = g_test_rand_int();
        req.size = g_test_rand_int();
    }
    if (g_test_rand_int_range(0, 6) == 0) {
        return gso(g_test_rand_int_range(0, 4), g_test_rand_int());
    }
    return req;
}

/* Returns whether the frame is good. */
static bool check_invariants(const netif_tx_request_t *reqs,
                             unsigned int nr_reqs, const XenNicPgFrame *frame)
{
    uint32_t sum = 0;

    g_assert_cmpuint(frame->ring_slots, >=, 1);
    g_assert_cmpuint(frame->ring_slots, <=, nr_reqs);
    g_assert_cmpuint(frame->nr_extras, <, frame->ring_slots);
    g_assert_cmpint(parse(reqs, frame->ring_slots).error, ==, frame->error);
    if (frame->error != XEN_NIC_PG_DROP_NONE) {
        return false;
    }
    if (frame->mcast) {
        g_assert_cmpuint(frame->nr_slots, ==, 0);
        return true;
    }

    g_assert_cmpuint(frame->nr_slots, >=, 1);
    g_assert_cmpuint(frame->nr_slots, <=, XEN_NIC_PG_MAX_SLOTS);
    g_assert_cmpuint(frame->ring_slots - frame->nr_extras, >=,
                     frame->nr_slots);
    g_assert_cmpuint(frame->size, ==, reqs[0].size);
    g_assert_cmpuint(frame->size, >=, 14);
    for (unsigned int i = 0; i < frame->nr_slots; i++) {
        const XenNicPgSlot *slot = &frame->slots[i];

        g_assert_cmpuint(slot->size, >, 0);
        g_assert_cmpuint(slot->offset + slot->size, <=, XEN_PAGE_SIZE);
        sum += slot->size;
    }
    g_assert_cmpuint(sum, ==, frame->size);
    g_assert_cmpint(frame->gso_size != 0, ==,
                    frame->gso_type != XEN_NETIF_GSO_TYPE_NONE);
    return true;
}

static void test_random(void)
{
    unsigned int good = 0, bad = 0;

    for (int i = 0; i < 100000; i++) {
        unsigned int nr_reqs = g_test_rand_int_range(0, 40);
        g_autofree netif_tx_request_t *reqs = g_new(netif_tx_request_t,
                                                    nr_reqs);
        XenNicPgFrame frame;

        for (unsigned int j = 0; j < nr_reqs; j++) {
            reqs[j] = random_request();
        }
        if (nr_reqs && g_test_rand_int_range(0, 2)) {
            reqs[0].size = g_test_rand_int_range(0, 20000);
        }
        if (xen_nic_pg_parse_frame(reqs, nr_reqs, &frame)) {
            if (check_invariants(reqs, nr_reqs, &frame)) {
                good++;
            } else {
                bad++;
            }
        }
    }
    g_assert_cmpuint(good, >, 1000);
    g_assert_cmpuint(bad, >, 1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-nic-pg-parse/single", test_single);
    g_test_add_func("/xen-nic-pg-parse/most-slots", test_most_slots);
    g_test_add_func("/xen-nic-pg-parse/too-many-slots", test_too_many_slots);
    g_test_add_func("/xen-nic-pg-parse/gso", test_gso);
    g_test_add_func("/xen-nic-pg-parse/bad-gso", test_bad_gso);
    g_test_add_func("/xen-nic-pg-parse/multicast", test_multicast);
    g_test_add_func("/xen-nic-pg-parse/unknown-extra", test_unknown_extra);
    g_test_add_func("/xen-nic-pg-parse/chain-of-extras",
                    test_chain_of_extras);
    g_test_add_func("/xen-nic-pg-parse/late-extra-flag",
                    test_late_extra_flag);
    g_test_add_func("/xen-nic-pg-parse/sizes", test_sizes);
    g_test_add_func("/xen-nic-pg-parse/page", test_page);
    g_test_add_func("/xen-nic-pg-parse/huge-values", test_huge_values);
    g_test_add_func("/xen-nic-pg-parse/largest-frame", test_largest_frame);
    g_test_add_func("/xen-nic-pg-parse/empty-slots", test_empty_slots);
    g_test_add_func("/xen-nic-pg-parse/many-faults", test_many_faults);
    g_test_add_func("/xen-nic-pg-parse/random", test_random);
    return g_test_run();
}
