/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif on a real tap: what is left to the other end is described to it
 *
 * The tap is in a network namespace of the test's own; a packet socket is the
 * network's other end, and sees the virtio-net headers.  Where namespaces
 * aren't allowed, all of this is skipped.
 */

#include <linux/if_ether.h>
#include "frames.h"
#include "tap.h"
#include "vif-test.h"

static uint8_t frame[VIF_TEST_MAX_FRAME];
static uint8_t received[VIF_TEST_MAX_FRAME];

static const FrameKind kinds[] = {
    { .tcp = true },
    { .tcp = true, .ipv6 = true },
    { .tcp = false },
    { .ipv6 = true },
};

static VifTest *connect_new(const XensimFrontConfig *config)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .netdev = VIF_TEST_TAP,
    });

    vif_test_connect(test, config);
    return test;
}

static XensimFrontConfig all_offloads(const void *persistent)
{
    return (XensimFrontConfig) {
        .persistent = GPOINTER_TO_INT(persistent),
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    };
}

static void test_plain(const void *persistent)
{
    XensimFrontConfig config = all_offloads(persistent);
    VifTest *test = connect_new(&config);

    for (size_t len = 60; len < 9000; len += g_test_rand_int_range(1, 100)) {
        vif_test_fill(frame, len);
        vif_test_send(test, frame, len, NULL, 0);
        vif_test_expect_sent(test, frame, len);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, NULL, frame, len);
        vif_test_expect_received(test, frame, len);
    }
    vif_test_free(test);
}

static void test_tx_checksum(const void *persistent)
{
    XensimFrontConfig config = all_offloads(persistent);
    VifTest *test = connect_new(&config);

    for (int i = 0; i < 200; i++) {
        FrameKind kind = kinds[i % G_N_ELEMENTS(kinds)];
        size_t len = g_test_rand_int_range(frame_payload(kind), 1500);
        struct virtio_net_hdr vnet;
        XensimTxFrame tx = {
            .data = frame,
            .len = len,
            .flags = NETTXF_csum_blank | NETTXF_data_validated,
        };

        frame_make(frame, len, kind);
        frame_blank_checksum(frame, len, kind);
        g_assert_true(xensim_front_send(test->front, 0, &tx));
        g_assert_cmpuint(vif_test_peer_receive(test, &vnet, received,
                                               XENSIM_PATIENCE), ==, len);
        g_assert_cmpmem(received, len, frame, len);
        g_assert_cmpuint(vnet.flags, ==, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        g_assert_cmpuint(vnet.csum_start, ==, frame_l4(kind));
        g_assert_cmpuint(vnet.csum_offset, ==, frame_checksum_offset(kind));
        g_assert_cmpuint(vnet.gso_type, ==, VIRTIO_NET_HDR_GSO_NONE);
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "software-checksums"), ==, 0);
    vif_test_free(test);
}

static void test_tx_gso(const void *persistent)
{
    XensimFrontConfig config = all_offloads(persistent);
    VifTest *test = connect_new(&config);

    for (int i = 0; i < 200; i++) {
        FrameKind kind = kinds[i % 2];
        size_t len = g_test_rand_int_range(2000, 65000);
        netif_extra_info_t extra = {
            .type = XEN_NETIF_EXTRA_TYPE_GSO,
            .u.gso.size = g_test_rand_int_range(536, 1461),
            .u.gso.type = kind.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
                                    : XEN_NETIF_GSO_TYPE_TCPV4,
        };
        struct virtio_net_hdr vnet;
        XensimTxFrame tx = {
            .data = frame,
            .len = len,
            .flags = NETTXF_csum_blank | NETTXF_data_validated,
            .extras = &extra,
            .nr_extras = 1,
        };

        frame_make(frame, len, kind);
        frame_blank_checksum(frame, len, kind);
        g_assert_true(xensim_front_send(test->front, 0, &tx));
        g_assert_cmpuint(vif_test_peer_receive(test, &vnet, received,
                                               XENSIM_PATIENCE), ==, len);
        g_assert_cmpmem(received + ETH_HLEN, len - ETH_HLEN, frame + ETH_HLEN,
                        len - ETH_HLEN);
        g_assert_cmpuint(vnet.gso_type, ==,
                         kind.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                   : VIRTIO_NET_HDR_GSO_TCPV4);
        g_assert_cmpuint(vnet.gso_size, ==, extra.u.gso.size);
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "software-segments"), ==, 0);
    vif_test_free(test);
}

static struct virtio_net_hdr blank_header(FrameKind kind)
{
    return (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = frame_l4(kind),
        .csum_offset = frame_checksum_offset(kind),
    };
}

/* The guest takes blank checksums, or gets them completed. */
static void test_rx_checksum(const void *persistent)
{
    for (int takes = 0; takes < 2; takes++) {
        VifTest *test = connect_new(&(XensimFrontConfig) {
            .persistent = GPOINTER_TO_INT(persistent),
            .csum6 = takes,
            .no_csum = !takes,
        });

        for (int i = 0; i < 100; i++) {
            FrameKind kind = kinds[i % G_N_ELEMENTS(kinds)];
            size_t len = g_test_rand_int_range(frame_payload(kind), 1500);
            struct virtio_net_hdr vnet = blank_header(kind);
            XensimRxFrame *rx;

            frame_make(frame, len, kind);
            if (!takes) {
                memcpy(received, frame, len);
            }
            frame_blank_checksum(frame, len, kind);
            xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
            vif_test_peer_send(test, &vnet, frame, len);
            rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);
            g_assert_nonnull(rx);
            g_assert_cmpmem(rx->data, rx->len, takes ? frame : received, len);
            g_assert_cmpint(!!(rx->flags & NETRXF_csum_blank), ==, takes);
            xensim_rx_frame_free(rx);
        }
        vif_test_free(test);
    }
}

static void test_rx_gso(const void *persistent)
{
    XensimFrontConfig config = all_offloads(persistent);
    VifTest *test = connect_new(&config);

    for (int i = 0; i < 200; i++) {
        FrameKind kind = kinds[i % 2];
        size_t len = g_test_rand_int_range(2000, 65000);
        struct virtio_net_hdr vnet = blank_header(kind);
        const netif_extra_info_t *extra;
        XensimRxFrame *rx;

        vnet.hdr_len = frame_payload(kind);
        vnet.gso_size = g_test_rand_int_range(536, 1461);
        vnet.gso_type = kind.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                  : VIRTIO_NET_HDR_GSO_TCPV4;
        frame_make(frame, len, kind);
        frame_blank_checksum(frame, len, kind);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, &vnet, frame, len);
        rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);
        g_assert_nonnull(rx);
        g_assert_cmpmem(rx->data, rx->len, frame, len);
        g_assert_true(rx->flags & NETRXF_csum_blank);
        g_assert_cmpuint(rx->nr_extras, ==, 1);
        extra = &rx->extras[0];
        g_assert_cmpuint(extra->type, ==, XEN_NETIF_EXTRA_TYPE_GSO);
        g_assert_cmpuint(extra->u.gso.size, ==, vnet.gso_size);
        g_assert_cmpuint(extra->u.gso.type, ==,
                         kind.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
                                   : XEN_NETIF_GSO_TYPE_TCPV4);
        g_assert_cmpuint(extra->u.gso.pad, ==, 0);
        g_assert_cmpuint(extra->u.gso.features, ==, 0);
        xensim_rx_frame_free(rx);
    }
    vif_test_free(test);
}

static void skip(const void *why)
{
    g_test_skip(why);
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    if (why) {
        g_test_add_data_func("/tap", why, skip);
        return g_test_run();
    }
    vif_test_add_both("/tap/plain", test_plain);
    vif_test_add_both("/tap/tx-checksum", test_tx_checksum);
    vif_test_add_both("/tap/tx-gso", test_tx_gso);
    vif_test_add_both("/tap/rx-checksum", test_rx_checksum);
    vif_test_add_both("/tap/rx-gso", test_rx_gso);
    return g_test_run();
}
