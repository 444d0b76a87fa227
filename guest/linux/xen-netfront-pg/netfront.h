/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Xen network frontend that lets its backend keep pages mapped.
 *
 * An ordinary frontend grants the backend each page of each packet, and takes
 * the grant back when the packet is through; so the backend must ask the
 * hypervisor each time.  This one has pages of its own, granted once when it
 * connects.  A packet to send is copied into them, and a received one is found
 * in them; from the second time on that a page is used, a backend with
 * "feature-persistent" finds it mapped.  Other backends see nothing unusual.
 *
 *              stack                                      backend
 *   ndo_start_xmit() -- copy --> page of the TX pool -- request --> reads
 *   napi_gro_receive() <- copy or lend -- page of the RX pool <-- writes
 *
 * Who owns what:
 *
 *   struct pgnet          the device: from probe() to remove()
 *   struct pgnet_stats    counters of a queue: as long, so that they survive
 *                         a new connection
 *   struct pgnet_queue    rings, pools, interrupts: from connect to disconnect
 *
 * Who may touch it:
 *
 *   "connected", and starting and stopping queues    under the RTNL
 *   making and freeing queues         xenbus, while they aren't connected
 *   a queue's tx                      with the lock of its netdev TX queue
 *   a queue's rx                      in its NAPI poll
 *
 * When a queue is taken apart, transmission, NAPI and interrupts have been
 * stopped, in this order, so nobody else looks at it.
 *
 * Files: main.c speaks with xenbus, connect.c makes and ends connections,
 * netdev.c and ethtool.c are what the kernel asks for, pages.c has the pools,
 * tx.c and rx.c are the data path.
 *
 * "[PG-n]" is a requirement in docs/specs/xen-nic-persistent-grants.rst.
 */
#ifndef XEN_NETFRONT_PG_H
#define XEN_NETFRONT_PG_H

#include <linux/bitmap.h>
#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <xen/grant_table.h>
#include <xen/interface/io/netif.h>
#include <xen/page.h>
#include <xen/xenbus.h>

#define PGNET_NAME "xen-netfront-pg"

#define PGNET_TX_RING_SIZE __CONST_RING_SIZE(xen_netif_tx, XEN_PAGE_SIZE)
#define PGNET_RX_RING_SIZE __CONST_RING_SIZE(xen_netif_rx, XEN_PAGE_SIZE)

/* As many pages as can be posted, and as many again for the stack to hold */
#define PGNET_RX_POOL_MAX (2 * PGNET_RX_RING_SIZE)

/* Frames up to this length in bytes are copied, unless ethtool sets another */
#define PGNET_RX_COPYBREAK_DEFAULT 1600

/* What a backend keeps mapped that doesn't say how much, [PG-7] */
#define PGNET_MAX_GRANTS_DEFAULT 256

/**
 * struct pgnet_page - a page that the backend has been granted
 * @page: the page
 * @address: where the kernel has it mapped
 * @gref: the grant; the same until the connection ends
 */
struct pgnet_page {
	struct page *page;
	void *address;
	grant_ref_t gref;
};

/**
 * struct pgnet_pool - the pages of one queue and direction
 * @pages: all of them; an index into this array names a page
 * @count: how many there are
 * @free: indexes of those that aren't in use, the last used on top
 * @free_count: how many these are
 */
struct pgnet_pool {
	struct pgnet_page *pages;
	unsigned int count;
	u16 *free;
	unsigned int free_count;
};

/**
 * struct pgnet_tx - the transmitting half of a queue
 * @ring: the shared ring
 * @ring_ref: the grant of its page
 * @pool: pages, no more than the ring has slots
 * @in_flight: by page, whether the backend has yet to answer for it
 * @extras_in_flight: slots with an extra info that it has yet to answer
 */
struct pgnet_tx {
	struct xen_netif_tx_front_ring ring;
	grant_ref_t ring_ref;
	struct pgnet_pool pool;
	DECLARE_BITMAP(in_flight, PGNET_TX_RING_SIZE);
	unsigned int extras_in_flight;
};

/**
 * struct pgnet_rx - the receiving half of a queue
 * @ring: the shared ring
 * @ring_ref: the grant of its page
 * @pool: pages; each is free, posted or lent
 * @posted: by ring slot, the page that has been posted there
 * @lent: pages that the stack may still hold, the oldest first: a circular
 *        buffer with room for the whole pool
 * @lent_first: where the oldest is
 * @lent_count: how many there are
 */
struct pgnet_rx {
	struct xen_netif_rx_front_ring ring;
	grant_ref_t ring_ref;
	struct pgnet_pool pool;
	u16 posted[PGNET_RX_RING_SIZE];
	u16 lent[PGNET_RX_POOL_MAX];
	unsigned int lent_first;
	unsigned int lent_count;
};

/**
 * struct pgnet_queue - one queue of a connection
 * @net: the device
 * @id: its number
 * @napi: polls for received frames
 * @tx_port: event channel for TX, or for both directions
 * @rx_port: event channel for RX, or @tx_port
 * @tx_irq: interrupt of @tx_port, 0 if it isn't bound
 * @rx_irq: interrupt of @rx_port, the same as @tx_irq if it is shared
 * @tx_name: what /proc/interrupts calls @tx_irq
 * @rx_name: what it calls @rx_irq
 * @tx: the transmitting half
 * @rx: the receiving half
 * @stats: counters, which the device owns
 */
struct pgnet_queue {
	struct pgnet *net;
	unsigned int id;
	struct napi_struct napi;
	evtchn_port_t tx_port;
	evtchn_port_t rx_port;
	int tx_irq;
	int rx_irq;
	char tx_name[IFNAMSIZ + 16];
	char rx_name[IFNAMSIZ + 16];
	struct pgnet_tx tx ____cacheline_aligned_in_smp;
	struct pgnet_rx rx ____cacheline_aligned_in_smp;
	struct pgnet_stats *stats;
};

/* Counters of a queue's transmitting half, written with the TX lock */
enum pgnet_tx_counter {
	PGNET_TX_PACKETS,
	PGNET_TX_BYTES,
	PGNET_TX_STOPPED,	/* how often the ring was full */
	PGNET_TX_NOTIFIED,	/* events sent to the backend */
	PGNET_TX_ERRORS,	/* requests that the backend refused */
	PGNET_TX_DROPPED,	/* frames: too long, or nobody to send to */
	PGNET_TX_COUNTERS
};

/* Counters of a queue's receiving half, written in the NAPI poll */
enum pgnet_rx_counter {
	PGNET_RX_PACKETS,
	PGNET_RX_BYTES,
	PGNET_RX_COPIED,	/* frames that were copied */
	PGNET_RX_LENT,		/* frames whose pages went to the stack */
	PGNET_RX_STARVED,	/* frames that were copied for want of pages */
	PGNET_RX_NOTIFIED,	/* events sent to the backend */
	PGNET_RX_ERRORS,	/* frames that make no sense, or are said to be bad */
	PGNET_RX_DROPPED,	/* frames for which there was no memory */
	PGNET_RX_COUNTERS
};

/**
 * struct pgnet_counters - counters of one half of a queue
 * @sync: lets a 32-bit reader see 64-bit values
 * @values: indexed by enum pgnet_rx_counter, or enum pgnet_tx_counter, which
 *          has fewer
 */
struct pgnet_counters {
	struct u64_stats_sync sync;
	u64_stats_t values[PGNET_RX_COUNTERS];
};

/* Counters of a queue */
struct pgnet_stats {
	struct pgnet_counters tx ____cacheline_aligned_in_smp;
	struct pgnet_counters rx ____cacheline_aligned_in_smp;
};

/* Add to a counter, by the owner of its half */
static inline void pgnet_count(struct pgnet_counters *counters,
			       unsigned int which, unsigned int n)
{
	u64_stats_update_begin(&counters->sync);
	u64_stats_add(&counters->values[which], n);
	u64_stats_update_end(&counters->sync);
}

/* Read a counter, by anybody */
static inline u64 pgnet_read_counter(const struct pgnet_counters *counters,
				     unsigned int which)
{
	unsigned int start;
	u64 value;

	do {
		start = u64_stats_fetch_begin(&counters->sync);
		value = u64_stats_read(&counters->values[which]);
	} while (u64_stats_fetch_retry(&counters->sync, start));
	return value;
}

/**
 * struct pgnet - a vif
 * @xbdev: the device on the xen bus
 * @netdev: the network device
 * @stats: counters of @max_queues queues
 * @max_queues: how many queues this end would use
 * @queues: @num_queues queues, or NULL without a connection
 * @num_queues: how many the two ends use
 * @connected: whether frames may be put into the rings; read under a TX lock
 * @served: whether the backend has been in Connected since we are
 * @left: whether the backend is closing of its own accord
 * @broken: whether the backend has broken the protocol, so that it is left
 *          alone until the next connection
 * @persistent: whether both ends have feature-persistent
 * @trusted: whether the stack may hold pages that the backend can write to
 * @rx_copybreak: frames up to this length in bytes are copied
 * @backend_features: what of the netdev's features the backend can do
 */
struct pgnet {
	struct xenbus_device *xbdev;
	struct net_device *netdev;
	struct pgnet_stats *stats;
	unsigned int max_queues;
	struct pgnet_queue *queues;
	unsigned int num_queues;
	bool connected;
	bool served;
	bool left;
	bool broken;
	bool persistent;
	bool trusted;
	u32 rx_copybreak;
	netdev_features_t backend_features;
};

/* pages.c */
int pgnet_pool_init(struct pgnet_pool *pool, struct xenbus_device *xbdev,
		    unsigned int count, bool readonly);
void pgnet_pool_release(struct pgnet_pool *pool);

/* Take a page that isn't in use; there must be one */
static inline u16 pgnet_pool_take(struct pgnet_pool *pool)
{
	return pool->free[--pool->free_count];
}

/* Give back a page that was taken */
static inline void pgnet_pool_put(struct pgnet_pool *pool, u16 index)
{
	pool->free[pool->free_count++] = index;
}

/* connect.c */
int pgnet_connect(struct pgnet *net);
void pgnet_disconnect(struct pgnet *net);
void pgnet_distrust(struct pgnet *net, const char *what, unsigned int value);

/* netdev.c */
struct net_device *pgnet_create_netdev(struct xenbus_device *xbdev);
void pgnet_free_netdev(struct net_device *netdev);
void pgnet_start_queues(struct pgnet *net);
void pgnet_stop_queues(struct pgnet *net);
void pgnet_limit_mtu(struct net_device *netdev, netdev_features_t features);

/* ethtool.c */
extern const struct ethtool_ops pgnet_ethtool_ops;

/* tx.c */
netdev_tx_t pgnet_start_xmit(struct sk_buff *skb, struct net_device *netdev);
irqreturn_t pgnet_tx_interrupt(int irq, void *data);
bool pgnet_tx_wake(struct pgnet_queue *queue);

/* rx.c */
void pgnet_rx_refill(struct pgnet_queue *queue);
irqreturn_t pgnet_rx_interrupt(int irq, void *data);
int pgnet_rx_poll(struct napi_struct *napi, int budget);

/* For an event channel that serves both directions */
irqreturn_t pgnet_interrupt(int irq, void *data);

#endif
