/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_DEFLATE_H
#define YD_PROTO_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Messages of permessage-deflate (RFC 7692 section 7.2), over zlib. */

/* One direction of one or many connections. */
struct yd_deflater;
struct yd_inflater;

/* bits: LZ77 window, 9..15.  level 1..9; mem_level 1..9 as in zlib.  Memory comes from mem, that of
 * out too.  NULL when out of memory. */
struct yd_deflater *yd_deflater_new(const struct yodel_allocator *mem, int bits, int level,
                                    int mem_level);
void yd_deflater_free(struct yd_deflater *deflater);

/* What such a one takes, bytes. */
size_t yd_deflater_size(int bits, int mem_level);

/* Appends the compressed message to out, without the tail 00 00 ff ff.  keep: keep the context for
 * the next message, else forget it.  Returns 0, or -ENOMEM with out as it was and the context
 * forgotten. */
int yd_deflate_message(struct yd_deflater *deflater, const uint8_t *data, size_t len, bool keep,
                       struct yd_buf *out);

/* The last message was not sent after all: the next one refers to nothing before it. */
void yd_deflater_forget(struct yd_deflater *deflater);

/* bits: what the peer was told to keep to.  Distances beyond that are refused where they leave the
 * window, which zlib does not see within one piece.  NULL when out of memory. */
struct yd_inflater *yd_inflater_new(const struct yodel_allocator *mem, int bits);
void yd_inflater_free(struct yd_inflater *inflater);

/* What such a one takes, bytes. */
size_t yd_inflater_size(int bits);

/* Whole messages without context are inflated by libdeflate where it wins, if this build has it and
 * it finds memory, which it takes from malloc(). */
void yd_inflater_be_fast(struct yd_inflater *inflater);

/*
 * Inflates a whole message into out, which is emptied first; keep as for yd_inflate_piece(), which
 * says what is legal, too.
 *
 * Returns 0, -ENOMEM, -EINVAL, or -EMSGSIZE when it is longer than max; everything is forgotten
 * then.
 */
int yd_inflate_message(struct yd_inflater *inflater, const uint8_t *data, size_t len, bool keep,
                       size_t max, struct yd_buf *out);

/* Called with each run of inflated bytes, at most 16 KiB, borrowed.  A result other than 0 stops.
 */
typedef int(yd_inflate_fn)(const uint8_t *data, size_t len, void *user);

/*
 * Inflates one piece of a message and calls each for what comes out; last: the piece ends the
 * message (the tail is added here), and the context is forgotten unless keep.
 *
 * Blocks with BFINAL, stored and empty blocks are legal (RFC 7692 7.2.3).
 * Returns 0, what each returned, -ENOMEM, or -EINVAL when the data is no deflate stream.
 * *total counts the bytes of the message given out, from the caller's zero at its beginning; when
 * it would pass max, -EMSGSIZE is returned before that run is given out.  After any of these errors
 * the rest of the message is lost and only yd_inflater_reset() helps.
 */
int yd_inflate_piece(struct yd_inflater *inflater, const uint8_t *data, size_t len, bool last,
                     bool keep, uint64_t *total, uint64_t max, yd_inflate_fn *each, void *user);

/* Forgets everything: for an inflater that several connections share. */
void yd_inflater_reset(struct yd_inflater *inflater);

#endif
