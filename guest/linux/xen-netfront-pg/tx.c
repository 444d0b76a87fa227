// SPDX-License-Identifier: GPL-2.0
/*
 * Transmission: frames are copied into pages that the backend has mapped.
 *
 *   pgnet_start_xmit(): room in the ring? -> copy, request by request
 *                       -> publish, unless the stack has more
 *
 * A page holds what one request names, and a request's id is its page's index.
 * The frame itself is freed as soon as it is copied, so nobody waits for the
 * backend's responses but the ring: they are taken back when it fills, by
 * whoever transmits next, and the backend isn't asked for interrupts.
 *
 * The pool is bounded by the ring's size, and a request needs no more than a
 * page: while the ring has room there is a page.  When there is no room for
 * the largest frame the queue stops, and nothing is dropped.  Only then the
 * backend is asked for an interrupt, for when half of the requests are
 * answered.  It comes, or is made up for by the check after asking.
 */

#include <linux/interrupt.h>
#include <linux/skbuff.h>
#include <xen/events.h>

#include "netfront.h"

/* Slots that the largest frame takes: its pages, and what is said of GSO */
#define FRAME_SLOTS_MAX (DIV_ROUND_UP(XEN_NETIF_MAX_TX_SIZE, PAGE_SIZE) + 1)

/* Requests without an answer from which on it is worth to look for answers */
#define RECLAIM_FROM (PGNET_TX_RING_SIZE / 4)

static struct netdev_queue *netdev_txq(struct pgnet_queue *queue)
{
	return netdev_get_tx_queue(queue->net->netdev, queue->id);
}

/* Slots that are taken, if the backend has answered up to @answered */
static unsigned int slots_taken(struct pgnet_tx *tx, RING_IDX answered)
{
	return tx->ring.req_prod_pvt - answered;
}

static bool has_room(struct pgnet_tx *tx, unsigned int taken)
{
	return taken + FRAME_SLOTS_MAX <= tx->pool.count;
}

/* Take in one response; tell whether it makes sense */
static bool take_response(struct pgnet_queue *queue,
			  const struct xen_netif_tx_response *response)
{
	struct pgnet_tx *tx = &queue->tx;

	if (response->status == XEN_NETIF_RSP_NULL && tx->extras_in_flight) {
		tx->extras_in_flight--;
		return true;
	}
	if (response->id >= tx->pool.count ||
	    !__test_and_clear_bit(response->id, tx->in_flight)) {
		pgnet_distrust(queue->net, "TX response to request",
			       response->id);
		return false;
	}
	pgnet_pool_put(&tx->pool, response->id);
	if (response->status != XEN_NETIF_RSP_OKAY)
		pgnet_count(&queue->stats->tx, PGNET_TX_ERRORS, 1);
	return true;
}

/* Take in all responses */
static void reclaim(struct pgnet_queue *queue)
{
	struct pgnet_tx *tx = &queue->tx;
	struct xen_netif_tx_response response;
	RING_IDX prod = READ_ONCE(tx->ring.sring->rsp_prod);

	rmb();	/* Responses are read after the index that covers them */
	if (prod - tx->ring.rsp_cons > slots_taken(tx, tx->ring.rsp_cons)) {
		pgnet_distrust(queue->net, "TX response index", prod);
		return;
	}
	while (tx->ring.rsp_cons != prod) {
		RING_COPY_RESPONSE(&tx->ring, tx->ring.rsp_cons, &response);
		if (!take_response(queue, &response))
			return;
		tx->ring.rsp_cons++;
	}
}

/* Copy part of a frame into a page; make the request that names it */
static void put_part(struct pgnet_tx *tx, struct sk_buff *skb,
		     unsigned int offset, unsigned int len,
		     unsigned int size, u16 flags)
{
	u16 index = pgnet_pool_take(&tx->pool);
	struct pgnet_page *page = &tx->pool.pages[index];

	skb_copy_bits(skb, offset, page->address, len);
	__set_bit(index, tx->in_flight);
	*RING_GET_REQUEST(&tx->ring, tx->ring.req_prod_pvt++) =
		(struct xen_netif_tx_request) {
			.id = index, .gref = page->gref,
			.size = size, .flags = flags,
		};
}

static u16 checksum_flags(const struct sk_buff *skb)
{
	switch (skb->ip_summed) {
	case CHECKSUM_PARTIAL:
		return XEN_NETTXF_csum_blank | XEN_NETTXF_data_validated;
	case CHECKSUM_UNNECESSARY:
		return XEN_NETTXF_data_validated;
	default:
		return 0;
	}
}

static void put_gso_info(struct pgnet_tx *tx, const struct sk_buff *skb)
{
	struct xen_netif_extra_info extra = {
		.type = XEN_NETIF_EXTRA_TYPE_GSO,
		.u.gso.size = skb_shinfo(skb)->gso_size,
		.u.gso.type = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV6 ?
			XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4,
	};

	memcpy(RING_GET_REQUEST(&tx->ring, tx->ring.req_prod_pvt++), &extra,
	       sizeof(extra));
	tx->extras_in_flight++;
}

/* Put a frame into the ring, which has room for it */
static void put_frame(struct pgnet_tx *tx, struct sk_buff *skb)
{
	u16 flags = checksum_flags(skb);
	unsigned int offset, len;

	if (skb_is_gso(skb))
		flags |= XEN_NETTXF_extra_info;
	for (offset = 0; offset < skb->len; offset += len) {
		len = min_t(unsigned int, skb->len - offset, PAGE_SIZE);
		if (offset + len < skb->len)
			flags |= XEN_NETTXF_more_data;
		/* The first request says how long the whole frame is */
		put_part(tx, skb, offset, len, offset ? len : skb->len, flags);
		if (flags & XEN_NETTXF_extra_info)
			put_gso_info(tx, skb);
		flags = 0;
	}
}

/*
 * Ask for an interrupt when half of the ring is answered; tell whether it is
 * already, so that none will come.
 */
static bool ask_for_interrupt(struct pgnet_tx *tx)
{
	struct xen_netif_tx_sring *sring = tx->ring.sring;
	RING_IDX event = tx->ring.req_prod_pvt - tx->pool.count / 2;

	WRITE_ONCE(sring->rsp_event, event);
	virt_mb();	/* The backend sees the wish before we look again */
	return (s32)(READ_ONCE(sring->rsp_prod) - event) >= 0;
}

/*
 * Stop the queue if the ring has no room for any frame; tell whether it has.
 * What the backend has said is answered is taken in before it is relied on.
 */
static bool make_room(struct pgnet_queue *queue)
{
	struct pgnet_tx *tx = &queue->tx;

	if (has_room(tx, slots_taken(tx, tx->ring.rsp_cons)))
		return true;
	netif_tx_stop_queue(netdev_txq(queue));
	if (!ask_for_interrupt(tx)) {
		pgnet_count(&queue->stats->tx, PGNET_TX_STOPPED, 1);
		return false;
	}
	reclaim(queue);
	if (!has_room(tx, slots_taken(tx, tx->ring.rsp_cons)))
		pgnet_distrust(queue->net, "TX response index",
			       tx->ring.rsp_cons);
	if (queue->net->broken)
		return false;
	netif_tx_start_queue(netdev_txq(queue));
	return true;
}

/* Show the backend what is in the ring; send an event if it wants one */
static void publish(struct pgnet_queue *queue)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue->tx.ring, notify);
	if (notify) {
		notify_remote_via_irq(queue->tx_irq);
		pgnet_count(&queue->stats->tx, PGNET_TX_NOTIFIED, 1);
	}
}

/* Queue a frame, or drop it */
static netdev_tx_t enqueue(struct pgnet_queue *queue, struct sk_buff *skb)
{
	struct pgnet_tx *tx = &queue->tx;

	if (slots_taken(tx, tx->ring.rsp_cons) >= RECLAIM_FROM)
		reclaim(queue);
	if (unlikely(queue->net->broken ||
		     skb->len > XEN_NETIF_MAX_TX_SIZE)) {
		pgnet_count(&queue->stats->tx, PGNET_TX_DROPPED, 1);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	if (unlikely(!make_room(queue)))
		return NETDEV_TX_BUSY;
	skb_tx_timestamp(skb);
	put_frame(tx, skb);
	pgnet_count(&queue->stats->tx, PGNET_TX_PACKETS, 1);
	pgnet_count(&queue->stats->tx, PGNET_TX_BYTES, skb->len);
	dev_consume_skb_any(skb);
	make_room(queue);
	return NETDEV_TX_OK;
}

/**
 * pgnet_start_xmit - transmit a frame
 * @skb: the frame; any checksum and GSO that the netdev's features name
 * @netdev: the device
 *
 * Called with the lock of the netdev TX queue, with interrupts on or off.
 *
 * Return: NETDEV_TX_OK, and the frame is gone; or NETDEV_TX_BUSY, when the
 * queue has been woken though the ring is full.
 */
netdev_tx_t pgnet_start_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct pgnet *net = netdev_priv(netdev);
	unsigned int id = skb_get_queue_mapping(skb);
	netdev_tx_t result;

	/* Whoever sees the connection sees its queues */
	if (unlikely(!smp_load_acquire(&net->connected) ||
		     id >= net->num_queues)) {
		pgnet_count(&net->stats[id].tx, PGNET_TX_DROPPED, 1);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	result = enqueue(&net->queues[id], skb);
	if (!netdev_xmit_more() ||
	    netif_tx_queue_stopped(netdev_txq(&net->queues[id])))
		publish(&net->queues[id]);
	return result;
}

/**
 * pgnet_tx_wake - let the stack transmit again if the ring has room
 * @queue: the queue
 *
 * The responses themselves are left to the next transmission, which has the
 * lock for them.
 *
 * Return: whether the queue had been stopped, and goes on.
 */
bool pgnet_tx_wake(struct pgnet_queue *queue)
{
	struct pgnet_tx *tx = &queue->tx;
	RING_IDX answered = READ_ONCE(tx->ring.sring->rsp_prod);

	if (!netif_tx_queue_stopped(netdev_txq(queue)) ||
	    !has_room(tx, slots_taken(tx, answered)))
		return false;
	netif_tx_wake_queue(netdev_txq(queue));
	return true;
}

/**
 * pgnet_tx_interrupt - handle the event for answered requests
 * @irq: the interrupt
 * @data: the queue
 *
 * Return: IRQ_HANDLED.
 */
irqreturn_t pgnet_tx_interrupt(int irq, void *data)
{
	struct pgnet_queue *queue = data;
	bool woken = !queue->net->broken && pgnet_tx_wake(queue);

	xen_irq_lateeoi(irq, woken ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}
