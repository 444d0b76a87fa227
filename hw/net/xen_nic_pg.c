/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen network backend with persistent grants
 *
 * Two kinds of object meet here.  "-device xen-nic-pg" (XenNicPg) holds what
 * the user wants: options for one vif, or, without a handle, for all of the
 * domain's.  Each vif that the toolstack makes under backend/vif becomes a
 * XenNicPgVif, a XenLegacyDevice, which looks for its options.  A vif without
 * options is left alone, and without any "-device xen-nic-pg" the vif type
 * isn't even registered: so no vif is taken from a kernel's netback by
 * accident.
 *
 * The legacy backend layer drives a vif through xenbus' states and calls us:
 *
 *   alloc        the directory backend/vif/DOMID/HANDLE has appeared
 *   init         make NIC, netdev and queues, if it is the first time; publish
 *                the features; then the layer says InitWait
 *   initialise   the frontend has written its keys: read them, start the
 *                queues; then the layer says Connected
 *   disconnect   the frontend closes: stop the queues; then the layer says
 *                Closing or Closed, so nothing is mapped any more by then
 *   free         the directory is gone: so are NIC, tap and queues
 *
 * What the layer doesn't do is libxl's removal protocol: online = 0 and
 * state = Closing in the backend's own directory, where libxl then waits for
 * Closed.  See close_for_toolstack().  Nor does it wait for a hotplug script:
 * it writes itself that this has done its work.  See follow_script().
 *
 * A vif that another QEMU has served until it was killed has a frontend that is
 * connected all the while.  Once somebody has set the backend's state back to
 * Initialising, the layer goes on to Connected at once, with the rings as they
 * are (xen_nic_pg_queue.c).
 *
 * With "confine", QEMU first gives up what only its start needed
 * (xen_nic_pg_confine.c).
 *
 * A frontend's mistake is written where Xen's tools look for it, under
 * error/ (xenbus), and to the log, and the vif goes to Closing.  The frontend
 * may close and try again.
 *
 * The keys are in xen_nic_pg_keys.c, and all that moves frames is in
 * xen_nic_pg_queues.c.  What is here runs in the main loop.
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/xen/xen-legacy-backend.h"
#include "net/net.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qom/object.h"
#include "system/system.h"
#include "trace.h"
#include "xen_nic_pg_compat.h"
#include "xen_nic_pg_confine.h"
#include "xen_nic_pg_keys.h"
#include "xen_nic_pg_queues.h"

#define TYPE_XEN_NIC_PG "xen-nic-pg"
OBJECT_DECLARE_SIMPLE_TYPE(XenNicPg, XEN_NIC_PG)

/* Any vif of the domain */
#define HANDLE_ALL -1
#define HANDLE_MAX 65535

/* Far above what a frontend could use well, far below gntdev's limit */
#define MAX_GRANTS_LIMIT 16384

/* Errors of a vif that are logged, the others are in xenstore only */
#define MAX_REPORTS 1000

/* As of Linux' netback */
#define STALL_TIMEOUT_DEFAULT 60000

/* As an IOThread has it (iothread.c) */
#define POLL_MAX_NS_DEFAULT 32768

/**
 * XenNicPg: what the user wants of a vif
 * @handle: of which vif; HANDLE_ALL: of all that have no options of their own
 * @queues: of what moves its frames; max_queues is 0 until realize if the user
 *          hasn't said anything
 * @max_grants: pages that may stay mapped per queue and direction, 0: none
 * @supervised: who started QEMU makes the taps that aren't netdevs yet, and
 *              sees to vifs that it leaves behind
 * @confine: serve nothing before QEMU has given up what only its start needed
 */
struct XenNicPg {
    DeviceState parent_obj;

    int32_t handle;
    XenNicPgQueuesOptions queues;
    uint32_t max_grants;
    bool supervised;
    bool confine;
    QLIST_ENTRY(XenNicPg) next;
};

/**
 * XenNicPgVif: a vif
 * @options: what the user wants of it, NULL until init
 * @queues: what moves its frames, NULL until init
 * @nr_reports: errors that were logged
 * @waiting: for the event that its tap has been made
 * @plugged: there's no hotplug script to wait for
 * @fakes: how many changes of hotplug-status are the layer's and still to come
 * @reconfigured: the frontend has changed something while it is connected, and
 *                hasn't gone on yet
 * @fault_bh: closes the vif if the frontend has broken the rules of a ring
 * @carrier_bh: tells of the link
 */
typedef struct XenNicPgVif {
    struct XenLegacyDevice xendev;

    const XenNicPg *options;
    XenNicPgQueues *queues;
    unsigned int nr_reports;
    bool waiting;
    bool plugged;
    unsigned int fakes;
    bool reconfigured;
    QEMUBH *fault_bh;
    QEMUBH *carrier_bh;
    QLIST_ENTRY(XenNicPgVif) next;
} XenNicPgVif;

static QLIST_HEAD(, XenNicPg) all_options = QLIST_HEAD_INITIALIZER(all_options);
static QLIST_HEAD(, XenNicPgVif) all_vifs = QLIST_HEAD_INITIALIZER(all_vifs);

static XenNicPgVif *to_vif(struct XenLegacyDevice *xendev)
{
    return container_of(xendev, XenNicPgVif, xendev);
}

/*
 * States and errors
 */

static void set_state(XenNicPgVif *vif, enum xenbus_state state)
{
    trace_xen_nic_pg_vif_state(vif->xendev.name, xenbus_strstate(state));
    xen_be_set_state(&vif->xendev, state);
}

static char *error_path(XenNicPgVif *vif)
{
    return g_strdup_printf("error/%s", vif->xendev.be);
}

/*
 * Say what is wrong, where Xen's tools look for it and in the log; but a guest
 * can't make the log grow for ever.
 */
static void report(XenNicPgVif *vif, Error *err)
{
    g_autofree char *path = error_path(vif);

    trace_xen_nic_pg_vif_error(vif->xendev.name, error_get_pretty(err));
    xenstore_write_str(path, "error", error_get_pretty(err));
    if (vif->nr_reports == MAX_REPORTS) {
        error_free(err);
        return;
    }
    if (++vif->nr_reports == MAX_REPORTS) {
        error_append_hint(&err, "It is the last of %d errors of this vif that "
                          "are logged.\n", MAX_REPORTS);
    }
    error_prepend(&err, "xen-nic-pg: domain %d %s: ", vif->xendev.dom,
                  vif->xendev.name);
    error_report_err(err);
}

static void clear_report(XenNicPgVif *vif)
{
    g_autofree char *path = error_path(vif);

    qemu_xen_xs_destroy(xenstore, XBT_NULL, path);
}

/* A fault that hasn't been dealt with is of this connection, not the next. */
static void stop(XenNicPgVif *vif)
{
    Error *err = NULL;
    const char *fault;

    if (!vif->queues) {
        return;
    }
    fault = xen_nic_pg_queues_stop(vif->queues);
    qemu_bh_cancel(vif->carrier_bh);
    if (fault) {
        qemu_bh_cancel(vif->fault_bh);
        error_setg(&err, "%s; the vif is stopped", fault);
        report(vif, err);
    }
}

static void on_fault(void *opaque)
{
    XenNicPgVif *vif = opaque;

    stop(vif);
    if (vif->xendev.be_state == XenbusStateConnected) {
        set_state(vif, XenbusStateClosing);
    }
}

/*
 * Link and rate
 */

/* netif.h, "Link state" */
static void publish_carrier(XenNicPgVif *vif)
{
    bool up = xen_nic_pg_queues_update_carrier(vif->queues);

    xenstore_write_be_int(&vif->xendev, "carrier", up);
}

/* While the vif is closed, its directory may be about to be removed. */
static void on_carrier(void *opaque)
{
    XenNicPgVif *vif = opaque;

    if (vif->xendev.be_state == XenbusStateInitWait ||
        vif->xendev.be_state == XenbusStateConnected) {
        publish_carrier(vif);
    }
}

static void apply_rate(XenNicPgVif *vif)
{
    uint64_t bytes, usecs;

    xen_nic_pg_read_rate(&vif->xendev, &bytes, &usecs);
    if (vif->queues) {
        xen_nic_pg_queues_set_rate(vif->queues, bytes, usecs);
    }
}

/*
 * NIC and queues
 */

static XenNicPgLimits limits_of(const XenNicPg *options)
{
    return (XenNicPgLimits) {
        .max_queues = options->queues.max_queues,
        .max_grants = options->max_grants,
    };
}

static void delete_queues(XenNicPgVif *vif)
{
    g_clear_pointer(&vif->queues, xen_nic_pg_queues_free);
    g_clear_pointer(&vif->fault_bh, qemu_bh_delete);
    g_clear_pointer(&vif->carrier_bh, qemu_bh_delete);
}

/* Bottom halves aren't of the main context: that runs while we wait. */
static QEMUBH *make_bh(XenNicPgVif *vif, QEMUBHFunc *fn)
{
    return aio_bh_new_guarded(iohandler_get_aio_context(), fn, vif,
                              &DEVICE(&vif->xendev)->mem_reentrancy_guard);
}

static bool make_queues(XenNicPgVif *vif, Error **errp)
{
    DeviceState *dev = DEVICE(&vif->xendev);
    g_autofree char *id = g_strdup_printf(TYPE_XEN_NIC_PG "-%d.%d",
                                          vif->xendev.dom, vif->xendev.dev);
    XenNicPgNicConfig config = {
        .name = dev->id,
        .queues = vif->options->queues.max_queues,
    };

    vif->fault_bh = make_bh(vif, on_fault);
    vif->carrier_bh = make_bh(vif, on_carrier);
    if (xen_nic_pg_read_nic(&vif->xendev, &config, errp)) {
        if (vif->options->supervised) {
            config.mtu = 0;     /* it has been set */
        }
        vif->queues = xen_nic_pg_queues_new(&vif->options->queues, &config, id,
                                            &dev->mem_reentrancy_guard,
                                            vif->fault_bh, vif->carrier_bh,
                                            errp);
    }
    g_free(config.ifname);
    if (!vif->queues) {
        delete_queues(vif);
        return false;
    }
    return true;
}

/*
 * Counters
 */

static void visit_stats(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    XenNicPgVif *vif = opaque;

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    if (vif->queues) {
        xen_nic_pg_queues_visit(vif->queues, v, errp);
    }
    visit_end_struct(v, NULL);
}

/*
 * What the legacy backend layer calls
 */

static void vif_alloc(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);

    object_property_add(OBJECT(xendev), "stats", "XenNicPgStats", visit_stats,
                        NULL, NULL, vif);
    QLIST_INSERT_HEAD(&all_vifs, vif, next);
}

static const XenNicPg *find_options(int handle)
{
    XenNicPg *options, *of_all = NULL;

    QLIST_FOREACH(options, &all_options, next) {
        if (options->handle == handle) {
            return options;
        }
        if (options->handle == HANDLE_ALL) {
            of_all = options;
        }
    }
    return of_all;
}

static bool has_own_tap(const XenNicPgVif *vif)
{
    return !vif->options->queues.nic.netdev;
}

/* A script is for a tap of our own: it knows nothing of the user's netdev. */
static bool needs_script(XenNicPgVif *vif)
{
    return has_own_tap(vif) && xen_nic_pg_has_script(&vif->xendev);
}

/*
 * The layer comes again with each event.  While some of the toolstack's that
 * made the vif are still to come, the tap may be there already; but not the
 * event of that, so it is waited for: see follow_script().
 */
static bool waits_for_tap(XenNicPgVif *vif)
{
    if (!vif->options->supervised || !has_own_tap(vif)) {
        return false;
    }
    if (!xen_nic_pg_ask_for_tap(&vif->xendev,
                                vif->options->queues.max_queues)) {
        vif->waiting = true;
    }
    return vif->waiting;
}

static int vif_init(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);
    XenNicPgLimits limits;
    Error *err = NULL;

    vif->options = find_options(xendev->dev);
    if (!vif->options) {
        return -1;
    }
    if (!vif->queues) {
        if (waits_for_tap(vif)) {
            return -1;
        }
        if (!make_queues(vif, &err)) {
            report(vif, err);
            return -1;
        }
        vif->plugged = !needs_script(vif) || xen_nic_pg_is_plugged(xendev);
    }
    /* The layer is about to write it, whatever the script does. */
    vif->fakes++;
    limits = limits_of(vif->options);
    clear_report(vif);
    xen_nic_pg_publish_features(xendev, &limits);
    apply_rate(vif);
    publish_carrier(vif);
    trace_xen_nic_pg_vif_state(xendev->name, "InitWait");
    return 0;
}

static void trace_connect(XenNicPgVif *vif, const XenNicPgConfig *config)
{
    for (unsigned int i = 0; i < config->nr_queues; i++) {
        const XenNicPgQueueConfig *queue = &config->queues[i];

        trace_xen_nic_pg_vif_connect(vif->xendev.name, i, queue->tx_ring_ref,
                                     queue->rx_ring_ref,
                                     queue->tx_event_channel,
                                     queue->rx_event_channel,
                                     queue->max_grants);
    }
}

static bool connect_frontend(XenNicPgVif *vif, Error **errp)
{
    XenNicPgLimits limits = limits_of(vif->options);
    XenNicPgConfig config;
    bool ok;

    ok = xen_nic_pg_read_config(&vif->xendev, &limits, &config, errp) &&
         xen_nic_pg_queues_start(vif->queues, &config, errp);
    if (ok) {
        trace_connect(vif, &config);
    }
    xen_nic_pg_config_clear(&config);
    return ok;
}

static int vif_initialise(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);
    Error *err = NULL;

    /* The layer comes again if it couldn't write our state. */
    stop(vif);
    /* It also does when the script has done its work. */
    if (!vif->plugged) {
        trace_xen_nic_pg_vif_state(xendev->name, "not plugged yet");
        return -1;
    }
    if (!connect_frontend(vif, &err)) {
        report(vif, err);
        set_state(vif, XenbusStateClosing);
        return -1;
    }
    return 0;
}

static void vif_disconnect(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);

    trace_xen_nic_pg_vif_state(xendev->name, "disconnect");
    stop(vif);
}

static int vif_free(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);

    trace_xen_nic_pg_vif_state(xendev->name, "gone");
    stop(vif);
    delete_queues(vif);
    if (vif->options) {
        clear_report(vif);
    }
    QLIST_REMOVE(vif, next);
    return 0;
}

/*
 * Say Closed for the last time.  The layer itself goes on believing that we
 * are closing: at Closed it would begin anew with a frontend that is still
 * Initialising, and write to a directory that is about to be removed.
 */
static void close_for_good(XenNicPgVif *vif)
{
    stop(vif);
    set_state(vif, XenbusStateClosed);
    vif->xendev.be_state = XenbusStateClosing;
}

static int read_frontend_state(XenNicPgVif *vif)
{
    int state;

    if (!vif->xendev.fe ||
        xenstore_read_fe_int(&vif->xendev, "state", &state) < 0) {
        return XenbusStateUnknown;
    }
    return state;
}

/*
 * The toolstack wants the vif to go away.  A frontend that is connected sees
 * our state and closes, which the legacy layer answers; if there's none, we
 * are done at once.  The vif may be one that was never set up, as an earlier
 * QEMU left it in another state than Initialising.
 */
static void close_for_toolstack(XenNicPgVif *vif)
{
    stop(vif);
    switch (read_frontend_state(vif)) {
    case XenbusStateInitialised:
    case XenbusStateConnected:
    case XenbusStateReconfiguring:
    case XenbusStateClosing:
        set_state(vif, XenbusStateClosing);
        break;
    default:
        close_for_good(vif);
    }
}

static void follow_toolstack(XenNicPgVif *vif)
{
    int state;

    if (xenstore_read_be_int(&vif->xendev, "state", &state) < 0 ||
        state != XenbusStateClosing ||
        vif->xendev.be_state == XenbusStateClosed) {
        return;
    }
    /* While we are closing already, a frontend that is gone won't follow. */
    if (vif->xendev.be_state != XenbusStateClosing ||
        read_frontend_state(vif) == XenbusStateUnknown) {
        close_for_toolstack(vif);
    }
}

/*
 * The first news of each time that the layer has set the vif up is its own: the
 * script isn't run before the layer then says InitWait.
 */
static void follow_script(XenNicPgVif *vif)
{
    if (vif->fakes) {
        vif->fakes--;
    } else {
        vif->plugged |= xen_nic_pg_is_plugged(&vif->xendev);
    }
}

static void vif_backend_changed(struct XenLegacyDevice *xendev,
                                const char *node)
{
    XenNicPgVif *vif = to_vif(xendev);

    if (!find_options(xendev->dev)) {
        return;
    }
    if (strcmp(node, "state") == 0) {
        follow_toolstack(vif);
    } else if (strcmp(node, "rate") == 0) {
        apply_rate(vif);
    } else if (strcmp(node, "hotplug-status") == 0) {
        follow_script(vif);
    } else if (strcmp(node, "tap") == 0) {
        vif->waiting = false;
    }
}

/*
 * A frontend that begins anew without having closed, as after a crash, has
 * new rings.  Once we are Closed, the layer begins anew with it.
 */
static void follow_restart(XenNicPgVif *vif)
{
    if (vif->xendev.be_state == XenbusStateConnected) {
        stop(vif);
        set_state(vif, XenbusStateClosing);
    }
    if (vif->xendev.be_state == XenbusStateClosing && vif->xendev.online) {
        set_state(vif, XenbusStateClosed);
    }
}

/*
 * A frontend that vanishes while we wait for it to close (libxl removes its
 * directory when the domain is destroyed) won't say Closed any more.  We may
 * learn of that before we learn that we are to close.
 */
static void follow_end(XenNicPgVif *vif)
{
    int state;

    if (xenstore_read_be_int(&vif->xendev, "state", &state) == 0 &&
        state == XenbusStateClosing) {
        close_for_good(vif);
    }
}

/* The frontend changed a key that it may change while it is connected. */
static void follow_multicast_control(XenNicPgVif *vif)
{
    Error *err = NULL;
    bool on;

    if (vif->xendev.be_state != XenbusStateConnected) {
        return;
    }
    if (!xen_nic_pg_read_multicast_control(&vif->xendev, &on, &err)) {
        report(vif, err);
        return;
    }
    xen_nic_pg_queues_set_multicast_control(vif->queues, on);
}

/*
 * As Linux' frontend and backend do it: the frontend changes its XDP headroom
 * and says Reconfiguring, the backend takes that and says Reconfigured, both
 * are Connected again.  The layer doesn't know of these states, so it isn't
 * told.
 */
static void write_state(XenNicPgVif *vif, enum xenbus_state state)
{
    trace_xen_nic_pg_vif_state(vif->xendev.name, xenbus_strstate(state));
    xenstore_write_be_int(&vif->xendev, "state", state);
}

static void reconfigure(XenNicPgVif *vif)
{
    uint32_t headroom;
    Error *err = NULL;

    if (vif->xendev.be_state != XenbusStateConnected) {
        return;
    }
    if (!xen_nic_pg_read_headroom(&vif->xendev, &headroom, &err)) {
        report(vif, err);
        stop(vif);
        set_state(vif, XenbusStateClosing);
        return;
    }
    xen_nic_pg_queues_set_headroom(vif->queues, headroom);
    vif->reconfigured = true;
    write_state(vif, XenbusStateReconfigured);
}

static void end_reconfiguration(XenNicPgVif *vif)
{
    if (vif->reconfigured && vif->xendev.be_state == XenbusStateConnected) {
        write_state(vif, XenbusStateConnected);
    }
    vif->reconfigured = false;
}

static void follow_frontend(XenNicPgVif *vif)
{
    switch ((int)vif->xendev.fe_state) {
    case XenbusStateInitialising:
        follow_restart(vif);
        break;
    case XenbusStateConnected:
        end_reconfiguration(vif);
        break;
    case XenbusStateReconfiguring:
        reconfigure(vif);
        break;
    case XenbusStateUnknown:
        follow_end(vif);
        break;
    }
}

static void vif_frontend_changed(struct XenLegacyDevice *xendev,
                                 const char *node)
{
    XenNicPgVif *vif = to_vif(xendev);

    if (strcmp(node, "state") == 0) {
        follow_frontend(vif);
    } else if (strcmp(node, "xdp-headroom") == 0) {
        /* Linux says Reconfiguring before it writes what has changed. */
        if (xendev->fe_state == XenbusStateReconfiguring) {
            reconfigure(vif);
        }
    } else if (strcmp(node, "request-multicast-control") == 0) {
        follow_multicast_control(vif);
    }
}

static const struct XenDevOps vif_ops = {
    .size = sizeof(XenNicPgVif),
    .alloc = vif_alloc,
    .init = vif_init,
    .initialise = vif_initialise,
    .disconnect = vif_disconnect,
    .free = vif_free,
    .backend_changed = vif_backend_changed,
    .frontend_changed = vif_frontend_changed,
};

/*
 * Start and end of QEMU
 */

/*
 * The legacy layer makes and removes its devices as the toolstack does, also
 * while the guest runs.  But its class inherits from sysbus devices that they
 * can't be hotplugged, and so QEMU would exit at the first network-attach.
 */
static void allow_hotplug(void)
{
    DEVICE_CLASS(object_class_by_name(TYPE_XENBACKEND))->hotpluggable = true;
}

/* Look for vifs, and watch for more. */
static void begin(void *opaque)
{
    allow_hotplug();
    xen_be_register("vif", &vif_ops);
}

static bool is_confined(void)
{
    XenNicPg *options;

    QLIST_FOREACH(options, &all_options, next) {
        if (options->confine) {
            return true;
        }
    }
    return false;
}

/*
 * All options are known.  The main loop doesn't run before -run-with has taken
 * effect.
 */
static void on_machine_done(Notifier *notifier, void *data)
{
    if (is_confined()) {
        xen_nic_pg_confine(&error_fatal);
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), begin, NULL);
    } else {
        begin(NULL);
    }
}

/*
 * A guest that outlives this QEMU must know that nobody serves it; unless
 * another one will, to which its frontend may stay connected.
 */
static void leave(XenNicPgVif *vif)
{
    stop(vif);
    if (vif->xendev.be_state != XenbusStateClosed &&
        !vif->options->supervised) {
        set_state(vif, XenbusStateClosed);
    }
}

static void on_exit_qemu(Notifier *notifier, void *data)
{
    XenNicPgVif *vif;

    BQL_LOCK_GUARD();
    QLIST_FOREACH(vif, &all_vifs, next) {
        if (vif->queues) {
            leave(vif);
        }
    }
}

static void register_once(void)
{
    static Notifier machine_done = { .notify = on_machine_done };
    static Notifier exit_qemu = { .notify = on_exit_qemu };

    if (!machine_done.node.le_prev) {
        qemu_add_machine_init_done_notifier(&machine_done);
        qemu_add_exit_notifier(&exit_qemu);
    }
}

/*
 * The options
 */

static bool check_handle(XenNicPg *options, Error **errp)
{
    XenNicPg *other;

    if (options->handle < HANDLE_ALL || options->handle > HANDLE_MAX) {
        error_setg(errp, "property 'handle' is %d, expected 0 to %d",
                   options->handle, HANDLE_MAX);
        return false;
    }
    QLIST_FOREACH(other, &all_options, next) {
        if (other->handle != options->handle) {
            continue;
        }
        if (options->handle == HANDLE_ALL) {
            error_setg(errp, "only one " TYPE_XEN_NIC_PG " may be without "
                       "property 'handle'");
        } else {
            error_setg(errp, "property 'handle' is %d, which another "
                       TYPE_XEN_NIC_PG " has already", options->handle);
        }
        return false;
    }
    return true;
}

static bool check_queues(XenNicPgQueuesOptions *queues, Error **errp)
{
    const char *netdev = queues->nic.netdev;

    if (queues->max_queues > XEN_NIC_PG_MAX_QUEUES) {
        error_setg(errp, "property 'max-queues' is %u, expected 1 to %u, or 0 "
                   "for the number of processors", queues->max_queues,
                   XEN_NIC_PG_MAX_QUEUES);
        return false;
    }
    if (queues->max_queues == 0) {
        queues->max_queues = MIN(g_get_num_processors(), XEN_NIC_PG_MAX_QUEUES);
    }
    if (queues->poll_max_ns < 0) {
        error_setg(errp, "property 'poll-max-ns' is %" PRId64 ", expected 0 "
                   "or more", queues->poll_max_ns);
        return false;
    }
    if (netdev && !qemu_find_netdev(netdev)) {
        error_setg(errp, "property 'netdev' is '%s', expected the id of a "
                   "netdev", netdev);
        return false;
    }
    return true;
}

static void options_realize(DeviceState *dev, Error **errp)
{
    XenNicPg *options = XEN_NIC_PG(dev);

    if (!xenstore) {
        error_setg(errp, TYPE_XEN_NIC_PG " needs a machine on Xen, like "
                   "-machine xenpv");
        return;
    }
    if (options->confine && !xen_nic_pg_can_confine(errp)) {
        return;
    }
    if (!check_handle(options, errp)) {
        return;
    }
    if (options->max_grants > MAX_GRANTS_LIMIT) {
        error_setg(errp, "property 'max-persistent-grants' is %u, expected 0 "
                   "to %u", options->max_grants, MAX_GRANTS_LIMIT);
        return;
    }
    if (!check_queues(&options->queues, errp)) {
        return;
    }
    QLIST_INSERT_HEAD(&all_options, options, next);
    register_once();
}

static const Property options_properties[] = {
    DEFINE_PROP_INT32("handle", XenNicPg, handle, HANDLE_ALL),
    DEFINE_PROP_STRING("netdev", XenNicPg, queues.nic.netdev),
    DEFINE_PROP_BOOL("confine", XenNicPg, confine, false),
    DEFINE_PROP_BOOL("supervised", XenNicPg, supervised, false),
    DEFINE_PROP_BOOL("tap-port", XenNicPg, queues.nic.tap_port, true),
    DEFINE_PROP_BOOL("io-uring", XenNicPg, queues.nic.io_uring, true),
    DEFINE_PROP_UINT32("max-persistent-grants", XenNicPg, max_grants,
                       XEN_NIC_PG_TX_RING_SIZE),
    DEFINE_PROP_UINT32("max-queues", XenNicPg, queues.max_queues, 0),
    DEFINE_PROP_BOOL("queue-threads", XenNicPg, queues.threads, true),
    DEFINE_PROP_LINK("iothread", XenNicPg, queues.iothread, TYPE_IOTHREAD,
                     IOThread *),
    DEFINE_PROP_INT64("poll-max-ns", XenNicPg, queues.poll_max_ns,
                      POLL_MAX_NS_DEFAULT),
    DEFINE_PROP_UINT32("rx-stall-timeout-ms", XenNicPg, queues.stall_timeout,
                       STALL_TIMEOUT_DEFAULT),
};

static void options_class_init(ObjectClass *klass, XenNicPgClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->desc = "Xen network backend with persistent grants";
    dc->realize = options_realize;
    dc->user_creatable = true;
    dc->hotpluggable = false;
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
    device_class_set_props(dc, options_properties);
}

static const TypeInfo options_type = {
    .name = TYPE_XEN_NIC_PG,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(XenNicPg),
    .class_init = options_class_init,
};

static void register_types(void)
{
    type_register_static(&options_type);
}

type_init(register_types)
