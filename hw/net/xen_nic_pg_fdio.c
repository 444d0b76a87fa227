/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts of reads or writes on a file descriptor of packets
 *
 * With io_uring a burst is one system call, whatever its length: requests are
 * put into the submission ring, and one io_uring_submit_and_wait() does them
 * and waits for the last.  RWF_NOWAIT has a tap complete each at once or fail
 * at once, where io_uring would else wait for the file to become ready, though
 * that doesn't block.  So the wait costs nothing, the memory is the caller's
 * again when the call returns, and there are no completions to listen for.
 * The file isn't registered, though that would be a little faster: the kernel
 * lets go of a ring, and of a file that is registered with it, some time after
 * the process has ended, and meanwhile the tap couldn't be opened again.
 *
 * Where QEMU is built without liburing, or the kernel lacks io_uring, forbids
 * it, or doesn't know RWF_NOWAIT for such a file (taps before Linux 5.16), each
 * packet is a readv() or writev(), up to the first that would block.
 */

#include "qemu/osdep.h"
#ifdef CONFIG_LINUX_IO_URING
#include <liburing.h>
#endif
#include "xen_nic_pg_fdio.h"

struct XenNicPgFdIO {
    int fd;
    bool batched;
#ifdef CONFIG_LINUX_IO_URING
    struct io_uring ring;
#endif
};

/*
 * By io_uring
 */

#ifdef CONFIG_LINUX_IO_URING
static void open_ring(XenNicPgFdIO *io)
{
    io->batched = io_uring_queue_init(XEN_NIC_PG_FDIO_BURST, &io->ring,
                                      0) == 0;
}

static void close_ring(XenNicPgFdIO *io)
{
    if (io->batched) {
        io_uring_queue_exit(&io->ring);
    }
}

static void prepare_op(XenNicPgFdIO *io, XenNicPgFdOp *op, bool write)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

    if (write) {
        io_uring_prep_writev(sqe, io->fd, op->iov, op->nr_iov, 0);
    } else {
        io_uring_prep_readv(sqe, io->fd, op->iov, op->nr_iov, 0);
    }
    sqe->rw_flags = RWF_NOWAIT;
    io_uring_sqe_set_data(sqe, op);
}

/* Take what has come to an end.  Returns how many that is. */
static unsigned int reap(XenNicPgFdIO *io)
{
    struct io_uring_cqe *cqe;
    unsigned int head, nr = 0;

    io_uring_for_each_cqe(&io->ring, head, cqe) {
        XenNicPgFdOp *op = io_uring_cqe_get_data(cqe);

        op->result = cqe->res;
        nr++;
    }
    io_uring_cq_advance(&io->ring, nr);
    return nr;
}

static unsigned int run_batched(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                unsigned int nr, bool write)
{
    unsigned int calls = 0;

    for (unsigned int i = 0; i < nr; i++) {
        prepare_op(io, &ops[i], write);
    }
    while (nr) {
        /* It fails if it is interrupted, or for want of memory: go on. */
        io_uring_submit_and_wait(&io->ring, nr);
        nr -= reap(io);
        calls++;
    }
    return calls;
}
#else
static void open_ring(XenNicPgFdIO *io)
{
}

static void close_ring(XenNicPgFdIO *io)
{
}

static unsigned int run_batched(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                unsigned int nr, bool write)
{
    g_assert_not_reached();
}
#endif

/*
 * By readv() and writev()
 */

static void run_op(XenNicPgFdIO *io, XenNicPgFdOp *op, bool write)
{
    op->result = RETRY_ON_EINTR(write ? writev(io->fd, op->iov, op->nr_iov)
                                      : readv(io->fd, op->iov, op->nr_iov));
    if (op->result < 0) {
        op->result = -errno;
    }
}

static unsigned int run_singly(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                               unsigned int nr, bool write)
{
    unsigned int calls = 0;
    bool blocks = false;

    for (unsigned int i = 0; i < nr; i++) {
        if (blocks) {
            ops[i].result = -EAGAIN;
            continue;
        }
        run_op(io, &ops[i], write);
        blocks = ops[i].result == -EAGAIN;
        calls++;
    }
    return calls;
}

/*
 * Both
 */

static unsigned int run(XenNicPgFdIO *io, XenNicPgFdOp *ops, unsigned int nr,
                        bool write)
{
    unsigned int calls;

    g_assert(nr <= XEN_NIC_PG_FDIO_BURST);
    if (io->batched) {
        calls = run_batched(io, ops, nr, write);
        if (!nr || ops[0].result != -EOPNOTSUPP) {
            return calls;
        }
        close_ring(io);     /* the file doesn't know RWF_NOWAIT */
        io->batched = false;
    }
    return run_singly(io, ops, nr, write);
}

unsigned int xen_nic_pg_fdio_read(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                  unsigned int nr)
{
    return run(io, ops, nr, false);
}

unsigned int xen_nic_pg_fdio_write(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                   unsigned int nr)
{
    return run(io, ops, nr, true);
}

bool xen_nic_pg_fdio_is_batched(const XenNicPgFdIO *io)
{
    return io->batched;
}

XenNicPgFdIO *xen_nic_pg_fdio_new(int fd, bool io_uring)
{
    XenNicPgFdIO *io = g_new0(XenNicPgFdIO, 1);

    io->fd = fd;
    if (io_uring) {
        open_ring(io);
    }
    return io;
}

void xen_nic_pg_fdio_free(XenNicPgFdIO *io)
{
    if (!io) {
        return;
    }
    close_ring(io);
    g_free(io);
}
