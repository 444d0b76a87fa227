/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts of reads from, or writes to, a peer's granted pages
 *
 * A backend's burst of requests names parts of granted pages.  This turns
 * them into memory:
 *
 *   add      a page that the cache holds is used where it is mapped; for any
 *            other, room is set apart in the arena, unless the caller has the
 *            bytes in memory that can be copied from
 *   submit   one grant copy moves all that isn't mapped; then the references
 *            that were copied are offered to the cache, which maps them by
 *            one call, for the bursts to come
 *   reset    mapped pages are put back into the cache, the arena is empty
 *
 * So the first sight of a reference costs a copy, and a later one nothing; a
 * busy page, a full cache or a page that can't be mapped are copied, and
 * never are an error.
 *
 * QEMU's grant copy tells that a segment failed, not which.  After a failure
 * halves are tried until the bad segments stand alone, so that the others
 * aren't lost: one bad segment costs a logarithm of calls, n of them at the
 * most 2n - 1.  To copy a segment again does no harm.
 *
 * The hypervisor copies page by page on both sides, so a segment in the arena
 * doesn't cross a page, either.
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/memalign.h"
#include "hw/xen/xen-grant-io.h"

#define ARENA_ALIGN 64
#define CACHE_LINE 64

struct XenGrantIO {
    xengnttab_handle *xgt;
    uint32_t domid;
    bool to_domain;
    XenGrantCache *cache;
    XenGrantCache *other;               /* see xen_grant_io_set_other() */
    bool use_other;
    unsigned int max_segments;
    unsigned int nr_segments;
    unsigned int nr_copies;
    uint8_t *arena;
    size_t arena_used;
    XenGrantSegment *segments;
    XenGrantCopySegment *copies;
    XenGrantSegment **copied;           /* the segment of each copy */
    XenGrantIOStats stats;
};

XenGrantIO *xen_grant_io_new(xengnttab_handle *xgt, uint32_t domid,
                             bool to_domain, XenGrantCache *cache,
                             unsigned int max_segments)
{
    XenGrantIO *io = g_new0(XenGrantIO, 1);

    g_assert(max_segments <= XEN_GRANT_CACHE_MAX_INSERT);
    io->xgt = xgt;
    io->domid = domid;
    io->to_domain = to_domain;
    io->cache = cache;
    io->max_segments = max_segments;
    io->arena = qemu_memalign(XEN_PAGE_SIZE, max_segments * XEN_PAGE_SIZE);
    io->segments = g_new0(XenGrantSegment, max_segments);
    io->copies = g_new0(XenGrantCopySegment, max_segments);
    io->copied = g_new0(XenGrantSegment *, max_segments);
    return io;
}

void xen_grant_io_set_other(XenGrantIO *io, XenGrantCache *other, bool use)
{
    io->other = other;
    io->use_other = use;
}

void xen_grant_io_free(XenGrantIO *io)
{
    if (!io) {
        return;
    }
    xen_grant_io_reset(io);
    qemu_vfree(io->arena);
    g_free(io->segments);
    g_free(io->copies);
    g_free(io->copied);
    g_free(io);
}

unsigned int xen_grant_io_room(const XenGrantIO *io)
{
    return io->max_segments - io->nr_segments;
}

static void *arena_alloc(XenGrantIO *io, unsigned int len)
{
    size_t start = ROUND_UP(io->arena_used, ARENA_ALIGN);

    if (start % XEN_PAGE_SIZE + len > XEN_PAGE_SIZE) {
        start = ROUND_UP(start, XEN_PAGE_SIZE);
    }
    io->arena_used = start + len;
    return io->arena + start;
}

static void add_copy(XenGrantIO *io, XenGrantSegment *segment, uint32_t ref,
                     unsigned int offset, unsigned int len)
{
    XenGrantCopySegment *copy = &io->copies[io->nr_copies];

    if (io->to_domain) {
        copy->source.virt = segment->data;
        copy->dest.foreign.ref = ref;
        copy->dest.foreign.offset = offset;
    } else {
        copy->source.foreign.ref = ref;
        copy->source.foreign.offset = offset;
        copy->dest.virt = segment->data;
    }
    copy->len = len;
    io->copied[io->nr_copies++] = segment;
}

static XenGrantSegment *add_segment(XenGrantIO *io, XenGrant *grant,
                                    void *data, unsigned int len)
{
    XenGrantSegment *segment = &io->segments[io->nr_segments++];

    g_assert(io->nr_segments <= io->max_segments);
    segment->grant = grant;
    segment->data = data;
    segment->len = len;
    segment->failed = false;
    return segment;
}

static bool is_in_other(XenGrantIO *io, uint32_t ref)
{
    return io->other && xen_grant_cache_has_added(io->other, ref);
}

XenGrantSegment *xen_grant_io_add_mapped(XenGrantIO *io, uint32_t ref)
{
    XenGrant *grant = io->cache ? xen_grant_cache_get(io->cache, ref) : NULL;

    if (!grant && io->use_other && is_in_other(io, ref)) {
        grant = xen_grant_cache_get(io->other, ref);
    }
    if (!grant) {
        return NULL;
    }
    io->stats.hits++;
    return add_segment(io, grant, grant->addr, XEN_PAGE_SIZE);
}

void xen_grant_io_give_back(XenGrantIO *io, XenGrantSegment *segment)
{
    xen_grant_cache_put(segment->grant);
    segment->grant = NULL;
    io->stats.hits--;
}

XenGrantSegment *xen_grant_io_add_copied(XenGrantIO *io, uint32_t ref,
                                         unsigned int offset, unsigned int len,
                                         void *data)
{
    XenGrantSegment *segment;

    g_assert(offset <= XEN_PAGE_SIZE && len <= XEN_PAGE_SIZE - offset);
    segment = add_segment(io, NULL, data ?: arena_alloc(io, len), len);
    add_copy(io, segment, ref, offset, len);
    return segment;
}

XenGrantSegment *xen_grant_io_add(XenGrantIO *io, uint32_t ref,
                                  unsigned int offset, unsigned int len)
{
    XenGrantSegment *segment = xen_grant_io_add_mapped(io, ref);

    if (!segment) {
        return xen_grant_io_add_copied(io, ref, offset, len, NULL);
    }
    g_assert(offset <= XEN_PAGE_SIZE && len <= XEN_PAGE_SIZE - offset);
    segment->data += offset;
    segment->len = len;
    return segment;
}

static bool copy_call(XenGrantIO *io, unsigned int first, unsigned int nr)
{
    io->stats.copy_calls++;
    return qemu_xen_gnttab_grant_copy(io->xgt, io->to_domain, io->domid,
                                      io->copies + first, nr, NULL) == 0;
}

static void copy_range(XenGrantIO *io, unsigned int first, unsigned int nr)
{
    if (copy_call(io, first, nr)) {
        io->stats.copies += nr;
    } else if (nr == 1) {
        io->copied[first]->failed = true;
    } else {
        copy_range(io, first, nr / 2);
        copy_range(io, first + nr / 2, nr - nr / 2);
    }
}

static void offer_to_cache(XenGrantIO *io)
{
    uint32_t refs[XEN_GRANT_CACHE_MAX_INSERT];
    unsigned int nr_refs = 0;

    for (unsigned int i = 0; i < io->nr_copies; i++) {
        XenGrantCopySegment *copy = &io->copies[i];
        uint32_t ref = io->to_domain ? copy->dest.foreign.ref
                                     : copy->source.foreign.ref;

        if (!io->copied[i]->failed && !is_in_other(io, ref)) {
            refs[nr_refs++] = ref;
        }
    }
    xen_grant_cache_insert(io->cache, refs, nr_refs);
}

/*
 * The peer's processor has written these bytes, so they are in its caches, not
 * in ours.  Loads that nothing waits for fetch many lines at a time; whoever
 * reads the bytes afterwards, as the kernel does in the middle of its work,
 * would wait for each line.  (Prefetch instructions can be, and are, dropped.)
 */
static void fetch_mapped(XenGrantIO *io)
{
    for (unsigned int i = 0; i < io->nr_segments; i++) {
        const XenGrantSegment *segment = &io->segments[i];

        for (unsigned int j = 0; segment->grant && j < segment->len;
             j += CACHE_LINE) {
            (void)qatomic_read((uint8_t *)segment->data + j);
        }
    }
}

void xen_grant_io_submit(XenGrantIO *io)
{
    if (!io->to_domain) {
        fetch_mapped(io);
    }
    if (!io->nr_copies) {
        return;
    }
    copy_range(io, 0, io->nr_copies);
    if (io->cache) {
        offer_to_cache(io);
    }
    io->nr_copies = 0;
}

void xen_grant_io_release(XenGrantIO *io, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (io->segments[i].grant) {
            xen_grant_cache_put(io->segments[i].grant);
            io->segments[i].grant = NULL;
        }
    }
}

void xen_grant_io_reset(XenGrantIO *io)
{
    xen_grant_io_release(io, io->nr_segments);
    io->nr_segments = 0;
    io->nr_copies = 0;
    io->arena_used = 0;
}

const XenGrantIOStats *xen_grant_io_stats(const XenGrantIO *io)
{
    return &io->stats;
}
