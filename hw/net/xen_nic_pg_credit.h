/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast the guest may send
 *
 * See hw/net/xen_nic_pg_credit.c for how it works.  All functions may be called
 * from any thread.
 */

#ifndef HW_NET_XEN_NIC_PG_CREDIT_H
#define HW_NET_XEN_NIC_PG_CREDIT_H

typedef struct XenNicPgCredit XenNicPgCredit;

/**
 * xen_nic_pg_credit_new:
 *
 * Returns: a limit that doesn't limit anything yet.
 */
XenNicPgCredit *xen_nic_pg_credit_new(void);

/**
 * xen_nic_pg_credit_free:
 * @credit: a limit that no queue uses, or NULL
 */
void xen_nic_pg_credit_free(XenNicPgCredit *credit);

/**
 * xen_nic_pg_credit_set: change the limit
 * @credit: the limit
 * @bytes: how much is granted
 * @usecs: every so many microseconds, at least 1; 0: without a limit
 *
 * The first grant is there at once.  A frame that waits doesn't learn of it
 * before its time.
 */
void xen_nic_pg_credit_set(XenNicPgCredit *credit, uint64_t bytes,
                           uint64_t usecs);

/**
 * xen_nic_pg_credit_take: may a frame be sent?
 * @credit: the limit
 * @who: whoever asks
 * @size: the frame's length in bytes, at most 64 KiB
 * @when: if not, set to when to ask again, by QEMU_CLOCK_REALTIME in ns
 *
 * Who is told to wait comes first then, however much others want.
 *
 * Returns: true if it may; its bytes are taken off.
 */
bool xen_nic_pg_credit_take(XenNicPgCredit *credit, const void *who,
                            size_t size, int64_t *when);

/**
 * xen_nic_pg_credit_leave: don't wait any more
 * @credit: the limit
 * @who: whoever has asked
 */
void xen_nic_pg_credit_leave(XenNicPgCredit *credit, const void *who);

#endif /* HW_NET_XEN_NIC_PG_CREDIT_H */
