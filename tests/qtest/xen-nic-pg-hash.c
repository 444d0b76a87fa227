/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the frames that a guest receives are hashed, and which of its queues they
 * go to, as it has asked for on the control ring
 *
 * Each message is tried with all that it allows and with what it doesn't; one
 * that is refused must change nothing.  What was asked for doesn't outlast the
 * connection.
 *
 * Hashes are compared with the published vectors of receive side scaling, and
 * with what netif.h's own implementation makes of random frames and keys.  Of
 * frames that only nearly are IP or TCP, none may be hashed as what it isn't.
 *
 * Queues have threads with a tap only; what is tested on one is skipped where
 * network namespaces aren't allowed.
 */

/* netif.h is to define xen_netif_toeplitz_hash(). */
#define XEN_NETIF_DEFINE_TOEPLITZ

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "control.h"
#include "flipper.h"
#include "frames.h"
#include "raw.h"
#include "tap.h"

#define NONE XEN_NETIF_CTRL_HASH_ALGORITHM_NONE
#define TOEPLITZ XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ

#define FRAME 200
#define KEY_SIZE 40

/* The four that netif.h knows */
#define ALL_TYPES 0xf

/* In place of a type's number: the frame isn't hashed */
#define NO_TYPE 4

static uint8_t frame[VIF_TEST_MAX_FRAME];

/*
 * Frames and their hashes
 */

/* The key of the published vectors */
static const uint8_t published_key[KEY_SIZE] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
    0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
    0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static void set_key(VifTest *test, const void *key, uint32_t size)
{
    g_assert_cmpuint(xensim_front_set_hash_key(test->front, key, size), ==,
                     STATUS(SUCCESS));
}

static void start_hashing(VifTest *test, uint32_t types)
{
    control_set(test, CTRL(SET_HASH_ALGORITHM), TOEPLITZ);
    set_key(test, published_key, KEY_SIZE);
    control_set(test, CTRL(SET_HASH_FLAGS), types);
}

static void post(VifTest *test)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_post_rx(test->front, i, XENSIM_RX_SLOTS);
    }
}

/* The network sends the frame, and the guest receives it. */
static XensimRxFrame *deliver(VifTest *test, size_t len, unsigned int *queue)
{
    XensimRxFrame *rx;

    post(test);
    vif_test_peer_send(test, NULL, frame, len);
    rx = vif_test_receive_any(test, queue);
    g_assert_cmpmem(rx->data, rx->len, frame, len);
    return rx;
}

/* The addresses, and maybe the ports, stand together in a frame. */
static uint32_t hash_of(const uint8_t *key, size_t key_size, FrameKind kind,
                        bool with_ports)
{
    size_t start = frame_addresses(kind);
    size_t end = frame_l4(kind) + (with_ports ? 4 : 0);

    return xen_netif_toeplitz_hash(key, key_size, frame + start, end - start);
}

/* Returns the type as which a frame has to be hashed. */
static unsigned int find_type(uint32_t types, FrameKind kind)
{
    unsigned int tcp = kind.ipv6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP
                                 : _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;
    unsigned int ip = kind.ipv6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6
                                : _XEN_NETIF_CTRL_HASH_TYPE_IPV4;

    if (kind.tcp && (types & (1u << tcp))) {
        return tcp;
    }
    return types & (1u << ip) ? ip : NO_TYPE;
}

static bool has_ports(unsigned int type)
{
    return type == _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP ||
           type == _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;
}

/* Returns the type as which a frame was hashed; the hash is its last extra. */
static unsigned int read_hash(const XensimRxFrame *rx, uint32_t *value)
{
    const netif_extra_info_t *extra = &rx->extras[MAX(rx->nr_extras, 1) - 1];
    const uint8_t *bytes = extra->u.hash.value;

    if (!rx->nr_extras || extra->type != XEN_NETIF_EXTRA_TYPE_HASH) {
        return NO_TYPE;
    }
    g_assert_cmpuint(extra->flags, ==, 0);
    g_assert_cmpuint(extra->u.hash.algorithm, ==, TOEPLITZ);
    g_assert_cmpuint(extra->u.hash.type, <, NO_TYPE);
    *value = bytes[0] | bytes[1] << 8 | bytes[2] << 16 |
             (uint32_t)bytes[3] << 24;
    return extra->u.hash.type;
}

/* The frame has this hash, or none if @type says so, and no other extra. */
static void expect_hash(const XensimRxFrame *rx, unsigned int type,
                        uint32_t value)
{
    uint32_t got = 0;

    g_assert_cmpuint(read_hash(rx, &got), ==, type);
    g_assert_cmphex(got, ==, type == NO_TYPE ? 0 : value);
    g_assert_cmpuint(rx->nr_extras, ==, type != NO_TYPE);
}

/* Returns the queue that the frame has come to. */
static unsigned int deliver_hashed(VifTest *test, size_t len,
                                   unsigned int type, uint32_t value)
{
    unsigned int queue;
    XensimRxFrame *rx = deliver(test, len, &queue);

    expect_hash(rx, type, value);
    xensim_rx_frame_free(rx);
    return queue;
}

/*
 * Algorithm and types
 */

static void test_algorithm(void)
{
    static const ControlExchange exchanges[] = {
        /* There is none in the beginning. */
        { .type = CTRL(GET_HASH_FLAGS), .status = STATUS(NOT_SUPPORTED) },
        { .type = CTRL(SET_HASH_FLAGS), .data = 0,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_FLAGS), .data = 1,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = 2,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = UINT32_MAX,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(GET_HASH_FLAGS), .status = STATUS(NOT_SUPPORTED) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = NONE },
        { .type = CTRL(GET_HASH_FLAGS), .status = STATUS(NOT_SUPPORTED) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = TOEPLITZ },
        { .type = CTRL(GET_HASH_FLAGS), .answer = ALL_TYPES },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = 2,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = 0x10001,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(GET_HASH_FLAGS), .answer = ALL_TYPES },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = NONE },
        { .type = CTRL(GET_HASH_FLAGS), .status = STATUS(NOT_SUPPORTED) },
        { .type = CTRL(SET_HASH_FLAGS), .data = 1,
          .status = STATUS(INVALID_PARAMETER) },
    };
    VifTest *test = control_connect_new();

    control_exchange(test, exchanges, G_N_ELEMENTS(exchanges));
    control_recover(test);
}

static void test_types(void)
{
    static const FrameKind kind = { .tcp = true };
    VifTest *test = control_connect_new();
    uint32_t hash;

    start_hashing(test, 0);
    for (uint32_t types = 0; types <= ALL_TYPES; types++) {
        control_set(test, CTRL(SET_HASH_FLAGS), types);
    }
    for (unsigned int bit = 4; bit < 32; bit++) {
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_FLAGS),
                       1u << bit, 0, 0);
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_FLAGS),
                       1u << bit | XEN_NETIF_CTRL_HASH_TYPE_IPV4, 0, 0);
    }
    /* Those that hold are the last that were good. */
    frame_make(frame, FRAME, kind);
    hash = hash_of(published_key, KEY_SIZE, kind, true);
    deliver_hashed(test, FRAME, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, hash);

    control_set(test, CTRL(SET_HASH_FLAGS), 0);
    deliver_hashed(test, FRAME, NO_TYPE, 0);
    control_set(test, CTRL(SET_HASH_FLAGS), ALL_TYPES);
    deliver_hashed(test, FRAME, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, hash);
    control_set(test, CTRL(SET_HASH_ALGORITHM), NONE);
    deliver_hashed(test, FRAME, NO_TYPE, 0);
    control_recover(test);
}

/**
 * Vector: what was published of a flow
 * @source, destination: its addresses
 * @source_port, destination_port: its ports
 * @ip_hash, tcp_hash: its hashes without and with the ports
 */
typedef struct Vector {
    bool ipv6;
    const char *source, *destination;
    uint16_t source_port, destination_port;
    uint32_t ip_hash, tcp_hash;
} Vector;

/* "Verifying the RSS Hash Calculation", Microsoft, for NDIS 6 */
static const Vector vectors[] = {
    { false, "66.9.149.187", "161.142.100.80", 2794, 1766,
      0x323e8fc2, 0x51ccc178 },
    { false, "199.92.111.2", "65.69.140.83", 14230, 4739,
      0xd718262a, 0xc626b0ea },
    { false, "24.19.198.95", "12.22.207.184", 12898, 38024,
      0xd2d0a5de, 0x5c2b394a },
    { false, "38.27.205.30", "209.142.163.6", 48228, 2217,
      0x82989176, 0xafc7327f },
    { false, "153.39.163.191", "202.188.127.2", 44251, 1303,
      0x5d1809c5, 0x10e828a2 },
    { true, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766,
      0x2cc18cd5, 0x40207d3d },
    { true, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739,
      0x0f0c461c, 0xdde51bbf },
    { true, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf",
      44251, 38024, 0x4b61e985, 0x02d1feef },
};

static void make_vector(const Vector *vector, FrameKind kind)
{
    int family = vector->ipv6 ? AF_INET6 : AF_INET;
    uint8_t *addresses = frame + frame_addresses(kind);
    uint8_t *ports = frame + frame_l4(kind);
    uint16_t source_port = g_htons(vector->source_port);
    uint16_t destination_port = g_htons(vector->destination_port);

    vif_test_fill(frame, FRAME);
    inet_pton(family, vector->source, addresses);
    inet_pton(family, vector->destination,
              addresses + (ports - addresses) / 2);
    memcpy(ports, &source_port, 2);
    memcpy(ports + 2, &destination_port, 2);
    frame_make_headers(frame, FRAME, kind);
}

/* Of the types that are allowed, each frame is hashed by what says most. */
static void expect_vector(VifTest *test, const Vector *vector, uint32_t types,
                          FrameKind kind)
{
    unsigned int type = find_type(types, kind);
    uint32_t hash = has_ports(type) ? vector->tcp_hash : vector->ip_hash;
    unsigned int queue;

    make_vector(vector, kind);
    queue = deliver_hashed(test, FRAME, type, hash);
    if (type != NO_TYPE) {
        g_assert_cmpuint(queue, ==, hash % CONTROL_QUEUES);
    }
}

static void test_vectors(void)
{
    VifTest *test = control_connect_new();

    start_hashing(test, 0);
    for (uint32_t types = 0; types <= ALL_TYPES; types++) {
        control_set(test, CTRL(SET_HASH_FLAGS), types);
        for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
            for (unsigned int j = 0; j < 4; j++) {
                expect_vector(test, &vectors[i], types, (FrameKind) {
                    .ipv6 = vectors[i].ipv6, .tcp = j & 1, .vlan = j & 2,
                });
            }
        }
    }
    vif_test_free(test);
}

/**
 * OddFrame: a frame that isn't quite what it seems to be
 * @name: what is odd
 * @kind: what it was made as
 * @inserted: bytes of options, or of a header, before TCP's
 * @len: how much of it there is, from the IP header on; 0: all
 * @at, byte: what is changed in the IP header; nothing if both are 0
 * @may: how it may be hashed: bits by type, of NO_TYPE too
 */
typedef struct OddFrame {
    const char *name;
    FrameKind kind;
    size_t inserted;
    size_t len;
    size_t at;
    uint8_t byte;
    unsigned int may;
} OddFrame;

#define MAY_NOT (1u << NO_TYPE)
#define MAY_4 XEN_NETIF_CTRL_HASH_TYPE_IPV4
#define MAY_4_TCP XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP
#define MAY_6 XEN_NETIF_CTRL_HASH_TYPE_IPV6
#define MAY_6_TCP XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP

static const OddFrame odd_frames[] = {
    { "no-ipv4-header", { .tcp = true }, .len = 1, .may = MAY_NOT },
    { "short-ipv4-header", { .tcp = true }, .len = 19, .may = MAY_NOT },
    { "ipv4-version", { .tcp = true }, .at = 0, .byte = 0x65,
      .may = MAY_NOT | MAY_4 },
    { "ipv4-header-length", { .tcp = true }, .at = 0, .byte = 0x44,
      .may = MAY_NOT | MAY_4 },
    { "ipv4-no-ports", { .tcp = true }, .len = 23, .may = MAY_NOT | MAY_4 },
    { "ipv4-short-tcp", { .tcp = true }, .len = 24,
      .may = MAY_NOT | MAY_4 | MAY_4_TCP },
    { "ipv4-first-fragment", { .tcp = true }, .at = 6, .byte = 0x20,
      .may = MAY_4 },
    { "ipv4-other-fragment", { .tcp = true }, .at = 7, .byte = 1,
      .may = MAY_4 },
    { "ipv4-other-protocol", { .tcp = true }, .at = 9, .byte = 132,
      .may = MAY_4 },
    { "ipv4-options", { .tcp = true }, .inserted = 4, .at = 0, .byte = 0x46,
      .may = MAY_4_TCP },
    { "ipv4-all-options", { .tcp = true }, .inserted = 40, .at = 0,
      .byte = 0x4f, .may = MAY_4_TCP },
    { "no-ipv6-header", { .tcp = true, .ipv6 = true }, .len = 1,
      .may = MAY_NOT },
    { "short-ipv6-header", { .tcp = true, .ipv6 = true }, .len = 39,
      .may = MAY_NOT },
    { "ipv6-version", { .tcp = true, .ipv6 = true }, .at = 0, .byte = 0x45,
      .may = MAY_NOT | MAY_6 },
    { "ipv6-no-ports", { .tcp = true, .ipv6 = true }, .len = 43,
      .may = MAY_NOT | MAY_6 },
    { "ipv6-hop-by-hop", { .tcp = true, .ipv6 = true }, .inserted = 8, .at = 6,
      .byte = 0, .may = MAY_6 | MAY_6_TCP },
    { "ipv6-fragment", { .tcp = true, .ipv6 = true }, .inserted = 8, .at = 6,
      .byte = 44, .may = MAY_6 },
    { "ipv6-other-protocol", { .tcp = true, .ipv6 = true }, .at = 6,
      .byte = 132, .may = MAY_6 },
};

/* Options that do nothing, or an extension header before TCP's */
static void insert(const OddFrame *odd)
{
    static const uint8_t extension[8] = { IPPROTO_TCP, 0, 1, 4 };
    uint8_t *l4 = frame + frame_l4(odd->kind);

    memmove(l4 + odd->inserted, l4, FRAME - frame_l4(odd->kind));
    if (odd->kind.ipv6) {
        memcpy(l4, extension, odd->inserted);
    } else {
        memset(l4, 1, odd->inserted);
    }
}

/* Returns the frame's length. */
static size_t make_odd(const OddFrame *odd)
{
    size_t ip = frame_l4(odd->kind) - (odd->kind.ipv6 ? 40 : 20);

    frame_make(frame, FRAME, odd->kind);
    insert(odd);
    if (odd->inserted || odd->at || odd->byte) {
        frame[ip + odd->at] = odd->byte;
    }
    return odd->len ? ip + odd->len : FRAME + odd->inserted;
}

/* What the type's input is, wherever it stands in the frame */
static uint32_t hash_odd(const OddFrame *odd, unsigned int type)
{
    size_t start = frame_addresses(odd->kind);
    size_t len = frame_l4(odd->kind) - start;
    uint8_t input[36];

    memcpy(input, frame + start, len);
    if (has_ports(type)) {
        memcpy(input + len, frame + start + len + odd->inserted, 4);
        len += 4;
    }
    return xen_netif_toeplitz_hash(published_key, KEY_SIZE, input, len);
}

static void test_odd_frame(const void *data)
{
    const OddFrame *odd = data;
    VifTest *test = control_connect_new();
    unsigned int queue, type;
    XensimRxFrame *rx;
    uint32_t value;
    size_t len;

    start_hashing(test, ALL_TYPES);
    len = make_odd(odd);
    rx = deliver(test, len, &queue);
    type = read_hash(rx, &value);
    if (!(1u << type & odd->may)) {
        g_error("the frame is hashed as type %u", type);
    }
    if (type != NO_TYPE) {
        g_assert_cmphex(value, ==, hash_odd(odd, type));
        g_assert_cmpuint(queue, ==, value % CONTROL_QUEUES);
    }
    xensim_rx_frame_free(rx);
    vif_test_free(test);
}

/* Neither IP, nor long enough to be anything */
static void test_not_ip(void)
{
    static const size_t lens[] = { 1, 13, 14, 15, FRAME };
    VifTest *test = control_connect_new();

    start_hashing(test, ALL_TYPES);
    for (size_t i = 0; i < G_N_ELEMENTS(lens); i++) {
        vif_test_fill(frame, FRAME);
        deliver_hashed(test, lens[i], NO_TYPE, 0);
    }
    vif_test_free(test);
}

/*
 * The key
 */

static void expect_key(VifTest *test, const uint8_t *key, size_t size)
{
    FrameKind kind = { .tcp = true, .ipv6 = g_test_rand_int_range(0, 2) };

    frame_make(frame, FRAME, kind);
    deliver_hashed(test, FRAME, find_type(ALL_TYPES, kind),
                   hash_of(key, size, kind, true));
}

/* Each length, in turn with others, so that nothing is left of a longer one */
static void test_key_sizes(void)
{
    VifTest *test = control_connect_new();
    uint8_t key[KEY_SIZE];

    start_hashing(test, ALL_TYPES);
    for (uint32_t i = 0; i <= 2 * KEY_SIZE; i++) {
        uint32_t size = i / 2;

        if (i % 2) {
            size = g_test_rand_int_range(0, KEY_SIZE + 1);
        }
        for (unsigned int j = 0; j < KEY_SIZE; j++) {
            key[j] = g_test_rand_int();
        }
        set_key(test, key, size);
        expect_key(test, key, size);
    }
    vif_test_free(test);
}

static void test_key_refused(void)
{
    static const uint32_t sizes[] = {
        KEY_SIZE + 1, XENSIM_PAGE_SIZE, XENSIM_PAGE_SIZE + 1, 0x10001,
        UINT32_MAX,
    };
    VifTest *test = control_connect_new();
    uint32_t bad[RAW_NR_BAD_REFS];

    start_hashing(test, ALL_TYPES);
    raw_make_bad_refs(test, bad);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        control_status(test, STATUS(BUFFER_OVERFLOW), CTRL(SET_HASH_KEY),
                       test->front->control.list_ref, sizes[i], 0);
    }
    for (unsigned int i = 0; i < RAW_NR_BAD_REFS; i++) {
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_KEY),
                       bad[i], 1 + i * 13, 0);
    }
    expect_key(test, published_key, KEY_SIZE);

    /* To clear it takes no page. */
    control_status(test, STATUS(SUCCESS), CTRL(SET_HASH_KEY), bad[0], 0, 0);
    expect_key(test, published_key, 0);
    control_recover(test);
}

/* The page may be one that can only be read, and isn't used any longer. */
static void test_key_readonly(void)
{
    VifTest *test = control_connect_new();
    uint32_t page;
    uint32_t ref = raw_grant(test, true, &page);

    start_hashing(test, ALL_TYPES);
    control_status(test, STATUS(SUCCESS), CTRL(SET_HASH_KEY), ref, KEY_SIZE, 0);
    g_assert_true(xensim_end_grant(test->sim, ref));
    expect_key(test, xensim_page(test->sim, page), KEY_SIZE);
    vif_test_free(test);
}

/*
 * The mapping
 */

/* A frame with a hash that is @rest modulo @size */
static uint32_t make_frame_for(uint32_t rest, uint32_t size, FrameKind kind)
{
    uint32_t hash;

    do {
        frame_make(frame, FRAME, kind);
        hash = hash_of(published_key, KEY_SIZE, kind, kind.tcp);
    } while (hash % size != rest);
    return hash;
}

/* Each entry is where frames go to; without any, it's by the hash itself. */
static void expect_mapping(VifTest *test, const uint32_t *mapping,
                           uint32_t size)
{
    for (uint32_t i = 0; i < (size ?: CONTROL_QUEUES); i++) {
        FrameKind kind = {
            .tcp = g_test_rand_int_range(0, 2),
            .ipv6 = g_test_rand_int_range(0, 2),
        };
        uint32_t hash = make_frame_for(i, size ?: CONTROL_QUEUES, kind);
        unsigned int queue = deliver_hashed(
            test, FRAME, find_type(ALL_TYPES, kind), hash);

        g_assert_cmpuint(queue, ==, size ? mapping[i] : i);
    }
}

static void fill_mapping(uint32_t *mapping, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        mapping[i] = g_test_rand_int_range(0, CONTROL_QUEUES);
    }
}

static void set_mapping(VifTest *test, const uint32_t *mapping, uint32_t nr,
                        uint32_t offset)
{
    g_assert_cmpuint(xensim_front_set_hash_mapping(test->front, mapping, nr,
                                                   offset), ==,
                     STATUS(SUCCESS));
}

static void test_mapping_size(void)
{
    static const ControlExchange exchanges[] = {
        { .type = CTRL(GET_HASH_MAPPING_SIZE), .answer = CONTROL_MAX_MAPPING },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 0 },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 1 },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = CONTROL_MAX_MAPPING },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = CONTROL_MAX_MAPPING + 1,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 0x10001,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = UINT32_MAX,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(GET_HASH_MAPPING_SIZE), .answer = CONTROL_MAX_MAPPING },
    };
    VifTest *test = control_connect_new();

    control_exchange(test, exchanges, G_N_ELEMENTS(exchanges));
    control_recover(test);
}

static void test_mapping(void)
{
    static const uint32_t sizes[] = { CONTROL_MAX_MAPPING, 1, 7, 100, 0, 64 };
    static const uint32_t zeros[CONTROL_MAX_MAPPING];
    VifTest *test = control_connect_new();
    uint32_t mapping[CONTROL_MAX_MAPPING];

    start_hashing(test, ALL_TYPES);
    expect_mapping(test, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        control_set(test, CTRL(SET_HASH_MAPPING_SIZE), sizes[i]);
        expect_mapping(test, zeros, sizes[i]);
        fill_mapping(mapping, sizes[i]);
        set_mapping(test, mapping, sizes[i], 0);
        expect_mapping(test, mapping, sizes[i]);
    }
    vif_test_free(test);
}

/* Parts of it are set, which leaves the others alone. */
static void test_mapping_parts(void)
{
    VifTest *test = control_connect_new();
    uint32_t mapping[CONTROL_MAX_MAPPING] = { 0 };

    start_hashing(test, ALL_TYPES);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), CONTROL_MAX_MAPPING);
    for (int round = 0; round < 10; round++) {
        uint32_t offset = g_test_rand_int_range(0, CONTROL_MAX_MAPPING + 1);
        uint32_t room = CONTROL_MAX_MAPPING - offset;
        uint32_t nr = g_test_rand_int_range(0, room + 1);

        fill_mapping(mapping + offset, nr);
        set_mapping(test, mapping + offset, nr, offset);
        expect_mapping(test, mapping, CONTROL_MAX_MAPPING);
    }
    vif_test_free(test);
}

/* Sizes and places of a part that leave the mapping, which has @size entries */
static void refuse_parts(VifTest *test, uint32_t size)
{
    const struct {
        uint32_t nr, offset;
    } wrong[] = {
        { 1, size }, { 2, size - 1 }, { size, 1 }, { size + 1, 0 },
        { 1, UINT32_MAX }, { 2, UINT32_MAX }, { size, 1u << 31 },
        { size, UINT32_MAX - size + 1 }, { 1, 1u << 30 },
    };
    static const uint32_t too_long[] = {
        CONTROL_MAX_MAPPING + 1, XENSIM_PAGE_SIZE / 4, XENSIM_PAGE_SIZE / 4 + 1,
        1u << 30, UINT32_MAX,
    };
    uint32_t ref = test->front->control.list_ref;

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING),
                       ref, wrong[i].nr, wrong[i].offset);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(too_long); i++) {
        control_status(test, STATUS(BUFFER_OVERFLOW), CTRL(SET_HASH_MAPPING),
                       ref, too_long[i], 0);
    }
}

/* Entries that aren't queues, in each place of a part */
static void refuse_entries(VifTest *test, uint32_t size)
{
    static const uint32_t wrong[] = {
        CONTROL_QUEUES, CONTROL_QUEUES + 1, 0x10000, 1u << 31, UINT32_MAX,
    };

    for (uint32_t i = 0; i < size; i++) {
        uint32_t mapping[CONTROL_MAX_MAPPING];

        fill_mapping(mapping, size);
        mapping[i] = wrong[i % G_N_ELEMENTS(wrong)];
        g_assert_cmpuint(xensim_front_set_hash_mapping(test->front, mapping,
                                                       size, 0), ==,
                         STATUS(INVALID_PARAMETER));
    }
}

static void test_mapping_refused(void)
{
    enum { SIZE = 100 };
    VifTest *test = control_connect_new();
    uint32_t bad[RAW_NR_BAD_REFS], mapping[SIZE];

    start_hashing(test, ALL_TYPES);
    /* Before there is one, nothing fits. */
    control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING),
                   test->front->control.list_ref, 1, 0);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), SIZE);
    fill_mapping(mapping, SIZE);
    set_mapping(test, mapping, SIZE, 0);

    refuse_parts(test, SIZE);
    refuse_entries(test, SIZE);
    raw_make_bad_refs(test, bad);
    for (unsigned int i = 0; i < RAW_NR_BAD_REFS; i++) {
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING),
                       bad[i], SIZE, 0);
    }
    control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING_SIZE),
                   CONTROL_MAX_MAPPING + 1, 0, 0);
    expect_mapping(test, mapping, SIZE);
    control_recover(test);
}

/* With one queue there's but one that an entry can name. */
static void test_mapping_one_queue(void)
{
    static const uint32_t mapping[] = { 0, 0, 1 };
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &control_one_queue);
    start_hashing(test, ALL_TYPES);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), 3);
    g_assert_cmpuint(xensim_front_set_hash_mapping(test->front, mapping, 3, 0),
                     ==, STATUS(INVALID_PARAMETER));
    set_mapping(test, mapping, 2, 0);
    expect_key(test, published_key, KEY_SIZE);
    control_recover(test);
}

/*
 * Set an entry while it changes, or where it goes to, until it was taken and
 * was refused.  Frames go to where it says from the first time that it was.
 */
static void set_flipped(VifTest *test, Flipper *flipper)
{
    static const FrameKind kind = { 0 };
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
    unsigned int taken = 0, refused = 0;

    flipper_start(flipper);
    for (unsigned int i = 0; i < 500 || !taken || !refused; i++) {
        uint32_t status = xensim_front_control(
            test->front, CTRL(SET_HASH_MAPPING),
            test->front->control.list_ref, 1, 0, NULL);
        uint32_t hash = make_frame_for(0, 1, kind);

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (status == STATUS(SUCCESS)) {
            taken++;
        } else {
            g_assert_cmpuint(status, ==, STATUS(INVALID_PARAMETER));
            refused++;
        }
        g_assert_cmpuint(deliver_hashed(test, FRAME,
                                        _XEN_NETIF_CTRL_HASH_TYPE_IPV4, hash),
                         ==, taken ? CONTROL_QUEUES - 1 : 0);
    }
    flipper_stop(flipper);
}

/* An entry is a queue in one moment, and none in the next. */
static void test_flipped_entry(void)
{
    VifTest *test = control_connect_new();
    uint32_t *entry = xensim_page(test->sim, test->front->control.list_frame);
    Flipper flipper = {
        .at = (_Atomic uint16_t *)entry,
        .values = { CONTROL_QUEUES - 1, UINT16_MAX },
        .nr = 1,
    };

    start_hashing(test, ALL_TYPES);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), 1);
    *entry = CONTROL_QUEUES - 1;
    set_flipped(test, &flipper);
    control_recover(test);
}

/* Its place is in the mapping in one moment, and far behind it in the next. */
static void test_flipped_offset(void)
{
    static const uint32_t mapping[] = { CONTROL_QUEUES - 1 };
    VifTest *test = control_connect_new();
    union xen_netif_ctrl_sring_entry *entries =
        test->front->control.ring.sring->ring;
    Flipper flipper = {
        .at = (_Atomic uint16_t *)&entries[0].req.data[2],
        .values = { 0, UINT16_MAX },
        .stride = sizeof(entries[0]) / sizeof(uint16_t),
        .nr = XENSIM_CTRL_SLOTS,
    };

    start_hashing(test, ALL_TYPES);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), 1);
    set_mapping(test, mapping, 1, 0);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), 1);
    set_flipped(test, &flipper);
    control_recover(test);
}

/*
 * Slots
 */

enum { LONG_SLOTS = 3, LONG_FRAME = LONG_SLOTS * XENSIM_PAGE_SIZE };

static void expect_long(XensimRxFrame *rx, FrameKind kind)
{
    g_assert_cmpmem(rx->data, rx->len, frame, LONG_FRAME);
    g_assert_cmpuint(rx->nr_slots, ==, LONG_SLOTS);
    expect_hash(rx, find_type(ALL_TYPES, kind),
                hash_of(published_key, KEY_SIZE, kind, kind.tcp));
    xensim_rx_frame_free(rx);
}

/* The hash takes a slot, for which the frame has to wait as well. */
static void test_slot_by_slot(void)
{
    static const FrameKind kind = { .tcp = true };
    VifTest *test = vif_test_new(NULL);
    netif_rx_front_ring_t *ring = &test->front->queues[0].rx;

    vif_test_connect(test, &control_one_queue);
    start_hashing(test, ALL_TYPES);
    frame_make(frame, LONG_FRAME, kind);
    vif_test_peer_send(test, NULL, frame, LONG_FRAME);
    vif_test_wait_counter(test, "rx", "held-back", 1);
    for (unsigned int i = 0; i <= LONG_SLOTS; i++) {
        g_assert_cmpuint(g_atomic_int_get((gint *)&ring->sring->req_event), ==,
                         LONG_SLOTS + 1);
        g_assert_null(xensim_front_receive(test->front, 0, 0));
        xensim_front_post_rx(test->front, 0, 1);
    }
    expect_long(xensim_front_receive(test->front, 0, XENSIM_PATIENCE), kind);
    g_assert_cmpuint(vif_test_counter(test, "rx", "slots"), ==,
                     LONG_SLOTS + 1);
    vif_test_free(test);
}

/* Long frames with and without a hash, all of the ring's places being used */
static void test_long_frames(void)
{
    static const FrameKind kinds[] = { { .tcp = true }, { .ipv6 = true } };
    VifTest *test = control_connect_new();

    start_hashing(test, ALL_TYPES);
    for (unsigned int i = 0; i < 4 * XENSIM_RX_SLOTS / LONG_SLOTS; i++) {
        FrameKind kind = kinds[g_test_rand_int_range(0, 2)];
        unsigned int queue;

        frame_make(frame, LONG_FRAME, kind);
        expect_long(deliver(test, LONG_FRAME, &queue), kind);
        vif_test_fill(frame, FRAME);
        deliver_hashed(test, FRAME, NO_TYPE, 0);
    }
    vif_test_free(test);
}

/* The page can't be written to; the slot of the hash is used up with it. */
static void test_bad_page(void)
{
    VifTest *test = vif_test_new(NULL);
    uint32_t bad[RAW_NR_BAD_REFS];

    vif_test_connect(test, &control_one_queue);
    start_hashing(test, ALL_TYPES);
    raw_make_bad_refs(test, bad);
    frame_make(frame, FRAME, (FrameKind) { .tcp = true });
    for (unsigned int i = 0; i < RAW_NR_BAD_REFS; i++) {
        raw_put_rx(test, 2 * i, bad[i]);
        raw_put_rx(test, 2 * i + 1, bad[i]);
        raw_push_rx(test);
        vif_test_peer_send(test, NULL, frame, FRAME);
        g_assert_cmpint(raw_expect_rx(test, 2 * i).status, ==,
                        NETIF_RSP_ERROR);
        raw_take_rx(test);
        g_assert_cmpuint(vif_test_counter(test, "rx", "drops.grant"), ==,
                         i + 1);
    }
    control_recover(test);
}

/*
 * The connection's end
 */

/* Nothing of it is left for the next connection. */
static void test_reconnect(void)
{
    static const uint32_t mapping[] = { 3, 2, 1, 3, 2, 1, 3 };
    static const FrameKind kind = { .tcp = true };
    VifTest *test = control_connect_new();

    for (int i = 0; i < 3; i++) {
        start_hashing(test, ALL_TYPES);
        control_set(test, CTRL(SET_HASH_MAPPING_SIZE), G_N_ELEMENTS(mapping));
        set_mapping(test, mapping, G_N_ELEMENTS(mapping), 0);
        expect_mapping(test, mapping, G_N_ELEMENTS(mapping));
        vif_test_disconnect(test);
        vif_test_connect(test, &control_all_queues);

        frame_make(frame, FRAME, kind);
        control_status(test, STATUS(NOT_SUPPORTED), CTRL(GET_HASH_FLAGS), 0, 0,
                       0);
        deliver_hashed(test, FRAME, NO_TYPE, 0);
        control_set(test, CTRL(SET_HASH_ALGORITHM), TOEPLITZ);
        deliver_hashed(test, FRAME, NO_TYPE, 0);
        control_set(test, CTRL(SET_HASH_FLAGS), ALL_TYPES);
        /* No key, and no mapping */
        g_assert_cmpuint(deliver_hashed(test, FRAME,
                                        find_type(ALL_TYPES, kind), 0), ==, 0);
        control_status(test, STATUS(INVALID_PARAMETER), CTRL(SET_HASH_MAPPING),
                       test->front->control.list_ref, 1, 0);
    }
    control_recover(test);
}

/*
 * From the guest
 */

static const netif_extra_info_t hash_extras[] = {
    { .type = XEN_NETIF_EXTRA_TYPE_HASH,
      .u.hash = { .type = _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP,
                  .algorithm = TOEPLITZ, .value = { 1, 2, 3, 4 } } },
    { .type = XEN_NETIF_EXTRA_TYPE_HASH,
      .u.hash = { .type = UINT8_MAX, .algorithm = UINT8_MAX } },
};

/* A frame may have a hash, whatever it says, hashing being on or off. */
static void send_hashed(VifTest *test, const netif_extra_info_t *extras,
                        unsigned int nr_extras)
{
    XensimQueue *queue = &test->front->queues[0];
    uint64_t ok = queue->tx_ok, null = queue->tx_null;
    XensimTxFrame tx = {
        .data = frame,
        .len = LONG_FRAME,
        .extras = extras,
        .nr_extras = nr_extras,
    };

    vif_test_fill(frame, LONG_FRAME);
    g_assert_true(xensim_front_send(test->front, 0, &tx));
    vif_test_expect_sent(test, frame, LONG_FRAME);
    g_assert_true(xensim_front_flush_tx(test->front, 0));
    g_assert_cmpuint(queue->tx_ok, ==, ok + LONG_SLOTS);
    g_assert_cmpuint(queue->tx_null, ==, null + nr_extras);
}

static void test_from_guest(void)
{
    VifTest *test = vif_test_new(NULL);

    for (int ctrl = 0; ctrl < 2; ctrl++) {
        vif_test_connect(test, ctrl ? &control_one_queue : NULL);
        for (int hashing = 0; hashing <= ctrl; hashing++) {
            if (hashing) {
                start_hashing(test, ALL_TYPES);
            }
            send_hashed(test, &hash_extras[0], 1);
            send_hashed(test, &hash_extras[1], 1);
            send_hashed(test, hash_extras, G_N_ELEMENTS(hash_extras));
        }
        vif_test_disconnect(test);
    }
    vif_test_connect(test, &control_one_queue);
    control_recover(test);
}

/*
 * On a tap
 */

/* The hash comes behind what tells of segmentation. */
static void test_tap_gso(void)
{
    VifTest *test = control_connect_tap_new(1);

    start_hashing(test, ALL_TYPES);
    for (int i = 0; i < 100; i++) {
        FrameKind kind = { .tcp = true, .ipv6 = i % 2 };
        size_t len = g_test_rand_int_range(2000, 65000);
        struct virtio_net_hdr vnet = frame_blank_header(kind);
        unsigned int queue;
        XensimRxFrame *rx;
        uint32_t hash = 0;

        vnet.hdr_len = frame_payload(kind);
        vnet.gso_size = 1400;
        vnet.gso_type = kind.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                  : VIRTIO_NET_HDR_GSO_TCPV4;
        frame_make(frame, len, kind);
        frame_blank_checksum(frame, len, kind);
        post(test);
        vif_test_peer_send(test, &vnet, frame, len);
        rx = vif_test_receive_any(test, &queue);
        g_assert_cmpmem(rx->data, rx->len, frame, len);
        g_assert_cmpuint(rx->nr_extras, ==, 2);
        g_assert_cmpuint(rx->extras[0].type, ==, XEN_NETIF_EXTRA_TYPE_GSO);
        g_assert_cmpuint(rx->extras[0].flags, ==, XEN_NETIF_EXTRA_FLAG_MORE);
        g_assert_cmpuint(rx->extras[0].u.gso.size, ==, 1400);
        g_assert_cmpuint(read_hash(rx, &hash), ==,
                         find_type(ALL_TYPES, kind));
        g_assert_cmphex(hash, ==,
                        hash_of(published_key, KEY_SIZE, kind, true));
        g_assert_cmpuint(queue, ==, hash % CONTROL_QUEUES);
        xensim_rx_frame_free(rx);
    }
    vif_test_free(test);
}

/* A hash before, or behind, what tells of segmentation changes nothing. */
static void test_tap_gso_from_guest(void)
{
    static const FrameKind kind = { .tcp = true };
    static uint8_t received[VIF_TEST_MAX_FRAME];
    enum { LEN = 9000 };
    const netif_extra_info_t gso = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = { .size = 1400, .type = XEN_NETIF_GSO_TYPE_TCPV4 },
    };
    VifTest *test = control_connect_tap_new(1);

    for (int first = 0; first < 2; first++) {
        netif_extra_info_t extras[2];
        struct virtio_net_hdr vnet;
        XensimTxFrame tx = {
            .data = frame,
            .len = LEN,
            .flags = NETTXF_csum_blank | NETTXF_data_validated,
            .extras = extras,
            .nr_extras = 2,
        };

        extras[first] = gso;
        extras[!first] = hash_extras[0];
        frame_make(frame, LEN, kind);
        frame_blank_checksum(frame, LEN, kind);
        g_assert_true(xensim_front_send(test->front, 0, &tx));
        g_assert_cmpuint(vif_test_peer_receive(test, &vnet, received,
                                               XENSIM_PATIENCE), ==, LEN);
        g_assert_cmpmem(received, LEN, frame, LEN);
        g_assert_cmpuint(vnet.gso_type, ==, VIRTIO_NET_HDR_GSO_TCPV4);
        g_assert_cmpuint(vnet.gso_size, ==, gso.u.gso.size);
    }
    vif_test_free(test);
}

enum { STREAM = 20 };

/* Change what frames are hashed by and where they go to, in turns. */
static void change(VifTest *test, int turn)
{
    static const ControlExchange changes[] = {
        { .type = CTRL(SET_HASH_FLAGS), .data = 0 },
        { .type = CTRL(SET_HASH_FLAGS), .data = ALL_TYPES },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = CONTROL_MAX_MAPPING },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 1 },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = NONE },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = TOEPLITZ },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 0 },
    };
    uint32_t mapping[CONTROL_MAX_MAPPING];
    int step = turn % G_N_ELEMENTS(changes);

    control_exchange(test, &changes[step], 1);
    if (changes[step].data == CONTROL_MAX_MAPPING) {
        fill_mapping(mapping, CONTROL_MAX_MAPPING);
        set_mapping(test, mapping, CONTROL_MAX_MAPPING, 0);
    }
}

/* Each frame of a flow comes once, with its own hash or with none. */
static void expect_stream(VifTest *test, FrameKind kind)
{
    size_t at = frame_payload(kind);
    bool seen[STREAM] = { false };

    for (unsigned int i = 0; i < STREAM; i++) {
        unsigned int queue;
        XensimRxFrame *rx = vif_test_receive_any(test, &queue);
        uint32_t hash = 0;
        unsigned int type = read_hash(rx, &hash);

        g_assert_cmpuint(rx->len, ==, FRAME);
        g_assert_cmpuint(rx->data[at], <, STREAM);
        g_assert_false(seen[rx->data[at]]);
        seen[rx->data[at]] = true;
        frame[at] = rx->data[at];
        g_assert_cmpmem(rx->data, FRAME, frame, FRAME);
        if (type != NO_TYPE) {
            g_assert_cmpuint(type, ==, find_type(ALL_TYPES, kind));
            g_assert_cmphex(hash, ==,
                            hash_of(published_key, KEY_SIZE, kind, true));
        }
        xensim_rx_frame_free(rx);
    }
}

/* The guest changes its mind while frames come in. */
static void change_on_tap(unsigned int queues)
{
    static const FrameKind kind = { .tcp = true };
    VifTest *test = control_connect_tap_new(queues);

    start_hashing(test, ALL_TYPES);
    for (int round = 0; round < 500; round++) {
        post(test);
        frame_make(frame, FRAME, kind);
        for (unsigned int i = 0; i < STREAM; i++) {
            frame[frame_payload(kind)] = i;
            vif_test_peer_send(test, NULL, frame, FRAME);
            if (i == STREAM / 2) {
                change(test, round);
            }
        }
        expect_stream(test, kind);
    }
    vif_test_free(test);
}

static void test_tap_changes(void)
{
    change_on_tap(1);
}

static void test_tap_queues_changes(void)
{
    change_on_tap(CONTROL_QUEUES);
}

/* May programs be loaded that choose a tap's queue? */
static bool may_load_bpf(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY,
        .key_size = sizeof(uint32_t),
        .value_size = sizeof(uint32_t),
        .max_entries = 1,
    };
    int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

/* How many of the tap's queues, and so threads, are in use? */
static unsigned int count_ports(VifTest *test)
{
    g_autoptr(JsonNode) stats = vif_test_stats(test);
    JsonObject *object = json_node_get_object(stats);

    return json_array_get_length(json_object_get_array_member(object,
                                                              "ports"));
}

/*
 * Frames go where the guest wants, be it that the kernel puts them into the
 * right queue of a tap, or that all go through one.
 */
static void check_mapping_on_tap(unsigned int tap_queues, unsigned int ports)
{
    VifTest *test = control_connect_tap_new(tap_queues);
    uint32_t mapping[CONTROL_MAX_MAPPING];

    g_assert_cmpuint(count_ports(test), ==, tap_queues);
    start_hashing(test, ALL_TYPES);
    g_assert_cmpuint(count_ports(test), ==, ports);
    expect_mapping(test, NULL, 0);
    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), CONTROL_MAX_MAPPING);
    for (int i = 0; i < 5; i++) {
        fill_mapping(mapping, CONTROL_MAX_MAPPING);
        set_mapping(test, mapping, CONTROL_MAX_MAPPING, 0);
        expect_mapping(test, mapping, CONTROL_MAX_MAPPING);
    }
    control_set(test, CTRL(SET_HASH_ALGORITHM), NONE);
    g_assert_cmpuint(count_ports(test), ==, ports);
    vif_test_disconnect(test);
    vif_test_connect(test, &control_all_queues);
    g_assert_cmpuint(count_ports(test), ==, tap_queues);
    vif_test_free(test);
}

static void test_tap_queues_mapping(void)
{
    if (!may_load_bpf()) {
        g_test_skip("eBPF programs may not be loaded");
        return;
    }
    check_mapping_on_tap(CONTROL_QUEUES, CONTROL_QUEUES);
}

static void test_tap_narrow_mapping(void)
{
    check_mapping_on_tap(CONTROL_QUEUES / 2, 1);
}

static void add_odd_frames(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(odd_frames); i++) {
        g_autofree char *path = g_strconcat("/hash/odd-frames/",
                                            odd_frames[i].name, NULL);

        g_test_add_data_func(path, &odd_frames[i], test_odd_frame);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *no_tap = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hash/algorithm", test_algorithm);
    g_test_add_func("/hash/types", test_types);
    g_test_add_func("/hash/vectors", test_vectors);
    add_odd_frames();
    g_test_add_func("/hash/not-ip", test_not_ip);
    g_test_add_func("/hash/key/sizes", test_key_sizes);
    g_test_add_func("/hash/key/refused", test_key_refused);
    g_test_add_func("/hash/key/readonly", test_key_readonly);
    g_test_add_func("/hash/mapping/size", test_mapping_size);
    g_test_add_func("/hash/mapping/whole", test_mapping);
    g_test_add_func("/hash/mapping/parts", test_mapping_parts);
    g_test_add_func("/hash/mapping/refused", test_mapping_refused);
    g_test_add_func("/hash/mapping/one-queue", test_mapping_one_queue);
    g_test_add_func("/hash/mapping/flipped-entry", test_flipped_entry);
    g_test_add_func("/hash/mapping/flipped-offset", test_flipped_offset);
    g_test_add_func("/hash/slot-by-slot", test_slot_by_slot);
    g_test_add_func("/hash/long-frames", test_long_frames);
    g_test_add_func("/hash/bad-page", test_bad_page);
    g_test_add_func("/hash/reconnect", test_reconnect);
    g_test_add_func("/hash/from-guest", test_from_guest);
    tap_add_func("/hash/tap/gso", test_tap_gso, no_tap);
    tap_add_func("/hash/tap/gso-from-guest", test_tap_gso_from_guest,
                 no_tap);
    tap_add_func("/hash/tap/changes", test_tap_changes, no_tap);
    tap_add_func("/hash/tap/queues/changes", test_tap_queues_changes, no_tap);
    tap_add_func("/hash/tap/queues/mapping", test_tap_queues_mapping, no_tap);
    tap_add_func("/hash/tap/narrow/mapping", test_tap_narrow_mapping, no_tap);
    return g_test_run();
}
