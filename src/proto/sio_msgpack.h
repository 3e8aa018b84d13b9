/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_SIO_MSGPACK_H
#define YD_PROTO_SIO_MSGPACK_H

#include "proto/msgpack_json.h"
#include "proto/sio_packet.h"

/* Socket.IO packets as socket.io-msgpack-parser has them: each is one binary Engine.IO message, a
 * MessagePack map of type, nsp, data and id, with bytes where they belong. */

/*
 * Decodes a message into the same packet that its text form makes, binary types and placeholders
 * included.  Other members of the map are ignored.
 *
 * json: appended to; packet's views of JSON point into it, nsp into message
 * attachments: room for limits->max_attachments views into message
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_PROTOCOL with static text in *ret_error: for what
 * yd_sio_decode() and yd_msgpack_to_json() refuse, bytes after the map, a type above
 * CONNECT_ERROR, a namespace that is missing or no UTF-8.  *ret_packet is then untouched.
 */
int yd_sio_msgpack_decode(const struct yodel_allocator *mem, yodel_bytes message,
                          const struct yd_sio_limits *limits, struct yd_buf *json,
                          yodel_bytes *attachments, struct yd_sio_packet *ret_packet,
                          const char **ret_error);

/* Appends the message of output (see sio_packet.h) with its attachments, num_attachments of them.
 * Returns as yd_msgpack_put_json(). */
int yd_sio_msgpack_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_sio_output *output, const yodel_bytes *attachments);

#endif
