/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests as the test says, without a driver that knows what is allowed
 *
 * These write into the rings of a connected front (xensim/netfront.h) beside
 * its bookkeeping: once a test has used them, it doesn't use the front's own
 * functions for that ring any more.
 */

#ifndef TESTS_QTEST_RAW_H
#define TESTS_QTEST_RAW_H

#include "vif-test.h"

/**
 * raw_grant: a page of random bytes, granted
 * @frame: where to put its frame number, or NULL
 *
 * Returns: the reference.
 */
uint32_t raw_grant(VifTest *test, bool readonly, uint32_t *frame);

/* How many kinds of references there are that can't be used */
#define RAW_NR_BAD_REFS 4

/**
 * raw_make_bad_refs: have one of each kind
 * @refs: where to: never granted, beyond the table, granted no more, granted to
 *        another domain
 */
void raw_make_bad_refs(VifTest *test, uint32_t refs[RAW_NR_BAD_REFS]);

/**
 * raw_put_tx: put a request into the transmit ring, without publishing it
 */
void raw_put_tx(VifTest *test, const netif_tx_request_t *request);

/**
 * raw_put_tx_extra: put an extra info there
 */
void raw_put_tx_extra(VifTest *test, const netif_extra_info_t *extra);

/**
 * raw_push_tx: publish, and notify whether asked for or not
 */
void raw_push_tx(VifTest *test);

/**
 * raw_push_tx_if_asked: publish, and notify if asked for
 */
void raw_push_tx_if_asked(VifTest *test);

/**
 * raw_take_tx: wait for the next response, whatever it says
 *
 * Returns: the response.
 */
netif_tx_response_t raw_take_tx(VifTest *test);

/**
 * raw_expect_tx: wait for the next response
 * @id: what it must answer
 * @status: what it must say
 */
void raw_expect_tx(VifTest *test, uint16_t id, int16_t status);

/**
 * raw_put_rx: post a page, without publishing it
 */
void raw_put_rx(VifTest *test, uint16_t id, uint32_t ref);

/**
 * raw_push_rx: publish, and notify whether asked for or not
 */
void raw_push_rx(VifTest *test);

/**
 * raw_push_rx_if_asked: publish, and notify if asked for
 *
 * Returns: true if the backend was notified.
 */
bool raw_push_rx_if_asked(VifTest *test);

/**
 * raw_take_rx: wait for the next response, whatever it says
 *
 * Returns: the response.
 */
netif_rx_response_t raw_take_rx(VifTest *test);

/**
 * raw_expect_rx: wait for the next response
 * @id: what it must answer
 *
 * Returns: the response.
 */
netif_rx_response_t raw_expect_rx(VifTest *test, uint16_t id);

#endif /* TESTS_QTEST_RAW_H */
