/* SPDX-License-Identifier: MIT */
#include "proto/http1_target.h"
#include "proto/http1_chars.h"

#include <string.h>

static yodel_str tail_of(yodel_str text, size_t from)
{
    return (yodel_str){text.ptr + from, text.len - from};
}

/* 1*4HEXDIG, ":" and dotted decimal; what an address means is left to who resolves it. */
static size_t ip_literal_len(yodel_str text)
{
    size_t i = 1;

    while (i < text.len && (text.ptr[i] == ':' || text.ptr[i] == '.' ||
                            yd_http_hex_value((uint8_t)text.ptr[i]) >= 0))
        i++;
    return i > 2 && i < text.len && text.ptr[i] == ']' ? i + 1 : 0;
}

/* reg-name or IPv4 address (RFC 3986 3.2.2). */
static size_t host_name_len(yodel_str text)
{
    size_t i = 0;

    while (i < text.len) {
        if (yd_http_char_is((uint8_t)text.ptr[i], YD_CHAR_HOST))
            i++;
        else if (text.ptr[i] == '%' && text.len - i > 2 &&
                 yd_http_hex_value((uint8_t)text.ptr[i + 1]) >= 0 &&
                 yd_http_hex_value((uint8_t)text.ptr[i + 2]) >= 0)
            i += 3;
        else
            break;
    }
    return i;
}

/* ":" *DIGIT, or nothing at all. */
static bool is_port_part(yodel_str text)
{
    unsigned port = 0;

    if (text.len == 0)
        return true;
    if (text.ptr[0] != ':')
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (!yd_http_char_is_digit((uint8_t)text.ptr[i]))
            return false;
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
        if (port > UINT16_MAX)
            return false;
    }
    return true;
}

bool yd_http_is_authority(yodel_str text)
{
    size_t len = text.len > 0 && text.ptr[0] == '[' ? ip_literal_len(text) : host_name_len(text);

    return len > 0 && is_port_part(tail_of(text, len));
}

static void split_query(struct yd_http_head *head, yodel_str text)
{
    const char *mark = memchr(text.ptr, '?', text.len);
    size_t len = mark != NULL ? (size_t)(mark - text.ptr) : text.len;

    /* An absolute form without a path asks for the root (RFC 9110 4.2.3). */
    head->path = len > 0 ? (yodel_str){text.ptr, len} : YODEL_STR("/");
    if (mark != NULL)
        head->query = tail_of(text, len + 1);
}

/* The length of "http://" or "https://", or 0. */
static size_t scheme_len(yodel_str target)
{
    static const yodel_str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        size_t len = schemes[i].len;

        if (target.len >= len && yd_str_eq_nocase((yodel_str){target.ptr, len}, schemes[i]))
            return len;
    }
    return 0;
}

static int split_absolute(struct yd_http_head *head, size_t scheme, const char **ret_error)
{
    yodel_str rest = tail_of(head->target, scheme);
    size_t len = 0;

    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    head->host = (yodel_str){rest.ptr, len};
    if (!yd_http_is_authority(head->host)) {
        *ret_error = "illegal authority in the target";
        return -400;
    }
    split_query(head, tail_of(rest, len));
    return 0;
}

int yd_http_split_target(struct yd_http_head *head, const char **ret_error)
{
    yodel_str target = head->target;
    size_t scheme = scheme_len(target);

    if (target.ptr[0] == '/') {
        split_query(head, target);
        return 0;
    }
    if (scheme > 0)
        return split_absolute(head, scheme, ret_error);
    if (target.len != 1 || target.ptr[0] != '*') {
        *ret_error = "target in neither origin nor absolute form";
        return -400;
    }
    if (!yodel_str_eq(head->method, YODEL_STR("OPTIONS"))) {
        *ret_error = "asterisk target without OPTIONS";
        return -400;
    }
    head->path = target;
    return 0;
}
