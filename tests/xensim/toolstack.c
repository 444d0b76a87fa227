/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the toolstack does to a vif
 *
 * The nodes and their permissions are those that libxl of Xen 4.17 makes for a
 * vif, but for what only hotplug scripts and libxl itself look at.
 */

#include <string.h>
#include "netfront.h"

static char *format_path(const char *base, const char *key)
{
    return key ? g_strconcat(base, "/", key, NULL) : g_strdup(base);
}

char *xensim_vif_backend(Xensim *sim, unsigned int handle, const char *key)
{
    g_autofree char *base = g_strdup_printf(
        "/local/domain/%d/backend/vif/%u/%u", XENSIM_BACKEND_DOMID,
        xensim_domid(sim), handle);

    return format_path(base, key);
}

char *xensim_vif_frontend(Xensim *sim, unsigned int handle, const char *key)
{
    g_autofree char *base = g_strdup_printf("/local/domain/%u/device/vif/%u",
                                            xensim_domid(sim), handle);

    return format_path(base, key);
}

static void write_backend(Xensim *sim, unsigned int handle, const char *key,
                          const char *value)
{
    g_autofree char *path = xensim_vif_backend(sim, handle, key);

    xensim_store_printf(xensim_store(sim), 0, path, "%s", value);
}

static void write_frontend(Xensim *sim, unsigned int handle, const char *key,
                           const char *value)
{
    g_autofree char *path = xensim_vif_frontend(sim, handle, key);

    xensim_store_printf(xensim_store(sim), 0, path, "%s", value);
}

/* An empty node whose owner is one end, and which the other may read */
static void make_directory(Xensim *sim, const char *path, uint16_t owner,
                           uint16_t reader)
{
    xensim_store_printf(xensim_store(sim), 0, path, "%s", "");
    xensim_store_set_owner(xensim_store(sim), path, owner, reader);
}

static void make_frontend(Xensim *sim, unsigned int handle)
{
    g_autofree char *path = xensim_vif_frontend(sim, handle, NULL);
    g_autofree char *backend = xensim_vif_backend(sim, handle, NULL);
    g_autofree char *number = g_strdup_printf("%u", handle);

    make_directory(sim, path, xensim_domid(sim), XENSIM_BACKEND_DOMID);
    write_frontend(sim, handle, "backend", backend);
    write_frontend(sim, handle, "backend-id",
                   G_STRINGIFY(XENSIM_BACKEND_DOMID));
    write_frontend(sim, handle, "handle", number);
    write_frontend(sim, handle, "mac", "00:16:3e:00:00:07");
    write_frontend(sim, handle, "state",
                   "1" /* XenbusStateInitialising */);
}

static void make_backend(Xensim *sim, unsigned int handle,
                         const char *const *keys)
{
    g_autofree char *path = xensim_vif_backend(sim, handle, NULL);
    g_autofree char *frontend = xensim_vif_frontend(sim, handle, NULL);
    g_autofree char *domid = g_strdup_printf("%u", xensim_domid(sim));
    g_autofree char *number = g_strdup_printf("%u", handle);

    make_directory(sim, path, XENSIM_BACKEND_DOMID, xensim_domid(sim));
    write_backend(sim, handle, "frontend", frontend);
    write_backend(sim, handle, "frontend-id", domid);
    write_backend(sim, handle, "online", "1");
    write_backend(sim, handle, "type", "vif");
    write_backend(sim, handle, "handle", number);
    write_backend(sim, handle, "mac", "00:16:3e:00:00:07");
    for (; keys && keys[0]; keys += 2) {
        write_backend(sim, handle, keys[0], keys[1]);
    }
    write_backend(sim, handle, "state", "1");
}

void xensim_vif_new(Xensim *sim, unsigned int handle, const char *const *keys)
{
    make_frontend(sim, handle);
    make_backend(sim, handle, keys);
}

static bool wait_state(Xensim *sim, const char *path, enum xenbus_state state)
{
    g_autofree char *value = g_strdup_printf("%d", state);

    return xensim_store_wait(xensim_store(sim), path, value, XENSIM_PATIENCE);
}

bool xensim_vif_wait_backend(Xensim *sim, unsigned int handle,
                             enum xenbus_state state)
{
    g_autofree char *path = xensim_vif_backend(sim, handle, "state");

    return wait_state(sim, path, state);
}

static bool is_closed(Xensim *sim, unsigned int handle)
{
    g_autofree char *path = xensim_vif_backend(sim, handle, "state");
    g_autofree char *state = xensim_store_read(xensim_store(sim), 0, path);

    return !g_strcmp0(state, "6" /* XenbusStateClosed */);
}

bool xensim_vif_remove(Xensim *sim, unsigned int handle, bool guest_too)
{
    g_autofree char *frontend = xensim_vif_frontend(sim, handle, NULL);
    g_autofree char *backend = xensim_vif_backend(sim, handle, NULL);
    bool closed;

    if (!guest_too) {
        xensim_store_remove(xensim_store(sim), 0, frontend);
    }
    write_backend(sim, handle, "online", "0");
    if (!is_closed(sim, handle)) {
        write_backend(sim, handle, "state",
                      "5" /* XenbusStateClosing */);
    }
    closed = xensim_vif_wait_backend(sim, handle, XenbusStateClosed);
    xensim_store_remove(xensim_store(sim), 0, frontend);
    xensim_store_remove(xensim_store(sim), 0, backend);
    return closed;
}
