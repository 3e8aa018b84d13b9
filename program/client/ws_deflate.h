/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_WS_DEFLATE_H
#define YG_CLIENT_WS_DEFLATE_H

#include <zlib.h>

#include "base/text.h"

/* permessage-deflate (RFC 7692) on the side of a client, over zlib. */

/* What is offered: the server may choose everything. */
#define YG_DEFLATE_OFFER "permessage-deflate; client_max_window_bits"

struct yg_deflate_terms {
    bool resets_out, resets_in; /* each message stands alone: the client's, the server's */
    int bits_out, bits_in;      /* of the windows, 8 to 15 */
};

/*
 * Reads what a server has answered to the offer: the value of Sec-WebSocket-Extensions.
 *
 * Returns 0, or -EPROTO for what was not offered.
 */
int yg_deflate_read(yodel_str value, struct yg_deflate_terms *ret_terms);

/* All zero but the terms is a new one. */
struct yg_deflate {
    struct yg_deflate_terms terms;
    z_stream out, in;
    bool has_out, has_in;              /* they were begun */
    bool is_at_end;                    /* the last byte read was the end of a last block */
    struct yg_text deflated, inflated; /* what the last call gave */
};

/*
 * Deflates a message that is not empty into deflated.
 *
 * Returns 1; 0: it is to be sent as it is, since zlib has no window of 2^8 bytes; -ENOMEM.
 */
int yg_deflate_put(struct yg_deflate *codec, const void *ptr, size_t len);

/*
 * Inflates a message into inflated.
 *
 * max   bytes of it
 *
 * Returns 0; -EBADMSG: it is not deflated; -EMSGSIZE; -ENOMEM: then nothing can be inflated any
 * more.
 */
int yg_deflate_take(struct yg_deflate *codec, yodel_bytes message, size_t max);

/* Gives large memory of the last call back: of yg_deflate_put(), of yg_deflate_take(). */
void yg_deflate_forget_out(struct yg_deflate *codec);
void yg_deflate_forget_in(struct yg_deflate *codec);

/* Frees what it has. */
void yg_deflate_done(struct yg_deflate *codec);

#endif
