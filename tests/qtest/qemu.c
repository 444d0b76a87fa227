/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU on a simulated Xen, as a process of its own
 *
 * "-machine xenpv,accel=qtest -xen-attach" makes a Xen machine without a
 * hypervisor's help, whose guest is there already; xensim's libraries are put
 * in front of Xen's.
 */

#include <signal.h>
#include <sys/prctl.h>
#include "qemu.h"

static const char *get_environment(const char *name)
{
    const char *value = g_getenv(name);

    if (!value) {
        g_error("%s isn't set in the environment", name);
    }
    return value;
}

/* A test that fails ends at once; no QEMU shall be left. */
static void die_with_parent(void *opaque)
{
    (void)opaque;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GSubprocessLauncher *make_launcher(Xensim *sim, const int *fds,
                                          unsigned int nr_fds, const char *log)
{
    GSubprocessLauncher *launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_auto(GStrv) environment = xensim_environ(
        sim, get_environment("XENSIM_LIBRARIES"), g_get_environ());

    g_subprocess_launcher_set_environ(launcher, environment);
    g_subprocess_launcher_set_child_setup(launcher, die_with_parent, NULL,
                                          NULL);
    if (log) {
        g_subprocess_launcher_set_stderr_file_path(launcher, log);
    }
    for (unsigned int i = 0; i < nr_fds; i++) {
        g_subprocess_launcher_take_fd(launcher, fds[i], QEMU_FIRST_FD + i);
    }
    return launcher;
}

GSubprocess *qemu_spawn(Xensim *sim, const char *const *options,
                        const int *fds, unsigned int nr_fds, const char *log)
{
    g_autoptr(GSubprocessLauncher) launcher = make_launcher(sim, fds, nr_fds,
                                                            log);
    g_autofree char *domid = g_strdup_printf("%u", xensim_domid(sim));
    const char *const common[] = {
        get_environment("XEN_NIC_PG_QEMU"),
        "-machine", "xenpv,accel=qtest", "-xen-attach", "-xen-domid", domid,
        "-nodefaults", "-no-user-config", "-display", "none",
    };
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    GSubprocess *qemu;

    for (unsigned int i = 0; i < G_N_ELEMENTS(common); i++) {
        g_ptr_array_add(argv, (void *)common[i]);
    }
    for (; *options; options++) {
        g_ptr_array_add(argv, (void *)*options);
    }
    g_ptr_array_add(argv, NULL);
    qemu = g_subprocess_launcher_spawnv(launcher,
                                        (const char *const *)argv->pdata,
                                        &error);
    if (!qemu) {
        g_error("%s", error->message);
    }
    return qemu;
}
