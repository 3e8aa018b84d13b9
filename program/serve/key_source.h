/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_KEY_SOURCE_H
#define YG_SERVE_KEY_SOURCE_H

#include <stdbool.h>
#include <yodel/loop.h>

/*
 * The key set of auth.jwt.jwks_url: fetched by the rules of token/jwks_times.h on a thread that may
 * block.  Who has shown a token with an unknown key may wait for the fetch that it has caused.
 */
struct yg_state;
struct yg_key_source;

/* Adds it to a server that does not run yet; it does nothing as long as there is no jwks_url. */
int yg_key_source_start(struct yg_state *state);
/* After the server has stopped; NULL does nothing. */
void yg_key_source_free(struct yg_key_source *source);

/* A token has an unknown key: begins a fetch, unless the last one began just now.  Returns whether
 * one is under way.  Any loop. */
bool yg_key_source_ask(struct yg_state *state);

/* Somebody who waits.  Embedded; of a loop. */
struct yg_waiter {
    struct yg_waiter *next;
    yodel_loop *loop;
    void (*wake)(struct yg_waiter *waiter); /* on its loop */
    void (*drop)(struct yg_waiter *waiter); /* in place of it, on any thread */
};

/* Has it woken once, when the fetch has ended, never inside this call.  Returns false when none is
 * under way any more, or too many wait. */
bool yg_key_source_wait(struct yg_state *state, struct yg_waiter *waiter);

#endif
