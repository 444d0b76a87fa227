/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * labgso: send frames above the MTU, one after the other, until killed.
 *
 * pktgen makes no frame that a later end has to segment. A packet socket takes
 * such frames: in front of each goes a virtio-net header, which says that it
 * holds TCP, and in segments of what length. So a frame reaches the interface
 * as TCP's own frames would, and needs no connection. Each costs a copy from
 * this program to the kernel, which pktgen does without.
 *
 * All frames are the same. The send buffer holds more of them than a vif's
 * ring, so that what limits the rate is whoever takes them from there.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 65535
#define SEGMENT 1448
#define SEND_BUFFER (4 << 20)
#define PORT 9

/*
 * Frame: the virtio-net header and what goes over the wire; each member begins
 * where the one before ends
 */
typedef struct Frame {
    struct virtio_net_hdr header;
    struct ethhdr eth;
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t data[FRAME_MAX];
} Frame;

#define HEADERS (offsetof(Frame, data) - offsetof(Frame, eth))

_Static_assert(offsetof(Frame, data) ==
               sizeof(struct virtio_net_hdr) + sizeof(struct ethhdr) +
               sizeof(struct iphdr) + sizeof(struct tcphdr), "no padding");

/*
 * add_up: the Internet checksum's sum, not inverted
 */
static uint16_t add_up(uint32_t sum, const void *data, size_t size)
{
    uint16_t word;

    for (size_t i = 0; i < size; i += sizeof(word)) {
        memcpy(&word, (const uint8_t *)data + i, sizeof(word));
        sum += word;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void parse_address(const char *text, uint32_t *address)
{
    if (inet_pton(AF_INET, text, address) != 1) {
        errx(1, "'%s' is not an IPv4 address", text);
    }
}

static void parse_mac(const char *text, uint8_t *mac)
{
    const struct ether_addr *address = ether_aton(text);

    if (!address) {
        errx(1, "'%s' is not a MAC address", text);
    }
    memcpy(mac, address, ETH_ALEN);
}

static size_t parse_size(const char *text)
{
    size_t size;
    char tail;

    if (sscanf(text, "%zu%c", &size, &tail) != 1 ||
        size <= HEADERS + SEGMENT || size > FRAME_MAX) {
        errx(1, "'%s' is not a size from %zu to %d", text,
             HEADERS + SEGMENT + 1, FRAME_MAX);
    }
    return size;
}

/*
 * fill_header: say that the frame is TCP, to be segmented and given checksums
 */
static void fill_header(struct virtio_net_hdr *header)
{
    header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header->hdr_len = HEADERS;
    header->gso_size = SEGMENT;
    header->csum_start = HEADERS - sizeof(struct tcphdr);
    header->csum_offset = offsetof(struct tcphdr, check);
}

/*
 * fill_frame: all of a frame but the MAC and IP addresses, which it has
 */
static void fill_frame(Frame *frame, size_t size)
{
    size_t tcp_size = size - sizeof(frame->eth) - sizeof(frame->ip);

    fill_header(&frame->header);
    frame->eth.h_proto = htons(ETH_P_IP);
    frame->ip.version = 4;
    frame->ip.ihl = sizeof(frame->ip) / 4;
    frame->ip.tot_len = htons(size - sizeof(frame->eth));
    frame->ip.ttl = IPDEFTTL;
    frame->ip.protocol = IPPROTO_TCP;
    frame->ip.check = ~add_up(0, &frame->ip, sizeof(frame->ip));
    frame->tcp.source = htons(PORT);
    frame->tcp.dest = htons(PORT);
    frame->tcp.doff = sizeof(frame->tcp) / 4;
    frame->tcp.ack = 1;
    /* of the pseudo header alone; whoever segments adds the rest */
    frame->tcp.check = add_up(htons(IPPROTO_TCP) + htons(tcp_size),
                              &frame->ip.saddr, 2 * sizeof(uint32_t));
}

static int open_socket(const char *interface, uint8_t *mac)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    int on = 1;
    int buffer = SEND_BUFFER;
    struct ifreq request = { 0 };
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_ifindex = if_nametoindex(interface),
    };

    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer,
                   sizeof(buffer)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        err(1, "cannot send to %s", interface);
    }
    memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
    return fd;
}

int main(int argc, char **argv)
{
    static Frame frame;
    size_t size;
    int fd;

    if (argc != 6) {
        errx(2, "usage: labgso INTERFACE MAC SOURCE-IP DESTINATION-IP SIZE");
    }
    fd = open_socket(argv[1], frame.eth.h_source);
    parse_mac(argv[2], frame.eth.h_dest);
    parse_address(argv[3], &frame.ip.saddr);
    parse_address(argv[4], &frame.ip.daddr);
    size = parse_size(argv[5]);
    fill_frame(&frame, size);
    for (;;) {
        /* ENOBUFS is a queue that is full */
        if (write(fd, &frame, sizeof(frame.header) + size) < 0 &&
            errno != ENOBUFS) {
            err(1, "sending");
        }
    }
}
