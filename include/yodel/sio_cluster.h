/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_CLUSTER_H
#define YODEL_SIO_CLUSTER_H

#include <yodel/sio_answers.h>

YODEL_C_BEGIN

/* Socket.IO: events from server to server, among all that share a namespace through an adapter (see
 * yodel/sio_redis.h).  Clients do not see them.  Included by yodel/sio.h. */

/* ---- sending ---- */

/*
 * Emits an event to the other servers: their on_server_event of this namespace is called, on node
 * the listeners of the namespace itself.  Not to this one.  Without an adapter, and without other
 * servers, nobody gets it.
 *     yodel_sio_server_side_emit(ns, "reload", "si", "config", 3);
 *
 * ns       no parent
 * event    UTF-8, not one of the reserved names; copied
 * format   arguments as yodel_sio_emit() takes them
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_NAME, YODEL_ERR_ENCODING, YODEL_ERR_TOO_BIG
 * (attachments), YODEL_ERR_UNSUPPORTED (a parent).
 */
YODEL_API int yodel_sio_server_side_emit(yodel_sio_namespace *ns, const char *event,
                                         const char *format, ...) YODEL_ANY_THREAD;

/*
 * The same with arguments as text.
 *
 * ns      as for yodel_sio_server_side_emit()
 * event   as for yodel_sio_server_side_emit()
 * args    copied; NULL: none
 *
 * Returns as yodel_sio_server_side_emit(), or -EINVAL, YODEL_ERR_OPTIONS (its size).
 */
YODEL_API int yodel_sio_server_side_emit_args(yodel_sio_namespace *ns, const char *event,
                                              const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * The same, asking each server for an answer.  The answers are the first argument of each; missing
 * counts the servers that gave none in time.  Without others there are none, and it is complete.
 *
 * ns           as for yodel_sio_server_side_emit()
 * event        as for yodel_sio_server_side_emit()
 * args         as for yodel_sio_server_side_emit_args()
 * timeout_ms   0: 5000
 * answered     called exactly once, on a loop's thread, if this succeeds
 *
 * Returns as yodel_sio_server_side_emit_args(); on failure answered is not called.
 */
YODEL_API int yodel_sio_server_side_emit_ack(yodel_sio_namespace *ns, const char *event,
                                             const yodel_sio_args *args, uint32_t timeout_ms,
                                             yodel_sio_answers_fn *answered,
                                             void *user) YODEL_ANY_THREAD;

/* ---- what comes ---- */

/*
 * The name of an event of another server.
 *
 * event   of the call of on_server_event, here and below
 *
 * Returns a view for that call.
 */
YODEL_API yodel_str yodel_sio_server_event_name(const yodel_sio_server_event *event)
    YODEL_LOOP_THREAD;

/*
 * Its arguments: a JSON array as text, and attachments.
 *
 * Returns a struct of views for the call, to be passed on to yodel_sio_emit_args() say.
 */
YODEL_API const yodel_sio_args *
yodel_sio_server_event_args(const yodel_sio_server_event *event) YODEL_LOOP_THREAD;

/*
 * Its arguments as a document, an array, made on first use.
 *
 * Returns it, borrowed for the call; NULL when out of memory.
 */
YODEL_API json_t *yodel_sio_server_event_json(yodel_sio_server_event *event) YODEL_LOOP_THREAD;

/*
 * Reads its arguments as yodel_sio_event_unpack() does.
 *
 * format   a value for each argument wanted, and a pointer for each
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT: then nothing has been written.
 */
YODEL_API int yodel_sio_server_event_unpack(yodel_sio_server_event *event, const char *format,
                                            ...) YODEL_LOOP_THREAD;

/* The right to answer such an event; counted. */
typedef struct yodel_sio_server_ack yodel_sio_server_ack;

/*
 * The right to answer, now or later, from any thread.  When the last reference is given back
 * without an answer the sender gets none, and waits for its time limit.
 *
 * Returns a reference, for yodel_sio_server_ack_unref().  NULL: no answer is wanted, this was
 * called before, max_held_acks of the service are held (counted in acks_refused), or out of memory.
 */
YODEL_API YODEL_CHECK_RESULT yodel_sio_server_ack *
yodel_sio_server_event_ack(yodel_sio_server_event *event) YODEL_LOOP_THREAD;

/*
 * Answers, once.  The reference is still to be given back.
 *
 * ack      NULL does nothing and returns 0, as no answer is wanted
 * format   arguments as yodel_sio_emit() takes them; the sender gets the first of them, or null
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_STATE (answered
 * before).
 */
YODEL_API int yodel_sio_server_ack_answer(yodel_sio_server_ack *ack, const char *format,
                                          ...) YODEL_ANY_THREAD;

/*
 * The same with arguments as text.
 *
 * ack    as for yodel_sio_server_ack_answer()
 * args   copied; NULL: none
 *
 * Returns as yodel_sio_server_ack_answer(), or -EINVAL, YODEL_ERR_OPTIONS.
 */
YODEL_API int yodel_sio_server_ack_answer_args(yodel_sio_server_ack *ack,
                                               const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * One more reference.
 *
 * ack   not NULL
 *
 * Returns ack.
 */
YODEL_API yodel_sio_server_ack *
yodel_sio_server_ack_ref(yodel_sio_server_ack *ack) YODEL_ANY_THREAD;

/*
 * Gives a reference back; also after the server has stopped.
 *
 * ack   NULL does nothing
 *
 * Returns NULL, always.
 */
YODEL_API yodel_sio_server_ack *
yodel_sio_server_ack_unref(yodel_sio_server_ack *ack) YODEL_ANY_THREAD;

YODEL_C_END

#endif
