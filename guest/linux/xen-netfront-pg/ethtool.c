// SPDX-License-Identifier: GPL-2.0
/*
 * What ethtool shows and sets: driver, channels, counters, rx-copybreak.
 *
 * -S has "persistent" (1: the backend keeps pages mapped) and a line for each
 * counter of each queue that is in use.
 */

#include <linux/ethtool.h>

#include "netfront.h"

static const char * const tx_names[PGNET_TX_COUNTERS] = {
	[PGNET_TX_PACKETS] = "packets",
	[PGNET_TX_BYTES] = "bytes",
	[PGNET_TX_STOPPED] = "stopped",
	[PGNET_TX_NOTIFIED] = "notified",
	[PGNET_TX_ERRORS] = "errors",
	[PGNET_TX_DROPPED] = "dropped",
};

static const char * const rx_names[PGNET_RX_COUNTERS] = {
	[PGNET_RX_PACKETS] = "packets",
	[PGNET_RX_BYTES] = "bytes",
	[PGNET_RX_COPIED] = "copied",
	[PGNET_RX_LENT] = "lent",
	[PGNET_RX_STARVED] = "starved",
	[PGNET_RX_NOTIFIED] = "notified",
	[PGNET_RX_ERRORS] = "errors",
	[PGNET_RX_DROPPED] = "dropped",
};

static void get_drvinfo(struct net_device *netdev,
			struct ethtool_drvinfo *info)
{
	strscpy(info->driver, PGNET_NAME, sizeof(info->driver));
}

static void get_channels(struct net_device *netdev,
			 struct ethtool_channels *channels)
{
	struct pgnet *net = netdev_priv(netdev);

	channels->max_combined = net->max_queues;
	channels->combined_count = netdev->real_num_tx_queues;
}

static void get_ringparam(struct net_device *netdev,
			  struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring,
			  struct netlink_ext_ack *extack)
{
	ring->tx_max_pending = PGNET_TX_RING_SIZE;
	ring->tx_pending = PGNET_TX_RING_SIZE;
	ring->rx_max_pending = PGNET_RX_RING_SIZE;
	ring->rx_pending = PGNET_RX_RING_SIZE;
}

static int get_tunable(struct net_device *netdev,
		       const struct ethtool_tunable *tunable, void *data)
{
	struct pgnet *net = netdev_priv(netdev);

	if (tunable->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;
	*(u32 *)data = net->rx_copybreak;
	return 0;
}

static int set_tunable(struct net_device *netdev,
		       const struct ethtool_tunable *tunable,
		       const void *data)
{
	struct pgnet *net = netdev_priv(netdev);

	if (tunable->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;
	WRITE_ONCE(net->rx_copybreak, *(const u32 *)data);
	return 0;
}

static int get_sset_count(struct net_device *netdev, int set)
{
	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return 1 + netdev->real_num_tx_queues *
		(PGNET_TX_COUNTERS + PGNET_RX_COUNTERS);
}

static void get_strings(struct net_device *netdev, u32 set, u8 *data)
{
	unsigned int i, j;

	if (set != ETH_SS_STATS)
		return;
	ethtool_sprintf(&data, "persistent");
	for (i = 0; i < netdev->real_num_tx_queues; i++) {
		for (j = 0; j < PGNET_TX_COUNTERS; j++)
			ethtool_sprintf(&data, "tx_queue_%u_%s", i,
					tx_names[j]);
		for (j = 0; j < PGNET_RX_COUNTERS; j++)
			ethtool_sprintf(&data, "rx_queue_%u_%s", i,
					rx_names[j]);
	}
}

/* Read the first @count counters; return where the next ones go */
static u64 *read_counters(const struct pgnet_counters *counters,
			  unsigned int count, u64 *data)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		*data++ = pgnet_read_counter(counters, i);
	return data;
}

static void get_ethtool_stats(struct net_device *netdev,
			      struct ethtool_stats *stats, u64 *data)
{
	struct pgnet *net = netdev_priv(netdev);
	unsigned int i;

	*data++ = net->persistent;
	for (i = 0; i < netdev->real_num_tx_queues; i++) {
		data = read_counters(&net->stats[i].tx, PGNET_TX_COUNTERS,
				     data);
		data = read_counters(&net->stats[i].rx, PGNET_RX_COUNTERS,
				     data);
	}
}

const struct ethtool_ops pgnet_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_channels = get_channels,
	.get_ringparam = get_ringparam,
	.get_tunable = get_tunable,
	.set_tunable = set_tunable,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ts_info = ethtool_op_get_ts_info,
};
