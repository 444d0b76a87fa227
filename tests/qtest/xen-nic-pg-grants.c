/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's pages: which are copied, which are mapped, and for how long
 *
 * The counters are compared with what was done, and with what the simulated
 * hypervisor has seen.
 */

#include "raw.h"

#define FRAME 200

/* How many lookups per page make a mapping stale (xen-grant-cache.c) */
#define STALE_ROUNDS 16

static VifTest *connect_new(const char *device)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = device });

    vif_test_connect(test, &(XensimFrontConfig) { .persistent = true });
    return test;
}

static uint64_t tx(VifTest *test, const char *counter)
{
    return vif_test_counter(test, "tx", counter);
}

static uint64_t rx(VifTest *test, const char *counter)
{
    return vif_test_counter(test, "rx", counter);
}

/* Send @nr frames, each from one of the pages, in one burst. */
static void send_pages(VifTest *test, const uint32_t *refs,
                       const uint32_t *frames, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = refs[i],
            .offset = i,
            .id = i,
            .size = FRAME,
        });
    }
    raw_push_tx(test);
    for (unsigned int i = 0; i < nr; i++) {
        uint8_t *page = xensim_page(test->sim, frames[i]);

        vif_test_expect_sent(test, page + i, FRAME);
        raw_expect_tx(test, i, NETIF_RSP_OKAY);
    }
}

static void grant_pages(VifTest *test, uint32_t *refs, uint32_t *frames,
                        unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        refs[i] = raw_grant(test, true, &frames[i]);
    }
}

static void receive_page(VifTest *test, uint32_t ref, uint32_t frame)
{
    uint8_t data[FRAME];
    netif_rx_response_t response;

    vif_test_fill(data, sizeof(data));
    raw_put_rx(test, 5, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, sizeof(data));
    response = raw_expect_rx(test, 5);
    g_assert_cmpint(response.status, ==, FRAME);
    g_assert_cmpmem((uint8_t *)xensim_page(test->sim, frame) + response.offset,
                    FRAME, data, FRAME);
}

/*
 * One page
 */

static void test_first_sight_then_hits(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    for (int i = 0; i < 3; i++) {
        /* The guest changes what is in the page, and that is what is sent. */
        vif_test_fill(xensim_page(test->sim, frame), FRAME);
        send_pages(test, &ref, &frame, 1);
    }
    g_assert_cmpuint(tx(test, "copies"), ==, 1);
    g_assert_cmpuint(tx(test, "fallback-first"), ==, 1);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 2);
    g_assert_cmpuint(tx(test, "map-calls"), ==, 1);
    g_assert_cmpuint(tx(test, "mapped"), ==, 1);
    g_assert_cmpuint(xensim_pins(test->sim, ref), ==, 1);
    vif_test_free(test);
}

static void test_receive_first_sight_then_hits(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, false, &frame);
    for (int i = 0; i < 3; i++) {
        receive_page(test, ref, frame);
    }
    g_assert_cmpuint(rx(test, "copies"), ==, 1);
    g_assert_cmpuint(rx(test, "fallback-first"), ==, 1);
    g_assert_cmpuint(rx(test, "persistent-hits"), ==, 2);
    g_assert_cmpuint(rx(test, "mapped"), ==, 1);
    vif_test_free(test);
}

/* Without feature-persistent nothing of it happens. */
static void test_not_persistent(void)
{
    VifTest *test = vif_test_new(NULL);
    uint32_t ref, frame;

    vif_test_connect(test, NULL);
    ref = raw_grant(test, true, &frame);
    for (int i = 0; i < 3; i++) {
        send_pages(test, &ref, &frame, 1);
        g_assert_cmpuint(xensim_pins(test->sim, ref), ==, 0);
    }
    g_assert_cmpuint(tx(test, "copies"), ==, 3);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 0);
    g_assert_cmpuint(tx(test, "map-calls"), ==, 0);
    g_assert_true(xensim_end_grant(test->sim, ref));
    vif_test_free(test);
}

/* A page that is named twice in a burst is mapped once, and copied besides. */
static void test_twice_in_a_burst(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t refs[2], frames[2];

    refs[0] = refs[1] = raw_grant(test, true, &frames[0]);
    frames[1] = frames[0];

    send_pages(test, refs, frames, 2);
    g_assert_cmpuint(tx(test, "copies"), ==, 2);
    g_assert_cmpuint(tx(test, "fallback-first"), ==, 1);
    g_assert_cmpuint(tx(test, "fallback-busy"), ==, 1);

    send_pages(test, refs, frames, 2);
    g_assert_cmpuint(tx(test, "copies"), ==, 3);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 1);
    g_assert_cmpuint(tx(test, "fallback-busy"), ==, 2);
    g_assert_cmpuint(xensim_pins(test->sim, refs[0]), ==, 1);
    vif_test_free(test);
}

/*
 * Many pages
 */

static void test_one_call_for_a_burst(void)
{
    enum { NR = 16 };
    VifTest *test = connect_new(NULL);
    uint32_t refs[NR], frames[NR];
    uint64_t calls = xensim_count(test->sim, XENSIM_OP_COPY_CALL);

    grant_pages(test, refs, frames, NR);
    send_pages(test, refs, frames, NR);
    g_assert_cmpuint(tx(test, "copy-calls"), ==, 1);
    g_assert_cmpuint(tx(test, "map-calls"), ==, 1);
    g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_COPY_CALL), ==,
                     calls + 1);
    send_pages(test, refs, frames, NR);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, NR);
    g_assert_cmpuint(tx(test, "copy-calls"), ==, 1);
    vif_test_free(test);
}

static void test_full(void)
{
    enum { MAX = 4, NR = 6 };
    VifTest *test = connect_new(",max-persistent-grants=4");
    uint32_t refs[NR], frames[NR];

    grant_pages(test, refs, frames, NR);
    for (int i = 0; i < 3; i++) {
        send_pages(test, refs, frames, NR);
        g_assert_cmpuint(tx(test, "mapped"), ==, MAX);
    }
    g_assert_cmpuint(tx(test, "mapped-max"), ==, MAX);
    g_assert_cmpuint(tx(test, "fallback-full"), ==, 3 * (NR - MAX));
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 2 * MAX);
    g_assert_cmpuint(tx(test, "evicted"), ==, 0);
    vif_test_free(test);
}

/* Pages that the guest doesn't use any more make room for others. */
static void test_stale_pages_make_room(void)
{
    enum { MAX = 4 };
    VifTest *test = connect_new(",max-persistent-grants=4");
    uint32_t old_refs[MAX], old_frames[MAX], ref, frame;

    grant_pages(test, old_refs, old_frames, MAX);
    send_pages(test, old_refs, old_frames, MAX);
    ref = raw_grant(test, true, &frame);
    for (int i = 0; i < STALE_ROUNDS * MAX + 2; i++) {
        send_pages(test, &ref, &frame, 1);
    }
    g_assert_cmpuint(tx(test, "evicted"), ==, MAX);
    g_assert_cmpuint(tx(test, "mapped"), ==, 1);
    g_assert_cmpuint(xensim_pins(test->sim, old_refs[0]), ==, 0);

    /* What was unmapped isn't used by its old address. */
    for (int i = 0; i < MAX; i++) {
        g_assert_true(xensim_end_grant(test->sim, old_refs[i]));
    }
    grant_pages(test, old_refs, old_frames, MAX);
    send_pages(test, old_refs, old_frames, MAX);
    send_pages(test, old_refs, old_frames, MAX);
    vif_test_free(test);
}

/*
 * What fails
 */

static void test_map_fails(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t refs[3], frames[3];

    grant_pages(test, refs, frames, 3);
    xensim_fail(test->sim, XENSIM_OP_MAP, 0, 1);
    send_pages(test, refs, frames, 1);
    g_assert_cmpuint(tx(test, "fallback-map-failed"), ==, 1);
    g_assert_cmpuint(tx(test, "mapped"), ==, 0);

    /* The second of three fails twice: in the burst, and alone. */
    xensim_fail(test->sim, XENSIM_OP_MAP, 1, 2);
    send_pages(test, refs, frames, 3);
    g_assert_cmpuint(tx(test, "mapped"), ==, 2);
    g_assert_cmpuint(tx(test, "fallback-map-failed"), ==, 2);

    /* Once it can be mapped, it is. */
    send_pages(test, refs, frames, 3);
    g_assert_cmpuint(tx(test, "mapped"), ==, 3);
    vif_test_free(test);
}

static void test_no_memory_to_map(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    xensim_fail(test->sim, XENSIM_OP_MAP_MEMORY, 0, 1);
    send_pages(test, &ref, &frame, 1);
    g_assert_cmpuint(tx(test, "fallback-map-failed"), ==, 1);
    send_pages(test, &ref, &frame, 1);
    g_assert_cmpuint(tx(test, "mapped"), ==, 1);
    vif_test_free(test);
}

/* Only the frame whose page can't be copied is lost. */
static void test_copy_fails(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t good[2], frames[2];

    grant_pages(test, good, frames, 2);
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = good[0], .id = 0, .size = FRAME,
    });
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = XENSIM_NR_GRANTS - 1, .id = 1, .size = FRAME,
    });
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = good[1], .id = 2, .size = FRAME,
    });
    raw_push_tx(test);
    raw_expect_tx(test, 0, NETIF_RSP_OKAY);
    raw_expect_tx(test, 1, NETIF_RSP_ERROR);
    raw_expect_tx(test, 2, NETIF_RSP_OKAY);
    vif_test_expect_sent(test, xensim_page(test->sim, frames[0]), FRAME);
    vif_test_expect_sent(test, xensim_page(test->sim, frames[1]), FRAME);
    g_assert_cmpuint(tx(test, "drops.grant"), ==, 1);
    vif_test_free(test);
}

/* The guest posts a page that it granted for reading only. */
static void test_receive_into_readonly(void)
{
    VifTest *test = connect_new(NULL);
    uint8_t data[FRAME], before[XENSIM_PAGE_SIZE];
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    memcpy(before, xensim_page(test->sim, frame), sizeof(before));
    vif_test_fill(data, sizeof(data));
    raw_put_rx(test, 3, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, sizeof(data));
    g_assert_cmpint(raw_expect_rx(test, 3).status, ==, NETIF_RSP_ERROR);
    g_assert_cmpmem(xensim_page(test->sim, frame), sizeof(before), before,
                    sizeof(before));
    g_assert_cmpuint(rx(test, "drops.grant"), ==, 1);
    vif_test_free(test);
}

/* The guest breaks its promise; that harms only the guest. */
static void test_promise_broken(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    send_pages(test, &ref, &frame, 1);
    g_assert_false(xensim_end_grant(test->sim, ref));
    xensim_shared(test->sim)->grants[ref].frame = 1;
    send_pages(test, &ref, &frame, 1);
    xensim_shared(test->sim)->grants[ref].frame = frame;
    vif_test_free(test);
}

/*
 * Sets and ends
 */

static void test_directions_are_apart(void)
{
    VifTest *test = connect_new(",max-persistent-grants=1");
    uint32_t tx_ref, tx_frame, rx_ref, rx_frame;

    tx_ref = raw_grant(test, true, &tx_frame);
    rx_ref = raw_grant(test, false, &rx_frame);
    for (int i = 0; i < 2; i++) {
        send_pages(test, &tx_ref, &tx_frame, 1);
        receive_page(test, rx_ref, rx_frame);
    }
    g_assert_cmpuint(tx(test, "mapped"), ==, 1);
    g_assert_cmpuint(rx(test, "mapped"), ==, 1);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 1);
    g_assert_cmpuint(rx(test, "persistent-hits"), ==, 1);
    g_assert_cmpuint(tx(test, "fallback-full"), ==, 0);
    g_assert_cmpuint(rx(test, "fallback-full"), ==, 0);
    vif_test_free(test);
}

static void test_flushed_at_disconnect(void)
{
    enum { NR = 20 };
    VifTest *test = connect_new(NULL);
    uint32_t refs[NR], frames[NR];
    uint64_t rings = xensim_mapped(test->sim);

    grant_pages(test, refs, frames, NR);
    send_pages(test, refs, frames, NR);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, rings + NR);
    vif_test_disconnect(test);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    for (int i = 0; i < NR; i++) {
        g_assert_true(xensim_end_grant(test->sim, refs[i]));
    }
    g_assert_cmpuint(tx(test, "mapped"), ==, 0);
    vif_test_free(test);
}

/* What the device counts is what the hypervisor has seen. */
static void test_counters_are_true(void)
{
    VifTest *test = connect_new(NULL);
    uint64_t copies = xensim_count(test->sim, XENSIM_OP_COPY);
    uint64_t maps = xensim_count(test->sim, XENSIM_OP_MAP);
    uint32_t refs[8], frames[8], rx_ref, rx_frame;

    grant_pages(test, refs, frames, 8);
    rx_ref = raw_grant(test, false, &rx_frame);
    for (int i = 0; i < 20; i++) {
        send_pages(test, refs, frames, 1 + i % 8);
        receive_page(test, rx_ref, rx_frame);
    }
    g_assert_cmpuint(tx(test, "copies") + rx(test, "copies"), ==,
                     xensim_count(test->sim, XENSIM_OP_COPY) - copies);
    g_assert_cmpuint(tx(test, "fallback-first") + rx(test, "fallback-first"),
                     ==, xensim_count(test->sim, XENSIM_OP_MAP) - maps);
    g_assert_cmpuint(tx(test, "copies") + tx(test, "persistent-hits"), ==,
                     tx(test, "slots"));
    g_assert_cmpuint(rx(test, "frames"), ==, 20);
    vif_test_free(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/grants/first-sight-then-hits",
                    test_first_sight_then_hits);
    g_test_add_func("/grants/receive-first-sight-then-hits",
                    test_receive_first_sight_then_hits);
    g_test_add_func("/grants/not-persistent", test_not_persistent);
    g_test_add_func("/grants/twice-in-a-burst", test_twice_in_a_burst);
    g_test_add_func("/grants/one-call-for-a-burst", test_one_call_for_a_burst);
    g_test_add_func("/grants/full", test_full);
    g_test_add_func("/grants/stale-pages-make-room",
                    test_stale_pages_make_room);
    g_test_add_func("/grants/map-fails", test_map_fails);
    g_test_add_func("/grants/no-memory-to-map", test_no_memory_to_map);
    g_test_add_func("/grants/copy-fails", test_copy_fails);
    g_test_add_func("/grants/receive-into-readonly",
                    test_receive_into_readonly);
    g_test_add_func("/grants/promise-broken", test_promise_broken);
    g_test_add_func("/grants/directions-are-apart", test_directions_are_apart);
    g_test_add_func("/grants/flushed-at-disconnect",
                    test_flushed_at_disconnect);
    g_test_add_func("/grants/counters-are-true", test_counters_are_true);
    return g_test_run();
}
