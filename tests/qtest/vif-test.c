/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif under test
 *
 * QEMU gets its end of the monitor and of the network as open files, so nothing
 * has to be waited for.  For tools it has a second monitor, on a socket as
 * xen-nic-pgd would name it, in xensim's folder.
 *
 * The peer of a socket netdev is the other end of a pair; where it's a stream,
 * each frame has its length in front.  The peer of a tap is a packet socket on
 * the tap's interface, which has virtio-net headers as well; that needs a
 * network namespace of our own.  A tap that the device makes is there, and gets
 * its peer, when the vif is.  A tap has a link while the vif is connected: the
 * kernel is asked for it then, so that it notices, and sends frames there.
 */

#include <errno.h>
#include <linux/if_ether.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "qemu.h"
#include "tap.h"
#include "vif-test.h"

/* What nobody looks into (IEEE 802, local experimental ethertype 1) */
#define ETHERTYPE 0x88b5

/* File descriptors of ours in QEMU, in turn; a tap has one for each queue */
enum {
    QEMU_MONITOR = QEMU_FIRST_FD,
    QEMU_NETDEV,
};

enum { MAX_NETDEV_FDS = XENSIM_MAX_QUEUES };

static void fail_errno(const char *what)
{
    g_error("%s: %s", what, g_strerror(errno));
}

/*
 * Network
 */

static void make_pair(int type, int *ours, int *theirs)
{
    int fds[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0) {
        fail_errno("socketpair");
    }
    *ours = fds[0];
    *theirs = fds[1];
}

static bool is_stream(const VifTest *test)
{
    return test->netdev == VIF_TEST_STREAM ||
           test->netdev == VIF_TEST_SOCKET;
}

/* A tap of either kind */
static bool is_tap(const VifTest *test)
{
    return test->netdev == VIF_TEST_TAP || test->netdev == VIF_TEST_OWN_TAP;
}

/* Fills in QEMU's ends of the network.  Returns how many there are. */
static unsigned int make_network(VifTest *test, int *theirs)
{
    switch (test->netdev) {
    case VIF_TEST_OWN_TAP:
        return 0;
    case VIF_TEST_TAP:
        tap_open_queues(VIF_TEST_TAP_NAME, theirs, test->tap_queues);
        test->peer = tap_open_socket(VIF_TEST_TAP_NAME, true);
        return test->tap_queues;
    default:
        make_pair(is_stream(test) ? SOCK_STREAM : SOCK_DGRAM, &test->peer,
                  theirs);
        return 1;
    }
}

/* The vif is there, and so is its tap. */
static void join_own_tap(VifTest *test)
{
    tap_set_up(VIF_TEST_TAP_NAME);
    test->peer = tap_open_socket(VIF_TEST_TAP_NAME, true);
}

void vif_test_set_link(VifTest *test, const char *name, bool up)
{
    qmp_run(test->qmp, "{'execute': 'set_link', 'arguments': {'name': '%s', "
            "'up': %s}}", name, up ? "true" : "false");
}

void vif_test_wait_tap_link(bool up)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (tap_has_link(VIF_TEST_TAP_NAME) != up) {
        if (g_get_monotonic_time() > end) {
            g_error("the tap doesn't come to have %s link", up ? "a" : "no");
        }
        g_usleep(1000);
    }
}

static void set_timeout(int fd, int timeout_ms)
{
    struct timeval time = {
        .tv_sec = timeout_ms / 1000,
        .tv_usec = timeout_ms % 1000 * 1000,
    };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

/*
 * What is in front of a frame: a virtio-net header or a length, if anything.
 * Returns how many bytes that is.
 */
static size_t get_header_size(const VifTest *test)
{
    return is_tap(test) ? sizeof(struct virtio_net_hdr) :
           is_stream(test) ? sizeof(uint32_t) : 0;
}

void vif_test_peer_send(VifTest *test, const struct virtio_net_hdr *vnet,
                        const void *frame, size_t len)
{
    struct virtio_net_hdr none = { 0 };
    uint32_t length = g_htonl(len);
    struct iovec iov[2] = {
        { .iov_base = is_stream(test) ? (void *)&length :
                      (void *)(vnet ?: &none),
          .iov_len = get_header_size(test) },
        { .iov_base = (void *)frame, .iov_len = len },
    };

    if (writev(test->peer, iov, 2) < 0) {
        fail_errno("peer: send");
    }
}

/* Returns how long the frame is that comes next, 0 if none comes in time. */
static size_t read_length(VifTest *test)
{
    uint32_t length;

    if (!is_stream(test)) {
        return VIF_TEST_MAX_FRAME;
    }
    if (recv(test->peer, &length, sizeof(length), MSG_WAITALL) !=
        sizeof(length)) {
        return 0;
    }
    return g_ntohl(length);
}

size_t vif_test_peer_receive(VifTest *test, struct virtio_net_hdr *vnet,
                             void *frame, int timeout_ms)
{
    struct virtio_net_hdr ignored;
    struct iovec iov[2] = {
        { .iov_base = vnet ?: &ignored, .iov_len = sizeof(ignored) },
        { .iov_base = frame },
    };
    bool skip = !is_tap(test);
    struct msghdr message = { .msg_iov = iov + skip, .msg_iovlen = 2 - skip };
    ssize_t len;

    set_timeout(test->peer, timeout_ms);
    iov[1].iov_len = read_length(test);
    if (!iov[1].iov_len) {
        return 0;
    }
    len = recvmsg(test->peer, &message, is_stream(test) ? MSG_WAITALL : 0);
    if (len < 0 && errno != EAGAIN) {
        fail_errno("peer: receive");
    }
    return len < 0 ? 0 : len - (skip ? 0 : sizeof(ignored));
}

/*
 * QEMU
 */

/* The value of -netdev tap,fds=… */
static char *list_fds(unsigned int nr)
{
    GString *list = g_string_new(NULL);

    for (unsigned int i = 0; i < nr; i++) {
        g_string_append_printf(list, "%s%u", i ? ":" : "", QEMU_NETDEV + i);
    }
    return g_string_free(list, false);
}

static char *format_netdev(const VifTest *test, unsigned int nr_fds)
{
    static const char *const formats[] = {
        [VIF_TEST_DGRAM] = "dgram,id=net,local.type=fd,local.str=%s",
        [VIF_TEST_STREAM] = "stream,id=net,addr.type=fd,addr.str=%s",
        [VIF_TEST_SOCKET] = "socket,id=net,fd=%s",
        [VIF_TEST_TAP] = "tap,id=net,fds=%s",
    };
    g_autofree char *fds = list_fds(nr_fds);

    return g_strdup_printf(formats[test->netdev], fds);
}

/* @fds: the monitor, and the netdev's, if there's one */
static void spawn_qemu(VifTest *test, const char *device, const int *fds,
                       unsigned int nr_fds)
{
    bool has_netdev = test->netdev != VIF_TEST_OWN_TAP;
    g_autofree char *chardev = g_strdup_printf("socket,id=qmp,fd=%d",
                                               QEMU_MONITOR);
    g_autofree char *net = has_netdev ? format_netdev(test, nr_fds - 1) : NULL;
    g_autofree char *nic = g_strconcat("xen-nic-pg",
                                       has_netdev ? ",netdev=net" : "",
                                       device, NULL);
    g_autofree char *qmp = g_strdup_printf(
        "unix:%s/%d.qmp,server=on,wait=off", xensim_folder(test->sim),
        VIF_TEST_DOMID);
    const char *const options[] = {
        "-chardev", chardev, "-mon", "chardev=qmp,mode=control",
        "-qmp", qmp,
        "-object", "iothread,id=" VIF_TEST_IOTHREAD, "-device", nic,
        has_netdev ? "-netdev" : NULL, net, NULL
    };

    test->qemu = qemu_spawn(test->sim, options, fds, nr_fds, test->log);
}

/* A stream connects in a thread of its own, and drops what comes before. */
static void wait_netdev(VifTest *test)
{
    bool connecting;

    do {
        g_autoptr(JsonNode) node = qmp_execute(
            test->qmp, "{'execute': 'human-monitor-command', 'arguments': "
            "{'command-line': 'info network'}}");

        connecting = strstr(json_node_get_string(node), "connecting");
    } while (connecting);
}

static void start_qemu(VifTest *test, const char *device)
{
    int monitor, fds[1 + MAX_NETDEV_FDS];
    unsigned int nr_fds;

    make_pair(SOCK_STREAM, &monitor, &fds[0]);
    nr_fds = 1 + make_network(test, &fds[1]);
    spawn_qemu(test, device, fds, nr_fds);
    test->qmp = qmp_new(monitor);
    wait_netdev(test);
}

/* What explains a failure: what QEMU has said, and what xenstore holds */
static void show_log(VifTest *test)
{
    g_autofree char *text = NULL;
    g_autofree char *store = xensim_store_dump(xensim_store(test->sim));

    if (g_file_get_contents(test->log, &text, NULL, NULL) && *text) {
        g_test_message("QEMU has said:");
        g_test_message("%s", text);
    }
    g_test_message("xenstore has:");
    g_test_message("%s", store);
}

void vif_test_end_qemu(VifTest *test)
{
    g_autoptr(GError) error = NULL;

    qmp_run(test->qmp, "{'execute': 'quit'}");
    if (!g_subprocess_wait_check(test->qemu, NULL, &error)) {
        show_log(test);
        g_error("QEMU: %s", error->message);
    }
    if (!xensim_wait_held(test->sim, "", XENSIM_PATIENCE)) {
        g_autofree char *held = xensim_list_held(test->sim);

        g_error("QEMU has ended and still holds %s", held);
    }
    /* Closing a handle unmaps what it has, and would hide a leak. */
    g_assert_cmpuint(xensim_left_mapped(test->sim), ==, 0);
    g_clear_pointer(&test->qmp, qmp_free);
    g_clear_object(&test->qemu);
}

/* What QEMU has opened and closed while it started is counted for a moment. */
static char *list_held_before(VifTest *test)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
    char *held = xensim_list_held(test->sim);

    while (strstr(held, "handles")) {
        if (g_get_monotonic_time() > end) {
            g_error("QEMU holds %s before there is a vif", held);
        }
        g_usleep(100);
        g_free(held);
        held = xensim_list_held(test->sim);
    }
    return held;
}

VifTest *vif_test_new(const VifTestOptions *options)
{
    static const VifTestOptions defaults;
    VifTest *test = g_new0(VifTest, 1);

    options = options ?: &defaults;
    test->netdev = options->netdev;
    test->tap_queues = MAX(options->tap_queues, 1);
    g_assert(test->tap_queues <= MAX_NETDEV_FDS);
    test->sim = xensim_new(VIF_TEST_DOMID);
    test->log = g_build_filename(xensim_folder(test->sim), "qemu.log", NULL);
    start_qemu(test, options->device);
    test->held_before = list_held_before(test);
    test->files_before = vif_test_open_files(test);
    xensim_vif_new(test->sim, VIF_TEST_HANDLE, options->keys);
    test->front = xensim_front_new(test->sim, VIF_TEST_HANDLE);
    vif_test_expect_state(test, XenbusStateInitWait);
    if (test->netdev == VIF_TEST_OWN_TAP) {
        join_own_tap(test);
    }
    return test;
}

/* Behind that, the kernel knows that a tap has a link, and drops no frame. */
static void settle_tap(VifTest *test)
{
    if (is_tap(test)) {
        tap_has_link(VIF_TEST_TAP_NAME);
    }
}

void vif_test_expect_state(VifTest *test, enum xenbus_state state)
{
    if (!xensim_vif_wait_backend(test->sim, VIF_TEST_HANDLE, state)) {
        show_log(test);
        g_error("the backend doesn't come to state %d", state);
    }
    if (state == XenbusStateConnected) {
        settle_tap(test);
    }
}

enum xenbus_state vif_test_state(VifTest *test)
{
    g_autofree char *path = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                               "state");
    g_autofree char *state = xensim_store_read(xensim_store(test->sim), 0,
                                               path);

    return state ? atoi(state) : XenbusStateUnknown;
}

/* Does QEMU hold what it held before there was a vif, and nothing more? */
static bool holds_as_before(VifTest *test, char **held, unsigned int *files)
{
    g_free(*held);
    *held = xensim_list_held(test->sim);
    *files = vif_test_open_files(test);
    return !strcmp(*held, test->held_before) && *files == test->files_before;
}

/* QEMU learns of the removal by a watch, and needs a moment. */
static void check_leaks(VifTest *test)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;
    g_autofree char *held = NULL;
    unsigned int files;

    while (!holds_as_before(test, &held, &files)) {
        if (g_get_monotonic_time() > end) {
            show_log(test);
            g_error("QEMU held %s and %u files before there was a vif, and "
                    "%s and %u files behind it", test->held_before,
                    test->files_before, held, files);
        }
        g_usleep(1000);
    }
}

void vif_test_abandon(VifTest *test)
{
    if (test->qemu) {
        vif_test_end_qemu(test);
    }
    close(test->peer);
    unlink(test->log);
    xensim_front_free(test->front);
    xensim_free(test->sim);
    g_free(test->held_before);
    g_free(test->log);
    g_free(test);
}

void vif_test_free(VifTest *test)
{
    if (test->connected) {
        vif_test_disconnect(test);
    }
    if (!test->removed) {
        vif_test_remove(test, true);
    }
    check_leaks(test);
    vif_test_abandon(test);
}

void vif_test_publish(VifTest *test, const XensimFrontConfig *config)
{
    if (!xensim_front_begin(test->front)) {
        show_log(test);
        g_error("the backend doesn't come to InitWait");
    }
    xensim_front_publish(test->front, config);
    test->connected = true;
}

void vif_test_connect(VifTest *test, const XensimFrontConfig *config)
{
    static const XensimFrontConfig defaults = {
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    };

    if (!xensim_front_connect(test->front, config ?: &defaults)) {
        g_autofree char *error = vif_test_error(test);

        show_log(test);
        g_error("the vif doesn't connect: %s", error ?: "no error");
    }
    settle_tap(test);
    test->connected = true;
}

void vif_test_disconnect(VifTest *test)
{
    if (!xensim_front_disconnect(test->front)) {
        show_log(test);
        g_error("the backend hasn't let go when the front disconnected");
    }
    test->connected = false;
}

void vif_test_remove(VifTest *test, bool guest_too)
{
    if (!xensim_vif_remove(test->sim, VIF_TEST_HANDLE, guest_too)) {
        show_log(test);
        g_error("the backend doesn't come to Closed when removed");
    }
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
    test->connected = false;
    test->removed = true;
}

VifTest *vif_test_connect_new(const void *persistent)
{
    VifTest *test = vif_test_new(NULL);

    vif_test_connect(test, &(XensimFrontConfig) {
        .persistent = GPOINTER_TO_INT(persistent),
        .csum6 = true,
        .gso4 = true,
        .gso6 = true,
    });
    return test;
}

/*
 * What QEMU has and says
 */

static JsonObject *get_member(JsonObject *object, const char *name)
{
    JsonObject *member = json_object_get_object_member(object, name);

    if (!member) {
        g_error("no '%s' in the vif's counters", name);
    }
    return member;
}

static JsonObject *get_element(JsonObject *object, const char *name,
                               unsigned int nr)
{
    JsonArray *array = json_object_get_array_member(object, name);

    if (nr >= json_array_get_length(array)) {
        g_error("no %u of '%s' in the vif's counters", nr, name);
    }
    return json_array_get_object_element(array, nr);
}

JsonNode *vif_test_stats(VifTest *test)
{
    return qmp_execute(test->qmp, "{'execute': 'qom-get', 'arguments': {"
                       "'path': '/machine/peripheral/" VIF_TEST_NIC_NAME "', "
                       "'property': 'stats'}}");
}

/* Ports stand beside queues, as there may be fewer. */
static JsonObject *get_counters(JsonObject *stats, unsigned int nr,
                                const char *direction)
{
    if (!strcmp(direction, "port")) {
        return get_element(stats, "ports", nr);
    }
    return get_member(get_element(stats, "queues", nr), direction);
}

uint64_t vif_test_queue_counter(VifTest *test, unsigned int nr,
                                const char *direction, const char *name)
{
    g_autoptr(JsonNode) node = vif_test_stats(test);
    g_auto(GStrv) parts = g_strsplit(name, ".", 2);
    JsonObject *object = get_counters(json_node_get_object(node), nr,
                                      direction);
    const char *last = parts[0];

    if (parts[1]) {
        object = get_member(object, parts[0]);
        last = parts[1];
    }
    if (!json_object_has_member(object, last)) {
        g_error("no counter '%s'", name);
    }
    return json_object_get_int_member(object, last);
}

uint64_t vif_test_counter(VifTest *test, const char *direction,
                          const char *name)
{
    return vif_test_queue_counter(test, 0, direction, name);
}

void vif_test_wait_queue_counter(VifTest *test, unsigned int nr,
                                 const char *direction, const char *name,
                                 uint64_t least)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (vif_test_queue_counter(test, nr, direction, name) < least) {
        if (g_get_monotonic_time() > end) {
            g_error("counter %s of %s %u doesn't come to %" PRIu64, name,
                    direction, nr, least);
        }
        g_usleep(1000);
    }
}

void vif_test_wait_counter(VifTest *test, const char *direction,
                           const char *name, uint64_t least)
{
    vif_test_wait_queue_counter(test, 0, direction, name, least);
}

void vif_test_wait_flag(VifTest *test, const char *name, bool wanted)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    for (;;) {
        g_autoptr(JsonNode) node = vif_test_stats(test);

        if (json_object_get_boolean_member(json_node_get_object(node), name) ==
            wanted) {
            return;
        }
        if (g_get_monotonic_time() > end) {
            g_error("the vif doesn't come to be%s %s", wanted ? "" : " not",
                    name);
        }
        g_usleep(1000);
    }
}

char *vif_test_error(VifTest *test)
{
    g_autofree char *path = g_strdup_printf(
        "/local/domain/0/error/backend/vif/%d/%d/error", VIF_TEST_DOMID,
        VIF_TEST_HANDLE);

    return xensim_store_read(xensim_store(test->sim), 0, path);
}

unsigned int vif_test_open_files(VifTest *test)
{
    g_autofree char *path = g_strdup_printf(
        "/proc/%s/fd", g_subprocess_get_identifier(test->qemu));
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned int nr = 0;

    while (g_dir_read_name(dir)) {
        nr++;
    }
    return nr;
}

unsigned long vif_test_memory(VifTest *test)
{
    g_autofree char *path = g_strdup_printf(
        "/proc/%s/status", g_subprocess_get_identifier(test->qemu));
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_error("%s can't be read", path);
    }
    return g_ascii_strtoull(strstr(text, "RssAnon:") + strlen("RssAnon:"),
                            NULL, 10);
}

/*
 * Frames
 */

void vif_test_fill(uint8_t *frame, size_t len)
{
    size_t i;

    g_assert_cmpuint(len, >=, ETH_HLEN);
    for (i = 0; i + 4 <= len; i += 4) {
        uint32_t word = g_test_rand_int();

        memcpy(frame + i, &word, 4);
    }
    for (; i < len; i++) {
        frame[i] = g_test_rand_int();
    }
    frame[0] &= ~1;
    frame[12] = ETHERTYPE >> 8;
    frame[13] = ETHERTYPE & 0xff;
}

/* One slot of the @nr_left that have to hold @left bytes. */
static XensimTxSlot cut_slot(size_t left, unsigned int nr_left)
{
    size_t rest = (size_t)(nr_left - 1) * XENSIM_PAGE_SIZE;
    unsigned int least = left > rest ? left - rest : 1;
    unsigned int most = MIN(left - (nr_left - 1), XENSIM_PAGE_SIZE);
    XensimTxSlot slot;

    slot.len = g_test_rand_int_range(least, most + 1);
    slot.offset = g_test_rand_int_range(0, XENSIM_PAGE_SIZE - slot.len + 1);
    return slot;
}

unsigned int vif_test_cut(size_t len, XensimTxSlot *slots)
{
    unsigned int least = (len + XENSIM_PAGE_SIZE - 1) / XENSIM_PAGE_SIZE;
    unsigned int most = MIN(len, XEN_NETIF_NR_SLOTS_MIN);
    unsigned int nr = g_test_rand_int_range(least, most + 1);

    for (unsigned int i = 0; i < nr; i++) {
        slots[i] = cut_slot(len, nr - i);
        len -= slots[i].len;
    }
    return nr;
}

static void send_frame(VifTest *test, unsigned int queue,
                       const XensimTxFrame *tx)
{
    if (!xensim_front_send(test->front, queue, tx)) {
        g_error("the backend doesn't take a frame of %zu bytes", tx->len);
    }
}

void vif_test_send(VifTest *test, const void *frame, size_t len,
                   const XensimTxSlot *slots, unsigned int nr_slots)
{
    send_frame(test, 0, &(XensimTxFrame) {
        .data = frame,
        .len = len,
        .slots = slots,
        .nr_slots = nr_slots,
    });
}

void vif_test_send_on(VifTest *test, unsigned int queue, const void *frame,
                      size_t len)
{
    send_frame(test, queue, &(XensimTxFrame) { .data = frame, .len = len });
}

static void expect_same(const void *frame, size_t len, const void *wanted,
                        size_t wanted_len)
{
    g_assert_cmpmem(frame, len, wanted, wanted_len);
}

void vif_test_expect_sent(VifTest *test, const void *frame, size_t len)
{
    static uint8_t buffer[VIF_TEST_MAX_FRAME];
    size_t got = vif_test_peer_receive(test, NULL, buffer, XENSIM_PATIENCE);

    expect_same(buffer, got, frame, len);
}

void vif_test_expect_received(VifTest *test, const void *frame, size_t len)
{
    XensimRxFrame *rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);

    if (!rx) {
        g_error("the guest doesn't receive a frame of %zu bytes", len);
    }
    g_assert_cmpint(rx->error, ==, 0);
    expect_same(rx->data, rx->len, frame, len);
    xensim_rx_frame_free(rx);
}

/* End the test, and tell where a frame may have been lost. */
static void fail_to_receive(VifTest *test)
{
    g_autoptr(JsonNode) stats = vif_test_stats(test);
    g_autofree char *counters = json_to_string(stats, true);
    g_autofree char *interfaces = NULL;

    g_file_get_contents("/proc/net/dev", &interfaces, NULL, NULL);
    g_error("no queue receives a frame; the kernel counts:\n%s\n"
            "the vif counts:\n%s", interfaces ?: "nothing", counters);
}

XensimRxFrame *vif_test_receive_any(VifTest *test, unsigned int *queue)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (g_get_monotonic_time() < end) {
        for (*queue = 0; *queue < test->front->nr_queues; (*queue)++) {
            XensimRxFrame *rx = xensim_front_receive(test->front, *queue, 0);

            if (rx) {
                g_assert_cmpint(rx->error, ==, 0);
                return rx;
            }
        }
        g_usleep(100);
    }
    fail_to_receive(test);
    return NULL;
}

void vif_test_works(VifTest *test)
{
    uint8_t frame[100];

    vif_test_fill(frame, sizeof(frame));
    vif_test_send(test, frame, sizeof(frame), NULL, 0);
    vif_test_expect_sent(test, frame, sizeof(frame));
    g_assert_true(xensim_front_flush_tx(test->front, 0));

    xensim_front_post_rx(test->front, 0, 1);
    vif_test_peer_send(test, NULL, frame, sizeof(frame));
    vif_test_expect_received(test, frame, sizeof(frame));
}

void vif_test_add_both(const char *path, GTestDataFunc function)
{
    g_autofree char *copied = g_strconcat(path, "/copied", NULL);
    g_autofree char *persistent = g_strconcat(path, "/persistent", NULL);

    g_test_add_data_func(copied, GINT_TO_POINTER(false), function);
    g_test_add_data_func(persistent, GINT_TO_POINTER(true), function);
}
