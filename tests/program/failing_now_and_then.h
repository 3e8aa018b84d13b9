/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_FAILING_NOW_AND_THEN_H
#define YG_TESTS_FAILING_NOW_AND_THEN_H

/* From now on each n-th allocation of the program, and of jansson, fails, on whatever thread; 0:
 * none.  For programs with threads that are linked with --wrap. */
void failing_every(unsigned n);

/* From now on those fail which a file names, which others write meanwhile: numbers of 32 bits in
 * the order of this machine, how many allocations there were, which is the first that fails (1: the
 * next, 0: none), and how many do.  Returns 0, or -1: it cannot be read and written. */
int failing_by_file(const char *path);

/* From now on each yodel_loop_post() of the program fails. */
void failing_posts(void);

#endif
