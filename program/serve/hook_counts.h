/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_COUNTS_H
#define YG_SERVE_HOOK_COUNTS_H

#include "hook/counts.h"
#include "hook/turns.h"

/* What is counted of webhooks, by their names: for metrics.  All is there until the end, also of
 * those that a reload has taken away. */
struct yg_hook_counts_of_all;
struct yg_hook_series; /* of one */
struct yg_text;

/* Returns NULL when out of memory. */
struct yg_hook_counts_of_all *yg_hook_counts_new(unsigned num_loops);
void yg_hook_counts_free(struct yg_hook_counts_of_all *all);

/* That of a name, new if there is none; NULL: out of memory.  Any thread, as all that follows. */
struct yg_hook_series *yg_hook_series(struct yg_hook_counts_of_all *all, const char *name);
struct yg_hook_counts *yg_hook_series_counts(struct yg_hook_series *series);
/* Turns of its users. */
struct yg_turns *yg_hook_series_turns(struct yg_hook_series *series);
/* When the oldest event of a loop came, since 1970; 0: it has none. */
void yg_hook_series_oldest(struct yg_hook_series *series, unsigned loop, int64_t ms);

void yg_hook_counts_put(struct yg_hook_counts_of_all *all, struct yg_text *text);

#endif
