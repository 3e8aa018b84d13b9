/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "proto/json_chars.h"
#include "proto/json_scan.h"

#define REPLACEMENT 0xfffd

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The UTF-16 unit of four hexadecimal digits, or -1. */
static int32_t unit_at(const char *p, const char *end)
{
    int32_t unit = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* p is after the backslash. */
static const char *skip_escape(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 1;
    case 'u':
        return unit_at(p + 1, end) >= 0 ? p + 5 : NULL;
    default:
        return NULL;
    }
}

const char *yd_json_skip_string(const char *p, const char *end)
{
    for (;;) {
        p = yd_json_find_special(p, end);
        if (p == end || (uint8_t)*p < 0x20)
            return NULL;
        if (*p == '"')
            return p + 1;
        p = skip_escape(p + 1, end);
        if (!p)
            return NULL;
    }
}

static size_t put_utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static char short_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* The character of a \u escape; *p is at its digits, and then after them (RFC 8259 section 7). */
static uint32_t wide_escape(const char **p, const char *end)
{
    int32_t unit = unit_at(*p, end), low;

    if (unit < 0) {
        *p = end; /* text that was not checked */
        return '?';
    }
    *p += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return (uint32_t)unit;
    if (unit > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return REPLACEMENT;
    low = unit_at(*p + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return REPLACEMENT;
    *p += 6;
    return 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* Decodes the escape at *p, a backslash; returns the bytes written. */
static size_t unescape(const char **p, const char *end, char out[4])
{
    char c;

    if (++*p == end)
        return 0; /* text that was not checked */
    c = *(*p)++;
    if (c == 'u')
        return put_utf8(out, wide_escape(p, end));
    out[0] = short_escape(c);
    return 1;
}

static const char *find_backslash(const char *p, const char *end)
{
    const char *found = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;

    return found ? found : end;
}

bool yd_json_is_escaped(yodel_str body)
{
    return body.len > 0 && memchr(body.ptr, '\\', body.len);
}

size_t yd_json_unescaped_len(yodel_str body)
{
    const char *p = body.ptr, *end;
    size_t len = 0;
    char c[4];

    if (body.len == 0)
        return 0;
    end = p + body.len;
    while (p < end) {
        const char *stop = find_backslash(p, end);

        len += (size_t)(stop - p);
        p = stop;
        if (p < end)
            len += unescape(&p, end, c);
    }
    return len;
}

char *yd_json_unescape(char *out, yodel_str body)
{
    const char *p = body.ptr, *end;
    char c[4];

    if (body.len == 0)
        return out;
    end = p + body.len;
    while (p < end) {
        const char *stop = find_backslash(p, end);
        size_t len = (size_t)(stop - p);

        memmove(out, p, len); /* no escape is shorter than what it stands for */
        out += len;
        p = stop;
        if (p < end) {
            len = unescape(&p, end, c);
            memcpy(out, c, len);
            out += len;
        }
    }
    return out;
}

/* Takes the first len bytes off text when they are those of data. */
static bool take(yodel_str *text, const char *data, size_t len)
{
    if (text->len < len || (len > 0 && memcmp(text->ptr, data, len) != 0))
        return false;
    text->ptr += len;
    text->len -= len;
    return true;
}

bool yd_json_body_eq(yodel_str body, yodel_str text)
{
    const char *p = body.ptr, *end;
    char c[4];

    /* Escapes make a text longer only. */
    if (body.len < text.len)
        return false;
    if (text.len == 0)
        return body.len == 0;
    if (*p != '\\' && *p != *text.ptr)
        return false;
    end = p + body.len;
    while (p < end) {
        const char *stop = find_backslash(p, end);

        if (!take(&text, p, (size_t)(stop - p)))
            return false;
        p = stop;
        if (p < end) {
            size_t len = unescape(&p, end, c);

            if (!take(&text, c, len))
                return false;
        }
    }
    return text.len == 0;
}

/* The letter of a character's short escape, or 0. */
static char escape_letter(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static char *put_escape(char *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = escape_letter(c);

    *out++ = '\\';
    if (letter) {
        *out++ = letter;
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = hex[(uint8_t)c >> 4];
    out[4] = hex[c & 15];
    return out + 5;
}

size_t yd_json_quoted_len(yodel_str text)
{
    const char *p = text.ptr, *end;
    size_t len = text.len + 2;

    if (text.len == 0)
        return 2;
    end = p + text.len;
    for (p = yd_json_find_special(p, end); p < end; p = yd_json_find_special(p + 1, end))
        len += escape_letter(*p) ? 1 : 5;
    return len;
}

char *yd_json_quote(char *out, yodel_str text)
{
    const char *p = text.ptr, *end = p;

    *out++ = '"';
    if (text.len > 0)
        end = p + text.len;
    while (p < end) {
        const char *stop = yd_json_find_special(p, end);

        memcpy(out, p, (size_t)(stop - p));
        out += stop - p;
        p = stop;
        if (p < end)
            out = put_escape(out, *p++);
    }
    *out++ = '"';
    return out;
}

int yd_json_put_string(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    size_t len = yd_json_quoted_len(text);
    int result = yd_buf_reserve(mem, buf, len);

    if (result < 0)
        return result;
    yd_json_quote((char *)buf->ptr + buf->len, text);
    buf->len += len;
    return 0;
}
