/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simulated hypervisor shares with the backend's process
 *
 * The backend is a process of its own, linked with our libxengnttab.so.1 and
 * libxenevtchn.so.1.  Each handle that it opens is a connection to the
 * hypervisor's socket, whose path is in the environment as XENSIM_SOCKET.
 * The answer to the first request brings file descriptors: the shared state
 * below, the guest's memory, and for an event channel handle an eventfd.
 *
 * What must be fast is then done in shared memory, by the process that does
 * it: to look at a grant entry, pin it, copy, and raise an event.  What is
 * rare is a request: to open a handle, to bind and unbind a channel.  If the
 * connection ends, the hypervisor releases all that the handle had, as a
 * kernel does when a process dies.
 *
 * Who may write what:
 *
 *   grants     the guest (tests), as in Xen; Xen's own two flags GTF_reading
 *              and GTF_writing are set and cleared by the library
 *   pins       the library, under the entry's lock; the hypervisor when it
 *              cleans up after a handle
 *   channels   state, handle and local port: the hypervisor; bits: everyone,
 *              atomically
 *   faults     armed by the hypervisor, counted by everyone, atomically
 */

#ifndef XENSIM_SHARED_H
#define XENSIM_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>

#define XENSIM_PAGE_SIZE 4096
#define XENSIM_NR_FRAMES 16384          /* 64 MiB of guest memory */
#define XENSIM_NR_GRANTS 16384          /* 32 frames of version 1 entries */
#define XENSIM_NR_CHANNELS 256
#define XENSIM_NR_HANDLES 64

/* The backend's domain */
#define XENSIM_BACKEND_DOMID 0

/* The environment variable that holds the path of the hypervisor's socket */
#define XENSIM_SOCKET "XENSIM_SOCKET"

/**
 * XensimPin: who uses a grant
 * @lock: a spin lock, held for a few instructions
 * @readers: mappings and copies that read
 * @writers: mappings and copies that may write; these aren't readers as well
 * @frame: the page, as the entry named it when it was first pinned
 */
typedef struct XensimPin {
    atomic_flag lock;
    uint16_t readers;
    uint16_t writers;
    uint32_t frame;
} XensimPin;

/* Bits of the backend's side of a channel */
#define XENSIM_PENDING 1u       /* an event has come that isn't delivered yet */
#define XENSIM_MASKED  2u       /* don't deliver */
#define XENSIM_FIRED   4u       /* delivered, but not yet fetched */

typedef enum XensimChannelState {
    XENSIM_CHANNEL_FREE,
    XENSIM_CHANNEL_UNBOUND,     /* the guest has it, and waits for a peer */
    XENSIM_CHANNEL_BOUND,
    XENSIM_CHANNEL_CLOSED,      /* the guest has closed it, the backend not */
} XensimChannelState;

/**
 * XensimChannel: an event channel between the guest and the backend
 * @state: XensimChannelState
 * @handle: the backend's handle, if bound
 * @bits: of the backend's side; on the guest's side nothing is ever masked,
 *        and its eventfd is all the state there is
 * @events: notifications by the backend so far
 *
 * The guest's port is the channel's index plus one; the backend's is
 * XENSIM_LOCAL_PORT + index.
 */
typedef struct XensimChannel {
    _Atomic uint32_t state;
    _Atomic uint32_t handle;
    _Atomic uint32_t bits;
    _Atomic uint64_t events;
} XensimChannel;

#define XENSIM_LOCAL_PORT 1000

/**
 * xensim_fire: deliver an event to the backend, if one is due
 * @channel: the channel
 *
 * As Linux's evtchn driver does, the port is masked until the backend unmasks
 * it.
 *
 * Returns: true if the backend's eventfd is to be written.
 */
static inline bool xensim_fire(XensimChannel *channel)
{
    uint32_t old = atomic_load(&channel->bits);

    do {
        if ((old & (XENSIM_PENDING | XENSIM_MASKED)) != XENSIM_PENDING) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&channel->bits, &old,
                                           XENSIM_MASKED | XENSIM_FIRED));
    return true;
}

/**
 * XensimOp: what a backend does, what is counted, and what can be made fail
 *
 * @XENSIM_OP_MAP: one grant is mapped; fails as a map with GNTST_general_error
 * @XENSIM_OP_MAP_MEMORY: address space for a mapping; fails with ENOMEM
 * @XENSIM_OP_UNMAP: one grant is unmapped; counted only
 * @XENSIM_OP_COPY: one segment is copied; fails with GNTST_general_error
 * @XENSIM_OP_COPY_CALL: one call that copies; fails with errno
 * @XENSIM_OP_NOTIFY: the peer is notified; fails with errno
 * @XENSIM_OP_OPEN: a handle is opened; fails with errno
 * @XENSIM_OP_BIND: a channel is bound; fails with errno
 * @XENSIM_OP_STORE: a request to xenstore, by the backend; fails with EIO
 */
typedef enum XensimOp {
    XENSIM_OP_MAP,
    XENSIM_OP_MAP_MEMORY,
    XENSIM_OP_UNMAP,
    XENSIM_OP_COPY,
    XENSIM_OP_COPY_CALL,
    XENSIM_OP_NOTIFY,
    XENSIM_OP_OPEN,
    XENSIM_OP_BIND,
    XENSIM_OP_STORE,
    XENSIM_NR_OPS,
} XensimOp;

/**
 * XensimFault: when an operation is to fail
 * @done: operations so far
 * @from: the first that fails, counted as @done does
 * @to: the one behind the last that fails; @from if none
 */
typedef struct XensimFault {
    _Atomic uint64_t done;
    _Atomic uint64_t from;
    _Atomic uint64_t to;
} XensimFault;

/**
 * XensimHandle: what one handle of the backend holds
 * @pins: for each grant, how often this handle has mapped it: for reading in
 *        the lower 16 bits, for writing in the upper ones
 */
typedef struct XensimHandle {
    _Atomic uint32_t pins[XENSIM_NR_GRANTS];
} XensimHandle;

/**
 * XensimShared: all of it, in one file
 * @domid: the guest's domain
 * @dying: the guest is dead: nothing new can be mapped, copied or bound
 * @left_mapped: mappings that there were when their handles were closed
 */
typedef struct XensimShared {
    uint32_t domid;
    _Atomic uint32_t dying;
    _Atomic uint64_t left_mapped;
    grant_entry_v1_t grants[XENSIM_NR_GRANTS];
    XensimPin pins[XENSIM_NR_GRANTS];
    XensimChannel channels[XENSIM_NR_CHANNELS];
    XensimFault faults[XENSIM_NR_OPS];
    XensimHandle handles[XENSIM_NR_HANDLES];
} XensimShared;

/**
 * xensim_op: count an operation
 * @shared: the shared state
 * @op: what is about to be done
 *
 * Returns: true if it is to be done, false if it is to fail.
 */
static inline bool xensim_op(XensimShared *shared, XensimOp op)
{
    XensimFault *fault = &shared->faults[op];
    uint64_t number = atomic_fetch_add(&fault->done, 1);

    /* In the order opposite to that in which xensim_fail() writes them */
    return number >= atomic_load(&fault->to) ||
           number < atomic_load(&fault->from);
}

/*
 * Requests on a handle's connection.  Each is answered by a XensimReply, with
 * file descriptors where said.
 */

typedef enum XensimRequestType {
    XENSIM_OPEN_GNTTAB,         /* fds: shared state, guest memory */
    XENSIM_OPEN_EVTCHN,         /* fds: shared state, the handle's eventfd */
    XENSIM_BIND,                /* fd: the guest's eventfd */
    XENSIM_UNBIND,
} XensimRequestType;

/**
 * XensimRequest:
 * @type: XensimRequestType
 * @domid: for XENSIM_BIND: the peer's domain
 * @port: for XENSIM_BIND: the peer's port; for XENSIM_UNBIND: our port
 */
typedef struct XensimRequest {
    uint32_t type;
    uint32_t domid;
    uint32_t port;
} XensimRequest;

/**
 * XensimReply:
 * @error: an errno value, or 0
 * @value: the handle's number, or the port that was bound
 */
typedef struct XensimReply {
    int32_t error;
    uint32_t value;
} XensimReply;

#endif /* XENSIM_SHARED_H */
