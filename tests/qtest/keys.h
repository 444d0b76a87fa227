/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said in xenstore about a vif under test
 *
 * The toolstack's keys and those of the frontend are written, the backend's
 * are looked at.  What isn't as it should be ends the test program with a
 * message.
 */

#ifndef TESTS_QTEST_KEYS_H
#define TESTS_QTEST_KEYS_H

#include "vif-test.h"

/**
 * keys_write_backend: write a key of the backend's directory, as the toolstack
 * @value: its value; NULL: remove it
 */
void keys_write_backend(VifTest *test, const char *key, const char *value);

/**
 * keys_write_frontend: write a key of the frontend's directory, as the guest
 * @value: its value; NULL: remove it
 */
void keys_write_frontend(VifTest *test, const char *key, const char *value);

/**
 * keys_expect_backend: the guest finds a key of the backend's directory
 * @value: its value; NULL: there is none
 */
void keys_expect_backend(VifTest *test, const char *key, const char *value);

/**
 * keys_wait_backend: wait until such a key has a value
 */
void keys_wait_backend(VifTest *test, const char *key, const char *value);

/**
 * keys_wait_until_seen: wait until QEMU has dealt with all that has been
 *                       written
 *
 * To be used where nothing is to happen, or where a next write mustn't come
 * too early: QEMU reads a value when it gets to it.
 */
void keys_wait_until_seen(VifTest *test);

/**
 * keys_wait_decision: wait until a vif to which the front connects has decided
 *
 * Returns: true if it has connected, false if it has refused.
 */
bool keys_wait_decision(VifTest *test);

/**
 * keys_expect_error: the vif goes to Closing, for a reason, and holds nothing
 * @what: what has been done to it, for a message; or NULL
 * @reason: what its error has in it
 */
void keys_expect_error(VifTest *test, const char *what, const char *reason);

/**
 * keys_expect_front_refusal: a front connects, is refused, and disconnects
 * @config: how it connects
 * @what, reason: see keys_expect_error()
 */
void keys_expect_front_refusal(VifTest *test, const XensimFrontConfig *config,
                               const char *what, const char *reason);

/**
 * keys_expect_refusal: the same, for a front with one key that is wrong
 * @value: its value; "": it's left out
 */
void keys_expect_refusal(VifTest *test, const char *key, const char *value,
                         const char *reason);

#endif /* TESTS_QTEST_KEYS_H */
