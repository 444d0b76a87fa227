/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of what limits a vif's frames: the rate, and the multicast list
 *
 * Time doesn't matter: grants are either years apart, or so close together that
 * the next is due at once.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/net/xen_nic_pg_credit.h"
#include "hw/net/xen_nic_pg_mcast.h"

#define YEARS (100ull * 1000 * 1000 * 1000 * 1000)      /* in us */

/*
 * Credit
 */

static unsigned int count_frames(XenNicPgCredit *credit, size_t size,
                                 unsigned int max)
{
    unsigned int nr = 0;
    int64_t when;

    while (nr < max && xen_nic_pg_credit_take(credit, NULL, size, &when)) {
        nr++;
    }
    return nr;
}

static void test_unlimited(void)
{
    XenNicPgCredit *credit = xen_nic_pg_credit_new();

    g_assert_cmpuint(count_frames(credit, 65536, 1000), ==, 1000);
    xen_nic_pg_credit_set(credit, 10, YEARS);
    g_assert_cmpuint(count_frames(credit, 14, 1000), ==, 0);
    xen_nic_pg_credit_set(credit, 0, 0);
    g_assert_cmpuint(count_frames(credit, 65536, 1000), ==, 1000);
    xen_nic_pg_credit_free(credit);
    xen_nic_pg_credit_free(NULL);
}

static void test_grant(void)
{
    XenNicPgCredit *credit = xen_nic_pg_credit_new();
    int64_t when = 0;

    xen_nic_pg_credit_set(credit, 10000, YEARS);
    g_assert_cmpuint(count_frames(credit, 1514, 1000), ==, 6);
    g_assert_false(xen_nic_pg_credit_take(credit, NULL, 1514, &when));
    g_assert_cmpint(when, >, qemu_clock_get_ns(QEMU_CLOCK_REALTIME));
    g_assert_true(xen_nic_pg_credit_take(credit, NULL, 10000 - 6 * 1514,
                                         &when));
    g_assert_cmpuint(count_frames(credit, 1, 1000), ==, 0);
    xen_nic_pg_credit_free(credit);
}

/* Small grants add up until the largest frame is paid for. */
static void test_adds_up(void)
{
    XenNicPgCredit *credit = xen_nic_pg_credit_new();
    int64_t when;

    xen_nic_pg_credit_set(credit, 100, 1);
    while (!xen_nic_pg_credit_take(credit, NULL, 65535, &when)) {
        g_assert_cmpint(when, >, 0);
    }
    xen_nic_pg_credit_free(credit);
}

/* Who has to wait for much comes before those who want little. */
static void test_in_turn(void)
{
    XenNicPgCredit *credit = xen_nic_pg_credit_new();
    int big, small;
    int64_t when;

    xen_nic_pg_credit_set(credit, 1000, YEARS);
    g_assert_false(xen_nic_pg_credit_take(credit, &big, 1500, &when));
    g_assert_false(xen_nic_pg_credit_take(credit, &small, 60, &when));
    g_assert_true(xen_nic_pg_credit_take(credit, &big, 1000, &when));
    g_assert_false(xen_nic_pg_credit_take(credit, &small, 60, &when));
    xen_nic_pg_credit_leave(credit, &big);
    g_assert_false(xen_nic_pg_credit_take(credit, &big, 60, &when));
    xen_nic_pg_credit_leave(credit, &small);
    xen_nic_pg_credit_set(credit, 1000, YEARS);
    g_assert_true(xen_nic_pg_credit_take(credit, &big, 60, &when));
    xen_nic_pg_credit_free(credit);
}

/*
 * Multicast
 */

static MACAddr make_addr(unsigned int i)
{
    return (MACAddr) { { 1, 0, 0x5e, 0, i >> 8, i } };
}

static void test_list(void)
{
    XenNicPgMcast *mcast = xen_nic_pg_mcast_new();
    MACAddr addr = make_addr(1), other = make_addr(2);
    MACAddr addrs[XEN_NIC_PG_MCAST_MAX];

    g_assert_false(xen_nic_pg_mcast_is_applied(mcast));
    xen_nic_pg_mcast_apply(mcast, true);
    g_assert_true(xen_nic_pg_mcast_is_applied(mcast));
    g_assert_false(xen_nic_pg_mcast_wants(mcast, &addr));
    g_assert_true(xen_nic_pg_mcast_add(mcast, &addr));
    g_assert_true(xen_nic_pg_mcast_add(mcast, &addr));
    g_assert_cmpuint(xen_nic_pg_mcast_list(mcast, addrs), ==, 1);
    g_assert_cmpmem(&addrs[0], sizeof(addr), &addr, sizeof(addr));
    g_assert_true(xen_nic_pg_mcast_wants(mcast, &addr));
    g_assert_false(xen_nic_pg_mcast_wants(mcast, &other));
    xen_nic_pg_mcast_remove(mcast, &other);
    g_assert_true(xen_nic_pg_mcast_wants(mcast, &addr));
    xen_nic_pg_mcast_remove(mcast, &addr);
    g_assert_false(xen_nic_pg_mcast_wants(mcast, &addr));
    xen_nic_pg_mcast_free(mcast);
    xen_nic_pg_mcast_free(NULL);
}

static void test_others_pass(void)
{
    static const MACAddr broadcast = {
        { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }
    };
    static const MACAddr unicast = { { 2, 0, 0, 0, 0, 1 } };
    XenNicPgMcast *mcast = xen_nic_pg_mcast_new();

    g_assert_true(xen_nic_pg_mcast_wants(mcast, &broadcast));
    g_assert_true(xen_nic_pg_mcast_wants(mcast, &unicast));
    g_assert_false(xen_nic_pg_mcast_add(mcast, &unicast));
    xen_nic_pg_mcast_free(mcast);
}

static void test_bound(void)
{
    XenNicPgMcast *mcast = xen_nic_pg_mcast_new();
    MACAddr addrs[XEN_NIC_PG_MCAST_MAX];

    for (unsigned int i = 0; i < 1000; i++) {
        MACAddr addr = make_addr(i);

        g_assert_cmpint(xen_nic_pg_mcast_add(mcast, &addr), ==,
                        i < XEN_NIC_PG_MCAST_MAX);
    }
    for (unsigned int i = 0; i < 1000; i++) {
        MACAddr addr = make_addr(i);

        g_assert_cmpint(xen_nic_pg_mcast_wants(mcast, &addr), ==,
                        i < XEN_NIC_PG_MCAST_MAX);
    }
    xen_nic_pg_mcast_clear(mcast);
    g_assert_cmpuint(xen_nic_pg_mcast_list(mcast, addrs), ==, 0);
    xen_nic_pg_mcast_free(mcast);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-nic-pg-credit/unlimited", test_unlimited);
    g_test_add_func("/xen-nic-pg-credit/grant", test_grant);
    g_test_add_func("/xen-nic-pg-credit/adds-up", test_adds_up);
    g_test_add_func("/xen-nic-pg-credit/in-turn", test_in_turn);
    g_test_add_func("/xen-nic-pg-mcast/list", test_list);
    g_test_add_func("/xen-nic-pg-mcast/others-pass", test_others_pass);
    g_test_add_func("/xen-nic-pg-mcast/bound", test_bound);
    return g_test_run();
}
