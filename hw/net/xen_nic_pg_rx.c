/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the port to the guest's receive ring
 *
 * xen_nic_pg_rx_receive(), near the end, gets a frame that the port has chosen
 * this queue for:
 *
 *   decide_offloads    what is left to do to the frame, in the guest's terms;
 *                      what the guest doesn't take, software does first
 *                      (receive_in_software())
 *   have_slots         are there slots for the whole frame?  If not, the port
 *                      keeps it, and the guest is asked to notify when there
 *                      are; so nothing is queued here.  If that takes too long,
 *                      the queue is stalled, and drops what comes (on_stall())
 *   put_frame          the bytes go where the slots' pages are: into the page
 *                      if it is mapped, else into memory that will be copied
 *                      to it (hw/xen/xen-grant-io.c)
 *
 * A port that reads frames itself can do so right into the pages of the slots
 * that they will have, once xen_nic_pg_rx_lend() has said where those are.  If
 * a frame lies where it belongs already, put_frame has nothing to copy.
 *
 * Frames that come one after the other make a burst.
 * xen_nic_pg_rx_publish() ends it, when the port says so, from a bottom half,
 * or when it is full: one hypercall copies all that isn't mapped, the responses
 * are written in ring order, and the guest is notified once.
 *
 * Extra infos overlay responses, and Linux' netfront finds a buffer by the
 * slot of its response (netif.h, "Guest receive"): so each response, or extra
 * info, goes into the slot of the request that it consumed.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/timer.h"
#include "trace.h"
#include "xen_nic_pg_queue.h"

/* The longest frame: an IP packet of 64 KiB with Ethernet and VLAN headers */
#define LARGE_SIZE (65535 + XEN_NIC_PG_HEADERS_MAX)

QEMU_BUILD_BUG_ON(sizeof(netif_extra_info_t) != sizeof(netif_rx_response_t));

/**
 * RxMarks: what the guest is told of a frame
 * @flags: NETRXF_csum_blank, NETRXF_data_validated
 * @gso_type: XEN_NETIF_GSO_TYPE_*
 * @gso_size: payload bytes of a segment, 0 without GSO
 * @hash: its hash, if the guest wants that
 */
typedef struct RxMarks {
    uint16_t flags;
    uint8_t gso_type;
    uint16_t gso_size;
    XenNicPgHashValue hash;
} RxMarks;

static XenNicPgBytes bytes_at(void *data, size_t size, struct iovec *iov)
{
    iov->iov_base = data;
    iov->iov_len = size;
    return (XenNicPgBytes) { .iov = iov, .nr_iov = 1, .size = size };
}

static void drop_frame(XenNicPgRx *rx, XenNicPgDrop drop)
{
    rx->counters.drops[drop]++;
    trace_xen_nic_pg_rx_drop(xen_nic_pg_drop_name(drop));
}

/*
 * Offloads
 */

static uint8_t gso_type_of(const struct virtio_net_hdr *vnet)
{
    switch (vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        return XEN_NETIF_GSO_TYPE_TCPV4;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        return XEN_NETIF_GSO_TYPE_TCPV6;
    default:
        return XEN_NETIF_GSO_TYPE_NONE;
    }
}

/* Does the guest complete this TCP or UDP checksum? */
static bool guest_takes_checksum(const XenNicPgOffloads *guest,
                                 const XenNicPgBytes *bytes)
{
    uint8_t start[XEN_NIC_PG_HEADERS_MAX];
    XenNicPgHeaders headers;
    size_t len;

    if (!guest->csum4 && !guest->csum6) {
        return false;
    }
    len = xen_nic_pg_bytes_get(bytes, 0, start, sizeof(start));
    if (!xen_nic_pg_find_headers(start, len, &headers)) {
        return false;
    }
    return headers.ip_version == 4 ? guest->csum4 : guest->csum6;
}

/* Returns false if the guest doesn't take what is left to do. */
static bool decide_offloads(XenNicPgQueue *queue,
                            const struct virtio_net_hdr *vnet,
                            const XenNicPgBytes *bytes, RxMarks *marks)
{
    const XenNicPgOffloads *guest = &queue->config.offloads;

    if (vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        marks->gso_type = gso_type_of(vnet);
        marks->gso_size = vnet->gso_size;
        if (!(marks->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 && guest->gso4) &&
            !(marks->gso_type == XEN_NETIF_GSO_TYPE_TCPV6 && guest->gso6)) {
            return false;
        }
    }
    if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        marks->flags = NETRXF_csum_blank | NETRXF_data_validated;
        return guest_takes_checksum(guest, bytes);
    }
    if (vnet->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        marks->flags = NETRXF_data_validated;
    }
    return true;
}

/*
 * Ring
 */

/* Bytes of a frame that each slot holds */
static unsigned int slot_room(const XenNicPgQueue *queue)
{
    return XEN_PAGE_SIZE - queue->config.headroom;
}

static unsigned int count_data_slots(const XenNicPgQueue *queue, size_t size)
{
    return DIV_ROUND_UP(size, slot_room(queue));
}

static unsigned int count_slots(const XenNicPgQueue *queue, size_t size,
                                const RxMarks *marks)
{
    return count_data_slots(queue, size) + (marks->gso_size != 0) +
           marks->hash.valid;
}

static unsigned int count_requests(XenNicPgQueue *queue)
{
    netif_rx_back_ring_t *ring = &queue->rx.ring;
    RING_IDX prod = qatomic_read(&ring->sring->req_prod);

    if (RING_REQUEST_PROD_OVERFLOW(ring, prod)) {
        xen_nic_pg_queue_report_fault(queue, "receive ring: the request "
                                      "index is beyond the ring");
        return 0;
    }
    xen_rmb(); /* requests are read after the index that covers them */
    return prod - ring->req_cons;
}

static bool ring_has(XenNicPgQueue *queue, unsigned int wanted)
{
    return count_requests(queue) >= wanted;
}

/* Are there slots?  If not, the guest notifies when there are. */
static bool have_slots(XenNicPgQueue *queue, unsigned int wanted)
{
    XenNicPgRx *rx = &queue->rx;

    if (ring_has(queue, wanted)) {
        return true;
    }
    qatomic_set(&rx->ring.sring->req_event, rx->ring.req_cons + wanted);
    xen_mb(); /* the frontend sees the event index before we look again */
    return queue->running && ring_has(queue, wanted);
}

/*
 * Waiting for slots
 */

static void set_stalled(XenNicPgQueue *queue, bool stalled)
{
    qatomic_set(&queue->rx.stalled, stalled);
    trace_xen_nic_pg_rx_stalled(queue, stalled);
    qemu_bh_schedule(queue->shared->carrier);
}

/* A frame has waited for too long: drop it, and what comes after it. */
static void on_stall(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    if (queue->running && queue->rx.wanted) {
        set_stalled(queue, true);
        queue->port->ops->wake(queue->port);
    }
}

/* The port keeps a frame that @wanted slots are needed for. */
static void hold_back(XenNicPgQueue *queue, unsigned int wanted)
{
    XenNicPgRx *rx = &queue->rx;

    if (!rx->wanted && queue->shared->stall_timeout) {
        timer_mod(rx->stall_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                                   queue->shared->stall_timeout);
    }
    rx->wanted = wanted;
    rx->counters.held_back++;
    trace_xen_nic_pg_rx_held_back(queue, wanted);
}

/* There are slots, or nobody waits for them any more. */
static void end_wait(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    if (rx->wanted) {
        rx->wanted = 0;
        timer_del(rx->stall_timer);
        if (rx->stalled) {
            set_stalled(queue, false);
        }
    }
}

/* Why a frame without slots is dropped; NONE if it may wait. */
static XenNicPgDrop reason_to_drop(const XenNicPgQueue *queue)
{
    if (!queue->running) {
        return XEN_NIC_PG_DROP_CLOSED;
    }
    if (!queue->config.rx_notify) {
        return XEN_NIC_PG_DROP_NO_SLOTS;
    }
    return queue->rx.stalled ? XEN_NIC_PG_DROP_STALLED : XEN_NIC_PG_DROP_NONE;
}

/*
 * Are there slots for a frame?  If not, let the port keep it, or, if the
 * guest wouldn't tell us when there are, drop it.  Returns true if there are;
 * else *taken says whether the frame is done with.
 */
static bool reserve_slots(XenNicPgQueue *queue, unsigned int wanted,
                          bool *taken)
{
    XenNicPgDrop drop;

    if (have_slots(queue, wanted)) {
        end_wait(queue);
        return true;
    }
    drop = reason_to_drop(queue);
    *taken = drop != XEN_NIC_PG_DROP_NONE;
    if (drop) {
        drop_frame(&queue->rx, drop);
    } else {
        hold_back(queue, wanted);
    }
    return false;
}

bool xen_nic_pg_rx_lend(XenNicPgQueue *queue, void **pages, unsigned int *nr)
{
    XenNicPgRx *rx = &queue->rx;

    xen_nic_pg_rx_publish(queue);
    if (!reason_to_drop(queue) && !have_slots(queue, 1)) {
        hold_back(queue, 1);
        return false;
    }
    *nr = queue->running ? MIN(*nr, count_requests(queue)) : 0;
    if (queue->config.headroom) {
        /* Where a frame ends up isn't where its page begins. */
        memset(pages, 0, *nr * sizeof(*pages));
        return true;
    }
    for (unsigned int i = 0; i < *nr; i++) {
        netif_rx_request_t *request = &rx->requests[i];

        RING_COPY_REQUEST(&rx->ring, rx->ring.req_cons + i, request);
        rx->lent[i] = xen_grant_io_add_mapped(rx->io, request->gref);
        pages[i] = rx->lent[i] ? rx->lent[i]->data : NULL;
    }
    rx->nr_lent = *nr;
    rx->next_lent = 0;
    return true;
}

/*
 * Consume a request and add its response to the burst.  Returns whether a slot
 * was lent, and if so, its page in *segment, NULL if that isn't mapped.
 */
static bool take_slot(XenNicPgRx *rx, netif_rx_request_t *request,
                      XenGrantSegment **segment)
{
    netif_rx_response_t *response = &rx->responses[rx->nr_responses];
    bool lent = rx->next_lent < rx->nr_lent;

    if (lent) {
        *request = rx->requests[rx->next_lent];
        *segment = rx->lent[rx->next_lent++];
    } else {
        RING_COPY_REQUEST(&rx->ring, rx->ring.req_cons, request);
    }
    rx->ring.req_cons++;
    rx->segments[rx->nr_responses] = NULL;
    rx->nr_responses++;
    *response = (netif_rx_response_t) { .id = request->id };
    return lent;
}

/* Returns where the bytes from @offset on are. */
static uint8_t *find_bytes(const XenNicPgBytes *bytes, size_t offset)
{
    const struct iovec *iov = bytes->iov;

    offset += bytes->offset;
    while (offset >= iov->iov_len) {
        offset -= iov->iov_len;
        iov++;
    }
    return iov->iov_base + offset;
}

/* Put @len bytes from @offset on into the next slot's page. */
static netif_rx_response_t *put_data(XenNicPgQueue *queue,
                                     const XenNicPgBytes *bytes,
                                     size_t offset, size_t len)
{
    XenNicPgRx *rx = &queue->rx;
    unsigned int index = rx->nr_responses;
    unsigned int headroom = queue->config.headroom;
    uint8_t *data = find_bytes(bytes, offset);
    bool private = bytes->buffer && data == bytes->buffer + offset;
    uint8_t *to;
    netif_rx_request_t request;
    XenGrantSegment *segment;

    if (!take_slot(rx, &request, &segment)) {
        segment = xen_grant_io_add_mapped(rx->io, request.gref);
    }
    if (segment) {
        to = segment->data + headroom;
    } else {
        segment = xen_grant_io_add_copied(rx->io, request.gref, headroom, len,
                                          private ? data : NULL);
        to = segment->data;
    }
    if (to != data) {
        xen_nic_pg_bytes_get(bytes, offset, to, len);
    }
    rx->segments[index] = segment;
    rx->responses[index].offset = headroom;
    rx->responses[index].status = len;
    return &rx->responses[index];
}

static void put_extra(XenNicPgRx *rx, const netif_extra_info_t *extra)
{
    netif_rx_response_t *response = &rx->responses[rx->nr_responses];
    netif_rx_request_t request;
    XenGrantSegment *unused;

    take_slot(rx, &request, &unused);
    memcpy(response, extra, sizeof(*extra));
}

static void put_gso(XenNicPgRx *rx, const RxMarks *marks)
{
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .flags = marks->hash.valid ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
        .u.gso.size = marks->gso_size,
        .u.gso.type = marks->gso_type,
    };

    put_extra(rx, &extra);
}

static void put_hash(XenNicPgRx *rx, const RxMarks *marks)
{
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_HASH,
        .u.hash.type = marks->hash.type,
        .u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
    };

    stl_le_p(extra.u.hash.value, marks->hash.value);
    put_extra(rx, &extra);
}

/* Put what the frame's first response tells of behind it. */
static void put_extras(XenNicPgRx *rx, netif_rx_response_t *response,
                       const RxMarks *marks)
{
    response->flags = marks->flags;
    if (marks->gso_size) {
        response->flags |= NETRXF_extra_info;
        put_gso(rx, marks);
    }
    if (marks->hash.valid) {
        response->flags |= NETRXF_extra_info;
        put_hash(rx, marks);
    }
}

/* Add a frame, for which there are slots, to the burst. */
static void put_frame(XenNicPgQueue *queue, const XenNicPgBytes *bytes,
                      const RxMarks *marks)
{
    XenNicPgRx *rx = &queue->rx;
    size_t size = bytes->size;
    unsigned int nr_slots = count_slots(queue, size, marks);
    size_t room = slot_room(queue);
    netif_rx_response_t *response;
    size_t done;

    if (rx->nr_responses + nr_slots > XEN_NIC_PG_BURST) {
        xen_nic_pg_rx_publish(queue);
    }
    rx->frames[rx->nr_frames++] = (XenNicPgRxFrame) {
        .nr_slots = nr_slots,
        .size = size,
        .gso = marks->gso_size != 0,
    };

    done = MIN(size, room);
    response = put_data(queue, bytes, 0, done);
    put_extras(rx, response, marks);
    while (done < size) {
        size_t len = MIN(size - done, room);

        response->flags |= NETRXF_more_data;
        response = put_data(queue, bytes, done, len);
        done += len;
    }
}

static bool frame_failed(const XenNicPgRx *rx, unsigned int first,
                         unsigned int nr_slots)
{
    for (unsigned int i = first; i < first + nr_slots; i++) {
        if (rx->segments[i] && rx->segments[i]->failed) {
            return true;
        }
    }
    return false;
}

/* The guest gets an error in place of each part of the frame. */
static void mark_failed(XenNicPgRx *rx, unsigned int first,
                        unsigned int nr_slots)
{
    for (unsigned int i = first; i < first + nr_slots; i++) {
        if (rx->segments[i]) {
            rx->responses[i].status = NETIF_RSP_ERROR;
        }
    }
}

static void finish_frame(XenNicPgRx *rx, const XenNicPgRxFrame *frame,
                         unsigned int first)
{
    rx->counters.slots += frame->nr_slots;
    if (frame_failed(rx, first, frame->nr_slots)) {
        mark_failed(rx, first, frame->nr_slots);
        drop_frame(rx, XEN_NIC_PG_DROP_GRANT);
        return;
    }
    rx->counters.frames++;
    rx->counters.bytes += frame->size;
    rx->counters.gso_frames += frame->gso;
}

static void publish_responses(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;
    unsigned int first = 0;
    bool notify;

    xen_grant_io_submit(rx->io);
    for (unsigned int i = 0; i < rx->nr_frames; i++) {
        finish_frame(rx, &rx->frames[i], first);
        first += rx->frames[i].nr_slots;
    }
    for (unsigned int i = 0; i < rx->nr_responses; i++) {
        *RING_GET_RESPONSE(&rx->ring, rx->ring.rsp_prod_pvt) =
            rx->responses[i];
        rx->ring.rsp_prod_pvt++;
    }
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&rx->ring, notify);
    trace_xen_nic_pg_rx_burst(queue, rx->nr_frames, rx->nr_responses);
    rx->nr_responses = 0;
    rx->nr_frames = 0;
    xen_nic_pg_queue_notify(queue, queue->rx_port, notify, &rx->counters);
}

/* Pages were lent for more frames than came. */
static void give_back_unused(XenNicPgRx *rx)
{
    for (unsigned int i = rx->next_lent; i < rx->nr_lent; i++) {
        if (rx->lent[i]) {
            xen_grant_io_give_back(rx->io, rx->lent[i]);
        }
    }
}

void xen_nic_pg_rx_publish(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    if (rx->nr_responses) {
        publish_responses(queue);
    }
    give_back_unused(rx);
    rx->nr_lent = 0;
    rx->next_lent = 0;
    xen_grant_io_reset(rx->io);
}

/*
 * From the port
 */

static void publish_later(XenNicPgRx *rx)
{
    if (!rx->nr_lent) {
        qemu_bh_schedule(rx->bh);
    }
}

/* Take a frame that the guest can have as it is. */
static bool receive_plain(XenNicPgQueue *queue, const XenNicPgBytes *bytes,
                          const RxMarks *marks)
{
    unsigned int nr_data_slots = count_data_slots(queue, bytes->size);
    bool taken;

    if (nr_data_slots > XEN_NIC_PG_MAX_SLOTS ||
        (nr_data_slots > 1 && !queue->config.sg)) {
        drop_frame(&queue->rx, XEN_NIC_PG_DROP_TOO_LONG);
        return true;
    }
    if (!reserve_slots(queue, count_slots(queue, bytes->size, marks),
                       &taken)) {
        return taken;
    }
    put_frame(queue, bytes, marks);
    publish_later(&queue->rx);
    return true;
}

/* Segment the frame in rx->large, if there are slots for all segments. */
static bool receive_segments(XenNicPgQueue *queue, size_t size,
                             unsigned int gso_size, const RxMarks *checked)
{
    XenNicPgRx *rx = &queue->rx;
    XenNicPgSegmenter segmenter;
    unsigned int nr, nr_slots;
    size_t segment_size;
    XenNicPgBytes segment;
    struct iovec iov;
    bool taken;

    nr = xen_nic_pg_segment_start(&segmenter, rx->large, size, gso_size);
    if (!nr) {
        drop_frame(rx, XEN_NIC_PG_DROP_GSO);
        return true;
    }
    segment_size = segmenter.headers.payload + gso_size;
    nr_slots = nr * count_slots(queue, segment_size, checked);
    if (nr_slots > XEN_NIC_PG_RX_RING_SIZE ||
        (segment_size > slot_room(queue) && !queue->config.sg)) {
        drop_frame(rx, XEN_NIC_PG_DROP_TOO_LONG);
        return true;
    }
    if (!reserve_slots(queue, nr_slots, &taken)) {
        return taken;
    }
    while ((size = xen_nic_pg_segment_next(&segmenter, rx->segment))) {
        segment = bytes_at(rx->segment, size, &iov);
        put_frame(queue, &segment, checked);
        rx->counters.software_segments++;
    }
    publish_later(rx);
    return true;
}

/* Do what the guest doesn't. */
static bool receive_in_software(XenNicPgQueue *queue,
                                const struct virtio_net_hdr *vnet,
                                const XenNicPgBytes *bytes,
                                const XenNicPgHashValue *hash)
{
    RxMarks checked = { .flags = NETRXF_data_validated, .hash = *hash };
    XenNicPgRx *rx = &queue->rx;
    size_t size = bytes->size;
    XenNicPgHeaders headers;
    XenNicPgBytes large;
    struct iovec iov;

    if (!rx->large) {
        rx->large = g_malloc(LARGE_SIZE);
        rx->segment = g_malloc(LARGE_SIZE + XEN_NIC_PG_HEADERS_MAX);
    }
    xen_nic_pg_bytes_get(bytes, 0, rx->large, size);
    if (vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        return receive_segments(queue, size, vnet->gso_size, &checked);
    }
    if (!xen_nic_pg_find_headers(rx->large, size, &headers)) {
        drop_frame(rx, XEN_NIC_PG_DROP_CHECKSUM);
        return true;
    }
    xen_nic_pg_complete_checksum(rx->large, &headers, size);
    rx->counters.software_checksums++;
    large = bytes_at(rx->large, size, &iov);
    return receive_plain(queue, &large, &checked);
}

static bool is_unwanted(XenNicPgQueue *queue, const XenNicPgBytes *bytes)
{
    XenNicPgMcast *mcast = queue->shared->mcast;
    MACAddr dest;

    return xen_nic_pg_mcast_is_applied(mcast) &&
           xen_nic_pg_bytes_get(bytes, 0, &dest, sizeof(dest)) ==
           sizeof(dest) && !xen_nic_pg_mcast_wants(mcast, &dest);
}

bool xen_nic_pg_rx_receive(XenNicPgQueue *queue,
                           const struct virtio_net_hdr *vnet,
                           const XenNicPgBytes *bytes,
                           const XenNicPgHashValue *hash)
{
    RxMarks marks = { .hash = *hash };

    if (!queue->running) {
        drop_frame(&queue->rx, XEN_NIC_PG_DROP_CLOSED);
        return true;
    }
    if (bytes->size == 0 || bytes->size > LARGE_SIZE) {
        drop_frame(&queue->rx, bytes->size ? XEN_NIC_PG_DROP_TOO_LONG
                                           : XEN_NIC_PG_DROP_SIZE);
        return true;
    }
    if (is_unwanted(queue, bytes)) {
        drop_frame(&queue->rx, XEN_NIC_PG_DROP_MULTICAST);
        return true;
    }
    if (decide_offloads(queue, vnet, bytes, &marks)) {
        return receive_plain(queue, bytes, &marks);
    }
    return receive_in_software(queue, vnet, bytes, hash);
}

bool xen_nic_pg_rx_is_pending(XenNicPgQueue *queue)
{
    const XenNicPgRx *rx = &queue->rx;
    RING_IDX prod = qatomic_read(&rx->ring.sring->req_prod);

    return rx->wanted && prod - rx->ring.req_cons >= rx->wanted;
}

void xen_nic_pg_rx_run(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    xen_nic_pg_rx_publish(queue);
    if (rx->wanted && have_slots(queue, rx->wanted)) {
        end_wait(queue);
        queue->port->ops->wake(queue->port);
    }
}

bool xen_nic_pg_rx_start(XenNicPgQueue *queue, Error **errp)
{
    const XenNicPgQueueConfig *config = &queue->config;
    XenNicPgRx *rx = &queue->rx;
    RING_IDX start = qatomic_read(&queue->rx_sring->rsp_prod);

    BACK_RING_ATTACH(&rx->ring, queue->rx_sring, start, XEN_PAGE_SIZE);
    if (RING_REQUEST_PROD_OVERFLOW(&rx->ring,
                                   qatomic_read(&queue->rx_sring->req_prod))) {
        error_setg(errp, "receive ring: the request index is beyond the ring");
        return false;
    }

    if (config->max_grants || config->max_static_grants) {
        rx->cache = xen_grant_cache_new(queue->xgt, config->domid,
                                        config->max_grants,
                                        PROT_READ | PROT_WRITE);
    }
    rx->io = xen_grant_io_new(queue->xgt, config->domid, true, rx->cache,
                              XEN_NIC_PG_BURST);
    rx->nr_responses = 0;
    rx->nr_frames = 0;
    rx->nr_lent = 0;
    rx->next_lent = 0;
    return true;
}

static void publish_now(void *opaque)
{
    XenNicPgQueue *queue = opaque;

    if (queue->running) {
        xen_nic_pg_rx_run(queue);
    }
}

void xen_nic_pg_rx_attach(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;
    AioContext *ctx = queue->port->ctx;

    rx->bh = aio_bh_new_guarded(ctx, publish_now, queue,
                                xen_nic_pg_queue_guard(queue));
    rx->stall_timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS,
                                    on_stall, queue);
}

/* What waits for slots is the port's, which is left, too. */
void xen_nic_pg_rx_detach(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    end_wait(queue);
    g_clear_pointer(&rx->bh, qemu_bh_delete);
    g_clear_pointer(&rx->stall_timer, timer_free);
}

void xen_nic_pg_rx_stop(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    g_clear_pointer(&rx->io, xen_grant_io_free);
    g_clear_pointer(&rx->cache, xen_grant_cache_free);
    g_clear_pointer(&rx->large, g_free);
    g_clear_pointer(&rx->segment, g_free);
}
