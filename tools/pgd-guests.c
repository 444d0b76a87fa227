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
 * finds on its own, and it answers when the toolstack removes one. The daemon
 * makes the taps that QEMU asks for, as soon as it does, and removes each when
 * its vif is gone. Otherwise it sees to vifs only where no QEMU does:
 *
 *  - A QEMU that dies leaves vifs in any state, and frontends that know nothing
 *    of it. The vifs' states are set back to Initialising, which is what makes
 *    the next QEMU take them up. A frontend that is connected stays so, as
 *    Linux' own does: QEMU goes on with its rings. Or it sees our state and
 *    begins anew, as ours does.
 *  - What made one QEMU die may make the next one die, too. So after some
 *    deaths within a minute (--restarts) the next one has to wait until the
 *    first of them is a minute ago.
 *  - A vif that the toolstack removes is answered here, as otherwise it waits
 *    until its timeout.
 *
 * What can't be done now, like starting QEMU on a disk that is full, is tried
 * again a few seconds later. What is wrong with a vif is in the log, once, and
 * in its node "error", until it is mended.
 *
 * A guest that has a vif backend which we didn't start (an HVM guest's own
 * device model with xen-nic-pg) is left alone.
 */
#include "pgd-guests.h"

#include "pgd-log.h"
#include "pgd-tap.h"

#include <glib-unix.h>
#include <signal.h>

/* Deaths of a guest's QEMUs are counted for so long. */
#define MEMORY_SECONDS 60

/* What can't be done now is tried again after so long. */
#define RETRY_SECONDS 5

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
    guint retry_timer;      /* runs while something is to be tried again */
    GQueue deaths;          /* when its QEMUs have died, in monotonic seconds */
    GHashTable *taps;       /* devid to index of those that we have made */
    GHashTable *complaints; /* devid to what is in its node "error" */
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
    if (guest->retry_timer) {
        g_source_remove(guest->retry_timer);
    }
    if (guest->phase != PHASE_IDLE) {
        qemu_forget(&guest->qemu);
    }
    g_queue_clear(&guest->deaths);
    g_hash_table_destroy(guest->taps);
    g_hash_table_destroy(guest->complaints);
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
    g_queue_init(&guest->deaths);
    guest->taps = g_hash_table_new(NULL, NULL);
    guest->complaints = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_hash_table_insert(guests->by_domid, GUINT_TO_POINTER(domid), guest);
    return guest;
}

static Guest *find_or_add_guest(Guests *guests, unsigned int domid)
{
    return find_guest(guests, domid) ?: add_guest(guests, domid);
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

static gboolean on_retry(gpointer opaque)
{
    Guest *guest = opaque;

    guest->retry_timer = 0;
    guests_consider(guest->guests, guest->domid);
    return G_SOURCE_REMOVE;
}

static void try_again_in(Guest *guest, unsigned int seconds)
{
    if (!guest->retry_timer) {
        guest->retry_timer = g_timeout_add_seconds(seconds, on_retry, guest);
    }
}

/*
 * What is wrong with a vif
 */

static void complain(Guest *guest, unsigned int devid, const char *what)
{
    gpointer key = GUINT_TO_POINTER(devid);

    /* Writing the node is an event, which makes us consider the guest. */
    if (g_strcmp0(g_hash_table_lookup(guest->complaints, key), what) == 0) {
        return;
    }
    g_hash_table_insert(guest->complaints, key, g_strdup(what));
    log_dom(guest->domid, "vif %u: %s", devid, what);
    store_set_error(guest->guests->store, guest->domid, devid, what);
}

static void take_back_complaint(Guest *guest, unsigned int devid)
{
    if (g_hash_table_remove(guest->complaints, GUINT_TO_POINTER(devid))) {
        store_set_error(guest->guests->store, guest->domid, devid, NULL);
    }
}

static void complain_of_all(Guest *guest, const GArray *vifs, const char *what)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        complain(guest, g_array_index(vifs, Vif, i).devid, what);
    }
}

/*
 * follow_vif: is all well now with a vif that QEMU serves?
 */
static void follow_vif(Guest *guest, const Vif *vif)
{
    g_autofree char *error = NULL;

    if (vif->state != VIF_STATE_INIT_WAIT &&
        vif->state != VIF_STATE_CONNECTED) {
        return;
    }
    error = store_read_hotplug_error(guest->guests->store, guest->domid,
                                     vif->devid);
    if (error) {
        g_autofree char *text = g_strdup_printf("its hotplug script has "
                                                "failed: %s", error);

        complain(guest, vif->devid, text);
    } else {
        take_back_complaint(guest, vif->devid);
    }
}

/*
 * Taps
 */

static bool is_listed(const GArray *vifs, unsigned int devid)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        if (g_array_index(vifs, Vif, i).devid == devid) {
            return true;
        }
    }
    return false;
}

static bool remove_tap(Guest *guest, unsigned int devid, unsigned int index)
{
    const TapRecord record = {
        .domid = guest->domid, .devid = devid, .index = index,
    };
    g_autoptr(GError) err = NULL;

    if (!tap_remove(guest->guests->config->qemu.run_dir, &record, &err)) {
        log_dom(guest->domid, "%s", err->message);
        return false;
    }
    return true;
}

/*
 * forget_vifs: remove what was of vifs that are gone
 */
static void forget_vifs(Guest *guest, const GArray *vifs)
{
    GHashTableIter iter;
    gpointer devid, index;

    g_hash_table_iter_init(&iter, guest->taps);
    while (g_hash_table_iter_next(&iter, &devid, &index)) {
        if (!is_listed(vifs, GPOINTER_TO_UINT(devid)) &&
            remove_tap(guest, GPOINTER_TO_UINT(devid),
                       GPOINTER_TO_UINT(index))) {
            g_hash_table_iter_remove(&iter);
        }
    }
    g_hash_table_iter_init(&iter, guest->complaints);
    while (g_hash_table_iter_next(&iter, &devid, NULL)) {
        if (!is_listed(vifs, GPOINTER_TO_UINT(devid))) {
            g_hash_table_iter_remove(&iter);
        }
    }
}

/* Returns what a vif's tap is called now; NULL if it has none. */
static char *find_tap(const Guest *guest, unsigned int devid)
{
    gpointer index = g_hash_table_lookup(guest->taps, GUINT_TO_POINTER(devid));

    return index ? tap_name(GPOINTER_TO_UINT(index)) : NULL;
}

/*
 * make_tap: make a tap that is called as netback would
 *
 * Xen's scripts expect that, and give it another name if there's a "vifname".
 * Returns its name, to be freed, or NULL.
 */
static char *make_tap(Guest *guest, const Vif *vif, GError **err)
{
    const GuestsConfig *config = guest->guests->config;
    TapRecord record = { .domid = guest->domid, .devid = vif->devid };
    g_autofree char *name = g_strdup_printf("vif%u.%u", guest->domid,
                                            vif->devid);
    const TapWish wish = {
        .name = name,
        .mtu = store_read_mtu(guest->guests->store, guest->domid, vif->devid),
        .multi_queue = vif->wanted_queues > 1,
        .owner = config->qemu.uid,
    };

    if (!tap_make(config->qemu.dev, config->qemu.run_dir, &wish, &record,
                  err)) {
        return NULL;
    }
    g_hash_table_insert(guest->taps, GUINT_TO_POINTER(vif->devid),
                        GUINT_TO_POINTER(record.index));
    return g_steal_pointer(&name);
}

/*
 * fits: is the tap that there is good for what QEMU wants now?
 *
 * Linux doesn't let a tap change between one queue and several, and scripts
 * have been run for this one.
 */
static bool fits(const Vif *vif, GError **err)
{
    if ((vif->tap_queues > 1) == (vif->wanted_queues > 1)) {
        return true;
    }
    g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_FAILED, "its tap is for %u "
                "queues, and it is to have %u now: detach and attach it again",
                vif->tap_queues, vif->wanted_queues);
    return false;
}

/*
 * give_tap: make the tap that a vif's QEMU waits for, unless it is there
 */
static void give_tap(Guest *guest, const Vif *vif)
{
    g_autofree char *name = find_tap(guest, vif->devid);
    g_autoptr(GError) err = NULL;

    if (!name) {
        name = make_tap(guest, vif, &err);
    } else if (vif->tap_queues) {
        fits(vif, &err);
    }
    if (err) {
        complain(guest, vif->devid, err->message);
        try_again_in(guest, RETRY_SECONDS);
        return;
    }
    store_set_tap(guest->guests->store, guest->domid, vif->devid, name,
                  vif->wanted_queues);
}

static void serve_vifs(Guest *guest, const GArray *vifs)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        const Vif *vif = &g_array_index(vifs, Vif, i);

        follow_vif(guest, vif);
        if (vif->wanted_queues != vif->tap_queues && vif->online) {
            give_tap(guest, vif);
        }
    }
}

static void adopt_taps(Guests *guests)
{
    g_autoptr(GArray) taps = tap_list(guests->config->qemu.run_dir);
    unsigned int i;

    for (i = 0; i < taps->len; i++) {
        const TapRecord *tap = &g_array_index(taps, TapRecord, i);
        Guest *guest = find_or_add_guest(guests, tap->domid);

        g_hash_table_insert(guest->taps, GUINT_TO_POINTER(tap->devid),
                            GUINT_TO_POINTER(tap->index));
    }
}

/*
 * Vifs that no QEMU serves
 */

static void close_vif(Guest *guest, const Vif *vif, const char *why)
{
    log_dom(guest->domid, "closing vif %u, whose state was %d%s%s", vif->devid,
            vif->state, why ? ": " : "", why ?: "");
    store_set_state(guest->guests->store, guest->domid, vif->devid,
                    VIF_STATE_CLOSED, why);
}

static void close_vifs(Guest *guest, const GArray *vifs, const char *why)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        const Vif *vif = &g_array_index(vifs, Vif, i);

        if (vif->state != 0 && vif->state != VIF_STATE_CLOSED) {
            close_vif(guest, vif, why);
        }
    }
}

/*
 * set_back: let the next QEMU take up a vif that the last one has left
 */
static void set_back(Guest *guest, const Vif *vif, const char *why)
{
    Store *store = guest->guests->store;
    g_autofree char *tap = find_tap(guest, vif->devid);

    if (why) {
        complain(guest, vif->devid, why);
    }
    store_set_tap(store, guest->domid, vif->devid, tap, vif->tap_queues);
    store_set_state(store, guest->domid, vif->devid, VIF_STATE_INITIALISING,
                    NULL);
}

/*
 * set_back_vifs: but those that the toolstack is removing are closed
 * @why: what is wrong with them now, or NULL
 */
static void set_back_vifs(Guest *guest, const GArray *vifs, const char *why)
{
    unsigned int i;

    for (i = 0; i < vifs->len; i++) {
        const Vif *vif = &g_array_index(vifs, Vif, i);

        if (vif->online && vif->state != 0) {
            set_back(guest, vif, why);
        } else if (vif->state != 0 && vif->state != VIF_STATE_CLOSED) {
            close_vif(guest, vif, NULL);
        }
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
            store_set_state(guest->guests->store, guest->domid, vif->devid,
                            VIF_STATE_CLOSED, NULL);
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

static char *log_unexpected_end(Guest *guest, pid_t pid, const char *how)
{
    const QemuConfig *config = &guest->guests->config->qemu;
    g_autofree char *log = qemu_log_path(config, guest->domid);
    g_autofree char *words = qemu_read_last_words(config, guest->domid);

    log_dom(guest->domid, "error: QEMU pid %d %s, while the guest has vifs; "
            "see %s", (int)pid, how, log);
    if (words) {
        log_dom(guest->domid, "its last words: %s", words);
    }
    return g_strdup_printf("its QEMU %s%s%s", how, words ? ": " : "",
                           words ?: "");
}

static void finish_end(Guest *guest, const GArray *vifs, pid_t pid,
                       const char *how)
{
    log_dom(guest->domid, "QEMU pid %d %s", (int)pid, how);
    clean_up(guest, true);
    if (guest->guests->stopping) {
        g_autoptr(GArray) none = g_array_new(false, false, sizeof(Vif));

        close_vifs(guest, vifs, "xen-nic-pgd was told to end its QEMUs");
        forget_vifs(guest, none);
    } else {
        set_back_vifs(guest, vifs, NULL);
    }
}

static gint64 now_seconds(void)
{
    return g_get_monotonic_time() / G_USEC_PER_SEC;
}

/*
 * finish_crash: a QEMU has died, or its start has failed after it was started
 */
static void finish_crash(Guest *guest, const GArray *vifs, pid_t pid,
                         const char *how)
{
    g_autofree char *why = log_unexpected_end(guest, pid, how);

    clean_up(guest, false);
    if (guest->guests->config->restarts == 0) {
        close_vifs(guest, vifs, why);
        return;
    }
    g_queue_push_tail(&guest->deaths, GINT_TO_POINTER(now_seconds()));
    set_back_vifs(guest, vifs, why);
}

static gboolean on_qemu_ended(gint fd, GIOCondition condition, gpointer opaque)
{
    Guest *guest = opaque;
    Guests *guests = guest->guests;
    bool expected = guest->phase == PHASE_ENDING;
    pid_t pid = guest->qemu.pid;
    g_autofree char *how = qemu_reap(&guest->qemu);
    g_autoptr(GArray) vifs = store_list_vifs(guests->store, guest->domid);

    guest->exit_source = 0;
    guest->phase = PHASE_IDLE;
    if (guest->kill_timer) {
        g_source_remove(guest->kill_timer);
        guest->kill_timer = 0;
    }
    if (expected || vifs->len == 0) {
        finish_end(guest, vifs, pid, how);
    } else {
        finish_crash(guest, vifs, pid, how);
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

static bool try_start(Guest *guest, GError **err)
{
    Guests *guests = guest->guests;

    if (!store_claim_device_model(guests->store, guest->domid, err)) {
        return false;
    }
    if (!qemu_start(&guests->config->qemu, guest->domid, &guest->qemu, err)) {
        store_release_device_model(guests->store, guest->domid);
        return false;
    }
    return true;
}

/*
 * rest_needed: for how many seconds no QEMU is to be started for this guest
 */
static unsigned int rest_needed(Guest *guest)
{
    GQueue *deaths = &guest->deaths;
    gint64 oldest = now_seconds() - MEMORY_SECONDS;

    while (!g_queue_is_empty(deaths) &&
           GPOINTER_TO_INT(g_queue_peek_head(deaths)) <= oldest) {
        g_queue_pop_head(deaths);
    }
    if (g_queue_get_length(deaths) <= guest->guests->config->restarts) {
        return 0;
    }
    return GPOINTER_TO_INT(g_queue_peek_head(deaths)) - oldest;
}

static void start_qemu(Guest *guest, const GArray *vifs)
{
    unsigned int rest = rest_needed(guest);
    g_autoptr(GError) err = NULL;

    if (guest->retry_timer) {
        return;
    }
    if (rest > 0) {
        log_dom(guest->domid, "QEMU has died %u times within %u s: the next "
                "one is started in %u s", g_queue_get_length(&guest->deaths),
                MEMORY_SECONDS, rest);
        try_again_in(guest, rest);
        return;
    }
    if (!try_start(guest, &err)) {
        g_prefix_error(&err, "cannot start a QEMU: ");
        complain_of_all(guest, vifs, err->message);
        try_again_in(guest, RETRY_SECONDS);
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
        start_qemu(guest, vifs);
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
    forget_vifs(guest, vifs);
    if (guest->phase == PHASE_RUNNING && vifs->len == 0) {
        end_qemu(guest, "the last vif is gone");
    } else if (guest->phase == PHASE_RUNNING) {
        serve_vifs(guest, vifs);
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
    Guest *guest = find_or_add_guest(guests, domid);
    g_autoptr(GArray) vifs = NULL;

    if (qemu_adopt(&guests->config->qemu, domid, &guest->qemu)) {
        log_dom(domid, "adopted QEMU pid %d", (int)guest->qemu.pid);
        run(guest);
        return;
    }
    log_dom(domid, "its QEMU has ended while no xen-nic-pgd ran");
    clean_up(guest, false);
    vifs = store_list_vifs(guests->store, domid);
    set_back_vifs(guest, vifs, "its QEMU has died");
}

void guests_adopt(Guests *guests)
{
    g_autoptr(GArray) domids = qemu_list_pid_files(&guests->config->qemu);
    unsigned int i;

    adopt_taps(guests);
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
