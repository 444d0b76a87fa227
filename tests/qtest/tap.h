/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps, in a network of our own, and packet sockets on them
 *
 * All frames have a virtio-net header (struct virtio_net_hdr) in front, on
 * either side of the tap.  What fails ends the program with a message.
 */

#ifndef TESTS_QTEST_TAP_H
#define TESTS_QTEST_TAP_H

#include <glib.h>
#include <stdbool.h>

/**
 * tap_enter_netns: have a network namespace of our own
 *
 * To be called before there are threads.
 *
 * Returns: NULL on success; else why this machine doesn't allow it, to be
 * freed with g_free().
 */
char *tap_enter_netns(void);

/**
 * tap_add_func: add a test that needs a tap
 * @why: what tap_enter_netns() has returned, which lives as long as the tests:
 *       if it isn't NULL, the test is skipped
 */
void tap_add_func(const char *path, GTestFunc function, const char *why);

/**
 * tap_open_queues: make a tap, and set it up for frames of 64 KiB
 * @fds: where to put a file descriptor for each queue, which doesn't block; the
 *       tap is gone when all and their copies are closed
 * @nr: how many queues
 */
void tap_open_queues(const char *name, int *fds, unsigned int nr);

/**
 * tap_open: the same with one queue
 *
 * Returns: its file descriptor.
 */
int tap_open(const char *name);

/**
 * tap_set_up: set up a tap that another has made
 */
void tap_set_up(const char *name);

/**
 * tap_mtu: how long the IP packets of an interface may be
 */
unsigned int tap_mtu(const char *name);

/**
 * tap_has_link: whether the other end lets it have a carrier
 *
 * Behind that, the kernel has noticed: what is sent to a tap with a link comes
 * to its file, and what is sent to one without doesn't.
 */
bool tap_has_link(const char *name);

/**
 * tap_open_socket: a packet socket, the other end of a tap's network
 * @receives: false: what comes out of the tap isn't wanted, and costs nothing
 *
 * Returns: a file descriptor.
 */
int tap_open_socket(const char *name, bool receives);

#endif /* TESTS_QTEST_TAP_H */
