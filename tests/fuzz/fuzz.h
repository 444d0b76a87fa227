/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers share
 *
 * Each is a program of its own with libFuzzer's entry points, whose main() is
 * libFuzzer's or, to run the corpus only, replay.c's.
 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * fuzz_check: what must hold for any input; else the program ends by abort()
 */
#define fuzz_check(condition)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fuzz_fail(__FILE__, __LINE__, #condition);                      \
        }                                                                   \
    } while (0)

/**
 * fuzz_fail: say what didn't hold, and end
 */
static inline void __attribute__((noreturn))
fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this doesn't hold: %s\n", file, line, condition);
    abort();
}

/**
 * LLVMFuzzerTestOneInput: run one input, as libFuzzer wants it
 *
 * Returns: 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/**
 * LLVMFuzzerInitialize: make ready, before the first input
 *
 * A fuzzer may do without.
 *
 * Returns: 0.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif /* TESTS_FUZZ_FUZZ_H */
