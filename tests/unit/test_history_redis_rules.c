/* SPDX-License-Identifier: MIT */
#include "history_redis_world.h"

/* History in Redis: rules that change while there are members, and who is told where messages
 * stand. */

/* Members that were there before are followed, and those of what is kept no more as long as they
 * are there: another process may keep it. */
static void test_rules_change(void **state)
{
    struct nodes_sim_process *second;

    start(2);
    second = &sim.processes[1];
    keep(second, "other", &in_room);
    join(0, 1, 0);
    join(1, 1, 1);
    run();
    send_number(0, 1);
    run();
    expect(0, "");
    keep(second, "r*m", &in_room);
    pass_time(500);
    assert_int_equal(played.clients[1].num_subs, 1);
    send_number(0, 2);
    run();
    expect(0, "2 ");
    leave(&members[1]);
    keep(second, "other", &in_room);
    run();
    send_number(0, 3);
    run();
    expect(0, "3 ");
    expect(1, "2 ");
    keep(second, "*oom", &in_room);
    pass_time(500);
    send_number(1, 4);
    run();
    expect(0, "4 ");
    keep(second, "other", &in_room);
    leave(&members[0]);
    run();
    assert_int_equal(played.clients[1].num_subs, 0);
    read_room(2, 0, NULL, 0);
    run();
    expect(2, "1 2 3 4 ");
}

/* What waits was to be kept when it was sent. */
static void test_rules_change_while_messages_wait(void **state)
{
    start(2);
    join(0, 1, 0);
    run();
    send_number(0, 1);
    read_room(1, 0, NULL, 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(yd_history_set_rules(sim.processes[i].channels, NULL, 0), 0);
    run();
    expect(0, "1 ");
    expect(1, "1 ");
    leave(&members[0]);
    run();
    assert_int_equal(played.clients[1].num_subs, 0);
}

static void test_rules_change_without_memory(void **state)
{
    for (size_t at = 1; at < 8; at++) {
        struct nodes_sim_process *second;

        start(2);
        second = &sim.processes[1];
        keep(second, "other", &in_room);
        join(0, 1, 0);
        run();
        keep(second, "*", &in_room);
        second->fm.calls = 0;
        second->fm.fail_at = at;
        pass_time(500);
        second->fm.fail_at = 0;
        pass_time(500);
        send_number(0, 2);
        pass_time(300);
        expect(0, "2 ");
        teardown(NULL);
    }
    start(1);
}

/* ---- where a message stands ---- */

static struct place {
    unsigned calls;
    int result;
    char offset[YODEL_OFFSET_SIZE];
} places[40];

static void on_place(int result, const char *offset, void *user)
{
    struct place *place = user;

    place->calls++;
    place->result = result;
    (void)snprintf(place->offset, sizeof place->offset, "%s", offset != NULL ? offset : "");
}

static int send_told(unsigned i)
{
    const struct yd_history_told told = {on_place, &places[i]};

    return try_send_told(0, 0, "room", (int)i, &told);
}

static void start_places(size_t max_queue)
{
    memset(places, 0, sizeof places);
    start_with(1, &in_room, max_queue);
}

static void expect_places(unsigned first, unsigned num, int result)
{
    for (unsigned i = first; i < first + num; i++) {
        assert_int_equal(places[i].calls, 1);
        assert_int_equal(places[i].result, result);
    }
}

/* Each of a batch its own, by which those after it are read. */
static void test_each_is_told_its_place(void **state)
{
    start_places(0);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send_told(i), 0);
    assert_int_equal(places[0].calls, 0);
    run();
    expect_places(0, 40, 0);
    for (unsigned i = 30; i < 40; i++) {
        char expected[100] = "";

        for (unsigned k = i + 1; k < 40; k++)
            (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%u ",
                           k);
        read_room(0, 0, places[i].offset, 0);
        run();
        expect(0, expected);
    }
}

/* At the latest when the members have it ahead of Redis; then nothing more is said of it. */
static void test_places_without_redis(void **state)
{
    start_places(0);
    join(0, 0, 1);
    run();
    played.clients[0].failing = YODEL_ERR_CLOSED;
    assert_int_equal(send_told(0), 0);
    pass_time(500);
    assert_int_equal(places[0].calls, 0);
    pass_time(1000);
    expect_places(0, 1, -ENOTCONN);
    assert_int_equal(send_told(1), 0); /* at once */
    run();
    expect_places(0, 2, -ENOTCONN);
    expect(0, "0 1 ");
    played.clients[0].failing = 0;
    pass_time(1000);
    expect_places(0, 2, -ENOTCONN);
    read_room(0, 0, NULL, 0);
    run();
    expect(0, "0 1 ");
    assert_int_equal(send_told(2), 0);
    pass_time(500);
    expect_places(2, 1, 0);
}

static void test_places_of_what_is_not_kept(void **state)
{
    start_places(300);
    assert_int_equal(send_told(0), 0);
    nodes_sim_run(&sim);
    played.clients[0].error = "WRONGTYPE no";
    run();
    expect_places(0, 1, -EIO);
    played.clients[0].error = NULL;
    for (unsigned i = 1; i < 10; i++)
        assert_int_equal(send_told(i), 0);
    nodes_sim_run(&sim);
    expect_places(9, 1, YODEL_ERR_CONGESTED);
    run();
    for (unsigned i = 1; i < 10; i++)
        assert_int_equal(places[i].calls, 1);
}

/* Whoever is told at the end, is told once. */
static void test_places_at_the_end(void **state)
{
    start_places(0);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send_told(i), 0);
    nodes_sim_run(&sim);
    nodes_sim_enter(sim.processes[0].loops[0]);
    played.clients[0].watcher->on_finish(played.clients[0].watcher);
    nodes_sim_leave(sim.processes[0].loops[0]);
    expect_places(0, 40, -ENOTCONN);
    assert_int_equal(send_told(0), 0);
    places[0].calls = 0;
    run();
    expect_places(0, 1, YODEL_ERR_CLOSED);
    expect_places(1, 39, -ENOTCONN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_rules_change, teardown),
        cmocka_unit_test_teardown(test_rules_change_while_messages_wait, teardown),
        cmocka_unit_test_teardown(test_rules_change_without_memory, teardown),
        cmocka_unit_test_teardown(test_each_is_told_its_place, teardown),
        cmocka_unit_test_teardown(test_places_without_redis, teardown),
        cmocka_unit_test_teardown(test_places_of_what_is_not_kept, teardown),
        cmocka_unit_test_teardown(test_places_at_the_end, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
