/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "bus/heard.h"
#include "bus/op.h"
#include "bus/op_wire.h"
#include "channels/channel_event.h"
#include "nodes_sim.h"

/* Messages, events and questions between processes. */

static struct nodes_sim sim;

struct member {
    struct yd_member member;
    unsigned process, loop;
    char got[400];
};

static void on_deliver(struct yd_member *base, struct yd_delivery *what)
{
    struct member *member = yd_container_of(base, struct member, member);
    size_t len = strlen(member->got);
    yodel_str text = what->msg != NULL
                         ? (yodel_str){(const char *)yd_msg_payload(what->msg), what->msg->len}
                         : yodel_event_type(what->event);

    (void)snprintf(member->got + len, sizeof member->got - len, "%" YODEL_PRI " ", YODEL_ARG(text));
}

static void join(struct member *member, unsigned process, unsigned loop, const char *group)
{
    struct yd_loop *l = sim.processes[process].loops[loop];

    if (member->member.deliver == NULL)
        *member = (struct member){{on_deliver, NULL}, process, loop, ""};
    nodes_sim_enter(l);
    assert_int_equal(yd_channels_join_with(sim.processes[process].channels, l, yodel_str_of(group),
                                           &member->member, YODEL_STR("{\"a\":1}")),
                     0);
    nodes_sim_leave(l);
}

static void leave(struct member *member)
{
    struct yd_loop *l = sim.processes[member->process].loops[member->loop];

    nodes_sim_enter(l);
    yd_member_leave_all(l, &member->member);
    nodes_sim_leave(l);
}

static void send_text(unsigned process, const char *group, const char *text)
{
    struct nodes_sim_process *p = &sim.processes[process];
    struct yd_msg *msg = yd_msg_new(&p->fm.mem, YODEL_WS_TEXT, strlen(text));

    memcpy(yd_msg_payload(msg), text, strlen(text));
    assert_int_equal(yd_channels_send(p->channels, yodel_str_of(group), msg, NULL), 0);
    yd_msg_unref(msg);
}

static int teardown(void **state)
{
    (void)state;
    nodes_sim_stop(&sim);
    return 0;
}

static void test_messages_reach_members_everywhere(void **state)
{
    struct member members[3] = {{.process = 0}};
    char name[256];

    (void)state;
    memset(name, 'x', 255);
    name[255] = '\0';
    nodes_sim_start(&sim, 3);
    for (unsigned i = 0; i < 3; i++) {
        join(&members[i], i, i % 2, "room");
        join(&members[i], i, i % 2, name);
    }
    nodes_sim_run(&sim);
    send_text(0, "room", "1");
    send_text(0, name, "2");
    send_text(0, "room", "3");
    send_text(0, "other", "4");
    nodes_sim_run(&sim);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(members[i].got, "1 2 3 ");
        leave(&members[i]);
    }
}

/* Where a group has no members its messages do not come. */
static void test_only_members_nodes_hear(void **state)
{
    struct member member = {.process = 0};
    unsigned before;

    (void)state;
    nodes_sim_start(&sim, 3);
    join(&member, 1, 1, "room");
    nodes_sim_run(&sim);
    before = sim.num_delivered;
    send_text(0, "room", "1");
    nodes_sim_run(&sim);
    assert_string_equal(member.got, "1 ");
    assert_int_equal(sim.num_delivered - before, 1);
    leave(&member);
    nodes_sim_run(&sim);
    send_text(0, "room", "2");
    nodes_sim_run(&sim);
    assert_int_equal(sim.num_delivered - before, 1);
    assert_int_equal(sim.processes[1].native.groups.count, 0);
}

/* ---- whether a group is heard ---- */

static bool hears(unsigned process, const char *group)
{
    return yd_bus_hears(&sim.processes[process].bus, YODEL_STR("groups"), yodel_str_of(group));
}

static int num_heard;

static void on_heard(struct yd_member *member)
{
    (void)member;
    num_heard++;
}

static bool await(struct member *member, const char *group)
{
    struct nodes_sim_process *process = &sim.processes[member->process];
    struct yd_loop *l = process->loops[member->loop];
    bool waits;

    nodes_sim_enter(l);
    waits = yd_channels_await(process->channels, l, yodel_str_of(group), &member->member, on_heard);
    nodes_sim_leave(l);
    return waits;
}

static void test_a_group_is_heard_once_it_is_subscribed(void **state)
{
    struct member a = {.process = 0}, b = {.process = 0};

    (void)state;
    num_heard = 0;
    nodes_sim_start(&sim, 2);
    nodes_sim_run(&sim);
    join(&a, 0, 1, "room");
    join(&b, 0, 1, "room");
    assert_false(hears(0, "room"));
    assert_true(await(&a, "room"));
    assert_false(await(&a, "room")); /* it does already */
    assert_true(await(&b, "room"));
    assert_int_equal(num_heard, 0);
    nodes_sim_run(&sim);
    assert_int_equal(num_heard, 2);
    assert_true(hears(0, "room"));
    assert_false(await(&a, "room"));
    leave(&a);
    assert_false(await(&a, "room"));
    leave(&b);
}

/* It is of no use to wait for a wire that is cut. */
static void test_nobody_waits_for_a_wire_that_is_cut(void **state)
{
    struct member a = {.process = 0};

    (void)state;
    num_heard = 0;
    nodes_sim_start(&sim, 2);
    nodes_sim_run(&sim);
    join(&a, 0, 1, "room");
    assert_true(await(&a, "room"));
    nodes_sim_cut(&sim, 0, true);
    assert_int_equal(num_heard, 1);
    join(&a, 0, 1, "other");
    assert_false(await(&a, "other"));
    nodes_sim_cut(&sim, 0, false);
    assert_true(hears(0, "room"));
    assert_true(hears(0, "other"));
    leave(&a);
}

static void test_who_leaves_does_not_wait(void **state)
{
    struct member a = {.process = 0};

    (void)state;
    num_heard = 0;
    nodes_sim_start(&sim, 2);
    nodes_sim_run(&sim);
    join(&a, 0, 1, "room");
    assert_true(await(&a, "room"));
    leave(&a);
    assert_int_equal(num_heard, 1);
    nodes_sim_advance(&sim, 2 * YD_HEARD_LIMIT_MS);
    assert_int_equal(num_heard, 1);
}

/* ---- questions ---- */

static struct {
    int calls, result;
    unsigned missing;
    size_t num;
} told;

static void on_members(const yodel_group_members_result *result, void *user)
{
    (void)user;
    told.calls++;
    told.result = result->result;
    told.missing = result->missing;
    told.num = result->num_members;
    for (size_t i = 0; i < result->num_members; i++)
        assert_int_equal(result->members[i].json.len, 7);
}

static void list(unsigned process)
{
    memset(&told, 0, sizeof told);
    assert_int_equal(yd_channels_list(sim.processes[process].channels, YODEL_STR("room"), 10000,
                                      on_members, NULL),
                     0);
}

static void test_members_are_listed_everywhere(void **state)
{
    struct member members[3] = {{.process = 0}};

    (void)state;
    nodes_sim_start(&sim, 3);
    for (unsigned i = 0; i < 3; i++)
        join(&members[i], i, i % 2, "room");
    nodes_sim_run(&sim);
    list(0);
    nodes_sim_run(&sim);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, 0);
    assert_int_equal(told.num, 3);
    for (unsigned i = 0; i < 3; i++)
        leave(&members[i]);
}

static struct {
    int calls, result;
    unsigned missing;
    uint64_t count;
} counted;

static void on_count(const yodel_group_count_result *result, void *user)
{
    (void)user;
    counted.calls++;
    counted.result = result->result;
    counted.missing = result->missing;
    counted.count = result->count;
}

static void count_all(unsigned process, const char *group)
{
    yodel_channels *channels = sim.processes[process].channels;

    memset(&counted, 0, sizeof counted);
    assert_int_equal(yd_channels_count_all(channels, yodel_str_of(group), 5000, on_count, NULL), 0);
    assert_int_equal(counted.calls, 0);
    nodes_sim_run(&sim);
}

static void test_members_are_counted_everywhere(void **state)
{
    struct member members[6] = {{.process = 0}};

    (void)state;
    nodes_sim_start(&sim, 3);
    for (unsigned i = 0; i < 6; i++)
        join(&members[i], i % 3, i / 3, i == 5 ? "hall" : "room");
    nodes_sim_run(&sim);
    count_all(0, "room");
    assert_int_equal(counted.calls, 1);
    assert_int_equal(counted.result, 0);
    assert_int_equal(counted.missing, 0);
    assert_int_equal(counted.count, 5);
    count_all(1, "hall");
    assert_int_equal(counted.count, 1);
    count_all(1, "nobody's");
    assert_int_equal(counted.count, 0);
    sim.processes[2].silent = true; /* it is not known to be dead yet */
    count_all(0, "room");
    assert_int_equal(counted.calls, 0);
    nodes_sim_advance(&sim, 8000);
    assert_int_equal(counted.calls, 1);
    assert_true(counted.result < 0);
    assert_int_equal(counted.missing, 1);
    assert_int_equal(counted.count, 4);
    for (size_t at = 1; at < 8; at++) {
        struct failmem *fm = &sim.processes[0].fm;
        int rc;

        memset(&counted, 0, sizeof counted);
        fm->calls = 0;
        fm->fail_at = at;
        rc = yd_channels_count_all(sim.processes[0].channels, YODEL_STR("room"), 1000, on_count,
                                   NULL);
        fm->fail_at = 0;
        nodes_sim_advance(&sim, 1500);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(counted.calls, rc == 0);
    }
    for (unsigned i = 0; i < 6; i++)
        leave(&members[i]);
}

/* One that is asked and dies is missing as soon as that is known, not at the time limit. */
static void test_dead_one_is_missing_at_once(void **state)
{
    struct member members[3] = {{.process = 0}};

    (void)state;
    nodes_sim_start(&sim, 3);
    for (unsigned i = 0; i < 3; i++)
        join(&members[i], i, i % 2, "room");
    nodes_sim_run(&sim);
    sim.processes[2].dead = true;
    nodes_sim_advance(&sim, 4000);
    list(0);
    nodes_sim_advance(&sim, 500);
    assert_int_equal(told.calls, 0);
    nodes_sim_advance(&sim, 4500);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, YODEL_ERR_CLOSED);
    assert_int_equal(told.missing, 1);
    assert_int_equal(told.num, 2);
    list(0); /* and then it is no part any more */
    nodes_sim_run(&sim);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, 0);
    assert_int_equal(told.num, 2);
    for (unsigned i = 0; i < 3; i++)
        leave(&members[i]);
}

/* The answer of one that was not counted when it was asked takes nobody's place. */
static void test_new_one_is_no_part(void **state)
{
    struct member members[2] = {{.process = 0}};
    struct yd_buf buf = {0};
    const struct yodel_allocator *mem;

    (void)state;
    nodes_sim_start(&sim, 2);
    mem = &sim.processes[0].fm.mem;
    join(&members[0], 0, 0, "room");
    join(&members[1], 1, 0, "room");
    nodes_sim_run(&sim);
    nodes_sim_enter(sim.processes[0].loops[0]);
    list(0);
    nodes_sim_leave(sim.processes[0].loops[0]);
    (void)yd_wire_put_str(mem, &buf, yodel_str_of(sim.processes[0].name));
    (void)yd_wire_put_u64(mem, &buf, 1);
    (void)yd_wire_put_str(mem, &buf, YODEL_STR("0123456789abcdef0123456789abcdef"));
    (void)yd_wire_put_u8(mem, &buf, 0);
    (void)yd_wire_put_u32(mem, &buf, 0);
    nodes_sim_enter(sim.processes[0].loops[0]);
    sim.processes[0].native.own.on_message(&sim.processes[0].native.own,
                                           (yodel_bytes){buf.ptr, buf.len});
    nodes_sim_leave(sim.processes[0].loops[0]);
    yd_buf_free(mem, &buf);
    nodes_sim_run(&sim);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.num, 2);
    leave(&members[0]);
    leave(&members[1]);
}

/* Without memory for a subscription all groups are listened to: nothing is missed. */
static void test_without_memory_all_groups_are_heard(void **state)
{
    size_t num_failures = 0;

    (void)state;
    for (size_t at = 1; at < 40; at++) {
        struct member member = {.process = 0};
        struct failmem *fm;
        struct yd_loop *loop;
        int rc;

        nodes_sim_start(&sim, 2);
        member.member.deliver = on_deliver;
        fm = &sim.processes[1].fm;
        loop = sim.processes[1].loops[1];
        fm->calls = 0;
        fm->fail_at = at;
        nodes_sim_enter(loop);
        rc = yd_channels_join(sim.processes[1].channels, loop, YODEL_STR("room"), &member.member);
        nodes_sim_leave(loop);
        nodes_sim_run(&sim);
        num_failures += failmem_has_failed(fm);
        fm->fail_at = 0;
        send_text(0, "room", "1");
        nodes_sim_run(&sim);
        assert_string_equal(member.got, rc == 0 ? "1 " : "");
        nodes_sim_enter(loop);
        yd_member_leave_all(loop, &member.member);
        nodes_sim_leave(loop);
        nodes_sim_run(&sim);
        nodes_sim_stop(&sim);
    }
    assert_true(num_failures > 5);
    nodes_sim_start(&sim, 1);
}

/* After a while without the wire everything goes on. */
static void test_messages_go_on_after_a_cut(void **state)
{
    struct member member = {.process = 0};

    (void)state;
    nodes_sim_start(&sim, 2);
    join(&member, 1, 1, "room");
    nodes_sim_cut(&sim, 1, true);
    send_text(0, "room", "1");
    nodes_sim_advance(&sim, 40000);
    nodes_sim_cut(&sim, 1, false);
    send_text(0, "room", "2");
    nodes_sim_run(&sim);
    assert_string_equal(member.got, "2 ");
    leave(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_messages_reach_members_everywhere, teardown),
        cmocka_unit_test_teardown(test_only_members_nodes_hear, teardown),
        cmocka_unit_test_teardown(test_a_group_is_heard_once_it_is_subscribed, teardown),
        cmocka_unit_test_teardown(test_nobody_waits_for_a_wire_that_is_cut, teardown),
        cmocka_unit_test_teardown(test_who_leaves_does_not_wait, teardown),
        cmocka_unit_test_teardown(test_members_are_listed_everywhere, teardown),
        cmocka_unit_test_teardown(test_members_are_counted_everywhere, teardown),
        cmocka_unit_test_teardown(test_dead_one_is_missing_at_once, teardown),
        cmocka_unit_test_teardown(test_new_one_is_no_part, teardown),
        cmocka_unit_test_teardown(test_without_memory_all_groups_are_heard, teardown),
        cmocka_unit_test_teardown(test_messages_go_on_after_a_cut, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
