/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which multicast frames the guest wants
 *
 * See hw/net/xen_nic_pg_mcast.c for how it works.  All functions may be called
 * from any thread.
 */

#ifndef HW_NET_XEN_NIC_PG_MCAST_H
#define HW_NET_XEN_NIC_PG_MCAST_H

#include "net/net.h"

/* Addresses of a list, as many as Linux' netback takes */
#define XEN_NIC_PG_MCAST_MAX 64

typedef struct XenNicPgMcast XenNicPgMcast;

/**
 * xen_nic_pg_mcast_new:
 *
 * Returns: an empty list that isn't applied.
 */
XenNicPgMcast *xen_nic_pg_mcast_new(void);

/**
 * xen_nic_pg_mcast_free:
 * @mcast: a list that no queue uses, or NULL
 */
void xen_nic_pg_mcast_free(XenNicPgMcast *mcast);

/**
 * xen_nic_pg_mcast_apply: drop what isn't on the list, or nothing
 * @mcast: the list
 * @on: the guest wants only what is on the list
 */
void xen_nic_pg_mcast_apply(XenNicPgMcast *mcast, bool on);

/**
 * xen_nic_pg_mcast_is_applied:
 * @mcast: the list
 *
 * Returns: what xen_nic_pg_mcast_apply() has set.
 */
bool xen_nic_pg_mcast_is_applied(XenNicPgMcast *mcast);

/**
 * xen_nic_pg_mcast_clear: make the list empty
 * @mcast: the list
 */
void xen_nic_pg_mcast_clear(XenNicPgMcast *mcast);

/**
 * xen_nic_pg_mcast_add: put an address on the list
 * @mcast: the list
 * @addr: the address; it may be there already
 *
 * Returns: true on success, false if it isn't a multicast address or the list
 * is full.
 */
bool xen_nic_pg_mcast_add(XenNicPgMcast *mcast, const MACAddr *addr);

/**
 * xen_nic_pg_mcast_remove: take an address off the list
 * @mcast: the list
 * @addr: the address; it may be that it isn't there
 */
void xen_nic_pg_mcast_remove(XenNicPgMcast *mcast, const MACAddr *addr);

/**
 * xen_nic_pg_mcast_wants: does the guest want a frame?
 * @mcast: the list
 * @dest: the frame's destination address
 *
 * Returns: false if this is multicast, but not broadcast, and isn't on the
 * list.
 */
bool xen_nic_pg_mcast_wants(XenNicPgMcast *mcast, const MACAddr *dest);

/**
 * xen_nic_pg_mcast_list: read the list
 * @mcast: the list
 * @addrs: where to put the addresses, room for XEN_NIC_PG_MCAST_MAX
 *
 * Returns: how many there are.
 */
unsigned int xen_nic_pg_mcast_list(XenNicPgMcast *mcast, MACAddr *addrs);

#endif /* HW_NET_XEN_NIC_PG_MCAST_H */
