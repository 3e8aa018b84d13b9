/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_EVENT_H
#define YODEL_SIO_EVENT_H

#include <yodel/sio_namespace.h>

YODEL_C_BEGIN

/* Socket.IO: events that came in, their arguments and answers.  Views and documents live for the
 * handler's call.  Included by yodel/sio.h. */

/*
 * The name of an event: what the client emitted, JSON escapes undone.
 *
 * event   of the handler's or middleware's call, here and below
 *
 * Returns a view; may be any UTF-8, also empty.
 */
YODEL_API yodel_str yodel_sio_event_name(const yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * All arguments as JSON text, for a parser of the program's own.
 *
 * Returns a view of an array, "[]" without arguments; where binary stands it has placeholders,
 * whose "num" is the index of the attachment.
 */
YODEL_API yodel_str yodel_sio_event_args(const yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * How many arguments there are, the name not counted.
 *
 * Returns 0 or more.
 */
YODEL_API size_t yodel_sio_event_num_args(const yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * One argument as JSON text, without reading the others: a string has its quotes and escapes.
 *
 * i   which, from 0
 *
 * Returns a view; {NULL, 0} past the last.
 */
YODEL_API yodel_str yodel_sio_event_arg(const yodel_sio_event *event, size_t i) YODEL_LOOP_THREAD;

/*
 * The arguments as a document of jansson's, an array, made on the first call.  Binary is what
 * yodel_sio_binary() makes; other values are as in yodel_request_unpack().
 *
 * Returns it, borrowed for the handler's call; json_incref() keeps it on this thread.  NULL when
 * out of memory.
 */
YODEL_API json_t *yodel_sio_event_json(yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * Reads the arguments, one after the other, with jansson's unpack format:
 *     yodel_sio_event_unpack(event, "s{s:i}", &name, "age", &age);
 *
 * format   as many values as are wanted, and a pointer for each; "y" is binary, with a pointer to
 *          a yodel_bytes.  Strings, documents of "o" and bytes are borrowed for the handler's call
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (fewer arguments, or others): then nothing has been
 * written.
 */
YODEL_API int yodel_sio_event_unpack(yodel_sio_event *event, const char *format,
                                     ...) YODEL_LOOP_THREAD;

/*
 * How many binary attachments came with an event.
 *
 * Returns 0 or more.
 */
YODEL_API size_t yodel_sio_event_num_attachments(const yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * One attachment, as its placeholder's "num" names it.
 *
 * i   which, from 0
 *
 * Returns the bytes, borrowed for the handler's call; {NULL, 0} past the last.
 */
YODEL_API yodel_bytes yodel_sio_event_attachment(const yodel_sio_event *event,
                                                 size_t i) YODEL_LOOP_THREAD;

/* ---- middleware ---- */

/*
 * Drops an event whose middleware runs: its handlers are not called, on_error of the namespace is.
 * The client is told nothing; a handler of on_error may emit to it.
 *     return yodel_sio_event_refuse(event, "only the admin may announce");
 *
 * message   UTF-8, copied; NULL: ""
 *
 * Returns 0, -ENOMEM, YODEL_ERR_ENCODING, or YODEL_ERR_STATE (decided, or no middleware runs).
 */
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

/*
 * The placeholder of an attachment, to stand in a document of jansson's.
 *
 * i   which attachment, from 0
 *
 * Returns a new reference, for json_decref(); NULL when out of memory.
 */
YODEL_API json_t *yodel_sio_binary(size_t i) YODEL_ANY_THREAD;

/* ---- acknowledgements ---- */

/*
 * Answers an event whose client asks for an acknowledgement.  When it did not ask this does nothing
 * and returns 0.  An answer goes out above max_buffered, too: who asks and does not read is not
 * listened to.
 *
 * format   arguments as yodel_sio_emit() takes them: "s", "siy", ""
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_STATE (answered,
 * or yodel_sio_event_ack() has given the right away), YODEL_ERR_CLOSED (the client has left). After
 * a failure but those last two it may be answered still.
 */
YODEL_API int yodel_sio_event_answer(yodel_sio_event *event, const char *format,
                                     ...) YODEL_LOOP_THREAD;

/*
 * The same with arguments as text.
 *
 * args   copied; NULL: none
 *
 * Returns as yodel_sio_event_answer(), or -EINVAL, YODEL_ERR_OPTIONS (the size of args).
 */
YODEL_API int yodel_sio_event_answer_args(yodel_sio_event *event,
                                          const yodel_sio_args *args) YODEL_LOOP_THREAD;

/*
 * The same with a document of jansson's.
 *
 * array   borrowed; its elements are the arguments.  YODEL_ERR_FORMAT when it is no array
 *
 * Returns as yodel_sio_event_answer().
 */
YODEL_API int yodel_sio_event_answer_json(yodel_sio_event *event,
                                          const json_t *array) YODEL_LOOP_THREAD;

/*
 * The right to answer later, from any thread: see yodel/decision.h.  It has no time limit, for the
 * client has its own; a socket's program may hold max_held_acks of them.  Dropped, the client gets
 * no answer.  It ends when the client is lost, and a client that comes back (recovery_ms) is not
 * answered any more: with its connection it has given up what it waited for, as with the
 * JavaScript server.
 *
 * Returns a reference, which the caller gives back.  NULL: the client did not ask, it was answered
 * or taken already, max_held_acks (counted in acks_refused of yodel_sio_stats), or out of memory.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_sio_event_ack(yodel_sio_event *event) YODEL_LOOP_THREAD;

/*
 * Answers by such a decision, as yodel_sio_event_answer() does; the reference is still to be given
 * back.  On the loop of the socket it is sent inside this call, from another thread it is on its
 * way.
 *
 * d        of yodel_sio_event_ack(), else -EINVAL; NULL does nothing and returns 0, as the client
 *          did not ask
 * format   as for yodel_sio_emit()
 *
 * Returns as yodel_sio_event_answer(), and YODEL_ERR_CLOSED when the server has stopped.
 */
YODEL_API int yodel_decision_answer(yodel_decision *d, const char *format, ...) YODEL_ANY_THREAD;

/*
 * The same with arguments as text.
 *
 * d      as for yodel_decision_answer()
 * args   copied; NULL: none
 *
 * Returns as yodel_sio_event_answer_args(), or -EINVAL (another kind of decision).
 */
YODEL_API int yodel_decision_answer_args(yodel_decision *d,
                                         const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * The same with a document of jansson's.
 *
 * d       as for yodel_decision_answer()
 * array   as for yodel_sio_event_answer_json()
 *
 * Returns as yodel_decision_answer().
 */
YODEL_API int yodel_decision_answer_json(yodel_decision *d, const json_t *array) YODEL_ANY_THREAD;

YODEL_C_END

#endif
