/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_RELAY_H
#define YG_SERVE_HOOK_RELAY_H

#include "lease/after.h"
#include "serve/state.h"

/* Notices that wait in Redis, of the lanes that are this node's: read, and sent by the webhooks of
 * loop 0.  What a back end has taken is deleted there. */
struct yg_notice_relay;

/* With Redis: ahead of the run of the server; else nothing.  0 or negative. */
int yg_relay_start(struct yg_state *state);
/* Gives the lanes up, once the server has ended. */
void yg_relay_give_up(struct yg_state *state, struct yg_after *after);
/* Its part of Redis, ahead of the server's end; NULL does nothing. */
void yg_relay_end(struct yg_notice_relay *relay);
/* After the end of the server, ahead of that of the webhooks; NULL does nothing. */
void yg_relay_free(struct yg_notice_relay *relay);

void yg_relay_put(struct yg_state *state, struct yg_text *text);

#endif
