/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOKS_H
#define YG_SERVE_HOOKS_H

#include "hook/hook.h"

/* The webhooks of the configuration: each loop has its own of each, with connections of its own. */
struct yg_state;
struct yg_hooks;
struct yg_text;

/* Adds them to a server that does not run yet. */
int yg_hooks_start(struct yg_state *state);

/* Sends what was left when the loops ended, for as long as shutdown.webhook_flush; NULL does
 * nothing.  Blocks. */
void yg_hooks_flush(struct yg_hooks *hooks);
/* NULL does nothing. */
void yg_hooks_free(struct yg_hooks *hooks);

/* The one of that name on a loop, as it is configured now; NULL: there is none ("" is none), or
 * memory has ended. */
struct yg_hook *yg_hooks_find(struct yg_state *state, yodel_loop *loop, const char *name);

/* A loop has another configuration. */
void yg_hooks_change(struct yg_state *state, yodel_loop *loop);

void yg_hooks_put(struct yg_state *state, struct yg_text *text);

#endif
