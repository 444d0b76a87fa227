/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: what surrounds a QEMU, so that it can do little else than serve
 * its guest.
 *
 * QEMU is started as root, as it wants privcmd. Before it looks at anything of
 * a guest's it has changed to another user, and to a root directory that has
 * nothing but the few device nodes that vifs need while they come and go. It
 * can't be handed descriptors of these instead: each queue of each vif opens
 * its own.
 *
 * The directory is a file system in memory, in the process's own mount
 * namespace. So it can have nodes that belong to QEMU's user, whatever /dev
 * looks like, nobody else sees it, and it is gone with the process. It is
 * read-only. The process has a PID namespace, too, as QEMUs of one user could
 * kill each other.
 *
 * Who does what, in this order:
 *
 *   clone(2)         the namespaces
 *   jail_enter()     the directory; limits; no capabilities beyond those that
 *                    the next steps need; none to be had by execve(2)
 *   pgd-gate.c       starts QEMU, and is all of xenstore for it
 *   QEMU -sandbox    no processes, nothing obsolete, no control of resources
 *   QEMU confine=on  no hypercalls (hw/net/xen_nic_pg_confine.c)
 *   QEMU -run-with   the root directory, the user; so no capabilities
 *
 * -sandbox could also deny to change the user, but it would do so before that
 * has happened.
 */
#include "pgd-jail.h"

#include "pgd-log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const int jail_namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;

/* What a vif needs: below /dev, and below the jail's root */
static const struct {
    const char *name;
    const char *path;
    const char *hint;
} nodes[JAIL_NODES] = {
    { "xen/gntdev", "dev/xen/gntdev", " (is the module xen-gntdev loaded?)" },
    { "xen/evtchn", "dev/xen/evtchn", " (is the module xen-evtchn loaded?)" },
    { "net/tun", "dev/net/tun", " (is the module tun loaded?)" },
    { "null", "dev/null", "" },
};

static const char *const directories[] = { "dev", "dev/xen", "dev/net" };

/*
 * Files: several for each queue of each vif. Memory: what is private and can be
 * written to, so guests' pages don't count. What a QEMU writes is its log.
 */
static const struct {
    int resource;
    rlim_t value;
} limits[] = {
    { RLIMIT_NOFILE, 4096 },
    { RLIMIT_DATA, 1ul << 30 },
    { RLIMIT_FSIZE, 64ul << 20 },
    { RLIMIT_CORE, 0 },
};

/*
 * To change the user and the root directory, and, for a -netdev of the
 * administrator's, to make a tap.
 */
static const int needed[] = {
    CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_NET_ADMIN,
};

bool jail_prepare(Jail *jail, const char *dev, GError **err)
{
    unsigned int i;

    for (i = 0; i < JAIL_NODES; i++) {
        g_autofree char *path = g_build_filename(dev, nodes[i].name, NULL);
        struct stat st;

        if (stat(path, &st) < 0) {
            set_errno_error(err, "QEMU needs %s%s", path, nodes[i].hint);
            return false;
        }
        if (!S_ISCHR(st.st_mode)) {
            g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                        "QEMU needs %s, which isn't a character device", path);
            return false;
        }
        jail->nodes[i] = st.st_rdev;
    }
    return true;
}

static const char *make_nodes(const Jail *jail)
{
    unsigned int i;

    for (i = 0; i < G_N_ELEMENTS(directories); i++) {
        if (mkdir(directories[i], 0755) < 0) {
            return "make a directory for device nodes";
        }
    }
    for (i = 0; i < JAIL_NODES; i++) {
        if (mknod(nodes[i].path, S_IFCHR | 0600, jail->nodes[i]) < 0 ||
            chown(nodes[i].path, jail->uid, jail->gid) < 0) {
            return "make a device node";
        }
    }
    return NULL;
}

/*
 * make_root: changes made to the host's mounts later are seen here, but not
 * the other way round
 */
static const char *make_root(const Jail *jail)
{
    static const char options[] = "mode=0755,size=64k";
    const int flags = MS_NOSUID | MS_NOEXEC;
    const char *problem;

    umask(0);
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("xen-nic-pg", jail->root, "tmpfs", flags, options) < 0 ||
        chdir(jail->root) < 0) {
        return "mount the root directory";
    }
    problem = make_nodes(jail);
    if (problem) {
        return problem;
    }
    if (mount(NULL, jail->root, NULL, MS_REMOUNT | MS_RDONLY | flags,
              options) < 0 || chdir("/") < 0) {
        return "make the root directory read-only";
    }
    umask(077);
    return NULL;
}

static const char *set_limits(void)
{
    unsigned int i;

    for (i = 0; i < G_N_ELEMENTS(limits); i++) {
        struct rlimit limit = { limits[i].value, limits[i].value };

        if (setrlimit(limits[i].resource, &limit) < 0) {
            return "set a limit";
        }
    }
    /* A log that is full is no reason to die. */
    signal(SIGXFSZ, SIG_IGN);
    return NULL;
}

static bool is_needed(int capability)
{
    unsigned int i;

    for (i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (needed[i] == capability) {
            return true;
        }
    }
    return false;
}

/*
 * drop_capabilities: root has after execve() what is in the bounding set
 *
 * The kernel knows how many there are: of one that it doesn't have it says
 * that it is invalid.
 */
static const char *drop_capabilities(void)
{
    int i;

    for (i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++) {
        if (!is_needed(i) && prctl(PR_CAPBSET_DROP, i) < 0) {
            return "drop a capability";
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return "forgo new privileges";
    }
    return NULL;
}

const char *jail_enter(const Jail *jail)
{
    const char *problem = make_root(jail);

    if (!problem) {
        problem = set_limits();
    }
    return problem ?: drop_capabilities();
}

char **jail_args(const char *root, uid_t uid, gid_t gid)
{
    GStrvBuilder *args = g_strv_builder_new();
    g_autofree char *run_with = g_strdup_printf("chroot=%s,user=%u:%u", root,
                                                uid, gid);
    char **result;

    g_strv_builder_add_many(args, "-run-with", run_with, "-sandbox",
                            "on,obsolete=deny,elevateprivileges=allow,"
                            "spawn=deny,resourcecontrol=deny", NULL);
    result = g_strv_builder_end(args);
    g_strv_builder_unref(args);
    return result;
}
