/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "classic_world.h"

/* The classic adapter: what it asks, a Redis that goes, and too little memory. */

static char text[2000];

/* ---- what this server asks ---- */

static void fetch(void)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_room(world.sim.ns, "r"), 2000);

    assert_int_equal(yodel_sio_target_fetch(target, world_on_sockets, NULL), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":5,\"uid\":\"@\",\"requestId\":\"@#\",\"opts\":"
                                     "{\"rooms\":[\"r\"],\"except\":[]}}");
}

static void expect_gathered(int result, unsigned missing, const char *json)
{
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.result, result);
    assert_int_equal(world.missing, missing);
    assert_string_equal(world.json, json);
    world.answers = 0;
}

#define REMOTE(id) "{\"id\":\"" id "\",\"handshake\":{},\"rooms\":[],\"data\":{}}"

static void test_classic_ask_asks_nobody(void **state)
{
    world_begin();
    fetch();
    expect_gathered(0, 0, "[]");
    world_stop();
}

static void test_classic_ask_fetches(void **state)
{
    world_begin();
    world.num_servers = 3;
    fetch();
    assert_int_equal(world.answers, 0);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
    assert_int_equal(world.answers, 0);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[]}", true);
    expect_gathered(0, 0, "[" REMOTE("s1") "]");
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("late") "]}", false);
    assert_int_equal(world.answers, 0);
    world_stop();
}

/* On the channel that is this server's alone, too. */
static void test_classic_ask_answers_for_it_alone(void **state)
{
    char channel[100];

    world_begin();
    world.num_servers = 2;
    fetch();
    (void)snprintf(channel, sizeof channel, ANSWERS "%s#", ((struct yd_classic *)world.part)->uid);
    world_answer(channel, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
    expect_gathered(0, 0, "[" REMOTE("s1") "]");
    world_stop();
}

/* Others that end are not waited for until the time limit. */
static void test_classic_ask_one_that_ends(void **state)
{
    world_begin();
    world.num_servers = 3;
    fetch();
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
    world.num_servers = 2;
    world_advance(600);
    expect_gathered(YODEL_ERR_CLOSED, 1, "[" REMOTE("s1") "]");
    world_stop();
}

static void test_classic_ask_one_that_is_late(void **state)
{
    world_begin();
    world.num_servers = 3;
    fetch();
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
    world_advance(1900);
    assert_int_equal(world.answers, 0);
    world_advance(200);
    expect_gathered(-ETIMEDOUT, 1, "[" REMOTE("s1") "]");
    world_stop();
}

static void test_classic_ask_fetches_rooms(void **state)
{
    world_begin();
    sio_sim_leave(&world.clients[0]);
    sio_sim_leave(&world.clients[1]);
    world.num_servers = 3;
    assert_int_equal(yodel_sio_namespace_fetch_rooms(world.sim.ns, world_on_sockets, NULL), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":1,\"uid\":\"@\",\"requestId\":\"@#\"}");
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"rooms\":[\"a\",\"b\"]}", false);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"rooms\":[\"b\",5,\"c\"]}", false);
    expect_gathered(0, 0, "[\"a\",\"b\",\"c\"]");
    world_stop();
}

/* They are asked for their sockets, which tell their rooms. */
static void test_classic_ask_counts_in_rooms(void **state)
{
    world_begin();
    sio_sim_leave(&world.clients[0]);
    sio_sim_leave(&world.clients[1]);
    world.num_servers = 3;
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(world.sim.ns, world_on_sockets, NULL),
                     0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":5,\"uid\":\"@\",\"requestId\":\"@#\",\"opts\":"
                                     "{\"rooms\":[],\"except\":[]}}");
    world_answer(ANSWERS,
                 "{\"requestId\":\"%s\",\"sockets\":[{\"id\":\"s1\",\"handshake\":{},"
                 "\"rooms\":[\"s1\",\"a\",5],\"data\":{}},{\"id\":\"s2\",\"handshake\":{},"
                 "\"rooms\":[\"s2\",\"s1\",\"a\"],\"data\":{}}]}",
                 false);
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[]}", false);
    expect_gathered(0, 0, "[{\"name\":\"a\",\"count\":2},{\"name\":\"s1\",\"count\":1}]");
    world_stop();
}

static void test_classic_ask_joins_elsewhere(void **state)
{
    yodel_sio_target target;

    world_begin();
    target = yodel_sio_to_room(world.sim.ns, "r");
    assert_int_equal(yodel_sio_target_join(target, YODEL_ROOMS("s", "t")), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":2,\"uid\":\"@\",\"opts\":{\"rooms\":[\"r\"],"
                                     "\"except\":[]},\"rooms\":[\"s\",\"t\"]}");
    assert_int_equal(yodel_sio_target_leave(target, YODEL_ROOMS("s")), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":3,\"uid\":\"@\",\"opts\":{\"rooms\":[\"r\"],"
                                     "\"except\":[]},\"rooms\":[\"s\"]}");
    assert_int_equal(yodel_sio_target_disconnect(target, 1), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":4,\"uid\":\"@\",\"opts\":{\"rooms\":[\"r\"],"
                                     "\"except\":[]},\"close\":true}");
    world_expect_nothing_published();
    world_stop();
}

static void test_classic_ask_asks_servers(void **state)
{
    world_begin();
    assert_int_equal(yodel_sio_server_side_emit(world.sim.ns, "e", "i", 1), 0);
    world_run();
    world_expect_published(REQUESTS, "{\"type\":6,\"uid\":\"@\",\"data\":[\"e\",1]}");
    world.num_servers = 3;
    assert_int_equal(
        yodel_sio_server_side_emit_ack(world.sim.ns, "q", NULL, 1000, world_on_answers, NULL), 0);
    world_run();
    world_expect_published(REQUESTS,
                           "{\"type\":6,\"uid\":\"@\",\"requestId\":\"@#\",\"data\":[\"q\"]}");
    world_answer(ANSWERS, "{\"type\":6,\"requestId\":\"%s\",\"data\":[1]}", false);
    assert_int_equal(world.answers, 0);
    world_answer(ANSWERS, "{\"type\":6,\"requestId\":\"%s\"}", true);
    expect_gathered(0, 0, "[[1],null]");
    assert_int_equal(world.events, 0);
    world_stop();
}

static void ask(void)
{
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_target_timeout(world_all(), 1000), "q", NULL,
                                        world_on_answers, NULL),
                     0);
    world_run();
    world_expect_all("20[\"q\"]");
    world_expect_published(
        REQUESTS, "{\"uid\":\"@\",\"requestId\":\"@#\",\"type\":7,\"packet\":{\"type\":2,\"data\":"
                  "[\"q\"],\"nsp\":\"/\"},\"opts\":{\"rooms\":[],\"except\":[],\"flags\":"
                  "{\"timeout\":1000}}}");
    sio_sim_say(&world.clients[0], "30[1]");
    sio_sim_say(&world.clients[1], "30[2]");
    world_run();
    assert_int_equal(world.answers, 0);
}

/* The numbers of clients, and their acknowledgements, in any order. */
static void test_classic_ask_acknowledgements(void **state)
{
    world_begin();
    world.num_servers = 3;
    ask();
    world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":3}", true);
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":1}", false);
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":2}", false);
    world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":4}", true);
    assert_int_equal(world.answers, 0);
    world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":[5]}", true);
    expect_gathered(0, 0, "[1,2,3,4,[5]]");
    world_stop();
}

/* A server that does not know of it tells the first argument, which is then the only one. */
static void test_classic_ask_all_arguments(void **state)
{
    yodel_sio_target target;

    world_begin();
    target = yodel_sio_target_with(world_all(), YODEL_SIO_ALL_ARGUMENTS);
    world.num_servers = 3;
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_target_timeout(target, 1000), "q", NULL,
                                        world_on_answers, NULL),
                     0);
    world_run();
    world_expect_all("20[\"q\"]");
    world_expect_published(
        REQUESTS, "{\"uid\":\"@\",\"requestId\":\"@#\",\"type\":7,\"packet\":{\"type\":2,\"data\":"
                  "[\"q\"],\"nsp\":\"/\"},\"opts\":{\"rooms\":[],\"except\":[],\"flags\":"
                  "{\"timeout\":1000,\"allArguments\":true}}}");
    sio_sim_say(&world.clients[0], "30[1,2]");
    sio_sim_say(&world.clients[1], "30[]");
    world_run();
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":2}", false);
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":1}", false);
    world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":[3]}", true);
    world_answer(ANSWERS,
                 "{\"type\":9,\"requestId\":\"%s\",\"packet\":[4,5],"
                 "\"allArguments\":true}",
                 true);
    world_answer(ANSWERS,
                 "{\"type\":9,\"requestId\":\"%s\",\"packet\":6,"
                 "\"allArguments\":true}",
                 true);
    expect_gathered(0, 0, "[[1,2],[],[[3]],[4,5],[6]]");
    world_stop();
}

/* Who has not asked for them is given the first. */
static void test_classic_ask_all_arguments_that_nobody_asked_for(void **state)
{
    world_begin();
    world.num_servers = 2;
    ask();
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":2}", false);
    world_answer(ANSWERS,
                 "{\"type\":9,\"requestId\":\"%s\",\"packet\":[4,5],"
                 "\"allArguments\":true}",
                 true);
    world_answer(ANSWERS,
                 "{\"type\":9,\"requestId\":\"%s\",\"packet\":[],"
                 "\"allArguments\":true}",
                 true);
    expect_gathered(0, 0, "[1,2,4,null]");
    world_stop();
}

static void test_classic_ask_acknowledgements_that_are_missing(void **state)
{
    world_begin();
    world.num_servers = 3;
    ask();
    world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":4}", false);
    world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":3}", true);
    world_advance(1100);
    expect_gathered(-ETIMEDOUT, 4, "[1,2,3]");
    world_stop();
}

/* Answers that are none are missing; those to others, or to nothing, do not count. */
static void test_classic_ask_answers_that_are_none(void **state)
{
    static const char *const others[] = {
        "{\"requestId\":\"somebody\",\"sockets\":[]}",
        "{\"requestId\":\"",
        "\xc1",
        "",
    };
    static const char *const bad[] = {
        "{\"requestId\":\"%s\",\"sockets\":{}}",
        "{\"requestId\":\"%s\",\"rooms\":5}",
        "{\"requestId\":\"%s\",\"sockets\":[}",
        "{\"requestId\":\"%s\",\"type\":{}}",
        "{\"requestId\":\"%s\",\"type\":8,\"clientCount\":-1}",
        "{\"requestId\":\"%s\",\"type\":8,\"clientCount\":4294967295}",
        "{\"requestId\":\"%s\",\"type\":9,\"packet\":1}",
        "{\"requestId\":\"%s\",\"type\":6,\"data\":1}",
    };
    unsigned malformed = 0;

    world_begin();
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        world_say(ANSWERS, others[i]);
    assert_int_equal(world_malformed(), 0);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        world.num_servers = 2;
        fetch();
        world_answer(ANSWERS, bad[i], false);
        assert_int_equal(world_malformed(), ++malformed);
        world_advance(2100);
        assert_int_equal(world.answers, 1);
        assert_int_equal(world.missing, 1);
        assert_true(world.result < 0);
        world.answers = 0;
    }
    world_stop();
}

/* ---- Redis goes ---- */

static void test_classic_ask_without_redis(void **state)
{
    world_begin();
    redis_sim_kill(&world.redis_sim);
    world_run();
    assert_int_equal(yodel_sio_emit(world_all(), "a", ""), 0);
    world_run();
    world_expect_all("2[\"a\"]");
    assert_int_equal(
        yodel_sio_target_fetch(yodel_sio_target_timeout(yodel_sio_to_room(world.sim.ns, "r"), 300),
                               world_on_sockets, NULL),
        0);
    world_advance(400);
    expect_gathered(-ETIMEDOUT, 1, "[]");
    redis_sim_revive(&world.redis_sim);
    world_advance(3000);
    world_expect_nothing();
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', ALL "*"), 1);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', REQUESTS), 1);
    while (world.taken < world.num) /* what waited */
        (void)world_published(world.list[world.taken].channel);
    world_broadcast(ALL, "/", "b", NULL, NULL);
    world_expect_all("2[\"b\"]");
    assert_int_equal(yodel_sio_emit(world_all(), "c", ""), 0);
    world_run();
    world_expect_all("2[\"c\"]");
    world_expect_published(ALL, "[\"@\",{\"type\":2,\"data\":[\"c\"],\"nsp\":\"/\"},"
                                "{\"rooms\":[],\"except\":[],\"flags\":{}}]");
    world.num_servers = 2;
    fetch();
    world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
    expect_gathered(0, 0, "[" REMOTE("s1") "]");
    world_stop();
}

/* While something is asked: the answer has gone with the connection. */
static void test_classic_ask_redis_breaks_while_asking(void **state)
{
    world_begin();
    world.num_servers = 2;
    fetch();
    redis_sim_break(&world.redis_sim);
    world_advance(2100);
    expect_gathered(-ETIMEDOUT, 1, "[]");
    world_stop();
}

/* The one that Redis counts is not this server itself. */
static void test_classic_ask_asks_without_its_subscription(void **state)
{
    world_begin();
    (void)snprintf(world.redis_sim.refuse, sizeof world.redis_sim.refuse, "%s", REQUESTS);
    redis_sim_break(&world.redis_sim);
    world_advance(500);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', REQUESTS), 0);
    world.num_servers = 1;
    fetch();
    world_advance(1900);
    assert_int_equal(world.answers, 0);
    world_advance(200);
    expect_gathered(-ETIMEDOUT, 1, "[]");
    world.redis_sim.refuse[0] = '\0';
    world_advance(12000);
    assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', REQUESTS), 1);
    fetch();
    expect_gathered(0, 0, "[]");
    world_stop();
}

static void test_classic_ask_stops_with_all_under_way(void **state)
{
    world_begin();
    world.num_servers = 3;
    fetch();
    ask();
    world_say_packed(REQUESTS,
                     HEAD("7") ",\"packet\":{\"type\":2,\"data\":[\"q\",1],\"nsp\":\"/\"},\"opts\":"
                               "{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":1000}}}");
    world_say(REQUESTS, HEAD("6") ",\"data\":[\"q\"]}");
    redis_sim_publish(&world.redis_sim, REQUESTS, HEAD("5") EVERYONE "}");
    assert_int_equal(yodel_sio_emit(world_all(), "last", ""), 0);
    world_stop();
    assert_int_equal(world.answers, 2);
}

/* ---- without memory ---- */

static void test_classic_ask_begins_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        bool started = world_start(NULL, at);

        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        if (started) {
            world_advance(3000);
            assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'p', ALL "*"), 1);
            assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', REQUESTS), 1);
            assert_int_equal(redis_sim_num_subscribed(&world.redis_sim, 'c', ANSWERS), 1);
        }
        world_stop();
    }
}

/* The n-th allocation from now on fails. */
static void fail_at(size_t n)
{
    world.fm.fail_at = n > 0 ? world.fm.calls + n : 0;
}

/* With a client that is served, then Redis: the sender is told, or it went out, or that it did not
 * is counted. */
static void test_classic_ask_emits_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        yodel_redis_stats stats = {.size = sizeof stats};
        int rc;

        world_begin();
        fail_at(at);
        rc = yodel_sio_emit(world_all(), "a", "s", "x");
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_run();
        (void)yodel_redis_get_stats(world.redis, &stats);
        if (rc == 0) {
            world_expect_all("2[\"a\",\"x\"]");
            assert_int_equal(world.num + stats.dropped, 1);
        } else {
            assert_int_equal(rc, -ENOMEM);
            assert_int_equal(world.num, 0);
        }
        world_expect_nothing();
        world_stop();
    }
}

/* All of what came, or none; and the next one. */
static void test_classic_ask_broadcasts_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        bool has[LOOPS];

        world_begin();
        world_join(0, "r");
        world_join(1, "r");
        fail_at(at);
        world_broadcast(ALL "r#", "/", "a", ROOMS("r"), ROOMS("no"));
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_advance(2000); /* it may have lost the connection */
        for (unsigned i = 0; i < LOOPS; i++) {
            const char *next = sio_sim_next(&world.clients[i]);

            if ((has[i] = next != NULL))
                assert_string_equal(next, "2[\"a\"]");
            assert_true(failed || has[i]);
        }
        world_broadcast(ALL, "/", "b", NULL, NULL);
        for (unsigned i = 0; i < LOOPS; i++) /* one that could not be served was closed */
            if (has[i] || !sim_is_closed(world.clients[i].peer))
                sio_sim_expect(&world.clients[i], "2[\"b\"]");
        assert_int_equal(world_malformed(), 0);
        world_stop();
    }
}

static const char *const asked[] = {
    HEAD("0") "}",
    HEAD("1") "}",
    HEAD("5") EVERYONE "}",
};

/* A whole answer, or none. */
static void test_classic_ask_answers_out_of_memory(void **state)
{
    for (unsigned i = 0; i < sizeof asked / sizeof asked[0]; i++)
        for (size_t at = 1, failed = 1; failed; at++) {
            const char *answer;

            world_begin();
            fail_at(at);
            world_say(REQUESTS, asked[i]);
            failed = failmem_has_failed(&world.fm);
            fail_at(0);
            world_advance(2000);
            answer = world_published(ANSWERS);
            if (!failed)
                assert_non_null(answer);
            if (answer != NULL) {
                assert_non_null(strstr(answer, world.clients[0].sid));
                assert_non_null(strstr(answer, world.clients[1].sid));
            }
            world_expect_nothing_published();
            world_say(REQUESTS, HEAD("0") ",\"rooms\":[\"nobody\"]}");
            world_expect_published(ANSWERS, "{\"requestId\":\"q1\",\"sockets\":[]}");
            world_stop();
        }
}

/* All has been gathered, or something is missing. */
static void test_classic_ask_asks_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        yodel_sio_target target;
        int rc;

        world_begin();
        world.num_servers = 2;
        target = yodel_sio_target_timeout(yodel_sio_to_room(world.sim.ns, "r"), 2000);
        fail_at(at);
        rc = yodel_sio_target_fetch(target, world_on_sockets, NULL);
        world_run();
        if (rc == 0 && world_published(REQUESTS) != NULL)
            world_answer(ANSWERS, "{\"requestId\":\"%s\",\"sockets\":[" REMOTE("s1") "]}", false);
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_advance(2100);
        if (rc < 0) {
            assert_int_equal(rc, -ENOMEM);
            assert_int_equal(world.answers, 0);
        } else {
            assert_int_equal(world.answers, 1);
            if (world.result == 0 || !failed)
                expect_gathered(0, 0, "[" REMOTE("s1") "]");
            else
                assert_true(world.missing > 0 || world.result == -ENOMEM);
        }
        world_stop();
    }
}

/* The same for acknowledgements, which come one by one. */
static void test_classic_ask_acknowledgements_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        world_begin();
        world.num_servers = 2;
        ask();
        fail_at(at);
        world_answer(ANSWERS, "{\"type\":8,\"requestId\":\"%s\",\"clientCount\":2}", false);
        world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":3}", true);
        world_answer(ANSWERS, "{\"type\":9,\"requestId\":\"%s\",\"packet\":4}", true);
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_advance(2100);
        assert_int_equal(world.answers, 1);
        if (world.result == 0 || !failed)
            expect_gathered(0, 0, "[1,2,3,4]");
        else
            assert_true(world.missing > 0 || world.result == -ENOMEM);
        world_stop();
    }
}

/* Clients are asked or not, and the number that is told is right. */
static void test_classic_ask_asked_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        const char *count;

        world_begin();
        fail_at(at);
        world_say_packed(REQUESTS, HEAD("7") ",\"packet\":{\"type\":2,\"data\":[\"q\"],\"nsp\":"
                                             "\"/\"},\"opts\":{\"flags\":{\"timeout\":1000}}}");
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_run();
        if ((count = world_published(ANSWERS)) != NULL) {
            unsigned num = 0;

            for (unsigned i = 0; i < LOOPS; i++)
                num += sio_sim_next(&world.clients[i]) != NULL;
            (void)snprintf(text, sizeof text,
                           "{\"type\":8,\"requestId\":\"q1\",\"clientCount\":%u}", num);
            assert_string_equal(count, text);
        }
        assert_true(failed || count != NULL);
        world_advance(3000);
        world_expect_nothing_published();
        world_broadcast(ALL, "/", "b", NULL, NULL);
        for (unsigned i = 0; i < LOOPS; i++) {
            const char *next = sio_sim_next(&world.clients[i]);

            if (next != NULL && strcmp(next, "20[\"q\"]") == 0)
                next = sio_sim_next(&world.clients[i]);
            if (!sim_is_closed(world.clients[i].peer)) {
                assert_non_null(next);
                assert_string_equal(next, "2[\"b\"]");
            }
        }
        world_stop();
    }
}

/* A namespace that is made later is subscribed in the end. */
static void test_classic_ask_namespaces_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        yodel_sio_namespace *ns;

        world_begin();
        fail_at(at);
        ns = sio_sim_of(world.sim.sio, "/n");
        world_run();
        failed = failmem_has_failed(&world.fm);
        fail_at(0);
        world_advance(3000);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(
                redis_sim_num_subscribed(&world.redis_sim, i == 0 ? 'p' : 'c',
                                         i == 0 ? "socket.io#/n#*" : "socket.io-request#/n#"),
                ns != NULL);
        world_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classic_ask_asks_nobody),
        cmocka_unit_test(test_classic_ask_fetches),
        cmocka_unit_test(test_classic_ask_answers_for_it_alone),
        cmocka_unit_test(test_classic_ask_one_that_ends),
        cmocka_unit_test(test_classic_ask_one_that_is_late),
        cmocka_unit_test(test_classic_ask_fetches_rooms),
        cmocka_unit_test(test_classic_ask_counts_in_rooms),
        cmocka_unit_test(test_classic_ask_joins_elsewhere),
        cmocka_unit_test(test_classic_ask_asks_servers),
        cmocka_unit_test(test_classic_ask_acknowledgements),
        cmocka_unit_test(test_classic_ask_all_arguments),
        cmocka_unit_test(test_classic_ask_all_arguments_that_nobody_asked_for),
        cmocka_unit_test(test_classic_ask_acknowledgements_that_are_missing),
        cmocka_unit_test(test_classic_ask_answers_that_are_none),
        cmocka_unit_test(test_classic_ask_without_redis),
        cmocka_unit_test(test_classic_ask_redis_breaks_while_asking),
        cmocka_unit_test(test_classic_ask_asks_without_its_subscription),
        cmocka_unit_test(test_classic_ask_stops_with_all_under_way),
        cmocka_unit_test(test_classic_ask_begins_out_of_memory),
        cmocka_unit_test(test_classic_ask_emits_out_of_memory),
        cmocka_unit_test(test_classic_ask_broadcasts_out_of_memory),
        cmocka_unit_test(test_classic_ask_answers_out_of_memory),
        cmocka_unit_test(test_classic_ask_asks_out_of_memory),
        cmocka_unit_test(test_classic_ask_acknowledgements_out_of_memory),
        cmocka_unit_test(test_classic_ask_asked_out_of_memory),
        cmocka_unit_test(test_classic_ask_namespaces_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
