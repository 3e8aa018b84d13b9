/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_EMIT_H
#define YD_SIO_EMIT_H

#include "sio/news.h"
#include "sio/operation.h"
#include "sio/socket.h"

/* Events that go out. */

struct yd_sio_gather;

/* Gives news to a socket, now.  Handlers, what is remembered, and the wire see events in one order:
 * watchers may emit too.  gather: of an event that is acknowledged.  Returns 0, -ENOMEM,
 * YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED, YODEL_ERR_TOO_BIG (acknowledgements). */
int yd_sio_give(yodel_sio_socket *socket, const struct yd_sio_news *news,
                struct yd_sio_gather *gather);

/* Whether an event may have that name.  Returns 0, YODEL_ERR_NAME, YODEL_ERR_ENCODING. */
int yd_sio_words_check(const struct yd_sio_words *words);

/* Emits words to target, which has been checked.  Returns as yodel_sio_emit(). */
int yd_sio_emit(const yodel_sio_target *target, const struct yd_sio_words *words);
/* The same, and tells how many got it.  When it fails counted is not called. */
int yd_sio_emit_counted(const yodel_sio_target *target, const struct yd_sio_words *words,
                        yodel_sio_count_fn *counted, void *user);
/* The same, to be acknowledged.  When it fails answered is not called. */
int yd_sio_ask(const yodel_sio_target *target, const struct yd_sio_words *words,
               yodel_sio_answers_fn *answered, void *user);

/* YD_SIO_OP_EMIT: carries it out on a loop; gives back what it has besides. */
void yd_sio_emit_apply(struct yd_sio_op *op, struct yd_loop *loop);
void yd_sio_emit_release(struct yd_sio_op *op);
/* Ahead of sending one whose news have kept their words: has it reach readers, if there are any. */
void yd_sio_emit_prepare_readers(struct yd_sio_emit_op *op);

#endif
