/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_FAILING_NOW_AND_THEN_H
#define YG_TESTS_FAILING_NOW_AND_THEN_H

/* From now on each n-th allocation of the program, and of jansson, fails, on whatever thread; 0:
 * none.  For programs with threads that are linked with --wrap. */
void failing_every(unsigned n);

/* From now on each yodel_loop_post() of the program fails. */
void failing_posts(void);

#endif
