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
 * knows that since Linux 6.4.  Where the file doesn't, a long burst ends with a
 * request that cancels what waits (Linux 5.19), and a short one isn't worth it.
 * A read may have found nothing, and be tried again once the burst is
 * submitted, before it is cancelled; it then gets a later packet than the reads
 * behind it.  All reads and completions are this thread's, one after the other,
 * so the completions tell the order.
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

/* So many reads aren't worth cancelling: who asks for few expects fewer. */
#define FEW_READS 8

/**
 * XenNicPgFdIO:
 * @fd: the descriptor
 * @ring_is_open: there's io_uring
 * @read_batched: reads are done in bursts
 * @write_batched: writes are
 * @nowait: the file may know RWF_NOWAIT, or else what waits is cancelled
 * @ring: for bursts
 */
struct XenNicPgFdIO {
    int fd;
    bool ring_is_open;
    bool read_batched;
    bool write_batched;
    bool nowait;
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
    /* A burst, and what cancels the rest of it */
    return io_uring_queue_init(XEN_NIC_PG_FDIO_BURST + 1, &io->ring, 0) == 0;
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
        sqe->rw_flags = io->nowait ? RWF_NOWAIT : 0;
    }
    io_uring_sqe_set_data(sqe, op);
}

/*
 * Take what has come to an end, of which @turn has before.  Returns how many
 * packets have now.
 */
static unsigned int reap(XenNicPgFdIO *io, unsigned int turn)
{
    struct io_uring_cqe *cqe;
    unsigned int head, nr = 0;

    io_uring_for_each_cqe(&io->ring, head, cqe) {
        XenNicPgFdOp *op = io_uring_cqe_get_data(cqe);

        nr++;
        if (op) {
            op->result = cqe->res == -ECANCELED ? -EAGAIN : cqe->res;
            op->turn = turn++;
        }
    }
    io_uring_cq_advance(&io->ring, nr);
    return turn;
}

#ifdef IORING_ASYNC_CANCEL_FD   /* of liburing 2.2 */
/* Cancel all that waits for the file.  Completes by itself, without data. */
static void prepare_cancel(XenNicPgFdIO *io)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

    /* There's none if the last ones couldn't be submitted. */
    if (sqe) {
        io_uring_prep_cancel_fd(sqe, io->fd, IORING_ASYNC_CANCEL_ALL);
        io_uring_sqe_set_data(sqe, NULL);
    }
}

static bool can_cancel(XenNicPgFdIO *io)
{
    struct io_uring_cqe *cqe;
    bool can;

    prepare_cancel(io);
    if (io_uring_submit_and_wait(&io->ring, 1) < 0 ||
        io_uring_peek_cqe(&io->ring, &cqe) < 0) {
        return false;
    }
    /* Older kernels say that they don't know the flags. */
    can = cqe->res != -EINVAL;
    io_uring_cqe_seen(&io->ring, cqe);
    return can;
}
#else
static void prepare_cancel(XenNicPgFdIO *io)
{
    g_assert_not_reached();
}

static bool can_cancel(XenNicPgFdIO *io)
{
    return false;
}
#endif

/*
 * A read that finds a packet just before it would wait is done again after the
 * request to cancel, and may wait then: so it takes another one.
 */
static unsigned int run_batched(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                unsigned int nr, bool write)
{
    bool cancel = !write && !io->nowait;
    unsigned int calls = 0, done = 0;

    for (unsigned int i = 0; i < nr; i++) {
        prepare_op(io, &ops[i], write);
    }
    while (done < nr) {
        if (cancel) {
            prepare_cancel(io);
        }
        /* It fails if it is interrupted, or for want of memory: go on. */
        io_uring_submit_and_wait(&io->ring, cancel ? 1 : nr - done);
        done = reap(io, done);
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

static bool can_cancel(XenNicPgFdIO *io)
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
        ops[i].turn = i;
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
    if (io->nowait) {
        calls = run_batched(io, ops, nr, false);
        if (ops[0].result != -EOPNOTSUPP) {
            return calls;
        }
        io->nowait = false;     /* the file doesn't know RWF_NOWAIT */
        io->read_batched = can_cancel(io);
    }
    return io->read_batched && nr > FEW_READS
               ? run_batched(io, ops, nr, false)
               : run_singly(io, ops, nr, false);
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
    io->nowait = io->ring_is_open;
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
