/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_IP_H
#define YD_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Addresses of peers, and lists of those that are trusted. */

enum yd_ip_kind { YD_IP_UNKNOWN = 0, YD_IP_V4, YD_IP_V6, YD_IP_UNIX };

struct yd_ip {
    uint8_t bytes[16]; /* of IPv4 the first 4; ::ffff:192.0.2.1 is 192.0.2.1 everywhere */
    uint16_t port;     /* 0: not known */
    uint8_t kind;
};

/* len is 4 or 16. */
struct yd_ip yd_ip_of_bytes(const void *bytes, size_t len, uint16_t port);

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80"; no zones, no
 * names.  False for others; *ret untouched then. */
bool yd_ip_parse(yodel_str text, struct yd_ip *ret);

/* Writes "192.0.2.1:80", "[2001:db8::1]:80", without a port "192.0.2.1" and "[2001:db8::1]";
 * "unix", "unknown". */
#define YD_IP_TEXT_SIZE 64
void yd_ip_write(const struct yd_ip *ip, char ret_text[YD_IP_TEXT_SIZE]);

/* What counts as one client: an IPv4 address, the first 64 bits of an IPv6 address, with the kind
 * ahead.  Returns the length, 0 for others. */
#define YD_IP_KEY_SIZE 9
size_t yd_ip_key(const struct yd_ip *ip, uint8_t ret_key[YD_IP_KEY_SIZE]);

/* A number of at most max, in decimal digits and nothing else, no more of them than max has.  False
 * for others; *ret untouched then. */
bool yd_decimal_parse(yodel_str text, unsigned max, unsigned *ret);

/* ---- who is trusted ---- */

struct yd_ip_range {
    struct yd_ip ip;
    uint8_t bits; /* that must be the same */
};

struct yd_trust {
    size_t num;
    struct yd_ip_range ranges[];
};

/* An address, "10.0.0.0/8", "2001:db8::/32", or "unix" for peers on Unix sockets.  False for
 * others; *ret untouched then. */
bool yd_ip_range_parse(yodel_str text, struct yd_ip_range *ret);

/* NULL trusts nobody. */
bool yd_is_trusted(const struct yd_trust *trust, const struct yd_ip *ip);

#endif
