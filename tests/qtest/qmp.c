/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Just enough of QMP for the tests
 *
 * A command is written as a line, and lines are read until one is its reply;
 * events in between are of no interest here.
 */

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include "qmp.h"

struct Qmp {
    GDataInputStream *in;
    GOutputStream *out;
};

static JsonNode *read_line(Qmp *qmp)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;
    JsonNode *node;

    line = g_data_input_stream_read_line(qmp->in, NULL, NULL, &error);
    if (!line) {
        g_error("QMP: %s", error ? error->message : "QEMU has ended");
    }
    node = json_from_string(line, &error);
    if (!node) {
        g_error("QMP: %s: %s", line, error->message);
    }
    return node;
}

static JsonNode *read_reply(Qmp *qmp, const char *command)
{
    for (;;) {
        g_autoptr(JsonNode) node = read_line(qmp);
        JsonObject *object = json_node_get_object(node);

        if (json_object_has_member(object, "return")) {
            return json_object_dup_member(object, "return");
        }
        if (json_object_has_member(object, "error")) {
            g_error("QMP: %s: %s", command, json_to_string(node, FALSE));
        }
    }
}

static JsonNode *execute(Qmp *qmp, const char *format, va_list args)
{
    g_autofree char *command = g_strdup_vprintf(format, args);
    g_autofree char *line = g_strconcat(command, "\n", NULL);
    g_autoptr(GError) error = NULL;

    if (!g_output_stream_write_all(qmp->out, line, strlen(line), NULL, NULL,
                                   &error)) {
        g_error("QMP: %s: %s", command, error->message);
    }
    return read_reply(qmp, command);
}

JsonNode *qmp_execute(Qmp *qmp, const char *format, ...)
{
    JsonNode *node;
    va_list args;

    va_start(args, format);
    node = execute(qmp, format, args);
    va_end(args);
    return node;
}

void qmp_run(Qmp *qmp, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    json_node_unref(execute(qmp, format, args));
    va_end(args);
}

Qmp *qmp_new(int fd)
{
    g_autoptr(GInputStream) in = g_unix_input_stream_new(fd, TRUE);
    Qmp *qmp = g_new0(Qmp, 1);

    qmp->in = g_data_input_stream_new(in);
    qmp->out = g_unix_output_stream_new(fd, FALSE);
    json_node_unref(read_line(qmp));
    qmp_run(qmp, "{'execute': 'qmp_capabilities'}");
    return qmp;
}

void qmp_free(Qmp *qmp)
{
    if (!qmp) {
        return;
    }
    g_object_unref(qmp->out);
    g_object_unref(qmp->in);
    g_free(qmp);
}
