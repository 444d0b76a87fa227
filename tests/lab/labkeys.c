/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Use up xenstore.
 *
 *   labkeys PREFIX N
 *
 * Writes, watches and lists each of the N nodes PREFIX0, PREFIX1, ..., as far
 * as xenstored, or who stands before it, lets us; then removes them. Prints how
 * many of each were done, without the transactions that Xen's commands make.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <xenstore.h>

static char path[XENSTORE_ABS_PATH_MAX];

static void set_path(const char *prefix, unsigned int i)
{
    snprintf(path, sizeof(path), "%s%u", prefix, i);
}

static bool can_list(struct xs_handle *store)
{
    unsigned int n;
    char **names = xs_directory(store, XBT_NULL, path, &n);

    free(names);
    return names != NULL;
}

int main(int argc, char **argv)
{
    unsigned int i, limit, written = 0, watched = 0, listed = 0, removed = 0;
    struct xs_handle *store;

    if (argc != 3) {
        fprintf(stderr, "usage: labkeys PREFIX N\n");
        return EXIT_FAILURE;
    }
    store = xs_open(0);
    if (!store) {
        perror("labkeys: cannot connect to xenstored");
        return EXIT_FAILURE;
    }
    limit = atoi(argv[2]);
    for (i = 0; i < limit; i++) {
        set_path(argv[1], i);
        written += xs_write(store, XBT_NULL, path, "x", 1);
        watched += xs_watch(store, path, "labkeys");
        listed += can_list(store);
    }
    for (i = 0; i < limit; i++) {
        set_path(argv[1], i);
        removed += xs_rm(store, XBT_NULL, path);
    }
    xs_close(store);
    printf("%u %u %u %u\n", written, watched, listed, removed);
    return EXIT_SUCCESS;
}
