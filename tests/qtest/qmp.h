/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Just enough of QMP for the tests
 *
 * The connection is a socket that QEMU was given; replies are JSON of
 * json-glib.  What goes wrong ends the test.
 */

#ifndef TESTS_QTEST_QMP_H
#define TESTS_QTEST_QMP_H

#include <json-glib/json-glib.h>

typedef struct Qmp Qmp;

/**
 * qmp_new: greet a QEMU that has just been started
 * @fd: our end of its monitor; taken over
 */
Qmp *qmp_new(int fd);

/**
 * qmp_free: close the connection
 * @qmp: the connection, or NULL
 */
void qmp_free(Qmp *qmp);

/**
 * qmp_execute: run a command that must succeed
 * @qmp: the connection
 * @format: the command as JSON, in printf's terms
 *
 * Returns: what it returned, to be freed with json_node_unref().
 */
JsonNode *qmp_execute(Qmp *qmp, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/**
 * qmp_run: the same, for a command whose result doesn't matter
 */
void qmp_run(Qmp *qmp, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif /* TESTS_QTEST_QMP_H */
