/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other half of libxengnttab.so.1, by which a domain grants pages of its
 * own
 *
 * Backends don't; but Xen's other libraries, which a backend may be linked
 * with, want the functions to be there.  A handle can't be opened, so the
 * others are never called with one.
 */

#include <errno.h>
#include <stddef.h>
#include <xengnttab.h>

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger,
                                 unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    errno = ENOSYS;
    return NULL;
}

int xengntshr_close(xengntshr_handle *xgs)
{
    (void)xgs;
    return 0;
}

void *xengntshr_share_pages(xengntshr_handle *xgs, uint32_t domid, int count,
                            uint32_t *refs, int writable)
{
    (void)xgs;
    (void)domid;
    (void)count;
    (void)refs;
    (void)writable;
    errno = ENOSYS;
    return NULL;
}

void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid,
                                  uint32_t *ref, int writable,
                                  uint32_t notify_offset,
                                  evtchn_port_t notify_port)
{
    (void)notify_offset;
    (void)notify_port;
    return xengntshr_share_pages(xgs, domid, 1, ref, writable);
}

int xengntshr_unshare(xengntshr_handle *xgs, void *start_address,
                      uint32_t count)
{
    (void)xgs;
    (void)start_address;
    (void)count;
    errno = ENOSYS;
    return -1;
}
