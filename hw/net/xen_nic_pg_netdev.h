/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vif as a QEMU NIC, whose netdev is the queue's port
 *
 * See hw/net/xen_nic_pg_netdev.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_NETDEV_H
#define HW_NET_XEN_NIC_PG_NETDEV_H

#include "hw/qdev-core.h"
#include "net/net.h"
#include "xen_nic_pg_port.h"

typedef struct XenNicPgNic XenNicPgNic;

/**
 * xen_nic_pg_nic_new:
 * @netdev: id of the netdev to use, which no other NIC may have; NULL: make a
 *          tap, which is gone when the NIC is freed
 * @ifname: name of the tap to make, and its id as a netdev
 * @mac: the guest's MAC address, for "info network"
 * @name: name of the NIC
 * @guard: the device's reentrancy guard
 * @errp: where to report why it failed
 *
 * Returns: the NIC, or NULL.
 */
XenNicPgNic *xen_nic_pg_nic_new(const char *netdev, const char *ifname,
                                const MACAddr *mac, const char *name,
                                MemReentrancyGuard *guard, Error **errp);

/**
 * xen_nic_pg_nic_free: remove the NIC, and its tap if it was made for it
 * @nic: a NIC whose port has no queue any more, or NULL
 */
void xen_nic_pg_nic_free(XenNicPgNic *nic);

/**
 * xen_nic_pg_nic_port:
 * @nic: the NIC
 *
 * Returns: the port to the netdev, which lives as long as the NIC.
 */
XenNicPgPort *xen_nic_pg_nic_port(XenNicPgNic *nic);

#endif /* HW_NET_XEN_NIC_PG_NETDEV_H */
