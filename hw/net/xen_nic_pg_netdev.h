/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vif as a QEMU NIC, whose netdev gives the ports
 *
 * See hw/net/xen_nic_pg_netdev.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_NETDEV_H
#define HW_NET_XEN_NIC_PG_NETDEV_H

#include "hw/qdev-core.h"
#include "net/net.h"
#include "xen_nic_pg_port.h"
#include "xen_nic_pg_queue.h"

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
 * XenNicPgNicConfig: what the toolstack says of a vif
 * @ifname: name of the tap to make, and its id as a netdev
 * @mtu: of the tap to make, in bytes; 0: the host's default
 * @mac: the guest's MAC address, for "info network"
 * @name: name of the NIC
 * @queues: queues of the tap to make
 */
typedef struct XenNicPgNicConfig {
    char *ifname;
    uint32_t mtu;
    MACAddr mac;
    const char *name;
    unsigned int queues;
} XenNicPgNicConfig;

/**
 * xen_nic_pg_nic_new:
 * @options: what the user wants; used only until this returns
 * @config: what the toolstack says; used only until this returns
 * @shared: what all queues of the vif share; outlives the NIC
 * @errp: where to report why it failed
 *
 * Returns: the NIC, or NULL.
 */
XenNicPgNic *xen_nic_pg_nic_new(const XenNicPgNicOptions *options,
                                const XenNicPgNicConfig *config,
                                const XenNicPgShared *shared, Error **errp);

/**
 * xen_nic_pg_nic_free: remove the NIC, and its tap if it was made for it
 * @nic: a NIC whose ports aren't started, or NULL
 */
void xen_nic_pg_nic_free(XenNicPgNic *nic);

/**
 * xen_nic_pg_nic_ports:
 * @nic: the NIC
 *
 * Returns: how many ports it has: as many as the netdev has queues.
 */
unsigned int xen_nic_pg_nic_ports(const XenNicPgNic *nic);

/**
 * xen_nic_pg_nic_port:
 * @nic: the NIC
 * @index: which port, below xen_nic_pg_nic_ports()
 *
 * Returns: the port, which lives as long as the NIC.
 */
XenNicPgPort *xen_nic_pg_nic_port(XenNicPgNic *nic, unsigned int index);

/**
 * xen_nic_pg_nic_use_ports: have the host spread frames over some ports only
 * @nic: the NIC, whose ports aren't started
 * @nr: how many, from the first on
 * @errp: where to report why it failed
 *
 * Returns: true on success.
 */
bool xen_nic_pg_nic_use_ports(XenNicPgNic *nic, unsigned int nr, Error **errp);

/**
 * xen_nic_pg_nic_steer: have the host spread frames as the guest wants
 * @nic: the NIC, with as many ports in use as the guest has queues
 * @hash: how; if it isn't on, they are spread as the host likes, and so they
 *        are from xen_nic_pg_nic_use_ports() on
 *
 * Returns: true on success; false if the host can't, and does as it likes.
 */
bool xen_nic_pg_nic_steer(XenNicPgNic *nic, const XenNicPgHash *hash);

/**
 * xen_nic_pg_nic_link_is_up:
 * @nic: the NIC
 *
 * Returns: false if the user has set the link of the NIC or its netdev down.
 */
bool xen_nic_pg_nic_link_is_up(XenNicPgNic *nic);

/**
 * xen_nic_pg_nic_set_carrier: show the host whether somebody takes its frames
 * @nic: the NIC
 * @on: somebody does
 *
 * The interface of a tap shows it as its carrier, others can't.
 */
void xen_nic_pg_nic_set_carrier(XenNicPgNic *nic, bool on);

/**
 * xen_nic_pg_drop_old_frames: drop what a tap holds from before there was a
 *                             frontend
 * @port: the port, which isn't started; its queues count the frames
 * @netdev: its queue of the netdev; nothing happens if it isn't a tap
 *
 * They aren't for this frontend, and would take its receive buffers.
 */
void xen_nic_pg_drop_old_frames(XenNicPgPort *port, NetClientState *netdev);

/**
 * xen_nic_pg_set_netdev_offloads: tell a netdev what the guest takes
 * @netdev: a netdev with virtio-net headers
 * @guest: what it takes, or NULL: nothing
 */
void xen_nic_pg_set_netdev_offloads(NetClientState *netdev,
                                    const XenNicPgOffloads *guest);

#endif /* HW_NET_XEN_NIC_PG_NETDEV_H */
