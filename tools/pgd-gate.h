/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: all of xenstore that a jailed QEMU sees.
 */
#ifndef PGD_GATE_H
#define PGD_GATE_H

#include "pgd-jail.h"

#include <glib.h>

/* The first argument of a process that is a gate */
#define GATE_OPTION "--gate"

/*
 * gate_args: the command line of a gate, to be run from the daemon's binary
 * @socket: where QEMU will find its xenstore
 * @self: the domain that we are in
 * @qemu: QEMU's command line
 *
 * Returns an array that the caller frees with g_strfreev().
 */
char **gate_args(const char *socket, unsigned int self, unsigned int domid,
                 const Jail *jail, char **qemu);

/*
 * gate_main: be a gate: start QEMU, and end with it
 * @args: what follows GATE_OPTION
 *
 * Returns the exit status: QEMU's, or 128 and the signal that has killed it.
 */
int gate_main(char **args);

#endif
