/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the guest uses, in either direction
 *
 * What holds for the pages of one direction mostly holds for the other's: a
 * test that is written for a PagesWay is run both ways.
 */

#ifndef TESTS_QTEST_PAGES_H
#define TESTS_QTEST_PAGES_H

#include "vif-test.h"

/* How much of a page that isn't full is used */
#define PAGES_FRAME 200

/* The most pages in a burst; a frame to receive can't be longer. */
#define PAGES_MAX 16

/**
 * PagesWay: a direction, and how pages are used in it
 * @direction: as the counters name it
 * @readonly: how the guest grants its pages
 * @use: uses each page once, all in one burst, and looks at the bytes
 */
typedef struct PagesWay {
    const char *direction;
    bool readonly;
    void (*use)(VifTest *test, const uint32_t *refs, const uint32_t *frames,
                unsigned int nr);
} PagesWay;

/**
 * pages_send: send frames, each from one of the pages, in one burst
 * @refs, @frames: their references, and the pages
 * @nr: how many
 *
 * The guest has changed what is in the pages, and that is what must be sent.
 */
void pages_send(VifTest *test, const uint32_t *refs, const uint32_t *frames,
                unsigned int nr);

/**
 * pages_receive: receive one frame, which fills all pages but the last, in one
 *                burst
 * @refs, @frames: their references, and the pages
 * @nr: how many, at most PAGES_MAX
 *
 * Of a page that is named twice, the bytes that came last are looked at.
 */
void pages_receive(VifTest *test, const uint32_t *refs, const uint32_t *frames,
                   unsigned int nr);

/**
 * pages_grant: have pages of random bytes, granted
 * @refs, @frames: where to put their references and frame numbers
 */
void pages_grant(VifTest *test, bool readonly, uint32_t *refs,
                 uint32_t *frames, unsigned int nr);

/**
 * pages_expect: a counter of the direction has this value
 */
void pages_expect(VifTest *test, const PagesWay *way, const char *counter,
                  uint64_t value);

/**
 * pages_add_ways: add a test twice: for pages to send, and for pages to receive
 * @path: the test's path, to which "/tx" and "/rx" are appended
 * @function: the test; its data is a PagesWay
 */
void pages_add_ways(const char *path, GTestDataFunc function);

/**
 * pages_refuse_write: post a page that may only be read, and send a frame: the
 *                     guest gets an error, and the page stays as it is
 * @ref: the page's grant
 * @frame: the page
 */
void pages_refuse_write(VifTest *test, uint32_t ref, uint32_t frame);

#endif /* TESTS_QTEST_PAGES_H */
