/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "channels/history.h"
#include "nodes_sim.h"

static struct nodes_sim sim;
static yodel_channels *channels;

static struct member {
    struct yd_member member;
    unsigned loop;
    char got[4000];
} members[8];

static void on_deliver(struct yd_member *base, struct yd_delivery *what)
{
    struct member *member = yd_container_of(base, struct member, member);
    size_t len = strlen(member->got);

    (void)snprintf(member->got + len, sizeof member->got - len, "%.*s ", (int)what->msg->len,
                   (const char *)yd_msg_payload(what->msg));
}

static void start_with(const yodel_history_options *options)
{
    nodes_sim_start(&sim, 1);
    channels = sim.processes[0].channels;
    memset(members, 0, sizeof members);
    assert_int_equal(yd_history_add_rule(channels, &(struct yd_history_rule){.pattern = "room*",
                                                                             .is_plain = true,
                                                                             .options = *options}),
                     0);
}

static void start(void)
{
    start_with(&(yodel_history_options){
        .max_messages = 5, .max_bytes = 100, .ttl_ms = 10000, .max_groups = 3});
}

static int teardown(void **state)
{
    for (size_t i = 0; i < YD_LEN(members); i++) {
        struct yd_loop *loop = sim.processes[0].loops[members[i].loop];

        nodes_sim_enter(loop);
        yd_member_leave_all(loop, &members[i].member);
        nodes_sim_leave(loop);
    }
    nodes_sim_stop(&sim);
    return 0;
}

static int try_send(const char *group, const char *text)
{
    const struct yodel_allocator *mem = &sim.processes[0].fm.mem;
    struct yd_msg *msg = yd_msg_new(mem, YODEL_WS_TEXT, strlen(text));
    yodel_history_options options;
    int rc;

    if (msg == NULL)
        return -ENOMEM;
    memcpy(yd_msg_payload(msg), text, strlen(text));
    assert_true(yd_history_find(channels, yodel_str_of(group), &options));
    rc = yd_history_send(channels, &options, yodel_str_of(group), msg, NULL);
    yd_msg_unref(msg);
    return rc;
}

static void send_text(const char *group, const char *text)
{
    assert_int_equal(try_send(group, text), 0);
}

/* ---- reading ---- */

static struct told {
    int calls, result, gone;
    char text[2000], last[YODEL_OFFSET_SIZE], first[YODEL_OFFSET_SIZE];
    bool has_member;
} told;

static void show(const yodel_history *history, void *arg)
{
    told.calls++;
    told.result = history->result;
    told.gone = history->gone;
    told.text[0] = told.first[0] = '\0';
    for (size_t i = 0; i < history->num_messages; i++) {
        size_t len = strlen(told.text);

        if (i == 0)
            memcpy(told.first, history->messages[i].offset, sizeof told.first);
        (void)snprintf(told.text + len, sizeof told.text - len, "%.*s ",
                       (int)history->messages[i].data.len,
                       (const char *)history->messages[i].data.ptr);
    }
    (void)snprintf(told.last, sizeof told.last, "%s", history->last);
}

static void on_done(struct yd_history_read *read, struct yd_member *member)
{
    told.has_member = member != NULL;
    if (member != NULL) { /* what was missed goes ahead of what was held */
        struct member *m = yd_container_of(member, struct member, member);

        yd_history_read_show(read, show, NULL);
        (void)snprintf(m->got + strlen(m->got), sizeof m->got - strlen(m->got), "[%s] ", told.text);
        return;
    }
    yd_history_read_show(read, show, NULL);
}

static void read_all(const char *group, const char *from, size_t limit)
{
    struct yd_history_read *read;

    memset(&told, 0, sizeof told);
    assert_int_equal(yd_history_read_new(channels, yodel_str_of(group), from, limit, &read), 0);
    read->done = on_done;
    assert_int_equal(yd_history_read_start(read), 0);
    assert_int_equal(told.calls, 0);
    nodes_sim_run(&sim);
    assert_int_equal(told.calls, 1);
}

static int try_resume(size_t i, unsigned loop, const char *group, const char *from)
{
    struct yd_loop *l = sim.processes[0].loops[loop];
    struct yd_history_read *read;
    int rc = yd_history_read_new(channels, yodel_str_of(group), from, 0, &read);

    if (rc < 0)
        return rc;
    members[i].member.deliver = on_deliver;
    members[i].loop = loop;
    read->done = on_done;
    nodes_sim_enter(l);
    rc = yd_history_resume(l, &members[i].member, read);
    nodes_sim_leave(l);
    return rc;
}

/* ---- what is kept ---- */

static void test_the_last_ones_are_kept(void **state)
{
    char last[YODEL_OFFSET_SIZE];

    start();
    read_all("room1", NULL, 0);
    assert_string_equal(told.text, "");
    assert_int_equal(told.gone, 0);
    for (char text[] = "a"; text[0] < 'h'; text[0]++)
        send_text("room1", text);
    nodes_sim_run(&sim);
    read_all("room1", NULL, 0);
    assert_string_equal(told.text, "c d e f g ");
    assert_int_equal(told.gone, 0);
    memcpy(last, told.last, sizeof last);
    read_all("room1", last, 0);
    assert_string_equal(told.text, "");
    assert_int_equal(told.gone, 0);
    read_all("room1", NULL, 2);
    assert_string_equal(told.text, "f g ");
    assert_int_equal(told.gone, 1);
    send_text("room1", "h");
    nodes_sim_run(&sim);
    read_all("room1", last, 0);
    assert_string_equal(told.text, "h ");
    assert_int_equal(told.gone, 0);
    for (char text[] = "i"; text[0] < 'p'; text[0]++)
        send_text("room1", text);
    nodes_sim_run(&sim);
    read_all("room1", last, 0);
    assert_string_equal(told.text, "k l m n o ");
    assert_int_equal(told.gone, 1); /* h to j */
}

static void test_bytes_time_and_groups_are_bounded(void **state)
{
    char big[61], from[YODEL_OFFSET_SIZE];

    start();
    memset(big, 'x', 60);
    big[60] = '\0';
    send_text("room1", big);
    send_text("room1", big);
    nodes_sim_run(&sim);
    read_all("room1", NULL, 0);
    assert_int_equal(strlen(told.text), 61);
    memcpy(from, told.last, sizeof from);
    nodes_sim_advance(&sim, 12000);
    read_all("room1", NULL, 0);
    assert_string_equal(told.text, "");
    read_all("room1", from, 0);
    assert_int_equal(told.gone, 0); /* nothing came after it */
    send_text("room2", "a");
    send_text("room3", "a");
    send_text("room4", "a");
    send_text("room2", "b");
    send_text("room5", "a");
    nodes_sim_run(&sim);
    read_all("room3", NULL, 0);
    assert_string_equal(told.text, "");
    read_all("room2", NULL, 0);
    assert_string_equal(told.text, "a b ");
    read_all("room3", from, 0);
    assert_int_equal(told.gone, 1);
    nodes_sim_advance(&sim, 12000);
    assert_int_equal(channels->history->logs.groups.count, 0);
}

static void test_offsets_of_another_time_are_gone(void **state)
{
    struct yd_history_read *read;

    start();
    send_text("room", "a");
    nodes_sim_run(&sim);
    read_all("room", "1-1", 0);
    assert_string_equal(told.text, "a ");
    assert_int_equal(told.gone, 1);
    for (size_t i = 0; i < 7; i++) {
        static const char *const wrong[] = {
            "x", "1", "1-", "-1", "1-1x", "1-1-1", "99999999999999999999999-1"};

        assert_int_equal(yd_history_read_new(channels, YODEL_STR("room"), wrong[i], 0, &read),
                         YODEL_ERR_FORMAT);
    }
    assert_int_equal(yd_history_read_new(channels, YODEL_STR("hall"), NULL, 0, &read),
                     YODEL_ERR_UNSUPPORTED);
}

/* ---- coming back ---- */

static void test_members_get_all_in_one_order(void **state)
{
    start();
    assert_int_equal(try_resume(0, 0, "room", NULL), 0);
    assert_int_equal(try_resume(1, 1, "room", NULL), 0);
    assert_int_equal(try_resume(1, 1, "room", NULL), YODEL_ERR_CONFLICT);
    nodes_sim_run(&sim);
    for (char text[] = "a"; text[0] < 'f'; text[0]++) {
        unsigned loop = (unsigned)text[0] % 2;

        nodes_sim_enter(sim.processes[0].loops[loop]);
        send_text("room", text);
        nodes_sim_leave(sim.processes[0].loops[loop]);
    }
    nodes_sim_run(&sim);
    assert_int_equal(strlen(members[0].got), 13);
    assert_string_equal(members[0].got, members[1].got);
}

static unsigned seed;

static unsigned draw(unsigned max)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % max;
}

static void run_some(void)
{
    for (unsigned turns = draw(4); turns > 0; turns--) {
        struct yd_loop *loop = sim.processes[0].loops[draw(2)];

        nodes_sim_enter(loop);
        sim_turn(loop);
        nodes_sim_leave(loop);
    }
}

/* Whenever a member comes back, between whatever is under way: each message once, in order. */
static void test_no_gap_and_nothing_twice(void **state)
{
    for (unsigned round = 1; round < 300; round++) {
        char expected[1000] = "", got[1000] = "";
        unsigned when = round % 12;

        seed = round * 7919;
        start_with(&(yodel_history_options){
            .max_messages = 100, .max_bytes = 10000, .ttl_ms = 100000, .max_groups = 3});
        assert_int_equal(try_resume(0, 0, "room", NULL), 0); /* keeps the group going */
        for (unsigned i = 0; i < 12; i++) {
            char text[2] = {(char)('a' + (char)i), '\0'};
            struct yd_loop *loop = draw(3) != 0 ? sim.processes[0].loops[draw(2)] : NULL;

            if (i == when)
                assert_int_equal(try_resume(1, draw(2), "room", NULL), 0);
            if (loop != NULL)
                nodes_sim_enter(loop);
            send_text("room", text);
            if (loop != NULL)
                nodes_sim_leave(loop);
            run_some();
        }
        nodes_sim_run(&sim);
        for (const char *c = members[1].got; *c != '\0'; c++)
            if (*c >= 'a' && *c <= 'z')
                (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%c", *c);
        for (const char *c = members[0].got; *c != '\0'; c++)
            if (*c >= 'a' && *c <= 'z')
                (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                               "%c", *c);
        assert_int_equal(strlen(expected), 12);
        assert_string_equal(got, expected);
        teardown(NULL);
    }
    start();
}

/* It leaves while it waits. */
static void test_who_leaves_is_not_sent_to(void **state)
{
    struct yd_loop *loop;

    start();
    loop = sim.processes[0].loops[1];
    memset(&told, 0, sizeof told);
    assert_int_equal(try_resume(0, 1, "room", NULL), 0);
    nodes_sim_enter(loop);
    yd_member_leave_all(loop, &members[0].member);
    nodes_sim_leave(loop);
    send_text("room", "a");
    nodes_sim_run(&sim);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, YODEL_ERR_CLOSED);
    assert_false(told.has_member);
    assert_string_equal(members[0].got, "");
}

static void test_envelopes_say_where_one_stands(void **state)
{
    char expected[200];

    start_with(&(yodel_history_options){
        .max_messages = 5, .max_bytes = 100, .ttl_ms = 10000, .max_groups = 3, .envelope = 1});
    assert_int_equal(try_resume(0, 1, "room", NULL), 0);
    nodes_sim_run(&sim);
    members[0].got[0] = '\0';
    assert_int_equal(try_send("room", "no json"), YODEL_ERR_FORMAT);
    send_text("room", "{\"x\":1}");
    nodes_sim_run(&sim);
    read_all("room", NULL, 0);
    (void)snprintf(expected, sizeof expected, "{\"offset\":\"%s\",\"data\":{\"x\":1}} ",
                   told.first);
    assert_string_equal(members[0].got, expected);
}

/* ---- rules ---- */

static const yodel_history_options two = {
    .max_messages = 2, .max_bytes = 100, .ttl_ms = 10000, .max_groups = 3};

static void set_rules(const struct yd_history_rule *rules, size_t num)
{
    assert_int_equal(yd_history_set_rules(channels, rules, num), 0);
}

/* Which rule counts, by its number of messages; 0: none. */
static unsigned kept_of(const char *group)
{
    yodel_history_options options = {.max_messages = 0};

    return yd_history_find(channels, yodel_str_of(group), &options) ? options.max_messages : 0;
}

static void test_the_first_rule_that_fits_counts(void **state)
{
    const struct yd_history_rule rules[] = {
        {.pattern = "a*:b", .options = {.max_messages = 1}},
        {.pattern = "*:none", .none = true},
        {.pattern = "lobby", .namespaces = "*", .options = {.max_messages = 2}},
        {.pattern = "x*", .namespaces = "/c*t", .options = {.max_messages = 3}},
        {.pattern = "a*z", .is_plain = true, .options = {.max_messages = 4}},
        {.pattern = "b*", .is_plain = true, .options = {.max_messages = 5}},
        {.pattern = "*:*:*", .options = {.max_messages = 6}},
    };
    const struct {
        const char *group;
        unsigned messages;
    } cases[] = {
        {"a:b", 1},           {"axy:b", 1},      {"a:none", 0},        {"a:b:none", 0},
        {"a:b:c", 6},         {"a*z", 4},        {"abz", 0},           {"b", 5},
        {"bcd", 5},           {"b:c:d", 5},      {"/#lobby", 2},       {"/chat#lobby", 2},
        {"/a/b#lobby", 2},    {"lobby", 0},      {"#lobby", 0},        {"chat#lobby", 0},
        {"/chat#x#lobby", 3}, {"/a#x#lobby", 0}, {"/#lobby#lobby", 0}, {"/chat#x", 3},
        {"/ct#xyz", 3},       {"/#xyz", 0},      {"/chat#", 0},        {"/chat", 0},
        {"/chat#:x:", 6},
    };

    start();
    set_rules(rules, YD_LEN(rules));
    for (size_t i = 0; i < YD_LEN(cases); i++)
        if (kept_of(cases[i].group) != cases[i].messages)
            fail_msg("%s: %u", cases[i].group, kept_of(cases[i].group));
    set_rules(rules, 1);
    assert_int_equal(kept_of("b"), 0);
    assert_int_equal(yd_history_add_rule(channels, &rules[5]), 0);
    assert_int_equal(kept_of("b"), 5);
    assert_int_equal(kept_of("a:b"), 1);
    set_rules(NULL, 0);
    assert_int_equal(kept_of("a:b"), 0);
}

/* What was sent before is kept as it was to be; what is kept is bounded anew with the next message.
 */
static void test_rules_change_while_messages_are_on_their_way(void **state)
{
    const struct yd_history_rule fewer = {.pattern = "*oom", .options = two};
    struct yd_history_rule shorter;
    struct yd_history_read *read;

    start();
    assert_int_equal(try_resume(0, 1, "room", NULL), 0);
    nodes_sim_run(&sim);
    for (char text[] = "a"; text[0] < 'd'; text[0]++)
        send_text("room", text);
    assert_int_equal(yd_history_read_new(channels, YODEL_STR("room"), NULL, 0, &read), 0);
    read->done = on_done;
    set_rules(NULL, 0);
    nodes_sim_run(&sim);
    assert_string_equal(members[0].got, "[] a b c ");
    assert_int_equal(yd_history_read_new(channels, YODEL_STR("room"), NULL, 0,
                                         &(struct yd_history_read *){NULL}),
                     YODEL_ERR_UNSUPPORTED);
    assert_int_equal(yd_history_read_start(read), 0);
    nodes_sim_run(&sim);
    assert_string_equal(told.text, "a b c ");
    set_rules(&fewer, 1);
    read_all("room", NULL, 0);
    assert_string_equal(told.text, "a b c ");
    send_text("room", "d");
    nodes_sim_run(&sim);
    read_all("room", NULL, 0);
    assert_string_equal(told.text, "c d ");
    shorter = fewer; /* for what was kept before, too */
    shorter.options.ttl_ms = 1000;
    set_rules(&shorter, 1);
    send_text("room", "e");
    nodes_sim_advance(&sim, 1500);
    set_rules(&fewer, 1);
    read_all("room", NULL, 0);
    assert_string_equal(told.text, "");
}

/* An event is one in every process, whatever it would keep itself. */
static struct event_member {
    struct yd_member member;
    char got[100];
} events;

static void on_event(struct yd_member *base, struct yd_delivery *what)
{
    (void)base;
    assert_non_null(what->words);
    (void)snprintf(events.got, sizeof events.got, "%.*s %.*s", (int)what->words->name.len,
                   what->words->name.ptr, (int)what->words->json.len, what->words->json.ptr);
}

static void test_a_process_without_the_rule_reads_events(void **state)
{
    struct yd_history_rule rule = {.pattern = "room", .options = two};
    char offset[YODEL_OFFSET_SIZE], expected[100];

    for (int envelope = 0; envelope < 2; envelope++) {
        struct yd_loop *loop;

        nodes_sim_start(&sim, 2);
        memset(members, 0, sizeof members);
        events = (struct event_member){.member.deliver = on_event};
        channels = sim.processes[0].channels;
        rule.options.sio_events = 1;
        rule.options.envelope = envelope;
        set_rules(&rule, 1);
        loop = sim.processes[1].loops[1];
        nodes_sim_enter(loop);
        assert_int_equal(
            yd_channels_join(sim.processes[1].channels, loop, YODEL_STR("room"), &events.member),
            0);
        nodes_sim_leave(loop);
        nodes_sim_advance(&sim, 1000);
        send_text("room", "[\"said\",1]");
        nodes_sim_run(&sim);
        read_all("room", NULL, 0);
        memcpy(offset, told.last, sizeof offset);
        if (envelope)
            (void)snprintf(expected, sizeof expected, "said [1,\"%s\"]", offset);
        assert_string_equal(events.got, envelope ? expected : "said [1]");
        nodes_sim_enter(loop);
        yd_member_leave_all(loop, &events.member);
        nodes_sim_leave(loop);
        if (!envelope)
            nodes_sim_stop(&sim);
    }
}

static void test_rules_without_memory(void **state)
{
    const struct yd_history_rule rule = {.pattern = "*b*", .namespaces = "*", .options = two};
    struct failmem *fm;

    start();
    fm = &sim.processes[0].fm;
    fm->calls = 0;
    fm->fail_at = 1;
    assert_int_equal(yd_history_set_rules(channels, &rule, 1), -ENOMEM);
    fm->calls = 0;
    assert_int_equal(yd_history_add_rule(channels, &rule), -ENOMEM);
    fm->fail_at = 0;
    assert_int_equal(kept_of("room"), 5);
    assert_int_equal(kept_of("/a#b"), 0);
}

/* ---- without memory ---- */

static void test_without_memory(void **state)
{
    size_t failures = 0;

    for (size_t at = 1; at < 30; at++) {
        struct failmem *fm;
        bool failed;
        int rc, sent;

        start();
        send_text("room", "a");
        nodes_sim_run(&sim);
        memset(&told, 0, sizeof told);
        fm = &sim.processes[0].fm;
        fm->calls = 0;
        fm->fail_at = at;
        rc = try_resume(0, 1, "room", NULL);
        sent = try_send("room", "b");
        nodes_sim_run(&sim);
        failed = failmem_has_failed(fm);
        failures += failed;
        fm->fail_at = 0;
        assert_true(rc == 0 || (rc == -ENOMEM && failed));
        assert_true(sent == 0 || (sent == -ENOMEM && failed));
        assert_int_equal(told.calls, rc == 0);
        if (rc < 0)
            assert_string_equal(members[0].got, "");
        if (!failed)
            assert_true(strcmp(members[0].got, "[a ] b ") == 0 ||
                        strcmp(members[0].got, "[a b ] ") == 0);
        send_text("room", "c");
        nodes_sim_run(&sim);
        assert_int_equal(strstr(members[0].got, "c ") != NULL, rc == 0);
        teardown(NULL);
    }
    assert_true(failures > 5);
    start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_last_ones_are_kept, teardown),
        cmocka_unit_test_teardown(test_bytes_time_and_groups_are_bounded, teardown),
        cmocka_unit_test_teardown(test_offsets_of_another_time_are_gone, teardown),
        cmocka_unit_test_teardown(test_members_get_all_in_one_order, teardown),
        cmocka_unit_test_teardown(test_no_gap_and_nothing_twice, teardown),
        cmocka_unit_test_teardown(test_who_leaves_is_not_sent_to, teardown),
        cmocka_unit_test_teardown(test_envelopes_say_where_one_stands, teardown),
        cmocka_unit_test_teardown(test_the_first_rule_that_fits_counts, teardown),
        cmocka_unit_test_teardown(test_rules_change_while_messages_are_on_their_way, teardown),
        cmocka_unit_test_teardown(test_a_process_without_the_rule_reads_events, teardown),
        cmocka_unit_test_teardown(test_rules_without_memory, teardown),
        cmocka_unit_test_teardown(test_without_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
