/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_TOKEN_FAILING_H
#define YG_TESTS_TOKEN_FAILING_H

#include <stdbool.h>
#include <stddef.h>

/*
 * malloc() and calloc() of what a test is linked from, and those of jansson, of which the n-th
 * fails. The program takes its memory there, so it is linked with --wrap (token.cmake).
 */

/* The n-th from now on, counted from 1; 0: none. */
void failing_set(size_t n);

/* True when the n-th was asked for. */
bool failing_has_failed(void);

/* Blocks that are not freed. */
long failing_blocks(void);

/*
 * Runs its body with the first allocation failing, then with the second one, and so on, until none
 * has failed.  The body ends with failing_stop(), frees all, and checks that a failure is -ENOMEM
 * without an effect.
 */
#define FAILING_LOOP(n) for (size_t n = 1; failing_go_on(n); n++)

bool failing_go_on(size_t n);
void failing_stop(void);

#endif
