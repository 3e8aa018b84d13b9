/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_CONSUMERS_H
#define YG_SERVE_CONSUMERS_H

#include "serve/state.h"

/*
 * Commands that come from streams of Redis: each consumer of the configuration reads one, as a
 * member of its group, and carries commands out one after the other on loop 0.  An entry is
 * acknowledged when its command was carried out, or can never be; so it is carried out at least
 * once, by some node.  What a consumer has not acknowledged for as long as redis.lease is taken
 * over by another.
 */
struct yg_consumers;

/* Ahead of the run of the server.  0 or negative. */
int yg_consumers_start(struct yg_state *state);
/* Its part of Redis, ahead of the server's end. */
void yg_consumers_end(struct yg_consumers *consumers);
/* After it; NULL does nothing. */
void yg_consumers_free(struct yg_consumers *consumers);

void yg_consumers_put(struct yg_state *state, struct yg_text *text);

#endif
