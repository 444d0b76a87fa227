/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does as it is told, and knows what must come of it
 *
 * Every request that it puts into a ring is noted by its place there, with
 * what must be answered.  What is part of a transmit frame, and what an extra
 * info, follows from the flags of the requests before.  Receive requests have
 * no such structure; each frame of the peer is noted until it has come, and
 * compared where its pages weren't posted more than once at a time.
 *
 * The outcome is expected exactly where it is certain: of frames in one slot,
 * and of all receive requests, as long as no faults are armed and no grants
 * revoked.  Else each request must be answered once, in the order of the ring,
 * and the answers to a frame's requests must agree.
 *
 * An error ends the program by g_error().
 */

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>
#include "model.h"

/* As many as the longest frame needs, and then some */
#define NR_SPARE 18
#define NR_PAGES (MODEL_SPARE + NR_SPARE)

/* Of those that Xen keeps for itself, and xensim never gives */
#define UNUSED_REF 2
#define BEYOND_REF 0xfffffff0u
#define OTHER_DOMID 3

/* A frame of more slots doesn't fit the backend, and it stops the vif. */
#define ENDLESS_SLOTS 64

typedef enum Role {
    ROLE_FIRST,
    ROLE_EXTRA,
    ROLE_REST,
} Role;

/* What is known of a response before it comes */
typedef enum Outcome {
    ANY_OUTCOME,
    MUST_WORK,
    MUST_FAIL,
} Outcome;

/**
 * Page:
 * @posts: how often it is with the backend to be written to
 * @last: the place of the last of them in the ring
 */
typedef struct Page {
    uint32_t frame;
    uint32_t ref;
    bool granted;
    unsigned int posts;
    unsigned int last;
} Page;

/**
 * TxSlot:
 * @dummy: the frame's first, and it isn't sent, as it is about multicast
 */
typedef struct TxSlot {
    uint16_t id;
    Role role;
    Outcome outcome;
    bool dummy;
} TxSlot;

/**
 * RxSlot:
 * @alone: nobody else writes to the page
 */
typedef struct RxSlot {
    uint16_t id;
    ModelPage page;
    Outcome outcome;
    bool alone;
} RxSlot;

/* A frame of the peer that hasn't come yet */
typedef struct Sent {
    uint32_t number;
    uint16_t len;
} Sent;

/**
 * Model:
 * @loose: frames to the guest may be lost
 * @lost: nothing is expected any more
 * @endless: there is a frame that stops the vif
 * @uncertain: faults are armed, or grants were revoked
 * @next: the role of the next transmit request
 * @more: the frame's last data request says that another follows
 * @first: the place of the last frame's first request
 * @frame_slots: of the frame that isn't whole yet
 * @status: of the frame that is being answered
 * @sent: a queue of Sent
 * @nr_*: what has happened, in the counters' terms
 */
struct Model {
    VifTest *test;
    XensimQueue *queue;
    bool loose;
    bool lost;
    bool endless;
    bool uncertain;
    Page pages[NR_PAGES];
    TxSlot tx[XENSIM_TX_SLOTS];
    RxSlot rx[XENSIM_RX_SLOTS];
    uint16_t next_id;
    Role next;
    bool more;
    RING_IDX first;
    unsigned int frame_slots;
    int16_t status;
    GQueue sent;
    uint32_t next_number;
    uint64_t nr_tx_slots, nr_tx_ok, nr_tx_bad;
    uint64_t nr_rx_slots, nr_rx_ok, nr_rx_bad;
};

/*
 * Pages
 */

static void grant_page(Model *model, ModelPage number)
{
    Page *page = &model->pages[number];
    bool readonly = number >= MODEL_READONLY && number < MODEL_FOREIGN;

    page->frame = xensim_alloc_page(model->test->sim);
    page->ref = xensim_grant(model->test->sim, page->frame, readonly);
    page->granted = true;
}

static void grant_pages(Model *model)
{
    Page *pages = model->pages;

    for (unsigned int i = 0; i < NR_PAGES; i++) {
        if (i <= MODEL_REVOKED || i >= MODEL_SPARE) {
            grant_page(model, i);
        }
    }
    xensim_shared(model->test->sim)->grants[pages[MODEL_FOREIGN].ref].domid =
        OTHER_DOMID;
    pages[MODEL_REVOKED].granted = false;
    g_assert_true(xensim_end_grant(model->test->sim,
                                   pages[MODEL_REVOKED].ref));
    pages[MODEL_UNUSED].ref = UNUSED_REF;
    pages[MODEL_BEYOND].ref = BEYOND_REF;
    pages[MODEL_RING].ref = model->queue->tx_ref;
}

/* Can the backend use it?  This is true of the ring, too. */
static Outcome judge_page(const Model *model, ModelPage page, bool write)
{
    if (model->uncertain) {
        return ANY_OUTCOME;
    }
    if (page >= MODEL_FOREIGN && page < MODEL_RING) {
        return MUST_FAIL;
    }
    return write && page >= MODEL_READONLY && page < MODEL_FOREIGN
           ? MUST_FAIL : MUST_WORK;
}

uint8_t *model_data(Model *model, ModelPage page)
{
    Page *p = &model->pages[page];

    if (p->posts) {
        model->rx[p->last].alone = false;
    }
    return p->frame ? xensim_page(model->test->sim, p->frame) : NULL;
}

void model_end_grant(Model *model, ModelPage page)
{
    Page *p = &model->pages[page];

    if (p->granted && xensim_end_grant(model->test->sim, p->ref)) {
        p->granted = false;
        model->uncertain = true;
    }
}

static void give_page_back(Model *model, Page *page)
{
    if (page->granted && !xensim_end_grant(model->test->sim, page->ref)) {
        g_error("the backend still uses grant %u", page->ref);
    }
    if (page->frame) {
        xensim_free_page(model->test->sim, page->frame);
    }
}

/*
 * Transmit
 */

static unsigned int free_slots_tx(const Model *model)
{
    return model->lost ? 0 : RING_FREE_REQUESTS(&model->queue->tx);
}

/* A frame in one slot, without anything left to do, has a certain outcome. */
static Outcome judge_tx(const Model *model, ModelPage page,
                        const netif_tx_request_t *request)
{
    if (model->next != ROLE_FIRST ||
        (request->flags & ~NETTXF_data_validated)) {
        return ANY_OUTCOME;
    }
    if (request->size < ETH_HLEN ||
        request->offset + request->size > XENSIM_PAGE_SIZE) {
        return MUST_FAIL;
    }
    return judge_page(model, page, false);
}

/* Note a slot, and find out what the next one is. */
static void note_tx(Model *model, uint16_t id, Outcome outcome, bool extra)
{
    RING_IDX place = model->queue->tx.req_prod_pvt % XENSIM_TX_SLOTS;

    model->tx[place] = (TxSlot) { id, model->next, outcome };
    model->first = model->next == ROLE_FIRST ? place : model->first;
    model->next = extra ? ROLE_EXTRA : model->more ? ROLE_REST : ROLE_FIRST;
    model->frame_slots++;
    if (model->next == ROLE_FIRST) {
        model->frame_slots = 0;
    } else if (model->frame_slots == ENDLESS_SLOTS) {
        model->endless = true;
    }
}

static void put_slot(Model *model, const void *slot, size_t size)
{
    netif_tx_front_ring_t *ring = &model->queue->tx;

    memcpy(RING_GET_REQUEST(ring, ring->req_prod_pvt), slot, size);
    ring->req_prod_pvt++;
}

/* What stands where an extra info has to be is one. */
static void put_as_extra(Model *model, const void *slot, size_t size)
{
    netif_extra_info_t extra;

    memcpy(&extra, slot, sizeof(extra));
    if (extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ||
        extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
        model->tx[model->first].dummy = true;
    }
    note_tx(model, 0, ANY_OUTCOME, extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    put_slot(model, slot, size);
}

static void put_as_request(Model *model, const netif_tx_request_t *request,
                           Outcome outcome)
{
    bool extra = model->next == ROLE_FIRST &&
                 (request->flags & NETTXF_extra_info);

    model->more = request->flags & NETTXF_more_data;
    note_tx(model, request->id, outcome, extra);
    put_slot(model, request, sizeof(*request));
}

void model_put_tx(Model *model, ModelPage page, uint16_t flags,
                  uint16_t offset, uint16_t size)
{
    netif_tx_request_t request = {
        .gref = model->pages[page].ref,
        .offset = offset,
        .flags = flags,
        .id = model->next_id++,
        .size = size,
    };

    if (!free_slots_tx(model)) {
        return;
    }
    if (model->next == ROLE_EXTRA) {
        put_as_extra(model, &request, sizeof(request));
    } else {
        put_as_request(model, &request, judge_tx(model, page, &request));
    }
}

void model_put_extra(Model *model, const netif_extra_info_t *extra)
{
    netif_tx_request_t request = { 0 };

    if (!free_slots_tx(model)) {
        return;
    }
    memcpy(&request, extra, sizeof(*extra));
    if (model->next == ROLE_EXTRA) {
        put_as_extra(model, &request, sizeof(request));
    } else {
        put_as_request(model, &request, ANY_OUTCOME);
    }
}

void model_push_tx(Model *model, ModelPush how)
{
    int asked;

    if (model->lost) {
        return;
    }
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&model->queue->tx, asked);
    if (how == MODEL_PUSH_ALWAYS || (how == MODEL_PUSH_ASKED && asked)) {
        xensim_notify(model->test->sim, model->queue->tx_port);
    }
}

static void check_tx_outcome(const Model *model, const TxSlot *slot,
                             int16_t status)
{
    bool good = status == NETIF_RSP_OKAY;

    if (!good && status != NETIF_RSP_ERROR && status != NETIF_RSP_DROPPED) {
        g_error("transmit request %u: status %d", slot->id, status);
    }
    if (!model->uncertain && ((slot->outcome == MUST_WORK && !good) ||
                              (slot->outcome == MUST_FAIL && good))) {
        g_error("transmit request %u: status %d isn't what it deserves",
                slot->id, status);
    }
}

static void note_tx_status(Model *model, const TxSlot *slot, int16_t status)
{
    if (slot->role == ROLE_FIRST) {
        model->status = status;
        if (status == NETIF_RSP_OKAY) {
            model->nr_tx_ok += !slot->dummy;
        } else {
            model->nr_tx_bad++;
        }
    } else if (status != model->status) {
        g_error("transmit request %u: status %d, its frame's is %d",
                slot->id, status, model->status);
    }
}

static void check_tx(Model *model, const TxSlot *slot,
                     const netif_tx_response_t *response)
{
    model->nr_tx_slots++;
    if (slot->role == ROLE_EXTRA) {
        if (response->status != NETIF_RSP_NULL) {
            g_error("an extra info is answered with %d", response->status);
        }
        return;
    }
    if (response->id != slot->id) {
        g_error("transmit request %u is answered instead of %u",
                response->id, slot->id);
    }
    check_tx_outcome(model, slot, response->status);
    note_tx_status(model, slot, response->status);
}

static void reap_tx(Model *model)
{
    netif_tx_front_ring_t *ring = &model->queue->tx;
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    if (more > (int)(ring->req_prod_pvt - ring->rsp_cons)) {
        g_error("%d transmit responses, too many", more);
    }
    for (; more; more--, ring->rsp_cons++) {
        netif_tx_response_t response = *RING_GET_RESPONSE(ring,
                                                          ring->rsp_cons);

        check_tx(model, &model->tx[ring->rsp_cons % XENSIM_TX_SLOTS],
                 &response);
    }
}

/*
 * Receive
 */

void model_put_rx(Model *model, ModelPage page)
{
    netif_rx_front_ring_t *ring = &model->queue->rx;
    RING_IDX place = ring->req_prod_pvt % XENSIM_RX_SLOTS;
    Page *p = &model->pages[page];

    if (model->lost || !RING_FREE_REQUESTS(ring)) {
        return;
    }
    if (page == MODEL_RING) {
        model->lost = true;     /* What comes is a list of requests. */
    }
    if (p->posts) {
        model->rx[p->last].alone = false;
    }
    model->rx[place] = (RxSlot) {
        .id = model->next_id++,
        .page = page,
        .outcome = judge_page(model, page, true),
        .alone = p->posts == 0,
    };
    p->posts++;
    p->last = place;
    *RING_GET_REQUEST(ring, ring->req_prod_pvt) = (netif_rx_request_t) {
        .id = model->rx[place].id,
        .gref = p->ref,
    };
    ring->req_prod_pvt++;
}

void model_push_rx(Model *model, ModelPush how)
{
    int asked;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&model->queue->rx, asked);
    if (how == MODEL_PUSH_ALWAYS || (how == MODEL_PUSH_ASKED && asked)) {
        xensim_notify(model->test->sim, model->queue->rx_port);
    }
}

static uint8_t get_byte(const Sent *sent, size_t i)
{
    return sent->number * 31 + i * 7 + (i >> 8);
}

/* Is what has come to a page the frame's part at @start? */
static void check_bytes(Model *model, const RxSlot *slot,
                        const netif_rx_response_t *response, const Sent *sent,
                        size_t start)
{
    const uint8_t *page = xensim_page(model->test->sim,
                                      model->pages[slot->page].frame);

    if (response->offset + response->status > XENSIM_PAGE_SIZE ||
        start + response->status > sent->len) {
        g_error("receive request %u: %d bytes at offset %u, behind %zu",
                slot->id, response->status, response->offset, start);
    }
    for (int i = 0; slot->alone && i < response->status; i++) {
        if (page[response->offset + i] != get_byte(sent, start + i)) {
            g_error("receive request %u: byte %d isn't what was sent",
                    slot->id, i);
        }
    }
}

/* The next response, with the slot that it has to answer. */
static const RxSlot *take_rx(Model *model, netif_rx_response_t *response)
{
    netif_rx_front_ring_t *ring = &model->queue->rx;
    const RxSlot *slot = &model->rx[ring->rsp_cons % XENSIM_RX_SLOTS];

    if (ring->rsp_cons == ring->sring->rsp_prod) {
        g_error("a frame to the guest isn't published as a whole");
    }
    *response = *RING_GET_RESPONSE(ring, ring->rsp_cons);
    ring->rsp_cons++;
    model->nr_rx_slots++;
    model->pages[slot->page].posts--;
    if (response->id != slot->id) {
        g_error("receive request %u is answered instead of %u",
                response->id, slot->id);
    }
    if (response->flags & NETRXF_extra_info) {
        g_error("an extra info, and the netdev knows no such thing");
    }
    return slot;
}

static Outcome join_outcomes(Outcome a, Outcome b)
{
    if (a == MUST_FAIL || b == MUST_FAIL) {
        return MUST_FAIL;
    }
    return a == ANY_OUTCOME ? a : b;
}

static void check_rx_outcome(Model *model, Outcome outcome, bool good)
{
    if (!model->uncertain && ((outcome == MUST_WORK && !good) ||
                              (outcome == MUST_FAIL && good))) {
        g_error("a frame %s the guest, and mustn't",
                good ? "comes to" : "is lost for");
    }
    if (good) {
        model->nr_rx_ok++;
    } else {
        model->nr_rx_bad++;
    }
}

/* All of a frame's responses; if it's bad, all of them say so. */
static void take_frame(Model *model, const Sent *sent)
{
    Outcome outcome = MUST_WORK;
    netif_rx_response_t response;
    unsigned int nr = 0, nr_bad = 0;
    size_t len = 0;

    do {
        const RxSlot *slot = take_rx(model, &response);

        outcome = join_outcomes(outcome, slot->outcome);
        nr++;
        if (response.status < 0) {
            nr_bad++;
        } else if (sent) {
            check_bytes(model, slot, &response, sent, len);
            len += response.status;
        }
    } while (response.flags & NETRXF_more_data);
    if (nr_bad ? nr_bad != nr : sent && len != sent->len) {
        g_error("a frame of %u bytes comes as %zu in %u slots, %u bad",
                sent ? sent->len : 0, len, nr, nr_bad);
    }
    check_rx_outcome(model, outcome, nr_bad == 0);
}

static void reap_rx(Model *model)
{
    netif_rx_front_ring_t *ring = &model->queue->rx;
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    while (more) {
        g_autofree Sent *sent = NULL;

        if (!model->loose) {
            sent = g_queue_pop_head(&model->sent);
            if (!sent) {
                g_error("a frame to the guest that nobody has sent");
            }
        }
        take_frame(model, sent);
        RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    }
}

void model_reap(Model *model)
{
    if (!model->lost) {
        reap_tx(model);
        reap_rx(model);
    }
}

/*
 * Misbehaviour
 */

void model_arm(Model *model, XensimOp op, uint64_t skip, uint64_t count)
{
    model->uncertain = true;
    xensim_fail(model->test->sim, op, skip, count);
}

void model_break_tx(Model *model, uint16_t distance)
{
    model->lost = true;
    model->queue->tx.sring->req_prod = model->queue->tx.req_prod_pvt +
                                       distance;
    xensim_notify(model->test->sim, model->queue->tx_port);
}

void model_break_rx(Model *model, uint16_t distance)
{
    model->lost = true;
    model->queue->rx.sring->req_prod = model->queue->rx.req_prod_pvt +
                                       distance;
    xensim_notify(model->test->sim, model->queue->rx_port);
}

/*
 * The network's other end
 */

void model_peer_send(Model *model, uint16_t len)
{
    static uint8_t data[VIF_TEST_MAX_FRAME];
    Sent sent = { .number = model->next_number++, .len = MAX(len, 1) };

    for (size_t i = 0; i < sent.len; i++) {
        data[i] = get_byte(&sent, i);
    }
    if (send(model->test->peer, data, sent.len, MSG_DONTWAIT) == sent.len) {
        g_queue_push_tail(&model->sent, g_memdup2(&sent, sizeof(sent)));
    }
}

void model_peer_read(Model *model)
{
    static uint8_t data[2 * VIF_TEST_MAX_FRAME];

    while (recv(model->test->peer, data, sizeof(data), MSG_DONTWAIT) >= 0) {
        /* What guests send is compared by other tests. */
    }
}

/*
 * The end
 */

/* Empty slots are an extra info's end and a frame's. */
static void end_frame(Model *model)
{
    while (model->next != ROLE_FIRST && free_slots_tx(model) &&
           !model->endless) {
        model_put_tx(model, 0, 0, 0, 0);
    }
    model_push_tx(model, MODEL_PUSH_ALWAYS);
}

/* Post pages that can take what is still to come. */
static void post_spare(Model *model)
{
    for (unsigned int i = MODEL_SPARE; i < NR_PAGES; i++) {
        if (!g_queue_is_empty(&model->sent) && !model->pages[i].posts) {
            model_put_rx(model, i);
        }
    }
    model_push_rx(model, MODEL_PUSH_ALWAYS);
}

static bool is_settled(Model *model)
{
    return model->next == ROLE_FIRST &&
           model->queue->tx.rsp_cons == model->queue->tx.req_prod_pvt &&
           (model->loose || g_queue_is_empty(&model->sent));
}

bool model_settle(Model *model)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    for (;;) {
        model_peer_read(model);
        model_reap(model);
        if (is_settled(model)) {
            return true;
        }
        if (vif_test_state(model->test) != XenbusStateConnected) {
            if (!model->endless) {
                g_error("the vif has stopped, without a reason");
            }
            return false;
        }
        if (g_get_monotonic_time() > end) {
            g_error("%u transmit requests aren't answered, %u frames don't "
                    "come", model->queue->tx.req_prod_pvt -
                    model->queue->tx.rsp_cons, model->sent.length);
        }
        end_frame(model);
        post_spare(model);
        xensim_wait_event(model->test->sim, model->queue->tx_port, 1);
    }
}

bool model_is_lost(const Model *model)
{
    return model->lost;
}

static uint64_t difference(JsonObject *before, JsonObject *after,
                           const char *name)
{
    return json_object_get_int_member(after, name) -
           json_object_get_int_member(before, name);
}

static uint64_t sum_drops(JsonObject *direction)
{
    JsonObject *drops = json_object_get_object_member(direction, "drops");
    g_autoptr(GList) values = json_object_get_values(drops);
    uint64_t sum = 0;

    for (GList *value = values; value; value = value->next) {
        sum += json_node_get_int(value->data);
    }
    return sum;
}

static void check_direction(JsonObject *before, JsonObject *after,
                            const char *name, uint64_t slots, uint64_t ok,
                            uint64_t bad)
{
    JsonObject *was = json_object_get_object_member(before, name);
    JsonObject *is = json_object_get_object_member(after, name);
    uint64_t drops = sum_drops(is) - sum_drops(was);

    if (difference(was, is, "slots") != slots ||
        difference(was, is, "frames") != ok || drops != bad) {
        g_error("%s: %" PRIu64 " slots, %" PRIu64 " frames, %" PRIu64
                " dropped, but it counts %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                name, slots, ok, bad, difference(was, is, "slots"),
                difference(was, is, "frames"), drops);
    }
}

void model_check_counters(Model *model, JsonObject *before, JsonObject *after)
{
    check_direction(before, after, "tx", model->nr_tx_slots, model->nr_tx_ok,
                    model->nr_tx_bad);
    if (!model->loose) {
        check_direction(before, after, "rx", model->nr_rx_slots,
                        model->nr_rx_ok, model->nr_rx_bad);
    }
}

Model *model_new(VifTest *test, bool loose)
{
    Model *model = g_new0(Model, 1);

    model->test = test;
    model->queue = &test->front->queues[0];
    model->loose = loose;
    g_queue_init(&model->sent);
    grant_pages(model);
    return model;
}

void model_free(Model *model)
{
    for (unsigned int i = 0; i < NR_PAGES; i++) {
        give_page_back(model, &model->pages[i]);
    }
    g_queue_clear_full(&model->sent, g_free);
    g_free(model);
}
