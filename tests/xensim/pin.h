/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pinning of grants: what makes a grant be "in use"
 *
 * A grant entry is the guest's to write, at any time.  Xen claims it by
 * setting GTF_reading or GTF_writing by a compare-and-swap, so that the guest,
 * which revokes it by another, can't do so in between; and it counts uses, so
 * that the flags are cleared by the last one (grant_table.h).  The backend's
 * library does this for its maps and copies, and the hypervisor when it
 * cleans up behind a process that has died.
 */

#ifndef XENSIM_PIN_H
#define XENSIM_PIN_H

#include "shared.h"

/**
 * xensim_pin: use a grant
 * @shared: the shared state
 * @handle: the number of the handle that uses it
 * @domid: the domain that is said to have granted it
 * @ref: the reference
 * @write: to write to the page
 * @frame: where to put the page's frame number
 *
 * Returns: GNTST_okay, or why not (GNTST_*).
 */
int16_t xensim_pin(XensimShared *shared, uint32_t handle, uint32_t domid,
                   uint32_t ref, bool write, uint32_t *frame);

/**
 * xensim_unpin: end a use, of those that the handle has
 */
void xensim_unpin(XensimShared *shared, uint32_t handle, uint32_t ref,
                  bool write);

/**
 * xensim_unpin_all: end all uses that a handle has
 */
void xensim_unpin_all(XensimShared *shared, uint32_t handle);

/**
 * xensim_lock_pin, xensim_unlock_pin: hold a grant's counts still
 */
void xensim_lock_pin(XensimPin *pin);
void xensim_unlock_pin(XensimPin *pin);

#endif /* XENSIM_PIN_H */
