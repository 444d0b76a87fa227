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
 * many lengths arise. UDP goes through every size from 1 to a maximum, one
 * datagram each; what is larger than the MTU tests fragments. UDP isn't
 * reliable, but a window of a few datagrams or WINDOW_BYTES must fit into any
 * queue and socket, so the receiver acknowledges each window, and a datagram
 * that doesn't arrive is an error. Waiting ends after PATIENCE seconds: only
 * a lost datagram takes so long.
 *
 * No library but libc is used, and the program is linked statically, so that
 * it runs in a guest that has nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
#define PATIENCE 120

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} Sha256;

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

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

static uint32_t rotate(uint32_t value, int bits)
{
    return value >> bits | value << (32 - bits);
}

static uint32_t load_be32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return ntohl(value);
}

static void sha256_init(Sha256 *sha)
{
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };

    memcpy(sha->state, start, sizeof(start));
    sha->bytes = 0;
}

/*
 * SHA256_ROUND: one round; instead of moving the eight variables along, the
 * caller names them in a rotated order
 */
#define SHA256_ROUND(a, b, c, d, e, f, g, h, i)                             \
    do {                                                                    \
        uint32_t t = h + sha256_k[i] + w[(i) % 16] + (g ^ (e & (f ^ g))) +  \
                     (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25));        \
        d += t;                                                             \
        h = t + ((a & b) | (c & (a | b))) +                                 \
            (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22));                 \
    } while (0)

static uint32_t extend(const uint32_t *w, int i)
{
    uint32_t before = w[(i + 1) % 16], after = w[(i + 14) % 16];

    return w[i] + w[(i + 9) % 16] +
           (rotate(before, 7) ^ rotate(before, 18) ^ before >> 3) +
           (rotate(after, 17) ^ rotate(after, 19) ^ after >> 10);
}

static void sha256_block(Sha256 *sha, const uint8_t *data)
{
    uint32_t w[16];
    uint32_t a = sha->state[0], b = sha->state[1], c = sha->state[2];
    uint32_t d = sha->state[3], e = sha->state[4], f = sha->state[5];
    uint32_t g = sha->state[6], h = sha->state[7];
    int i, j;

    for (i = 0; i < 16; i++) {
        w[i] = load_be32(data + 4 * i);
    }
    for (i = 0; i < 64; i += 16) {
        for (j = 0; i && j < 16; j++) {
            w[j] = extend(w, j);
        }
        for (j = i; j < i + 16; j += 8) {
            SHA256_ROUND(a, b, c, d, e, f, g, h, j);
            SHA256_ROUND(h, a, b, c, d, e, f, g, j + 1);
            SHA256_ROUND(g, h, a, b, c, d, e, f, j + 2);
            SHA256_ROUND(f, g, h, a, b, c, d, e, j + 3);
            SHA256_ROUND(e, f, g, h, a, b, c, d, j + 4);
            SHA256_ROUND(d, e, f, g, h, a, b, c, j + 5);
            SHA256_ROUND(c, d, e, f, g, h, a, b, j + 6);
            SHA256_ROUND(b, c, d, e, f, g, h, a, j + 7);
        }
    }
    sha->state[0] += a;
    sha->state[1] += b;
    sha->state[2] += c;
    sha->state[3] += d;
    sha->state[4] += e;
    sha->state[5] += f;
    sha->state[6] += g;
    sha->state[7] += h;
}

static void sha256_update(Sha256 *sha, const uint8_t *data, size_t size)
{
    size_t held = sha->bytes % sizeof(sha->block);

    sha->bytes += size;
    if (held) {
        size_t part = sizeof(sha->block) - held;

        part = part < size ? part : size;
        memcpy(sha->block + held, data, part);
        data += part;
        size -= part;
        if (held + part < sizeof(sha->block)) {
            return;
        }
        sha256_block(sha, sha->block);
    }
    for (; size >= sizeof(sha->block); size -= sizeof(sha->block)) {
        sha256_block(sha, data);
        data += sizeof(sha->block);
    }
    memcpy(sha->block, data, size);
}

/*
 * print_result: finish the hash, and print the line that both ends compare
 */
static void print_result(const char *protocol, Sha256 *sha)
{
    uint64_t bytes = sha->bytes;
    uint8_t tail[72] = { 0x80 };
    size_t size = 1 + (119 - bytes % 64) % 64;
    int i;

    for (i = 0; i < 8; i++) {
        tail[size + i] = bytes * 8 >> (56 - 8 * i);
    }
    sha256_update(sha, tail, size + 8);
    printf("%s %llu bytes sha256 ", protocol, (unsigned long long)bytes);
    for (i = 0; i < 8; i++) {
        printf("%08x", sha->state[i]);
    }
    putchar('\n');
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

static void send_tcp(int fd, uint64_t seed, uint64_t bytes, Sha256 *sha)
{
    static uint8_t data[PIECE_MAX];

    while (bytes) {
        size_t size = next_random(&seed) % PIECE_MAX + 1;
        size_t done = 0;

        size = size < bytes ? size : bytes;
        fill_random(&seed, data, size);
        sha256_update(sha, data, size);
        while (done < size) {
            ssize_t n = write(fd, data + done, size - done);

            if (n < 0) {
                fail("sending, with %llu bytes to go: %s",
                     (unsigned long long)bytes, strerror(errno));
            }
            done += n;
        }
        bytes -= size;
    }
    if (shutdown(fd, SHUT_WR) < 0) {
        fail("shutdown: %s", strerror(errno));
    }
    /* the end of the connection says that the receiver has it all */
    if (read(fd, data, 1) != 0) {
        fail("the receiver did not end the connection");
    }
}

static void receive_tcp(int listener, Sha256 *sha)
{
    static uint8_t data[PIECE_MAX];
    int fd = accept(listener, NULL, NULL);
    ssize_t n;

    if (fd < 0) {
        fail("no connection: %s", strerror(errno));
    }
    set_patience(fd);
    while ((n = read(fd, data, sizeof(data))) > 0) {
        sha256_update(sha, data, n);
    }
    if (n < 0) {
        fail("receiving, after %llu bytes: %s",
             (unsigned long long)sha->bytes, strerror(errno));
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

static void send_udp(int fd, uint64_t seed, uint32_t max, Sha256 *sha)
{
    static uint8_t data[DATAGRAM_MAX];
    uint32_t size, ack;

    for (size = 1; size <= max; size++) {
        fill_random(&seed, data, size);
        sha256_update(sha, data, size);
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

static void receive_udp(int fd, uint32_t max, Sha256 *sha)
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
        sha256_update(sha, data, n);
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
    Sha256 sha;

    sha256_init(&sha);
    if (udp) {
        uint32_t max = parse_number("largest size", args[2], 1, DATAGRAM_MAX);

        receive_udp(listen_at(args[0], args[1], SOCK_DGRAM), max, &sha);
    } else {
        receive_tcp(listen_at(args[0], args[1], SOCK_STREAM), &sha);
    }
    print_result(protocol, &sha);
}

static void send_data(const char *protocol, char **args, bool udp)
{
    uint64_t seed = parse_number("seed", args[2], 1, INT64_MAX);
    Sha256 sha;

    sha256_init(&sha);
    if (udp) {
        uint32_t max = parse_number("largest size", args[3], 1, DATAGRAM_MAX);

        send_udp(connect_to(args[0], args[1], SOCK_DGRAM), seed, max, &sha);
    } else {
        uint64_t bytes = parse_number("bytes", args[3], 1, INT64_MAX);

        send_tcp(connect_to(args[0], args[1], SOCK_STREAM), seed, bytes,
                 &sha);
    }
    print_result(protocol, &sha);
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
