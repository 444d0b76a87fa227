/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second thread of the guest that writes all the time
 *
 * It never waits, so that a value lasts for some nanoseconds.
 */

#include "flipper.h"

static gpointer flip(gpointer opaque)
{
    Flipper *flipper = opaque;
    unsigned int turn = 0;

    while (!g_atomic_int_get(&flipper->stop)) {
        _Atomic uint16_t *at = g_atomic_pointer_get(&flipper->at);

        for (unsigned int i = 0; i < flipper->nr; i++) {
            at[i * flipper->stride] = flipper->values[turn % 2];
        }
        turn++;
    }
    return NULL;
}

void flipper_start(Flipper *flipper)
{
    flipper->stop = 0;
    flipper->thread = g_thread_new("flipper", flip, flipper);
}

void flipper_stop(Flipper *flipper)
{
    g_atomic_int_set(&flipper->stop, 1);
    g_thread_join(flipper->thread);
}

void flipper_aim(Flipper *flipper, void *at)
{
    g_atomic_pointer_set(&flipper->at, (_Atomic uint16_t *)at);
}
