/* SPDX-License-Identifier: MIT */
#include "config/authority.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define MAX_NAME 253 /* RFC 1035 2.3.4, as text */
#define MAX_LABEL 63

bool yg_is_port(const char *text, size_t len, unsigned *ret_port)
{
    unsigned port = 0;

    if (len == 0 || len > 5 || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    *ret_port = port;
    return port <= 65535;
}

/* The text as one with an end; false: it is too long, or has a NUL. */
static bool copy(const char *text, size_t len, char *to, size_t size)
{
    if (len >= size || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(to, text, len);
    to[len] = '\0';
    return true;
}

/* With a zone (RFC 4007 11), such as fe80::1%eth0, that is not looked up. */
static bool is_ipv6(const char *text, size_t len)
{
    const char *zone = memchr(text, '%', len);
    struct in6_addr address;
    char plain[INET6_ADDRSTRLEN];

    if (zone != NULL && zone + 1 == text + len)
        return false;
    return copy(text, zone != NULL ? (size_t)(zone - text) : len, plain, sizeof(plain)) &&
           inet_pton(AF_INET6, plain, &address) == 1;
}

static bool is_ipv4(const char *text)
{
    struct in_addr address;

    return inet_pton(AF_INET, text, &address) == 1;
}

static bool are_labels(const char *text)
{
    while (*text != '\0') {
        const size_t len = strspn(text, LETTERS_AND_DIGITS "-_");

        if (len == 0 || len > MAX_LABEL || (text[len] != '.' && text[len] != '\0'))
            return false;
        text += len + (text[len] == '.');
    }
    return true;
}

/* A last label of digits makes it an address (WHATWG URL 3.5). */
static bool is_numeric(const char *text)
{
    const char *dot = strrchr(text, '.');
    const char *last = dot != NULL ? dot + 1 : text;

    return *last != '\0' && last[strspn(last, "0123456789")] == '\0';
}

bool yg_is_host(const char *text, size_t len)
{
    char name[MAX_NAME + 1];

    if (len > 2 && text[0] == '[')
        return text[len - 1] == ']' && is_ipv6(text + 1, len - 2);
    if (len == 0 || !copy(text, len, name, sizeof(name)))
        return false;
    return is_numeric(name) ? is_ipv4(name) : are_labels(name);
}

bool yg_is_authority(const char *text, size_t len, unsigned *ret_port)
{
    const char *end = text + len;
    const char *bracket = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;
    const char *rest = bracket != NULL ? bracket : text;
    const char *colon = memchr(rest, ':', (size_t)(end - rest));

    *ret_port = 0;
    if (colon == NULL)
        return yg_is_host(text, len);
    return yg_is_host(text, (size_t)(colon - text)) &&
           yg_is_port(colon + 1, (size_t)(end - colon - 1), ret_port) && *ret_port > 0;
}

bool yg_is_range(const char *text)
{
    const char *slash = strchr(text, '/');
    const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char address[INET6_ADDRSTRLEN];
    unsigned bits = 0;
    bool is_six;

    if (!copy(text, len, address, sizeof(address)))
        return false;
    is_six = strchr(address, ':') != NULL;
    if (is_six ? !is_ipv6(address, len) || strchr(address, '%') != NULL : !is_ipv4(address))
        return false;
    return slash == NULL ||
           (yg_is_port(slash + 1, strlen(slash + 1), &bits) && bits <= (is_six ? 128u : 32u));
}
