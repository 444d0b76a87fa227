/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: a cgroup for each QEMU, by systemd.
 */
#ifndef PGD_SCOPE_H
#define PGD_SCOPE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * scope_make: have systemd put a process into a scope of its own
 * @pid: a process that does nothing yet
 *
 * Returns false, with the reason in @err, if systemd won't do it. If systemd
 * doesn't get round to it in time, the log says so.
 */
bool scope_make(unsigned int domid, pid_t pid, GError **err);

#endif
