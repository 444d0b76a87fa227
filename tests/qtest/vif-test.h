/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif under test: the QEMU binary that ships, between a simulated Xen and
 * a network whose other end is the test
 *
 *   test's front -- xensim -- QEMU: xen-nic-pg -- netdev -- test's peer
 *
 * Everything that the tests of the vif share is here: to start and end QEMU,
 * to make frames and compare them, to read the counters.  What fails ends the
 * test program with a message.
 *
 * A test program is run with the environment that qemu.h asks for.
 */

#ifndef TESTS_QTEST_VIF_TEST_H
#define TESTS_QTEST_VIF_TEST_H

#include <gio/gio.h>
#include <inttypes.h>
#include <linux/virtio_net.h>
#include "../xensim/netfront.h"
#include "qmp.h"

#define VIF_TEST_DOMID 7
#define VIF_TEST_HANDLE 0

/* The longest frame that the ring can name */
#define VIF_TEST_MAX_FRAME 65535

/**
 * VifTestNetdev: the netdev behind the vif
 * @VIF_TEST_DGRAM: -netdev dgram, which takes no offloads
 * @VIF_TEST_STREAM: -netdev stream, likewise
 * @VIF_TEST_SOCKET: -netdev socket, likewise
 * @VIF_TEST_TAP: -netdev tap, in a network namespace of our own
 * @VIF_TEST_OWN_TAP: none, so that the device makes a tap in that namespace
 */
typedef enum VifTestNetdev {
    VIF_TEST_DGRAM,
    VIF_TEST_STREAM,
    VIF_TEST_SOCKET,
    VIF_TEST_TAP,
    VIF_TEST_OWN_TAP,
} VifTestNetdev;

/* What a tap is called, ours or the device's */
#define VIF_TEST_TAP_NAME "vif7.0"

/* What QEMU calls the netdev, unless the device has made it, and the vif */
#define VIF_TEST_NETDEV_NAME "net"
#define VIF_TEST_NIC_NAME "xen-vif-" G_STRINGIFY(VIF_TEST_HANDLE)

/* An IOThread that QEMU has, for the device to use or not */
#define VIF_TEST_IOTHREAD "thread"

/**
 * VifTestOptions: what to start
 * @device: further options of -device xen-nic-pg, as ",key=value…", or NULL
 * @netdev: what is behind it
 * @tap_queues: VIF_TEST_TAP: how many queues it has, at most
 *              XENSIM_MAX_QUEUES; 0: one
 * @keys: further keys of the backend's directory: see xensim_vif_new()
 */
typedef struct VifTestOptions {
    const char *device;
    VifTestNetdev netdev;
    unsigned int tap_queues;
    const char *const *keys;
} VifTestOptions;

/**
 * VifTest: a QEMU with one vif, and the test's two ends of it
 * @sim: Xen
 * @front: the guest's driver
 * @qmp: QEMU's monitor
 * @qemu: its process
 * @peer: the network's other end, a socket
 * @netdev: what is between
 * @tap_queues: how many queues our tap has, if it is one
 * @connected: vif_test_free() has to disconnect the front first
 * @removed: the vif has been removed already
 * @held_before, files_before: what QEMU held before there was a vif
 * @log: the path of what QEMU has said
 */
typedef struct VifTest {
    Xensim *sim;
    XensimFront *front;
    Qmp *qmp;
    GSubprocess *qemu;
    int peer;
    VifTestNetdev netdev;
    unsigned int tap_queues;
    bool connected;
    bool removed;
    char *held_before;
    unsigned int files_before;
    char *log;
} VifTest;

/**
 * vif_test_new: start QEMU and make a vif, which then waits for the front
 * @options: what to start, or NULL for a vif on a dgram socket
 */
VifTest *vif_test_new(const VifTestOptions *options);

/**
 * vif_test_free: disconnect, remove the vif, look for leaks, end QEMU
 *
 * QEMU must come to hold what it held before there was a vif, and end well.
 */
void vif_test_free(VifTest *test);

/**
 * vif_test_end_qemu: end QEMU as it is
 *
 * It must end well, and hold nothing afterwards.  What still can be done with
 * @test is to look at xenstore, and vif_test_abandon().
 */
void vif_test_end_qemu(VifTest *test);

/**
 * vif_test_abandon: end QEMU, unless it has ended, and leave the vif as it is
 */
void vif_test_abandon(VifTest *test);

/**
 * vif_test_connect_new: start a vif and connect with all offloads
 * @persistent: GINT_TO_POINTER(true): with pages that stay mapped
 */
VifTest *vif_test_connect_new(const void *persistent);

/**
 * vif_test_connect: connect the front, which must work
 * @config: how, or NULL for a front with one queue and all offloads
 */
void vif_test_connect(VifTest *test, const XensimFrontConfig *config);

/**
 * vif_test_publish: write the front's keys, but leave its state to the test
 * @config: how it connects
 *
 * The front has to disconnect at the end, as if it had connected.
 */
void vif_test_publish(VifTest *test, const XensimFrontConfig *config);

/**
 * vif_test_disconnect: disconnect the front, which must work
 */
void vif_test_disconnect(VifTest *test);

/**
 * vif_test_remove: have the toolstack remove the vif, which must work
 * @guest_too: false: the guest is dead already
 */
void vif_test_remove(VifTest *test, bool guest_too);

/**
 * vif_test_expect_state: wait for the backend to come to a state
 */
void vif_test_expect_state(VifTest *test, enum xenbus_state state);

/**
 * vif_test_state: the backend's state at the moment
 */
enum xenbus_state vif_test_state(VifTest *test);

/**
 * vif_test_stats: all of the vif's counters, as QEMU gives them
 *
 * Returns: JSON, to be freed with json_node_unref().
 */
JsonNode *vif_test_stats(VifTest *test);

/**
 * vif_test_queue_counter: one of a queue's counters, or of a port's
 * @nr: which queue, or which port
 * @direction: "tx" or "rx" of a queue, or "port"
 * @name: its name, with a dot for those below: "frames", "drops.grant"
 */
uint64_t vif_test_queue_counter(VifTest *test, unsigned int nr,
                                const char *direction, const char *name);

/**
 * vif_test_wait_queue_counter: wait until such a counter is at least @least
 */
void vif_test_wait_queue_counter(VifTest *test, unsigned int nr,
                                 const char *direction, const char *name,
                                 uint64_t least);

/**
 * vif_test_counter, vif_test_wait_counter: the same of the first queue or port
 */
uint64_t vif_test_counter(VifTest *test, const char *direction,
                          const char *name);
void vif_test_wait_counter(VifTest *test, const char *direction,
                           const char *name, uint64_t least);

/**
 * vif_test_wait_flag: wait until what is true or false of the vif is so
 * @name: "connected" or "stalled"
 */
void vif_test_wait_flag(VifTest *test, const char *name, bool wanted);

/**
 * vif_test_error: what the vif has written below error/
 *
 * Returns: the text, to be freed with g_free(), or NULL.
 */
char *vif_test_error(VifTest *test);

/**
 * vif_test_open_files: how many files QEMU has open
 */
unsigned int vif_test_open_files(VifTest *test);

/**
 * vif_test_memory: how much memory of its own QEMU has, in KiB
 */
unsigned long vif_test_memory(VifTest *test);

/*
 * The network's other end
 */

/**
 * vif_test_set_link: have QEMU set the link of a NIC or netdev
 * @name: VIF_TEST_NETDEV_NAME or VIF_TEST_NIC_NAME
 */
void vif_test_set_link(VifTest *test, const char *name, bool up);

/**
 * vif_test_wait_tap_link: wait until a tap's interface has a link, or has none
 *
 * As long as it has none the kernel drops what the peer sends.
 */
void vif_test_wait_tap_link(bool up);

/**
 * vif_test_peer_send: send a frame to the guest
 * @vnet: its virtio-net header, or NULL for none; for a tap only
 */
void vif_test_peer_send(VifTest *test, const struct virtio_net_hdr *vnet,
                        const void *frame, size_t len);

/**
 * vif_test_peer_receive: wait for a frame of the guest
 * @vnet: where to put its virtio-net header, or NULL
 * @frame: where to put it, with VIF_TEST_MAX_FRAME bytes of room
 * @timeout_ms: for how long at the most
 *
 * Returns: its length, or 0 if none came in time.
 */
size_t vif_test_peer_receive(VifTest *test, struct virtio_net_hdr *vnet,
                             void *frame, int timeout_ms);

/*
 * Frames
 */

/**
 * vif_test_fill: make an Ethernet frame of random bytes
 * @frame: where to, @len bytes
 * @len: at least 14
 *
 * Its type is none that anybody looks into.
 */
void vif_test_fill(uint8_t *frame, size_t len);

/**
 * vif_test_cut: cut a frame into slots at random
 * @len: the frame's length
 * @slots: where to, XEN_NETIF_NR_SLOTS_MIN of them
 *
 * Returns: how many slots it is.
 */
unsigned int vif_test_cut(size_t len, XensimTxSlot *slots);

/**
 * vif_test_send: send a frame from the guest, which must be taken
 * @slots: how it is cut, or NULL
 */
void vif_test_send(VifTest *test, const void *frame, size_t len,
                   const XensimTxSlot *slots, unsigned int nr_slots);

/**
 * vif_test_send_on: the same on any queue, with the frame cut by page
 */
void vif_test_send_on(VifTest *test, unsigned int queue, const void *frame,
                      size_t len);

/**
 * vif_test_expect_sent: the next frame that the peer receives is this one
 */
void vif_test_expect_sent(VifTest *test, const void *frame, size_t len);

/**
 * vif_test_expect_received: the next frame that the guest receives is this one
 */
void vif_test_expect_received(VifTest *test, const void *frame, size_t len);

/**
 * vif_test_receive_any: wait for a frame on any queue, which must be good
 * @queue: where to put which queue it is
 *
 * Returns: the frame, to be freed with xensim_rx_frame_free().
 */
XensimRxFrame *vif_test_receive_any(VifTest *test, unsigned int *queue);

/**
 * vif_test_works: send a frame each way, to see that the vif is well
 */
void vif_test_works(VifTest *test);

/**
 * vif_test_add_both: add a test twice: for pages that are copied, and for
 *                    pages that stay mapped
 * @path: the test's path, to which "/copied" and "/persistent" are appended
 * @function: the test; its data is GINT_TO_POINTER(false) or (true)
 */
void vif_test_add_both(const char *path, GTestDataFunc function);

#endif /* TESTS_QTEST_VIF_TEST_H */
