/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_WS_FRAME_H
#define YD_PROTO_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* WebSocket frames (RFC 6455 section 5), as a server reads and writes them. */

enum yd_ws_opcode {
    YD_WS_CONT = 0x0,
    YD_WS_TEXT = 0x1,
    YD_WS_BINARY = 0x2,
    YD_WS_CLOSE = 0x8,
    YD_WS_PING = 0x9,
    YD_WS_PONG = 0xa
};

#define YD_WS_FIN 0x80
#define YD_WS_RSV1 0x40
#define YD_WS_MAX_HEADER 10 /* bytes of an unmasked header */
#define YD_WS_MAX_CONTROL 125

/* Writes the header of an unmasked frame of len bytes so that it ends at end; returns its length.
 */
size_t yd_ws_put_header(uint8_t *end, uint8_t first_byte, uint64_t len);

/* How many bytes that header has. */
static inline size_t yd_ws_header_len(uint64_t len)
{
    return len > 0xffff ? 10 : len > 125 ? 4 : 2;
}

/* XORs data[0..len) with key, whose byte (offset % 4) comes first.  Any alignment.  True when the
 * result is all ASCII. */
bool yd_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t offset);

/* What a reader takes; of the connection's route, so that no reader keeps it. */
struct yd_ws_rules {
    uint64_t max;    /* payload bytes of a message on the wire */
    bool allow_rsv1; /* permessage-deflate was agreed on */
};

/* Reader of one connection; all zero at first.  Every idle connection carries one: 24 bytes. */
struct yd_ws_reader {
    uint64_t message; /* payload bytes of the present message in frames so far */
    union {
        struct {            /* inside a payload */
            uint64_t left;  /* of it still to come */
            uint8_t key[4]; /* turned so that its first byte is the next to be used */
        } __attribute__((packed, aligned(4))) payload;
        uint8_t head[12]; /* of a header that came in pieces: after its first byte */
    };
    uint8_t first;   /* first byte of the present frame's header */
    uint8_t state;   /* where in a frame: see ws_frame.c */
    uint8_t opcode;  /* of the present message: TEXT or BINARY; 0 between messages */
    bool compressed; /* the present message had RSV1 on its first frame */
};

/* Payload bytes of the present frame that are still to come. */
uint64_t yd_ws_left(const struct yd_ws_reader *reader);

/* A piece of what was read. */
struct yd_ws_piece {
    uint8_t opcode;   /* TEXT, BINARY, or a control opcode */
    bool first, last; /* of the message (or control frame); both true: it is whole */
    bool compressed;
    bool ascii;    /* all of data is */
    uint8_t *data; /* unmasked, inside the buffer that was read */
    size_t len;
};

/* Why a reader gives up: what the connection is closed with (RFC 6455 7.4.1). */
#define YD_WS_ERR_PROTOCOL (-1002)
#define YD_WS_ERR_TOO_BIG (-1009)

/*
 * Takes the next piece from data[0..len), unmasking it in place.  A payload that is not all there
 * is given out as far as it is, control frames too: their pieces then have first or last unset and
 * the caller puts them together (at most 125 bytes).
 *
 * A frame without payload gives an empty piece.  len may be 0.
 *
 * *ret_used   bytes consumed; on an error those before the bad frame, none of this call
 *
 * Returns 1 with *ret_piece set, 0 when all was consumed and more is needed, or YD_WS_ERR_*;
 * *ret_error then says why (static text).  Rejected as soon as the header's byte is there: RSV
 * bits, unknown opcodes, an unmasked frame, a length that is not minimal or above 2^63 (1002) or
 * above rules->max together with the message's earlier frames (1009), a control frame that is
 * fragmented or longer than 125, a continuation of nothing, a new message inside another.
 */
int yd_ws_read(struct yd_ws_reader *reader, const struct yd_ws_rules *rules, uint8_t *data,
               size_t len, size_t *ret_used, struct yd_ws_piece *ret_piece, const char **ret_error);

/* Body of a close frame; an empty one has the code 1005 (RFC 6455 7.1.5).  The reason is borrowed.
 * Returns 0, or the code to fail with: 1002 (one octet, or a code that may not be sent), 1007
 * (reason not UTF-8). */
int yd_ws_parse_close(const uint8_t *data, size_t len, uint16_t *ret_code,
                      const uint8_t **ret_reason, size_t *ret_reason_len);

/* A code that may stand in a close frame: 1000-1003, 1007-1014, 3000-4999. */
bool yd_ws_close_code_is_valid(unsigned code);

#endif
