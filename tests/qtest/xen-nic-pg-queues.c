/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several queues: their keys, who gets which frame, and what goes wrong in one
 *
 * The same is asked of all that can be behind the vif: a netdev with one queue,
 * taps with as many as the guest or fewer, a tap of the device's own, and the
 * ways to them.
 *
 * Frames from the guest have their queue and number in them.  Frames to the
 * guest are of TCP and UDP flows, with the flow and the round in which they
 * were sent: which queue a flow goes to is the backend's choice, but it must
 * stay the same.  All have the number of their session, so that what an earlier
 * one has left on the way is known and passed over.
 */

#include <linux/if_ether.h>
#include <sys/socket.h>
#include "frames.h"
#include "keys.h"
#include "raw.h"
#include "tap.h"

enum {
    MAX_QUEUES = 4,
    PER_QUEUE = 16,     /* so that a socket's buffer holds those of all */
    NR_FLOWS = 64,
    FLOW_LEN = 120,
};

#define OPTIONS ",max-queues=4"

G_STATIC_ASSERT(MAX_QUEUES <= XENSIM_MAX_QUEUES);

/**
 * Net: what is behind the vif, and how it is reached
 * @name: of the tests
 * @device: options of the device
 * @netdev: the netdev
 * @queues: how many it has
 */
typedef struct Net {
    const char *name;
    const char *device;
    VifTestNetdev netdev;
    unsigned int queues;
} Net;

static const Net nets[] = {
    { "dgram", OPTIONS, VIF_TEST_DGRAM, 1 },
    { "tap", OPTIONS, VIF_TEST_TAP, MAX_QUEUES },
    { "narrow-tap", OPTIONS, VIF_TEST_TAP, 2 },
    { "own-tap", OPTIONS, VIF_TEST_OWN_TAP, MAX_QUEUES },
    { "no-threads", OPTIONS ",queue-threads=off", VIF_TEST_TAP, MAX_QUEUES },
    { "iothread", OPTIONS ",iothread=" VIF_TEST_IOTHREAD, VIF_TEST_TAP,
      MAX_QUEUES },
    { "no-tap-port", OPTIONS ",tap-port=off", VIF_TEST_TAP, MAX_QUEUES },
};

/* With a timeout that is over soon */
static const Net stalling[] = {
    { "dgram", OPTIONS ",rx-stall-timeout-ms=20", VIF_TEST_DGRAM, 1 },
    { "tap", OPTIONS ",rx-stall-timeout-ms=20", VIF_TEST_TAP, MAX_QUEUES },
};

static uint32_t session;

static VifTest *vif_new(const Net *net)
{
    return vif_test_new(&(VifTestOptions) {
        .device = net->device,
        .netdev = net->netdev,
        .tap_queues = net->queues,
    });
}

/*
 * From the guest
 */

typedef struct Number {
    uint32_t session;
    uint32_t queue;
    uint32_t number;
} Number;

/* Returns the frame's length. */
static size_t make_numbered(uint8_t *data, unsigned int queue, uint32_t number)
{
    Number tag = { .session = session, .queue = queue, .number = number };
    size_t len = 64 + (queue * 31 + number * 53) % 900;

    memset(data, queue << 6 | number, len);
    data[0] = 0x02;
    data[12] = ETH_P_802_EX1 >> 8;
    data[13] = ETH_P_802_EX1 & 0xff;
    memcpy(data + ETH_HLEN, &tag, sizeof(tag));
    return len;
}

/* All queues have some frames at once. */
static void send_numbered(VifTest *test)
{
    uint8_t data[ETH_FRAME_LEN];
    XensimTxFrame tx = { .data = data };

    for (uint32_t number = 0; number < PER_QUEUE; number++) {
        for (unsigned int i = 0; i < test->front->nr_queues; i++) {
            tx.len = make_numbered(data, i, number);
            g_assert_true(xensim_front_queue_tx(test->front, i, &tx));
        }
    }
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_push_tx(test->front, i);
    }
}

/* Returns the next frame of this session. */
static Number receive_numbered(VifTest *test, uint8_t *data, size_t *len)
{
    Number tag;

    do {
        *len = vif_test_peer_receive(test, NULL, data, XENSIM_PATIENCE);
        if (!*len) {
            g_error("the peer doesn't get all frames of the guest");
        }
        memcpy(&tag, data + ETH_HLEN, sizeof(tag));
    } while (tag.session != session);
    return tag;
}

/* All have come, and those of a queue in order. */
static void expect_numbered(VifTest *test)
{
    static uint8_t data[VIF_TEST_MAX_FRAME];
    unsigned int nr_queues = test->front->nr_queues;
    uint32_t next[MAX_QUEUES] = { 0 };
    uint8_t wanted[ETH_FRAME_LEN];

    for (unsigned int i = 0; i < nr_queues * PER_QUEUE; i++) {
        size_t len, wanted_len;
        Number tag = receive_numbered(test, data, &len);

        g_assert_cmpuint(tag.queue, <, nr_queues);
        g_assert_cmpuint(tag.number, ==, next[tag.queue]++);
        wanted_len = make_numbered(wanted, tag.queue, tag.number);
        g_assert_cmpmem(data, len, wanted, wanted_len);
    }
    for (unsigned int i = 0; i < nr_queues; i++) {
        g_assert_true(xensim_front_flush_tx(test->front, i));
    }
}

/*
 * To the guest
 */

/* At the end of each frame of a flow */
typedef struct Tag {
    uint32_t session;
    uint32_t round;
    uint32_t flow;
} Tag;

/**
 * Flow: frames with the same addresses and ports
 * @kind: what they are
 * @data: the one that was sent last
 * @queue: where it went, -1 if that isn't known yet
 */
typedef struct Flow {
    FrameKind kind;
    uint8_t data[FLOW_LEN];
    int queue;
} Flow;

static Flow flows[NR_FLOWS];
static uint32_t flow_round;

static void make_flows(void)
{
    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        flows[i].kind = (FrameKind) { .ipv6 = i & 1, .tcp = i & 2 };
        flows[i].queue = -1;
        frame_make(flows[i].data, FLOW_LEN, flows[i].kind);
    }
}

static void send_flow(VifTest *test, unsigned int i)
{
    Tag tag = { .session = session, .round = flow_round, .flow = i };
    Flow *flow = &flows[i];

    memcpy(flow->data + FLOW_LEN - sizeof(tag), &tag, sizeof(tag));
    frame_make_headers(flow->data, FLOW_LEN, flow->kind);
    vif_test_peer_send(test, NULL, flow->data, FLOW_LEN);
}

static void send_flows(VifTest *test)
{
    flow_round++;
    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        send_flow(test, i);
    }
}

static void post_all(VifTest *test)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_post_rx(test->front, i, XENSIM_RX_SLOTS);
    }
}

static bool is_of_round(const XensimRxFrame *rx, Tag *tag)
{
    if (rx->len != FLOW_LEN) {
        return false;
    }
    memcpy(tag, rx->data + FLOW_LEN - sizeof(*tag), sizeof(*tag));
    return tag->session == session && tag->round == flow_round;
}

/* The frame is that which was sent, on the queue where the flow always was. */
static void expect_of_flow(const XensimRxFrame *rx, unsigned int i,
                           unsigned int queue)
{
    Flow *flow = &flows[i];

    g_assert_cmpmem(rx->data, rx->len, flow->data, FLOW_LEN);
    if (flow->queue < 0) {
        flow->queue = queue;
    }
    g_assert_cmpint(flow->queue, ==, queue);
}

/* The next frame of this round.  Returns which flow it is of. */
static unsigned int expect_flow(VifTest *test)
{
    for (;;) {
        unsigned int queue;
        XensimRxFrame *rx = vif_test_receive_any(test, &queue);
        Tag tag;
        bool found = is_of_round(rx, &tag);

        if (found) {
            g_assert_cmpuint(tag.flow, <, NR_FLOWS);
            expect_of_flow(rx, tag.flow, queue);
        }
        xensim_rx_frame_free(rx);
        if (found) {
            return tag.flow;
        }
    }
}

/* So many frames of this round; those of a queue in the order of sending */
static void expect_flows(VifTest *test, unsigned int nr)
{
    int last[MAX_QUEUES] = { -1, -1, -1, -1 };

    while (nr--) {
        int flow = expect_flow(test);
        int *before = &last[flows[flow].queue];

        g_assert_cmpint(flow, >, *before);
        *before = flow;
    }
}

static unsigned int count_flows(unsigned int queue)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        nr += flows[i].queue == (int)queue;
    }
    return nr;
}

static unsigned int find_flow(unsigned int queue)
{
    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        if (flows[i].queue == (int)queue) {
            return i;
        }
    }
    g_error("queue %u gets none of %u flows", queue, NR_FLOWS);
}

/*
 * Sessions
 */

/* Pages are persistent and channels split by turns. */
static XensimFrontConfig make_config(unsigned int queues, unsigned int turn)
{
    return (XensimFrontConfig) {
        .queues = queues,
        .persistent = turn & 1,
        .split = turn & 2,
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    };
}

/* Frames that nobody has read mustn't fill the peer's buffer. */
static void begin_session(VifTest *test)
{
    uint8_t data[ETH_FRAME_LEN];
    ssize_t len;

    do {
        len = recv(test->peer, data, sizeof(data), MSG_DONTWAIT);
    } while (len > 0);
    session = g_test_rand_int();
    make_flows();
}

static void connect_with(VifTest *test, const XensimFrontConfig *config)
{
    begin_session(test);
    vif_test_connect(test, config);
}

static void connect_queues(VifTest *test, unsigned int queues,
                           unsigned int turn)
{
    XensimFrontConfig config = make_config(queues, turn);

    connect_with(test, &config);
}

/* Each queue sends, and each gets some of the flows. */
static void expect_all_work(VifTest *test)
{
    send_numbered(test);
    expect_numbered(test);
    post_all(test);
    send_flows(test);
    expect_flows(test, NR_FLOWS);
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        find_flow(i);
    }
}

/* After anything, a front with all queues works. */
static void expect_recovery(VifTest *test)
{
    g_autofree char *error = NULL;

    connect_queues(test, MAX_QUEUES, 0);
    error = vif_test_error(test);
    g_assert_null(error);
    expect_all_work(test);
    vif_test_free(test);
}

/*
 * Keys
 */

static void test_offer(void)
{
    g_autofree char *all = g_strdup_printf("%u",
                                           MIN(g_get_num_processors(), 64));
    const struct {
        const char *device, *offer;
    } cases[] = {
        { "", all }, { ",max-queues=0", all }, { ",max-queues=1", "1" },
        { ",max-queues=3", "3" }, { ",max-queues=64", "64" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        VifTest *test = vif_test_new(&(VifTestOptions) {
            .device = cases[i].device,
        });

        keys_expect_backend(test, "multi-queue-max-queues", cases[i].offer);
        vif_test_free(test);
    }
}

/* As many as are offered by default, and one more */
static void test_default(void)
{
    VifTest *test = vif_test_new(NULL);
    unsigned int most = MIN(g_get_num_processors(), 64);
    g_autofree char *more = g_strdup_printf("%u", most + 1);

    keys_expect_refusal(test, "multi-queue-num-queues", more,
                        "expected a number from 1 to");
    connect_queues(test, MIN(most, MAX_QUEUES), 0);
    expect_all_work(test);
    vif_test_free(test);
}

static void try_numbers(const char *device, unsigned int most,
                        const char *const *numbers)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = device });

    for (; *numbers; numbers++) {
        g_autofree char *reason = g_strdup_printf(
            "frontend key 'multi-queue-num-queues' is '%s', expected a number "
            "from 1 to %u", *numbers, most);

        keys_expect_refusal(test, "multi-queue-num-queues", *numbers, reason);
    }
    connect_queues(test, most, 0);
    expect_all_work(test);
    vif_test_free(test);
}

static void test_numbers(void)
{
    static const char *const beyond_one[] = { "0", "2", NULL };
    static const char *const beyond_four[] = {
        "0", "5", "256", "4294967295", NULL
    };

    try_numbers(",max-queues=1", 1, beyond_one);
    try_numbers(OPTIONS, MAX_QUEUES, beyond_four);
}

/* A front with two queues has one key of queue @index changed. */
static void expect_queue_refusal(VifTest *test, bool split, unsigned int index,
                                 const char *name, const char *value,
                                 const char *reason)
{
    g_autofree char *key = g_strdup_printf("queue-%u/%s", index, name);
    g_autofree char *full = g_strdup_printf("'%s' is %s", key, reason);
    const char *const keys[] = { key, value, NULL };

    keys_expect_front_refusal(test, &(XensimFrontConfig) {
        .queues = 2, .split = split, .keys = keys }, key, full);
}

static void test_missing(void)
{
    static const struct {
        const char *key;
        bool split;
    } cases[] = {
        { "tx-ring-ref", false }, { "rx-ring-ref", false },
        { "event-channel", false }, { "event-channel-tx", true },
        { "event-channel-rx", true },
    };
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (unsigned int queue = 0; queue < 2; queue++) {
            expect_queue_refusal(test, cases[i].split, queue, cases[i].key, "",
                                 "missing");
        }
    }
    expect_recovery(test);
}

/* Whole directories are missing, or those of other numbers of queues. */
static void test_missing_directories(void)
{
    static const char *const queue_0[] = { "queue-0", "", NULL };
    static const char *const queue_1[] = { "queue-1", "", NULL };
    static const char *const three[] = { "multi-queue-num-queues", "3", NULL };
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });

    keys_expect_front_refusal(test, &(XensimFrontConfig) {
        .queues = 2, .keys = queue_0 }, "no queue-0",
        "'queue-0/tx-ring-ref' is missing");
    keys_expect_front_refusal(test, &(XensimFrontConfig) {
        .queues = 2, .keys = queue_1 }, "no queue-1",
        "'queue-1/tx-ring-ref' is missing");
    keys_expect_front_refusal(test, &(XensimFrontConfig) {
        .queues = 2, .keys = three }, "three of two",
        "'queue-2/tx-ring-ref' is missing");
    keys_expect_front_refusal(test, &(XensimFrontConfig) {
        .keys = three }, "three, flat", "'queue-0/tx-ring-ref' is missing");
    expect_recovery(test);
}

/* What was set up for the first queue is undone when the second is refused. */
static void test_wrong(void)
{
    static const struct {
        const char *key, *value, *reason;
    } cases[] = {
        { "queue-1/tx-ring-ref", "4000000000", "cannot map" },
        { "queue-1/rx-ring-ref", "16000", "cannot map" },
        { "queue-1/event-channel", "200", "cannot bind" },
    };
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });

    expect_queue_refusal(test, false, 1, "tx-ring-ref", "eight", "'eight'");
    expect_queue_refusal(test, false, 1, "rx-ring-ref", "-1", "'-1'");
    expect_queue_refusal(test, false, 1, "event-channel", "1x", "'1x'");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const keys[] = { cases[i].key, cases[i].value, NULL };

        keys_expect_front_refusal(test, &(XensimFrontConfig) {
            .queues = 2, .keys = keys }, cases[i].key, cases[i].reason);
    }
    expect_recovery(test);
}

/* One queue may be said in three ways. */
static void test_one(void)
{
    static const char *const one[] = { "multi-queue-num-queues", "1", NULL };
    static const char *const unsaid[] = { "multi-queue-num-queues", "", NULL };
    static const XensimFrontConfig configs[] = {
        { .keys = one }, { .queues = 1 }, { .queues = 1, .keys = unsaid },
        { .queues = 1, .split = true },
    };
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });

    for (size_t i = 0; i < G_N_ELEMENTS(configs); i++) {
        connect_with(test, &configs[i]);
        expect_all_work(test);
        vif_test_disconnect(test);
    }
    expect_recovery(test);
}

/* A directory beyond the number of queues isn't looked at. */
static void test_fewer(void)
{
    static const char *const two[] = { "multi-queue-num-queues", "2", NULL };
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });
    uint8_t data[ETH_FRAME_LEN];
    size_t len;

    connect_with(test, &(XensimFrontConfig) { .queues = 3, .keys = two });
    len = make_numbered(data, 2, 0);
    vif_test_send_on(test, 2, data, len);
    for (unsigned int i = 0; i < 2; i++) {
        len = make_numbered(data, i, 0);
        vif_test_send_on(test, i, data, len);
        vif_test_expect_sent(test, data, len);
    }
    g_assert_cmpuint(xensim_front_reap_tx(test->front, 2), ==, 0);
    vif_test_disconnect(test);
    expect_recovery(test);
}

/* Two queues are told to have the same of something. */
static void publish_shared(VifTest *test, bool ring, bool channel)
{
    const XensimQueue *queue = &test->front->queues[0];
    g_autofree char *tx_ref = g_strdup_printf("%u", queue->tx_ref);
    g_autofree char *rx_ref = g_strdup_printf("%u", queue->rx_ref);
    g_autofree char *port = g_strdup_printf("%u", queue->tx_port);

    if (ring) {
        keys_write_frontend(test, "queue-1/tx-ring-ref", tx_ref);
        keys_write_frontend(test, "queue-1/rx-ring-ref", rx_ref);
    }
    if (channel) {
        keys_write_frontend(test, "queue-1/event-channel", port);
    }
}

/*
 * What comes of it is the guest's problem, as long as it's only that; the
 * responses of two are too many, and so nobody looks at them.
 */
static void use_shared(VifTest *test)
{
    uint32_t tx = raw_grant(test, true, NULL);
    uint32_t rx = raw_grant(test, false, NULL);

    for (unsigned int i = 0; i < 100; i++) {
        raw_put_tx(test, &(netif_tx_request_t) { .gref = tx, .size = 100 });
        raw_push_tx(test);
        raw_put_rx(test, i, rx);
        raw_push_rx(test);
    }
    flow_round++;
    for (unsigned int i = 0; i < 8; i++) {
        send_flow(test, i);
    }
    keys_wait_until_seen(test);
}

static void test_shared(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = OPTIONS });

    for (unsigned int i = 1; i < 4; i++) {
        begin_session(test);
        vif_test_publish(test, &(XensimFrontConfig) { .queues = 2 });
        publish_shared(test, i & 1, i & 2);
        xensim_front_set_state(test->front, XenbusStateConnected);
        if (keys_wait_decision(test)) {
            use_shared(test);
        }
        vif_test_disconnect(test);
    }
    expect_recovery(test);
}

/*
 * Frames
 */

/* A counter of each queue */
typedef struct Counters {
    uint64_t of[MAX_QUEUES];
} Counters;

static Counters read_counters(VifTest *test, const char *direction,
                              const char *name)
{
    Counters counters = { 0 };

    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        counters.of[i] = vif_test_queue_counter(test, i, direction, name);
    }
    return counters;
}

/* By how much a counter of a queue is above what it was. */
static uint64_t grown(VifTest *test, const Counters *before,
                      unsigned int queue, const char *direction,
                      const char *name)
{
    return vif_test_queue_counter(test, queue, direction, name) -
           before->of[queue];
}

/* Pages that persist are mapped, by the queue that they were used in. */
static void expect_mapped(VifTest *test, const char *direction)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        uint64_t mapped = vif_test_queue_counter(test, i, direction, "mapped");

        g_assert_cmpint(mapped > 0, ==, test->front->config.persistent);
    }
}

/* The second time, pages that persist are mapped already. */
static void check_tx(VifTest *test)
{
    Counters frames = read_counters(test, "tx", "frames");
    Counters hits = read_counters(test, "tx", "persistent-hits");

    for (int i = 0; i < 2; i++) {
        send_numbered(test);
        expect_numbered(test);
    }
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        g_assert_cmpuint(grown(test, &frames, i, "tx", "frames"), ==,
                         2 * PER_QUEUE);
        g_assert_cmpint(grown(test, &hits, i, "tx", "persistent-hits") > 0, ==,
                        test->front->config.persistent);
    }
    expect_mapped(test, "tx");
}

static void check_rx(VifTest *test)
{
    enum { ROUNDS = 4 };
    Counters frames = read_counters(test, "rx", "frames");

    for (int i = 0; i < ROUNDS; i++) {
        post_all(test);
        send_flows(test);
        expect_flows(test, NR_FLOWS);
    }
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        g_assert_cmpuint(count_flows(i), >, 0);
        g_assert_cmpuint(grown(test, &frames, i, "rx", "frames"), ==,
                         ROUNDS * count_flows(i));
    }
    expect_mapped(test, "rx");
}

/* With each number of queues, with and without all else */
static void try_all(const Net *net, void (*check)(VifTest *test))
{
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < 4 * MAX_QUEUES; i++) {
        connect_queues(test, 1 + i % MAX_QUEUES, i / MAX_QUEUES);
        check(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

static void test_tx(const void *net)
{
    try_all(net, check_tx);
}

static void test_rx(const void *net)
{
    try_all(net, check_rx);
}

/* Queues that the netdev has fewer of take turns in using them. */
static void test_ports(const void *data)
{
    const Net *net = data;
    VifTest *test = vif_new(net);
    uint64_t before[MAX_QUEUES];
    uint8_t frame[ETH_FRAME_LEN];

    connect_queues(test, MAX_QUEUES, 1);
    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        unsigned int port = i % net->queues;
        size_t len = make_numbered(frame, i, 0);

        for (unsigned int j = 0; j < net->queues; j++) {
            before[j] = vif_test_queue_counter(test, j, "port", "writes");
        }
        vif_test_send_on(test, i, frame, len);
        vif_test_expect_sent(test, frame, len);
        for (unsigned int j = 0; j < net->queues; j++) {
            g_assert_cmpuint(vif_test_queue_counter(test, j, "port", "writes"),
                             ==, before[j] + (j == port));
        }
    }
    vif_test_free(test);
}

/*
 * Channels
 */

/* How often each channel was notified */
typedef struct Events {
    uint64_t tx[MAX_QUEUES], rx[MAX_QUEUES];
} Events;

static Events read_events(VifTest *test)
{
    Events events = { 0 };

    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        const XensimQueue *queue = &test->front->queues[i];

        events.tx[i] = xensim_events(test->sim, queue->tx_port);
        events.rx[i] = xensim_events(test->sim, queue->rx_port);
    }
    return events;
}

/* Ask for a notification of the next response on every ring. */
static void ask_all(VifTest *test)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        XensimQueue *queue = &test->front->queues[i];

        queue->tx.sring->rsp_event = queue->tx.rsp_cons + 1;
        queue->rx.sring->rsp_event = queue->rx.rsp_cons + 1;
    }
}

/* The frame's own channel is notified once, and no other. */
static void check_tx_channels(VifTest *test, unsigned int queue)
{
    uint64_t sent = vif_test_queue_counter(test, queue, "tx",
                                           "notifications-sent");
    uint8_t data[ETH_FRAME_LEN];
    size_t len = make_numbered(data, queue, 0);
    Events wanted, got;

    ask_all(test);
    wanted = read_events(test);
    wanted.tx[queue]++;
    vif_test_send_on(test, queue, data, len);
    vif_test_expect_sent(test, data, len);
    vif_test_wait_queue_counter(test, queue, "tx", "notifications-sent",
                                sent + 1);
    got = read_events(test);
    g_assert_cmpmem(&got, sizeof(got), &wanted, sizeof(wanted));
    g_assert_cmpuint(xensim_front_reap_tx(test->front, queue), ==, 1);
}

static void check_rx_channels(VifTest *test, unsigned int flow)
{
    unsigned int queue = flows[flow].queue;
    uint64_t sent = vif_test_queue_counter(test, queue, "rx",
                                           "notifications-sent");
    Events wanted, got;

    ask_all(test);
    wanted = read_events(test);
    wanted.rx[queue]++;
    flow_round++;
    send_flow(test, flow);
    vif_test_wait_queue_counter(test, queue, "rx", "notifications-sent",
                                sent + 1);
    got = read_events(test);
    g_assert_cmpmem(&got, sizeof(got), &wanted, sizeof(wanted));
    g_assert_cmpuint(expect_flow(test), ==, flow);
}

static void test_channels(const void *net)
{
    VifTest *test = vif_new(net);

    connect_queues(test, MAX_QUEUES, 3);
    expect_all_work(test);
    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        check_tx_channels(test, i);
    }
    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        check_rx_channels(test, i);
    }
    vif_test_free(test);
}

/*
 * What goes wrong in one queue
 */

/* Find out where flows go; each queue is left with one slot. */
static void learn_flows(VifTest *test)
{
    for (unsigned int i = 0; i < test->front->nr_queues; i++) {
        xensim_front_post_rx(test->front, i, 1);
    }
    flow_round++;
    for (unsigned int i = 0; i < NR_FLOWS; i++) {
        send_flow(test, i);
        g_assert_cmpuint(expect_flow(test), ==, i);
        xensim_front_post_rx(test->front, flows[i].queue, 1);
    }
}

/* Send the first few flows of a queue.  Returns how many there were. */
static unsigned int send_to(VifTest *test, unsigned int queue, unsigned int nr)
{
    unsigned int sent = 0;

    for (unsigned int i = 0; i < NR_FLOWS && sent < nr; i++) {
        if (flows[i].queue == (int)queue) {
            send_flow(test, i);
            sent++;
        }
    }
    return sent;
}

/*
 * Each queue has but one slot.  What is for one of them waits, and then comes
 * in order.  Where a queue has a netdev's queue to itself, the others don't
 * wait for it.
 */
static void check_full(VifTest *test, const Net *net, unsigned int full)
{
    uint64_t held = vif_test_queue_counter(test, full, "rx", "held-back");
    unsigned int waiting, others = 0;

    flow_round++;
    waiting = send_to(test, full, 4) - 1;
    g_assert_cmpuint(waiting, >, 0);
    vif_test_wait_queue_counter(test, full, "rx", "held-back", held + 1);
    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        others += i != full ? send_to(test, i, 1) : 0;
    }
    if (net->queues == MAX_QUEUES) {
        expect_flows(test, 1 + others);
    } else {
        waiting += 1 + others;
    }
    xensim_front_post_rx(test->front, full, XENSIM_RX_SLOTS);
    expect_flows(test, waiting);
}

static void test_full(const void *net)
{
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        connect_queues(test, MAX_QUEUES, i);
        learn_flows(test);
        check_full(test, net, i);
        expect_all_work(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/* The same, for so long that it counts as a guest that doesn't receive. */
static void test_stalled(const void *data)
{
    const Net *net = data;
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        connect_queues(test, MAX_QUEUES, i);
        learn_flows(test);
        flow_round++;
        g_assert_cmpuint(send_to(test, i, 2), ==, 2);
        vif_test_wait_flag(test, "stalled", true);
        xensim_front_post_rx(test->front, i, XENSIM_RX_SLOTS);
        vif_test_wait_flag(test, "stalled", false);
        if (net->netdev == VIF_TEST_TAP) {
            vif_test_wait_tap_link(true);
        }
        expect_all_work(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

static void break_tx(VifTest *test, unsigned int index)
{
    XensimQueue *queue = &test->front->queues[index];

    queue->tx.sring->req_prod = queue->tx.rsp_cons + XENSIM_TX_SLOTS + 1;
    xensim_notify(test->sim, queue->tx_port);
    keys_expect_error(test, "transmit ring", "transmit ring: the request "
                      "index is beyond");
}

static void break_rx(VifTest *test, unsigned int index)
{
    XensimQueue *queue = &test->front->queues[index];

    queue->rx.sring->req_prod = queue->rx.rsp_cons - 1;
    flow_round++;
    send_flow(test, find_flow(index));
    keys_expect_error(test, "receive ring", "receive ring: the request index "
                      "is beyond");
}

/* One queue is rogue: the vif stops, with all queues. */
static void test_rogue(const void *net)
{
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < 2 * MAX_QUEUES; i++) {
        connect_queues(test, MAX_QUEUES, i);
        expect_all_work(test);
        if (i % 2) {
            break_tx(test, i / 2);
        } else {
            break_rx(test, i / 2);
        }
        vif_test_disconnect(test);
    }
    expect_recovery(test);
}

/* All are rogue at once: it's one error, and one end. */
static void test_all_rogue(const void *net)
{
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < 20; i++) {
        connect_queues(test, MAX_QUEUES, i);
        expect_all_work(test);
        for (unsigned int j = 0; j < MAX_QUEUES; j++) {
            test->front->queues[j].tx.sring->req_prod += XENSIM_TX_SLOTS + 1;
        }
        for (unsigned int j = 0; j < MAX_QUEUES; j++) {
            xensim_notify(test->sim, test->front->queues[j].tx_port);
        }
        keys_expect_error(test, "all transmit rings", "transmit ring: the "
                          "request index is beyond");
        vif_test_disconnect(test);
    }
    expect_recovery(test);
}

/*
 * What is the whole vif's
 */

/* The link is that of all queues. */
static void test_link(const void *data)
{
    const Net *net = data;
    const char *name = net->netdev == VIF_TEST_OWN_TAP ? VIF_TEST_TAP_NAME
                                                       : VIF_TEST_NETDEV_NAME;
    VifTest *test = vif_new(net);
    uint8_t frame[ETH_FRAME_LEN];

    connect_queues(test, MAX_QUEUES, 1);
    for (unsigned int i = 0; i < 5; i++) {
        vif_test_set_link(test, name, false);
        for (unsigned int j = 0; j < MAX_QUEUES; j++) {
            vif_test_send_on(test, j, frame, make_numbered(frame, j, 0));
            g_assert_true(xensim_front_flush_tx(test->front, j));
            g_assert_cmpuint(vif_test_queue_counter(test, j, "tx",
                                                    "drops.link-down"), ==,
                             i + 1);
        }
        vif_test_set_link(test, name, true);
        send_numbered(test);
        expect_numbered(test);
    }
    vif_test_free(test);
}

#define HEADROOM 256

/* It is left in the pages of each queue. */
static void test_headroom(const void *net)
{
    static const char *const keys[] = {
        "xdp-headroom", G_STRINGIFY(HEADROOM), NULL
    };
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < 2; i++) {
        XensimFrontConfig config = make_config(MAX_QUEUES, i);
        unsigned int seen = 0;

        config.keys = keys;
        connect_with(test, &config);
        post_all(test);
        send_flows(test);
        for (unsigned int j = 0; j < NR_FLOWS; j++) {
            unsigned int queue;
            XensimRxFrame *rx = vif_test_receive_any(test, &queue);

            g_assert_cmpuint(rx->len, ==, FLOW_LEN);
            g_assert_cmpuint(rx->offsets[0], ==, HEADROOM);
            seen |= 1 << queue;
            xensim_rx_frame_free(rx);
        }
        g_assert_cmphex(seen, ==, (1 << MAX_QUEUES) - 1);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/*
 * Coming and going
 */

static void reconnect_all(VifTest *test)
{
    static const unsigned int numbers[] = { 1, 4, 2, 3, 0, 4, 1, 2 };

    for (unsigned int i = 0; i < G_N_ELEMENTS(numbers); i++) {
        connect_queues(test, numbers[i], i);
        expect_all_work(test);
        vif_test_disconnect(test);
        g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    }
}

/* More queues, fewer, and none said: what one has had isn't kept. */
static void test_reconnect(const void *net)
{
    VifTest *test = vif_new(net);
    unsigned int files;

    reconnect_all(test);
    files = vif_test_open_files(test);
    for (unsigned int i = 0; i < 4; i++) {
        reconnect_all(test);
        g_assert_cmpuint(vif_test_open_files(test), ==, files);
    }
    vif_test_free(test);
}

/* Frames that nobody waits for, as many as rings and sockets hold */
static void flood(VifTest *test)
{
    uint8_t data[1000];
    XensimTxFrame tx = { .data = data, .len = sizeof(data) };

    vif_test_fill(data, sizeof(data));
    post_all(test);
    for (unsigned int i = 0; i < XENSIM_TX_SLOTS; i++) {
        for (unsigned int j = 0; j < test->front->nr_queues; j++) {
            if (xensim_front_queue_tx(test->front, j, &tx)) {
                xensim_front_push_tx(test->front, j);
            }
        }
    }
    send_flows(test);
}

static void test_load(const void *net)
{
    VifTest *test = vif_new(net);

    for (unsigned int i = 0; i < 30; i++) {
        connect_queues(test, g_test_rand_int_range(1, MAX_QUEUES + 1), i);
        flood(test);
        vif_test_disconnect(test);
    }
    expect_recovery(test);
}

/* The same, but the guest dies, and the toolstack cleans up. */
static void test_killed(const void *net)
{
    for (unsigned int i = 0; i < 4; i++) {
        VifTest *test = vif_new(net);

        connect_queues(test, MAX_QUEUES, i);
        flood(test);
        xensim_kill_guest(test->sim);
        vif_test_remove(test, false);
        vif_test_free(test);
    }
}

static void skip(const void *why)
{
    g_test_skip(why);
}

/* @why: there can be no tap; or NULL */
static void add_on(const Net *net, const char *name, GTestDataFunc function,
                   const char *why)
{
    g_autofree char *path = g_strdup_printf("/queues/%s/%s", name, net->name);
    bool skipped = why && net->netdev != VIF_TEST_DGRAM;

    g_test_add_data_func(path, skipped ? why : (const void *)net,
                         skipped ? skip : function);
}

static void add(const char *name, GTestDataFunc function, const char *why)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(nets); i++) {
        add_on(&nets[i], name, function, why);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queues/keys/offer", test_offer);
    g_test_add_func("/queues/keys/default", test_default);
    g_test_add_func("/queues/keys/numbers", test_numbers);
    g_test_add_func("/queues/keys/missing", test_missing);
    g_test_add_func("/queues/keys/missing-directories",
                    test_missing_directories);
    g_test_add_func("/queues/keys/wrong", test_wrong);
    g_test_add_func("/queues/keys/one", test_one);
    g_test_add_func("/queues/keys/fewer", test_fewer);
    g_test_add_func("/queues/keys/shared", test_shared);
    add("tx", test_tx, why);
    add("rx", test_rx, why);
    add_on(&nets[1], "ports", test_ports, why);
    add_on(&nets[2], "ports", test_ports, why);
    add_on(&nets[3], "ports", test_ports, why);
    add("channels", test_channels, why);
    add("full", test_full, why);
    for (unsigned int i = 0; i < G_N_ELEMENTS(stalling); i++) {
        add_on(&stalling[i], "stalled", test_stalled, why);
    }
    add("rogue", test_rogue, why);
    add("all-rogue", test_all_rogue, why);
    add("link", test_link, why);
    add("headroom", test_headroom, why);
    add("reconnect", test_reconnect, why);
    add("load", test_load, why);
    add("killed", test_killed, why);
    return g_test_run();
}
