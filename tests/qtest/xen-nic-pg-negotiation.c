/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a vif comes and goes: features, keys, xenbus states, reconnecting
 *
 * A frontend's keys are tried one by one: left out, and with values that
 * nobody should write.  A refusal must be written where Xen's tools look for
 * it, name the key, and leave the vif ready for a frontend that does it right.
 *
 * QEMU reads a frontend's state when it gets to it, so a test that writes one
 * state after the other has to wait in between, also where nothing should
 * happen: see keys_wait_until_seen().
 */

#include <signal.h>
#include "keys.h"

/* Write the frontend's state, NULL: remove it, and wait until that is seen. */
static void write_state(VifTest *test, const char *state)
{
    keys_write_frontend(test, "state", state);
    keys_wait_until_seen(test);
}

/*
 * What the backend offers
 */

static void test_offer(void)
{
    VifTest *test = vif_test_new(NULL);

    keys_expect_backend(test, "feature-rx-copy", "1");
    keys_expect_backend(test, "feature-rx-flip", "0");
    keys_expect_backend(test, "feature-sg", "1");
    keys_expect_backend(test, "feature-gso-tcpv4", "1");
    keys_expect_backend(test, "feature-gso-tcpv6", "1");
    keys_expect_backend(test, "feature-ipv6-csum-offload", "1");
    keys_expect_backend(test, "feature-split-event-channels", "1");
    keys_expect_backend(test, "feature-persistent", "1");
    keys_expect_backend(test, "max-persistent-grants", "256");
    keys_expect_backend(test, "feature-multicast-control", "1");
    keys_expect_backend(test, "feature-dynamic-multicast-control", "1");
    keys_expect_backend(test, "feature-xdp-headroom", "1");
    keys_expect_backend(test, "feature-ctrl-ring", "1");
    vif_test_free(test);
}

static void test_offer_no_persistent(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = ",max-persistent-grants=0",
    });

    keys_expect_backend(test, "feature-persistent", "0");
    keys_expect_backend(test, "max-persistent-grants", "0");

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

/* A key that is there and has nothing in it */
static void expect_empty_refusal(VifTest *test, const char *key)
{
    g_autofree char *reason = g_strdup_printf("'%s' is '', expected", key);

    vif_test_publish(test, &(XensimFrontConfig) { 0 });
    keys_write_frontend(test, key, "");
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_expect_error(test, key, reason);
    vif_test_disconnect(test);
    keys_write_frontend(test, key, NULL);
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

    keys_expect_refusal(test, "tx-ring-ref", "", "'tx-ring-ref' is missing");
    keys_expect_refusal(test, "rx-ring-ref", "", "'rx-ring-ref' is missing");
    keys_expect_refusal(test, "event-channel", "",
                        "'event-channel' is missing");
    keys_expect_refusal(test, "request-rx-copy", "",
                        "'request-rx-copy' isn't 1");
    expect_recovery(test);
}

static const char *const numbers[] = {
    "tx-ring-ref", "rx-ring-ref", "event-channel", "multi-queue-num-queues",
    "xdp-headroom",
};

static const char *const flags[] = {
    "request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
    "feature-gso-tcpv6", "feature-ipv6-csum-offload",
    "feature-no-csum-offload", "feature-persistent",
    "request-multicast-control",
};

#define TOO_LONG 500

/* Values that neither a number nor a flag may have */
static void expect_malformed(VifTest *test, const char *key)
{
    static const char *const values[] = {
        "eight", "-1", "1 2", "1x", " 1", "0x1", "99999999999999999999",
        "1\n", "\xff",
    };
    g_autofree char *too_long = g_strnfill(TOO_LONG, '1');
    g_autofree char *reason = g_strdup_printf(
        "'%s' is '%.40s', expected a number", key, too_long);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        keys_expect_refusal(test, key, values[i], key);
    }
    keys_expect_refusal(test, key, too_long, reason);
    expect_empty_refusal(test, key);
}

static void test_malformed_number(void)
{
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        expect_malformed(test, numbers[i]);
    }
    expect_recovery(test);
}

static void test_malformed_flag(void)
{
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_autofree char *reason = g_strdup_printf(
            "'%s' is '2', expected a number up to 1", flags[i]);

        expect_malformed(test, flags[i]);
        keys_expect_refusal(test, flags[i], "2", reason);
    }
    expect_recovery(test);
}

/* Either of two channels is missing, or isn't one. */
static void test_split_channels(void)
{
    static const char *const channels[] = {
        "event-channel-tx", "event-channel-rx",
    };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(channels); i++) {
        const char *const wrong[] = { channels[i], "200", NULL };
        const char *const malformed[] = { channels[i], "-1", NULL };
        const char *const missing[] = { channels[i], "", NULL };
        g_autofree char *reason = g_strdup_printf("'%s' is missing",
                                                  channels[i]);

        keys_expect_front_refusal(test, &(XensimFrontConfig) {
            .split = true, .keys = missing }, channels[i], reason);
        keys_expect_front_refusal(test, &(XensimFrontConfig) {
            .split = true, .keys = malformed }, channels[i], channels[i]);
        keys_expect_front_refusal(test, &(XensimFrontConfig) {
            .split = true, .keys = wrong }, channels[i],
            "cannot bind event-channel 200");
    }
    vif_test_connect(test, &(XensimFrontConfig) { .split = true });
    vif_test_works(test);
    vif_test_disconnect(test);
    expect_recovery(test);
}

static void test_wrong(void)
{
    VifTest *test = vif_test_new(NULL);

    keys_expect_refusal(test, "tx-ring-ref", "4000000000",
                        "cannot map tx-ring-ref");
    keys_expect_refusal(test, "rx-ring-ref", "16000", "cannot map rx-ring-ref");
    keys_expect_refusal(test, "event-channel", "200",
                        "cannot bind event-channel");
    keys_expect_refusal(test, "request-rx-copy", "0", "page flipping");
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
 * The backend's keys
 */

/*
 * Make the vif anew with a MAC address, NULL: none, that is refused.  QEMU
 * looks at it when the vif is online.
 */
static void expect_mac_refusal(VifTest *test, const char *mac)
{
    static const char *const offline[] = { "online", "0", NULL };
    g_autofree char *reason = g_strdup_printf(
        "'mac' is '%.40s', expected a MAC address", mac ?: "");
    g_autofree char *error = NULL;

    vif_test_remove(test, true);
    keys_wait_until_seen(test);
    xensim_vif_new(test->sim, VIF_TEST_HANDLE, offline);
    test->removed = false;
    keys_write_backend(test, "mac", mac);
    keys_write_backend(test, "online", "1");
    keys_wait_until_seen(test);
    error = vif_test_error(test);
    if (!error || !strstr(error, reason)) {
        g_error("mac '%s': the error is '%s', expected something with '%s'",
                mac, error, reason);
    }
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitialising);
}

static void test_mac(void)
{
    static const char *const macs[] = {
        "mac", "00:16:3e:00:00", "00:16:3e:00:00:07:08", "00:16:3e:00:00:0g",
        "00:16:3e:00:00:07 ", "0016.3e00.0007", "00163e000007",
        "", "0", "12", "0x123456", "00:16:3e:00:00:", "00:16:3e:00:00:107",
        "00:16:3e:00:00:-1", "00:16:3e: 0:00:07", "::::", "00:16:3e:::07",
    };
    g_autofree char *too_long = g_strnfill(TOO_LONG, '1');
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(macs); i++) {
        expect_mac_refusal(test, macs[i]);
    }
    expect_mac_refusal(test, too_long);
    expect_mac_refusal(test, NULL);

    /* It may be mended where it is. */
    keys_write_backend(test, "mac", "00:16:3e:00:00:07");
    vif_test_expect_state(test, XenbusStateInitWait);
    expect_recovery(test);
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
    static const char *const states[] = { "4", "3", "4" };
    VifTest *test = vif_test_new(NULL);
    uint64_t maps, binds;

    vif_test_connect(test, NULL);
    vif_test_works(test);
    maps = xensim_count(test->sim, XENSIM_OP_MAP);
    binds = xensim_count(test->sim, XENSIM_OP_BIND);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        write_state(test, states[i]);
        g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
        g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_MAP), ==, maps);
        g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_BIND), ==, binds);
        vif_test_works(test);
    }
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

/* States that nobody has a use for; NULL: none at all */
static const char *const strange_states[] = {
    "0", "8", "99", "-1", "one", "", NULL,
};

/*
 * They are as good as none, before the front connects, when there's nothing to
 * reconfigure either …
 */
static void test_strange_states(void)
{
    VifTest *test = vif_test_new(NULL);

    write_state(test, "7");
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    for (size_t i = 0; i < G_N_ELEMENTS(strange_states); i++) {
        write_state(test, strange_states[i]);
        g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    }
    write_state(test, "1");
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateInitWait);
    expect_recovery(test);
}

/*
 * … and afterwards; and a front that has lost its state is still rid of the
 * backend, by the toolstack.
 */
static void test_strange_states_connected(void)
{
    VifTest *test = vif_test_new(NULL);
    uint64_t maps;

    vif_test_connect(test, NULL);
    vif_test_works(test);
    maps = xensim_count(test->sim, XENSIM_OP_MAP);
    for (size_t i = 0; i < G_N_ELEMENTS(strange_states); i++) {
        write_state(test, strange_states[i]);
        g_assert_cmpint(vif_test_state(test), ==, XenbusStateConnected);
        g_assert_cmpuint(xensim_count(test->sim, XENSIM_OP_MAP), ==, maps);
        vif_test_works(test);
    }
    vif_test_remove(test, true);
    vif_test_free(test);
}

/*
 * States in turn, as the front writes them and as the backend follows, which
 * has the rings mapped when it is Connected and never else.  The front's keys
 * are in place before the first.
 */
typedef struct Step {
    enum xenbus_state front;
    enum xenbus_state back;
} Step;

typedef struct Story {
    const char *name;
    Step steps[8];          /* up to one whose front is Unknown */
} Story;

static const Story stories[] = {
    /* A front that begins anew without closing, as after a crash */
    { "restarted", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateInitialising, XenbusStateInitWait },
    } },
    { "restarted-closing", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateInitialising, XenbusStateInitWait },
    } },
    /* A front may give up before it has connected. */
    { "closing-early", {
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateClosed, XenbusStateClosed },
        { XenbusStateInitialising, XenbusStateInitWait },
    } },
    /* InitWait is no state for a front. */
    { "initwait", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateInitWait, XenbusStateConnected },
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateClosed, XenbusStateClosed },
    } },
    /* Who closes has to come to Closed. */
    { "closing-connected", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateConnected, XenbusStateClosing },
        { XenbusStateClosed, XenbusStateClosed },
    } },
    /* Who has closed has to begin anew. */
    { "closed-connected", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateClosed, XenbusStateClosed },
        { XenbusStateConnected, XenbusStateClosed },
        { XenbusStateClosed, XenbusStateClosed },
    } },
    { "closing-twice", {
        { XenbusStateConnected, XenbusStateConnected },
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateClosing, XenbusStateClosing },
        { XenbusStateClosed, XenbusStateClosed },
        { XenbusStateClosed, XenbusStateClosed },
    } },
};

static void take_step(VifTest *test, const Step *step)
{
    g_autofree char *state = g_strdup_printf("%d", step->front);

    write_state(test, state);
    if (vif_test_state(test) != step->back) {
        g_error("the front's state %d brings the backend to %d, expected %d",
                step->front, vif_test_state(test), step->back);
    }
    g_assert_cmpint(xensim_mapped(test->sim) > 0, ==,
                    step->back == XenbusStateConnected);
}

/* Whatever came of it, another front can connect. */
static void test_story(const void *data)
{
    const Story *story = data;
    VifTest *test = vif_test_new(NULL);

    vif_test_publish(test, &(XensimFrontConfig) { 0 });
    for (const Step *step = story->steps; step->front; step++) {
        take_step(test, step);
    }
    g_assert_true(xensim_front_withdraw(test->front));
    test->connected = false;
    expect_recovery(test);
}

static void add_stories(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stories); i++) {
        g_autofree char *path = g_strconcat("/negotiation/states/",
                                            stories[i].name, NULL);

        g_test_add_data_func(path, &stories[i], test_story);
    }
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
    g_test_add_func("/negotiation/malformed-number", test_malformed_number);
    g_test_add_func("/negotiation/malformed-flag", test_malformed_flag);
    g_test_add_func("/negotiation/wrong", test_wrong);
    g_test_add_func("/negotiation/split-channels", test_split_channels);
    g_test_add_func("/negotiation/mac", test_mac);
    g_test_add_func("/negotiation/optional", test_optional);
    g_test_add_func("/negotiation/persistent-is-agreed",
                    test_persistent_is_agreed);
    g_test_add_func("/negotiation/initialised", test_initialised);
    g_test_add_func("/negotiation/connected-twice", test_connected_twice);
    g_test_add_func("/negotiation/closed-early", test_closed_early);
    g_test_add_func("/negotiation/closed-at-once", test_closed_at_once);
    g_test_add_func("/negotiation/strange-states", test_strange_states);
    g_test_add_func("/negotiation/strange-states-connected",
                    test_strange_states_connected);
    add_stories();
    g_test_add_func("/negotiation/removed-unconnected",
                    test_removed_unconnected);
    g_test_add_func("/negotiation/removed-connected", test_removed_connected);
    g_test_add_func("/negotiation/reconnect", test_reconnect);
    g_test_add_func("/negotiation/fault-then-reconnect",
                    test_fault_then_reconnect);
    return g_test_run();
}
