/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits for whom: full rings, full netdevs, notifications
 *
 * Nothing that was accepted may be lost or change its place, and nothing is
 * queued without bound: whoever can't go on makes the other end wait.
 *
 * Notifications are those that ring.h's event indexes ask for, no more, and
 * above all no less.
 */

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>
#include "raw.h"

#define FRAME 200

/* How much more memory QEMU may have while it waits, in KiB */
#define GROWTH_KIB 4096

static XensimQueue *queue_of(VifTest *test)
{
    return &test->front->queues[0];
}

static RING_IDX read_index(RING_IDX *index)
{
    return g_atomic_int_get((gint *)index);
}

static void number_frame(uint8_t *data, uint64_t number)
{
    memcpy(data + ETH_HLEN, &number, sizeof(number));
}

/*
 * Backpressure
 */

/* Queued frames would be memory of QEMU's; an endless queue never stops. */
static void expect_bounded(VifTest *test, unsigned long before)
{
    g_assert_cmpuint(vif_test_memory(test), <=, before + GROWTH_KIB);
}

/* The netdev takes nothing for long: the guest's ring stays full. */
static void test_tx_backpressure(const void *persistent)
{
    enum { LEN = 9000 };
    VifTest *test = vif_test_connect_new(persistent);
    uint8_t data[LEN];
    XensimTxFrame tx = { .data = data, .len = LEN };
    unsigned long memory;
    uint64_t sent = 0;
    int idle = 0;

    vif_test_works(test);
    memory = vif_test_memory(test);
    vif_test_fill(data, LEN);
    /* Send until nothing moves any more. */
    while (idle < 50) {
        number_frame(data, sent);
        if (xensim_front_queue_tx(test->front, 0, &tx)) {
            xensim_front_push_tx(test->front, 0);
            expect_bounded(test, memory);
            sent++;
            idle = 0;
        } else {
            g_usleep(2000);
            idle++;
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "held-back"), >, 0);
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), <, sent);
    expect_bounded(test, memory);

    for (uint64_t i = 0; i < sent; i++) {
        number_frame(data, i);
        vif_test_expect_sent(test, data, LEN);
    }
    g_assert_true(xensim_front_flush_tx(test->front, 0));
    g_assert_cmpuint(vif_test_counter(test, "tx", "frames"), ==, sent + 1);
    vif_test_works(test);
    vif_test_free(test);
}

/* The guest posts nothing for long: the netdev's other end has to wait. */
static void test_rx_backpressure(const void *persistent)
{
    VifTest *test = vif_test_connect_new(persistent);
    uint8_t data[FRAME];
    unsigned long memory;
    uint64_t accepted = 0;
    int idle = 0;

    vif_test_works(test);
    memory = vif_test_memory(test);
    vif_test_fill(data, FRAME);
    while (idle < 50) {
        number_frame(data, accepted);
        if (send(test->peer, data, FRAME, MSG_DONTWAIT) == FRAME) {
            expect_bounded(test, memory);
            accepted++;
            idle = 0;
        } else {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_usleep(2000);
            idle++;
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "rx", "held-back"), >, 0);
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, 1);
    expect_bounded(test, memory);

    for (uint64_t i = 0; i < accepted; i++) {
        xensim_front_post_rx(test->front, 0, 1);
        number_frame(data, i);
        vif_test_expect_received(test, data, FRAME);
    }
    g_assert_cmpuint(vif_test_counter(test, "rx", "frames"), ==, accepted + 1);
    vif_test_works(test);
    vif_test_free(test);
}

/* A frontend that doesn't notify of buffers can't be waited for. */
static void test_rx_no_notify(void)
{
    const char *const keys[] = { "feature-rx-notify", "", NULL };
    VifTest *test = vif_test_new(NULL);
    uint8_t data[FRAME];

    vif_test_connect(test, &(XensimFrontConfig) { .keys = keys });
    vif_test_fill(data, FRAME);
    for (int i = 0; i < 10; i++) {
        vif_test_peer_send(test, NULL, data, FRAME);
    }
    vif_test_wait_counter(test, "rx", "drops.no-slots", 10);
    vif_test_works(test);
    vif_test_free(test);
}

/* A frame of several slots waits until there are as many. */
static void test_rx_slot_by_slot(const void *persistent)
{
    enum { SLOTS = 5, LEN = SLOTS * XENSIM_PAGE_SIZE };
    VifTest *test = vif_test_connect_new(persistent);
    netif_rx_front_ring_t *ring = &queue_of(test)->rx;
    uint8_t data[LEN];

    vif_test_fill(data, LEN);
    vif_test_peer_send(test, NULL, data, LEN);
    vif_test_wait_counter(test, "rx", "held-back", 1);
    for (int i = 0; i < SLOTS; i++) {
        /* It is for the last of the slots that the backend waits. */
        g_assert_cmpuint(read_index(&ring->sring->req_event), ==,
                         ring->rsp_cons + SLOTS);
        g_assert_cmpuint(vif_test_counter(test, "rx", "held-back"), ==, 1);
        g_assert_null(xensim_front_receive(test->front, 0, 0));
        xensim_front_post_rx(test->front, 0, 1);
    }
    vif_test_expect_received(test, data, LEN);
    vif_test_free(test);
}

/*
 * Notifications
 */

/* Waits until one of the backend's indexes has come to @upto. */
static void wait_index(RING_IDX *index, RING_IDX upto)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while ((int32_t)(read_index(index) - upto) < 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/* Connected, with an event channel for both rings or one for each */
static VifTest *connect_channels(const void *split)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &(XensimFrontConfig) {
        .persistent = true,
        .split = GPOINTER_TO_INT(split),
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    });
    return test;
}

/* The backend notifies when its index passes rsp_event, and only then. */
static void test_tx_notifications(const void *split)
{
    VifTest *test = connect_channels(split);
    XensimQueue *queue = queue_of(test);
    netif_tx_front_ring_t *ring = &queue->tx;
    uint32_t ref = raw_grant(test, true, NULL);
    uint8_t data[VIF_TEST_MAX_FRAME];

    for (int i = 0; i < 200; i++) {
        unsigned int nr = g_test_rand_int_range(1, 20);
        unsigned int event = g_test_rand_int_range(1, 30);
        uint64_t events = xensim_events(test->sim, queue->tx_port);
        uint64_t counted = vif_test_counter(test, "tx", "notifications-sent");

        ring->sring->rsp_event = ring->rsp_cons + event;
        for (unsigned int j = 0; j < nr; j++) {
            raw_put_tx(test, &(netif_tx_request_t) {
                .gref = ref,
                .id = j,
                .size = FRAME,
            });
        }
        raw_push_tx(test);
        wait_index(&ring->sring->rsp_prod, ring->rsp_cons + nr);
        for (unsigned int j = 0; j < nr; j++) {
            vif_test_peer_receive(test, NULL, data, XENSIM_PATIENCE);
        }
        ring->rsp_cons += nr;
        /* The counter tells that the burst's end has been reached. */
        counted = vif_test_counter(test, "tx", "notifications-sent") - counted;
        g_assert_cmpuint(counted, ==, event <= nr);
        g_assert_cmpuint(xensim_events(test->sim, queue->tx_port) - events, ==,
                         counted);
    }
    if (split) {
        g_assert_cmpuint(xensim_events(test->sim, queue->rx_port), ==, 0);
    }
    vif_test_free(test);
}

/* A frame that takes so many slots of the receive ring */
static size_t size_of_slots(unsigned int slots)
{
    return (slots - 1) * XENSIM_PAGE_SIZE + FRAME;
}

static void post_rx(VifTest *test, uint32_t ref, unsigned int nr)
{
    while (nr--) {
        raw_put_rx(test, 0, ref);
    }
}

/* Frames of several slots each; returns how many slots they take together. */
static unsigned int send_rx_batch(VifTest *test, uint32_t ref)
{
    enum { MAX_FRAMES = 10, MAX_SLOTS = 3 };
    static uint8_t data[MAX_SLOTS * XENSIM_PAGE_SIZE];
    unsigned int nr = g_test_rand_int_range(1, MAX_FRAMES + 1);
    unsigned int slots[MAX_FRAMES], total = 0;

    for (unsigned int i = 0; i < nr; i++) {
        slots[i] = g_test_rand_int_range(1, MAX_SLOTS + 1);
        total += slots[i];
    }
    post_rx(test, ref, total);
    raw_push_rx_if_asked(test);
    for (unsigned int i = 0; i < nr; i++) {
        vif_test_peer_send(test, NULL, data, size_of_slots(slots[i]));
    }
    return total;
}

/* The same to the other side, and within a frame too. */
static void test_rx_notifications(const void *split)
{
    VifTest *test = connect_channels(split);
    XensimQueue *queue = queue_of(test);
    netif_rx_front_ring_t *ring = &queue->rx;
    uint32_t ref = raw_grant(test, false, NULL);

    for (int i = 0; i < 200; i++) {
        unsigned int event = g_test_rand_int_range(1, 31), nr;
        uint64_t events = xensim_events(test->sim, queue->rx_port);
        uint64_t counted = vif_test_counter(test, "rx", "notifications-sent");

        ring->sring->rsp_event = ring->rsp_cons + event;
        nr = send_rx_batch(test, ref);
        wait_index(&ring->sring->rsp_prod, ring->rsp_cons + nr);
        ring->rsp_cons += nr;
        /* The counter tells that the burst's end has been reached. */
        counted = vif_test_counter(test, "rx", "notifications-sent") - counted;
        g_assert_cmpuint(counted, ==, event <= nr);
        g_assert_cmpuint(xensim_events(test->sim, queue->rx_port) - events, ==,
                         counted);
    }
    if (split) {
        g_assert_cmpuint(xensim_events(test->sim, queue->tx_port), ==, 0);
    }
    vif_test_free(test);
}

/* The backend asks for a notification of the next request when it's idle. */
static void test_tx_asks(const void *split)
{
    VifTest *test = connect_channels(split);
    netif_tx_front_ring_t *ring = &queue_of(test)->tx;
    uint8_t data[FRAME];

    vif_test_fill(data, FRAME);
    for (int i = 0; i < 100; i++) {
        gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

        while (g_atomic_int_get((gint *)&ring->sring->req_event) !=
               (gint)(ring->req_prod_pvt + 1)) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        vif_test_send(test, data, FRAME, NULL, 0);
        vif_test_expect_sent(test, data, FRAME);
    }
    vif_test_free(test);
}

/* Takes the responses to a frame, which must have come as a whole. */
static void take_rx(VifTest *test, unsigned int nr, size_t len)
{
    while (nr--) {
        netif_rx_response_t response = raw_expect_rx(test, 0);

        g_assert_cmpint(response.status, >, 0);
        len -= response.status;
    }
    g_assert_cmpuint(len, ==, 0);
}

/*
 * The backend asks for buffers when a frame waits for them, and only then: for
 * that one which completes what the frame takes.
 */
static void test_rx_asks(const void *split)
{
    enum { MAX_SLOTS = 16 };
    static uint8_t data[MAX_SLOTS * XENSIM_PAGE_SIZE];
    VifTest *test = connect_channels(split);
    netif_rx_front_ring_t *ring = &queue_of(test)->rx;
    uint32_t ref = raw_grant(test, false, NULL);
    RING_IDX event;
    uint64_t held = 0;

    /* Past the event index that a new ring begins with */
    vif_test_works(test);
    event = read_index(&ring->sring->req_event);
    for (int i = 0; i < 300; i++) {
        unsigned int wanted = g_test_rand_int_range(1, MAX_SLOTS + 1);
        unsigned int posted = g_test_rand_int_range(0, wanted + 1);

        post_rx(test, ref, posted);
        g_assert_false(raw_push_rx_if_asked(test));
        vif_test_peer_send(test, NULL, data, size_of_slots(wanted));
        if (posted < wanted) {
            vif_test_wait_counter(test, "rx", "held-back", ++held);
            event = ring->rsp_cons + wanted;
            g_assert_cmpuint(read_index(&ring->sring->req_event), ==, event);
        }
        while (posted++ < wanted) {
            post_rx(test, ref, 1);
            g_assert_cmpint(raw_push_rx_if_asked(test), ==, posted == wanted);
        }
        take_rx(test, wanted, size_of_slots(wanted));
        g_assert_cmpuint(vif_test_counter(test, "rx", "held-back"), ==, held);
        g_assert_cmpuint(read_index(&ring->sring->req_event), ==, event);
    }
    vif_test_free(test);
}

/*
 * Lost wake-ups.  What one end misses once, it waits for for ever.
 *
 * The window is between a backend's last look at the ring and its request for
 * a notification, some ten nanoseconds wide.  So the guest wakes the backend,
 * and publishes again at any moment from at once to when that sleeps anew.
 */

/* As long as it takes a backend to wake up and do its work, in turns */
#define TX_AWAKE 40000
#define RX_AWAKE 120000

static void spin(unsigned int most)
{
    for (int i = g_test_rand_int_range(0, most); i; i--) {
        atomic_signal_fence(memory_order_seq_cst);
    }
}

/* Wait for a response without asking for a notification. */
static void watch_responses(const RING_IDX *index, RING_IDX seen)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while ((RING_IDX)g_atomic_int_get((gint *)index) == seen) {
        if (g_get_monotonic_time() > end) {
            g_error("the backend has missed a request");
        }
    }
}

static void wait_tx_response(VifTest *test, bool watch)
{
    XensimQueue *queue = queue_of(test);
    int more;

    if (watch) {
        watch_responses(&queue->tx.sring->rsp_prod, queue->tx.rsp_cons);
        return;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&queue->tx, more);
    if (!more && !xensim_wait_event(test->sim, queue->tx_port,
                                    XENSIM_PATIENCE)) {
        g_error("the backend has missed a request, or didn't notify");
    }
}

static void publish_one(VifTest *test, uint32_t ref)
{
    raw_put_tx(test, &(netif_tx_request_t) { .gref = ref, .size = FRAME });
    raw_push_tx_if_asked(test);
}

/*
 * A million exchanges; the link is down, so that frames cost little.  Once in
 * a while the guest sleeps, too.
 */
static void test_tx_no_lost_wakeup(void)
{
    unsigned int exchanges =
        g_getenv("XEN_NIC_PG_SANITIZED") ? 200000 : 1000000;
    VifTest *test = vif_test_connect_new(GINT_TO_POINTER(true));
    netif_tx_front_ring_t *ring = &queue_of(test)->tx;
    uint32_t ref = raw_grant(test, true, NULL);

    vif_test_set_link(test, VIF_TEST_NETDEV_NAME, false);
    for (unsigned int done = 0; done < exchanges; done += 2) {
        publish_one(test, ref);
        spin(TX_AWAKE);
        publish_one(test, ref);
        while (ring->rsp_cons != ring->req_prod_pvt) {
            wait_tx_response(test, g_test_rand_int_range(0, 8));
            while (RING_HAS_UNCONSUMED_RESPONSES(ring)) {
                ring->rsp_cons++;
            }
        }
    }
    vif_test_free(test);
}

/* Frames always wait for slots, which come one soon behind the other. */
static void test_rx_no_lost_wakeup(void)
{
    enum { WAITING = 20, PAIR = 2 };
    unsigned int pairs = g_getenv("XEN_NIC_PG_SANITIZED") ? 30000 : 150000;
    VifTest *test = vif_test_connect_new(GINT_TO_POINTER(true));
    netif_rx_front_ring_t *ring = &queue_of(test)->rx;
    uint8_t data[FRAME];

    vif_test_fill(data, FRAME);
    for (unsigned int i = 0; i < WAITING; i++) {
        vif_test_peer_send(test, NULL, data, FRAME);
    }
    for (unsigned int i = 0; i < pairs; i++) {
        xensim_front_post_rx(test->front, 0, 1);
        spin(RX_AWAKE);
        xensim_front_post_rx(test->front, 0, 1);
        for (unsigned int taken = 0; taken < PAIR;) {
            watch_responses(&ring->sring->rsp_prod, ring->rsp_cons);
            taken += xensim_front_drain_rx(test->front, 0);
        }
        for (unsigned int j = 0; j < PAIR; j++) {
            vif_test_peer_send(test, NULL, data, FRAME);
        }
    }
    vif_test_free(test);
}

static void add_channels(const char *path, GTestDataFunc function)
{
    g_autofree char *one = g_strconcat(path, "/one-channel", NULL);
    g_autofree char *split = g_strconcat(path, "/split-channels", NULL);

    g_test_add_data_func(one, GINT_TO_POINTER(false), function);
    g_test_add_data_func(split, GINT_TO_POINTER(true), function);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    vif_test_add_both("/flow/tx-backpressure", test_tx_backpressure);
    vif_test_add_both("/flow/rx-backpressure", test_rx_backpressure);
    g_test_add_func("/flow/rx-no-notify", test_rx_no_notify);
    vif_test_add_both("/flow/rx-slot-by-slot", test_rx_slot_by_slot);
    add_channels("/flow/tx-notifications", test_tx_notifications);
    add_channels("/flow/tx-asks", test_tx_asks);
    add_channels("/flow/rx-notifications", test_rx_notifications);
    add_channels("/flow/rx-asks", test_rx_asks);
    g_test_add_func("/flow/tx-no-lost-wakeup", test_tx_no_lost_wakeup);
    g_test_add_func("/flow/rx-no-lost-wakeup", test_rx_no_lost_wakeup);
    return g_test_run();
}
