/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent grant mappings of one peer domain
 *
 * See hw/xen/xen-grant-cache.c for how it works.
 */

#ifndef HW_XEN_GRANT_CACHE_H
#define HW_XEN_GRANT_CACHE_H

#include "hw/xen/xen_backend_ops.h"

typedef struct XenGrantCache XenGrantCache;
typedef struct XenGrantMapping XenGrantMapping;

/**
 * XenGrant: one granted page that stays mapped
 * @addr: where the page is mapped
 * @ref: the peer's grant reference
 * @busy: a user has got it and hasn't put it back
 * @mapping: what it was mapped as a part of
 */
typedef struct XenGrant {
    void *addr;
    uint32_t ref;
    bool busy;
    XenGrantMapping *mapping;
} XenGrant;

/**
 * XenGrantCacheStats: what the cache did
 * @first: references that were mapped when they were first seen
 * @busy: lookups that failed since the page was in use already
 * @full: references that weren't mapped for want of room
 * @map_failed: references that couldn't be mapped
 * @evicted: pages that were unmapped to make room
 * @map_calls: calls that asked the hypervisor to map
 */
typedef struct XenGrantCacheStats {
    uint64_t first;
    uint64_t busy;
    uint64_t full;
    uint64_t map_failed;
    uint64_t evicted;
    uint64_t map_calls;
} XenGrantCacheStats;

/**
 * xen_grant_cache_new:
 * @xgt: the handle to map with; stays the caller's, who closes it after
 *       xen_grant_cache_free()
 * @domid: the peer domain
 * @max_pages: how many pages may be mapped by xen_grant_cache_insert() at a
 *             time; 0: none
 * @prot: PROT_READ, or PROT_READ | PROT_WRITE
 *
 * Returns: an empty cache.
 */
XenGrantCache *xen_grant_cache_new(xengnttab_handle *xgt, uint32_t domid,
                                   unsigned int max_pages, int prot);

/**
 * xen_grant_cache_free: unmap all and free the cache
 * @cache: the cache, or NULL; no page of it may be busy
 */
void xen_grant_cache_free(XenGrantCache *cache);

/**
 * xen_grant_cache_get: look a reference up and take its page into use
 * @cache: the cache
 * @ref: the peer's grant reference
 *
 * Returns: the page, busy until xen_grant_cache_put(); NULL if the reference
 * isn't mapped or its page is busy already.
 */
XenGrant *xen_grant_cache_get(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_put: give a page back
 * @grant: what xen_grant_cache_get() returned
 */
void xen_grant_cache_put(XenGrant *grant);

/**
 * xen_grant_cache_insert: map references for later
 * @cache: the cache
 * @refs: references that xen_grant_cache_get() didn't find; those that are
 *        busy, or named twice, may be among them
 * @nr_refs: how many, at most XEN_GRANT_CACHE_MAX_INSERT
 *
 * All that there's room for are mapped by one call.  A reference that can't
 * be mapped, or finds no room, is counted and left out: it isn't an error,
 * since the caller serves it by copying.
 */
void xen_grant_cache_insert(XenGrantCache *cache, const uint32_t *refs,
                            unsigned int nr_refs);

#define XEN_GRANT_CACHE_MAX_INSERT 256

/**
 * xen_grant_cache_add: map a reference until it is removed
 * @cache: the cache
 * @ref: a reference that isn't found
 *
 * It isn't bounded by @max_pages, nor does it make room for others.
 *
 * Returns: true on success, false if it can't be mapped.
 */
bool xen_grant_cache_add(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_remove: unmap what xen_grant_cache_add() has mapped
 * @cache: the cache
 * @ref: the reference
 *
 * Returns: true on success, false if it wasn't added or is busy.
 */
bool xen_grant_cache_remove(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_hide: don't find a reference any more
 * @cache: the cache
 * @ref: a reference; nothing happens if it isn't found
 *
 * Its page stays mapped, as it may be busy, or mapped as a part of more.
 */
void xen_grant_cache_hide(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_show: find a reference again
 * @cache: the cache
 * @ref: a reference that isn't found; nothing happens if it isn't hidden
 */
void xen_grant_cache_show(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_forget: unmap a page that is hidden
 * @cache: the cache
 * @ref: its reference; nothing happens if it isn't hidden
 *
 * What is mapped together with it is unmapped, too.
 *
 * Returns: true on success, false if some of that is busy.
 */
bool xen_grant_cache_forget(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_has_added:
 * @cache: the cache
 * @ref: a reference
 *
 * Returns: true if it is mapped by xen_grant_cache_add().
 */
bool xen_grant_cache_has_added(XenGrantCache *cache, uint32_t ref);

/**
 * xen_grant_cache_added:
 * @cache: the cache, or NULL
 *
 * Returns: how many pages are mapped by xen_grant_cache_add().
 */
unsigned int xen_grant_cache_added(const XenGrantCache *cache);

/**
 * xen_grant_cache_flush: unmap all
 * @cache: the cache; no page of it may be busy
 */
void xen_grant_cache_flush(XenGrantCache *cache);

/**
 * xen_grant_cache_mapped:
 * @cache: the cache, or NULL
 *
 * Returns: how many pages are mapped now, in whatever way.
 */
unsigned int xen_grant_cache_mapped(const XenGrantCache *cache);

/**
 * xen_grant_cache_stats:
 * @cache: the cache
 *
 * Returns: its counters, which live as long as the cache.
 */
const XenGrantCacheStats *xen_grant_cache_stats(const XenGrantCache *cache);

#endif /* HW_XEN_GRANT_CACHE_H */
