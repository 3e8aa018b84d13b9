/* SPDX-License-Identifier: MIT */
/* What webhooks keep, and for how long. */
#include <inttypes.h>

#include "hook/members.h"
#include "hook_played.h"
#include "serve/hook_flush.h"
#include "serve/state.h"

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

/* ---- the last event ---- */

static void part(struct client *client, const char *rooms)
{
    struct yg_hook_event *event = yg_hook_event_parting(client->lane, on_told, "d");

    assert_non_null(event);
    yg_member_put(yg_hook_event_text(event), "reason", YODEL_STR("server namespace disconnect"));
    yg_text_printf(yg_hook_event_text(event), ",\"code\":4999,\"duration_ms\":%" PRId64, INT64_MIN);
    yg_member_put_rooms(yg_hook_event_text(event), rooms);
    assert_int_equal(yg_lane_push(event), 0);
    yg_lane_leave(client->lane);
}

/* It is told all the same, once there is memory, and of whom it is. */
static void test_hook_bounds_a_goodbye_without_memory(void **state)
{
    struct client a = enter("a"), b = enter("b");
    char rooms[300] = "[\"";

    memset(rooms + 2, 'r', sizeof(rooms) - 5);
    strcpy(rooms + sizeof(rooms) - 3, "\"]");
    begin();
    open_lane(&a);
    open_lane(&b);
    assert_int_equal(yg_lane_reserve(a.lane), 0);
    assert_int_equal(yg_lane_reserve(b.lane), 0);
    pushed(&a, YG_HOOK_EVENT, "e");
    failing_all();
    part(&a, rooms);
    assert_true(failing_stop());
    answer(0, 204, "");
    body_has(1, "\"kind\":\"disconnected\"");
    body_has(1, "\"socket\":{\"sid\":\"a\"}");
    body_has(1, "\"rooms\":[],\"rooms_lost\":true}");
    answer(1, 204, "");
    failing_all();
    part(&b, NULL);
    failing_stop();
    pass(1000);
    body_has(2, "\"socket\":{\"sid\":\"b\"}");
    answer(2, 204, "");
    logged("e+ d+ d+ ");
    assert_int_equal(world.counts.lost[YG_LOST_MEMORY], 0);
    end();
}

static void test_hook_bounds_a_goodbye_with_rooms(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    for (unsigned n = 1, rc = 1; rc != 0; n++) {
        failing_start(n);
        rc = (unsigned)yg_lane_reserve(a.lane);
        assert_int_equal(rc, failing_stop() ? (unsigned)-ENOMEM : 0);
    }
    part(&a, "[\"r\"]");
    body_has(0, "-9223372036854775808,\"rooms\":[\"r\"]}");
    answer(0, 204, "");
    open_lane(&a);
    assert_int_equal(yg_lane_reserve(a.lane), 0);
    yg_lane_leave(a.lane); /* it was not needed */
    end();
}

static unsigned num_handed, num_ends_handed;

static bool take_left(const struct yg_hook_left *left, void *user)
{
    if (left == NULL)
        return false;
    num_handed += (unsigned)left->num_events;
    num_ends_handed += (unsigned)left->num_ends;
    return true;
}

/* What is handed over at the end, and what was lost in that, are all there was. */
static void test_hook_bounds_an_end_without_memory(void **state)
{
    static const char *const names[] = {"1", "2", "3"};
    bool again = true;

    for (unsigned n = 1; again; n++) {
        struct client a = enter("a");

        begin();
        open_lane(&a);
        pushed(&a, YG_HOOK_EVENT, "e");
        for (unsigned i = 0; i < 3; i++)
            pushed(&a, YG_HOOK_DISCONNECTED, names[i]);
        yg_lane_leave(a.lane);
        num_handed = num_ends_handed = 0;
        failing_start(n);
        yg_hook_end(world.hook, take_left, NULL);
        again = failing_stop();
        assert_int_equal(num_handed, num_ends_handed);
        assert_int_equal(num_handed, 3); /* one by one, where all at once needs too much */
        assert_int_equal(world.counts.lost[YG_LOST_MEMORY], 0);
        end();
    }
}

static void test_hook_bounds_an_end_with_no_memory_at_all(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    pushed(&a, YG_HOOK_EVENT, "e");
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&a, YG_HOOK_DISCONNECTED, "2");
    yg_lane_leave(a.lane);
    num_handed = 0;
    failing_all();
    yg_hook_end(world.hook, take_left, NULL);
    failing_stop();
    assert_int_equal(num_handed, 0);
    assert_int_equal(world.counts.lost[YG_LOST_MEMORY], 2);
    end();
}

/* The reserve is given back when it is asked for. */
static bool take_left_with_reserve(const struct yg_hook_left *left, void *user)
{
    bool *has_reserve = user;
    const bool had_reserve = *has_reserve;

    if (left != NULL)
        return take_left(left, NULL);
    *has_reserve = false;
    if (had_reserve)
        failing_stop();
    return had_reserve;
}

static void test_hook_bounds_an_end_with_a_reserve(void **state)
{
    struct client a = enter("a");
    bool has_reserve = true;

    begin();
    open_lane(&a);
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&a, YG_HOOK_DISCONNECTED, "2");
    yg_lane_leave(a.lane);
    num_handed = 0;
    failing_all();
    yg_hook_end(world.hook, take_left_with_reserve, &has_reserve);
    failing_stop();
    assert_false(has_reserve);
    assert_int_equal(num_handed, 2);
    assert_int_equal(world.counts.lost[YG_LOST_MEMORY], 0);
    end();
}

static struct yg_hook_left left_of(size_t num_events)
{
    static const char *const ends[] = {"evt_1", "evt_2"};

    return (struct yg_hook_left){.options = &world.options,
                                 .url = "http://a/",
                                 .id = "msg_1",
                                 .body = YODEL_STR("{}"),
                                 .num_events = num_events,
                                 .ends = ends,
                                 .num_ends = num_events};
}

/* A copy is whole or there is none, and the reserve is given once. */
static void test_hook_bounds_a_flush_without_memory(void **state)
{
    static struct yg_state none;
    bool again = true;

    world.options = defaults;
    for (size_t n = 1; again; n++) {
        const struct yg_hook_left left = left_of(2);
        struct yg_hook_flush *flush = yg_hook_flush_new(&none);
        bool was_taken;

        assert_non_null(flush);
        failing_start(n);
        was_taken = yg_hook_flush_add(flush, &left);
        again = failing_stop();
        assert_int_equal(was_taken, !again);
        assert_true(yg_hook_flush_add(flush, NULL));
        assert_true(yg_hook_flush_add(flush, &left));
        assert_false(yg_hook_flush_add(flush, NULL));
        yg_hook_flush_free(flush);
    }
    again = true;
    for (size_t n = 1; again; n++) {
        struct yg_hook_flush *flush;

        failing_start(n);
        flush = yg_hook_flush_new(&none);
        again = failing_stop();
        assert_int_equal(flush == NULL, again);
        yg_hook_flush_free(flush);
    }
}

/* The answer n has a status, and a body beyond webhooks.answer. */
static void answer_too_long(unsigned n, unsigned status, uint32_t retry_after_ms)
{
    answer_with(n, &(struct yg_http_reply){.result = -E2BIG,
                                           .error = "the answer is too large",
                                           .status = status,
                                           .retry_after_ms = retry_after_ms});
}

static void test_hook_bounds_heed_the_status_of_long_answers(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    pushed(&a, YG_HOOK_CONNECTED, "1");
    answer_too_long(0, 503, 5000);
    pass(4999);
    assert_int_equal(world.num_calls, 1);
    pass(1);
    answer_too_long(1, 429, 0);
    pass(20000);
    answer_too_long(2, 500, 0);
    pass(20000);
    answer(3, 204, "");
    pushed(&a, YG_HOOK_EVENT, "2");
    answer_too_long(4, 400, 0);
    pushed(&a, YG_HOOK_CONNECT, "3");
    answer_too_long(5, 403, 0);
    pushed(&a, YG_HOOK_EVENT, "4");
    answer_too_long(6, 200, 0);
    logged("1+ 2- 3! 4? ");
    assert_int_equal(world.counts.requests[YG_HOOK_CONNECTED][YG_HOOK_SERVER_ERR], 3);
    assert_int_equal(world.counts.requests[YG_HOOK_EVENT][YG_HOOK_CLIENT_ERR], 1);
    assert_int_equal(world.counts.requests[YG_HOOK_EVENT][YG_HOOK_TOO_LARGE], 1);
    assert_string_equal(world.told, "webhook.failed;webhook.failed;webhook.bad_answer;");
    pushed(&a, YG_HOOK_EVENT, "5");
    answer_too_long(7, 410, 0);
    assert_true(yg_hook_is_disabled(world.hook));
    yg_lane_leave(a.lane);
    end();
}

/* ---- lanes that wait ---- */

static void test_hook_bounds_wait_until_they_may_go(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    yg_lane_wait(a.lane);
    pushed(&a, YG_HOOK_CONNECT, "1");
    pushed(&a, YG_HOOK_CONNECTED, "2");
    pushed(&b, YG_HOOK_EVENT, "3");
    pass(600);
    assert_int_equal(world.num_calls, 1);
    yg_lane_go(a.lane);
    assert_int_equal(world.num_calls, 2);
    answer(1, 204, "");
    answer(2, 204, "");
    answer(0, 204, "");
    yg_lane_wait(b.lane); /* with nothing in it */
    yg_lane_go(b.lane);
    pushed(&b, YG_HOOK_EVENT, "4");
    yg_lane_wait(b.lane); /* what is on its way already has its answer */
    pushed(&b, YG_HOOK_EVENT, "5");
    answer(3, 204, "");
    assert_int_equal(world.num_calls, 4);
    yg_lane_go(b.lane);
    answer(4, 204, "");
    logged("1+ 2+ 3+ 4+ 5+ ");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

/* Its client does not wait for longer than for any other answer. */
static void test_hook_bounds_wait_for_no_longer_than_clients(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    yg_lane_wait(a.lane);
    pushed(&a, YG_HOOK_CONNECT, "1");
    for (unsigned i = 0; i < 30; i++)
        pass(500);
    logged("1- ");
    yg_lane_leave(a.lane); /* it is not freed yet */
    yg_lane_go(a.lane);
    end();
}

/* Left, with and without something in it; and at the end of the webhook. */
static void test_hook_bounds_wait_though_they_were_left(void **state)
{
    struct client a = enter("a"), b = enter("b"), c = enter("c");

    begin();
    open_lane(&a);
    open_lane(&b);
    open_lane(&c);
    yg_lane_wait(a.lane);
    yg_lane_wait(b.lane);
    yg_lane_wait(c.lane);
    pushed(&a, YG_HOOK_DISCONNECTED, "1");
    pushed(&c, YG_HOOK_DISCONNECTED, "2");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    yg_lane_leave(c.lane);
    yg_lane_go(b.lane);
    assert_int_equal(world.num_calls, 0);
    yg_lane_go(a.lane);
    answer(0, 204, "");
    logged("1+ ");
    yg_hook_end(world.hook, NULL, NULL);
    logged("2- ");
    yg_lane_go(c.lane);
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
        cmocka_unit_test(test_hook_bounds_a_goodbye_without_memory),
        cmocka_unit_test(test_hook_bounds_a_goodbye_with_rooms),
        cmocka_unit_test(test_hook_bounds_an_end_without_memory),
        cmocka_unit_test(test_hook_bounds_an_end_with_no_memory_at_all),
        cmocka_unit_test(test_hook_bounds_an_end_with_a_reserve),
        cmocka_unit_test(test_hook_bounds_a_flush_without_memory),
        cmocka_unit_test(test_hook_bounds_heed_the_status_of_long_answers),
        cmocka_unit_test(test_hook_bounds_wait_until_they_may_go),
        cmocka_unit_test(test_hook_bounds_wait_for_no_longer_than_clients),
        cmocka_unit_test(test_hook_bounds_wait_though_they_were_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
