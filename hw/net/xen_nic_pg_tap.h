/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap's queue as a port
 *
 * See hw/net/xen_nic_pg_tap.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_TAP_H
#define HW_NET_XEN_NIC_PG_TAP_H

#include "net/net.h"
#include "xen_nic_pg_port.h"

typedef struct XenNicPgTapPort XenNicPgTapPort;

/**
 * xen_nic_pg_tap_port_usable:
 * @netdev: any netdev
 *
 * Returns: true if it is a tap with virtio-net headers, and nobody wants to
 * see its frames pass by (-object filter-…).
 */
bool xen_nic_pg_tap_port_usable(NetClientState *netdev);

/**
 * xen_nic_pg_tap_port_new:
 * @nc: the NIC's queue, whose peer xen_nic_pg_tap_port_usable() has said yes to
 * @io_uring: use io_uring, if this machine has it
 *
 * Returns: a port that isn't attached.
 */
XenNicPgTapPort *xen_nic_pg_tap_port_new(NetClientState *nc, bool io_uring);

/**
 * xen_nic_pg_tap_port_free:
 * @port: a port that isn't started, or NULL
 */
void xen_nic_pg_tap_port_free(XenNicPgTapPort *port);

/**
 * xen_nic_pg_tap_port_base:
 * @port: the port
 *
 * Returns: what the queue sees of it.
 */
XenNicPgPort *xen_nic_pg_tap_port_base(XenNicPgTapPort *port);

/**
 * xen_nic_pg_tap_port_update_link: the link went up or down
 * @port: the port
 *
 * If it is down, the file isn't used any more when this returns.
 */
void xen_nic_pg_tap_port_update_link(XenNicPgTapPort *port);

#endif /* HW_NET_XEN_NIC_PG_TAP_H */
