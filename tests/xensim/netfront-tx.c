/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's netfront: to send
 *
 * A frame is copied into pages of the queue, one for each slot, at the offsets
 * that the caller wants; the rest of a page keeps what it had.
 */

#include <string.h>
#include "netfront-private.h"

static bool has_extra(const XensimTxFrame *frame)
{
    return frame->nr_extras > 0;
}

/* How the frame is cut if the caller doesn't say: page by page */
static unsigned int cut_by_page(size_t len, XensimTxSlot *slots)
{
    unsigned int nr = 0;

    do {
        slots[nr].offset = 0;
        slots[nr].len = MIN(len, XENSIM_PAGE_SIZE);
        len -= slots[nr].len;
        nr++;
    } while (len);
    return nr;
}

static void put_request(XensimQueue *queue, const netif_tx_request_t *request)
{
    *RING_GET_REQUEST(&queue->tx, queue->tx.req_prod_pvt) = *request;
    queue->tx.req_prod_pvt++;
}

static void put_extras(XensimQueue *queue, const XensimTxFrame *frame)
{
    for (unsigned int i = 0; i < frame->nr_extras; i++) {
        netif_tx_request_t request = { 0 };
        netif_extra_info_t extra = frame->extras[i];

        extra.flags &= ~XEN_NETIF_EXTRA_FLAG_MORE;
        if (i + 1 < frame->nr_extras) {
            extra.flags |= XEN_NETIF_EXTRA_FLAG_MORE;
        }
        memcpy(&request, &extra, sizeof(extra));
        put_request(queue, &request);
    }
}

static void put_slot(XensimFront *front, XensimQueue *queue,
                     const uint8_t *data, XensimTxSlot slot, uint16_t flags,
                     uint16_t size)
{
    netif_tx_request_t request = {
        .offset = slot.offset,
        .flags = flags,
        .size = size,
    };
    XensimBuffer *buffer = xensim_take_buffer(front, &queue->tx_buffers, true,
                                              &request.id);

    g_assert(slot.offset + slot.len <= XENSIM_PAGE_SIZE);
    memcpy((uint8_t *)xensim_page(front->sim, buffer->frame) + slot.offset,
           data, slot.len);
    request.gref = buffer->ref;
    put_request(queue, &request);
}

static void put_frame(XensimFront *front, XensimQueue *queue,
                      const XensimTxFrame *frame, const XensimTxSlot *slots,
                      unsigned int nr_slots)
{
    const uint8_t *data = frame->data;

    for (unsigned int i = 0; i < nr_slots; i++) {
        uint16_t flags = i + 1 < nr_slots ? NETTXF_more_data : 0;
        uint16_t size = slots[i].len;

        if (i == 0) {
            flags |= frame->flags;
            flags |= has_extra(frame) ? NETTXF_extra_info : 0;
            size = frame->size ?: frame->len;
        }
        put_slot(front, queue, data, slots[i], flags, size);
        if (i == 0) {
            put_extras(queue, frame);
        }
        data += slots[i].len;
    }
}

bool xensim_front_queue_tx(XensimFront *front, unsigned int queue_index,
                           const XensimTxFrame *frame)
{
    XensimQueue *queue = &front->queues[queue_index];
    XensimTxSlot cut[XENSIM_TX_SLOTS];
    const XensimTxSlot *slots = frame->slots;
    unsigned int nr_slots = frame->nr_slots;

    if (!slots) {
        nr_slots = cut_by_page(frame->len, cut);
        slots = cut;
    }
    xensim_front_reap_tx(front, queue_index);
    if (RING_FREE_REQUESTS(&queue->tx) < nr_slots + frame->nr_extras ||
        queue->tx_buffers.nr_free < nr_slots) {
        return false;
    }
    put_frame(front, queue, frame, slots, nr_slots);
    return true;
}

bool xensim_front_push_tx(XensimFront *front, unsigned int queue_index)
{
    XensimQueue *queue = &front->queues[queue_index];
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue->tx, notify);
    if (notify) {
        xensim_notify(front->sim, queue->tx_port);
    }
    return notify;
}

/* Waits for one more response.  Returns false if none came in time. */
static bool wait_response(XensimFront *front, XensimQueue *queue)
{
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(&queue->tx, more);
    while (!more) {
        if (!xensim_wait_event(front->sim, queue->tx_port, XENSIM_PATIENCE)) {
            return false;
        }
        RING_FINAL_CHECK_FOR_RESPONSES(&queue->tx, more);
    }
    return true;
}

bool xensim_front_send(XensimFront *front, unsigned int queue_index,
                       const XensimTxFrame *frame)
{
    while (!xensim_front_queue_tx(front, queue_index, frame)) {
        if (!wait_response(front, &front->queues[queue_index])) {
            return false;
        }
    }
    xensim_front_push_tx(front, queue_index);
    return true;
}

static void read_response(XensimFront *front, XensimQueue *queue,
                          const netif_tx_response_t *response)
{
    if (response->status == NETIF_RSP_NULL) {
        queue->tx_null++;
        return;
    }
    xensim_return_buffer(front, &queue->tx_buffers, response->id);
    if (response->status == NETIF_RSP_OKAY) {
        queue->tx_ok++;
    } else if (response->status == NETIF_RSP_DROPPED) {
        queue->tx_dropped++;
    } else {
        queue->tx_error++;
    }
}

unsigned int xensim_front_reap_tx(XensimFront *front, unsigned int queue_index)
{
    XensimQueue *queue = &front->queues[queue_index];
    RING_IDX end = queue->tx.sring->rsp_prod;
    unsigned int nr = end - queue->tx.rsp_cons;

    if (nr > queue->tx.req_prod_pvt - queue->tx.rsp_cons) {
        g_error("netfront: %u responses, more than there are requests", nr);
    }
    xen_rmb(); /* responses are read behind the index */
    while (queue->tx.rsp_cons != end) {
        netif_tx_response_t response =
            *RING_GET_RESPONSE(&queue->tx, queue->tx.rsp_cons);

        queue->tx.rsp_cons++;
        read_response(front, queue, &response);
    }
    return nr;
}

bool xensim_front_flush_tx(XensimFront *front, unsigned int queue_index)
{
    XensimQueue *queue = &front->queues[queue_index];

    xensim_front_reap_tx(front, queue_index);
    while (queue->tx.rsp_cons != queue->tx.req_prod_pvt) {
        if (!wait_response(front, queue)) {
            return false;
        }
        xensim_front_reap_tx(front, queue_index);
    }
    return true;
}
