/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_PEER_H
#define YG_BASE_PEER_H

#include <yodel/base.h>

/* The address of a client: "192.0.2.1:4711", "[2001:db8::1]:4711" or, where a proxy names no port,
 * "192.0.2.1", "2001:db8::1", "[2001:db8::1]". */

/* Without its port and brackets; borrowed from peer. */
yodel_str yg_peer_address(yodel_str peer);

/* 0: it has none. */
unsigned yg_peer_port(yodel_str peer);

#endif
