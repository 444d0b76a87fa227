/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel spreads a tap's frames as the guest wants
 *
 * See hw/net/xen_nic_pg_steer.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_STEER_H
#define HW_NET_XEN_NIC_PG_STEER_H

#include "net/net.h"
#include "xen_nic_pg_hash.h"

typedef struct XenNicPgSteer XenNicPgSteer;

/**
 * xen_nic_pg_steer_new: have a netdev's kernel side spread frames
 * @netdev: the netdev's first queue; outlives what is returned
 * @errp: where to report why that isn't possible
 *
 * Returns: what does it, not in use yet, or NULL.
 */
XenNicPgSteer *xen_nic_pg_steer_new(NetClientState *netdev, Error **errp);

/**
 * xen_nic_pg_steer_free: let the kernel spread frames as it likes for good
 * @steer: what xen_nic_pg_steer_new() returned, or NULL
 */
void xen_nic_pg_steer_free(XenNicPgSteer *steer);

/**
 * xen_nic_pg_steer_stop: let the kernel spread frames as it likes for a while
 * @steer: what xen_nic_pg_steer_new() returned
 */
void xen_nic_pg_steer_stop(XenNicPgSteer *steer);

/**
 * xen_nic_pg_steer_apply: spread frames as the guest wants
 * @steer: what xen_nic_pg_steer_new() returned
 * @hash: how, which is on
 * @nr_queues: how many queues the guest has; the netdev has as many in use
 * @errp: where to report why it failed
 *
 * Returns: true on success.
 */
bool xen_nic_pg_steer_apply(XenNicPgSteer *steer, const XenNicPgHash *hash,
                            unsigned int nr_queues, Error **errp);

#endif /* HW_NET_XEN_NIC_PG_STEER_H */
