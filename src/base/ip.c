/* SPDX-License-Identifier: MIT */
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct yd_ip yd_ip_of_bytes(const void *bytes, size_t len, uint16_t port)
{
    struct yd_ip ip = {.port = port, .kind = len == 4 ? YD_IP_V4 : YD_IP_V6};

    if (len == 16 && memcmp(bytes, mapped, sizeof mapped) == 0)
        return yd_ip_of_bytes((const uint8_t *)bytes + sizeof mapped, 4, port);
    memcpy(ip.bytes, bytes, len);
    return ip;
}

bool yd_decimal_parse(yodel_str text, unsigned max, unsigned *ret)
{
    uint64_t value = 0;
    unsigned most = max; /* loses a digit for each of text */

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++, most /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || (i > 0 && most == 0))
            return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (value > max)
        return false;
    *ret = (unsigned)value;
    return true;
}

/* An address alone, without brackets and port. */
static bool parse_bare(yodel_str text, uint16_t port, struct yd_ip *ret)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    bool v6 = text.len > 0 && memchr(text.ptr, ':', text.len) != NULL;

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(v6 ? AF_INET6 : AF_INET, copy, bytes) != 1)
        return false;
    *ret = yd_ip_of_bytes(bytes, v6 ? 16 : 4, port);
    return true;
}

/* Where the port begins, with its colon; text.len without one. */
static size_t find_port(yodel_str text)
{
    const char *first = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    const char *bracket;

    if (text.len > 0 && text.ptr[0] == '[') {
        bracket = memchr(text.ptr, ']', text.len);
        return bracket != NULL ? (size_t)(bracket + 1 - text.ptr) : text.len;
    }
    if (first == NULL || memchr(first + 1, ':', (size_t)(text.ptr + text.len - first - 1)) != NULL)
        return text.len; /* bare IPv6 has no port */
    return (size_t)(first - text.ptr);
}

bool yd_ip_parse(yodel_str text, struct yd_ip *ret)
{
    size_t at = find_port(text);
    yodel_str host = {text.ptr, at};
    unsigned port = 0;

    if (at < text.len &&
        (text.ptr[at] != ':' ||
         !yd_decimal_parse((yodel_str){text.ptr + at + 1, text.len - at - 1}, 65535, &port)))
        return false;
    if (host.len > 0 && host.ptr[0] == '[') {
        if (host.len < 4 || host.ptr[host.len - 1] != ']' ||
            memchr(host.ptr, ':', host.len) == NULL)
            return false;
        host = (yodel_str){host.ptr + 1, host.len - 2};
    }
    return parse_bare(host, (uint16_t)port, ret);
}

void yd_ip_write(const struct yd_ip *ip, char ret_text[YD_IP_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "", port[8] = "";
    bool v6 = ip->kind == YD_IP_V6;

    if (ip->kind != YD_IP_V4 && !v6) {
        (void)snprintf(ret_text, YD_IP_TEXT_SIZE, ip->kind == YD_IP_UNIX ? "unix" : "unknown");
        return;
    }
    (void)inet_ntop(v6 ? AF_INET6 : AF_INET, ip->bytes, host, sizeof host);
    if (ip->port != 0)
        (void)snprintf(port, sizeof port, ":%u", ip->port);
    (void)snprintf(ret_text, YD_IP_TEXT_SIZE, v6 ? "[%s]%s" : "%s%s", host, port);
}

size_t yd_ip_key(const struct yd_ip *ip, uint8_t ret_key[YD_IP_KEY_SIZE])
{
    size_t len = ip->kind == YD_IP_V4 ? 4 : 8;

    if (ip->kind != YD_IP_V4 && ip->kind != YD_IP_V6)
        return 0;
    ret_key[0] = ip->kind;
    memcpy(ret_key + 1, ip->bytes, len);
    return 1 + len;
}

/* ---- who is trusted ---- */

static unsigned bits_of(const struct yd_ip *ip)
{
    return ip->kind == YD_IP_V4 ? 32 : ip->kind == YD_IP_V6 ? 128 : 0;
}

bool yd_ip_range_parse(yodel_str text, struct yd_ip_range *ret)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct yd_ip_range range = {.bits = 0};
    unsigned bits;

    if (yodel_str_eq(text, YODEL_STR("unix"))) {
        *ret = (struct yd_ip_range){.ip.kind = YD_IP_UNIX};
        return true;
    }
    if (!parse_bare((yodel_str){text.ptr, slash != NULL ? (size_t)(slash - text.ptr) : text.len}, 0,
                    &range.ip))
        return false;
    bits = bits_of(&range.ip);
    if (slash != NULL &&
        !yd_decimal_parse((yodel_str){slash + 1, (size_t)(text.ptr + text.len - slash - 1)}, bits,
                          &bits))
        return false;
    range.bits = (uint8_t)bits;
    *ret = range;
    return true;
}

static bool is_in(const struct yd_ip_range *range, const struct yd_ip *ip)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;

    if (range->ip.kind != ip->kind || memcmp(range->ip.bytes, ip->bytes, whole) != 0)
        return false;
    return rest == 0 || ((range->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest)) == 0;
}

bool yd_is_trusted(const struct yd_trust *trust, const struct yd_ip *ip)
{
    for (size_t i = 0; trust != NULL && i < trust->num; i++)
        if (is_in(&trust->ranges[i], ip))
            return true;
    return false;
}
