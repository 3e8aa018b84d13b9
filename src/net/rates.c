/* SPDX-License-Identifier: MIT */
#include "net/rates.h"

#include <stdatomic.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/window.h"

/* Clients that are counted at a time: powers of two.  One may stand in any place of its set. */
#define NUM_PLACES 65536
#define SET 8

/* A place: its period 24 bits, the client's tag 24, how many have come 16. */
#define PERIOD_MASK 0xffffffu
#define TAG_MASK 0xffffffu
#define MOST 0xffffu

struct yd_rates {
    const struct yodel_allocator *mem;
    struct yd_rates_options options;
    uint64_t secret[2];
    yd_window window; /* of the server */
    atomic_uint_least64_t *places;
};

bool yd_rates_are_set(const struct yd_rates_options *options)
{
    return options->server > 0 || options->client > 0;
}

struct yd_rates *yd_rates_new(const struct yodel_allocator *mem,
                              const struct yd_rates_options *options)
{
    struct yd_rates *rates = yd_zalloc(mem, sizeof *rates);

    if (rates == NULL)
        return NULL;
    rates->mem = mem;
    rates->options = *options;
    rates->secret[0] = options->secret[0];
    rates->secret[1] = options->secret[1];
    atomic_init(&rates->window, 0);
    if (options->client == 0)
        return rates;
    rates->places = yd_zalloc(mem, NUM_PLACES * sizeof rates->places[0]);
    if (rates->places != NULL)
        return rates;
    yd_free(mem, rates);
    return NULL;
}

void yd_rates_free(struct yd_rates *rates)
{
    if (rates == NULL)
        return;
    yd_free(rates->mem, rates->places);
    yd_free(rates->mem, rates);
}

const struct yd_rates_options *yd_rates_options(const struct yd_rates *rates)
{
    return &rates->options;
}

bool yd_rates_server(struct yd_rates *rates, uint64_t now)
{
    const struct yd_rates_options *options = &rates->options;

    return options->server == 0 ||
           yd_window_count(&rates->window, now, options->period_ms, options->server);
}

/* ---- clients ---- */

static bool is_over(uint64_t place, uint64_t period)
{
    uint64_t age = (period - (place >> 40)) & PERIOD_MASK;

    return place == 0 || (age > 0 && age <= PERIOD_MASK / 2);
}

/* The client's place, or one that it can have; NULL: all are others'. */
static atomic_uint_least64_t *find(atomic_uint_least64_t *set, uint64_t tag, uint64_t period,
                                   uint_least64_t *ret_before)
{
    atomic_uint_least64_t *free_place = NULL;

    for (size_t i = 0; i < SET; i++) {
        uint_least64_t place = atomic_load_explicit(&set[i], memory_order_relaxed);

        if (!is_over(place, period) && (place >> 16 & TAG_MASK) == tag) {
            *ret_before = place;
            return &set[i];
        }
        if (free_place == NULL && is_over(place, period)) {
            free_place = &set[i];
            *ret_before = place;
        }
    }
    return free_place;
}

bool yd_rates_client(struct yd_rates *rates, const struct yd_ip *ip, uint64_t now)
{
    uint64_t period = now / rates->options.period_ms & PERIOD_MASK, tag;
    uint8_t bytes[YD_IP_KEY_SIZE];
    size_t len = yd_ip_key(ip, bytes);
    atomic_uint_least64_t *set, *place;
    uint_least64_t before, after;
    struct yd_key key;

    if (rates->options.client == 0 || len == 0)
        return true;
    key = yd_key_make(rates->secret, (yodel_str){(const char *)bytes, len});
    set = &rates->places[key.hash % (NUM_PLACES / SET) * SET];
    tag = key.hash >> 40;
    do {
        if ((place = find(set, tag, period, &before)) == NULL)
            return true;
        after = is_over(before, period) ? period << 40 | tag << 16 : before;
        if ((after & MOST) >= rates->options.client)
            return false;
        after++;
    } while (!atomic_compare_exchange_weak_explicit(place, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
