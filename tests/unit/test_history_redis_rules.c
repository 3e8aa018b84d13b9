/* SPDX-License-Identifier: MIT */
#include "history_redis_world.h"

/* History in Redis by rules that change while there are members. */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_rules_change, teardown),
        cmocka_unit_test_teardown(test_rules_change_while_messages_wait, teardown),
        cmocka_unit_test_teardown(test_rules_change_without_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
