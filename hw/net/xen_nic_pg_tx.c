/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the guest's transmit ring to the port
 *
 * xen_nic_pg_tx_run(), at the end, is the whole story.  It works in bursts:
 *
 *   copy_requests     requests are copied out of the ring, once
 *   parse_burst       the copies become frames (xen_nic_pg_parse.c)
 *   read_burst        their slots become memory: where the page is mapped, or
 *                     a copy, all by one hypercall (hw/xen/xen-grant-io.c)
 *   prepare_burst     frames become packets: iovecs, and a virtio-net header
 *                     if the guest left a checksum or segmentation to us
 *   send_burst        packets go to the port, and are answered in ring order
 *
 * A burst that the port doesn't take as a whole stays where it is, its pages
 * held, and no further request is read until the port has taken the rest: so
 * the guest's ring fills up, and the guest waits.  So it is with what the vif's
 * rate doesn't allow yet (xen_nic_pg_credit.c).
 *
 * Headers are looked at in a private copy, which is then what is sent; other
 * bytes go from the guest's page to the port untouched.  A frame that is no
 * longer than headers are is copied, too: a line of each of a hundred pages at
 * the same offset doesn't stay in the cache until the port reads it, their
 * copies side by side do.  Where the port takes no checksums or segmentation,
 * the frame is copied as a whole and software does it (send_in_software()).
 *
 * A bad frame is answered with an error and counted by reason; only a
 * frontend whose indexes can't be true, or whose frame would never end, is
 * rogue.
 */

#include "qemu/osdep.h"
#include <netinet/in.h>
#include "qapi/error.h"
#include "qemu/iov.h"
#include "qemu/timer.h"
#include "trace.h"
#include "xen_nic_pg_queue.h"

/* After so many bursts, others in the same context have their turn. */
#define BURSTS_PER_RUN 4

/* The longest frame, and one segment of it with headers */
#define LARGE_SIZE XEN_NETIF_MAX_TX_SIZE
#define SEGMENT_SIZE (LARGE_SIZE + XEN_NIC_PG_HEADERS_MAX)

/*
 * Ring
 */

/* Returns how many requests were copied; they aren't consumed yet. */
static unsigned int copy_requests(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    RING_IDX prod = qatomic_read(&tx->ring.sring->req_prod);
    unsigned int nr;

    if (RING_REQUEST_PROD_OVERFLOW(&tx->ring, prod)) {
        xen_nic_pg_queue_report_fault(queue, "transmit ring: the request "
                                      "index is beyond the ring");
        return 0;
    }
    xen_rmb(); /* requests are read after the index that covers them */

    nr = MIN(prod - tx->ring.req_cons, XEN_NIC_PG_BURST);
    for (unsigned int i = 0; i < nr; i++) {
        RING_COPY_REQUEST(&tx->ring, tx->ring.req_cons + i, &tx->requests[i]);
    }
    return nr;
}

/* The next request that we haven't looked at. */
static RING_IDX next_request(const XenNicPgTx *tx)
{
    return tx->ring.req_cons + tx->nr_seen;
}

void xen_nic_pg_tx_ask(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;

    qatomic_set(&tx->ring.sring->req_event, next_request(tx) + 1);
    xen_mb(); /* the frontend sees the event index before we look again */
}

bool xen_nic_pg_tx_is_pending(XenNicPgQueue *queue)
{
    const XenNicPgTx *tx = &queue->tx;

    return tx->next_frame == tx->nr_frames &&
           qatomic_read(&tx->ring.sring->req_prod) != next_request(tx);
}

/*
 * Nothing but @seen requests is on the ring: be told of the next.  Returns true
 * if more have come before the frontend could know.
 */
static bool wait_for_requests(XenNicPgQueue *queue, unsigned int seen)
{
    queue->tx.nr_seen = seen;
    if (!queue->polling) {
        xen_nic_pg_tx_ask(queue);
    }
    return xen_nic_pg_tx_is_pending(queue);
}

static void put_response(XenNicPgTx *tx, uint16_t id, int16_t status)
{
    netif_tx_response_t *response;

    response = RING_GET_RESPONSE(&tx->ring, tx->ring.rsp_prod_pvt++);
    response->id = id;
    response->status = status;
}

/* Answer each slot of the burst's next frame. */
static void answer_frame(XenNicPgTx *tx, int16_t status)
{
    const XenNicPgFrame *frame = &tx->frames[tx->next_frame++];
    const netif_tx_request_t *request = &tx->requests[tx->next_request];

    for (unsigned int i = 0; i < frame->ring_slots; i++) {
        bool extra = i > 0 && i <= frame->nr_extras;

        if (extra) {
            put_response(tx, 0, NETIF_RSP_NULL);
        } else {
            put_response(tx, request[i].id, status);
        }
    }
    tx->next_request += frame->ring_slots;
}

static void publish_responses(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    bool notify;

    if (tx->ring.rsp_prod_pvt == tx->ring.sring->rsp_prod) {
        return;
    }
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&tx->ring, notify);
    xen_nic_pg_queue_notify(queue, queue->tx_port, notify, &tx->counters);
}

/*
 * A backend that was killed may have answered requests and not published that.
 * Such an answer lies over the grant reference of its request, with the id that
 * the request still has behind it; or it is the one that extra infos get.  As a
 * request it would name some other page of the guest's.
 */
static bool was_answered(const netif_tx_request_t *request)
{
    netif_tx_response_t answer;

    memcpy(&answer, request, sizeof(answer));
    switch (answer.status) {
    case NETIF_RSP_OKAY:
    case NETIF_RSP_ERROR:
    case NETIF_RSP_DROPPED:
        return answer.id == request->id;
    case NETIF_RSP_NULL:
        return answer.id == 0;
    default:
        return false;
    }
}

/* Begin behind what is answered, which is at the beginning of what is left. */
static void skip_answered(XenNicPgTx *tx, RING_IDX prod)
{
    netif_tx_request_t request;

    while (tx->ring.req_cons != prod) {
        RING_COPY_REQUEST(&tx->ring, tx->ring.req_cons, &request);
        if (!was_answered(&request)) {
            return;
        }
        tx->ring.req_cons++;
        tx->ring.rsp_prod_pvt++;
    }
}

/*
 * From requests to packets
 */

/* Returns how many of the requests make up whole frames. */
static unsigned int parse_burst(XenNicPgTx *tx, unsigned int nr_requests)
{
    unsigned int next = 0;

    tx->nr_frames = 0;
    tx->next_frame = 0;
    tx->next_request = 0;
    tx->nr_paid = 0;
    while (next < nr_requests &&
           xen_nic_pg_parse_frame(tx->requests + next, nr_requests - next,
                                  &tx->frames[tx->nr_frames])) {
        next += tx->frames[tx->nr_frames++].ring_slots;
    }
    return next;
}

/* Is it to be sent?  Else it's bad, or changes the multicast filter. */
static bool is_packet(const XenNicPgFrame *frame)
{
    return !frame->error && !frame->mcast;
}

/* A packet's iovecs point to its segments until prepare_packet(). */
static void read_burst(XenNicPgTx *tx, XenGrantSegment **segments)
{
    unsigned int nr = 0;

    xen_grant_io_reset(tx->io);
    for (unsigned int i = 0; i < tx->nr_frames; i++) {
        const XenNicPgFrame *frame = &tx->frames[i];

        for (unsigned int j = 0; is_packet(frame) && j < frame->nr_slots;
             j++) {
            const XenNicPgSlot *slot = &frame->slots[j];

            segments[nr++] = xen_grant_io_add(tx->io, slot->ref, slot->offset,
                                              slot->size);
        }
        tx->segments_end[i] = nr;
    }
    xen_grant_io_submit(tx->io);
}

/* Returns false if one of the frame's slots couldn't be read. */
static bool fill_iov(XenNicPgPacket *packet, const XenNicPgFrame *frame,
                     XenGrantSegment **segments)
{
    packet->nr_iov = 1;
    for (unsigned int i = 0; i < frame->nr_slots; i++) {
        struct iovec *iov = &packet->iov[packet->nr_iov++];

        if (segments[i]->failed) {
            return false;
        }
        iov->iov_base = segments[i]->data;
        iov->iov_len = frame->slots[i].size;
    }
    return true;
}

/* Make the beginning a private copy, which the packet then begins with. */
static size_t copy_start(XenNicPgPacket *packet)
{
    struct iovec *rest = packet->iov + 1;
    unsigned int nr_rest = packet->nr_iov - 1;
    size_t len;

    len = iov_to_buf(rest, nr_rest, 0, packet->start, sizeof(packet->start));
    iov_discard_front(&rest, &nr_rest, len);
    memmove(packet->iov + 2, rest, nr_rest * sizeof(*rest));
    packet->nr_iov = 2 + nr_rest;
    packet->iov[1].iov_base = packet->start;
    packet->iov[1].iov_len = len;
    return len;
}

static bool gso_fits_headers(const XenNicPgFrame *frame,
                             const XenNicPgHeaders *headers)
{
    unsigned int version = frame->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? 4 : 6;

    return headers->protocol == IPPROTO_TCP && headers->ip_version == version;
}

static void set_vnet_gso(struct virtio_net_hdr *vnet,
                         const XenNicPgFrame *frame,
                         const XenNicPgHeaders *headers)
{
    if (frame->size - headers->payload <= frame->gso_size) {
        return;     /* it is one segment already */
    }
    vnet->gso_type = headers->ip_version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
                                              : VIRTIO_NET_HDR_GSO_TCPV6;
    vnet->gso_size = frame->gso_size;
    vnet->hdr_len = headers->payload;
}

/*
 * Describe the checksum, and the segmentation, that the guest left to us.
 * Returns why the frame can't be sent, or NONE.
 */
static XenNicPgDrop prepare_offloads(XenNicPgPacket *packet,
                                     const XenNicPgFrame *frame)
{
    size_t len = copy_start(packet);
    XenNicPgHeaders headers;

    if (!xen_nic_pg_find_headers(packet->start, len, &headers)) {
        return frame->gso_size ? XEN_NIC_PG_DROP_GSO
                               : XEN_NIC_PG_DROP_CHECKSUM;
    }
    if (frame->gso_size) {
        if (!gso_fits_headers(frame, &headers)) {
            return XEN_NIC_PG_DROP_GSO;
        }
        set_vnet_gso(&packet->vnet, frame, &headers);
    }
    xen_nic_pg_blank_checksum(packet->start, &headers, frame->size);
    packet->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    packet->vnet.csum_start = headers.l4;
    packet->vnet.csum_offset = xen_nic_pg_checksum_field(&headers);
    return XEN_NIC_PG_DROP_NONE;
}

static XenNicPgDrop prepare_packet(XenNicPgPacket *packet,
                                   const XenNicPgFrame *frame,
                                   XenGrantSegment **segments)
{
    packet->vnet = (struct virtio_net_hdr) { 0 };
    packet->size = frame->size;
    packet->drop = XEN_NIC_PG_DROP_NONE;

    if (!fill_iov(packet, frame, segments)) {
        return XEN_NIC_PG_DROP_GRANT;
    }
    if (frame->gso_size || (frame->flags & NETTXF_csum_blank)) {
        return prepare_offloads(packet, frame);
    }
    if (frame->size <= sizeof(packet->start)) {
        copy_start(packet);
    }
    if (frame->flags & NETTXF_data_validated) {
        packet->vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    }
    return XEN_NIC_PG_DROP_NONE;
}

static void prepare_burst(XenNicPgTx *tx, XenGrantSegment **segments)
{
    struct iovec *iov = tx->iov;

    for (unsigned int i = 0; i < tx->nr_frames; i++) {
        XenNicPgFrame *frame = &tx->frames[i];

        if (!is_packet(frame)) {
            continue;
        }
        tx->packets[i].iov = iov;
        frame->error = prepare_packet(&tx->packets[i], frame, segments);
        segments += frame->nr_slots;
        iov += 2 + frame->nr_slots;
    }
}

/* Returns false if there was nothing to do. */
static bool take_burst(XenNicPgQueue *queue)
{
    XenGrantSegment *segments[XEN_NIC_PG_BURST];
    XenNicPgTx *tx = &queue->tx;
    unsigned int nr = copy_requests(queue);
    unsigned int consumed = parse_burst(tx, nr);

    if (!consumed) {
        if (nr == XEN_NIC_PG_BURST) {
            xen_nic_pg_queue_report_fault(queue, "transmit ring: a frame of "
                                          "more slots than any may have");
        }
        return queue->running && wait_for_requests(queue, nr);
    }
    tx->ring.req_cons += consumed;
    tx->nr_seen = 0;
    tx->counters.slots += consumed;
    read_burst(tx, segments);
    prepare_burst(tx, segments);
    trace_xen_nic_pg_tx_burst(queue, tx->nr_frames, consumed);
    return true;
}

/*
 * From packets to the port
 */

static void count_drop(XenNicPgTx *tx, XenNicPgDrop drop)
{
    tx->counters.drops[drop]++;
    trace_xen_nic_pg_tx_drop(xen_nic_pg_drop_name(drop));
}

static void finish_frame(XenNicPgTx *tx)
{
    const XenNicPgFrame *frame = &tx->frames[tx->next_frame];
    XenNicPgDrop drop = tx->packets[tx->next_frame].drop;

    if (drop) {
        count_drop(tx, drop);
        answer_frame(tx, NETIF_RSP_DROPPED);
        return;
    }
    tx->counters.frames++;
    tx->counters.bytes += frame->size;
    tx->counters.gso_frames += frame->gso_size != 0;
    answer_frame(tx, NETIF_RSP_OKAY);
}

static void refuse_frame(XenNicPgTx *tx)
{
    count_drop(tx, tx->frames[tx->next_frame].error);
    answer_frame(tx, NETIF_RSP_ERROR);
}

/* A dummy request changes the list (netif.h, "feature-multicast-control"). */
static void change_multicast(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    XenNicPgFrame *frame = &tx->frames[tx->next_frame];
    XenNicPgMcast *mcast = queue->shared->mcast;

    if (frame->mcast == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
        xen_nic_pg_mcast_remove(mcast, &frame->mcast_addr);
    } else if (!xen_nic_pg_mcast_add(mcast, &frame->mcast_addr)) {
        frame->error = XEN_NIC_PG_DROP_EXTRA;
        refuse_frame(tx);
        return;
    }
    answer_frame(tx, NETIF_RSP_OKAY);
}

/* Does the vif's rate allow to send the frame now?  If not, wait. */
static bool pay_for(XenNicPgQueue *queue, unsigned int index)
{
    XenNicPgTx *tx = &queue->tx;
    int64_t when;

    if (index < tx->nr_paid) {
        return true;
    }
    if (!xen_nic_pg_credit_take(queue->shared->credit, queue,
                                tx->frames[index].size, &when)) {
        timer_mod(tx->credit_timer, when);
        return false;
    }
    tx->nr_paid = index + 1;
    return true;
}

static bool needs_software(XenNicPgQueue *queue, const XenNicPgPacket *packet)
{
    return !queue->port->offloads &&
           (packet->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
}

static bool send_large(XenNicPgQueue *queue, XenNicPgPacket *packet,
                       uint8_t *data, size_t len)
{
    struct iovec iov[2] = { { 0 }, { .iov_base = data, .iov_len = len } };
    XenNicPgPacket plain = { .iov = iov, .nr_iov = 2, .size = len };

    if (!queue->port->ops->send(queue->port, &plain, 1)) {
        return false;
    }
    packet->drop = plain.drop ?: packet->drop;
    return true;
}

static bool send_segments(XenNicPgQueue *queue, XenNicPgPacket *packet)
{
    XenNicPgTx *tx = &queue->tx;

    do {
        if (tx->segment_len &&
            !send_large(queue, packet, tx->segment, tx->segment_len)) {
            return false;
        }
        tx->segment_len = xen_nic_pg_segment_next(&tx->segmenter, tx->segment);
        tx->counters.software_segments += tx->segment_len != 0;
    } while (tx->segment_len);
    return true;
}

/*
 * Do what the port doesn't.  Returns false if the port is full; called again,
 * it goes on with the segment that the port didn't take.
 */
static bool send_in_software(XenNicPgQueue *queue, XenNicPgPacket *packet)
{
    XenNicPgTx *tx = &queue->tx;
    XenNicPgHeaders headers;

    if (tx->segment_len) {
        return send_segments(queue, packet);
    }

    if (!tx->large) {
        tx->large = g_malloc(LARGE_SIZE);
        tx->segment = g_malloc(SEGMENT_SIZE);
    }
    iov_to_buf(packet->iov + 1, packet->nr_iov - 1, 0, tx->large,
               packet->size);
    if (packet->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        if (!xen_nic_pg_segment_start(&tx->segmenter, tx->large, packet->size,
                                      packet->vnet.gso_size)) {
            packet->drop = XEN_NIC_PG_DROP_GSO;
            return true;
        }
        return send_segments(queue, packet);
    }
    if (!xen_nic_pg_find_headers(tx->large, packet->size, &headers)) {
        packet->drop = XEN_NIC_PG_DROP_CHECKSUM;
        return true;
    }
    xen_nic_pg_complete_checksum(tx->large, &headers, packet->size);
    tx->counters.software_checksums++;
    return send_large(queue, packet, tx->large, packet->size);
}

/* Packets from @first on that the port can have as they are, and at once. */
static unsigned int count_plain(XenNicPgQueue *queue, unsigned int first)
{
    XenNicPgTx *tx = &queue->tx;
    unsigned int i = first;

    while (i < tx->nr_frames && is_packet(&tx->frames[i]) &&
           !needs_software(queue, &tx->packets[i]) && pay_for(queue, i)) {
        i++;
    }
    return i - first;
}

/* Send what can be sent next.  Returns false if that isn't all that could. */
static bool send_next(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    XenNicPgPacket *packet = &tx->packets[tx->next_frame];
    unsigned int nr, taken;

    if (tx->frames[tx->next_frame].error) {
        refuse_frame(tx);
        return true;
    }
    if (tx->frames[tx->next_frame].mcast) {
        change_multicast(queue);
        return true;
    }
    if (!pay_for(queue, tx->next_frame)) {
        return false;
    }
    if (needs_software(queue, packet)) {
        if (!send_in_software(queue, packet)) {
            return false;
        }
        finish_frame(tx);
        return true;
    }
    nr = count_plain(queue, tx->next_frame);
    taken = queue->port->ops->send(queue->port, packet, nr);
    for (unsigned int i = 0; i < taken; i++) {
        finish_frame(tx);
    }
    return taken == nr;
}

/* Returns false if something has to wait before the burst is through. */
static bool send_burst(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    bool room = true;

    while (room && tx->next_frame < tx->nr_frames) {
        room = send_next(queue);
    }
    if (tx->next_frame) {
        /* What is answered isn't in use any more. */
        xen_grant_io_release(tx->io, tx->segments_end[tx->next_frame - 1]);
    }
    publish_responses(queue);
    if (!room) {
        tx->counters.held_back++;
        trace_xen_nic_pg_tx_held_back(queue);
    }
    return room;
}

void xen_nic_pg_tx_wake(XenNicPgQueue *queue)
{
    if (queue->running) {
        qemu_bh_schedule(queue->tx.bh);
    }
}

bool xen_nic_pg_tx_start(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;
    XenNicPgTx *tx = &queue->tx;
    RING_IDX start = qatomic_read(&queue->tx_sring->rsp_prod);
    RING_IDX prod = qatomic_read(&queue->tx_sring->req_prod);

    BACK_RING_ATTACH(&tx->ring, queue->tx_sring, start, XEN_PAGE_SIZE);
    if (RING_REQUEST_PROD_OVERFLOW(&tx->ring, prod)) {
        error_setg(errp, "transmit ring: the request index is beyond the "
                   "ring");
        return false;
    }
    xen_rmb(); /* requests are read after the index that covers them */
    skip_answered(tx, prod);

    if (config->max_grants || config->max_static_grants) {
        tx->cache = xen_grant_cache_new(queue->xgt, config->domid,
                                        config->max_grants, PROT_READ);
    }
    tx->io = xen_grant_io_new(queue->xgt, config->domid, false, tx->cache,
                              XEN_NIC_PG_BURST);
    if (config->max_static_grants) {
        xen_grant_io_set_other(tx->io, queue->rx.cache, true);
        xen_grant_io_set_other(queue->rx.io, tx->cache, false);
    }
    tx->nr_seen = 0;
    tx->nr_frames = 0;
    tx->next_frame = 0;
    tx->segment_len = 0;
    return true;
}

void xen_nic_pg_tx_stop(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;

    g_clear_pointer(&tx->io, xen_grant_io_free);
    g_clear_pointer(&tx->cache, xen_grant_cache_free);
    g_clear_pointer(&tx->large, g_free);
    g_clear_pointer(&tx->segment, g_free);
}

static void run_later(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    if (queue->running) {
        xen_nic_pg_tx_run(queue);
    }
}

void xen_nic_pg_tx_attach(XenNicPgQueue *queue)
{
    XenNicPgTx *tx = &queue->tx;
    AioContext *ctx = queue->port->ctx;

    tx->bh = aio_bh_new_guarded(ctx, run_later, queue,
                                xen_nic_pg_queue_guard(queue));
    tx->credit_timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS,
                                     run_later, queue);
}

void xen_nic_pg_tx_detach(XenNicPgQueue *queue)
{
    xen_nic_pg_credit_leave(queue->shared->credit, queue);
    g_clear_pointer(&queue->tx.bh, qemu_bh_delete);
    g_clear_pointer(&queue->tx.credit_timer, timer_free);
}

void xen_nic_pg_tx_run(XenNicPgQueue *queue)
{
    for (int bursts = 0; bursts < BURSTS_PER_RUN; bursts++) {
        if (!send_burst(queue) || !take_burst(queue)) {
            return;
        }
    }
    qemu_bh_schedule(queue->tx.bh);
}
