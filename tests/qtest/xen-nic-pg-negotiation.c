/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a vif comes and goes: features, keys, xenbus states, reconnecting
 *
 * A frontend's keys are tried one by one: left out, and with values that
 * nobody should write.  A refusal must be written where Xen's tools look for
 * it, name the key, and leave the vif ready for a frontend that does it right.
 */

#include <signal.h>
#include "vif-test.h"

/*
 * What the backend offers
 */

static char *read_backend(VifTest *test, const char *key)
{
    g_autofree char *path = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                               key);

    return xensim_store_read(xensim_store(test->sim), VIF_TEST_DOMID, path);
}

static void expect_backend(VifTest *test, const char *key, const char *value)
{
    g_autofree char *found = read_backend(test, key);

    if (g_strcmp0(found, value) != 0) {
        g_error("backend key '%s' is '%s', expected '%s'", key, found, value);
    }
}

static void test_offer(void)
{
    VifTest *test = vif_test_new(NULL);

    expect_backend(test, "feature-rx-copy", "1");
    expect_backend(test, "feature-rx-flip", "0");
    expect_backend(test, "feature-sg", "1");
    expect_backend(test, "feature-gso-tcpv4", "1");
    expect_backend(test, "feature-gso-tcpv6", "1");
    expect_backend(test, "feature-ipv6-csum-offload", "1");
    expect_backend(test, "feature-persistent", "1");
    expect_backend(test, "max-persistent-grants", "256");
    vif_test_free(test);
}

static void test_offer_no_persistent(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = ",max-persistent-grants=0",
    });

    expect_backend(test, "feature-persistent", "0");
    expect_backend(test, "max-persistent-grants", "0");

    /* A frontend may say it nevertheless. */
    vif_test_connect(test, &(XensimFrontConfig) { .persistent = true });
    vif_test_works(test);
    vif_test_works(test);
    g_assert_cmpuint(vif_test_counter(test, "tx", "mapped"), ==, 0);
    g_assert_cmpuint(vif_test_counter(test, "tx", "map-calls"), ==, 0);
    vif_test_free(test);
}

/*
 * The frontend's keys
 */

/* Connects with @key changed to @value ("" leaves it out); must be refused. */
static void expect_refusal(VifTest *test, const char *key, const char *value,
                           const char *reason)
{
    const char *const keys[] = { key, value, NULL };
    g_autofree char *error = NULL;

    vif_test_publish(test, &(XensimFrontConfig) { .keys = keys });
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_expect_state(test, XenbusStateClosing);
    error = vif_test_error(test);
    if (!error || !strstr(error, reason)) {
        g_error("%s = '%s': the error is '%s', expected something with '%s'",
                key, value, error, reason);
    }
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    vif_test_disconnect(test);
}

/* After anything, a frontend that does it right can connect. */
static void expect_recovery(VifTest *test)
{
    g_autofree char *error = NULL;

    vif_test_connect(test, NULL);
    error = vif_test_error(test);
    g_assert_null(error);
    vif_test_works(test);
    vif_test_free(test);
}

static void test_missing(void)
{
    VifTest *test = vif_test_new(NULL);

    expect_refusal(test, "tx-ring-ref", "", "'tx-ring-ref' is missing");
    expect_refusal(test, "rx-ring-ref", "", "'rx-ring-ref' is missing");
    expect_refusal(test, "event-channel", "", "'event-channel' is missing");
    expect_refusal(test, "request-rx-copy", "", "'request-rx-copy' isn't 1");
    expect_recovery(test);
}

static void test_malformed(void)
{
    static const char *const numbers[] = {
        "tx-ring-ref", "rx-ring-ref", "event-channel", "request-rx-copy",
        "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
        "feature-gso-tcpv6", "feature-ipv6-csum-offload",
        "feature-no-csum-offload", "feature-persistent",
    };
    static const char *const values[] = {
        "eight", "-1", "1 2", "1x", " 1", "0x1", "99999999999999999999",
        "1\n", "\xff",
    };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(values); j++) {
            expect_refusal(test, numbers[i], values[j], numbers[i]);
        }
    }
    expect_recovery(test);
}

static void test_wrong(void)
{
    VifTest *test = vif_test_new(NULL);

    expect_refusal(test, "tx-ring-ref", "4000000000", "cannot map tx-ring-ref");
    expect_refusal(test, "rx-ring-ref", "16000", "cannot map rx-ring-ref");
    expect_refusal(test, "event-channel", "200", "cannot bind event-channel");
    expect_refusal(test, "request-rx-copy", "0", "page flipping");
    expect_recovery(test);
}

/* What isn't there has its default. */
static void test_optional(void)
{
    static const char *const optional[] = {
        "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
        "feature-gso-tcpv6", "feature-ipv6-csum-offload", "feature-persistent",
    };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(optional); i++) {
        const char *const keys[] = { optional[i], "", NULL };

        vif_test_connect(test, &(XensimFrontConfig) {
            .persistent = true,
            .csum6 = true,
            .gso4 = true,
            .gso6 = true,
            .keys = keys,
        });
        vif_test_works(test);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

static void test_persistent_is_agreed(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, NULL);
    vif_test_works(test);
    g_assert_cmpuint(vif_test_counter(test, "tx", "mapped-max"), ==, 0);
    g_assert_cmpuint(vif_test_counter(test, "tx", "map-calls"), ==, 0);
    vif_test_disconnect(test);

    vif_test_connect(test, &(XensimFrontConfig) { .persistent = true });
    vif_test_works(test);
    g_assert_cmpuint(vif_test_counter(test, "tx", "mapped-max"), ==, 256);
    g_assert_cmpuint(vif_test_counter(test, "tx", "mapped"), ==, 1);
    g_assert_cmpuint(vif_test_counter(test, "rx", "mapped"), ==, 1);
    vif_test_free(test);
}

/*
 * States
 */

static void test_initialised(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_publish(test, &(XensimFrontConfig) { 0 });
    xensim_front_set_state(test->front, XenbusStateInitialised);
    vif_test_expect_state(test, XenbusStateConnected);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_works(test);
    vif_test_free(test);
}

/* A frontend that says Connected again changes nothing. */
static void test_connected_twice(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, NULL);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_works(test);
    xensim_front_set_state(test->front, XenbusStateInitialised);
    vif_test_works(test);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_works(test);
    vif_test_free(test);
}

/* A frontend may close before it has ever connected. */
static void test_closed_early(void)
{
    VifTest *test = vif_test_new(NULL);

    xensim_front_set_state(test->front, XenbusStateClosed);
    vif_test_expect_state(test, XenbusStateClosed);
    xensim_front_set_state(test->front, XenbusStateInitialising);
    expect_recovery(test);
}

/* It may also skip Closing. */
static void test_closed_at_once(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, NULL);
    vif_test_works(test);
    xensim_front_set_state(test->front, XenbusStateClosed);
    vif_test_expect_state(test, XenbusStateClosed);
    g_assert_true(xensim_front_withdraw(test->front));
    test->connected = false;
    expect_recovery(test);
}

/* States that nobody has a use for are as good as none. */
static void test_strange_states(void)
{
    static const char *const states[] = { "0", "7", "8", "99", "-1", "one" };
    g_autofree char *path = NULL;
    VifTest *test = vif_test_new(NULL);

    path = xensim_vif_frontend(test->sim, VIF_TEST_HANDLE, "state");
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        xensim_store_write(xensim_store(test->sim), VIF_TEST_DOMID, path,
                           states[i]);
    }
    xensim_front_set_state(test->front, XenbusStateInitialising);
    expect_recovery(test);
}

/* The toolstack takes a vif away that nobody has connected to. */
static void test_removed_unconnected(void)
{
    vif_test_free(vif_test_new(NULL));
}

static void test_removed_connected(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &(XensimFrontConfig) { .persistent = true });
    vif_test_works(test);
    xensim_kill_guest(test->sim);
    vif_test_remove(test, false);
    vif_test_free(test);
}

/*
 * Reconnecting
 */

static void reconnect(VifTest *test, unsigned int round)
{
    vif_test_connect(test, &(XensimFrontConfig) {
        .persistent = round % 2,
        .gso4 = round % 3,
    });
    vif_test_works(test);
    vif_test_disconnect(test);
}

#define WARM_UP 20
#define RECONNECTS 100
#define GROWTH_KIB 256      /* what an allocator may keep for itself */

static void test_reconnect(void)
{
    VifTest *test = vif_test_new(NULL);
    unsigned long memory;
    unsigned int files;

    for (unsigned int i = 0; i < WARM_UP; i++) {
        reconnect(test, i);
    }
    files = vif_test_open_files(test);
    memory = vif_test_memory(test);
    for (unsigned int i = 0; i < RECONNECTS; i++) {
        reconnect(test, i);
        g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    }
    g_assert_cmpuint(vif_test_open_files(test), ==, files);
    if (!g_getenv("XEN_NIC_PG_SANITIZED")) {
        g_assert_cmpuint(vif_test_memory(test), <=, memory + GROWTH_KIB);
    }
    vif_test_free(test);
}

/*
 * The ring is broken, of which QEMU learns from a frame that comes at the same
 * time as the front's Closing.
 */
static void break_and_leave(VifTest *test, const uint8_t *frame, size_t len)
{
    XensimQueue *queue = &test->front->queues[0];

    vif_test_connect(test, NULL);
    queue->rx.sring->req_prod = XENSIM_RX_SLOTS + 1;
    g_subprocess_send_signal(test->qemu, SIGSTOP);
    vif_test_peer_send(test, NULL, frame, len);
    xensim_front_set_state(test->front, XenbusStateClosing);
    g_subprocess_send_signal(test->qemu, SIGCONT);
    vif_test_disconnect(test);
}

/*
 * What QEMU has still to do about a fault mustn't stop the connection that
 * follows.  When it does so depends on how its main loop runs, hence many
 * rounds.
 */
static void test_fault_then_reconnect(void)
{
    VifTest *test = vif_test_new(NULL);
    uint8_t frame[100];

    vif_test_fill(frame, sizeof(frame));
    for (unsigned int i = 0; i < 300; i++) {
        break_and_leave(test, frame, sizeof(frame));
        vif_test_connect(test, NULL);
        xensim_front_post_rx(test->front, 0, 8);
        vif_test_send(test, frame, sizeof(frame), NULL, 0);
        vif_test_expect_sent(test, frame, sizeof(frame));
        g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/negotiation/offer", test_offer);
    g_test_add_func("/negotiation/offer-no-persistent",
                    test_offer_no_persistent);
    g_test_add_func("/negotiation/missing", test_missing);
    g_test_add_func("/negotiation/malformed", test_malformed);
    g_test_add_func("/negotiation/wrong", test_wrong);
    g_test_add_func("/negotiation/optional", test_optional);
    g_test_add_func("/negotiation/persistent-is-agreed",
                    test_persistent_is_agreed);
    g_test_add_func("/negotiation/initialised", test_initialised);
    g_test_add_func("/negotiation/connected-twice", test_connected_twice);
    g_test_add_func("/negotiation/closed-early", test_closed_early);
    g_test_add_func("/negotiation/closed-at-once", test_closed_at_once);
    g_test_add_func("/negotiation/strange-states", test_strange_states);
    g_test_add_func("/negotiation/removed-unconnected",
                    test_removed_unconnected);
    g_test_add_func("/negotiation/removed-connected", test_removed_connected);
    g_test_add_func("/negotiation/reconnect", test_reconnect);
    g_test_add_func("/negotiation/fault-then-reconnect",
                    test_fault_then_reconnect);
    return g_test_run();
}
