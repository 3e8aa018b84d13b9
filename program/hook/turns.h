/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_TURNS_H
#define YG_HOOK_TURNS_H

#include <stdbool.h>

/*
 * Turns: of those with the same name one has its turn at a time, in the order in which they have
 * asked, whatever loops they are on.  So events of one user come one after the other
 * (webhooks.order: user).
 */
struct yg_turns;
struct yg_turn_line;

enum yg_turn_state { YG_TURN_NONE, YG_TURN_WAITS, YG_TURN_HAS };

/* Embedded in who asks, of one thread.  All zero, with a name and a wake. */
struct yg_turn {
    const char *name; /* borrowed, and all of these unchanged, while it waits or has its turn */
    /* It may have its turn now: on any thread, also a little late, or not at all when that cannot
     * be told; so who waits looks now and then. */
    void (*wake)(void *user);
    void *user;
    /* The module's: */
    struct yg_turn *next;
    struct yg_turn_line *line;
};

/* Returns NULL when out of memory. */
struct yg_turns *yg_turns_new(void);
/* When nobody waits or has a turn; NULL does nothing. */
void yg_turns_free(struct yg_turns *turns);

/* Asks, unless it has, and says how it is; NONE: out of memory, to be asked again. */
enum yg_turn_state yg_turn_ask(struct yg_turns *turns, struct yg_turn *turn);

/* It does not want one any more: the next one has it.  Also of one that has not asked. */
void yg_turn_end(struct yg_turns *turns, struct yg_turn *turn);

#endif
