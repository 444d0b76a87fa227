/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts of reads or writes on a file descriptor of packets
 *
 * See hw/net/xen_nic_pg_fdio.c for how it works.
 */

#ifndef HW_NET_XEN_NIC_PG_FDIO_H
#define HW_NET_XEN_NIC_PG_FDIO_H

#include <sys/uio.h>

typedef struct XenNicPgFdIO XenNicPgFdIO;

/* The longest burst */
#define XEN_NIC_PG_FDIO_BURST 128

/**
 * XenNicPgFdOp: one packet
 * @iov: its memory
 * @nr_iov: how many iovecs
 * @result: bytes that were read or written, or a negative errno
 * @turn: which of the burst was done before which
 */
typedef struct XenNicPgFdOp {
    struct iovec *iov;
    unsigned int nr_iov;
    ssize_t result;
    unsigned int turn;
} XenNicPgFdOp;

/**
 * xen_nic_pg_fdio_new:
 * @fd: the descriptor, which doesn't block; stays the caller's
 * @io_uring: use io_uring, if this machine has it
 * @refuses: a write may fail since it would block, as when a send buffer is
 *           full; such writes aren't done in bursts, in which one that fits
 *           could overtake one that doesn't
 *
 * Returns: a place to do bursts from.
 */
XenNicPgFdIO *xen_nic_pg_fdio_new(int fd, bool io_uring, bool refuses);

/**
 * xen_nic_pg_fdio_free:
 * @io: what xen_nic_pg_fdio_new() returned, or NULL
 */
void xen_nic_pg_fdio_free(XenNicPgFdIO *io);

/**
 * xen_nic_pg_fdio_is_batched:
 * @io: where bursts are done
 * @write: of writes, else of reads
 *
 * Returns: true if a long burst is one system call.  Of reads that may be known
 * only after the first.
 */
bool xen_nic_pg_fdio_is_batched(const XenNicPgFdIO *io, bool write);

/**
 * xen_nic_pg_fdio_read, xen_nic_pg_fdio_write: do a burst
 * @io: where
 * @ops: the packets; their results are set
 * @nr: how many, 1 to XEN_NIC_PG_FDIO_BURST
 *
 * One that would block is left undone, with -EAGAIN, and so may be those behind
 * it, or not: by then it may no longer block.  Writes are done in order.  Of
 * reads that found a packet, @turn tells the order of the packets, which is
 * that of the burst unless something came meanwhile.  Nothing is under way when
 * this returns.
 *
 * Returns: system calls that it took.
 */
unsigned int xen_nic_pg_fdio_read(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                  unsigned int nr);
unsigned int xen_nic_pg_fdio_write(XenNicPgFdIO *io, XenNicPgFdOp *ops,
                                   unsigned int nr);

#endif /* HW_NET_XEN_NIC_PG_FDIO_H */
