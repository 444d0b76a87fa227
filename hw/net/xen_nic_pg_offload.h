/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers, checksums and segmentation of frames in private memory
 *
 * See hw/net/xen_nic_pg_offload.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_OFFLOAD_H
#define HW_NET_XEN_NIC_PG_OFFLOAD_H

/* As much of a frame as holds all the headers that are looked at. */
#define XEN_NIC_PG_HEADERS_MAX 128

/**
 * XenNicPgHeaders: where a frame's TCP or UDP header is
 * @ip: offset of the IP header in the frame, in bytes
 * @l4: offset of the TCP or UDP header
 * @payload: offset of what follows the TCP or UDP header
 * @ip_version: 4 or 6
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 */
typedef struct XenNicPgHeaders {
    uint8_t ip;
    uint8_t l4;
    uint8_t payload;
    uint8_t ip_version;
    uint8_t protocol;
} XenNicPgHeaders;

/**
 * xen_nic_pg_find_headers: find a frame's TCP or UDP header
 * @frame: the first bytes of the frame, from the Ethernet header on
 * @len: how many of them, XEN_NIC_PG_HEADERS_MAX or the whole frame
 * @headers: where to put what was found
 *
 * VLAN tags, IPv4 options and IPv6 extension headers are stepped over.
 *
 * Returns: true if a whole TCP or UDP header is in @len bytes, and the packet
 * isn't a fragment.
 */
bool xen_nic_pg_find_headers(const uint8_t *frame, size_t len,
                             XenNicPgHeaders *headers);

/**
 * xen_nic_pg_find_addresses: find a frame's IP addresses
 * @frame: the first bytes of the frame, from the Ethernet header on
 * @len: how many of them, XEN_NIC_PG_HEADERS_MAX or the whole frame
 * @addresses_len: set to the length of both addresses in bytes
 *
 * Returns: the source address, behind which the destination address follows;
 * NULL if there isn't a whole IP header in @len bytes.
 */
const uint8_t *xen_nic_pg_find_addresses(const uint8_t *frame, size_t len,
                                         unsigned int *addresses_len);

/**
 * xen_nic_pg_checksum_field:
 * @headers: what xen_nic_pg_find_headers() found
 *
 * Returns: the offset of the checksum in the TCP or UDP header.
 */
unsigned int xen_nic_pg_checksum_field(const XenNicPgHeaders *headers);

/**
 * xen_nic_pg_blank_checksum: prepare the checksum for whoever completes it
 * @frame: the frame, at least its headers
 * @headers: what xen_nic_pg_find_headers() found
 * @frame_len: the whole frame's length in bytes
 *
 * Puts the pseudo header's sum into the checksum, which is what virtio-net's
 * VIRTIO_NET_HDR_F_NEEDS_CSUM and netif's csum_blank start from.
 */
void xen_nic_pg_blank_checksum(uint8_t *frame, const XenNicPgHeaders *headers,
                               size_t frame_len);

/**
 * xen_nic_pg_complete_checksum: compute the TCP or UDP checksum
 * @frame: the whole frame
 * @headers: what xen_nic_pg_find_headers() found
 * @frame_len: its length in bytes
 */
void xen_nic_pg_complete_checksum(uint8_t *frame,
                                  const XenNicPgHeaders *headers,
                                  size_t frame_len);

/**
 * XenNicPgSegmenter: a large TCP frame on its way to become small ones
 * @frame: the whole frame, the caller's
 * @len: its length in bytes
 * @gso_size: payload bytes of a segment
 * @headers: the frame's headers
 * @offset: where the next segment's payload begins
 * @index: how many segments have been made
 */
typedef struct XenNicPgSegmenter {
    const uint8_t *frame;
    size_t len;
    unsigned int gso_size;
    XenNicPgHeaders headers;
    size_t offset;
    unsigned int index;
} XenNicPgSegmenter;

/*
 * The smallest payload that software segments a frame into (Linux' least
 * MSS): bounds the work that one frame can ask for.
 */
#define XEN_NIC_PG_MIN_GSO_SIZE 48

/**
 * xen_nic_pg_segment_start: begin to segment a frame
 * @seg: the segmenter
 * @frame: the whole TCP frame, which stays the caller's and stays as it is
 *         until the last segment is made
 * @len: its length in bytes
 * @gso_size: payload bytes of a segment
 *
 * Returns: how many segments it makes; 0 if it isn't a TCP frame, or @gso_size
 * is below XEN_NIC_PG_MIN_GSO_SIZE or makes segments that no IP packet can
 * hold.
 */
unsigned int xen_nic_pg_segment_start(XenNicPgSegmenter *seg,
                                      const uint8_t *frame, size_t len,
                                      unsigned int gso_size);

/**
 * xen_nic_pg_segment_next: make the next segment
 * @seg: the segmenter
 * @out: where to put it: room for XEN_NIC_PG_HEADERS_MAX bytes and @gso_size
 *
 * Lengths, IP identification, sequence number, flags and checksums are the
 * segment's own.
 *
 * Returns: the segment's length in bytes, 0 when there are no more.
 */
size_t xen_nic_pg_segment_next(XenNicPgSegmenter *seg, uint8_t *out);

#endif /* HW_NET_XEN_NIC_PG_OFFLOAD_H */
