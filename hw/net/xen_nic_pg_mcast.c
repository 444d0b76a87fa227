/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which multicast frames the guest wants
 *
 * A frontend changes the list by extra infos on the transmit ring, and says in
 * xenstore whether it is to be applied (netif.h, "feature-multicast-control").
 * All queues of a vif share one list, each from its own thread: it has a lock,
 * which is taken for multicast frames only, and then only if the list is
 * applied.
 */

#include "qemu/osdep.h"
#include "net/eth.h"
#include "qemu/lockable.h"
#include "xen_nic_pg_mcast.h"

struct XenNicPgMcast {
    bool applied;
    QemuMutex lock;             /* of all that follows */
    MACAddr addrs[XEN_NIC_PG_MCAST_MAX];
    unsigned int nr_addrs;
};

XenNicPgMcast *xen_nic_pg_mcast_new(void)
{
    XenNicPgMcast *mcast = g_new0(XenNicPgMcast, 1);

    qemu_mutex_init(&mcast->lock);
    return mcast;
}

void xen_nic_pg_mcast_free(XenNicPgMcast *mcast)
{
    if (mcast) {
        qemu_mutex_destroy(&mcast->lock);
        g_free(mcast);
    }
}

void xen_nic_pg_mcast_apply(XenNicPgMcast *mcast, bool on)
{
    qatomic_set(&mcast->applied, on);
}

bool xen_nic_pg_mcast_is_applied(XenNicPgMcast *mcast)
{
    return qatomic_read(&mcast->applied);
}

void xen_nic_pg_mcast_clear(XenNicPgMcast *mcast)
{
    QEMU_LOCK_GUARD(&mcast->lock);
    mcast->nr_addrs = 0;
}

/* Returns the address' place, @nr_addrs if it isn't there. */
static unsigned int find_addr(const XenNicPgMcast *mcast,
                              const MACAddr *addr)
{
    unsigned int i = 0;

    while (i < mcast->nr_addrs &&
           memcmp(&mcast->addrs[i], addr, sizeof(*addr)) != 0) {
        i++;
    }
    return i;
}

bool xen_nic_pg_mcast_add(XenNicPgMcast *mcast, const MACAddr *addr)
{
    QEMU_LOCK_GUARD(&mcast->lock);

    if (!is_multicast_ether_addr(addr->a)) {
        return false;
    }
    if (find_addr(mcast, addr) < mcast->nr_addrs) {
        return true;
    }
    if (mcast->nr_addrs == XEN_NIC_PG_MCAST_MAX) {
        return false;
    }
    mcast->addrs[mcast->nr_addrs++] = *addr;
    return true;
}

void xen_nic_pg_mcast_remove(XenNicPgMcast *mcast, const MACAddr *addr)
{
    unsigned int i;

    QEMU_LOCK_GUARD(&mcast->lock);
    i = find_addr(mcast, addr);
    if (i < mcast->nr_addrs) {
        mcast->addrs[i] = mcast->addrs[--mcast->nr_addrs];
    }
}

bool xen_nic_pg_mcast_wants(XenNicPgMcast *mcast, const MACAddr *dest)
{
    if (!is_multicast_ether_addr(dest->a) ||
        is_broadcast_ether_addr(dest->a)) {
        return true;
    }
    QEMU_LOCK_GUARD(&mcast->lock);
    return find_addr(mcast, dest) < mcast->nr_addrs;
}

unsigned int xen_nic_pg_mcast_list(XenNicPgMcast *mcast, MACAddr *addrs)
{
    QEMU_LOCK_GUARD(&mcast->lock);
    memcpy(addrs, mcast->addrs, mcast->nr_addrs * sizeof(*addrs));
    return mcast->nr_addrs;
}
