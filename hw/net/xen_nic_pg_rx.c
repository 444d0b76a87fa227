/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the port to the guest's receive ring
 *
 * xen_nic_pg_rx_receive(), near the end, gets a frame from the port:
 *
 *   decide_offloads    what is left to do to the frame, in the guest's terms;
 *                      what the guest doesn't take, software does first
 *                      (receive_in_software())
 *   have_slots         are there slots for the whole frame?  If not, the port
 *                      keeps it, and the guest is asked to notify when there
 *                      are; so nothing is queued here
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
#include "qemu/iov.h"
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
 */
typedef struct RxMarks {
    uint16_t flags;
    uint8_t gso_type;
    uint16_t gso_size;
} RxMarks;

static XenNicPgBytes bytes_at(void *data, size_t size, struct iovec *iov)
{
    iov->iov_base = data;
    iov->iov_len = size;
    return (XenNicPgBytes) { .iov = iov, .nr_iov = 1, .size = size };
}

/* Returns how many bytes there were from @offset on, at most @len. */
static size_t get_bytes(const XenNicPgBytes *bytes, size_t offset, void *to,
                        size_t len)
{
    return iov_to_buf(bytes->iov, bytes->nr_iov, bytes->offset + offset, to,
                      len);
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
    len = get_bytes(bytes, 0, start, sizeof(start));
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

    *marks = (RxMarks) { 0 };
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

static unsigned int count_slots(size_t size, const RxMarks *marks)
{
    return DIV_ROUND_UP(size, XEN_PAGE_SIZE) + (marks->gso_size != 0);
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

/* The port keeps a frame that @wanted slots are needed for. */
static void hold_back(XenNicPgQueue *queue, unsigned int wanted)
{
    queue->rx.wanted = wanted;
    queue->rx.counters.held_back++;
    trace_xen_nic_pg_rx_held_back(queue, wanted);
}

/*
 * Are there slots for a frame?  If not, let the port keep it, or, if the
 * guest wouldn't tell us when there are, drop it.  Returns true if there are;
 * else *taken says whether the frame is done with.
 */
static bool reserve_slots(XenNicPgQueue *queue, unsigned int wanted,
                          bool *taken)
{
    XenNicPgRx *rx = &queue->rx;

    if (have_slots(queue, wanted)) {
        return true;
    }
    if (!queue->running || !queue->config.rx_notify) {
        drop_frame(rx, queue->running ? XEN_NIC_PG_DROP_NO_SLOTS
                                      : XEN_NIC_PG_DROP_CLOSED);
        *taken = true;
        return false;
    }
    hold_back(queue, wanted);
    *taken = false;
    return false;
}

bool xen_nic_pg_rx_lend(XenNicPgQueue *queue, void **pages, unsigned int *nr)
{
    XenNicPgRx *rx = &queue->rx;

    xen_nic_pg_rx_publish(queue);
    if (queue->running && queue->config.rx_notify && !have_slots(queue, 1)) {
        hold_back(queue, 1);
        return false;
    }
    *nr = queue->running ? MIN(*nr, count_requests(queue)) : 0;
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
static netif_rx_response_t *put_data(XenNicPgRx *rx,
                                     const XenNicPgBytes *bytes,
                                     size_t offset, size_t len)
{
    unsigned int index = rx->nr_responses;
    uint8_t *data = find_bytes(bytes, offset);
    bool private = bytes->buffer && data == bytes->buffer + offset;
    netif_rx_request_t request;
    XenGrantSegment *segment;

    if (!take_slot(rx, &request, &segment)) {
        segment = xen_grant_io_add_mapped(rx->io, request.gref);
    }
    if (!segment) {
        segment = xen_grant_io_add_copied(rx->io, request.gref, 0, len,
                                          private ? data : NULL);
    }
    if (segment->data != data) {
        get_bytes(bytes, offset, segment->data, len);
    }
    rx->segments[index] = segment;
    rx->responses[index].status = len;
    return &rx->responses[index];
}

static void put_gso(XenNicPgRx *rx, const RxMarks *marks)
{
    netif_rx_response_t *response = &rx->responses[rx->nr_responses];
    netif_rx_request_t request;
    XenGrantSegment *unused;
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso.size = marks->gso_size,
        .u.gso.type = marks->gso_type,
    };

    take_slot(rx, &request, &unused);
    memcpy(response, &extra, sizeof(extra));
}

/* Add a frame, for which there are slots, to the burst. */
static void put_frame(XenNicPgQueue *queue, const XenNicPgBytes *bytes,
                      const RxMarks *marks)
{
    XenNicPgRx *rx = &queue->rx;
    size_t size = bytes->size;
    unsigned int nr_slots = count_slots(size, marks);
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

    done = MIN(size, XEN_PAGE_SIZE);
    response = put_data(rx, bytes, 0, done);
    response->flags = marks->flags;
    if (marks->gso_size) {
        response->flags |= NETRXF_extra_info;
        put_gso(rx, marks);
    }
    while (done < size) {
        size_t len = MIN(size - done, XEN_PAGE_SIZE);

        response->flags |= NETRXF_more_data;
        response = put_data(rx, bytes, done, len);
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
    unsigned int nr_slots = count_slots(bytes->size, marks);
    bool taken;

    if (nr_slots > XEN_NIC_PG_MAX_SLOTS ||
        (bytes->size > XEN_PAGE_SIZE && !queue->config.sg)) {
        drop_frame(&queue->rx, XEN_NIC_PG_DROP_TOO_LONG);
        return true;
    }
    if (!reserve_slots(queue, nr_slots, &taken)) {
        return taken;
    }
    put_frame(queue, bytes, marks);
    publish_later(&queue->rx);
    return true;
}

/* Segment the frame in rx->large, if there are slots for all segments. */
static bool receive_segments(XenNicPgQueue *queue, size_t size,
                             unsigned int gso_size)
{
    static const RxMarks checked = { .flags = NETRXF_data_validated };
    XenNicPgRx *rx = &queue->rx;
    XenNicPgSegmenter segmenter;
    unsigned int nr, nr_slots;
    XenNicPgBytes segment;
    struct iovec iov;
    bool taken;

    nr = xen_nic_pg_segment_start(&segmenter, rx->large, size, gso_size);
    if (!nr) {
        drop_frame(rx, XEN_NIC_PG_DROP_GSO);
        return true;
    }
    nr_slots = nr * DIV_ROUND_UP(segmenter.headers.payload + gso_size,
                                 XEN_PAGE_SIZE);
    if (nr_slots > XEN_NIC_PG_RX_RING_SIZE ||
        (gso_size + segmenter.headers.payload > XEN_PAGE_SIZE &&
         !queue->config.sg)) {
        drop_frame(rx, XEN_NIC_PG_DROP_TOO_LONG);
        return true;
    }
    if (!reserve_slots(queue, nr_slots, &taken)) {
        return taken;
    }
    while ((size = xen_nic_pg_segment_next(&segmenter, rx->segment))) {
        segment = bytes_at(rx->segment, size, &iov);
        put_frame(queue, &segment, &checked);
        rx->counters.software_segments++;
    }
    publish_later(rx);
    return true;
}

/* Do what the guest doesn't. */
static bool receive_in_software(XenNicPgQueue *queue,
                                const struct virtio_net_hdr *vnet,
                                const XenNicPgBytes *bytes)
{
    static const RxMarks checked = { .flags = NETRXF_data_validated };
    XenNicPgRx *rx = &queue->rx;
    size_t size = bytes->size;
    XenNicPgHeaders headers;
    XenNicPgBytes large;
    struct iovec iov;

    if (!rx->large) {
        rx->large = g_malloc(LARGE_SIZE);
        rx->segment = g_malloc(LARGE_SIZE + XEN_NIC_PG_HEADERS_MAX);
    }
    get_bytes(bytes, 0, rx->large, size);
    if (vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        return receive_segments(queue, size, vnet->gso_size);
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

bool xen_nic_pg_rx_receive(XenNicPgQueue *queue,
                           const struct virtio_net_hdr *vnet,
                           const XenNicPgBytes *bytes)
{
    RxMarks marks;

    if (!queue->running) {
        drop_frame(&queue->rx, XEN_NIC_PG_DROP_CLOSED);
        return true;
    }
    if (bytes->size == 0 || bytes->size > LARGE_SIZE) {
        drop_frame(&queue->rx, bytes->size ? XEN_NIC_PG_DROP_TOO_LONG
                                           : XEN_NIC_PG_DROP_SIZE);
        return true;
    }
    if (decide_offloads(queue, vnet, bytes, &marks)) {
        return receive_plain(queue, bytes, &marks);
    }
    return receive_in_software(queue, vnet, bytes);
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
        rx->wanted = 0;
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

    if (config->max_grants) {
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
    rx->wanted = 0;
    return true;
}

void xen_nic_pg_rx_stop(XenNicPgQueue *queue)
{
    XenNicPgRx *rx = &queue->rx;

    qemu_bh_cancel(rx->bh);
    g_clear_pointer(&rx->io, xen_grant_io_free);
    g_clear_pointer(&rx->cache, xen_grant_cache_free);
    g_clear_pointer(&rx->large, g_free);
    g_clear_pointer(&rx->segment, g_free);
}
