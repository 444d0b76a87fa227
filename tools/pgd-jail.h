/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: what surrounds a QEMU, so that it can do little else than serve
 * its guest.
 */
#ifndef PGD_JAIL_H
#define PGD_JAIL_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Of a process that is to enter a jail: its namespaces, for clone(2) */
extern const int jail_namespaces;

#define JAIL_NODES 4

/*
 * What QEMU will find, gathered before there is a process
 */
typedef struct Jail {
    const char *root;           /* an empty directory, where it is mounted */
    uid_t uid;
    gid_t gid;
    dev_t nodes[JAIL_NODES];
} Jail;

/*
 * jail_prepare: look for what is to be in the jail
 * @dev: where device nodes are, such as "/dev"
 * @jail: root, uid and gid are given
 *
 * Returns false, with the reason in @err, if something isn't there.
 */
bool jail_prepare(Jail *jail, const char *dev, GError **err);

/*
 * jail_enter: make this process, which will be QEMU, as poor as QEMU can start
 *
 * The rest it does itself: see jail_args(). Makes only system calls. Returns
 * NULL; or what failed, and errno says why.
 */
const char *jail_enter(const Jail *jail);

/*
 * jail_args: the arguments by which QEMU locks itself in when it has started
 * @root: as in a Jail
 *
 * Returns an array that the caller frees with g_strfreev().
 */
char **jail_args(const char *root, uid_t uid, gid_t gid);

#endif
