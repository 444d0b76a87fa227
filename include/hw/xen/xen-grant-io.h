/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts of reads from, or writes to, a peer's granted pages
 *
 * See hw/xen/xen-grant-io.c for how it works.
 */

#ifndef HW_XEN_GRANT_IO_H
#define HW_XEN_GRANT_IO_H

#include "hw/xen/xen-grant-cache.h"

typedef struct XenGrantIO XenGrantIO;

/**
 * XenGrantSegment: part of one granted page
 * @data: where its bytes are, or are to be put: in the peer's page itself, or
 *        in private memory that is copied from or to the page
 * @len: how many bytes
 * @grant: the mapped page, NULL if the bytes are copied
 * @failed: the copy failed, as the reference is bad
 */
typedef struct XenGrantSegment {
    void *data;
    unsigned int len;
    XenGrant *grant;
    bool failed;
} XenGrantSegment;

/**
 * XenGrantIOStats: what was copied, and what wasn't
 * @hits: segments whose page was mapped already
 * @copies: segments copied by the hypervisor
 * @copy_calls: calls that did it
 */
typedef struct XenGrantIOStats {
    uint64_t hits;
    uint64_t copies;
    uint64_t copy_calls;
} XenGrantIOStats;

/**
 * xen_grant_io_new:
 * @xgt: the handle to copy with; stays the caller's
 * @domid: the peer domain
 * @to_domain: true to write to the peer's pages, false to read from them
 * @cache: mappings to use and to add to, or NULL to copy always; stays the
 *         caller's
 * @max_segments: the longest burst, at most XEN_GRANT_CACHE_MAX_INSERT
 *
 * Returns: a burst without segments.
 */
XenGrantIO *xen_grant_io_new(xengnttab_handle *xgt, uint32_t domid,
                             bool to_domain, XenGrantCache *cache,
                             unsigned int max_segments);

/**
 * xen_grant_io_set_other: mind the pages that were added to another cache
 * @io: the burst, without segments
 * @other: that cache, which stays the caller's; none of its pages that were
 *         added is mapped once more to stay in the burst's own
 * @use: they serve the burst, too
 */
void xen_grant_io_set_other(XenGrantIO *io, XenGrantCache *other, bool use);

/**
 * xen_grant_io_free: give back what the burst holds and free it
 * @io: the burst, or NULL
 */
void xen_grant_io_free(XenGrantIO *io);

/**
 * xen_grant_io_room:
 * @io: the burst
 *
 * Returns: how many segments may still be added.
 */
unsigned int xen_grant_io_room(const XenGrantIO *io);

/**
 * xen_grant_io_add: add a segment to the burst
 * @io: the burst, with room
 * @ref: the peer's grant reference
 * @offset: where in the page the segment begins, in bytes
 * @len: its length in bytes; @offset + @len must not exceed the page
 *
 * When writing, the caller fills the segment's data before
 * xen_grant_io_submit(); when reading, it finds the data after that.
 *
 * Returns: the segment, valid until xen_grant_io_reset().
 */
XenGrantSegment *xen_grant_io_add(XenGrantIO *io, uint32_t ref,
                                  unsigned int offset, unsigned int len);

/**
 * xen_grant_io_add_mapped: add a whole page to the burst, if it is mapped
 * @io: the burst, with room
 * @ref: the peer's grant reference
 *
 * Returns: the segment, as xen_grant_io_add(), or NULL if the page isn't
 * mapped, or is in use already.
 */
XenGrantSegment *xen_grant_io_add_mapped(XenGrantIO *io, uint32_t ref);

/**
 * xen_grant_io_give_back: do without a mapped page after all
 * @io: the burst
 * @segment: what xen_grant_io_add_mapped() returned, neither read nor written;
 *           its page is no longer the caller's
 */
void xen_grant_io_give_back(XenGrantIO *io, XenGrantSegment *segment);

/**
 * xen_grant_io_add_copied: add a segment that is copied, mapped or not
 * @io: the burst, with room
 * @ref: the peer's grant reference
 * @offset: where in the page the segment begins, in bytes
 * @len: its length in bytes; @offset + @len must not exceed the page
 * @data: memory to copy from or to, which stays the caller's, and as it is
 *        until xen_grant_io_submit(); NULL: memory of the burst
 *
 * @data has to be the process's own, not a page that is mapped from another
 * domain.  If it crosses a page, that takes the hypervisor two copies.
 *
 * Returns: the segment, as xen_grant_io_add().
 */
XenGrantSegment *xen_grant_io_add_copied(XenGrantIO *io, uint32_t ref,
                                         unsigned int offset, unsigned int len,
                                         void *data);

/**
 * xen_grant_io_submit: copy what isn't mapped, by one call, and map what may
 *                      stay mapped, by another
 * @io: the burst
 *
 * Segments whose reference is bad have failed set afterwards.
 */
void xen_grant_io_submit(XenGrantIO *io);

/**
 * xen_grant_io_release: put mapped pages back before the burst ends
 * @io: the burst, which is submitted
 * @nr: the first so many of its segments are no longer used
 */
void xen_grant_io_release(XenGrantIO *io, unsigned int nr);

/**
 * xen_grant_io_reset: end the burst and begin the next
 * @io: the burst
 *
 * Its segments, and what they point to, are no longer the caller's.
 */
void xen_grant_io_reset(XenGrantIO *io);

/**
 * xen_grant_io_stats:
 * @io: the burst
 *
 * Returns: its counters, which live as long as it does.
 */
const XenGrantIOStats *xen_grant_io_stats(const XenGrantIO *io);

#endif /* HW_XEN_GRANT_IO_H */
