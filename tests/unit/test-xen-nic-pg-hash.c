/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of hashes over headers, and of the queues that they choose
 *
 * The addresses, ports and values are those of the published suite for
 * receive-side scaling ("Verifying the RSS Hash Calculation").
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <arpa/inet.h>
#include "hw/net/xen_nic_pg_hash.h"
#include "hw/net/xen_nic_pg_offload.h"

#define ETH_LEN 14
#define IP4_LEN 20
#define IP6_LEN 40
#define TCP_LEN 20

#define ALL_TYPES XEN_NIC_PG_HASH_TYPES

static const XenNicPgHash published = {
    .algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
    .types = ALL_TYPES,
    .key = {
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
        0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
        0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
        0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
        0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    },
};

typedef struct Known {
    const char *source;
    uint16_t source_port;
    const char *destination;
    uint16_t destination_port;
    uint32_t ip;
    uint32_t tcp;
} Known;

static const Known known[] = {
    { "66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178 },
    { "199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea },
    { "24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a },
    { "38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f },
    { "153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5,
      0x10e828a2 },
    { "3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5,
      0x40207d3d },
    { "3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c,
      0xdde51bbf },
    { "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
      "fe80::200:f8ff:fe21:67cf", 38024, 0x4b61e985, 0x02d1feef },
};

typedef struct Frame {
    uint8_t data[XEN_NIC_PG_HEADERS_MAX];
    size_t len;
    uint8_t *ip;
} Frame;

static bool is_ip6(const Known *k)
{
    return strchr(k->source, ':');
}

static void put_ip4(Frame *frame, const Known *k, uint8_t protocol)
{
    stw_be_p(frame->data + 12, 0x0800);
    frame->ip[0] = 0x45;
    frame->ip[9] = protocol;
    g_assert_cmpint(inet_pton(AF_INET, k->source, frame->ip + 12), ==, 1);
    g_assert_cmpint(inet_pton(AF_INET, k->destination, frame->ip + 16), ==, 1);
    frame->len = ETH_LEN + IP4_LEN;
    stw_be_p(frame->ip + 2, IP4_LEN + TCP_LEN);
}

static void put_ip6(Frame *frame, const Known *k, uint8_t protocol)
{
    stw_be_p(frame->data + 12, 0x86dd);
    frame->ip[0] = 0x60;
    frame->ip[6] = protocol;
    g_assert_cmpint(inet_pton(AF_INET6, k->source, frame->ip + 8), ==, 1);
    g_assert_cmpint(inet_pton(AF_INET6, k->destination, frame->ip + 24), ==,
                    1);
    frame->len = ETH_LEN + IP6_LEN;
    stw_be_p(frame->ip + 4, TCP_LEN);
}

/* TCP's header is long enough for UDP's, too. */
static void make_frame(Frame *frame, const Known *k, uint8_t protocol)
{
    memset(frame, 0, sizeof(*frame));
    frame->ip = frame->data + ETH_LEN;
    if (is_ip6(k)) {
        put_ip6(frame, k, protocol);
    } else {
        put_ip4(frame, k, protocol);
    }
    stw_be_p(frame->data + frame->len, k->source_port);
    stw_be_p(frame->data + frame->len + 2, k->destination_port);
    frame->data[frame->len + 12] = TCP_LEN / 4 << 4;
    frame->len += TCP_LEN;
}

static void check_hash(const Known *k, uint8_t protocol, uint32_t types,
                       uint8_t type, uint32_t value)
{
    XenNicPgHash hash = published;
    XenNicPgHashValue got;
    Frame frame;

    hash.types = types;
    make_frame(&frame, k, protocol);
    got = xen_nic_pg_hash_frame(&hash, frame.data, frame.len);
    g_assert_true(got.valid);
    g_assert_cmpuint(got.type, ==, type);
    g_assert_cmphex(got.value, ==, value);
}

static void check_no_hash(const uint8_t *frame, size_t len, uint32_t types)
{
    XenNicPgHash hash = published;

    hash.types = types;
    g_assert_false(xen_nic_pg_hash_frame(&hash, frame, len).valid);
}

static void test_known_answers(void)
{
    for (int i = 0; i < ARRAY_SIZE(known); i++) {
        const Known *k = &known[i];
        uint8_t ip = is_ip6(k) ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6
                               : _XEN_NETIF_CTRL_HASH_TYPE_IPV4;
        uint8_t tcp = is_ip6(k) ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP
                                : _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;

        check_hash(k, IPPROTO_TCP, ALL_TYPES, tcp, k->tcp);
        check_hash(k, IPPROTO_TCP, 1u << tcp, tcp, k->tcp);
        check_hash(k, IPPROTO_TCP, 1u << ip, ip, k->ip);
        check_hash(k, IPPROTO_UDP, ALL_TYPES, ip, k->ip);
        check_hash(k, IPPROTO_ICMP, ALL_TYPES, ip, k->ip);
    }
}

static void test_no_type_fits(void)
{
    Frame frame;

    make_frame(&frame, &known[0], IPPROTO_TCP);
    check_no_hash(frame.data, frame.len, 0);
    check_no_hash(frame.data, frame.len, XEN_NETIF_CTRL_HASH_TYPE_IPV6 |
                                         XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP);
    make_frame(&frame, &known[0], IPPROTO_UDP);
    check_no_hash(frame.data, frame.len, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
    stw_be_p(frame.data + 12, 0x0806);
    check_no_hash(frame.data, frame.len, ALL_TYPES);
}

/* A fragment's ports aren't known, so both halves have the addresses' hash. */
static void test_fragment(void)
{
    XenNicPgHashValue got;
    Frame frame;

    make_frame(&frame, &known[0], IPPROTO_TCP);
    stw_be_p(frame.ip + 6, 0x2000);
    got = xen_nic_pg_hash_frame(&published, frame.data, frame.len);
    g_assert_true(got.valid);
    g_assert_cmphex(got.value, ==, known[0].ip);
}

/* Memory of just the frame's size, so that ASan sees a read beyond. */
static void test_truncated(void)
{
    for (int i = 0; i < ARRAY_SIZE(known); i++) {
        Frame frame;

        make_frame(&frame, &known[i], IPPROTO_TCP);
        for (size_t len = 0; len < frame.len; len++) {
            g_autofree uint8_t *copy = g_memdup2(frame.data, len);

            xen_nic_pg_hash_frame(&published, copy, len);
            xen_nic_pg_hash_flow(copy, len);
            if (len < frame.len - TCP_LEN) {
                check_no_hash(copy, len, ALL_TYPES);
            }
        }
    }
}

static void test_off(void)
{
    XenNicPgHash hash = published;

    g_assert_true(xen_nic_pg_hash_is_on(&hash));
    hash.types = 0;
    g_assert_false(xen_nic_pg_hash_is_on(&hash));
    hash = published;
    hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_NONE;
    g_assert_false(xen_nic_pg_hash_is_on(&hash));
}

static void test_queue(void)
{
    XenNicPgHash hash = published;

    for (uint32_t value = 0; value < 100; value++) {
        g_assert_cmpuint(xen_nic_pg_hash_queue(&hash, value, 3), ==,
                         value % 3);
    }
    hash.mapping_size = 5;
    for (uint32_t i = 0; i < hash.mapping_size; i++) {
        hash.mapping[i] = (i * i + 1) % 3;
    }
    for (uint32_t value = UINT32_MAX - 100; value != 0; value++) {
        g_assert_cmpuint(xen_nic_pg_hash_queue(&hash, value, 3), ==,
                         (value % 5 * (value % 5) + 1) % 3);
    }
}

/* Flows that differ in a port alone reach all of a few queues, UDP's, too. */
static void test_flow(void)
{
    static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

    for (int i = 0; i < ARRAY_SIZE(protocols); i++) {
        unsigned int counts[4] = { 0 };

        for (unsigned int port = 1000; port < 1400; port++) {
            Known k = known[0];
            Frame frame;
            uint32_t hash;

            k.source_port = port;
            make_frame(&frame, &k, protocols[i]);
            hash = xen_nic_pg_hash_flow(frame.data, frame.len);
            g_assert_cmpuint(hash, ==,
                             xen_nic_pg_hash_flow(frame.data, frame.len));
            counts[hash % ARRAY_SIZE(counts)]++;
        }
        for (int j = 0; j < ARRAY_SIZE(counts); j++) {
            g_assert_cmpuint(counts[j], >, 50);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-nic-pg-hash/known-answers", test_known_answers);
    g_test_add_func("/xen-nic-pg-hash/no-type-fits", test_no_type_fits);
    g_test_add_func("/xen-nic-pg-hash/fragment", test_fragment);
    g_test_add_func("/xen-nic-pg-hash/truncated", test_truncated);
    g_test_add_func("/xen-nic-pg-hash/off", test_off);
    g_test_add_func("/xen-nic-pg-hash/queue", test_queue);
    g_test_add_func("/xen-nic-pg-hash/flow", test_flow);
    return g_test_run();
}
