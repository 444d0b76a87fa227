/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * labflow: random data from one end of a network to the other, checked.
 *
 * The sender makes data from a seed and computes SHA-256 over what it hands
 * to its socket; the receiver computes SHA-256 over what its socket gives it.
 * Both print the same line if all of it arrived, in order and unchanged:
 *
 *   tcp 268435456 bytes sha256 0f3a...
 *
 * TCP data is written in pieces of 1 to 65,536 bytes, so that segments of
 * many lengths arise. SIGTERM ends it after the present piece, for a connection
 * that is to last as long as something else does. UDP goes through every size
 * from 1 to a maximum, one datagram each; what is larger than the MTU tests
 * fragments. UDP isn't reliable, but a window of a few datagrams or
 * WINDOW_BYTES must fit into any queue and socket, so the receiver acknowledges
 * each window, and a datagram that doesn't arrive is an error. Waiting ends
 * after PATIENCE seconds: only a lost datagram takes so long. A guest that is
 * saved interrupts what waits, as a signal does; it waits once more.
 *
 * The program is linked statically, so that it runs in a guest that has
 * nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PIECE_MAX 65536
#define DATAGRAM_MAX 65507
#define WINDOW 16
#define WINDOW_BYTES 16384
#define PATIENCE 300

/*
 * Flow: what has gone through so far
 */
typedef struct Flow {
    GChecksum *sha256;
    uint64_t bytes;
} Flow;

/* the signal that ends a connection, once it has come */
static volatile sig_atomic_t enough;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2),
                                                      noreturn));

static void fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("labflow: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void add_to_flow(Flow *flow, const uint8_t *data, size_t size)
{
    g_checksum_update(flow->sha256, data, size);
    flow->bytes += size;
}

/*
 * print_result: print the line that both ends compare
 */
static void print_result(const char *protocol, const Flow *flow)
{
    printf("%s %llu bytes sha256 %s\n", protocol,
           (unsigned long long)flow->bytes,
           g_checksum_get_string(flow->sha256));
}

/*
 * next_random: xorshift64*, plenty for data that must not repeat or compress
 */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1dULL;
}

static void fill_random(uint64_t *seed, uint8_t *data, size_t size)
{
    uint64_t value;

    for (; size > sizeof(value); size -= sizeof(value)) {
        value = next_random(seed);
        memcpy(data, &value, sizeof(value));
        data += sizeof(value);
    }
    value = next_random(seed);
    memcpy(data, &value, size);
}

static uint64_t parse_number(const char *what, const char *text,
                             uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    const char *p = text;

    /* 19 digits can't overflow */
    while (*p >= '0' && *p <= '9' && p - text < 19) {
        value = value * 10 + (*p++ - '0');
    }
    if (p == text || *p || value < min || value > max) {
        fail("%s: '%s' is not a number from %llu to %llu", what, text,
             (unsigned long long)min, (unsigned long long)max);
    }
    return value;
}

static socklen_t parse_address(const char *host, const char *port,
                               struct sockaddr_storage *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    uint16_t number = parse_number("port", port, 1, 65535);

    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(number);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(number);
        return sizeof(*in6);
    }
    fail("'%s' is not an IPv4 or IPv6 address", host);
}

static void set_patience(int fd)
{
    struct timeval time = { .tv_sec = PATIENCE };

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0) {
        fail("setsockopt: %s", strerror(errno));
    }
}

static int open_socket(const struct sockaddr_storage *address, int type)
{
    int fd = socket(address->ss_family, type, 0);

    if (fd < 0) {
        fail("socket: %s", strerror(errno));
    }
    set_patience(fd);
    return fd;
}

static int listen_at(const char *host, const char *port, int type)
{
    struct sockaddr_storage address;
    socklen_t size = parse_address(host, port, &address);
    int fd = open_socket(&address, type);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        (type == SOCK_STREAM && listen(fd, 1) < 0)) {
        fail("cannot listen at %s port %s: %s", host, port, strerror(errno));
    }
    puts("ready");
    fflush(stdout);
    return fd;
}

static int connect_to(const char *host, const char *port, int type)
{
    struct sockaddr_storage address;
    socklen_t size = parse_address(host, port, &address);
    int fd = open_socket(&address, type);

    if (connect(fd, (struct sockaddr *)&address, size) < 0) {
        fail("cannot connect to %s port %s: %s", host, port, strerror(errno));
    }
    return fd;
}

static void say_enough(int signum)
{
    enough = signum;
}

static void write_piece(int fd, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, data + done, size - done));

        if (n < 0) {
            fail("sending: %s", strerror(errno));
        }
        done += n;
    }
}

static void send_tcp(int fd, uint64_t seed, uint64_t bytes, Flow *flow)
{
    static uint8_t data[PIECE_MAX];
    struct sigaction action = { .sa_handler = say_enough };

    sigaction(SIGTERM, &action, NULL);
    while (bytes && !enough) {
        size_t size = next_random(&seed) % PIECE_MAX + 1;

        size = size < bytes ? size : bytes;
        fill_random(&seed, data, size);
        add_to_flow(flow, data, size);
        write_piece(fd, data, size);
        bytes -= size;
    }
    if (shutdown(fd, SHUT_WR) < 0) {
        fail("shutdown: %s", strerror(errno));
    }
    /* the end of the connection says that the receiver has it all */
    if (TEMP_FAILURE_RETRY(read(fd, data, 1)) != 0) {
        fail("the receiver did not end the connection");
    }
}

static void receive_tcp(int listener, Flow *flow)
{
    static uint8_t data[PIECE_MAX];
    int fd = TEMP_FAILURE_RETRY(accept(listener, NULL, NULL));
    ssize_t n;

    if (fd < 0) {
        fail("no connection: %s", strerror(errno));
    }
    set_patience(fd);
    while ((n = TEMP_FAILURE_RETRY(read(fd, data, sizeof(data)))) > 0) {
        add_to_flow(flow, data, n);
    }
    if (n < 0) {
        fail("receiving, after %llu bytes: %s",
             (unsigned long long)flow->bytes, strerror(errno));
    }
    close(fd);
}

/*
 * ends_window: tell whether the receiver acknowledges a datagram of this size
 */
static bool ends_window(uint32_t size, uint32_t max)
{
    uint32_t window = WINDOW_BYTES / size;

    window = window < 1 ? 1 : window > WINDOW ? WINDOW : window;
    return size % window == 0 || size == max;
}

static void send_udp(int fd, uint64_t seed, uint32_t max, Flow *flow)
{
    static uint8_t data[DATAGRAM_MAX];
    uint32_t size, ack;

    for (size = 1; size <= max; size++) {
        fill_random(&seed, data, size);
        add_to_flow(flow, data, size);
        if (send(fd, data, size, 0) != size) {
            fail("sending a datagram of %u bytes: %s", size, strerror(errno));
        }
        if (!ends_window(size, max)) {
            continue;
        }
        if (recv(fd, &ack, sizeof(ack), 0) != sizeof(ack)) {
            fail("no acknowledgement of datagrams up to %u bytes: %s", size,
                 strerror(errno));
        }
        if (ntohl(ack) != size) {
            fail("acknowledged: %u bytes, expected: %u", ntohl(ack), size);
        }
    }
}

static void receive_udp(int fd, uint32_t max, Flow *flow)
{
    static uint8_t data[DATAGRAM_MAX + 1];
    struct sockaddr_storage peer;
    uint32_t size, ack;

    for (size = 1; size <= max; size++) {
        socklen_t peer_size = sizeof(peer);
        ssize_t n = recvfrom(fd, data, sizeof(data), 0,
                             (struct sockaddr *)&peer, &peer_size);

        if (n < 0) {
            fail("waiting for a datagram of %u bytes: %s", size,
                 strerror(errno));
        }
        if (n != size) {
            fail("got a datagram of %zd bytes, expected %u", n, size);
        }
        add_to_flow(flow, data, n);
        ack = htonl(size);
        if (ends_window(size, max) &&
            sendto(fd, &ack, sizeof(ack), 0, (struct sockaddr *)&peer,
                   peer_size) != sizeof(ack)) {
            fail("acknowledging %u bytes: %s", size, strerror(errno));
        }
    }
}

static void receive(const char *protocol, char **args, bool udp)
{
    Flow flow = { .sha256 = g_checksum_new(G_CHECKSUM_SHA256) };

    if (udp) {
        uint32_t max = parse_number("largest size", args[2], 1, DATAGRAM_MAX);

        receive_udp(listen_at(args[0], args[1], SOCK_DGRAM), max, &flow);
    } else {
        receive_tcp(listen_at(args[0], args[1], SOCK_STREAM), &flow);
    }
    print_result(protocol, &flow);
}

static void send_data(const char *protocol, char **args, bool udp)
{
    uint64_t seed = parse_number("seed", args[2], 1, INT64_MAX);
    Flow flow = { .sha256 = g_checksum_new(G_CHECKSUM_SHA256) };

    if (udp) {
        uint32_t max = parse_number("largest size", args[3], 1, DATAGRAM_MAX);

        send_udp(connect_to(args[0], args[1], SOCK_DGRAM), seed, max, &flow);
    } else {
        uint64_t bytes = parse_number("bytes", args[3], 1, INT64_MAX);

        send_tcp(connect_to(args[0], args[1], SOCK_STREAM), seed, bytes,
                 &flow);
    }
    print_result(protocol, &flow);
}

int main(int argc, char **argv)
{
    const char *protocol = argc > 2 ? argv[2] : "";
    bool udp = !strcmp(protocol, "udp");

    if (argc == (udp ? 6 : 5) && !strcmp(argv[1], "receive") &&
        (udp || !strcmp(protocol, "tcp"))) {
        receive(protocol, argv + 3, udp);
    } else if (argc == 7 && !strcmp(argv[1], "send") &&
               (udp || !strcmp(protocol, "tcp"))) {
        send_data(protocol, argv + 3, udp);
    } else {
        fputs("usage: labflow receive tcp ADDRESS PORT\n"
              "       labflow receive udp ADDRESS PORT MAX-SIZE\n"
              "       labflow send tcp ADDRESS PORT SEED BYTES\n"
              "       labflow send udp ADDRESS PORT SEED MAX-SIZE\n", stderr);
        return 2;
    }
    return 0;
}
