/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif on a real tap: what is left to the other end is described to it
 *
 * The tap is in a network namespace of the test's own; a packet socket is the
 * network's other end, and sees the virtio-net headers.  Where namespaces
 * aren't allowed, all of this is skipped.
 *
 * All ways to the tap must do the same: bursts through io_uring, one system
 * call a frame, and QEMU's net layer.
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

/**
 * Way: from the rings to the tap
 * @name: of the tests
 * @device: further options of the device
 * @persistent: the guest's pages stay mapped
 */
typedef struct Way {
    const char *name;
    const char *device;
    bool persistent;
} Way;

static const Way ways[] = {
    { "copied", "", false },
    { "persistent", "", true },
    { "no-io-uring", ",io-uring=off", true },
    { "no-threads", ",queue-threads=off", true },
    { "iothread", ",iothread=" VIF_TEST_IOTHREAD, true },
    { "no-polling", ",poll-max-ns=0", true },
    { "no-tap-port", ",tap-port=off", true },
};

static VifTest *connect_new(const Way *way, const XensimFrontConfig *config)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = way->device,
        .netdev = VIF_TEST_TAP,
    });

    vif_test_connect(test, config);
    return test;
}

static XensimFrontConfig all_offloads(const Way *way)
{
    return (XensimFrontConfig) {
        .persistent = way->persistent,
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    };
}

static void test_plain(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

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

static void test_tx_checksum(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

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

static void test_tx_gso(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

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

/* The guest takes blank checksums, or gets them completed. */
static void test_rx_checksum(const void *way)
{
    for (int takes = 0; takes < 2; takes++) {
        VifTest *test = connect_new(way, &(XensimFrontConfig) {
            .persistent = ((const Way *)way)->persistent,
            .csum6 = takes,
            .no_csum = !takes,
        });

        for (int i = 0; i < 100; i++) {
            FrameKind kind = kinds[i % G_N_ELEMENTS(kinds)];
            size_t len = g_test_rand_int_range(frame_payload(kind), 1500);
            struct virtio_net_hdr vnet = frame_blank_header(kind);
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

static void test_rx_gso(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    for (int i = 0; i < 200; i++) {
        FrameKind kind = kinds[i % 2];
        size_t len = g_test_rand_int_range(2000, 65000);
        struct virtio_net_hdr vnet = frame_blank_header(kind);
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

/*
 * Bursts, and when they can't go on
 */

enum { BURST = 32, MANY = 300 };

static void number_frame(size_t len, uint32_t number)
{
    memcpy(frame + ETH_HLEN, &number, sizeof(number));
    memset(frame + ETH_HLEN + sizeof(number), number,
           len - ETH_HLEN - sizeof(number));
}

static uint64_t port_counter(VifTest *test, const char *name)
{
    return vif_test_counter(test, "port", name);
}

/* Publish some frames at once. */
static void send_burst(VifTest *test, size_t len)
{
    XensimTxFrame tx = { .data = frame, .len = len };

    for (uint32_t i = 0; i < BURST; i++) {
        number_frame(len, i);
        g_assert_true(xensim_front_queue_tx(test->front, 0, &tx));
    }
    xensim_front_push_tx(test->front, 0);
}

/* A burst is one system call if io_uring is there, and one a frame if not. */
static void test_burst_calls(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);
    uint64_t calls;

    vif_test_fill(frame, 100);
    send_burst(test, 100);
    for (uint32_t i = 0; i < BURST; i++) {
        number_frame(100, i);
        vif_test_expect_sent(test, frame, 100);
    }
    calls = port_counter(test, "write-calls");
    g_assert_cmpuint(port_counter(test, "writes"), ==, BURST);
    if (strstr(((const Way *)way)->device, "io-uring=off")) {
        g_assert_cmpuint(calls, ==, BURST);
    } else if (calls == BURST) {
        g_test_skip("this machine has no io_uring");
    } else {
        g_assert_cmpuint(calls, ==, 1);
    }
    vif_test_free(test);
}

/* The guest has no slots: frames wait in the tap, and come in order. */
static void test_rx_no_slots(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    vif_test_fill(frame, 200);
    for (uint32_t i = 0; i < MANY; i++) {
        number_frame(200, i);
        vif_test_peer_send(test, NULL, frame, 200);
    }
    vif_test_wait_counter(test, "rx", "held-back", 1);
    g_assert_cmpuint(port_counter(test, "reads"), <=, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        if (i % 10 == 0) {
            xensim_front_post_rx(test->front, 0, 10);
        }
        number_frame(200, i);
        vif_test_expect_received(test, frame, 200);
    }
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, MANY);
    vif_test_free(test);
}

/* Frames keep coming while bursts are read: all get through, in order. */
static void test_rx_stream(const void *way)
{
    enum { FRAMES = 30000, WINDOW = 200, LEN = 64 };
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);
    uint32_t sent = 0;

    vif_test_fill(frame, LEN);
    for (uint32_t i = 0; i < FRAMES; i++) {
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        while (sent < FRAMES && sent < i + WINDOW) {
            number_frame(LEN, sent++);
            vif_test_peer_send(test, NULL, frame, LEN);
        }
        number_frame(LEN, i);
        vif_test_expect_received(test, frame, LEN);
    }
    /* A page that was lent for a frame that didn't come isn't counted. */
    g_assert_cmpuint(vif_test_counter(test, "rx", "persistent-hits") +
                     vif_test_counter(test, "rx", "copies"), ==,
                     vif_test_counter(test, "rx", "slots"));
    vif_test_free(test);
}

/* Frames of every length, as the network sends them and the guest should get */
typedef struct MixedFrame {
    struct virtio_net_hdr vnet;
    uint8_t *data;
    size_t len;
} MixedFrame;

/* Short ones, some of them to be segmented, and a few long ones */
static MixedFrame mixed_frame_new(void)
{
    static const FrameKind tcp = { .tcp = true };
    bool is_long = g_test_rand_int_range(0, 8) == 0;
    bool is_gso = g_test_rand_int_range(0, 4) == 0;
    size_t len = is_long ? g_test_rand_int_range(4097, 40000)
                         : g_test_rand_int_range(600, 4097);
    MixedFrame mixed = { .data = g_malloc(len), .len = len };

    frame_make(mixed.data, len, tcp);
    if (is_gso) {
        mixed.vnet = frame_blank_header(tcp);
        mixed.vnet.hdr_len = frame_payload(tcp);
        mixed.vnet.gso_size = 500;
        mixed.vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        frame_blank_checksum(mixed.data, len, tcp);
    }
    return mixed;
}

static void expect_mixed_frame(VifTest *test, const MixedFrame *mixed)
{
    bool is_gso = mixed->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
    XensimRxFrame *rx;

    while (!(rx = xensim_front_receive(test->front, 0, 5))) {
        xensim_front_post_rx(test->front, 0, g_test_rand_int_range(1, 60));
    }
    g_assert_cmpmem(rx->data, rx->len, mixed->data, mixed->len);
    g_assert_cmpuint(rx->nr_extras, ==, is_gso);
    xensim_rx_frame_free(rx);
}

/*
 * Short and long frames in any order: what was read into pages that turn out to
 * be another frame's gets to its own all the same.
 */
static void test_rx_mixed(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    MixedFrame mixed[60];
    VifTest *test;

    config.unchecked = true;    /* it may leave other frames' bytes behind */
    test = connect_new(way, &config);

    for (int round = 0; round < 50; round++) {
        unsigned int nr = g_test_rand_int_range(1, G_N_ELEMENTS(mixed));

        for (unsigned int i = 0; i < nr; i++) {
            mixed[i] = mixed_frame_new();
            vif_test_peer_send(test, &mixed[i].vnet, mixed[i].data,
                               mixed[i].len);
        }
        for (unsigned int i = 0; i < nr; i++) {
            expect_mixed_frame(test, &mixed[i]);
            g_free(mixed[i].data);
        }
    }
    vif_test_free(test);
}

/* A frame of many slots waits for all of them; those behind it wait, too. */
static void test_rx_slot_by_slot(const void *way)
{
    enum { LEN = 5 * XENSIM_PAGE_SIZE };
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    vif_test_fill(frame, LEN);
    vif_test_peer_send(test, NULL, frame, LEN);
    vif_test_peer_send(test, NULL, frame, 100);
    for (int i = 0; i < 5; i++) {
        g_assert_null(xensim_front_receive(test->front, 0, 0));
        xensim_front_post_rx(test->front, 0, 1);
    }
    vif_test_expect_received(test, frame, LEN);
    xensim_front_post_rx(test->front, 0, 1);
    vif_test_expect_received(test, frame, 100);
    vif_test_free(test);
}

/* The guest disconnects while frames wait for slots, and comes back. */
static void test_reconnect(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    vif_test_fill(frame, 3 * XENSIM_PAGE_SIZE);
    for (int i = 0; i < 20; i++) {
        xensim_front_post_rx(test->front, 0, 1);
        vif_test_peer_send(test, NULL, frame, 3 * XENSIM_PAGE_SIZE);
        vif_test_peer_send(test, NULL, frame, 100);
        vif_test_wait_counter(test, "rx", "held-back", i + 1);
        vif_test_disconnect(test);
        vif_test_wait_counter(test, "rx", "drops.closed", 2 * (i + 1));
        vif_test_connect(test, &config);
        vif_test_works(test);
        vif_test_disconnect(test);
        vif_test_connect(test, &config);
    }
    vif_test_free(test);
}

/*
 * The link
 */

static void set_link(VifTest *test, bool up)
{
    vif_test_set_link(test, VIF_TEST_NETDEV_NAME, up);
}

static void send_into_nothing(VifTest *test, uint64_t dropped)
{
    vif_test_fill(frame, 100);
    vif_test_send(test, frame, 100, NULL, 0);
    g_assert_true(xensim_front_flush_tx(test->front, 0));
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.link-down"), ==,
                     dropped);
}

static void test_link(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    for (int i = 0; i < 5; i++) {
        vif_test_works(test);
        set_link(test, false);
        send_into_nothing(test, i + 1);
        set_link(test, true);
        vif_test_wait_tap_link(true);
    }
    set_link(test, false);
    vif_test_disconnect(test);
    vif_test_connect(test, &config);
    send_into_nothing(test, 6);
    set_link(test, true);
    vif_test_wait_tap_link(true);
    vif_test_works(test);
    vif_test_free(test);
}

/* The netdev is deleted under the vif, and its file closed. */
static void test_netdev_del(const void *way)
{
    XensimFrontConfig config = all_offloads(way);
    VifTest *test = connect_new(way, &config);

    vif_test_works(test);
    test->files_before--;
    qmp_run(test->qmp, "{'execute': 'netdev_del', 'arguments': "
            "{'id': 'net'}}");
    send_into_nothing(test, 1);
    vif_test_disconnect(test);
    vif_test_connect(test, &config);
    send_into_nothing(test, 2);
    vif_test_free(test);
}

static void add(const char *path, GTestDataFunc function, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        g_autofree char *name = g_strconcat(path, "/", ways[i].name, NULL);

        g_test_add_data_func(name, &ways[i], function);
    }
}

static void add_all(const char *path, GTestDataFunc function)
{
    add(path, function, G_N_ELEMENTS(ways));
}

/* Without the way through QEMU's net layer, which is the last */
static void add_tap_port(const char *path, GTestDataFunc function)
{
    add(path, function, G_N_ELEMENTS(ways) - 1);
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
    add_all("/tap/plain", test_plain);
    add_all("/tap/tx-checksum", test_tx_checksum);
    add_all("/tap/tx-gso", test_tx_gso);
    add_all("/tap/rx-checksum", test_rx_checksum);
    add_all("/tap/rx-gso", test_rx_gso);
    add_tap_port("/tap/burst-calls", test_burst_calls);
    add_all("/tap/rx-no-slots", test_rx_no_slots);
    add_all("/tap/rx-stream", test_rx_stream);
    add_all("/tap/rx-mixed", test_rx_mixed);
    add_all("/tap/rx-slot-by-slot", test_rx_slot_by_slot);
    add_tap_port("/tap/reconnect", test_reconnect);
    add_all("/tap/link", test_link);
    add_all("/tap/netdev-del", test_netdev_del);
    return g_test_run();
}
