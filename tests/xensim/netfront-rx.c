/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's netfront: to receive
 *
 * Posted pages are full of a pattern.  What the backend leaves outside of what
 * it says that it has written must still be that, or the test ends.
 */

#include <string.h>
#include "netfront-private.h"

/* A frame that is being put together */
typedef struct Assembly {
    XensimRxFrame *frame;
    GByteArray *data;
} Assembly;

unsigned int xensim_front_post_rx(XensimFront *front, unsigned int queue_index,
                                  unsigned int nr)
{
    XensimQueue *queue = &front->queues[queue_index];
    unsigned int i;
    int notify;

    for (i = 0; i < nr && RING_FREE_REQUESTS(&queue->rx) &&
         queue->rx_buffers.nr_free; i++) {
        RING_IDX place = queue->rx.req_prod_pvt++;
        netif_rx_request_t request = { 0 };
        XensimBuffer *buffer = xensim_take_buffer(front, &queue->rx_buffers,
                                                  false, &request.id);

        if (!front->config.unchecked) {
            memset(xensim_page(front->sim, buffer->frame), XENSIM_RX_PATTERN,
                   XENSIM_PAGE_SIZE);
        }
        request.gref = buffer->ref;
        queue->rx_ids[place % XENSIM_RX_SLOTS] = request.id;
        *RING_GET_REQUEST(&queue->rx, place) = request;
    }
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue->rx, notify);
    if (notify) {
        xensim_notify(front->sim, queue->rx_port);
    }
    return i;
}

static bool is_pattern(const uint8_t *data, size_t len)
{
    return !len || (data[0] == XENSIM_RX_PATTERN &&
                    !memcmp(data, data + 1, len - 1));
}

/* Takes the bytes of one page. */
static void take_data(XensimFront *front, const uint8_t *page,
                      const netif_rx_response_t *response, Assembly *assembly)
{
    size_t end = response->offset + response->status;

    if (end > XENSIM_PAGE_SIZE) {
        g_error("netfront: a response of %d bytes at offset %u",
                response->status, response->offset);
    }
    if (!front->config.unchecked &&
        (!is_pattern(page, response->offset) ||
         !is_pattern(page + end, XENSIM_PAGE_SIZE - end))) {
        g_error("netfront: the backend has written beyond its %d bytes",
                response->status);
    }
    g_byte_array_append(assembly->data, page + response->offset,
                        response->status);
}

/* Waits for a response.  Returns false if none came in time. */
static bool wait_response(XensimFront *front, XensimQueue *queue,
                          int timeout_ms)
{
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(&queue->rx, more);
    while (!more && timeout_ms &&
           xensim_wait_event(front->sim, queue->rx_port, timeout_ms)) {
        RING_FINAL_CHECK_FOR_RESPONSES(&queue->rx, more);
    }
    if (more > (int)XENSIM_RX_SLOTS) {
        g_error("netfront: %d responses to receive requests", more);
    }
    xen_rmb(); /* responses are read behind the index */
    return more;
}

/* The next response, as it is in the ring; a frame isn't published in part. */
static netif_rx_response_t *next_response(XensimFront *front,
                                          XensimQueue *queue, uint16_t *id)
{
    RING_IDX place;

    if (!wait_response(front, queue, XENSIM_PATIENCE)) {
        g_error("netfront: a frame's next slot doesn't come");
    }
    place = queue->rx.rsp_cons++;
    *id = queue->rx_ids[place % XENSIM_RX_SLOTS];
    return RING_GET_RESPONSE(&queue->rx, place);
}

/* Returns the slot's flags. */
static uint16_t take_slot(XensimFront *front, XensimQueue *queue,
                          Assembly *assembly)
{
    uint16_t id;
    netif_rx_response_t response = *next_response(front, queue, &id);
    XensimRxFrame *frame = assembly->frame;
    XensimBuffer *buffer;

    if (response.id != id) {
        g_error("netfront: a response to receive request %u instead of %u",
                response.id, id);
    }
    buffer = xensim_return_buffer(front, &queue->rx_buffers, id);
    if (response.status < 0) {
        frame->error = response.status;
    } else {
        take_data(front, xensim_page(front->sim, buffer->frame), &response,
                  assembly);
    }
    if (frame->nr_slots < G_N_ELEMENTS(frame->offsets)) {
        frame->offsets[frame->nr_slots] = response.offset;
    }
    frame->nr_slots++;
    return response.flags;
}

/* Extra infos stand in the ring where responses to posted pages would. */
static void take_extras(XensimFront *front, XensimQueue *queue,
                        XensimRxFrame *frame)
{
    netif_extra_info_t *extra;

    do {
        uint16_t id;
        netif_rx_response_t *response = next_response(front, queue, &id);

        if (frame->nr_extras == G_N_ELEMENTS(frame->extras)) {
            g_error("netfront: more than %u extra infos", frame->nr_extras);
        }
        extra = &frame->extras[frame->nr_extras++];
        memcpy(extra, response, sizeof(*extra));
        xensim_return_buffer(front, &queue->rx_buffers, id);
    } while (extra->flags & XEN_NETIF_EXTRA_FLAG_MORE);
}

XensimRxFrame *xensim_front_receive(XensimFront *front,
                                    unsigned int queue_index, int timeout_ms)
{
    XensimQueue *queue = &front->queues[queue_index];
    Assembly assembly;
    uint16_t flags;

    if (!wait_response(front, queue, timeout_ms)) {
        return NULL;
    }
    assembly.frame = g_new0(XensimRxFrame, 1);
    assembly.data = g_byte_array_new();
    flags = take_slot(front, queue, &assembly);
    assembly.frame->flags = flags;
    if (flags & NETRXF_extra_info) {
        take_extras(front, queue, assembly.frame);
    }
    while (flags & NETRXF_more_data) {
        flags = take_slot(front, queue, &assembly);
    }
    assembly.frame->len = assembly.data->len;
    assembly.frame->data = g_byte_array_free(assembly.data, false);
    return assembly.frame;
}

void xensim_rx_frame_free(XensimRxFrame *frame)
{
    g_free(frame->data);
    g_free(frame);
}

static void drain_frame(XensimFront *front, XensimQueue *queue)
{
    XensimRxFrame frame = { 0 };
    uint16_t flags, id;

    do {
        flags = next_response(front, queue, &id)->flags;
        xensim_return_buffer(front, &queue->rx_buffers, id);
        if (flags & NETRXF_extra_info) {
            take_extras(front, queue, &frame);
        }
    } while (flags & NETRXF_more_data);
}

unsigned int xensim_front_drain_rx(XensimFront *front,
                                   unsigned int queue_index)
{
    XensimQueue *queue = &front->queues[queue_index];
    unsigned int nr = 0;

    while (RING_HAS_UNCONSUMED_RESPONSES(&queue->rx)) {
        drain_frame(front, queue);
        nr++;
    }
    return nr;
}
