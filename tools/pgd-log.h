/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: log lines.
 *
 * The daemon's log is its stderr, one line per event, so that systemd's
 * journal, a file or a terminal can take it as it is.
 */
#ifndef PGD_LOG_H
#define PGD_LOG_H

#include <glib.h>

/*
 * log_line: write one line, with the program's name before it
 */
void log_line(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/*
 * log_dom: write one line about one guest
 */
void log_dom(unsigned int domid, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/*
 * set_errno_error: make an error of a text and of what errno says
 */
void set_errno_error(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

#endif
