/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the guest's queues a frame goes to
 *
 * See hw/net/xen_nic_pg_hash.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_HASH_H
#define HW_NET_XEN_NIC_PG_HASH_H

#include "hw/xen/xen_backend_ops.h"
#include "hw/xen/interface/io/netif.h"

/* Of a key in bytes: enough for two IPv6 addresses and two ports. */
#define XEN_NIC_PG_HASH_KEY_MAX 40

/* Entries of a mapping, as many as Linux' netback takes */
#define XEN_NIC_PG_HASH_MAPPING_MAX 128

/* All types of hash that netif.h knows */
#define XEN_NIC_PG_HASH_TYPES                                              \
    (XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP |   \
     XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)

/**
 * XenNicPgHash: how the guest wants frames to be hashed; all 0 if not at all
 * @algorithm: XEN_NETIF_CTRL_HASH_ALGORITHM_*
 * @types: XEN_NETIF_CTRL_HASH_TYPE_* that may be used
 * @key: the algorithm's key
 * @mapping: from a hash, modulo @mapping_size, to the number of a queue
 * @mapping_size: entries of @mapping; 0: the queue is the hash modulo the
 *                number of queues
 */
typedef struct XenNicPgHash {
    uint32_t algorithm;
    uint32_t types;
    uint8_t key[XEN_NIC_PG_HASH_KEY_MAX];
    uint32_t mapping[XEN_NIC_PG_HASH_MAPPING_MAX];
    uint32_t mapping_size;
} XenNicPgHash;

/**
 * XenNicPgHashValue: what a frame's hash is
 * @valid: it has one; else the rest means nothing
 * @type: _XEN_NETIF_CTRL_HASH_TYPE_* that was used
 * @value: the hash
 */
typedef struct XenNicPgHashValue {
    bool valid;
    uint8_t type;
    uint32_t value;
} XenNicPgHashValue;

/**
 * xen_nic_pg_hash_is_on:
 * @hash: how the guest wants frames to be hashed
 *
 * Returns: true if it does want that.
 */
bool xen_nic_pg_hash_is_on(const XenNicPgHash *hash);

/**
 * xen_nic_pg_hash_frame: hash a frame as the guest wants it
 * @hash: how
 * @frame: its first bytes, from the Ethernet header on
 * @len: how many of them, XEN_NIC_PG_HEADERS_MAX or the whole frame
 *
 * Of the types that fit the one with most input is used (netif.h,
 * XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS).
 *
 * Returns: the hash, not valid if none of the types fits.
 */
XenNicPgHashValue xen_nic_pg_hash_frame(const XenNicPgHash *hash,
                                        const uint8_t *frame, size_t len);

/**
 * xen_nic_pg_hash_queue: the queue that the guest wants for a hash
 * @hash: how it wants frames to be spread
 * @value: a frame's hash
 * @nr_queues: how many queues it has
 *
 * Returns: the queue's number, below @nr_queues.
 */
unsigned int xen_nic_pg_hash_queue(const XenNicPgHash *hash, uint32_t value,
                                   unsigned int nr_queues);

/**
 * xen_nic_pg_hash_flow: hash a frame so that flows are spread evenly
 * @frame, @len: as for xen_nic_pg_hash_frame()
 *
 * Returns: the same number for all frames of a TCP or UDP flow, 0 for what
 * isn't IP.
 */
uint32_t xen_nic_pg_hash_flow(const uint8_t *frame, size_t len);

#endif /* HW_NET_XEN_NIC_PG_HASH_H */
