/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_HTTP_H
#define YP_ASGI_HTTP_H

#include "asgi_headers.h"
#include "exchange.h"

/*
 * One HTTP request of an ASGI application: what its receive() and send() are bound to.  Between the
 * files of it (asgi_http*.c) and the server (asgi.c).
 *
 * Its parts end one by one, and each holds a reference to the object until then: the answer
 * (ANSWER), the body (BODY), and the application's task.
 */

/* What send() expects next. */
enum yp_http_stage {
    YP_HTTP_START = 0, /* http.response.start */
    YP_HTTP_FIRST,     /* the head is kept: the first part of the content decides its form */
    YP_HTTP_PARTS,     /* it is streamed */
    YP_HTTP_COMPLETE   /* nothing */
};

/* The head of an answer, as the application has given it, until it is sent. */
struct yp_http_head {
    int status;
    int has_length;
    uint64_t length; /* Content-Length */
    struct yp_headers headers;
};

/* What has come of the body, and not been received. */
struct yp_http_inbox {
    PyObject *pending; /* bytes; NULL: none */
    uint64_t left;     /* to come; UINT64_MAX: not known */
    uint8_t is_asked;  /* the library has been told to read it */
    uint8_t is_paused;
    uint8_t is_whole; /* no more will come */
    uint8_t is_told;  /* the application has received the last of it */
};

struct yp_http {
    struct yp_exchange exchange; /* first */
    yodel_request *req;          /* NULL: over */
    yodel_decision *decision;    /* a reference, until the answer is over */
    yodel_stream *stream;        /* until its on_close; NULL: none */
    enum yp_http_stage stage;
    uint8_t is_gone;    /* the client; or nothing of the application's reaches it any more */
    uint8_t has_answer; /* the answer is not over: the library has a reference to this */
    uint8_t reads_body; /* the body is not over: another */
    struct yp_http_inbox inbox;
    struct yp_http_head head;
    yodel_timer patience; /* runs while the head is kept */
    struct yp_waiters receivers;
    struct yp_waiters senders;
};

/* ---- asgi_http.c ---- */

/*
 * Routes all requests of a server to its application.
 *
 * options   the server's: limit_request_body, access_log
 *
 * Returns 0, or -1 with an exception.
 */
int yp_http_route(struct yp_asgi *asgi, PyObject *options);

/* The answer, or the body, is over: the library does not use the object for it any more. */
void yp_http_answer_over(struct yp_http *self);
void yp_http_body_over(struct yp_http *self);

/* The client has gone, or is told nothing more of the application's: all who wait hear of it. */
void yp_http_be_gone(struct yp_http *self);

yp_part_fn yp_asgi_http_part;

/* ---- asgi_http_body.c ---- */

/* Looks what the head says of a body. */
void yp_http_body_init(struct yp_http *self);

/* Python: receive() -> awaitable; the exchange is self. */
PyObject *yp_http_receive(PyObject *self, PyObject *unused);

/* ---- asgi_http_answer.c ---- */

/* yodel_timer_fn; user is the struct yp_http: the content is late, so the head goes alone. */
void yp_http_be_patient_no_more(yodel_timer *timer, void *user);

/* Python: send(message) -> awaitable; the exchange is self. */
PyObject *yp_http_send(PyObject *self, PyObject *message);

/*
 * Answers with a short text, in place of the application, and closes.
 *
 * Returns 1, or 0 when that cannot be: it has been answered, or the client has gone.
 */
int yp_http_answer_text(struct yp_http *self, int status, const char *text);

/* Cuts off an answer that has begun and is not whole. */
void yp_http_cut(struct yp_http *self);

#endif
