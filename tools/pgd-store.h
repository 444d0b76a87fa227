/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: what the daemon reads from and writes to xenstore.
 */
#ifndef PGD_STORE_H
#define PGD_STORE_H

#include <glib.h>
#include <stdbool.h>

/* xenbus states that the daemon cares about (xen/io/xenbus.h) */
#define VIF_STATE_INITIALISING 1
#define VIF_STATE_INIT_WAIT 2
#define VIF_STATE_CONNECTED 4
#define VIF_STATE_CLOSING 5
#define VIF_STATE_CLOSED 6

/* What store_next_event() names when it isn't about one guest. */
#define STORE_ALL_GUESTS -1

typedef struct Store Store;

typedef struct Vif {
    unsigned int devid;
    int state;      /* 0: not there (yet), or not a number */
    bool online;    /* the toolstack wants it to be there */
    unsigned int wanted_queues; /* QEMU waits for a tap of so many queues */
    unsigned int tap_queues;    /* of how many there is one; 0: there's none */
} Vif;

/*
 * store_open: connect to xenstored and watch this domain's backend/vif
 *
 * Returns NULL, with the reason logged, when that can't be done.
 */
Store *store_open(void);

void store_close(Store *store);

/*
 * store_fd: the descriptor that polls readable when events are waiting
 */
int store_fd(Store *store);

/*
 * store_self: the domain we run in
 */
unsigned int store_self(Store *store);

/*
 * store_next_event: take one event
 * @domid: set to the guest it is about, or to STORE_ALL_GUESTS
 *
 * Returns false when none is waiting.
 */
bool store_next_event(Store *store, int *domid);

/*
 * store_check_alive: end the process if xenstored is gone
 */
void store_check_alive(Store *store);

/*
 * store_list_guests: domids below backend/vif, as an array of unsigned int
 */
GArray *store_list_guests(Store *store);

/*
 * store_list_vifs: one guest's vifs, as an array of Vif
 */
GArray *store_list_vifs(Store *store, unsigned int domid);

/*
 * store_set_state: set a vif's backend state
 * @error: why, for the node "error" beside it; NULL if all is well
 *
 * This and the next do nothing if the vif has gone meanwhile.
 */
void store_set_state(Store *store, unsigned int domid, unsigned int devid,
                     int state, const char *error);

/*
 * store_set_error: say what is wrong with a vif; NULL: nothing any more
 */
void store_set_error(Store *store, unsigned int domid, unsigned int devid,
                     const char *error);

/*
 * store_set_tap: tell QEMU of a tap for it
 * @name: what it is called; NULL: there is none
 * @queues: of how many
 */
void store_set_tap(Store *store, unsigned int domid, unsigned int devid,
                   const char *name, unsigned int queues);

/*
 * store_read_mtu: the MTU of a vif's tap; 0 if that is Linux' to say
 */
unsigned int store_read_mtu(Store *store, unsigned int domid,
                            unsigned int devid);

/*
 * store_read_hotplug_error: what Xen's script has said when it failed
 *
 * Returns NULL if it hasn't.
 */
char *store_read_hotplug_error(Store *store, unsigned int domid,
                               unsigned int devid);

/*
 * store_vif_backend_exists: does some QEMU serve this guest's vifs?
 */
bool store_vif_backend_exists(Store *store, unsigned int domid);

/*
 * store_claim_device_model: note that device-model/<domid> will be ours
 *
 * Without effect if somebody else has put something there before.
 * Returns false, with the reason in @err, if xenstore doesn't let us write.
 */
bool store_claim_device_model(Store *store, unsigned int domid, GError **err);

/*
 * store_release_device_model: remove what a QEMU of ours wrote about itself
 */
void store_release_device_model(Store *store, unsigned int domid);

/*
 * parse_id: read a domid or devid as xenstore and file names spell it
 *
 * Returns false unless @text is a plain decimal number up to @max.
 */
bool parse_id(const char *text, unsigned int max, unsigned int *id);

/* The highest domid that is a guest's (DOMID_FIRST_RESERVED - 1). */
#define DOMID_MAX 0x7fefu

#endif
