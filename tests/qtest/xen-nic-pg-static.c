/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Static grants: pages that the guest has had mapped beforehand, by messages on
 * the control ring
 *
 * They are used as those are that the backend maps when it sees them, and
 * counted so, with feature-persistent or without.  But it's the guest alone
 * who says when they are unmapped, unless the connection ends.  What the
 * hypervisor has seen tells whether that is true: how often a page is mapped,
 * and that it takes neither a copy nor another mapping to use it.
 *
 * A page in a list is mapped with all others of it or not at all.
 */

#include <string.h>
#include "control.h"
#include "flipper.h"
#include "keys.h"
#include "pages.h"
#include "raw.h"
#include "tap.h"

#define READONLY XEN_NETIF_CTRLF_GREF_readonly

/* How many pages a queue's backend keeps by default */
#define MAX_DEFAULT 512

/* The same with max-persistent-grants=4 */
#define SMALL ",max-persistent-grants=4"
#define MAX_SMALL 8

/* How many pages a test has if it doesn't matter */
#define NR PAGES_MAX

static VifTest *connect_new(const char *device, bool persistent)
{
    XensimFrontConfig config = control_one_queue;
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = device });

    config.persistent = persistent;
    vif_test_connect(test, &config);
    return test;
}

static VifTest *connect_on(VifTestNetdev netdev)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .netdev = netdev });

    vif_test_connect(test, &control_one_queue);
    return test;
}

/*
 * Requests
 */

static const struct xen_netif_gref *get_list(VifTest *test)
{
    return xensim_page(test->sim, test->front->control.list_frame);
}

static void expect_list_unused(VifTest *test)
{
    g_assert_cmpuint(xensim_pins(test->sim, test->front->control.list_ref), ==,
                     0);
}

/* Nothing is written to the list, and the backend has let go of it. */
static void expect_add(VifTest *test, uint32_t status, const uint32_t *refs,
                       uint32_t nr, uint16_t flags)
{
    g_assert_cmpuint(xensim_front_add_grefs(test->front, 0, refs, nr, flags),
                     ==, status);
    expect_list_unused(test);
    for (uint32_t i = 0; i < nr; i++) {
        g_assert_cmpuint(get_list(test)[i].ref, ==, refs[i]);
        g_assert_cmpuint(get_list(test)[i].flags, ==, flags);
        g_assert_cmpuint(get_list(test)[i].status, ==, XENSIM_NO_STATUS);
    }
}

static void add(VifTest *test, const uint32_t *refs, uint32_t nr,
                uint16_t flags)
{
    expect_add(test, STATUS(SUCCESS), refs, nr, flags);
}

static void refuse(VifTest *test, const uint32_t *refs, uint32_t nr,
                   uint16_t flags)
{
    expect_add(test, STATUS(INVALID_PARAMETER), refs, nr, flags);
}

/* What is in the list page as it is */
static void refuse_list(VifTest *test, uint32_t nr)
{
    control_status(test, STATUS(INVALID_PARAMETER), CTRL(ADD_GREF_MAPPING), 0,
                   test->front->control.list_ref, nr);
}

/* Returns how many were removed; each entry's status is in *list. */
static uint32_t del(VifTest *test, const uint32_t *refs, uint32_t nr,
                    const struct xen_netif_gref **list)
{
    uint32_t removed, ok = 0;

    g_assert_cmpuint(xensim_front_del_grefs(test->front, 0, refs, nr,
                                            &removed), ==, STATUS(SUCCESS));
    expect_list_unused(test);
    *list = get_list(test);
    for (uint32_t i = 0; i < nr; i++) {
        g_assert_cmpuint((*list)[i].ref, ==, refs[i]);
        g_assert_cmpuint((*list)[i].flags, ==, 0);
        if ((*list)[i].status == STATUS(SUCCESS)) {
            ok++;
        } else {
            g_assert_cmpuint((*list)[i].status, ==,
                             STATUS(INVALID_PARAMETER));
        }
    }
    g_assert_cmpuint(removed, ==, ok);
    return removed;
}

/* Those are removed that have a '+', the others aren't. */
static void expect_del(VifTest *test, const uint32_t *refs, const char *which)
{
    const struct xen_netif_gref *list;

    del(test, refs, strlen(which), &list);
    for (unsigned int i = 0; which[i]; i++) {
        g_assert_cmpuint(list[i].status, ==,
                         which[i] == '+' ? STATUS(SUCCESS)
                                         : STATUS(INVALID_PARAMETER));
    }
}

static void del_all(VifTest *test, const uint32_t *refs, uint32_t nr)
{
    const struct xen_netif_gref *list;

    g_assert_cmpuint(del(test, refs, nr, &list), ==, nr);
}

/* Each page is mapped, once, or none is. */
static void expect_mapped(VifTest *test, const uint32_t *refs, uint32_t nr,
                          bool mapped)
{
    for (uint32_t i = 0; i < nr; i++) {
        g_assert_cmpuint(xensim_pins(test->sim, refs[i]), ==, mapped);
    }
}

static void expect_counter(VifTest *test, const char *direction,
                           const char *name, uint64_t value)
{
    g_assert_cmpuint(vif_test_counter(test, direction, name), ==, value);
}

/* How many pages are mapped by static grants, those to send only apart */
static void expect_static(VifTest *test, uint64_t tx, uint64_t rx)
{
    expect_counter(test, "tx", "static", tx);
    expect_counter(test, "rx", "static", rx);
}

static uint16_t flags_of(const PagesWay *way)
{
    return way->readonly ? READONLY : 0;
}

/*
 * How many
 */

static void expect_size(VifTest *test, uint32_t queue, uint32_t size)
{
    control_expect(test, STATUS(SUCCESS), size, CTRL(GET_GREF_MAPPING_SIZE),
                   queue, 0, 0);
}

static void test_size(void)
{
    VifTest *test = control_connect_new();

    for (uint32_t i = 0; i < CONTROL_QUEUES; i++) {
        expect_size(test, i, MAX_DEFAULT);
    }
    control_status(test, STATUS(INVALID_PARAMETER),
                   CTRL(GET_GREF_MAPPING_SIZE), CONTROL_QUEUES, 0, 0);
    control_status(test, STATUS(INVALID_PARAMETER),
                   CTRL(GET_GREF_MAPPING_SIZE), UINT32_MAX, 0, 0);
    control_recover(test);
}

/* Twice what the option says; whether pages are persistent doesn't matter. */
static void test_size_option(void)
{
    static const struct {
        const char *device;
        uint32_t size;
    } options[] = {
        { SMALL, MAX_SMALL },
        { ",max-persistent-grants=1", 2 },
        { ",max-persistent-grants=16384", 32768 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        VifTest *test = connect_new(options[i].device, i % 2);

        expect_size(test, 0, options[i].size);
        vif_test_free(test);
    }
}

static void test_turned_off(void)
{
    VifTest *test = connect_new(",max-persistent-grants=0", true);
    uint32_t ref = raw_grant(test, false, NULL);

    expect_size(test, 0, 0);
    expect_add(test, STATUS(NOT_SUPPORTED), &ref, 1, 0);
    control_status(test, STATUS(NOT_SUPPORTED), CTRL(DEL_GREF_MAPPING), 0,
                   test->front->control.list_ref, 1);
    expect_mapped(test, &ref, 1, false);
    expect_static(test, 0, 0);
    control_recover(test);
}

/* As many as a list, and the backend, can have */
static void test_all(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[MAX_DEFAULT], frames[MAX_DEFAULT];

    G_STATIC_ASSERT(MAX_DEFAULT == XENSIM_MAX_GREFS);
    pages_grant(test, way->readonly, refs, frames, MAX_DEFAULT);
    for (int round = 0; round < 3; round++) {
        add(test, refs, MAX_DEFAULT, flags_of(way));
        expect_mapped(test, refs, MAX_DEFAULT, true);
        pages_expect(test, way, "static", MAX_DEFAULT);
        way->use(test, refs + round, frames + round, NR);
        del_all(test, refs, MAX_DEFAULT);
        expect_mapped(test, refs, MAX_DEFAULT, false);
        expect_static(test, 0, 0);
    }
    pages_expect(test, way, "persistent-hits", 3 * NR);
    pages_expect(test, way, "copies", 0);
    vif_test_free(test);
}

static void test_full(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(SMALL, true);
    uint32_t refs[2 * MAX_SMALL], frames[2 * MAX_SMALL];
    uint16_t flags = flags_of(way);

    pages_grant(test, way->readonly, refs, frames, G_N_ELEMENTS(refs));
    refuse(test, refs, MAX_SMALL + 1, flags);
    add(test, refs, MAX_SMALL, flags);
    refuse(test, refs + MAX_SMALL, 1, flags);
    del_all(test, refs, 3);
    refuse(test, refs + MAX_SMALL, 4, flags);
    add(test, refs + MAX_SMALL, 3, flags);
    refuse(test, refs, 1, flags);
    expect_mapped(test, refs, 3, false);
    expect_mapped(test, refs + 3, MAX_SMALL, true);
    expect_mapped(test, refs + MAX_SMALL + 3, MAX_SMALL - 3, false);
    pages_expect(test, way, "static", MAX_SMALL);
    vif_test_free(test);
}

/* Pages of both kinds share the room. */
static void test_full_of_both(void)
{
    VifTest *test = connect_new(SMALL, false);
    uint32_t refs[MAX_SMALL + 1], frames[MAX_SMALL + 1];

    pages_grant(test, false, refs, frames, MAX_SMALL + 1);
    add(test, refs, 5, READONLY);
    add(test, refs + 5, MAX_SMALL - 5, 0);
    refuse(test, refs + MAX_SMALL, 1, 0);
    refuse(test, refs + MAX_SMALL, 1, READONLY);
    expect_static(test, 5, MAX_SMALL - 5);
    expect_mapped(test, refs, MAX_SMALL, true);
    vif_test_free(test);
}

/*
 * Used
 */

/* What it takes the hypervisor to serve requests */
static uint64_t count_operations(VifTest *test)
{
    return xensim_count(test->sim, XENSIM_OP_MAP) +
           xensim_count(test->sim, XENSIM_OP_MAP_MEMORY) +
           xensim_count(test->sim, XENSIM_OP_UNMAP) +
           xensim_count(test->sim, XENSIM_OP_COPY) +
           xensim_count(test->sim, XENSIM_OP_COPY_CALL);
}

/* They are used where they are mapped: nothing else has to be done. */
static void expect_hits(VifTest *test, const PagesWay *way,
                        const uint32_t *refs, const uint32_t *frames,
                        unsigned int nr)
{
    uint64_t hits = vif_test_counter(test, way->direction, "persistent-hits");
    uint64_t operations = count_operations(test);

    way->use(test, refs, frames, nr);
    pages_expect(test, way, "persistent-hits", hits + nr);
    g_assert_cmpuint(count_operations(test), ==, operations);
}

static void use_added(const PagesWay *way, bool persistent)
{
    VifTest *test = connect_new(NULL, persistent);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, way->readonly, refs, frames, NR);
    add(test, refs, NR, flags_of(way));
    for (int i = 0; i < 3; i++) {
        expect_hits(test, way, refs, frames, NR);
    }
    expect_hits(test, way, refs + 5, frames + 5, 1);
    pages_expect(test, way, "copies", 0);
    pages_expect(test, way, "static", NR);
    pages_expect(test, way, "mapped", NR);
    expect_mapped(test, refs, NR, true);
    vif_test_disconnect(test);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    expect_static(test, 0, 0);
    vif_test_free(test);
}

static void test_use(const void *data)
{
    use_added(data, false);
    use_added(data, true);
}

/* A page that can be written to is mapped once, for both directions. */
static void test_both_ways(const void *persistent)
{
    VifTest *test = connect_new(NULL, GPOINTER_TO_INT(persistent));
    uint32_t refs[NR], frames[NR];
    uint64_t operations;

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, NR, 0);
    operations = count_operations(test);
    for (int i = 0; i < 3; i++) {
        pages_send(test, refs, frames, NR);
        pages_receive(test, refs, frames, NR);
    }
    g_assert_cmpuint(count_operations(test), ==, operations);
    expect_counter(test, "tx", "persistent-hits", 3 * NR);
    expect_counter(test, "rx", "persistent-hits", 3 * NR);
    expect_static(test, 0, NR);
    expect_counter(test, "tx", "mapped", 0);
    expect_counter(test, "rx", "mapped", NR);
    expect_mapped(test, refs, NR, true);
    vif_test_free(test);
}

/* What was added for reading isn't written to, though the guest allows it. */
static void test_readonly(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t ref, frame;

    pages_grant(test, false, &ref, &frame, 1);
    add(test, &ref, 1, READONLY);
    expect_static(test, 1, 0);
    pages_receive(test, &ref, &frame, 1);
    expect_counter(test, "rx", "persistent-hits", 0);
    expect_counter(test, "rx", "copies", 1);
    pages_send(test, &ref, &frame, 1);
    expect_counter(test, "tx", "persistent-hits", 1);
    expect_counter(test, "tx", "copies", 0);
    vif_test_free(test);
}

/* Neither is a page that the guest doesn't allow to be written to. */
static void test_receive_into_readonly(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t frame;
    uint32_t ref = raw_grant(test, true, &frame);

    add(test, &ref, 1, READONLY);
    pages_refuse_write(test, ref, frame);
    control_recover(test);
}

/* Named twice in a burst, the page is busy the second time, and copied. */
static void test_twice_in_a_burst(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[2], frames[2];

    pages_grant(test, way->readonly, refs, frames, 1);
    refs[1] = refs[0];
    frames[1] = frames[0];
    add(test, refs, 1, flags_of(way));
    way->use(test, refs, frames, 2);
    pages_expect(test, way, "persistent-hits", 1);
    pages_expect(test, way, "copies", 1);
    way->use(test, refs, frames, 1);
    pages_expect(test, way, "persistent-hits", 2);
    expect_mapped(test, refs, 1, true);
    vif_test_free(test);
}

/* However seldom they are used, others don't take their place. */
static void test_never_evicted(const void *data)
{
    /* So that a page that isn't used is stale (xen-grant-cache.c) */
    enum { LOOKUPS = 16 * 2 * MAX_SMALL };
    const PagesWay *way = data;
    VifTest *test = connect_new(SMALL, true);
    uint32_t refs[4 * MAX_SMALL], frames[4 * MAX_SMALL];

    pages_grant(test, way->readonly, refs, frames, G_N_ELEMENTS(refs));
    add(test, refs, MAX_SMALL, flags_of(way));
    for (unsigned int i = 0; i < 2 * LOOKUPS; i++) {
        unsigned int page = MAX_SMALL + i / LOOKUPS * MAX_SMALL +
                            i % MAX_SMALL;

        way->use(test, refs + page, frames + page, 1);
    }
    expect_mapped(test, refs, MAX_SMALL, true);
    expect_hits(test, way, refs, frames, MAX_SMALL);
    pages_expect(test, way, "static", MAX_SMALL);
    vif_test_free(test);
}

/*
 * A page that is kept since it was seen may be added; when it is removed, it
 * isn't kept, either, until it is seen again.
 */
static void test_seen_before(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL, true);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, way->readonly, refs, frames, NR);
    for (int i = 0; i < 3; i++) {
        way->use(test, refs, frames, NR);
        expect_hits(test, way, refs, frames, NR);
        add(test, refs, NR, flags_of(way));
        expect_hits(test, way, refs, frames, NR);
        pages_expect(test, way, "static", NR);
        del_all(test, refs, NR);
        expect_static(test, 0, 0);
        expect_mapped(test, refs, NR, false);
    }
    pages_expect(test, way, "copies", 3 * NR);
    vif_test_free(test);
}

/* The page from which the front sends next on a queue, having sent once */
static uint32_t next_page(VifTest *test, unsigned int queue)
{
    const XensimBuffers *buffers = &test->front->queues[queue].tx_buffers;
    uint32_t ref = buffers->buffers[buffers->free[buffers->nr_free - 1]].ref;

    g_assert_cmpuint(ref, !=, 0);
    return ref;
}

static void send_on(VifTest *test, unsigned int queue)
{
    uint8_t data[PAGES_FRAME];

    vif_test_fill(data, sizeof(data));
    vif_test_send_on(test, queue, data, sizeof(data));
    vif_test_expect_sent(test, data, sizeof(data));
    g_assert_true(xensim_front_flush_tx(test->front, queue));
}

/* Each queue has pages of its own, and doesn't use the others'. */
static void test_queues(void)
{
    static const char *const keys[] = { "feature-persistent", "", NULL };
    VifTest *test = control_connect_new();
    XensimFrontConfig config = control_all_queues;

    vif_test_disconnect(test);
    /* The front keeps its grants, but doesn't say so. */
    config.persistent = true;
    config.keys = keys;
    vif_test_connect(test, &config);
    for (unsigned int i = 0; i < CONTROL_QUEUES; i++) {
        uint32_t ref;

        send_on(test, i);
        ref = next_page(test, i);
        /* The first queue's page is added to another. */
        g_assert_cmpuint(xensim_front_add_grefs(test->front, i ?: 1, &ref, 1,
                                                READONLY), ==,
                         STATUS(SUCCESS));
        send_on(test, i);
        g_assert_cmpuint(vif_test_queue_counter(test, i, "tx",
                                                "persistent-hits"),
                         ==, i != 0);
        g_assert_cmpuint(vif_test_queue_counter(test, i, "tx", "copies"), ==,
                         i ? 1 : 2);
    }
    for (unsigned int i = 0; i < CONTROL_QUEUES; i++) {
        g_assert_cmpuint(vif_test_queue_counter(test, i, "tx", "static"), ==,
                         i == 0 ? 0 : i == 1 ? 2 : 1);
    }
    vif_test_free(test);
}

/* A page may be added to several queues; it is removed from each. */
static void test_same_page(void)
{
    VifTest *test = control_connect_new();
    uint32_t ref = raw_grant(test, false, NULL), removed;

    for (unsigned int i = 0; i < CONTROL_QUEUES; i++) {
        g_assert_cmpuint(xensim_front_add_grefs(test->front, i, &ref, 1, 0),
                         ==, STATUS(SUCCESS));
        g_assert_cmpuint(xensim_pins(test->sim, ref), ==, i + 1);
    }
    for (unsigned int i = CONTROL_QUEUES; i > 0; i--) {
        g_assert_cmpuint(xensim_front_del_grefs(test->front, i - 1, &ref, 1,
                                                &removed), ==,
                         STATUS(SUCCESS));
        g_assert_cmpuint(removed, ==, 1);
        g_assert_cmpuint(xensim_pins(test->sim, ref), ==, i - 1);
    }
    control_recover(test);
}

/*
 * Refused
 */

/* One of three can't be mapped, wherever it stands: none is. */
static void refuse_one(VifTest *test, uint32_t ref, uint16_t flags)
{
    uint32_t refs[3], frames[3];

    pages_grant(test, flags == READONLY, refs, frames, 3);
    for (int i = 0; i < 3; i++) {
        uint32_t good = refs[i];

        refs[i] = ref;
        refuse(test, refs, 3, flags);
        refs[i] = good;
        expect_mapped(test, refs, 3, false);
    }
    expect_static(test, 0, 0);
    add(test, refs, 3, flags);
    del_all(test, refs, 3);
}

static void test_bad_refs(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t bad[RAW_NR_BAD_REFS];

    raw_make_bad_refs(test, bad);
    for (unsigned int i = 0; i < RAW_NR_BAD_REFS; i++) {
        refuse_one(test, bad[i], 0);
        refuse_one(test, bad[i], READONLY);
    }
    /* What can only be read can't be mapped to be written to. */
    refuse_one(test, raw_grant(test, true, NULL), 0);
    control_recover(test);
}

/* What is kept since it was seen is kept on, whatever else can't be added. */
static void test_refused_when_seen(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL, true);
    uint32_t refs[NR + 1], frames[NR];

    pages_grant(test, way->readonly, refs, frames, NR);
    refs[NR] = UINT32_MAX;
    way->use(test, refs, frames, NR);
    for (int i = 0; i < 3; i++) {
        refuse(test, refs, NR + 1, flags_of(way));
        expect_mapped(test, refs, NR, true);
        expect_hits(test, way, refs, frames, NR);
    }
    pages_expect(test, way, "mapped", NR);
    vif_test_free(test);
}

static void test_twice(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR], twice[] = { 0, 1, 0 };

    pages_grant(test, false, refs, frames, NR);
    twice[0] = twice[2] = refs[0];
    twice[1] = refs[1];
    refuse(test, twice, 3, 0);
    expect_mapped(test, refs, 2, false);

    add(test, refs, 4, 0);
    add(test, refs + 4, 4, READONLY);
    refuse(test, refs + 3, 2, 0);
    refuse(test, refs + 3, 1, READONLY);
    refuse(test, refs + 7, 2, 0);
    refuse(test, refs + 7, NR - 7, READONLY);
    expect_mapped(test, refs, 8, true);
    expect_mapped(test, refs + 8, NR - 8, false);
    expect_static(test, 4, 4);
    add(test, refs + 8, NR - 8, 0);
    control_recover(test);
}

/* One entry has flags that nobody knows. */
static void test_unknown_flags(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[3], frames[3];

    pages_grant(test, false, refs, frames, 3);
    for (unsigned int bit = 1; bit < 16; bit++) {
        struct xen_netif_gref *list =
            xensim_front_list_grefs(test->front, refs, 3, bit % 2);

        list[bit % 3].flags |= 1u << bit;
        refuse_list(test, 3);
        expect_mapped(test, refs, 3, false);
    }
    refuse(test, refs, 3, UINT16_MAX);
    expect_static(test, 0, 0);
    add(test, refs, 3, 0);
    control_recover(test);
}

/* Queues, pages and lengths of a list that can't be, for either message */
static void refuse_requests(VifTest *test, uint16_t type)
{
    static const uint32_t wrong_lengths[] = {
        XENSIM_MAX_GREFS + 1, 1u << 29, UINT32_MAX,
    };
    uint32_t list = test->front->control.list_ref;
    uint32_t bad[RAW_NR_BAD_REFS];

    raw_make_bad_refs(test, bad);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong_lengths); i++) {
        control_status(test, STATUS(INVALID_PARAMETER), type, 0, list,
                       wrong_lengths[i]);
    }
    for (unsigned int i = 0; i < RAW_NR_BAD_REFS; i++) {
        control_status(test, STATUS(INVALID_PARAMETER), type, 0, bad[i], 1);
    }
    control_status(test, STATUS(INVALID_PARAMETER), type, 1, list, 1);
    control_status(test, STATUS(INVALID_PARAMETER), type, UINT32_MAX, list, 1);
}

static void test_bad_requests(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, false, refs, frames, NR);
    xensim_front_list_grefs(test->front, refs, NR, 0);
    refuse_requests(test, CTRL(ADD_GREF_MAPPING));
    expect_mapped(test, refs, NR, false);
    add(test, refs, NR, 0);
    refuse_requests(test, CTRL(DEL_GREF_MAPPING));
    expect_mapped(test, refs, NR, true);
    expect_static(test, 0, NR);

    /* To say nothing is no error. */
    control_status(test, STATUS(SUCCESS), CTRL(ADD_GREF_MAPPING), 0,
                   test->front->control.list_ref, 0);
    control_status(test, STATUS(SUCCESS), CTRL(DEL_GREF_MAPPING), 0,
                   test->front->control.list_ref, 0);
    expect_mapped(test, refs, NR, true);
    control_recover(test);
}

/* Mapping fails from one page on: none of the list is mapped. */
static void test_map_fails(const void *data)
{
    XensimOp op = GPOINTER_TO_INT(data);
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, false, refs, frames, NR);
    for (unsigned int skip = 0; skip < NR; skip++) {
        uint32_t status;

        xensim_fail(test->sim, op, skip, UINT32_MAX);
        status = xensim_front_add_grefs(test->front, 0, refs, NR, 0);
        xensim_fail(test->sim, op, 0, 0);
        if (status == STATUS(SUCCESS)) {
            /* One call may do for several pages. */
            g_assert_cmpuint(skip, >, 0);
            g_assert_cmpint(op, !=, XENSIM_OP_MAP);
            break;
        }
        g_assert_cmpuint(status, ==, STATUS(INVALID_PARAMETER));
        expect_mapped(test, refs, NR, false);
        expect_static(test, 0, 0);
        add(test, refs, NR, 0);
        del_all(test, refs, NR);
    }
    control_recover(test);
}

/*
 * Removed
 */

static void test_del(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR], mixed[6];

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, 8, 0);
    add(test, refs + 8, 4, READONLY);
    expect_static(test, 4, 8);

    /* Those in the midst of what was added at once */
    expect_del(test, refs + 3, "++");
    expect_mapped(test, refs, 3, true);
    expect_mapped(test, refs + 3, 2, false);
    expect_mapped(test, refs + 5, 7, true);
    expect_del(test, refs + 2, "+--+");
    expect_static(test, 4, 4);

    /* Of both kinds, unknown ones, and some twice */
    mixed[0] = mixed[3] = refs[0];
    mixed[1] = mixed[4] = refs[9];
    mixed[2] = refs[NR - 1];
    mixed[5] = UINT32_MAX;
    expect_del(test, mixed, "++----");
    expect_static(test, 3, 3);
    expect_mapped(test, refs, 1, false);
    expect_mapped(test, refs + 9, 1, false);

    /* The guest has its pages back, and the others still work. */
    g_assert_true(xensim_end_grant(test->sim, refs[0]));
    g_assert_false(xensim_end_grant(test->sim, refs[1]));
    pages_receive(test, refs + 6, frames + 6, 2);
    pages_send(test, refs + 10, frames + 10, 2);
    expect_counter(test, "rx", "persistent-hits", 2);
    expect_counter(test, "tx", "persistent-hits", 2);

    /* What was removed is copied again. */
    pages_receive(test, refs + 2, frames + 2, 2);
    expect_counter(test, "rx", "persistent-hits", 2);
    expect_counter(test, "rx", "copies", 2);
    control_recover(test);
}

/* The rest of the page stays as it is, and so does what it names. */
static void test_del_part_of_list(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR];
    struct xen_netif_gref wanted[XENSIM_MAX_GREFS];
    void *page = xensim_page(test->sim, test->front->control.list_frame);

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, NR, 0);
    vif_test_fill(page, XENSIM_PAGE_SIZE);
    xensim_front_list_grefs(test->front, refs, NR, READONLY);
    memcpy(wanted, page, sizeof(wanted));
    for (unsigned int i = 0; i < NR / 2; i++) {
        wanted[i].status = STATUS(SUCCESS);
    }
    control_expect(test, STATUS(SUCCESS), NR / 2, CTRL(DEL_GREF_MAPPING), 0,
                   test->front->control.list_ref, NR / 2);
    g_assert_cmpmem(page, XENSIM_PAGE_SIZE, wanted, sizeof(wanted));
    expect_mapped(test, refs, NR / 2, false);
    expect_mapped(test, refs + NR / 2, NR / 2, true);
    control_recover(test);
}

/* Which were removed, the guest can't know then, but how many. */
static void test_del_readonly_list(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR], list, list_ref, removed;
    unsigned int mapped = 0;

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, NR, 0);
    list_ref = raw_grant(test, true, &list);
    memcpy(xensim_page(test->sim, list),
           xensim_front_list_grefs(test->front, refs, NR, 0),
           NR * sizeof(struct xen_netif_gref));
    g_assert_cmpuint(xensim_front_control(test->front, CTRL(DEL_GREF_MAPPING),
                                          0, list_ref, NR, &removed), ==,
                     STATUS(INVALID_PARAMETER));
    for (unsigned int i = 0; i < NR; i++) {
        mapped += xensim_pins(test->sim, refs[i]);
    }
    g_assert_cmpuint(removed, ==, NR - mapped);
    control_recover(test);
}

/* A page whose request has been answered isn't in use any longer. */
static void test_del_after_use(const void *data)
{
    const PagesWay *way = data;
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, way->readonly, refs, frames, NR);
    for (int i = 0; i < 20; i++) {
        add(test, refs, NR, flags_of(way));
        expect_hits(test, way, refs, frames, NR);
        del_all(test, refs, NR);
        expect_mapped(test, refs, NR, false);
    }
    vif_test_free(test);
}

/* Returns true if the frame was sent, false if the port is full. */
static bool send_or_hold(VifTest *test, uint32_t ref, uint16_t len)
{
    netif_tx_front_ring_t *ring = &test->front->queues[0].tx;
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    raw_put_tx(test, &(netif_tx_request_t) { .gref = ref, .size = len });
    raw_push_tx(test);
    while (!RING_HAS_UNCONSUMED_RESPONSES(ring)) {
        if (vif_test_counter(test, "tx", "held-back")) {
            return false;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    raw_expect_tx(test, 0, NETIF_RSP_OKAY);
    return true;
}

/* The port doesn't take the page's frame yet: it's in use until then. */
static void test_del_held(const void *persistent)
{
    enum { LEN = 4000 };
    VifTest *test = connect_new(NULL, GPOINTER_TO_INT(persistent));
    uint32_t refs[MAX_DEFAULT], frames[MAX_DEFAULT], held = 0;
    const struct xen_netif_gref *list;

    pages_grant(test, true, refs, frames, MAX_DEFAULT);
    add(test, refs, MAX_DEFAULT, READONLY);
    while (send_or_hold(test, refs[held], LEN)) {
        g_assert_cmpuint(++held, <, MAX_DEFAULT);
    }
    g_assert_cmpuint(del(test, refs, MAX_DEFAULT, &list), ==, MAX_DEFAULT - 1);
    g_assert_cmpuint(list[held].status, ==, STATUS(INVALID_PARAMETER));
    g_assert_cmpuint(xensim_pins(test->sim, refs[held]), ==, 1);
    expect_static(test, 1, 0);

    for (unsigned int i = 0; i <= held; i++) {
        vif_test_expect_sent(test, xensim_page(test->sim, frames[i]), LEN);
    }
    raw_expect_tx(test, 0, NETIF_RSP_OKAY);
    del_all(test, refs + held, 1);
    expect_mapped(test, refs, MAX_DEFAULT, false);
    expect_counter(test, "tx", "copies", 0);
    vif_test_free(test);
}

/*
 * Removed while it is posted, a page gets its frame all the same.  Whether the
 * backend has it in use already isn't said.
 */
static void del_posted(VifTestNetdev netdev)
{
    VifTest *test = connect_on(netdev);
    uint8_t data[PAGES_FRAME];
    uint32_t ref, frame;

    pages_grant(test, false, &ref, &frame, 1);
    for (int i = 0; i < 50; i++) {
        const struct xen_netif_gref *list;
        netif_rx_response_t response;
        bool removed;

        add(test, &ref, 1, 0);
        raw_put_rx(test, i, ref);
        raw_push_rx(test);
        removed = del(test, &ref, 1, &list);
        vif_test_fill(data, sizeof(data));
        vif_test_peer_send(test, NULL, data, sizeof(data));
        response = raw_expect_rx(test, i);
        g_assert_cmpint(response.status, ==, sizeof(data));
        g_assert_cmpmem(xensim_page(test->sim, frame) + response.offset,
                        sizeof(data), data, sizeof(data));
        if (!removed) {
            del_all(test, &ref, 1);
        }
        expect_mapped(test, &ref, 1, false);
    }
    vif_test_free(test);
}

static void test_del_posted(void)
{
    del_posted(VIF_TEST_DGRAM);
}

static void test_tap_del_posted(void)
{
    del_posted(VIF_TEST_TAP);
}

/*
 * What changes while it is looked at
 */

/* A list of one entry, which names one page, and then the other */
static void test_flipped_ref(void)
{
    VifTest *test = connect_new(NULL, false);
    uint32_t refs[2], frames[2];
    struct xen_netif_gref *list;
    Flipper flipper = { .nr = 1 };

    pages_grant(test, false, refs, frames, 2);
    g_assert_cmpuint(refs[1], <=, UINT16_MAX);
    flipper.values[0] = refs[0];
    flipper.values[1] = refs[1];
    for (int i = 0; i < 500; i++) {
        const struct xen_netif_gref *removed;

        list = xensim_front_list_grefs(test->front, refs, 1, 0);
        flipper_aim(&flipper, &list[0].ref);
        flipper_start(&flipper);
        control_status(test, STATUS(SUCCESS), CTRL(ADD_GREF_MAPPING), 0,
                       test->front->control.list_ref, 1);
        flipper_stop(&flipper);
        g_assert_cmpuint(xensim_pins(test->sim, refs[0]) +
                         xensim_pins(test->sim, refs[1]), ==, 1);
        g_assert_cmpuint(del(test, refs, 2, &removed), ==, 1);
        expect_mapped(test, refs, 2, false);
    }
    control_recover(test);
}

/**
 * Flip: what changes in a request, or in its list, that adds one page
 * @name: of the test
 * @in_list: it's in the list's first entry, else in the request
 * @offset: where it is there
 * @values: what it is in turn; the first is right
 */
typedef struct Flip {
    const char *name;
    bool in_list;
    size_t offset;
    uint16_t values[2];
} Flip;

static const Flip flips[] = {
    { "flags", true, offsetof(struct xen_netif_gref, flags), { 0, 2 } },
    { "kind", true, offsetof(struct xen_netif_gref, flags), { 0, READONLY } },
    { "count", false, offsetof(struct xen_netif_ctrl_request, data[2]),
      { 1, XENSIM_MAX_GREFS + 1 } },
};

static Flipper make_flipper(VifTest *test, const Flip *flip)
{
    XensimControl *control = &test->front->control;
    void *at = flip->in_list ? xensim_page(test->sim, control->list_frame)
                             : control->ring.sring->ring;

    return (Flipper) {
        .at = (_Atomic uint16_t *)((uint8_t *)at + flip->offset),
        .values = { flip->values[0], flip->values[1] },
        .stride = sizeof(union xen_netif_ctrl_sring_entry) / sizeof(uint16_t),
        .nr = flip->in_list ? 1 : XENSIM_CTRL_SLOTS,
    };
}

/* Whatever was read, the page is mapped or it isn't, and counted so. */
static void test_flipped(const void *data)
{
    VifTest *test = connect_new(NULL, false);
    Flipper flipper = make_flipper(test, data);
    uint32_t ref, frame;

    pages_grant(test, false, &ref, &frame, 1);
    for (int i = 0; i < 500; i++) {
        uint32_t status;
        bool added;

        xensim_front_list_grefs(test->front, &ref, 1, 0);
        flipper_start(&flipper);
        status = xensim_front_control(test->front, CTRL(ADD_GREF_MAPPING), 0,
                                      test->front->control.list_ref, 1, NULL);
        flipper_stop(&flipper);
        added = status == STATUS(SUCCESS);
        g_assert_true(added || status == STATUS(INVALID_PARAMETER));
        expect_mapped(test, &ref, 1, added);
        g_assert_cmpuint(vif_test_counter(test, "tx", "static") +
                         vif_test_counter(test, "rx", "static"), ==, added);
        expect_del(test, &ref, added ? "+" : "-");
    }
    control_recover(test);
}

/*
 * The connection's end
 */

static void test_reconnect(const void *persistent)
{
    VifTest *test = connect_new(NULL, GPOINTER_TO_INT(persistent));
    uint64_t rings = xensim_mapped(test->sim);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, false, refs, frames, NR);
    for (int i = 0; i < 3; i++) {
        add(test, refs, NR - 3, 0);
        add(test, refs + NR - 3, 3, READONLY);
        pages_send(test, refs, frames, NR);
        pages_receive(test, refs, frames, NR - 3);
        vif_test_disconnect(test);
        g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
        expect_mapped(test, refs, NR, false);

        vif_test_connect(test, &control_one_queue);
        g_assert_cmpuint(xensim_mapped(test->sim), ==, rings);
        expect_static(test, 0, 0);
        expect_del(test, refs, "---");
    }
    vif_test_free(test);
}

/* The vif is stopped while pages are mapped. */
static void test_fault(void)
{
    VifTest *test = connect_new(NULL, false);
    XensimQueue *queue = &test->front->queues[0];
    uint32_t refs[NR], frames[NR];

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, NR, 0);
    pages_send(test, refs, frames, NR);
    queue->tx.sring->req_prod = queue->tx.rsp_cons + XENSIM_TX_SLOTS + 1;
    xensim_notify(test->sim, queue->tx_port);
    keys_expect_error(test, NULL, "transmit ring: the request index is beyond");
    expect_mapped(test, refs, NR, false);
    control_recover(test);
}

static void test_guest_dies(void)
{
    VifTest *test = connect_new(NULL, true);
    uint32_t refs[NR], frames[NR];

    pages_grant(test, false, refs, frames, NR);
    add(test, refs, NR / 2, 0);
    pages_send(test, refs, frames, NR);
    xensim_kill_guest(test->sim);
    vif_test_remove(test, false);
    vif_test_free(test);
}

/*
 * On a tap, where the queue has a thread
 */

/* Add pages that aren't, or remove some that may be in use. */
static void toggle(VifTest *test, const uint32_t *refs, bool *added,
                   uint16_t flags)
{
    unsigned int page = g_test_rand_int_range(0, NR);
    const struct xen_netif_gref *list;

    if (added[page]) {
        added[page] = !del(test, refs + page, 1, &list);
    } else {
        add(test, refs + page, 1, flags);
        added[page] = true;
    }
}

static void send_toggling(VifTest *test, const uint32_t *refs,
                          const uint32_t *frames, bool *added)
{
    for (unsigned int i = 0; i < NR; i++) {
        vif_test_fill(xensim_page(test->sim, frames[i]), PAGES_FRAME);
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = refs[i], .id = i, .size = PAGES_FRAME,
        });
        raw_push_tx(test);
        toggle(test, refs, added, READONLY);
    }
    for (unsigned int i = 0; i < NR; i++) {
        vif_test_expect_sent(test, xensim_page(test->sim, frames[i]),
                             PAGES_FRAME);
        raw_expect_tx(test, i, NETIF_RSP_OKAY);
    }
}

static void receive_toggling(VifTest *test, const uint32_t *refs,
                             const uint32_t *frames, bool *added)
{
    uint8_t data[NR][PAGES_FRAME];

    for (unsigned int i = 0; i < NR; i++) {
        raw_put_rx(test, i, refs[i]);
        raw_push_rx(test);
        vif_test_fill(data[i], PAGES_FRAME);
        vif_test_peer_send(test, NULL, data[i], PAGES_FRAME);
        toggle(test, refs, added, 0);
    }
    for (unsigned int i = 0; i < NR; i++) {
        uint8_t *page = xensim_page(test->sim, frames[i]);
        netif_rx_response_t response = raw_expect_rx(test, i);

        g_assert_cmpint(response.status, ==, PAGES_FRAME);
        g_assert_cmpmem(page + response.offset, PAGES_FRAME, data[i],
                        PAGES_FRAME);
    }
}

/* Pages are added and removed while frames go out of them and into them. */
static void test_tap_toggle(void)
{
    VifTest *test = connect_on(VIF_TEST_TAP);
    uint32_t tx_refs[NR], tx_frames[NR], rx_refs[NR], rx_frames[NR];
    bool tx_added[NR] = { false }, rx_added[NR] = { false };

    pages_grant(test, true, tx_refs, tx_frames, NR);
    pages_grant(test, false, rx_refs, rx_frames, NR);
    for (int i = 0; i < 200; i++) {
        send_toggling(test, tx_refs, tx_frames, tx_added);
        receive_toggling(test, rx_refs, rx_frames, rx_added);
    }
    vif_test_disconnect(test);
    expect_mapped(test, tx_refs, NR, false);
    expect_mapped(test, rx_refs, NR, false);
    vif_test_free(test);
}

static void add_flips(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(flips); i++) {
        g_autofree char *path = g_strconcat("/static/flipped/", flips[i].name,
                                            NULL);

        g_test_add_data_func(path, &flips[i], test_flipped);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *no_tap = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/static/size", test_size);
    g_test_add_func("/static/size-option", test_size_option);
    g_test_add_func("/static/turned-off", test_turned_off);
    pages_add_ways("/static/all", test_all);
    pages_add_ways("/static/full", test_full);
    g_test_add_func("/static/full-of-both", test_full_of_both);
    pages_add_ways("/static/use", test_use);
    vif_test_add_both("/static/both-ways", test_both_ways);
    g_test_add_func("/static/readonly", test_readonly);
    g_test_add_func("/static/receive-into-readonly",
                    test_receive_into_readonly);
    pages_add_ways("/static/twice-in-a-burst", test_twice_in_a_burst);
    pages_add_ways("/static/never-evicted", test_never_evicted);
    pages_add_ways("/static/seen-before", test_seen_before);
    g_test_add_func("/static/queues", test_queues);
    g_test_add_func("/static/same-page", test_same_page);
    g_test_add_func("/static/bad-refs", test_bad_refs);
    pages_add_ways("/static/refused-when-seen", test_refused_when_seen);
    g_test_add_func("/static/twice", test_twice);
    g_test_add_func("/static/unknown-flags", test_unknown_flags);
    g_test_add_func("/static/bad-requests", test_bad_requests);
    g_test_add_data_func("/static/map-fails", GINT_TO_POINTER(XENSIM_OP_MAP),
                         test_map_fails);
    g_test_add_data_func("/static/no-memory-to-map",
                         GINT_TO_POINTER(XENSIM_OP_MAP_MEMORY),
                         test_map_fails);
    g_test_add_func("/static/del", test_del);
    g_test_add_func("/static/del-part-of-list", test_del_part_of_list);
    g_test_add_func("/static/del-readonly-list", test_del_readonly_list);
    pages_add_ways("/static/del-after-use", test_del_after_use);
    vif_test_add_both("/static/del-held", test_del_held);
    g_test_add_func("/static/del-posted", test_del_posted);
    g_test_add_func("/static/flipped/ref", test_flipped_ref);
    add_flips();
    vif_test_add_both("/static/reconnect", test_reconnect);
    g_test_add_func("/static/fault", test_fault);
    g_test_add_func("/static/guest-dies", test_guest_dies);
    tap_add_func("/static/tap/del-posted", test_tap_del_posted, no_tap);
    tap_add_func("/static/tap/toggle", test_tap_toggle, no_tap);
    return g_test_run();
}
