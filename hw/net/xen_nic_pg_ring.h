/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every ring needs: its page mapped, its event channel bound
 *
 * These report errors in the terms of xenstore's keys.  Handles are opened by
 * whoever uses them alone.
 */

#ifndef HW_NET_XEN_NIC_PG_RING_H
#define HW_NET_XEN_NIC_PG_RING_H

#include "hw/xen/xen_backend_ops.h"
#include "qemu/event_notifier.h"

/**
 * xen_nic_pg_open_grants: open the grant table device
 * @errp: where to report why it failed
 *
 * Returns: a handle, to be closed with qemu_xen_gnttab_close(), or NULL.
 */
xengnttab_handle *xen_nic_pg_open_grants(Error **errp);

/**
 * xen_nic_pg_map_ring: map a ring's page
 * @xgt: the handle to map with
 * @domid: the frontend's domain
 * @ref: the page's grant reference
 * @key: the key that has it
 * @errp: where to report why it failed
 *
 * Returns: the page, to be given to xen_nic_pg_unmap_ring(), or NULL.
 */
void *xen_nic_pg_map_ring(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
                          const char *key, Error **errp);

/**
 * xen_nic_pg_unmap_ring:
 * @xgt: the handle that it was mapped with
 * @ring: the page, or NULL
 * @ref: its grant reference
 */
void xen_nic_pg_unmap_ring(xengnttab_handle *xgt, void *ring, uint32_t ref);

/**
 * xen_nic_pg_open_events: open the event channel device
 * @events: made to tell of its events; nothing is to be done to end that
 * @errp: where to report why it failed
 *
 * Returns: a handle, to be closed with qemu_xen_evtchn_close(), or NULL.
 */
xenevtchn_handle *xen_nic_pg_open_events(EventNotifier *events, Error **errp);

/**
 * xen_nic_pg_bind_event_channel:
 * @xeh: the handle to bind it to
 * @domid: the frontend's domain
 * @remote: the frontend's port
 * @key: the key that has it
 * @errp: where to report why it failed
 *
 * Returns: our port, or -1.
 */
int xen_nic_pg_bind_event_channel(xenevtchn_handle *xeh, uint32_t domid,
                                  uint32_t remote, const char *key,
                                  Error **errp);

#endif /* HW_NET_XEN_NIC_PG_RING_H */
