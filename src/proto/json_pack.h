/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_PACK_H
#define YD_PROTO_JSON_PACK_H

#include <jansson.h>
#include <stdarg.h>
#include <yodel/base.h>

#include "base/buf.h"

/*
 * Compact JSON text from jansson's packed formats and documents: the one writer of the library.
 * Only the library's allocator is used.
 *
 * The text is valid UTF-8 with the fewest escapes.  Reals are written as JavaScript writes them,
 * whole ones with ".0" at their end, so that they are read as reals again.
 */

/*
 * Appends the value that format and args make, as json_pack() would: "{s:s, s:[i]}".  A name given
 * twice stands twice.
 *
 * mem   NULL: the caller was given no object, which is -EINVAL
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (json_pack() would fail, or values nest deeper than
 * YD_JSON_MAX_DEPTH); buf then keeps its length.  References of "o" are taken whatever is returned,
 * but for those after an error in the format itself.
 */
int yd_json_pack(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format,
                 va_list args);

/* What "y" gives, a yodel_bytes by value: in the text it is {"_placeholder":true,"num":i}, i
 * counted from 0 on. */
struct yd_json_binary {
    yodel_bytes *data; /* views of what the caller gave */
    size_t num, max;   /* num: at the beginning 0 */
};

/* The same for values one after the other, with commas between them: "s{s:i}"; "" is none.
 *
 * binary   where "y" puts its arguments; NULL: it is YODEL_ERR_FORMAT.  YODEL_ERR_TOO_BIG above
 * max.
 */
int yd_json_pack_list(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format,
                      va_list args, struct yd_json_binary *binary);

/* Takes the references that yd_json_pack_list() would, and does nothing else. */
void yd_json_pack_nothing(const char *format, va_list args);

/* Appends a document.  Returns as yd_json_pack(); YODEL_ERR_FORMAT also for a string that is not
 * UTF-8. */
int yd_json_put_document(const struct yodel_allocator *mem, struct yd_buf *buf,
                         const json_t *document);

#endif
