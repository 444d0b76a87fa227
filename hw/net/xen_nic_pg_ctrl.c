/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's control ring
 *
 * The frontend sends requests of a fixed size, each of which gets one response
 * (netif.h, "Control messages").  Some name a page that holds more: what is in
 * it is copied, once, so the guest can't change what was checked.
 *
 *   hash messages    say how the guest wants frames to be spread over its
 *                    queues.  The state is here; whoever spreads frames is told
 *                    of each change.
 *   gref messages    name pages that a queue is to keep mapped ("static
 *                    grants").  The queue has them.
 *
 * Where the header leaves a choice, statuses are those of Linux' netback.  The
 * whole state is the connection's.
 *
 * This runs in the main loop, which has other things to do after a few
 * requests.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "trace.h"
#include "xen_nic_pg_ctrl.h"
#include "xen_nic_pg_ring.h"

typedef struct xen_netif_ctrl_request CtrlRequest;
typedef struct xen_netif_ctrl_response CtrlResponse;

/* Requests that are served before others have their turn */
#define REQUESTS_PER_RUN 4

/* As many static grants as fit a page */
#define MAX_GREFS (XEN_PAGE_SIZE / sizeof(struct xen_netif_gref))

/**
 * XenNicPgCtrl:
 * @config: what it is about
 * @hash: how the guest wants frames to be hashed
 * @xgt: maps and copies
 * @xeh: the event channel's handle
 * @events: the same, for the main loop
 * @port: our end of the event channel, or -1
 * @sring: the mapped ring
 * @ring: our view of it
 * @bh: goes on with the ring
 * @fault: how the frontend broke the rules, or NULL
 */
struct XenNicPgCtrl {
    XenNicPgCtrlConfig config;
    XenNicPgHash hash;
    xengnttab_handle *xgt;
    xenevtchn_handle *xeh;
    EventNotifier events;
    int port;
    xen_netif_ctrl_sring_t *sring;
    xen_netif_ctrl_back_ring_t ring;
    QEMUBH *bh;
    const char *fault;
};

/*
 * Pages that messages name
 */

static bool read_page(XenNicPgCtrl *ctrl, uint32_t ref, void *to, size_t len)
{
    XenGrantCopySegment copy = {
        .source.foreign.ref = ref,
        .dest.virt = to,
        .len = len,
    };

    return !len || qemu_xen_gnttab_grant_copy(ctrl->xgt, false,
                                              ctrl->config.domid, &copy, 1,
                                              NULL) == 0;
}

static bool write_page(XenNicPgCtrl *ctrl, uint32_t ref, void *from,
                       size_t len)
{
    XenGrantCopySegment copy = {
        .source.virt = from,
        .dest.foreign.ref = ref,
        .len = len,
    };

    return !len || qemu_xen_gnttab_grant_copy(ctrl->xgt, true,
                                              ctrl->config.domid, &copy, 1,
                                              NULL) == 0;
}

/*
 * Hash messages.  Each returns the response's status, and may set its data.
 */

static bool has_algorithm(const XenNicPgCtrl *ctrl)
{
    return ctrl->hash.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE;
}

static uint32_t hash_changed(XenNicPgCtrl *ctrl)
{
    ctrl->config.set_hash(ctrl->config.opaque, &ctrl->hash);
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t set_hash_algorithm(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                                   uint32_t *data)
{
    if (req->data[0] != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE &&
        req->data[0] != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    ctrl->hash.algorithm = req->data[0];
    return hash_changed(ctrl);
}

static uint32_t get_hash_flags(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                               uint32_t *data)
{
    if (!has_algorithm(ctrl)) {
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    }
    *data = XEN_NIC_PG_HASH_TYPES;
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t set_hash_flags(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                               uint32_t *data)
{
    if (!has_algorithm(ctrl) || (req->data[0] & ~XEN_NIC_PG_HASH_TYPES)) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    ctrl->hash.types = req->data[0];
    return hash_changed(ctrl);
}

static uint32_t set_hash_key(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                             uint32_t *data)
{
    uint8_t key[XEN_NIC_PG_HASH_KEY_MAX] = { 0 };
    uint32_t len = req->data[1];

    if (len > sizeof(key)) {
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    }
    if (!read_page(ctrl, req->data[0], key, len)) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    memcpy(ctrl->hash.key, key, sizeof(key));
    return hash_changed(ctrl);
}

static uint32_t get_hash_mapping_size(XenNicPgCtrl *ctrl,
                                      const CtrlRequest *req, uint32_t *data)
{
    *data = XEN_NIC_PG_HASH_MAPPING_MAX;
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t set_hash_mapping_size(XenNicPgCtrl *ctrl,
                                      const CtrlRequest *req, uint32_t *data)
{
    if (req->data[0] > XEN_NIC_PG_HASH_MAPPING_MAX) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    ctrl->hash.mapping_size = req->data[0];
    memset(ctrl->hash.mapping, 0, sizeof(ctrl->hash.mapping));
    return hash_changed(ctrl);
}

static uint32_t set_hash_mapping(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                                 uint32_t *data)
{
    uint32_t mapping[XEN_NIC_PG_HASH_MAPPING_MAX];
    uint32_t nr = req->data[1], first = req->data[2];

    if (nr > XEN_NIC_PG_HASH_MAPPING_MAX) {
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    }
    if (first > ctrl->hash.mapping_size ||
        nr > ctrl->hash.mapping_size - first ||
        !read_page(ctrl, req->data[0], mapping, nr * sizeof(*mapping))) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < nr; i++) {
        if (mapping[i] >= ctrl->config.nr_queues) {
            return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
        }
    }
    memcpy(ctrl->hash.mapping + first, mapping, nr * sizeof(*mapping));
    return hash_changed(ctrl);
}

/*
 * Gref messages, likewise
 */

/* The queue that a request names, or NULL. */
static XenNicPgQueue *find_queue(const XenNicPgCtrl *ctrl,
                                 const CtrlRequest *req)
{
    return req->data[0] < ctrl->config.nr_queues
           ? ctrl->config.queues[req->data[0]] : NULL;
}

static uint32_t get_gref_mapping_size(XenNicPgCtrl *ctrl,
                                      const CtrlRequest *req, uint32_t *data)
{
    XenNicPgQueue *queue = find_queue(ctrl, req);

    if (!queue) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    *data = xen_nic_pg_queue_max_static_grants(queue);
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

/*
 * Read the list that a request names.  Returns the status, and on success the
 * request's queue.
 */
static uint32_t read_grefs(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                           struct xen_netif_gref *grefs, XenNicPgQueue **queue)
{
    *queue = find_queue(ctrl, req);
    if (*queue && !xen_nic_pg_queue_max_static_grants(*queue)) {
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    }
    if (!*queue || req->data[2] > MAX_GREFS ||
        !read_page(ctrl, req->data[1], grefs,
                   req->data[2] * sizeof(*grefs))) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t add_gref_mapping(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                                 uint32_t *data)
{
    struct xen_netif_gref grefs[MAX_GREFS];
    XenNicPgQueue *queue;
    uint32_t status = read_grefs(ctrl, req, grefs, &queue);

    if (status == XEN_NETIF_CTRL_STATUS_SUCCESS &&
        !xen_nic_pg_queue_add_grants(queue, grefs, req->data[2])) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    return status;
}

static uint32_t del_gref_mapping(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                                 uint32_t *data)
{
    struct xen_netif_gref grefs[MAX_GREFS];
    XenNicPgQueue *queue;
    uint32_t status = read_grefs(ctrl, req, grefs, &queue);

    if (status != XEN_NETIF_CTRL_STATUS_SUCCESS) {
        return status;
    }
    *data = xen_nic_pg_queue_remove_grants(queue, grefs, req->data[2]);
    if (!write_page(ctrl, req->data[1], grefs,
                    req->data[2] * sizeof(*grefs))) {
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    }
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

/*
 * Ring
 */

static uint32_t serve_request(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                              uint32_t *data)
{
    typedef uint32_t Message(XenNicPgCtrl *ctrl, const CtrlRequest *req,
                             uint32_t *data);
    static Message *const messages[] = {
        [XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS] = get_hash_flags,
        [XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS] = set_hash_flags,
        [XEN_NETIF_CTRL_TYPE_SET_HASH_KEY] = set_hash_key,
        [XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE] = get_hash_mapping_size,
        [XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE] = set_hash_mapping_size,
        [XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING] = set_hash_mapping,
        [XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM] = set_hash_algorithm,
        [XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE] = get_gref_mapping_size,
        [XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING] = add_gref_mapping,
        [XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING] = del_gref_mapping,
    };

    if (req->type >= ARRAY_SIZE(messages) || !messages[req->type]) {
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    }
    return messages[req->type](ctrl, req, data);
}

static void answer_next(XenNicPgCtrl *ctrl)
{
    CtrlResponse response = { 0 };
    CtrlRequest request;

    RING_COPY_REQUEST(&ctrl->ring, ctrl->ring.req_cons, &request);
    ctrl->ring.req_cons++;
    response.id = request.id;
    response.type = request.type;
    response.status = serve_request(ctrl, &request, &response.data);
    trace_xen_nic_pg_ctrl(request.type, request.data[0], request.data[1],
                          request.data[2], response.status, response.data);
    *RING_GET_RESPONSE(&ctrl->ring, ctrl->ring.rsp_prod_pvt) = response;
    ctrl->ring.rsp_prod_pvt++;
}

static void publish_responses(XenNicPgCtrl *ctrl)
{
    int notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&ctrl->ring, notify);
    if (notify) {
        qemu_xen_evtchn_notify(ctrl->xeh, ctrl->port);
    }
}

static void serve_ring(void *opaque)
{
    XenNicPgCtrl *ctrl = opaque;
    RING_IDX prod = qatomic_read(&ctrl->sring->req_prod);
    unsigned int nr;
    int more;

    if (ctrl->fault) {
        return;
    }
    if (RING_REQUEST_PROD_OVERFLOW(&ctrl->ring, prod)) {
        ctrl->fault = "control ring: the request index is beyond the ring";
        event_notifier_set_handler(&ctrl->events, NULL);
        qemu_bh_schedule(ctrl->config.fault);
        return;
    }
    xen_rmb(); /* requests are read after the index that covers them */
    for (nr = 0; nr < REQUESTS_PER_RUN && ctrl->ring.req_cons != prod; nr++) {
        answer_next(ctrl);
    }
    publish_responses(ctrl);
    RING_FINAL_CHECK_FOR_REQUESTS(&ctrl->ring, more);
    if (more) {
        qemu_bh_schedule(ctrl->bh);
    }
}

static void on_event(EventNotifier *events)
{
    XenNicPgCtrl *ctrl = container_of(events, XenNicPgCtrl, events);
    int port = qemu_xen_evtchn_pending(ctrl->xeh);

    if (port >= 0) {
        qemu_xen_evtchn_unmask(ctrl->xeh, port);
        serve_ring(ctrl);
    }
}

/*
 * Life
 */

static bool map_ring(XenNicPgCtrl *ctrl, Error **errp)
{
    ctrl->xgt = xen_nic_pg_open_grants(errp);
    if (!ctrl->xgt) {
        return false;
    }
    ctrl->sring = xen_nic_pg_map_ring(ctrl->xgt, ctrl->config.domid,
                                      ctrl->config.ring_ref, "ctrl-ring-ref",
                                      errp);
    if (!ctrl->sring) {
        return false;
    }
    BACK_RING_ATTACH(&ctrl->ring, ctrl->sring,
                     qatomic_read(&ctrl->sring->rsp_prod), XEN_PAGE_SIZE);
    return true;
}

static bool bind_event_channel(XenNicPgCtrl *ctrl, Error **errp)
{
    ctrl->xeh = xen_nic_pg_open_events(&ctrl->events, errp);
    if (!ctrl->xeh) {
        return false;
    }
    ctrl->port = xen_nic_pg_bind_event_channel(ctrl->xeh, ctrl->config.domid,
                                               ctrl->config.event_channel,
                                               "event-channel-ctrl", errp);
    return ctrl->port >= 0;
}

XenNicPgCtrl *xen_nic_pg_ctrl_new(const XenNicPgCtrlConfig *config,
                                  Error **errp)
{
    XenNicPgCtrl *ctrl = g_new0(XenNicPgCtrl, 1);

    ctrl->config = *config;
    ctrl->port = -1;
    ctrl->bh = aio_bh_new(iohandler_get_aio_context(), serve_ring, ctrl);
    if (!map_ring(ctrl, errp) || !bind_event_channel(ctrl, errp)) {
        xen_nic_pg_ctrl_free(ctrl);
        return NULL;
    }
    event_notifier_set_handler(&ctrl->events, on_event);
    qemu_bh_schedule(ctrl->bh);     /* what came before we listened */
    return ctrl;
}

const char *xen_nic_pg_ctrl_free(XenNicPgCtrl *ctrl)
{
    const char *fault;

    if (!ctrl) {
        return NULL;
    }
    if (ctrl->port >= 0) {
        event_notifier_set_handler(&ctrl->events, NULL);
        qemu_xen_evtchn_unbind(ctrl->xeh, ctrl->port);
    }
    if (ctrl->xeh) {
        qemu_xen_evtchn_close(ctrl->xeh);
    }
    if (ctrl->xgt) {
        xen_nic_pg_unmap_ring(ctrl->xgt, ctrl->sring, ctrl->config.ring_ref);
        qemu_xen_gnttab_close(ctrl->xgt);
    }
    qemu_bh_delete(ctrl->bh);
    fault = ctrl->fault;
    g_free(ctrl);
    return fault;
}
