/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_LIMITS_H
#define YD_NET_LIMITS_H

#include "base/ip.h"

/*
 * What one client may have of a server, over all of its loops.  A client is an IPv4 address, or the
 * first 64 bits of an IPv6 address.  There is an entry for each that has a connection, so there are
 * never more of them than connections; it is found under one of several locks.  Every function may
 * be called on any thread.
 */
struct yd_limits;

struct yd_limits_options {
    unsigned connections;   /* of a client; 0: no limit, here and below */
    unsigned handshakes;    /* of a client, that are not whole yet */
    unsigned messages;      /* of a client, in a period */
    unsigned conn_messages; /* of a connection, in a period */
    uint32_t period_ms;     /* 0: 1000 */
    const uint64_t *secret; /* two words, for the hash of addresses */
};

/* Whether there is something to limit at all. */
bool yd_limits_are_set(const struct yd_limits_options *options);

/* NULL when out of memory.  mem is borrowed. */
struct yd_limits *yd_limits_new(const struct yodel_allocator *mem,
                                const struct yd_limits_options *options);
/* After all have left; NULL is a no-op. */
void yd_limits_free(struct yd_limits *limits);

const struct yd_limits_options *yd_limits_options(const struct yd_limits *limits);

/* One client, while it has connections. */
struct yd_limited;

enum yd_refusal {
    YD_NOT_REFUSED = 0,
    YD_REFUSED_FULL,       /* the server is full */
    YD_REFUSED_RATE,       /* too many connections come to it */
    YD_REFUSED_CONNECTION, /* the client has too many connections */
    YD_REFUSED_HANDSHAKE,  /* too many of them are at their handshake */
    YD_REFUSED_CLIENT_RATE /* too many come of it */
};

/* Counts a connection of ip's; handshake: one more, until yd_limits_arrived() or _leave().
 * *ret_client: NULL for a peer without an address.  Returns 0, -ENOMEM, or a refusal (> 0): nothing
 * is counted then. */
int yd_limits_enter(struct yd_limits *limits, const struct yd_ip *ip, bool handshake,
                    struct yd_limited **ret_client);
/* Its handshake is whole. */
void yd_limits_arrived(struct yd_limits *limits, struct yd_limited *client);
/* The connection ends; handshake: before its handshake was whole. */
void yd_limits_leave(struct yd_limits *limits, struct yd_limited *client, bool handshake);

/* Whether client is that of ip. */
bool yd_limits_is(const struct yd_limited *client, const struct yd_ip *ip);

/* Counts a message; false when there are too many in this period.  now: ms. */
bool yd_limits_message(struct yd_limits *limits, struct yd_limited *client, uint64_t now);

#endif
