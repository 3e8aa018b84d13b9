/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_FAILING_H
#define YG_TESTS_FAILING_H

#include <stdbool.h>
#include <stddef.h>

/* Allocations of the program, and of the test, that fail: those of shared libraries do not.  For
 * tests of one thread. */

/* From now on the n-th allocation fails, counted from 1; 0: none. */
void failing_start(size_t n);

/* From now on all fail. */
void failing_all(void);

/* No more.  Returns whether one has failed. */
bool failing_stop(void);

#endif
