/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests as the test says
 *
 * The rings are those of the front's first queue.  Whoever waits sets the
 * ring's event index first and then looks once more, as ring.h wants it.
 */

#include "raw.h"

static XensimQueue *queue_of(VifTest *test)
{
    return &test->front->queues[0];
}

uint32_t raw_grant(VifTest *test, bool readonly, uint32_t *frame)
{
    uint32_t page = xensim_alloc_page(test->sim);

    vif_test_fill(xensim_page(test->sim, page), XENSIM_PAGE_SIZE);
    if (frame) {
        *frame = page;
    }
    return xensim_grant(test->sim, page, readonly);
}

void raw_make_bad_refs(VifTest *test, uint32_t refs[RAW_NR_BAD_REFS])
{
    refs[0] = XENSIM_NR_GRANTS - 1;
    refs[1] = UINT32_MAX;
    refs[2] = raw_grant(test, false, NULL);
    g_assert_true(xensim_end_grant(test->sim, refs[2]));
    refs[3] = raw_grant(test, false, NULL);
    xensim_shared(test->sim)->grants[refs[3]].domid = VIF_TEST_DOMID + 1;
}

void raw_put_tx(VifTest *test, const netif_tx_request_t *request)
{
    netif_tx_front_ring_t *ring = &queue_of(test)->tx;

    *RING_GET_REQUEST(ring, ring->req_prod_pvt) = *request;
    ring->req_prod_pvt++;
}

void raw_put_tx_extra(VifTest *test, const netif_extra_info_t *extra)
{
    netif_tx_request_t request = { 0 };

    memcpy(&request, extra, sizeof(*extra));
    raw_put_tx(test, &request);
}

void raw_push_tx(VifTest *test)
{
    RING_PUSH_REQUESTS(&queue_of(test)->tx);
    xensim_notify(test->sim, queue_of(test)->tx_port);
}

void raw_push_tx_if_asked(VifTest *test)
{
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue_of(test)->tx, notify);
    if (notify) {
        xensim_notify(test->sim, queue_of(test)->tx_port);
    }
}

netif_tx_response_t raw_take_tx(VifTest *test)
{
    netif_tx_front_ring_t *ring = &queue_of(test)->tx;
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    while (!more) {
        if (!xensim_wait_event(test->sim, queue_of(test)->tx_port,
                               XENSIM_PATIENCE)) {
            g_error("no response in place %u of the transmit ring",
                    ring->rsp_cons);
        }
        RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    }
    return *RING_GET_RESPONSE(ring, ring->rsp_cons++);
}

void raw_expect_tx(VifTest *test, uint16_t id, int16_t status)
{
    netif_tx_response_t response = raw_take_tx(test);

    g_assert_cmpint(response.status, ==, status);
    if (status != NETIF_RSP_NULL) {
        g_assert_cmpuint(response.id, ==, id);
    }
}

void raw_put_rx(VifTest *test, uint16_t id, uint32_t ref)
{
    netif_rx_front_ring_t *ring = &queue_of(test)->rx;

    *RING_GET_REQUEST(ring, ring->req_prod_pvt) = (netif_rx_request_t) {
        .id = id,
        .gref = ref,
    };
    ring->req_prod_pvt++;
}

void raw_push_rx(VifTest *test)
{
    RING_PUSH_REQUESTS(&queue_of(test)->rx);
    xensim_notify(test->sim, queue_of(test)->rx_port);
}

bool raw_push_rx_if_asked(VifTest *test)
{
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue_of(test)->rx, notify);
    if (notify) {
        xensim_notify(test->sim, queue_of(test)->rx_port);
    }
    return notify;
}

netif_rx_response_t raw_take_rx(VifTest *test)
{
    netif_rx_front_ring_t *ring = &queue_of(test)->rx;
    int more;

    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    while (!more) {
        if (!xensim_wait_event(test->sim, queue_of(test)->rx_port,
                               XENSIM_PATIENCE)) {
            g_error("no response in place %u of the receive ring",
                    ring->rsp_cons);
        }
        RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    }
    return *RING_GET_RESPONSE(ring, ring->rsp_cons++);
}

netif_rx_response_t raw_expect_rx(VifTest *test, uint16_t id)
{
    netif_rx_response_t response = raw_take_rx(test);

    g_assert_cmpuint(response.id, ==, id);
    return response;
}
