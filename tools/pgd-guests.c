/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: which guests have vifs, and the QEMU of each.
 *
 * One state machine a guest, driven by two things: xenstore says that the
 * guest's vifs may have changed, and its QEMU's pidfd says that the process
 * has ended.
 *
 *          a vif is Initialising          the last vif is gone
 *   IDLE -----------------------> RUNNING -----------------------> ENDING
 *    ^        start QEMU             |            SIGTERM             |
 *    |                               |                                |
 *    +-------------------------------+--------------------------------+
 *                         the process has ended
 *
 * A watch event names a path and says nothing of what changed there. So it
 * is never interpreted: the guest's vifs are read afresh and compared with
 * where the machine stands. Lost, doubled or reordered events do no harm,
 * and start-up is the same as one event for every guest.
 *
 * While its QEMU runs, a guest's vifs are that QEMU's business: new ones it
 * finds on its own, and it answers when the toolstack removes one. The
 * daemon sees to vifs only where no QEMU does:
 *
 *  - A QEMU that dies takes its vifs' mappings and taps with it, and their
 *    frontends still believe in them. A new QEMU can't continue there (the
 *    handshake would have to begin again at both ends), and one that crashes
 *    on a frontend's input would crash again. So the vifs are set to Closed,
 *    which both ends understand, and no QEMU is started until the toolstack
 *    makes a new vif.
 *  - A vif that the toolstack removes then is answered here, as otherwise it
 *    waits until its timeout.
 *
 * A guest that has a vif backend which we didn't start (an HVM guest's own
 * device model with xen-nic-pg) is left alone.
 */
#include "pgd-guests.h"

#include "pgd-log.h"

#include <glib-unix.h>
#include <signal.h>

typedef enum Phase {
    PHASE_IDLE,
    PHASE_RUNNING,
    PHASE_ENDING,
} Phase;

typedef struct Guest {
    Guests *guests;
    unsigned int domid;
    Phase phase;
    QemuProcess qemu;       /* valid unless PHASE_IDLE */
    guint exit_source;      /* watches qemu.pidfd */
    guint kill_timer;       /* runs while PHASE_ENDING, until SIGKILL */
    bool told;              /* that we leave this guest alone */
} Guest;

struct Guests {
    const GuestsConfig *config;
    Store *store;
    GHashTable *by_domid;
    bool stopping;
    void (*stopped)(void *opaque);
    void *stopped_opaque;
};

static void free_guest(gpointer opaque)
{
    Guest *guest = opaque;

    if (guest->exit_source) {
        g_source_remove(guest->exit_source);
    }
    if (guest->kill_timer) {
        g_source_remove(guest->kill_timer);
    }
    if (guest->phase != PHASE_IDLE) {
        qemu_forget(&guest->qemu);
    }
    g_free(guest);
}

Guests *guests_new(const GuestsConfig *config, Store *store)
{
    Guests *guests = g_new0(Guests, 1);

    guests->config = config;
    guests->store = store;
    guests->by_domid = g_hash_table_new_full(NULL, NULL, NULL, free_guest);
    return guests;
}

void guests_free(Guests *guests)
{
    g_hash_table_destroy(guests->by_domid);
    g_free(guests);
}

static Guest *find_guest(Guests *guests, unsigned int domid)
{
    return g_hash_table_lookup(guests->by_domid, GUINT_TO_POINTER(domid));
}

static Guest *add_guest(Guests *guests, unsigned int domid)
{
    Guest *guest = g_new0(Guest, 1);

    guest->guests = guests;
    guest->domid = domid;
    g_hash_table_insert(guests->by_domid, GUINT_TO_POINTER(domid), guest);
    return guest;
}

static void forget_guest(Guest *guest)
{
    g_hash_table_remove(guest->guests->by_domid,
                        GUINT_TO_POINTER(guest->domid));
}

unsigned int guests_count_qemus(const Guests *guests)
{
    GHashTableIter iter;
    gpointer guest;
    unsigned int n = 0;

    g_hash_table_iter_init(&iter, guests->by_domid);
    while (g_hash_table_iter_next(&iter, NULL, &guest)) {
        n += ((Guest *)guest)->phase != PHASE_IDLE;
    }
    return n;
}

char *netback_path(const char *sysfs)
{
    static const char *const places[] = {
        "bus/xen-backend/drivers/vif", "module/xen_netback"
    };
    unsigned int i;

    for (i = 0; i < G_N_ELEMENTS(places); i++) {
        char *path = g_strdup_printf("%s/%s", sysfs, places[i]);

        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

/*
 * close_vifs: give up on vifs that a QEMU of ours has left behind
 * @but_new: leave alone those that no QEMU has touched yet
 */
static void close_vifs(Guest *guest, bool but_new, const char *why)
{
    Store *store = guest->guests->store;
    g_autoptr(GArray) vifs = store_list_vifs(store, guest->domid);
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        Vif *vif = &g_array_index(vifs, Vif, i);

        if (vif->state == 0 || vif->state == VIF_STATE_CLOSED ||
            (but_new && vif->state == VIF_STATE_INITIALISING)) {
            continue;
        }
        log_dom(guest->domid, "closing vif %u, whose state was %d: %s",
                vif->devid, vif->state, why);
        store_close_vif(store, guest->domid, vif->devid, why);
    }
}

/*
 * answer_removals: complete the removal of vifs that no QEMU serves
 */
static void answer_removals(Guest *guest, const GArray *vifs)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        const Vif *vif = &g_array_index(vifs, Vif, i);

        if (vif->state == VIF_STATE_CLOSING && !vif->online) {
            store_close_vif(guest->guests->store, guest->domid, vif->devid,
                            NULL);
        }
    }
}

static bool has_new_vif(const GArray *vifs)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        const Vif *vif = &g_array_index(vifs, Vif, i);

        if (vif->state == VIF_STATE_INITIALISING && vif->online) {
            return true;
        }
    }
    return false;
}

/*
 * clean_up: remove what a QEMU that is no more has left
 */
static void clean_up(Guest *guest, bool orderly)
{
    qemu_remove_files(&guest->guests->config->qemu, guest->domid, orderly);
    store_release_device_model(guest->guests->store, guest->domid);
}

static void log_unexpected_end(Guest *guest, pid_t pid, const char *how)
{
    const QemuConfig *config = &guest->guests->config->qemu;
    g_autofree char *log = qemu_log_path(config, guest->domid);
    g_autofree char *words = qemu_read_last_words(config, guest->domid);

    log_dom(guest->domid, "error: QEMU pid %d %s, while the guest has vifs; "
            "see %s", (int)pid, how, log);
    if (words) {
        log_dom(guest->domid, "its last words: %s", words);
    }
}

static void finish_end(Guest *guest, pid_t pid, const char *how)
{
    bool stopping = guest->guests->stopping;

    log_dom(guest->domid, "QEMU pid %d %s", (int)pid, how);
    clean_up(guest, true);
    close_vifs(guest, !stopping,
               stopping ? "xen-nic-pgd was told to end its QEMUs"
               : "made while its guest's QEMU was ending; detach and "
                 "attach it again");
}

static void finish_crash(Guest *guest, pid_t pid, const char *how)
{
    g_autoptr(GArray) vifs = store_list_vifs(guest->guests->store,
                                             guest->domid);

    if (vifs->len == 0) {
        finish_end(guest, pid, how);
        return;
    }
    log_unexpected_end(guest, pid, how);
    clean_up(guest, false);
    close_vifs(guest, false, "its QEMU has died");
}

static gboolean on_qemu_ended(gint fd, GIOCondition condition, gpointer opaque)
{
    Guest *guest = opaque;
    Guests *guests = guest->guests;
    bool expected = guest->phase == PHASE_ENDING;
    pid_t pid = guest->qemu.pid;
    g_autofree char *how = qemu_reap(&guest->qemu);

    guest->exit_source = 0;
    guest->phase = PHASE_IDLE;
    if (guest->kill_timer) {
        g_source_remove(guest->kill_timer);
        guest->kill_timer = 0;
    }
    if (expected) {
        finish_end(guest, pid, how);
    } else {
        finish_crash(guest, pid, how);
    }
    guests_consider(guests, guest->domid);
    if (guests->stopping && guests_count_qemus(guests) == 0) {
        guests->stopped(guests->stopped_opaque);
    }
    return G_SOURCE_REMOVE;
}

static void run(Guest *guest)
{
    guest->phase = PHASE_RUNNING;
    guest->exit_source = g_unix_fd_add(guest->qemu.pidfd, G_IO_IN,
                                       on_qemu_ended, guest);
}

static gboolean on_grace_over(gpointer opaque)
{
    Guest *guest = opaque;

    log_dom(guest->domid, "QEMU pid %d hasn't ended %u s after SIGTERM: "
            "killing it", (int)guest->qemu.pid, guest->guests->config->grace);
    qemu_signal(&guest->qemu, SIGKILL);
    guest->kill_timer = 0;
    return G_SOURCE_REMOVE;
}

static void end_qemu(Guest *guest, const char *why)
{
    log_dom(guest->domid, "%s: ending QEMU pid %d", why,
            (int)guest->qemu.pid);
    qemu_signal(&guest->qemu, SIGTERM);
    guest->phase = PHASE_ENDING;
    guest->kill_timer = g_timeout_add_seconds(guest->guests->config->grace,
                                              on_grace_over, guest);
}

/*
 * leave_alone: is there a reason to start no QEMU for this guest?
 */
static bool leave_alone(Guest *guest)
{
    g_autofree char *netback = netback_path(guest->guests->config->sysfs);
    const char *why = NULL;

    if (netback) {
        why = "kernel xen-netback has been loaded since we started";
    } else if (store_vif_backend_exists(guest->guests->store, guest->domid)) {
        why = "its own device model serves its vifs";
    }
    if (why && !guest->told) {
        log_dom(guest->domid, "leaving it alone: %s", why);
        guest->told = true;
    }
    return why != NULL;
}

static bool try_start(Guest *guest)
{
    Guests *guests = guest->guests;

    if (!store_claim_device_model(guests->store, guest->domid)) {
        return false;
    }
    if (!qemu_start(&guests->config->qemu, guest->domid, &guest->qemu)) {
        store_release_device_model(guests->store, guest->domid);
        return false;
    }
    return true;
}

static void start_qemu(Guest *guest)
{
    if (!try_start(guest)) {
        close_vifs(guest, false, "xen-nic-pgd could not start a QEMU");
        return;
    }
    log_dom(guest->domid, "started QEMU pid %d", (int)guest->qemu.pid);
    run(guest);
}

static void consider_idle(Guest *guest, const GArray *vifs)
{
    if (guest->guests->stopping || leave_alone(guest)) {
        return;
    }
    answer_removals(guest, vifs);
    if (has_new_vif(vifs)) {
        start_qemu(guest);
    }
}

static void consider_guest(Guests *guests, unsigned int domid)
{
    g_autoptr(GArray) vifs = store_list_vifs(guests->store, domid);
    Guest *guest = find_guest(guests, domid);

    if (!guest && vifs->len == 0) {
        return;
    }
    if (!guest) {
        guest = add_guest(guests, domid);
    }
    if (guest->phase == PHASE_RUNNING && vifs->len == 0) {
        end_qemu(guest, "the last vif is gone");
    } else if (guest->phase == PHASE_IDLE && vifs->len == 0) {
        forget_guest(guest);
    } else if (guest->phase == PHASE_IDLE) {
        consider_idle(guest, vifs);
    }
}

static void consider_each(Guests *guests, const GArray *domids)
{
    unsigned int i;

    for (i = 0; i < domids->len; i++) {
        consider_guest(guests, g_array_index(domids, unsigned int, i));
    }
}

static GArray *list_known(const Guests *guests)
{
    GArray *domids = g_array_new(false, false, sizeof(unsigned int));
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, guests->by_domid);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        unsigned int domid = GPOINTER_TO_UINT(key);

        g_array_append_val(domids, domid);
    }
    return domids;
}

void guests_consider(Guests *guests, int domid)
{
    g_autoptr(GArray) known = NULL;
    g_autoptr(GArray) present = NULL;

    if (domid != STORE_ALL_GUESTS) {
        consider_guest(guests, domid);
        return;
    }
    known = list_known(guests);
    consider_each(guests, known);
    present = store_list_guests(guests->store);
    consider_each(guests, present);
}

/*
 * adopt_guest: take over one guest's QEMU, or clear up after it
 */
static void adopt_guest(Guests *guests, unsigned int domid)
{
    Guest *guest = add_guest(guests, domid);

    if (qemu_adopt(&guests->config->qemu, domid, &guest->qemu)) {
        log_dom(domid, "adopted QEMU pid %d", (int)guest->qemu.pid);
        run(guest);
        return;
    }
    log_dom(domid, "its QEMU has ended while no xen-nic-pgd ran");
    clean_up(guest, false);
    close_vifs(guest, true, "its QEMU has died");
}

void guests_adopt(Guests *guests)
{
    g_autoptr(GArray) domids = qemu_list_pid_files(&guests->config->qemu);
    unsigned int i;

    for (i = 0; i < domids->len; i++) {
        adopt_guest(guests, g_array_index(domids, unsigned int, i));
    }
}

void guests_stop_all(Guests *guests, void (*done)(void *opaque), void *opaque)
{
    GHashTableIter iter;
    gpointer value;

    guests->stopping = true;
    guests->stopped = done;
    guests->stopped_opaque = opaque;
    g_hash_table_iter_init(&iter, guests->by_domid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Guest *guest = value;

        if (guest->phase == PHASE_RUNNING) {
            end_qemu(guest, "told to end");
        }
    }
    if (guests_count_qemus(guests) == 0) {
        done(opaque);
    }
}
