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
 *   init         make NIC, netdev and queue, if it is the first time; publish
 *                the features; then the layer says InitWait
 *   initialise   the frontend has written its keys: read them, start the
 *                queue; then the layer says Connected
 *   disconnect   the frontend closes: stop the queue; then the layer says
 *                Closing or Closed, so nothing is mapped any more by then
 *   free         the directory is gone: so are NIC, tap and queue
 *
 * What the layer doesn't do is libxl's removal protocol: online = 0 and
 * state = Closing in the backend's own directory, where libxl then waits for
 * Closed.  See close_for_toolstack().
 *
 * A frontend's mistake is written where Xen's tools look for it, under
 * error/ (xenbus), and to the log, and the vif goes to Closing.  The frontend
 * may close and try again.
 *
 * Everything else is in the queue (xen_nic_pg_queue.c) and its port.  What is
 * here runs in the main loop; a queue whose port allows that has a thread of
 * its own.
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/xen/xen-legacy-backend.h"
#include "net/net.h"
#include "qapi/error.h"
#include "qemu/ctype.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qom/object.h"
#include "system/iothread.h"
#include "system/system.h"
#include "trace.h"
#include "xen_nic_pg_netdev.h"
#include "xen_nic_pg_queue.h"

#define TYPE_XEN_NIC_PG "xen-nic-pg"
OBJECT_DECLARE_SIMPLE_TYPE(XenNicPg, XEN_NIC_PG)

/* Any vif of the domain */
#define HANDLE_ALL -1
#define HANDLE_MAX 65535

/* Far above what a frontend could use well, far below gntdev's limit */
#define MAX_GRANTS_LIMIT 16384

/* As an IOThread has it (iothread.c) */
#define POLL_MAX_NS_DEFAULT 32768

/**
 * XenNicPg: what the user wants of a vif
 * @handle: of which vif; HANDLE_ALL: of all that have no options of their own
 * @nic: of the host's side
 * @max_grants: pages that may stay mapped per direction, 0: none
 * @queue_threads: each queue has a thread, if its port allows that
 * @iothread: one thread for all, rather than one each that we make; or NULL
 * @poll_max_ns: of threads that we make
 */
struct XenNicPg {
    DeviceState parent_obj;

    int32_t handle;
    XenNicPgNicOptions nic;
    uint32_t max_grants;
    bool queue_threads;
    IOThread *iothread;
    int64_t poll_max_ns;
    QLIST_ENTRY(XenNicPg) next;
};

/**
 * XenNicPgVif: a vif
 * @options: what the user wants of it, NULL until init
 * @nic: the host's side, NULL until init
 * @thread: the queue's, if we made it
 * @queue: between the guest and @nic, NULL until init
 * @fault_bh: closes the vif if the frontend has broken the rules of a ring
 */
typedef struct XenNicPgVif {
    struct XenLegacyDevice xendev;

    const XenNicPg *options;
    XenNicPgNic *nic;
    IOThread *thread;
    XenNicPgQueue *queue;
    QEMUBH *fault_bh;
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

/* Say what is wrong, where Xen's tools look for it and in the log. */
static void report(XenNicPgVif *vif, Error *err)
{
    g_autofree char *path = error_path(vif);

    trace_xen_nic_pg_vif_error(vif->xendev.name, error_get_pretty(err));
    xenstore_write_str(path, "error", error_get_pretty(err));
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

    if (!vif->queue) {
        return;
    }
    fault = xen_nic_pg_queue_stop(vif->queue);
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
 * The frontend's keys
 */

/*
 * Read a number.  Returns false if the key is there and isn't a number up to
 * @max, or isn't there and @missing is negative; else a key that isn't there
 * has the value @missing.
 */
static bool read_number(XenNicPgVif *vif, const char *key, uint32_t max,
                        int missing, uint32_t *value, Error **errp)
{
    g_autofree char *text = xenstore_read_fe_str(&vif->xendev, key);
    uint64_t number;

    if (!text && missing >= 0) {
        *value = missing;
        return true;
    }
    if (!text) {
        error_setg(errp, "frontend key '%s' is missing, expected a number up "
                   "to %u", key, max);
        return false;
    }
    if (!qemu_isdigit(text[0]) || qemu_strtou64(text, NULL, 10, &number) < 0 ||
        number > max) {
        error_setg(errp, "frontend key '%s' is '%.40s', expected a number up "
                   "to %u", key, text, max);
        return false;
    }
    *value = number;
    return true;
}

static bool read_flag(XenNicPgVif *vif, const char *key, bool *value,
                      Error **errp)
{
    uint32_t number;

    if (!read_number(vif, key, 1, 0, &number, errp)) {
        return false;
    }
    *value = number;
    return true;
}

/* netif.h: IPv4 checksums are on, and all the others off, if not said. */
static bool read_offloads(XenNicPgVif *vif, XenNicPgQueueConfig *config,
                          Error **errp)
{
    XenNicPgOffloads *offloads = &config->offloads;
    bool no_csum;

    if (!read_flag(vif, "feature-sg", &config->sg, errp) ||
        !read_flag(vif, "feature-no-csum-offload", &no_csum, errp) ||
        !read_flag(vif, "feature-ipv6-csum-offload", &offloads->csum6, errp) ||
        !read_flag(vif, "feature-gso-tcpv4", &offloads->gso4, errp) ||
        !read_flag(vif, "feature-gso-tcpv6", &offloads->gso6, errp)) {
        return false;
    }
    offloads->csum4 = !no_csum;
    /* A segmented frame has several slots, and blank checksums. */
    offloads->gso4 = offloads->gso4 && offloads->csum4 && config->sg;
    offloads->gso6 = offloads->gso6 && offloads->csum6 && config->sg;
    return true;
}

static bool has_key(XenNicPgVif *vif, const char *key)
{
    g_autofree char *text = xenstore_read_fe_str(&vif->xendev, key);

    return text != NULL;
}

/* netif.h: one per ring, by keys of their own, or one for both */
static bool read_event_channels(XenNicPgVif *vif, XenNicPgQueueConfig *config,
                                Error **errp)
{
    if (has_key(vif, "event-channel-tx") || has_key(vif, "event-channel-rx")) {
        return read_number(vif, "event-channel-tx", INT32_MAX, -1,
                           &config->tx_event_channel, errp) &&
               read_number(vif, "event-channel-rx", INT32_MAX, -1,
                           &config->rx_event_channel, errp);
    }
    if (!read_number(vif, "event-channel", INT32_MAX, -1,
                     &config->tx_event_channel, errp)) {
        return false;
    }
    config->rx_event_channel = config->tx_event_channel;
    return true;
}

static bool read_config(XenNicPgVif *vif, XenNicPgQueueConfig *config,
                        Error **errp)
{
    bool rx_copy, persistent;

    *config = (XenNicPgQueueConfig) { .domid = vif->xendev.dom };
    if (!read_number(vif, "tx-ring-ref", UINT32_MAX, -1, &config->tx_ring_ref,
                     errp) ||
        !read_number(vif, "rx-ring-ref", UINT32_MAX, -1, &config->rx_ring_ref,
                     errp) ||
        !read_event_channels(vif, config, errp) ||
        !read_flag(vif, "request-rx-copy", &rx_copy, errp) ||
        !read_flag(vif, "feature-rx-notify", &config->rx_notify, errp) ||
        !read_flag(vif, "feature-persistent", &persistent, errp) ||
        !read_offloads(vif, config, errp)) {
        return false;
    }
    if (!rx_copy) {
        error_setg(errp, "frontend key 'request-rx-copy' isn't 1: page "
                   "flipping isn't supported");
        return false;
    }
    config->max_grants = persistent ? vif->options->max_grants : 0;
    return true;
}

/*
 * The backend's keys
 */

static void publish_features(XenNicPgVif *vif)
{
    static const struct {
        const char *key;
        int value;
    } features[] = {
        { "feature-rx-copy", 1 },
        { "feature-rx-flip", 0 },
        { "feature-sg", 1 },
        { "feature-gso-tcpv4", 1 },
        { "feature-gso-tcpv6", 1 },
        { "feature-ipv6-csum-offload", 1 },
        { "feature-split-event-channels", 1 },
    };
    uint32_t max_grants = vif->options->max_grants;

    for (int i = 0; i < ARRAY_SIZE(features); i++) {
        xenstore_write_be_int(&vif->xendev, features[i].key,
                              features[i].value);
    }
    xenstore_write_be_int(&vif->xendev, "feature-persistent", max_grants > 0);
    xenstore_write_be_int(&vif->xendev, "max-persistent-grants", max_grants);
}

/*
 * Six bytes of two digits each, as libxl writes it.  net_parse_macaddr() is
 * for people: it also takes a number, for the last three bytes only.
 */
static bool parse_mac(const char *text, MACAddr *mac)
{
    for (int i = 0; i < ARRAY_SIZE(mac->a); i++, text += 3) {
        char end = i + 1 < ARRAY_SIZE(mac->a) ? ':' : '\0';

        if (!qemu_isxdigit(text[0]) || !qemu_isxdigit(text[1]) ||
            text[2] != end) {
            return false;
        }
        mac->a[i] = g_ascii_xdigit_value(text[0]) << 4 |
                    g_ascii_xdigit_value(text[1]);
    }
    return true;
}

static bool read_mac(XenNicPgVif *vif, MACAddr *mac, Error **errp)
{
    g_autofree char *text = xenstore_read_be_str(&vif->xendev, "mac");

    if (!text || !parse_mac(text, mac)) {
        error_setg(errp, "backend key 'mac' is '%.40s', expected a MAC "
                   "address", text ?: "");
        return false;
    }
    return true;
}

/* As netback would name the interface. */
static char *tap_name(XenNicPgVif *vif)
{
    char *name = xenstore_read_be_str(&vif->xendev, "vifname");

    return name ?: g_strdup_printf("vif%d.%d", vif->xendev.dom,
                                   vif->xendev.dev);
}

/*
 * The IOThread that the queue is to have, or NULL if it is to be the main loop.
 * Returns false if it can't be made.
 */
static bool find_thread(XenNicPgVif *vif, IOThread **thread, Error **errp)
{
    const XenNicPg *options = vif->options;
    g_autofree char *id = NULL, *poll_max_ns = NULL;
    Object *object;

    *thread = options->iothread;
    if (*thread || !options->queue_threads) {
        return true;
    }
    id = g_strdup_printf(TYPE_XEN_NIC_PG "-%d.%d", vif->xendev.dom,
                         vif->xendev.dev);
    poll_max_ns = g_strdup_printf("%" PRId64, options->poll_max_ns);
    object = object_new_with_props(TYPE_IOTHREAD, object_get_internal_root(),
                                   id, errp, "poll-max-ns", poll_max_ns, NULL);
    if (!object) {
        return false;
    }
    vif->thread = IOTHREAD(object);
    *thread = vif->thread;
    return true;
}

static bool make_queue(XenNicPgVif *vif, MemReentrancyGuard *guard,
                       Error **errp)
{
    XenNicPgPort *port = xen_nic_pg_nic_port(vif->nic);
    IOThread *thread = NULL;

    if (port->threads && !find_thread(vif, &thread, errp)) {
        return false;
    }
    /* Not of the main context, which runs while we wait for a queue. */
    vif->fault_bh = aio_bh_new_guarded(iohandler_get_aio_context(), on_fault,
                                       vif, guard);
    vif->queue = xen_nic_pg_queue_new(port, thread ?
                                      iothread_get_aio_context(thread) :
                                      qemu_get_aio_context(), guard,
                                      vif->fault_bh);
    return true;
}

static void delete_nic(XenNicPgVif *vif)
{
    g_clear_pointer(&vif->queue, xen_nic_pg_queue_free);
    g_clear_pointer(&vif->nic, xen_nic_pg_nic_free);
    g_clear_pointer(&vif->thread, iothread_destroy);
    g_clear_pointer(&vif->fault_bh, qemu_bh_delete);
}

static bool make_nic(XenNicPgVif *vif, Error **errp)
{
    MemReentrancyGuard *guard = &DEVICE(&vif->xendev)->mem_reentrancy_guard;
    g_autofree char *ifname = tap_name(vif);
    MACAddr mac;

    if (!read_mac(vif, &mac, errp)) {
        return false;
    }
    vif->nic = xen_nic_pg_nic_new(&vif->options->nic, ifname, &mac,
                                  DEVICE(&vif->xendev)->id, guard, errp);
    if (!vif->nic) {
        return false;
    }
    if (!make_queue(vif, guard, errp)) {
        delete_nic(vif);
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
    bool ok;

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    ok = visit_start_list(v, "queues", NULL, 0, errp);
    if (ok) {
        if (vif->queue) {
            ok = xen_nic_pg_queue_visit(vif->queue, v, errp);
        }
        visit_end_list(v, NULL);
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

static int vif_init(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);
    Error *err = NULL;

    vif->options = find_options(xendev->dev);
    if (!vif->options) {
        return -1;
    }
    if (!vif->nic && !make_nic(vif, &err)) {
        report(vif, err);
        return -1;
    }
    clear_report(vif);
    publish_features(vif);
    trace_xen_nic_pg_vif_state(xendev->name, "InitWait");
    return 0;
}

static int vif_initialise(struct XenLegacyDevice *xendev)
{
    XenNicPgVif *vif = to_vif(xendev);
    XenNicPgQueueConfig config;
    Error *err = NULL;

    /* The layer comes again if it couldn't write our state. */
    stop(vif);
    if (!read_config(vif, &config, &err) ||
        !xen_nic_pg_queue_start(vif->queue, &config, &err)) {
        report(vif, err);
        set_state(vif, XenbusStateClosing);
        return -1;
    }
    trace_xen_nic_pg_vif_connect(xendev->name, config.tx_ring_ref,
                                 config.rx_ring_ref, config.tx_event_channel,
                                 config.rx_event_channel, config.max_grants);
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
    delete_nic(vif);
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
    case XenbusStateClosing:
        set_state(vif, XenbusStateClosing);
        break;
    default:
        close_for_good(vif);
    }
}

static void vif_backend_changed(struct XenLegacyDevice *xendev,
                                const char *node)
{
    XenNicPgVif *vif = to_vif(xendev);
    int state;

    if (!find_options(xendev->dev) || strcmp(node, "state") != 0 ||
        xenstore_read_be_int(xendev, "state", &state) < 0) {
        return;
    }
    if (state != XenbusStateClosing ||
        xendev->be_state == XenbusStateClosed) {
        return;
    }
    /* While we are closing already, a frontend that is gone won't follow. */
    if (xendev->be_state != XenbusStateClosing ||
        read_frontend_state(vif) == XenbusStateUnknown) {
        close_for_toolstack(vif);
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

static void vif_frontend_changed(struct XenLegacyDevice *xendev,
                                 const char *node)
{
    if (strcmp(node, "state") != 0) {
        return;
    }
    if (xendev->fe_state == XenbusStateInitialising) {
        follow_restart(to_vif(xendev));
    } else if (xendev->fe_state == XenbusStateUnknown) {
        follow_end(to_vif(xendev));
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

/* All options are known: look for vifs, and watch for more. */
static void on_machine_done(Notifier *notifier, void *data)
{
    allow_hotplug();
    xen_be_register("vif", &vif_ops);
}

/* A guest that outlives this QEMU must know that nobody serves it. */
static void on_exit_qemu(Notifier *notifier, void *data)
{
    XenNicPgVif *vif;

    BQL_LOCK_GUARD();
    QLIST_FOREACH(vif, &all_vifs, next) {
        if (vif->queue) {
            stop(vif);
            if (vif->xendev.be_state != XenbusStateClosed) {
                set_state(vif, XenbusStateClosed);
            }
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

static void options_realize(DeviceState *dev, Error **errp)
{
    XenNicPg *options = XEN_NIC_PG(dev);

    if (!xenstore) {
        error_setg(errp, TYPE_XEN_NIC_PG " needs a machine on Xen, like "
                   "-machine xenpv");
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
    if (options->poll_max_ns < 0) {
        error_setg(errp, "property 'poll-max-ns' is %" PRId64 ", expected 0 "
                   "or more", options->poll_max_ns);
        return;
    }
    if (options->nic.netdev && !qemu_find_netdev(options->nic.netdev)) {
        error_setg(errp, "property 'netdev' is '%s', expected the id of a "
                   "netdev", options->nic.netdev);
        return;
    }
    QLIST_INSERT_HEAD(&all_options, options, next);
    register_once();
}

static const Property options_properties[] = {
    DEFINE_PROP_INT32("handle", XenNicPg, handle, HANDLE_ALL),
    DEFINE_PROP_STRING("netdev", XenNicPg, nic.netdev),
    DEFINE_PROP_BOOL("tap-port", XenNicPg, nic.tap_port, true),
    DEFINE_PROP_BOOL("io-uring", XenNicPg, nic.io_uring, true),
    DEFINE_PROP_UINT32("max-persistent-grants", XenNicPg, max_grants,
                       XEN_NIC_PG_TX_RING_SIZE),
    DEFINE_PROP_BOOL("queue-threads", XenNicPg, queue_threads, true),
    DEFINE_PROP_LINK("iothread", XenNicPg, iothread, TYPE_IOTHREAD,
                     IOThread *),
    DEFINE_PROP_INT64("poll-max-ns", XenNicPg, poll_max_ns,
                      POLL_MAX_NS_DEFAULT),
};

static void options_class_init(ObjectClass *klass, void *data)
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
