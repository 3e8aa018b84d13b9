/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_world.h"

/* Clients that come back to another server, by a stream. */

static yodel_sio_redis_stats get_stats(unsigned process)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};

    assert_true(
        yd_cluster_add_stats(world.processes[process].part, world.processes[process].sio, &stats));
    return stats;
}

static void come_back_on(unsigned process, unsigned loop, const char *offset,
                         struct sio_client *client)
{
    char text[200];

    sio_sim_open(&world.processes[process].sim, loop, client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\",\"offset\":\"%s\"}",
                   world.processes[0].client.pid, offset);
    sio_sim_put(client, text);
    world_run();
}

static void come_back(unsigned process, const char *offset, struct sio_client *client)
{
    come_back_on(process, 0, offset, client);
}

static void expect_recovered(struct sio_client *client)
{
    char text[200];

    (void)snprintf(text, sizeof text, "0{\"sid\":\"%s\",\"pid\":\"%s\"}",
                   world.processes[0].client.sid, world.processes[0].client.pid);
    sio_sim_expect(client, text);
}

static void lose_client(void)
{
    world_emit(0, "seen");
    world_run();
    world_expect_both("2[\"seen\",\"1-0\"]");
    sio_sim_leave(&world.processes[0].client);
    world_run();
}

static void test_cluster_recovery_elsewhere(void **state)
{
    struct sio_client client;
    char text[200];

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    sio_sim_on_loop(&world.processes[0].sim, 0, world_join_here, "r");
    world_emit(0, "seen");
    world_run();
    world_expect_both("2[\"seen\",\"1-0\"]");
    sio_sim_leave(&world.processes[0].client);
    world_run();
    assert_memory_equal(world.key, "sio:session:", 12);
    for (unsigned i = 0; i < 4; i++)
        world_emit_to_room(1, "r", "missed");
    world_emit_to_room(1, "another", "not for it");
    world_run();
    come_back(1, "1-0", &client);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, "2[\"missed\",\"%u-0\"]", i + 2);
        sio_sim_expect(&client, text);
    }
    (void)snprintf(text, sizeof text, "0{\"sid\":\"%s\",\"pid\":\"%s\"}",
                   world.processes[0].client.sid, world.processes[0].client.pid);
    sio_sim_expect(&client, text);
    assert_string_equal(world.key, "");
    assert_int_equal(get_stats(1).replayed, 4);
    world_emit_to_room(0, "r", "after");
    world_run();
    sio_sim_expect(&client, "2[\"after\",\"7-0\"]");
    world_stop();
}

static void test_cluster_recovery_by_pages(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    sio_sim_on_loop(&world.processes[0].sim, 0, world_join_here, "r");
    lose_client();
    for (unsigned i = 0; i < 210; i++) { /* more than one */
        world_emit_to_room(1, "another", "not for it");
        world_run();
    }
    world_emit_to_room(1, "r", "missed");
    world_run();
    come_back(1, "1-0", &client);
    sio_sim_expect(&client, "2[\"missed\",\"212-0\"]");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
    world_stop();
}

/* As fast as pages are asked for: the client is back all the same. */
static void test_cluster_recovery_while_events_come(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    lose_client();
    world_emit(0, "missed");
    world_run();
    world.repeats_at_range = true;
    come_back(1, "1-0", &client);
    sio_sim_expect(&client, "2[\"missed\",\"2-0\"]");
    expect_recovered(&client);
    assert_int_equal(world.num_ranges, 2); /* of the offset, and of what came after it */
    world_stop();
}

/* What was missed is known by XRANGE before the reader has it, which gives it to all others. */
static void recover_ahead_of_reader(unsigned loop)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    lose_client();
    world.processes[1].redis.reader_waits = true;
    world_emit(0, "missed");
    world_run();
    come_back_on(1, loop, "1-0", &client);
    world.processes[1].redis.reader_waits = false;
    world_run();
    sio_sim_expect(&client, "2[\"missed\",\"2-0\"]");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
    world_emit(0, "after");
    world_run();
    sio_sim_expect(&client, "2[\"after\",\"3-0\"]");
    sio_sim_expect_nothing(&client);
    world_stop();
}

static void test_cluster_recovery_ahead_of_reader(void **state)
{
    recover_ahead_of_reader(0); /* the loop of the reader */
    recover_ahead_of_reader(1);
}

/* What the client got from another server is not known here yet. */
static void test_cluster_recovery_what_is_not_read_yet(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    lose_client();
    world.processes[1].redis.reader_waits = true;
    world_emit(0, "got");
    world_run();
    come_back_on(1, 1, "2-0", &client);
    world.processes[1].redis.reader_waits = false;
    world_run();
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
    world_stop();
}

static void expect_fresh(struct sio_client *client)
{
    const char *text = sio_sim_next(client);

    assert_non_null(text);
    assert_memory_equal(text, "0{\"sid\":\"", 9);
    assert_null(strstr(text, world.processes[0].client.sid));
    sio_sim_expect_nothing(client);
}

/* What this server gives at once, as it does not read it in time, is gathered, too. */
static void test_cluster_recovery_beside_what_is_given_at_once(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    lose_client();
    world.processes[1].redis.reader_waits = true;
    world_emit(1, "late");
    world_advance(800);
    come_back_on(1, 1, "1-0", &client);
    world_advance(300);
    sio_sim_expect(&world.processes[1].client, "2[\"late\",\"1-0\"]");
    world.processes[1].redis.reader_waits = false;
    world_run();
    expect_fresh(&client);
    world_stop();
}

/* Redis refuses it for a while, and those who are here get it: to who comes meanwhile it would not
 * come any more. */
static void test_cluster_recovery_after_what_was_given_at_once(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 5000);
    lose_client();
    world_emit(1, "late");
    for (unsigned i = 0; i < 13; i++) {
        world.processes[1].redis.next = REFUSED;
        world_advance(100);
    }
    sio_sim_expect(&world.processes[1].client, "2[\"late\",\"1-0\"]");
    come_back_on(1, 1, "1-0", &client);
    world.processes[1].redis.next = GOES_WELL;
    world_advance(200);
    expect_fresh(&client);
    world_stop();
}

/* It does not wait for ever. */
static void test_cluster_recovery_without_a_reader(void **state)
{
    struct sio_client client;

    world_start(YODEL_SIO_REDIS_STREAMS, 60000);
    lose_client();
    world.processes[1].redis.reader_waits = true;
    world_emit(0, "missed");
    world_run();
    come_back_on(1, 1, "1-0", &client);
    world_advance(4000);
    sio_sim_expect_nothing(&client);
    world_advance(1500);
    expect_fresh(&client);
    world.processes[1].redis.reader_waits = false;
    sio_sim_leave(&client);
    world_stop();
}

/* Nor for a Redis that goes away, or another stream; nor is it forgotten by the end. */
static void test_cluster_recovery_and_then(void **state)
{
    for (unsigned how = 0; how < 3; how++) {
        struct sio_client client;

        world_start(YODEL_SIO_REDIS_STREAMS, 60000);
        lose_client();
        world.processes[1].redis.reader_waits = true;
        world_emit(0, "missed");
        world_run();
        come_back_on(1, how % 2, "1-0", &client);
        sio_sim_expect_nothing(&client);
        if (how == 0) {
            world_set_state(1, YODEL_REDIS_DOWN);
        } else if (how == 1) {
            world_forget_entries();
            world.processes[1].redis.reader->on_reply(world.processes[1].redis.reader, NULL);
            world.processes[1].redis.reader_waits = false;
        }
        world_run();
        if (how < 2)
            expect_fresh(&client);
        world_stop();
    }
}

/* All who read the stream know that it is the same event. */
static void test_cluster_recovery_what_was_added_twice(void **state)
{
    for (unsigned process = 0; process < PROCESSES; process++) {
        struct sio_client client;

        world_start(YODEL_SIO_REDIS_STREAMS, 5000);
        lose_client();
        world_repeat_entry();
        world_emit(1, "missed");
        world_run();
        world_repeat_entry();
        world_run();
        come_back(process, "1-0", &client);
        sio_sim_expect(&client, "2[\"missed\",\"3-0\"]");
        expect_recovered(&client);
        sio_sim_expect_nothing(&client);
        world_stop();
    }
}

static void test_cluster_recovery_offset_that_is_not_there(void **state)
{
    static const char *const offsets[] = {"9-0", "", "x", "1-0 ", "-"};
    struct sio_client client;
    const char *text;

    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        world_start(YODEL_SIO_REDIS_STREAMS, 5000);
        world_emit(0, "seen");
        world_run();
        sio_sim_leave(&world.processes[0].client);
        world_run();
        come_back(1, offsets[i], &client);
        text = sio_sim_next(&client);
        assert_non_null(text);
        assert_null(strstr(text, world.processes[0].client.sid));
        world_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cluster_recovery_elsewhere),
        cmocka_unit_test(test_cluster_recovery_by_pages),
        cmocka_unit_test(test_cluster_recovery_while_events_come),
        cmocka_unit_test(test_cluster_recovery_ahead_of_reader),
        cmocka_unit_test(test_cluster_recovery_what_is_not_read_yet),
        cmocka_unit_test(test_cluster_recovery_beside_what_is_given_at_once),
        cmocka_unit_test(test_cluster_recovery_after_what_was_given_at_once),
        cmocka_unit_test(test_cluster_recovery_without_a_reader),
        cmocka_unit_test(test_cluster_recovery_and_then),
        cmocka_unit_test(test_cluster_recovery_what_was_added_twice),
        cmocka_unit_test(test_cluster_recovery_offset_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
