/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ENCODE_H
#define YD_SIO_ENCODE_H

#include <stdarg.h>
#include <yodel/sio.h>

#include "base/msg.h"
#include "proto/sio_packet.h"

/* From arguments to messages; any thread. */

/* Messages of one packet: its text, then its attachments. */
#define YD_SIO_MAX_MSGS (1 + YD_SIO_MAX_ATTACHMENTS)

/* A packet as messages, references to them. */
struct yd_sio_out {
    struct yd_msg *msgs[YD_SIO_MAX_MSGS];
    size_t num;
};

/* Encodes output and its attachments.  Returns 0, -ENOMEM, YODEL_ERR_*. */
int yd_sio_encode_out(const struct yodel_allocator *mem, yodel_sio_parser parser,
                      const struct yd_sio_output *output, const yodel_bytes *attachments,
                      struct yd_sio_out *ret_out);
void yd_sio_out_unref(struct yd_sio_out *out);

/* Arguments that were made by a packed format, or one of its like. */
struct yd_sio_packed {
    struct yd_buf text;
    yodel_str elements; /* of text: values with commas between them */
    size_t num_attachments;
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS]; /* views of what the caller gave */
};

/* Makes values of jansson's packed format, one after the other; "y" is binary.  packed need not be
 * initialised, and is done also on failure.  Returns 0, -ENOMEM, YODEL_ERR_FORMAT,
 * YODEL_ERR_TOO_BIG (attachments). */
int yd_sio_pack(struct yd_sio_packed *packed, const struct yodel_allocator *mem, const char *format,
                va_list args);
/* The same of one text; also YODEL_ERR_ENCODING. */
int yd_sio_pack_text(struct yd_sio_packed *packed, const struct yodel_allocator *mem,
                     yodel_str text);
/* The same of the elements of an array. */
int yd_sio_pack_document(struct yd_sio_packed *packed, const struct yodel_allocator *mem,
                         const json_t *array);
/* The same of binary alone; cannot fail. */
void yd_sio_pack_bytes(struct yd_sio_packed *packed, yodel_bytes data);
void yd_sio_packed_done(struct yd_sio_packed *packed, const struct yodel_allocator *mem);

/* Reads a caller's arguments, which may be NULL for none, and their elements, checked.  Returns 0,
 * -EINVAL, YODEL_ERR_OPTIONS (size), YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG. */
int yd_sio_read_args(const yodel_sio_args *given, yodel_sio_args *ret_args,
                     yodel_str *ret_elements);
/* The same of the library's own.  Returns 0, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG. */
int yd_sio_check_args(const yodel_sio_args *args, yodel_str *ret_elements);

#endif
