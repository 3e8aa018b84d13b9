/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/mem.h"
#include "program.h"
#include "proto/forwarded.h"

/*
 * Proxies and limits by address.  Whether a program has them is told by its last byte and not
 * drawn, so that programs of before mean what they meant.
 */

enum { HAS_PROXIES = 1, SPEAKS_PROXY = 2, HAS_LIMITS = 4 };

static unsigned ways(const struct program *p)
{
    unsigned last = p->size > 0 ? p->data[p->size - 1] : 0;

    if (last % 3 != 2)
        return 0;
    return HAS_PROXIES | ((last & 8) != 0 ? SPEAKS_PROXY : 0) | ((last & 16) != 0 ? HAS_LIMITS : 0);
}

void listen_side_options(const struct program *p, yodel_server_options *options)
{
    if ((ways(p) & HAS_LIMITS) == 0)
        return;
    options->max_address_connections = 2;
    options->max_address_handshakes = 1;
    options->max_address_messages = 6;
    options->max_messages = 4;
    options->max_connects = 6;
    options->max_address_connects = 3;
    options->connects_ms = 500;
    options->messages_ms = 2000;
}

void listen_side_set_up(const struct program *p, struct yd_address *address)
{
    struct yd_trust *trust;

    if (ways(p) == 0)
        return;
    trust = yd_alloc(&p->server->mem, sizeof *trust + 2 * sizeof trust->ranges[0]);
    if (trust == NULL)
        abort();
    trust->num = 2;
    if (!yd_ip_range_parse(YODEL_STR("unix"), &trust->ranges[0]) ||
        !yd_ip_range_parse(YODEL_STR("10.0.0.0/8"), &trust->ranges[1]))
        abort();
    address->trust = trust;
    address->front.trust = trust;
    address->front.proxy_protocol = (ways(p) & SPEAKS_PROXY) != 0;
    address->front.forwarded = YD_FORWARDED_FOR | YD_FORWARDED_PROTO | YD_FORWARDED_HOST;
}

void listen_side_greet(struct program *p, int number)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool is_right;
    } heads[] = {
#define HEAD(text, is_right) {text, sizeof(text) - 1, is_right}
        HEAD("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n", true),
        HEAD("PROXY UNKNOWN\r\n", true),
        HEAD("PROXY TCP6 2001:db8::1 ::1 3 4\r\n", true),
        HEAD("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\2\2\x0a\0\0\1\0\1\0\2\4\0\1x", true),
        HEAD("PROXY TCP4 10.0.0.9 10.0.0.1 1 2\r\n", true),
        HEAD("\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x03xyz", true),
        HEAD("PROXY TCP6 2001:db8::2 ::1 3 4\r\n", true),
        HEAD("", false),
        HEAD("PROXY TCP4 192.0.2.1 10.0.0.1 ", false),
#undef HEAD
    };
    struct line *line = &p->lines[number];
    unsigned which = (unsigned)number * 7 % (sizeof heads / sizeof heads[0]);

    if ((ways(p) & SPEAKS_PROXY) == 0)
        return;
    if (number % 3 == 1)
        line->peer->chop = 5;
    sim_send(line->peer, heads[which].bytes, heads[which].len);
    line->said_close |= !heads[which].is_right;
}

const char *listen_side_headers(const struct program *p, int number)
{
    static const char *const headers[] = {
        "X-Forwarded-For: 192.0.2.1\r\n", "",
        "X-Forwarded-For: 6.6.6.6, 192.0.2.2, 10.0.0.2\r\nX-Forwarded-Proto: https\r\n",
        "X-Forwarded-For: unknown\r\nX-Forwarded-Host: b\r\n",
        "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: x,,https\r\n"};

    return (ways(p) & HAS_PROXIES) != 0 ? headers[(unsigned)number % 5] : "";
}
