/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the guest's queues a frame goes to
 *
 * All frames of a flow go to one queue, so that they stay in order.  A guest
 * may choose how, on the control ring: with which hash, over which headers, and
 * which queue each hash goes to (xen_nic_pg_ctrl.c).  If it doesn't, flows are
 * spread by a hash of our own, which also tells UDP flows apart.
 *
 * Both are Toeplitz hashes (netif.h, "Hash algorithms"), of which QEMU has an
 * implementation.  This file has no state and works on private memory.
 */

#include "qemu/osdep.h"
#include <netinet/in.h>
#include "net/checksum.h"
#include "xen_nic_pg_hash.h"
#include "xen_nic_pg_offload.h"

/* Two ports */
#define PORTS_LEN 4

/* Any number whose bits don't repeat does. */
static const uint8_t flow_key[XEN_NIC_PG_HASH_KEY_MAX] QEMU_ALIGNED(4) = {
    0x3b, 0x91, 0xd4, 0x68, 0xae, 0x07, 0xf2, 0x5c, 0x89, 0x13,
    0xe6, 0x4d, 0xb0, 0x7a, 0x25, 0xcf, 0x58, 0x96, 0x0b, 0xe1,
    0x74, 0x2a, 0xdd, 0x43, 0x9e, 0x60, 0xb7, 0x1c, 0xf5, 0x82,
    0x39, 0xca, 0x54, 0xeb, 0x06, 0x7d, 0xa3, 0x1f, 0x98, 0x65,
};

/**
 * Tuple: what of a frame can be hashed
 * @addresses: source and destination address
 * @addresses_len: their length in bytes, 0 if the frame isn't IP
 * @ports: source and destination port, NULL if it isn't TCP or UDP
 * @protocol: IPPROTO_TCP or IPPROTO_UDP, with @ports
 */
typedef struct Tuple {
    const uint8_t *addresses;
    unsigned int addresses_len;
    const uint8_t *ports;
    uint8_t protocol;
} Tuple;

static Tuple find_tuple(const uint8_t *frame, size_t len)
{
    XenNicPgHeaders headers;
    Tuple tuple = { 0 };

    tuple.addresses = xen_nic_pg_find_addresses(frame, len,
                                                &tuple.addresses_len);
    if (tuple.addresses && xen_nic_pg_find_headers(frame, len, &headers)) {
        tuple.ports = frame + headers.l4;
        tuple.protocol = headers.protocol;
    }
    return tuple;
}

/* QEMU's functions only read what they get, but don't say so. */
static uint32_t hash_tuple(const uint8_t *key, const Tuple *tuple,
                           bool with_ports)
{
    uint32_t value = 0;
    net_toeplitz_key toeplitz;

    net_toeplitz_key_init(&toeplitz, (uint8_t *)key);
    net_toeplitz_add(&value, (uint8_t *)tuple->addresses,
                     tuple->addresses_len, &toeplitz);
    if (with_ports) {
        net_toeplitz_add(&value, (uint8_t *)tuple->ports, PORTS_LEN, &toeplitz);
    }
    return value;
}

static bool is_ip4(const Tuple *tuple)
{
    return tuple->addresses_len == 2 * sizeof(struct in_addr);
}

bool xen_nic_pg_hash_is_on(const XenNicPgHash *hash)
{
    return hash->algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ &&
           hash->types;
}

XenNicPgHashValue xen_nic_pg_hash_frame(const XenNicPgHash *hash,
                                        const uint8_t *frame, size_t len)
{
    Tuple tuple = find_tuple(frame, len);
    unsigned int ip = is_ip4(&tuple) ? _XEN_NETIF_CTRL_HASH_TYPE_IPV4
                                     : _XEN_NETIF_CTRL_HASH_TYPE_IPV6;
    unsigned int tcp = is_ip4(&tuple) ? _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP
                                      : _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;
    bool is_tcp = tuple.ports && tuple.protocol == IPPROTO_TCP;
    XenNicPgHashValue value = { 0 };

    if (!tuple.addresses) {
        return value;
    }
    if (is_tcp && (hash->types & (1u << tcp))) {
        value.type = tcp;
    } else if (hash->types & (1u << ip)) {
        value.type = ip;
    } else {
        return value;
    }
    value.value = hash_tuple(hash->key, &tuple, value.type == tcp);
    value.valid = true;
    return value;
}

unsigned int xen_nic_pg_hash_queue(const XenNicPgHash *hash, uint32_t value,
                                   unsigned int nr_queues)
{
    if (hash->mapping_size) {
        return hash->mapping[value % hash->mapping_size];
    }
    return value % nr_queues;
}

uint32_t xen_nic_pg_hash_flow(const uint8_t *frame, size_t len)
{
    Tuple tuple = find_tuple(frame, len);

    return tuple.addresses ? hash_tuple(flow_key, &tuple, tuple.ports) : 0;
}
