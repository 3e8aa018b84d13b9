/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_AUTHORITY_H
#define YG_CONFIG_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>

/* Hosts and ports as configurations have them, by their text alone: nothing is resolved. */

/* A name, an IPv4 address, an IPv6 address in brackets; what looks like an address must be one. */
bool yg_is_host(const char *text, size_t len);

/* Decimal digits without zeros ahead, at most 65535; *ret_port is it. */
bool yg_is_port(const char *text, size_t len, unsigned *ret_port);

/* HOST or HOST:PORT.  *ret_port is 0 without one. */
bool yg_is_authority(const char *text, size_t len, unsigned *ret_port);

/* An address, or "10.0.0.0/8". */
bool yg_is_range(const char *text);

#endif
