/* SPDX-License-Identifier: MIT */
#ifndef YG_LOG_REPEAT_H
#define YG_LOG_REPEAT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Limits how often lines of one kind stand in the log: so many in each period, then none until it
 * is over, and one that says how many were left out.  What is of one kind is told by a key, in
 * which digits do not count: texts that differ in addresses and numbers alone are one.  All kinds
 * together have a limit, too, so texts that a peer makes up do not pass.
 */

#define YG_REPEAT_KINDS 64
#define YG_REPEAT_TEXT 80   /* bytes of the example in what is told, with its NUL */
#define YG_REPEAT_ALL 1000u /* lines in each period, of all kinds */

struct yg_repeat_kind {
    uint32_t hash; /* 0: free */
    int level;
    uint32_t count;    /* in the period */
    uint32_t left_out; /* since it was told */
    uint64_t since_ms; /* when the period began */
    uint64_t first_ms; /* of those that were left out */
    char text[YG_REPEAT_TEXT];
};

struct yg_repeat {
    pthread_mutex_t lock;
    uint32_t most, per_ms;
    uint64_t left_out; /* in all */
    struct yg_repeat_kind all;
    struct yg_repeat_kind kinds[YG_REPEAT_KINDS];
};

/* What was left out of a kind, with an example, cut. */
typedef void(yg_repeat_told_fn)(int level, uint32_t left_out, const char *text, void *user);

void yg_repeat_init(struct yg_repeat *repeat);
void yg_repeat_done(struct yg_repeat *repeat);

/* most 0: no limit.  Any thread, as are the others. */
void yg_repeat_set(struct yg_repeat *repeat, uint32_t most, uint32_t per_ms);

/* Whether the line is to be written; now_ms is of a clock that does not go back. */
bool yg_repeat_allows(struct yg_repeat *repeat, const char *key, int level, const char *text,
                      size_t len, uint64_t now_ms);

/* Tells of what was first left out a period ago, and forgets it.  Called several times a period. */
void yg_repeat_tell(struct yg_repeat *repeat, uint64_t now_ms, yg_repeat_told_fn *told, void *user);

/* How many lines were left out since the start. */
uint64_t yg_repeat_left_out(struct yg_repeat *repeat);

#endif
