/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does as it is told, and knows what must come of it
 *
 * See tests/fuzz/model.c for how it works.
 */

#ifndef TESTS_FUZZ_MODEL_H
#define TESTS_FUZZ_MODEL_H

#include "../qtest/vif-test.h"

/**
 * ModelPage: the pages that requests can name, by number
 * @MODEL_READONLY: from here on pages are granted for reading only, and those
 *                  before can be written to
 * @MODEL_FOREIGN: granted to another domain
 * @MODEL_REVOKED: granted no more
 * @MODEL_UNUSED: a reference that was never granted
 * @MODEL_BEYOND: a reference beyond the table
 * @MODEL_RING: the transmit ring itself
 * @MODEL_SPARE: from here on for the model's own use
 */
typedef enum ModelPage {
    MODEL_READONLY = 7,
    MODEL_FOREIGN = 11,
    MODEL_REVOKED,
    MODEL_UNUSED,
    MODEL_BEYOND,
    MODEL_RING,
    MODEL_SPARE,
} ModelPage;

/**
 * ModelPush: how requests are published
 * @MODEL_PUSH_ASKED: and the backend is notified if it asked for it
 * @MODEL_PUSH_ALWAYS: and notified
 * @MODEL_PUSH_SILENT: and not notified
 */
typedef enum ModelPush {
    MODEL_PUSH_ASKED,
    MODEL_PUSH_ALWAYS,
    MODEL_PUSH_SILENT,
    MODEL_NR_PUSHES,
} ModelPush;

typedef struct Model Model;

/**
 * model_new: the guest of a vif that has just connected, with pages granted
 * @loose: frames to the guest may be lost, as it doesn't notify
 */
Model *model_new(VifTest *test, bool loose);

/**
 * model_free: forget the guest, which has disconnected
 *
 * All grants are ended, which the backend must allow.
 */
void model_free(Model *model);

/*
 * What a guest does.  A request that has no room in its ring isn't put there.
 */
void model_put_tx(Model *model, ModelPage page, uint16_t flags,
                  uint16_t offset, uint16_t size);
void model_put_extra(Model *model, const netif_extra_info_t *extra);
void model_push_tx(Model *model, ModelPush how);
void model_put_rx(Model *model, ModelPage page);
void model_push_rx(Model *model, ModelPush how);

/**
 * model_reap: take and check the responses that have come
 */
void model_reap(Model *model);

/**
 * model_data: the bytes of a page
 *
 * Whoever asks may write to it.
 *
 * Returns: the page, or NULL if the guest has none of that number.
 */
uint8_t *model_data(Model *model, ModelPage page);

/**
 * model_end_grant: revoke a page's grant, if the backend lets it
 */
void model_end_grant(Model *model, ModelPage page);

/**
 * model_arm: make an operation of the backend fail, as xensim_fail()
 */
void model_arm(Model *model, XensimOp op, uint64_t skip, uint64_t count);

/**
 * model_break_tx, model_break_rx: write any request index into the ring
 * @distance: how far from the true one
 *
 * From here on, nothing is expected of the vif but that it can disconnect.
 */
void model_break_tx(Model *model, uint16_t distance);
void model_break_rx(Model *model, uint16_t distance);

/*
 * What the network's other end does
 */

/**
 * model_peer_send: send a frame to the guest, if the netdev takes it
 */
void model_peer_send(Model *model, uint16_t len);

/**
 * model_peer_read: take the frames that the guest has sent
 */
void model_peer_read(Model *model);

/**
 * model_settle: wait until all requests are answered and all frames have come
 *
 * A frame that is in the ring in part is ended first.  It isn't called if the
 * vif can't go on: see model_is_lost().
 *
 * Returns: false if the vif has stopped instead, as it has to if the frame
 * would never end.
 */
bool model_settle(Model *model);

/**
 * model_is_lost: find out whether nothing can be expected any more
 */
bool model_is_lost(const Model *model);

/**
 * model_check_counters: compare with what has happened, behind
 *                       model_settle()
 * @before, after: the vif's counters when the guest connected, and now
 */
void model_check_counters(Model *model, JsonObject *before, JsonObject *after);

#endif /* TESTS_FUZZ_MODEL_H */
