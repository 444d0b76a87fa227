/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's netfront: to ask on the control ring
 *
 * One request is out at a time, as with any driver: whoever asks waits for the
 * response.  What a request names by a grant is put into the one list page,
 * which is granted as long as the rings are.
 *
 * Tests that break the rules put requests of their own into the ring, or write
 * to it and to the list page as they like.
 */

#include <string.h>
#include "netfront-private.h"

void xensim_front_put_control(XensimFront *front,
                              const struct xen_netif_ctrl_request *request)
{
    xen_netif_ctrl_front_ring_t *ring = &front->control.ring;

    *RING_GET_REQUEST(ring, ring->req_prod_pvt) = *request;
    ring->req_prod_pvt++;
}

void xensim_front_push_control(XensimFront *front)
{
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->control.ring, notify);
    if (notify) {
        xensim_notify(front->sim, front->control.port);
    }
}

bool xensim_front_take_control(XensimFront *front,
                               struct xen_netif_ctrl_response *response)
{
    xen_netif_ctrl_front_ring_t *ring = &front->control.ring;
    unsigned int more;

    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    while (!more) {
        if (!xensim_wait_event(front->sim, front->control.port,
                               XENSIM_PATIENCE)) {
            return false;
        }
        RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    }
    if (more > ring->req_prod_pvt - ring->rsp_cons) {
        g_error("netfront: %u responses to control requests, more than there "
                "are", more);
    }
    xen_rmb(); /* responses are read behind the index */
    *response = *RING_GET_RESPONSE(ring, ring->rsp_cons);
    ring->rsp_cons++;
    return true;
}

uint32_t xensim_front_control(XensimFront *front, uint16_t type,
                              uint32_t data0, uint32_t data1, uint32_t data2,
                              uint32_t *answer)
{
    struct xen_netif_ctrl_request request = {
        .id = ++front->control.last_id,
        .type = type,
        .data = { data0, data1, data2 },
    };
    struct xen_netif_ctrl_response response;

    xensim_front_put_control(front, &request);
    xensim_front_push_control(front);
    if (!xensim_front_take_control(front, &response)) {
        g_error("netfront: control request of type %u isn't answered", type);
    }
    if (response.id != request.id || response.type != type) {
        g_error("netfront: a response to control request %u of type %u "
                "instead of %u of type %u", response.id, response.type,
                request.id, type);
    }
    if (answer) {
        *answer = response.data;
    }
    return response.status;
}

static void fill_list(XensimFront *front, const void *data, size_t len)
{
    g_assert(len <= XENSIM_PAGE_SIZE);
    memcpy(xensim_page(front->sim, front->control.list_frame), data, len);
}

uint32_t xensim_front_set_hash_key(XensimFront *front, const void *key,
                                   uint32_t size)
{
    fill_list(front, key, size);
    return xensim_front_control(front, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY,
                                front->control.list_ref, size, 0, NULL);
}

uint32_t xensim_front_set_hash_mapping(XensimFront *front,
                                       const uint32_t *queues, uint32_t nr,
                                       uint32_t offset)
{
    fill_list(front, queues, nr * sizeof(*queues));
    return xensim_front_control(front, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING,
                                front->control.list_ref, nr, offset, NULL);
}

struct xen_netif_gref *xensim_front_list_grefs(XensimFront *front,
                                               const uint32_t *refs,
                                               uint32_t nr, uint16_t flags)
{
    struct xen_netif_gref *list = xensim_page(front->sim,
                                              front->control.list_frame);

    g_assert(nr <= XENSIM_MAX_GREFS);
    for (uint32_t i = 0; i < nr; i++) {
        list[i] = (struct xen_netif_gref) {
            .ref = refs[i],
            .flags = flags,
            .status = XENSIM_NO_STATUS,
        };
    }
    return list;
}

uint32_t xensim_front_add_grefs(XensimFront *front, uint32_t queue,
                                const uint32_t *refs, uint32_t nr,
                                uint16_t flags)
{
    xensim_front_list_grefs(front, refs, nr, flags);
    return xensim_front_control(front, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING,
                                queue, front->control.list_ref, nr, NULL);
}

uint32_t xensim_front_del_grefs(XensimFront *front, uint32_t queue,
                                const uint32_t *refs, uint32_t nr,
                                uint32_t *removed)
{
    xensim_front_list_grefs(front, refs, nr, 0);
    return xensim_front_control(front, XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING,
                                queue, front->control.list_ref, nr, removed);
}
