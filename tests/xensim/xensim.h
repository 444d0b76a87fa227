/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated Xen for tests of a backend: hypervisor and guest memory
 *
 * With this library a test process is hypervisor, toolstack and guest in one;
 * the backend is the program that ships, in a process of its own.  There is
 * one guest, which grants its pages to a backend in domain 0.  See README.rst
 * for an example and for what is not modelled.
 *
 * Except where said, functions may be called from any thread.  A host that
 * can't give what the simulation needs (memory, files, sockets), or a caller
 * that uses a function wrongly, ends the process with a message.
 */

#ifndef XENSIM_H
#define XENSIM_H

#include <glib.h>
#include "shared.h"

typedef struct Xensim Xensim;
typedef struct XensimStore XensimStore;

/**
 * xensim_new: a hypervisor with one guest, and a xenstore
 * @domid: the guest's domain, above 0
 *
 * It lives in a new folder below the directory for temporary files, and in a
 * thread that answers the backend.
 */
Xensim *xensim_new(uint16_t domid);

/**
 * xensim_free: end it and remove its files; the backend should have ended
 * @sim: the simulation, or NULL
 */
void xensim_free(Xensim *sim);

/**
 * xensim_environ: what makes a program take the simulation for Xen
 * @sim: the simulation
 * @libraries: the folder with our libxengnttab.so.1 and libxenevtchn.so.1
 * @envp: an environment as of g_get_environ(); taken over
 *
 * Returns: @envp with XENSIM_SOCKET, XENSTORED_PATH and LD_LIBRARY_PATH set,
 * to be freed with g_strfreev().
 */
char **xensim_environ(Xensim *sim, const char *libraries, char **envp);

uint16_t xensim_domid(const Xensim *sim);

/**
 * xensim_folder: a folder for this simulation's files
 *
 * Returns: its path, which is @sim's.
 */
const char *xensim_folder(const Xensim *sim);

XensimStore *xensim_store(Xensim *sim);

/**
 * xensim_shared: the raw state, for tests that break rules
 */
XensimShared *xensim_shared(Xensim *sim);

/**
 * xensim_kill_guest: the guest is destroyed
 * @sim: the simulation
 *
 * What the backend has mapped stays so, but nothing new can be mapped, copied
 * or bound, and the guest's ends of all channels are closed.  xenstore is
 * left to the toolstack.
 */
void xensim_kill_guest(Xensim *sim);

/*
 * Guest memory
 */

/**
 * xensim_alloc_page: a zeroed page of guest memory
 *
 * Returns: its frame number.
 */
uint32_t xensim_alloc_page(Xensim *sim);

/**
 * xensim_free_page: give a page back
 * @frame: a frame number; the page must not be granted any more
 */
void xensim_free_page(Xensim *sim, uint32_t frame);

/**
 * xensim_page:
 *
 * Returns: the page, as the guest sees it.
 */
void *xensim_page(Xensim *sim, uint32_t frame);

/*
 * Grants
 */

/**
 * xensim_grant: let the backend's domain use a page
 * @frame: the page
 * @readonly: for reading only
 *
 * Returns: the grant reference.
 */
uint32_t xensim_grant(Xensim *sim, uint32_t frame, bool readonly);

/**
 * xensim_end_grant: revoke a grant, as a guest does
 *
 * Returns: true on success; false if it is in use by the backend, and then
 * it remains.
 */
bool xensim_end_grant(Xensim *sim, uint32_t ref);

/**
 * xensim_pins: how often a grant is in use by the backend just now
 */
unsigned int xensim_pins(Xensim *sim, uint32_t ref);

/**
 * xensim_mapped: how many mappings the backend has altogether
 */
unsigned int xensim_mapped(Xensim *sim);

/**
 * xensim_left_mapped: how many mappings there still were when the backend
 *                     closed their handles, which unmaps them
 *
 * A backend that forgets a mapping is found by this, as it isn't by what is
 * mapped behind the end of its handle.
 */
uint64_t xensim_left_mapped(Xensim *sim);

/*
 * Event channels
 */

/**
 * xensim_alloc_channel: a channel to which the backend can bind
 *
 * Returns: the guest's port.
 */
uint32_t xensim_alloc_channel(Xensim *sim);

/**
 * xensim_close_channel: close the guest's end
 */
void xensim_close_channel(Xensim *sim, uint32_t port);

/**
 * xensim_notify: notify the backend
 * @port: the guest's port
 */
void xensim_notify(Xensim *sim, uint32_t port);

/**
 * xensim_channel_fd: what becomes readable when the backend notifies
 *
 * Returns: an eventfd, which is @sim's.
 */
int xensim_channel_fd(Xensim *sim, uint32_t port);

/**
 * xensim_wait_event: wait for the backend to notify
 * @port: the guest's port
 * @timeout_ms: for how long at the most
 *
 * Takes the event.
 *
 * Returns: true if there was one, false if the time was over.
 */
bool xensim_wait_event(Xensim *sim, uint32_t port, int timeout_ms);

/**
 * xensim_events: how often the backend has notified so far
 */
uint64_t xensim_events(Xensim *sim, uint32_t port);

/*
 * Faults, counters, what is held
 */

/**
 * xensim_fail: make operations of the backend fail
 * @op: which
 * @skip: so many from now on are done well
 * @count: so many after these fail; 0: none, and earlier orders are void
 */
void xensim_fail(Xensim *sim, XensimOp op, uint64_t skip, uint64_t count);

/**
 * xensim_count: how many operations the backend has tried so far
 */
uint64_t xensim_count(Xensim *sim, XensimOp op);

/**
 * xensim_list_held: what the backend holds
 *
 * That is grants in use, bound channels, open handles; watches, transactions
 * and connections in xenstore.  To find what a backend leaks, compare with
 * what it held before; a handle that it has closed may be counted for some
 * milliseconds more.
 *
 * Returns: a text that's empty if it holds nothing, to be freed with g_free().
 */
char *xensim_list_held(Xensim *sim);

/**
 * xensim_wait_held: wait until that is what the backend holds
 * @held: a text as xensim_list_held() makes it
 * @timeout_ms: for how long at the most
 *
 * Returns: true if it came to that, false if the time was over.
 */
bool xensim_wait_held(Xensim *sim, const char *held, int timeout_ms);

#endif /* XENSIM_H */
