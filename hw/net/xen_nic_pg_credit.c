/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast the guest may send
 *
 * The toolstack's "rate" is some bytes every so many microseconds.  As in
 * Linux' netback, what isn't used adds up, but not to more than one grant or
 * MIN_BURST, whichever is more; so the largest frame can always be paid for.
 * Other than there, all queues of a vif draw on one credit: the user has named
 * a rate for the vif.  So that a queue with short frames doesn't spend what
 * another saves for a long one, the first that has to wait comes first.
 *
 * What can't be paid for stays where it is, and the guest's ring fills up.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "xen_nic_pg_credit.h"

#define MIN_BURST (128 * KiB)

/* When to ask again if it is another's turn */
#define TURN SCALE_MS

struct XenNicPgCredit {
    bool limited;
    QemuMutex lock;             /* of all that follows */
    uint64_t bytes;             /* granted at a time */
    uint64_t period;            /* from one grant to the next, in ns */
    uint64_t left;
    int64_t next;               /* time of the next grant */
    const void *waiting;        /* who comes first, or NULL */
};

XenNicPgCredit *xen_nic_pg_credit_new(void)
{
    XenNicPgCredit *credit = g_new0(XenNicPgCredit, 1);

    qemu_mutex_init(&credit->lock);
    return credit;
}

void xen_nic_pg_credit_free(XenNicPgCredit *credit)
{
    if (credit) {
        qemu_mutex_destroy(&credit->lock);
        g_free(credit);
    }
}

static int64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

void xen_nic_pg_credit_set(XenNicPgCredit *credit, uint64_t bytes,
                           uint64_t usecs)
{
    QEMU_LOCK_GUARD(&credit->lock);
    credit->bytes = bytes;
    credit->period = usecs * SCALE_US;
    credit->left = bytes;
    credit->next = now_ns() + credit->period;
    credit->waiting = NULL;
    qatomic_set(&credit->limited, usecs != 0);
}

static void grant(XenNicPgCredit *credit)
{
    int64_t now = now_ns();

    if (now >= credit->next) {
        credit->left = MIN(credit->left + credit->bytes,
                           MAX(credit->bytes, MIN_BURST));
        credit->next = now + credit->period;
    }
}

bool xen_nic_pg_credit_take(XenNicPgCredit *credit, const void *who,
                            size_t size, int64_t *when)
{
    if (!qatomic_read(&credit->limited)) {
        return true;
    }
    QEMU_LOCK_GUARD(&credit->lock);
    grant(credit);
    if (credit->left < size || (credit->waiting && credit->waiting != who)) {
        credit->waiting = credit->waiting ?: who;
        *when = credit->left < size ? credit->next : now_ns() + TURN;
        return false;
    }
    credit->left -= size;
    credit->waiting = NULL;
    return true;
}

void xen_nic_pg_credit_leave(XenNicPgCredit *credit, const void *who)
{
    QEMU_LOCK_GUARD(&credit->lock);
    if (credit->waiting == who) {
        credit->waiting = NULL;
    }
}
