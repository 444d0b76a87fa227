/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: log lines.
 *
 * A line is put together first and written by one call, so that lines of the
 * daemon and of whatever else shares its stderr do not mix.
 */
#include "pgd-log.h"

#include <errno.h>
#include <stdio.h>

/*
 * defuse: a line may quote what others wrote; no terminal should obey it
 */
static void defuse(char *text)
{
    for (; *text; text++) {
        if (g_ascii_iscntrl(*text)) {
            *text = '?';
        }
    }
}

static void write_line(const char *prefix, const char *fmt, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    g_autofree char *line = NULL;

    defuse(text);
    line = g_strdup_printf("xen-nic-pgd: %s%s\n", prefix, text);
    fputs(line, stderr);
    fflush(stderr);
}

void log_line(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    write_line("", fmt, args);
    va_end(args);
}

void log_dom(unsigned int domid, const char *fmt, ...)
{
    g_autofree char *prefix = g_strdup_printf("dom %u: ", domid);
    va_list args;

    va_start(args, fmt);
    write_line(prefix, fmt, args);
    va_end(args);
}

void set_errno_error(GError **err, const char *fmt, ...)
{
    int number = errno;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_set_error(err, G_FILE_ERROR, g_file_error_from_errno(number), "%s: %s",
                text, g_strerror(number));
}
