/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "proto/http1_chars.h"
#include "proto/ws_handshake.h"

/* An origin (RFC 6454 6.2), or a pattern for some. */
struct origin {
    yodel_str scheme; /* empty: none */
    yodel_str host;   /* with the brackets of an IPv6 address */
    int port;         /* -1: none */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme(yodel_str text)
{
    size_t i;

    if (text.len == 0 || !is_letter(text.ptr[0]))
        return false;
    for (i = 1; i < text.len; i++) {
        char c = text.ptr[i];

        if (!is_letter(c) && !yd_http_char_is_digit((uint8_t)c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* Letters, digits, '-', '.', '_' or, in brackets, the characters of an IPv6 address. */
static bool is_host(yodel_str text)
{
    bool brackets = text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
    size_t i, end = brackets ? text.len - 1 : text.len;

    for (i = brackets ? 1 : 0; i < end; i++) {
        char c = text.ptr[i];

        if (!is_letter(c) && !yd_http_char_is_digit((uint8_t)c) && c != '.' &&
            (brackets ? c != ':' : c != '-' && c != '_'))
            return false;
    }
    return text.len > 0;
}

/* At most five digits, up to 65535; -1 when it is no such number. */
static int parse_port(yodel_str text)
{
    int port = 0;
    size_t i;

    if (text.len == 0 || text.len > 5)
        return -1;
    for (i = 0; i < text.len; i++) {
        if (!yd_http_char_is_digit((uint8_t)text.ptr[i]))
            return -1;
        port = port * 10 + text.ptr[i] - '0';
    }
    return port <= 65535 ? port : -1;
}

/* host [":" port] */
static bool parse_authority(yodel_str text, struct origin *ret)
{
    size_t host_len = text.len;

    while (host_len > 0 && yd_http_char_is_digit((uint8_t)text.ptr[host_len - 1]))
        host_len--;
    ret->port = -1;
    if (host_len == 0 || text.ptr[host_len - 1] != ':') {
        ret->host = text;
        return is_host(text);
    }
    ret->port = parse_port((yodel_str){text.ptr + host_len, text.len - host_len});
    ret->host = (yodel_str){text.ptr, host_len - 1};
    return ret->port >= 0 && is_host(ret->host);
}

/* [[scheme ":"] "//"] authority */
static bool parse(yodel_str text, struct origin *ret)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t ahead = slash ? (size_t)(slash - text.ptr) : 0;

    ret->scheme = (yodel_str){NULL, 0};
    if (!slash)
        return parse_authority(text, ret);
    if (text.len - ahead < 2 || slash[1] != '/')
        return false;
    if (ahead > 0) {
        ret->scheme = (yodel_str){text.ptr, ahead - 1};
        if (text.ptr[ahead - 1] != ':' || !is_scheme(ret->scheme))
            return false;
    }
    return parse_authority((yodel_str){slash + 2, text.len - ahead - 2}, ret);
}

/* The port, or the scheme's own; -1 when that is not known. */
static int port_of(const struct origin *origin)
{
    if (origin->port >= 0)
        return origin->port;
    if (yd_str_eq_nocase(origin->scheme, YODEL_STR("https")) ||
        yd_str_eq_nocase(origin->scheme, YODEL_STR("wss")))
        return 443;
    if (yd_str_eq_nocase(origin->scheme, YODEL_STR("http")) ||
        yd_str_eq_nocase(origin->scheme, YODEL_STR("ws")))
        return 80;
    return -1;
}

static bool host_matches(yodel_str host, yodel_str pattern)
{
    if (pattern.ptr[0] != '.')
        return yd_str_eq_nocase(host, pattern);
    if (host.len < pattern.len)
        return yd_str_eq_nocase(host, (yodel_str){pattern.ptr + 1, pattern.len - 1});
    return yd_str_eq_nocase((yodel_str){host.ptr + host.len - pattern.len, pattern.len}, pattern);
}

bool yd_ws_origin_matches(yodel_str origin, yodel_str pattern)
{
    struct origin theirs, ours;

    if (yodel_str_eq(pattern, YODEL_STR("*")))
        return true;
    if (origin.len == 0 || pattern.len == 0 || !parse(origin, &theirs) || !parse(pattern, &ours))
        return false;
    if (theirs.scheme.len == 0 || theirs.host.ptr[0] == '.')
        return false;
    if (!host_matches(theirs.host, ours.host))
        return false;
    if (ours.scheme.len == 0)
        return ours.port < 0 || ours.port == port_of(&theirs);
    return yd_str_eq_nocase(ours.scheme, theirs.scheme) && port_of(&ours) == port_of(&theirs);
}

bool yd_ws_origin_is_same_host(yodel_str origin, yodel_str host, bool is_tls)
{
    struct origin theirs, ours;

    if (origin.len == 0 || host.len == 0 || !parse(origin, &theirs) ||
        !parse_authority(host, &ours))
        return false;
    ours.scheme = is_tls ? YODEL_STR("https") : YODEL_STR("http");
    return yd_str_eq_nocase(theirs.scheme, ours.scheme) &&
           yd_str_eq_nocase(theirs.host, ours.host) && port_of(&theirs) == port_of(&ours);
}
