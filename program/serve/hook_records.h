/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_RECORDS_H
#define YG_SERVE_HOOK_RECORDS_H

#include "hook/hook.h"
#include "serve/state.h"

/*
 * What Redis has of the sockets that back ends know of, so that another node says that they have
 * gone when this one cannot.  A record is there before a back end is told of its socket, until its
 * `disconnected` was taken; that has the record's id whoever sends it.
 */
struct yg_records;
struct yg_record;

/* Ends a socket so that its client comes back. */
typedef void yg_record_end_fn(void *socket);

/* The name of this run of the node in Redis. */
const char *yg_records_run(const struct yg_state *state);

/* With Redis: ahead of the run of the server; else nothing.  0 or negative. */
int yg_records_start(struct yg_state *state);
/* After the end of the server, when hooks are flushed; ends: ids of records that are done with. */
void yg_records_end(struct yg_state *state, const char *const *ends, size_t num_ends, uint32_t ms);
/* NULL does nothing. */
void yg_records_free(struct yg_records *records);

/* Redis is there again: it may have lost what it had, or what was on its way.  On loop 0. */
void yg_records_redis_is_back(struct yg_state *state);

void yg_records_put(struct yg_state *state, struct yg_text *text);

/*
 * For a socket of this loop.
 *
 * Returns NULL: there is no Redis, the webhook is not told of ends, or memory has ended, which is
 * counted.
 */
struct yg_record *yg_record_new(struct yg_state *state, yodel_loop *loop, struct yg_hook *hook);
const char *yg_record_id(const struct yg_record *record);
/* Has notices of a lane stored where those of its record are.  record may be NULL. */
void yg_record_name_lane(const struct yg_record *record, struct yg_lane *lane);
/* The socket is this user's (NULL: nobody's), before its first notice and its next record: with
 * webhooks.order: user its notices are where all of the user are.  record may be NULL. */
void yg_record_name_user(struct yg_record *record, const struct yg_hook *hook, struct yg_lane *lane,
                         const char *user);
/* It is connected: it is sent away if others have said that it has gone.  NULL: it has gone. */
void yg_record_attach(struct yg_record *record, yg_record_end_fn *end, void *socket);

/*
 * Writes it to Redis, as the socket is now.  The first time nothing of the lane is sent before
 * Redis has replied: so long and no longer than Redis can be reached, and 100 ms at most.
 *
 * lane     of the socket; it may be left meanwhile
 * socket   its JSON object; when it has failed, nothing is written, which is counted
 */
void yg_record_write(struct yg_record *record, struct yg_lane *lane, const char *ns,
                     int64_t since_ms, const struct yg_text *socket);

/* The event `connected`, with the id that it has whoever sends it, if another node may have to.
 * record may be NULL.  Returns NULL when out of memory, which is counted. */
struct yg_hook_event *yg_record_connected(const struct yg_record *record, struct yg_hook *hook,
                                          struct yg_lane *lane, yg_hook_told_fn *told, void *user);
/* What became of that event.  Returns whether the record is to be written again. */
bool yg_record_was_connected(struct yg_record *record, const struct yg_hook_told *told);
/* The lane has had another event: the record stays ahead of its numbers. */
void yg_record_look(struct yg_record *record, const struct yg_lane *lane);

/* stays: Redis has it still, for others or for yg_records_end().  NULL does nothing. */
void yg_record_end(struct yg_record *record, bool stays);

#endif
