/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a queue counts, and how an operator reads it
 *
 * The counters are put out as one object per direction, from tables that give
 * each its name; drops are an object of their own, with a member per reason.
 */

#include "qemu/osdep.h"
#include "xen_nic_pg_stats.h"

typedef struct CounterName {
    const char *name;
    size_t offset;
} CounterName;

static const CounterName traffic_names[] = {
#define COUNTER(name, field) { name, offsetof(XenNicPgCounters, field) }
    COUNTER("frames", frames),
    COUNTER("bytes", bytes),
    COUNTER("gso-frames", gso_frames),
    COUNTER("slots", slots),
    COUNTER("software-checksums", software_checksums),
    COUNTER("software-segments", software_segments),
    COUNTER("held-back", held_back),
    COUNTER("notifications-sent", notifications_sent),
    COUNTER("notifications-saved", notifications_saved),
#undef COUNTER
};

static const CounterName grant_names[] = {
#define COUNTER(name, field) { name, offsetof(XenNicPgGrantCounters, field) }
    COUNTER("persistent-hits", persistent_hits),
    COUNTER("mapped", mapped),
    COUNTER("mapped-max", mapped_max),
    COUNTER("static", static_pages),
    COUNTER("copies", copies),
    COUNTER("copy-calls", copy_calls),
    COUNTER("map-calls", map_calls),
    COUNTER("evicted", evicted),
    COUNTER("fallback-first", fallback_first),
    COUNTER("fallback-busy", fallback_busy),
    COUNTER("fallback-full", fallback_full),
    COUNTER("fallback-map-failed", fallback_map_failed),
#undef COUNTER
};

static const CounterName port_names[] = {
#define COUNTER(name, field) { name, offsetof(XenNicPgPortCounters, field) }
    COUNTER("reads", reads),
    COUNTER("read-calls", read_calls),
    COUNTER("writes", writes),
    COUNTER("write-calls", write_calls),
#undef COUNTER
};

const char *xen_nic_pg_drop_name(XenNicPgDrop drop)
{
    static const char *const names[XEN_NIC_PG_DROP__MAX] = {
#define X(id, name) [XEN_NIC_PG_DROP_##id] = name,
        XEN_NIC_PG_DROPS(X)
#undef X
    };

    return names[drop];
}

static bool visit_counter(Visitor *v, const char *name, uint64_t value,
                          Error **errp)
{
    return visit_type_uint64(v, name, &value, errp);
}

static bool visit_table(Visitor *v, const CounterName *names, size_t nr_names,
                        const void *counters, Error **errp)
{
    for (size_t i = 0; i < nr_names; i++) {
        const uint64_t *value = counters + names[i].offset;

        if (!visit_counter(v, names[i].name, *value, errp)) {
            return false;
        }
    }
    return true;
}

static bool visit_drops(Visitor *v, const uint64_t *drops, Error **errp)
{
    bool ok = visit_start_struct(v, "drops", NULL, 0, errp);

    if (!ok) {
        return false;
    }
    for (int i = XEN_NIC_PG_DROP_NONE + 1; i < XEN_NIC_PG_DROP__MAX; i++) {
        ok = ok && visit_counter(v, xen_nic_pg_drop_name(i), drops[i], errp);
    }
    visit_end_struct(v, NULL);
    return ok;
}

bool xen_nic_pg_counters_visit(Visitor *v, const char *name,
                               const XenNicPgCounters *counters,
                               const XenNicPgGrantCounters *grants,
                               Error **errp)
{
    bool ok = visit_start_struct(v, name, NULL, 0, errp);

    if (!ok) {
        return false;
    }
    ok = visit_table(v, traffic_names, ARRAY_SIZE(traffic_names), counters,
                     errp) &&
         visit_table(v, grant_names, ARRAY_SIZE(grant_names), grants, errp) &&
         visit_drops(v, counters->drops, errp);
    visit_end_struct(v, NULL);
    return ok;
}

bool xen_nic_pg_port_counters_visit(Visitor *v, const char *type,
                                    const XenNicPgPortCounters *counters,
                                    Error **errp)
{
    bool ok = visit_start_struct(v, NULL, NULL, 0, errp);

    if (!ok) {
        return false;
    }
    ok = visit_type_str(v, "type", (char **)&type, errp) &&
         visit_table(v, port_names, ARRAY_SIZE(port_names), counters, errp);
    visit_end_struct(v, NULL);
    return ok;
}
