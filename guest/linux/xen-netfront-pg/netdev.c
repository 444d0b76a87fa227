// SPDX-License-Identifier: GPL-2.0
/*
 * The network device: what the kernel asks of it, beside frames.
 *
 * It lives from probe() to remove().  Without a connection it has no carrier,
 * and can be configured all the same; what the backend can do is known, and
 * taken over into the features, when it connects.
 */

#include <linux/cpumask.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/module.h>

#include "netfront.h"

/* Queues that are used unless max_queues says otherwise, at the most */
#define MAX_QUEUES_DEFAULT 8
#define MAX_QUEUES 64

static unsigned int max_queues;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues,
		 "Most queues of a vif, up to 64 (0, the default: as many as there are CPUs, up to 8)");

static bool trusted = true;
module_param(trusted, bool, 0644);
MODULE_PARM_DESC(trusted,
		 "Whether the stack may hold pages that the backend can write to, for vifs from now on (default: Y)");

/* What the backend may not be able to do */
#define OPTIONAL_FEATURES \
	(NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | \
	 NETIF_F_TSO | NETIF_F_TSO6)

/**
 * pgnet_start_queues - let frames pass
 * @net: a connected device that is up
 */
void pgnet_start_queues(struct pgnet *net)
{
	unsigned int i;

	for (i = 0; i < net->num_queues; i++) {
		napi_enable(&net->queues[i].napi);
		/* Events that came before have been in vain */
		local_bh_disable();
		napi_schedule(&net->queues[i].napi);
		local_bh_enable();
	}
	netif_tx_wake_all_queues(net->netdev);
}

/**
 * pgnet_stop_queues - let no frames pass
 * @net: a device whose queues have been started
 */
void pgnet_stop_queues(struct pgnet *net)
{
	unsigned int i;

	netif_tx_disable(net->netdev);
	for (i = 0; i < net->num_queues; i++)
		napi_disable(&net->queues[i].napi);
}

static int pgnet_open(struct net_device *netdev)
{
	struct pgnet *net = netdev_priv(netdev);

	if (net->connected)
		pgnet_start_queues(net);
	return 0;
}

static int pgnet_stop(struct net_device *netdev)
{
	struct pgnet *net = netdev_priv(netdev);

	if (net->connected)
		pgnet_stop_queues(net);
	return 0;
}

/* The largest MTU for given features: without SG, a frame has one page */
static unsigned int mtu_limit(netdev_features_t features)
{
	return features & NETIF_F_SG ?
		XEN_NETIF_MAX_TX_SIZE - VLAN_ETH_HLEN : ETH_DATA_LEN;
}

static int pgnet_change_mtu(struct net_device *netdev, int mtu)
{
	struct pgnet *net = netdev_priv(netdev);

	/* What a backend can't do isn't known before there is one */
	if (net->connected && mtu > mtu_limit(netdev->features))
		return -EINVAL;
	WRITE_ONCE(netdev->mtu, mtu);
	return 0;
}

static netdev_features_t pgnet_fix_features(struct net_device *netdev,
					    netdev_features_t features)
{
	struct pgnet *net = netdev_priv(netdev);

	return features & ~(OPTIONAL_FEATURES & ~net->backend_features);
}

/**
 * pgnet_limit_mtu - reduce the MTU to what given features allow
 * @netdev: the device
 * @features: its features, now or soon
 */
void pgnet_limit_mtu(struct net_device *netdev, netdev_features_t features)
{
	if (netdev->mtu <= mtu_limit(features))
		return;
	netdev_info(netdev, "MTU reduced from %u to %u, for want of SG\n",
		    netdev->mtu, mtu_limit(features));
	dev_set_mtu(netdev, mtu_limit(features));
}

static int pgnet_set_features(struct net_device *netdev,
			      netdev_features_t features)
{
	pgnet_limit_mtu(netdev, features);
	return 0;
}

static void pgnet_get_stats64(struct net_device *netdev,
			      struct rtnl_link_stats64 *total)
{
	struct pgnet *net = netdev_priv(netdev);
	unsigned int i;

	for (i = 0; i < net->max_queues; i++) {
		const struct pgnet_counters *tx = &net->stats[i].tx;
		const struct pgnet_counters *rx = &net->stats[i].rx;

		total->tx_packets += pgnet_read_counter(tx, PGNET_TX_PACKETS);
		total->tx_bytes += pgnet_read_counter(tx, PGNET_TX_BYTES);
		total->tx_errors += pgnet_read_counter(tx, PGNET_TX_ERRORS);
		total->tx_dropped += pgnet_read_counter(tx, PGNET_TX_DROPPED);
		total->rx_packets += pgnet_read_counter(rx, PGNET_RX_PACKETS);
		total->rx_bytes += pgnet_read_counter(rx, PGNET_RX_BYTES);
		total->rx_errors += pgnet_read_counter(rx, PGNET_RX_ERRORS);
		total->rx_dropped += pgnet_read_counter(rx, PGNET_RX_DROPPED);
	}
}

static const struct net_device_ops pgnet_netdev_ops = {
	.ndo_open = pgnet_open,
	.ndo_stop = pgnet_stop,
	.ndo_start_xmit = pgnet_start_xmit,
	.ndo_change_mtu = pgnet_change_mtu,
	.ndo_fix_features = pgnet_fix_features,
	.ndo_set_features = pgnet_set_features,
	.ndo_get_stats64 = pgnet_get_stats64,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eth_mac_addr,
};

/* Read the address that the toolstack has given the vif */
static int read_mac(struct xenbus_device *xbdev, struct net_device *netdev)
{
	char *text = xenbus_read(XBT_NIL, xbdev->nodename, "mac", NULL);
	u8 mac[ETH_ALEN];
	bool good;

	if (IS_ERR(text)) {
		xenbus_dev_fatal(xbdev, PTR_ERR(text), "reading mac");
		return PTR_ERR(text);
	}
	good = mac_pton(text, mac) && is_valid_ether_addr(mac);
	if (good)
		eth_hw_addr_set(netdev, mac);
	else
		xenbus_dev_fatal(xbdev, -EINVAL,
				 "mac is %s, expected six bytes of a unicast address",
				 text);
	kfree(text);
	return good ? 0 : -EINVAL;
}

static void describe_netdev(struct net_device *netdev)
{
	netdev->netdev_ops = &pgnet_netdev_ops;
	netdev->ethtool_ops = &pgnet_ethtool_ops;
	/* The backend checks GSO headers; a copy needs no special memory */
	netdev->features = NETIF_F_RXCSUM | NETIF_F_GSO_ROBUST |
		NETIF_F_HIGHDMA | NETIF_F_FRAGLIST | OPTIONAL_FEATURES;
	netdev->hw_features = OPTIONAL_FEATURES;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = mtu_limit(NETIF_F_SG);
	netif_set_tso_max_size(netdev, XEN_NETIF_MAX_TX_SIZE);
	netif_carrier_off(netdev);
}

static unsigned int choose_max_queues(void)
{
	if (max_queues)
		return min_t(unsigned int, max_queues, MAX_QUEUES);
	return min_t(unsigned int, num_online_cpus(), MAX_QUEUES_DEFAULT);
}

static int init_netdev(struct net_device *netdev, struct xenbus_device *xbdev)
{
	struct pgnet *net = netdev_priv(netdev);
	unsigned int i;

	SET_NETDEV_DEV(netdev, &xbdev->dev);
	net->xbdev = xbdev;
	net->netdev = netdev;
	net->max_queues = netdev->num_tx_queues;
	net->trusted = trusted &&
		xenbus_read_unsigned(xbdev->nodename, "trusted", 1);
	net->rx_copybreak = PGNET_RX_COPYBREAK_DEFAULT;
	net->stats = kvcalloc(net->max_queues, sizeof(*net->stats),
			      GFP_KERNEL);
	if (!net->stats)
		return -ENOMEM;
	for (i = 0; i < net->max_queues; i++) {
		u64_stats_init(&net->stats[i].tx.sync);
		u64_stats_init(&net->stats[i].rx.sync);
	}
	describe_netdev(netdev);
	return read_mac(xbdev, netdev);
}

/**
 * pgnet_create_netdev - make a network device for a vif
 * @xbdev: the vif
 *
 * Return: the device, registered and without a carrier; or an ERR_PTR().
 */
struct net_device *pgnet_create_netdev(struct xenbus_device *xbdev)
{
	struct net_device *netdev;
	int err;

	netdev = alloc_etherdev_mq(sizeof(struct pgnet), choose_max_queues());
	if (!netdev)
		return ERR_PTR(-ENOMEM);
	err = init_netdev(netdev, xbdev);
	if (!err)
		err = register_netdev(netdev);
	if (err) {
		pgnet_free_netdev(netdev);
		return ERR_PTR(err);
	}
	return netdev;
}

/**
 * pgnet_free_netdev - free a network device
 * @netdev: a device that isn't registered, or no more
 */
void pgnet_free_netdev(struct net_device *netdev)
{
	struct pgnet *net = netdev_priv(netdev);

	kvfree(net->stats);
	free_netdev(netdev);
}
