/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before a guest is served, QEMU gives up what only its start needed
 *
 * See hw/net/xen_nic_pg_confine.c for what that is.
 */

#ifndef HW_NET_XEN_NIC_PG_CONFINE_H
#define HW_NET_XEN_NIC_PG_CONFINE_H

/**
 * xen_nic_pg_can_confine: can the machine do without?
 * @errp: where to report why it can't
 *
 * Returns: true if so.
 */
bool xen_nic_pg_can_confine(Error **errp);

/**
 * xen_nic_pg_confine: give it up
 * @errp: where to report why that failed
 *
 * To be called when the machine has been made, and before -run-with takes
 * effect.
 */
void xen_nic_pg_confine(Error **errp);

#endif /* HW_NET_XEN_NIC_PG_CONFINE_H */
