/* SPDX-License-Identifier: MIT */
/* What webhooks send, and when. */
#include "hook_played.h"

/* ---- order, and joining ---- */

static void test_hook_lanes_join_what_comes_meanwhile(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    pushed(&a, YG_HOOK_EVENT, "1");
    assert_int_equal(world.num_open, 1);
    pushed(&a, YG_HOOK_EVENT, "2");
    pushed(&a, YG_HOOK_EVENT, "3");
    pushed(&b, YG_HOOK_EVENT, "4");
    assert_int_equal(world.num_open, 2);
    body_has(0, "{\"version\":1,\"node\":\"n1\",\"events\":[{\"id\":\"evt_p-1\",\"kind\":\"event\","
                "\"time\":\"2023-11-14T22:13:21.000Z\",\"seq\":1,\"socket\":{\"sid\":\"a\"},"
                "\"name\":\"1\"}]}");
    assert_non_null(strstr(world.calls[0].headers, "webhook-id: msg_p-2\n"));
    assert_non_null(strstr(world.calls[0].headers, "webhook-timestamp: 1700000001\n"));
    assert_non_null(strstr(world.calls[0].headers, "Yodel-Kind: event\nYodel-Attempt: 1\n"
                                                   "Yodel-Node: n1\n"));
    assert_string_equal(world.calls[0].url, "http://a/event");
    answer(0, 204, "");
    assert_int_equal(world.num_open, 2);
    body_has(2, "\"name\":\"2\"");
    body_has(2, "\"name\":\"3\"");
    answer(2, 200, "{\"results\":[]}");
    answer(1, 200, "{}");
    logged("1+ 2+ 3+ 4+ ");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

static void test_hook_lanes_keep_the_classes_apart(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    pushed(&a, YG_HOOK_CONNECT, "c");
    pushed(&a, YG_HOOK_EVENT, "1");
    pushed(&a, YG_HOOK_CONNECTED, "2");
    pushed(&a, YG_HOOK_CONNECTED, "3");
    pushed(&b, YG_HOOK_CONNECTED, "4");
    answer(1, 204, "");
    pushed(&b, YG_HOOK_CONNECTED, "5");
    answer(0, 204, "");
    body_has(3, "\"name\":\"1\"");
    answer(2, 204, "");
    answer(3, 204, "");
    body_has(4, "\"name\":\"2\"");
    body_has(4, "\"name\":\"3\"");
    answer(4, 204, "");
    logged("4+ c+ 5+ 1+ 2+ 3+ ");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

/* Notices of other clients travel along, when all ways are taken. */
static void test_hook_lanes_share_requests_for_notices(void **state)
{
    struct client clients[10];

    begin();
    world.options.in_flight = 1;
    for (unsigned i = 0; i < 10; i++) {
        clients[i] = enter("x");
        open_lane(&clients[i]);
        pushed(&clients[i], YG_HOOK_CONNECTED, "1");
        pushed(&clients[i], YG_HOOK_CONNECTED, "2");
    }
    assert_int_equal(world.num_calls, 1);
    answer(0, 204, "");
    assert_int_equal(world.num_calls, 2);
    for (unsigned i = 0; i < 10; i++)
        yg_lane_leave(clients[i].lane);
    answer(1, 204, "");
    assert_int_equal(world.num_open, 0);
    assert_int_equal(world.counts.sent_events, 20);
    end();
}

static void test_hook_lanes_without_an_order(void **state)
{
    struct client a = enter("a");

    begin();
    world.options.order = YG_ORDER_NONE;
    open_lane(&a);
    pushed(&a, YG_HOOK_CONNECT, "c");
    pushed(&a, YG_HOOK_EVENT, "1");
    assert_int_equal(world.num_open, 1);
    answer(0, 204, "");
    pushed(&a, YG_HOOK_EVENT, "2");
    assert_int_equal(world.num_open, 2);
    pushed(&a, YG_HOOK_DISCONNECTED, "3");
    assert_int_equal(world.num_open, 2);
    answer(2, 204, "");
    assert_int_equal(world.num_open, 1);
    answer(1, 204, "");
    answer(3, 204, "");
    logged("c+ 2+ 1+ 3+ ");
    yg_lane_leave(a.lane);
    end();
}

/* Of two clients of one user one has its turn, of others nobody waits. */
static void test_hook_lanes_of_a_user(void **state)
{
    struct client a = enter("a"), b = enter("b"), c = enter("c");

    begin();
    world.options.order = YG_ORDER_USER;
    open_lane(&a);
    open_lane(&b);
    open_lane(&c);
    assert_int_equal(yg_lane_set_user(a.lane, "ann"), 0);
    assert_int_equal(yg_lane_set_user(b.lane, "ann"), 0);
    assert_int_equal(yg_lane_set_user(c.lane, "cy"), 0);
    pushed(&a, YG_HOOK_EVENT, "1");
    pushed(&b, YG_HOOK_EVENT, "2");
    pushed(&a, YG_HOOK_EVENT, "3");
    pushed(&c, YG_HOOK_EVENT, "4");
    assert_int_equal(world.num_calls, 2);
    answer(0, 204, "");
    pass(0);
    assert_int_equal(world.num_calls, 3);
    body_has(2, "\"name\":\"2\"");
    pushed(&b, YG_HOOK_EVENT, "5");
    answer(2, 204, "");
    pass(0);
    body_has(3, "\"name\":\"3\"");
    yg_lane_leave(b.lane); /* waits on all the same */
    answer(3, 204, "");
    pass(0);
    body_has(4, "\"name\":\"5\"");
    answer(4, 204, "");
    answer(1, 204, "");
    logged("1+ 2+ 3+ 5+ 4+ ");
    pushed(&a, YG_HOOK_EVENT, "6");
    assert_int_equal(world.num_open, 1);
    pushed(&c, YG_HOOK_EVENT, "7");
    assert_int_equal(yg_lane_set_user(c.lane, "ann"), 0);
    pushed(&c, YG_HOOK_EVENT, "8");
    answer(6, 204, "");
    pass(0);
    assert_int_equal(world.num_calls, 7); /* still the turn of a */
    answer(5, 204, "");
    pass(0);
    assert_int_equal(world.num_calls, 8);
    yg_lane_leave(a.lane);
    yg_lane_leave(c.lane);
    end();
}

/* ---- failures ---- */

static void test_hook_lanes_try_again_within_the_timeout(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.chance = UINT32_MAX;
    pushed(&a, YG_HOOK_EVENT, "1");
    pass(100);
    answer(0, 500, "");
    pushed(&a, YG_HOOK_EVENT, "2");
    pass(199);
    assert_int_equal(world.num_calls, 1);
    pass(1);
    assert_int_equal(world.num_calls, 2);
    assert_string_equal(world.calls[0].body, world.calls[1].body);
    assert_non_null(strstr(world.calls[1].headers, "Yodel-Attempt: 2\n"));
    assert_int_equal(world.calls[1].timeout_ms, 4700);
    breaks(1, -ETIMEDOUT);
    logged("1? ");
    body_has(2, "\"name\":\"2\"");
    breaks(2, -ECONNREFUSED);
    pass(1000);
    breaks(3, -ECONNREFUSED);
    logged("2- ");
    assert_int_equal(world.counts.lost[YG_LOST_FAILED], 2);
    assert_int_equal(world.counts.requests[YG_HOOK_EVENT][YG_HOOK_TIMEOUT], 1);
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_do_not_repeat_what_is_wrong(void **state)
{
    static const unsigned statuses[] = {301, 400, 404, 422};
    struct client a = enter("a");

    begin();
    open_lane(&a);
    for (unsigned i = 0; i < 4; i++) {
        pushed(&a, YG_HOOK_EVENT, "1");
        answer(i, statuses[i], "");
    }
    pushed(&a, YG_HOOK_EVENT, "2");
    answer(4, 200, "{\"actions\":[{\"emit\":{}}]}");
    pushed(&a, YG_HOOK_EVENT, "3");
    answer(5, 200, "<html>");
    pushed(&a, YG_HOOK_EVENT, "4");
    breaks(6, -E2BIG);
    pushed(&a, YG_HOOK_CONNECTED, "5");
    answer(7, 200, "no");
    pushed(&a, YG_HOOK_CONNECTED, "6");
    answer(8, 401, "");
    logged("1- 1- 1- 1- 2? 3? 4? 5? 6- ");
    assert_int_equal(world.counts.lost[YG_LOST_REFUSED], 1);
    pass(600000);
    assert_int_equal(world.num_calls, 9);
    assert_int_equal(world.counts.requests[YG_HOOK_EVENT][YG_HOOK_BAD_ANSWER], 2);
    assert_string_equal(world.told,
                        "webhook.failed;webhook.bad_answer;webhook.bad_answer;webhook.bad_answer;"
                        "webhook.bad_answer;");
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_refusals_of_connects(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    pushed(&a, YG_HOOK_CONNECT, "1");
    answer(0, 403, "{\"message\":\"go\"}");
    pushed(&a, YG_HOOK_CONNECT, "2");
    answer(1, 401, "<html>");
    pushed(&a, YG_HOOK_CONNECT, "3");
    answer(2, 200, "{\"reject\":{}}");
    pushed(&a, YG_HOOK_EVENT, "4");
    answer(3, 401, "");
    logged("1! 2! 3! 4- ");
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_repeat_notices(void **state)
{
    struct client a = enter("a");
    unsigned n = 0;

    begin();
    open_lane(&a);
    world.options.circuit.failures = 1000;
    world.chance = UINT32_MAX;
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&a, YG_HOOK_DISCONNECTED, "2");
    yg_lane_leave(a.lane);
    while (world.log[0] == '\0') {
        assert_true(n < 100);
        breaks(n++, -ECONNREFUSED);
        pass(20000);
        assert_int_equal(world.num_calls, n + 1);
    }
    logged("1- ");
    assert_int_equal(world.counts.lost[YG_LOST_EXPIRED], 1);
    assert_in_range(n, 15, 40);
    answer(n, 204, "");
    body_has(n, "\"socket\":{\"sid\":\"a\"}");
    logged("2+ ");
    end();
}

/* A back end that takes nothing of one kind does not keep others from what they wait for. */
static void test_hook_lanes_of_notices_that_fail_leave_room(void **state)
{
    struct client clients[12], z = enter("z");
    unsigned n = 0;

    begin();
    open_lane(&z);
    world.options.batch.events = 1;
    world.options.circuit.failures = 1000;
    world.chance = UINT32_MAX;
    for (unsigned i = 0; i < 12; i++) {
        clients[i] = enter("x");
        open_lane(&clients[i]);
        pushed(&clients[i], YG_HOOK_CONNECTED, "n");
    }
    assert_int_equal(world.num_calls, 4);
    while (world.num_open > 0)
        answer(n++, 500, "");
    assert_in_range(n, 4, 8);
    pushed(&z, YG_HOOK_EVENT, "e");
    assert_int_equal(world.num_calls, n + 1);
    answer(n, 204, "");
    logged("e+ ");
    for (unsigned i = 0; i < 12; i++)
        yg_lane_leave(clients[i].lane);
    yg_lane_leave(z.lane);
    end();
}

static void test_hook_lanes_events_do_not_wait_forever(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.options.circuit.failures = 1000;
    world.chance = UINT32_MAX;
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&a, YG_HOOK_EVENT, "2");
    for (unsigned i = 0; i < 6; i++) {
        answer(i, 503, "");
        pass(200u << i);
    }
    logged("2- ");
    assert_int_equal(world.counts.lost[YG_LOST_WAITED], 1);
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_leave_a_dead_back_end_alone(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.options.attempts = 1;
    for (unsigned i = 0; i < 10; i++) {
        pushed(&a, YG_HOOK_CONNECT, "c");
        breaks(i, -ECONNREFUSED);
    }
    assert_string_equal(world.told, "webhook.failed;webhook.circuit_open;");
    assert_int_equal(world.counts.open_circuits, 1);
    world.log[0] = '\0';
    pushed(&a, YG_HOOK_CONNECT, "d");
    logged("");
    pass(0);
    logged("d- ");
    pushed(&a, YG_HOOK_CONNECTED, "n"); /* waits */
    pass(999);
    assert_int_equal(world.num_calls, 10);
    pass(600);
    assert_int_equal(world.num_calls, 11);
    pushed(&a, YG_HOOK_EVENT, "e");
    answer(10, 204, "");
    logged("n+ ");
    assert_int_equal(world.num_calls, 12);
    answer(11, 204, "");
    logged("e+ ");
    assert_string_equal(world.told, "webhook.failed;webhook.circuit_open;webhook.circuit_closed;");
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_are_disabled_by_410(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    pushed(&a, YG_HOOK_EVENT, "1");
    pushed(&a, YG_HOOK_EVENT, "2");
    answer(0, 410, "");
    pushed(&a, YG_HOOK_CONNECTED, "3");
    pass(10);
    logged("1- 2- 3- ");
    assert_int_equal(world.num_calls, 1);
    yg_hook_change(world.hook, &world.options, 2);
    pushed(&a, YG_HOOK_EVENT, "4");
    answer(1, 204, "");
    logged("4+ ");
    yg_lane_leave(a.lane);
    end();
}

/* ---- bounds ---- */

static void test_hook_lanes_hold_their_client(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.options.queue.events = 1000;
    for (unsigned i = 0; i < 64; i++)
        pushed(&a, YG_HOOK_EVENT, "e");
    assert_int_equal(world.num_held, 0);
    pushed(&a, YG_HOOK_EVENT, "e");
    assert_int_equal(world.num_held, 1);
    pushed(&a, YG_HOOK_EVENT, "e");
    assert_int_equal(world.num_held, 1);
    answer(0, 204, "");
    assert_int_equal(world.num_let_go, 1);
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_full_queue(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    open_lane(&a);
    open_lane(&b);
    world.options.queue.events = 4;
    world.options.in_flight = 1;
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&a, YG_HOOK_CONNECTED, "2");
    pushed(&a, YG_HOOK_CONNECTED, "3");
    pushed(&a, YG_HOOK_CONNECTED, "4");
    assert_int_equal(push(&b, YG_HOOK_CONNECT, "c"), -ENOBUFS);
    pushed(&a, YG_HOOK_CONNECTED, "5");
    logged("2- ");
    assert_int_equal(world.counts.lost[YG_LOST_QUEUE], 1);
    pushed(&b, YG_HOOK_EVENT, "e"); /* whose client sends no other */
    assert_int_equal(world.num_held, 1);
    answer(0, 204, "");
    assert_int_equal(world.num_open, 1);
    answer(1, 204, "");
    answer(2, 204, "");
    assert_int_equal(world.num_let_go, 1);
    logged("1+ e+ 3+ 4+ 5+ ");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

static void test_hook_lanes_batches_are_bounded(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.options.batch.events = 2;
    for (unsigned i = 0; i < 6; i++)
        pushed(&a, YG_HOOK_EVENT, "e");
    for (unsigned i = 0; i < 4; i++)
        answer(i, 204, "");
    assert_int_equal(world.num_open, 0);
    world.options.batch.bytes = 300; /* an event alone goes whatever it has */
    for (unsigned i = 0; i < 3; i++)
        pushed(&a, YG_HOOK_EVENT, "e");
    for (unsigned i = 4; i < 7; i++)
        answer(i, 204, "");
    assert_int_equal(world.num_open, 0);
    yg_lane_leave(a.lane);
    end();
}

/* ---- the end ---- */

static void test_hook_lanes_take_back(void **state)
{
    struct client a = enter("a"), b = enter("b");
    struct yg_hook_event *event, *sent;

    begin();
    open_lane(&a);
    open_lane(&b);
    world.options.in_flight = 1;
    sent = yg_hook_event_new(a.lane, YG_HOOK_CONNECT, on_told, (void *)"a");
    assert_int_equal(yg_lane_push(sent), 0);
    event = yg_hook_event_new(b.lane, YG_HOOK_CONNECT, on_told, (void *)"b");
    assert_int_equal(yg_lane_push(event), 0);
    assert_true(yg_lane_take_back(event));
    yg_lane_leave(b.lane);
    assert_false(yg_lane_take_back(sent));
    answer(0, 204, "");
    assert_int_equal(world.num_calls, 1);
    logged("a+ ");
    yg_lane_leave(a.lane);
    end();
}

static char left_log[400];

static bool on_left(const struct yg_hook_left *left, void *user)
{
    snprintf(left_log + strlen(left_log), sizeof(left_log) - strlen(left_log), "%s %zu %u;",
             left->url, left->num_events, left->kinds);
    assert_int_equal(left->body.len, strlen(left->body.ptr));
    return true;
}

static void on_end_told(const struct yg_hook_told *told, void *user)
{
    *(int *)user = told->is_end ? 2 : told->result != NULL ? 1 : 0;
}

static bool left_ends(const struct yg_hook_left *left, void *user)
{
    assert_int_equal(left->num_ends, 1);
    assert_string_equal(left->ends[0], "evt_known");
    return true;
}

/* An id that was made before, numbers that go on, and what is told of an end that is not the
 * event's. */
static void test_hook_lanes_of_a_socket_that_is_known(void **state)
{
    struct client a = enter("a");
    struct yg_hook_event *event;
    int told = -1;

    begin();
    open_lane(&a);
    yg_lane_set_seq(a.lane, 1024);
    event = yg_hook_event_new(a.lane, YG_HOOK_DISCONNECTED, on_end_told, &told);
    yg_hook_event_set_id(event, "evt_known");
    assert_int_equal(yg_lane_push(event), 0);
    assert_int_equal(yg_lane_seq(a.lane), 1025);
    body_has(0, "\"id\":\"evt_known\"");
    body_has(0, "\"seq\":1025");
    yg_hook_end(world.hook, left_ends, NULL);
    assert_int_equal(told, 2);
    yg_lane_leave(a.lane);
    end();
}

/* Notices are stored behind what their client waits for, one after the other, until it has worked.
 */
static void test_hook_lanes_store_notices(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    world.options.queue.durable = YG_DURABLE_REDIS;
    open_lane(&a);
    open_lane(&b);
    yg_lane_set_store(a.lane, 7);
    pushed(&a, YG_HOOK_CONNECTED, "1");
    assert_int_equal(world.num_calls, 0);
    assert_int_equal(num_storings, 1);
    assert_non_null(strstr(storings[0].text, "7 evt_p-"));
    assert_non_null(strstr(storings[0].text, "/chat {\"id\":\"evt_p-"));
    pushed(&a, YG_HOOK_EVENT, "2"); /* waits for the notice to be stored, not told */
    pushed(&a, YG_HOOK_DISCONNECTED, "3");
    assert_int_equal(world.num_calls, 0);
    storings[0].result = -EIO;
    yg_hook_turn(world.hook);
    logged("");
    pass(1000);
    assert_int_equal(num_storings, 2);
    assert_true(storings[1].was_again && !storings[0].was_again);
    storings[1].result = 0;
    yg_hook_turn(world.hook);
    logged("1= ");
    body_has(0, "\"name\":\"2\"");
    assert_int_equal(num_storings, 2);
    answer(0, 200, "{}");
    logged("2+ ");
    assert_int_equal(num_storings, 3);
    assert_non_null(strstr(storings[2].text, "\"kind\":\"disconnected\""));
    storings[2].result = 0;
    yg_hook_turn(world.hook);
    logged("3= ");
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
}

/* A back end that is away holds nothing up that is to be stored, nor do others join it. */
static void test_hook_lanes_store_while_the_circuit_is_open(void **state)
{
    struct client a = enter("a"), b = enter("b");

    begin();
    world.options.queue.durable = YG_DURABLE_REDIS;
    world.options.circuit.failures = 1;
    world.options.attempts = 1;
    open_lane(&a);
    open_lane(&b);
    pushed(&a, YG_HOOK_EVENT, "1");
    breaks(0, -ECONNREFUSED);
    logged("1- ");
    pushed(&b, YG_HOOK_CONNECTED, "2");
    pass(0);
    assert_int_equal(num_storings, 1);
    store_result = -ENOMEM; /* it is tried again */
    pushed(&a, YG_HOOK_CONNECTED, "3");
    pass(0);
    store_result = 0;
    pass(60000);
    assert_int_equal(num_storings, 2);
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    end();
    logged("2- 3- ");
}

/* What another has stored: sent as it is, until it was answered, and not in the queue. */
static void test_hook_lanes_send_what_was_stored(void **state)
{
    struct client a = enter("a");
    const struct yg_hook_raw raw = {.id = YODEL_STR("evt_x"),
                                    .ns = YODEL_STR("/other"),
                                    .event = YODEL_STR("{\"id\":\"evt_x\"}"),
                                    .kind = YG_HOOK_CONNECTED};
    char first[] = "1", second[] = "2";

    begin();
    world.options.queue.durable = YG_DURABLE_REDIS;
    world.options.queue.events = 0; /* full */
    world.options.url = "http://a/{kind}/{namespace}";
    a.lane = yg_lane_new(world.hook, YODEL_STR("/"), NULL, NULL);
    assert_int_equal(yg_lane_push_raw(a.lane, &raw, on_told, first), 0);
    assert_int_equal(yg_lane_push_raw(a.lane, &raw, on_told, second), 0);
    assert_int_equal(world.counts.queued_events, 0);
    assert_string_equal(world.calls[0].url, "http://a/connected/other");
    body_has(0, "\"events\":[{\"id\":\"evt_x\"}]");
    answer(0, 503, "");
    pass(10 * world.options.retry.for_ms); /* it is not given up */
    assert_int_equal(world.num_calls, 2);
    answer(1, 200, "{}");
    logged("1+ ");
    answer(2, 400, "");
    logged("2- ");
    assert_int_equal(num_storings, 0);
    yg_lane_leave(a.lane);
    end();
}

/* Whoever is told of ends is told of a start. */
static void test_hook_lanes_know_who_is_told_of_starts(void **state)
{
    begin();
    world.options.kinds = YG_KIND_CONNECT | YG_KIND_DISCONNECTED;
    assert_true(yg_hook_has_kind(world.hook, YG_HOOK_NODE_STARTED));
    world.options.kinds = YG_KIND_NODE_STARTED;
    assert_true(yg_hook_has_kind(world.hook, YG_HOOK_NODE_STARTED));
    assert_false(yg_hook_has_kind(world.hook, YG_HOOK_DISCONNECTED));
    world.options.kinds = YG_KIND_CONNECT;
    assert_false(yg_hook_has_kind(world.hook, YG_HOOK_NODE_STARTED));
    end();
}

static void test_hook_lanes_hand_over_what_is_left(void **state)
{
    struct client a = enter("a"), b = enter("b"), c = enter("c");

    begin();
    open_lane(&a);
    open_lane(&b);
    open_lane(&c);
    pushed(&a, YG_HOOK_CONNECTED, "1");
    pushed(&b, YG_HOOK_CONNECT, "2");
    pushed(&a, YG_HOOK_DISCONNECTED, "3");
    pushed(&b, YG_HOOK_EVENT, "4");
    pushed(&c, YG_HOOK_CONNECTED, "5");
    answer(2, 500, "");
    left_log[0] = '\0';
    yg_hook_end(world.hook, on_left, NULL);
    assert_int_equal(yg_lane_push(yg_hook_event_new(a.lane, YG_HOOK_CONNECTED, NULL, NULL)),
                     -ENOBUFS);
    assert_string_equal(left_log, "http://a/connected 2 2;http://a/disconnected 1 16;");
    assert_int_equal(world.counts.lost[YG_LOST_END], 3);
    yg_lane_leave(a.lane);
    yg_lane_leave(b.lane);
    yg_lane_leave(c.lane);
    end();
}

/* A told event may have others pushed, and its lane left. */
struct chain {
    struct client *client;
    unsigned left;
};

static void on_chain(const struct yg_hook_told *told, void *user)
{
    struct chain *chain = user;
    struct yg_hook_event *event;

    if (chain->left-- == 0) {
        yg_lane_leave(chain->client->lane);
        return;
    }
    event = yg_hook_event_new(chain->client->lane, YG_HOOK_EVENT, on_chain, chain);
    assert_int_equal(yg_lane_push(event), 0);
    if (chain->left == 1) {
        event = yg_hook_event_new(chain->client->lane, YG_HOOK_DISCONNECTED, on_told, (void *)"d");
        assert_int_equal(yg_lane_push(event), 0);
    }
}

static void test_hook_lanes_events_from_answers(void **state)
{
    struct client a = enter("a");
    struct chain chain = {&a, 3};

    begin();
    open_lane(&a);
    assert_int_equal(yg_lane_push(yg_hook_event_new(a.lane, YG_HOOK_EVENT, on_chain, &chain)), 0);
    for (unsigned i = 0; i < 5; i++)
        answer(i, 204, "");
    assert_int_equal(world.num_open, 0);
    logged("d+ ");
    end();
}

/* ---- out of memory ---- */

static void run_out_of_memory(size_t n)
{
    struct client a = enter("a");
    unsigned done = 0;
    int rc[3];

    begin();
    world.options.order = YG_ORDER_USER;
    world.options.secret = "0123456789012345678901234567890123456789";
    open_lane(&a);
    assert_int_equal(yg_lane_set_user(a.lane, "ann"), 0);
    failing_start(n);
    rc[0] = push(&a, YG_HOOK_CONNECT, "1");
    rc[1] = push(&a, YG_HOOK_EVENT, "2");
    rc[2] = push(&a, YG_HOOK_CONNECTED, "3");
    for (unsigned i = 0; i < 40 && done < MAX_CALLS; i++) {
        pass(500);
        if (done < world.num_calls) {
            failing_stop();
            answer(done++, 200, "{\"results\":[]}");
        }
    }
    failing_stop();
    for (unsigned i = 0; i < 3; i++) {
        char plus[3] = {(char)('1' + i), '+'}, minus[3] = {(char)('1' + i), '-'};

        assert_int_equal(strstr(world.log, plus) != NULL || strstr(world.log, minus) != NULL,
                         rc[i] == 0);
    }
    yg_lane_leave(a.lane);
    end();
}

static void test_hook_lanes_out_of_memory(void **state)
{
    run_out_of_memory(0);
    for (size_t n = 1; n < 60; n++)
        run_out_of_memory(n);
}

static void test_hook_lanes_posts_that_fail(void **state)
{
    struct client a = enter("a");

    begin();
    open_lane(&a);
    world.post_result = -ENOMEM;
    pushed(&a, YG_HOOK_EVENT, "1");
    pushed(&a, YG_HOOK_CONNECTED, "2");
    logged("");
    pass(6000);
    logged("1- ");
    world.post_result = 0;
    pass(20000);
    answer(0, 204, "");
    logged("2+ ");
    yg_lane_leave(a.lane);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hook_lanes_join_what_comes_meanwhile),
        cmocka_unit_test(test_hook_lanes_keep_the_classes_apart),
        cmocka_unit_test(test_hook_lanes_share_requests_for_notices),
        cmocka_unit_test(test_hook_lanes_without_an_order),
        cmocka_unit_test(test_hook_lanes_of_a_user),
        cmocka_unit_test(test_hook_lanes_try_again_within_the_timeout),
        cmocka_unit_test(test_hook_lanes_do_not_repeat_what_is_wrong),
        cmocka_unit_test(test_hook_lanes_refusals_of_connects),
        cmocka_unit_test(test_hook_lanes_repeat_notices),
        cmocka_unit_test(test_hook_lanes_of_notices_that_fail_leave_room),
        cmocka_unit_test(test_hook_lanes_events_do_not_wait_forever),
        cmocka_unit_test(test_hook_lanes_leave_a_dead_back_end_alone),
        cmocka_unit_test(test_hook_lanes_are_disabled_by_410),
        cmocka_unit_test(test_hook_lanes_hold_their_client),
        cmocka_unit_test(test_hook_lanes_full_queue),
        cmocka_unit_test(test_hook_lanes_batches_are_bounded),
        cmocka_unit_test(test_hook_lanes_take_back),
        cmocka_unit_test(test_hook_lanes_of_a_socket_that_is_known),
        cmocka_unit_test(test_hook_lanes_store_notices),
        cmocka_unit_test(test_hook_lanes_store_while_the_circuit_is_open),
        cmocka_unit_test(test_hook_lanes_send_what_was_stored),
        cmocka_unit_test(test_hook_lanes_know_who_is_told_of_starts),
        cmocka_unit_test(test_hook_lanes_hand_over_what_is_left),
        cmocka_unit_test(test_hook_lanes_events_from_answers),
        cmocka_unit_test(test_hook_lanes_out_of_memory),
        cmocka_unit_test(test_hook_lanes_posts_that_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
