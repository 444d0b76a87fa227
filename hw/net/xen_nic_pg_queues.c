/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that moves a vif's frames: its queues, and what they share
 *
 * A frontend chooses how many queues it has each time it connects, at most as
 * many as were made with the vif.  The netdev has a port for each of its own
 * queues (xen_nic_pg_netdev.c).  Which goes with which is decided in
 * assign_queues():
 *
 *   as many ports as the guest has queues are in use, or all of them if there
 *   are fewer; queue i has port i modulo that number
 *
 * Each port in use has a thread, in which its queues run, too.  The host's
 * kernel spreads flows over a tap's queues; what is left to spread is done in
 * the port.  If the guest asks for a hash of its own choice
 * (xen_nic_pg_ctrl.c), the kernel may be able to do that, too, provided that
 * each queue has a port of its own.  If not, only one port is left in use, as
 * frames can't be moved from one port to the queue of another.  See set_hash().
 *
 * Connecting, and its way back, is in this order: the netdev's queues are
 * enabled, rings are mapped, ports are started, which lets their queues run.
 *
 * All of this is done by the main loop.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qom/object.h"
#include "xen_nic_pg_ctrl.h"
#include "xen_nic_pg_queues.h"

/**
 * XenNicPgQueues:
 * @options: what the user wants
 * @id: a name for the threads
 * @shared: what all queues share
 * @nic: the host's side
 * @threads: by port, the thread that we made for it, or NULL
 * @queues: all that there may be
 * @nr_queues: those of them that the frontend has, or had last
 * @nr_ports: ports that they use
 * @guest: what the frontend takes in received frames
 * @ctrl: the control ring, or NULL
 * @connected: between start and stop
 */
struct XenNicPgQueues {
    const XenNicPgQueuesOptions *options;
    char *id;
    XenNicPgShared shared;
    XenNicPgNic *nic;
    IOThread **threads;
    XenNicPgQueue **queues;
    unsigned int nr_queues;
    unsigned int nr_ports;
    XenNicPgOffloads guest;
    XenNicPgCtrl *ctrl;
    bool connected;
};

static const XenNicPgHash no_hash;

static XenNicPgPort *get_port(XenNicPgQueues *queues, unsigned int index)
{
    return xen_nic_pg_nic_port(queues->nic, index);
}

/*
 * Which port and thread a queue has
 */

static IOThread *make_thread(XenNicPgQueues *queues, unsigned int index,
                             Error **errp)
{
    g_autofree char *id = g_strdup_printf("%s-%u", queues->id, index);
    g_autofree char *poll_max_ns =
        g_strdup_printf("%" PRId64, queues->options->poll_max_ns);
    Object *thread;

    thread = object_new_with_props(TYPE_IOTHREAD, object_get_internal_root(),
                                   id, errp, "poll-max-ns", poll_max_ns, NULL);
    return thread ? IOTHREAD(thread) : NULL;
}

/* Returns where a port is to run, or NULL if there can't be a thread for it. */
static AioContext *find_context(XenNicPgQueues *queues, unsigned int index,
                                Error **errp)
{
    const XenNicPgQueuesOptions *options = queues->options;

    if (!get_port(queues, index)->threads) {
        return qemu_get_aio_context();
    }
    if (options->iothread) {
        return iothread_get_aio_context(options->iothread);
    }
    if (!options->threads) {
        return qemu_get_aio_context();
    }
    if (!queues->threads[index]) {
        queues->threads[index] = make_thread(queues, index, errp);
    }
    return queues->threads[index]
           ? iothread_get_aio_context(queues->threads[index]) : NULL;
}

/*
 * Have @nr_queues use the first @nr_ports, none of which is started.  Returns
 * false if that can't be.
 */
static bool assign_queues(XenNicPgQueues *queues, unsigned int nr_queues,
                          unsigned int nr_ports, Error **errp)
{
    for (unsigned int i = 0; i < nr_ports; i++) {
        if (!find_context(queues, i, errp)) {
            return false;
        }
    }
    if (!xen_nic_pg_nic_use_ports(queues->nic, nr_ports, errp)) {
        return false;
    }
    for (unsigned int i = 0; i < xen_nic_pg_nic_ports(queues->nic); i++) {
        xen_nic_pg_port_clear(get_port(queues, i));
    }
    for (unsigned int i = 0; i < nr_ports; i++) {
        xen_nic_pg_port_set_queues(get_port(queues, i),
                                   find_context(queues, i, NULL),
                                   queues->queues, i, nr_ports, nr_queues);
    }
    queues->nr_queues = nr_queues;
    queues->nr_ports = nr_ports;
    return true;
}

static void start_ports(XenNicPgQueues *queues)
{
    for (unsigned int i = 0; i < queues->nr_ports; i++) {
        xen_nic_pg_port_start(get_port(queues, i), &queues->guest);
    }
}

static void stop_ports(XenNicPgQueues *queues)
{
    for (unsigned int i = 0; i < queues->nr_ports; i++) {
        xen_nic_pg_port_stop(get_port(queues, i));
    }
}

static void spread_by(XenNicPgQueues *queues, const XenNicPgHash *hash)
{
    for (unsigned int i = 0; i < queues->nr_ports; i++) {
        xen_nic_pg_port_set_hash(get_port(queues, i), hash);
    }
}

static void share_one_port(XenNicPgQueues *queues)
{
    Error *err = NULL;

    stop_ports(queues);
    if (!assign_queues(queues, queues->nr_queues, 1, &err)) {
        warn_report_err(err);
    }
    start_ports(queues);
}

/* The guest wants frames to be hashed in another way. */
static void set_hash(void *opaque, const XenNicPgHash *hash)
{
    XenNicPgQueues *queues = opaque;
    bool done = queues->nr_ports > 1 &&
                queues->nr_ports == queues->nr_queues &&
                xen_nic_pg_nic_steer(queues->nic, hash);

    if (!done && queues->nr_ports > 1 && xen_nic_pg_hash_is_on(hash)) {
        share_one_port(queues);
    }
    if (done || queues->nr_ports == 1) {
        spread_by(queues, hash);
    }
}

/*
 * Start and stop
 */

static void disconnect_all(XenNicPgQueues *queues, const char **fault)
{
    for (unsigned int i = 0; i < queues->nr_queues; i++) {
        const char *reason = xen_nic_pg_queue_disconnect(queues->queues[i]);

        *fault = *fault ?: reason;
    }
}

static bool connect_ctrl(XenNicPgQueues *queues, const XenNicPgConfig *config,
                         Error **errp)
{
    XenNicPgCtrlConfig ctrl = {
        .domid = config->queues[0].domid,
        .ring_ref = config->ctrl_ring_ref,
        .event_channel = config->ctrl_event_channel,
        .queues = queues->queues,
        .nr_queues = config->nr_queues,
        .set_hash = set_hash,
        .opaque = queues,
        .fault = queues->shared.fault,
    };

    if (config->ctrl) {
        queues->ctrl = xen_nic_pg_ctrl_new(&ctrl, errp);
    }
    return !config->ctrl || queues->ctrl;
}

static bool connect_all(XenNicPgQueues *queues, const XenNicPgConfig *config,
                        Error **errp)
{
    for (unsigned int i = 0; i < config->nr_queues; i++) {
        if (!xen_nic_pg_queue_connect(queues->queues[i], &config->queues[i],
                                      errp)) {
            return false;
        }
    }
    return connect_ctrl(queues, config, errp);
}

bool xen_nic_pg_queues_start(XenNicPgQueues *queues,
                             const XenNicPgConfig *config, Error **errp)
{
    const char *unused = NULL;

    g_assert(!queues->connected);
    if (!assign_queues(queues, config->nr_queues,
                       MIN(config->nr_queues,
                           xen_nic_pg_nic_ports(queues->nic)), errp)) {
        return false;
    }
    if (!connect_all(queues, config, errp)) {
        disconnect_all(queues, &unused);
        return false;
    }
    xen_nic_pg_mcast_apply(queues->shared.mcast, config->multicast_control);
    spread_by(queues, &no_hash);
    queues->guest = config->queues[0].offloads;
    start_ports(queues);
    queues->connected = true;
    xen_nic_pg_queues_update_carrier(queues);
    return true;
}

const char *xen_nic_pg_queues_stop(XenNicPgQueues *queues)
{
    const char *fault;

    if (!queues->connected) {
        return NULL;
    }
    queues->connected = false;
    fault = xen_nic_pg_ctrl_free(queues->ctrl);
    queues->ctrl = NULL;
    stop_ports(queues);
    xen_nic_pg_nic_steer(queues->nic, &no_hash);
    disconnect_all(queues, &fault);
    xen_nic_pg_mcast_apply(queues->shared.mcast, false);
    xen_nic_pg_mcast_clear(queues->shared.mcast);
    xen_nic_pg_queues_update_carrier(queues);
    return fault;
}

/*
 * While it is connected, or not
 */

void xen_nic_pg_queues_set_rate(XenNicPgQueues *queues, uint64_t bytes,
                                uint64_t usecs)
{
    xen_nic_pg_credit_set(queues->shared.credit, bytes, usecs);
    for (unsigned int i = 0; queues->connected && i < queues->nr_ports; i++) {
        xen_nic_pg_port_go_on(get_port(queues, i));
    }
}

void xen_nic_pg_queues_set_multicast_control(XenNicPgQueues *queues, bool on)
{
    xen_nic_pg_mcast_apply(queues->shared.mcast, on);
}

void xen_nic_pg_queues_set_headroom(XenNicPgQueues *queues, uint32_t headroom)
{
    for (unsigned int i = 0; queues->connected && i < queues->nr_queues; i++) {
        xen_nic_pg_queue_set_headroom(queues->queues[i], headroom);
    }
}

static bool has_stalled(XenNicPgQueues *queues)
{
    bool stalled = false;

    for (unsigned int i = 0; i < queues->nr_queues; i++) {
        stalled |= xen_nic_pg_queue_is_stalled(queues->queues[i]);
    }
    return stalled;
}

bool xen_nic_pg_queues_update_carrier(XenNicPgQueues *queues)
{
    bool up = xen_nic_pg_nic_link_is_up(queues->nic);

    xen_nic_pg_nic_set_carrier(queues->nic, up && queues->connected &&
                                            !has_stalled(queues));
    return up;
}

/*
 * Counters
 */

static bool visit_bool(Visitor *v, const char *name, bool value, Error **errp)
{
    return visit_type_bool(v, name, &value, errp);
}

static bool visit_queues(XenNicPgQueues *queues, Visitor *v, Error **errp)
{
    bool ok = visit_start_list(v, "queues", NULL, 0, errp);

    if (!ok) {
        return false;
    }
    for (unsigned int i = 0; ok && i < queues->nr_queues; i++) {
        ok = xen_nic_pg_queue_visit(queues->queues[i], v, errp);
    }
    visit_end_list(v, NULL);
    return ok;
}

static bool visit_ports(XenNicPgQueues *queues, Visitor *v, Error **errp)
{
    bool ok = visit_start_list(v, "ports", NULL, 0, errp);

    if (!ok) {
        return false;
    }
    for (unsigned int i = 0; ok && i < queues->nr_ports; i++) {
        ok = xen_nic_pg_port_visit(get_port(queues, i), v, errp);
    }
    visit_end_list(v, NULL);
    return ok;
}

bool xen_nic_pg_queues_visit(XenNicPgQueues *queues, Visitor *v, Error **errp)
{
    return visit_bool(v, "connected", queues->connected, errp) &&
           visit_bool(v, "stalled", has_stalled(queues), errp) &&
           visit_queues(queues, v, errp) && visit_ports(queues, v, errp);
}

/*
 * Life
 */

XenNicPgQueues *xen_nic_pg_queues_new(const XenNicPgQueuesOptions *options,
                                      const XenNicPgNicConfig *config,
                                      const char *id,
                                      MemReentrancyGuard *guard, QEMUBH *fault,
                                      QEMUBH *carrier, Error **errp)
{
    XenNicPgQueues *queues = g_new0(XenNicPgQueues, 1);

    queues->options = options;
    queues->id = g_strdup(id);
    queues->shared = (XenNicPgShared) {
        .mcast = xen_nic_pg_mcast_new(),
        .credit = xen_nic_pg_credit_new(),
        .fault = fault,
        .carrier = carrier,
        .stall_timeout = options->stall_timeout,
        .guard = guard,
    };
    queues->queues = g_new0(XenNicPgQueue *, options->max_queues);
    for (unsigned int i = 0; i < options->max_queues; i++) {
        queues->queues[i] = xen_nic_pg_queue_new(&queues->shared);
    }
    queues->nic = xen_nic_pg_nic_new(&options->nic, config, &queues->shared,
                                     errp);
    if (!queues->nic) {
        xen_nic_pg_queues_free(queues);
        return NULL;
    }
    queues->threads = g_new0(IOThread *, xen_nic_pg_nic_ports(queues->nic));
    if (!assign_queues(queues, 1, 1, errp)) {
        xen_nic_pg_queues_free(queues);
        return NULL;
    }
    return queues;
}

static void free_threads(XenNicPgQueues *queues)
{
    for (unsigned int i = 0; i < xen_nic_pg_nic_ports(queues->nic); i++) {
        if (queues->threads[i]) {
            iothread_destroy(queues->threads[i]);
        }
    }
    g_free(queues->threads);
}

void xen_nic_pg_queues_free(XenNicPgQueues *queues)
{
    if (!queues) {
        return;
    }
    g_assert(!queues->connected);
    if (queues->nic) {
        free_threads(queues);
        xen_nic_pg_nic_free(queues->nic);
    }
    for (unsigned int i = 0; i < queues->options->max_queues; i++) {
        xen_nic_pg_queue_free(queues->queues[i]);
    }
    g_free(queues->queues);
    xen_nic_pg_credit_free(queues->shared.credit);
    xen_nic_pg_mcast_free(queues->shared.mcast);
    g_free(queues->id);
    g_free(queues);
}
