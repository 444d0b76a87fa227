/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What toolstack and frontend want of a vif: multicast control, headroom, a
 * rate, an MTU, hotplug scripts; and what is told of its link
 *
 * No test depends on how long something takes.  Whether a frame doesn't come is
 * seen by one that does, or by the counters; an interval that is to pass is
 * tiny, one that isn't is an hour.
 */

#include <linux/if_ether.h>
#include "frames.h"
#include "keys.h"
#include "raw.h"
#include "tap.h"

/**
 * Way: what is behind the vif, and how pages are reached
 * @name: of the tests
 * @netdev: the netdev
 * @persistent: the guest's pages stay mapped
 */
typedef struct Way {
    const char *name;
    VifTestNetdev netdev;
    bool persistent;
} Way;

static const Way ways[] = {
    { "dgram/copied", VIF_TEST_DGRAM, false },
    { "dgram/persistent", VIF_TEST_DGRAM, true },
    { "tap/copied", VIF_TEST_TAP, false },
    { "tap/persistent", VIF_TEST_TAP, true },
};

static uint8_t frame[VIF_TEST_MAX_FRAME];

static VifTest *vif_new(const Way *way)
{
    return vif_test_new(&(VifTestOptions) { .netdev = way->netdev });
}

/*
 * A tap's frames are read into the guest's pages, so there may be more behind
 * one than its own.
 */
static XensimFrontConfig make_config(const Way *way)
{
    return (XensimFrontConfig) {
        .persistent = way->persistent,
        .unchecked = way->netdev == VIF_TEST_TAP,
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    };
}

static void connect_with(VifTest *test, const Way *way,
                         const char *const *keys)
{
    XensimFrontConfig config = make_config(way);

    config.keys = keys;
    vif_test_connect(test, &config);
}

/* A counter of all queues together */
static uint64_t total(VifTest *test, const char *direction, const char *name)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        sum += vif_test_queue_counter(test, i, direction, name);
    }
    return sum;
}

/* The log has a warning about this. */
static void expect_warning(VifTest *test, const char *text)
{
    g_autofree char *log = NULL;

    g_assert_true(g_file_get_contents(test->log, &log, NULL, NULL));
    if (!strstr(log, text)) {
        g_error("QEMU doesn't warn of '%s'", text);
    }
}

/*
 * Multicast control
 */

#define MULTICAST "request-multicast-control"

/* As many addresses as the list has room for */
enum { MAX_ADDRESSES = 64 };

typedef struct Address {
    uint8_t byte[ETH_ALEN];
} Address;

static const char *const filtered[] = { MULTICAST, "1", NULL };

static const Address broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const Address unicast = { { 0x00, 0x16, 0x3e, 0x00, 0x00, 0x07 } };

/* Of IPv4 and IPv6 groups by turns */
static Address group(unsigned int i)
{
    if (i % 2) {
        return (Address) { { 0x33, 0x33, 0x00, 0x01, i >> 8, i } };
    }
    return (Address) { { 0x01, 0x00, 0x5e, 0x01, i >> 8, i } };
}

/*
 * Add an address to the list, or take it away, by a transmit request that isn't
 * a frame.  Returns what the vif has answered: true if that was done.
 */
static bool amend(VifTest *test, unsigned int index, uint8_t type,
                  Address address)
{
    const XensimQueue *queue = &test->front->queues[index];
    uint64_t okay = queue->tx_ok, failed = queue->tx_error;
    uint64_t null = queue->tx_null;
    netif_extra_info_t extra = { .type = type };
    XensimTxFrame tx = {
        .data = frame, .len = 60, .extras = &extra, .nr_extras = 1,
    };

    memcpy(extra.u.mcast.addr, address.byte, ETH_ALEN);
    vif_test_fill(frame, tx.len);
    g_assert_true(xensim_front_send(test->front, index, &tx));
    g_assert_true(xensim_front_flush_tx(test->front, index));
    g_assert_cmpuint(queue->tx_null, ==, null + 1);
    g_assert_cmpuint(queue->tx_ok + queue->tx_error, ==, okay + failed + 1);
    return queue->tx_ok > okay;
}

static bool add_address(VifTest *test, Address address)
{
    return amend(test, 0, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, address);
}

static bool remove_address(VifTest *test, Address address)
{
    return amend(test, 0, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, address);
}

/* Wait until a frame to the guest has come through or has been dropped. */
static bool wait_verdict(VifTest *test, uint64_t frames, uint64_t drops)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (g_get_monotonic_time() < end) {
        if (total(test, "rx", "frames") == frames + 1) {
            return true;
        }
        if (total(test, "rx", "drops.multicast") == drops + 1) {
            return false;
        }
        g_usleep(100);
    }
    g_error("a frame neither comes through nor is dropped");
}

/* Does the guest get a frame that is sent to this address? */
static bool passes(VifTest *test, Address address)
{
    uint64_t frames = total(test, "rx", "frames");
    uint64_t drops = total(test, "rx", "drops.multicast");
    unsigned int queue;
    XensimRxFrame *rx;

    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_post_rx(test->front, i, 1);
    }
    vif_test_fill(frame, 100);
    memcpy(frame, address.byte, ETH_ALEN);
    vif_test_peer_send(test, NULL, frame, 100);
    if (!wait_verdict(test, frames, drops)) {
        return false;
    }
    rx = vif_test_receive_any(test, &queue);
    g_assert_cmpmem(rx->data, rx->len, frame, 100);
    xensim_rx_frame_free(rx);
    return true;
}

/* The list decides of multicast frames only. */
static void test_multicast(const void *way)
{
    VifTest *test = vif_new(way);

    connect_with(test, way, filtered);
    for (unsigned int i = 0; i < 4; i++) {
        g_assert_false(passes(test, group(0)));
        g_assert_true(passes(test, broadcast));
        g_assert_true(passes(test, unicast));
        g_assert_true(add_address(test, group(0)));
        g_assert_true(passes(test, group(0)));
        g_assert_false(passes(test, group(1)));
        g_assert_true(remove_address(test, group(0)));
    }
    vif_test_works(test);
    vif_test_free(test);
}

/* What amends the list isn't sent, and isn't counted as sent. */
static void test_multicast_dummy(void)
{
    VifTest *test = vif_test_connect_new(NULL);

    for (unsigned int i = 0; i < 10; i++) {
        g_assert_true(add_address(test, group(i)));
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), ==, 0);
    vif_test_fill(frame, 100);
    vif_test_send(test, frame, 100, NULL, 0);
    vif_test_expect_sent(test, frame, 100);
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), ==, 1);
    vif_test_free(test);
}

static void request_multicast(VifTest *test, const char *value)
{
    keys_write_frontend(test, MULTICAST, value);
    keys_wait_until_seen(test);
}

/* It can be turned on and off at any time; the list is there all the time. */
static void test_multicast_dynamic(const void *way)
{
    VifTest *test = vif_new(way);

    connect_with(test, way, NULL);
    for (unsigned int i = 0; i < 4; i++) {
        g_assert_true(passes(test, group(0)));
        g_assert_true(add_address(test, group(1)));
        request_multicast(test, "1");
        g_assert_false(passes(test, group(0)));
        g_assert_true(passes(test, group(1)));
        g_assert_true(remove_address(test, group(1)));
        g_assert_false(passes(test, group(1)));
        request_multicast(test, i % 2 ? "0" : NULL);
        g_assert_true(passes(test, group(1)));
    }
    vif_test_free(test);
}

/* Whatever a frontend writes while it's connected, the vif goes on. */
static void test_multicast_malformed(void)
{
    static const char *const values[] = { "2", "-1", "yes", "", "1 ", "\xff" };
    VifTest *test = vif_test_connect_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        request_multicast(test, values[i]);
        g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
        vif_test_works(test);
        request_multicast(test, "1");
        g_assert_false(passes(test, group(0)));
        request_multicast(test, "0");
        g_assert_true(passes(test, group(0)));
    }
    vif_test_free(test);
}

/* Addresses are added once, taken away once, and there is an end. */
static void test_multicast_list(void)
{
    static const Address nobody;
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &(XensimFrontConfig) { .keys = filtered });
    g_assert_false(add_address(test, unicast));
    g_assert_false(add_address(test, nobody));
    g_assert_true(remove_address(test, group(0)));
    for (unsigned int i = 0; i < MAX_ADDRESSES; i++) {
        g_assert_true(add_address(test, group(i)));
        g_assert_true(add_address(test, group(i)));
    }
    g_assert_false(add_address(test, group(MAX_ADDRESSES)));
    g_assert_false(passes(test, group(MAX_ADDRESSES)));
    g_assert_true(add_address(test, group(3)));
    g_assert_true(remove_address(test, group(3)));
    g_assert_true(add_address(test, group(MAX_ADDRESSES)));
    for (unsigned int i = 0; i <= MAX_ADDRESSES; i++) {
        g_assert_cmpint(passes(test, group(i)), ==, i != 3);
    }
    vif_test_free(test);
}

/* Anything in any order does what it does to a list of our own. */
static void test_multicast_random(void)
{
    enum { POOL = 90, TURNS = 2000 };
    VifTest *test = vif_test_new(NULL);
    bool listed[POOL] = { false };
    unsigned int nr = 0;

    vif_test_connect(test, &(XensimFrontConfig) { .keys = filtered });
    for (unsigned int i = 0; i < TURNS; i++) {
        unsigned int nth = g_test_rand_int_range(0, POOL);
        bool add = g_test_rand_int_range(0, 4) > 0;
        bool fits = !add || listed[nth] || nr < MAX_ADDRESSES;

        g_assert_cmpint(add ? add_address(test, group(nth))
                            : remove_address(test, group(nth)), ==, fits);
        if (fits) {
            nr += add - listed[nth];
            listed[nth] = add;
        }
    }
    for (unsigned int i = 0; i < POOL; i++) {
        g_assert_cmpint(passes(test, group(i)), ==, listed[i]);
    }
    vif_test_free(test);
}

/* The list is the connection's, and the same for all queues. */
static void test_multicast_queues(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = ",max-queues=3",
    });

    for (unsigned int i = 0; i < 6; i++) {
        vif_test_connect(test, &(XensimFrontConfig) {
            .queues = 3, .keys = filtered });
        g_assert_false(passes(test, group(0)));
        g_assert_true(amend(test, i % 3, XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                            group(0)));
        g_assert_true(passes(test, group(0)));
        g_assert_true(amend(test, (i + 1) % 3, XEN_NETIF_EXTRA_TYPE_MCAST_DEL,
                            group(0)));
        g_assert_false(passes(test, group(0)));
        g_assert_true(amend(test, i % 3, XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                            group(0)));
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

static netif_extra_info_t mcast_info(uint8_t type, bool more)
{
    Address address = group(0);
    netif_extra_info_t extra = {
        .type = type,
        .flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
    };

    memcpy(extra.u.mcast.addr, address.byte, ETH_ALEN);
    return extra;
}

/* Nobody looks at what else the request says. */
static void test_multicast_bare(void)
{
    static const netif_tx_request_t requests[] = {
        { .id = 1, .size = 0 },
        { .id = 2, .size = 13 },
        { .id = 3, .size = 60, .gref = UINT32_MAX },
        { .id = 4, .size = 65535, .offset = 65535, .gref = 1 },
    };
    netif_extra_info_t extra = mcast_info(XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                                          false);
    VifTest *test = vif_test_connect_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        netif_tx_request_t request = requests[i];

        request.flags = NETTXF_extra_info;
        raw_put_tx(test, &request);
        raw_put_tx_extra(test, &extra);
        raw_push_tx(test);
        raw_expect_tx(test, request.id, NETIF_RSP_OKAY);
        raw_expect_tx(test, 0, NETIF_RSP_NULL);
    }
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* Extra infos that contradict each other; 0: of this kind none */
static const uint8_t contradictions[][3] = {
    { XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_DEL },
    { XEN_NETIF_EXTRA_TYPE_MCAST_DEL, XEN_NETIF_EXTRA_TYPE_MCAST_ADD },
    { XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_ADD },
    { XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_GSO },
    { XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_TYPE_MCAST_ADD },
    { XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0xff },
    { XEN_NETIF_EXTRA_TYPE_MCAST_DEL, XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
      XEN_NETIF_EXTRA_TYPE_MCAST_DEL },
};

/* Returns how many slots of the ring it takes. */
static unsigned int put_contradiction(VifTest *test, const uint8_t *types,
                                      bool more_data, uint32_t ref)
{
    unsigned int nr = 1;

    raw_put_tx(test, &(netif_tx_request_t) {
        .gref = ref,
        .size = 200,
        .flags = NETTXF_extra_info | (more_data ? NETTXF_more_data : 0),
    });
    for (unsigned int i = 0; i < 3 && types[i]; i++) {
        netif_extra_info_t extra = mcast_info(types[i], i < 2 && types[i + 1]);

        raw_put_tx_extra(test, &extra);
        nr++;
    }
    if (more_data) {
        raw_put_tx(test, &(netif_tx_request_t) { .gref = ref, .size = 100 });
        nr++;
    }
    return nr;
}

/* Each slot is answered, however that is; the vif goes on. */
static void test_multicast_hostile(void)
{
    VifTest *test = vif_test_connect_new(NULL);
    uint32_t ref = raw_grant(test, true, NULL);

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(contradictions); i++) {
        unsigned int nr = put_contradiction(test, contradictions[i / 2], i % 2,
                                            ref);

        raw_push_tx(test);
        while (nr--) {
            raw_take_tx(test);
        }
    }
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* What an operator is told */
static void expect_filter(VifTest *test, const char *mode, unsigned int nr)
{
    g_autoptr(JsonNode) node = qmp_execute(
        test->qmp, "{'execute': 'query-rx-filter', 'arguments': {'name': '"
        VIF_TEST_NIC_NAME "'}}");
    JsonArray *filters = json_node_get_array(node);
    JsonObject *filter;
    JsonArray *table;

    g_assert_cmpuint(json_array_get_length(filters), ==, 1);
    filter = json_array_get_object_element(filters, 0);
    table = json_object_get_array_member(filter, "multicast-table");
    g_assert_cmpstr(json_object_get_string_member(filter, "main-mac"), ==,
                    "00:16:3e:00:00:07");
    g_assert_cmpstr(json_object_get_string_member(filter, "multicast"), ==,
                    mode);
    g_assert_cmpuint(json_array_get_length(table), ==, nr);
    if (nr) {
        g_assert_cmpstr(json_array_get_string_element(table, 0), ==,
                        "01:00:5e:01:00:00");
    }
}

static void test_multicast_query(void)
{
    VifTest *test = vif_test_connect_new(NULL);

    expect_filter(test, "all", 0);
    request_multicast(test, "1");
    expect_filter(test, "normal", 0);
    g_assert_true(add_address(test, group(0)));
    expect_filter(test, "normal", 1);
    g_assert_true(remove_address(test, group(0)));
    expect_filter(test, "normal", 0);
    request_multicast(test, NULL);
    expect_filter(test, "all", 0);
    vif_test_free(test);
}

/*
 * Headroom
 */

#define HEADROOM "xdp-headroom"

enum { MAX_HEADROOM = 2048 };

/* A frame begins behind the headroom of each of its pages. */
static void check_slots(const XensimRxFrame *rx, unsigned int headroom)
{
    size_t room = XENSIM_PAGE_SIZE - headroom;

    g_assert_cmpuint(rx->nr_slots, ==, (rx->len + room - 1) / room);
    for (unsigned int i = 0; i < rx->nr_slots; i++) {
        g_assert_cmpuint(rx->offsets[i], ==, headroom);
    }
}

static void expect_behind(VifTest *test, size_t len, unsigned int headroom)
{
    XensimRxFrame *rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);

    g_assert_nonnull(rx);
    g_assert_cmpint(rx->error, ==, 0);
    g_assert_cmpmem(rx->data, rx->len, frame, len);
    check_slots(rx, headroom);
    xensim_rx_frame_free(rx);
}

static void receive_behind(VifTest *test, size_t len, unsigned int headroom)
{
    vif_test_fill(frame, len);
    xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
    vif_test_peer_send(test, NULL, frame, len);
    expect_behind(test, len, headroom);
}

/* Frames that just fit into some pages, or just don't, and others */
static void receive_all_behind(VifTest *test, unsigned int headroom)
{
    size_t room = XENSIM_PAGE_SIZE - headroom;

    for (unsigned int pages = 1; pages <= 4; pages++) {
        receive_behind(test, pages * room - 1, headroom);
        receive_behind(test, pages * room, headroom);
        receive_behind(test, pages * room + 1, headroom);
    }
    for (unsigned int i = 0; i < 20; i++) {
        receive_behind(test, g_test_rand_int_range(60, 8 * room), headroom);
    }
}

static void test_headroom(const void *way)
{
    static const unsigned int headrooms[] = {
        0, 1, 192, 256, 2047, MAX_HEADROOM,
    };
    VifTest *test = vif_new(way);

    for (size_t i = 0; i < G_N_ELEMENTS(headrooms); i++) {
        g_autofree char *value = g_strdup_printf("%u", headrooms[i]);
        const char *const keys[] = { HEADROOM, value, NULL };

        connect_with(test, way, keys);
        receive_all_behind(test, headrooms[i]);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/* What the guest is to segment has an extra info behind the first slot. */
static void test_headroom_gso(const void *way)
{
    static const FrameKind tcp = { .tcp = true };
    static const char *const keys[] = { HEADROOM, "256", NULL };
    struct virtio_net_hdr vnet = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = frame_l4(tcp),
        .csum_offset = frame_checksum_offset(tcp),
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = 1000,
        .hdr_len = frame_payload(tcp),
    };
    VifTest *test = vif_new(way);

    connect_with(test, way, keys);
    for (unsigned int i = 0; i < 100; i++) {
        size_t len = g_test_rand_int_range(2000, 60000);
        XensimRxFrame *rx;

        frame_make(frame, len, tcp);
        frame_blank_checksum(frame, len, tcp);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, &vnet, frame, len);
        rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);
        g_assert_nonnull(rx);
        g_assert_cmpmem(rx->data, rx->len, frame, len);
        g_assert_cmpuint(rx->nr_extras, ==, 1);
        g_assert_cmpuint(rx->extras[0].u.gso.size, ==, vnet.gso_size);
        check_slots(rx, 256);
        xensim_rx_frame_free(rx);
    }
    vif_test_free(test);
}

/* Without feature-sg a frame has the room of one page. */
static void test_headroom_no_sg(void)
{
    static const char *const keys[] = { HEADROOM, "256", NULL };
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &(XensimFrontConfig) {
        .no_sg = true, .keys = keys });
    xensim_front_post_rx(test->front, 0, 8);
    vif_test_fill(frame, XENSIM_PAGE_SIZE - 255);
    vif_test_peer_send(test, NULL, frame, XENSIM_PAGE_SIZE - 255);
    vif_test_wait_counter(test, "rx", "drops.too-long", 1);
    receive_behind(test, XENSIM_PAGE_SIZE - 256, 256);
    vif_test_free(test);
}

/* That it isn't a number is tried in xen-nic-pg-negotiation. */
static void test_headroom_refused(void)
{
    static const char *const values[] = { "2049", "4096", "65536" };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *reason = g_strdup_printf(
            "'" HEADROOM "' is '%s', expected a number up to 2048", values[i]);

        keys_expect_refusal(test, HEADROOM, values[i], reason);
    }
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* As Linux' netfront does it when a program comes or goes */
static void reconfigure(VifTest *test, const char *headroom)
{
    keys_write_frontend(test, HEADROOM, headroom);
    xensim_front_set_state(test->front, XenbusStateReconfiguring);
    vif_test_expect_state(test, XenbusStateReconfigured);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_expect_state(test, XenbusStateConnected);
}

/* The rings stay as they are. */
static void test_reconfigure(const void *opaque)
{
    static const char *const values[] = { "256", "0", "2048", "192", NULL };
    const Way *way = opaque;
    VifTest *test = vif_new(way);
    uint64_t maps, binds;

    connect_with(test, way, NULL);
    receive_all_behind(test, 0);
    binds = xensim_count(test->sim, XENSIM_OP_BIND);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        maps = xensim_count(test->sim, XENSIM_OP_MAP);
        reconfigure(test, values[i]);
        g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_MAP), ==, maps);
        receive_all_behind(test, values[i] ? atoi(values[i]) : 0);
        vif_test_works(test);
    }
    g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_BIND), ==, binds);
    vif_test_free(test);
}

/* The key alone changes nothing; and what is connected anew reads it. */
static void test_reconfigure_key(void)
{
    VifTest *test = vif_test_connect_new(NULL);

    keys_write_frontend(test, HEADROOM, "256");
    keys_wait_until_seen(test);
    receive_behind(test, 5000, 0);
    reconfigure(test, "512");
    receive_behind(test, 5000, 512);
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    receive_behind(test, 5000, 512);
    vif_test_free(test);
}

static void number_frame(size_t len, uint32_t number)
{
    memset(frame, number, len);
    frame[0] = 0x02;
    frame[12] = ETH_P_802_EX1 >> 8;
    frame[13] = ETH_P_802_EX1 & 0xff;
    memcpy(frame + ETH_HLEN, &number, sizeof(number));
}

/* Frames that wait meanwhile come in order, and behind the new headroom. */
static void test_reconfigure_waiting(const void *way)
{
    enum { LEN = 3000, NR = 8 };
    VifTest *test = vif_new(way);

    connect_with(test, way, NULL);
    for (uint32_t i = 0; i < NR; i++) {
        number_frame(LEN, i);
        vif_test_peer_send(test, NULL, frame, LEN);
    }
    vif_test_wait_counter(test, "rx", "held-back", 1);
    reconfigure(test, "2048");
    xensim_front_post_rx(test->front, 0, 2 * NR);
    for (uint32_t i = 0; i < NR; i++) {
        number_frame(LEN, i);
        expect_behind(test, LEN, MAX_HEADROOM);
    }
    vif_test_works(test);
    vif_test_free(test);
}

static void test_reconfigure_refused(void)
{
    static const char *const values[] = { "2049", "-1", "much" };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        vif_test_connect(test, NULL);
        keys_write_frontend(test, HEADROOM, values[i]);
        xensim_front_set_state(test->front, XenbusStateReconfiguring);
        keys_expect_error(test, values[i], "'" HEADROOM "'");
        vif_test_disconnect(test);
        keys_write_frontend(test, HEADROOM, NULL);
    }
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/*
 * Rate
 */

#define AN_HOUR "3600000000"

enum { RATE_LEN = 1000 };

/* @queues: how many, 0: one without keys of several */
static VifTest *limited_new(const Way *way, const char *rate,
                            unsigned int queues)
{
    const char *const keys[] = { "rate", rate, NULL };
    XensimFrontConfig config = make_config(way);
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .netdev = way->netdev,
        .tap_queues = 2,
        .device = ",max-queues=2",
        .keys = keys,
    });

    config.queues = queues;
    vif_test_connect(test, &config);
    return test;
}

static void send_numbered(VifTest *test, unsigned int queue, uint32_t first,
                          uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        number_frame(RATE_LEN, i);
        vif_test_send_on(test, queue, frame, RATE_LEN);
    }
}

static void expect_numbered(VifTest *test, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        number_frame(RATE_LEN, i);
        vif_test_expect_sent(test, frame, RATE_LEN);
    }
}

/* Have each queue look at its rings once more. */
static void nudge(VifTest *test)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_notify(test->sim, test->front->queues[i].tx_port);
    }
    g_assert_true(passes(test, unicast));
}

/*
 * That many frames are sent, and answered, and no more.  The counters are read
 * where queues run, so a queue isn't in the midst of a burst.
 */
static void expect_stuck(VifTest *test, uint64_t frames)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
    uint64_t answered = 0;

    while (total(test, "tx", "frames") < frames) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
    nudge(test);
    g_assert_cmpuint(total(test, "tx", "frames"), ==, frames);
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_reap_tx(test->front, i);
        answered += test->front->queues[i].tx_ok;
    }
    g_assert_cmpuint(answered, ==, frames);
}

static void set_rate(VifTest *test, const char *rate)
{
    keys_write_backend(test, "rate", rate);
    keys_wait_until_seen(test);
}

/* As much is sent as there is credit; the rest when the key is gone. */
static void test_rate_removed(const void *way)
{
    VifTest *test = limited_new(way, "3000," AN_HOUR, 0);

    send_numbered(test, 0, 0, 10);
    expect_stuck(test, 3);
    expect_numbered(test, 0, 3);
    set_rate(test, NULL);
    expect_numbered(test, 3, 10);
    send_numbered(test, 0, 10, 20);
    expect_numbered(test, 10, 20);
    vif_test_free(test);
}

/* Another rate applies to what waits. */
static void test_rate_changed(const void *way)
{
    VifTest *test = limited_new(way, "3000," AN_HOUR, 0);

    send_numbered(test, 0, 0, 10);
    expect_stuck(test, 3);
    expect_numbered(test, 0, 3);
    set_rate(test, "100000,1");
    expect_numbered(test, 3, 10);
    vif_test_free(test);
}

/* It is said while the vif is connected. */
static void test_rate_imposed(const void *way)
{
    VifTest *test = vif_new(way);

    connect_with(test, way, NULL);
    send_numbered(test, 0, 0, 10);
    expect_numbered(test, 0, 10);
    set_rate(test, "1000," AN_HOUR);
    send_numbered(test, 0, 10, 20);
    expect_stuck(test, 11);
    expect_numbered(test, 10, 11);
    set_rate(test, NULL);
    expect_numbered(test, 11, 20);
    vif_test_free(test);
}

/* Credit comes again and again, if an interval is short. */
static void test_rate_refilled(const void *way)
{
    VifTest *test = limited_new(way, "1000,1000", 0);

    for (uint32_t i = 0; i < 200; i += 10) {
        send_numbered(test, 0, i, i + 10);
        expect_numbered(test, i, i + 10);
    }
    vif_test_free(test);
}

/* A frame for which there isn't enough isn't passed by a shorter one. */
static void test_rate_order(const void *way)
{
    VifTest *test = limited_new(way, "1500," AN_HOUR, 0);
    uint8_t shorter[100];

    send_numbered(test, 0, 0, 2);
    vif_test_fill(shorter, sizeof(shorter));
    vif_test_send(test, shorter, sizeof(shorter), NULL, 0);
    expect_stuck(test, 1);
    set_rate(test, NULL);
    expect_numbered(test, 0, 2);
    vif_test_expect_sent(test, shorter, sizeof(shorter));
    vif_test_free(test);
}

/* It is the credit of the vif, whichever queue uses it. */
static void test_rate_queues(const void *way)
{
    for (unsigned int i = 0; i < 10; i++) {
        VifTest *test = limited_new(way, "5000," AN_HOUR, 2);

        send_numbered(test, 0, 0, 10);
        send_numbered(test, 1, 0, 10);
        expect_stuck(test, 5);
        set_rate(test, NULL);
        for (unsigned int j = 0; j < 20; j++) {
            g_assert_cmpuint(vif_test_peer_receive(test, NULL, frame,
                                                   XENSIM_PATIENCE), ==,
                             RATE_LEN);
        }
        vif_test_free(test);
    }
}

/* A frontend goes while its frames wait. */
static void test_rate_disconnect(const void *way)
{
    VifTest *test = limited_new(way, "1000," AN_HOUR, 0);

    send_numbered(test, 0, 0, 10);
    expect_stuck(test, 1);
    expect_numbered(test, 0, 1);
    vif_test_disconnect(test);
    set_rate(test, NULL);
    connect_with(test, way, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* What can't be a rate is none, from the beginning or later. */
static void test_rate_malformed(void)
{
    static const char *const rates[] = {
        "1000", "1000,", ",1000", "1000,x", "x," AN_HOUR, "-1," AN_HOUR,
        "1000 " AN_HOUR, "1000," AN_HOUR "x", "1000," AN_HOUR ",1", "1k,1000",
    };
    static const Way way = { .netdev = VIF_TEST_DGRAM };

    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        VifTest *test = limited_new(&way, rates[i], 0);

        expect_warning(test, "rate");
        send_numbered(test, 0, 0, 200);
        expect_numbered(test, 0, 200);
        set_rate(test, "1000," AN_HOUR);
        send_numbered(test, 0, 0, 5);
        set_rate(test, rates[i]);
        expect_numbered(test, 0, 5);
        vif_test_free(test);
    }
}

/*
 * Hotplug scripts
 */

#define SCRIPT "/etc/xen/scripts/vif-bridge"

static const char *const with_script[] = { "script", SCRIPT, NULL };

static VifTest *scripted_new(void)
{
    return vif_test_new(&(VifTestOptions) {
        .netdev = VIF_TEST_OWN_TAP,
        .keys = with_script,
    });
}

/* The front says Connected, and has to wait. */
static void expect_waiting(VifTest *test)
{
    vif_test_publish(test, &(XensimFrontConfig) { 0 });
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_wait_until_seen(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
}

static void test_script(void)
{
    VifTest *test = scripted_new();

    expect_waiting(test);
    keys_write_backend(test, "hotplug-status", "error");
    keys_wait_until_seen(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    keys_write_backend(test, "hotplug-status", "connected");
    vif_test_expect_state(test, XenbusStateConnected);
    vif_test_works(test);

    /* It's still so for whoever comes next. */
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* The script has ended before a front came. */
static void test_script_first(void)
{
    static const char *const done[] = {
        "script", SCRIPT, "hotplug-status", "connected", NULL
    };
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .netdev = VIF_TEST_OWN_TAP,
        .keys = done,
    });

    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* It has nothing to do with a netdev of the user's, and may say nothing. */
static void test_script_netdev(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .keys = with_script });

    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* The front has given up by the time that the script ends. */
static void test_script_given_up(void)
{
    VifTest *test = scripted_new();

    expect_waiting(test);
    vif_test_disconnect(test);
    keys_write_backend(test, "hotplug-status", "connected");
    keys_wait_until_seen(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateClosed);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/* The toolstack takes the vif away meanwhile. */
static void test_script_removed(void)
{
    VifTest *test = scripted_new();

    expect_waiting(test);
    vif_test_remove(test, false);
    vif_test_free(test);
}

/* What the front has written is looked at only then. */
static void test_script_refused(void)
{
    static const char *const keys[] = { "tx-ring-ref", "", NULL };
    VifTest *test = scripted_new();

    vif_test_publish(test, &(XensimFrontConfig) { .keys = keys });
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_wait_until_seen(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    keys_write_backend(test, "hotplug-status", "connected");
    keys_expect_error(test, "tx-ring-ref", "'tx-ring-ref' is missing");
    vif_test_disconnect(test);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/*
 * MTU
 */

static void test_mtu(void)
{
    static const char *const mtus[] = { NULL, "9000", "576", "1500" };

    for (size_t i = 0; i < G_N_ELEMENTS(mtus); i++) {
        const char *const keys[] = { mtus[i] ? "mtu" : NULL, mtus[i], NULL };
        unsigned int mtu = mtus[i] ? atoi(mtus[i]) : ETH_DATA_LEN;
        VifTest *test = vif_test_new(&(VifTestOptions) {
            .netdev = VIF_TEST_OWN_TAP,
            .keys = keys,
        });

        g_assert_cmpuint(tap_mtu(VIF_TEST_TAP_NAME), ==, mtu);
        vif_test_connect(test, NULL);
        receive_behind(test, ETH_HLEN + mtu, 0);
        vif_test_works(test);
        vif_test_free(test);
    }
}

/* A netdev that isn't ours is as its owner wants it. */
static void test_mtu_netdev(void)
{
    static const char *const keys[] = { "mtu", "9000", NULL };
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .netdev = VIF_TEST_TAP,
        .keys = keys,
    });

    g_assert_cmpuint(tap_mtu(VIF_TEST_TAP_NAME), !=, 9000);
    vif_test_connect(test, NULL);
    vif_test_works(test);
    vif_test_free(test);
}

/*
 * The link
 */

static void expect_carrier(VifTest *test, bool up)
{
    keys_wait_backend(test, "carrier", up ? "1" : "0");
}

/* Both ends have a link that can be set; there's a carrier if both are up. */
static void test_carrier(void)
{
    VifTest *test = vif_test_new(NULL);

    expect_carrier(test, true);
    vif_test_connect(test, NULL);
    for (unsigned int i = 0; i < 3; i++) {
        expect_carrier(test, true);
        vif_test_set_link(test, VIF_TEST_NIC_NAME, false);
        expect_carrier(test, false);
        vif_test_set_link(test, VIF_TEST_NIC_NAME, true);
        expect_carrier(test, true);
        vif_test_set_link(test, VIF_TEST_NETDEV_NAME, false);
        expect_carrier(test, false);
        vif_test_set_link(test, VIF_TEST_NIC_NAME, true);
        keys_wait_until_seen(test);
        keys_expect_backend(test, "carrier", "0");
        vif_test_set_link(test, VIF_TEST_NETDEV_NAME, true);
        expect_carrier(test, true);
        vif_test_works(test);
    }
    vif_test_free(test);
}

/* The link is down, or goes up, while no front is connected. */
static void test_carrier_connect(void)
{
    VifTest *test = vif_test_new(NULL);

    for (unsigned int i = 0; i < 2; i++) {
        const char *name = i ? VIF_TEST_NIC_NAME : VIF_TEST_NETDEV_NAME;

        vif_test_set_link(test, name, false);
        vif_test_connect(test, NULL);
        expect_carrier(test, false);
        vif_test_disconnect(test);
        vif_test_set_link(test, name, true);
        vif_test_connect(test, NULL);
        expect_carrier(test, true);
        vif_test_works(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/* The device's own tap has a carrier as long as the vif has. */
static void test_carrier_tap(void)
{
    static const char *const names[] = {
        VIF_TEST_NIC_NAME, VIF_TEST_TAP_NAME,
    };
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .netdev = VIF_TEST_OWN_TAP,
    });

    vif_test_connect(test, NULL);
    for (unsigned int i = 0; i < 6; i++) {
        vif_test_wait_tap_link(true);
        vif_test_set_link(test, names[i % 2], false);
        expect_carrier(test, false);
        vif_test_wait_tap_link(false);
        vif_test_set_link(test, names[i % 2], true);
        expect_carrier(test, true);
    }
    vif_test_wait_tap_link(true);
    vif_test_free(test);
}

/*
 * A guest that doesn't receive
 */

#define STALL ",rx-stall-timeout-ms=20"

/* A frame waits for so long that the vif is stalled. */
static void stall(VifTest *test)
{
    vif_test_fill(frame, 100);
    vif_test_peer_send(test, NULL, frame, 100);
    vif_test_wait_flag(test, "stalled", true);
}

/*
 * The guest posts slots, and receives again.  A tap whose carrier has just
 * come back may lose frames for a moment, hence more than one.
 */
static void receive_again(VifTest *test)
{
    bool found = false;

    xensim_front_post_rx(test->front, 0, 8);
    vif_test_wait_flag(test, "stalled", false);
    vif_test_fill(frame, 200);
    while (!found) {
        XensimRxFrame *rx;

        vif_test_peer_send(test, NULL, frame, 200);
        rx = xensim_front_receive(test->front, 0, 10);
        if (rx) {
            found = rx->len == 200 && !memcmp(rx->data, frame, 200);
            xensim_rx_frame_free(rx);
        }
        xensim_front_post_rx(test->front, 0, 1);
    }
}

/* The other end needn't wait for such a guest: what it sends is dropped. */
static void test_stall(const void *opaque)
{
    const Way *way = opaque;
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = STALL,
        .netdev = way->netdev,
    });

    connect_with(test, way, NULL);
    vif_test_wait_flag(test, "stalled", false);
    stall(test);
    for (unsigned int i = 0; i < 50; i++) {
        vif_test_peer_send(test, NULL, frame, 100);
    }
    vif_test_wait_counter(test, "rx", "drops.stalled", 50);
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, 0);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
    receive_again(test);
    vif_test_free(test);
}

/* Whoever connects anew has what is for it. */
static void test_stall_reconnect(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = STALL });

    for (unsigned int i = 0; i < 4; i++) {
        vif_test_connect(test, NULL);
        stall(test);
        vif_test_disconnect(test);
        vif_test_connect(test, NULL);
        receive_again(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/*
 * A tap, ours or the device's, has no carrier meanwhile; it also gets it back
 * when the guest disconnects.
 */
static void test_stall_tap(const void *netdev)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = STALL,
        .netdev = GPOINTER_TO_INT(netdev),
    });

    for (unsigned int i = 0; i < 4; i++) {
        vif_test_connect(test, &(XensimFrontConfig) { .unchecked = true });
        vif_test_wait_tap_link(true);
        stall(test);
        vif_test_wait_tap_link(false);
        if (i % 2) {
            receive_again(test);
            vif_test_wait_tap_link(true);
        }
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

static void skip(const void *why)
{
    g_test_skip(why);
}

/* @why: there can be no tap; or NULL */
static void add(const char *name, GTestDataFunc function, const char *why)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *path = g_strdup_printf("/keys/%s/%s", name,
                                                ways[i].name);
        bool skipped = why && ways[i].netdev == VIF_TEST_TAP;

        g_test_add_data_func(path, skipped ? why : (const void *)&ways[i],
                             skipped ? skip : function);
    }
}

static void add_multicast(const char *why)
{
    add("multicast/filter", test_multicast, why);
    add("multicast/dynamic", test_multicast_dynamic, why);
    g_test_add_func("/keys/multicast/dummy", test_multicast_dummy);
    g_test_add_func("/keys/multicast/malformed", test_multicast_malformed);
    g_test_add_func("/keys/multicast/list", test_multicast_list);
    g_test_add_func("/keys/multicast/random", test_multicast_random);
    g_test_add_func("/keys/multicast/queues", test_multicast_queues);
    g_test_add_func("/keys/multicast/bare", test_multicast_bare);
    g_test_add_func("/keys/multicast/hostile", test_multicast_hostile);
    g_test_add_func("/keys/multicast/query", test_multicast_query);
}

static void add_headroom(const char *why)
{
    add("headroom/slots", test_headroom, why);
    g_test_add_func("/keys/headroom/no-sg", test_headroom_no_sg);
    g_test_add_func("/keys/headroom/refused", test_headroom_refused);
    add("headroom/reconfigure", test_reconfigure, why);
    add("headroom/reconfigure-waiting", test_reconfigure_waiting, why);
    g_test_add_func("/keys/headroom/reconfigure-key", test_reconfigure_key);
    g_test_add_func("/keys/headroom/reconfigure-refused",
                    test_reconfigure_refused);
}

static void add_rate(const char *why)
{
    add("rate/removed", test_rate_removed, why);
    add("rate/changed", test_rate_changed, why);
    add("rate/imposed", test_rate_imposed, why);
    add("rate/refilled", test_rate_refilled, why);
    add("rate/order", test_rate_order, why);
    add("rate/queues", test_rate_queues, why);
    add("rate/disconnect", test_rate_disconnect, why);
    g_test_add_func("/keys/rate/malformed", test_rate_malformed);
}

static void add_scripts(const char *why)
{
    tap_add_func("/keys/script/waits", test_script, why);
    tap_add_func("/keys/script/first", test_script_first, why);
    tap_add_func("/keys/script/given-up", test_script_given_up, why);
    tap_add_func("/keys/script/removed", test_script_removed, why);
    tap_add_func("/keys/script/refused", test_script_refused, why);
    g_test_add_func("/keys/script/netdev", test_script_netdev);
}

static void add_tap_tests(void)
{
    g_test_add_data_func("/keys/headroom/gso/copied", &ways[2],
                         test_headroom_gso);
    g_test_add_data_func("/keys/headroom/gso/persistent", &ways[3],
                         test_headroom_gso);
    g_test_add_func("/keys/mtu/own-tap", test_mtu);
    g_test_add_func("/keys/mtu/netdev", test_mtu_netdev);
    g_test_add_func("/keys/carrier/own-tap", test_carrier_tap);
    g_test_add_data_func("/keys/stall/tap", GINT_TO_POINTER(VIF_TEST_TAP),
                         test_stall_tap);
    g_test_add_data_func("/keys/stall/own-tap",
                         GINT_TO_POINTER(VIF_TEST_OWN_TAP), test_stall_tap);
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    add_multicast(why);
    add_headroom(why);
    add_rate(why);
    add_scripts(why);
    g_test_add_func("/keys/carrier/set", test_carrier);
    g_test_add_func("/keys/carrier/connect", test_carrier_connect);
    g_test_add_data_func("/keys/stall/copied", &ways[0], test_stall);
    g_test_add_data_func("/keys/stall/persistent", &ways[1], test_stall);
    g_test_add_func("/keys/stall/reconnect", test_stall_reconnect);
    if (why) {
        g_test_add_data_func("/keys/tap", why, skip);
    } else {
        add_tap_tests();
    }
    return g_test_run();
}
