/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on the control ring, and what must be answered
 */

#ifndef TESTS_QTEST_CONTROL_H
#define TESTS_QTEST_CONTROL_H

#include "vif-test.h"

/* Types of requests, and statuses of responses (netif.h) */
#define CTRL(name) XEN_NETIF_CTRL_TYPE_##name
#define STATUS(name) XEN_NETIF_CTRL_STATUS_##name

/* The queues of the vifs that these tests have, and of most of their fronts */
#define CONTROL_QUEUES 4

/* How many entries a mapping may have, which is 128 with netback as well */
#define CONTROL_MAX_MAPPING 128

/* A front with a control ring and all offloads, and with as many queues */
extern const XensimFrontConfig control_one_queue;
extern const XensimFrontConfig control_all_queues;

/**
 * control_connect_new: start a vif, and connect a front with all queues
 */
VifTest *control_connect_new(void);

/**
 * control_connect_tap_new: the same with a tap, and pages that stay mapped
 * @queues: how many queues the tap has
 */
VifTest *control_connect_tap_new(unsigned int queues);

/**
 * control_recover: after anything, a front that does it right can connect and
 *                  is answered; and end the test
 */
void control_recover(VifTest *test);

/**
 * control_expect: make a request and compare the response
 * @status, @answer: what the response must say, and its data
 * @type, @data0, @data1, @data2: the request
 */
void control_expect(VifTest *test, uint32_t status, uint32_t answer,
                    uint16_t type, uint32_t data0, uint32_t data1,
                    uint32_t data2);

/**
 * control_status: the same where the response has no use for its data, which
 *                 then is 0
 */
void control_status(VifTest *test, uint32_t status, uint16_t type,
                    uint32_t data0, uint32_t data1, uint32_t data2);

/**
 * control_set: make a request of one word, which must succeed
 */
void control_set(VifTest *test, uint16_t type, uint32_t data0);

/**
 * ControlExchange: a request of at most one word, and its response
 * @type, @data: the request
 * @status, @answer: the response
 */
typedef struct ControlExchange {
    uint16_t type;
    uint32_t data;
    uint32_t status;
    uint32_t answer;
} ControlExchange;

/**
 * control_exchange: make requests and compare the responses, in turn
 */
void control_exchange(VifTest *test, const ControlExchange *exchanges,
                      size_t nr);

#endif /* TESTS_QTEST_CONTROL_H */
