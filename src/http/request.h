/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_REQUEST_H
#define YD_HTTP_REQUEST_H

#include "decision/decision.h"
#include "http/http.h"

/*
 * A request as the layers above see it.  Its head and body are its own memory: views of them live
 * until it is over.
 *
 * It is over when its handler has returned, unless it is held; a held one when it is answered or
 * its connection is taken (at once, or when its handler returns if that is still running), or when
 * the client has gone.  Any answer but 101 to a request for WebSocket closes the connection, so
 * that no proxy takes what follows for frames.
 */

struct yd_conn *yd_request_conn(const yodel_request *req);
struct yd_http *yd_request_http(const yodel_request *req);
const struct yd_http_head *yd_request_head(const yodel_request *req);
/* What a field of its query says, whose value stands there as encoded. */
yodel_str yd_request_query_value(yodel_request *req, yodel_str encoded);
/* Whether its answer has begun. */
bool yd_request_is_answered(const yodel_request *req);

/* Whether origin, as of an Origin header of req, is one of those that pattern stands for: as
 * yd_ws_origin_matches(), or YODEL_ORIGIN_SAME_HOST. */
bool yd_request_origin_matches(const yodel_request *req, yodel_str origin, const char *pattern);

/* What the owner of a gate (http/http.h) keeps with a request; NULL at first. */
void *yd_request_mark(const yodel_request *req);
void yd_request_set_mark(yodel_request *req, void *mark);

/* When the latest bytes of a body that is being read came, or its head; as time of the loop, ms. */
uint64_t yd_request_heard_at(const yodel_request *req);

/* What becomes of a held request; a static table of its holder.  Every function may be NULL. */
struct yd_hold {
    /* The client went away: req is over when this returns, nothing else will be called. */
    void (*gone)(yodel_request *req, void *user);
    /* limit_ms have passed.  It may answer or take; a request that is still held afterwards is
     * answered 503 (gone is not called). */
    void (*late)(yodel_request *req, void *user);
    /* The output has emptied after yd_conn_want_drain(). */
    void (*drained)(yodel_request *req, void *user);
    /* The server stops. */
    void (*stop)(yodel_request *req, void *user);
    /* A peer that has ended its output but still reads is not gone. */
    bool half_open;
};

/*
 * Keeps req after its handler returns.  limit_ms: 0 for no limit.  Holding it again replaces hold,
 * user and limit, unless its answer has begun.  Returns 0 or YODEL_ERR_STATE (answered already).
 */
int yd_request_hold(yodel_request *req, const struct yd_hold *hold, void *user, uint32_t limit_ms);

/* Runs fn as if it were the handler of req, which is held and is so no longer. */
void yd_request_resume(yodel_request *req, yodel_http_fn *fn, void *user);

/* The request that is held with that table on the connection of an id; NULL for none. */
yodel_request *yd_request_held(struct yd_net *net, uint64_t id, const struct yd_hold *hold);
/* The user of a held request's hold. */
void *yd_request_holder(const yodel_request *req);

/*
 * Moves req, of whose body nothing has been read, with its connection to another loop of the
 * server, where it is handled anew, by its route.  Called by its handler or gate; req is over when
 * that returns.  Returns 0, -ENOMEM, YODEL_ERR_CLOSED, or YODEL_ERR_STATE (it was answered).
 */
int yd_request_move(yodel_request *req, struct yd_net *to);

/*
 * Takes the connection away from HTTP, unanswered: the caller sets its events at once and writes
 * what it wants.  No timeout is running.  Input not used yet goes to the new events.
 * req is over (see above).
 */
struct yd_conn *yd_request_take(yodel_request *req);

/* Answers with an error's usual plain text, "404 Not Found\n"; why (static text, may be NULL) is
 * added as in "400 Bad Request: two Host headers\n".  Like yodel_request_respond(). */
int yd_request_fail(yodel_request *req, int status, const char *why, const yodel_header *headers,
                    size_t num_headers);

/* What yodel_request_respond() checks first.  Returns 0, -EINVAL or YODEL_ERR_OPTIONS.  Any thread.
 */
int yd_response_check(const yodel_response *response);

/* True of the final statuses that refuse a handshake: neither 1xx and 101, which go on with it, nor
 * 2xx, which would say that what was asked for is there. */
static inline bool yd_status_refuses(int status)
{
    return status >= 300 && status <= 599;
}

/* ---- decided later ---- */

/*
 * From now on yodel_request_defer() makes decisions with ops on subject, and does not hold req:
 * that is the caller's.  The decision is settled when req is answered or taken, and ends when the
 * client has gone or the limit of its hold has passed.
 */
void yd_request_set_deferral(yodel_request *req, const struct yd_decision_ops *ops, void *subject);

/* Whether req was deferred, and the decision is not settled yet. */
bool yd_request_is_deferred(const yodel_request *req);
/* Decides ahead of the program, for what cannot fail.  Returns 0, also when nothing was deferred,
 * or YODEL_ERR_STATE: a verdict is on its way to this loop. */
int yd_request_take_decision(yodel_request *req);
/* The same, but a verdict that is on its way is for nothing. */
void yd_request_override_decision(yodel_request *req);
/* The client went away. */
bool yd_request_is_gone(const yodel_request *req);
/* As yd_decision_claim() and so on. */
int yd_request_claim(yodel_request *req);
void yd_request_unclaim(yodel_request *req);

/* yd_decision_ops.check for responses. */
int yd_verdict_check_response(const struct yd_verdict *verdict);
/* The response for a verdict of YD_REFUSE, borrowed from it. */
yodel_response yd_verdict_refusal(const struct yd_verdict *verdict);

#endif
