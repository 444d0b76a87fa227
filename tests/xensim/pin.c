/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pinning of grants
 *
 * The count of uses is under a lock for each grant, which is held for a few
 * instructions.  Each handle's own uses are counted apart, for the cleanup;
 * only its process writes to these, and the hypervisor when that is gone.
 */

#include <sched.h>
#include "pin.h"

/* How a handle's uses of a grant are counted: in halves of a word */
#define ONE_READER 1u
#define ONE_WRITER (1u << 16)

/* The flags of an entry, which the guest may change at any time */
static _Atomic uint16_t *entry_flags(XensimShared *shared, uint32_t ref)
{
    return (_Atomic uint16_t *)&shared->grants[ref].flags;
}

void xensim_lock_pin(XensimPin *pin)
{
    while (atomic_flag_test_and_set(&pin->lock)) {
        sched_yield();
    }
}

void xensim_unlock_pin(XensimPin *pin)
{
    atomic_flag_clear(&pin->lock);
}

/* Has the guest granted us this, to write to if @write? */
static bool may_use(uint16_t flags, bool write)
{
    return (flags & GTF_type_mask) == GTF_permit_access &&
           !(write && (flags & GTF_readonly));
}

/* Returns false if the guest doesn't permit it. */
static bool claim_entry(XensimShared *shared, uint32_t ref, bool write)
{
    _Atomic uint16_t *flags = entry_flags(shared, ref);
    uint16_t old = atomic_load(flags);
    uint16_t claim = write ? GTF_reading | GTF_writing : GTF_reading;

    do {
        if (!may_use(old, write) ||
            shared->grants[ref].domid != XENSIM_BACKEND_DOMID) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(flags, &old, old | claim));
    return true;
}

static int16_t pin_locked(XensimShared *shared, XensimPin *pin, uint32_t ref,
                          bool write)
{
    if (!claim_entry(shared, ref, write)) {
        return GNTST_general_error;
    }
    if (!pin->readers && !pin->writers) {
        pin->frame = atomic_load(
            (_Atomic uint32_t *)&shared->grants[ref].frame);
        if (pin->frame >= XENSIM_NR_FRAMES) {
            atomic_fetch_and(entry_flags(shared, ref),
                             ~(GTF_reading | GTF_writing));
            return GNTST_general_error;
        }
    }
    if (write) {
        pin->writers++;
    } else {
        pin->readers++;
    }
    return GNTST_okay;
}

int16_t xensim_pin(XensimShared *shared, uint32_t handle, uint32_t domid,
                   uint32_t ref, bool write, uint32_t *frame)
{
    XensimPin *pin;
    int16_t status;

    if (domid != shared->domid || atomic_load(&shared->dying)) {
        return GNTST_bad_domain;
    }
    if (ref >= XENSIM_NR_GRANTS) {
        return GNTST_bad_gntref;
    }
    pin = &shared->pins[ref];
    xensim_lock_pin(pin);
    status = pin_locked(shared, pin, ref, write);
    *frame = pin->frame;
    xensim_unlock_pin(pin);
    if (status == GNTST_okay) {
        atomic_fetch_add(&shared->handles[handle].pins[ref],
                         write ? ONE_WRITER : ONE_READER);
    }
    return status;
}

static void release_pin(XensimShared *shared, uint32_t ref,
                        unsigned int readers, unsigned int writers)
{
    XensimPin *pin = &shared->pins[ref];

    xensim_lock_pin(pin);
    pin->readers -= readers;
    pin->writers -= writers;
    if (!pin->writers) {
        atomic_fetch_and(entry_flags(shared, ref), ~GTF_writing);
        if (!pin->readers) {
            atomic_fetch_and(entry_flags(shared, ref), ~GTF_reading);
        }
    }
    xensim_unlock_pin(pin);
}

void xensim_unpin(XensimShared *shared, uint32_t handle, uint32_t ref,
                  bool write)
{
    atomic_fetch_sub(&shared->handles[handle].pins[ref],
                     write ? ONE_WRITER : ONE_READER);
    release_pin(shared, ref, !write, write);
}

void xensim_unpin_all(XensimShared *shared, uint32_t handle)
{
    for (uint32_t ref = 0; ref < XENSIM_NR_GRANTS; ref++) {
        uint32_t uses = atomic_exchange(&shared->handles[handle].pins[ref], 0);

        if (uses) {
            release_pin(shared, ref, uses % ONE_WRITER, uses / ONE_WRITER);
        }
    }
}
