/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated hypervisor
 *
 * Its state is two files without names: what it shares with the backend
 * (shared.h), and the guest's memory.  A thread answers the backend's
 * requests; all other calls come from the test, and work on the state
 * directly.  A backend's handle is a connection: when it ends, in whatever
 * way, what the handle had is released.
 *
 * Pages and references are handed out in turn, so that one that was freed
 * isn't reused at once: what a backend does to it too late is found.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "pin.h"
#include "server.h"
#include "store.h"
#include "xensim.h"

/* Frame 0 and the references that Xen reserves aren't handed out. */
#define FIRST_FRAME 1
#define FIRST_REF GNTTAB_NR_RESERVED_ENTRIES

/* A handle of the backend */
typedef struct Handle {
    int fd;
    bool open;                  /* the first request has been made */
    uint32_t number;
    int event;                  /* for event channels, else -1 */
} Handle;

struct Xensim {
    XensimShared *shared;
    int shared_fd;
    uint8_t *memory;
    int memory_fd;
    char *folder;
    char *socket;
    XensimServer *server;
    XensimStore *store;
    GMutex lock;                /* of what is below, and channels' states */
    uint32_t next_frame;
    uint32_t next_ref;
    bool frames[XENSIM_NR_FRAMES];
    bool refs[XENSIM_NR_GRANTS];
    Handle *handles[XENSIM_NR_HANDLES];
    int guest_events[XENSIM_NR_CHANNELS];
};

/*
 * What the backend asks for
 */

static void send_reply(int fd, XensimReply reply, const int *files,
                       size_t nr_files)
{
    struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
    char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (nr_files) {
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(nr_files * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(nr_files * sizeof(int));
        memcpy(CMSG_DATA(header), files, nr_files * sizeof(int));
    }
    /* A backend that has died meanwhile needs no answer. */
    sendmsg(fd, &message, MSG_NOSIGNAL);
}

static bool find_number(Xensim *sim, Handle *handle)
{
    for (uint32_t i = 0; i < XENSIM_NR_HANDLES; i++) {
        if (!sim->handles[i]) {
            sim->handles[i] = handle;
            handle->number = i;
            return true;
        }
    }
    return false;
}

static void open_handle(Xensim *sim, Handle *handle, bool event)
{
    XensimReply reply = { 0 };
    int files[2] = { sim->shared_fd, sim->memory_fd };

    if (handle->open || !xensim_op(sim->shared, XENSIM_OP_OPEN) ||
        !find_number(sim, handle)) {
        reply.error = ENOMEM;
        send_reply(handle->fd, reply, NULL, 0);
        return;
    }
    handle->open = true;
    if (event) {
        handle->event = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
        files[1] = handle->event;
    }
    reply.value = handle->number;
    send_reply(handle->fd, reply, files, 2);
}

/* Returns 0, or a negative errno value. */
static int bind_channel(Xensim *sim, Handle *handle, uint32_t domid,
                        uint32_t port)
{
    XensimChannel *channel;

    if (!xensim_op(sim->shared, XENSIM_OP_BIND)) {
        return -ENOMEM;
    }
    if (domid != sim->shared->domid || atomic_load(&sim->shared->dying)) {
        return -ESRCH;
    }
    if (handle->event < 0 || port < 1 || port > XENSIM_NR_CHANNELS) {
        return -EINVAL;
    }
    channel = &sim->shared->channels[port - 1];
    if (atomic_load(&channel->state) != XENSIM_CHANNEL_UNBOUND) {
        return -EINVAL;
    }
    atomic_store(&channel->bits, 0);
    atomic_store(&channel->handle, handle->number);
    atomic_store(&channel->state, XENSIM_CHANNEL_BOUND);
    return 0;
}

static void answer_bind(Xensim *sim, Handle *handle,
                        const XensimRequest *request)
{
    XensimReply reply = {
        .error = -bind_channel(sim, handle, request->domid, request->port),
        .value = XENSIM_LOCAL_PORT + request->port - 1,
    };

    if (reply.error) {
        send_reply(handle->fd, reply, NULL, 0);
    } else {
        send_reply(handle->fd, reply, &sim->guest_events[request->port - 1],
                   1);
    }
}

static void free_channel(Xensim *sim, uint32_t i)
{
    close(sim->guest_events[i]);
    sim->guest_events[i] = -1;
    atomic_store(&sim->shared->channels[i].state, XENSIM_CHANNEL_FREE);
}

static bool unbind_channel(Xensim *sim, const Handle *handle, uint32_t i)
{
    XensimChannel *channel = &sim->shared->channels[i];
    uint32_t state = atomic_load(&channel->state);

    if ((state != XENSIM_CHANNEL_BOUND && state != XENSIM_CHANNEL_CLOSED) ||
        atomic_load(&channel->handle) != handle->number) {
        return false;
    }
    if (state == XENSIM_CHANNEL_CLOSED) {
        free_channel(sim, i);
    } else {
        atomic_store(&channel->state, XENSIM_CHANNEL_UNBOUND);
    }
    return true;
}

static void answer_unbind(Xensim *sim, const Handle *handle,
                          const XensimRequest *request)
{
    uint32_t i = request->port - XENSIM_LOCAL_PORT;
    XensimReply reply = { 0 };

    if (i >= XENSIM_NR_CHANNELS || !unbind_channel(sim, handle, i)) {
        reply.error = EINVAL;
    }
    send_reply(handle->fd, reply, NULL, 0);
}

static void *begin_handle(void *opaque, int fd)
{
    Handle *handle = g_new0(Handle, 1);

    (void)opaque;
    handle->fd = fd;
    handle->event = -1;
    return handle;
}

static bool answer_request(void *opaque, void *peer)
{
    Xensim *sim = opaque;
    Handle *handle = peer;
    XensimRequest request;

    if (recv(handle->fd, &request, sizeof(request), MSG_WAITALL) !=
        sizeof(request)) {
        return false;
    }
    g_mutex_lock(&sim->lock);
    switch (request.type) {
    case XENSIM_OPEN_GNTTAB:
    case XENSIM_OPEN_EVTCHN:
        open_handle(sim, handle, request.type == XENSIM_OPEN_EVTCHN);
        break;
    case XENSIM_BIND:
        answer_bind(sim, handle, &request);
        break;
    case XENSIM_UNBIND:
        answer_unbind(sim, handle, &request);
        break;
    default:
        g_error("xensim: request %u isn't known", request.type);
    }
    g_mutex_unlock(&sim->lock);
    return true;
}

static void end_handle(void *opaque, void *peer)
{
    Xensim *sim = opaque;
    Handle *handle = peer;

    g_mutex_lock(&sim->lock);
    if (handle->open) {
        for (uint32_t i = 0; i < XENSIM_NR_CHANNELS; i++) {
            unbind_channel(sim, handle, i);
        }
        xensim_unpin_all(sim->shared, handle->number);
        sim->handles[handle->number] = NULL;
    }
    if (handle->event >= 0) {
        close(handle->event);
    }
    g_mutex_unlock(&sim->lock);
    g_free(handle);
}

static const XensimServerOps ops = {
    .begin = begin_handle,
    .receive = answer_request,
    .end = end_handle,
};

/*
 * Begin and end
 */

static void *make_file(const char *name, size_t size, int *fd)
{
    void *addr;

    *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, size) < 0) {
        g_error("xensim: %s: %s", name, g_strerror(errno));
    }
    addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (addr == MAP_FAILED) {
        g_error("xensim: %s: %s", name, g_strerror(errno));
    }
    return addr;
}

static char *make_folder(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("xensim-XXXXXX", &error);

    if (!folder) {
        g_error("xensim: %s", error->message);
    }
    return folder;
}

Xensim *xensim_new(uint16_t domid)
{
    Xensim *sim = g_new0(Xensim, 1);
    g_autofree char *store = NULL;

    g_mutex_init(&sim->lock);
    sim->shared = make_file("xensim-shared", sizeof(XensimShared),
                            &sim->shared_fd);
    sim->memory = make_file("xensim-memory",
                            (size_t)XENSIM_NR_FRAMES * XENSIM_PAGE_SIZE,
                            &sim->memory_fd);
    sim->shared->domid = domid;
    sim->next_frame = FIRST_FRAME;
    sim->next_ref = FIRST_REF;
    memset(sim->guest_events, -1, sizeof(sim->guest_events));
    sim->folder = make_folder();
    sim->socket = g_build_filename(sim->folder, "xen", NULL);
    store = g_build_filename(sim->folder, "store", NULL);
    sim->server = xensim_server_new(sim->socket, &ops, sim);
    sim->store = xensim_store_new(store, sim->shared);
    return sim;
}

void xensim_free(Xensim *sim)
{
    if (!sim) {
        return;
    }
    xensim_store_free(sim->store);
    xensim_server_free(sim->server);
    for (uint32_t i = 0; i < XENSIM_NR_CHANNELS; i++) {
        if (sim->guest_events[i] >= 0) {
            free_channel(sim, i);
        }
    }
    munmap(sim->shared, sizeof(XensimShared));
    munmap(sim->memory, (size_t)XENSIM_NR_FRAMES * XENSIM_PAGE_SIZE);
    close(sim->shared_fd);
    close(sim->memory_fd);
    rmdir(sim->folder);
    g_mutex_clear(&sim->lock);
    g_free(sim->socket);
    g_free(sim->folder);
    g_free(sim);
}

char **xensim_environ(Xensim *sim, const char *libraries, char **envp)
{
    g_autofree char *store = g_build_filename(sim->folder, "store", NULL);

    envp = g_environ_setenv(envp, XENSIM_SOCKET, sim->socket, true);
    envp = g_environ_setenv(envp, "XENSTORED_PATH", store, true);
    return g_environ_setenv(envp, "LD_LIBRARY_PATH", libraries, true);
}

uint16_t xensim_domid(const Xensim *sim)
{
    return sim->shared->domid;
}

const char *xensim_folder(const Xensim *sim)
{
    return sim->folder;
}

XensimStore *xensim_store(Xensim *sim)
{
    return sim->store;
}

XensimShared *xensim_shared(Xensim *sim)
{
    return sim->shared;
}

/*
 * Guest memory and grants
 */

/* Takes the next of @nr things that is free, beginning at *@next. */
static uint32_t take_next(bool *used, uint32_t *next, uint32_t first,
                          uint32_t nr)
{
    for (uint32_t tried = first; tried < nr; tried++) {
        uint32_t i = *next;

        *next = i + 1 < nr ? i + 1 : first;
        if (!used[i]) {
            used[i] = true;
            return i;
        }
    }
    g_error("xensim: all of %u pages or references are in use", nr);
}

uint32_t xensim_alloc_page(Xensim *sim)
{
    uint32_t frame;

    g_mutex_lock(&sim->lock);
    frame = take_next(sim->frames, &sim->next_frame, FIRST_FRAME,
                      XENSIM_NR_FRAMES);
    g_mutex_unlock(&sim->lock);
    memset(xensim_page(sim, frame), 0, XENSIM_PAGE_SIZE);
    return frame;
}

void xensim_free_page(Xensim *sim, uint32_t frame)
{
    g_mutex_lock(&sim->lock);
    sim->frames[frame] = false;
    g_mutex_unlock(&sim->lock);
}

void *xensim_page(Xensim *sim, uint32_t frame)
{
    g_assert(frame < XENSIM_NR_FRAMES);
    return sim->memory + (size_t)frame * XENSIM_PAGE_SIZE;
}

static _Atomic uint16_t *entry_flags(Xensim *sim, uint32_t ref)
{
    g_assert(ref < XENSIM_NR_GRANTS);
    return (_Atomic uint16_t *)&sim->shared->grants[ref].flags;
}

uint32_t xensim_grant(Xensim *sim, uint32_t frame, bool readonly)
{
    grant_entry_v1_t *entry;
    uint32_t ref;

    g_mutex_lock(&sim->lock);
    ref = take_next(sim->refs, &sim->next_ref, FIRST_REF, XENSIM_NR_GRANTS);
    g_mutex_unlock(&sim->lock);
    entry = &sim->shared->grants[ref];
    entry->domid = XENSIM_BACKEND_DOMID;
    entry->frame = frame;
    atomic_store(entry_flags(sim, ref),
                 GTF_permit_access | (readonly ? GTF_readonly : 0));
    return ref;
}

bool xensim_end_grant(Xensim *sim, uint32_t ref)
{
    _Atomic uint16_t *flags = entry_flags(sim, ref);
    uint16_t old = atomic_load(flags);

    do {
        if (old & (GTF_reading | GTF_writing)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(flags, &old, 0));
    g_mutex_lock(&sim->lock);
    sim->refs[ref] = false;
    g_mutex_unlock(&sim->lock);
    return true;
}

unsigned int xensim_pins(Xensim *sim, uint32_t ref)
{
    XensimPin *pin;
    unsigned int pins;

    g_assert(ref < XENSIM_NR_GRANTS);
    pin = &sim->shared->pins[ref];
    xensim_lock_pin(pin);
    pins = pin->readers + pin->writers;
    xensim_unlock_pin(pin);
    return pins;
}

unsigned int xensim_mapped(Xensim *sim)
{
    unsigned int pins = 0;

    for (uint32_t ref = 0; ref < XENSIM_NR_GRANTS; ref++) {
        pins += xensim_pins(sim, ref);
    }
    return pins;
}

uint64_t xensim_left_mapped(Xensim *sim)
{
    return atomic_load(&sim->shared->left_mapped);
}

/*
 * Event channels
 */

uint32_t xensim_alloc_channel(Xensim *sim)
{
    uint32_t i = 0;

    g_mutex_lock(&sim->lock);
    while (atomic_load(&sim->shared->channels[i].state) !=
           XENSIM_CHANNEL_FREE) {
        if (++i == XENSIM_NR_CHANNELS) {
            g_error("xensim: all of %d channels are in use", i);
        }
    }
    sim->guest_events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_store(&sim->shared->channels[i].events, 0);
    atomic_store(&sim->shared->channels[i].state, XENSIM_CHANNEL_UNBOUND);
    g_mutex_unlock(&sim->lock);
    return i + 1;
}

static XensimChannel *get_channel(Xensim *sim, uint32_t port)
{
    g_assert(port >= 1 && port <= XENSIM_NR_CHANNELS);
    return &sim->shared->channels[port - 1];
}

static void close_locked(Xensim *sim, uint32_t port)
{
    XensimChannel *channel = get_channel(sim, port);

    if (atomic_load(&channel->state) == XENSIM_CHANNEL_UNBOUND) {
        free_channel(sim, port - 1);
    } else if (atomic_load(&channel->state) == XENSIM_CHANNEL_BOUND) {
        atomic_store(&channel->state, XENSIM_CHANNEL_CLOSED);
    }
}

void xensim_close_channel(Xensim *sim, uint32_t port)
{
    g_mutex_lock(&sim->lock);
    close_locked(sim, port);
    g_mutex_unlock(&sim->lock);
}

void xensim_notify(Xensim *sim, uint32_t port)
{
    XensimChannel *channel = get_channel(sim, port);

    atomic_fetch_or(&channel->bits, XENSIM_PENDING);
    g_mutex_lock(&sim->lock);
    if (atomic_load(&channel->state) == XENSIM_CHANNEL_BOUND &&
        xensim_fire(channel)) {
        Handle *handle = sim->handles[atomic_load(&channel->handle)];

        eventfd_write(handle->event, 1);
    }
    g_mutex_unlock(&sim->lock);
}

int xensim_channel_fd(Xensim *sim, uint32_t port)
{
    get_channel(sim, port);
    return sim->guest_events[port - 1];
}

bool xensim_wait_event(Xensim *sim, uint32_t port, int timeout_ms)
{
    struct pollfd fd = {
        .fd = xensim_channel_fd(sim, port),
        .events = POLLIN,
    };
    eventfd_t events;

    poll(&fd, 1, timeout_ms);
    return eventfd_read(fd.fd, &events) == 0;
}

uint64_t xensim_events(Xensim *sim, uint32_t port)
{
    return atomic_load(&get_channel(sim, port)->events);
}

/*
 * Faults, death, and what is held
 */

void xensim_kill_guest(Xensim *sim)
{
    atomic_store(&sim->shared->dying, 1);
    g_mutex_lock(&sim->lock);
    for (uint32_t port = 1; port <= XENSIM_NR_CHANNELS; port++) {
        close_locked(sim, port);
    }
    g_mutex_unlock(&sim->lock);
}

void xensim_fail(Xensim *sim, XensimOp op, uint64_t skip, uint64_t count)
{
    XensimFault *fault = &sim->shared->faults[op];
    uint64_t from = atomic_load(&fault->done) + skip;

    /* In this order, nothing fails while the change is half made. */
    atomic_store(&fault->to, 0);
    atomic_store(&fault->from, from);
    atomic_store(&fault->to, from + count);
}

uint64_t xensim_count(Xensim *sim, XensimOp op)
{
    return atomic_load(&sim->shared->faults[op].done);
}

static unsigned int count_bound(Xensim *sim)
{
    unsigned int bound = 0;

    for (uint32_t i = 0; i < XENSIM_NR_CHANNELS; i++) {
        uint32_t state = atomic_load(&sim->shared->channels[i].state);

        bound += state == XENSIM_CHANNEL_BOUND ||
                 state == XENSIM_CHANNEL_CLOSED;
    }
    return bound;
}

static unsigned int count_handles(Xensim *sim)
{
    unsigned int handles = 0;

    g_mutex_lock(&sim->lock);
    for (uint32_t i = 0; i < XENSIM_NR_HANDLES; i++) {
        handles += sim->handles[i] != NULL;
    }
    g_mutex_unlock(&sim->lock);
    return handles;
}

static void report(GString *text, unsigned int nr, const char *what)
{
    if (nr) {
        g_string_append_printf(text, "%s%u %s", text->len ? ", " : "", nr,
                               what);
    }
}

char *xensim_list_held(Xensim *sim)
{
    GString *text = g_string_new(NULL);

    report(text, xensim_mapped(sim), "grants in use");
    report(text, count_bound(sim), "channels bound");
    report(text, count_handles(sim), "handles open");
    report(text, xensim_store_watches(sim->store), "watches");
    report(text, xensim_store_transactions(sim->store), "transactions");
    report(text, xensim_store_connections(sim->store),
           "connections to xenstore");
    return g_string_free(text, false);
}

static bool is_held(Xensim *sim, const char *expected)
{
    g_autofree char *held = xensim_list_held(sim);

    return !strcmp(held, expected);
}

bool xensim_wait_held(Xensim *sim, const char *held, int timeout_ms)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * 1000ll;

    while (!is_held(sim, held)) {
        if (g_get_monotonic_time() >= end) {
            return false;
        }
        g_usleep(1000);
    }
    return true;
}
