/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "classic_world.h"

/* The classic adapter: what it says to a Redis, and what becomes of what that says. */

static char text[8000];

/* %1 and %2 stand for the ids of the clients. */
static const char *with_ids(const char *format)
{
    char *to = text;

    for (; *format != '\0'; format++) {
        if (format[0] == '%' && (format[1] == '1' || format[1] == '2')) {
            to += sprintf(to, "%s", world.clients[format[1] - '1'].sid);
            format++;
        } else {
            *to++ = *format;
        }
    }
    *to = '\0';
    return text;
}

/* ---- broadcasts ---- */

static void test_classic_peer_subscribes(void **state)
{
    world_begin();
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', ALL "*"), 1);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', REQUESTS), 1);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', ANSWERS), 1);
    (void)snprintf(text, sizeof text, ANSWERS "%s#", ((struct yd_classic *)world.part)->uid);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', text), 1);
    world_stop();
}

/* Everybody is served once, though Redis gives back what was published. */
static void test_classic_peer_emits_go_out(void **state)
{
    world_begin();
    assert_int_equal(yodel_sio_emit(world_all(), "a", "si", "x", 1), 0);
    world_run();
    world_expect_published(ALL, "[\"@\",{\"type\":2,\"data\":[\"a\",\"x\",1],\"nsp\":\"/\"},"
                                "{\"rooms\":[],\"except\":[],\"flags\":{}}]");
    world_expect_all("2[\"a\",\"x\",1]");
    world_join(0, "r");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "r"), "b", ""), 0);
    world_run();
    world_expect_published(ALL "r#", "[\"@\",{\"type\":2,\"data\":[\"b\"],\"nsp\":\"/\"},"
                                     "{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}}]");
    sio_sim_expect(&world.clients[0], "2[\"b\"]");
    assert_int_equal(yodel_sio_emit(yodel_sio_target_with(
                                        yodel_sio_target_except(
                                            yodel_sio_to_rooms(world.sim.ns, YODEL_ROOMS("r", "s")),
                                            YODEL_ROOMS("t")),
                                        YODEL_SIO_VOLATILE),
                                    "c", ""),
                     0);
    world_run();
    world_expect_published(ALL, "[\"@\",{\"type\":2,\"data\":[\"c\"],\"nsp\":\"/\"},{\"rooms\":"
                                "[\"r\",\"s\"],\"except\":[\"t\"],\"flags\":{\"volatile\":true}}]");
    sio_sim_expect(&world.clients[0], "2[\"c\"]");
    assert_int_equal(yodel_sio_emit(yodel_sio_target_with(world_all(), YODEL_SIO_LOCAL), "d", ""),
                     0);
    world_run();
    world_expect_all("2[\"d\"]");
    world_expect_nothing();
    world_expect_nothing_published();
    assert_int_equal(world_malformed(), 0);
    world_stop();
}

static void test_classic_peer_broadcasts_come_in(void **state)
{
    char sid[40];

    world_begin();
    world_broadcast(ALL, "/", "a", NULL, NULL);
    world_expect_all("2[\"a\"]");
    world_join(1, "r");
    world_broadcast(ALL "r#", "/", "b", ROOMS("r"), NULL);
    sio_sim_expect(&world.clients[1], "2[\"b\"]");
    world_broadcast(ALL, "/", "c", NULL, ROOMS("r"));
    sio_sim_expect(&world.clients[0], "2[\"c\"]");
    world_broadcast(ALL, "/", "d", NULL, ROOMS(world.clients[0].sid));
    sio_sim_expect(&world.clients[1], "2[\"d\"]");
    (void)snprintf(sid, sizeof sid, ALL "%s#", world.clients[0].sid);
    world_broadcast(sid, "/", "e", ROOMS(world.clients[0].sid), NULL);
    sio_sim_expect(&world.clients[0], "2[\"e\"]");
    world_broadcast(ALL, "/other", "not its own", NULL, NULL);
    world_broadcast("socket.io#/other#", "/other", "not here", NULL, NULL);
    world_broadcast("socket.io#/", "/", "no channel", NULL, NULL);
    world_expect_nothing();
    world_expect_nothing_published();
    assert_int_equal(world_malformed(), 0);
    world_stop();
}

/* By its uid, whatever else it is. */
static void test_classic_peer_own_messages_are_passed_over(void **state)
{
    char payload[200];

    world_begin();
    (void)snprintf(payload, sizeof payload, "\x93\xa6%s", ((struct yd_classic *)world.part)->uid);
    world_say(ALL, payload);
    (void)snprintf(payload, sizeof payload,
                   "{\"type\":4,\"uid\":\"%s\",\"opts\":{\"rooms\":[],\"except\":[]}}",
                   ((struct yd_classic *)world.part)->uid);
    world_say(REQUESTS, payload);
    world_expect_nothing();
    assert_int_equal(world_malformed(), 0);
    assert_int_equal(yodel_sio_emit(world_all(), "alive", ""), 0);
    world_run();
    world_expect_all("2[\"alive\"]");
    world_stop();
}

/* What is for a room that nobody is in is not even looked at. */
static void test_classic_peer_rooms_of_others_are_not_decoded(void **state)
{
    world_begin();
    world_say(ALL "nobody#", "\xc1");
    assert_int_equal(world_malformed(), 0);
    world_say(ALL, "\xc1");
    assert_int_equal(world_malformed(), 1);
    world_join(1, "r");
    world_say(ALL "r#", "\xc1");
    assert_int_equal(world_malformed(), 2);
    world_say(ALL "s#", "\xc1");
    world_say(ALL "rr#", "\xc1");
    assert_int_equal(world_malformed(), 2);
    world_say(ALL "01234567890123456789#", "\xc1"); /* may be a socket's own */
    assert_int_equal(world_malformed(), 3);
    sio_sim_leave(&world.clients[1]);
    world_run();
    world_say(ALL "r#", "\xc1");
    assert_int_equal(world_malformed(), 3);
    world_stop();
}

/* Characters of patterns stand for themselves. */
static void test_classic_peer_prefix_of_a_pattern(void **state)
{
    assert_true(world_start(YODEL_OPTIONS(yodel_sio_redis_options, .prefix = "a*[b]?"), 0));
    for (unsigned i = 0; i < LOOPS; i++)
        sio_sim_connect(&world.sim, i, &world.clients[i]);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', "a\\*\\[b\\]\\?#/#*"), 1);
    world_broadcast("a*[b]?#/#", "/", "a", NULL, NULL);
    world_expect_all("2[\"a\"]");
    world_broadcast("axxbz#/#", "/", "b", NULL, NULL);
    world_expect_nothing();
    world_stop();
}

/* Namespaces come and go with the clients that make them. */
static void test_classic_peer_namespaces_come_and_go(void **state)
{
    world_begin();
    assert_non_null(sio_sim_of_pattern(world.sim.sio, "/room-\\d+"));
    world_run();
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', "socket.io#/room-1#*"), 0);
    sio_sim_join(&world.clients[0], "/room-1", "");
    world_run();
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', "socket.io#/room-1#*"), 1);
    world_broadcast("socket.io#/room-1#", "/room-1", "a", NULL, NULL);
    sio_sim_expect(&world.clients[0], "2/room-1,[\"a\"]");
    world_broadcast("socket.io#/room-1#", "/", "b", NULL, NULL);
    world_expect_nothing();
    sio_sim_say(&world.clients[0], "1/room-1,");
    world_run();
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', "socket.io#/room-1#*"), 0);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', ALL "*"), 1);
    world_stop();
}

/* ---- requests of others ---- */

static void test_classic_peer_answers_which_sockets(void **state)
{
    const char *answer;

    world_begin();
    world_join(0, "r");
    world_say(REQUESTS, HEAD("0") ",\"rooms\":[\"r\"]}");
    world_expect_published(ANSWERS, with_ids("{\"requestId\":\"q1\",\"sockets\":[\"%1\"]}"));
    world_say(REQUESTS, HEAD("0") ",\"rooms\":[\"nobody\"]}");
    world_expect_published(ANSWERS, "{\"requestId\":\"q1\",\"sockets\":[]}");
    world_say(REQUESTS, HEAD("0") "}");
    answer = world_published(ANSWERS);
    assert_non_null(strstr(answer, world.clients[0].sid));
    assert_non_null(strstr(answer, world.clients[1].sid));
    world_expect_nothing_published();
    world_stop();
}

static void test_classic_peer_answers_which_rooms(void **state)
{
    const char *answer;

    world_begin();
    world_join(0, "r");
    world_join(1, "r");
    world_say(REQUESTS, HEAD("1") "}");
    answer = world_published(ANSWERS);
    assert_memory_equal(answer, "{\"requestId\":\"q1\",\"rooms\":[\"", 28);
    assert_non_null(strstr(answer, "\"r\""));
    assert_null(strstr(strstr(answer, "\"r\"") + 1, "\"r\""));
    assert_non_null(strstr(answer, world.clients[1].sid));
    world_expect_nothing_published();
    world_stop();
}

static void expect_in_room(const char *room, bool first, bool second)
{
    world_broadcast(ALL, "/", "there?", ROOMS(room), NULL);
    if (first)
        sio_sim_expect(&world.clients[0], "2[\"there?\"]");
    if (second)
        sio_sim_expect(&world.clients[1], "2[\"there?\"]");
    world_expect_nothing();
}

static void test_classic_peer_joins_and_leaves(void **state)
{
    world_begin();
    world_say(REQUESTS, NO_ID("2") EVERYONE ",\"rooms\":[\"r\",7]}");
    expect_in_room("r", true, true);
    expect_in_room("7", true, true);
    world_say(REQUESTS, with_ids(NO_ID("3") ",\"opts\":{\"rooms\":[\"r\"],\"except\":[\"%1\"]}"
                                            ",\"rooms\":[\"r\"]}"));
    expect_in_room("r", true, false);
    world_say(REQUESTS, NO_ID("4") ",\"opts\":{\"rooms\":[\"r\"],\"except\":[]},\"close\":false}");
    sio_sim_expect(&world.clients[0], "1");
    world_expect_nothing();
    world_say(REQUESTS, NO_ID("4") EVERYONE ",\"close\":true}");
    sio_sim_expect_closed(&world.clients[1]);
    world_expect_nothing_published();
    assert_int_equal(world_malformed(), 0);
    world_stop();
}

/* As older servers ask, of one socket; who has it answers. */
static void test_classic_peer_old_requests(void **state)
{
    world_begin();
    world_say(REQUESTS, with_ids(HEAD("2") ",\"sid\":\"%1\",\"room\":\"r\\u0041\"}"));
    world_expect_published(ANSWERS, "{\"requestId\":\"q1\"}");
    expect_in_room("rA", true, false);
    world_say(REQUESTS, with_ids(HEAD("2") ",\"sid\":\"%1\",\"room\":7}"));
    world_expect_published(ANSWERS, "{\"requestId\":\"q1\"}");
    expect_in_room("7", true, false);
    world_say(REQUESTS, with_ids(HEAD("3") ",\"sid\":\"%1\",\"room\":\"rA\"}"));
    world_expect_published(ANSWERS, "{\"requestId\":\"q1\"}");
    expect_in_room("rA", false, false);
    world_say(REQUESTS, HEAD("2") ",\"sid\":\"not-here-at-all-----\",\"room\":\"r\"}");
    world_say(REQUESTS, with_ids(NO_ID("4") ",\"sid\":\"%2\"}"));
    sio_sim_expect(&world.clients[1], "1");
    world_expect_nothing();
    world_expect_nothing_published();
    assert_int_equal(world_malformed(), 0);
    world_stop();
}

static void test_classic_peer_answers_fetches(void **state)
{
    const char *answer;

    world_begin();
    world_join(0, "r");
    world_say(REQUESTS, HEAD("5") ",\"opts\":{\"rooms\":[\"r\"],\"except\":[]}}");
    answer = world_published(ANSWERS);
    assert_non_null(answer);
    assert_memory_equal(answer, "{\"requestId\":\"q1\",\"sockets\":[{\"id\":\"", 36);
    assert_non_null(strstr(answer, "\"handshake\":{"));
    assert_non_null(strstr(answer, "\"data\":{}"));
    assert_null(strstr(answer, world.clients[1].sid));
    world_expect_nothing_published();
    world_stop();
}

static void test_classic_peer_answers_one(void **state)
{
    assert_true(world_start(YODEL_OPTIONS(yodel_sio_redis_options, .answer_one = 1), 0));
    world_say(REQUESTS, HEAD("0") "}");
    world_expect_published(ANSWERS "other1#", "{\"requestId\":\"q1\",\"sockets\":[]}");
    world_stop();
}

static void test_classic_peer_server_events(void **state)
{
    world_begin();
    world_say(REQUESTS, NO_ID("6") ",\"data\":[\"reload\",1,{\"a\":null}]}");
    assert_string_equal(world.json, "reload [1,{\"a\":null}]");
    assert_null(world.ack);
    world_say(REQUESTS, HEAD("6") ",\"data\":[\"q\"]}");
    assert_string_equal(world.json, "q []");
    assert_int_equal(yodel_sio_server_ack_answer(world.ack, "s", "yes"), 0);
    world_run();
    world_expect_published(ANSWERS, "{\"type\":6,\"requestId\":\"q1\",\"data\":\"yes\"}");
    world_say_packed(REQUESTS, HEAD("6") ",\"data\":[\"packed\",2]}");
    assert_string_equal(world.json, "packed [2]");
    assert_int_equal(world.events, 3);
    world_expect_nothing_published();
    world_stop();
}

/* How many it goes to, and each acknowledgement as it comes. */
static void test_classic_peer_broadcasts_to_be_acknowledged(void **state)
{
    world_begin();
    world_say_packed(REQUESTS,
                     HEAD("7") ",\"packet\":{\"type\":2,\"data\":[\"q\",1],\"nsp\":\"/\"},\"opts\":"
                               "{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":1000}}}");
    world_expect_all("20[\"q\",1]");
    world_expect_published(ANSWERS, "{\"type\":8,\"requestId\":\"q1\",\"clientCount\":2}");
    sio_sim_say(&world.clients[1], "30[\"second\"]");
    world_run();
    world_expect_published(ANSWERS, "{\"type\":9,\"requestId\":\"q1\",\"packet\":\"second\"}");
    sio_sim_say(&world.clients[0], "30[]");
    world_run();
    world_expect_published(ANSWERS, "{\"type\":9,\"requestId\":\"q1\",\"packet\":null}");
    sio_sim_say(&world.clients[0], "30[\"again\"]");
    world_advance(1100);
    world_expect_nothing_published();
    world_stop();
}

/* Those beyond max_requests are not answered, and counted. */
static void test_classic_peer_bounds_requests(void **state)
{
    world_begin();
    for (unsigned i = 0; i < 13; i++) {
        world_say_packed(REQUESTS, HEAD("7") ",\"packet\":{\"type\":2,\"data\":[\"q\"],\"nsp\":"
                                             "\"/\"},\"opts\":{\"flags\":{\"timeout\":1000}}}");
        (void)world_published(ANSWERS);
    }
    assert_int_equal(world_malformed(), 3);
    world_advance(1100);
    world_say(REQUESTS, HEAD("0") ",\"rooms\":[\"nobody\"]}");
    world_expect_published(ANSWERS, "{\"requestId\":\"q1\",\"sockets\":[]}");
    assert_int_equal(world_malformed(), 3);
    world_stop();
}

/* ---- counters ---- */

static yodel_sio_redis_stats get_stats(void)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};

    assert_true(yd_classic_add_stats(world.part, world.sio, &stats));
    return stats;
}

static void test_classic_peer_counts(void **state)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};

    world_begin();
    assert_false(yd_classic_add_stats(world.part, NULL, &stats));
    assert_int_equal(yodel_sio_emit(world_all(), "a", ""), 0); /* and comes back: it is our own */
    world_run();
    stats = get_stats();
    assert_int_equal(stats.published, 1);
    assert_int_equal(stats.received, 0);
    world_broadcast(ALL, "/", "b", NULL, NULL);
    world_broadcast(ALL "none#", "/", "c", ROOMS("none"), NULL);
    world_say(ALL, "{");
    world_say(REQUESTS, "{");
    world_say(REQUESTS, HEAD("0") ",\"rooms\":[\"r\"]}");
    stats = get_stats();
    assert_int_equal(stats.received, 5);
    assert_int_equal(stats.unmeant, 1);
    assert_int_equal(stats.malformed, 2);
    assert_int_equal(stats.requests_taken, 1);
    assert_int_equal(stats.published, 2);
    assert_int_equal(stats.lost + stats.failed + stats.ignored + stats.requests, 0);
    world_stop();
}

static void test_classic_peer_counts_requests(void **state)
{
    yodel_sio_redis_stats stats;

    world_begin();
    world.num_servers = 2;
    assert_int_equal(yodel_sio_target_fetch(world_all(), world_on_sockets, NULL), 0);
    world_run();
    (void)world_published(REQUESTS);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[]}", false);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[]}", false);
    assert_int_equal(yodel_sio_target_fetch(world_all(), world_on_sockets, NULL), 0);
    world_advance(10000);
    stats = get_stats();
    assert_int_equal(stats.requests, 2);
    assert_int_equal(stats.requests_complete, 1);
    assert_int_equal(stats.requests_late, 1);
    assert_int_equal(stats.received, 2);
    assert_int_equal(stats.ignored, 1);
    for (unsigned i = 0; i < 13; i++)
        world_say_packed(REQUESTS, HEAD("7") ",\"packet\":{\"type\":2,\"data\":[\"q\"],\"nsp\":"
                                             "\"/\"},\"opts\":{\"flags\":{\"timeout\":1000}}}");
    stats = get_stats();
    assert_int_equal(stats.requests_taken, 10);
    assert_int_equal(stats.requests_refused, 3);
    assert_int_equal(stats.malformed, 0);
    world_stop();
}

/* ---- hostile ---- */

/* Each is counted, and does nothing. */
static void test_classic_peer_counts_what_is_malformed(void **state)
{
    static const char *const requests[] = {
        "",
        "{",
        "[]",
        "{}",
        "\xc1",
        "\x81\xa4type",
        "{\"type\":10}",
        "{\"type\":-1}",
        "{\"type\":\"5\"}",
        "{\"type\":8,\"requestId\":\"q\"}",
        HEAD("0") ",\"rooms\":5}",
        NO_ID("0") "}",
        NO_ID("1") "}",
        NO_ID("2") "}",
        NO_ID("2") ",\"opts\":5}",
        NO_ID("2") ",\"opts\":{\"rooms\":{}},\"rooms\":[\"r\"]}",
        NO_ID("2") EVERYONE ",\"rooms\":{}}",
        NO_ID("2") EVERYONE ",\"rooms\":[[]]}",
        NO_ID("2") ",\"sid\":5,\"room\":\"r\"}",
        NO_ID("2") ",\"sid\":\"a\",\"room\":{}}",
        NO_ID("5") EVERYONE "}",
        HEAD("5") "}",
        HEAD("6") "}",
        HEAD("6") ",\"data\":[]}",
        HEAD("6") ",\"data\":[{}]}",
        HEAD("7") "}",
        HEAD("7") EVERYONE ",\"packet\":{\"type\":3,\"data\":[\"e\"]}}",
        HEAD("7") EVERYONE ",\"packet\":{\"type\":2,\"data\":[\"connect\"]}}",
        NO_ID("7") EVERYONE ",\"packet\":{\"type\":2,\"data\":[\"e\"]}}",
        "{\"type\":5,\"uid\":\"\xff\",\"requestId\":\"q\"" EVERYONE "}",
    };
    static const char *const broadcasts[] = {
        "",
        "\xc1",
        "{}",
        "\x93",
        "\x93\xa1u",
        "\x93\xc0\xc0\xc0",
        "\x93\xa1u\x80\x80",
        "\xdd\xff\xff\xff\xff",
        "[]",
    };

    world_begin();
    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        world_say(REQUESTS, requests[i]);
        if (world_malformed() != i + 1)
            fail_msg("not counted: %s", requests[i]);
    }
    for (unsigned i = 0; i < sizeof broadcasts / sizeof broadcasts[0]; i++) {
        world_say(ALL, broadcasts[i]);
        if (world_malformed() != i + 1 + sizeof requests / sizeof requests[0])
            fail_msg("not counted: broadcast %u", i);
    }
    world_expect_nothing();
    world_expect_nothing_published();
    assert_int_equal(world.events, 0);
    world_broadcast(ALL, "/", "alive", NULL, NULL);
    world_expect_all("2[\"alive\"]");
    world_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classic_peer_subscribes),
        cmocka_unit_test(test_classic_peer_emits_go_out),
        cmocka_unit_test(test_classic_peer_broadcasts_come_in),
        cmocka_unit_test(test_classic_peer_own_messages_are_passed_over),
        cmocka_unit_test(test_classic_peer_rooms_of_others_are_not_decoded),
        cmocka_unit_test(test_classic_peer_prefix_of_a_pattern),
        cmocka_unit_test(test_classic_peer_namespaces_come_and_go),
        cmocka_unit_test(test_classic_peer_answers_which_sockets),
        cmocka_unit_test(test_classic_peer_answers_which_rooms),
        cmocka_unit_test(test_classic_peer_joins_and_leaves),
        cmocka_unit_test(test_classic_peer_old_requests),
        cmocka_unit_test(test_classic_peer_answers_fetches),
        cmocka_unit_test(test_classic_peer_answers_one),
        cmocka_unit_test(test_classic_peer_server_events),
        cmocka_unit_test(test_classic_peer_broadcasts_to_be_acknowledged),
        cmocka_unit_test(test_classic_peer_bounds_requests),
        cmocka_unit_test(test_classic_peer_counts_what_is_malformed),
        cmocka_unit_test(test_classic_peer_counts),
        cmocka_unit_test(test_classic_peer_counts_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
