/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts of reads or writes on a file descriptor of packets
 *
 * With io_uring a burst is one system call, whatever its length: requests are
 * put into the submission ring, and one io_uring_submit_and_wait() does them
 * and waits for the last.  No request may be left that waits for the file to
 * become ready; so the wait costs nothing, the memory is the caller's again
 * when the call returns, and there are no completions to listen for.
 *
 * A write never has to wait, if the caller says so of the file.  A read does
 * when there's nothing left to read, and RWF_NOWAIT has it fail at once.  A tap
 * knows that since Linux 6.4; before, reads aren't done in bursts.
 *
 * What isn't done in bursts, or where QEMU is built without liburing, or the
 * kernel lacks io_uring or forbids it, is a readv() or writev() each, up to the
 * first that would block.
 *
 * The file isn't registered with the ring, though that would be a little
 * faster: the kernel lets go of a ring and what is registered with it some time
 * after the process has ended, and meanwhile a tap couldn't be opened again.
 */

#include "qemu/osdep.h"
#ifdef CONFIG_LINUX_IO_URING
#include <liburing.h>
#endif
#include "xen_nic_pg_fdio.h"

struct XenNicPgFdIO {
    int fd;
    bool ring_is_open;
    bool read_batched;
    bool write_batched;
#ifdef CONFIG_LINUX_IO_URING
    struct io_uring ring;
#endif
};

/*
 * By io_uring
 */

#ifdef CONFIG_LINUX_IO_URING
static bool open_ring(XenNicPgFdIO *io)
{
    return io_uring_queue_init(XEN_NIC_PG_FDIO_BURST, &io->ring, 0) == 0;
}

static void close_ring(XenNicPgFdIO *io)
{
    io_uring_queue_exit(&io->ring);
}

static void prepare_op(XenNicPgFdIO *io, XenNicPgFdOp *op, bool write)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

    if (write && op->nr_iov == 1) {
        io_uring_prep_write(sqe, io->fd, op->iov->iov_base, op->iov->iov_len,
                            0);
    } else if (write) {
        io_uring_prep_writev(sqe, io->fd, op->iov, op->nr_iov, 0);
    } else {
        io_uring_prep_readv(sqe, io->fd, op->iov, op->nr_iov, 0);
        sqe->rw_flags = RWF_NOWAIT;
    }
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
static bool open_ring(XenNicPgFdIO *io)
{
    return false;
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

unsigned int xen_nic_pg_fdio_read(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                  unsigned int nr)
{
    unsigned int calls;

    g_assert(nr > 0 && nr <= XEN_NIC_PG_FDIO_BURST);
    if (io->read_batched) {
        calls = run_batched(io, ops, nr, false);
        if (ops[0].result != -EOPNOTSUPP) {
            return calls;
        }
        io->read_batched = false;   /* the file doesn't know RWF_NOWAIT */
    }
    return run_singly(io, ops, nr, false);
}

unsigned int xen_nic_pg_fdio_write(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                   unsigned int nr)
{
    g_assert(nr > 0 && nr <= XEN_NIC_PG_FDIO_BURST);
    return io->write_batched ? run_batched(io, ops, nr, true)
                             : run_singly(io, ops, nr, true);
}

bool xen_nic_pg_fdio_is_batched(const XenNicPgFdIO *io, bool write)
{
    return write ? io->write_batched : io->read_batched;
}

XenNicPgFdIO *xen_nic_pg_fdio_new(int fd, bool io_uring, bool refuses)
{
    XenNicPgFdIO *io = g_new0(XenNicPgFdIO, 1);

    io->fd = fd;
    io->ring_is_open = io_uring && open_ring(io);
    io->read_batched = io->ring_is_open;
    io->write_batched = io->ring_is_open && !refuses;
    return io;
}

void xen_nic_pg_fdio_free(XenNicPgFdIO *io)
{
    if (!io) {
        return;
    }
    if (io->ring_is_open) {
        close_ring(io);
    }
    g_free(io);
}
