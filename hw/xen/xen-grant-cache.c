/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent grant mappings of one peer domain
 *
 * Mapping a granted page costs a hypercall and, at the end, another with a
 * TLB flush.  A frontend that reuses a stable set of pages ("feature-
 * persistent") lets the backend pay once: this cache keeps each page mapped
 * from the first time it is seen, and finds it by its grant reference.
 *
 * It knows nothing of what the pages hold.  A backend has one cache per use
 * (one for the pages that it reads, one for those that it writes), and all
 * calls come from one thread.
 *
 *   get     look a reference up; the page is busy until it is put back
 *   put     give it back
 *   insert  map references that weren't found, all by one call
 *   add     map a reference that the peer has named beforehand ("static
 *           grants"), and keep it until it is removed
 *   remove  unmap such a one
 *   hide    let a reference that was inserted no longer be found, as it is
 *           about to be added, here or elsewhere
 *   flush   unmap everything
 *
 * Pages that were mapped by one call form a mapping and are unmapped by one
 * call: the gntdev driver of a PV domain can't unmap a part.  The bound
 * counts pages, so that a peer can't make the cache hold more memory by
 * choosing what gets old.  Each page that is added is a mapping of its own, as
 * it is removed by itself; how many are is the caller's to bound.
 *
 * When the cache is full, new references aren't mapped: the caller copies
 * instead, which is cheaper than to unmap one page and map another.  Only
 * mappings that are stale, i.e. of which no page was looked up during the
 * last STALE_ROUNDS * max_pages lookups, make room.
 *
 * A peer that hands out references that can be copied but not mapped would
 * make every burst pay for a map call that fails.  After MAX_FAILURES calls
 * without a success in between, the cache stops mapping until it is flushed.
 */

#include "qemu/osdep.h"
#include "hw/xen/xen-grant-cache.h"
#include "qemu/queue.h"

#define STALE_ROUNDS 16
#define MAX_FAILURES 64

struct XenGrantMapping {
    QTAILQ_ENTRY(XenGrantMapping) next;
    uint64_t last_use;
    unsigned int nr_busy;
    unsigned int nr_pages;
    bool added;                     /* else it was inserted */
    void *addr;
    uint32_t *refs;
    XenGrant grants[];
};

typedef QTAILQ_HEAD(XenGrantMappings, XenGrantMapping) XenGrantMappings;

struct XenGrantCache {
    xengnttab_handle *xgt;
    uint32_t domid;
    int prot;
    unsigned int max_pages;
    unsigned int nr_pages;          /* that were inserted */
    unsigned int nr_added;
    unsigned int failures;          /* map calls since the last success */
    uint64_t clock;                 /* lookups so far */
    GHashTable *grants;             /* reference -> XenGrant in a mapping */
    GHashTable *hidden;             /* likewise, but not to be found */
    XenGrantMappings lru;           /* inserted ones; head: used last */
    XenGrantMappings added;
    XenGrantCacheStats stats;
};

XenGrantCache *xen_grant_cache_new(xengnttab_handle *xgt, uint32_t domid,
                                   unsigned int max_pages, int prot)
{
    XenGrantCache *cache = g_new0(XenGrantCache, 1);

    cache->xgt = xgt;
    cache->domid = domid;
    cache->prot = prot;
    cache->max_pages = max_pages;
    cache->grants = g_hash_table_new(NULL, NULL);
    cache->hidden = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&cache->lru);
    QTAILQ_INIT(&cache->added);
    return cache;
}

void xen_grant_cache_free(XenGrantCache *cache)
{
    if (!cache) {
        return;
    }
    xen_grant_cache_flush(cache);
    g_hash_table_destroy(cache->grants);
    g_hash_table_destroy(cache->hidden);
    g_free(cache);
}

static XenGrant *find(GHashTable *grants, uint32_t ref)
{
    return g_hash_table_lookup(grants, GUINT_TO_POINTER(ref));
}

static XenGrant *lookup(XenGrantCache *cache, uint32_t ref)
{
    return find(cache->grants, ref);
}

XenGrant *xen_grant_cache_get(XenGrantCache *cache, uint32_t ref)
{
    XenGrant *grant = lookup(cache, ref);
    XenGrantMapping *mapping;

    cache->clock++;
    if (!grant || grant->busy) {
        return NULL;
    }

    mapping = grant->mapping;
    if (!mapping->added && QTAILQ_FIRST(&cache->lru) != mapping) {
        QTAILQ_REMOVE(&cache->lru, mapping, next);
        QTAILQ_INSERT_HEAD(&cache->lru, mapping, next);
    }
    mapping->last_use = cache->clock;
    mapping->nr_busy++;
    grant->busy = true;
    return grant;
}

void xen_grant_cache_put(XenGrant *grant)
{
    g_assert(grant->busy);
    grant->busy = false;
    grant->mapping->nr_busy--;
}

static XenGrantMapping *mapping_new(unsigned int max_pages)
{
    XenGrantMapping *mapping;

    mapping = g_malloc0(sizeof(*mapping) + max_pages * sizeof(XenGrant));
    mapping->refs = g_new(uint32_t, max_pages);
    return mapping;
}

static void mapping_free(XenGrantMapping *mapping)
{
    g_free(mapping->refs);
    g_free(mapping);
}

/* Reserve the reference's place, so that its next naming finds it. */
static void mapping_add(XenGrantCache *cache, XenGrantMapping *mapping,
                        uint32_t ref)
{
    XenGrant *grant = &mapping->grants[mapping->nr_pages];

    grant->ref = ref;
    grant->mapping = mapping;
    mapping->refs[mapping->nr_pages++] = ref;
    g_hash_table_insert(cache->grants, GUINT_TO_POINTER(ref), grant);
}

static void forget_refs(XenGrantCache *cache, XenGrantMapping *mapping)
{
    for (unsigned int i = 0; i < mapping->nr_pages; i++) {
        uint32_t ref = mapping->refs[i];
        bool hidden = find(cache->hidden, ref) == &mapping->grants[i];

        g_hash_table_remove(hidden ? cache->hidden : cache->grants,
                            GUINT_TO_POINTER(ref));
    }
}

/*
 * Map what was added.  Returns false, with nothing mapped, on failure.  Linux'
 * gntdev gives up when it is interrupted, which io_uring does, too.
 */
static bool mapping_map(XenGrantCache *cache, XenGrantMapping *mapping)
{
    do {
        cache->stats.map_calls++;
        mapping->addr = qemu_xen_gnttab_map_refs(cache->xgt, mapping->nr_pages,
                                                 cache->domid, mapping->refs,
                                                 cache->prot);
    } while (!mapping->addr && errno == EINTR);
    if (!mapping->addr) {
        cache->failures++;
        return false;
    }

    cache->failures = 0;
    for (unsigned int i = 0; i < mapping->nr_pages; i++) {
        mapping->grants[i].addr = mapping->addr + i * XEN_PAGE_SIZE;
    }
    return true;
}

/* As mapping_map(), for references that the peer has used. */
static bool mapping_insert(XenGrantCache *cache, XenGrantMapping *mapping)
{
    if (!mapping_map(cache, mapping)) {
        return false;
    }
    mapping->last_use = cache->clock;
    QTAILQ_INSERT_HEAD(&cache->lru, mapping, next);
    cache->nr_pages += mapping->nr_pages;
    cache->stats.first += mapping->nr_pages;
    return true;
}

static void mapping_unmap(XenGrantCache *cache, XenGrantMapping *mapping)
{
    g_assert(mapping->nr_busy == 0);
    forget_refs(cache, mapping);
    if (mapping->added) {
        QTAILQ_REMOVE(&cache->added, mapping, next);
        cache->nr_added--;
    } else {
        QTAILQ_REMOVE(&cache->lru, mapping, next);
        cache->nr_pages -= mapping->nr_pages;
    }
    /* It fails only for arguments that don't name a mapping. */
    qemu_xen_gnttab_unmap(cache->xgt, mapping->addr, mapping->refs,
                          mapping->nr_pages);
    mapping_free(mapping);
}

static bool mapping_is_stale(XenGrantCache *cache, XenGrantMapping *mapping)
{
    return mapping->nr_busy == 0 &&
           cache->clock - mapping->last_use >
           (uint64_t)STALE_ROUNDS * cache->max_pages;
}

static unsigned int make_room(XenGrantCache *cache, unsigned int wanted)
{
    XenGrantMapping *oldest;

    while (cache->max_pages - cache->nr_pages < wanted &&
           (oldest = QTAILQ_LAST(&cache->lru)) &&
           mapping_is_stale(cache, oldest)) {
        cache->stats.evicted += oldest->nr_pages;
        mapping_unmap(cache, oldest);
    }
    return MIN(wanted, cache->max_pages - cache->nr_pages);
}

static bool may_map(XenGrantCache *cache)
{
    return cache->failures < MAX_FAILURES;
}

/* One bad reference fails a whole call: find out which by trying each. */
static void map_singly(XenGrantCache *cache, const uint32_t *refs,
                       unsigned int nr_refs)
{
    for (unsigned int i = 0; i < nr_refs; i++) {
        XenGrantMapping *mapping = mapping_new(1);

        mapping_add(cache, mapping, refs[i]);
        if (!may_map(cache) || !mapping_insert(cache, mapping)) {
            cache->stats.map_failed++;
            forget_refs(cache, mapping);
            mapping_free(mapping);
        }
    }
}

void xen_grant_cache_insert(XenGrantCache *cache, const uint32_t *refs,
                            unsigned int nr_refs)
{
    XenGrantMapping *mapping;
    unsigned int room;

    g_assert(nr_refs <= XEN_GRANT_CACHE_MAX_INSERT);
    if (!cache->max_pages) {
        return;
    }
    room = make_room(cache, nr_refs);
    mapping = mapping_new(room);

    for (unsigned int i = 0; i < nr_refs; i++) {
        if (lookup(cache, refs[i])) {
            cache->stats.busy++;
        } else if (!may_map(cache)) {
            cache->stats.map_failed++;
        } else if (mapping->nr_pages == room) {
            cache->stats.full++;
        } else {
            mapping_add(cache, mapping, refs[i]);
        }
    }

    if (mapping->nr_pages && mapping_insert(cache, mapping)) {
        return;
    }
    forget_refs(cache, mapping);
    if (mapping->nr_pages > 1) {
        map_singly(cache, mapping->refs, mapping->nr_pages);
    } else {
        cache->stats.map_failed += mapping->nr_pages;
    }
    mapping_free(mapping);
}

static bool is_added(const XenGrant *grant)
{
    return grant && grant->mapping->added;
}

bool xen_grant_cache_add(XenGrantCache *cache, uint32_t ref)
{
    XenGrantMapping *mapping;

    g_assert(!lookup(cache, ref));
    mapping = mapping_new(1);
    mapping->added = true;
    mapping_add(cache, mapping, ref);
    if (!mapping_map(cache, mapping)) {
        forget_refs(cache, mapping);
        mapping_free(mapping);
        return false;
    }
    QTAILQ_INSERT_HEAD(&cache->added, mapping, next);
    cache->nr_added++;
    return true;
}

static void move_ref(GHashTable *from, GHashTable *to, uint32_t ref)
{
    XenGrant *grant = find(from, ref);

    if (grant) {
        g_hash_table_remove(from, GUINT_TO_POINTER(ref));
        g_hash_table_insert(to, GUINT_TO_POINTER(ref), grant);
    }
}

void xen_grant_cache_hide(XenGrantCache *cache, uint32_t ref)
{
    move_ref(cache->grants, cache->hidden, ref);
}

void xen_grant_cache_show(XenGrantCache *cache, uint32_t ref)
{
    move_ref(cache->hidden, cache->grants, ref);
}

bool xen_grant_cache_forget(XenGrantCache *cache, uint32_t ref)
{
    XenGrant *grant = find(cache->hidden, ref);

    if (!grant) {
        return true;
    }
    if (grant->mapping->nr_busy) {
        return false;
    }
    mapping_unmap(cache, grant->mapping);
    return true;
}

bool xen_grant_cache_remove(XenGrantCache *cache, uint32_t ref)
{
    XenGrant *grant = lookup(cache, ref);

    if (!is_added(grant) || grant->busy) {
        return false;
    }
    mapping_unmap(cache, grant->mapping);
    return true;
}

bool xen_grant_cache_has_added(XenGrantCache *cache, uint32_t ref)
{
    return is_added(lookup(cache, ref));
}

unsigned int xen_grant_cache_added(const XenGrantCache *cache)
{
    return cache ? cache->nr_added : 0;
}

static void unmap_all(XenGrantCache *cache, XenGrantMappings *mappings)
{
    XenGrantMapping *mapping;

    while ((mapping = QTAILQ_FIRST(mappings))) {
        mapping_unmap(cache, mapping);
    }
}

void xen_grant_cache_flush(XenGrantCache *cache)
{
    unmap_all(cache, &cache->lru);
    unmap_all(cache, &cache->added);
    cache->failures = 0;
}

unsigned int xen_grant_cache_mapped(const XenGrantCache *cache)
{
    return cache ? cache->nr_pages + cache->nr_added : 0;
}

const XenGrantCacheStats *xen_grant_cache_stats(const XenGrantCache *cache)
{
    return &cache->stats;
}
