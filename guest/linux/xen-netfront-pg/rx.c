// SPDX-License-Identifier: GPL-2.0
/*
 * Reception: frames are found in pages that the backend has mapped.
 *
 *   pgnet_rx_poll(): responses -> frame -> skb -> stack; post pages anew
 *
 * A page is free, posted (a request names it), or lent (the stack holds it).
 *
 * Short frames are copied, and their pages are free again at once.  Of a long
 * frame the headers are copied, and its pages are lent: the skb gets a
 * reference to each, and the pool keeps its own.  When the stack has dropped
 * its reference the page can be posted again: its count says so, and the
 * oldest are looked at first, since long frames are mostly data that streams
 * through.  Some pages the stack may keep for long, in a socket that nobody
 * reads; so no more than half of the pool is lent.  What comes beyond that is
 * copied into memory of its own.  So the backend never waits for the stack,
 * and memory is bounded.
 *
 * A backend that keeps pages mapped can write to lent ones.  It can't do more
 * harm by that than by sending what it likes, as long as headers, which the
 * kernel checks and then uses, are copies; other code of the kernel may be
 * less careful about data that changes, so all is copied if the backend isn't
 * to be trusted ("trusted", as Linux's own frontend has it).
 *
 * Xen learns that a page has changed, and must be sent again in a live
 * migration, from the guest's own writes but not from the backend's while it
 * has the page mapped.  So lent pages are written to once, [PG-59].
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/interrupt.h>
#include <linux/skbuff.h>
#include <xen/events.h>

#include "netfront.h"

/* What of a long frame is copied: all headers that there may be */
#define HEADERS_MAX 256

/* What fits into an skb's head of half a page: any frame of a usual MTU */
#define LINEAR_MAX \
	(SKB_WITH_OVERHEAD(PAGE_SIZE / 2) - NET_SKB_PAD - NET_IP_ALIGN)

/* Lent pages to look at in one go, or more if more are needed */
#define RECLAIM_MIN 32

/* Slots of a frame: what fits into an skb, beside its head */
#define FRAME_SLOTS_MAX (MAX_SKB_FRAGS + 1)

/* A part of a frame, in one page */
struct part {
	u16 index;
	u16 offset;
	u16 len;
};

/* A frame that is taken from the ring */
struct frame {
	unsigned int len;
	u16 flags;
	struct xen_netif_extra_info gso;	/* type 0: none */
	unsigned int first_part;	/* of those not yet in an skb */
	unsigned int part_count;
	struct part parts[FRAME_SLOTS_MAX];
};

/* What became of a frame */
enum outcome { FRAME_NONE, FRAME_TAKEN, FRAME_BAD };

static void *part_address(struct pgnet_rx *rx, const struct part *part)
{
	return rx->pool.pages[part->index].address + part->offset;
}

static void lend_page(struct pgnet_rx *rx, u16 index)
{
	rx->lent[(rx->lent_first + rx->lent_count++) % PGNET_RX_POOL_MAX] =
		index;
}

/* Look at the @count oldest lent pages; free those that are back */
static void reclaim_lent(struct pgnet_rx *rx, unsigned int count)
{
	unsigned int i;

	for (i = min(count, rx->lent_count); i; i--) {
		u16 index = rx->lent[rx->lent_first];

		rx->lent_first = (rx->lent_first + 1) % PGNET_RX_POOL_MAX;
		rx->lent_count--;
		if (page_ref_count(rx->pool.pages[index].page) == 1)
			pgnet_pool_put(&rx->pool, index);
		else
			lend_page(rx, index);
	}
}

/* Post a page; which there must be, and a slot for it */
static void post_page(struct pgnet_rx *rx)
{
	RING_IDX slot = rx->ring.req_prod_pvt++;
	struct xen_netif_rx_request *request =
		RING_GET_REQUEST(&rx->ring, slot);
	u16 index = pgnet_pool_take(&rx->pool);

	slot %= PGNET_RX_RING_SIZE;
	rx->posted[slot] = index;
	*request = (struct xen_netif_rx_request) {
		.id = slot, .gref = rx->pool.pages[index].gref,
	};
}

/**
 * pgnet_rx_refill - post all pages that there are, as far as the ring has room
 * @queue: the queue; in its poll, or before that can run
 */
void pgnet_rx_refill(struct pgnet_queue *queue)
{
	struct pgnet_rx *rx = &queue->rx;
	unsigned int room = PGNET_RX_RING_SIZE -
		(rx->ring.req_prod_pvt - rx->ring.rsp_cons);
	int notify;

	if (rx->pool.free_count < room)
		reclaim_lent(rx, max_t(unsigned int, RECLAIM_MIN,
				       room - rx->pool.free_count));
	room = min(room, rx->pool.free_count);
	if (!room)
		return;
	while (room--)
		post_page(rx);
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&rx->ring, notify);
	if (notify) {
		notify_remote_via_irq(queue->rx_irq);
		pgnet_count(&queue->stats->rx, PGNET_RX_NOTIFIED, 1);
	}
}

/* Take the page that was posted for the next response out of the ring */
static u16 take_posted(struct pgnet_rx *rx)
{
	return rx->posted[rx->ring.rsp_cons++ % PGNET_RX_RING_SIZE];
}

/* Take extra infos, up to @prod; return whether they are complete and known */
static bool take_extras(struct pgnet_rx *rx, struct frame *frame,
			RING_IDX prod)
{
	struct xen_netif_extra_info extra;
	bool good = true;

	do {
		if (rx->ring.rsp_cons == prod)
			return false;
		RING_COPY_RESPONSE(&rx->ring, rx->ring.rsp_cons,
				   (struct xen_netif_rx_response *)&extra);
		pgnet_pool_put(&rx->pool, take_posted(rx));
		if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO && !frame->gso.type)
			frame->gso = extra;
		else
			good = false;
	} while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return good;
}

/* Take a part; return whether it makes sense */
static bool take_part(struct pgnet_rx *rx, struct frame *frame,
		      const struct xen_netif_rx_response *response)
{
	struct part part = {
		.index = take_posted(rx),
		.offset = response->offset,
		.len = response->status,
	};

	if (response->status <= 0 ||
	    part.offset + part.len > XEN_PAGE_SIZE ||
	    frame->part_count == ARRAY_SIZE(frame->parts)) {
		pgnet_pool_put(&rx->pool, part.index);
		return false;
	}
	frame->parts[frame->part_count++] = part;
	frame->len += part.len;
	return true;
}

static bool gso_is_good(const struct frame *frame)
{
	switch (frame->gso.type) {
	case 0:
		return true;
	case XEN_NETIF_EXTRA_TYPE_GSO:
		return frame->gso.u.gso.size &&
			(frame->gso.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ||
			 frame->gso.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6);
	default:
		return false;
	}
}

/*
 * Take the next frame out of the ring.  Responses come in the order of the
 * requests, and an extra info takes the place of a response, so the ring's
 * slot says which page it is; the id must say the same.
 */
static enum outcome take_frame(struct pgnet_queue *queue, struct frame *frame,
			       RING_IDX prod)
{
	struct pgnet_rx *rx = &queue->rx;
	struct xen_netif_rx_response response;
	bool good = true;

	frame->len = 0;
	frame->gso.type = 0;
	frame->first_part = 0;
	frame->part_count = 0;
	do {
		if (rx->ring.rsp_cons == prod)
			return frame->part_count || !good ?
				FRAME_BAD : FRAME_NONE;
		RING_COPY_RESPONSE(&rx->ring, rx->ring.rsp_cons, &response);
		if (response.id != rx->ring.rsp_cons % PGNET_RX_RING_SIZE) {
			pgnet_distrust(queue->net, "RX response to request",
				       response.id);
			return FRAME_BAD;
		}
		if (!frame->part_count)
			frame->flags = response.flags;
		good &= take_part(rx, frame, &response);
		if (response.flags & XEN_NETRXF_extra_info)
			good &= take_extras(rx, frame, prod);
	} while (response.flags & XEN_NETRXF_more_data);
	good &= frame->len >= ETH_HLEN && gso_is_good(frame);
	return good ? FRAME_TAKEN : FRAME_BAD;
}

/* Give back the pages of a frame that no skb has */
static void free_parts(struct pgnet_rx *rx, const struct frame *frame)
{
	unsigned int i;

	for (i = frame->first_part; i < frame->part_count; i++)
		pgnet_pool_put(&rx->pool, frame->parts[i].index);
}

/* Let the skb hold @part's page */
static void lend_part(struct pgnet_rx *rx, struct sk_buff *skb,
		      const struct part *part)
{
	struct page *page = rx->pool.pages[part->index].page;
	u8 *byte = part_address(rx, part);

	WRITE_ONCE(*byte, READ_ONCE(*byte));
	get_page(page);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, part->offset,
			part->len, PAGE_SIZE);
	lend_page(rx, part->index);
}

/* Copy @part to the skb's end; return whether there was memory */
static bool copy_part(struct pgnet_rx *rx, struct sk_buff *skb,
		      const struct part *part)
{
	void *copy = napi_alloc_frag(SKB_DATA_ALIGN(part->len));
	struct page *page;

	if (!copy)
		return false;
	memcpy(copy, part_address(rx, part), part->len);
	page = virt_to_head_page(copy);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page,
			copy - page_address(page), part->len,
			SKB_DATA_ALIGN(part->len));
	pgnet_pool_put(&rx->pool, part->index);
	return true;
}

/*
 * Copy the first @len bytes of a frame into the skb's head.  Pages that are
 * empty after that are free, and no part of the frame any more.
 */
static void copy_head(struct pgnet_rx *rx, struct sk_buff *skb,
		      struct frame *frame, unsigned int len)
{
	while (len) {
		struct part *part = &frame->parts[frame->first_part];
		unsigned int n = min_t(unsigned int, part->len, len);

		skb_put_data(skb, part_address(rx, part), n);
		len -= n;
		part->offset += n;
		part->len -= n;
		if (!part->len) {
			pgnet_pool_put(&rx->pool, part->index);
			frame->first_part++;
		}
	}
}

/* How much of a frame is copied into the skb's head */
static unsigned int head_len(const struct frame *frame, bool lend)
{
	unsigned int len = HEADERS_MAX;

	if (!lend && frame->len <= LINEAR_MAX)
		len = frame->len;
	/* The skb has room for one page less than a frame may have */
	if (frame->part_count > MAX_SKB_FRAGS)
		len = max_t(unsigned int, len, frame->parts[0].len);
	return min(len, frame->len);
}

/* Tell whether the stack may hold a frame's pages */
static bool may_lend(struct pgnet_queue *queue, const struct frame *frame)
{
	struct pgnet_rx *rx = &queue->rx;
	unsigned int most = rx->pool.count / 2;

	if (!queue->net->trusted || frame->len <= HEADERS_MAX ||
	    frame->len <= READ_ONCE(queue->net->rx_copybreak))
		return false;
	if (rx->lent_count + frame->part_count > most)
		reclaim_lent(rx, RECLAIM_MIN);
	if (rx->lent_count + frame->part_count <= most)
		return true;
	pgnet_count(&queue->stats->rx, PGNET_RX_STARVED, 1);
	return false;
}

/* Make an skb of a frame; return NULL, if there is no memory */
static struct sk_buff *make_skb(struct pgnet_queue *queue,
				struct frame *frame)
{
	struct pgnet_rx *rx = &queue->rx;
	bool lend = may_lend(queue, frame);
	unsigned int head = head_len(frame, lend);
	struct sk_buff *skb = napi_alloc_skb(&queue->napi, head);

	if (!skb)
		return NULL;
	copy_head(rx, skb, frame, head);
	for (; frame->first_part < frame->part_count; frame->first_part++) {
		struct part *part = &frame->parts[frame->first_part];

		if (lend) {
			lend_part(rx, skb, part);
		} else if (!copy_part(rx, skb, part)) {
			kfree_skb(skb);
			return NULL;
		}
	}
	pgnet_count(&queue->stats->rx,
		    lend ? PGNET_RX_LENT : PGNET_RX_COPIED, 1);
	return skb;
}

/* Say in the skb what the backend says of checksum and segments */
static int set_offloads(struct sk_buff *skb, const struct frame *frame)
{
	bool blank = frame->flags & XEN_NETRXF_csum_blank;

	if (blank)
		skb->ip_summed = CHECKSUM_PARTIAL;
	else if (frame->flags & XEN_NETRXF_data_validated)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (frame->gso.type) {
		struct skb_shared_info *info = skb_shinfo(skb);

		info->gso_size = frame->gso.u.gso.size;
		info->gso_type = SKB_GSO_DODGY |
			(frame->gso.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6 ?
			 SKB_GSO_TCPV6 : SKB_GSO_TCPV4);
		/* Segments need a checksum to be filled in for each */
		if (!blank) {
			skb->ip_summed = CHECKSUM_PARTIAL;
			return skb_checksum_setup(skb, true);
		}
	}
	return blank ? skb_checksum_setup(skb, false) : 0;
}

/* Hand a frame to the stack; its pages are freed or lent */
static void deliver(struct pgnet_queue *queue, struct frame *frame)
{
	struct pgnet_counters *counters = &queue->stats->rx;
	struct net_device *netdev = queue->net->netdev;
	struct sk_buff *skb = make_skb(queue, frame);

	if (!skb) {
		free_parts(&queue->rx, frame);
		pgnet_count(counters, PGNET_RX_DROPPED, 1);
		return;
	}
	skb->protocol = eth_type_trans(skb, netdev);
	/* Checksums are set up behind a tag only if it isn't in the way */
	if (eth_type_vlan(skb->protocol)) {
		skb = skb_vlan_untag(skb);
		if (!skb) {
			pgnet_count(counters, PGNET_RX_DROPPED, 1);
			return;
		}
	}
	skb_reset_network_header(skb);
	if (set_offloads(skb, frame)) {
		kfree_skb(skb);
		pgnet_count(counters, PGNET_RX_ERRORS, 1);
		return;
	}
	pgnet_count(counters, PGNET_RX_PACKETS, 1);
	pgnet_count(counters, PGNET_RX_BYTES, frame->len);
	skb_record_rx_queue(skb, queue->id);
	napi_gro_receive(&queue->napi, skb);
}

/* Receive up to @budget frames; return how many */
static int receive(struct pgnet_queue *queue, int budget)
{
	struct pgnet_rx *rx = &queue->rx;
	RING_IDX prod = READ_ONCE(rx->ring.sring->rsp_prod);
	enum outcome outcome;
	struct frame frame;
	int done;

	rmb();	/* Responses are read after the index that covers them */
	if (prod - rx->ring.rsp_cons >
	    rx->ring.req_prod_pvt - rx->ring.rsp_cons)
		pgnet_distrust(queue->net, "RX response index", prod);
	for (done = 0; done < budget && !queue->net->broken; done++) {
		outcome = take_frame(queue, &frame, prod);
		if (outcome == FRAME_NONE)
			break;
		if (outcome == FRAME_TAKEN) {
			deliver(queue, &frame);
		} else {
			free_parts(rx, &frame);
			pgnet_count(&queue->stats->rx, PGNET_RX_ERRORS, 1);
		}
	}
	return done;
}

/**
 * pgnet_rx_poll - NAPI's poll
 * @napi: that of a queue
 * @budget: the most frames to receive; 0 by netpoll, which wants to transmit
 *
 * Return: how many frames were received; less than @budget, if interrupts are
 * on again.
 */
int pgnet_rx_poll(struct napi_struct *napi, int budget)
{
	struct pgnet_queue *queue = container_of(napi, struct pgnet_queue,
						 napi);
	int done, more = 0;

	if (!budget) {
		pgnet_tx_wake(queue);
		return 0;
	}
	done = receive(queue, budget);
	pgnet_rx_refill(queue);
	if (done < budget) {
		if (!queue->net->broken)
			RING_FINAL_CHECK_FOR_RESPONSES(&queue->rx.ring, more);
		/* Asked for while it runs, a poll comes after this one */
		if (more)
			napi_schedule(napi);
		napi_complete_done(napi, done);
	}
	return done;
}

/* Have the queue polled if there are responses; return whether there are */
static bool schedule_poll(struct pgnet_queue *queue)
{
	if (queue->net->broken ||
	    !RING_HAS_UNCONSUMED_RESPONSES(&queue->rx.ring))
		return false;
	napi_schedule(&queue->napi);
	return true;
}

/**
 * pgnet_rx_interrupt - handle the event for received frames
 * @irq: the interrupt
 * @data: the queue
 *
 * Return: IRQ_HANDLED.
 */
irqreturn_t pgnet_rx_interrupt(int irq, void *data)
{
	bool due = schedule_poll(data);

	xen_irq_lateeoi(irq, due ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

/**
 * pgnet_interrupt - handle an event for both directions
 * @irq: the interrupt
 * @data: the queue
 *
 * Return: IRQ_HANDLED.
 */
irqreturn_t pgnet_interrupt(int irq, void *data)
{
	struct pgnet_queue *queue = data;
	bool due = schedule_poll(queue);

	if (!queue->net->broken)
		due |= pgnet_tx_wake(queue);
	xen_irq_lateeoi(irq, due ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}
