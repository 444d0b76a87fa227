/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vif as a QEMU NIC, whose netdev gives the ports
 *
 * The NIC has as many queues as its netdev, and a port for each.  These work
 * with any -netdev, through QEMU's net layer and in the main loop.  Where the
 * netdev is a tap, the NIC stays its owner, but the frames go through
 * xen_nic_pg_tap.c, in the port's thread, unless the user doesn't want that.
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
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include "net/tap.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-net.h"
#include "qemu/cutils.h"
#include "qemu/iov.h"
#include "qemu/sockets.h"
#include "qemu/units.h"
#include "trace.h"
#include "xen_nic_pg_compat.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"
#include "xen_nic_pg_steer.h"
#include "xen_nic_pg_tap.h"

/* Longer than any frame that a tap gives, with its header */
#define OLD_FRAME_ROOM (128 * KiB)

/* A tap's queue is 1,000 frames long, if nobody has changed that. */
#define OLD_FRAMES_MAX 4096

typedef struct XenNicPgNetdevPort {
    XenNicPgPort port;
    NetClientState *nc;
    bool full;
} XenNicPgNetdevPort;

/**
 * XenNicPgNic:
 * @conf: how QEMU sees it
 * @nic: likewise
 * @shared: what all queues of the vif share
 * @ports: one for each of the netdev's queues
 * @tap_ports: used rather than those, or NULL
 * @ports_in_use: how many of them
 * @steer: spreads frames over them, NULL if it isn't needed or can't be had
 * @tap: id of the tap that was made, or NULL
 */
struct XenNicPgNic {
    NICConf conf;
    NICState *nic;
    const XenNicPgShared *shared;
    XenNicPgNetdevPort *ports;
    XenNicPgTapPort **tap_ports;
    unsigned int ports_in_use;
    XenNicPgSteer *steer;
    char *tap;
};

/*
 * From the queue to the netdev
 */

static void on_sent(NetClientState *nc, ssize_t len)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);

    XenNicPgNetdevPort *port = &nic->ports[nc->queue_index];

    port->full = false;
    xen_nic_pg_port_has_room(&port->port);
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
    XenNicPgPort *port;
    struct virtio_net_hdr vnet;
    XenNicPgBytes bytes;
    bool taken;
} Receive;

static void receive_here(void *opaque)
{
    Receive *receive = opaque;

    receive->taken = xen_nic_pg_port_receive(receive->port, &receive->vnet,
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
    XenNicPgPort *port = xen_nic_pg_nic_port(nic, nc->queue_index);
    size_t size = iov_size(iov, nr_iov);
    size_t vnet_len = port->offloads ? sizeof(struct virtio_net_hdr) : 0;
    Receive receive = {
        .port = port,
        .bytes = {
            .iov = iov,
            .nr_iov = nr_iov,
            .offset = vnet_len,
            .size = size - vnet_len,
        },
    };

    if (size < vnet_len || !port->nr_queues) {
        return -1;
    }
    iov_to_buf(iov, nr_iov, 0, &receive.vnet, vnet_len);
    xen_nic_pg_port_call(port, receive_here, &receive);
    return receive.taken || nic->tap_ports ? size : 0;
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
    xen_nic_pg_set_offload(netdev, guest->csum4 || guest->csum6, guest->gso4,
                           guest->gso6);
}

void xen_nic_pg_drop_old_frames(XenNicPgPort *port, NetClientState *netdev)
{
    static const struct virtio_net_hdr none;
    size_t vnet_len = port->offloads ? sizeof(none) : 0;
    g_autofree uint8_t *data = NULL;
    struct iovec iov;
    ssize_t size;

    if (netdev->info->type != NET_CLIENT_DRIVER_TAP) {
        return;
    }
    data = g_malloc(OLD_FRAME_ROOM);
    iov.iov_base = data;
    for (int i = 0; i < OLD_FRAMES_MAX; i++) {
        size = read(tap_get_fd(netdev), data, OLD_FRAME_ROOM);
        if (size < 0) {
            return;
        }
        if (size > vnet_len) {
            XenNicPgBytes bytes = {
                .iov = &iov,
                .nr_iov = 1,
                .offset = vnet_len,
                .size = size - vnet_len,
            };

            iov.iov_len = size;
            xen_nic_pg_port_receive(port, &none, &bytes);
        }
    }
}

static void set_offloads(XenNicPgPort *opaque, const XenNicPgOffloads *guest)
{
    XenNicPgNetdevPort *port = container_of(opaque, XenNicPgNetdevPort, port);

    if (port->port.offloads) {
        xen_nic_pg_set_netdev_offloads(port->nc->peer, guest);
    }
}

/* What the net layer has kept for the guest is dropped: the queues rest. */
static void netdev_detach(XenNicPgPort *port)
{
    netdev_wake(port);
}

static void netdev_start(XenNicPgPort *opaque, const XenNicPgOffloads *guest)
{
    XenNicPgNetdevPort *port = container_of(opaque, XenNicPgNetdevPort, port);

    xen_nic_pg_drop_old_frames(opaque, port->nc->peer);
    set_offloads(opaque, guest);
}

static void netdev_stop(XenNicPgPort *port)
{
    set_offloads(port, NULL);
}

static const XenNicPgPortOps netdev_port_ops = {
    .name = "netdev",
    .start = netdev_start,
    .stop = netdev_stop,
    .detach = netdev_detach,
    .send = netdev_send,
    .wake = netdev_wake,
};

/*
 * NIC and netdev
 */

bool xen_nic_pg_nic_link_is_up(XenNicPgNic *nic)
{
    return !link_is_down(qemu_get_queue(nic->nic));
}

/* The netdev isn't to send what the net layer has kept of the guest's. */
static void purge_sent(XenNicPgNic *nic)
{
    for (int i = 0; i < nic->conf.peers.queues; i++) {
        qemu_purge_queued_packets(qemu_get_subqueue(nic->nic, i));
    }
}

/* The link is that of all queues, but only the first one is told. */
static void on_link_changed(NetClientState *nc)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);

    if (link_is_down(nc)) {
        purge_sent(nic);
    }
    for (int i = 0; nic->tap_ports && i < nic->conf.peers.queues; i++) {
        xen_nic_pg_tap_port_update_link(nic->tap_ports[i]);
    }
    qemu_bh_schedule(nic->shared->carrier);
}

static void fill_multicast(RxFilterInfo *info, XenNicPgMcast *mcast)
{
    MACAddr addrs[XEN_NIC_PG_MCAST_MAX];
    unsigned int nr = xen_nic_pg_mcast_list(mcast, addrs);

    info->multicast = xen_nic_pg_mcast_is_applied(mcast) ? RX_STATE_NORMAL
                                                         : RX_STATE_ALL;
    while (nr > 0) {
        QAPI_LIST_PREPEND(info->multicast_table,
                          qemu_mac_strdup_printf(addrs[--nr].a));
    }
}

/* What isn't filtered here is the host's to filter. */
static RxFilterInfo *query_rx_filter(NetClientState *nc)
{
    XenNicPgNic *nic = qemu_get_nic_opaque(nc);
    RxFilterInfo *info = g_new0(RxFilterInfo, 1);

    info->name = g_strdup(nc->name);
    info->promiscuous = true;
    info->broadcast_allowed = true;
    info->unicast = RX_STATE_ALL;
    info->vlan = RX_STATE_ALL;
    info->main_mac = qemu_mac_strdup_printf(nic->conf.macaddr.a);
    fill_multicast(info, nic->shared->mcast);
    return info;
}

static NetClientInfo nic_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive_iov = netdev_receive,
    .link_status_changed = on_link_changed,
    .query_rx_filter = query_rx_filter,
};

static bool add_tap(const XenNicPgNicConfig *config, Error **errp)
{
    Netdev netdev = {
        .id = config->ifname,
        .type = NET_CLIENT_DRIVER_TAP,
        .u.tap = {
            .ifname = config->ifname,
            .script = (char *)"no",
            .downscript = (char *)"no",
            .has_vnet_hdr = true,
            .vnet_hdr = true,
            .has_vhost = true,
            .vhost = false,
            .has_queues = true,
            .queues = config->queues,
        },
    };
    NetClientState *nc;
    ERRP_GUARD();

    if (qemu_find_netdev(config->ifname)) {
        error_setg(errp, "cannot make tap '%s': there is a netdev of that id",
                   config->ifname);
        return false;
    }
    qmp_netdev_add(&netdev, errp);
    if (*errp) {
        error_prepend(errp, "cannot make tap '%s': ", config->ifname);
        /* Queues that were made before the one that couldn't be */
        while ((nc = qemu_find_netdev(config->ifname))) {
            qemu_del_net_client(nc);
        }
        return false;
    }
    return true;
}

static bool set_mtu(const XenNicPgNicConfig *config, Error **errp)
{
    struct ifreq request = { .ifr_mtu = config->mtu };
    int fd = qemu_socket(AF_INET, SOCK_DGRAM, 0);
    int ret;

    pstrcpy(request.ifr_name, sizeof(request.ifr_name), config->ifname);
    ret = fd < 0 ? -1 : ioctl(fd, SIOCSIFMTU, &request);
    if (ret < 0) {
        error_setg_errno(errp, errno, "cannot set the MTU of tap '%s' to "
                         "backend key 'mtu', %u", config->ifname, config->mtu);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ret >= 0;
}

/* Returns the netdev's first queue. */
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

static void init_ports(XenNicPgNic *nic)
{
    nic->ports = g_new0(XenNicPgNetdevPort, nic->conf.peers.queues);
    for (int i = 0; i < nic->conf.peers.queues; i++) {
        NetClientState *nc = qemu_get_subqueue(nic->nic, i);
        XenNicPgNetdevPort *port = &nic->ports[i];

        nc->do_not_pad = true;  /* a vif has frames as short as 14 bytes */
        port->nc = nc;
        port->port.ops = &netdev_port_ops;
        port->port.offloads =
            qemu_has_vnet_hdr_len(nc->peer, sizeof(struct virtio_net_hdr));
        if (port->port.offloads) {
            qemu_set_vnet_hdr_len(nc->peer, sizeof(struct virtio_net_hdr));
        }
    }
}

static void init_tap_ports(XenNicPgNic *nic, bool io_uring)
{
    nic->tap_ports = g_new0(XenNicPgTapPort *, nic->conf.peers.queues);
    for (int i = 0; i < nic->conf.peers.queues; i++) {
        NetClientState *nc = qemu_get_subqueue(nic->nic, i);

        nic->tap_ports[i] = xen_nic_pg_tap_port_new(nc, io_uring);
    }
}

XenNicPgNic *xen_nic_pg_nic_new(const XenNicPgNicOptions *options,
                                const XenNicPgNicConfig *config,
                                const XenNicPgShared *shared, Error **errp)
{
    const char *netdev = options->netdev ?: config->ifname;
    NetClientState *peer;
    XenNicPgNic *nic;

    if (!options->netdev && !add_tap(config, errp)) {
        return NULL;
    }
    peer = find_free_netdev(netdev, errp);
    if (!peer) {
        return NULL;
    }

    nic = g_new0(XenNicPgNic, 1);
    nic->shared = shared;
    nic->tap = options->netdev ? NULL : g_strdup(config->ifname);
    nic->conf.macaddr = config->mac;
    nic->conf.peers.queues =
        qemu_find_net_clients_except(netdev, nic->conf.peers.ncs,
                                     NET_CLIENT_DRIVER_NIC, MAX_QUEUE_NUM);
    if (nic->conf.peers.queues > 1 &&
        peer->info->type != NET_CLIENT_DRIVER_TAP) {
        error_setg(errp, "netdev '%s' has several queues, which only a tap "
                   "may have", netdev);
        g_free(nic);
        return NULL;
    }
    nic->nic = qemu_new_nic(&nic_info, &nic->conf, "xen-nic-pg", config->name,
                            shared->guard, nic);
    init_ports(nic);
    if (options->tap_port && xen_nic_pg_tap_port_usable(peer)) {
        init_tap_ports(nic, options->io_uring);
    }
    qemu_format_nic_info_str(qemu_get_queue(nic->nic), nic->conf.macaddr.a);
    xen_nic_pg_nic_set_carrier(nic, false);
    if ((nic->tap && config->mtu && !set_mtu(config, errp)) ||
        !xen_nic_pg_nic_use_ports(nic, 1, errp)) {
        xen_nic_pg_nic_free(nic);
        return NULL;
    }
    return nic;
}

void xen_nic_pg_nic_free(XenNicPgNic *nic)
{
    if (!nic) {
        return;
    }
    for (int i = 0; i < nic->conf.peers.queues; i++) {
        xen_nic_pg_port_clear(&nic->ports[i].port);
        if (nic->tap_ports) {
            xen_nic_pg_tap_port_free(nic->tap_ports[i]);
        }
    }
    g_clear_pointer(&nic->steer, xen_nic_pg_steer_free);
    purge_sent(nic);
    xen_nic_pg_nic_set_carrier(nic, true);  /* for who uses the netdev next */
    qemu_del_nic(nic->nic);
    g_free(nic->tap_ports);
    g_free(nic->ports);
    if (nic->tap) {
        qmp_netdev_del(nic->tap, NULL);
        g_free(nic->tap);
    }
    g_free(nic);
}

unsigned int xen_nic_pg_nic_ports(const XenNicPgNic *nic)
{
    return nic->conf.peers.queues;
}

XenNicPgPort *xen_nic_pg_nic_port(XenNicPgNic *nic, unsigned int index)
{
    return nic->tap_ports ? xen_nic_pg_tap_port_base(nic->tap_ports[index])
                          : &nic->ports[index].port;
}

/* Returns a queue of the netdev, or NULL if that is no tap, or was deleted. */
static NetClientState *get_tap(XenNicPgNic *nic, unsigned int index)
{
    NetClientState *peer = nic->conf.peers.ncs[index];

    return !nic->nic->peer_deleted &&
           peer->info->type == NET_CLIENT_DRIVER_TAP ? peer : NULL;
}

static bool try_to_steer(XenNicPgNic *nic, const XenNicPgHash *hash,
                         Error **errp)
{
    NetClientState *tap = get_tap(nic, 0);

    if (!tap) {
        error_setg(errp, "the netdev isn't a tap");
        return false;
    }
    if (!nic->steer) {
        nic->steer = xen_nic_pg_steer_new(tap, errp);
    }
    return nic->steer && xen_nic_pg_steer_apply(nic->steer, hash,
                                                nic->ports_in_use, errp);
}

static void stop_steering(XenNicPgNic *nic)
{
    if (nic->steer) {
        xen_nic_pg_steer_stop(nic->steer);
    }
}

bool xen_nic_pg_nic_steer(XenNicPgNic *nic, const XenNicPgHash *hash)
{
    Error *err = NULL;

    if (xen_nic_pg_hash_is_on(hash) && try_to_steer(nic, hash, &err)) {
        return true;
    }
    stop_steering(nic);
    if (err) {
        trace_xen_nic_pg_nic_no_steering(error_get_pretty(err));
        error_free(err);
        return false;
    }
    return true;
}

bool xen_nic_pg_nic_use_ports(XenNicPgNic *nic, unsigned int nr, Error **errp)
{
    stop_steering(nic);
    for (unsigned int i = 0; i < xen_nic_pg_nic_ports(nic); i++) {
        NetClientState *tap = get_tap(nic, i);
        int ret = !tap ? 0 : i < nr ? tap_enable(tap) : tap_disable(tap);

        if (ret < 0) {
            error_setg(errp, "cannot %s queue %u of netdev '%s'",
                       i < nr ? "enable" : "disable", i, tap->name);
            return false;
        }
    }
    nic->ports_in_use = nr;
    return true;
}

void xen_nic_pg_nic_set_carrier(XenNicPgNic *nic, bool on)
{
    NetClientState *tap = get_tap(nic, 0);
    int carrier = on;

    if (tap && ioctl(tap_get_fd(tap), TUNSETCARRIER, &carrier) < 0) {
        trace_xen_nic_pg_nic_no_carrier(tap->name, errno);
    }
}
