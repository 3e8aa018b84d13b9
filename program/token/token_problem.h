/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_TOKEN_PROBLEM_H
#define YG_TOKEN_TOKEN_PROBLEM_H

/* A sentence that says what is wrong, cut where it is longer. */
struct yg_token_problem {
    char text[320];
};

/* problem may be NULL.  Returns result, so that a function can end with it. */
int yg_token_problem_set(struct yg_token_problem *problem, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the words and ": " ahead of what is there. */
void yg_token_problem_prefix(struct yg_token_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
