/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of headers, checksums and segmentation
 *
 * The input begins with two numbers of 16 bits, little endian: the payload of
 * a segment, and by how many bytes the frame is to be longer than what is
 * left of the input, which is the frame's beginning.  So a small input makes
 * a large frame.
 *
 * A checksum is judged by the plainest code there is, and by the rule that
 * the sum over what it covers is then nothing.  What segments carry must be
 * the frame's payload again.  All frames are in memory of just their size, so
 * that AddressSanitizer finds a look beyond them.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <netinet/in.h>
#include "hw/net/xen_nic_pg_offload.h"
#include "fuzz.h"

/* As xen_nic_pg_rx.c takes them from the netdev */
#define MAX_FRAME (65535 + XEN_NIC_PG_HEADERS_MAX)

#define INPUT_HEADER 4
#define FIN 0x01
#define PSH 0x08
#define CWR 0x80

/*
 * Checksums
 */

/* The sum in ones' complement of bytes that begin at an even place. */
static uint16_t sum_bytes(uint16_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t next = sum + (i % 2 ? data[i] : data[i] << 8);

        sum = (next & 0xffff) + (next >> 16);
    }
    return sum;
}

/* Where the packet ends by its own account, but within the frame */
static size_t find_end(const uint8_t *frame, size_t len,
                       const XenNicPgHeaders *headers)
{
    const uint8_t *ip = frame + headers->ip;
    size_t ip_len = headers->ip_version == 4 ? lduw_be_p(ip + 2)
                                             : 40 + lduw_be_p(ip + 4);

    return MIN(len, headers->ip + ip_len);
}

/* The sum over the pseudo header */
static uint16_t sum_pseudo(const uint8_t *frame, size_t len,
                           const XenNicPgHeaders *headers)
{
    const uint8_t *ip = frame + headers->ip;
    uint8_t tail[8] = { 0 };
    uint16_t sum = headers->ip_version == 4 ? sum_bytes(0, ip + 12, 8)
                                            : sum_bytes(0, ip + 8, 32);

    stl_be_p(tail, find_end(frame, len, headers) - headers->l4);
    tail[7] = headers->protocol;
    return sum_bytes(sum, tail, sizeof(tail));
}

/* The sum over pseudo header, header and payload */
static uint16_t sum_all(const uint8_t *frame, size_t len,
                        const XenNicPgHeaders *headers)
{
    size_t end = find_end(frame, len, headers);

    fuzz_check(end >= headers->payload);
    return sum_bytes(sum_pseudo(frame, len, headers), frame + headers->l4,
                     end - headers->l4);
}

static uint8_t *find_field(uint8_t *frame, const XenNicPgHeaders *headers)
{
    return frame + headers->l4 + xen_nic_pg_checksum_field(headers);
}

/* Is the frame the same but for its checksum field? */
static void check_rest(uint8_t *frame, const uint8_t *original, size_t len,
                       const XenNicPgHeaders *headers)
{
    size_t field = find_field(frame, headers) - frame;

    fuzz_check(field >= headers->l4 && field + 2 <= headers->payload);
    fuzz_check(!memcmp(frame, original, field));
    fuzz_check(!memcmp(frame + field + 2, original + field + 2,
                       len - field - 2));
}

static void check_complete(const uint8_t *original, size_t len,
                           const XenNicPgHeaders *headers)
{
    g_autofree uint8_t *frame = g_memdup2(original, len);

    xen_nic_pg_complete_checksum(frame, headers, len);
    check_rest(frame, original, len, headers);
    fuzz_check(sum_all(frame, len, headers) == 0xffff);
    fuzz_check(headers->protocol != IPPROTO_UDP ||
               lduw_be_p(find_field(frame, headers)));
}

/* A blank checksum is what the one who completes it begins with. */
static void check_blank(const uint8_t *original, size_t len,
                        const XenNicPgHeaders *headers)
{
    g_autofree uint8_t *frame = g_memdup2(original, len);
    uint16_t sum;

    xen_nic_pg_blank_checksum(frame, headers, len);
    check_rest(frame, original, len, headers);
    sum = sum_bytes(0, frame + headers->l4,
                    find_end(frame, len, headers) - headers->l4);
    stw_be_p(find_field(frame, headers), ~sum);
    fuzz_check(sum_all(frame, len, headers) == 0xffff);
}

/*
 * Headers
 */

static bool find_in_copy(const uint8_t *frame, size_t len,
                         XenNicPgHeaders *headers)
{
    g_autofree uint8_t *copy = g_memdup2(frame, len);

    return xen_nic_pg_find_headers(copy, len, headers);
}

static void check_same(const XenNicPgHeaders *a, const XenNicPgHeaders *b)
{
    fuzz_check(a->ip == b->ip && a->l4 == b->l4 && a->payload == b->payload);
    fuzz_check(a->ip_version == b->ip_version && a->protocol == b->protocol);
}

static void check_headers(const uint8_t *frame, size_t len,
                          const XenNicPgHeaders *headers)
{
    size_t l4_len = headers->payload - headers->l4;
    bool v4 = headers->ip_version == 4;

    fuzz_check(headers->ip >= 14);
    fuzz_check(headers->l4 >= headers->ip + (v4 ? 20 : 40));
    fuzz_check(headers->payload > headers->l4);
    fuzz_check(headers->payload <= MIN(len, XEN_NIC_PG_HEADERS_MAX));
    fuzz_check(v4 || headers->ip_version == 6);
    fuzz_check(frame[headers->ip] >> 4 == headers->ip_version);
    fuzz_check(lduw_be_p(frame + headers->ip - 2) == (v4 ? 0x0800 : 0x86dd));
    if (headers->protocol == IPPROTO_TCP) {
        fuzz_check(l4_len == (frame[headers->l4 + 12] >> 4) * 4);
        fuzz_check(l4_len >= 20);
    } else {
        fuzz_check(headers->protocol == IPPROTO_UDP && l4_len == 8);
    }
}

/* They are found in as many bytes as they have, and in no fewer. */
static void check_bounds(const uint8_t *frame, const XenNicPgHeaders *headers)
{
    XenNicPgHeaders again;

    fuzz_check(find_in_copy(frame, headers->payload, &again));
    check_same(headers, &again);
    for (size_t len = 0; len < headers->payload; len++) {
        fuzz_check(!find_in_copy(frame, len, &again));
    }
}

/*
 * Segments
 */

static void check_segment_ip(const XenNicPgSegmenter *seg, const uint8_t *out,
                             size_t len, unsigned int index)
{
    const XenNicPgHeaders *headers = &seg->headers;
    const uint8_t *ip = out + headers->ip, *was = seg->frame + headers->ip;

    if (headers->ip_version == 6) {
        fuzz_check(lduw_be_p(ip + 4) == len - headers->ip - 40);
        return;
    }
    fuzz_check(lduw_be_p(ip + 2) == len - headers->ip);
    fuzz_check(lduw_be_p(ip + 4) == ((lduw_be_p(was + 4) + index) & 0xffff));
    fuzz_check(sum_bytes(0, ip, headers->l4 - headers->ip) == 0xffff);
}

static void check_segment_tcp(const XenNicPgSegmenter *seg, const uint8_t *out,
                              size_t done, bool last)
{
    const uint8_t *tcp = out + seg->headers.l4;
    const uint8_t *was = seg->frame + seg->headers.l4;
    uint8_t cleared = (last ? 0 : FIN | PSH) | (done ? CWR : 0);

    fuzz_check(ldl_be_p(tcp + 4) == (uint32_t)(ldl_be_p(was + 4) + done));
    fuzz_check(tcp[13] == (was[13] & ~cleared));
}

static void check_segment(const XenNicPgSegmenter *seg, const uint8_t *out,
                          size_t len, unsigned int index)
{
    size_t start = seg->headers.payload;
    size_t done = (size_t)index * seg->gso_size;
    bool last = start + done + seg->gso_size >= seg->len;
    size_t payload = last ? seg->len - start - done : seg->gso_size;

    fuzz_check(len == start + payload);
    fuzz_check(!memcmp(out + start, seg->frame + start + done, payload));
    check_segment_ip(seg, out, len, index);
    check_segment_tcp(seg, out, done, last);
    fuzz_check(sum_all(out, len, &seg->headers) == 0xffff);
}

static void check_segments(const uint8_t *frame, size_t len,
                           unsigned int gso_size)
{
    size_t room = XEN_NIC_PG_HEADERS_MAX + gso_size;
    g_autofree uint8_t *out = g_malloc(room);
    XenNicPgSegmenter seg;
    unsigned int nr = xen_nic_pg_segment_start(&seg, frame, len, gso_size);
    size_t segment;

    if (!nr) {
        return;
    }
    fuzz_check(gso_size >= XEN_NIC_PG_MIN_GSO_SIZE);
    for (unsigned int i = 0; i < nr; i++) {
        memset(out, 0xa5, room);
        segment = xen_nic_pg_segment_next(&seg, out);
        fuzz_check(segment <= room);
        check_segment(&seg, out, segment, i);
    }
    fuzz_check(xen_nic_pg_segment_next(&seg, out) == 0);
}

static void check_all(const uint8_t *frame, size_t len, unsigned int gso_size)
{
    XenNicPgHeaders headers, start;
    bool found = xen_nic_pg_find_headers(frame, len, &headers);

    fuzz_check(found == find_in_copy(frame, MIN(len, XEN_NIC_PG_HEADERS_MAX),
                                     &start));
    if (!found) {
        return;
    }
    check_same(&headers, &start);
    check_headers(frame, len, &headers);
    check_bounds(frame, &headers);
    check_complete(frame, len, &headers);
    check_blank(frame, len, &headers);
    check_segments(frame, len, gso_size);
}

/* The frame that the input describes; @size is its own first bytes' number. */
static uint8_t *make_frame(const uint8_t *data, size_t size, size_t len)
{
    uint8_t *frame = g_malloc(len);

    memcpy(frame, data, size);
    for (size_t i = size; i < len; i++) {
        frame[i] = i * 7 + (i >> 8);
    }
    return frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *frame = NULL;
    size_t len;

    if (size <= INPUT_HEADER || size > MAX_FRAME) {
        return 0;
    }
    size -= INPUT_HEADER;
    len = MIN(size + lduw_le_p(data + 2), MAX_FRAME);
    frame = make_frame(data + INPUT_HEADER, size, len);
    check_all(frame, len, lduw_le_p(data));
    return 0;
}
