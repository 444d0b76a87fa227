/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's control ring
 *
 * See hw/net/xen_nic_pg_ctrl.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_CTRL_H
#define HW_NET_XEN_NIC_PG_CTRL_H

#include "xen_nic_pg_hash.h"
#include "xen_nic_pg_queue.h"

typedef struct XenNicPgCtrl XenNicPgCtrl;

/**
 * XenNicPgCtrlHashFunc: the guest wants frames to be hashed in another way
 * @opaque: what was given to xen_nic_pg_ctrl_new()
 * @hash: how
 */
typedef void XenNicPgCtrlHashFunc(void *opaque, const XenNicPgHash *hash);

/**
 * XenNicPgCtrlConfig: what a control ring is about
 * @domid: the frontend's domain
 * @ring_ref: grant reference of the ring
 * @event_channel: the frontend's port of the event channel
 * @queues: the vif's queues, which are connected as long as the control ring is
 * @nr_queues: how many
 * @set_hash: called when the guest wants frames to be hashed in another way
 * @opaque: for @set_hash
 * @fault: scheduled if the frontend breaks the rules of the ring, when nothing
 *         more is done with it
 */
typedef struct XenNicPgCtrlConfig {
    uint32_t domid;
    uint32_t ring_ref;
    uint32_t event_channel;
    XenNicPgQueue **queues;
    unsigned int nr_queues;
    XenNicPgCtrlHashFunc *set_hash;
    void *opaque;
    QEMUBH *fault;
} XenNicPgCtrlConfig;

/**
 * xen_nic_pg_ctrl_new: map the ring and begin to serve it, in the main loop
 * @config: what it is about; copied
 * @errp: where to report why it failed
 *
 * Returns: the control ring, or NULL.
 */
XenNicPgCtrl *xen_nic_pg_ctrl_new(const XenNicPgCtrlConfig *config,
                                  Error **errp);

/**
 * xen_nic_pg_ctrl_free: let go of the ring
 * @ctrl: the control ring, or NULL
 *
 * Returns: how the frontend broke the rules, or NULL.
 */
const char *xen_nic_pg_ctrl_free(XenNicPgCtrl *ctrl);

#endif /* HW_NET_XEN_NIC_PG_CTRL_H */
