/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run some inputs of a fuzzer, without libFuzzer
 *
 * Each file on the command line is an input, and a test of its own in the
 * output: a line of TAP, without a number, when it has been run.  A finding
 * ends the program, as in libFuzzer; the input is the one behind the last
 * that was said to be good.
 */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include "fuzz.h"

#pragma weak LLVMFuzzerInitialize

static void run_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    size_t size;

    if (!g_file_get_contents(path, &data, &size, &error)) {
        g_error("%s", error->message);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        run_file(argv[i]);
        printf("ok - %s\n", argv[i]);
        fflush(stdout);
    }
    return 0;
}
