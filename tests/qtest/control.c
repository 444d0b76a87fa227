/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on the control ring, and what must be answered
 *
 * They are made one at a time, by the front's own functions.
 */

#include "control.h"

const XensimFrontConfig control_one_queue = {
    .ctrl = true, .csum6 = true, .gso4 = true, .gso6 = true,
};

const XensimFrontConfig control_all_queues = {
    .ctrl = true, .csum6 = true, .gso4 = true, .gso6 = true,
    .queues = CONTROL_QUEUES,
};

/* The host may have fewer processors than that, which is the default. */
#define DEVICE ",max-queues=" G_STRINGIFY(CONTROL_QUEUES)

VifTest *control_connect_new(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .device = DEVICE });

    vif_test_connect(test, &control_all_queues);
    return test;
}

VifTest *control_connect_tap_new(unsigned int queues)
{
    XensimFrontConfig config = control_all_queues;
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = DEVICE,
        .netdev = VIF_TEST_TAP,
        .tap_queues = queues,
    });

    config.persistent = true;
    config.unchecked = true;    /* it may leave other frames' bytes behind */
    vif_test_connect(test, &config);
    return test;
}

void control_recover(VifTest *test)
{
    vif_test_disconnect(test);
    vif_test_connect(test, &control_one_queue);
    control_expect(test, STATUS(SUCCESS), CONTROL_MAX_MAPPING,
                   CTRL(GET_HASH_MAPPING_SIZE), 0, 0, 0);
    vif_test_works(test);
    vif_test_free(test);
}

void control_expect(VifTest *test, uint32_t status, uint32_t answer,
                    uint16_t type, uint32_t data0, uint32_t data1,
                    uint32_t data2)
{
    uint32_t got_answer;
    uint32_t got = xensim_front_control(test->front, type, data0, data1, data2,
                                        &got_answer);

    if (got != status || got_answer != answer) {
        g_error("request of type %u (%u, %u, %u): status %u and data %u, "
                "expected %u and %u", type, data0, data1, data2, got,
                got_answer, status, answer);
    }
}

void control_status(VifTest *test, uint32_t status, uint16_t type,
                    uint32_t data0, uint32_t data1, uint32_t data2)
{
    control_expect(test, status, 0, type, data0, data1, data2);
}

void control_set(VifTest *test, uint16_t type, uint32_t data0)
{
    control_status(test, STATUS(SUCCESS), type, data0, 0, 0);
}

void control_exchange(VifTest *test, const ControlExchange *exchanges,
                      size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        control_expect(test, exchanges[i].status, exchanges[i].answer,
                       exchanges[i].type, exchanges[i].data, 0, 0);
    }
}
