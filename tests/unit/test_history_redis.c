/* SPDX-License-Identifier: MIT */
#include "history_redis_world.h"

#include "history_redis/kept_entry.h"

/* History in Redis. */

#define KEY "yodel:history:groups:room"

/* ---- all goes well ---- */

/* For all nodes; members go on without a gap or a message twice. */
static void test_what_is_kept_is_forgotten(void **state)
{
    start(2);
    join(0, 0, 1);
    run();
    for (int i = 1; i <= 3; i++)
        send_number(0, i);
    run();
    expect(0, "1 2 3 ");
    read_room(4, 1, NULL, FORGET);
    run();
    read_room(4, 0, NULL, 0);
    run();
    expect(4, "");
    pass_time(50); /* ids go on with the time */
    send_number(1, 4);
    send_number(0, 5);
    run();
    expect(0, "5 4 ");
    read_room(4, 1, NULL, 0);
    run();
    expect(4, "5 4 ");
}

static void test_who_has_joined_gets_what_it_sends(void **state)
{
    start(2);
    join(0, 0, 1);
    nodes_sim_run(&sim);
    send_number(0, 1); /* before Redis knows of the group */
    run();
    expect(0, "1 ");
    join(1, 1, 0);
    run();
    send_number(0, 2);
    send_number(1, 3);
    run();
    expect(0, "2 3 ");
    expect(1, "2 3 ");
    assert_int_equal(stats(0).appended, 2);
    assert_int_equal(stats(0).received, 3);
}

static void test_back_on_another_process(void **state)
{
    start(2);
    join(0, 0, 0);
    run();
    assert_int_equal(try_resume(&members[1], 1, 1, NULL), 0);
    run();
    assert_int_equal(members[1].calls, 1);
    for (int i = 1; i < 4; i++)
        send_number(0, i);
    run();
    expect(1, "1 2 3 ");
    leave(&members[1]);
    read_room(2, 1, NULL, 2);
    run();
    expect(2, "2 3 ");
    assert_int_equal(members[2].gone, 1);
    send_number(0, 4);
    assert_int_equal(try_resume(&members[1], 0, 1, members[2].last), 0);
    send_number(0, 5);
    run();
    expect(1, "4 5 ");
    assert_int_equal(members[1].gone, 0);
    expect(0, "1 2 3 4 5 ");
}

static void test_offsets_that_are_gone(void **state)
{
    char first[YODEL_OFFSET_SIZE];

    start_with(1, &(yodel_history_options){.max_messages = 3, .max_bytes = 1000, .ttl_ms = 1000},
               0);
    read_room(0, 0, NULL, 0);
    run();
    assert_int_equal(members[0].gone, 0);
    assert_string_equal(members[0].last, "");
    read_room(0, 0, "5-5", 0);
    run();
    assert_int_equal(members[0].gone, 1);
    send_number(0, 1);
    run();
    read_room(0, 0, NULL, 0);
    run();
    memcpy(first, members[0].last, sizeof first);
    for (int i = 2; i < 5; i++)
        send_number(0, i);
    run();
    read_room(0, 0, first, 0);
    run();
    expect(0, "2 3 4 ");
    assert_int_equal(members[0].gone, 0);
    send_number(0, 5);
    run();
    read_room(0, 0, first, 0);
    run();
    expect(0, "3 4 5 ");
    assert_int_equal(members[0].gone, 1);
    read_room(0, 0, "99999999999999-1", 0);
    run();
    expect(0, "3 4 5 ");
    assert_int_equal(members[0].gone, 1);
    assert_int_equal(stats(0).too_old, 3);
}

/* ---- Redis is away ---- */

static void test_members_are_served_without_redis(void **state)
{
    start(2);
    join(0, 0, 0);
    join(1, 1, 1);
    run();
    send_number(0, 1);
    run();
    played.clients[0].down = true;
    send_number(0, 2);
    pass_time(900);
    expect(0, "1 ");
    read_room(2, 0, NULL, 0);
    pass_time(200);
    expect(0, "2 ");
    assert_int_equal(members[2].result, -ENOTCONN);
    send_number(0, 3);
    run();
    expect(0, "3 ");
    expect(1, "1 ");
    read_room(2, 0, NULL, 0);
    run();
    assert_int_equal(members[2].result, -ENOTCONN);
    send_number(1, 4);
    run();
    expect(1, "4 ");
    expect(0, "4 ");
    played.clients[0].down = false;
    pass_time(100);
    expect(0, "");
    expect(1, "2 3 ");
    send_number(0, 5);
    run();
    expect(0, "5 ");
    pass_time(200);
    assert_int_equal(stats(0).early, 2);
    assert_int_equal(stats(0).waiting, 0);
}

/* They came back by the other connection before that of the commands was lost. */
static void test_what_came_back_is_not_early(void **state)
{
    start(1);
    join(0, 0, 0);
    run();
    send_number(0, 1);
    run();
    send_number(0, 2);
    nodes_sim_run(&sim);
    (void)played_run(played.clients[0].commands); /* carried out, no reply */
    while (played_hear(0))
        nodes_sim_run(&sim);
    expect(0, "1 2 ");
    played_cut_pipe(0, 0);
    played.clients[0].down = true;
    pass_time(1200);
    expect(0, "");
    played.clients[0].down = false;
    pass_time(200);
    expect(0, "");
    assert_int_equal(played.num[played_stream(KEY)], 2);
}

static void test_a_full_outbox(void **state)
{
    start_with(2, &in_room, 500);
    join(0, 0, 0);
    join(1, 1, 0);
    run();
    played.clients[0].down = true;
    for (int i = 1; i < 30; i++)
        send_number(0, i);
    nodes_sim_run(&sim);
    assert_int_equal(members[0].num, 29);
    assert_true(stats(0).waiting <= 500);
    assert_true(stats(0).refused > 0);
    played.clients[0].down = false;
    pass_time(200);
    assert_int_equal(members[0].num, 29);
    assert_int_equal(members[1].num, 29 - stats(0).refused);
    for (unsigned i = 0; i < members[1].num; i++)
        assert_int_equal(members[1].got[i], i + 1);
}

static void test_errors(void **state)
{
    start(2);
    join(0, 0, 0);
    join(1, 1, 0);
    run();
    played.clients[0].error = "OOM command not allowed";
    send_number(0, 1);
    pass_time(500);
    expect(0, "");
    played.clients[0].error = NULL;
    pass_time(200);
    expect(0, "1 ");
    expect(1, "1 ");
    played.clients[0].error = "WRONGTYPE no stream";
    send_number(0, 2);
    run();
    expect(0, "2 ");
    expect(1, "");
    assert_int_equal(stats(0).refused, 1);
    read_room(2, 0, NULL, 0);
    run();
    assert_int_equal(members[2].result, -EIO);
    played.clients[0].error = NULL;
    played.clients[0].failing = YODEL_ERR_CONGESTED;
    send_number(0, 3);
    run();
    expect(0, "");
    read_room(2, 0, NULL, 0);
    run();
    assert_int_equal(members[2].result, YODEL_ERR_CONGESTED);
    played.clients[0].failing = 0;
    pass_time(200);
    expect(0, "3 ");
    expect(1, "3 ");
}

static void test_redis_comes_back_empty(void **state)
{
    start(2);
    join(0, 0, 0);
    join(1, 1, 0);
    run();
    send_number(0, 1);
    run();
    expect(0, "1 ");
    expect(1, "1 ");
    for (unsigned i = 0; i < 2; i++) {
        played_cut_feed(i);
        played_cut_pipe(i, 0);
    }
    played_drop_stream(played_stream(KEY));
    pass_time(200);
    send_number(1, 2);
    pass_time(200);
    expect(0, "2 ");
    expect(1, "2 ");
}

/* ---- what is no message ---- */

static void test_hostile_bytes(void **state)
{
    static const char *const wrong[] = {
        "",           "\n\n\n",        "x\np.1\n1\ndata",  "1-1\np\n1\ndata", "1-1\np.x\n1\nx",
        "1-1\n.1\n1", "1-1\np.1\n3\n", "1-1\np.1\n1\n\xff"};
    struct played_entry *top;
    char text[100];

    start(1);
    join(0, 0, 0);
    run();
    send_number(0, 1);
    run();
    expect(0, "1 ");
    for (size_t i = 0; i < YD_LEN(wrong); i++)
        played_publish(KEY, wrong[i], strlen(wrong[i]));
    run();
    assert_int_equal(stats(0).malformed, 7); /* the last one is of another time */
    top = played_top(played_stream(KEY));
    (void)snprintf(text, sizeof text, "%llu-%llu\np.1\n1\n7", (unsigned long long)top->a + 100000,
                   (unsigned long long)top->b + 1);
    played_publish(KEY, text, strlen(text));
    run();
    expect(0, "7 ");
    send_number(0, 2);
    send_number(0, 3);
    run();
    expect(0, "");
    pass_time(2500); /* the stream is looked at */
    expect(0, "2 3 ");
    (void)played_add(played_stream(KEY), "nobody", "9", (yodel_bytes){NULL, 0});
    (void)played_add(played_stream(KEY), "p.4", "1", (yodel_bytes){(const uint8_t *)"\xff", 1});
    send_number(0, 4);
    run();
    expect(0, "4 ");
    assert_true(stats(0).malformed >= 9);
    read_room(2, 0, NULL, 0);
    run();
    expect(2, "1 2 3 4 ");
}

/* ---- by chance ---- */

static unsigned seed;

static unsigned draw(unsigned max)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % max;
}

static void move_some(void)
{
    for (unsigned turns = draw(5); turns > 0; turns--) {
        unsigned i = draw(sim.num);
        struct yd_loop *loop = sim.processes[i].loops[draw(NODES_SIM_LOOPS)];

        switch (draw(5)) {
        case 0:
            (void)played_serve(i);
            break;
        case 1:
            (void)played_hear(i);
            break;
        case 2:
            (void)played_confirm(i);
            break;
        default:
            nodes_sim_enter(loop);
            sim_turn(loop);
            nodes_sim_leave(loop);
            break;
        }
    }
}

static void cut_some(unsigned one_in)
{
    unsigned i = draw(sim.num);

    if (draw(one_in) != 0)
        return;
    if (draw(2) == 0)
        played_cut_feed(i);
    else
        played_cut_pipe(i, draw(3));
}

/* Number % 3: the process that has sent it. */
static void expect_order_of_senders(const struct member *member)
{
    int last[3] = {-1, -1, -1};

    for (unsigned i = 0; i < member->num; i++) {
        int *of_sender = &last[member->got[i] % 3];

        assert_true(member->got[i] > *of_sender);
        *of_sender = member->got[i];
    }
}

static void wander(unsigned round)
{
    char last[YODEL_OFFSET_SIZE];

    if (members[3].in && members[3].calls > 0 && draw(3) == 0) {
        leave(&members[3]);
        members[3].calls = 0;
    } else if (!members[3].in) {
        (void)snprintf(last, sizeof last, "%s", members[3].last);
        (void)round;
        assert_int_equal(try_resume(&members[3], draw(3), draw(2), last), 0);
    }
}

/* Whatever connections are lost: all members get all, once, in one order. */
static void test_one_order_whatever_is_lost(void **state)
{
    for (unsigned round = 1; round < 150; round++) {
        seed = round * 7919;
        start(3);
        for (unsigned i = 0; i < 3; i++)
            join(i, i, draw(2));
        run();
        for (int number = 0; number < 60; number++) {
            assert_int_equal(try_send((unsigned)number % 3, draw(2), "room", number), 0);
            move_some();
            cut_some(8);
        }
        pass_time(300);
        run();
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(members[i].num, 60);
            assert_memory_equal(members[i].got, members[0].got, 60 * sizeof(int));
            expect_order_of_senders(&members[i]);
            assert_int_equal(stats(i).early + stats(i).malformed + stats(i).gaps, 0);
        }
        teardown(NULL);
    }
    start(1);
}

/* One that comes back again and again, each time with what it was told last: what it is told is
 * what the others got, without a gap. */
static void test_no_gap_and_nothing_twice(void **state)
{
    for (unsigned round = 1; round < 100; round++) {
        unsigned when = draw(50);

        seed = round * 104729;
        start(3);
        for (unsigned i = 0; i < 3; i++)
            join(i, i, draw(2));
        run();
        for (int number = 0; number < 60; number++) {
            assert_int_equal(try_send((unsigned)number % 3, draw(2), "room", number), 0);
            if ((unsigned)number == when)
                assert_int_equal(try_resume(&members[3], draw(3), draw(2), NULL), 0);
            move_some();
            cut_some(20);
        }
        pass_time(300);
        run();
        assert_int_equal(members[3].calls, 1);
        assert_int_equal(members[3].result, 0);
        assert_int_equal(members[3].num, 60);
        assert_memory_equal(members[3].got, members[0].got, 60 * sizeof(int));
        teardown(NULL);
    }
    start(1);
}

/* Redis is away for seconds, for some: each member gets each message once, each sender's in order.
 */
static void test_each_once_whoever_is_away(void **state)
{
    for (unsigned round = 1; round < 60; round++) {
        seed = round * 31337;
        start(3);
        for (unsigned i = 0; i < 3; i++)
            join(i, i, draw(2));
        run();
        for (int number = 0; number < 90; number++) {
            struct yodel_redis *redis = &played.clients[draw(3)];

            assert_int_equal(try_send((unsigned)number % 3, draw(2), "room", number), 0);
            move_some();
            cut_some(10);
            if (draw(10) == 0)
                redis->down = !redis->down;
            if (draw(10) == 0)
                redis->feed_down = !redis->feed_down;
            if (draw(6) == 0)
                pass_time(50 * (1 + draw(30)));
            if (draw(20) == 0)
                wander(round);
        }
        for (unsigned i = 0; i < 3; i++)
            played.clients[i].down = played.clients[i].feed_down = false;
        pass_time(6000);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(members[i].num, 90);
            expect_order_of_senders(&members[i]);
            assert_int_equal(stats(i).waiting, 0);
        }
        assert_int_equal(played.num[played_stream(KEY)], 90);
        teardown(NULL);
    }
    start(1);
}

/* ---- without memory ---- */

static void test_without_memory(void **state)
{
    unsigned failures = 0;

    for (size_t at = 1; at < 60; at++) {
        struct failmem *fm;
        int joined, resumed, sent;
        bool failed;

        start(2);
        join(0, 1, 0);
        run();
        send_number(1, 1);
        run();
        fm = &sim.processes[0].fm;
        fm->calls = 0;
        fm->fail_at = at;
        joined = try_join(&members[1], 0, 0);
        resumed = try_resume(&members[2], 0, 1, NULL);
        sent = try_send(0, 1, "room", 2);
        run();
        failed = failmem_has_failed(fm);
        failures += failed;
        fm->fail_at = 0;
        pass_time(300);
        assert_true(joined == 0 || (joined == -ENOMEM && failed));
        assert_true(resumed == 0 || (resumed == -ENOMEM && failed));
        assert_true(sent == 0 || (sent == -ENOMEM && failed));
        assert_int_equal(members[2].calls, resumed == 0);
        send_number(1, 3);
        pass_time(300);
        for (unsigned i = 0; i < 3; i++)
            if (members[i].in) {
                assert_true(members[i].num > 0);
                assert_int_equal(members[i].got[members[i].num - 1], 3);
            }
        if (!failed) {
            expect(0, "1 2 3 ");
            expect(1, "2 3 ");
            expect(2, "1 2 3 ");
        }
        teardown(NULL);
    }
    assert_true(failures > 10);
    start(1);
}

/* It ends with all there is under way. */
static void test_the_end(void **state)
{
    start(2);
    join(0, 1, 0);
    run();
    for (int i = 0; i < 100; i++)
        send_number(0, i);
    nodes_sim_run(&sim);
    read_room(1, 0, NULL, 0);
    nodes_sim_run(&sim);
    nodes_sim_enter(sim.processes[0].loops[0]);
    played.clients[0].watcher->on_finish(played.clients[0].watcher);
    nodes_sim_leave(sim.processes[0].loops[0]);
    assert_int_equal(members[1].result, YODEL_ERR_CLOSED);
    read_room(1, 0, NULL, 0);
    nodes_sim_run(&sim);
    assert_int_equal(members[1].result, YODEL_ERR_CLOSED);
    run();
    assert_int_equal(members[0].num, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(members[0].got[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_what_is_kept_is_forgotten, teardown),
        cmocka_unit_test_teardown(test_who_has_joined_gets_what_it_sends, teardown),
        cmocka_unit_test_teardown(test_back_on_another_process, teardown),
        cmocka_unit_test_teardown(test_offsets_that_are_gone, teardown),
        cmocka_unit_test_teardown(test_members_are_served_without_redis, teardown),
        cmocka_unit_test_teardown(test_what_came_back_is_not_early, teardown),
        cmocka_unit_test_teardown(test_a_full_outbox, teardown),
        cmocka_unit_test_teardown(test_errors, teardown),
        cmocka_unit_test_teardown(test_redis_comes_back_empty, teardown),
        cmocka_unit_test_teardown(test_hostile_bytes, teardown),
        cmocka_unit_test_teardown(test_one_order_whatever_is_lost, teardown),
        cmocka_unit_test_teardown(test_no_gap_and_nothing_twice, teardown),
        cmocka_unit_test_teardown(test_each_once_whoever_is_away, teardown),
        cmocka_unit_test_teardown(test_without_memory, teardown),
        cmocka_unit_test_teardown(test_the_end, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
