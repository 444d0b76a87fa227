/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the guest uses, in either direction
 *
 * Requests are put into the rings of the first queue as they are (raw.h), so
 * that each names the page that is wanted.
 */

#include "pages.h"
#include "raw.h"

void pages_send(VifTest *test, const uint32_t *refs, const uint32_t *frames,
                unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        vif_test_fill(xensim_page(test->sim, frames[i]), PAGES_FRAME + nr);
        raw_put_tx(test, &(netif_tx_request_t) {
            .gref = refs[i],
            .offset = i,
            .id = i,
            .size = PAGES_FRAME,
        });
    }
    raw_push_tx(test);
    for (unsigned int i = 0; i < nr; i++) {
        uint8_t *page = xensim_page(test->sim, frames[i]);

        vif_test_expect_sent(test, page + i, PAGES_FRAME);
        raw_expect_tx(test, i, NETIF_RSP_OKAY);
    }
}

static bool is_named_again(const uint32_t *frames, unsigned int i,
                           unsigned int nr)
{
    for (unsigned int j = i + 1; j < nr; j++) {
        if (frames[j] == frames[i]) {
            return true;
        }
    }
    return false;
}

void pages_receive(VifTest *test, const uint32_t *refs, const uint32_t *frames,
                   unsigned int nr)
{
    static uint8_t data[PAGES_MAX * XENSIM_PAGE_SIZE];
    size_t last = (nr - 1) * XENSIM_PAGE_SIZE;

    g_assert(nr <= PAGES_MAX);
    vif_test_fill(data, last + PAGES_FRAME);
    for (unsigned int i = 0; i < nr; i++) {
        raw_put_rx(test, i, refs[i]);
    }
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, last + PAGES_FRAME);
    for (unsigned int i = 0; i < nr; i++) {
        uint8_t *page = xensim_page(test->sim, frames[i]);
        netif_rx_response_t response = raw_expect_rx(test, i);
        int len = i + 1 < nr ? XENSIM_PAGE_SIZE : PAGES_FRAME;

        g_assert_cmpint(response.status, ==, len);
        if (!is_named_again(frames, i, nr)) {
            g_assert_cmpmem(page + response.offset, len,
                            data + i * XENSIM_PAGE_SIZE, len);
        }
    }
}

void pages_grant(VifTest *test, bool readonly, uint32_t *refs,
                 uint32_t *frames, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        refs[i] = raw_grant(test, readonly, &frames[i]);
    }
}

void pages_expect(VifTest *test, const PagesWay *way, const char *counter,
                  uint64_t value)
{
    uint64_t is = vif_test_counter(test, way->direction, counter);

    if (is != value) {
        g_error("%s: %s is %" PRIu64 " instead of %" PRIu64, way->direction,
                counter, is, value);
    }
}

void pages_add_ways(const char *path, GTestDataFunc function)
{
    static const PagesWay ways[] = {
        { .direction = "tx", .readonly = true, .use = pages_send },
        { .direction = "rx", .readonly = false, .use = pages_receive },
    };

    for (unsigned int i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *name = g_strdup_printf("%s/%s", path,
                                                ways[i].direction);

        g_test_add_data_func(name, &ways[i], function);
    }
}

void pages_refuse_write(VifTest *test, uint32_t ref, uint32_t frame)
{
    uint8_t data[PAGES_FRAME], before[XENSIM_PAGE_SIZE];

    memcpy(before, xensim_page(test->sim, frame), sizeof(before));
    vif_test_fill(data, sizeof(data));
    raw_put_rx(test, 3, ref);
    raw_push_rx(test);
    vif_test_peer_send(test, NULL, data, sizeof(data));
    g_assert_cmpint(raw_expect_rx(test, 3).status, ==, NETIF_RSP_ERROR);
    g_assert_cmpmem(xensim_page(test->sim, frame), sizeof(before), before,
                    sizeof(before));
}
