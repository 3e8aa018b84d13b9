/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct yg_text *text, size_t len)
{
    size_t cap = text->cap > 0 ? text->cap : 64;
    char *ptr;

    if (text->failed)
        return false;
    while (cap - text->len <= len && cap <= SIZE_MAX / 2)
        cap *= 2;
    ptr = cap - text->len > len ? realloc(text->ptr, cap) : NULL;
    if (ptr == NULL) {
        text->failed = true;
        return false;
    }
    text->ptr = ptr;
    text->cap = cap;
    return true;
}

/* Room for len more and a NUL. */
static inline bool has_room(struct yg_text *text, size_t len)
{
    return (!text->failed && len < text->cap - text->len) || grow(text, len);
}

void yg_text_add(struct yg_text *text, const char *ptr, size_t len)
{
    if (!has_room(text, len))
        return;
    if (len > 0)
        memcpy(text->ptr + text->len, ptr, len);
    text->len += len;
    text->ptr[text->len] = '\0';
}

void yg_text_putc(struct yg_text *text, char c)
{
    if (!has_room(text, 1))
        return;
    text->ptr[text->len++] = c;
    text->ptr[text->len] = '\0';
}

char *yg_text_digits(char *end, uint64_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return end;
}

void yg_text_put_number(struct yg_text *text, int64_t number)
{
    char digits[20];
    char *at =
        yg_text_digits(digits + sizeof(digits), number < 0 ? -(uint64_t)number : (uint64_t)number);

    if (number < 0)
        *--at = '-';
    yg_text_add(text, at, (size_t)(digits + sizeof(digits) - at));
}

/* Into the room that there is: often it is enough.  Returns as vsnprintf(). */
static int print(struct yg_text *text, const char *format, va_list args)
{
    const size_t room = text->cap - text->len;
    const int len = vsnprintf(room > 0 ? text->ptr + text->len : NULL, room, format, args);

    if (room > 0 && (len < 0 || (size_t)len >= room))
        text->ptr[text->len] = '\0';
    return len;
}

void yg_text_printf(struct yg_text *text, const char *format, ...)
{
    const size_t cap = text->cap;
    va_list args;
    int len;

    if (text->failed)
        return;
    va_start(args, format);
    len = print(text, format, args);
    va_end(args);
    if (len < 0)
        text->failed = true;
    if (!has_room(text, len < 0 ? 0 : (size_t)len))
        return;
    if (text->cap > cap) {
        va_start(args, format);
        (void)print(text, format, args);
        va_end(args);
    }
    text->len += (size_t)len;
}

/* The bytes of one character of UTF-8 at ptr; 0 when it is none. */
static size_t utf8_length(const unsigned char *ptr, size_t len)
{
    static const struct {
        unsigned char first, last, low, high; /* low, high: of the second byte */
        size_t length;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                 {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

    if (ptr[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (ptr[0] < forms[i].first || ptr[0] > forms[i].last)
            continue;
        if (len < forms[i].length || ptr[1] < forms[i].low || ptr[1] > forms[i].high)
            return 0;
        for (size_t j = 2; j < forms[i].length; j++) {
            if ((ptr[j] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

bool yg_text_is_utf8(const char *ptr, size_t len)
{
    for (size_t i = 0, length; i < len; i += length) {
        length = utf8_length((const unsigned char *)ptr + i, len - i);
        if (length == 0)
            return false;
    }
    return true;
}

/* How many bytes at ptr stand in a JSON string as they are; more may follow. */
static size_t plain_length(const char *ptr, size_t len)
{
    size_t i = 0;

    while (i < len && ptr[i] >= 0x20 && ptr[i] < 0x7f && ptr[i] != '"' && ptr[i] != '\\')
        i++;
    return i;
}

void yg_text_put_json(struct yg_text *text, const char *ptr, size_t len)
{
    yg_text_putc(text, '"');
    for (size_t i = 0, length; i < len; i += length) {
        const unsigned char *at = (const unsigned char *)ptr + i;

        if ((length = plain_length(ptr + i, len - i)) > 0) {
            yg_text_add(text, ptr + i, length);
            continue;
        }
        length = utf8_length(at, len - i);
        if (length == 0) {
            yg_text_puts(text, "\xef\xbf\xbd");
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            yg_text_putc(text, '\\');
            yg_text_putc(text, (char)*at);
        } else if (*at == '\n') {
            yg_text_puts(text, "\\n");
        } else if (*at < 0x20 || *at == 0x7f) {
            yg_text_printf(text, "\\u%04x", *at);
        } else {
            yg_text_add(text, (const char *)at, length);
        }
    }
    yg_text_putc(text, '"');
}

const char *yg_text_string(const struct yg_text *text)
{
    return text->ptr != NULL ? text->ptr : "";
}

bool yg_text_failed(const struct yg_text *text)
{
    return text->failed;
}

int yg_text_reserve(struct yg_text *text, size_t len)
{
    return has_room(text, len) ? 0 : -ENOMEM;
}

void yg_text_cut(struct yg_text *text, size_t len)
{
    text->failed = false;
    if (len >= text->len)
        return;
    text->len = len;
    text->ptr[len] = '\0';
}

void yg_text_reset(struct yg_text *text)
{
    text->len = 0;
    text->failed = false;
    if (text->ptr != NULL)
        text->ptr[0] = '\0';
}

void yg_text_done(struct yg_text *text)
{
    free(text->ptr);
    *text = (struct yg_text){0};
}

char *yg_string_of(yodel_str text)
{
    char *copy = malloc(text.len + 1);

    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}
