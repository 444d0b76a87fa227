/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handle's connection to the simulated hypervisor, for both libraries
 */

#ifndef XENSIM_CLIENT_H
#define XENSIM_CLIENT_H

#include "shared.h"

/**
 * XensimClient:
 * @fd: the connection
 * @number: of the handle
 * @shared: the state that hypervisor and backend share
 * @file: the descriptor that came with the handle: the guest's memory for
 *        grants, an eventfd for event channels
 */
typedef struct XensimClient {
    int fd;
    uint32_t number;
    XensimShared *shared;
    int file;
} XensimClient;

/**
 * xensim_client_open: connect
 * @client: what to fill in
 * @type: XENSIM_OPEN_GNTTAB or XENSIM_OPEN_EVTCHN
 *
 * Returns: 0, or -1 with errno.
 */
int xensim_client_open(XensimClient *client, XensimRequestType type);

/**
 * xensim_client_close: disconnect
 */
void xensim_client_close(XensimClient *client);

/**
 * xensim_client_ask: a request that only takes and returns numbers
 * @file: where to put the descriptor that comes along, or NULL for none
 *
 * Returns: the answer's value, or -1 with errno.
 */
int xensim_client_ask(XensimClient *client, const XensimRequest *request,
                      int *file);

#endif /* XENSIM_CLIENT_H */
