/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second thread of the guest that writes all the time
 *
 * What the backend reads twice is then one thing the first time, and another
 * the second.
 */

#ifndef TESTS_QTEST_FLIPPER_H
#define TESTS_QTEST_FLIPPER_H

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

/**
 * Flipper: what is written, and where
 * @at: the first place
 * @values: what is written there, in turn
 * @stride: from one place to the next, in 16 bits
 * @nr: how many places there are
 */
typedef struct Flipper {
    GThread *thread;
    gint stop;
    _Atomic uint16_t *at;
    uint16_t values[2];
    unsigned int stride;
    unsigned int nr;
} Flipper;

/**
 * flipper_start: begin to write
 */
void flipper_start(Flipper *flipper);

/**
 * flipper_stop: end that
 */
void flipper_stop(Flipper *flipper);

/**
 * flipper_aim: write somewhere else
 */
void flipper_aim(Flipper *flipper, void *at);

#endif /* TESTS_QTEST_FLIPPER_H */
