/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest useful test on xensim: QEMU's own network backend, xen_nic,
 * connects to a guest, and passes on what that sends
 *
 * xen_nic makes the vif's directories by itself, as "qnic" rather than "vif":
 * hence the paths below.  It writes the frontend's state last; until then,
 * ours would be overwritten.  README.rst walks through this file.
 */

#include <gio/gio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "netfront.h"

#define STATE "/local/domain/0/backend/qnic/7/0/state"
#define FRONT "/local/domain/7/device/vif/0/state"

static void die_too(void *opaque G_GNUC_UNUSED)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GSubprocess *start_qemu(Xensim *sim, int *sockets)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(0);
    g_auto(GStrv) envp = xensim_environ(sim, g_getenv("XENSIM_LIBRARIES"),
                                        g_get_environ());

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets));
    g_subprocess_launcher_set_environ(launcher, envp);
    g_subprocess_launcher_set_child_setup(launcher, die_too, NULL, NULL);
    g_subprocess_launcher_take_fd(launcher, sockets[1], 10);
    return g_subprocess_launcher_spawn(launcher, NULL,
        g_getenv("XEN_NIC_PG_QEMU"), "-machine", "xenpv,accel=qtest",
        "-xen-attach", "-xen-domid", "7", "-nodefaults", "-no-user-config",
        "-display", "none", "-device", "xen-net-device,idx=0,netdev=net",
        "-netdev", "dgram,id=net,local.type=fd,local.str=10", NULL);
}

static void test_connect(void)
{
    Xensim *sim = xensim_new(7);
    XensimStore *store = xensim_store(sim);
    XensimFront *front = xensim_front_new(sim, 0);
    char frame[60] = "as long as a frame has to be", received[60];
    XensimTxFrame tx = { .data = frame, .len = sizeof(frame) };
    int net[2];
    g_autoptr(GSubprocess) qemu = start_qemu(sim, net);

    g_assert_true(xensim_store_wait(store, FRONT, "1", XENSIM_PATIENCE));
    xensim_front_publish(front, &(XensimFrontConfig) { .no_sg = true });
    xensim_front_set_state(front, XenbusStateConnected);
    g_assert_true(xensim_store_wait(store, STATE, "4", XENSIM_PATIENCE));
    g_assert_true(xensim_front_send(front, 0, &tx));
    g_assert_cmpmem(received, recv(net[0], received, 60, 0), frame, 60);
    g_subprocess_force_exit(qemu);
    g_assert_true(g_subprocess_wait(qemu, NULL, NULL));
    g_assert_true(xensim_wait_held(sim, "", XENSIM_PATIENCE));
    xensim_front_free(front);
    xensim_free(sim);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xensim/example", test_connect);
    return g_test_run();
}
