/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_HINT_H
#define YD_PROTO_JSON_HINT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * Hints: three blanks ahead of a value that stands in JSON text for one that JSON does not have.
 *
 * Every reader of JSON skips them, so text with hints is ordinary JSON; the writer of MessagePack
 * looks for them and gives back what was read (msgpack_json.h).  No printer of JSON indents with
 * such blanks.
 */
#define YD_JSON_HINT_LEN 3
#define YD_JSON_HINT_JS "\r\t\r"   /* a value of JavaScript's own, or an ext */
#define YD_JSON_HINT_OTHER "\r \r" /* a value of the specification: NaN, a timestamp */

enum yd_json_hint { YD_JSON_PLAIN = 0, YD_JSON_JS, YD_JSON_OTHER };

/* The hint that ends at value, in text that begins at begin. */
static inline enum yd_json_hint yd_json_hint_of(const char *begin, const char *value)
{
    if (value - begin < YD_JSON_HINT_LEN || value[-1] != '\r')
        return YD_JSON_PLAIN;
    if (memcmp(value - YD_JSON_HINT_LEN, YD_JSON_HINT_JS, YD_JSON_HINT_LEN) == 0)
        return YD_JSON_JS;
    if (memcmp(value - YD_JSON_HINT_LEN, YD_JSON_HINT_OTHER, YD_JSON_HINT_LEN) == 0)
        return YD_JSON_OTHER;
    return YD_JSON_PLAIN;
}

#endif
