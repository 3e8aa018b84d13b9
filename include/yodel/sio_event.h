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

/* The right to answer, when the client asks for an acknowledgement, else NULL.  The first call
 * takes it; it may be kept and must be answered or dropped.  Not taken, it is dropped. */
YODEL_API yodel_sio_ack *yodel_sio_event_ack(yodel_sio_event *event) YODEL_LOOP_THREAD;

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

/* Answers with arguments as yodel_sio_emit() takes them ("s", "siy", ""), and frees
 * ack whatever is returned.  ack NULL is a no-op.  An answer goes out above max_buffered, too: who
 * asks and does not read is not listened to.  Returns 0, -ENOMEM, YODEL_ERR_FORMAT,
 * YODEL_ERR_TOO_BIG (attachments), on the client's loop also YODEL_ERR_CLOSED (it has left). */
YODEL_API int yodel_sio_answer(yodel_sio_ack *ack, const char *format, ...) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_answer_args(yodel_sio_ack *ack,
                                    const yodel_sio_args *args) YODEL_ANY_THREAD;
/* Frees ack unanswered. */
YODEL_API void yodel_sio_ack_drop(yodel_sio_ack *ack) YODEL_ANY_THREAD;

YODEL_C_END

#endif
