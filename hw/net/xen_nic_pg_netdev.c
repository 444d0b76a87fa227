/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vif as a QEMU NIC, whose netdev is the queue's port
 *
 * This is the port that works with any -netdev, through QEMU's net layer and
 * in the main loop.  Where the netdev is a tap, the NIC stays its owner, but
 * the frames go through xen_nic_pg_tap.c, in the queue's thread, unless the
 * user doesn't want that.
 *
 * A netdev that knows virtio-net headers (tap) gets one in front of every
 * frame, and so takes blank checksums and frames to be segmented as they are,
 * both ways.  Others get plain frames.
 *
 * If the netdev can't send, QEMU's net layer keeps a copy of that one frame
 * and calls on_sent() when it is through; until then the port is full.  The
 * other way round, a frame that the queue leaves with us is kept by the net
 * layer, which stops the netdev's reading until wake() flushes it.
 *
 * Without a netdev to use, a tap is made under the name that netback would
 * give it, so that Xen's hotplug scripts find it.
 */

#include "qemu/osdep.h"
#include "net/tap.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-net.h"
#include "qemu/iov.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"
#include "xen_nic_pg_tap.h"

typedef struct XenNicPgNetdevPort {
    XenNicPgPort port;
    NetClientState *nc;
    bool full;
} XenNicPgNetdevPort;

struct XenNicPgNic {
    NICConf conf;
    NICState *nic;
    XenNicPgNetdevPort port;
    XenNicPgTapPort *tap_port;  /* used rather than the port above, or NULL */
    char *tap;                  /* id of the tap that was made, or NULL */
};

/*
 * From the queue to the netdev
 */

static void on_sent(NetClientState *nc, ssize_t len)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);

    nic->port.full = false;
    if (nic->port.port.queue) {
        xen_nic_pg_tx_wake(nic->port.port.queue);
    }
}

static bool link_is_down(const NetClientState *nc)
{
    return nc->link_down || !nc->peer || nc->peer->link_down;
}

static void send_packet(XenNicPgNetdevPort *port, XenNicPgPacket *packet)
{
    struct iovec *iov = packet->iov + 1;
    unsigned int nr_iov = packet->nr_iov - 1;
    ssize_t ret;

    if (link_is_down(port->nc)) {
        packet->drop = XEN_NIC_PG_DROP_LINK_DOWN;
        return;
    }
    if (port->port.offloads) {
        iov = xen_nic_pg_packet_with_vnet(packet, &nr_iov);
    }
    ret = qemu_sendv_packet_async(port->nc, iov, nr_iov, on_sent);
    if (ret < 0) {
        packet->drop = XEN_NIC_PG_DROP_NETDEV;
    }
    port->full = ret == 0;
}

static unsigned int netdev_send(XenNicPgPort *opaque, XenNicPgPacket *packets,
                                unsigned int nr)
{
    XenNicPgNetdevPort *port = container_of(opaque, XenNicPgNetdevPort, port);
    unsigned int i;

    for (i = 0; i < nr && !port->full; i++) {
        send_packet(port, &packets[i]);
    }
    return i;
}

/*
 * From the netdev to the queue
 */

typedef struct Receive {
    XenNicPgQueue *queue;
    struct virtio_net_hdr vnet;
    XenNicPgBytes bytes;
    bool taken;
} Receive;

static void receive_here(void *opaque)
{
    Receive *receive = opaque;

    receive->taken = xen_nic_pg_rx_receive(receive->queue, &receive->vnet,
                                           &receive->bytes);
}

/*
 * With a tap port, what comes here came while that didn't have the file, or
 * from a netfilter; such a frame isn't kept, as nobody would flush it.
 */
static ssize_t netdev_receive(NetClientState *nc, const struct iovec *iov,
                              int nr_iov)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);
    XenNicPgPort *port = xen_nic_pg_nic_port(nic);
    size_t size = iov_size(iov, nr_iov);
    size_t vnet_len = port->offloads ? sizeof(struct virtio_net_hdr) : 0;
    Receive receive = {
        .queue = port->queue,
        .bytes = {
            .iov = iov,
            .nr_iov = nr_iov,
            .offset = vnet_len,
            .size = size - vnet_len,
        },
    };

    if (size < vnet_len) {
        return -1;
    }
    iov_to_buf(iov, nr_iov, 0, &receive.vnet, vnet_len);
    xen_nic_pg_queue_call(port->queue, receive_here, &receive);
    return receive.taken || nic->tap_port ? size : 0;
}

static void netdev_wake(XenNicPgPort *opaque)
{
    XenNicPgNetdevPort *port = container_of(opaque, XenNicPgNetdevPort, port);

    qemu_flush_queued_packets(port->nc);
}

void xen_nic_pg_set_netdev_offloads(NetClientState *netdev,
                                    const XenNicPgOffloads *guest)
{
    static const XenNicPgOffloads none;

    if (!guest) {
        guest = &none;
    }
    qemu_set_offload(netdev, guest->csum4 || guest->csum6, guest->gso4,
                     guest->gso6, 0, 0, 0, 0);
}

static void set_offloads(XenNicPgPort *opaque, const XenNicPgOffloads *guest)
{
    XenNicPgNetdevPort *port = container_of(opaque, XenNicPgNetdevPort, port);

    if (port->port.offloads) {
        xen_nic_pg_set_netdev_offloads(port->nc->peer, guest);
    }
}

static void netdev_stop(XenNicPgPort *port)
{
    set_offloads(port, NULL);
}

static const XenNicPgPortOps netdev_port_ops = {
    .name = "netdev",
    .start = set_offloads,
    .stop = netdev_stop,
    .send = netdev_send,
    .wake = netdev_wake,
};

/*
 * NIC and netdev
 */

static void on_link_changed(NetClientState *nc)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);

    if (nic->tap_port) {
        xen_nic_pg_tap_port_update_link(nic->tap_port);
    }
}

static NetClientInfo nic_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive_iov = netdev_receive,
    .link_status_changed = on_link_changed,
};

static bool add_tap(const char *ifname, Error **errp)
{
    Netdev netdev = {
        .id = (char *)ifname,
        .type = NET_CLIENT_DRIVER_TAP,
        .u.tap = {
            .ifname = (char *)ifname,
            .script = (char *)"no",
            .downscript = (char *)"no",
            .has_vnet_hdr = true,
            .vnet_hdr = true,
            .has_vhost = true,
            .vhost = false,
        },
    };
    ERRP_GUARD();

    qmp_netdev_add(&netdev, errp);
    if (*errp) {
        error_prepend(errp, "cannot make tap '%s': ", ifname);
        return false;
    }
    return true;
}

static NetClientState *find_free_netdev(const char *id, Error **errp)
{
    NetClientState *netdev = qemu_find_netdev(id);

    if (!netdev) {
        error_setg(errp, "netdev '%s' doesn't exist", id);
        return NULL;
    }
    if (netdev->peer) {
        error_setg(errp, "netdev '%s' is in use by '%s'", id,
                   netdev->peer->name);
        return NULL;
    }
    return netdev;
}

static void init_port(XenNicPgNic *nic, NetClientState *netdev)
{
    NetClientState *nc = qemu_get_queue(nic->nic);
    XenNicPgNetdevPort *port = &nic->port;

    nc->do_not_pad = true;      /* a vif has frames as short as 14 bytes */
    port->nc = nc;
    port->port.ops = &netdev_port_ops;
    port->port.offloads =
        qemu_has_vnet_hdr_len(netdev, sizeof(struct virtio_net_hdr));
    if (port->port.offloads) {
        qemu_set_vnet_hdr_len(netdev, sizeof(struct virtio_net_hdr));
    }
}

XenNicPgNic *xen_nic_pg_nic_new(const XenNicPgNicOptions *options,
                                const char *ifname, const MACAddr *mac,
                                const char *name, MemReentrancyGuard *guard,
                                Error **errp)
{
    const char *netdev = options->netdev;
    NetClientState *peer;
    XenNicPgNic *nic;

    if (!netdev && !add_tap(ifname, errp)) {
        return NULL;
    }
    peer = find_free_netdev(netdev ?: ifname, errp);
    if (!peer) {
        return NULL;
    }

    nic = g_new0(XenNicPgNic, 1);
    nic->tap = netdev ? NULL : g_strdup(ifname);
    nic->conf.macaddr = *mac;
    nic->conf.peers.ncs[0] = peer;
    nic->conf.peers.queues = 1;
    nic->nic = qemu_new_nic(&nic_info, &nic->conf, "xen-nic-pg", name, guard,
                            nic);
    init_port(nic, peer);
    if (options->tap_port && xen_nic_pg_tap_port_usable(peer)) {
        nic->tap_port = xen_nic_pg_tap_port_new(qemu_get_queue(nic->nic),
                                                options->io_uring);
    }
    qemu_format_nic_info_str(qemu_get_queue(nic->nic), nic->conf.macaddr.a);
    return nic;
}

void xen_nic_pg_nic_free(XenNicPgNic *nic)
{
    if (!nic) {
        return;
    }
    g_clear_pointer(&nic->tap_port, xen_nic_pg_tap_port_free);
    qemu_del_nic(nic->nic);
    if (nic->tap) {
        qmp_netdev_del(nic->tap, NULL);
        g_free(nic->tap);
    }
    g_free(nic);
}

XenNicPgPort *xen_nic_pg_nic_port(XenNicPgNic *nic)
{
    return nic->tap_port ? xen_nic_pg_tap_port_base(nic->tap_port)
                         : &nic->port.port;
}
