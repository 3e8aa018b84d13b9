/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/container.h"

#include <cmocka.h>

#define LONGEST (UINT64_C(1) << 36)

/* A timer that remembers when it was fired; act is done inside. */
struct probe {
    struct yd_timer timer;
    struct yd_wheel *wheel;
    unsigned fired;
    uint64_t at;    /* of the last time */
    unsigned order; /* of the last time, among all */
    unsigned *counter;
    void (*act)(struct probe *probe);
    struct probe *other;
    uint64_t delay;
};

static void start_in(struct yd_wheel *wheel, struct yd_timer *timer, uint64_t delay)
{
    yd_timer_start(wheel, timer, wheel->now + delay);
}

static void probe_fired(struct yd_timer *timer)
{
    struct probe *probe = yd_container_of(timer, struct probe, timer);

    assert_false(yd_timer_is_running(timer));
    probe->fired++;
    probe->at = probe->wheel->now;
    probe->order = ++*probe->counter;
    if (probe->act)
        probe->act(probe);
}

static void probes_init(struct yd_wheel *wheel, struct probe *probes, size_t num, unsigned *counter)
{
    *counter = 0;
    for (size_t i = 0; i < num; i++) {
        probes[i] = (struct probe){.wheel = wheel, .counter = counter};
        yd_timer_init(&probes[i].timer, probe_fired);
    }
}

static void restart_self(struct probe *probe)
{
    start_in(probe->wheel, &probe->timer, probe->delay);
}

static void start_other(struct probe *probe)
{
    start_in(probe->wheel, &probe->other->timer, probe->delay);
}

static void stop_other(struct probe *probe)
{
    yd_timer_stop(probe->wheel, &probe->other->timer);
}

static void test_wheel_without_timers(void **state)
{
    struct yd_wheel wheel;

    yd_wheel_init(&wheel, 1000);
    assert_int_equal(yd_wheel_next(&wheel), -1);
    assert_false(yd_wheel_has_work(&wheel, 5000));
    yd_wheel_advance(&wheel, 5000);
    assert_int_equal(wheel.now, 5000);
    yd_wheel_advance(&wheel, 4000); /* never back */
    assert_int_equal(wheel.now, 5000);
    assert_int_equal(wheel.count, 0);
}

/* Every delay up to a few slots of the third level, and those around each power of two, from
 * several starts: not a millisecond early, not one late, whether in one jump or guided by next. */
static void check_exact(uint64_t start, uint64_t delay)
{
    struct yd_wheel wheel;
    struct probe probe;
    unsigned counter, steps = 0;

    yd_wheel_init(&wheel, start);
    probes_init(&wheel, &probe, 1, &counter);
    start_in(&wheel, &probe.timer, delay);
    if (delay > 0)
        yd_wheel_advance(&wheel, start + delay - 1);
    assert_int_equal(probe.fired, 0);
    assert_int_equal(yd_wheel_next(&wheel), delay > 0);
    yd_wheel_advance(&wheel, start + delay);
    assert_int_equal(probe.fired, 1);
    assert_int_equal(yd_wheel_next(&wheel), -1);

    yd_wheel_init(&wheel, start);
    start_in(&wheel, &probe.timer, delay);
    while (probe.fired == 1) {
        int64_t next = yd_wheel_next(&wheel);

        assert_true(next >= 0);
        assert_true(wheel.now + (uint64_t)next <= start + delay);
        yd_wheel_advance(&wheel, wheel.now + (uint64_t)next);
        assert_in_range(++steps, 1, YD_WHEEL_LEVELS + 1);
    }
    assert_int_equal(probe.at, start + delay);
}

static void test_wheel_fires_exactly(void **state)
{
    static const uint64_t starts[] = {
        0, 1, 63, 64, 4095, 4096, 123456789, LONGEST - 1, UINT64_C(1790000000123)};

    for (size_t i = 0; i < YD_LEN(starts); i++) {
        for (uint64_t delay = 0; delay < 9000; delay += delay < 200 ? 1 : 61)
            check_exact(starts[i], delay);
        for (unsigned bit = 6; bit <= 36; bit++)
            for (uint64_t near = 0; near < 3; near++)
                check_exact(starts[i], YD_MIN((UINT64_C(1) << bit) - 1 + near, LONGEST));
    }
}

static void test_wheel_cuts_far_times(void **state)
{
    struct yd_wheel wheel;
    struct probe probe;
    unsigned counter;

    yd_wheel_init(&wheel, 77);
    probes_init(&wheel, &probe, 1, &counter);
    yd_timer_start(&wheel, &probe.timer, YD_NEVER - 1);
    yd_wheel_advance(&wheel, 77 + LONGEST - 1);
    assert_int_equal(probe.fired, 0);
    yd_wheel_advance(&wheel, 77 + LONGEST);
    assert_int_equal(probe.fired, 1);
}

static void test_wheel_never_stops_a_timer(void **state)
{
    struct yd_wheel wheel;
    struct probe probe;
    unsigned counter;

    yd_wheel_init(&wheel, 77);
    probes_init(&wheel, &probe, 1, &counter);
    start_in(&wheel, &probe.timer, 5);
    yd_timer_start(&wheel, &probe.timer, YD_NEVER);
    assert_false(yd_timer_is_running(&probe.timer));
    assert_int_equal(yd_wheel_next(&wheel), -1);
    yd_wheel_advance(&wheel, 77 + 2 * LONGEST);
    assert_int_equal(probe.fired, 0);
}

/* A wheel is advanced once a turn; what is started long after that is no earlier for it. */
static void test_wheel_time_does_not_depend_on_the_last_advance(void **state)
{
    struct yd_wheel wheel;
    struct probe probe;
    unsigned counter;

    yd_wheel_init(&wheel, 1000);
    probes_init(&wheel, &probe, 1, &counter);
    yd_timer_start(&wheel, &probe.timer, 4500 + 1000); /* it is 4500 by now */
    yd_wheel_advance(&wheel, 5499);
    assert_int_equal(probe.fired, 0);
    yd_wheel_advance(&wheel, 5500);
    assert_int_equal(probe.fired, 1);
    yd_timer_start(&wheel, &probe.timer, 3000); /* has passed */
    assert_int_equal(yd_wheel_next(&wheel), 0);
    yd_wheel_advance(&wheel, 5500);
    assert_int_equal(probe.fired, 2);
}

static void test_wheel_stop_and_restart(void **state)
{
    struct yd_wheel wheel;
    struct probe probes[3];
    unsigned counter;

    yd_wheel_init(&wheel, 0);
    probes_init(&wheel, probes, 3, &counter);
    yd_timer_stop(&wheel, &probes[0].timer); /* not running: nothing */
    for (unsigned i = 0; i < 3; i++)
        start_in(&wheel, &probes[i].timer, 100);
    assert_int_equal(wheel.count, 3);
    start_in(&wheel, &probes[0].timer, 5000);
    assert_int_equal(wheel.count, 3);
    yd_timer_stop(&wheel, &probes[1].timer);
    assert_false(yd_timer_is_running(&probes[1].timer));
    assert_int_equal(wheel.count, 2);
    yd_wheel_advance(&wheel, 4999);
    assert_int_equal(probes[0].fired + probes[1].fired, 0);
    assert_int_equal(probes[2].fired, 1);
    yd_wheel_advance(&wheel, 5000);
    assert_int_equal(probes[0].fired, 1);
    start_in(&wheel, &probes[1].timer, 70);
    yd_timer_stop(&wheel, &probes[1].timer);
    assert_int_equal(yd_wheel_next(&wheel), -1);
}

static void test_wheel_zero_fires_at_the_next_advance(void **state)
{
    struct yd_wheel wheel;
    struct probe probe;
    unsigned counter;

    yd_wheel_init(&wheel, 500);
    probes_init(&wheel, &probe, 1, &counter);
    probe.act = restart_self;
    start_in(&wheel, &probe.timer, 0);
    for (unsigned i = 1; i < 5; i++) {
        assert_int_equal(yd_wheel_next(&wheel), 0);
        yd_wheel_advance(&wheel, 500);
        assert_int_equal(probe.fired, i);
    }
    yd_wheel_advance(&wheel, 99999);
    assert_int_equal(probe.fired, 5);
    assert_int_equal(yd_wheel_next(&wheel), 0);
}

static void test_wheel_order_is_by_time_then_start(void **state)
{
    static const uint64_t delays[] = {700, 5, 0, 700, 64, 63, 70000, 700};
    static const unsigned order[] = {5, 2, 1, 6, 4, 3, 8, 7};
    struct yd_wheel wheel;
    struct probe probes[YD_LEN(delays)];
    unsigned counter;

    yd_wheel_init(&wheel, 60);
    probes_init(&wheel, probes, YD_LEN(probes), &counter);
    for (size_t i = 0; i < YD_LEN(probes); i++)
        start_in(&wheel, &probes[i].timer, delays[i]);
    yd_wheel_advance(&wheel, 100000);
    for (size_t i = 0; i < YD_LEN(probes); i++) {
        assert_int_equal(probes[i].order, order[i]);
        assert_int_equal(probes[i].at, 100000); /* what is started inside counts from here */
    }
}

static void test_wheel_start_inside_waits_for_the_next_call(void **state)
{
    struct yd_wheel wheel;
    struct probe probes[2];
    unsigned counter;

    for (uint64_t delay = 0; delay < 3; delay++) {
        yd_wheel_init(&wheel, 0);
        probes_init(&wheel, probes, 2, &counter);
        probes[0].act = start_other;
        probes[0].other = &probes[1];
        probes[0].delay = delay;
        start_in(&wheel, &probes[0].timer, 10);
        start_in(&wheel, &probes[1].timer, 20); /* due in the same call, put off by then */
        yd_wheel_advance(&wheel, 30);
        assert_int_equal(probes[0].fired, 1);
        assert_int_equal(probes[1].fired, 0);
        assert_int_equal(yd_wheel_next(&wheel), delay);
        yd_wheel_advance(&wheel, 30 + delay);
        assert_int_equal(probes[1].fired, 1);
    }
}

static void test_wheel_stop_inside(void **state)
{
    struct yd_wheel wheel;
    struct probe probes[3];
    unsigned counter;

    yd_wheel_init(&wheel, 0);
    probes_init(&wheel, probes, 3, &counter);
    for (unsigned i = 0; i < 3; i++)
        start_in(&wheel, &probes[i].timer, 10);
    probes[0].act = probes[1].act = stop_other;
    probes[0].other = &probes[2]; /* about to fire */
    probes[1].other = &probes[1]; /* itself, stopped already */
    yd_wheel_advance(&wheel, 10);
    assert_int_equal(probes[0].fired, 1);
    assert_int_equal(probes[1].fired, 1);
    assert_int_equal(probes[2].fired, 0);
    assert_int_equal(wheel.count, 0);
    assert_int_equal(yd_wheel_next(&wheel), -1);
}

static void free_owner(struct yd_timer *timer)
{
    free(yd_container_of(timer, struct probe, timer));
}

static void test_wheel_owner_may_go_inside(void **state)
{
    struct yd_wheel wheel;

    yd_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct probe *probe = calloc(1, sizeof(*probe));

        assert_non_null(probe);
        yd_timer_init(&probe->timer, free_owner);
        start_in(&wheel, &probe->timer, i / 2 * 100);
    }
    yd_wheel_advance(&wheel, 1000);
    assert_int_equal(wheel.count, 0);
}

/* Days at a time: were it a step for each slot of the lowest level, this would not end. */
static void test_wheel_jumps_of_hours(void **state)
{
    const uint64_t day = 24 * 3600 * 1000;
    struct yd_wheel wheel;
    struct probe probes[2];
    unsigned counter;

    yd_wheel_init(&wheel, 12345);
    probes_init(&wheel, probes, 2, &counter);
    probes[0].act = restart_self;
    probes[0].delay = 25000;
    start_in(&wheel, &probes[0].timer, 25000);
    start_in(&wheel, &probes[1].timer, day * 700);
    for (unsigned i = 1; i < 100000; i++) {
        yd_wheel_advance(&wheel, wheel.now + day / 3);
        assert_int_equal(probes[0].fired, i);
        assert_int_equal(probes[1].fired, i >= 2100);
    }
}

/*
 * A random life of many timers next to a model: an array that is searched and sorted.
 */
#define TIMERS 14000
#define ADVANCES 1500

struct model;

struct entry {
    struct yd_timer timer;
    struct model *model;
    bool running;
    uint64_t due;
    uint64_t started; /* a number that grows */
};

struct model {
    struct yd_wheel wheel;
    uint64_t random, started;
    uint64_t fired;
    bool advancing;
    struct entry entries[TIMERS];
    struct entry *expected[TIMERS]; /* of this advance, in order */
    uint64_t expected_started[TIMERS];
    size_t num_expected, next_expected;
};

static uint64_t draw(struct model *model, uint64_t below)
{
    model->random = model->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (model->random >> 20) % below;
}

static uint64_t draw_delay(struct model *model)
{
    static const uint64_t below[] = {1, 3, 64, 130, 5000, 300000, 20000000, LONGEST + 5000};

    return draw(model, below[draw(model, YD_LEN(below))]);
}

static void model_start(struct model *model, struct entry *entry)
{
    uint64_t delay = draw_delay(model);

    start_in(&model->wheel, &entry->timer, delay);
    entry->running = true;
    entry->due = model->wheel.now + YD_MIN(delay, LONGEST);
    entry->started = ++model->started;
}

static void model_stop(struct model *model, struct entry *entry)
{
    yd_timer_stop(&model->wheel, &entry->timer);
    entry->running = false;
}

static void model_change(struct model *model, struct entry *entry)
{
    assert_int_equal(yd_timer_is_running(&entry->timer), entry->running);
    if (draw(model, 3) == 0)
        model_stop(model, entry);
    else
        model_start(model, entry);
}

/* The next one that has neither been stopped nor started anew since the advance began. */
static struct entry *model_next(struct model *model)
{
    while (model->next_expected < model->num_expected) {
        size_t i = model->next_expected++;
        struct entry *entry = model->expected[i];

        if (entry->running && entry->started == model->expected_started[i])
            return entry;
    }
    return NULL;
}

static void entry_fired(struct yd_timer *timer)
{
    struct entry *entry = yd_container_of(timer, struct entry, timer);
    struct model *model = entry->model;

    assert_true(model->advancing);
    assert_ptr_equal(model_next(model), entry);
    assert_false(yd_timer_is_running(timer));
    entry->running = false;
    model->fired++;
    if (draw(model, 2))
        model_start(model, entry);
    if (draw(model, 4) == 0)
        model_change(model, &model->entries[draw(model, TIMERS)]);
    if (draw(model, 4) == 0 && model->next_expected < model->num_expected)
        model_change(model, model->expected[model->num_expected - 1]);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;

    if (a->due != b->due)
        return a->due < b->due ? -1 : 1;
    return a->started < b->started ? -1 : 1;
}

static void model_advance(struct model *model, uint64_t now)
{
    model->num_expected = model->next_expected = 0;
    for (size_t i = 0; i < TIMERS; i++)
        if (model->entries[i].running && model->entries[i].due <= now)
            model->expected[model->num_expected++] = &model->entries[i];
    qsort(model->expected, model->num_expected, sizeof(struct entry *), compare_entries);
    for (size_t i = 0; i < model->num_expected; i++)
        model->expected_started[i] = model->expected[i]->started;
    model->advancing = true;
    yd_wheel_advance(&model->wheel, now);
    model->advancing = false;
    assert_null(model_next(model)); /* none was left out */
}

static void check_next(struct model *model)
{
    uint64_t now = model->wheel.now, first = UINT64_MAX;
    size_t count = 0;
    int64_t next = yd_wheel_next(&model->wheel);

    for (size_t i = 0; i < TIMERS; i++)
        if (model->entries[i].running) {
            count++;
            first = YD_MIN(first, model->entries[i].due);
        }
    assert_int_equal(model->wheel.count, count);
    if (count == 0) {
        assert_int_equal(next, -1);
        return;
    }
    assert_true(next >= 0);
    assert_true(now + (uint64_t)next <= first);
    if (first / YD_WHEEL_SLOTS == now / YD_WHEEL_SLOTS)
        assert_true(now + (uint64_t)next == first);
    else
        assert_true(next > 0);
}

static uint64_t draw_step(struct model *model)
{
    static const uint64_t below[] = {1, 2, 64, 1000, 30000, 10000000, UINT64_C(1) << 33};
    uint64_t which = draw(model, 40);

    if (which < 12)
        return (uint64_t)YD_MIN(yd_wheel_next(&model->wheel) + 1, 1000000) - (which < 9);
    return draw(model, below[which == 12 ? 6 : which % 6]);
}

static void run_model(uint64_t seed)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->random = seed;
    yd_wheel_init(&model->wheel, draw(model, UINT64_C(1) << 41));
    for (size_t i = 0; i < TIMERS; i++) {
        model->entries[i].model = model;
        yd_timer_init(&model->entries[i].timer, entry_fired);
        model_start(model, &model->entries[i]);
    }
    for (unsigned i = 0; i < ADVANCES; i++) {
        for (unsigned j = 0; j < 20; j++)
            model_change(model, &model->entries[draw(model, TIMERS)]);
        check_next(model);
        model_advance(model, model->wheel.now + draw_step(model));
    }
    assert_true(model->fired > TIMERS);
    for (size_t i = 0; i < TIMERS; i++)
        model_stop(model, &model->entries[i]);
    check_next(model);
    free(model);
}

static void test_wheel_random_life_follows_model(void **state)
{
    for (uint64_t seed = 1; seed <= 2; seed++)
        run_model(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wheel_without_timers),
        cmocka_unit_test(test_wheel_fires_exactly),
        cmocka_unit_test(test_wheel_cuts_far_times),
        cmocka_unit_test(test_wheel_never_stops_a_timer),
        cmocka_unit_test(test_wheel_time_does_not_depend_on_the_last_advance),
        cmocka_unit_test(test_wheel_stop_and_restart),
        cmocka_unit_test(test_wheel_zero_fires_at_the_next_advance),
        cmocka_unit_test(test_wheel_order_is_by_time_then_start),
        cmocka_unit_test(test_wheel_start_inside_waits_for_the_next_call),
        cmocka_unit_test(test_wheel_stop_inside),
        cmocka_unit_test(test_wheel_owner_may_go_inside),
        cmocka_unit_test(test_wheel_jumps_of_hours),
        cmocka_unit_test(test_wheel_random_life_follows_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
