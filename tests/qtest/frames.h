/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and UDP frames for the tests, and what RFC 1071 says of their checksums
 *
 * This is written apart from the device's own code, which it checks.
 */

#ifndef TESTS_QTEST_FRAMES_H
#define TESTS_QTEST_FRAMES_H

#include <glib.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * FrameKind: what a frame is
 * @ipv6: IPv6, else IPv4
 * @tcp: TCP, else UDP
 * @vlan: with an 802.1Q tag
 */
typedef struct FrameKind {
    bool ipv6;
    bool tcp;
    bool vlan;
} FrameKind;

/**
 * frame_addresses: where the IP addresses begin, in bytes
 *
 * The source's is the first; behind both, at frame_l4(), are the ports.
 */
size_t frame_addresses(FrameKind kind);

/**
 * frame_l4: where the TCP or UDP header begins, in bytes
 */
size_t frame_l4(FrameKind kind);

/**
 * frame_payload: where the payload begins, in bytes
 */
size_t frame_payload(FrameKind kind);

/**
 * frame_checksum_offset: where in the TCP or UDP header the checksum is
 */
size_t frame_checksum_offset(FrameKind kind);

/**
 * frame_make: make a frame with random payload and all checksums right
 * @frame: where to, @len bytes
 * @len: at least frame_payload()
 */
void frame_make(uint8_t *frame, size_t len, FrameKind kind);

/**
 * frame_make_headers: make a frame of what is there, where the headers don't
 *                     go, with all checksums right
 * @frame: @len bytes
 * @len: at least frame_payload()
 */
void frame_make_headers(uint8_t *frame, size_t len, FrameKind kind);

/**
 * frame_blank_checksum: leave the checksum to the receiver: put the sum of
 *                       the pseudo header, not complemented, in its place
 */
void frame_blank_checksum(uint8_t *frame, size_t len, FrameKind kind);

/**
 * frame_blank_header: what tells the receiver where that checksum is
 */
struct virtio_net_hdr frame_blank_header(FrameKind kind);

/**
 * frame_check: find out whether lengths and checksums of IP and TCP or UDP
 *              are right
 *
 * Returns: NULL if they are, else what is wrong.
 */
const char *frame_check(const uint8_t *frame, size_t len, FrameKind kind);

/**
 * frame_sequence: the TCP sequence number
 */
uint32_t frame_sequence(const uint8_t *frame, FrameKind kind);

#endif /* TESTS_QTEST_FRAMES_H */
