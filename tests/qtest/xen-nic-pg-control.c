/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control ring itself: its keys, its indexes, who is notified, and that
 * each request is answered, in order, whatever it asks for
 *
 * What can be asked for is in suites of their own, about hashes and about
 * static grants.
 */

#include "control.h"
#include "keys.h"
#include "raw.h"

/*
 * The ring
 */

static void test_unknown_types(void)
{
    static const ControlExchange exchanges[] = {
        { .type = CTRL(INVALID), .status = STATUS(NOT_SUPPORTED) },
        { .type = 11, .status = STATUS(NOT_SUPPORTED) },
        { .type = 0x100 | CTRL(GET_HASH_MAPPING_SIZE),
          .status = STATUS(NOT_SUPPORTED) },
        { .type = UINT16_MAX, .data = UINT32_MAX,
          .status = STATUS(NOT_SUPPORTED) },
    };
    VifTest *test = control_connect_new();

    control_exchange(test, exchanges, G_N_ELEMENTS(exchanges));
    control_recover(test);
}

static void put_exchange(VifTest *test, const ControlExchange *exchange,
                         uint16_t id)
{
    xensim_front_put_control(test->front, &(struct xen_netif_ctrl_request) {
        .id = id,
        .type = exchange->type,
        .data = { exchange->data },
    });
}

static void expect_response(VifTest *test, const ControlExchange *exchange,
                            uint16_t id)
{
    struct xen_netif_ctrl_response response;

    g_assert_true(xensim_front_take_control(test->front, &response));
    g_assert_cmpuint(response.id, ==, id);
    g_assert_cmpuint(response.type, ==, exchange->type);
    g_assert_cmpuint(response.status, ==, exchange->status);
    g_assert_cmpuint(response.data, ==, exchange->answer);
}

/* As many as the ring takes at once, answered in order, round after round */
static void test_bursts(void)
{
    static const ControlExchange exchanges[] = {
        { .type = CTRL(GET_HASH_MAPPING_SIZE), .answer = CONTROL_MAX_MAPPING },
        { .type = CTRL(GET_HASH_FLAGS), .status = STATUS(NOT_SUPPORTED) },
        { .type = CTRL(SET_HASH_ALGORITHM), .data = 2,
          .status = STATUS(INVALID_PARAMETER) },
        { .type = CTRL(SET_HASH_MAPPING_SIZE), .data = 3 },
        { .type = UINT16_MAX, .status = STATUS(NOT_SUPPORTED) },
    };
    VifTest *test = control_connect_new();

    for (int round = 0; round < 20; round++) {
        const ControlExchange *chosen[XENSIM_CTRL_SLOTS];
        unsigned int nr = XENSIM_CTRL_SLOTS;
        uint16_t id = g_test_rand_int();

        if (round % 2) {
            nr = g_test_rand_int_range(1, XENSIM_CTRL_SLOTS);
        }
        for (unsigned int i = 0; i < nr; i++) {
            chosen[i] = &exchanges[g_test_rand_int_range(
                0, G_N_ELEMENTS(exchanges))];
            put_exchange(test, chosen[i], id + i * 7);
        }
        xensim_front_push_control(test->front);
        for (unsigned int i = 0; i < nr; i++) {
            expect_response(test, chosen[i], id + i * 7);
        }
    }
    control_recover(test);
}

/* The guest notifies of nothing first; it is notified only when it asks. */
static void test_notifications(void)
{
    VifTest *test = control_connect_new();
    XensimControl *control = &test->front->control;
    xen_netif_ctrl_sring_t *ring = control->ring.sring;
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    ring->rsp_event = 3;
    for (unsigned int i = 0; i < 2; i++) {
        put_exchange(test, &(ControlExchange) { 0 }, i);
        xensim_notify(test->sim, control->port);
        xensim_front_push_control(test->front);
        while (g_atomic_int_get((gint *)&ring->rsp_prod) != (gint)i + 1) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
    }
    /* What the first response would have brought has come by now. */
    g_assert_cmpuint(xensim_events(test->sim, control->port), ==, 0);
    put_exchange(test, &(ControlExchange) { 0 }, 2);
    xensim_front_push_control(test->front);
    g_assert_true(xensim_wait_event(test->sim, control->port,
                                    XENSIM_PATIENCE));
    g_assert_cmpuint(xensim_events(test->sim, control->port), ==, 1);
    control_recover(test);
}

/* A request, and then an index that is so far from what was answered */
static void test_index(const void *data)
{
    VifTest *test = control_connect_new();
    XensimControl *control = &test->front->control;

    control_set(test, CTRL(SET_HASH_MAPPING_SIZE), 1);
    control->ring.sring->req_prod = control->ring.rsp_cons +
                                    GPOINTER_TO_INT(data);
    xensim_notify(test->sim, control->port);
    keys_expect_error(test, NULL, "control ring: the request index is beyond");
    control_recover(test);
}

/* The same when the vif connects */
static void test_index_at_start(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_publish(test, &control_one_queue);
    test->front->control.ring.sring->req_prod = XENSIM_CTRL_SLOTS + 1;
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_expect_error(test, NULL, "control ring: the request index is beyond");
    control_recover(test);
}

/* What was asked before the vif connected is answered when it does. */
static void test_early_requests(void)
{
    static const ControlExchange early = {
        .type = CTRL(GET_HASH_MAPPING_SIZE), .answer = CONTROL_MAX_MAPPING,
    };
    VifTest *test = vif_test_new(NULL);

    vif_test_publish(test, &control_one_queue);
    for (unsigned int i = 0; i < 3; i++) {
        put_exchange(test, &early, i);
    }
    xensim_front_push_control(test->front);
    xensim_front_set_state(test->front, XenbusStateConnected);
    vif_test_expect_state(test, XenbusStateConnected);
    for (unsigned int i = 0; i < 3; i++) {
        expect_response(test, &early, i);
    }
    control_recover(test);
}

/*
 * The keys
 */

/**
 * Refusal: a front's key that is wrong
 * @key, value: the key; value "": it's missing
 * @reason: what the error says
 */
typedef struct Refusal {
    const char *key;
    const char *value;
    const char *reason;
} Refusal;

static void expect_refusal(VifTest *test, const Refusal *refusal)
{
    const char *const keys[] = { refusal->key, refusal->value, NULL };
    XensimFrontConfig config = control_one_queue;

    config.keys = keys;
    keys_expect_front_refusal(test, &config, refusal->key, refusal->reason);
}

static void test_keys(void)
{
    static const Refusal refusals[] = {
        { "ctrl-ring-ref", "", "'ctrl-ring-ref' is missing" },
        { "event-channel-ctrl", "", "'event-channel-ctrl' is missing" },
        { "ctrl-ring-ref", "eight", "'ctrl-ring-ref' is 'eight', expected" },
        { "ctrl-ring-ref", "-1", "'ctrl-ring-ref' is '-1', expected" },
        { "ctrl-ring-ref", "4294967296", "'ctrl-ring-ref' is '4294967296'" },
        { "event-channel-ctrl", "1x", "'event-channel-ctrl' is '1x'" },
        { "ctrl-ring-ref", "4294967295", "cannot map ctrl-ring-ref" },
        { "ctrl-ring-ref", "16000", "cannot map ctrl-ring-ref" },
        { "event-channel-ctrl", "200", "cannot bind event-channel" },
    };
    VifTest *test = vif_test_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        expect_refusal(test, &refusals[i]);
    }
    vif_test_connect(test, &control_one_queue);
    control_recover(test);
}

/* A ring that the backend may only read */
static void test_readonly_ring(void)
{
    VifTest *test = vif_test_new(NULL);
    g_autofree char *ref = g_strdup_printf("%u", raw_grant(test, true, NULL));

    expect_refusal(test, &(Refusal) { "ctrl-ring-ref", ref,
                                      "cannot map ctrl-ring-ref" });
    vif_test_connect(test, &control_one_queue);
    control_recover(test);
}

/* A front need not have a control ring. */
static void test_no_ring(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, NULL);
    vif_test_works(test);
    control_recover(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/unknown-types", test_unknown_types);
    g_test_add_func("/control/bursts", test_bursts);
    g_test_add_func("/control/notifications", test_notifications);
    g_test_add_data_func("/control/index/beyond",
                         GINT_TO_POINTER(XENSIM_CTRL_SLOTS + 1), test_index);
    g_test_add_data_func("/control/index/far-beyond",
                         GINT_TO_POINTER(INT_MAX), test_index);
    g_test_add_data_func("/control/index/back", GINT_TO_POINTER(-1),
                         test_index);
    g_test_add_func("/control/index/at-start", test_index_at_start);
    g_test_add_func("/control/early-requests", test_early_requests);
    g_test_add_func("/control/keys", test_keys);
    g_test_add_func("/control/readonly-ring", test_readonly_ring);
    g_test_add_func("/control/no-ring", test_no_ring);
    return g_test_run();
}
