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
 * XenNicPgNicOptions: what the user wants of the host's side
 * @netdev: id of the netdev to use, which no other NIC may have; NULL: make a
 *          tap, which is gone when the NIC is freed
 * @tap_port: move the frames of a tap past QEMU's net layer
 * @io_uring: and in bursts through io_uring, if this machine has it
 */
typedef struct XenNicPgNicOptions {
    char *netdev;
    bool tap_port;
    bool io_uring;
} XenNicPgNicOptions;

/**
 * xen_nic_pg_nic_new:
 * @options: what the user wants; used only until this returns
 * @ifname: name of the tap to make, and its id as a netdev
 * @mac: the guest's MAC address, for "info network"
 * @name: name of the NIC
 * @guard: the device's reentrancy guard
 * @errp: where to report why it failed
 *
 * Returns: the NIC, or NULL.
 */
XenNicPgNic *xen_nic_pg_nic_new(const XenNicPgNicOptions *options,
                                const char *ifname, const MACAddr *mac,
                                const char *name, MemReentrancyGuard *guard,
                                Error **errp);

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

/**
 * xen_nic_pg_set_netdev_offloads: tell a netdev what the guest takes
 * @netdev: a netdev with virtio-net headers
 * @guest: what it takes, or NULL: nothing
 */
void xen_nic_pg_set_netdev_offloads(NetClientState *netdev,
                                    const XenNicPgOffloads *guest);

#endif /* HW_NET_XEN_NIC_PG_NETDEV_H */
