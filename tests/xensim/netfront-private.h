/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the simulated netfront share
 */

#ifndef XENSIM_NETFRONT_PRIVATE_H
#define XENSIM_NETFRONT_PRIVATE_H

#include "netfront.h"

/**
 * xensim_take_buffer: take a page that isn't busy, and grant it if need be
 * @buffers: of which at least one is free
 * @readonly: how to grant it
 * @id: where to put its id
 */
XensimBuffer *xensim_take_buffer(XensimFront *front, XensimBuffers *buffers,
                                 bool readonly, uint16_t *id);

/**
 * xensim_return_buffer: the backend has answered; end the grant if it isn't
 *                       to persist
 */
XensimBuffer *xensim_return_buffer(XensimFront *front, XensimBuffers *buffers,
                                   uint16_t id);

#endif /* XENSIM_NETFRONT_PRIVATE_H */
