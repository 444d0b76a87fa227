/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU on a simulated Xen, as a process of its own
 */

#ifndef TESTS_QTEST_QEMU_H
#define TESTS_QTEST_QEMU_H

#include <gio/gio.h>
#include "../xensim/xensim.h"

/* What QEMU knows as the first of the files that it is given */
#define QEMU_FIRST_FD 10

/**
 * qemu_spawn: start QEMU as a guest's backend
 * @sim: Xen, with the guest
 * @options: what follows on its command line, ended by NULL
 * @fds: open files for QEMU, which are taken over; there they are
 *       QEMU_FIRST_FD and those behind it
 * @nr_fds: how many
 * @log: path of a file for what it says, or NULL: our standard error
 *
 * The binary is named by the environment as XEN_NIC_PG_QEMU, the folder of
 * xensim's libraries as XENSIM_LIBRARIES.  QEMU dies with us; what fails ends
 * the program with a message.
 */
GSubprocess *qemu_spawn(Xensim *sim, const char *const *options,
                        const int *fds, unsigned int nr_fds, const char *log);

#endif /* TESTS_QTEST_QEMU_H */
