// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: what the ends agree on, queues, and what xenstore says of them.
 *
 * pgnet_connect() is called when the backend waits, pgnet_disconnect() when it
 * goes away or the device does.  In between everything that a connection has
 * stays as it is.  Both run as often as backends come and go; a connection has
 * nothing of the one before it but counters.
 *
 * The frontend always promises to use the same grants again, whatever the
 * backend says: it never does otherwise.
 */

#include <linux/mm.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <xen/events.h>

#include "netfront.h"

/* Fewer pages than these are too few for a queue */
#define POOL_MIN 64

/* What the backend says when a connection begins */
struct offer {
	unsigned int num_queues;
	bool split;			/* event channels, one a direction */
	bool persistent;
	unsigned int max_grants;	/* worth using, by queue and direction */
	netdev_features_t features;
};

/* Read a number of the backend's; one that is malformed is missing, [PG-1] */
static unsigned int read_number(struct pgnet *net, const char *key,
				unsigned int missing)
{
	char *text = xenbus_read(XBT_NIL, net->xbdev->otherend, key, NULL);
	unsigned int value = missing;

	if (IS_ERR(text))
		return missing;
	if (text[strspn(text, "0123456789")] || kstrtouint(text, 10, &value))
		value = missing;
	kfree(text);
	return value;
}

static netdev_features_t read_features(struct pgnet *net)
{
	netdev_features_t features = 0;

	if (!read_number(net, "feature-no-csum-offload", 0))
		features |= NETIF_F_IP_CSUM;
	if (read_number(net, "feature-ipv6-csum-offload", 0))
		features |= NETIF_F_IPV6_CSUM;
	if (read_number(net, "feature-sg", 0))
		features |= NETIF_F_SG;
	if (read_number(net, "feature-gso-tcpv4", 0))
		features |= NETIF_F_TSO;
	if (read_number(net, "feature-gso-tcpv6", 0))
		features |= NETIF_F_TSO6;
	return features;
}

static int read_offer(struct pgnet *net, struct offer *offer)
{
	if (!read_number(net, "feature-rx-copy", 0)) {
		xenbus_dev_fatal(net->xbdev, -EINVAL,
				 "feature-rx-copy is 0 or missing at the backend, expected 1");
		return -EINVAL;
	}
	offer->num_queues =
		clamp_t(unsigned int,
			read_number(net, "multi-queue-max-queues", 1), 1,
			net->max_queues);
	offer->split = read_number(net, "feature-split-event-channels", 0);
	offer->persistent = read_number(net, "feature-persistent", 0) == 1;
	offer->max_grants = offer->persistent ?
		read_number(net, "max-persistent-grants",
			    PGNET_MAX_GRANTS_DEFAULT) : UINT_MAX;
	offer->features = read_features(net);
	return 0;
}

static int init_tx(struct pgnet_queue *queue, const struct offer *offer)
{
	struct xenbus_device *xbdev = queue->net->xbdev;
	struct xen_netif_tx_sring *sring;
	int err;

	err = xenbus_setup_ring(xbdev, GFP_KERNEL, (void **)&sring, 1,
				&queue->tx.ring_ref);
	if (err)
		return err;
	XEN_FRONT_RING_INIT(&queue->tx.ring, sring, XEN_PAGE_SIZE);
	/* No interrupt until one is asked for */
	sring->rsp_event = sring->rsp_prod - 1;
	return pgnet_pool_init(&queue->tx.pool, xbdev,
			       clamp_t(unsigned int, offer->max_grants,
				       POOL_MIN, PGNET_TX_RING_SIZE), true);
}

static int init_rx(struct pgnet_queue *queue, const struct offer *offer)
{
	struct xenbus_device *xbdev = queue->net->xbdev;
	struct xen_netif_rx_sring *sring;
	int err;

	err = xenbus_setup_ring(xbdev, GFP_KERNEL, (void **)&sring, 1,
				&queue->rx.ring_ref);
	if (err)
		return err;
	XEN_FRONT_RING_INIT(&queue->rx.ring, sring, XEN_PAGE_SIZE);
	return pgnet_pool_init(&queue->rx.pool, xbdev,
			       clamp_t(unsigned int, offer->max_grants,
				       POOL_MIN, PGNET_RX_POOL_MAX), false);
}

/* Make an event channel and handle its events; return the interrupt */
static int init_channel(struct pgnet_queue *queue, evtchn_port_t *port,
			irq_handler_t handler, const char *name)
{
	int err = xenbus_alloc_evtchn(queue->net->xbdev, port);

	if (err)
		return err;
	err = bind_evtchn_to_irqhandler_lateeoi(*port, handler, 0, name,
						queue);
	if (err < 0)
		xenbus_free_evtchn(queue->net->xbdev, *port);
	return err;
}

static int init_shared_channel(struct pgnet_queue *queue)
{
	int irq;

	snprintf(queue->tx_name, sizeof(queue->tx_name), "%s-q%u",
		 queue->net->netdev->name, queue->id);
	irq = init_channel(queue, &queue->tx_port, pgnet_interrupt,
			   queue->tx_name);
	if (irq < 0)
		return irq;
	queue->tx_irq = irq;
	queue->rx_irq = irq;
	queue->rx_port = queue->tx_port;
	return 0;
}

static int init_split_channels(struct pgnet_queue *queue)
{
	const char *name = queue->net->netdev->name;
	int irq;

	snprintf(queue->tx_name, sizeof(queue->tx_name), "%s-q%u-tx", name,
		 queue->id);
	snprintf(queue->rx_name, sizeof(queue->rx_name), "%s-q%u-rx", name,
		 queue->id);
	irq = init_channel(queue, &queue->tx_port, pgnet_tx_interrupt,
			   queue->tx_name);
	if (irq < 0)
		return irq;
	queue->tx_irq = irq;
	irq = init_channel(queue, &queue->rx_port, pgnet_rx_interrupt,
			   queue->rx_name);
	if (irq < 0)
		return irq;
	queue->rx_irq = irq;
	return 0;
}

static int init_queue(struct pgnet *net, unsigned int id,
		      const struct offer *offer)
{
	struct pgnet_queue *queue = &net->queues[id];
	int err;

	queue->net = net;
	queue->id = id;
	queue->stats = &net->stats[id];
	queue->tx.ring_ref = INVALID_GRANT_REF;
	queue->rx.ring_ref = INVALID_GRANT_REF;
	netif_napi_add(net->netdev, &queue->napi, pgnet_rx_poll);
	err = init_tx(queue, offer);
	if (err)
		return err;
	err = init_rx(queue, offer);
	if (err)
		return err;
	return offer->split ? init_split_channels(queue) :
		init_shared_channel(queue);
}

static int make_queues(struct pgnet *net, const struct offer *offer)
{
	int err;

	net->queues = kvcalloc(offer->num_queues, sizeof(*net->queues),
			       GFP_KERNEL);
	if (!net->queues)
		return -ENOMEM;
	while (net->num_queues < offer->num_queues) {
		err = init_queue(net, net->num_queues++, offer);
		if (err)
			return err;
	}
	return 0;
}

static void unbind_channels(struct pgnet_queue *queue)
{
	if (queue->tx_irq)
		unbind_from_irqhandler(queue->tx_irq, queue);
	if (queue->rx_irq && queue->rx_irq != queue->tx_irq)
		unbind_from_irqhandler(queue->rx_irq, queue);
}

static void free_queue(struct pgnet_queue *queue)
{
	netif_napi_del(&queue->napi);
	xenbus_teardown_ring((void **)&queue->tx.ring.sring, 1,
			     &queue->tx.ring_ref);
	xenbus_teardown_ring((void **)&queue->rx.ring.sring, 1,
			     &queue->rx.ring_ref);
	pgnet_pool_release(&queue->tx.pool);
	pgnet_pool_release(&queue->rx.pool);
}

/* Undo make_queues(), also one that failed; nobody uses the queues */
static void free_queues(struct pgnet *net)
{
	unsigned int i;

	for (i = 0; i < net->num_queues; i++) {
		unbind_channels(&net->queues[i]);
		free_queue(&net->queues[i]);
	}
	kvfree(net->queues);
	net->queues = NULL;
	net->num_queues = 0;
}

/*
 * Write the keys of a queue's event channels, and remove those that a former
 * connection may have left.
 */
static int write_channels(struct xenbus_transaction xbt, const char *path,
			  const struct pgnet_queue *queue)
{
	int err;

	if (queue->tx_port == queue->rx_port) {
		xenbus_rm(xbt, path, "event-channel-tx");
		xenbus_rm(xbt, path, "event-channel-rx");
		return xenbus_printf(xbt, path, "event-channel", "%u",
				     queue->tx_port);
	}
	xenbus_rm(xbt, path, "event-channel");
	err = xenbus_printf(xbt, path, "event-channel-tx", "%u",
			    queue->tx_port);
	if (err)
		return err;
	return xenbus_printf(xbt, path, "event-channel-rx", "%u",
			     queue->rx_port);
}

static int write_queue(struct xenbus_transaction xbt,
		       const struct pgnet_queue *queue)
{
	const char *node = queue->net->xbdev->nodename;
	char path[80];
	int err;

	if (queue->net->num_queues == 1)
		strscpy(path, node, sizeof(path));
	else
		snprintf(path, sizeof(path), "%s/queue-%u", node, queue->id);
	err = xenbus_printf(xbt, path, "tx-ring-ref", "%u",
			    queue->tx.ring_ref);
	if (err)
		return err;
	err = xenbus_printf(xbt, path, "rx-ring-ref", "%u",
			    queue->rx.ring_ref);
	if (err)
		return err;
	return write_channels(xbt, path, queue);
}

/* Write all that the backend needs to know to connect */
static int write_keys(struct xenbus_transaction xbt, struct pgnet *net)
{
	static const char * const features[] = {
		"request-rx-copy", "feature-rx-notify", "feature-sg",
		"feature-gso-tcpv4", "feature-gso-tcpv6",
		"feature-ipv6-csum-offload", "feature-persistent",
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		err = xenbus_printf(xbt, net->xbdev->nodename, features[i],
				    "1");
		if (err)
			return err;
	}
	for (i = 0; i < net->num_queues; i++) {
		err = write_queue(xbt, &net->queues[i]);
		if (err)
			return err;
	}
	return xenbus_printf(xbt, net->xbdev->nodename,
			     "multi-queue-num-queues", "%u", net->num_queues);
}

/* Write the keys, all at once */
static int publish(struct pgnet *net)
{
	struct xenbus_transaction xbt;
	int err, end;

	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			return err;
		err = write_keys(xbt, net);
		end = xenbus_transaction_end(xbt, err);
	} while (!err && end == -EAGAIN);
	return err ?: end;
}

/* Let the stack know of the queues, and use them */
static int activate(struct pgnet *net, const struct offer *offer)
{
	struct net_device *netdev = net->netdev;
	unsigned int i;
	int err;

	ASSERT_RTNL();
	err = netif_set_real_num_queues(netdev, net->num_queues,
					net->num_queues);
	if (err)
		return err;
	net->persistent = offer->persistent;
	net->backend_features = offer->features;
	netdev_update_features(netdev);
	pgnet_limit_mtu(netdev, netdev->features);
	for (i = 0; i < net->num_queues; i++)
		pgnet_rx_refill(&net->queues[i]);
	/* Whoever transmits sees the queues if it sees this */
	smp_store_release(&net->connected, true);
	if (netif_running(netdev))
		pgnet_start_queues(net);
	return 0;
}

/**
 * pgnet_connect - make queues and tell the backend of them
 * @net: a device without a connection, whose backend is in InitWait
 *
 * What goes wrong is in the kernel's log, and in xenstore's error node.
 *
 * Return: 0, and the device may go to Connected; or a negative error code.
 */
int pgnet_connect(struct pgnet *net)
{
	struct offer offer;
	int err = read_offer(net, &offer);

	if (err)
		return err;
	net->broken = false;
	net->served = false;
	err = make_queues(net, &offer);
	if (!err)
		err = publish(net);
	if (!err) {
		rtnl_lock();
		err = activate(net, &offer);
		rtnl_unlock();
	}
	if (err) {
		free_queues(net);
		xenbus_dev_fatal(net->xbdev, err, "connecting %u queues",
				 offer.num_queues);
	}
	return err;
}

/**
 * pgnet_disconnect - end a connection, if there is one
 * @net: the device
 *
 * Grants end here; so the backend has unmapped the pages, or is gone, or the
 * domain has been restored and its grants mean nothing, [PG-12].
 */
void pgnet_disconnect(struct pgnet *net)
{
	rtnl_lock();
	netif_carrier_off(net->netdev);
	if (net->connected) {
		WRITE_ONCE(net->connected, false);
		if (netif_running(net->netdev))
			pgnet_stop_queues(net);
	}
	rtnl_unlock();
	free_queues(net);
}

/**
 * pgnet_distrust - have no more to do with a backend until it connects anew
 * @net: the device
 * @what: what of its doing makes no sense, for the log
 * @value: the value that it has
 */
void pgnet_distrust(struct pgnet *net, const char *what, unsigned int value)
{
	if (net->broken)
		return;
	net->broken = true;
	netif_carrier_off(net->netdev);
	netdev_alert(net->netdev,
		     "the backend's %s %u makes no sense; it is ignored until it connects anew\n",
		     what, value);
}
