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

/* Appends jansson's packed format for values one after the other to text, which must be empty, and
 * sets *ret_elements to it: values with commas between them.  Returns 0, -ENOMEM, YODEL_ERR_FORMAT.
 */
int yd_sio_pack(const struct yodel_allocator *mem, const char *format, va_list args,
                struct yd_buf *text, yodel_str *ret_elements);

/* Reads a caller's arguments, which may be NULL for none, and their elements, checked.  Returns 0,
 * -EINVAL, YODEL_ERR_OPTIONS (size), YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG. */
int yd_sio_read_args(const yodel_sio_args *given, yodel_sio_args *ret_args,
                     yodel_str *ret_elements);
/* The same of the library's own.  Returns 0, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG. */
int yd_sio_check_args(const yodel_sio_args *args, yodel_str *ret_elements);

#endif
