/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_CHARS_H
#define YD_PROTO_JSON_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What the files that make up json_scan.h share. */

static inline bool yd_json_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *yd_json_skip_blanks(const char *p, const char *end)
{
    while (p < end && yd_json_is_blank(*p))
        p++;
    return p;
}

/* What ends a run of plain characters in a string. */
static inline bool yd_json_is_special(char c)
{
    return (uint8_t)c < 0x20 || c == '"' || c == '\\';
}

/* A bit for each of 8 bytes that is special, at least for the first of them. */
static inline uint64_t yd_json_special_bits(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');

    return (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
            ((slash - ones) & ~slash)) &
           (ones * 0x80);
}

/* Whether 4 to 15 characters have none that is special: two words that overlap tell, and what is
 * usual, such as the name of an event, needs no look at each.  Of others it is not known. */
static inline bool yd_json_is_plain_short(const char *p, size_t len)
{
    uint64_t first, last;
    uint32_t half[2];

    if (len - 8 < 8) {
        memcpy(&first, p, sizeof(first));
        memcpy(&last, p + len - sizeof(last), sizeof(last));
        return (yd_json_special_bits(first) | yd_json_special_bits(last)) == 0;
    }
    if (len - 4 >= 4)
        return false;
    memcpy(&half[0], p, sizeof(half[0]));
    memcpy(&half[1], p + len - sizeof(half[1]), sizeof(half[1]));
    return yd_json_special_bits((uint64_t)half[0] << 32 | half[1]) == 0;
}

/* The first special character, or end. */
static inline const char *yd_json_find_special(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
        __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
        unsigned hits =
            (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));

        if (hits)
            return p + __builtin_ctz(hits);
        p += 16;
    }
#else
    while (end - p >= 16) {
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        if (yd_json_special_bits(word))
            break;
        p += 8;
    }
#endif
    if (yd_json_is_plain_short(p, (size_t)(end - p)))
        return end;
    while (p < end && !yd_json_is_special(*p))
        p++;
    return p;
}

/* The end of a string whose body begins at p, after its quote; NULL when it is none. */
const char *yd_json_skip_string(const char *p, const char *end);

#endif
