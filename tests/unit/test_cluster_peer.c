/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_world.h"

/* ---- sharded ---- */

static void test_cluster_peer_sharded_emits(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    world_emit(0, "a");
    world_run();
    world_expect_both("2[\"a\"]");
    world_emit(1, "b");
    world_run();
    world_expect_both("2[\"b\"]");
    world_expect_nothing();
    world_stop();
}

static void test_cluster_peer_sharded_rooms_have_channels(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    assert_int_equal(world_count("socket.io#/#"), 2);
    assert_int_equal(world_count("socket.io#/#r#"), 0);
    sio_sim_on_loop(&world.processes[1].sim, 1, world_join_here, "r");
    world_run();
    assert_int_equal(world_count("socket.io#/#r#"), 1);
    world_emit_to_room(0, "r", "a");
    assert_string_equal(world_word(&world.processes[0].redis.commands[0].words, 0),
                        "socket.io#/#r#");
    world_run();
    sio_sim_expect(&world.processes[1].client, "2[\"a\"]");
    world_emit_to_room(0, world.processes[1].client.sid, "b");
    assert_string_equal(world_word(&world.processes[0].redis.commands[0].words, 0), "socket.io#/#");
    world_run();
    sio_sim_expect(&world.processes[1].client, "2[\"b\"]");
    sio_sim_on_loop(&world.processes[1].sim, 1, world_leave_here, "r");
    world_run();
    assert_int_equal(world_count("socket.io#/#r#"), 0);
    world_expect_nothing();
    world_stop();
}

static void test_cluster_peer_sharded_private_rooms(void **state)
{
    char channel[100];

    world_rooms = YODEL_SIO_REDIS_DYNAMIC_PRIVATE;
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    world_rooms = YODEL_SIO_REDIS_DYNAMIC;
    (void)snprintf(channel, sizeof channel, "socket.io#/#%s#", world.processes[1].client.sid);
    assert_int_equal(world_count(channel), 1);
    world_emit_to_room(0, world.processes[1].client.sid, "a");
    assert_string_equal(world_word(&world.processes[0].redis.commands[0].words, 0), channel);
    world_run();
    sio_sim_expect(&world.processes[1].client, "2[\"a\"]");
    sio_sim_leave(&world.processes[1].client);
    world_run();
    assert_int_equal(world_count(channel), 0);
    world_expect_nothing();
    world_stop();
}

static void test_cluster_peer_sharded_static(void **state)
{
    world_rooms = YODEL_SIO_REDIS_STATIC;
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    world_rooms = YODEL_SIO_REDIS_DYNAMIC;
    sio_sim_on_loop(&world.processes[1].sim, 1, world_join_here, "r");
    world_run();
    assert_int_equal(world_count("socket.io#/#r#"), 0);
    world_emit_to_room(0, "r", "a");
    world_run();
    sio_sim_expect(&world.processes[1].client, "2[\"a\"]");
    world_expect_nothing();
    world_stop();
}

/* Two sockets of one id: one takes over the state of the other on another loop. */
static void test_cluster_peer_sharded_private_rooms_that_move(void **state)
{
    struct sio_client client;
    char channel[100], text[200];

    world_rooms = YODEL_SIO_REDIS_DYNAMIC_PRIVATE;
    world_start(YODEL_SIO_REDIS_SHARDED, 5000);
    world_rooms = YODEL_SIO_REDIS_DYNAMIC;
    (void)snprintf(channel, sizeof channel, "socket.io#/#%s#", world.processes[0].client.sid);
    sio_sim_leave(&world.processes[0].client);
    world_run();
    assert_int_equal(world_count(channel), 1);
    sio_sim_open(&world.processes[0].sim, 1, &client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", world.processes[0].client.pid);
    sio_sim_put(&client, text);
    world_run();
    assert_int_equal(world_count(channel), 1);
    sio_sim_leave(&client);
    world_advance(6000);
    assert_int_equal(world_count(channel), 0);
    world_stop();
}

static unsigned num_answers, missing_answers;
static int answers_result;

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    num_answers = (unsigned)json_array_size(yodel_sio_answers_json(answers));
    missing_answers = answers->missing;
    answers_result = answers->result;
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    num_answers = (unsigned)json_array_size(sockets->json);
    missing_answers = sockets->missing;
}

static void ask_here(struct sio_sim *sim, void *arg)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_all(sim->ns), 1000);

    num_answers = missing_answers = 99;
    if (arg != NULL)
        assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, on_answers, NULL), 0);
    else
        assert_int_equal(yodel_sio_target_fetch(target, on_sockets, NULL), 0);
}

static void check_asking(void)
{
    sio_sim_on_loop(&world.processes[0].sim, 0, ask_here, "ack");
    world_run();
    world_expect_both("20[\"q\"]");
    sio_sim_say(&world.processes[0].client, "30[1]");
    world_run();
    sio_sim_say(&world.processes[1].client, "30[2]");
    world_run();
    assert_int_equal(num_answers, 2);
    assert_int_equal(missing_answers, 0);
    sio_sim_on_loop(&world.processes[0].sim, 0, ask_here, NULL);
    world_run();
    assert_int_equal(num_answers, 2);
    assert_int_equal(missing_answers, 0);
}

static void test_cluster_peer_asks(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    check_asking();
    world_stop();
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    check_asking();
    world_stop();
}

static char gathered[100];

static void keep_answers(const yodel_sio_answers *answers, void *user)
{
    (void)snprintf(gathered, sizeof gathered, "%d %" YODEL_PRI, answers->result,
                   YODEL_ARG(answers->json));
}

static void ask_all_arguments(struct sio_sim *sim, void *arg)
{
    yodel_sio_target target =
        yodel_sio_target_with(yodel_sio_to_all(sim->ns), YODEL_SIO_ALL_ARGUMENTS);

    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(target, 1000), "q", NULL, keep_answers, NULL),
        0);
}

static void check_all_arguments(void)
{
    gathered[0] = '\0';
    sio_sim_on_loop(&world.processes[0].sim, 0, ask_all_arguments, NULL);
    world_run();
    world_expect_both("20[\"q\"]");
    sio_sim_say(&world.processes[1].client, "30[2,[3]]");
    world_run();
    sio_sim_say(&world.processes[0].client, "30[]");
    world_run();
    assert_true(strcmp(gathered, "0 [[2,[3]],[]]") == 0 || strcmp(gathered, "0 [[],[2,[3]]]") == 0);
}

static void test_cluster_peer_all_arguments_are_answered(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    check_all_arguments();
    world_stop();
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    check_all_arguments();
    world_stop();
}

static void test_cluster_peer_one_that_does_not_answer_is_missing(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    sio_sim_on_loop(&world.processes[0].sim, 0, ask_here, "ack");
    world_run();
    world_expect_both("20[\"q\"]");
    sio_sim_say(&world.processes[0].client, "30[1]");
    world_advance(1100);
    assert_int_equal(num_answers, 1);
    assert_true(missing_answers > 0);
    world_stop();
}

/* Our own subscription is lost, and what Redis counts are the others: they are still awaited. */
static void lose_own(unsigned process, bool active)
{
    for (size_t i = 0; i < MOST; i++)
        if (world.processes[process].redis.subs[i] != NULL)
            world.processes[process].redis.subs[i]->active = active;
}

static void test_cluster_peer_awaits_others_without_its_own_subscription(void **state)
{
    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    lose_own(0, false);
    assert_int_equal(world_count("socket.io#/#"), 1);
    sio_sim_on_loop(&world.processes[0].sim, 0, ask_here, NULL);
    world_run();
    assert_int_equal(num_answers, 99); /* not all are there: the answer does not come here */
    world_advance(1100);
    assert_int_equal(num_answers, 1);
    assert_true(missing_answers > 0);
    lose_own(0, true);
    check_asking();
    world_stop();
}

static void test_cluster_peer_counts_what_is_malformed(void **state)
{
    static const char *const bad[] = {"{", "{}", "\xc1", "{\"type\":7,\"uid\":\"u\",\"nsp\":\"/\"}",
                                      "{\"type\":2,\"uid\":\"u\",\"nsp\":\"/other\"}"};

    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        (void)yd_redis_publish(&world.processes[0].redis, YODEL_STR("socket.io#/#"),
                               (yodel_bytes){(const uint8_t *)bad[i], strlen(bad[i])}, 0);
    world_run();
    assert_int_equal(world.processes[1].redis.malformed, sizeof bad / sizeof bad[0]);
    world_emit(0, "alive");
    world_run();
    world_expect_both("2[\"alive\"]");
    world_stop();
}

static yodel_sio_redis_stats get_stats(unsigned process)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};

    assert_true(
        yd_cluster_add_stats(world.processes[process].part, world.processes[process].sio, &stats));
    return stats;
}

static void test_cluster_peer_counts(void **state)
{
    yodel_sio_redis_stats ours, theirs;

    world_start(YODEL_SIO_REDIS_SHARDED, 0);
    world_emit(0, "a");
    world_run();
    world_expect_both("2[\"a\"]");
    check_asking();
    (void)yd_redis_publish(&world.processes[0].redis, YODEL_STR("socket.io#/#"),
                           (yodel_bytes){(const uint8_t *)"{", 1}, 0);
    world_run();
    ours = get_stats(0);
    theirs = get_stats(1);
    assert_true(ours.requests > 0);
    assert_int_equal(ours.requests_complete, ours.requests);
    assert_int_equal(theirs.requests_taken, ours.requests);
    assert_int_equal(ours.requests_late + ours.ignored + ours.lost + ours.failed, 0);
    assert_int_equal(ours.published, 1 + ours.requests);
    assert_int_equal(theirs.received, ours.published + 1);
    assert_int_equal(ours.received, theirs.published + 1);
    assert_int_equal(theirs.malformed, 1);
    world_stop();
}

/* ---- streams ---- */

static void test_cluster_peer_streams_give_ids(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world_emit(0, "a");
    sio_sim_run(&world.processes[0].sim);
    sio_sim_expect_nothing(&world.processes[0].client);
    world_run();
    world_expect_both("2[\"a\",\"1-0\"]");
    world_emit_to_room(1, world.processes[0].client.sid, "own");
    world_emit(1, "b");
    world_run();
    sio_sim_expect(&world.processes[0].client, "2[\"own\",\"2-0\"]");
    world_expect_both("2[\"b\",\"3-0\"]");
    world_expect_nothing();
    world_stop();
}

static void test_cluster_peer_streams_without_recovery(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 0);
    world_emit(0, "a");
    sio_sim_run(&world.processes[0].sim);
    sio_sim_expect(&world.processes[0].client, "2[\"a\"]");
    world_run();
    sio_sim_expect(&world.processes[1].client, "2[\"a\"]");
    world_expect_nothing();
    world_stop();
}

/* The process was stopped for longer than it waits for its own entry: that has come meanwhile. */
static void test_cluster_peer_streams_after_a_stop(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world.processes[0].redis.reader_waits = true;
    world_emit(0, "a");
    world_run();
    sim_sleep(world.processes[0].sim.base.loops[0], 3000);
    sio_sim_run(&world.processes[0].sim);
    sio_sim_expect_nothing(&world.processes[0].client);
    world.processes[0].redis.reader_waits = false;
    world_run();
    world_expect_both("2[\"a\",\"1-0\"]");
    world.processes[0].redis.reader_waits = true;
    world_emit(0, "b");
    world_run();
    world_advance(1200); /* Redis is late, and not we */
    sio_sim_expect(&world.processes[0].client, "2[\"b\",\"1-0\"]");
    sio_sim_expect(&world.processes[1].client, "2[\"b\",\"2-0\"]");
    world.processes[0].redis.reader_waits = false;
    world_run();
    world_expect_nothing();
    world_stop();
}

static void lose_connection(unsigned how)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world.processes[0].redis.next = how;
    world_emit(0, "a");
    world_run();
    world_emit(0, "b");
    world_advance(200);
    world_advance(200);
    world_expect_both("2[\"a\",\"1-0\"]");
    world_expect_both("2[\"b\",\"2-0\"]");
    world_expect_nothing();
    assert_int_equal(get_stats(0).published, 2);
    assert_int_equal(get_stats(0).resent, how == LOST_AHEAD);
    assert_int_equal(get_stats(1).received, 2);
    assert_int_equal(get_stats(1).ignored, 0);
    world_stop();
}

static void test_cluster_peer_streams_lost_ahead_of_it(void **state)
{
    lose_connection(LOST_AHEAD);
}

static void test_cluster_peer_streams_lost_after_it(void **state)
{
    lose_connection(LOST_AFTER);
}

/* What was unsent when the connection was lost went to the next one at once: it does not hide what
 * was sent ahead of it, and has to be sent again. */
static void test_cluster_peer_streams_lost_and_overtaken(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world.processes[0].redis.next = LOST_AHEAD;
    world_emit(0, "a");
    world_emit(0, "b");
    world_run();
    world_advance(200);
    world_advance(200);
    world_expect_both("2[\"b\",\"1-0\"]");
    world_expect_both("2[\"a\",\"2-0\"]");
    world_expect_nothing();
    assert_int_equal(get_stats(0).resent, 1);
    assert_int_equal(get_stats(1).received, 2);
    world_stop();
}

/* What Redis had taken by then, behind it, does not hide it from others. */
static void test_cluster_peer_streams_refused(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world.processes[0].redis.next = REFUSED;
    world_emit(0, "a");
    world_emit(0, "b");
    world_run();
    world_expect_both("2[\"b\",\"1-0\"]");
    world_advance(200);
    world_advance(200);
    world_expect_both("2[\"a\",\"2-0\"]");
    world_emit(0, "c");
    world_run();
    world_expect_both("2[\"c\",\"3-0\"]");
    world_expect_nothing();
    assert_int_equal(get_stats(0).resent, 1);
    assert_int_equal(get_stats(1).ignored, 0);
    world_stop();
}

static void test_cluster_peer_streams_without_redis(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world_emit(0, "a");
    world_run();
    world_expect_both("2[\"a\",\"1-0\"]");
    world_set_state(0, YODEL_REDIS_DOWN);
    world_emit(0, "b");
    world_emit(0, "c");
    world_run();
    sio_sim_expect(&world.processes[0].client, "2[\"b\",\"1-0\"]");
    sio_sim_expect(&world.processes[0].client, "2[\"c\",\"1-0\"]");
    world_expect_nothing();
    world_set_state(0, YODEL_REDIS_UP);
    world_advance(200);
    sio_sim_expect(&world.processes[1].client, "2[\"b\",\"2-0\"]");
    sio_sim_expect(&world.processes[1].client, "2[\"c\",\"3-0\"]");
    world_emit(0, "d");
    world_run();
    world_expect_both("2[\"d\",\"4-0\"]");
    world_expect_nothing();
    world_stop();
}

/* All that waits beyond max_waiting is dropped for the others. */
static void test_cluster_peer_streams_bound_what_waits(void **state)
{
    char text[3000];
    unsigned num = 0;

    memset(text, 'x', sizeof text);
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world_set_state(0, YODEL_REDIS_DOWN);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(yodel_sio_emit_text(yodel_sio_to_room(world.processes[0].sim.ns, "none"),
                                             "big", (yodel_str){text, sizeof text}),
                         0);
    world_run();
    assert_true(world.processes[0].redis.dropped >= 25);
    world_set_state(0, YODEL_REDIS_UP);
    world_advance(200);
    num = (unsigned)world.num_entries;
    assert_true(num > 20 && num + world.processes[0].redis.dropped == 60);
    assert_int_equal(get_stats(0).published, num);
    assert_int_equal(get_stats(0).failed, 60 - num);
    world_stop();
}

/* What is there goes back, and is read on. */
static void test_cluster_peer_streams_that_go_back(void **state)
{
    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    world.last_id = 1000;
    world_emit(0, "a");
    world_run();
    world_expect_both("2[\"a\",\"1001-0\"]");
    world_forget_entries();
    for (unsigned i = 0; i < PROCESSES; i++)
        world.processes[i].redis.reader->on_reply(world.processes[i].redis.reader, NULL);
    world_emit(1, "b");
    world_run();
    world_expect_both("2[\"b\",\"1-0\"]");
    world_expect_nothing();
    world_stop();
}

/* ---- without memory ---- */

/* Both, or the sender is told; what came is not lost, but read again. */
static void test_cluster_peer_streams_out_of_memory(void **state)
{
    struct failmem fm = {0};

    for (size_t at = 1, failed = 1; failed; at++) {
        int rc;

        world_start(YODEL_SIO_REDIS_STREAMS, 5000);
        world.processes[0].fm.fail_at = world.processes[0].fm.calls + at;
        rc = yodel_sio_emit(yodel_sio_to_all(world.processes[0].sim.ns), "a", "");
        failed = rc < 0;
        world.processes[0].fm.fail_at = 0;
        world_run();
        if (rc == 0)
            world_expect_both("2[\"a\",\"1-0\"]");
        else
            assert_int_equal(rc, -ENOMEM);
        world_expect_nothing();
        world_stop();
    }
    (void)fm;
    for (size_t at = 1, failed = 1; failed; at++) {
        struct process *process;

        world_start(YODEL_SIO_REDIS_STREAMS, 5000);
        process = &world.processes[1];
        world_emit(0, "a");
        process->fm.fail_at = process->fm.calls + at;
        world_run();
        failed = failmem_has_failed(&process->fm);
        process->fm.fail_at = 0;
        world_run();
        sio_sim_expect(&world.processes[0].client, "2[\"a\",\"1-0\"]");
        if (get_stats(1).lost == 0 && process->sim.socket != NULL)
            sio_sim_expect(&process->client, "2[\"a\",\"1-0\"]");
        else
            assert_true(failed);
        world_stop();
    }
}

/* All answers have been gathered, or some are said to be missing. */
static void test_cluster_peer_answers_out_of_memory(void **state)
{
    for (size_t at = 1, failed = 1; failed; at++) {
        struct process *process;

        world_start(YODEL_SIO_REDIS_SHARDED, 0);
        process = &world.processes[0];
        sio_sim_on_loop(&process->sim, 0, ask_here, "ack");
        world_run();
        world_expect_both("20[\"q\"]");
        sio_sim_say(&process->client, "30[1]");
        world_run();
        process->fm.fail_at = process->fm.calls + at;
        sio_sim_say(&world.processes[1].client, "30[2]");
        world_run();
        failed = failmem_has_failed(&process->fm);
        process->fm.fail_at = 0;
        world_advance(1100);
        if (answers_result == 0 || !failed)
            assert_int_equal(num_answers, 2);
        else
            assert_true(missing_answers > 0 || answers_result == -ENOMEM);
        assert_true(failed || missing_answers == 0);
        world_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cluster_peer_sharded_emits),
        cmocka_unit_test(test_cluster_peer_sharded_rooms_have_channels),
        cmocka_unit_test(test_cluster_peer_sharded_private_rooms),
        cmocka_unit_test(test_cluster_peer_sharded_static),
        cmocka_unit_test(test_cluster_peer_sharded_private_rooms_that_move),
        cmocka_unit_test(test_cluster_peer_asks),
        cmocka_unit_test(test_cluster_peer_all_arguments_are_answered),
        cmocka_unit_test(test_cluster_peer_one_that_does_not_answer_is_missing),
        cmocka_unit_test(test_cluster_peer_awaits_others_without_its_own_subscription),
        cmocka_unit_test(test_cluster_peer_counts_what_is_malformed),
        cmocka_unit_test(test_cluster_peer_counts),
        cmocka_unit_test(test_cluster_peer_streams_give_ids),
        cmocka_unit_test(test_cluster_peer_streams_without_recovery),
        cmocka_unit_test(test_cluster_peer_streams_after_a_stop),
        cmocka_unit_test(test_cluster_peer_streams_lost_ahead_of_it),
        cmocka_unit_test(test_cluster_peer_streams_lost_after_it),
        cmocka_unit_test(test_cluster_peer_streams_lost_and_overtaken),
        cmocka_unit_test(test_cluster_peer_streams_refused),
        cmocka_unit_test(test_cluster_peer_streams_without_redis),
        cmocka_unit_test(test_cluster_peer_streams_bound_what_waits),
        cmocka_unit_test(test_cluster_peer_streams_that_go_back),
        cmocka_unit_test(test_cluster_peer_streams_out_of_memory),
        cmocka_unit_test(test_cluster_peer_answers_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
