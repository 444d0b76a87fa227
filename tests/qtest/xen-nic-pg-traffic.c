/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames through the vif, both ways, byte for byte
 *
 * Every size that a frame may have, cut into slots at random; frames at every
 * place of the rings; every checksum and segmentation that one end leaves to
 * the other.  All of it with pages that are copied and with pages that stay
 * mapped.  The seed of what is random is printed by GLib ("random seed"), and
 * --seed repeats it.
 */

#include <linux/if_ether.h>
#include "frames.h"
#include "vif-test.h"

/* So much of each frame is random anew; the rest stays as it was. */
#define HEAD 64

static uint8_t frame[VIF_TEST_MAX_FRAME];
static uint8_t received[VIF_TEST_MAX_FRAME];

/* Each direction's frames, and nothing but these, have been counted. */
static void expect_frames(VifTest *test, const char *direction,
                          uint64_t frames, uint64_t bytes)
{
    vif_test_wait_counter(test, direction, "frames", frames);
    g_assert_cmpuint(vif_test_counter(test, direction, "frames"), ==, frames);
    g_assert_cmpuint(vif_test_counter(test, direction, "bytes"), ==, bytes);
}

/*
 * Sizes and slots
 */

static void test_tx_every_size(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];
    uint64_t frames = 0, bytes = 0;

    vif_test_fill(frame, sizeof(frame));
    for (size_t len = ETH_HLEN; len <= VIF_TEST_MAX_FRAME; len++) {
        unsigned int nr_slots = vif_test_cut(len, slots);

        vif_test_fill(frame, MIN(len, HEAD));
        vif_test_send(test, frame, len, slots, nr_slots);
        vif_test_expect_sent(test, frame, len);
        frames++;
        bytes += len;
    }
    expect_frames(test, "tx", frames, bytes);
    vif_test_free(test);
}

static void test_rx_every_size(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    uint64_t frames = 0, bytes = 0;

    vif_test_fill(frame, sizeof(frame));
    for (size_t len = ETH_HLEN; len <= VIF_TEST_MAX_FRAME; len++) {
        vif_test_fill(frame, MIN(len, HEAD));
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, NULL, frame, len);
        vif_test_expect_received(test, frame, len);
        frames++;
        bytes += len;
    }
    expect_frames(test, "rx", frames, bytes);
    vif_test_free(test);
}

/* Slots as small, and as many, as can be. */
static void test_tx_tiny_slots(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];

    for (unsigned int nr = 1; nr <= XEN_NETIF_NR_SLOTS_MIN; nr++) {
        size_t len = MAX(nr, (unsigned int)ETH_HLEN);

        for (unsigned int i = 0; i < nr; i++) {
            slots[i].len = 1;
            slots[i].offset = i % 2 ? XENSIM_PAGE_SIZE - 1 : 0;
        }
        slots[0].len += len - nr;
        vif_test_fill(frame, len);
        vif_test_send(test, frame, len, slots, nr);
        vif_test_expect_sent(test, frame, len);
    }
    vif_test_free(test);
}

/* One slot at every offset, up to the page's last byte. */
static void test_tx_offsets(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);

    for (unsigned int offset = 0; offset <= XENSIM_PAGE_SIZE - ETH_HLEN;
         offset++) {
        XensimTxSlot slot = {
            .offset = offset,
            .len = g_test_rand_int_range(ETH_HLEN,
                                         XENSIM_PAGE_SIZE - offset + 1),
        };

        vif_test_fill(frame, slot.len);
        vif_test_send(test, frame, slot.len, &slot, 1);
        vif_test_expect_sent(test, frame, slot.len);
    }
    vif_test_free(test);
}

/*
 * Places in the ring
 */

static void send_and_expect(VifTest *test, size_t len)
{
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int nr_slots = vif_test_cut(len, slots);

    vif_test_fill(frame, len);
    vif_test_send(test, frame, len, slots, nr_slots);
    vif_test_expect_sent(test, frame, len);
}

/* Begin a frame of several slots at each of the ring's places. */
static void test_tx_wrap(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    netif_tx_front_ring_t *ring = &test->front->queues[0].tx;

    for (unsigned int start = 0; start < XENSIM_TX_SLOTS; start++) {
        while (ring->req_prod_pvt % XENSIM_TX_SLOTS != start) {
            vif_test_fill(frame, ETH_HLEN);
            vif_test_send(test, frame, ETH_HLEN, NULL, 0);
            vif_test_expect_sent(test, frame, ETH_HLEN);
        }
        send_and_expect(test, VIF_TEST_MAX_FRAME);
    }
    vif_test_free(test);
}

static void receive_and_expect(VifTest *test, size_t len)
{
    xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
    vif_test_fill(frame, len);
    vif_test_peer_send(test, NULL, frame, len);
    vif_test_expect_received(test, frame, len);
}

static void test_rx_wrap(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    netif_rx_front_ring_t *ring = &test->front->queues[0].rx;

    for (unsigned int start = 0; start < XENSIM_RX_SLOTS; start++) {
        while (ring->rsp_cons % XENSIM_RX_SLOTS != start) {
            receive_and_expect(test, ETH_HLEN);
        }
        receive_and_expect(test, VIF_TEST_MAX_FRAME);
    }
    vif_test_free(test);
}

/* Indexes are free running: let them pass 2^32. */
static void start_rings_at(XensimQueue *queue, Xensim *sim, RING_IDX start)
{
    netif_tx_sring_t *tx = xensim_page(sim, queue->tx_frame);
    netif_rx_sring_t *rx = xensim_page(sim, queue->rx_frame);

    tx->req_prod = tx->rsp_prod = start;
    tx->req_event = tx->rsp_event = start + 1;
    rx->req_prod = rx->rsp_prod = start;
    rx->req_event = rx->rsp_event = start + 1;
    FRONT_RING_ATTACH(&queue->tx, tx, start, XENSIM_PAGE_SIZE);
    FRONT_RING_ATTACH(&queue->rx, rx, start, XENSIM_PAGE_SIZE);
}

/* Give a request the answer that a backend gives. */
static void answer_tx(netif_tx_front_ring_t *ring, RING_IDX index,
                      int16_t status)
{
    netif_tx_response_t answer = {
        .id = RING_GET_REQUEST(ring, index)->id,
        .status = status,
    };

    memcpy(RING_GET_REQUEST(ring, index), &answer, sizeof(answer));
}

/*
 * The backend before was killed when it had answered two of three frames, and
 * hadn't published that: these answers stand, and the third frame is sent.  The
 * front is notified, though it doesn't ask, as it may have been to be.
 */
static void test_taken_over(const void *persistent)
{
    VifTest *test = vif_test_new(NULL);
    XensimQueue *queue;
    const RING_IDX start = 40;

    vif_test_publish(test, &(XensimFrontConfig) {
        .persistent = GPOINTER_TO_INT(persistent),
    });
    queue = &test->front->queues[0];
    start_rings_at(queue, test->sim, start);
    for (int i = 0; i < 3; i++) {
        vif_test_fill(frame, VIF_TEST_MAX_FRAME);
        g_assert_true(xensim_front_send(test->front, 0, &(XensimTxFrame) {
            .data = frame,
            .len = XENSIM_PAGE_SIZE,
        }));
    }
    answer_tx(&queue->tx, start, NETIF_RSP_OKAY);
    answer_tx(&queue->tx, start + 1, NETIF_RSP_DROPPED);
    queue->tx.sring->rsp_event = start + XENSIM_TX_SLOTS;
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_expect_state(test, XenbusStateConnected);
    g_assert_cmpuint(xensim_events(test->sim, queue->tx_port), >, 0);
    vif_test_expect_sent(test, frame, XENSIM_PAGE_SIZE);
    g_assert_true(xensim_front_flush_tx(test->front, 0));
    g_assert_cmpuint(queue->tx_ok, ==, 2);
    g_assert_cmpuint(queue->tx_dropped, ==, 1);
    expect_frames(test, "tx", 1, XENSIM_PAGE_SIZE);
    vif_test_free(test);
}

static void test_index_wrap(const void *persistent)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_publish(test, &(XensimFrontConfig) {
        .persistent = GPOINTER_TO_INT(persistent),
    });
    start_rings_at(&test->front->queues[0], test->sim, -600);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_expect_state(test, XenbusStateConnected);
    for (int i = 0; i < 100; i++) {
        size_t len = g_test_rand_int_range(ETH_HLEN, VIF_TEST_MAX_FRAME);

        send_and_expect(test, len);
        receive_and_expect(test, len);
    }
    g_assert_cmpuint(test->front->queues[0].tx.req_prod_pvt, <, 1u << 31);
    g_assert_cmpuint(test->front->queues[0].rx.req_prod_pvt, <, 1u << 31);
    vif_test_free(test);
}

/*
 * Netdevs
 */

static void try_netdev(VifTestNetdev netdev, const void *persistent)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .netdev = netdev });

    vif_test_connect(test, &(XensimFrontConfig) {
        .persistent = GPOINTER_TO_INT(persistent),
    });
    for (int i = 0; i < 200; i++) {
        size_t len = g_test_rand_int_range(ETH_HLEN, VIF_TEST_MAX_FRAME + 1);

        send_and_expect(test, len);
        receive_and_expect(test, len);
    }
    vif_test_free(test);
}

static void test_stream(const void *persistent)
{
    try_netdev(VIF_TEST_STREAM, persistent);
}

static void test_socket(const void *persistent)
{
    try_netdev(VIF_TEST_SOCKET, persistent);
}

/*
 * Checksums and segmentation that the guest leaves to us
 */

static const FrameKind kinds[] = {
    { .tcp = true },
    { .tcp = true, .ipv6 = true },
    { .tcp = true, .vlan = true },
    { .tcp = true, .ipv6 = true, .vlan = true },
    { .tcp = false },
    { .ipv6 = true },
    { .vlan = true },
    { .ipv6 = true, .vlan = true },
};

/* A netdev without offloads gets the checksum completed. */
static void test_tx_checksum(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];
    uint64_t frames = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (int round = 0; round < 50; round++) {
            size_t len = g_test_rand_int_range(frame_payload(kinds[i]), 9000);
            XensimTxFrame tx = {
                .data = frame,
                .len = len,
                .slots = slots,
                .nr_slots = vif_test_cut(len, slots),
                .flags = NETTXF_csum_blank | NETTXF_data_validated,
            };

            frame_make(frame, len, kinds[i]);
            memcpy(received, frame, len);
            frame_blank_checksum(frame, len, kinds[i]);
            g_assert_true(xensim_front_send(test->front, 0, &tx));
            vif_test_expect_sent(test, received, len);
            frames++;
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "software-checksums"), ==,
                     frames);
    vif_test_free(test);
}

static netif_extra_info_t gso_info(FrameKind kind, uint16_t size)
{
    return (netif_extra_info_t) {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso.size = size,
        .u.gso.type = kind.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
                                : XEN_NETIF_GSO_TYPE_TCPV4,
    };
}

/* Receive segments, and compare their payload with the frame's. */
static void expect_segments(VifTest *test, size_t len, FrameKind kind,
                            size_t mss)
{
    size_t header = frame_payload(kind);
    uint32_t sequence = frame_sequence(frame, kind);
    size_t done = header;

    while (done < len) {
        size_t part = MIN(mss, len - done);
        size_t got = vif_test_peer_receive(test, NULL, received,
                                           XENSIM_PATIENCE);

        g_assert_cmpuint(got, ==, header + part);
        g_assert_cmpstr(frame_check(received, got, kind), ==, NULL);
        g_assert_cmpuint(frame_sequence(received, kind), ==, sequence);
        g_assert_cmpmem(received + header, part, frame + done, part);
        sequence += part;
        done += part;
    }
}

static void test_tx_gso(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];

    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && kinds[i].tcp; i++) {
        for (int round = 0; round < 30; round++) {
            size_t len = g_test_rand_int_range(2000, VIF_TEST_MAX_FRAME + 1);
            size_t mss = g_test_rand_int_range(536, 1461);
            netif_extra_info_t extra = gso_info(kinds[i], mss);
            XensimTxFrame tx = {
                .data = frame,
                .len = len,
                .slots = slots,
                .nr_slots = vif_test_cut(len, slots),
                .flags = NETTXF_csum_blank | NETTXF_data_validated,
                .extras = &extra,
                .nr_extras = 1,
            };

            frame_make(frame, len, kinds[i]);
            frame_blank_checksum(frame, len, kinds[i]);
            g_assert_true(xensim_front_send(test->front, 0, &tx));
            expect_segments(test, len, kinds[i], mss);
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "gso-frames"), ==, 4 * 30);
    vif_test_free(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    vif_test_add_both("/traffic/tx-every-size", test_tx_every_size);
    vif_test_add_both("/traffic/rx-every-size", test_rx_every_size);
    vif_test_add_both("/traffic/tx-tiny-slots", test_tx_tiny_slots);
    vif_test_add_both("/traffic/tx-offsets", test_tx_offsets);
    vif_test_add_both("/traffic/tx-wrap", test_tx_wrap);
    vif_test_add_both("/traffic/rx-wrap", test_rx_wrap);
    vif_test_add_both("/traffic/index-wrap", test_index_wrap);
    vif_test_add_both("/traffic/taken-over", test_taken_over);
    vif_test_add_both("/traffic/stream", test_stream);
    vif_test_add_both("/traffic/socket", test_socket);
    vif_test_add_both("/traffic/tx-checksum", test_tx_checksum);
    vif_test_add_both("/traffic/tx-gso", test_tx_gso);
    return g_test_run();
}
