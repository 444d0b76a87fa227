/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: the taps of the vifs.
 */
#ifndef PGD_TAP_H
#define PGD_TAP_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct TapWish {
    const char *name;       /* of the interface */
    bool multi_queue;       /* it may be opened several times */
    unsigned int mtu;       /* 0: Linux' default */
    uid_t owner;            /* who may open it */
} TapWish;

/*
 * A tap as it is known later, also to the next daemon
 */
typedef struct TapRecord {
    unsigned int domid;
    unsigned int devid;
    unsigned int index;     /* of the interface */
} TapRecord;

/*
 * tap_make: make a tap that stays until tap_remove(), and a record of it
 * @dev: where device nodes are, such as "/dev"
 * @run_dir: where the record goes
 * @record: the vif, given; the index, set
 *
 * Returns false, with the reason in @err, for example that there is an
 * interface of this name; then there is neither tap nor record.
 */
bool tap_make(const char *dev, const char *run_dir, const TapWish *wish,
              TapRecord *record, GError **err);

/*
 * tap_name: what an interface is called now
 *
 * Xen's scripts call it as the vif's key "vifname" says. Returns NULL if there
 * is no interface with this index; else to be freed.
 */
char *tap_name(unsigned int index);

/*
 * tap_remove: remove a tap, whoever has it open, and the record of it
 *
 * If the tap is gone already, it's just the record. Returns false with the
 * reason in @err.
 */
bool tap_remove(const char *run_dir, const TapRecord *record, GError **err);

/*
 * tap_list: all records in the run directory, as an array of TapRecord
 */
GArray *tap_list(const char *run_dir);

#endif
