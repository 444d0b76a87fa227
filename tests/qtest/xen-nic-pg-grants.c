/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's pages: which are copied, which are mapped, and for how long
 *
 * The counters are compared with what was done, and with what the simulated
 * hypervisor has seen.
 *
 * Each direction has a set of mapped pages of its own, and what holds for one
 * holds for the other: so most tests are run both ways.  Where several pages
 * have to be in one burst, they are published together to send, and are those
 * of one frame to receive.
 */

#include "pages.h"
#include "raw.h"

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

/*
 * One page
 */

static void test_first_sight_then_hits(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    pages_grant(test, way->readonly, &ref, &frame, 1);
    for (int i = 0; i < 3; i++) {
        way->use(test, &ref, &frame, 1);
    }
    pages_expect(test, way, "copies", 1);
    pages_expect(test, way, "fallback-first", 1);
    pages_expect(test, way, "persistent-hits", 2);
    pages_expect(test, way, "map-calls", 1);
    pages_expect(test, way, "mapped", 1);
    g_assert_cmpuint(xensim_pins(test->sim, ref), ==, 1);
    vif_test_free(test);
}

/* Without feature-persistent nothing of it happens. */
static void test_not_persistent(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = vif_test_new(NULL);
    uint32_t ref, frame;

    vif_test_connect(test, NULL);
    pages_grant(test, way->readonly, &ref, &frame, 1);
    for (int i = 0; i < 3; i++) {
        way->use(test, &ref, &frame, 1);
        g_assert_cmpuint(xensim_pins(test->sim, ref), ==, 0);
    }
    pages_expect(test, way, "copies", 3);
    pages_expect(test, way, "persistent-hits", 0);
    pages_expect(test, way, "map-calls", 0);
    g_assert_true(xensim_end_grant(test->sim, ref));
    vif_test_free(test);
}

/* A page that is named twice in a burst is mapped once, and copied besides. */
static void test_twice_in_a_burst(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t refs[2], frames[2];

    pages_grant(test, way->readonly, refs, frames, 1);
    refs[1] = refs[0];
    frames[1] = frames[0];

    way->use(test, refs, frames, 2);
    pages_expect(test, way, "copies", 2);
    pages_expect(test, way, "fallback-first", 1);
    pages_expect(test, way, "fallback-busy", 1);

    way->use(test, refs, frames, 2);
    pages_expect(test, way, "copies", 3);
    pages_expect(test, way, "persistent-hits", 1);
    pages_expect(test, way, "fallback-busy", 2);
    g_assert_cmpuint(xensim_pins(test->sim, refs[0]), ==, 1);

    /* It isn't busy any more. */
    way->use(test, refs, frames, 1);
    pages_expect(test, way, "persistent-hits", 2);
    pages_expect(test, way, "copies", 3);
    vif_test_free(test);
}

/*
 * Many pages
 */

static void test_one_call_for_a_burst(const void *data)
{
    enum { NR = PAGES_MAX };
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t refs[NR], frames[NR];
    uint64_t calls = xensim_count(test->sim, XENSIM_OP_COPY_CALL);

    pages_grant(test, way->readonly, refs, frames, NR);
    way->use(test, refs, frames, NR);
    pages_expect(test, way, "copy-calls", 1);
    pages_expect(test, way, "map-calls", 1);
    g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_COPY_CALL), ==,
                     calls + 1);
    way->use(test, refs, frames, NR);
    pages_expect(test, way, "persistent-hits", NR);
    pages_expect(test, way, "copy-calls", 1);
    vif_test_free(test);
}

/* What a test of eviction has: a small set, and more pages than it takes */
enum { MAX = 4, NR = 8 };

static VifTest *connect_small(const PagesWay *way, uint32_t *refs,
                              uint32_t *frames)
{
    VifTest *test = connect_new(",max-persistent-grants=4");

    pages_grant(test, way->readonly, refs, frames, NR);
    return test;
}

static void test_full(const void *data)
{
    const PagesWay *way = data;
    uint32_t refs[NR], frames[NR];
    VifTest *test = connect_small(way, refs, frames);

    for (int i = 0; i < 3; i++) {
        way->use(test, refs, frames, NR);
        pages_expect(test, way, "mapped", MAX);
    }
    pages_expect(test, way, "mapped-max", MAX);
    pages_expect(test, way, "fallback-full", 3 * (NR - MAX));
    pages_expect(test, way, "persistent-hits", 2 * MAX);
    pages_expect(test, way, "evicted", 0);
    vif_test_free(test);
}

/* Pages that were mapped by one call get stale, and are unmapped, together. */
static void test_stale_pages_make_room(const void *data)
{
    const PagesWay *way = data;
    uint32_t refs[NR], frames[NR];
    VifTest *test = connect_small(way, refs, frames);
    uint64_t unmapped = xensim_count(test->sim, XENSIM_OP_UNMAP);

    way->use(test, refs, frames, MAX);
    for (int i = 0; i < STALE_ROUNDS * MAX; i++) {
        way->use(test, refs + MAX, frames + MAX, 1);
    }
    pages_expect(test, way, "evicted", 0);
    pages_expect(test, way, "fallback-full", STALE_ROUNDS * MAX);
    way->use(test, refs + MAX, frames + MAX, 1);
    pages_expect(test, way, "evicted", MAX);
    pages_expect(test, way, "mapped", 1);
    g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_UNMAP) - unmapped, ==,
                     MAX);
    for (int i = 0; i < MAX; i++) {
        g_assert_cmpuint(xensim_pins(test->sim, refs[i]), ==, 0);
    }
    way->use(test, refs + MAX, frames + MAX, 1);
    pages_expect(test, way, "persistent-hits", 1);
    vif_test_free(test);
}

static void expect_pinned(VifTest *test, const uint32_t *refs,
                          const char *which)
{
    for (unsigned int i = 0; which[i]; i++) {
        g_assert_cmpuint(xensim_pins(test->sim, refs[i]), ==,
                         which[i] == '+');
    }
}

/* The page is used where it is mapped, or else copied since there's no room. */
static void expect_use(VifTest *test, const PagesWay *way, uint32_t ref,
                       uint32_t frame, bool mapped)
{
    uint64_t hits = vif_test_counter(test, way->direction, "persistent-hits");
    uint64_t full = vif_test_counter(test, way->direction, "fallback-full");

    way->use(test, &ref, &frame, 1);
    pages_expect(test, way, "persistent-hits", hits + mapped);
    pages_expect(test, way, "fallback-full", full + !mapped);
}

/*
 * Of four pages, mapped one by one, the first and the third stay in use.  Each
 * new page takes the place of the one that wasn't used for the longest time,
 * and the fifth, when there is none that is stale, takes nobody's.
 */
static void test_longest_unused_goes(const void *data)
{
    const PagesWay *way = data;
    uint32_t refs[NR], frames[NR];
    VifTest *test = connect_small(way, refs, frames);

    for (int i = 0; i < MAX; i++) {
        way->use(test, refs + i, frames + i, 1);
    }
    for (int i = 0; i < STALE_ROUNDS * MAX / 2 + 2; i++) {
        way->use(test, refs, frames, 1);
        way->use(test, refs + 2, frames + 2, 1);
    }
    pages_expect(test, way, "evicted", 0);
    expect_pinned(test, refs, "++++----");

    way->use(test, refs + 4, frames + 4, 1);
    pages_expect(test, way, "evicted", 1);
    expect_pinned(test, refs, "+-+++---");
    way->use(test, refs + 5, frames + 5, 1);
    pages_expect(test, way, "evicted", 2);
    expect_pinned(test, refs, "+-+-++--");
    expect_use(test, way, refs[6], frames[6], false);
    expect_pinned(test, refs, "+-+-++--");

    for (int i = 0; i < NR; i++) {
        expect_use(test, way, refs[i], frames[i], "+-+-++--"[i] == '+');
    }
    pages_expect(test, way, "evicted", 2);
    pages_expect(test, way, "mapped", MAX);
    vif_test_free(test);
}

/*
 * The same reference, for another page.  xensim wouldn't give it out for long,
 * so the entry is written as a guest's own code would.
 */
static void grant_again(VifTest *test, const PagesWay *way, uint32_t ref,
                        uint32_t *frame)
{
    grant_entry_v1_t *entry = &xensim_shared(test->sim)->grants[ref];

    g_assert_true(xensim_end_grant(test->sim, ref));
    *frame = xensim_alloc_page(test->sim);
    entry->domid = XENSIM_BACKEND_DOMID;
    entry->frame = *frame;
    xen_wmb(); /* the entry is whole before it holds */
    entry->flags = GTF_permit_access | (way->readonly ? GTF_readonly : 0);
}

/* What was unmapped isn't used by its old address, nor taken for mapped. */
static void test_evicted_is_forgotten(const void *data)
{
    const PagesWay *way = data;
    uint32_t refs[NR], frames[NR];
    VifTest *test = connect_small(way, refs, frames);
    uint64_t copies;

    way->use(test, refs, frames, MAX);
    for (int i = 0; i <= STALE_ROUNDS * MAX; i++) {
        way->use(test, refs + MAX, frames + MAX, 1);
    }
    pages_expect(test, way, "evicted", MAX);
    for (int i = 0; i < MAX; i++) {
        grant_again(test, way, refs[i], &frames[i]);
    }
    copies = vif_test_counter(test, way->direction, "copies");
    way->use(test, refs, frames, MAX);
    pages_expect(test, way, "persistent-hits", 0);
    pages_expect(test, way, "copies", copies + MAX);

    /* There's room for three beside the one that has evicted them. */
    way->use(test, refs, frames, MAX);
    pages_expect(test, way, "persistent-hits", MAX - 1);
    pages_expect(test, way, "mapped", MAX);
    vif_test_free(test);
}

/*
 * What fails
 */

static void test_map_fails(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t refs[3], frames[3];

    pages_grant(test, way->readonly, refs, frames, 3);
    xensim_fail(test->sim, XENSIM_OP_MAP, 0, 1);
    way->use(test, refs, frames, 1);
    pages_expect(test, way, "fallback-map-failed", 1);
    pages_expect(test, way, "mapped", 0);

    /* The second page fails the burst; then, alone, the first one fails. */
    xensim_fail(test->sim, XENSIM_OP_MAP, 1, 2);
    way->use(test, refs, frames, 3);
    pages_expect(test, way, "mapped", 2);
    pages_expect(test, way, "fallback-map-failed", 2);
    pages_expect(test, way, "fallback-first", 2);
    expect_pinned(test, refs, "-++");

    /* Once it can be mapped, it is. */
    way->use(test, refs, frames, 3);
    pages_expect(test, way, "mapped", 3);
    pages_expect(test, way, "persistent-hits", 2);
    vif_test_free(test);
}

static void test_no_memory_to_map(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    pages_grant(test, way->readonly, &ref, &frame, 1);
    xensim_fail(test->sim, XENSIM_OP_MAP_MEMORY, 0, 1);
    way->use(test, &ref, &frame, 1);
    pages_expect(test, way, "fallback-map-failed", 1);
    way->use(test, &ref, &frame, 1);
    pages_expect(test, way, "mapped", 1);
    vif_test_free(test);
}

/* Only the frame whose page can't be copied is lost. */
static void test_copy_fails(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t good[2], frames[2];

    pages_grant(test, true, good, frames, 2);
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = good[0], .id = 0, .size = PAGES_FRAME,
    });
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = XENSIM_NR_GRANTS - 1, .id = 1, .size = PAGES_FRAME,
    });
    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = good[1], .id = 2, .size = PAGES_FRAME,
    });
    raw_push_tx(test);
    raw_expect_tx(test, 0, NETIF_RSP_OKAY);
    raw_expect_tx(test, 1, NETIF_RSP_ERROR);
    raw_expect_tx(test, 2, NETIF_RSP_OKAY);
    vif_test_expect_sent(test, xensim_page(test->sim, frames[0]), PAGES_FRAME);
    vif_test_expect_sent(test, xensim_page(test->sim, frames[1]), PAGES_FRAME);
    g_assert_cmpuint(tx(test, "drops.grant"), ==, 1);
    vif_test_free(test);
}

/* The guest posts a page that it granted for reading only. */
static void test_receive_into_readonly(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    pages_refuse_write(test, ref, frame);
    g_assert_cmpuint(rx(test, "drops.grant"), ==, 1);
    vif_test_free(test);
}

/* The guest breaks its promise; that harms only the guest. */
static void test_promise_broken(void)
{
    VifTest *test = connect_new(NULL);
    uint32_t ref, frame;

    ref = raw_grant(test, true, &frame);
    pages_send(test, &ref, &frame, 1);
    g_assert_false(xensim_end_grant(test->sim, ref));
    xensim_shared(test->sim)->grants[ref].frame = 1;
    pages_send(test, &ref, &frame, 1);
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
        pages_send(test, &tx_ref, &tx_frame, 1);
        pages_receive(test, &rx_ref, &rx_frame, 1);
    }
    g_assert_cmpuint(tx(test, "mapped"), ==, 1);
    g_assert_cmpuint(rx(test, "mapped"), ==, 1);
    g_assert_cmpuint(tx(test, "persistent-hits"), ==, 1);
    g_assert_cmpuint(rx(test, "persistent-hits"), ==, 1);
    g_assert_cmpuint(tx(test, "fallback-full"), ==, 0);
    g_assert_cmpuint(rx(test, "fallback-full"), ==, 0);
    vif_test_free(test);
}

static void test_flushed_at_disconnect(const void *data)
{
    enum { NR_BURSTS = 2, NR_PAGES = NR_BURSTS * 10 };
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL);
    uint32_t refs[NR_PAGES], frames[NR_PAGES];
    uint64_t rings = xensim_mapped(test->sim);

    pages_grant(test, way->readonly, refs, frames, NR_PAGES);
    for (int i = 0; i < NR_PAGES; i += 10) {
        way->use(test, refs + i, frames + i, 10);
    }
    g_assert_cmpuint(xensim_mapped(test->sim), ==, rings + NR_PAGES);
    vif_test_disconnect(test);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    for (int i = 0; i < NR_PAGES; i++) {
        g_assert_true(xensim_end_grant(test->sim, refs[i]));
    }
    pages_expect(test, way, "mapped", 0);
    pages_expect(test, way, "evicted", 0);
    vif_test_free(test);
}

/* What the device counts is what the hypervisor has seen. */
static void test_counters_are_true(void)
{
    VifTest *test = connect_new(NULL);
    uint64_t copies = xensim_count(test->sim, XENSIM_OP_COPY);
    uint64_t maps = xensim_count(test->sim, XENSIM_OP_MAP);
    uint64_t calls = xensim_count(test->sim, XENSIM_OP_MAP_MEMORY);
    uint32_t refs[8], frames[8], rx_ref, rx_frame;

    pages_grant(test, true, refs, frames, 8);
    rx_ref = raw_grant(test, false, &rx_frame);
    for (int i = 0; i < 20; i++) {
        pages_send(test, refs, frames, 1 + i % 8);
        pages_receive(test, &rx_ref, &rx_frame, 1);
    }
    g_assert_cmpuint(tx(test, "copies") + rx(test, "copies"), ==,
                     xensim_count(test->sim, XENSIM_OP_COPY) - copies);
    g_assert_cmpuint(tx(test, "fallback-first") + rx(test, "fallback-first"),
                     ==, xensim_count(test->sim, XENSIM_OP_MAP) - maps);
    /* Each call reserves memory once, for all of its pages. */
    g_assert_cmpuint(tx(test, "map-calls") + rx(test, "map-calls"), ==,
                     xensim_count(test->sim, XENSIM_OP_MAP_MEMORY) - calls);
    g_assert_cmpuint(tx(test, "copies") + tx(test, "persistent-hits"), ==,
                     tx(test, "slots"));
    g_assert_cmpuint(rx(test, "frames"), ==, 20);
    vif_test_free(test);
}

/* First one half of the pages, then the other, until that is mapped. */
static void use_halves(VifTest *test, const PagesWay *way,
                       const uint32_t *refs, const uint32_t *frames)
{
    for (int half = 0; half < NR; half += MAX) {
        for (int i = 0; i < (STALE_ROUNDS + 2) * MAX; i++) {
            int page = half + i % MAX;

            way->use(test, refs + page, frames + page, 1);
        }
    }
}

/* Page by page, a call that maps or unmaps is one operation of Xen. */
static void test_map_counters_are_true(const void *data)
{
    enum { FAILED = 3 };
    const PagesWay *way = data;
    uint32_t refs[NR], frames[NR];
    VifTest *test = connect_small(way, refs, frames);
    uint64_t maps = xensim_count(test->sim, XENSIM_OP_MAP);
    uint64_t unmaps = xensim_count(test->sim, XENSIM_OP_UNMAP);

    xensim_fail(test->sim, XENSIM_OP_MAP, 1, FAILED);
    use_halves(test, way, refs, frames);
    maps = xensim_count(test->sim, XENSIM_OP_MAP) - maps;
    unmaps = xensim_count(test->sim, XENSIM_OP_UNMAP) - unmaps;
    g_assert_cmpuint(maps, ==, NR + FAILED);
    g_assert_cmpuint(unmaps, ==, MAX);
    pages_expect(test, way, "map-calls", maps);
    pages_expect(test, way, "fallback-map-failed", FAILED);
    pages_expect(test, way, "fallback-first", maps - FAILED);
    pages_expect(test, way, "evicted", unmaps);
    pages_expect(test, way, "mapped", maps - FAILED - unmaps);
    vif_test_free(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pages_add_ways("/grants/first-sight-then-hits", test_first_sight_then_hits);
    pages_add_ways("/grants/not-persistent", test_not_persistent);
    pages_add_ways("/grants/twice-in-a-burst", test_twice_in_a_burst);
    pages_add_ways("/grants/one-call-for-a-burst", test_one_call_for_a_burst);
    pages_add_ways("/grants/full", test_full);
    pages_add_ways("/grants/stale-pages-make-room", test_stale_pages_make_room);
    pages_add_ways("/grants/longest-unused-goes", test_longest_unused_goes);
    pages_add_ways("/grants/evicted-is-forgotten", test_evicted_is_forgotten);
    pages_add_ways("/grants/map-fails", test_map_fails);
    pages_add_ways("/grants/no-memory-to-map", test_no_memory_to_map);
    g_test_add_func("/grants/copy-fails", test_copy_fails);
    g_test_add_func("/grants/receive-into-readonly",
                    test_receive_into_readonly);
    g_test_add_func("/grants/promise-broken", test_promise_broken);
    g_test_add_func("/grants/directions-are-apart", test_directions_are_apart);
    pages_add_ways("/grants/flushed-at-disconnect", test_flushed_at_disconnect);
    g_test_add_func("/grants/counters-are-true", test_counters_are_true);
    pages_add_ways("/grants/map-counters-are-true", test_map_counters_are_true);
    return g_test_run();
}
