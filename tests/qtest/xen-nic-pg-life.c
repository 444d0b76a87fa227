/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can happen to a vif's life: calls that fail, xenstore that goes away,
 * a guest that dies, a toolstack that takes the vif, a QEMU that ends
 *
 * Whatever it is, QEMU must go on or end well, and let go of the guest.  What
 * the legacy backend layer makes of a failed request to xenstore isn't the
 * device's to decide: a vif may be stuck then, but nothing else.
 */

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "keys.h"
#include "qemu.h"
#include "raw.h"
#include "tap.h"
#include "vif-test.h"

#define FRAME 100

/* All that a connection can have, so that each call may fail */
static const XensimFrontConfig persistent = {
    .persistent = true,
    .split = true,
    .ctrl = true,
};

/*
 * Calls that fail
 */

/* Connect while the call fails that comes behind @skip others of its kind. */
static bool connect_with_fault(VifTest *test, XensimOp op, unsigned int skip)
{
    bool connected;

    vif_test_publish(test, &persistent);
    xensim_fail(test->sim, op, skip, 1);
    xensim_front_set_state(test->front, XenbusStateConnected);
    connected = keys_wait_decision(test);
    xensim_fail(test->sim, op, 0, 0);
    return connected;
}

/*
 * The vif is refused with a reason, holds nothing, and connects the next time;
 * until as many calls are good as it takes.
 */
static void test_connect_fault(const void *data)
{
    XensimOp op = GPOINTER_TO_INT(data);
    VifTest *test = vif_test_new(NULL);
    unsigned int refused = 0;

    while (!connect_with_fault(test, op, refused)) {
        g_autofree char *error = vif_test_error(test);

        g_assert_nonnull(error);
        g_assert_true(strstr(error, "cannot"));
        g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
        vif_test_disconnect(test);
        vif_test_connect(test, &persistent);
        vif_test_works(test);
        vif_test_disconnect(test);
        g_assert_cmpuint(++refused, <, 10);
    }
    g_assert_cmpuint(refused, >, 0);
    vif_test_works(test);
    vif_test_free(test);
}

/* A notification that fails is the guest's loss; the vif goes on. */
static void test_notify_fault(void)
{
    VifTest *test = vif_test_new(NULL);
    uint8_t frame[FRAME];

    vif_test_connect(test, &persistent);
    vif_test_fill(frame, FRAME);
    test->front->queues[0].tx.sring->rsp_event = 1;
    xensim_fail(test->sim, XENSIM_OP_NOTIFY, 0, 1);
    vif_test_send(test, frame, FRAME, NULL, 0);
    vif_test_expect_sent(test, frame, FRAME);
    vif_test_wait_counter(test, "tx", "notifications-sent", 1);
    g_assert_cmpuint(xensim_events(test->sim, test->front->queues[0].tx_port),
                     ==, 0);
    vif_test_works(test);
    vif_test_free(test);
}

/*
 * xenstore
 */

static void check_alive(VifTest *test)
{
    qmp_run(test->qmp, "{'execute': 'query-status'}");
}

static void wait_requests(VifTest *test, uint64_t nr)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (xensim_count(test->sim, XENSIM_OP_STORE) < nr &&
           vif_test_state(test) != XenbusStateConnected) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
}

/* How many requests it takes to connect. */
static unsigned int count_requests(void)
{
    VifTest *test = vif_test_new(NULL);
    uint64_t before = xensim_count(test->sim, XENSIM_OP_STORE), after;

    vif_test_connect(test, &persistent);
    check_alive(test);
    after = xensim_count(test->sim, XENSIM_OP_STORE);
    vif_test_free(test);
    return after - before;
}

/* Each request to xenstore fails once, while a front connects. */
static void test_store_faults(void)
{
    unsigned int nr = count_requests();

    g_assert_cmpuint(nr, >, 10);
    for (unsigned int skip = 0; skip < nr; skip++) {
        VifTest *test = vif_test_new(NULL);
        uint64_t before = xensim_count(test->sim, XENSIM_OP_STORE);

        vif_test_publish(test, &persistent);
        xensim_fail(test->sim, XENSIM_OP_STORE, skip, 1);
        xensim_front_set_state(test->front, XenbusStateConnected);
        wait_requests(test, before + skip + 1);
        check_alive(test);
        vif_test_abandon(test);
    }
}

/* Without xenstore frames go on; QEMU can be told to end. */
static void test_store_goes_away(const void *connected)
{
    VifTest *test = vif_test_new(NULL);

    if (connected) {
        vif_test_connect(test, &persistent);
        vif_test_works(test);
    }
    xensim_store_go_away(xensim_store(test->sim));
    check_alive(test);
    if (connected) {
        vif_test_works(test);
    }
    vif_test_abandon(test);
}

/*
 * The guest
 */

static void die_in_initwait(VifTest *test)
{
    xensim_kill_guest(test->sim);
}

static void die_sending(VifTest *test)
{
    uint8_t frame[FRAME];
    XensimTxFrame tx = { .data = frame, .len = FRAME };

    vif_test_connect(test, &persistent);
    vif_test_fill(frame, FRAME);
    while (xensim_front_queue_tx(test->front, 0, &tx)) {
        xensim_front_push_tx(test->front, 0);
    }
    xensim_kill_guest(test->sim);
}

static void die_without_buffers(VifTest *test)
{
    uint8_t frame[FRAME];

    vif_test_connect(test, &persistent);
    vif_test_works(test);
    vif_test_fill(frame, FRAME);
    vif_test_peer_send(test, NULL, frame, FRAME);
    vif_test_wait_counter(test, "rx", "held-back", 1);
    xensim_kill_guest(test->sim);
    vif_test_peer_send(test, NULL, frame, FRAME);
}

static void die_closing(VifTest *test)
{
    vif_test_connect(test, &persistent);
    vif_test_works(test);
    xensim_front_set_state(test->front, XenbusStateClosing);
    xensim_kill_guest(test->sim);
}

/* The toolstack cleans up behind a guest that is dead. */
static void test_guest_dies(const void *data)
{
    void (*die)(VifTest *test) = data;
    VifTest *test = vif_test_new(NULL);

    die(test);
    vif_test_remove(test, false);
    vif_test_free(test);
}

/*
 * The toolstack and QEMU
 */

static void ask_to_close(VifTest *test)
{
    XensimStore *store = xensim_store(test->sim);
    g_autofree char *online = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                                 "online");
    g_autofree char *state = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                                "state");

    xensim_store_printf(store, 0, online, "0");
    xensim_store_printf(store, 0, state, "%d", XenbusStateClosing);
}

static void wait_unmapped(VifTest *test)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (xensim_mapped(test->sim)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
}

/* xl network-detach: the vif lets go at once, and waits for the front. */
static void test_detach(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &persistent);
    vif_test_works(test);
    ask_to_close(test);
    wait_unmapped(test);
    check_alive(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateClosing);
    xensim_front_set_state(test->front, XenbusStateClosed);
    vif_test_expect_state(test, XenbusStateClosed);
    vif_test_remove(test, true);
    vif_test_free(test);
}

/* The front doesn't follow, and then its directory is removed. */
static void test_detach_forced(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &persistent);
    vif_test_works(test);
    ask_to_close(test);
    wait_unmapped(test);
    vif_test_remove(test, false);
    vif_test_free(test);
}

/* A guest that outlives its QEMU must be told. */
static void test_quit(void)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &persistent);
    vif_test_works(test);
    vif_test_end_qemu(test);
    g_assert_cmpint(vif_test_state(test), ==, XenbusStateClosed);
    vif_test_abandon(test);
}

/*
 * A tap of the device's own
 */

static void wait_interface(const char *name, bool there)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (!!if_nametoindex(name) != there) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

/* As Xen's scripts do with a vif that has a vifname */
static void rename_interface(const char *from, const char *to)
{
    struct ifreq request = { 0 };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    g_strlcpy(request.ifr_name, from, sizeof(request.ifr_name));
    g_strlcpy(request.ifr_newname, to, sizeof(request.ifr_newname));
    g_assert_cmpint(ioctl(fd, SIOCSIFNAME, &request), ==, 0);
    close(fd);
}

/* It is there while the vif is, under whatever name. */
static void test_own_tap(void)
{
    static const char *const named[] = { "vifname", "lan0", NULL };
    static const char *const options[] = { "-device", "xen-nic-pg", NULL };
    Xensim *sim = xensim_new(VIF_TEST_DOMID);
    g_autoptr(GSubprocess) qemu = qemu_spawn(sim, options, NULL, 0, NULL);

    for (int i = 0; i < 20; i++) {
        xensim_vif_new(sim, VIF_TEST_HANDLE, i % 2 ? named : NULL);
        g_assert_true(xensim_vif_wait_backend(sim, VIF_TEST_HANDLE,
                                              XenbusStateInitWait));
        g_assert_cmpuint(if_nametoindex("vif7.0"), >, 0);
        if (i % 2) {
            rename_interface("vif7.0", "lan0");
        }
        g_assert_true(xensim_vif_remove(sim, VIF_TEST_HANDLE, true));
        wait_interface(i % 2 ? "lan0" : "vif7.0", false);
    }
    g_subprocess_send_signal(qemu, SIGTERM);
    g_assert_true(g_subprocess_wait_check(qemu, NULL, NULL));
    g_assert_true(xensim_wait_held(sim, "", XENSIM_PATIENCE));
    xensim_free(sim);
}

static void skip(const void *why)
{
    g_test_skip(why);
}

static void add_dying(const char *path, void (*die)(VifTest *test))
{
    g_test_add_data_func(path, die, test_guest_dies);
}

static void add_connect_fault(const char *path, XensimOp op)
{
    g_test_add_data_func(path, GINT_TO_POINTER(op), test_connect_fault);
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    add_connect_fault("/life/fault/open", XENSIM_OP_OPEN);
    add_connect_fault("/life/fault/bind", XENSIM_OP_BIND);
    add_connect_fault("/life/fault/map", XENSIM_OP_MAP);
    add_connect_fault("/life/fault/map-memory", XENSIM_OP_MAP_MEMORY);
    g_test_add_func("/life/fault/notify", test_notify_fault);
    g_test_add_func("/life/fault/store", test_store_faults);
    g_test_add_data_func("/life/store-goes-away/initwait", NULL,
                         test_store_goes_away);
    g_test_add_data_func("/life/store-goes-away/connected", "",
                         test_store_goes_away);
    add_dying("/life/guest-dies/initwait", die_in_initwait);
    add_dying("/life/guest-dies/sending", die_sending);
    add_dying("/life/guest-dies/without-buffers", die_without_buffers);
    add_dying("/life/guest-dies/closing", die_closing);
    g_test_add_func("/life/detach", test_detach);
    g_test_add_func("/life/detach-forced", test_detach_forced);
    g_test_add_func("/life/quit", test_quit);
    if (why) {
        g_test_add_data_func("/life/own-tap", why, skip);
    } else {
        g_test_add_func("/life/own-tap", test_own_tap);
    }
    return g_test_run();
}
