/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_HTTP1_CHARS_H
#define YD_PROTO_HTTP1_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/* Character classes of RFC 9110 and RFC 3986, for the parsers of this folder. */
enum {
    YD_CHAR_TOKEN = 1,  /* tchar (RFC 9110 5.6.2) */
    YD_CHAR_TEXT = 2,   /* HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
    YD_CHAR_TARGET = 4, /* VCHAR but '#' */
    YD_CHAR_HOST = 8    /* unreserved and sub-delims (RFC 3986 3.2.2) */
};

extern const uint8_t yd_http_chars[256];

static inline bool yd_http_char_is(uint8_t c, unsigned class)
{
    return (yd_http_chars[c] & class) != 0;
}

/* The first byte of [p, end) that is not of the class, or end. */
static inline const uint8_t *yd_http_skip_class(const uint8_t *p, const uint8_t *end,
                                                unsigned class)
{
    while (p < end && yd_http_char_is(*p, class))
        p++;
    return p;
}

/* The same for YD_CHAR_TEXT and YD_CHAR_TARGET, a vector at a time. */
const uint8_t *yd_http_skip_text(const uint8_t *p, const uint8_t *end);
const uint8_t *yd_http_skip_target(const uint8_t *p, const uint8_t *end);

static inline bool yd_http_char_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* text without the blanks around it (OWS of RFC 9110 5.6.3). */
static inline yodel_str yd_http_trim(yodel_str text)
{
    while (text.len > 0 && yd_http_char_is_blank((uint8_t)text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && yd_http_char_is_blank((uint8_t)text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static inline bool yd_http_char_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline uint8_t yd_http_char_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* 0..15, or -1 when c is no hexadecimal digit. */
static inline int yd_http_hex_value(uint8_t c)
{
    uint8_t letter = c | 0x20;

    if (yd_http_char_is_digit(c))
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

#endif
