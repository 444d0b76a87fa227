/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said in xenstore about a vif under test
 *
 * QEMU gets its watch events in the order of the writes.  So whether it has
 * dealt with them is found out by another vif, of which there is nothing but a
 * directory, that is written behind them: it makes QEMU have an object, and
 * does nothing else.
 */

#include "keys.h"

#define MARKER_HANDLE 9
#define MARKER "xen-vif-" G_STRINGIFY(MARKER_HANDLE)

static void write_path(VifTest *test, uint16_t domid, const char *path,
                       const char *value)
{
    XensimStore *store = xensim_store(test->sim);

    if (value) {
        xensim_store_printf(store, domid, path, "%s", value);
    } else {
        xensim_store_remove(store, domid, path);
    }
}

void keys_write_backend(VifTest *test, const char *key, const char *value)
{
    g_autofree char *path = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                               key);

    write_path(test, 0, path, value);
}

void keys_write_frontend(VifTest *test, const char *key, const char *value)
{
    g_autofree char *path = xensim_vif_frontend(test->sim, VIF_TEST_HANDLE,
                                                key);

    write_path(test, VIF_TEST_DOMID, path, value);
}

void keys_expect_backend(VifTest *test, const char *key, const char *value)
{
    g_autofree char *path = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                               key);
    g_autofree char *found = xensim_store_read(xensim_store(test->sim),
                                               VIF_TEST_DOMID, path);

    if (g_strcmp0(found, value) != 0) {
        g_error("backend key '%s' is '%s', expected '%s'", key, found, value);
    }
}

void keys_wait_backend(VifTest *test, const char *key, const char *value)
{
    g_autofree char *path = xensim_vif_backend(test->sim, VIF_TEST_HANDLE,
                                               key);

    if (!xensim_store_wait(xensim_store(test->sim), path, value,
                           XENSIM_PATIENCE)) {
        keys_expect_backend(test, key, value);
    }
}

static bool qemu_has_device(VifTest *test, const char *name)
{
    g_autoptr(JsonNode) node = qmp_execute(
        test->qmp, "{'execute': 'qom-list', 'arguments': "
        "{'path': '/machine/peripheral'}}");
    JsonArray *children = json_node_get_array(node);

    for (unsigned int i = 0; i < json_array_get_length(children); i++) {
        JsonObject *child = json_array_get_object_element(children, i);

        if (!strcmp(json_object_get_string_member(child, "name"), name)) {
            return true;
        }
    }
    return false;
}

static void wait_for_device(VifTest *test, const char *name, bool there)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (qemu_has_device(test, name) != there) {
        if (g_get_monotonic_time() > end) {
            g_error("QEMU doesn't learn that '%s' has %s", name,
                    there ? "come" : "gone");
        }
        g_usleep(100);
    }
}

void keys_wait_until_seen(VifTest *test)
{
    g_autofree char *marker = xensim_vif_backend(test->sim, MARKER_HANDLE,
                                                 NULL);

    write_path(test, 0, marker, "");
    wait_for_device(test, MARKER, true);
    write_path(test, 0, marker, NULL);
    wait_for_device(test, MARKER, false);
}

bool keys_wait_decision(VifTest *test)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    for (;;) {
        enum xenbus_state state = vif_test_state(test);

        if (state == XenbusStateConnected || state == XenbusStateClosing) {
            return state == XenbusStateConnected;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(100);
    }
}

void keys_expect_error(VifTest *test, const char *what, const char *reason)
{
    g_autofree char *error = NULL;

    vif_test_expect_state(test, XenbusStateClosing);
    error = vif_test_error(test);
    if (!error || !strstr(error, reason)) {
        g_error("%s: the error is '%s', expected something with '%s'",
                what ?: "fault", error, reason);
    }
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
}

void keys_expect_front_refusal(VifTest *test, const XensimFrontConfig *config,
                               const char *what, const char *reason)
{
    vif_test_publish(test, config);
    xensim_front_set_state(test->front, XenbusStateConnected);
    keys_expect_error(test, what, reason);
    vif_test_disconnect(test);
}

void keys_expect_refusal(VifTest *test, const char *key, const char *value,
                         const char *reason)
{
    const char *const keys[] = { key, value, NULL };
    g_autofree char *what = g_strdup_printf("%s = '%s'", key, value);

    keys_expect_front_refusal(test, &(XensimFrontConfig) { .keys = keys },
                              what, reason);
    keys_write_frontend(test, key, NULL);
}
