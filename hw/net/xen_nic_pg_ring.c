/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every ring needs: its page mapped, its event channel bound
 *
 * See hw/net/xen_nic_pg_ring.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "xen_nic_pg_ring.h"

xengnttab_handle *xen_nic_pg_open_grants(Error **errp)
{
    xengnttab_handle *xgt = qemu_xen_gnttab_open();

    if (!xgt) {
        error_setg_errno(errp, errno, "cannot open the grant table device");
    }
    return xgt;
}

void *xen_nic_pg_map_ring(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
                          const char *key, Error **errp)
{
    void *ring;

    /* Linux' gntdev gives up when it is interrupted. */
    do {
        ring = qemu_xen_gnttab_map_refs(xgt, 1, domid, &ref,
                                        PROT_READ | PROT_WRITE);
    } while (!ring && errno == EINTR);
    if (!ring) {
        error_setg_errno(errp, errno, "cannot map %s %u", key, ref);
    }
    return ring;
}

void xen_nic_pg_unmap_ring(xengnttab_handle *xgt, void *ring, uint32_t ref)
{
    if (ring) {
        qemu_xen_gnttab_unmap(xgt, ring, &ref, 1);
    }
}

xenevtchn_handle *xen_nic_pg_open_events(EventNotifier *events, Error **errp)
{
    xenevtchn_handle *xeh = qemu_xen_evtchn_open();

    if (!xeh) {
        error_setg_errno(errp, errno, "cannot open the event channel device");
        return NULL;
    }
    event_notifier_init_fd(events, qemu_xen_evtchn_fd(xeh));
    qemu_set_cloexec(event_notifier_get_fd(events));
    return xeh;
}

int xen_nic_pg_bind_event_channel(xenevtchn_handle *xeh, uint32_t domid,
                                  uint32_t remote, const char *key,
                                  Error **errp)
{
    int port = qemu_xen_evtchn_bind_interdomain(xeh, domid, remote);

    if (port < 0) {
        error_setg_errno(errp, errno, "cannot bind %s %u", key, remote);
    }
    return port;
}
