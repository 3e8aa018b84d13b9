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
 * Values that JSON does not have are written as JavaScript's JSON.stringify() would, or its decoder
 * shows them, with a hint (json_hint.h) from which yd_msgpack_put_json() makes the same value
 * again:
 *
 *     undefined (fixext 1 of type 0), NaN          null
 *     the infinities                               1e999, -1e999 (which need no hint)
 *     Date (fixext 8 of type 0), a timestamp       "2026-01-31T12:00:00.000Z"
 *       (ext -1)
 *     ArrayBuffer (ext 8, 16, 32 of type 0)        a placeholder, as bin
 *     any other ext                                [type,placeholder]
 *
 * A Date out of JavaScript's range is null.  Names of members that are numbers, booleans or nil are
 * strings, whole numbers written as floats whole numbers, as in JavaScript.
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_PROTOCOL: cut short, nested deeper than max_depth (1..
 * YD_JSON_MAX_DEPTH), a string that is not UTF-8, another type of name, more than max attachments.
 * On an error *rest, json and blobs may have changed.
 */
int yd_msgpack_to_json(const struct yodel_allocator *mem, yodel_bytes *rest, unsigned max_depth,
                       struct yd_buf *json, struct yd_msgpack_blobs *blobs);

/*
 * Appends JSON text (checked by yd_json_check(), or such values with commas between them) as items:
 * whole numbers of 64 bits as such, others as float 64; lone surrogates as U+FFFD.  With
 * attachments placeholders become bin.  Values with a hint become what they stand for; a hint ahead
 * of anything else is what it looks like, blanks.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (a string or attachment of 2^32 bytes) or YODEL_ERR_FORMAT
 * (a placeholder that names none of them); buf then keeps its length.
 */
int yd_msgpack_put_json(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str json,
                        const yodel_bytes *attachments, uint32_t num_attachments);

#endif
