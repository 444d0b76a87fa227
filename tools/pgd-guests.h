/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: which guests have vifs, and the QEMU of each.
 */
#ifndef PGD_GUESTS_H
#define PGD_GUESTS_H

#include "pgd-qemu.h"
#include "pgd-store.h"

typedef struct Guests Guests;

typedef struct GuestsConfig {
    QemuConfig qemu;
    char *sysfs;            /* where to look for kernel xen-netback */
    unsigned int grace;     /* seconds between SIGTERM and SIGKILL */
    unsigned int restarts;  /* after so many deaths in a minute, wait */
} GuestsConfig;

Guests *guests_new(const GuestsConfig *config, Store *store);

/*
 * guests_adopt: take over the QEMUs that an earlier daemon has left
 */
void guests_adopt(Guests *guests);

/*
 * guests_consider: do what one guest's vifs now ask for
 * @domid: the guest, or STORE_ALL_GUESTS
 */
void guests_consider(Guests *guests, int domid);

/*
 * guests_stop_all: end every QEMU, and start no more
 * @done: called when the last has ended
 */
void guests_stop_all(Guests *guests, void (*done)(void *opaque), void *opaque);

/*
 * guests_count_qemus: how many QEMUs there are, on their way out or not
 */
unsigned int guests_count_qemus(const Guests *guests);

void guests_free(Guests *guests);

/*
 * netback_path: where sysfs shows that kernel xen-netback has the vifs
 *
 * Returns NULL if it isn't loaded.
 */
char *netback_path(const char *sysfs);

#endif
