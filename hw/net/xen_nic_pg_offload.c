/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers, checksums and segmentation of frames in private memory
 *
 * Guest and netdev may each leave checksums to the other, and hand over TCP
 * frames of up to 64 KiB to be segmented later.  Where both do, only the
 * headers are looked at, to tell the other side where the checksum is.  Where
 * one doesn't, the work is done here, in software: correct rather than fast.
 *
 * Everything works on private memory, as a guest can change its pages at any
 * time: a length that was checked must be the length that is used.  Headers
 * must lie within the first XEN_NIC_PG_HEADERS_MAX bytes; a packet with more
 * IPv6 extension headers than that counts as one without TCP or UDP.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <netinet/in.h>
#include "net/checksum.h"
#include "net/eth.h"
#include "xen_nic_pg_offload.h"

#define IP4_MIN_LEN 20
#define IP6_LEN 40
#define TCP_MIN_LEN 20
#define UDP_LEN 8

/* Offsets of fields in the IPv4, IPv6, TCP and UDP headers */
#define IP4_TOTAL_LEN 2
#define IP4_ID 4
#define IP4_FRAGMENT 6
#define IP4_PROTOCOL 9
#define IP4_CHECKSUM 10
#define IP4_ADDRESSES 12
#define IP6_PAYLOAD_LEN 4
#define IP6_NEXT 6
#define IP6_ADDRESSES 8
#define TCP_SEQUENCE 4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6

#define IP4_FRAGMENT_MASK 0x3fff        /* more fragments, or an offset */

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_CWR 0x80

/* Step over VLAN tags.  Returns the EtherType, *offset is behind it. */
static uint16_t find_ethertype(const uint8_t *frame, size_t len,
                               size_t *offset)
{
    size_t at = 2 * ETH_ALEN;
    uint16_t type;

    do {
        if (at + 2 > len) {
            return 0;
        }
        type = lduw_be_p(frame + at);
        at += (type == ETH_P_VLAN || type == ETH_P_DVLAN) ? 4 : 2;
    } while (type == ETH_P_VLAN || type == ETH_P_DVLAN);

    *offset = at;
    return type;
}

/* Returns the offset behind the IPv4 header, 0 if there's no whole one. */
static size_t find_ip4_end(const uint8_t *frame, size_t len,
                           XenNicPgHeaders *headers)
{
    const uint8_t *ip = frame + headers->ip;
    size_t ip_len;

    if (headers->ip + IP4_MIN_LEN > len || ip[0] >> 4 != 4) {
        return 0;
    }
    ip_len = (ip[0] & 0xf) * 4;
    if (ip_len < IP4_MIN_LEN || headers->ip + ip_len > len ||
        (lduw_be_p(ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK)) {
        return 0;
    }
    headers->ip_version = 4;
    headers->protocol = ip[IP4_PROTOCOL];
    return headers->ip + ip_len;
}

static bool is_ip6_extension(uint8_t protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
           protocol == IPPROTO_DSTOPTS;
}

/* As find_ip4_end(), stepping over extension headers. */
static size_t find_ip6_end(const uint8_t *frame, size_t len,
                           XenNicPgHeaders *headers)
{
    size_t at = headers->ip + IP6_LEN;
    uint8_t protocol;

    if (at > len || frame[headers->ip] >> 4 != 6) {
        return 0;
    }
    protocol = frame[headers->ip + IP6_NEXT];
    while (is_ip6_extension(protocol)) {
        if (at + 8 > len) {
            return 0;
        }
        protocol = frame[at];
        at += (frame[at + 1] + 1) * 8;
    }
    headers->ip_version = 6;
    headers->protocol = protocol;
    return at;
}

/* Length of the TCP or UDP header at @l4, 0 if it isn't a whole one. */
static size_t l4_header_len(const uint8_t *frame, size_t len, size_t l4,
                            uint8_t protocol)
{
    size_t header_len;

    if (protocol == IPPROTO_UDP) {
        return l4 + UDP_LEN <= len ? UDP_LEN : 0;
    }
    if (protocol != IPPROTO_TCP || l4 + TCP_MIN_LEN > len) {
        return 0;
    }
    header_len = (frame[l4 + TCP_DATA_OFFSET] >> 4) * 4;
    return header_len >= TCP_MIN_LEN && l4 + header_len <= len ? header_len
                                                               : 0;
}

/* The length that the IP header claims, from the IP header on. */
static size_t claimed_ip_len(const uint8_t *frame,
                             const XenNicPgHeaders *headers)
{
    const uint8_t *ip = frame + headers->ip;

    return headers->ip_version == 4
           ? lduw_be_p(ip + IP4_TOTAL_LEN)
           : IP6_LEN + lduw_be_p(ip + IP6_PAYLOAD_LEN);
}

const uint8_t *xen_nic_pg_find_addresses(const uint8_t *frame, size_t len,
                                         unsigned int *addresses_len)
{
    size_t ip = 0;
    uint16_t type = find_ethertype(frame, len, &ip);

    if (type == ETH_P_IP && ip + IP4_MIN_LEN <= len) {
        *addresses_len = 2 * sizeof(struct in_addr);
        return frame + ip + IP4_ADDRESSES;
    }
    if (type == ETH_P_IPV6 && ip + IP6_LEN <= len) {
        *addresses_len = 2 * sizeof(struct in6_addr);
        return frame + ip + IP6_ADDRESSES;
    }
    return NULL;
}

bool xen_nic_pg_find_headers(const uint8_t *frame, size_t len,
                             XenNicPgHeaders *headers)
{
    size_t ip = 0, l4 = 0, l4_len;
    uint16_t type;

    len = MIN(len, XEN_NIC_PG_HEADERS_MAX);
    type = find_ethertype(frame, len, &ip);
    headers->ip = ip;
    if (type == ETH_P_IP) {
        l4 = find_ip4_end(frame, len, headers);
    } else if (type == ETH_P_IPV6) {
        l4 = find_ip6_end(frame, len, headers);
    }
    if (!l4) {
        return false;
    }

    l4_len = l4_header_len(frame, len, l4, headers->protocol);
    if (!l4_len) {
        return false;
    }
    headers->l4 = l4;
    headers->payload = l4 + l4_len;
    return headers->ip + claimed_ip_len(frame, headers) >= headers->payload;
}

unsigned int xen_nic_pg_checksum_field(const XenNicPgHeaders *headers)
{
    return headers->protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
}

/* Bytes from the TCP or UDP header on, without padding of a short frame. */
static size_t l4_len(const uint8_t *frame, const XenNicPgHeaders *headers,
                     size_t frame_len)
{
    size_t end = headers->ip + claimed_ip_len(frame, headers);

    return MIN(end, frame_len) - headers->l4;
}

static uint32_t sum_pseudo_header(const uint8_t *frame,
                                  const XenNicPgHeaders *headers, size_t len)
{
    uint8_t *ip = (uint8_t *)frame + headers->ip;
    uint32_t sum = headers->protocol + len;

    return sum + (headers->ip_version == 4
                  ? net_checksum_add(2 * 4, ip + IP4_ADDRESSES)
                  : net_checksum_add(2 * 16, ip + IP6_ADDRESSES));
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

void xen_nic_pg_blank_checksum(uint8_t *frame, const XenNicPgHeaders *headers,
                               size_t frame_len)
{
    uint32_t sum = sum_pseudo_header(frame, headers,
                                     l4_len(frame, headers, frame_len));

    stw_be_p(frame + headers->l4 + xen_nic_pg_checksum_field(headers),
             fold(sum));
}

void xen_nic_pg_complete_checksum(uint8_t *frame,
                                  const XenNicPgHeaders *headers,
                                  size_t frame_len)
{
    uint8_t *l4 = frame + headers->l4;
    size_t len = l4_len(frame, headers, frame_len);
    uint8_t *field = l4 + xen_nic_pg_checksum_field(headers);
    uint32_t sum;

    stw_be_p(field, 0);
    sum = sum_pseudo_header(frame, headers, len) + net_checksum_add(len, l4);
    /* A UDP checksum of 0 would mean that there's none. */
    stw_be_p(field, headers->protocol == IPPROTO_UDP
                    ? net_checksum_finish_nozero(sum)
                    : net_checksum_finish(sum));
}

/* Can the IP header say how long segments are? */
static bool segment_fits_ip(const XenNicPgHeaders *headers, size_t payload)
{
    size_t counted_from = headers->ip_version == 6 ? headers->ip + IP6_LEN
                                                   : headers->ip;

    return headers->payload + payload - counted_from <= UINT16_MAX;
}

unsigned int xen_nic_pg_segment_start(XenNicPgSegmenter *seg,
                                      const uint8_t *frame, size_t len,
                                      unsigned int gso_size)
{
    size_t payload;

    if (gso_size < XEN_NIC_PG_MIN_GSO_SIZE ||
        !xen_nic_pg_find_headers(frame, len, &seg->headers) ||
        seg->headers.protocol != IPPROTO_TCP ||
        len <= seg->headers.payload) {
        return 0;
    }
    payload = len - seg->headers.payload;
    if (!segment_fits_ip(&seg->headers, MIN(gso_size, payload))) {
        return 0;
    }
    seg->frame = frame;
    seg->len = len;
    seg->gso_size = gso_size;
    seg->offset = seg->headers.payload;
    seg->index = 0;
    return DIV_ROUND_UP(payload, gso_size);
}

static void fix_ip_header(const XenNicPgSegmenter *seg, uint8_t *out,
                          size_t len)
{
    uint8_t *ip = out + seg->headers.ip;
    size_t ip_len = len - seg->headers.ip;
    size_t header_len = seg->headers.l4 - seg->headers.ip;

    if (seg->headers.ip_version == 6) {
        stw_be_p(ip + IP6_PAYLOAD_LEN, ip_len - IP6_LEN);
        return;
    }
    stw_be_p(ip + IP4_TOTAL_LEN, ip_len);
    stw_be_p(ip + IP4_ID, lduw_be_p(ip + IP4_ID) + seg->index);
    stw_be_p(ip + IP4_CHECKSUM, 0);
    stw_be_p(ip + IP4_CHECKSUM,
             net_checksum_finish(net_checksum_add(header_len, ip)));
}

static void fix_tcp_header(const XenNicPgSegmenter *seg, uint8_t *out,
                           bool last)
{
    uint8_t *tcp = out + seg->headers.l4;

    stl_be_p(tcp + TCP_SEQUENCE, ldl_be_p(tcp + TCP_SEQUENCE) +
                                 seg->index * seg->gso_size);
    if (!last) {
        tcp[TCP_FLAGS] &= ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
    }
    if (seg->index) {
        tcp[TCP_FLAGS] &= ~TCP_FLAG_CWR;
    }
}

size_t xen_nic_pg_segment_next(XenNicPgSegmenter *seg, uint8_t *out)
{
    size_t left = seg->len - seg->offset;
    size_t payload = MIN(left, seg->gso_size);
    size_t len = seg->headers.payload + payload;

    if (!left) {
        return 0;
    }
    memcpy(out, seg->frame, seg->headers.payload);
    memcpy(out + seg->headers.payload, seg->frame + seg->offset, payload);
    fix_ip_header(seg, out, len);
    fix_tcp_header(seg, out, payload == left);
    xen_nic_pg_complete_checksum(out, &seg->headers, len);

    seg->offset += payload;
    seg->index++;
    return len;
}
