/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_PREFIX_H
#define YD_HTTP_PREFIX_H

#include <stdbool.h>
#include <string.h>
#include <yodel/base.h>

/* A path prefix without slashes at its ends: "/static/" and "/static" are "static", "/" is "". */
static inline yodel_str yd_prefix_trim(yodel_str prefix)
{
    while (prefix.len > 0 && prefix.ptr[0] == '/') {
        prefix.ptr++;
        prefix.len--;
    }
    while (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    return prefix;
}

/* True when path, which begins after its first slash, is the trimmed prefix or below it. */
static inline bool yd_prefix_has(yodel_str prefix, yodel_str path)
{
    if (prefix.len == 0)
        return true;
    if (path.len < prefix.len || memcmp(path.ptr, prefix.ptr, prefix.len) != 0)
        return false;
    return path.len == prefix.len || path.ptr[prefix.len] == '/';
}

#endif
