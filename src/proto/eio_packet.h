/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_EIO_PACKET_H
#define YD_PROTO_EIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"

/* Packets of Engine.IO, revision 4: a type digit and its data.  On a WebSocket a packet is a
 * message of its own; eio_payload.h has the form of HTTP bodies. */

enum yd_eio_type {
    YD_EIO_OPEN = 0,
    YD_EIO_CLOSE,
    YD_EIO_PING,
    YD_EIO_PONG,
    YD_EIO_MESSAGE,
    YD_EIO_UPGRADE,
    YD_EIO_NOOP
};

/* The character that begins a packet's text. */
#define YD_EIO_DIGIT(type) ((char)('0' + (type)))

struct yd_eio_packet {
    uint8_t type;  /* enum yd_eio_type */
    bool binary;   /* a MESSAGE of bytes, which may be none; else data is text */
    uint8_t *data; /* after the type digit, inside the buffer that was decoded; never NULL */
    size_t len;
};

/*
 * Decodes the packet of one WebSocket text message (or one of a payload): valid UTF-8, which is not
 * checked here.  `b` and base64 is a binary message, decoded in place.
 *
 * Returns 0, or YODEL_ERR_PROTOCOL for an empty text, an unknown type and bad base64; *ret_packet
 * is then untouched.
 */
int yd_eio_decode_text(uint8_t *data, size_t len, struct yd_eio_packet *ret_packet);

/* The packet of one WebSocket binary message, of any length. */
static inline struct yd_eio_packet yd_eio_decode_binary(uint8_t *data, size_t len)
{
    return (struct yd_eio_packet){YD_EIO_MESSAGE, true, data, len};
}

/* What the open packet tells the client. */
struct yd_eio_open {
    yodel_str sid;    /* needs no escapes */
    bool can_upgrade; /* to "websocket" */
    uint32_t ping_interval_ms, ping_timeout_ms;
    uint64_t max_payload; /* bytes */
};

/* Appends `0{"sid":...}` with the five keys that clients look for.  Returns 0 or -ENOMEM, buf then
 * untouched. */
int yd_eio_put_open(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_eio_open *open);

#endif
