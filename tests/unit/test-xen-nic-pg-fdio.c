/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of bursts on a file descriptor of packets
 *
 * The file is one end of a pair of sockets that keep packets apart, as a tap
 * does, and that can be full.  Each test runs with io_uring, where this
 * machine has it, and without: all but the number of system calls must be the
 * same.  A file that doesn't know RWF_NOWAIT is a pseudo-terminal.
 */

#include "qemu/osdep.h"
#include <termios.h>
#include "hw/net/xen_nic_pg_fdio.h"

#define NR XEN_NIC_PG_FDIO_BURST

/**
 * Fixture:
 * @near, far: the two ends; bursts are on the near one
 * @io: does them
 * @data: of each packet, in two pieces, the first of which is a byte
 */
typedef struct Fixture {
    int near, far;
    XenNicPgFdIO *io;
    uint32_t data[NR];
    struct iovec iov[NR][2];
    XenNicPgFdOp ops[NR];
} Fixture;

static void set_up_ends(Fixture *f, int near, int far, gconstpointer io_uring)
{
    f->near = near;
    f->far = far;
    f->io = xen_nic_pg_fdio_new(f->near, GPOINTER_TO_INT(io_uring), false);
    for (unsigned int i = 0; i < NR; i++) {
        char *start = (char *)&f->data[i];

        f->iov[i][0] = (struct iovec) { start, 1 };
        f->iov[i][1] = (struct iovec) { start + 1, sizeof(f->data[i]) - 1 };
        f->ops[i] = (XenNicPgFdOp) { f->iov[i], 2, 12345 };
    }
}

static void set_up(Fixture *f, gconstpointer io_uring)
{
    int fds[2];

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
                                 fds));
    set_up_ends(f, fds[0], fds[1], io_uring);
}

static void tear_down(Fixture *f, gconstpointer io_uring)
{
    xen_nic_pg_fdio_free(f->io);
    close(f->near);
    close(f->far);
}

static void number_data(Fixture *f, uint32_t first)
{
    for (unsigned int i = 0; i < NR; i++) {
        f->data[i] = first + i;
    }
}

static void expect_far(Fixture *f, uint32_t number)
{
    uint32_t got;

    g_assert_cmpint(recv(f->far, &got, sizeof(got), 0), ==, sizeof(got));
    g_assert_cmpuint(got, ==, number);
}

static void check_calls(Fixture *f, bool write, unsigned int calls,
                        unsigned int singly)
{
    g_assert_cmpuint(calls, ==,
                     xen_nic_pg_fdio_is_batched(f->io, write) ? 1 : singly);
}

static void test_write(Fixture *f, gconstpointer io_uring)
{
    for (unsigned int nr = 1; nr <= NR; nr++) {
        number_data(f, nr);
        check_calls(f, true, xen_nic_pg_fdio_write(f->io, f->ops, nr), nr);
        for (unsigned int i = 0; i < nr; i++) {
            g_assert_cmpint(f->ops[i].result, ==, sizeof(f->data[i]));
            expect_far(f, nr + i);
        }
    }
}

/* There are fewer packets than the burst is long. */
static void test_read(Fixture *f, gconstpointer io_uring)
{
    for (uint32_t nr = 0; nr < NR; nr++) {
        for (uint32_t i = 0; i < nr; i++) {
            g_assert_cmpint(send(f->far, &i, sizeof(i), 0), ==, sizeof(i));
        }
        number_data(f, 1000);
        check_calls(f, false, xen_nic_pg_fdio_read(f->io, f->ops, NR),
                    nr + 1);
        for (uint32_t i = 0; i < NR; i++) {
            g_assert_cmpint(f->ops[i].result, ==,
                            i < nr ? sizeof(f->data[i]) : -EAGAIN);
            g_assert_cmpuint(f->data[i], ==, i < nr ? i : 1000 + i);
        }
    }
}

/* What the file took, came; what it didn't take, it says so. */
static void test_full(Fixture *f, gconstpointer io_uring)
{
    unsigned int taken = 0, bursts = 0;
    bool full = false;

    xen_nic_pg_fdio_free(f->io);
    f->io = xen_nic_pg_fdio_new(f->near, GPOINTER_TO_INT(io_uring), true);
    g_assert_false(xen_nic_pg_fdio_is_batched(f->io, true));
    while (!full) {
        g_assert_cmpuint(bursts, <, 1000);
        number_data(f, NR * bursts++);
        xen_nic_pg_fdio_write(f->io, f->ops, NR);
        for (unsigned int i = 0; i < NR; i++) {
            full |= f->ops[i].result == -EAGAIN;
            g_assert_cmpint(f->ops[i].result, ==,
                            full ? -EAGAIN : sizeof(f->data[i]));
            taken += !full;
        }
    }
    for (unsigned int i = 0; i < taken; i++) {
        expect_far(f, i);
    }
    g_assert_cmpint(recv(f->far, f->data, sizeof(f->data), 0), ==, -1);
}

/* An error is of its packet alone. */
static void test_error(Fixture *f, gconstpointer io_uring)
{
    number_data(f, 0);
    f->iov[1][1].iov_base = NULL;
    xen_nic_pg_fdio_write(f->io, f->ops, 3);
    g_assert_cmpint(f->ops[0].result, ==, sizeof(f->data[0]));
    g_assert_cmpint(f->ops[1].result, ==, -EFAULT);
    g_assert_cmpint(f->ops[2].result, ==, sizeof(f->data[2]));
    expect_far(f, 0);
    expect_far(f, 2);
}

static int open_terminal(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios raw;

    g_assert_cmpint(fd, >=, 0);
    g_assert_no_errno(grantpt(fd));
    g_assert_no_errno(unlockpt(fd));
    g_assert_no_errno(tcgetattr(fd, &raw));
    cfmakeraw(&raw);
    g_assert_no_errno(tcsetattr(fd, TCSANOW, &raw));
    return fd;
}

static void set_up_terminal(Fixture *f, gconstpointer io_uring)
{
    int near = open_terminal();
    int far = open(ptsname(near), O_RDWR | O_NOCTTY | O_NONBLOCK);

    g_assert_cmpint(far, >=, 0);
    set_up_ends(f, near, far, io_uring);
}

/* Few reads aren't done in bursts, writes are, and none waits. */
static void test_no_nowait(Fixture *f, gconstpointer io_uring)
{
    for (uint32_t i = 1; i < 5; i++) {
        uint32_t got = i;

        g_assert_cmpint(write(f->far, &got, sizeof(got)), ==, sizeof(got));
        xen_nic_pg_fdio_read(f->io, f->ops, 3);
        g_assert_cmpint(f->ops[0].result, ==, sizeof(got));
        g_assert_cmpuint(f->data[0], ==, i);
        g_assert_cmpint(f->ops[1].result, ==, -EAGAIN);
        g_assert_cmpint(f->ops[2].result, ==, -EAGAIN);

        xen_nic_pg_fdio_write(f->io, f->ops, 1);
        g_assert_cmpint(f->ops[0].result, ==, sizeof(got));
        g_assert_cmpint(read(f->far, &got, sizeof(got)), ==, sizeof(got));
        g_assert_cmpuint(got, ==, i);
    }
}

enum { BYTES = 100000, BURST = 16 };

static void *write_bytes(void *opaque)
{
    int fd = GPOINTER_TO_INT(opaque);

    for (unsigned int i = 0; i < BYTES;) {
        uint8_t byte = i;

        if (write(fd, &byte, 1) == 1) {
            i++;
        } else {
            g_assert_cmpint(errno, ==, EAGAIN);
        }
    }
    return NULL;
}

/* Which op's turn is next, after one; -1 if there's none */
static int find_turn(const XenNicPgFdOp *ops, int64_t after)
{
    int next = -1;

    for (int i = 0; i < BURST; i++) {
        if (ops[i].result > 0 && ops[i].turn > after &&
            (next < 0 || ops[i].turn < ops[next].turn)) {
            next = i;
        }
    }
    return next;
}

/* Bytes come all the while; none is lost, and their order can be told. */
static void test_no_nowait_stream(Fixture *f, gconstpointer io_uring)
{
    GThread *writer;
    unsigned int got = 0;

    for (int i = 0; i < BURST; i++) {
        f->ops[i].nr_iov = 1;
    }
    writer = g_thread_new("writer", write_bytes, GINT_TO_POINTER(f->far));
    while (got < BYTES) {
        int64_t turn = -1;
        int i;

        xen_nic_pg_fdio_read(f->io, f->ops, BURST);
        while ((i = find_turn(f->ops, turn)) >= 0) {
            g_assert_cmpint(f->ops[i].result, ==, 1);
            g_assert_cmpuint(*(uint8_t *)&f->data[i], ==, got++ & 0xff);
            turn = f->ops[i].turn;
        }
    }
    g_thread_join(writer);
}

typedef void FixtureFunc(Fixture *f, gconstpointer io_uring);

static void add_both(const char *name, FixtureFunc *start, FixtureFunc *test)
{
    g_autofree char *batched = g_strconcat("/fdio/", name, "/io-uring", NULL);
    g_autofree char *singly = g_strconcat("/fdio/", name, "/singly", NULL);

    g_test_add(batched, Fixture, GINT_TO_POINTER(true), start, test,
               tear_down);
    g_test_add(singly, Fixture, GINT_TO_POINTER(false), start, test,
               tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_both("write", set_up, test_write);
    add_both("read", set_up, test_read);
    add_both("full", set_up, test_full);
    add_both("error", set_up, test_error);
    add_both("no-nowait", set_up_terminal, test_no_nowait);
    add_both("no-nowait-stream", set_up_terminal, test_no_nowait_stream);
    return g_test_run();
}
