/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_FLUSH_H
#define YG_SERVE_HOOK_FLUSH_H

#include "hook/hook.h"

/* What webhooks have left when the loops end: sent once these are over, one request after the
 * other. */
struct yg_state;
struct yg_hook_flush;

/* Returns NULL when out of memory. */
struct yg_hook_flush *yg_hook_flush_new(struct yg_state *state);
/* For yg_hook_end(): copies it.  When memory fails a reserve of it is given back, once; what is
 * lost is told in the log.  Any thread. */
bool yg_hook_flush_add(struct yg_hook_flush *flush, const struct yg_hook_left *left);
/* Blocks, for ms at most. */
void yg_hook_flush_run(struct yg_hook_flush *flush, uint32_t ms);
void yg_hook_flush_free(struct yg_hook_flush *flush);

#endif
