/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two halves of the simulated xenstore share: store.c, which knows
 * nodes, transactions and watches, and store-wire.c, which knows the protocol
 *
 * All of this is called with the store's lock held.  What may fail returns 0
 * or a negative errno value, of those that xs_wire.h has names for.
 */

#ifndef XENSIM_STORE_PRIVATE_H
#define XENSIM_STORE_PRIVATE_H

#include "server.h"
#include "store.h"
#include "store-tree.h"

/**
 * StoreTransaction: changes that nobody else sees yet
 * @tree: the nodes as the transaction sees them
 * @seen: path -> the generation that the node had when the transaction first
 *        used it; NO_NODE if there was none
 * @changes: StoreChange, to be made again at its end
 */
typedef struct StoreTransaction {
    StoreTree *tree;
    GHashTable *seen;
    GPtrArray *changes;
} StoreTransaction;

/**
 * StoreWatch:
 * @path: what is watched
 * @prefix: how many bytes to leave out of the paths of events, as the watch
 *          is for a relative path
 * @token: the client's
 */
typedef struct StoreWatch {
    char *path;
    size_t prefix;
    char *token;
} StoreWatch;

/**
 * StoreClient: one connection
 * @input: what has been received of the next request
 * @transactions: number -> StoreTransaction
 * @watches: StoreWatch
 */
typedef struct StoreClient {
    int fd;
    GByteArray *input;
    GHashTable *transactions;
    uint32_t last_transaction;
    GPtrArray *watches;
} StoreClient;

struct XensimStore {
    GMutex lock;
    GCond changed;
    XensimShared *shared;
    StoreTree *tree;
    GPtrArray *clients;
    XensimServer *server;
};

/*
 * Nodes.  @tx is a transaction, or NULL.
 */

int store_read(XensimStore *store, StoreTransaction *tx, uint16_t domid,
               const char *path, GBytes **value);

int store_list(XensimStore *store, StoreTransaction *tx, uint16_t domid,
               const char *path, GPtrArray **names);

int store_get_perms(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                    const char *path, GArray **perms);

int store_write(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                const char *path, GBytes *value);

int store_remove(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                 const char *path);

int store_set_perms(XensimStore *store, StoreTransaction *tx, uint16_t domid,
                    const char *path, GArray *perms);

/*
 * Transactions
 */

StoreTransaction *store_begin(XensimStore *store);

/* Returns -EAGAIN if somebody else has changed what the transaction used. */
int store_commit(XensimStore *store, StoreTransaction *tx);

void store_transaction_free(void *tx);

/*
 * The protocol: store-wire.c
 */

extern const XensimServerOps store_wire_ops;

/* Tell a client that what it watches has changed. */
void store_wire_send_event(StoreClient *client, const StoreWatch *watch,
                           const char *path);

#endif /* XENSIM_STORE_PRIVATE_H */
