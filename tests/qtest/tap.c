/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps, in a network of our own, and packet sockets on them
 *
 * Root may have a network namespace; others get one with a user namespace
 * around it, if the machine allows that.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tap.h"

/* An IP packet of 64 KiB, less the Ethernet header: no interface has more. */
#define MTU 65521

static void fail_errno(const char *what)
{
    g_error("%s: %s", what, g_strerror(errno));
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        fail_errno(path);
    }
    close(fd);
}

char *tap_enter_netns(void)
{
    if (unshare(CLONE_NEWNET) < 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        return g_strdup_printf("no network namespace: %s", g_strerror(errno));
    }
    /* The kernel shall send nothing of its own. */
    write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    return NULL;
}

static void skip(const void *why)
{
    g_test_skip(why);
}

void tap_add_func(const char *path, GTestFunc function, const char *why)
{
    if (why) {
        g_test_add_data_func(path, why, skip);
    } else {
        g_test_add_func(path, function);
    }
}

/* Ask the kernel something about an interface, or have it change that. */
static void control(const char *name, unsigned long request, struct ifreq *ifr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_assert(strlen(name) < sizeof(ifr->ifr_name));
    strcpy(ifr->ifr_name, name);
    if (ioctl(fd, request, ifr) < 0) {
        fail_errno(name);
    }
    close(fd);
}

void tap_set_up(const char *name)
{
    struct ifreq ifr = { .ifr_flags = IFF_UP };

    control(name, SIOCSIFFLAGS, &ifr);
}

unsigned int tap_mtu(const char *name)
{
    struct ifreq ifr;

    control(name, SIOCGIFMTU, &ifr);
    return ifr.ifr_mtu;
}

bool tap_has_link(const char *name)
{
    struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
    struct ifreq ifr = { .ifr_data = (void *)&link };

    control(name, SIOCETHTOOL, &ifr);
    return link.data;
}

static int open_queue(const char *name, short flags)
{
    struct ifreq ifr = {
        .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags,
    };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    g_assert(strlen(name) < sizeof(ifr.ifr_name));
    strcpy(ifr.ifr_name, name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
        fail_errno("/dev/net/tun");
    }
    return fd;
}

void tap_open_queues(const char *name, int *fds, unsigned int nr)
{
    struct ifreq ifr = { .ifr_mtu = MTU };

    for (unsigned int i = 0; i < nr; i++) {
        fds[i] = open_queue(name, nr > 1 ? IFF_MULTI_QUEUE : 0);
    }
    tap_set_up(name);
    control(name, SIOCSIFMTU, &ifr);
}

int tap_open(const char *name)
{
    int fd;

    tap_open_queues(name, &fd, 1);
    return fd;
}

int tap_open_socket(const char *name, bool receives)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = g_htons(receives ? ETH_P_ALL : 0),
        .sll_ifindex = if_nametoindex(name),
    };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, address.sll_protocol);
    int on = 1;

    if (fd < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fail_errno("packet socket");
    }
    return fd;
}
