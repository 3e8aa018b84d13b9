/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ANSWER_CODEC_H
#define YD_SIO_ANSWER_CODEC_H

#include <stdbool.h>
#include <yodel/base.h>

#include "base/buf.h"

/* Answers that another process has gathered, as bytes. */

struct yd_sio_answers {
    int result;         /* 0, or what went wrong */
    bool lists;         /* each element is an array of the arguments of one; else its first */
    yodel_str elements; /* JSON values with commas between them */
    const yodel_bytes *attachments;
    uint32_t num_attachments;
};

/* The first of arguments (JSON values with commas between them), "null" when there is none. */
yodel_str yd_sio_first_argument(yodel_str args);

/* Appends them.  Returns 0 or -ENOMEM; buf is then of no use. */
int yd_sio_answers_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_sio_answers *answers);

/* What was read, with what it is a view of. */
struct yd_sio_answers_read {
    struct yd_sio_answers answers;
    struct yd_buf text;
    yodel_bytes *views;
};

/* Reads them, in the form that is wanted: of arrays the first element is taken, a first argument is
 * made an array.  Returns 0 with *ret_read, which must be done; -ENOMEM; YODEL_ERR_PROTOCOL. */
int yd_sio_answers_get(const struct yodel_allocator *mem, yodel_bytes bytes, bool lists,
                       struct yd_sio_answers_read *ret_read);
void yd_sio_answers_read_done(struct yd_sio_answers_read *read, const struct yodel_allocator *mem);

#endif
