/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Use up xenstore.
 *
 *   labkeys PREFIX N
 *
 * Writes the nodes PREFIX0, PREFIX1, ... and watches each, up to N of both, as
 * far as xenstored, or who stands before it, lets us; then removes them. Prints
 * how many nodes and how many watches there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <xenstore.h>

static char path[XENSTORE_ABS_PATH_MAX];

static void set_path(const char *prefix, unsigned int i)
{
    snprintf(path, sizeof(path), "%s%u", prefix, i);
}

int main(int argc, char **argv)
{
    unsigned int i, limit, nodes = 0, watches = 0;
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
        nodes += xs_write(store, XBT_NULL, path, "x", 1);
        watches += xs_watch(store, path, "labkeys");
    }
    for (i = 0; i < limit; i++) {
        set_path(argv[1], i);
        xs_rm(store, XBT_NULL, path);
    }
    xs_close(store);
    printf("%u %u\n", nodes, watches);
    return EXIT_SUCCESS;
}
