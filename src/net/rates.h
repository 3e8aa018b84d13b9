/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_RATES_H
#define YD_NET_RATES_H

#include <stdbool.h>

#include "base/ip.h"

/*
 * How many connections may come in a period: to a server, and from one client, as of limits.h.
 * Clients are counted in a table of a fixed size, also when none of their connections is left; with
 * more of them in a period than it holds some are not.  No locks: every function may be called on
 * any thread.
 */
struct yd_rates;

struct yd_rates_options {
    unsigned server;        /* in a period; 0: no limit, here and below */
    unsigned client;        /* the same; at most 65535 */
    uint32_t period_ms;     /* not 0 */
    const uint64_t *secret; /* two words, for the hash of addresses */
};

/* Whether there is something to limit at all. */
bool yd_rates_are_set(const struct yd_rates_options *options);

/* NULL when out of memory.  mem is borrowed. */
struct yd_rates *yd_rates_new(const struct yodel_allocator *mem,
                              const struct yd_rates_options *options);
/* NULL is a no-op. */
void yd_rates_free(struct yd_rates *rates);
const struct yd_rates_options *yd_rates_options(const struct yd_rates *rates);

/* Counts a connection; false when there are too many in this period.  now: ms, of any loop.  A peer
 * without an address is no client. */
bool yd_rates_server(struct yd_rates *rates, uint64_t now);
bool yd_rates_client(struct yd_rates *rates, const struct yd_ip *ip, uint64_t now);

#endif
