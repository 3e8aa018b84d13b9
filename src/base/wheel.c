/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include "base/container.h"

/*
 * Time is read as digits of 6 bits, and a timer is kept at the level of the highest digit in which
 * it differs from now, in the slot of its own digit there.  So all timers of one level are due
 * before all those of the next, a slot is entered when now reaches its first millisecond, and its
 * timers then move to lower levels.  Only the highest level wraps around.
 */
#define DIGIT_BITS 6
#define DIGIT_MASK (YD_WHEEL_SLOTS - 1)
#define MAX_DELAY (UINT64_C(1) << DIGIT_BITS * YD_WHEEL_LEVELS)

void yd_wheel_init(struct yd_wheel *wheel, uint64_t now)
{
    wheel->now = now;
    wheel->count = 0;
    for (unsigned level = 0; level < YD_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < YD_WHEEL_SLOTS; slot++)
            yd_list_init(&wheel->slots[level][slot]);
    }
}

void yd_timer_init(struct yd_timer *timer, yd_timer_fn *fn)
{
    yd_list_init(&timer->node);
    timer->due = 0;
    timer->fn = fn;
}

static void place(struct yd_wheel *wheel, struct yd_timer *timer)
{
    uint64_t diff = timer->due ^ wheel->now;
    unsigned level = (63 - (unsigned)__builtin_clzll(diff | 1)) / DIGIT_BITS, slot;

    level = YD_MIN(level, YD_WHEEL_LEVELS - 1);
    slot = timer->due >> level * DIGIT_BITS & DIGIT_MASK;
    yd_list_append(&wheel->slots[level][slot], &timer->node);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void yd_timer_start(struct yd_wheel *wheel, struct yd_timer *timer, uint64_t due)
{
    yd_timer_stop(wheel, timer);
    if (due == YD_NEVER)
        return;
    timer->due = YD_MIN(YD_MAX(due, wheel->now), wheel->now + MAX_DELAY);
    place(wheel, timer);
    wheel->count++;
}

void yd_timer_stop(struct yd_wheel *wheel, struct yd_timer *timer)
{
    struct yd_list *next = timer->node.next;
    uintptr_t offset;

    if (!yd_timer_is_running(timer))
        return;
    yd_list_remove(&timer->node);
    wheel->count--;
    if (!yd_list_is_empty(next))
        return;
    /* It was the last one, so next is the head: a slot of the wheel, or the list of those that are
     * about to be fired. */
    offset = (uintptr_t)next - (uintptr_t)wheel->slots;
    if (offset < sizeof(wheel->slots)) {
        size_t i = offset / sizeof(*next);

        wheel->occupied[i / YD_WHEEL_SLOTS] &= ~(UINT64_C(1) << i % YD_WHEEL_SLOTS);
    }
}

static inline uint64_t rotate_right(uint64_t x, unsigned bits)
{
    return x >> bits | x << (-bits & 63);
}

/* The slot that now reaches first: its level and first millisecond. */
static bool first_slot(const struct yd_wheel *wheel, unsigned *ret_level, uint64_t *ret_start)
{
    for (unsigned level = 0; level < YD_WHEEL_LEVELS; level++) {
        unsigned shift = level * DIGIT_BITS;
        /* The slot now is in still counts at level 0 only; above it is empty or a whole turn off.
         */
        uint64_t first = (wheel->now >> shift) + (level > 0);
        uint64_t bits = rotate_right(wheel->occupied[level], first & DIGIT_MASK);

        if (bits) {
            *ret_level = level;
            *ret_start = (first + (unsigned)__builtin_ctzll(bits)) << shift;
            return true;
        }
    }
    return false;
}

int64_t yd_wheel_next(const struct yd_wheel *wheel)
{
    unsigned level;
    uint64_t start;

    if (!first_slot(wheel, &level, &start))
        return -1;
    return (int64_t)(start - wheel->now);
}

bool yd_wheel_has_work(const struct yd_wheel *wheel, uint64_t now)
{
    unsigned level;
    uint64_t start;

    return first_slot(wheel, &level, &start) && start <= now;
}

/* Empties the slot that begins now: into due at level 0, else into lower levels. */
static void enter_slot(struct yd_wheel *wheel, unsigned level, struct yd_list *due)
{
    unsigned slot = wheel->now >> level * DIGIT_BITS & DIGIT_MASK;
    struct yd_list moved;

    yd_list_move(&wheel->slots[level][slot], &moved);
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    while (!yd_list_is_empty(&moved)) {
        struct yd_list *node = moved.next;

        yd_list_remove(node);
        if (level == 0)
            yd_list_append(due, node);
        else
            place(wheel, yd_container_of(node, struct yd_timer, node));
    }
}

void yd_wheel_advance(struct yd_wheel *wheel, uint64_t now)
{
    struct yd_list due;
    uint64_t start;
    unsigned level;

    if (now < wheel->now)
        now = wheel->now;
    yd_list_init(&due);
    while (first_slot(wheel, &level, &start) && start <= now) {
        wheel->now = start;
        enter_slot(wheel, level, &due);
    }
    wheel->now = now;
    while (!yd_list_is_empty(&due)) {
        struct yd_timer *timer = yd_container_of(due.next, struct yd_timer, node);

        yd_timer_stop(wheel, timer);
        timer->fn(timer);
    }
}
