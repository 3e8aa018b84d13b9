/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_EVENT_H
#define YODEL_SIO_EVENT_H

#include <yodel/sio_namespace.h>

YODEL_C_BEGIN

/* Socket.IO: events that came in, their arguments and answers.  Views and documents live for the
 * handler's call.  Included by yodel/sio.h. */

/* Its name, without escapes. */
YODEL_API yodel_str yodel_sio_event_name(const yodel_sio_event *event) YODEL_LOOP_THREAD;
/* The arguments as JSON array text, placeholders in it where binary stands. */
YODEL_API yodel_str yodel_sio_event_args(const yodel_sio_event *event) YODEL_LOOP_THREAD;
/* How many there are. */
YODEL_API size_t yodel_sio_event_num_args(const yodel_sio_event *event) YODEL_LOOP_THREAD;
/* The i-th argument's JSON text; {NULL, 0} past the last. */
YODEL_API yodel_str yodel_sio_event_arg(const yodel_sio_event *event, size_t i) YODEL_LOOP_THREAD;
/* The arguments as a document, made on first use; borrowed.  Binary is what yodel_sio_binary()
 * makes; other values are as in yodel_request_unpack().  NULL when out of memory. */
YODEL_API json_t *yodel_sio_event_json(yodel_sio_event *event) YODEL_LOOP_THREAD;
/* jansson's unpack format for the arguments one after the other: "s{s:i}", and "y" for binary, with
 * a yodel_bytes *.  Strings, documents of "o" and bytes are borrowed for the handler's call.
 * Returns 0, -ENOMEM or YODEL_ERR_FORMAT: then nothing has been written. */
YODEL_API int yodel_sio_event_unpack(yodel_sio_event *event, const char *format,
                                     ...) YODEL_LOOP_THREAD;
YODEL_API size_t yodel_sio_event_num_attachments(const yodel_sio_event *event) YODEL_LOOP_THREAD;
YODEL_API yodel_bytes yodel_sio_event_attachment(const yodel_sio_event *event,
                                                 size_t i) YODEL_LOOP_THREAD;

/* ---- middleware ---- */

/* Drops an event whose middleware runs: on_error is called with message (UTF-8, copied; NULL: "").
 *     return yodel_sio_event_refuse(event, "only the admin may announce");
 * Returns 0, -ENOMEM, YODEL_ERR_ENCODING, YODEL_ERR_STATE (decided, or no middleware runs). */
YODEL_API int yodel_sio_event_refuse(yodel_sio_event *event, const char *message) YODEL_LOOP_THREAD;

/*
 * The right to decide later, from any thread, whether event passes: see yodel/decision.h.  Called
 * in an event middleware, which then returns YODEL_DEFER.  event is kept, and the socket's later
 * events wait for it, in their order; what waits is bounded by max_payload of the client, above
 * which the client is closed.  When it passes, the rest of the middleware and the handlers are
 * called.  The verbs are yodel_decision_accept() and yodel_decision_refuse(), whose message is for
 * on_error; dropped, and after decide_ms, the event is dropped too, with a message of the
 * library's.
 *
 * Returns a reference, which the caller gives back.  NULL: out of memory, or decided already.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_sio_event_defer(yodel_sio_event *event) YODEL_LOOP_THREAD;

/* ---- what is sent ---- */

/*
 * Arguments as text: json is a JSON array; binary stands in it as
 * {"_placeholder":true,"num":i}, i indexing attachments.  Borrowed for the call.  Made with
 *     YODEL_OPTIONS(yodel_sio_args, .json = YODEL_STR("[1,2]"))
 */
struct yodel_sio_args {
    size_t size;    /* sizeof(yodel_sio_args) */
    yodel_str json; /* empty: no arguments */
    const yodel_bytes *attachments;
    size_t num_attachments; /* at most 10: newer clients refuse more */
};

/* A new reference to the placeholder of attachment i; NULL when out of memory. */
YODEL_API json_t *yodel_sio_binary(size_t i) YODEL_ANY_THREAD;

/* ---- acknowledgements ---- */

/*
 * Answers an event whose client asks for an acknowledgement, with arguments as yodel_sio_emit()
 * takes them ("s", "siy", ""), as text, or as a JSON array (borrowed).  When it did not ask this
 * does nothing and returns 0.  An answer goes out above max_buffered, too: who asks and does not
 * read is not listened to.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_STATE (answered,
 * or yodel_sio_event_ack() has given the right away), YODEL_ERR_CLOSED (the client has left).
 */
YODEL_API int yodel_sio_event_answer(yodel_sio_event *event, const char *format,
                                     ...) YODEL_LOOP_THREAD;
YODEL_API int yodel_sio_event_answer_args(yodel_sio_event *event,
                                          const yodel_sio_args *args) YODEL_LOOP_THREAD;
YODEL_API int yodel_sio_event_answer_json(yodel_sio_event *event,
                                          const json_t *array) YODEL_LOOP_THREAD;

/*
 * The right to answer later, from any thread: see yodel/decision.h.  It has no time limit, for the
 * client has its own; a socket's program may hold max_held_acks of them.  Dropped, the client gets
 * no answer.
 *
 * Returns a reference, which the caller gives back.  NULL: the client did not ask, it was answered
 * or taken already, max_held_acks (counted in acks_refused of yodel_sio_stats), or out of memory.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_sio_event_ack(yodel_sio_event *event) YODEL_LOOP_THREAD;

/* The verbs of such a decision; d NULL does nothing and returns 0.  Arguments are copied.  Return
 * as yodel_sio_event_answer(); -EINVAL: a decision of another kind. */
YODEL_API int yodel_decision_answer(yodel_decision *d, const char *format, ...) YODEL_ANY_THREAD;
YODEL_API int yodel_decision_answer_args(yodel_decision *d,
                                         const yodel_sio_args *args) YODEL_ANY_THREAD;
YODEL_API int yodel_decision_answer_json(yodel_decision *d, const json_t *array) YODEL_ANY_THREAD;

YODEL_C_END

#endif
