/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_JWKS_TIMES_H
#define YG_TOKEN_JWKS_TIMES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When a key set is fetched: at the start, an hour after the last time that it came, and for a
 * token with an unknown kid, so that a key that was made just now serves at once.  Between two
 * beginnings are 10 s at least, whatever clients send: whoever invents kids makes one request each
 * 10 s.  A fetch that fails changes nothing: the old keys serve, without a bound in time, and 10 s
 * later it is tried again.
 *
 * A value, without I/O or clock: the times given are of a clock that does not go back, in ms.  Of
 * one thread.
 */

#define YG_JWKS_LIFETIME_MS ((int64_t)3600 * 1000)
#define YG_JWKS_APART_MS ((int64_t)10 * 1000)

struct yg_jwks_times {
    bool is_fetching;
    bool has_begun;      /* begun_ms holds */
    bool has_set;        /* fetched_ms holds */
    int64_t begun_ms;    /* the last fetch */
    int64_t fetched_ms;  /* the last set that came */
    uint64_t num_failed; /* in a row */
};

/* What to do about a token whose kid is unknown. */
enum yg_jwks_answer {
    YG_JWKS_REFUSE, /* a fetch is not allowed yet: the kid is unknown */
    YG_JWKS_FETCH,  /* begin a fetch, and check the token again when it has ended */
    YG_JWKS_WAIT    /* one is under way: check the token again when it has ended */
};

/* All zero: nothing was fetched yet. */

/* The time of the next fetch that is due without anybody's asking, not before now_ms; INT64_MAX
 * while one is under way. */
int64_t yg_jwks_next(const struct yg_jwks_times *times, int64_t now_ms);

/* FETCH does not begin it: yg_jwks_begin() does.  A token that was checked again after a fetch that
 * it had waited for is refused without asking here. */
enum yg_jwks_answer yg_jwks_ask(const struct yg_jwks_times *times, int64_t now_ms);

void yg_jwks_begin(struct yg_jwks_times *times, int64_t now_ms);

/* The fetch has ended; is_good: with a set that could be parsed. */
void yg_jwks_end(struct yg_jwks_times *times, int64_t now_ms, bool is_good);

#endif
