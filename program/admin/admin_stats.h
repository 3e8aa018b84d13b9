/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_ADMIN_STATS_H
#define YG_ADMIN_ADMIN_STATS_H

#include "admin/admin_state.h"

/* What a process is told of as a whole: server_stats.  On loop 0. */

struct yg_stats;

/* NULL when out of memory. */
struct yg_stats *yg_stats_new(struct yg_admin *admin);
void yg_stats_free(struct yg_stats *stats);

/* Somebody begins to look. */
void yg_stats_begin(struct yg_stats *stats);
/* What has been since the last second; once a second while somebody looks. */
void yg_stats_sample(struct yg_stats *stats);
/* Nobody looks. */
void yg_stats_rest(struct yg_stats *stats);
/* All that is known; one reference, NULL when out of memory. */
struct yg_admin_record *yg_stats_make(struct yg_stats *stats);
/* It was told to all: what was sampled is forgotten. */
void yg_stats_told(struct yg_stats *stats);

#endif
