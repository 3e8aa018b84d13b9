/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_UTF8_H
#define YD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Incremental UTF-8 validation (RFC 3629; no surrogates, no overlong forms, at most U+10FFFF). */
struct yd_utf8 {
    uint8_t need;      /* continuation bytes still to come */
    uint8_t low, high; /* the range the next one must be in */
};

#define YD_UTF8_INIT                                                                               \
    (struct yd_utf8)                                                                               \
    {                                                                                              \
        0, 0x80, 0xbf                                                                              \
    }

/* Goes on with data; false at the first byte that can begin no valid text any more.  Runs of ASCII
 * are skipped a vector at a time. */
bool yd_utf8_feed(struct yd_utf8 *state, const uint8_t *data, size_t len);

/* True when the text may end here. */
static inline bool yd_utf8_is_complete(const struct yd_utf8 *state)
{
    return state->need == 0;
}

/* A whole text. */
bool yd_utf8_is_valid(const void *data, size_t len);

/* The greatest length <= max that does not cut a character of the valid text data. */
size_t yd_utf8_cut(const void *data, size_t len, size_t max);

#endif
