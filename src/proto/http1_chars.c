/* SPDX-License-Identifier: MIT */
#include "proto/http1_chars.h"
#include "proto/http1.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* clang-format off */
const uint8_t yd_http_chars[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* 0x00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
    2, 15, 6, 3, 15, 7, 15, 15, 14, 14, 15, 15, 14, 15, 15, 6, /* 0x20 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 14, 6, 14, 6, 6, /* 0x30 */
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 0x40 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 6, 7, 15, /* 0x50 */
    7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 0x60 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0, /* 0x70 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0x80 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0x90 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xa0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xb0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xc0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xd0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xe0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xf0 */
};
/* clang-format on */

#ifdef __SSE2__

/* One bit for each of 16 bytes that is a control other than HTAB. */
static unsigned find_controls(__m128i bytes)
{
    __m128i last = _mm_set1_epi8(0x1f);
    __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last), last);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

/* One bit for each of 16 bytes that cannot stand in a target.  As signed numbers, 0x80-0xff are
 * below the space too. */
static unsigned find_non_target(__m128i bytes)
{
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8('!'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, del), hash));
}

const uint8_t *yd_http_skip_text(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 16; p += 16) {
        unsigned found = find_controls(_mm_loadu_si128((const __m128i *)p));

        if (found != 0)
            return p + __builtin_ctz(found);
    }
    return yd_http_skip_class(p, end, YD_CHAR_TEXT);
}

const uint8_t *yd_http_skip_target(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 16; p += 16) {
        unsigned found = find_non_target(_mm_loadu_si128((const __m128i *)p));

        if (found != 0)
            return p + __builtin_ctz(found);
    }
    return yd_http_skip_class(p, end, YD_CHAR_TARGET);
}

#else

const uint8_t *yd_http_skip_text(const uint8_t *p, const uint8_t *end)
{
    return yd_http_skip_class(p, end, YD_CHAR_TEXT);
}

const uint8_t *yd_http_skip_target(const uint8_t *p, const uint8_t *end)
{
    return yd_http_skip_class(p, end, YD_CHAR_TARGET);
}

#endif

bool yd_http_is_token(yodel_str text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;

    return text.len > 0 && yd_http_skip_class(p, p + text.len, YD_CHAR_TOKEN) == p + text.len;
}

bool yd_http_is_field_value(yodel_str text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;

    if (text.len == 0)
        return true;
    if (yd_http_char_is_blank(p[0]) || yd_http_char_is_blank(p[text.len - 1]))
        return false;
    return yd_http_skip_text(p, p + text.len) == p + text.len;
}

bool yd_bytes_eq_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (yd_http_char_lower((uint8_t)a[i]) != yd_http_char_lower((uint8_t)b[i]))
            return false;
    return true;
}
