// SPDX-License-Identifier: GPL-2.0
/*
 * xen-netfront-pg: the driver on the xen bus.
 *
 * xenbus says that there is a vif, and what state its backend is in:
 *
 *   backend           frontend
 *   InitWait          ends a former connection, makes one; is Connected then
 *   Connected         has a carrier
 *   Closing, Closed   ends the connection; is Closed until InitWait
 *
 * So a backend may go away and come back, or another one in its place: with or
 * without a farewell.  See netfront.h for how the driver works.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "netfront.h"

/* How long the backend may take to say farewell, in ms, and between looks */
#define CLOSE_PATIENCE 5000
#define CLOSE_INTERVAL 20

static void connect(struct pgnet *net)
{
	/* Told twice, while the backend is still about to connect */
	if (net->connected && !net->served)
		return;
	pgnet_disconnect(net);
	if (net->xbdev->state != XenbusStateInitialising)
		xenbus_switch_state(net->xbdev, XenbusStateInitialising);
	if (!pgnet_connect(net))
		xenbus_switch_state(net->xbdev, XenbusStateConnected);
}

static void backend_connected(struct pgnet *net)
{
	if (!net->connected)
		return;
	net->served = true;
	netif_carrier_on(net->netdev);
	netdev_notify_peers(net->netdev);
}

static void otherend_changed(struct xenbus_device *xbdev,
			     enum xenbus_state state)
{
	struct pgnet *net = dev_get_drvdata(&xbdev->dev);

	if (net->removing)
		return;
	switch (state) {
	case XenbusStateInitWait:
		connect(net);
		break;
	case XenbusStateConnected:
		backend_connected(net);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		if (xbdev->state == XenbusStateClosed)
			break;
		pgnet_disconnect(net);
		xenbus_frontend_closed(xbdev);
		break;
	default:
		break;
	}
}

static int probe(struct xenbus_device *xbdev,
		 const struct xenbus_device_id *id)
{
	struct net_device *netdev = pgnet_create_netdev(xbdev);

	if (IS_ERR(netdev))
		return PTR_ERR(netdev);
	dev_set_drvdata(&xbdev->dev, netdev_priv(netdev));
	return xenbus_switch_state(xbdev, XenbusStateInitialising);
}

/* Tell whether the backend has no connection any more */
static bool backend_closed(struct xenbus_device *xbdev)
{
	enum xenbus_state state = xenbus_read_driver_state(xbdev->otherend);

	return state == XenbusStateClosed || state == XenbusStateUnknown ||
		state == XenbusStateInitialising ||
		state == XenbusStateInitWait;
}

/*
 * Have the backend end the connection.  xenbus may call this from where it
 * tells of changes, so none can be waited for.
 */
static void close(struct xenbus_device *xbdev)
{
	unsigned int waited;

	xenbus_switch_state(xbdev, XenbusStateClosing);
	for (waited = 0; !backend_closed(xbdev); waited += CLOSE_INTERVAL) {
		if (waited >= CLOSE_PATIENCE) {
			dev_warn(&xbdev->dev,
				 "the backend hasn't closed in %u s; going on without\n",
				 CLOSE_PATIENCE / 1000);
			break;
		}
		/* It closes at once, or when it sees that we have */
		if (xenbus_read_driver_state(xbdev->otherend) ==
		    XenbusStateClosing)
			xenbus_switch_state(xbdev, XenbusStateClosed);
		msleep(CLOSE_INTERVAL);
	}
}

static void remove(struct xenbus_device *xbdev)
{
	struct pgnet *net = dev_get_drvdata(&xbdev->dev);

	net->removing = true;
	close(xbdev);
	pgnet_disconnect(net);
	unregister_netdev(net->netdev);
	pgnet_free_netdev(net->netdev);
}

/* The domain has been restored: all that connected it is gone */
static int resume(struct xenbus_device *xbdev)
{
	pgnet_disconnect(dev_get_drvdata(&xbdev->dev));
	return 0;
}

static const struct xenbus_device_id ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver driver = {
	.name = PGNET_NAME,
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.resume = resume,
	.otherend_changed = otherend_changed,
};

static int __init netfront_init(void)
{
	BUILD_BUG_ON(PAGE_SIZE != XEN_PAGE_SIZE);

	if (!xen_domain() || !xen_has_pv_nic_devices())
		return -ENODEV;
	return xenbus_register_frontend(&driver);
}
module_init(netfront_init);

static void __exit netfront_exit(void)
{
	xenbus_unregister_driver(&driver);
}
module_exit(netfront_exit);

MODULE_DESCRIPTION("Xen network frontend with persistent grants");
MODULE_AUTHOR("The xen-nic-pg developers");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen:vif");
MODULE_ALIAS("xennet");
