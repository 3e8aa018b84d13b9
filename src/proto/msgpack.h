/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_MSGPACK_H
#define YD_PROTO_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"

/* MessagePack, one item at a time. */

enum yd_msgpack_type {
    YD_MSGPACK_NIL = 0,
    YD_MSGPACK_BOOL,
    YD_MSGPACK_UINT, /* a whole number >= 0, however it was written */
    YD_MSGPACK_INT,  /* a whole number < 0 */
    YD_MSGPACK_FLOAT,
    YD_MSGPACK_STR, /* UTF-8 is not checked */
    YD_MSGPACK_BIN,
    YD_MSGPACK_EXT,
    YD_MSGPACK_ARRAY, /* count items follow */
    YD_MSGPACK_MAP    /* count pairs of items follow */
};

struct yd_msgpack_item {
    uint8_t type;
    int8_t ext;    /* EXT: the application's type */
    bool is_fixed; /* EXT: written in a form for its length: 1, 2, 4, 8 or 16 */
    union {
        bool boolean;
        uint64_t u;
        int64_t i;
        double d;
        yodel_bytes bytes; /* STR, BIN, EXT: inside what was read */
        uint32_t count;
    } as;
};

/* Takes one item off *rest; of an array or map only its head.  False when *rest is cut short or
 * begins with no item (0xc1), or holds fewer bytes than an array or map has items; both are then
 * untouched. */
bool yd_msgpack_read(yodel_bytes *rest, struct yd_msgpack_item *ret_item);

/* Takes one item with all that is in it off *rest, however deep.  False as above. */
bool yd_msgpack_skip(yodel_bytes *rest);

/* Appending, each in the shortest form.  All return 0 or -ENOMEM, buf then untouched; str,
 * bin and ext YODEL_ERR_TOO_BIG for what 32 bits cannot count. */
int yd_msgpack_put_nil(const struct yodel_allocator *mem, struct yd_buf *buf);
int yd_msgpack_put_bool(const struct yodel_allocator *mem, struct yd_buf *buf, bool boolean);
int yd_msgpack_put_uint(const struct yodel_allocator *mem, struct yd_buf *buf, uint64_t number);
int yd_msgpack_put_int(const struct yodel_allocator *mem, struct yd_buf *buf, int64_t number);
int yd_msgpack_put_double(const struct yodel_allocator *mem, struct yd_buf *buf, double number);
int yd_msgpack_put_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text);
int yd_msgpack_put_bin(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_bytes bytes);
int yd_msgpack_put_array(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t count);
int yd_msgpack_put_map(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t count);
/* is_fixed: in a form for its length, if there is one. */
int yd_msgpack_put_ext(const struct yodel_allocator *mem, struct yd_buf *buf, int8_t type,
                       yodel_bytes bytes, bool is_fixed);
/* The head of a string of len bytes, which the caller appends. */
int yd_msgpack_put_str_head(const struct yodel_allocator *mem, struct yd_buf *buf, size_t len);

#endif
