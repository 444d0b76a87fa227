/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel spreads a tap's frames as the guest wants
 *
 * The kernel chooses a tap's queue for each frame by a flow table of its own,
 * or by an eBPF program.  QEMU has one for virtio-net's receive-side scaling,
 * which computes the same Toeplitz hash as netif.h's and looks it up in the
 * same kind of table.  It needs a QEMU that is built with libbpf, and the
 * privilege to load it; where it can't be had, frames are spread by the port
 * (xen_nic_pg_queues.c).
 *
 * Frames without a hash go to the first queue.
 */

#include "qemu/osdep.h"
#include "ebpf/ebpf_rss.h"
#include "hw/virtio/virtio-net.h"
#include "qapi/error.h"
#include "xen_nic_pg_steer.h"

QEMU_BUILD_BUG_ON(XEN_NIC_PG_HASH_MAPPING_MAX > VIRTIO_NET_RSS_MAX_TABLE_LEN);
QEMU_BUILD_BUG_ON(XEN_NIC_PG_HASH_KEY_MAX != VIRTIO_NET_RSS_MAX_KEY_SIZE);

struct XenNicPgSteer {
    NetClientState *netdev;
    struct EBPFRSSContext ebpf;
};

static bool attach(NetClientState *netdev, int program)
{
    return netdev->info->set_steering_ebpf &&
           netdev->info->set_steering_ebpf(netdev, program);
}

XenNicPgSteer *xen_nic_pg_steer_new(NetClientState *netdev, Error **errp)
{
    XenNicPgSteer *steer = g_new0(XenNicPgSteer, 1);

    steer->netdev = netdev;
    ebpf_rss_init(&steer->ebpf);
    if (!ebpf_rss_load(&steer->ebpf, errp)) {
        g_free(steer);
        return NULL;
    }
    return steer;
}

void xen_nic_pg_steer_stop(XenNicPgSteer *steer)
{
    attach(steer->netdev, -1);
}

void xen_nic_pg_steer_free(XenNicPgSteer *steer)
{
    if (!steer) {
        return;
    }
    xen_nic_pg_steer_stop(steer);
    ebpf_rss_unload(&steer->ebpf);
    g_free(steer);
}

static uint32_t to_virtio_types(uint32_t types)
{
    static const struct {
        uint32_t netif;
        uint32_t virtio;
    } names[] = {
        { XEN_NETIF_CTRL_HASH_TYPE_IPV4, VIRTIO_NET_RSS_HASH_TYPE_IPv4 },
        { XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, VIRTIO_NET_RSS_HASH_TYPE_TCPv4 },
        { XEN_NETIF_CTRL_HASH_TYPE_IPV6, VIRTIO_NET_RSS_HASH_TYPE_IPv6 },
        { XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP, VIRTIO_NET_RSS_HASH_TYPE_TCPv6 },
    };
    uint32_t virtio = 0;

    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        if (types & names[i].netif) {
            virtio |= names[i].virtio;
        }
    }
    return virtio;
}

/* Without a table of the guest's: the hash modulo the number of queues */
static uint16_t fill_table(uint16_t *table, const XenNicPgHash *hash,
                           unsigned int nr_queues)
{
    uint16_t len = hash->mapping_size ?: nr_queues;

    for (uint16_t i = 0; i < len; i++) {
        table[i] = xen_nic_pg_hash_queue(hash, i, nr_queues);
    }
    return len;
}

bool xen_nic_pg_steer_apply(XenNicPgSteer *steer, const XenNicPgHash *hash,
                            unsigned int nr_queues, Error **errp)
{
    uint8_t key[XEN_NIC_PG_HASH_KEY_MAX];
    uint16_t table[XEN_NIC_PG_HASH_MAPPING_MAX];
    struct EBPFRSSConfig config = {
        .redirect = true,
        .hash_types = to_virtio_types(hash->types),
        .indirections_len = fill_table(table, hash, nr_queues),
    };

    memcpy(key, hash->key, sizeof(key));
    if (!ebpf_rss_set_all(&steer->ebpf, &config, table, key, errp)) {
        return false;
    }
    if (!attach(steer->netdev, steer->ebpf.program_fd)) {
        error_setg(errp, "netdev '%s' doesn't take a program that chooses its "
                   "queues", steer->netdev->name);
        return false;
    }
    return true;
}
