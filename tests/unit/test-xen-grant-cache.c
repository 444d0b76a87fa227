/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of the cache of persistent grant mappings
 *
 * The hypervisor is a table of what is mapped now, which refuses the
 * references in a list.  It checks each unmap against its map, so a test that
 * ends with an empty table has leaked nothing, and its counts say whether the
 * cache's own are true.
 */

#include "qemu/osdep.h"
#include "hw/xen/xen-grant-cache.h"

#define DOMID 7

typedef struct Mapped {
    unsigned int count;
    uint32_t *refs;
} Mapped;

static struct {
    GHashTable *mapped;         /* address -> Mapped */
    GHashTable *bad;            /* references that can't be mapped */
    unsigned int pages;
    unsigned int interrupts;    /* map calls still to be interrupted */
    unsigned int map_calls;
    unsigned int unmap_calls;
} xen;

static void free_mapped(void *opaque)
{
    Mapped *mapped = opaque;

    g_free(mapped->refs);
    g_free(mapped);
}

static void *map_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid,
                      uint32_t *refs, int prot)
{
    Mapped *mapped;
    void *addr;

    xen.map_calls++;
    g_assert_cmpuint(domid, ==, DOMID);
    g_assert_cmpuint(count, >, 0);
    errno = EINTR;
    if (xen.interrupts) {
        xen.interrupts--;
        return NULL;
    }
    errno = EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        if (g_hash_table_contains(xen.bad, GUINT_TO_POINTER(refs[i]))) {
            return NULL;
        }
    }
    addr = mmap(NULL, count * XEN_PAGE_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(addr != MAP_FAILED);
    for (uint32_t i = 0; i < count; i++) {
        *(uint32_t *)(addr + i * XEN_PAGE_SIZE) = refs[i];
    }
    mapped = g_new(Mapped, 1);
    mapped->count = count;
    mapped->refs = g_memdup2(refs, count * sizeof(*refs));
    g_hash_table_insert(xen.mapped, addr, mapped);
    xen.pages += count;
    return addr;
}

static int unmap(xengnttab_handle *xgt, void *addr, uint32_t *refs,
                 uint32_t count)
{
    Mapped *mapped = g_hash_table_lookup(xen.mapped, addr);

    g_assert_nonnull(mapped);
    g_assert_cmpmem(mapped->refs, mapped->count * sizeof(*refs),
                    refs, count * sizeof(*refs));
    munmap(addr, count * XEN_PAGE_SIZE);
    g_hash_table_remove(xen.mapped, addr);
    xen.pages -= count;
    xen.unmap_calls++;
    return 0;
}

static struct gnttab_backend_ops ops = {
    .features = XEN_GNTTAB_OP_FEATURE_MAP_MULTIPLE,
    .map_refs = map_refs,
    .unmap = unmap,
};

struct gnttab_backend_ops *xen_gnttab_ops = &ops;

static XenGrantCache *begin(unsigned int max_pages)
{
    memset(&xen, 0, sizeof(xen));
    xen.mapped = g_hash_table_new_full(NULL, NULL, NULL, free_mapped);
    xen.bad = g_hash_table_new(NULL, NULL);
    return xen_grant_cache_new(NULL, DOMID, max_pages, PROT_READ);
}

static void end(XenGrantCache *cache)
{
    g_assert_cmpuint(xen.map_calls, ==,
                     xen_grant_cache_stats(cache)->map_calls);
    xen_grant_cache_free(cache);
    g_assert_cmpuint(xen.pages, ==, 0);
    g_assert_cmpuint(g_hash_table_size(xen.mapped), ==, 0);
    g_hash_table_destroy(xen.mapped);
    g_hash_table_destroy(xen.bad);
}

static void refuse(uint32_t ref)
{
    g_hash_table_add(xen.bad, GUINT_TO_POINTER(ref));
}

static void insert_one(XenGrantCache *cache, uint32_t ref)
{
    xen_grant_cache_insert(cache, &ref, 1);
}

/* Insert as many references, from the first on. */
static void insert_range(XenGrantCache *cache, uint32_t first,
                         unsigned int nr_refs)
{
    g_autofree uint32_t *refs = g_new(uint32_t, nr_refs);

    for (unsigned int i = 0; i < nr_refs; i++) {
        refs[i] = first + i;
    }
    xen_grant_cache_insert(cache, refs, nr_refs);
}

/* Look a reference up and put it back; returns whether it was there. */
static bool touch(XenGrantCache *cache, uint32_t ref)
{
    XenGrant *grant = xen_grant_cache_get(cache, ref);

    if (!grant) {
        return false;
    }
    g_assert_cmpuint(grant->ref, ==, ref);
    g_assert_cmpuint(*(uint32_t *)grant->addr, ==, ref);
    xen_grant_cache_put(grant);
    return true;
}

static void test_first_and_hit(void)
{
    XenGrantCache *cache = begin(8);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    g_assert_false(touch(cache, 5));
    insert_range(cache, 5, 3);
    g_assert_cmpuint(stats->first, ==, 3);
    g_assert_cmpuint(stats->map_calls, ==, 1);
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 3);
    for (uint32_t ref = 5; ref < 8; ref++) {
        g_assert_true(touch(cache, ref));
        g_assert_true(touch(cache, ref));
    }
    g_assert_cmpuint(stats->map_calls, ==, 1);
    end(cache);
    xen_grant_cache_free(NULL);
    g_assert_cmpuint(xen_grant_cache_mapped(NULL), ==, 0);
}

static void test_extreme_refs(void)
{
    XenGrantCache *cache = begin(8);

    insert_one(cache, 0);
    insert_one(cache, UINT32_MAX);
    g_assert_true(touch(cache, 0));
    g_assert_true(touch(cache, UINT32_MAX));
    g_assert_cmpuint(xen.pages, ==, 2);
    end(cache);
}

static void test_busy_twice(void)
{
    XenGrantCache *cache = begin(8);
    XenGrant *grant;

    insert_range(cache, 1, 2);
    grant = xen_grant_cache_get(cache, 1);
    g_assert_nonnull(grant);
    g_assert_true(grant->busy);
    g_assert_null(xen_grant_cache_get(cache, 1));
    g_assert_true(touch(cache, 2));
    insert_one(cache, 1);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->busy, ==, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    xen_grant_cache_put(grant);
    g_assert_false(grant->busy);
    g_assert_true(touch(cache, 1));
    end(cache);
}

static void test_duplicate(void)
{
    const uint32_t refs[] = { 3, 4, 3, 3, 5 };
    XenGrantCache *cache = begin(8);

    xen_grant_cache_insert(cache, refs, ARRAY_SIZE(refs));
    g_assert_cmpuint(xen.pages, ==, 3);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->first, ==, 3);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->busy, ==, 2);
    end(cache);
}

static void test_full(void)
{
    XenGrantCache *cache = begin(4);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    insert_range(cache, 1, 6);
    g_assert_cmpuint(xen.pages, ==, 4);
    g_assert_cmpuint(stats->full, ==, 2);
    insert_range(cache, 7, 3);
    g_assert_cmpuint(xen.pages, ==, 4);
    g_assert_cmpuint(stats->full, ==, 5);
    g_assert_cmpuint(stats->evicted, ==, 0);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    g_assert_true(touch(cache, 4));
    g_assert_false(touch(cache, 5));
    end(cache);
}

static void test_bad_among_many(void)
{
    XenGrantCache *cache = begin(64);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    refuse(17);
    insert_range(cache, 1, 32);
    g_assert_cmpuint(xen.pages, ==, 31);
    g_assert_cmpuint(stats->first, ==, 31);
    g_assert_cmpuint(stats->map_failed, ==, 1);
    g_assert_cmpuint(stats->map_calls, ==, 33);
    for (uint32_t ref = 1; ref <= 32; ref++) {
        g_assert_cmpint(touch(cache, ref), ==, ref != 17);
    }
    end(cache);
}

/* A single reference that fails isn't tried again by itself. */
static void test_bad_alone(void)
{
    XenGrantCache *cache = begin(64);

    refuse(1);
    insert_one(cache, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->map_failed, ==, 1);
    g_assert_false(touch(cache, 1));
    end(cache);
}

static void test_giving_up(void)
{
    XenGrantCache *cache = begin(16);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);
    unsigned int calls = 0, failed = 0;

    refuse(1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 70; i++) {
            insert_one(cache, 1);
        }
        insert_one(cache, 2);
        g_assert_cmpuint(stats->map_calls, ==, calls += 64);
        g_assert_cmpuint(stats->map_failed, ==, failed += 71);
        g_assert_cmpuint(xen.pages, ==, 0);
        xen_grant_cache_flush(cache);
        insert_one(cache, 2);
        g_assert_cmpuint(stats->map_calls, ==, ++calls);
        g_assert_true(touch(cache, 2));
        xen_grant_cache_flush(cache);
    }
    end(cache);
}

static void test_giving_up_within_insert(void)
{
    XenGrantCache *cache = begin(256);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    for (uint32_t ref = 0; ref < 200; ref++) {
        refuse(ref);
    }
    insert_range(cache, 0, 200);
    g_assert_cmpuint(stats->map_calls, ==, 64);
    g_assert_cmpuint(stats->map_failed, ==, 200);
    end(cache);
}

static void test_success_forgives(void)
{
    XenGrantCache *cache = begin(16);

    refuse(1);
    for (uint32_t round = 0; round < 4; round++) {
        for (int i = 0; i < 63; i++) {
            insert_one(cache, 1);
        }
        insert_one(cache, 10 + round);
        g_assert_true(touch(cache, 10 + round));
    }
    end(cache);
}

static void test_stale(void)
{
    XenGrantCache *cache = begin(4);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    insert_range(cache, 1, 2);
    insert_range(cache, 3, 2);
    for (int i = 0; i < 16 * 4; i++) {
        g_assert_true(touch(cache, 1));
    }
    insert_one(cache, 5);
    g_assert_cmpuint(stats->full, ==, 1);
    g_assert_cmpuint(stats->evicted, ==, 0);

    g_assert_true(touch(cache, 2));
    insert_one(cache, 5);
    g_assert_cmpuint(stats->evicted, ==, 2);
    g_assert_cmpuint(xen.unmap_calls, ==, 1);
    g_assert_cmpuint(xen.pages, ==, 3);
    g_assert_true(touch(cache, 1));
    g_assert_true(touch(cache, 5));
    g_assert_false(touch(cache, 3));
    g_assert_false(touch(cache, 4));
    end(cache);
}

static void test_busy_stays(void)
{
    XenGrantCache *cache = begin(2);
    XenGrant *grant;

    insert_range(cache, 1, 2);
    grant = xen_grant_cache_get(cache, 1);
    for (int i = 0; i < 1000; i++) {
        g_assert_false(touch(cache, 9));
    }
    insert_one(cache, 9);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->full, ==, 1);
    g_assert_cmpuint(xen.unmap_calls, ==, 0);
    g_assert_cmpuint(*(uint32_t *)grant->addr, ==, 1);
    xen_grant_cache_put(grant);
    insert_one(cache, 9);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->evicted, ==, 2);
    g_assert_true(touch(cache, 9));
    end(cache);
}

static void test_flush(void)
{
    XenGrantCache *cache = begin(16);

    for (uint32_t ref = 1; ref <= 16; ref++) {
        insert_one(cache, ref);
    }
    g_assert_cmpuint(xen.pages, ==, 16);
    xen_grant_cache_flush(cache);
    g_assert_cmpuint(xen.pages, ==, 0);
    g_assert_cmpuint(xen.unmap_calls, ==, 16);
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 0);
    g_assert_false(touch(cache, 1));
    xen_grant_cache_flush(cache);
    insert_range(cache, 1, 16);
    g_assert_cmpuint(xen.pages, ==, 16);
    end(cache);
}

static void put_all(XenGrantCache *cache, XenGrant **held, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (held[i]) {
            xen_grant_cache_put(held[i]);
            held[i] = NULL;
        }
    }
}

static void test_added(void)
{
    XenGrantCache *cache = begin(2);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);

    for (uint32_t ref = 0; ref < 5; ref++) {
        g_assert_true(xen_grant_cache_add(cache, ref));
        g_assert_true(xen_grant_cache_has_added(cache, ref));
        g_assert_true(touch(cache, ref));
    }
    g_assert_cmpuint(xen_grant_cache_added(cache), ==, 5);
    g_assert_cmpuint(xen_grant_cache_added(NULL), ==, 0);

    /* They don't take the room of those that are inserted, nor get stale. */
    insert_range(cache, 10, 3);
    g_assert_cmpuint(stats->full, ==, 1);
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 7);
    for (int i = 0; i < 1000; i++) {
        g_assert_true(touch(cache, 0));
    }
    insert_range(cache, 20, 2);
    g_assert_cmpuint(stats->evicted, ==, 2);
    g_assert_true(touch(cache, 1));

    /* They are removed one by one. */
    g_assert_true(xen_grant_cache_remove(cache, 1));
    g_assert_false(xen_grant_cache_remove(cache, 1));
    g_assert_false(xen_grant_cache_has_added(cache, 1));
    g_assert_false(touch(cache, 1));
    g_assert_false(xen_grant_cache_remove(cache, 20));
    g_assert_true(touch(cache, 20));
    g_assert_cmpuint(xen_grant_cache_added(cache), ==, 4);
    end(cache);
}

static void test_added_is_busy(void)
{
    XenGrantCache *cache = begin(2);
    XenGrant *grant;

    g_assert_true(xen_grant_cache_add(cache, 3));
    grant = xen_grant_cache_get(cache, 3);
    g_assert_nonnull(grant);
    g_assert_false(xen_grant_cache_remove(cache, 3));
    xen_grant_cache_put(grant);
    g_assert_true(xen_grant_cache_remove(cache, 3));
    end(cache);
}

/* A page that was inserted, and is in use, is mapped once more. */
static void test_hidden(void)
{
    XenGrantCache *cache = begin(2);
    XenGrant *grant;

    xen_grant_cache_hide(cache, 3);
    insert_range(cache, 3, 2);
    grant = xen_grant_cache_get(cache, 3);
    g_assert_nonnull(grant);
    xen_grant_cache_hide(cache, 3);
    g_assert_false(touch(cache, 3));
    g_assert_true(xen_grant_cache_add(cache, 3));
    g_assert_true(touch(cache, 3));
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 3);

    /* It is unmapped with what was mapped with it, when nobody uses that. */
    g_assert_false(xen_grant_cache_forget(cache, 3));
    xen_grant_cache_put(grant);
    g_assert_true(xen_grant_cache_forget(cache, 3));
    g_assert_true(xen_grant_cache_forget(cache, 3));
    g_assert_false(touch(cache, 4));
    g_assert_true(touch(cache, 3));
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 1);
    end(cache);
}

static void test_hidden_gets_stale(void)
{
    XenGrantCache *cache = begin(2);

    insert_range(cache, 3, 2);
    xen_grant_cache_hide(cache, 3);
    g_assert_true(xen_grant_cache_add(cache, 3));
    for (int i = 0; i < 1000; i++) {
        g_assert_true(touch(cache, 3));
    }
    insert_range(cache, 5, 2);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->evicted, ==, 2);
    g_assert_true(touch(cache, 3));
    g_assert_true(xen_grant_cache_forget(cache, 3));
    end(cache);
}

/* What can't be added stays as it was. */
static void test_shown_again(void)
{
    XenGrantCache *cache = begin(2);

    insert_range(cache, 3, 2);
    refuse(3);
    xen_grant_cache_hide(cache, 3);
    g_assert_false(xen_grant_cache_add(cache, 3));
    xen_grant_cache_show(cache, 3);
    g_assert_true(touch(cache, 3));
    end(cache);
}

/* A call that was interrupted is made again; others that fail are not. */
static void test_interrupted(void)
{
    XenGrantCache *cache = begin(8);

    xen.interrupts = 3;
    insert_range(cache, 3, 2);
    g_assert_cmpuint(xen.map_calls, ==, 4);
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 2);
    xen.interrupts = 1;
    g_assert_true(xen_grant_cache_add(cache, 7));
    refuse(9);
    g_assert_false(xen_grant_cache_add(cache, 9));
    g_assert_cmpuint(xen.map_calls, ==, 7);
    end(cache);
}

static void test_without_inserting(void)
{
    XenGrantCache *cache = begin(0);

    insert_range(cache, 3, 2);
    g_assert_cmpuint(xen_grant_cache_mapped(cache), ==, 0);
    g_assert_cmpuint(xen_grant_cache_stats(cache)->full, ==, 0);
    g_assert_true(xen_grant_cache_add(cache, 3));
    g_assert_true(touch(cache, 3));
    end(cache);
}

/*
 * Whatever is asked, the bound holds and each reference is counted once.  The
 * peer turns to its other references now and then, so that pages get stale.
 */
static void test_random(void)
{
    enum { MAX_PAGES = 8, REFS = 24, HALF = REFS / 2, TURN = 2000 };
    XenGrantCache *cache = begin(MAX_PAGES);
    const XenGrantCacheStats *stats = xen_grant_cache_stats(cache);
    XenGrant *held[REFS] = { NULL };
    uint64_t inserted = 0;

    refuse(5);
    for (int i = 0; i < 50000; i++) {
        uint32_t first = i / TURN % 2 * HALF;
        uint32_t ref = first + g_test_rand_int_range(0, HALF);

        if (i % TURN == 0) {
            put_all(cache, held, REFS);
        }
        if (held[ref]) {
            g_assert_null(xen_grant_cache_get(cache, ref));
            xen_grant_cache_put(held[ref]);
            held[ref] = NULL;
        } else if (g_test_rand_int_range(0, 100) == 0) {
            uint32_t refs[6];

            for (int j = 0; j < ARRAY_SIZE(refs); j++) {
                refs[j] = first + g_test_rand_int_range(0, HALF);
            }
            xen_grant_cache_insert(cache, refs, ARRAY_SIZE(refs));
            inserted += ARRAY_SIZE(refs);
        } else {
            held[ref] = xen_grant_cache_get(cache, ref);
        }
        g_assert_cmpuint(xen.pages, <=, MAX_PAGES);
        g_assert_cmpuint(xen.pages, ==, xen_grant_cache_mapped(cache));
        g_assert_cmpuint(xen.pages, ==, stats->first - stats->evicted);
        g_assert_cmpuint(inserted, ==, stats->first + stats->busy +
                                       stats->full + stats->map_failed);
    }
    g_assert_cmpuint(stats->evicted, >, 0);
    put_all(cache, held, REFS);
    end(cache);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-grant-cache/first-and-hit", test_first_and_hit);
    g_test_add_func("/xen-grant-cache/extreme-refs", test_extreme_refs);
    g_test_add_func("/xen-grant-cache/busy-twice", test_busy_twice);
    g_test_add_func("/xen-grant-cache/duplicate", test_duplicate);
    g_test_add_func("/xen-grant-cache/full", test_full);
    g_test_add_func("/xen-grant-cache/bad-among-many", test_bad_among_many);
    g_test_add_func("/xen-grant-cache/bad-alone", test_bad_alone);
    g_test_add_func("/xen-grant-cache/giving-up", test_giving_up);
    g_test_add_func("/xen-grant-cache/giving-up-within-insert",
                    test_giving_up_within_insert);
    g_test_add_func("/xen-grant-cache/success-forgives",
                    test_success_forgives);
    g_test_add_func("/xen-grant-cache/stale", test_stale);
    g_test_add_func("/xen-grant-cache/busy-stays", test_busy_stays);
    g_test_add_func("/xen-grant-cache/flush", test_flush);
    g_test_add_func("/xen-grant-cache/added", test_added);
    g_test_add_func("/xen-grant-cache/added-is-busy", test_added_is_busy);
    g_test_add_func("/xen-grant-cache/hidden", test_hidden);
    g_test_add_func("/xen-grant-cache/hidden-gets-stale",
                    test_hidden_gets_stale);
    g_test_add_func("/xen-grant-cache/shown-again", test_shown_again);
    g_test_add_func("/xen-grant-cache/interrupted", test_interrupted);
    g_test_add_func("/xen-grant-cache/without-inserting",
                    test_without_inserting);
    g_test_add_func("/xen-grant-cache/random", test_random);
    return g_test_run();
}
