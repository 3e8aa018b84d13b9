/* SPDX-License-Identifier: MIT */
#include "token/jwks_times.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t yg_jwks_next(const struct yg_jwks_times *times, int64_t now_ms)
{
    int64_t due = now_ms;

    if (times->is_fetching)
        return INT64_MAX;
    if (times->has_set && times->num_failed == 0)
        due = later(due, times->fetched_ms + YG_JWKS_LIFETIME_MS);
    if (times->has_begun)
        due = later(due, times->begun_ms + YG_JWKS_APART_MS);
    return due;
}

enum yg_jwks_answer yg_jwks_ask(const struct yg_jwks_times *times, int64_t now_ms)
{
    if (times->is_fetching)
        return YG_JWKS_WAIT;
    if (times->has_begun && now_ms - times->begun_ms < YG_JWKS_APART_MS)
        return YG_JWKS_REFUSE;
    return YG_JWKS_FETCH;
}

void yg_jwks_begin(struct yg_jwks_times *times, int64_t now_ms)
{
    times->is_fetching = times->has_begun = true;
    times->begun_ms = now_ms;
}

void yg_jwks_end(struct yg_jwks_times *times, int64_t now_ms, bool is_good)
{
    times->is_fetching = false;
    if (is_good) {
        times->has_set = true;
        times->fetched_ms = now_ms;
        times->num_failed = 0;
    } else {
        times->num_failed++;
    }
}
