/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_HOOK_H
#define YG_HOOK_HOOK_H

#include "config/config.h"
#include "hook/counts.h"
#include "hook/lane.h"
#include "hook/port.h"
#include "hook/turns.h"

/*
 * A webhook on a loop: sends what is in its lanes.  Of a lane one request is on its way, and what
 * comes meanwhile is joined into the next.  What a client waits for (connect, event, refresh) is
 * tried a few times within the time-out; notices (all others) are, for longer and longer waits,
 * until retry.for is over.
 */
struct yg_hook_setup {
    const struct yg_webhook *options; /* borrowed until yg_hook_change(), or the end */
    const char *node;                 /* borrowed */
    const char *prefix;               /* of ids: unlike that of any other; borrowed */
    const struct yg_hook_port *port;  /* borrowed */
    void *port_user;
    struct yg_hook_counts *counts; /* borrowed */
    struct yg_turns *turns;        /* of all loops; borrowed; NULL: no order of users */
    unsigned num_loops;            /* that share in_flight */
    unsigned version;              /* of the configuration, 1 at least */
};

/*
 * What a client waits for has its answer, or has failed, within this: it is sent within two times
 * the time-out or never, has one for all its attempts, and is looked at twice a second.
 */
#define YG_HOOK_DECIDE_MS (3 * YG_WEBHOOK_MAX_TIMEOUT_MS + 15000)

/* Returns NULL when out of memory. */
struct yg_hook *yg_hook_new(const struct yg_hook_setup *setup);

/* Other options; a hook that was disabled in an older version is used again. */
void yg_hook_change(struct yg_hook *hook, const struct yg_webhook *options, unsigned version);

/* Makes an id that no other event or request has; what: a word in front. */
void yg_hook_id(struct yg_hook *hook, const char *what, char ret_id[YG_HOOK_ID]);

/* Whether its back end has answered 410, on any loop, since the last reload. */
bool yg_hook_is_disabled(const struct yg_hook *hook);

/* Does what is due. */
void yg_hook_turn(struct yg_hook *hook);

/* How much it has to send. */
size_t yg_hook_num_events(const struct yg_hook *hook);

/* When its oldest event came, in milliseconds since 1970; 0: it has none. */
int64_t yg_hook_oldest_ms(const struct yg_hook *hook);

const struct yg_webhook *yg_hook_options(const struct yg_hook *hook);

/* Answers to connect that may be given again; for yg_hook_keep(). */
struct yg_hook_cache;
struct yg_hook_cache *yg_hook_cache(struct yg_hook *hook);
/* Keeps an answer, if the back end and the configuration allow it. */
void yg_hook_keep(struct yg_hook *hook, const uint8_t *key, const struct yg_hook_told *told);

/* Counts an event that could not be made for want of memory. */
void yg_hook_count_lost(struct yg_hook *hook);

/* Whether its back end is to be told of this kind (YG_HOOK_...). */
bool yg_hook_has_kind(const struct yg_hook *hook, enum yg_hook_kind kind);

/* A request that was left, but for the headers; views, for the call. */
struct yg_hook_left {
    const struct yg_webhook *options;
    const char *url, *id;
    uint32_t kinds; /* bits of YG_KIND_ */
    yodel_str body;
    size_t num_events;
    const char *const *ends; /* ids of events in it of which Redis has a record */
    size_t num_ends;
    const struct yg_hook_stored *stored; /* one that is to be stored, rather; NULL: none */
};
/* left NULL: memory has failed for what is to be handed over next; returns whether there is more
 * now, else that is lost.  Otherwise returns whether it was taken; out of memory it is not. */
typedef bool(yg_hook_left_fn)(const struct yg_hook_left *left, void *user);

/*
 * Gives up: requests are cancelled, and what a client waits for has failed.  Notices are handed
 * over in their order, one by one where all at once need too much memory.
 *
 * left   NULL: they are lost, and counted
 */
void yg_hook_end(struct yg_hook *hook, yg_hook_left_fn *left, void *user);

/* After yg_hook_end(), when its lanes were left; NULL does nothing. */
void yg_hook_free(struct yg_hook *hook);

#endif
