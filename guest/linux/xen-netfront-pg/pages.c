// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of pages that are granted to the backend once.
 *
 * A pool is filled when the frontend connects and given up when it
 * disconnects.  In between no grant is made and none ended, which is what the
 * frontend promises by feature-persistent, [PG-17].  Pages are used again the
 * last used first: they are the likeliest to be in the processor's cache, and
 * to be among those that a backend with little room has mapped, [PG-18].
 *
 * New pages are cleared, so that the backend sees nothing in them but what
 * was sent to it, or what it wrote itself.
 */

#include <linux/mm.h>
#include <linux/slab.h>

#include "netfront.h"

static int grant_new_page(struct pgnet_page *page, domid_t domid,
			  bool readonly)
{
	int ref;

	page->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page->page)
		return -ENOMEM;
	page->address = page_address(page->page);
	ref = gnttab_grant_foreign_access(domid, xen_page_to_gfn(page->page),
					  readonly);
	if (ref < 0) {
		__free_page(page->page);
		return ref;
	}
	page->gref = ref;
	return 0;
}

/**
 * pgnet_pool_init - fill a pool
 * @pool: all zero
 * @xbdev: whose backend is granted the pages
 * @count: how many pages; at most 65535
 * @readonly: whether the backend may only read them
 *
 * Return: 0 or a negative error code; after an error as well,
 * pgnet_pool_release() is to be called.
 */
int pgnet_pool_init(struct pgnet_pool *pool, struct xenbus_device *xbdev,
		    unsigned int count, bool readonly)
{
	int err;

	pool->pages = kvcalloc(count, sizeof(*pool->pages), GFP_KERNEL);
	pool->free = kvcalloc(count, sizeof(*pool->free), GFP_KERNEL);
	if (!pool->pages || !pool->free)
		return -ENOMEM;
	while (pool->count < count) {
		err = grant_new_page(&pool->pages[pool->count],
				     xbdev->otherend_id, readonly);
		if (err)
			return err;
		pgnet_pool_put(pool, pool->count++);
	}
	return 0;
}

/**
 * pgnet_pool_release - end all grants of a pool, and free it
 * @pool: a pool; it is all zero afterwards
 *
 * A page that the backend still has mapped, or that the stack still holds, is
 * freed when that ends, [PG-33].
 */
void pgnet_pool_release(struct pgnet_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->count; i++)
		gnttab_end_foreign_access(pool->pages[i].gref,
					  pool->pages[i].page);
	kvfree(pool->pages);
	kvfree(pool->free);
	memset(pool, 0, sizeof(*pool));
}
