/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and UDP frames for the tests
 *
 * A frame is made field by field, by offset, as the RFCs draw them: 791 (IP),
 * 8200 (IPv6), 9293 (TCP), 768 (UDP), 1071 (checksum).
 */

#include <string.h>
#include "frames.h"

#define ETHERNET 14
#define VLAN 4
#define IPV4 20
#define IPV6 40
#define TCP 20
#define UDP 8

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

static void put16(uint8_t *at, unsigned int value)
{
    at[0] = value >> 8;
    at[1] = value;
}

static unsigned int get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static size_t l3_of(FrameKind kind)
{
    return ETHERNET + (kind.vlan ? VLAN : 0);
}

size_t frame_addresses(FrameKind kind)
{
    return l3_of(kind) + (kind.ipv6 ? 8 : 12);
}

size_t frame_l4(FrameKind kind)
{
    return l3_of(kind) + (kind.ipv6 ? IPV6 : IPV4);
}

size_t frame_payload(FrameKind kind)
{
    return frame_l4(kind) + (kind.tcp ? TCP : UDP);
}

size_t frame_checksum_offset(FrameKind kind)
{
    return kind.tcp ? 16 : 6;
}

static uint64_t add_words(uint64_t sum, const uint8_t *data, size_t len)
{
    size_t i;

    for (i = 0; i + 1 < len; i += 2) {
        sum += get16(data + i);
    }
    return i < len ? sum + (data[i] << 8) : sum;
}

static unsigned int fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint64_t pseudo_header(const uint8_t *frame, size_t len, FrameKind kind)
{
    const uint8_t *ip = frame + l3_of(kind);
    uint64_t sum = (kind.tcp ? PROTOCOL_TCP : PROTOCOL_UDP) +
                   (len - frame_l4(kind));

    return kind.ipv6 ? add_words(sum, ip + 8, 32) : add_words(sum, ip + 12, 8);
}

static uint8_t *checksum_field(uint8_t *frame, FrameKind kind)
{
    return frame + frame_l4(kind) + frame_checksum_offset(kind);
}

static void complete_checksum(uint8_t *frame, size_t len, FrameKind kind)
{
    uint8_t *field = checksum_field(frame, kind);
    size_t l4 = frame_l4(kind);
    unsigned int sum;

    put16(field, 0);
    sum = fold(add_words(pseudo_header(frame, len, kind), frame + l4,
                         len - l4));
    /* RFC 768: a sum of zero is sent as all ones. */
    put16(field, sum == 0xffff && !kind.tcp ? 0xffff : ~sum);
}

static void put_ethernet(uint8_t *frame, FrameKind kind)
{
    size_t at = 12;

    frame[0] &= ~1;
    if (kind.vlan) {
        put16(frame + at, 0x8100);
        put16(frame + at + 2, 0x0123);
        at += 4;
    }
    put16(frame + at, kind.ipv6 ? 0x86dd : 0x0800);
}

static void put_ipv4(uint8_t *ip, size_t len, FrameKind kind)
{
    ip[0] = 0x45;
    ip[1] = 0;
    put16(ip + 2, len);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = kind.tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
    put16(ip + 10, 0);
    put16(ip + 10, ~fold(add_words(0, ip, IPV4)));
}

static void put_ipv6(uint8_t *ip, size_t len, FrameKind kind)
{
    ip[0] = 0x60;
    ip[1] = ip[2] = ip[3] = 0;
    put16(ip + 4, len - IPV6);
    ip[6] = kind.tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
    ip[7] = 64;
}

static void put_l4(uint8_t *l4, size_t len, FrameKind kind)
{
    if (kind.tcp) {
        l4[12] = TCP / 4 << 4;
        l4[13] = 0x18;                  /* PSH, ACK */
        put16(l4 + 18, 0);
    } else {
        put16(l4 + 4, len);
    }
}

void frame_make(uint8_t *frame, size_t len, FrameKind kind)
{
    for (size_t i = 0; i < len; i++) {
        frame[i] = g_test_rand_int();
    }
    frame_make_headers(frame, len, kind);
}

void frame_make_headers(uint8_t *frame, size_t len, FrameKind kind)
{
    size_t l3 = l3_of(kind);

    g_assert_cmpuint(len, >=, frame_payload(kind));
    put_ethernet(frame, kind);
    if (kind.ipv6) {
        put_ipv6(frame + l3, len - l3, kind);
    } else {
        put_ipv4(frame + l3, len - l3, kind);
    }
    put_l4(frame + frame_l4(kind), len - frame_l4(kind), kind);
    complete_checksum(frame, len, kind);
}

void frame_blank_checksum(uint8_t *frame, size_t len, FrameKind kind)
{
    put16(checksum_field(frame, kind),
          fold(pseudo_header(frame, len, kind)));
}

struct virtio_net_hdr frame_blank_header(FrameKind kind)
{
    return (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = frame_l4(kind),
        .csum_offset = frame_checksum_offset(kind),
    };
}

static bool ip_length_is_right(const uint8_t *ip, size_t len, FrameKind kind)
{
    return kind.ipv6 ? get16(ip + 4) == len - IPV6 : get16(ip + 2) == len;
}

const char *frame_check(const uint8_t *frame, size_t len, FrameKind kind)
{
    const uint8_t *ip = frame + l3_of(kind);
    size_t l4 = frame_l4(kind);

    if (len < frame_payload(kind)) {
        return "it is too short";
    }
    if (!ip_length_is_right(ip, len - l3_of(kind), kind)) {
        return "IP's length is wrong";
    }
    if (!kind.ipv6 && fold(add_words(0, ip, IPV4)) != 0xffff) {
        return "IP's checksum is wrong";
    }
    if (!kind.tcp && get16(frame + l4 + 4) != len - l4) {
        return "UDP's length is wrong";
    }
    if (fold(add_words(pseudo_header(frame, len, kind), frame + l4,
                       len - l4)) != 0xffff) {
        return "the checksum is wrong";
    }
    return NULL;
}

uint32_t frame_sequence(const uint8_t *frame, FrameKind kind)
{
    const uint8_t *at = frame + frame_l4(kind) + 4;

    return (uint32_t)get16(at) << 16 | get16(at + 2);
}
