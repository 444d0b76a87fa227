/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What toolstack, frontend and backend tell each other in xenstore
 *
 * Both ends have a directory each.  In the backend's the toolstack says what
 * the vif is to be (libxl), and the backend what it can do.  In the frontend's
 * the frontend says how it connects (netif.h).
 *
 * A frontend's key that makes no sense is an error that names the key, its
 * value and what was expected.  One that is missing has the meaning that
 * netif.h gives it, if any.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/ctype.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "xen_nic_pg_keys.h"

/* Ethernet's least and, of a tap, most */
#define MTU_MIN 68
#define MTU_MAX 65521

/* A decimal number, without sign or blanks */
static bool parse_range(const char *text, uint32_t min, uint32_t max,
                        uint32_t *value)
{
    uint64_t number;

    if (!qemu_isdigit(text[0]) || qemu_strtou64(text, NULL, 10, &number) < 0 ||
        number < min || number > max) {
        return false;
    }
    *value = number;
    return true;
}

/*
 * The frontend's keys
 */

/* Where the keys of a queue are: in the directory itself */
#define FLAT ""

/*
 * Read a number from @min to @max.  Returns false if the key is there and isn't
 * such a number, or isn't there and @missing is negative; else a key that isn't
 * there has the value @missing.
 */
static bool read_range(struct XenLegacyDevice *xendev, const char *key,
                       uint32_t min, uint32_t max, int missing,
                       uint32_t *value, Error **errp)
{
    g_autofree char *text = xenstore_read_fe_str(xendev, key);
    g_autofree char *expected = min ? g_strdup_printf("from %u to", min)
                                    : g_strdup("up to");

    if (!text && missing >= 0) {
        *value = missing;
        return true;
    }
    if (!text) {
        error_setg(errp, "frontend key '%s' is missing, expected a number %s "
                   "%u", key, expected, max);
        return false;
    }
    if (!parse_range(text, min, max, value)) {
        g_autofree char *escaped = g_strescape(text, NULL);

        error_setg(errp, "frontend key '%s' is '%.40s', expected a number %s "
                   "%u", key, escaped, expected, max);
        return false;
    }
    return true;
}

static bool read_number(struct XenLegacyDevice *xendev, const char *key,
                        uint32_t max, uint32_t *value, Error **errp)
{
    return read_range(xendev, key, 0, max, -1, value, errp);
}

static bool read_flag(struct XenLegacyDevice *xendev, const char *key,
                      bool *value, Error **errp)
{
    uint32_t number;

    if (!read_range(xendev, key, 0, 1, 0, &number, errp)) {
        return false;
    }
    *value = number;
    return true;
}

static bool has_key(struct XenLegacyDevice *xendev, const char *dir,
                    const char *key)
{
    g_autofree char *path = g_strconcat(dir, key, NULL);
    g_autofree char *text = xenstore_read_fe_str(xendev, path);

    return text != NULL;
}

/* netif.h: IPv4 checksums are on, and all the others off, if not said. */
static bool read_offloads(struct XenLegacyDevice *xendev,
                          XenNicPgQueueConfig *config, Error **errp)
{
    XenNicPgOffloads *offloads = &config->offloads;
    bool no_csum;

    if (!read_flag(xendev, "feature-sg", &config->sg, errp) ||
        !read_flag(xendev, "feature-no-csum-offload", &no_csum, errp) ||
        !read_flag(xendev, "feature-ipv6-csum-offload", &offloads->csum6,
                   errp) ||
        !read_flag(xendev, "feature-gso-tcpv4", &offloads->gso4, errp) ||
        !read_flag(xendev, "feature-gso-tcpv6", &offloads->gso6, errp)) {
        return false;
    }
    offloads->csum4 = !no_csum;
    /* A segmented frame has several slots, and blank checksums. */
    offloads->gso4 = offloads->gso4 && offloads->csum4 && config->sg;
    offloads->gso6 = offloads->gso6 && offloads->csum6 && config->sg;
    return true;
}

bool xen_nic_pg_read_headroom(struct XenLegacyDevice *xendev,
                              uint32_t *headroom, Error **errp)
{
    return read_range(xendev, "xdp-headroom", 0, XEN_NIC_PG_HEADROOM_MAX, 0,
                      headroom, errp);
}

bool xen_nic_pg_read_multicast_control(struct XenLegacyDevice *xendev,
                                       bool *on, Error **errp)
{
    return read_flag(xendev, "request-multicast-control", on, errp);
}

/* What all queues have in common */
static bool read_common(struct XenLegacyDevice *xendev,
                        const XenNicPgLimits *limits,
                        XenNicPgQueueConfig *config, Error **errp)
{
    bool rx_copy, persistent;

    *config = (XenNicPgQueueConfig) { .domid = xendev->dom };
    if (!read_flag(xendev, "request-rx-copy", &rx_copy, errp) ||
        !read_flag(xendev, "feature-rx-notify", &config->rx_notify, errp) ||
        !read_flag(xendev, "feature-persistent", &persistent, errp) ||
        !xen_nic_pg_read_headroom(xendev, &config->headroom, errp) ||
        !read_offloads(xendev, config, errp)) {
        return false;
    }
    if (!rx_copy) {
        error_setg(errp, "frontend key 'request-rx-copy' isn't 1: page "
                   "flipping isn't supported");
        return false;
    }
    config->max_grants = persistent ? limits->max_grants : 0;
    return true;
}

static bool read_queue_number(struct XenLegacyDevice *xendev, const char *dir,
                              const char *key, uint32_t max, uint32_t *value,
                              Error **errp)
{
    g_autofree char *path = g_strconcat(dir, key, NULL);

    return read_number(xendev, path, max, value, errp);
}

/* netif.h: one per ring, by keys of their own, or one for both */
static bool read_event_channels(struct XenLegacyDevice *xendev,
                                const char *dir, XenNicPgQueueConfig *config,
                                Error **errp)
{
    if (has_key(xendev, dir, "event-channel-tx") ||
        has_key(xendev, dir, "event-channel-rx")) {
        return read_queue_number(xendev, dir, "event-channel-tx", INT32_MAX,
                                 &config->tx_event_channel, errp) &&
               read_queue_number(xendev, dir, "event-channel-rx", INT32_MAX,
                                 &config->rx_event_channel, errp);
    }
    if (!read_queue_number(xendev, dir, "event-channel", INT32_MAX,
                           &config->tx_event_channel, errp)) {
        return false;
    }
    config->rx_event_channel = config->tx_event_channel;
    return true;
}

static bool read_queue(struct XenLegacyDevice *xendev, const char *dir,
                       XenNicPgQueueConfig *config, Error **errp)
{
    return read_queue_number(xendev, dir, "tx-ring-ref", UINT32_MAX,
                             &config->tx_ring_ref, errp) &&
           read_queue_number(xendev, dir, "rx-ring-ref", UINT32_MAX,
                             &config->rx_ring_ref, errp) &&
           read_event_channels(xendev, dir, config, errp);
}

/*
 * netif.h: one queue's keys are in the directory itself.  Some write them as if
 * there were several.
 */
static bool is_flat(struct XenLegacyDevice *xendev, unsigned int nr_queues)
{
    return nr_queues == 1 && (has_key(xendev, FLAT, "tx-ring-ref") ||
                              !has_key(xendev, "queue-0/", "tx-ring-ref"));
}

static bool read_queues(struct XenLegacyDevice *xendev,
                        const XenNicPgLimits *limits, XenNicPgConfig *config,
                        Error **errp)
{
    XenNicPgQueueConfig common;
    bool flat;

    if (!read_range(xendev, "multi-queue-num-queues", 1, limits->max_queues, 1,
                    &config->nr_queues, errp) ||
        !read_common(xendev, limits, &common, errp)) {
        return false;
    }
    if (config->ctrl) {
        common.max_static_grants = 2 * limits->max_grants;
    }
    flat = is_flat(xendev, config->nr_queues);
    config->queues = g_new(XenNicPgQueueConfig, config->nr_queues);
    for (unsigned int i = 0; i < config->nr_queues; i++) {
        g_autofree char *dir = flat ? g_strdup(FLAT)
                                    : g_strdup_printf("queue-%u/", i);

        config->queues[i] = common;
        if (!read_queue(xendev, dir, &config->queues[i], errp)) {
            return false;
        }
    }
    return true;
}

static bool read_ctrl(struct XenLegacyDevice *xendev, XenNicPgConfig *config,
                      Error **errp)
{
    config->ctrl = has_key(xendev, FLAT, "ctrl-ring-ref") ||
                   has_key(xendev, FLAT, "event-channel-ctrl");
    return !config->ctrl ||
           (read_number(xendev, "ctrl-ring-ref", UINT32_MAX,
                        &config->ctrl_ring_ref, errp) &&
            read_number(xendev, "event-channel-ctrl", INT32_MAX,
                        &config->ctrl_event_channel, errp));
}

bool xen_nic_pg_read_config(struct XenLegacyDevice *xendev,
                            const XenNicPgLimits *limits,
                            XenNicPgConfig *config, Error **errp)
{
    *config = (XenNicPgConfig) { 0 };
    return read_ctrl(xendev, config, errp) &&
           read_queues(xendev, limits, config, errp) &&
           xen_nic_pg_read_multicast_control(xendev,
                                             &config->multicast_control, errp);
}

void xen_nic_pg_config_clear(XenNicPgConfig *config)
{
    g_clear_pointer(&config->queues, g_free);
}

/*
 * The backend's keys
 */

void xen_nic_pg_publish_features(struct XenLegacyDevice *xendev,
                                 const XenNicPgLimits *limits)
{
    const struct {
        const char *key;
        int value;
    } features[] = {
        { "feature-rx-copy", 1 },
        { "feature-rx-flip", 0 },
        { "feature-sg", 1 },
        { "feature-gso-tcpv4", 1 },
        { "feature-gso-tcpv6", 1 },
        { "feature-ipv6-csum-offload", 1 },
        { "feature-split-event-channels", 1 },
        { "feature-multicast-control", 1 },
        { "feature-dynamic-multicast-control", 1 },
        { "feature-xdp-headroom", 1 },
        { "feature-ctrl-ring", 1 },
        { "multi-queue-max-queues", limits->max_queues },
        { "feature-persistent", limits->max_grants > 0 },
        { "max-persistent-grants", limits->max_grants },
    };

    for (int i = 0; i < ARRAY_SIZE(features); i++) {
        xenstore_write_be_int(xendev, features[i].key, features[i].value);
    }
}

/*
 * Six bytes of two digits each, as libxl writes it.  net_parse_macaddr() is
 * for people: it also takes a number, for the last three bytes only.
 */
static bool parse_mac(const char *text, MACAddr *mac)
{
    for (int i = 0; i < ARRAY_SIZE(mac->a); i++, text += 3) {
        char end = i + 1 < ARRAY_SIZE(mac->a) ? ':' : '\0';

        if (!qemu_isxdigit(text[0]) || !qemu_isxdigit(text[1]) ||
            text[2] != end) {
            return false;
        }
        mac->a[i] = g_ascii_xdigit_value(text[0]) << 4 |
                    g_ascii_xdigit_value(text[1]);
    }
    return true;
}

static bool read_mac(struct XenLegacyDevice *xendev, MACAddr *mac,
                     Error **errp)
{
    g_autofree char *text = xenstore_read_be_str(xendev, "mac");

    if (!text || !parse_mac(text, mac)) {
        error_setg(errp, "backend key 'mac' is '%.40s', expected a MAC "
                   "address", text ?: "");
        return false;
    }
    return true;
}

/* 0 if there's none */
static bool read_mtu(struct XenLegacyDevice *xendev, uint32_t *mtu,
                     Error **errp)
{
    g_autofree char *text = xenstore_read_be_str(xendev, "mtu");

    *mtu = 0;
    if (text && !parse_range(text, MTU_MIN, MTU_MAX, mtu)) {
        error_setg(errp, "backend key 'mtu' is '%.40s', expected a number "
                   "from %u to %u", text, MTU_MIN, MTU_MAX);
        return false;
    }
    return true;
}

/*
 * As netback names it.  Xen's scripts rename it if there's a vifname; who has
 * made it for us says what it is called now.
 */
static char *read_ifname(struct XenLegacyDevice *xendev)
{
    char *name = xenstore_read_be_str(xendev, "tap-name");

    return name ?: g_strdup_printf("vif%d.%d", xendev->dom, xendev->dev);
}

bool xen_nic_pg_read_nic(struct XenLegacyDevice *xendev,
                         XenNicPgNicConfig *config, Error **errp)
{
    config->ifname = read_ifname(xendev);
    return read_mac(xendev, &config->mac, errp) &&
           read_mtu(xendev, &config->mtu, errp);
}

bool xen_nic_pg_ask_for_tap(struct XenLegacyDevice *xendev,
                            unsigned int queues)
{
    int asked, made;

    if (xenstore_read_be_int(xendev, "tap", &made) == 0 && made == queues) {
        return true;
    }
    /* Each change of the directory calls us again, so also our own. */
    if (xenstore_read_be_int(xendev, "tap-queues", &asked) < 0 ||
        asked != queues) {
        xenstore_write_be_int(xendev, "tap-queues", queues);
    }
    return false;
}

/* "BYTES,MICROSECONDS", as libxl writes it */
static bool parse_rate(const char *text, uint64_t *bytes, uint64_t *usecs)
{
    return qemu_isdigit(text[0]) &&
           qemu_strtou64(text, &text, 10, bytes) == 0 && *text++ == ',' &&
           qemu_isdigit(text[0]) && qemu_strtou64(text, NULL, 10, usecs) == 0 &&
           *bytes > 0 && *bytes <= INT64_MAX && *usecs > 0 &&
           *usecs <= UINT32_MAX;
}

void xen_nic_pg_read_rate(struct XenLegacyDevice *xendev, uint64_t *bytes,
                          uint64_t *usecs)
{
    g_autofree char *text = xenstore_read_be_str(xendev, "rate");

    if (text && parse_rate(text, bytes, usecs)) {
        return;
    }
    if (text) {
        warn_report("xen-nic-pg: domain %d %s: backend key 'rate' is '%.40s', "
                    "expected 'BYTES,MICROSECONDS'; there is no limit",
                    xendev->dom, xendev->name, text);
    }
    *bytes = 0;
    *usecs = 0;
}

bool xen_nic_pg_has_script(struct XenLegacyDevice *xendev)
{
    g_autofree char *script = xenstore_read_be_str(xendev, "script");

    return script != NULL;
}

bool xen_nic_pg_is_plugged(struct XenLegacyDevice *xendev)
{
    g_autofree char *status = xenstore_read_be_str(xendev, "hotplug-status");

    return g_strcmp0(status, "connected") == 0;
}
