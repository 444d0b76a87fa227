/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guest and network leave to each other, and what each doesn't take
 *
 * Each feature of the front's is left out in turn, and each combination of the
 * flags of a frame is tried.  On a dgram socket the device itself does what
 * the guest leaves undone.  On a tap the kernel does what it has been told that
 * the guest doesn't take; the device's own part is what the kernel has handed
 * over before it was told, or what comes with a header that a kernel wouldn't
 * write.
 *
 * So the tests of a tap use QEMU's net filters, which see and make the frames
 * between netdev and device, with virtio-net headers: a filter-mirror shows
 * what the tap is given, where a packet socket shows what the kernel makes of
 * it (which forgets VIRTIO_NET_HDR_F_DATA_VALID); and a filter-redirector puts
 * in frames as if they came from the tap.  The other tests of a tap are without
 * filters, and so go by the tap port.
 *
 * Where network namespaces aren't allowed, all that needs a tap is skipped.
 */

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "frames.h"
#include "tap.h"
#include "vif-test.h"

#define MSS 1400

static uint8_t frame[VIF_TEST_MAX_FRAME];
static uint8_t wanted[VIF_TEST_MAX_FRAME];
static uint8_t received[VIF_TEST_MAX_FRAME];

static const FrameKind kinds[] = {
    { .tcp = true },
    { .tcp = true, .ipv6 = true },
    { .tcp = true, .vlan = true },
    { .tcp = true, .ipv6 = true, .vlan = true },
    { .tcp = false },
    { .ipv6 = true },
    { .vlan = true },
    { .ipv6 = true, .vlan = true },
};

/* Those of them that can be segmented come first. */
#define NR_TCP 4

static const XensimFrontConfig all_offloads = {
    .csum6 = true,
    .gso4 = true,
    .gso6 = true,
};

static VifTest *connect_new(VifTestNetdev netdev,
                            const XensimFrontConfig *config)
{
    VifTest *test = vif_test_new(&(VifTestOptions) { .netdev = netdev });

    vif_test_connect(test, config);
    return test;
}

/* A tap whose frames go through QEMU's net layer, where filters are */
static VifTest *connect_filtered_new(const XensimFrontConfig *config)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = ",tap-port=off",
        .netdev = VIF_TEST_TAP,
    });

    vif_test_connect(test, config);
    return test;
}

/*
 * Between netdev and device
 */

/**
 * Filter: a filter of QEMU's
 * @type: its type, which is its name, too
 * @fd: our end of it
 */
typedef struct Filter {
    VifTest *test;
    const char *type;
    int fd;
} Filter;

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = XENSIM_PATIENCE / 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(g_strlcpy(address.sun_path, path,
                               sizeof(address.sun_path)), <,
                     sizeof(address.sun_path));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        g_error("%s: %s", path, g_strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

/* @queue and @dev are what the filter calls its direction and its chardev. */
static Filter add_filter(VifTest *test, const char *type, const char *queue,
                         const char *dev)
{
    g_autofree char *path = g_build_filename(xensim_folder(test->sim), type,
                                             NULL);
    Filter filter = { .test = test, .type = type };

    qmp_run(test->qmp, "{'execute': 'chardev-add', 'arguments': "
            "{'id': '%s-socket', 'backend': {'type': 'socket', 'data': "
            "{'server': true, 'wait': false, 'addr': {'type': 'unix', "
            "'data': {'path': '%s'}}}}}}", type, path);
    filter.fd = connect_to(path);
    qmp_run(test->qmp, "{'execute': 'object-add', 'arguments': "
            "{'qom-type': '%s', 'id': '%s', 'netdev': 'net', 'queue': '%s', "
            "'vnet_hdr_support': true, '%s': '%s-socket'}}", type, type,
            queue, dev, type);
    unlink(path);
    return filter;
}

static Filter add_mirror(VifTest *test)
{
    return add_filter(test, "filter-mirror", "rx", "outdev");
}

static Filter add_redirector(VifTest *test)
{
    return add_filter(test, "filter-redirector", "tx", "indev");
}

static void remove_filter(Filter *filter)
{
    qmp_run(filter->test->qmp, "{'execute': 'object-del', 'arguments': "
            "{'id': '%s'}}", filter->type);
    qmp_run(filter->test->qmp, "{'execute': 'chardev-remove', 'arguments': "
            "{'id': '%s-socket'}}", filter->type);
    close(filter->fd);
}

static void read_all(int fd, void *to, size_t len)
{
    uint8_t *at = to;

    while (len) {
        ssize_t got = read(fd, at, len);

        g_assert_cmpint(got, >, 0);
        at += got;
        len -= got;
    }
}

/* Wait for what the netdev is given.  Returns the frame's length. */
static size_t read_mirror(Filter *mirror, struct virtio_net_hdr *vnet,
                          void *to)
{
    uint32_t lengths[2];
    size_t len;

    read_all(mirror->fd, lengths, sizeof(lengths));
    len = g_ntohl(lengths[0]) - sizeof(*vnet);
    g_assert_cmpuint(g_ntohl(lengths[1]), ==, sizeof(*vnet));
    g_assert_cmpuint(len, <=, VIF_TEST_MAX_FRAME);
    read_all(mirror->fd, vnet, sizeof(*vnet));
    read_all(mirror->fd, to, len);
    return len;
}

/* Give the device a frame as if it came from the netdev. */
static void inject(Filter *redirector, const struct virtio_net_hdr *vnet,
                   const void *data, size_t len)
{
    uint32_t lengths[2] = {
        g_htonl(sizeof(*vnet) + len),
        g_htonl(sizeof(*vnet)),
    };
    struct iovec iov[3] = {
        { .iov_base = lengths, .iov_len = sizeof(lengths) },
        { .iov_base = (void *)vnet, .iov_len = sizeof(*vnet) },
        { .iov_base = (void *)data, .iov_len = len },
    };
    size_t size = sizeof(lengths) + sizeof(*vnet) + len;

    g_assert_cmpint(writev(redirector->fd, iov, 3), ==, size);
}

/*
 * To the guest
 */

static struct virtio_net_hdr gso_header(FrameKind kind)
{
    struct virtio_net_hdr vnet = frame_blank_header(kind);

    vnet.hdr_len = frame_payload(kind);
    vnet.gso_size = MSS;
    vnet.gso_type = kind.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                              : VIRTIO_NET_HDR_GSO_TCPV4;
    return vnet;
}

/* A frame with a blank checksum; what it is when complete is @wanted. */
static void make_blank(size_t len, FrameKind kind)
{
    frame_make(frame, len, kind);
    memcpy(wanted, frame, len);
    frame_blank_checksum(frame, len, kind);
}

static XensimRxFrame *receive(VifTest *test)
{
    XensimRxFrame *rx = xensim_front_receive(test->front, 0, XENSIM_PATIENCE);

    g_assert_nonnull(rx);
    g_assert_cmpint(rx->error, ==, 0);
    return rx;
}

/* The next frame is @data, with these flags, and nothing left to be cut. */
static void expect_plain(VifTest *test, const void *data, size_t len,
                         unsigned int flags)
{
    XensimRxFrame *rx = receive(test);

    g_assert_cmpmem(rx->data, rx->len, data, len);
    g_assert_cmphex(rx->flags & (NETRXF_csum_blank | NETRXF_data_validated),
                    ==, flags);
    g_assert_cmpuint(rx->nr_extras, ==, 0);
    xensim_rx_frame_free(rx);
}

/* The next frame is @frame as it was sent, left to the guest to be cut. */
static void expect_gso(VifTest *test, size_t len, FrameKind kind)
{
    XensimRxFrame *rx = receive(test);

    g_assert_cmpmem(rx->data, rx->len, frame, len);
    g_assert_cmpuint(rx->nr_extras, ==, 1);
    g_assert_cmpuint(rx->extras[0].type, ==, XEN_NETIF_EXTRA_TYPE_GSO);
    g_assert_cmpuint(rx->extras[0].u.gso.size, ==, MSS);
    g_assert_cmpuint(rx->extras[0].u.gso.type, ==,
                     kind.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
                               : XEN_NETIF_GSO_TYPE_TCPV4);
    xensim_rx_frame_free(rx);
}

/*
 * The checksum of what the device has cut is complete.  The kernel may leave
 * it blank, if the guest takes that.
 */
static void expect_checksum(const XensimRxFrame *rx, FrameKind kind, bool ours)
{
    if (ours) {
        g_assert_cmphex(rx->flags & (NETRXF_csum_blank |
                                     NETRXF_data_validated), ==,
                        NETRXF_data_validated);
    }
    if (rx->flags & NETRXF_csum_blank) {
        memcpy(received, rx->data, rx->len);
        frame_blank_checksum(received, rx->len, kind);
        g_assert_cmpmem(rx->data, rx->len, received, rx->len);
    } else {
        g_assert_cmpstr(frame_check(rx->data, rx->len, kind), ==, NULL);
    }
}

/* One segment: the @part bytes of the frame's payload that begin at @done. */
static void expect_segment(VifTest *test, FrameKind kind, size_t done,
                           size_t part, bool ours)
{
    size_t header = frame_payload(kind);
    XensimRxFrame *rx = receive(test);

    g_assert_cmpuint(rx->len, ==, header + part);
    g_assert_cmpuint(rx->nr_extras, ==, 0);
    expect_checksum(rx, kind, ours);
    g_assert_cmpuint(frame_sequence(rx->data, kind), ==,
                     frame_sequence(frame, kind) + (uint32_t)(done - header));
    g_assert_cmpmem(rx->data + header, part, frame + done, part);
    xensim_rx_frame_free(rx);
}

/*
 * @ours: the device has cut them, else the kernel.  Returns how many segments
 * there were.
 */
static unsigned int expect_segments(VifTest *test, size_t len, FrameKind kind,
                                    bool ours)
{
    size_t done = frame_payload(kind);
    unsigned int nr = 0;

    while (done < len) {
        size_t part = MIN(MSS, len - done);

        expect_segment(test, kind, done, part, ours);
        done += part;
        nr++;
    }
    return nr;
}

/* A guest without feature-sg takes what fits into one page. */
static void try_no_sg(VifTestNetdev netdev)
{
    VifTest *test = connect_new(netdev, &(XensimFrontConfig) {
        .no_sg = true,
    });

    vif_test_fill(frame, XENSIM_PAGE_SIZE + 1);
    for (unsigned int i = 1; i <= 3; i++) {
        xensim_front_post_rx(test->front, 0, 8);
        vif_test_peer_send(test, NULL, frame, XENSIM_PAGE_SIZE + 1);
        vif_test_peer_send(test, NULL, frame, XENSIM_PAGE_SIZE);
        vif_test_expect_received(test, frame, XENSIM_PAGE_SIZE);
        g_assert_cmpuint(vif_test_counter(test, "rx", "drops.too-long"), ==,
                         i);
    }
    vif_test_works(test);
    vif_test_free(test);
}

static void test_no_sg_dgram(void)
{
    try_no_sg(VIF_TEST_DGRAM);
}

static void test_no_sg_tap(void)
{
    try_no_sg(VIF_TEST_TAP);
}

/*
 * Fronts that leave something out, with what they still take.  Segmentation
 * needs feature-sg and the checksum of its version.
 */
typedef struct Lack {
    const char *name;
    XensimFrontConfig config;
    bool csum4, csum6, gso4, gso6;
} Lack;

static const Lack lacks[] = {
    {
        .name = "gso4",
        .config = { .csum6 = true, .gso6 = true },
        .csum4 = true, .csum6 = true, .gso6 = true,
    }, {
        .name = "gso6",
        .config = { .csum6 = true, .gso4 = true },
        .csum4 = true, .csum6 = true, .gso4 = true,
    }, {
        .name = "csum4",
        .config = {
            .no_csum = true, .csum6 = true, .gso4 = true, .gso6 = true,
        },
        .csum6 = true, .gso6 = true,
    }, {
        .name = "csum6",
        .config = { .gso4 = true, .gso6 = true },
        .csum4 = true, .gso4 = true,
    }, {
        .name = "all",
        .config = { .no_csum = true },
    }, {
        .name = "sg",
        .config = {
            .no_sg = true, .csum6 = true, .gso4 = true, .gso6 = true,
        },
        .csum4 = true, .csum6 = true,
    },
};

static void check_kernel_gso(VifTest *test, const Lack *lack)
{
    for (size_t i = 0; i < 2 * NR_TCP; i++) {
        FrameKind kind = kinds[i % NR_TCP];
        size_t len = g_test_rand_int_range(10000, 60000);
        struct virtio_net_hdr vnet = gso_header(kind);

        make_blank(len, kind);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, &vnet, frame, len);
        if (kind.ipv6 ? lack->gso6 : lack->gso4) {
            expect_gso(test, len, kind);
        } else {
            expect_segments(test, len, kind, false);
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "rx", "software-segments"), ==, 0);
}

/* The kernel cuts what the guest doesn't take. */
static void test_kernel_gso(const void *data)
{
    const Lack *lack = data;
    VifTest *test = connect_new(VIF_TEST_TAP, &lack->config);

    check_kernel_gso(test, lack);
    vif_test_free(test);
}

/* What a front takes is forgotten when another connects. */
static void test_kernel_gso_reconnect(void)
{
    static const Lack nothing = {
        .config = { .csum6 = true, .gso4 = true, .gso6 = true },
        .csum4 = true, .csum6 = true, .gso4 = true, .gso6 = true,
    };
    VifTest *test = vif_test_new(&(VifTestOptions) { .netdev = VIF_TEST_TAP });

    for (unsigned int i = 0; i < 20; i++) {
        const Lack *lack =
            &lacks[g_test_rand_int_range(0, G_N_ELEMENTS(lacks))];

        vif_test_connect(test, &lack->config);
        check_kernel_gso(test, lack);
        vif_test_disconnect(test);
        vif_test_connect(test, &nothing.config);
        check_kernel_gso(test, &nothing);
        vif_test_disconnect(test);
    }
    vif_test_free(test);
}

/* What has come over the tap nevertheless, the device cuts. */
static void test_software_gso(const void *data)
{
    const Lack *lack = data;
    VifTest *test = connect_filtered_new(&lack->config);
    Filter redirector = add_redirector(test);
    uint64_t segments = 0;

    for (size_t i = 0; i < 2 * NR_TCP; i++) {
        FrameKind kind = kinds[i % NR_TCP];
        size_t len = g_test_rand_int_range(10000, 60000);
        struct virtio_net_hdr vnet = gso_header(kind);

        make_blank(len, kind);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        inject(&redirector, &vnet, frame, len);
        if (kind.ipv6 ? lack->gso6 : lack->gso4) {
            expect_gso(test, len, kind);
        } else {
            segments += expect_segments(test, len, kind, true);
        }
        g_assert_cmpuint(vif_test_counter(test, "rx", "software-segments"), ==,
                         segments);
    }
    g_assert_cmpuint(segments, >, 0);
    remove_filter(&redirector);
    vif_test_free(test);
}

/* The device completes what the guest doesn't, and nothing else. */
static void test_software_checksum(const void *data)
{
    const Lack *lack = data;
    VifTest *test = connect_filtered_new(&lack->config);
    Filter redirector = add_redirector(test);
    uint64_t completed = 0;

    for (size_t i = 0; i < 20 * G_N_ELEMENTS(kinds); i++) {
        FrameKind kind = kinds[i % G_N_ELEMENTS(kinds)];
        size_t len = g_test_rand_int_range(frame_payload(kind), 1500);
        struct virtio_net_hdr vnet = frame_blank_header(kind);

        make_blank(len, kind);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        inject(&redirector, &vnet, frame, len);
        if (kind.ipv6 ? lack->csum6 : lack->csum4) {
            expect_plain(test, frame, len,
                         NETRXF_csum_blank | NETRXF_data_validated);
        } else {
            expect_plain(test, wanted, len, NETRXF_data_validated);
            completed++;
        }
        g_assert_cmpuint(vif_test_counter(test, "rx", "software-checksums"),
                         ==, completed);
    }
    remove_filter(&redirector);
    vif_test_free(test);
}

/*
 * On a tap the kernel is told that checksums may be blank if the guest takes
 * those of one version; so it's the device that completes the other's.
 */
static void test_tap_checksum(const void *data)
{
    const Lack *lack = data;
    VifTest *test = connect_new(VIF_TEST_TAP, &lack->config);
    bool kernel = !lack->csum4 && !lack->csum6;
    uint64_t completed = 0;

    for (size_t i = 0; i < 20 * G_N_ELEMENTS(kinds); i++) {
        FrameKind kind = kinds[i % G_N_ELEMENTS(kinds)];
        bool takes = kind.ipv6 ? lack->csum6 : lack->csum4;
        size_t len = g_test_rand_int_range(frame_payload(kind), 1500);
        struct virtio_net_hdr vnet = frame_blank_header(kind);

        make_blank(len, kind);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
        vif_test_peer_send(test, &vnet, frame, len);
        vif_test_expect_received(test, takes ? frame : wanted, len);
        completed += !takes && !kernel;
        g_assert_cmpuint(vif_test_counter(test, "rx", "software-checksums"),
                         ==, completed);
    }
    vif_test_free(test);
}

/*
 * A GSO frame that has been taken from the tap waits for the guest, which
 * disconnects: it is dropped, and the next front, which doesn't take such
 * frames, gets nothing of it.
 */
static void test_gso_reconnect(void)
{
    VifTest *test = connect_filtered_new(&all_offloads);

    for (size_t i = 0; i < NR_TCP; i++) {
        struct virtio_net_hdr vnet = gso_header(kinds[i]);
        uint64_t closed = vif_test_counter(test, "rx", "drops.closed");
        uint64_t held = vif_test_counter(test, "rx", "held-back");

        make_blank(20000, kinds[i]);
        vif_test_peer_send(test, &vnet, frame, 20000);
        vif_test_wait_counter(test, "rx", "held-back", held + 1);
        vif_test_disconnect(test);
        g_assert_cmpuint(vif_test_counter(test, "rx", "drops.closed"), ==,
                         closed + 1);

        vif_test_connect(test, &(XensimFrontConfig) { 0 });
        vif_test_works(test);
        vif_test_disconnect(test);
        vif_test_connect(test, &all_offloads);
    }
    vif_test_free(test);
}

/* A checksum that the netdev has verified: the guest is told. */
static void test_rx_flags(void)
{
    static const uint8_t flags[][2] = {
        { 0, 0 },
        { VIRTIO_NET_HDR_F_DATA_VALID, NETRXF_data_validated },
        { VIRTIO_NET_HDR_F_NEEDS_CSUM,
          NETRXF_csum_blank | NETRXF_data_validated },
    };
    VifTest *test = connect_filtered_new(&all_offloads);
    Filter redirector = add_redirector(test);

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(flags); j++) {
            size_t len = g_test_rand_int_range(frame_payload(kinds[i]), 9000);
            struct virtio_net_hdr vnet = { .flags = flags[j][0] };

            frame_make(frame, len, kinds[i]);
            if (flags[j][0] & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
                vnet = frame_blank_header(kinds[i]);
                frame_blank_checksum(frame, len, kinds[i]);
            }
            xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
            inject(&redirector, &vnet, frame, len);
            expect_plain(test, frame, len, flags[j][1]);
        }
    }
    remove_filter(&redirector);
    vif_test_free(test);
}

/*
 * From the guest
 */

static const uint16_t tx_flags[] = {
    0,
    NETTXF_csum_blank,
    NETTXF_data_validated,
    NETTXF_csum_blank | NETTXF_data_validated,
};

/* A frame whose checksum is blank if the flags say so; complete: @wanted */
static void make_tx(size_t len, FrameKind kind, uint16_t flags)
{
    make_blank(len, kind);
    if (!(flags & NETTXF_csum_blank)) {
        memcpy(frame, wanted, len);
    }
}

static void send_with_flags(VifTest *test, size_t len, uint16_t flags)
{
    g_assert_true(xensim_front_send(test->front, 0, &(XensimTxFrame) {
        .data = frame,
        .len = len,
        .flags = flags,
    }));
}

/* Only csum_blank asks for something to be done. */
static void test_tx_flags_dgram(void)
{
    VifTest *test = connect_new(VIF_TEST_DGRAM, &all_offloads);
    uint64_t completed = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(tx_flags); j++) {
            size_t len = g_test_rand_int_range(frame_payload(kinds[i]), 9000);

            make_tx(len, kinds[i], tx_flags[j]);
            send_with_flags(test, len, tx_flags[j]);
            vif_test_expect_sent(test, wanted, len);
            completed += (tx_flags[j] & NETTXF_csum_blank) != 0;
            g_assert_true(xensim_front_flush_tx(test->front, 0));
            g_assert_cmpuint(vif_test_counter(test, "tx",
                                              "software-checksums"), ==,
                             completed);
        }
    }
    vif_test_free(test);
}

static void expect_vnet(const struct virtio_net_hdr *vnet, FrameKind kind,
                        uint16_t flags)
{
    if (flags & NETTXF_csum_blank) {
        g_assert_cmphex(vnet->flags, ==, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        g_assert_cmpuint(vnet->csum_start, ==, frame_l4(kind));
        g_assert_cmpuint(vnet->csum_offset, ==, frame_checksum_offset(kind));
    } else {
        g_assert_cmphex(vnet->flags, ==, flags & NETTXF_data_validated
                                         ? VIRTIO_NET_HDR_F_DATA_VALID : 0);
        g_assert_cmpuint(vnet->csum_start, ==, 0);
        g_assert_cmpuint(vnet->csum_offset, ==, 0);
    }
}

/* The tap is told all of it, and gets the frame as it was. */
static void test_tx_flags_tap(void)
{
    VifTest *test = connect_filtered_new(&all_offloads);
    Filter mirror = add_mirror(test);

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(tx_flags); j++) {
            size_t len = g_test_rand_int_range(frame_payload(kinds[i]), 9000);
            struct virtio_net_hdr vnet;

            make_tx(len, kinds[i], tx_flags[j]);
            send_with_flags(test, len, tx_flags[j]);
            g_assert_cmpuint(read_mirror(&mirror, &vnet, received), ==, len);
            g_assert_cmpmem(received, len, frame, len);
            expect_vnet(&vnet, kinds[i], tx_flags[j]);
            g_assert_cmpuint(vnet.gso_type, ==, VIRTIO_NET_HDR_GSO_NONE);
        }
    }
    g_assert_cmpuint(vif_test_counter(test, "tx", "software-checksums"), ==, 0);
    remove_filter(&mirror);
    vif_test_free(test);
}

static void send_gso(VifTest *test, size_t len, FrameKind kind, uint16_t flags)
{
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso.size = MSS,
        .u.gso.type = kind.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
                                : XEN_NETIF_GSO_TYPE_TCPV4,
    };

    g_assert_true(xensim_front_send(test->front, 0, &(XensimTxFrame) {
        .data = frame,
        .len = len,
        .flags = flags,
        .extras = &extra,
        .nr_extras = 1,
    }));
}

/*
 * GSO implies that the checksum is blank, whether the flags say so or not,
 * and whatever is in its place.
 */
static void test_tx_gso_tap(void)
{
    VifTest *test = connect_filtered_new(&all_offloads);
    Filter mirror = add_mirror(test);

    for (size_t i = 0; i < NR_TCP; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(tx_flags); j++) {
            size_t len = g_test_rand_int_range(10000, 60000);
            struct virtio_net_hdr vnet;

            make_tx(len, kinds[i], tx_flags[j]);
            send_gso(test, len, kinds[i], tx_flags[j]);
            g_assert_cmpuint(read_mirror(&mirror, &vnet, received), ==, len);
            frame_blank_checksum(frame, len, kinds[i]);
            g_assert_cmpmem(received, len, frame, len);
            expect_vnet(&vnet, kinds[i], NETTXF_csum_blank);
            g_assert_cmpuint(vnet.gso_type, ==, gso_header(kinds[i]).gso_type);
            g_assert_cmpuint(vnet.gso_size, ==, MSS);
            g_assert_cmpuint(vnet.hdr_len, ==, frame_payload(kinds[i]));
        }
    }
    remove_filter(&mirror);
    vif_test_free(test);
}

static void expect_sent_segments(VifTest *test, size_t len, FrameKind kind)
{
    size_t header = frame_payload(kind);
    size_t done = header;

    while (done < len) {
        size_t part = MIN(MSS, len - done);
        size_t got = vif_test_peer_receive(test, NULL, received,
                                           XENSIM_PATIENCE);

        g_assert_cmpuint(got, ==, header + part);
        g_assert_cmpstr(frame_check(received, got, kind), ==, NULL);
        g_assert_cmpuint(frame_sequence(received, kind), ==,
                         frame_sequence(frame, kind) +
                         (uint32_t)(done - header));
        g_assert_cmpmem(received + header, part, frame + done, part);
        done += part;
    }
}

static void test_tx_gso_dgram(void)
{
    VifTest *test = connect_new(VIF_TEST_DGRAM, &all_offloads);

    for (size_t i = 0; i < NR_TCP; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(tx_flags); j++) {
            size_t len = g_test_rand_int_range(10000, 60000);

            make_tx(len, kinds[i], tx_flags[j]);
            send_gso(test, len, kinds[i], tx_flags[j]);
            expect_sent_segments(test, len, kinds[i]);
        }
    }
    vif_test_free(test);
}

static void skip(const void *why)
{
    g_test_skip(why);
}

static void add_lack(const char *name, const Lack *lack,
                     GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/offloads/tap/%s/no-%s", name,
                                            lack->name);

    g_test_add_data_func(path, lack, function);
}

static void add_tap_tests(void)
{
    g_test_add_func("/offloads/tap/no-sg", test_no_sg_tap);
    for (size_t i = 0; i < G_N_ELEMENTS(lacks); i++) {
        add_lack("kernel-gso", &lacks[i], test_kernel_gso);
        add_lack("software-gso", &lacks[i], test_software_gso);
        add_lack("checksum", &lacks[i], test_tap_checksum);
        add_lack("software-checksum", &lacks[i], test_software_checksum);
    }
    g_test_add_func("/offloads/tap/kernel-gso-reconnect",
                    test_kernel_gso_reconnect);
    g_test_add_func("/offloads/tap/gso-reconnect", test_gso_reconnect);
    g_test_add_func("/offloads/tap/rx-flags", test_rx_flags);
    g_test_add_func("/offloads/tap/tx-flags", test_tx_flags_tap);
    g_test_add_func("/offloads/tap/tx-gso", test_tx_gso_tap);
}

int main(int argc, char **argv)
{
    g_autofree char *why = tap_enter_netns();

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/offloads/dgram/no-sg", test_no_sg_dgram);
    g_test_add_func("/offloads/dgram/tx-flags", test_tx_flags_dgram);
    g_test_add_func("/offloads/dgram/tx-gso", test_tx_gso_dgram);
    if (why) {
        g_test_add_data_func("/offloads/tap", why, skip);
    } else {
        add_tap_tests();
    }
    return g_test_run();
}
