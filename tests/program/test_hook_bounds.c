/* SPDX-License-Identifier: MIT */
/* What webhooks keep, and for how long. */
#include "hook_played.h"

/* ---- time ---- */

/* A first attempt that nobody has answered may have come to the back end, however it goes on. */
static void test_hook_bounds_a_circuit_that_opens_meanwhile(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    world.options.circuit = (struct yg_circuit_config){2, 10000, 10000};
    world.chance = UINT32_MAX;
    pushed(&a, YG_HOOK_CONNECT, "c");
    breaks(0, -EIO);
    pushed(&b, YG_HOOK_CONNECT, "d");
    breaks(1, -ECONNREFUSED);
    pass(1000);
    assert_int_equal(world.num_calls, 2);
    assert_non_null(strstr(world.log, "c? "));
    assert_non_null(strstr(world.log, "d- "));
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

/* A back end has answered, and there was no memory for it. */
static void test_hook_bounds_no_memory_for_an_answer(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.options.attempts = 1;
    pushed(&a, YG_HOOK_CONNECT, "1");
    breaks(0, -ENOMEM);
    pushed(&a, YG_HOOK_CONNECT, "2");
    failing_start(1);
    answer(1, 200, "{}");
    failing_stop();
    logged("1? 2? ");
    yg_lane_leave(a.lane);
    end();
}

/* A client waits for so long at most, whatever the back end and others do. */
static void test_hook_bounds_in_time(void **state)
{
    struct client clients[6], z = enter("z");

    begin();
    open_lane(&z);
    world.options.in_flight = 1;
    world.options.retry.max_ms = 1;
    world.options.circuit.failures = 1000;
    for (unsigned i = 0; i < 6; i++) {
        clients[i] = enter("x");
        open_lane(&clients[i]);
    }
    pushed(&clients[0], YG_HOOK_CONNECT, "0");
    pushed(&clients[1], YG_HOOK_CONNECT, "1");
    breaks(0, -EIO); /* it waits for another attempt, and another one has the way */
    assert_int_equal(world.num_calls, 2);
    for (unsigned i = 0; i < 55; i++) {
        pass(100);
        pushed(&z, YG_HOOK_EVENT, "e");
    }
    logged("0? ");
    for (unsigned i = 0; i < 60; i++) {
        pass(100);
        pushed(&z, YG_HOOK_EVENT, "e");
    }
    assert_in_range(world.counts.lost[YG_LOST_WAITED], 2, 30);
    for (unsigned i = 0; i < 6; i++)
        yg_lane_leave(clients[i].lane);
    yg_lane_leave(z.lane);
    end();
}

/* It is dealt with at once, also when others come. */
static void test_hook_bounds_a_post_that_fails_is_seen_at_once(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    world.options.attempts = 1;
    world.options.in_flight = 1;
    world.post_result = -ENOMEM;
    pushed(&a, YG_HOOK_CONNECT, "1");
    pushed(&b, YG_HOOK_CONNECT, "2");
    pass(0);
    assert_non_null(strstr(world.log, "1- "));
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

/* ---- room ---- */

/* Clients that say much do not keep others from saying goodbye. */
static void test_hook_bounds_goodbyes_in_a_full_queue(void **state)
{
    struct client clients[8], b = enter("b");

    begin();
    open_lane(&b);
    world.options.queue.events = 10;
    world.options.in_flight = 1;
    for (unsigned i = 0; i < 12; i++)
        pushed(&b, YG_HOOK_EVENT, "e");
    assert_int_equal(world.num_held, 1);
    for (unsigned i = 0; i < 8; i++) {
        clients[i] = enter("x");
        open_lane(&clients[i]);
        (void)push(&clients[i], YG_HOOK_DISCONNECTED, "d");
        yg_lane_leave(clients[i].lane);
    }
    logged("d- d- d- ");
    assert_int_equal(world.counts.lost[YG_LOST_QUEUE], 3);
    answer(0, 204, "");
    body_has(1, "\"kind\":\"disconnected\"");
    answer(1, 204, "");
    answer(2, 204, "");
    assert_non_null(strstr(world.log, "d+ d+ d+ d+ d+ "));
    assert_int_equal(world.counts.noted_events, 0);
    assert_int_equal(world.counts.noted_bytes, 0);
    yg_lane_leave(b.lane);
    end();
}

static void push_of(struct client *client, enum yg_hook_kind kind, size_t size)
{
    struct yg_hook_event *event = yg_hook_event_new(client->lane, kind, NULL, NULL);

    for (size_t i = 0; i < size; i++)
        yg_text_putc(yg_hook_event_text(event), ' ');
    (void)yg_lane_push(event);
}

/* A notice makes room for as much as it has, whatever those before it had. */
static void test_hook_bounds_bytes_of_a_full_queue(void **state)
{
    struct client a = enter("a");
    uint64_t most = 0;

    begin();
    open_lane(&a);
    world.options.queue.events = 1000;
    world.options.queue.bytes = 100000;
    world.options.in_flight = 1;
    for (unsigned i = 0; i < 300; i++)
        push_of(&a, YG_HOOK_CONNECTED, 10);
    for (unsigned i = 0; i < 300; i++) {
        push_of(&a, YG_HOOK_DISCONNECTED, 10000);
        most = world.counts.queued_bytes > most ? world.counts.queued_bytes : most;
    }
    assert_in_range(most, 80000, 115000);
    yg_lane_leave(a.lane);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hook_bounds_a_circuit_that_opens_meanwhile),
        cmocka_unit_test(test_hook_bounds_no_memory_for_an_answer),
        cmocka_unit_test(test_hook_bounds_in_time),
        cmocka_unit_test(test_hook_bounds_a_post_that_fails_is_seen_at_once),
        cmocka_unit_test(test_hook_bounds_goodbyes_in_a_full_queue),
        cmocka_unit_test(test_hook_bounds_bytes_of_a_full_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
