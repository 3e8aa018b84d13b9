/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_INTERNAL_H
#define YD_HTTP_INTERNAL_H

#include "base/buf.h"
#include "decision/decision.h"
#include "http/arena.h"
#include "http/request.h"
#include "http/router.h"
#include "proto/forwarded.h"

/* Between the files of this layer. */

struct json_t;

/* HTTP on one connection: reads a request, has it answered, goes on with the next. */
struct yd_http_conn {
    struct yd_conn *conn;
    struct yd_http *http;
    struct yd_http_scan scan; /* of the head that is coming in */
    yodel_request *req;       /* being read or answered; NULL between requests */
    int16_t error;            /* why it was lost: -errno; 0: by ourselves */
    bool begun : 1;           /* a byte of the next head has come */
    bool served : 1;          /* a request has been answered on this connection */
    bool stopping : 1;        /* no request after this one */
    bool delivering : 1;      /* inside on_data, which goes on with the next request by itself */
    bool taken : 1;           /* the connection is no longer HTTP's */
};

/* A body on its way to the program in parts. */
struct yd_body_reader {
    struct yd_mail task;
    const struct yodel_allocator *mem;
    yodel_request *req; /* NULL: over, and its task frees this */
    yodel_body_data_fn *on_data;
    yodel_body_end_fn *on_end;
    void *user;
    uint64_t max;
    uint32_t limit_ms;
    bool queued : 1;
    bool paused : 1;
    bool has_whole : 1; /* the body was read ahead, and is still to be given */
    bool too_big : 1;   /* it says so itself: on_end is owed, and nothing of it is given */
    bool told : 1;      /* on_end was called: nothing is called any more */
};

/* A field of the query that was asked for, in the arena. */
struct yd_decoded {
    struct yd_decoded *next;
    const char *encoded;
    yodel_str value;
};

struct yodel_request {
    _Alignas(16) uint8_t room[96]; /* the arena's first: enough for a parameter or two */
    struct yd_http_conn *hc;
    struct yd_http_head head;
    struct yd_arena arena;
    struct yd_decoded *decoded;
    size_t head_len;   /* bytes of its head, from the method on */
    yodel_http_fn *fn; /* who answers it */
    void *user;
    const struct yd_param *params;
    size_t num_params;
    const char *file;                /* below the mount that answers it; decoded */
    void *mark;                      /* of the gate's owner */
    const struct yd_http_gate *gate; /* let it through, and the handler has not run; NULL: none */
    struct yd_body_rule rule;
    struct yd_buf body;
    struct yd_body_reader *reader; /* NULL: the program has not asked for the body in parts */
    uint64_t received;             /* bytes of the body's content */
    uint64_t heard_at;             /* when bytes of it came last; ms */
    struct yd_http_chunked chunked;
    struct json_t *json; /* the body, once it was asked for as such */
    const struct yd_hold *hold;
    void *hold_user;
    uint32_t hold_ms;         /* its limit, which does not run while the body is read in parts */
    yodel_decision *decision; /* that was deferred; NULL: none, or made */
    const struct yd_decision_ops *ops; /* of such a decision; NULL: a plain request's */
    void *subject;
    char peer[YD_PEER_SIZE];
    struct yd_forwarded forwarded; /* what proxies say; zero where none is trusted */
    bool websocket : 1;            /* asks for an upgrade to WebSocket */
    bool read : 1;                 /* the body is all there */
    bool has_more : 1;             /* some of the body came with the head */
    bool running : 1;              /* inside its handler: nobody but who called that may free it */
    bool held : 1;
    bool answered : 1; /* the head of the answer is queued */
    bool whole : 1;    /* all of the answer is */
    bool gone : 1;     /* the client is */
    bool closes : 1;   /* the connection closes after the answer */
    bool proxied : 1;  /* forwarded counts */
};

/* Its fields and the bytes that they are views of lie after it. */
int yd_request_new(struct yd_http_conn *hc, const uint8_t *data, size_t len,
                   yodel_request **ret_req);
void yd_request_free(yodel_request *req);

/* ---- answers (http_check.c, http_answer.c) ---- */

#define YD_TEXT_TYPE "text/plain; charset=utf-8"

/* True when all may be sent in an answer. */
bool yd_headers_are_valid(const yodel_header *headers, size_t num);

/* As yd_response_check(), and what the caller knows of it. */
int yd_response_read(const yodel_response *response, yodel_response *ret_known);

/* How the client knows where the content ends. */
enum yd_framing {
    YD_FRAMED_BY_LENGTH = 0,
    YD_FRAMED_BY_CHUNKS,
    YD_FRAMED_BY_CLOSE,
    YD_FRAMED_BY_NOTHING /* it has none, and nothing is said of its length */
};

struct yd_answer {
    int status;
    const char *content_type; /* may be NULL */
    uint64_t length;          /* of the content, for Content-Length */
    enum yd_framing framing;
    bool says_empty;  /* Content-Length: 0 though RFC 9110 8.6 has none on a 204 */
    yodel_bytes body; /* what of it is sent with the head */
    const yodel_header *headers;
    size_t num_headers;
};

/* Queues an answer as it is given, but for the body of one to HEAD.  length may be more than body
 * has: the caller then sends the rest and calls yd_request_end().  Results of
 * yodel_request_respond(). */
int yd_request_answer(yodel_request *req, const struct yd_answer *answer);

/* Tells a client that waits for it to send the body, unless it has begun to.  Results of
 * yd_conn_write(). */
int yd_request_invite(yodel_request *req);

/* yd_request_fail() without its check and its end. */
int yd_request_answer_error(yodel_request *req, int status, const char *why,
                            const yodel_header *headers, size_t num_headers);

/* Queues an error's answer to what is no request, and closes. */
void yd_http_refuse(struct yd_conn *conn, const struct yd_http *http, int status, const char *why,
                    const yodel_header *headers, size_t num_headers);

/* ---- the course of a request (course.c) ---- */

/* Asks the gate ahead of req's handler, if there is one.  True when the body is to be read; else
 * req is over. */
bool yd_request_pass_gate(yodel_request *req);

/* Runs req->fn and looks what it has done; req may be over then. */
void yd_request_run(yodel_request *req);

/* After a call of a handler or holder, which is not inside another: req is over, or kept, or, when
 * nobody answers it, answered with status.  req may be over then. */
void yd_request_settle(yodel_request *req, int status, const char *why);
/* Logs that a handler gave no answer. */
void yd_request_warn(const yodel_request *req);
/* Its answer is whole, and no handler runs: goes on with the connection. */
void yd_request_be_over(yodel_request *req);

/* The answer is whole: the request is over, the connection closes or goes on. */
void yd_request_end(yodel_request *req);

/* The client went away before the answer was whole. */
void yd_request_lose(yodel_request *req);

/* Answers that cannot be given otherwise: an error's text or, when that fails too, no connection.
 */
void yd_request_refuse(yodel_request *req, int status, const char *why);

/* The connection has been taken, or is gone. */
void yd_http_conn_free(struct yd_http_conn *hc);

/* Goes on with input that was left, unless the peer has much output to read first. */
void yd_http_conn_go_on(struct yd_http_conn *hc);

/* The time limit of a held request has passed. */
void yd_request_be_late(yodel_request *req);

/* ---- who asks (request_client.c) ---- */

/* Looks what proxies say of the client, and counts the request for it.  False when that one has too
 * many: req is to be run, and answers so. */
bool yd_request_find_client(yodel_request *req);
/* The request is over: the connection is its proxy's again. */
void yd_request_leave_client(yodel_request *req);

/* ---- heads to handlers (dispatch.c) ---- */

/* Sets who answers req.  Returns true when that one wants the body first. */
bool yd_http_dispatch(yodel_request *req);

/* ---- bodies (body.c) ---- */

/* Gets ready to read what the head announced. */
void yd_body_begin(yodel_request *req);
/* Takes data; returns the bytes used.  The request is run, or refused, when the body is whole, or
 * cannot be. */
size_t yd_body_take(yodel_request *req, uint8_t *data, size_t len);
/* It has not come in time. */
void yd_body_be_slow(yodel_request *req);

/* ---- bodies in parts (body_read.c) ---- */

/* The program reads it, and has not been told its end. */
static inline bool yd_body_is_read(const yodel_request *req)
{
    return req->reader != NULL && !req->reader->told;
}

/* As yd_body_take(), for a body that is or was read in parts: what nobody wants is dropped. */
size_t yd_body_give(yodel_request *req, uint8_t *data, size_t len);
/* Nothing of it has come in time. */
void yd_body_be_late(yodel_request *req);
/* on_end, if it is owed: req is about to be over, by an answer or because the client has gone. */
void yd_body_cancel(yodel_request *req);
/* The answer is whole; on_end and the end of req come in a task.  False when no on_end is owed. */
bool yd_body_end_later(yodel_request *req);

/* A request is refused with status: counts those that limits are for. */
static inline void yd_http_count_refusal(const struct yd_http_conn *hc, int status)
{
    struct yd_counters *counters = &yd_conn_loop(hc->conn)->counters;

    if (status == 408)
        yd_count(&counters->requests_late, 1);
    else if (status == 413 || status == 414 || status == 431)
        yd_count(&counters->requests_too_big, 1);
}

/* The events of a connection that speaks HTTP. */
extern const struct yd_conn_events yd_http_events;

#endif
