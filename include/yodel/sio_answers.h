/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_ANSWERS_H
#define YODEL_SIO_ANSWERS_H

#include <yodel/sio_emit.h>

YODEL_C_BEGIN

/* Socket.IO: emits that are acknowledged.  Included by yodel/sio.h. */

/*
 * The answers to an emit: told exactly once, on a loop's thread, and borrowed for the call.
 *
 * result     0, or why the answers are not complete: -ETIMEDOUT (some clients did not answer in
 *            time), YODEL_ERR_CLOSED (one left, or a loop has ended), YODEL_ERR_CONGESTED (one
 *            could not be sent to), YODEL_ERR_TOO_BIG (answers above max_answers are left out),
 *            YODEL_ERR_UNSUPPORTED (another process cannot answer), -ENOMEM (one, or all, are left
 *            out)
 * missing    how many clients, loops and processes did not answer
 * json       JSON array: of one client the arguments it answered with; of a broadcast the first
 *            argument of each answer, in the order they came.  With YODEL_SIO_ALL_ARGUMENTS an
 *            array of arrays: of each answer all arguments
 * attachments  of binary in them
 */
typedef struct yodel_sio_answers {
    size_t size; /* set by the library */
    int result;
    unsigned missing;
    yodel_str json;
    const yodel_bytes *attachments;
    size_t num_attachments;
    void **internal; /* the library's */
} yodel_sio_answers;
typedef void(yodel_sio_answers_fn)(const yodel_sio_answers *answers, void *user);

/*
 * The answers as a document, an array, made on first use.
 *
 * answers   of the call of a yodel_sio_answers_fn
 *
 * Returns it, borrowed for that call; NULL when out of memory.
 */
YODEL_API json_t *yodel_sio_answers_json(const yodel_sio_answers *answers) YODEL_LOOP_THREAD;

/*
 * Reads the answers as yodel_sio_event_unpack() reads arguments: "si".
 *
 * answers   as for yodel_sio_answers_json()
 * format    a value for each element, and a pointer for each; "y" for binary
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT (other answers, or fewer): then nothing has been written.
 */
YODEL_API int yodel_sio_answers_unpack(const yodel_sio_answers *answers, const char *format,
                                       ...) YODEL_LOOP_THREAD;

/*
 * Emits as yodel_sio_emit_args() does, and asks for acknowledgements; of a parent all its children.
 *
 * target     as for yodel_sio_emit(); its time limit is that of the answers
 * event      as for yodel_sio_emit()
 * args       as for yodel_sio_emit_args()
 * answered   called exactly once, if this succeeds
 *
 * Returns as yodel_sio_emit_args(), to one socket also YODEL_ERR_TOO_BIG (max_acks); on failure
 * answered is not called.
 */
YODEL_API int yodel_sio_emit_ack(yodel_sio_target target, const char *event,
                                 const yodel_sio_args *args, yodel_sio_answers_fn *answered,
                                 void *user) YODEL_ANY_THREAD;

/*
 * The same with arguments as yodel_sio_emit() takes them.
 *
 * target     as for yodel_sio_emit_ack()
 * event      as for yodel_sio_emit()
 * answered   as for yodel_sio_emit_ack()
 * format     as for yodel_sio_emit()
 *
 * Returns as yodel_sio_emit_ack(), or YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_sio_emit_ack_pack(yodel_sio_target target, const char *event,
                                      yodel_sio_answers_fn *answered, void *user,
                                      const char *format, ...) YODEL_ANY_THREAD;

YODEL_C_END

#endif
