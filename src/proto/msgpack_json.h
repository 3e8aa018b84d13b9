/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_MSGPACK_JSON_H
#define YD_PROTO_MSGPACK_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"

/* Between MessagePack and JSON text with attachments: bytes, which JSON has not, become
 * {"_placeholder":true,"num":i} and the i-th attachment, and back. */

/* Attachments found while reading: an array of the caller's. */
struct yd_msgpack_blobs {
    yodel_bytes *array; /* views into what was read */
    uint32_t num, max;
};

/*
 * Takes one item with all that is in it off *rest and appends it to json as text.
 *
 * undefined (fixext 1 of type 0), NaN and infinities become null; a date (fixext 8 of type 0, which
 * is JavaScript's, and the specification's ext -1) a string such as "2026-01-31T12:00:00.000Z", or
 * null where JavaScript has no date; other ext of type 0, and bin, an attachment; whole numbers
 * that are names of members strings.
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_PROTOCOL: cut short, nested deeper than max_depth (1..
 * YD_JSON_MAX_DEPTH), a string that is not UTF-8, another ext, another type of name, more than max
 * attachments.  On an error *rest, json and blobs may have changed.
 */
int yd_msgpack_to_json(const struct yodel_allocator *mem, yodel_bytes *rest, unsigned max_depth,
                       struct yd_buf *json, struct yd_msgpack_blobs *blobs);

/*
 * Appends JSON text (checked by yd_json_check(), or such values with commas between them) as items:
 * whole numbers of 64 bits as such, others as float 64; lone surrogates as U+FFFD.  With
 * attachments placeholders become bin.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (a string or attachment of 2^32 bytes) or YODEL_ERR_FORMAT
 * (a placeholder that names none of them); buf then keeps its length.
 */
int yd_msgpack_put_json(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str json,
                        const yodel_bytes *attachments, uint32_t num_attachments);

#endif
