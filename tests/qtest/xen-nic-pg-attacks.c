/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests have done to network backends, one test for each advisory
 *
 * Each does to this backend what the advisory says was done to another.  It
 * must answer with an error, or stop the vif with a reason; QEMU goes on, and
 * a frontend that behaves can connect afterwards.
 */

#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>
#include "control.h"
#include "flipper.h"
#include "frames.h"
#include "keys.h"
#include "raw.h"
#include "tap.h"

#define FRAME 200

/* Why there can be no tap, or NULL */
static const char *no_tap;

static VifTest *connect_new(bool persistent)
{
    return vif_test_connect_new(GINT_TO_POINTER(persistent));
}

/* A frontend that behaves connects. */
static void expect_recovery(VifTest *test)
{
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/*
 * XSA-39: ring indexes beyond the ring
 */

static void test_xsa_39_tx(void)
{
    VifTest *test = connect_new(true);
    XensimQueue *queue = &test->front->queues[0];

    vif_test_works(test);
    queue->tx.sring->req_prod = queue->tx.rsp_cons + XENSIM_TX_SLOTS + 1;
    xensim_notify(test->sim, queue->tx_port);
    keys_expect_error(test, NULL, "transmit ring: the request index is beyond");
    expect_recovery(test);
}

static void test_xsa_39_rx(void)
{
    VifTest *test = connect_new(true);
    XensimQueue *queue = &test->front->queues[0];
    uint8_t data[FRAME];

    vif_test_works(test);
    queue->rx.sring->req_prod = queue->rx.rsp_cons - 1;
    vif_test_fill(data, sizeof(data));
    vif_test_peer_send(test, NULL, data, sizeof(data));
    keys_expect_error(test, NULL, "receive ring: the request index is beyond");
    expect_recovery(test);
}

/* The same when the vif connects. */
static void test_xsa_39_start(void)
{
    VifTest *test = vif_test_new(NULL);
    netif_tx_sring_t *ring;

    vif_test_publish(test, &(XensimFrontConfig) { 0 });
    ring = xensim_page(test->sim, test->front->queues[0].tx_frame);
    ring->req_prod = XENSIM_TX_SLOTS + 1;
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_expect_error(test, NULL, "transmit ring: the request index is beyond");
    expect_recovery(test);
}

/*
 * XSA-90: a frame that isn't well-formed
 */

/* A frame of more slots than any may have; the others go on. */
static void test_xsa_90_slots(void)
{
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    for (unsigned int nr = XEN_NETIF_NR_SLOTS_MIN + 1; nr < 60; nr++) {
        for (unsigned int i = 0; i < nr; i++) {
            raw_put_tx(test, &(netif_tx_request_t) {
                .gref = ref,
                .id = i,
                .size = i ? 10 : nr * 10,
                .flags = i + 1 < nr ? NETTXF_more_data : 0,
            });
        }
        raw_push_tx(test);
        for (unsigned int i = 0; i < nr; i++) {
            raw_expect_tx(test, i, NETIF_RSP_ERROR);
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.slots"), ==,
                     60 - XEN_NETIF_NR_SLOTS_MIN - 1);
    expect_recovery(test);
}

/* A frame that never ends. */
static void test_xsa_90_endless(void)
{
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    for (unsigned int i = 0; i < XENSIM_TX_SLOTS; i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .size = 1000,
            .flags = NETTXF_more_data,
        });
    }
    raw_push_tx(test);
    keys_expect_error(test, NULL, "a frame of more slots than any may have");
    expect_recovery(test);
}

static void expect_error(VifTest *test, const netif_tx_request_t *request)
{
    raw_put_tx(test, request);
    raw_push_tx(test);
    raw_expect_tx(test, request->id, NETIF_RSP_ERROR);
}

/* Slots that leave the page, and sizes that can't be. */
static void test_xsa_90_sizes(void)
{
    static const struct {
        uint16_t offset, size;
    } wrong[] = {
        { 0, 0 }, { 0, ETH_HLEN - 1 }, { 4095, 14 }, { 4096, 14 },
        { 65535, 14 }, { 1, 4096 }, { 0, 4097 }, { 0, 65535 },
    };
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        expect_error(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = i,
            .offset = wrong[i].offset,
            .size = wrong[i].size,
        });
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.size") +
                     vif_test_counter(test, "tx", "drops.page"), ==,
                     G_N_ELEMENTS(wrong));
    expect_recovery(test);
}

/* Two slots whose sizes disagree with the frame's. */
static void test_xsa_90_disagreement(void)
{
    static const uint16_t sizes[][2] = {
        { 100, 101 }, { 14, 15 }, { 50, 65535 },
    };
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = 1,
            .size = sizes[i][0],
            .flags = NETTXF_more_data,
        });
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = 2,
            .size = sizes[i][1],
        });
        raw_push_tx(test);
        raw_expect_tx(test, 1, NETIF_RSP_ERROR);
        raw_expect_tx(test, 2, NETIF_RSP_ERROR);
    }
    expect_recovery(test);
}

/* Extra infos: unknown, without end, a GSO that fits no TCP. */
static void test_xsa_90_extras(void)
{
    static const netif_extra_info_t wrong[] = {
        { .type = 77 },
        { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso.type = 1 },
        { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .size = 9, .type = 7 } },
        { .type = XEN_NETIF_EXTRA_TYPE_GSO,
          .u.gso = { .size = 500, .type = XEN_NETIF_GSO_TYPE_TCPV4 } },
    };
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = i,
            .size = FRAME,
            .flags = NETTXF_extra_info | NETTXF_csum_blank |
                     NETTXF_data_validated,
        });
        raw_put_tx_extra(test, &wrong[i]);
        raw_push_tx(test);
        raw_expect_tx(test, i, NETIF_RSP_ERROR);
        raw_expect_tx(test, i, NETIF_RSP_NULL);
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.extra") +
                     vif_test_counter(test, "tx", "drops.gso"), ==,
                     G_N_ELEMENTS(wrong));
    expect_recovery(test);
}

/*
 * XSA-155: what is in shared memory changes while it is looked at
 */

static gint64 patience_ends(void)
{
    return g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
}

/**
 * TxField: what is flipped in the requests of the transmit ring
 * @offset: where in a request those 16 bits are
 * @bad: what they are half of the time; else they are right
 * @drop: as what the backend counts a frame that was bad
 */
typedef struct TxField {
    size_t offset;
    uint16_t bad;
    const char *drop;
} TxField;

/* A request is a good one in one moment, and not in the next. */
static void test_xsa_155_tx(const void *opaque)
{
    enum { ROUNDS = 2000 };
    const TxField *field = opaque;
    VifTest *test = connect_new(true);
    netif_tx_sring_t *ring = test->front->queues[0].tx.sring;
    uint64_t good = 0, bad = 0;
    gint64 end = patience_ends();
    uint32_t frame;
    netif_tx_request_t request = {
        .gref = raw_grant(test, true, &frame),
        .size = FRAME,
    };
    Flipper flipper = {
        .at = (_Atomic uint16_t *)((uint8_t *)ring->ring + field->offset),
        .values = { 0, field->bad },
        .stride = sizeof(union netif_tx_sring_entry) / sizeof(uint16_t),
        .nr = XENSIM_TX_SLOTS,
    };

    g_assert_cmpuint(request.gref, <=, UINT16_MAX);
    memcpy(&flipper.values[0], (uint8_t *)&request + field->offset,
           sizeof(uint16_t));
    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS || !good || !bad; i++) {
        netif_tx_response_t response;

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        raw_put_tx(test, &request);
        raw_push_tx(test);
        response = raw_take_tx(test);
        if (response.status == NETIF_RSP_OKAY) {
            vif_test_expect_sent(test, xensim_page(test->sim, frame), FRAME);
            good++;
        } else {
            g_assert_cmpint(response.status, ==, NETIF_RSP_ERROR);
            bad++;
        }
    }
    flipper_stop(&flipper);
    g_assert_cmpuint(vif_test_counter(test, "tx", field->drop), ==, bad);
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), ==, good);
    expect_recovery(test);
}

/* Two requests are two frames in one moment, and one in the next. */
static void test_xsa_155_more_data(void)
{
    enum { ROUNDS = 2000, REST = 50 };
    VifTest *test = connect_new(true);
    netif_tx_sring_t *ring = test->front->queues[0].tx.sring;
    uint64_t joined = 0, apart = 0;
    gint64 end = patience_ends();
    uint32_t frames[2];
    uint32_t refs[2] = {
        raw_grant(test, true, &frames[0]),
        raw_grant(test, true, &frames[1]),
    };
    uint8_t *pages[2] = {
        xensim_page(test->sim, frames[0]),
        xensim_page(test->sim, frames[1]),
    };
    Flipper flipper = {
        .at = (_Atomic uint16_t *)&ring->ring[0].req.flags,
        .values = { 0, NETTXF_more_data },
        .stride = 2 * sizeof(union netif_tx_sring_entry) / sizeof(uint16_t),
        .nr = XENSIM_TX_SLOTS / 2,
    };
    static uint8_t got[VIF_TEST_MAX_FRAME];

    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS || !joined || !apart; i++) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = refs[0],
            .id = 1,
            .size = FRAME,
        });
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = refs[1],
            .id = 2,
            .size = REST,
        });
        raw_push_tx(test);
        raw_expect_tx(test, 1, NETIF_RSP_OKAY);
        raw_expect_tx(test, 2, NETIF_RSP_OKAY);

        g_assert_cmpuint(vif_test_peer_receive(test, NULL, got,
                                               XENSIM_PATIENCE), ==, FRAME);
        if (memcmp(got, pages[0], FRAME) == 0) {
            vif_test_expect_sent(test, pages[1], REST);
            apart++;
        } else {
            g_assert_cmpmem(got, FRAME - REST, pages[0], FRAME - REST);
            g_assert_cmpmem(got + FRAME - REST, REST, pages[1], REST);
            joined++;
        }
    }
    flipper_stop(&flipper);
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), ==,
                     joined + 2 * apart);
    expect_recovery(test);
}

/* Put a frame of @nr slots of one page into the ring. */
static void put_tx_slots(VifTest *test, uint32_t ref, unsigned int nr,
                         unsigned int size)
{
    for (unsigned int i = 0; i < nr; i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = i,
            .size = i ? size : nr * size,
            .flags = i + 1 < nr ? NETTXF_more_data : 0,
        });
    }
}

/* The index goes to and fro, but never behind the frame that has begun. */
static void test_xsa_155_req_prod(void)
{
    enum { ROUNDS = 50, SLOTS = 10, SIZE = 100 };
    VifTest *test = connect_new(true);
    XensimQueue *queue = &test->front->queues[0];
    uint32_t frame, ref = raw_grant(test, true, &frame);
    uint8_t wanted[SLOTS * SIZE];
    Flipper flipper = {
        .at = (_Atomic uint16_t *)&queue->tx.sring->req_prod,
        .nr = 1,
    };

    for (int i = 0; i < SLOTS; i++) {
        memcpy(wanted + i * SIZE, xensim_page(test->sim, frame), SIZE);
    }
    for (unsigned int i = 0; i < ROUNDS; i++) {
        flipper.values[0] = queue->tx.req_prod_pvt;
        flipper.values[1] = queue->tx.req_prod_pvt + SLOTS - 1;
        put_tx_slots(test, ref, SLOTS, SIZE);
        flipper_start(&flipper);
        for (int j = 0; j < 20; j++) {
            xensim_notify(test->sim, queue->tx_port);
            g_assert_cmpuint(vif_test_counter(test, "tx", "slots"), ==,
                             i * SLOTS);
        }
        flipper_stop(&flipper);
        raw_push_tx(test);
        for (int j = 0; j < SLOTS; j++) {
            raw_expect_tx(test, j, NETIF_RSP_OKAY);
        }
        vif_test_expect_sent(test, wanted, sizeof(wanted));
    }
    expect_recovery(test);
}

static void expect_pattern(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_assert_cmpuint(data[i], ==, XENSIM_RX_PATTERN);
    }
}

/* A posted reference is a good one in one moment, and not in the next. */
static void test_xsa_155_rx(void)
{
    enum { ROUNDS = 2000 };
    VifTest *test = connect_new(true);
    netif_rx_sring_t *ring = test->front->queues[0].rx.sring;
    uint64_t good = 0, bad = 0;
    gint64 end = patience_ends();
    uint32_t frame, ref = raw_grant(test, false, &frame);
    uint8_t *page = xensim_page(test->sim, frame);
    Flipper flipper = {
        .at = (_Atomic uint16_t *)&ring->ring[0].req.gref,
        .values = { ref, 0 },
        .stride = sizeof(union netif_rx_sring_entry) / sizeof(uint16_t),
        .nr = XENSIM_RX_SLOTS,
    };
    uint8_t data[FRAME];

    g_assert_cmpuint(ref, <=, UINT16_MAX);
    vif_test_fill(data, FRAME);
    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS || !good || !bad; i++) {
        netif_rx_response_t response;

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        memset(page, XENSIM_RX_PATTERN, XENSIM_PAGE_SIZE);
        raw_put_rx(test, i, ref);
        raw_push_rx(test);
        vif_test_peer_send(test, NULL, data, FRAME);
        response = raw_expect_rx(test, i);
        if (response.status == FRAME) {
            g_assert_cmpmem(page, FRAME, data, FRAME);
            good++;
        } else {
            g_assert_cmpint(response.status, ==, NETIF_RSP_ERROR);
            expect_pattern(page, FRAME);
            bad++;
        }
        expect_pattern(page + FRAME, XENSIM_PAGE_SIZE - FRAME);
    }
    flipper_stop(&flipper);
    g_assert_cmpuint(vif_test_counter(test, "rx", "drops.grant"), ==, bad);
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, good);
    expect_recovery(test);
}

/* The payload changes while software sums it up: it's that which is sent. */
static void test_xsa_155_payload(void)
{
    enum { ROUNDS = 1000, LEN = 4000 };
    const FrameKind kind = { .tcp = true };
    VifTest *test = connect_new(true);
    uint32_t frame, ref = raw_grant(test, true, &frame);
    uint8_t *page = xensim_page(test->sim, frame);
    size_t payload = frame_payload(kind);
    Flipper flipper = {
        .at = (_Atomic uint16_t *)(page + payload),
        .values = { 0x1234, 0x4321 },
        .stride = 1,
        .nr = (LEN - payload) / sizeof(uint16_t),
    };
    static uint8_t got[VIF_TEST_MAX_FRAME];
    gint64 end = patience_ends();
    uint64_t seen[2] = { 0 };

    frame_make(page, LEN, kind);
    frame_blank_checksum(page, LEN, kind);
    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS || !seen[0] || !seen[1]; i++) {
        uint16_t first;

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = i,
            .size = LEN,
            .flags = NETTXF_csum_blank | NETTXF_data_validated,
        });
        raw_push_tx(test);
        raw_expect_tx(test, i, NETIF_RSP_OKAY);
        g_assert_cmpuint(vif_test_peer_receive(test, NULL, got,
                                               XENSIM_PATIENCE), ==, LEN);
        g_assert_cmpstr(frame_check(got, LEN, kind), ==, NULL);
        memcpy(&first, got + payload, sizeof(first));
        seen[first == flipper.values[1]]++;
    }
    flipper_stop(&flipper);
    expect_recovery(test);
}

/**
 * RingFlip: a field of a request that changes
 * @name: of the test
 * @slot: of the frame's two
 * @field: where it is in the request
 * @values: a good one, and one that isn't
 */
typedef struct RingFlip {
    const char *name;
    unsigned int slot;
    size_t field;
    uint16_t values[2];
} RingFlip;

enum { RING_FRAMES = 20, RING_VICTIM = 10, REST = 40 };

static const RingFlip ring_flips[] = {
    { "size", 0, offsetof(netif_tx_request_t, size), { FRAME, 65535 } },
    { "offset", 0, offsetof(netif_tx_request_t, offset), { 0, 4090 } },
    { "flags", 0, offsetof(netif_tx_request_t, flags),
      { NETTXF_more_data, NETTXF_more_data | NETTXF_extra_info } },
    { "rest-size", 1, offsetof(netif_tx_request_t, size), { REST, 65535 } },
    { "rest-offset", 1, offsetof(netif_tx_request_t, offset), { 0, 4090 } },
    { "rest-reference", 1, offsetof(netif_tx_request_t, gref), { 0, 1 } },
};

/* Put a burst of frames in two slots each; aim at one in their midst. */
static void put_flipped_burst(VifTest *test, uint32_t ref, Flipper *flipper,
                              const RingFlip *what)
{
    netif_tx_front_ring_t *ring = &test->front->queues[0].tx;
    RING_IDX victim = ring->req_prod_pvt + 2 * RING_VICTIM + what->slot;

    for (unsigned int i = 0; i < RING_FRAMES; i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .size = FRAME,
            .flags = NETTXF_more_data,
        });
        raw_put_tx(test, &(netif_tx_request_t) { .gref = ref, .size = REST });
    }
    flipper_aim(flipper, (char *)RING_GET_REQUEST(ring, victim) + what->field);
    raw_push_tx(test);
}

/* Take a burst's responses and frames.  Returns how many slots were bad. */
static unsigned int take_flipped_burst(VifTest *test)
{
    static uint8_t got[VIF_TEST_MAX_FRAME];
    unsigned int bad = 0;
    ssize_t len;

    for (unsigned int i = 0; i < 2 * RING_FRAMES; i++) {
        bad += raw_take_tx(test).status == NETIF_RSP_ERROR;
    }
    while ((len = recv(test->peer, got, sizeof(got), MSG_DONTWAIT)) >= 0) {
        g_assert_cmpint(len, ==, FRAME);
    }
    return bad;
}

/*
 * What is in the ring is good in one moment, and not in the next.  Whatever
 * the backend sees, it must go by what it has checked: the frame is sent or
 * refused, and no other.
 */
static void test_xsa_155_burst(const void *data)
{
    enum { ROUNDS = 1500 };
    const RingFlip *what = data;
    VifTest *test = connect_new(true);
    uint32_t ref = raw_grant(test, true, NULL);
    _Atomic uint16_t nowhere;
    Flipper flipper = {
        .at = &nowhere,
        .values = { what->values[0], what->values[1] },
        .nr = 1,
    };
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
    unsigned int good = 0, bad = 0;

    if (what->field == offsetof(netif_tx_request_t, gref)) {
        flipper.values[0] = ref;
    }
    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS || !good || !bad; i++) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        put_flipped_burst(test, ref, &flipper, what);
        if (take_flipped_burst(test)) {
            bad++;
        } else {
            good++;
        }
    }
    flipper_stop(&flipper);
    expect_recovery(test);
}

/* The TCP header in a mapped page grows and shrinks. */
static void test_xsa_155_headers(void)
{
    enum { ROUNDS = 2000, MSS = 500 };
    const FrameKind kind = { .tcp = true };
    VifTest *test = connect_new(true);
    uint32_t ref, frame;
    uint8_t *page;
    netif_extra_info_t gso = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = { .size = MSS, .type = XEN_NETIF_GSO_TYPE_TCPV4 },
    };
    Flipper flipper = { .values = { 0x1850, 0x18f0 }, .nr = 1 };
    unsigned int len = frame_payload(kind) + 3 * MSS;
    static uint8_t got[VIF_TEST_MAX_FRAME];

    ref = raw_grant(test, true, &frame);
    page = xensim_page(test->sim, frame);
    frame_make(page, len, kind);
    flipper.at = (_Atomic uint16_t *)(page + frame_l4(kind) + 12);
    flipper_start(&flipper);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = ref,
            .id = i,
            .size = len,
            .flags = NETTXF_extra_info | NETTXF_csum_blank |
                     NETTXF_data_validated,
        });
        raw_put_tx_extra(test, &gso);
        raw_push_tx(test);
        raw_expect_tx(test, i, NETIF_RSP_OKAY);
        raw_expect_tx(test, i, NETIF_RSP_NULL);
        for (size_t left = 3 * MSS; left;) {
            size_t size = vif_test_peer_receive(test, NULL, got,
                                                XENSIM_PATIENCE);
            size_t header = frame_l4(kind) + got[frame_l4(kind) + 12] / 16 * 4;

            /* Each segment was made of one and the same header. */
            g_assert_cmpstr(frame_check(got, size, kind), ==, NULL);
            if (header > frame_payload(kind)) {
                left = MIN(left, 3 * MSS - (header - frame_payload(kind)));
            }
            left -= MIN(left, size - header);
        }
    }
    flipper_stop(&flipper);
    expect_recovery(test);
}

/*
 * XSA-216: bytes of the host in what the guest gets
 */

/* A response is four bytes; what is behind them in the slot stays. */
static void expect_answer(VifTest *test, const netif_tx_request_t *request,
                          uint16_t id, int16_t status)
{
    netif_tx_front_ring_t *ring = &test->front->queues[0].tx;
    unsigned int place = ring->rsp_cons % XENSIM_TX_SLOTS;
    union netif_tx_sring_entry wanted = { .req = *request };

    wanted.rsp = (netif_tx_response_t) { .id = id, .status = status };
    raw_expect_tx(test, id, status);
    g_assert_cmpmem(&ring->sring->ring[place], sizeof(wanted), &wanted,
                    sizeof(wanted));
}

static void test_xsa_216_tx(void)
{
    VifTest *test = connect_new(false);
    uint32_t frame;
    netif_tx_request_t request = {
        .gref = raw_grant(test, true, &frame),
        .id = 0x1234,
        .size = FRAME,
    };

    raw_put_tx(test, &request);
    raw_push_tx(test);
    expect_answer(test, &request, 0x1234, NETIF_RSP_OKAY);
    vif_test_expect_sent(test, xensim_page(test->sim, frame), FRAME);

    request.offset = XENSIM_PAGE_SIZE - 1;
    raw_put_tx(test, &request);
    raw_push_tx(test);
    expect_answer(test, &request, 0x1234, NETIF_RSP_ERROR);
    expect_recovery(test);
}

/* An extra info is answered with as little, be its frame good or bad. */
static void test_xsa_216_tx_extra(void)
{
    enum { LEN = 400 };
    static const netif_extra_info_t extras[] = {
        { .type = XEN_NETIF_EXTRA_TYPE_GSO,
          .u.gso = { .size = 500, .type = XEN_NETIF_GSO_TYPE_TCPV4 } },
        { .type = 77 },
    };
    const FrameKind kind = { .tcp = true };
    VifTest *test = connect_new(false);
    uint8_t *page, wanted[LEN];
    uint32_t frame;
    netif_tx_request_t extra, request = {
        .gref = raw_grant(test, true, &frame),
        .id = 0x1234,
        .size = LEN,
        .flags = NETTXF_extra_info | NETTXF_csum_blank | NETTXF_data_validated,
    };

    page = xensim_page(test->sim, frame);
    frame_make(page, LEN, kind);
    memcpy(wanted, page, LEN);
    frame_blank_checksum(page, LEN, kind);
    for (size_t i = 0; i < G_N_ELEMENTS(extras); i++) {
        memset(&extra, XENSIM_RX_PATTERN, sizeof(extra));
        memcpy(&extra, &extras[i], sizeof(extras[i]));
        raw_put_tx(test, &request);
        raw_put_tx(test, &extra);
        raw_push_tx(test);
        expect_answer(test, &request, 0x1234,
                      i ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
        expect_answer(test, &extra, 0, NETIF_RSP_NULL);
    }
    vif_test_expect_sent(test, wanted, LEN);
    expect_recovery(test);
}

/* The bytes of a page that the frame doesn't fill stay as they were. */
static void test_xsa_216_rx(void)
{
    VifTest *test = connect_new(false);
    uint8_t data[ETH_HLEN], *page;
    uint32_t ref, frame;

    ref = raw_grant(test, false, &frame);
    page = xensim_page(test->sim, frame);
    memset(page, XENSIM_RX_PATTERN, XENSIM_PAGE_SIZE);
    vif_test_fill(data, sizeof(data));
    raw_put_rx(test, 0, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, sizeof(data));
    g_assert_cmpint(raw_expect_rx(test, 0).status, ==, sizeof(data));
    g_assert_cmpmem(page, sizeof(data), data, sizeof(data));
    expect_pattern(page + sizeof(data), XENSIM_PAGE_SIZE - sizeof(data));
    expect_recovery(test);
}

/* The next slot of the receive ring is this one, byte by byte. */
static void expect_rx_slot(VifTest *test, const void *wanted)
{
    netif_rx_response_t response = raw_take_rx(test);

    g_assert_cmpmem(&response, sizeof(response), wanted, sizeof(response));
}

/* A frame that fills two pages; its responses have ids, flags and sizes. */
static void receive_two_slots(VifTest *test, uint32_t ref)
{
    static const uint8_t data[2 * XENSIM_PAGE_SIZE];

    raw_put_rx(test, 0xffff, ref);
    raw_put_rx(test, 0xffff, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, sizeof(data));
    expect_rx_slot(test, &(netif_rx_response_t) {
        .id = 0xffff,
        .flags = NETRXF_more_data,
        .status = XENSIM_PAGE_SIZE,
    });
    expect_rx_slot(test, &(netif_rx_response_t) {
        .id = 0xffff,
        .status = XENSIM_PAGE_SIZE,
    });
}

/* An error has nothing of the responses before it. */
static void test_xsa_216_rx_error(void)
{
    static const uint8_t data[FRAME];
    VifTest *test = connect_new(false);

    receive_two_slots(test, raw_grant(test, false, NULL));
    raw_put_rx(test, 5, 0);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, FRAME);
    expect_rx_slot(test, &(netif_rx_response_t) {
        .id = 5,
        .status = NETIF_RSP_ERROR,
    });
    expect_recovery(test);
}

/* Nor has an extra info, for which a tap is needed that describes a GSO. */
static void test_xsa_216_rx_extra(void)
{
    enum { MSS = 500, LEN = 1400 };
    const FrameKind kind = { .tcp = true };
    const struct virtio_net_hdr vnet = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = MSS,
        .hdr_len = frame_payload(kind),
        .csum_start = frame_l4(kind),
        .csum_offset = frame_checksum_offset(kind),
    };
    uint8_t data[LEN];
    uint32_t ref;
    VifTest *test;

    if (no_tap) {
        g_test_skip(no_tap);
        return;
    }
    test = vif_test_new(&(VifTestOptions) { .netdev = VIF_TEST_TAP });
    vif_test_connect(test, NULL);
    ref = raw_grant(test, false, NULL);
    receive_two_slots(test, ref);
    frame_make(data, LEN, kind);
    frame_blank_checksum(data, LEN, kind);
    raw_put_rx(test, 5, ref);
    raw_put_rx(test, 6, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, &vnet, data, LEN);
    expect_rx_slot(test, &(netif_rx_response_t) {
        .id = 5,
        .flags = NETRXF_extra_info | NETRXF_csum_blank | NETRXF_data_validated,
        .status = LEN,
    });
    expect_rx_slot(test, &(netif_extra_info_t) {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = { .size = MSS, .type = XEN_NETIF_GSO_TYPE_TCPV4 },
    });
    expect_recovery(test);
}

/*
 * XSA-270: an index into the hash mapping, on the control ring
 */

/* Parts of a mapping that leave it; more of these are in the hash suite. */
static void test_xsa_270(void)
{
    static const struct {
        uint32_t nr, offset;
    } wrong[] = {
        { 1, CONTROL_MAX_MAPPING }, { CONTROL_MAX_MAPPING, 1 },
        { 1, UINT32_MAX }, { CONTROL_MAX_MAPPING, -CONTROL_MAX_MAPPING },
        { 1, 1u << 30 },
    };
    VifTest *test = control_connect_new();

    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), CONTROL_MAX_MAPPING);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING),
                       test->front->control.list_ref, wrong[i].nr,
                       wrong[i].offset);
    }
    control_recover(test);
}

/*
 * XSA-362, XSA-367: errors of grant operations taken for bugs, or ignored
 */

static void test_xsa_362(void)
{
    VifTest *test = vif_test_new(NULL);

    for (unsigned int nth = 0; nth < 2; nth++) {
        xensim_fail(test->sim, XENSIM_OP_MAP, nth, 1);
        vif_test_publish(test, &(XensimFrontConfig) { 0 });
        xensim_front_set_state(test->front, XenbusStateConnected);
        keys_expect_error(test, NULL,
                          nth ? "cannot map rx-ring" : "cannot map tx-ring");
        vif_test_disconnect(test);
    }
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* A copy that fails isn't a frame of what was in memory before. */
static void test_xsa_367(void)
{
    VifTest *test = connect_new(false);
    uint8_t data[FRAME];
    uint32_t ref = raw_grant(test, true, NULL);

    xensim_fail(test->sim, XENSIM_OP_COPY, 0, 1);
    expect_error(test, &(netif_tx_request_t) { .gref = ref, .size = FRAME });
    g_assert_cmpuint(vif_test_peer_receive(test, NULL, data, 50), ==, 0);
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.grant"), ==, 1);
    expect_recovery(test);
}

/* The whole call fails, as it does without memory. */
static void test_xsa_367_call(void)
{
    VifTest *test = connect_new(false);
    uint32_t ref = raw_grant(test, true, NULL);

    xensim_fail(test->sim, XENSIM_OP_COPY_CALL, 0, 1000);
    expect_error(test, &(netif_tx_request_t) { .gref = ref, .size = FRAME });
    xensim_fail(test->sim, XENSIM_OP_COPY_CALL, 0, 0);
    expect_recovery(test);
}

/*
 * A frame isn't sent if any of its slots can't be read, whichever; those
 * before and behind it in the burst are.
 */
static void test_xsa_367_tx_slots(const void *persistent)
{
    enum { SLOTS = XEN_NETIF_NR_SLOTS_MIN, SIZE = 100 };
    VifTest *test = vif_test_connect_new(persistent);
    uint32_t ref, frame;
    netif_tx_request_t alone = { .id = SLOTS, .size = FRAME };
    netif_tx_front_ring_t *ring = &test->front->queues[0].tx;

    ref = raw_grant(test, true, NULL);
    alone.gref = raw_grant(test, true, &frame);
    for (unsigned int bad = 0; bad < SLOTS; bad++) {
        RING_IDX place = ring->req_prod_pvt + 1 + bad;

        raw_put_tx(test, &alone);
        put_tx_slots(test, ref, SLOTS, SIZE);
        RING_GET_REQUEST(ring, place)->gref = 0;
        raw_put_tx(test, &alone);
        raw_push_tx(test);
        raw_expect_tx(test, SLOTS, NETIF_RSP_OKAY);
        for (int i = 0; i < SLOTS; i++) {
            raw_expect_tx(test, i, NETIF_RSP_ERROR);
        }
        raw_expect_tx(test, SLOTS, NETIF_RSP_OKAY);
        for (int i = 0; i < 2; i++) {
            vif_test_expect_sent(test, xensim_page(test->sim, frame), FRAME);
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.grant"), ==, SLOTS);
    expect_recovery(test);
}

/* A frame of one slot comes into a page of its own. */
static void expect_page(VifTest *test, uint16_t id, uint32_t frame,
                        const uint8_t *data)
{
    g_assert_cmpint(raw_expect_rx(test, id).status, ==, FRAME);
    g_assert_cmpmem(xensim_page(test->sim, frame), FRAME, data, FRAME);
}

/* Each slot of a frame says that it wasn't written. */
static void expect_rx_errors(VifTest *test, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        netif_rx_response_t response = raw_expect_rx(test, i);

        g_assert_cmpint(response.status, ==, NETIF_RSP_ERROR);
        g_assert_cmpuint(response.flags, ==,
                         i + 1 < nr ? NETRXF_more_data : 0);
    }
}

/* The guest is told if any of a frame's pages couldn't be written. */
static void test_xsa_367_rx_slots(const void *persistent)
{
    enum { SLOTS = 5, LEN = SLOTS * XENSIM_PAGE_SIZE };
    VifTest *test = vif_test_connect_new(persistent);
    uint32_t ref = raw_grant(test, false, NULL), refs[2], frames[2];
    static uint8_t data[LEN];

    refs[0] = raw_grant(test, false, &frames[0]);
    refs[1] = raw_grant(test, false, &frames[1]);
    for (int bad = 0; bad < SLOTS; bad++) {
        vif_test_fill(data, LEN);
        raw_put_rx(test, SLOTS, refs[0]);
        for (int i = 0; i < SLOTS; i++) {
            raw_put_rx(test, i, i == bad ? 0 : ref);
        }
        raw_put_rx(test, SLOTS, refs[1]);
        raw_push_rx(test);
        vif_test_peer_send(test, NULL, data, FRAME);
        vif_test_peer_send(test, NULL, data, LEN);
        vif_test_peer_send(test, NULL, data, FRAME);
        expect_page(test, SLOTS, frames[0], data);
        expect_rx_errors(test, SLOTS);
        expect_page(test, SLOTS, frames[1], data);
    }
    g_assert_cmpuint(vif_test_counter(test, "rx", "drops.grant"), ==, SLOTS);
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, 2 * SLOTS);
    expect_recovery(test);
}

/* The same when it's the hypervisor that fails: a segment, or whole calls */
static void test_xsa_367_rx_fails(void)
{
    enum { SLOTS = 5, LEN = SLOTS * XENSIM_PAGE_SIZE };
    VifTest *test = connect_new(false);
    uint32_t frame, ref = raw_grant(test, false, &frame);
    static uint8_t data[LEN];

    vif_test_fill(data, LEN);
    xensim_fail(test->sim, XENSIM_OP_COPY, 0, 1);
    raw_put_rx(test, 0, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, FRAME);
    expect_rx_errors(test, 1);

    xensim_fail(test->sim, XENSIM_OP_COPY_CALL, 0, 1000);
    for (int i = 0; i < SLOTS; i++) {
        raw_put_rx(test, i, ref);
    }
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, LEN);
    expect_rx_errors(test, SLOTS);
    xensim_fail(test->sim, XENSIM_OP_COPY_CALL, 0, 0);

    raw_put_rx(test, 0, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, FRAME);
    expect_page(test, 0, frame, data);
    g_assert_cmpuint(vif_test_counter(test, "rx", "drops.grant"), ==, 2);
    expect_recovery(test);
}

/*
 * XSA-374: the frontend disconnects in the midst of traffic
 */

/**
 * Sender: sends to the guest all the time
 * @data: the frame
 */
typedef struct Sender {
    VifTest *test;
    uint8_t data[FRAME];
    gint stop;
} Sender;

static gpointer send_all_the_time(gpointer opaque)
{
    Sender *sender = opaque;

    while (!g_atomic_int_get(&sender->stop)) {
        if (send(sender->test->peer, sender->data, FRAME, MSG_DONTWAIT) < 0) {
            g_thread_yield();
        }
    }
    return NULL;
}

static void test_xsa_374(void)
{
    enum { ROUNDS = 100, FRAMES = 40 };
    VifTest *test = vif_test_new(NULL);
    Sender sender = { .test = test };
    XensimTxFrame tx = { .data = sender.data, .len = FRAME };
    GThread *thread;

    /* GLib's random numbers are for one thread at a time. */
    vif_test_fill(sender.data, FRAME);
    thread = g_thread_new("sender", send_all_the_time, &sender);
    for (int i = 0; i < ROUNDS; i++) {
        vif_test_connect(test, &(XensimFrontConfig) { .persistent = i % 2 });
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        for (int j = 0; j < FRAMES; j++) {
            xensim_front_queue_tx(test->front, 0, &tx);
        }
        xensim_front_push_tx(test->front, 0);
        vif_test_disconnect(test);
    }
    g_atomic_int_set(&sender.stop, 1);
    g_thread_join(thread);
    vif_test_free(test);
}

/*
 * XSA-392: the guest posts no buffers
 */

static void test_xsa_392(void)
{
    enum { LEN = 60000, GROWTH_KIB = 4096 };
    VifTest *test = connect_new(true);
    g_autofree uint8_t *data = g_malloc(LEN);
    unsigned long memory;
    uint64_t accepted = 0;

    vif_test_works(test);
    memory = vif_test_memory(test);
    vif_test_fill(data, LEN);
    for (int i = 0; i < 2000; i++) {
        memcpy(data + ETH_HLEN, &accepted, sizeof(accepted));
        if (send(test->peer, data, LEN, MSG_DONTWAIT) == LEN) {
            accepted++;
        } else {
            g_usleep(100);
        }
    }
    g_assert_cmpuint(vif_test_memory(test), <=, memory + GROWTH_KIB);

    /* What was accepted comes, in order. */
    for (uint64_t i = 0; i < accepted; i++) {
        memcpy(data + ETH_HLEN, &i, sizeof(i));
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_expect_received(test, data, LEN);
    }
    expect_recovery(test);
}

/*
 * XSA-423: headers split over slots
 */

static void test_xsa_423(void)
{
    const FrameKind kind = { .tcp = true, .ipv6 = true };
    enum { LEN = 1400 };
    VifTest *test = connect_new(true);
    XensimTxSlot slots[XEN_NETIF_NR_SLOTS_MIN];
    uint8_t data[LEN], wanted[LEN];
    XensimTxFrame tx = {
        .data = data,
        .len = LEN,
        .slots = slots,
        .nr_slots = XEN_NETIF_NR_SLOTS_MIN,
        .flags = NETTXF_csum_blank | NETTXF_data_validated,
    };

    /* The first slots are of one byte each, from any place of the headers. */
    for (unsigned int first = 1; first < 60; first++) {
        unsigned int left = LEN - first;

        slots[0] = (XensimTxSlot) { .len = first };
        for (int i = 1; i < XEN_NETIF_NR_SLOTS_MIN - 1; i++) {
            slots[i] = (XensimTxSlot) { .offset = i, .len = 1 };
            left--;
        }
        slots[XEN_NETIF_NR_SLOTS_MIN - 1] = (XensimTxSlot) { .len = left };
        frame_make(data, LEN, kind);
        memcpy(wanted, data, LEN);
        frame_blank_checksum(data, LEN, kind);
        g_assert_true(xensim_front_send(test->front, 0, &tx));
        vif_test_expect_sent(test, wanted, LEN);
    }
    expect_recovery(test);
}

/*
 * XSA-424: a lock taken twice when a frame is dropped
 */

/* Good and bad frames mixed; each is answered, and the good ones come. */
static void test_xsa_424(void)
{
    enum { ROUNDS = 500, BURST = 60 };
    VifTest *test = connect_new(true);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    for (int i = 0; i < ROUNDS; i++) {
        bool good[BURST];

        for (int j = 0; j < BURST; j++) {
            good[j] = g_test_rand_int_range(0, 2);
            raw_put_tx(test, &(netif_tx_request_t) {
                .gref = good[j] ? ref : 0,
                .id = j,
                .size = FRAME,
                .offset = g_test_rand_int_range(0, 2) || good[j] ? 0 : 4090,
            });
        }
        raw_push_tx(test);
        for (int j = 0; j < BURST; j++) {
            raw_expect_tx(test, j, good[j] ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
            if (good[j]) {
                vif_test_expect_sent(test, xensim_page(test->sim, frame),
                                     FRAME);
            }
        }
    }
    expect_recovery(test);
}

/*
 * XSA-432: as many slots as allowed, all of them tiny
 */

static void test_xsa_432(void)
{
    enum { NR = XEN_NETIF_NR_SLOTS_MIN, FRAMES = XENSIM_TX_SLOTS / NR };
    VifTest *test = connect_new(true);
    XensimTxSlot slots[NR];
    uint8_t data[NR];
    XensimTxFrame tx = {
        .data = data,
        .len = NR,
        .slots = slots,
        .nr_slots = NR,
        .flags = NETTXF_csum_blank | NETTXF_data_validated,
    };

    for (int i = 0; i < NR; i++) {
        slots[i] = (XensimTxSlot) { .offset = XENSIM_PAGE_SIZE - 1, .len = 1 };
    }
    vif_test_fill(data, NR);
    for (int round = 0; round < 20; round++) {
        /* They have no header whose checksum could be blank. */
        for (int i = 0; i < FRAMES; i++) {
            g_assert_true(xensim_front_queue_tx(test->front, 0, &tx));
        }
        xensim_front_push_tx(test->front, 0);
        g_assert_true(xensim_front_flush_tx(test->front, 0));
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "drops.checksum"), ==,
                     20 * FRAMES);
    expect_recovery(test);
}

static void add_xsa_155_tx(void)
{
    static const TxField size = {
        offsetof(netif_tx_request_t, size), UINT16_MAX, "drops.page"
    };
    static const TxField gref = {
        offsetof(netif_tx_request_t, gref), 0, "drops.grant"
    };
    static const TxField offset = {
        offsetof(netif_tx_request_t, offset), XENSIM_PAGE_SIZE - 1,
        "drops.page"
    };
    /* There's no header whose checksum could be blank. */
    static const TxField flags = {
        offsetof(netif_tx_request_t, flags), NETTXF_csum_blank,
        "drops.checksum"
    };

    g_test_add_data_func("/attacks/xsa-155/tx-size", &size, test_xsa_155_tx);
    g_test_add_data_func("/attacks/xsa-155/tx-gref", &gref, test_xsa_155_tx);
    g_test_add_data_func("/attacks/xsa-155/tx-offset", &offset,
                         test_xsa_155_tx);
    g_test_add_data_func("/attacks/xsa-155/tx-flags", &flags,
                         test_xsa_155_tx);
}

static void add_bursts(void)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(ring_flips); i++) {
        g_autofree char *path = g_strconcat("/attacks/xsa-155/burst/",
                                            ring_flips[i].name, NULL);

        g_test_add_data_func(path, &ring_flips[i], test_xsa_155_burst);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    no_tap = why;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/attacks/xsa-39/tx", test_xsa_39_tx);
    g_test_add_func("/attacks/xsa-39/rx", test_xsa_39_rx);
    g_test_add_func("/attacks/xsa-39/start", test_xsa_39_start);
    g_test_add_func("/attacks/xsa-90/slots", test_xsa_90_slots);
    g_test_add_func("/attacks/xsa-90/endless", test_xsa_90_endless);
    g_test_add_func("/attacks/xsa-90/sizes", test_xsa_90_sizes);
    g_test_add_func("/attacks/xsa-90/disagreement", test_xsa_90_disagreement);
    g_test_add_func("/attacks/xsa-90/extras", test_xsa_90_extras);
    add_xsa_155_tx();
    g_test_add_func("/attacks/xsa-155/more-data", test_xsa_155_more_data);
    g_test_add_func("/attacks/xsa-155/req-prod", test_xsa_155_req_prod);
    g_test_add_func("/attacks/xsa-155/rx-gref", test_xsa_155_rx);
    g_test_add_func("/attacks/xsa-155/payload", test_xsa_155_payload);
    add_bursts();
    g_test_add_func("/attacks/xsa-155/headers", test_xsa_155_headers);
    g_test_add_func("/attacks/xsa-216/tx", test_xsa_216_tx);
    g_test_add_func("/attacks/xsa-216/tx-extra", test_xsa_216_tx_extra);
    g_test_add_func("/attacks/xsa-216/rx", test_xsa_216_rx);
    g_test_add_func("/attacks/xsa-216/rx-error", test_xsa_216_rx_error);
    g_test_add_func("/attacks/xsa-216/rx-extra", test_xsa_216_rx_extra);
    g_test_add_func("/attacks/xsa-270", test_xsa_270);
    g_test_add_func("/attacks/xsa-362", test_xsa_362);
    g_test_add_func("/attacks/xsa-367/segment", test_xsa_367);
    g_test_add_func("/attacks/xsa-367/call", test_xsa_367_call);
    vif_test_add_both("/attacks/xsa-367/tx-slots", test_xsa_367_tx_slots);
    vif_test_add_both("/attacks/xsa-367/rx-slots", test_xsa_367_rx_slots);
    g_test_add_func("/attacks/xsa-367/rx-fails", test_xsa_367_rx_fails);
    g_test_add_func("/attacks/xsa-374", test_xsa_374);
    g_test_add_func("/attacks/xsa-392", test_xsa_392);
    g_test_add_func("/attacks/xsa-423", test_xsa_423);
    g_test_add_func("/attacks/xsa-424", test_xsa_424);
    g_test_add_func("/attacks/xsa-432", test_xsa_432);
    return g_test_run();
}
