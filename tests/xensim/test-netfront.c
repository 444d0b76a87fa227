/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the simulated netfront
 *
 * This process is the guest, whose driver is what is tested, and the backend,
 * which is written here: it is linked with libxengnttab and libxenevtchn and
 * finds xensim's.  It learns of rings and channels from xenstore alone, and
 * serves each queue from a thread of its own, with handles of its own.
 *
 * Guest and backend know from a table, and from a frame's number, what is sent
 * next and how it is cut.  So each compares what it sees with what the other
 * was to do, and nothing else is exchanged between them.
 *
 * What the driver finds wrong ends the process, so those tests run in a child.
 */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include "netfront.h"

#define GUEST 7
#define HANDLE 3
#define MAX_LEN (3 * XENSIM_PAGE_SIZE)
#define MAX_SLOTS 3
#define NR_EXTRAS 2

/**
 * Shape: a frame, either way
 * @len: its bytes
 * @slots, nr_slots: how it is cut; none: page by page
 * @flags: NETTXF_* or NETRXF_*
 * @nr_extras: how many of the extra infos below are with it
 * @size: what the first request says, if not the truth; to send only
 * @status: what the backend answers, if not that all is well
 */
typedef struct Shape {
    size_t len;
    XensimTxSlot slots[MAX_SLOTS];
    unsigned int nr_slots;
    uint16_t flags;
    unsigned int nr_extras;
    uint16_t size;
    int16_t status;
} Shape;

static const Shape tx_shapes[] = {
    { .len = 60 },
    { .len = 9000, .flags = NETTXF_csum_blank | NETTXF_data_validated },
    { .len = 200, .slots = { { 4095, 1 }, { 7, 99 }, { 3996, 100 } },
      .nr_slots = 3, .status = NETIF_RSP_DROPPED },
    { .len = 5000, .slots = { { 0, 4096 }, { 96, 904 } }, .nr_slots = 2,
      .nr_extras = 1, .flags = NETTXF_csum_blank },
    { .len = 60, .nr_extras = 2, .status = NETIF_RSP_ERROR },
    { .len = 100, .size = 7 },
};

static const Shape rx_shapes[] = {
    { .len = 60 },
    { .len = 9000, .flags = NETRXF_csum_blank | NETRXF_data_validated },
    { .len = 200, .slots = { { 4095, 1 }, { 7, 99 }, { 3996, 100 } },
      .nr_slots = 3, .flags = NETRXF_data_validated },
    { .len = 5000, .slots = { { 0, 4096 }, { 96, 904 } }, .nr_slots = 2,
      .nr_extras = 1, .flags = NETRXF_csum_blank },
    { .len = 60, .nr_extras = 2 },
    { .len = 5000, .status = NETIF_RSP_ERROR },
};

G_STATIC_ASSERT(G_N_ELEMENTS(tx_shapes) == G_N_ELEMENTS(rx_shapes));
#define NR_SHAPES G_N_ELEMENTS(tx_shapes)

/* Each of a ring's places is used more than once. */
#define NR_ROUNDS 60
#define NR_FRAMES (NR_ROUNDS * NR_SHAPES)

static const netif_extra_info_t extra_infos[NR_EXTRAS] = {
    { .type = XEN_NETIF_EXTRA_TYPE_GSO,
      .u.gso = { .size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4 } },
    { .type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
      .u.mcast.addr = { 1, 2, 3, 4, 5, 6 } },
};

typedef struct Fixture {
    Xensim *sim;
    XensimFront *front;
    const XensimFrontConfig *config;
} Fixture;

/**
 * Backend: a queue's backend; the first one's has the control ring, too
 * @index: the queue
 * @tx_port, rx_port: our ends of the channels, the same if they aren't split
 * @ctrl, ctrl_port: all 0 if there's no control ring
 */
typedef struct Backend {
    Fixture *f;
    unsigned int index;
    xengnttab_handle *xgt;
    xenevtchn_handle *xce;
    netif_tx_back_ring_t tx;
    netif_rx_back_ring_t rx;
    int tx_port, rx_port;
    xen_netif_ctrl_back_ring_t ctrl;
    int ctrl_port;
} Backend;

static void set_up(Fixture *f, const void *data)
{
    g_auto(GStrv) envp = NULL;

    f->config = data;
    f->sim = xensim_new(GUEST);
    envp = xensim_environ(f->sim, "", NULL);
    setenv(XENSIM_SOCKET, g_environ_getenv(envp, XENSIM_SOCKET), true);
    xensim_vif_new(f->sim, HANDLE, NULL);
    f->front = xensim_front_new(f->sim, HANDLE);
}

static void expect_nothing_held(Fixture *f)
{
    g_autofree char *held = NULL;

    xensim_wait_held(f->sim, "", XENSIM_PATIENCE);
    held = xensim_list_held(f->sim);
    g_assert_cmpstr(held, ==, "");
}

static void tear_down(Fixture *f, const void *data)
{
    (void)data;
    expect_nothing_held(f);
    xensim_front_free(f->front);
    xensim_free(f->sim);
}

/*
 * Frames
 */

static void fill(uint8_t *data, size_t len, unsigned int queue,
                 unsigned int nr)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = i * 7 + i / 256 + nr * 31 + queue * 101;
    }
}

/* Returns how many slots there are. */
static unsigned int cut(const Shape *shape, XensimTxSlot *slots)
{
    size_t left = shape->len;
    unsigned int nr = 0;

    if (shape->nr_slots) {
        memcpy(slots, shape->slots, sizeof(shape->slots));
        return shape->nr_slots;
    }
    while (left) {
        slots[nr].offset = 0;
        slots[nr].len = MIN(left, XENSIM_PAGE_SIZE);
        left -= slots[nr++].len;
    }
    return nr;
}

/* As it has to be in the ring */
static netif_extra_info_t get_extra(const Shape *shape, unsigned int i)
{
    netif_extra_info_t extra = extra_infos[i];

    extra.flags = i + 1 < shape->nr_extras ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
    return extra;
}

/*
 * The guest's keys
 */

static char *read_key(Fixture *f, const char *key)
{
    g_autofree char *path = xensim_vif_frontend(f->sim, HANDLE, key);

    return xensim_store_read(xensim_store(f->sim), 0, path);
}

/* @value: NULL: there's no such key */
static void expect_key(Fixture *f, const char *key, const char *value)
{
    g_autofree char *text = read_key(f, key);

    g_assert_cmpstr(text, ==, value);
}

static void expect_number(Fixture *f, const char *dir, const char *key,
                          uint32_t number)
{
    g_autofree char *path = g_strconcat(dir, key, NULL);
    g_autofree char *value = g_strdup_printf("%u", number);

    expect_key(f, path, value);
}

/* Where a queue's keys are, with a slash behind it if it's a directory */
static char *queue_dir(Fixture *f, unsigned int index)
{
    return f->config->queues ? g_strdup_printf("queue-%u/", index)
                             : g_strdup("");
}

static uint32_t read_number(Fixture *f, const char *dir, const char *key)
{
    g_autofree char *path = g_strconcat(dir, key, NULL);
    g_autofree char *value = read_key(f, path);

    g_assert_nonnull(value);
    return atoi(value);
}

/* Exactly these keys are in a directory, in any order. */
static void expect_keys(Fixture *f, const char *dir, const char *const *keys)
{
    g_autofree char *path = xensim_vif_frontend(f->sim, HANDLE, dir);
    g_auto(GStrv) names = xensim_store_list(xensim_store(f->sim), 0, path);

    g_assert_nonnull(names);
    for (unsigned int i = 0; keys[i]; i++) {
        g_assert_true(g_strv_contains((const char *const *)names, keys[i]));
    }
    g_assert_cmpuint(g_strv_length(names), ==, g_strv_length((char **)keys));
}

static void add_queue_keys(GPtrArray *keys, bool split)
{
    g_ptr_array_add(keys, (char *)"tx-ring-ref");
    g_ptr_array_add(keys, (char *)"rx-ring-ref");
    if (split) {
        g_ptr_array_add(keys, (char *)"event-channel-tx");
        g_ptr_array_add(keys, (char *)"event-channel-rx");
    } else {
        g_ptr_array_add(keys, (char *)"event-channel");
    }
}

static void expect_queue_keys(Fixture *f, unsigned int index)
{
    g_autofree char *dir = g_strdup_printf("queue-%u", index);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    add_queue_keys(keys, f->config->split);
    g_ptr_array_add(keys, NULL);
    expect_keys(f, dir, (const char *const *)keys->pdata);
}

/* Those that the toolstack has made, and the driver's, and no others */
static void expect_all_keys(Fixture *f)
{
    static const char *const always[] = {
        "backend", "backend-id", "handle", "mac", "state", "request-rx-copy",
        "feature-rx-notify", "feature-sg",
    };
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    for (unsigned int i = 0; i < G_N_ELEMENTS(always); i++) {
        g_ptr_array_add(keys, g_strdup(always[i]));
    }
    if (f->config->persistent) {
        g_ptr_array_add(keys, g_strdup("feature-persistent"));
    }
    if (f->config->ctrl) {
        g_ptr_array_add(keys, g_strdup("ctrl-ring-ref"));
        g_ptr_array_add(keys, g_strdup("event-channel-ctrl"));
    }
    if (f->config->queues) {
        g_ptr_array_add(keys, g_strdup("multi-queue-num-queues"));
    }
    for (unsigned int i = 0; i < f->config->queues; i++) {
        g_ptr_array_add(keys, g_strdup_printf("queue-%u", i));
        expect_queue_keys(f, i);
    }
    if (!f->config->queues) {
        g_autoptr(GPtrArray) flat = g_ptr_array_new();

        add_queue_keys(flat, f->config->split);
        for (unsigned int i = 0; i < flat->len; i++) {
            g_ptr_array_add(keys, g_strdup(flat->pdata[i]));
        }
    }
    g_ptr_array_add(keys, NULL);
    expect_keys(f, NULL, (const char *const *)keys->pdata);
}

/* A page that the backend may write */
static void expect_shared(Fixture *f, uint32_t frame, uint32_t ref)
{
    grant_entry_v1_t *entry = &xensim_shared(f->sim)->grants[ref];

    g_assert_cmpuint(entry->flags, ==, GTF_permit_access);
    g_assert_cmpuint(entry->domid, ==, XENSIM_BACKEND_DOMID);
    g_assert_cmpuint(entry->frame, ==, frame);
}

/* A ring that is empty, in such a page; all rings begin with the same */
static void expect_ring(Fixture *f, uint32_t frame, uint32_t ref)
{
    netif_tx_sring_t *ring = xensim_page(f->sim, frame);

    expect_shared(f, frame, ref);
    g_assert_cmpuint(ring->req_prod, ==, 0);
    g_assert_cmpuint(ring->rsp_prod, ==, 0);
    g_assert_cmpuint(ring->req_event, ==, 1);
    g_assert_cmpuint(ring->rsp_event, ==, 1);
}

static uint32_t channel_state(Fixture *f, uint32_t port)
{
    return xensim_shared(f->sim)->channels[port - 1].state;
}

static void expect_queue(Fixture *f, unsigned int index)
{
    XensimQueue *queue = &f->front->queues[index];
    g_autofree char *dir = queue_dir(f, index);

    expect_number(f, dir, "tx-ring-ref", queue->tx_ref);
    expect_number(f, dir, "rx-ring-ref", queue->rx_ref);
    if (f->config->split) {
        expect_number(f, dir, "event-channel-tx", queue->tx_port);
        expect_number(f, dir, "event-channel-rx", queue->rx_port);
    } else {
        expect_number(f, dir, "event-channel", queue->tx_port);
    }
    g_assert_cmpint(queue->tx_port != queue->rx_port, ==, f->config->split);
    g_assert_cmpuint(channel_state(f, queue->tx_port), ==,
                     XENSIM_CHANNEL_UNBOUND);
    g_assert_cmpuint(channel_state(f, queue->rx_port), ==,
                     XENSIM_CHANNEL_UNBOUND);
    expect_ring(f, queue->tx_frame, queue->tx_ref);
    expect_ring(f, queue->rx_frame, queue->rx_ref);
}

static void expect_control(Fixture *f)
{
    XensimControl *control = &f->front->control;

    expect_number(f, "", "ctrl-ring-ref", control->ref);
    expect_number(f, "", "event-channel-ctrl", control->port);
    g_assert_cmpuint(channel_state(f, control->port), ==,
                     XENSIM_CHANNEL_UNBOUND);
    expect_ring(f, control->frame, control->ref);
    expect_shared(f, control->list_frame, control->list_ref);
}

/* No two rings share anything. */
static void expect_queues_apart(Fixture *f)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        XensimQueue *queue = &f->front->queues[i];

        g_assert_true(g_hash_table_add(seen,
                                       GUINT_TO_POINTER(queue->tx_frame)));
        g_assert_true(g_hash_table_add(seen,
                                       GUINT_TO_POINTER(queue->rx_frame)));
        for (unsigned int j = 0; j < i; j++) {
            g_assert_cmpuint(queue->tx_port, !=,
                             f->front->queues[j].tx_port);
            g_assert_cmpuint(queue->rx_port, !=,
                             f->front->queues[j].rx_port);
        }
    }
}

/* The driver gives all back, and the hypervisor has it. */
static void withdraw(Fixture *f)
{
    XensimShared *shared = xensim_shared(f->sim);

    expect_nothing_held(f);
    g_assert_true(xensim_front_withdraw(f->front));
    for (unsigned int i = 0; i < XENSIM_NR_GRANTS; i++) {
        g_assert_cmpuint(shared->grants[i].flags, ==, 0);
    }
    for (unsigned int i = 0; i < XENSIM_NR_CHANNELS; i++) {
        g_assert_cmpuint(shared->channels[i].state, ==, XENSIM_CHANNEL_FREE);
    }
}

static void test_publish(Fixture *f, const void *data)
{
    (void)data;
    xensim_front_publish(f->front, f->config);
    g_assert_cmpuint(f->front->nr_queues, ==, MAX(f->config->queues, 1));
    expect_all_keys(f);
    if (f->config->queues) {
        expect_number(f, "", "multi-queue-num-queues", f->config->queues);
    }
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        expect_queue(f, i);
    }
    expect_queues_apart(f);
    if (f->config->ctrl) {
        expect_control(f);
    }
    expect_key(f, "state", "1");
    withdraw(f);
}

static void test_features(Fixture *f, const void *data)
{
    static const char *const keys[] = {
        "feature-rx-notify", "", "request-rx-copy", "0", "other", "text", NULL
    };
    static const XensimFrontConfig all = {
        .csum6 = true, .gso4 = true, .gso6 = true, .no_csum = true,
        .no_sg = true, .persistent = true, .keys = keys,
    };

    (void)data;
    xensim_front_publish(f->front, &all);
    expect_key(f, "feature-ipv6-csum-offload", "1");
    expect_key(f, "feature-gso-tcpv4", "1");
    expect_key(f, "feature-gso-tcpv6", "1");
    expect_key(f, "feature-no-csum-offload", "1");
    expect_key(f, "feature-persistent", "1");
    expect_key(f, "feature-sg", NULL);
    expect_key(f, "feature-rx-notify", NULL);
    expect_key(f, "request-rx-copy", "0");
    expect_key(f, "other", "text");
    withdraw(f);
    xensim_front_publish(f->front, f->config);
    expect_key(f, "feature-sg", "1");
    expect_key(f, "feature-rx-notify", "1");
    expect_key(f, "request-rx-copy", "1");
    expect_key(f, "feature-gso-tcpv4", NULL);
    expect_key(f, "feature-no-csum-offload", NULL);
    withdraw(f);
}

/* Nothing is left in xenstore of queues that there aren't any more. */
static void test_publish_again(Fixture *f, const void *data)
{
    static const XensimFrontConfig before = {
        .queues = 8, .split = true, .ctrl = true,
    };
    uint32_t ref;

    (void)data;
    xensim_front_publish(f->front, &before);
    ref = f->front->queues[0].tx_ref;
    withdraw(f);
    xensim_front_publish(f->front, f->config);
    expect_all_keys(f);
    expect_queue(f, 0);
    g_assert_cmpuint(f->front->queues[0].tx_ref, !=, ref);
    withdraw(f);
}

/*
 * The backend
 */

static void *map_ref(Backend *backend, uint32_t ref, int prot)
{
    void *page = xengnttab_map_grant_ref(backend->xgt, GUEST, ref, prot);

    g_assert_nonnull(page);
    return page;
}

static void unmap(Backend *backend, void *page)
{
    g_assert_cmpint(xengnttab_unmap(backend->xgt, page, 1), ==, 0);
}

static int bind_port(Backend *backend, const char *dir, const char *key)
{
    int port = xenevtchn_bind_interdomain(backend->xce, GUEST,
                                          read_number(backend->f, dir, key));

    g_assert_cmpint(port, >, 0);
    return port;
}

static void open_ctrl(Backend *backend)
{
    xen_netif_ctrl_sring_t *ring =
        map_ref(backend, read_number(backend->f, "", "ctrl-ring-ref"),
                PROT_READ | PROT_WRITE);

    BACK_RING_INIT(&backend->ctrl, ring, XENSIM_PAGE_SIZE);
    backend->ctrl_port = bind_port(backend, "", "event-channel-ctrl");
}

static void open_backend(Backend *backend, Fixture *f, unsigned int index)
{
    g_autofree char *dir = queue_dir(f, index);
    netif_tx_sring_t *tx;
    netif_rx_sring_t *rx;

    memset(backend, 0, sizeof(*backend));
    backend->f = f;
    backend->index = index;
    backend->xgt = xengnttab_open(NULL, 0);
    backend->xce = xenevtchn_open(NULL, 0);
    g_assert_nonnull(backend->xgt);
    g_assert_nonnull(backend->xce);
    tx = map_ref(backend, read_number(f, dir, "tx-ring-ref"),
                 PROT_READ | PROT_WRITE);
    rx = map_ref(backend, read_number(f, dir, "rx-ring-ref"),
                 PROT_READ | PROT_WRITE);
    BACK_RING_INIT(&backend->tx, tx, XENSIM_PAGE_SIZE);
    BACK_RING_INIT(&backend->rx, rx, XENSIM_PAGE_SIZE);
    if (f->config->split) {
        backend->tx_port = bind_port(backend, dir, "event-channel-tx");
        backend->rx_port = bind_port(backend, dir, "event-channel-rx");
    } else {
        backend->tx_port = bind_port(backend, dir, "event-channel");
        backend->rx_port = backend->tx_port;
    }
    if (f->config->ctrl && index == 0) {
        open_ctrl(backend);
    }
}

static void close_backend(Backend *backend)
{
    unmap(backend, backend->tx.sring);
    unmap(backend, backend->rx.sring);
    if (backend->ctrl.sring) {
        unmap(backend, backend->ctrl.sring);
    }
    g_assert_cmpint(xenevtchn_close(backend->xce), ==, 0);
    g_assert_cmpint(xengnttab_close(backend->xgt), ==, 0);
}

/*
 * Only one ring is used at a time, so nothing may come by another's channel
 * but the event with which a channel begins.
 */
static void wait_event(Backend *backend, int port)
{
    struct pollfd fd = { .fd = xenevtchn_fd(backend->xce), .events = POLLIN };
    int from;

    do {
        g_assert_cmpint(poll(&fd, 1, XENSIM_PATIENCE), ==, 1);
        from = xenevtchn_pending(backend->xce);
        g_assert_true(from == backend->tx_port || from == backend->rx_port ||
                      from == backend->ctrl_port);
        g_assert_cmpint(xenevtchn_unmask(backend->xce, from), ==, 0);
    } while (from != port);
}

static void notify_guest(Backend *backend, int port)
{
    g_assert_cmpint(xenevtchn_notify(backend->xce, port), ==, 0);
}

static netif_tx_request_t next_tx(Backend *backend)
{
    netif_tx_request_t request;
    int more;

    RING_FINAL_CHECK_FOR_REQUESTS(&backend->tx, more);
    while (!more) {
        wait_event(backend, backend->tx_port);
        RING_FINAL_CHECK_FOR_REQUESTS(&backend->tx, more);
    }
    xen_rmb(); /* requests are read behind the index */
    request = *RING_GET_REQUEST(&backend->tx, backend->tx.req_cons);
    backend->tx.req_cons++;
    return request;
}

static netif_rx_request_t next_rx(Backend *backend)
{
    netif_rx_request_t request;
    int more;

    RING_FINAL_CHECK_FOR_REQUESTS(&backend->rx, more);
    while (!more) {
        wait_event(backend, backend->rx_port);
        RING_FINAL_CHECK_FOR_REQUESTS(&backend->rx, more);
    }
    xen_rmb(); /* requests are read behind the index */
    request = *RING_GET_REQUEST(&backend->rx, backend->rx.req_cons);
    backend->rx.req_cons++;
    return request;
}

static void put_tx(Backend *backend, uint16_t id, int16_t status)
{
    *RING_GET_RESPONSE(&backend->tx, backend->tx.rsp_prod_pvt) =
        (netif_tx_response_t) { .id = id, .status = status };
    backend->tx.rsp_prod_pvt++;
}

static void push_tx(Backend *backend)
{
    int notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&backend->tx, notify);
    if (notify) {
        notify_guest(backend, backend->tx_port);
    }
}

static void put_rx(Backend *backend, const void *response)
{
    memcpy(RING_GET_RESPONSE(&backend->rx, backend->rx.rsp_prod_pvt), response,
           sizeof(netif_rx_response_t));
    backend->rx.rsp_prod_pvt++;
}

static void push_rx(Backend *backend)
{
    int notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&backend->rx, notify);
    if (notify) {
        notify_guest(backend, backend->rx_port);
    }
}

/*
 * To send
 */

/* A slot's request, and the bytes in its page, are what they have to be. */
static void expect_slot(Backend *backend, const netif_tx_request_t *request,
                        const XensimTxSlot *slot, uint16_t size,
                        uint16_t flags, const uint8_t *data)
{
    const uint8_t *page = map_ref(backend, request->gref, PROT_READ);

    g_assert_cmpuint(request->offset, ==, slot->offset);
    g_assert_cmpuint(request->size, ==, size);
    g_assert_cmpuint(request->flags, ==, flags);
    g_assert_cmpmem(page + slot->offset, slot->len, data, slot->len);
    unmap(backend, (void *)page);
}

static void expect_tx_extras(Backend *backend, const Shape *shape)
{
    for (unsigned int i = 0; i < shape->nr_extras; i++) {
        netif_tx_request_t request = next_tx(backend);
        netif_extra_info_t extra = get_extra(shape, i);

        g_assert_cmpmem(&request, sizeof(extra), &extra, sizeof(extra));
    }
}

static uint16_t tx_flags(const Shape *shape, unsigned int i, unsigned int nr)
{
    uint16_t flags = i + 1 < nr ? NETTXF_more_data : 0;

    if (i == 0) {
        flags |= shape->flags | (shape->nr_extras ? NETTXF_extra_info : 0);
    }
    return flags;
}

/* Answers are written once all requests are read: they share the ring. */
static void answer_tx(Backend *backend, const Shape *shape,
                      const uint16_t *ids, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        put_tx(backend, ids[i], shape->status);
        for (unsigned int j = 0; i == 0 && j < shape->nr_extras; j++) {
            put_tx(backend, 0, NETIF_RSP_NULL);
        }
    }
    push_tx(backend);
}

static void serve_tx(Backend *backend, unsigned int nr)
{
    const Shape *shape = &tx_shapes[nr % NR_SHAPES];
    XensimTxSlot slots[MAX_SLOTS];
    unsigned int nr_slots = cut(shape, slots);
    uint8_t data[MAX_LEN], *next = data;
    uint16_t ids[MAX_SLOTS];

    fill(data, shape->len, backend->index, nr);
    for (unsigned int i = 0; i < nr_slots; i++) {
        netif_tx_request_t request = next_tx(backend);

        expect_slot(backend, &request, &slots[i],
                    i ? slots[i].len : shape->size ?: shape->len,
                    tx_flags(shape, i, nr_slots), next);
        next += slots[i].len;
        ids[i] = request.id;
        if (i == 0) {
            expect_tx_extras(backend, shape);
        }
    }
    answer_tx(backend, shape, ids, nr_slots);
}

static void *serve_all_tx(void *opaque)
{
    Backend *backend = opaque;

    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        serve_tx(backend, i);
    }
    return NULL;
}

static void send_frame(Fixture *f, unsigned int queue, unsigned int nr)
{
    const Shape *shape = &tx_shapes[nr % NR_SHAPES];
    uint8_t data[MAX_LEN];
    XensimTxFrame frame = {
        .data = data,
        .len = shape->len,
        .slots = shape->nr_slots ? shape->slots : NULL,
        .nr_slots = shape->nr_slots,
        .flags = shape->flags,
        .extras = extra_infos,
        .nr_extras = shape->nr_extras,
        .size = shape->size,
    };

    fill(data, shape->len, queue, nr);
    g_assert_true(xensim_front_send(f->front, queue, &frame));
}

/* What the backend has answered, and nothing else, has been counted. */
static void expect_answers(const XensimQueue *queue)
{
    uint64_t ok = 0, error = 0, dropped = 0, null = 0;

    for (unsigned int i = 0; i < NR_SHAPES; i++) {
        XensimTxSlot slots[MAX_SLOTS];
        unsigned int nr_slots = cut(&tx_shapes[i], slots);

        ok += tx_shapes[i].status == NETIF_RSP_OKAY ? nr_slots : 0;
        error += tx_shapes[i].status == NETIF_RSP_ERROR ? nr_slots : 0;
        dropped += tx_shapes[i].status == NETIF_RSP_DROPPED ? nr_slots : 0;
        null += tx_shapes[i].nr_extras;
    }
    g_assert_cmpuint(queue->tx_ok, ==, NR_ROUNDS * ok);
    g_assert_cmpuint(queue->tx_error, ==, NR_ROUNDS * error);
    g_assert_cmpuint(queue->tx_dropped, ==, NR_ROUNDS * dropped);
    g_assert_cmpuint(queue->tx_null, ==, NR_ROUNDS * null);
}

/* No page is out; the grants of those that were used go on if persistent. */
static void expect_buffers(Fixture *f, const XensimBuffers *buffers)
{
    unsigned int nr_used = 0;

    g_assert_cmpuint(buffers->nr_free, ==, XENSIM_TX_SLOTS);
    for (unsigned int i = 0; i < XENSIM_TX_SLOTS; i++) {
        const XensimBuffer *buffer = &buffers->buffers[i];

        g_assert_false(buffer->busy);
        g_assert_cmpint(buffer->ref != 0, ==,
                        buffer->frame && f->config->persistent);
        nr_used += buffer->frame != 0;
    }
    g_assert_cmpuint(nr_used, >, 0);
}

static void start(Fixture *f, Backend *backends, GThread **threads,
                  GThreadFunc function)
{
    xensim_front_publish(f->front, f->config);
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        open_backend(&backends[i], f, i);
        threads[i] = g_thread_new("backend", function, &backends[i]);
    }
}

static void join(Fixture *f, GThread **threads)
{
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        g_thread_join(threads[i]);
    }
}

static void finish(Fixture *f, Backend *backends)
{
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        close_backend(&backends[i]);
    }
    withdraw(f);
}

static void test_transmit(Fixture *f, const void *data)
{
    Backend backends[XENSIM_MAX_QUEUES];
    GThread *threads[XENSIM_MAX_QUEUES];

    (void)data;
    start(f, backends, threads, serve_all_tx);
    for (unsigned int nr = 0; nr < NR_FRAMES; nr++) {
        for (unsigned int i = 0; i < f->front->nr_queues; i++) {
            send_frame(f, i, nr);
        }
    }
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        g_assert_true(xensim_front_flush_tx(f->front, i));
        expect_answers(&f->front->queues[i]);
        expect_buffers(f, &f->front->queues[i].tx_buffers);
        g_assert_cmpuint(xensim_front_reap_tx(f->front, i), ==, 0);
    }
    join(f, threads);
    finish(f, backends);
}

/*
 * To receive
 */

static void fill_page(Backend *backend, uint32_t ref, uint16_t offset,
                      const uint8_t *data, size_t len)
{
    uint8_t *page = map_ref(backend, ref, PROT_READ | PROT_WRITE);

    memcpy(page + offset, data, len);
    unmap(backend, page);
}

static uint16_t rx_flags(const Shape *shape, unsigned int i, unsigned int nr)
{
    uint16_t flags = i + 1 < nr ? NETRXF_more_data : 0;

    if (i == 0) {
        flags |= shape->flags | (shape->nr_extras ? NETRXF_extra_info : 0);
    }
    return flags;
}

static void put_rx_extras(Backend *backend, const Shape *shape)
{
    for (unsigned int i = 0; i < shape->nr_extras; i++) {
        netif_extra_info_t extra = get_extra(shape, i);

        next_rx(backend);
        put_rx(backend, &extra);
    }
}

static void serve_rx(Backend *backend, unsigned int nr)
{
    const Shape *shape = &rx_shapes[nr % NR_SHAPES];
    XensimTxSlot slots[MAX_SLOTS];
    unsigned int nr_slots = cut(shape, slots);
    uint8_t data[MAX_LEN], *next = data;

    fill(data, shape->len, backend->index, nr);
    for (unsigned int i = 0; i < nr_slots; i++) {
        netif_rx_request_t request = next_rx(backend);
        netif_rx_response_t response = {
            .id = request.id,
            .offset = slots[i].offset,
            .flags = rx_flags(shape, i, nr_slots),
            .status = shape->status ?: slots[i].len,
        };

        fill_page(backend, request.gref, slots[i].offset, next, slots[i].len);
        next += slots[i].len;
        put_rx(backend, &response);
        if (i == 0) {
            put_rx_extras(backend, shape);
        }
    }
    push_rx(backend);
}

static void *serve_all_rx(void *opaque)
{
    Backend *backend = opaque;

    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        serve_rx(backend, i);
    }
    return NULL;
}

static void expect_frame(Fixture *f, unsigned int queue, unsigned int nr)
{
    const Shape *shape = &rx_shapes[nr % NR_SHAPES];
    XensimTxSlot slots[MAX_SLOTS];
    unsigned int nr_slots = cut(shape, slots);
    XensimRxFrame *frame = xensim_front_receive(f->front, queue,
                                                XENSIM_PATIENCE);
    uint8_t data[MAX_LEN];

    g_assert_nonnull(frame);
    fill(data, shape->len, queue, nr);
    g_assert_cmpint(frame->error, ==, shape->status);
    g_assert_cmpuint(frame->nr_slots, ==, nr_slots);
    for (unsigned int i = 0; i < MIN(nr_slots, XEN_NETIF_NR_SLOTS_MIN); i++) {
        g_assert_cmpuint(frame->offsets[i], ==, slots[i].offset);
    }
    g_assert_cmpuint(frame->flags, ==, rx_flags(shape, 0, nr_slots));
    g_assert_cmpmem(frame->data, frame->len, data,
                    shape->status ? 0 : shape->len);
    g_assert_cmpuint(frame->nr_extras, ==, shape->nr_extras);
    for (unsigned int i = 0; i < shape->nr_extras; i++) {
        netif_extra_info_t extra = get_extra(shape, i);

        g_assert_cmpmem(&frame->extras[i], sizeof(extra), &extra,
                        sizeof(extra));
    }
    xensim_rx_frame_free(frame);
}

/* How many slots of receive rings one of each shape takes */
static unsigned int count_rx_slots(void)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < NR_SHAPES; i++) {
        XensimTxSlot slots[MAX_SLOTS];

        nr += cut(&rx_shapes[i], slots) + rx_shapes[i].nr_extras;
    }
    return nr;
}

/* All but the last frames are looked at; these are taken unread. */
static void receive_all(Fixture *f)
{
    for (unsigned int nr = 0; nr < NR_FRAMES - NR_SHAPES; nr++) {
        for (unsigned int i = 0; i < f->front->nr_queues; i++) {
            xensim_front_post_rx(f->front, i, XENSIM_RX_SLOTS);
            expect_frame(f, i, nr);
        }
    }
}

static void test_receive(Fixture *f, const void *data)
{
    Backend backends[XENSIM_MAX_QUEUES];
    GThread *threads[XENSIM_MAX_QUEUES];

    (void)data;
    start(f, backends, threads, serve_all_rx);
    receive_all(f);
    join(f, threads);
    for (unsigned int i = 0; i < f->front->nr_queues; i++) {
        XensimQueue *queue = &f->front->queues[i];
        RING_IDX total = NR_ROUNDS * count_rx_slots();

        g_assert_cmpuint(xensim_front_drain_rx(f->front, i), ==, NR_SHAPES);
        g_assert_null(xensim_front_receive(f->front, i, 0));
        g_assert_cmpuint(xensim_front_drain_rx(f->front, i), ==, 0);
        g_assert_cmpuint(queue->rx.rsp_cons, ==, total);
        /* What is still posted is all that isn't free. */
        g_assert_cmpuint(queue->rx_buffers.nr_free, ==,
                         total + XENSIM_RX_SLOTS - queue->rx.req_prod_pvt);
    }
    finish(f, backends);
}

static void test_post(Fixture *f, const void *data)
{
    XensimQueue *queue = &f->front->queues[0];
    Backend backend;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    g_assert_cmpuint(xensim_front_post_rx(f->front, 0, 3), ==, 3);
    g_assert_cmpuint(backend.rx.sring->req_prod, ==, 3);
    for (unsigned int i = 0; i < 3; i++) {
        netif_rx_request_t request = next_rx(&backend);
        uint8_t *page = map_ref(&backend, request.gref,
                                PROT_READ | PROT_WRITE);

        g_assert_cmpuint(request.id, ==, queue->rx_ids[i]);
        g_assert_cmpuint(page[0], ==, XENSIM_RX_PATTERN);
        g_assert_cmpmem(page, XENSIM_PAGE_SIZE - 1, page + 1,
                        XENSIM_PAGE_SIZE - 1);
        unmap(&backend, page);
    }
    /* No more than there is room for */
    g_assert_cmpuint(xensim_front_post_rx(f->front, 0, 2 * XENSIM_RX_SLOTS),
                     ==, XENSIM_RX_SLOTS - 3);
    g_assert_cmpuint(xensim_front_post_rx(f->front, 0, 1), ==, 0);
    close_backend(&backend);
    withdraw(f);
}

static void test_ring_full(Fixture *f, const void *data)
{
    XensimTxFrame frame = { .data = "frame", .len = 5 };
    Backend backend;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    for (unsigned int i = 0; i < XENSIM_TX_SLOTS; i++) {
        g_assert_true(xensim_front_queue_tx(f->front, 0, &frame));
    }
    g_assert_false(xensim_front_queue_tx(f->front, 0, &frame));
    g_assert_cmpuint(backend.tx.sring->req_prod, ==, 0);
    g_assert_true(xensim_front_push_tx(f->front, 0));
    g_assert_cmpuint(backend.tx.sring->req_prod, ==, XENSIM_TX_SLOTS);
    put_tx(&backend, next_tx(&backend).id, NETIF_RSP_OKAY);
    push_tx(&backend);
    g_assert_true(xensim_front_queue_tx(f->front, 0, &frame));
    g_assert_false(xensim_front_queue_tx(f->front, 0, &frame));
    /* The backend doesn't wait, so it isn't notified. */
    g_assert_false(xensim_front_push_tx(f->front, 0));
    close_backend(&backend);
    withdraw(f);
}

/*
 * The control ring
 */

static struct xen_netif_ctrl_request next_ctrl(Backend *backend)
{
    struct xen_netif_ctrl_request request;
    int more;

    RING_FINAL_CHECK_FOR_REQUESTS(&backend->ctrl, more);
    while (!more) {
        wait_event(backend, backend->ctrl_port);
        RING_FINAL_CHECK_FOR_REQUESTS(&backend->ctrl, more);
    }
    xen_rmb(); /* requests are read behind the index */
    request = *RING_GET_REQUEST(&backend->ctrl, backend->ctrl.req_cons);
    backend->ctrl.req_cons++;
    return request;
}

static void put_ctrl(Backend *backend,
                     const struct xen_netif_ctrl_response *response)
{
    *RING_GET_RESPONSE(&backend->ctrl, backend->ctrl.rsp_prod_pvt) = *response;
    backend->ctrl.rsp_prod_pvt++;
}

static void push_ctrl(Backend *backend)
{
    int notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&backend->ctrl, notify);
    if (notify) {
        notify_guest(backend, backend->ctrl_port);
    }
}

/* The answer tells what the request's data was. */
static void answer_ctrl(Backend *backend,
                        const struct xen_netif_ctrl_request *request)
{
    put_ctrl(backend, &(struct xen_netif_ctrl_response) {
        .id = request->id,
        .type = request->type,
        .status = request->data[0],
        .data = request->data[1] + request->data[2],
    });
    push_ctrl(backend);
}

/* Each of the ring's places is used more than once. */
#define NR_CTRL (3 * XENSIM_CTRL_SLOTS)

static void *serve_all_ctrl(void *opaque)
{
    for (unsigned int i = 0; i < NR_CTRL; i++) {
        struct xen_netif_ctrl_request request = next_ctrl(opaque);

        g_assert_cmpuint(request.type, ==, 100 + i);
        answer_ctrl(opaque, &request);
    }
    return NULL;
}

static void test_control(Fixture *f, const void *data)
{
    Backend backend;
    GThread *thread;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    thread = g_thread_new("backend", serve_all_ctrl, &backend);
    for (unsigned int i = 0; i < NR_CTRL; i++) {
        uint32_t answer = 0;

        g_assert_cmpuint(xensim_front_control(f->front, 100 + i, i, 3 * i, 7,
                                              i % 2 ? &answer : NULL), ==, i);
        g_assert_cmpuint(answer, ==, i % 2 ? 3 * i + 7 : 0);
    }
    g_thread_join(thread);
    close_backend(&backend);
    withdraw(f);
}

/* A ring full of requests, published at once */
static void test_control_burst(Fixture *f, const void *data)
{
    Backend backend;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    for (unsigned int i = 0; i < XENSIM_CTRL_SLOTS; i++) {
        xensim_front_put_control(f->front, &(struct xen_netif_ctrl_request) {
            .id = 1000 - i,
            .data = { i },
        });
        g_assert_cmpuint(backend.ctrl.sring->req_prod, ==, 0);
    }
    xensim_front_push_control(f->front);
    g_assert_cmpuint(backend.ctrl.sring->req_prod, ==, XENSIM_CTRL_SLOTS);
    for (unsigned int i = 0; i < XENSIM_CTRL_SLOTS; i++) {
        struct xen_netif_ctrl_request request = next_ctrl(&backend);

        answer_ctrl(&backend, &request);
    }
    for (unsigned int i = 0; i < XENSIM_CTRL_SLOTS; i++) {
        struct xen_netif_ctrl_response response;

        g_assert_true(xensim_front_take_control(f->front, &response));
        g_assert_cmpuint(response.id, ==, 1000 - i);
        g_assert_cmpuint(response.status, ==, i);
    }
    close_backend(&backend);
    withdraw(f);
}

/* What requests name by a grant */
static const uint8_t a_key[] = { 3, 1, 4, 1, 5 };
static const uint32_t a_mapping[] = { 2, 7, 1, 8, 2, 8 };
static const uint32_t some_refs[] = { 1, 6, 1, 8 };

/**
 * Listed: a request that names the list page
 * @type: its type
 * @data: its data, but for the reference
 * @place: where in its data the reference is
 * @list, len: what the page begins with, or NULL: some_refs
 * @flags: of these references
 */
typedef struct Listed {
    uint16_t type;
    uint32_t data[3];
    unsigned int place;
    const void *list;
    size_t len;
    uint16_t flags;
} Listed;

static const Listed listed[] = {
    { .type = XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, .data = { 0, sizeof(a_key) },
      .place = 0, .list = a_key, .len = sizeof(a_key) },
    { .type = XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING,
      .data = { 0, G_N_ELEMENTS(a_mapping), 9 },
      .place = 0, .list = a_mapping, .len = sizeof(a_mapping) },
    { .type = XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING,
      .data = { 3, 0, G_N_ELEMENTS(some_refs) },
      .place = 1, .flags = XEN_NETIF_CTRLF_GREF_readonly },
    { .type = XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING,
      .data = { 4, 0, G_N_ELEMENTS(some_refs) }, .place = 1 },
};

/* The backend writes a status, as it does when it deletes. */
static void expect_grefs(struct xen_netif_gref *list, uint16_t flags)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(some_refs); i++) {
        g_assert_cmpuint(list[i].ref, ==, some_refs[i]);
        g_assert_cmpuint(list[i].flags, ==, flags);
        g_assert_cmpuint(list[i].status, ==, XENSIM_NO_STATUS);
        list[i].status = i;
    }
}

static void *serve_listed(void *opaque)
{
    Backend *backend = opaque;

    for (unsigned int i = 0; i < G_N_ELEMENTS(listed); i++) {
        struct xen_netif_ctrl_request request = next_ctrl(backend);
        void *page = map_ref(backend, request.data[listed[i].place],
                             PROT_READ | PROT_WRITE);

        if (listed[i].list) {
            g_assert_cmpmem(page, listed[i].len, listed[i].list,
                            listed[i].len);
        } else {
            expect_grefs(page, listed[i].flags);
        }
        unmap(backend, page);
        g_assert_cmpuint(request.type, ==, listed[i].type);
        request.data[listed[i].place] = 0;
        g_assert_cmpmem(request.data, sizeof(request.data), listed[i].data,
                        sizeof(listed[i].data));
        request.data[0] = 50 + i;
        answer_ctrl(backend, &request);
    }
    return NULL;
}

static void test_control_lists(Fixture *f, const void *data)
{
    const struct xen_netif_gref *list;
    Backend backend;
    GThread *thread;
    uint32_t removed;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    thread = g_thread_new("backend", serve_listed, &backend);
    g_assert_cmpuint(xensim_front_set_hash_key(f->front, a_key, sizeof(a_key)),
                     ==, 50);
    g_assert_cmpuint(xensim_front_set_hash_mapping(
                     f->front, a_mapping, G_N_ELEMENTS(a_mapping), 9), ==, 51);
    g_assert_cmpuint(xensim_front_add_grefs(
                     f->front, 3, some_refs, G_N_ELEMENTS(some_refs),
                     XEN_NETIF_CTRLF_GREF_readonly), ==, 52);
    g_assert_cmpuint(xensim_front_del_grefs(
                     f->front, 4, some_refs, G_N_ELEMENTS(some_refs),
                     &removed), ==, 53);
    g_assert_cmpuint(removed, ==, G_N_ELEMENTS(some_refs));
    list = xensim_page(f->sim, f->front->control.list_frame);
    for (unsigned int i = 0; i < G_N_ELEMENTS(some_refs); i++) {
        g_assert_cmpuint(list[i].status, ==, i);
    }
    g_thread_join(thread);
    close_backend(&backend);
    withdraw(f);
}

/*
 * What the backend still holds
 */

static void test_withdraw_held(Fixture *f, const void *data)
{
    XensimTxFrame frame = { .data = "frame", .len = 5 };
    uint32_t tx_ref, gref, ctrl_ref;
    Backend backend;
    void *page;

    (void)data;
    xensim_front_publish(f->front, f->config);
    open_backend(&backend, f, 0);
    tx_ref = f->front->queues[0].tx_ref;
    ctrl_ref = f->front->control.ref;
    g_assert_true(xensim_front_send(f->front, 0, &frame));
    gref = next_tx(&backend).gref;
    page = map_ref(&backend, gref, PROT_READ);
    g_assert_false(xensim_front_withdraw(f->front));
    g_assert_false(xensim_end_grant(f->sim, tx_ref));
    g_assert_false(xensim_end_grant(f->sim, gref));
    g_assert_true(!ctrl_ref || !xensim_end_grant(f->sim, ctrl_ref));
    g_assert_cmpmem(page, 5, "frame", 5);
    unmap(&backend, page);
    close_backend(&backend);
    g_assert_true(xensim_end_grant(f->sim, tx_ref));
    g_assert_true(xensim_end_grant(f->sim, gref));
    g_assert_true(!ctrl_ref || xensim_end_grant(f->sim, ctrl_ref));
}

/*
 * What the driver finds wrong
 */

typedef struct Trap {
    Fixture fixture;
    Backend backend;
} Trap;

/* What is open needs no names any more, and nobody removes them later. */
static void remove_files(Xensim *sim)
{
    g_autoptr(GDir) dir = g_dir_open(xensim_folder(sim), 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(xensim_folder(sim), name,
                                                 NULL);

        g_assert_no_errno(unlink(path));
    }
    g_assert_no_errno(rmdir(xensim_folder(sim)));
}

static void set_trap(Trap *trap)
{
    static const XensimFrontConfig config = { .queues = 1, .ctrl = true };
    Fixture *f = &trap->fixture;

    prctl(PR_SET_DUMPABLE, 0);
    set_up(f, &config);
    xensim_front_publish(f->front, f->config);
    open_backend(&trap->backend, f, 0);
    remove_files(f->sim);
}

static netif_tx_request_t trap_tx(Trap *trap)
{
    XensimTxFrame frame = { .data = "frame", .len = 5 };

    set_trap(trap);
    g_assert_true(xensim_front_send(trap->fixture.front, 0, &frame));
    return next_tx(&trap->backend);
}

static void still_in_use(void)
{
    Trap trap;
    netif_tx_request_t request = trap_tx(&trap);

    map_ref(&trap.backend, request.gref, PROT_READ);
    put_tx(&trap.backend, request.id, NETIF_RSP_OKAY);
    push_tx(&trap.backend);
    xensim_front_flush_tx(trap.fixture.front, 0);
}

static void wrong_tx_id(void)
{
    Trap trap;
    netif_tx_request_t request = trap_tx(&trap);

    put_tx(&trap.backend, request.id + 1, NETIF_RSP_OKAY);
    push_tx(&trap.backend);
    xensim_front_flush_tx(trap.fixture.front, 0);
}

static void too_many_tx(void)
{
    Trap trap;
    netif_tx_request_t request = trap_tx(&trap);

    put_tx(&trap.backend, request.id, NETIF_RSP_OKAY);
    put_tx(&trap.backend, request.id, NETIF_RSP_OKAY);
    push_tx(&trap.backend);
    xensim_front_flush_tx(trap.fixture.front, 0);
}

/* One page is answered, in which @len bytes are written, not all told of. */
static void answer_rx(netif_rx_response_t response, size_t len)
{
    Trap trap;
    netif_rx_request_t request;
    uint8_t data[MAX_LEN];

    set_trap(&trap);
    xensim_front_post_rx(trap.fixture.front, 0, 1);
    request = next_rx(&trap.backend);
    fill(data, len, 0, 0);
    fill_page(&trap.backend, request.gref, 10, data, len);
    response.id += request.id;
    put_rx(&trap.backend, &response);
    push_rx(&trap.backend);
    xensim_front_receive(trap.fixture.front, 0, XENSIM_PATIENCE);
}

static void written_behind(void)
{
    answer_rx((netif_rx_response_t) { .offset = 10, .status = 59 }, 60);
}

static void written_before(void)
{
    answer_rx((netif_rx_response_t) { .offset = 11, .status = 59 }, 60);
}

static void beyond_page(void)
{
    answer_rx((netif_rx_response_t) { .offset = 10, .status = 4087 }, 60);
}

static void wrong_rx_id(void)
{
    answer_rx((netif_rx_response_t) { .id = 1, .offset = 10, .status = 60 },
              60);
}

/**
 * WrongAnswer: how the backend answers a control request
 * @id, type: by how much these are wrong
 * @times: how often
 */
typedef struct WrongAnswer {
    Trap trap;
    uint16_t id;
    uint16_t type;
    unsigned int times;
} WrongAnswer;

static void *answer_ctrl_wrong(void *opaque)
{
    WrongAnswer *answer = opaque;
    Backend *backend = &answer->trap.backend;
    struct xen_netif_ctrl_request request = next_ctrl(backend);

    for (unsigned int i = 0; i < answer->times; i++) {
        put_ctrl(backend, &(struct xen_netif_ctrl_response) {
            .id = request.id + answer->id,
            .type = request.type + answer->type,
        });
    }
    push_ctrl(backend);
    return NULL;
}

static void ask(WrongAnswer answer)
{
    set_trap(&answer.trap);
    g_thread_new("backend", answer_ctrl_wrong, &answer);
    xensim_front_control(answer.trap.fixture.front, 5, 0, 0, 0, NULL);
}

static void wrong_ctrl_id(void)
{
    ask((WrongAnswer) { .id = 1, .times = 1 });
}

static void wrong_ctrl_type(void)
{
    ask((WrongAnswer) { .type = 1, .times = 1 });
}

static void too_many_ctrl(void)
{
    ask((WrongAnswer) { .times = 2 });
}

/**
 * Wrong: a fault of the backend
 * @name: the test's
 * @commit: commits it, in a process of its own
 * @message: what the driver says
 */
typedef struct Wrong {
    const char *name;
    void (*commit)(void);
    const char *message;
} Wrong;

static const Wrong wrongs[] = {
    { "still-in-use", still_in_use, "*still uses request*" },
    { "wrong-tx-id", wrong_tx_id, "*a response to request *isn't out*" },
    { "too-many-tx", too_many_tx, "*2 responses, more than there are*" },
    { "written-behind", written_behind, "*written beyond its 59 bytes*" },
    { "written-before", written_before, "*written beyond its 59 bytes*" },
    { "beyond-page", beyond_page, "*a response of 4087 bytes at offset 10*" },
    { "wrong-rx-id", wrong_rx_id, "*a response to receive request *instead*" },
    { "wrong-ctrl-id", wrong_ctrl_id,
      "*response to control request 2 of type 5 instead of 1 of type 5*" },
    { "wrong-ctrl-type", wrong_ctrl_type,
      "*response to control request 1 of type 6 instead of 1 of type 5*" },
    { "too-many-ctrl", too_many_ctrl, "*2 responses to control requests*" },
};

static void test_wrong(const void *data)
{
    const Wrong *wrong = data;

    if (g_test_subprocess()) {
        wrong->commit();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(wrong->message);
}

/*
 * All of it
 */

static const XensimFrontConfig configs[] = {
    { .queues = 0 },
    { .queues = 0, .split = true },
    { .queues = 0, .persistent = true },
    { .queues = 0, .split = true, .persistent = true },
    { .queues = 1 },
    { .queues = 1, .split = true },
    { .queues = 1, .persistent = true },
    { .queues = 1, .split = true, .persistent = true },
    { .queues = 8 },
    { .queues = 8, .split = true },
    { .queues = 8, .persistent = true },
    { .queues = 8, .split = true, .persistent = true },
    { .queues = 0, .ctrl = true },
    { .queues = 8, .split = true, .persistent = true, .ctrl = true },
};

static void add_test(const char *name, const XensimFrontConfig *config,
                     void (*function)(Fixture *f, const void *data))
{
    g_autofree char *path = g_strdup_printf(
        "/xensim/netfront/%s/%u-queues%s%s%s", name, config->queues,
        config->split ? "-split" : "",
        config->persistent ? "-persistent" : "",
        config->ctrl ? "-ctrl" : "");

    g_test_add(path, Fixture, config, set_up, function, tear_down);
}

static void add_wrong(const Wrong *wrong)
{
    g_autofree char *path = g_strconcat("/xensim/netfront/wrong/",
                                        wrong->name, NULL);

    g_test_add_data_func(path, wrong, test_wrong);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned int i = 0; i < G_N_ELEMENTS(configs); i++) {
        add_test("publish", &configs[i], test_publish);
        add_test("publish-again", &configs[i], test_publish_again);
        add_test("transmit", &configs[i], test_transmit);
        add_test("receive", &configs[i], test_receive);
        add_test("withdraw-held", &configs[i], test_withdraw_held);
        if (configs[i].ctrl) {
            add_test("control", &configs[i], test_control);
            add_test("control-burst", &configs[i], test_control_burst);
            add_test("control-lists", &configs[i], test_control_lists);
        }
    }
    add_test("features", &configs[0], test_features);
    add_test("post", &configs[0], test_post);
    add_test("ring-full", &configs[0], test_ring_full);
    for (unsigned int i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        add_wrong(&wrongs[i]);
    }
    return g_test_run();
}
