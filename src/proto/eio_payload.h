/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_EIO_PAYLOAD_H
#define YD_PROTO_EIO_PAYLOAD_H

#include "proto/base64.h"
#include "proto/eio_packet.h"

/* Bodies of Engine.IO long polling: packets with 0x1e between them, bytes as `b` and base64. */

#define YD_EIO_SEPARATOR 0x1e

/* Reader of one body. */
struct yd_eio_payload {
    uint8_t *ptr; /* the next packet; NULL after the last one */
    uint8_t *end;
    bool failed;
};

void yd_eio_payload_init(struct yd_eio_payload *payload, uint8_t *body, size_t len);

/*
 * Takes the next packet, a view into the body: text is checked to be UTF-8, base64 is decoded in
 * place.  Each byte is looked at a fixed number of times, so many small packets cost no more.
 *
 * Returns 1 with *ret_packet set, 0 at the end, or YODEL_ERR_PROTOCOL for what yd_eio_decode_text()
 * refuses (an empty packet, thus an empty body and a separator at the end) and for invalid UTF-8.
 * Ends and errors last.
 */
int yd_eio_payload_next(struct yd_eio_payload *payload, struct yd_eio_packet *ret_packet);

/* Whether the last packet has been taken. */
static inline bool yd_eio_payload_is_over(const struct yd_eio_payload *payload)
{
    return payload->ptr == NULL;
}

/* Bytes that a packet takes in a payload, without a separator. */
static inline size_t yd_eio_text_size(size_t len)
{
    return len;
}
static inline size_t yd_eio_binary_size(size_t len)
{
    return 1 + yd_base64_len(len);
}

/*
 * Appends a packet to the payload that buf holds, after a separator unless it is the first. packet
 * is text with its type digit and without 0x1e, which Socket.IO never sends; data is a binary
 * message.
 *
 * Both return 0 or -ENOMEM, buf then untouched.
 */
int yd_eio_payload_put_text(const struct yodel_allocator *mem, struct yd_buf *buf,
                            yodel_str packet);
int yd_eio_payload_put_binary(const struct yodel_allocator *mem, struct yd_buf *buf,
                              yodel_bytes data);

#endif
