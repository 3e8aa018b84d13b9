/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_EVENT_STREAMS_H
#define YG_SERVE_EVENT_STREAMS_H

#include <yodel/sse.h>

#include "serve/visitor.h"
#include "state/socket_state.h"

/* Streams for EventSource: readers of rooms of the namespace "/", and of groups of the same names.
 */

/* A path of the configuration: the user of its handler. */
struct yg_event_path {
    struct yg_state *state;
    const struct yg_events *options; /* of the start */
};

/* Names for one reader, owned. */
struct yg_event_names {
    struct yg_arena arena;
    const char **items;
    size_t num;
};

/* Those of rooms=a,b of the query, at most max.  Returns 0, or the status to refuse with. */
int yg_event_query(yodel_request *req, size_t max, struct yg_event_names *names);
/* Those that a token names, and that of the user's own.  The same. */
int yg_event_of_token(struct yg_state *state, const struct yg_token *token, const char *user,
                      struct yg_event_names *names);

/* Begins to answer req.  Returns 0 or negative, then on_close is not called. */
int yg_event_begin(struct yg_state *state, yodel_request *req, yodel_sse_close_fn *on_close,
                   void *user, yodel_sse **ret_sse);
/* 0 or negative. */
int yg_event_join(struct yg_state *state, yodel_sse *sse, const char *room);
void yg_event_leave(struct yg_state *state, yodel_sse *sse, const char *room);
/* Its client comes back by itself. */
void yg_event_end(yodel_sse *sse);

/* A number for the log, of no other connection. */
uint64_t yg_event_number(const struct yg_state *state);
enum yg_end_reason yg_event_reason(yodel_stream_reason reason);

/*
 * Answers a request that is not let in.  An EventSource takes every status but 200 for final (HTML
 * 9.2.3), so one that may come back, 503, is given a stream that ends at once, with the time to
 * wait.
 */
void yg_event_refuse(yodel_request *req, int status);

/* ---- with a webhook: hooked_events.c ---- */

void yg_hooked_events_answer(const struct yg_event_path *path, yodel_request *req);

#endif
