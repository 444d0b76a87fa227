/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before a guest is served, QEMU gives up what only its start needed
 *
 * A QEMU that is attached to a Xen domain opens privcmd when it starts, several
 * times.  In dom0, who has that file open may do anything to any domain and to
 * Xen itself, whatever user he is: the kernel passes his hypercalls on.  The
 * device model of an HVM guest needs some of them; a machine "xenpv" with
 * nothing but backends needs none.
 *
 * So each of these descriptors becomes one of /dev/null.  This is what Xen's
 * own xentoolcore_restrict_all() does to handles that can't be restricted.
 * That can't be used here: it takes those of xenstore and of the grant table,
 * too, and so -xen-domid-restrict leaves no backend working.
 *
 * Opening the file anew is prevented by who starts QEMU, with -run-with: see
 * docs/security.rst for the whole.
 */

#include "qemu/osdep.h"
#include "hw/qdev-core.h"
#include "qapi/error.h"
#include "xen_nic_pg_confine.h"

#define XENPV_MACHINE "xenpv-machine"
#define OWN_FILES "/proc/self/fd"

/* In /dev/xen or, of old, in /proc/xen */
#define HYPERCALLS "/privcmd"

bool xen_nic_pg_can_confine(Error **errp)
{
    if (!object_dynamic_cast(qdev_get_machine(), XENPV_MACHINE)) {
        error_setg(errp, "property 'confine' is on, expected off unless the "
                   "machine is xenpv: others need hypercalls");
        return false;
    }
    return true;
}

/* Returns false if it has to be dropped, and can't be. */
static bool drop_hypercalls(const char *fd, int null)
{
    g_autofree char *link = g_build_filename(OWN_FILES, fd, NULL);
    g_autofree char *path = g_file_read_link(link, NULL);

    return !path || !g_str_has_suffix(path, HYPERCALLS) ||
           dup3(null, atoi(fd), O_CLOEXEC) >= 0;
}

void xen_nic_pg_confine(Error **errp)
{
    g_autoptr(GDir) dir = g_dir_open(OWN_FILES, 0, NULL);
    int null = qemu_open("/dev/null", O_RDWR, errp);
    const char *fd;

    if (null < 0) {
        return;
    }
    if (!dir) {
        error_setg(errp, "cannot list " OWN_FILES);
    }
    while (dir && (fd = g_dir_read_name(dir))) {
        if (!drop_hypercalls(fd, null)) {
            error_setg_errno(errp, errno, "cannot drop descriptor %s", fd);
            break;
        }
    }
    close(null);
}
