/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: a cgroup for each QEMU, by systemd.
 *
 * QEMUs outlive the daemon, so they can't stay in the cgroup of its service: a
 * service's cgroup that has others below, with limits, can't be started into
 * again. What systemd has for processes that it hasn't started is a scope. It
 * is asked for one by busctl(1), which comes with it; the scope is gone with
 * its last process.
 *
 * systemd answers before it has moved the process. What that starts before it
 * is moved would stay behind, so we wait until its cgroup is the scope's.
 *
 * QEMU has no business with IP: what it sends goes to taps.
 */
#include "pgd-scope.h"

#include "pgd-log.h"

#include <string.h>

#define MEMORY_MAX "1073741824"
#define TASKS_MAX "256"

/* How long systemd may take to move a process, and how often to look */
#define PATIENCE_USEC (2 * G_USEC_PER_SEC)
#define PAUSE_USEC 5000

static bool is_in_scope(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", (int)pid);
    g_autofree char *cgroup = NULL;

    return g_file_get_contents(path, &cgroup, NULL, NULL) &&
           strstr(cgroup, name);
}

/*
 * wait_for_scope: wait until systemd has moved a process into a scope
 *
 * A guest does without the scope's limits rather than without its network.
 */
static void wait_for_scope(unsigned int domid, pid_t pid, const char *name)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_USEC;

    while (!is_in_scope(pid, name)) {
        if (g_get_monotonic_time() > end) {
            log_dom(domid, "warning: systemd hasn't put process %d into %s: "
                    "its QEMU runs without the scope's limits", (int)pid,
                    name);
            return;
        }
        g_usleep(PAUSE_USEC);
    }
}

bool scope_make(unsigned int domid, pid_t pid, GError **err)
{
    g_autofree char *name = g_strdup_printf("xen-nic-pg-%u-%d.scope", domid,
                                            (int)pid);
    g_autofree char *process = g_strdup_printf("%d", (int)pid);
    const char *argv[] = {
        "busctl", "--system", "--quiet", "call", "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
        "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail",
        "6",
        "PIDs", "au", "1", process,
        "Slice", "s", "machine.slice",
        "CollectMode", "s", "inactive-or-failed",
        "MemoryMax", "t", MEMORY_MAX,
        "TasksMax", "t", TASKS_MAX,
        "IPAddressDeny", "a(iayu)", "2", "2", "4", "0", "0", "0", "0", "0",
                         "10", "16", "0", "0", "0", "0", "0", "0", "0", "0",
                         "0", "0", "0", "0", "0", "0", "0", "0", "0",
        "0", NULL
    };
    g_autofree char *said = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                      NULL, NULL, &said, &status, err)) {
        g_prefix_error(err, "cannot ask systemd for a scope: ");
        return false;
    }
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "systemd doesn't make a scope: %s", g_strchomp(said));
        return false;
    }
    wait_for_scope(domid, pid, name);
    return true;
}
