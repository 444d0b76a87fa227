// SPDX-License-Identifier: GPL-2.0
/*
 * xen-netfront-pg: the driver on the xen bus.
 *
 * xenbus says that there is a vif, and what state its backend is in:
 *
 *   backend           frontend
 *   Initialising      ends a connection that it has had; begins anew
 *   InitWait          ends a former connection, makes one; is Connected then
 *   Connected         has a carrier
 *   Closing           is Closed, without a carrier
 *   Closed            ends the connection; begins anew, Initialising, unless
 *                     the vif is to go, or it was us who closed
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

/* Its predecessor has died: so nobody uses the pages */
static void backend_begins(struct pgnet *net)
{
	netif_carrier_off(net->netdev);
	if (!net->connected || !net->served)
		return;
	pgnet_disconnect(net);
	xenbus_switch_state(net->xbdev, XenbusStateInitialising);
}

static void backend_connected(struct pgnet *net)
{
	if (!net->connected || net->broken)
		return;
	net->served = true;
	netif_carrier_on(net->netdev);
	netdev_notify_peers(net->netdev);
}

/* Tell whether the toolstack wants the vif to be there */
static bool is_online(struct xenbus_device *xbdev)
{
	return xenbus_read_unsigned(xbdev->otherend, "online", 0);
}

/*
 * Tell whether the backend has yet to take notice that we begin, and is still
 * about the connection before.
 */
static bool is_behind(struct xenbus_device *xbdev)
{
	return xbdev->state == XenbusStateInitialising && is_online(xbdev);
}

/* Whoever wrote Closing, the backend may still use the pages */
static void backend_closing(struct pgnet *net)
{
	struct xenbus_device *xbdev = net->xbdev;

	netif_carrier_off(net->netdev);
	if (xbdev->state == XenbusStateClosed || is_behind(xbdev))
		return;
	net->left = xbdev->state == XenbusStateConnected;
	xenbus_frontend_closed(xbdev);
}

/* One that has left us may come back, if it is told that we begin anew */
static void backend_closed(struct pgnet *net)
{
	struct xenbus_device *xbdev = net->xbdev;

	pgnet_disconnect(net);
	if (is_behind(xbdev))
		return;
	net->left |= xbdev->state == XenbusStateConnected;
	if (net->left && is_online(xbdev))
		xenbus_switch_state(xbdev, XenbusStateInitialising);
	else if (xbdev->state != XenbusStateClosed)
		xenbus_frontend_closed(xbdev);
	net->left = false;
}

static void pgnet_otherend_changed(struct xenbus_device *xbdev,
				   enum xenbus_state state)
{
	struct pgnet *net = dev_get_drvdata(&xbdev->dev);

	switch (state) {
	case XenbusStateInitialising:
		backend_begins(net);
		break;
	case XenbusStateInitWait:
		connect(net);
		break;
	case XenbusStateConnected:
		backend_connected(net);
		break;
	case XenbusStateClosing:
		backend_closing(net);
		break;
	case XenbusStateClosed:
		backend_closed(net);
		break;
	case XenbusStateUnknown:
		pgnet_disconnect(net);
		break;
	default:
		netif_carrier_off(net->netdev);
		break;
	}
}

static int pgnet_probe(struct xenbus_device *xbdev,
		       const struct xenbus_device_id *id)
{
	struct net_device *netdev = pgnet_create_netdev(xbdev);

	if (IS_ERR(netdev))
		return PTR_ERR(netdev);
	dev_set_drvdata(&xbdev->dev, netdev_priv(netdev));
	xenbus_switch_state(xbdev, XenbusStateInitialising);
	return 0;
}

/*
 * Tell whether the backend has ended a connection.  It may have gone on to
 * wait for the next one, which is no proof if it was waiting before.
 */
static bool has_closed(struct pgnet *net)
{
	switch (xenbus_read_driver_state(net->xbdev->otherend)) {
	case XenbusStateClosed:
	case XenbusStateUnknown:
		return true;
	case XenbusStateInitialising:
	case XenbusStateInitWait:
		return net->served;
	default:
		return false;
	}
}

/*
 * Have the backend end the connection.  xenbus may call this from where it
 * tells of changes, so none can be waited for, but looked for.  Pages that a
 * backend out of time has mapped are kept until it lets go of them.
 */
static void close_backend(struct pgnet *net)
{
	struct xenbus_device *xbdev = net->xbdev;
	unsigned int waited;

	xenbus_switch_state(xbdev, XenbusStateClosing);
	for (waited = 0; !has_closed(net); waited += CLOSE_INTERVAL) {
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

static void pgnet_remove(struct xenbus_device *xbdev)
{
	struct pgnet *net = dev_get_drvdata(&xbdev->dev);

	if (net->connected)
		close_backend(net);
	pgnet_disconnect(net);
	/* The driver that has the vif next may not keep this promise */
	xenbus_rm(XBT_NIL, xbdev->nodename, "feature-persistent");
	unregister_netdev(net->netdev);
	pgnet_free_netdev(net->netdev);
}

/* The domain has been restored: all that connected it is gone */
static int pgnet_resume(struct xenbus_device *xbdev)
{
	pgnet_disconnect(dev_get_drvdata(&xbdev->dev));
	return 0;
}

static const struct xenbus_device_id pgnet_ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver pgnet_driver = {
	.name = PGNET_NAME,
	.ids = pgnet_ids,
	.probe = pgnet_probe,
	.remove = pgnet_remove,
	.resume = pgnet_resume,
	.otherend_changed = pgnet_otherend_changed,
};

static int __init pgnet_init(void)
{
	BUILD_BUG_ON(PAGE_SIZE != XEN_PAGE_SIZE);
	BUILD_BUG_ON(sizeof(struct xen_netif_extra_info) !=
		     sizeof(struct xen_netif_rx_response));

	if (!xen_domain() || !xen_has_pv_nic_devices())
		return -ENODEV;
	return xenbus_register_frontend(&pgnet_driver);
}
module_init(pgnet_init);

static void __exit pgnet_exit(void)
{
	xenbus_unregister_driver(&pgnet_driver);
}
module_exit(pgnet_exit);

MODULE_DESCRIPTION("Xen network frontend with persistent grants");
MODULE_AUTHOR("The xen-nic-pg developers");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen:vif");
MODULE_ALIAS("xennet");
