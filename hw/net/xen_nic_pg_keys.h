/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What toolstack, frontend and backend tell each other in xenstore
 *
 * See hw/net/xen_nic_pg_keys.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_KEYS_H
#define HW_NET_XEN_NIC_PG_KEYS_H

#include "hw/xen/xen-legacy-backend.h"
#include "xen_nic_pg_queues.h"

/**
 * XenNicPgLimits: what a frontend may ask for
 * @max_queues: queues, at least one
 * @max_grants: pages that stay mapped per queue and direction, 0: none
 */
typedef struct XenNicPgLimits {
    uint32_t max_queues;
    uint32_t max_grants;
} XenNicPgLimits;

/**
 * xen_nic_pg_publish_features: write the backend's keys
 * @xendev: the vif
 * @limits: what the frontend may ask for
 */
void xen_nic_pg_publish_features(struct XenLegacyDevice *xendev,
                                 const XenNicPgLimits *limits);

/**
 * xen_nic_pg_read_config: read what the frontend says when it connects
 * @xendev: the vif
 * @limits: what it may ask for
 * @config: where to put it, to be cleared by xen_nic_pg_config_clear()
 * @errp: where to report which key is wrong, what it is, and what was expected
 *
 * Returns: true on success.
 */
bool xen_nic_pg_read_config(struct XenLegacyDevice *xendev,
                            const XenNicPgLimits *limits,
                            XenNicPgConfig *config, Error **errp);

/**
 * xen_nic_pg_config_clear:
 * @config: what xen_nic_pg_read_config() was called with
 */
void xen_nic_pg_config_clear(XenNicPgConfig *config);

/**
 * xen_nic_pg_read_headroom, xen_nic_pg_read_multicast_control: read what a
 *      frontend may change while it is connected
 * @xendev: the vif
 * @headroom, @on: where to put it
 * @errp: as for xen_nic_pg_read_config()
 *
 * Returns: true on success.
 */
bool xen_nic_pg_read_headroom(struct XenLegacyDevice *xendev,
                              uint32_t *headroom, Error **errp);
bool xen_nic_pg_read_multicast_control(struct XenLegacyDevice *xendev,
                                       bool *on, Error **errp);

/**
 * xen_nic_pg_read_nic: read what the toolstack says of the host's side
 * @xendev: the vif
 * @config: where to put it; @ifname is to be freed with g_free()
 * @errp: as for xen_nic_pg_read_config()
 *
 * Returns: true on success.
 */
bool xen_nic_pg_read_nic(struct XenLegacyDevice *xendev,
                         XenNicPgNicConfig *config, Error **errp);

/**
 * xen_nic_pg_ask_for_tap: have the vif's tap made, by who started QEMU
 * @xendev: the vif
 * @queues: how many queues it shall have
 *
 * Called again, it only looks whether that has been done.  Then
 * xen_nic_pg_read_nic() reads what the tap is called.
 *
 * Returns: true if the tap is there.
 */
bool xen_nic_pg_ask_for_tap(struct XenLegacyDevice *xendev,
                            unsigned int queues);

/**
 * xen_nic_pg_read_rate: read how fast the guest may send
 * @xendev: the vif
 * @bytes: set to how much it may send
 * @usecs: set to every how many microseconds; to 0 if there's no limit
 *
 * What makes no sense is no limit, as with Linux' netback, and a warning.
 */
void xen_nic_pg_read_rate(struct XenLegacyDevice *xendev, uint64_t *bytes,
                          uint64_t *usecs);

/**
 * xen_nic_pg_has_script: is there a hotplug script to wait for?
 * @xendev: the vif
 *
 * Returns: true if there is.
 */
bool xen_nic_pg_has_script(struct XenLegacyDevice *xendev);

/**
 * xen_nic_pg_is_plugged: has somebody said that the script has done its work?
 * @xendev: the vif
 *
 * Returns: true if so.
 */
bool xen_nic_pg_is_plugged(struct XenLegacyDevice *xendev);

#endif /* HW_NET_XEN_NIC_PG_KEYS_H */
