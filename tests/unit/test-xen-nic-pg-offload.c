/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of headers, checksums and segmentation
 *
 * Frames are built from a shape, which also says where each header is.  What
 * the code under test computes is checked by a checksum of the plainest kind,
 * word by word, over a frame whose checksum must then add up to nothing.
 * Truncated frames are in memory of just their size, for valgrind's sake.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <netinet/in.h>
#include "hw/net/xen_nic_pg_offload.h"

#define FIN 0x01
#define PSH 0x08
#define ACK 0x10
#define CWR 0x80

#define FIRST_ID 0xfffe
#define FIRST_SEQUENCE 0xfffffc00

/* @extra: bytes of IPv4 options, or of IPv6 extension headers */
typedef struct Shape {
    unsigned int tags;
    unsigned int version;
    unsigned int extra;
    uint8_t protocol;
    unsigned int tcp_options;
    unsigned int payload;
} Shape;

static const Shape shapes[] = {
    { 0, 4, 0, IPPROTO_TCP, 0, 100 },
    { 0, 4, 0, IPPROTO_TCP, 12, 1448 },
    { 1, 4, 0, IPPROTO_TCP, 0, 101 },
    { 2, 4, 0, IPPROTO_TCP, 40, 33 },
    { 0, 4, 4, IPPROTO_TCP, 0, 7 },
    { 2, 4, 40, IPPROTO_TCP, 12, 555 },
    { 0, 4, 0, IPPROTO_UDP, 0, 99 },
    { 1, 4, 8, IPPROTO_UDP, 0, 1 },
    { 0, 6, 0, IPPROTO_TCP, 0, 100 },
    { 0, 6, 0, IPPROTO_TCP, 12, 1428 },
    { 1, 6, 8, IPPROTO_TCP, 0, 50 },
    { 2, 6, 24, IPPROTO_TCP, 12, 51 },
    { 0, 6, 0, IPPROTO_UDP, 0, 0 },
    { 0, 6, 16, IPPROTO_UDP, 0, 77 },
};

static size_t ip_at(const Shape *s)
{
    return 14 + 4 * s->tags;
}

static size_t l4_at(const Shape *s)
{
    return ip_at(s) + (s->version == 4 ? 20 : 40) + s->extra;
}

static size_t payload_at(const Shape *s)
{
    return l4_at(s) + (s->protocol == IPPROTO_UDP ? 8 : 20 + s->tcp_options);
}

static size_t frame_len(const Shape *s)
{
    return payload_at(s) + s->payload;
}

static size_t field_at(const Shape *s)
{
    return l4_at(s) + (s->protocol == IPPROTO_UDP ? 6 : 16);
}

static void build_ip4(const Shape *s, uint8_t *ip)
{
    ip[0] = 0x40 | (20 + s->extra) / 4;
    stw_be_p(ip + 2, MIN(frame_len(s) - ip_at(s), UINT16_MAX));
    stw_be_p(ip + 4, FIRST_ID);
    stw_be_p(ip + 6, 0x4000);           /* don't fragment */
    ip[8] = 64;
    ip[9] = s->protocol;
}

/* Extension headers of 8 bytes, of each kind in turn */
static void build_ip6(const Shape *s, uint8_t *ip)
{
    static const uint8_t kinds[] = {
        IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
    };
    uint8_t *next = ip + 6;

    ip[0] = 0x60;
    stw_be_p(ip + 4, MIN(frame_len(s) - ip_at(s) - 40, UINT16_MAX));
    for (unsigned int i = 0; i < s->extra / 8; i++) {
        *next = kinds[i % ARRAY_SIZE(kinds)];
        next = ip + 40 + i * 8;
        next[1] = 0;
    }
    *next = s->protocol;
}

/* What isn't a field that counts is random. */
static uint8_t *build(const Shape *s)
{
    uint8_t *frame = g_malloc(frame_len(s));
    uint8_t *l4 = frame + l4_at(s);

    for (size_t i = 0; i < frame_len(s); i++) {
        frame[i] = g_test_rand_int();
    }
    for (unsigned int i = 0; i < s->tags; i++) {
        stw_be_p(frame + 12 + 4 * i, i + 1 < s->tags ? 0x88a8 : 0x8100);
    }
    stw_be_p(frame + 12 + 4 * s->tags, s->version == 4 ? 0x0800 : 0x86dd);
    if (s->version == 4) {
        build_ip4(s, frame + ip_at(s));
    } else {
        build_ip6(s, frame + ip_at(s));
    }
    if (s->protocol == IPPROTO_UDP) {
        stw_be_p(l4 + 4, 8 + s->payload);
    } else if (s->protocol == IPPROTO_TCP) {
        stl_be_p(l4 + 4, FIRST_SEQUENCE);
        l4[12] = (20 + s->tcp_options) / 4 << 4;
        l4[13] = ACK;
    }
    return frame;
}

/* The sum in ones' complement, folded. */
static uint16_t sum_words(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? data[i] : data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (sum & 0xffff) + (sum >> 16);
}

static uint16_t sum_pseudo(const Shape *s, const uint8_t *frame, size_t l4_len)
{
    const uint8_t *ip = frame + ip_at(s);
    uint16_t sum = sum_words(s->protocol, s->version == 4 ? ip + 12 : ip + 8,
                             s->version == 4 ? 8 : 32);
    uint8_t len[2];

    stw_be_p(len, l4_len);
    return sum_words(sum, len, 2);
}

/* @len: where the packet ends in the frame */
static void check_checksum(const Shape *s, const uint8_t *frame, size_t len)
{
    size_t l4_len = len - l4_at(s);

    g_assert_cmphex(sum_words(sum_pseudo(s, frame, l4_len),
                              frame + l4_at(s), l4_len), ==, 0xffff);
}

static void check_headers(const Shape *s, const XenNicPgHeaders *headers)
{
    g_assert_cmpuint(headers->ip, ==, ip_at(s));
    g_assert_cmpuint(headers->l4, ==, l4_at(s));
    g_assert_cmpuint(headers->payload, ==, payload_at(s));
    g_assert_cmpuint(headers->ip_version, ==, s->version);
    g_assert_cmpuint(headers->protocol, ==, s->protocol);
    g_assert_cmpuint(headers->l4 + xen_nic_pg_checksum_field(headers), ==,
                     field_at(s));
}

static bool find(const uint8_t *frame, size_t len)
{
    XenNicPgHeaders headers;

    return xen_nic_pg_find_headers(frame, len, &headers);
}

/* Found once the last header is whole, and not before. */
static void test_headers(void)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const Shape *s = &shapes[i];
        g_autofree uint8_t *frame = build(s);

        for (size_t len = 0; len <= frame_len(s); len++) {
            g_autofree uint8_t *part = g_memdup2(frame, len);
            XenNicPgHeaders headers;

            g_assert_cmpint(xen_nic_pg_find_headers(part, len, &headers), ==,
                            len >= payload_at(s));
            if (len >= payload_at(s)) {
                check_headers(s, &headers);
            }
        }
    }
}

static void test_far_headers(void)
{
    static const Shape far = { 0, 6, 80, IPPROTO_TCP, 0, 100 };
    static const Shape near = { 0, 6, 48, IPPROTO_TCP, 4, 100 };
    g_autofree uint8_t *frame = build(&far);
    g_autofree uint8_t *other = build(&near);

    g_assert_false(find(frame, frame_len(&far)));
    g_assert_cmpuint(payload_at(&near), <=, XEN_NIC_PG_HEADERS_MAX);
    g_assert_true(find(other, frame_len(&near)));
}

static void test_many_tags(void)
{
    uint8_t frame[1500];

    for (int i = 0; i < sizeof(frame); i += 2) {
        stw_be_p(frame + i, 0x8100);
    }
    g_assert_false(find(frame, sizeof(frame)));
}

static void test_fragments(void)
{
    static const uint16_t fragments[] = { 0x2000, 1, 0x1fff, 0x2001, 0x6000 };
    static const Shape ip6 = { 0, 6, 8, IPPROTO_TCP, 0, 100 };
    g_autofree uint8_t *frame = build(&shapes[0]);
    g_autofree uint8_t *other = build(&ip6);

    for (int i = 0; i < ARRAY_SIZE(fragments); i++) {
        stw_be_p(frame + 14 + 6, fragments[i]);
        g_assert_false(find(frame, frame_len(&shapes[0])));
    }
    stw_be_p(frame + 14 + 6, 0);
    g_assert_true(find(frame, frame_len(&shapes[0])));

    other[14 + 6] = IPPROTO_FRAGMENT;
    g_assert_false(find(other, frame_len(&ip6)));
}

static void test_other_protocols(void)
{
    g_autofree uint8_t *frame = build(&shapes[0]);
    size_t len = frame_len(&shapes[0]);

    for (unsigned int protocol = 0; protocol <= UINT8_MAX; protocol++) {
        frame[14 + 9] = protocol;
        g_assert_cmpint(find(frame, len), ==, protocol == IPPROTO_TCP ||
                                              protocol == IPPROTO_UDP);
    }
    frame[14 + 9] = IPPROTO_TCP;
    stw_be_p(frame + 12, 0x0806);
    g_assert_false(find(frame, len));
}

static void test_bad_headers(void)
{
    g_autofree uint8_t *frame = build(&shapes[0]);
    size_t len = frame_len(&shapes[0]);

    frame[14] = 0x65;                   /* version */
    g_assert_false(find(frame, len));
    frame[14] = 0x44;                   /* header length */
    g_assert_false(find(frame, len));
    frame[14] = 0x45;
    stw_be_p(frame + 14 + 2, 39);       /* ends within the TCP header */
    g_assert_false(find(frame, len));
    stw_be_p(frame + 14 + 2, 40);
    g_assert_true(find(frame, len));
    frame[14 + 20 + 12] = 0x40;         /* TCP header's length */
    g_assert_false(find(frame, len));
}

static void test_complete(void)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const Shape *s = &shapes[i];
        g_autofree uint8_t *frame = build(s);
        XenNicPgHeaders headers;

        g_assert_true(xen_nic_pg_find_headers(frame, frame_len(s), &headers));
        xen_nic_pg_complete_checksum(frame, &headers, frame_len(s));
        check_checksum(s, frame, frame_len(s));
    }
}

/* Whoever completes it adds up all from the TCP or UDP header on. */
static void test_blank(void)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const Shape *s = &shapes[i];
        g_autofree uint8_t *frame = build(s);
        size_t l4_len = frame_len(s) - l4_at(s);
        XenNicPgHeaders headers;

        g_assert_true(xen_nic_pg_find_headers(frame, frame_len(s), &headers));
        xen_nic_pg_blank_checksum(frame, &headers, frame_len(s));
        g_assert_cmphex(lduw_be_p(frame + field_at(s)), ==,
                        sum_pseudo(s, frame, l4_len));
        stw_be_p(frame + field_at(s),
                 ~sum_words(0, frame + l4_at(s), l4_len));
        check_checksum(s, frame, frame_len(s));
    }
}

/* A payload that makes the UDP checksum 0, which is sent as 0xffff */
static void test_udp_zero(void)
{
    static const Shape s = { 0, 4, 0, IPPROTO_UDP, 0, 2 };
    g_autofree uint8_t *frame = build(&s);
    XenNicPgHeaders headers;

    g_assert_true(xen_nic_pg_find_headers(frame, frame_len(&s), &headers));
    stw_be_p(frame + payload_at(&s), 0);
    xen_nic_pg_complete_checksum(frame, &headers, frame_len(&s));
    stw_be_p(frame + payload_at(&s), lduw_be_p(frame + field_at(&s)));
    xen_nic_pg_complete_checksum(frame, &headers, frame_len(&s));
    g_assert_cmphex(lduw_be_p(frame + field_at(&s)), ==, 0xffff);
    check_checksum(&s, frame, frame_len(&s));
}

/* Padding up to Ethernet's least length isn't part of the sum. */
static void test_padding(void)
{
    static const Shape s = { 0, 4, 0, IPPROTO_TCP, 0, 1 };
    g_autofree uint8_t *packet = build(&s);
    uint8_t frame[60];
    XenNicPgHeaders headers;

    memset(frame, 0xee, sizeof(frame));
    memcpy(frame, packet, frame_len(&s));
    g_assert_true(xen_nic_pg_find_headers(frame, sizeof(frame), &headers));
    xen_nic_pg_complete_checksum(frame, &headers, sizeof(frame));
    check_checksum(&s, frame, frame_len(&s));
    xen_nic_pg_blank_checksum(frame, &headers, sizeof(frame));
    g_assert_cmphex(lduw_be_p(frame + field_at(&s)), ==,
                    sum_pseudo(&s, frame, 21));
    g_assert_cmphex(frame[59], ==, 0xee);
}

static uint8_t expected_flags(uint8_t flags, bool first, bool last)
{
    return flags & (first ? 0xff : ~CWR) & (last ? 0xff : ~(FIN | PSH));
}

/* @at: how many bytes of payload came before; @whole: the large frame */
static void check_segment(const Shape *whole, const uint8_t *frame,
                          const uint8_t *out, size_t len, size_t at,
                          unsigned int index)
{
    Shape s = *whole;
    const uint8_t *ip = out + ip_at(&s), *l4 = out + l4_at(&s);

    s.payload = len - payload_at(&s);
    g_assert_cmpmem(out + payload_at(&s), s.payload,
                    frame + payload_at(&s) + at, s.payload);
    g_assert(memcmp(out, frame, ip_at(&s)) == 0);
    if (s.version == 4) {
        g_assert_cmpuint(lduw_be_p(ip + 2), ==, len - ip_at(&s));
        g_assert_cmphex(lduw_be_p(ip + 4), ==,
                        (uint16_t)(FIRST_ID + index));
        g_assert_cmphex(sum_words(0, ip, 20 + s.extra), ==, 0xffff);
    } else {
        g_assert_cmpuint(lduw_be_p(ip + 4), ==, len - ip_at(&s) - 40);
    }
    g_assert_cmphex((uint32_t)ldl_be_p(l4 + 4), ==,
                    (uint32_t)(FIRST_SEQUENCE + at));
    g_assert_cmphex(l4[13], ==,
                    expected_flags(frame[l4_at(&s) + 13], index == 0,
                                   at + s.payload == whole->payload));
    check_checksum(&s, out, len);
}

static void check_segments(const Shape *s, uint8_t flags,
                           unsigned int gso_size)
{
    g_autofree uint8_t *frame = build(s);
    g_autofree uint8_t *out = g_malloc(XEN_NIC_PG_HEADERS_MAX + gso_size);
    unsigned int count, index = 0;
    XenNicPgSegmenter seg;
    size_t at = 0, len;

    frame[l4_at(s) + 13] = flags;
    count = xen_nic_pg_segment_start(&seg, frame, frame_len(s), gso_size);
    g_assert_cmpuint(count, ==, (s->payload + gso_size - 1) / gso_size);
    while ((len = xen_nic_pg_segment_next(&seg, out))) {
        g_assert_cmpuint(len, ==, payload_at(s) +
                                  MIN(gso_size, s->payload - at));
        check_segment(s, frame, out, len, at, index);
        at += len - payload_at(s);
        index++;
    }
    g_assert_cmpuint(index, ==, count);
    g_assert_cmpuint(at, ==, s->payload);
    g_assert_cmpuint(xen_nic_pg_segment_next(&seg, out), ==, 0);
}

static void check_all_flags(Shape s, unsigned int gso_size)
{
    static const uint8_t flags[] = {
        ACK, ACK | PSH, ACK | FIN, ACK | CWR, CWR | ACK | PSH | FIN, 0xff,
    };

    for (int i = 0; i < ARRAY_SIZE(flags); i++) {
        check_segments(&s, flags[i], gso_size);
    }
}

static void test_segments(void)
{
    for (unsigned int version = 4; version <= 6; version += 2) {
        Shape s = { 0, version, 0, IPPROTO_TCP, 12, 14480 };

        check_all_flags(s, 1448);
        s.payload = 14481;
        check_all_flags(s, 1448);
        s.payload = 1448;
        check_all_flags(s, 1448);
        s.payload = 1;
        check_all_flags(s, 1448);
        s.payload = 65000;
        check_all_flags(s, 1447);
        s.tags = 2;
        s.extra = 8;
        s.payload = 5000;
        check_all_flags(s, XEN_NIC_PG_MIN_GSO_SIZE);
    }
}

static void test_segments_refused(void)
{
    static const Shape empty = { 0, 4, 0, IPPROTO_TCP, 0, 0 };
    static const Shape udp = { 0, 4, 0, IPPROTO_UDP, 0, 1000 };
    g_autofree uint8_t *tcp_frame = build(&shapes[0]);
    g_autofree uint8_t *empty_frame = build(&empty);
    g_autofree uint8_t *udp_frame = build(&udp);
    XenNicPgSegmenter seg;

    for (unsigned int size = 0; size < 60; size++) {
        g_assert_cmpint(xen_nic_pg_segment_start(&seg, tcp_frame,
                                                 frame_len(&shapes[0]),
                                                 size) != 0, ==, size >= 48);
    }
    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, empty_frame,
                                              frame_len(&empty), 100), ==, 0);
    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, udp_frame,
                                              frame_len(&udp), 100), ==, 0);
    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, tcp_frame, 40, 100), ==,
                     0);
}

/* An IP header's length ends at 65,535: headers included, or not in IPv6. */
static void check_largest_segment(const Shape *s, unsigned int largest)
{
    g_autofree uint8_t *frame = build(s);
    XenNicPgSegmenter seg;

    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, frame, frame_len(s),
                                              largest), ==, 2);
    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, frame, frame_len(s),
                                              largest + 1), ==, 0);
    check_segments(s, 0, largest);
}

static void test_largest_segments(void)
{
    static const Shape v4 = { 0, 4, 0, IPPROTO_TCP, 0, 70000 };
    static const Shape v6 = { 1, 6, 0, IPPROTO_TCP, 12, 70000 };
    static const Shape small = { 0, 4, 0, IPPROTO_TCP, 0, 1000 };
    g_autofree uint8_t *frame = build(&small);
    XenNicPgSegmenter seg;

    check_largest_segment(&v4, 65535 - 20 - 20);
    check_largest_segment(&v6, 65535 - 20 - 12);
    g_assert_cmpuint(xen_nic_pg_segment_start(&seg, frame, frame_len(&small),
                                              65535), ==, 1);
}

static void test_random_segments(void)
{
    for (int i = 0; i < 300; i++) {
        Shape s = {
            .tags = g_test_rand_int_range(0, 3),
            .version = g_test_rand_int_range(0, 2) ? 4 : 6,
            .extra = 8 * g_test_rand_int_range(0, 3),
            .protocol = IPPROTO_TCP,
            .tcp_options = 4 * g_test_rand_int_range(0, 5),
            .payload = g_test_rand_int_range(1, 20000),
        };

        check_segments(&s, g_test_rand_int(),
                       g_test_rand_int_range(XEN_NIC_PG_MIN_GSO_SIZE, 3000));
    }
}

/* Damaged frames: nothing but their own memory is touched. */
static void check_damaged(uint8_t *frame, size_t len)
{
    unsigned int gso_size = g_test_rand_int_range(0, 2000);
    g_autofree uint8_t *out = g_malloc(XEN_NIC_PG_HEADERS_MAX + gso_size);
    XenNicPgSegmenter seg;
    XenNicPgHeaders headers;
    size_t sum = 0, out_len;

    if (!xen_nic_pg_find_headers(frame, len, &headers)) {
        return;
    }
    g_assert_cmpuint(headers.ip, >=, 14);
    g_assert_cmpuint(headers.l4, >=, headers.ip + 20);
    g_assert_cmpuint(headers.payload, >=, headers.l4 + 8);
    g_assert_cmpuint(headers.payload, <=, MIN(len, XEN_NIC_PG_HEADERS_MAX));
    xen_nic_pg_blank_checksum(frame, &headers, len);
    xen_nic_pg_complete_checksum(frame, &headers, len);
    if (xen_nic_pg_segment_start(&seg, frame, len, gso_size)) {
        while ((out_len = xen_nic_pg_segment_next(&seg, out))) {
            sum += out_len - headers.payload;
        }
        g_assert_cmpuint(sum, ==, len - headers.payload);
    }
}

static void test_random_damage(void)
{
    for (int i = 0; i < 50000; i++) {
        const Shape *s = &shapes[g_test_rand_int_range(0,
                                                       ARRAY_SIZE(shapes))];
        g_autofree uint8_t *frame = build(s);
        size_t len = g_test_rand_int_range(0, frame_len(s) + 1);
        g_autofree uint8_t *part = g_memdup2(frame, len);

        for (int j = g_test_rand_int_range(0, 6); len && j > 0; j--) {
            part[g_test_rand_int_range(0, MIN(len, 128))] = g_test_rand_int();
        }
        check_damaged(part, len);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-nic-pg-offload/headers", test_headers);
    g_test_add_func("/xen-nic-pg-offload/far-headers", test_far_headers);
    g_test_add_func("/xen-nic-pg-offload/many-tags", test_many_tags);
    g_test_add_func("/xen-nic-pg-offload/fragments", test_fragments);
    g_test_add_func("/xen-nic-pg-offload/other-protocols",
                    test_other_protocols);
    g_test_add_func("/xen-nic-pg-offload/bad-headers", test_bad_headers);
    g_test_add_func("/xen-nic-pg-offload/complete", test_complete);
    g_test_add_func("/xen-nic-pg-offload/blank", test_blank);
    g_test_add_func("/xen-nic-pg-offload/udp-zero", test_udp_zero);
    g_test_add_func("/xen-nic-pg-offload/padding", test_padding);
    g_test_add_func("/xen-nic-pg-offload/segments", test_segments);
    g_test_add_func("/xen-nic-pg-offload/segments-refused",
                    test_segments_refused);
    g_test_add_func("/xen-nic-pg-offload/largest-segments",
                    test_largest_segments);
    g_test_add_func("/xen-nic-pg-offload/random-segments",
                    test_random_segments);
    g_test_add_func("/xen-nic-pg-offload/random-damage", test_random_damage);
    return g_test_run();
}
