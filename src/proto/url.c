/* SPDX-License-Identifier: MIT */
#include "proto/url.h"
#include "proto/http1_chars.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The byte that %XX at text[i] stands for, or -1 when it is malformed. */
static int escaped_byte(yodel_str text, size_t i)
{
    int high, low;

    if (text.len - i < 3)
        return -1;
    high = yd_http_hex_value((uint8_t)text.ptr[i + 1]);
    low = yd_http_hex_value((uint8_t)text.ptr[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

ptrdiff_t yd_url_decode(yodel_str in, char *out, int form)
{
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        int c = (uint8_t)in.ptr[i];

        if (c == '%') {
            c = escaped_byte(in, i);
            if (c < 0)
                return -EINVAL;
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        out[len++] = (char)c;
    }
    return (ptrdiff_t)len;
}

/* One byte of form-encoded text; a malformed %XX stands for itself. */
static char next_form_byte(yodel_str text, size_t *i)
{
    char c = text.ptr[*i];
    int byte = c == '%' ? escaped_byte(text, *i) : -1;

    *i += byte >= 0 ? 3 : 1;
    if (byte >= 0)
        return (char)byte;
    return c == '+' ? ' ' : c;
}

bool yd_url_form_equals(yodel_str encoded, yodel_str name)
{
    size_t i = 0, len = 0;

    if (encoded.len < name.len) /* it only gets shorter */
        return false;
    while (i < encoded.len) {
        if (len == name.len || next_form_byte(encoded, &i) != name.ptr[len])
            return false;
        len++;
    }
    return len == name.len;
}

/* Takes what stands before the next mark off text. */
static yodel_str take_until(yodel_str *text, char mark)
{
    const char *found = memchr(text->ptr, mark, text->len);
    size_t len = found != NULL ? (size_t)(found - text->ptr) : text->len;
    size_t taken = found != NULL ? len + 1 : len;
    yodel_str head = {text->ptr, len};

    text->ptr += taken;
    text->len -= taken;
    return head;
}

bool yd_url_query_next(yodel_str *query, yodel_str *ret_name, yodel_str *ret_value)
{
    while (query->len > 0) {
        yodel_str pair = take_until(query, '&');

        if (pair.len == 0)
            continue;
        *ret_name = take_until(&pair, '=');
        *ret_value = pair;
        return true;
    }
    return false;
}

yodel_str yd_url_query_find(yodel_str query, yodel_str name)
{
    yodel_str found = {NULL, 0}, key, value;

    while (yd_url_query_next(&query, &key, &value))
        if (yd_url_form_equals(key, name))
            found = value;
    return found;
}

bool yd_url_form_is_plain(yodel_str encoded)
{
    return encoded.len == 0 || (memchr(encoded.ptr, '%', encoded.len) == NULL &&
                                memchr(encoded.ptr, '+', encoded.len) == NULL);
}

yodel_str yd_url_form_decode(yodel_str encoded, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < encoded.len;)
        out[len++] = next_form_byte(encoded, &i);
    return (yodel_str){out, len};
}

yodel_str yd_url_query_param(yodel_str query, yodel_str name, char *out)
{
    yodel_str value = yd_url_query_find(query, name);

    return value.ptr != NULL ? yd_url_form_decode(value, out) : value;
}

/* The byte of the path at *i, or -EINVAL when no file of a document root may have it in its name:
 * an encoded slash is not the separator that '/' is, so it is neither. */
static int next_path_byte(yodel_str path, size_t *i)
{
    int c = (uint8_t)path.ptr[*i];

    if (c == '%') {
        c = escaped_byte(path, *i);
        *i += 2;
        if (c == '/')
            return -EINVAL;
    }
    *i += 1;
    return c < 0x20 || c == 0x7f || c == '\\' ? -EINVAL : c;
}

/* The length of the path without its last segment. */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* A segment out[from..len) has ended; out[0..from) is the path so far, with its slash.  Returns the
 * length that stays, without a slash at its end. */
static ptrdiff_t end_segment(const char *out, size_t from, size_t len)
{
    size_t before = from > 0 ? from - 1 : 0;
    yodel_str segment = {out + from, len - from};

    if (segment.len == 0 || yodel_str_eq(segment, YODEL_STR(".")))
        return (ptrdiff_t)before;
    if (!yodel_str_eq(segment, YODEL_STR("..")))
        return (ptrdiff_t)len;
    return before > 0 ? (ptrdiff_t)parent_len(out, before) : -EINVAL;
}

ptrdiff_t yd_url_file_path(yodel_str path, char *out)
{
    size_t len = 0;

    if (path.len == 0 || path.ptr[0] != '/')
        return -EINVAL;
    for (size_t i = 0; i < path.len;) {
        size_t from;
        ptrdiff_t end;

        i++; /* the slash */
        if (len > 0)
            out[len++] = '/';
        from = len;
        while (i < path.len && path.ptr[i] != '/') {
            int c = next_path_byte(path, &i);

            if (c < 0)
                return c;
            out[len++] = (char)c;
        }
        end = end_segment(out, from, len);
        if (end < 0)
            return end;
        len = (size_t)end;
    }
    out[len] = '\0';
    return (ptrdiff_t)len;
}
