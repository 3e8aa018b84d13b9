/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_HISTORY_REDIS_WORLD_H
#define YD_TESTS_HISTORY_REDIS_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "channels/history.h"
#include "history_played.h"
#include "history_redis/history_redis.h"

/* History in Redis: processes with two loops each, members, and a Redis of the test's own. */

static struct nodes_sim sim;

static struct member {
    struct yd_member member;
    unsigned process, loop;
    bool in;
    char last[YODEL_OFFSET_SIZE];
    int calls, result, gone;
    unsigned num;
    int got[3000];
} members[8];

static inline void add_got(struct member *member, const void *text, size_t len)
{
    char copy[32];

    (void)snprintf(copy, sizeof copy, "%.*s", (int)len, (const char *)text);
    assert_true(member->num < YD_LEN(member->got));
    member->got[member->num++] = atoi(copy);
}

static inline void on_deliver(struct yd_member *base, struct yd_delivery *what)
{
    add_got(yd_container_of(base, struct member, member), yd_msg_payload(what->msg),
            what->msg->len);
}

static const yodel_history_options in_room = {
    .max_messages = 2000, .max_bytes = 1 << 20, .ttl_ms = 3600000, .max_groups = 3};

static inline void keep(struct nodes_sim_process *process, const char *pattern,
                        const yodel_history_options *options)
{
    const struct yd_history_rule rule = {.pattern = pattern, .options = *options};

    assert_int_equal(yd_history_set_rules(process->channels, &rule, 1), 0);
}

static inline void start_with(unsigned num, const yodel_history_options *options, size_t max_queue)
{
    nodes_sim_start(&sim, num);
    memset(members, 0, sizeof members);
    for (unsigned i = 0; i < num; i++) {
        struct nodes_sim_process *process = &sim.processes[i];
        yodel_history_redis_options in_redis = {.max_queue = max_queue};

        played.clients[i].loop = process->loops[0];
        keep(process, "room*", options);
        assert_int_equal(
            yd_kept_new(process->channels, &played.clients[i], &in_redis, &process->part), 0);
        nodes_sim_enter(process->loops[0]);
        process->part->ops->begin(process->part, process->loops[0]);
        nodes_sim_leave(process->loops[0]);
    }
}

static inline void start(unsigned num)
{
    start_with(num, &in_room, 0);
}

static inline struct yd_loop *loop_of(const struct member *member)
{
    return sim.processes[member->process].loops[member->loop];
}

static inline void leave(struct member *member)
{
    if (!member->in)
        return;
    nodes_sim_enter(loop_of(member));
    yd_member_leave_all(loop_of(member), &member->member);
    nodes_sim_leave(loop_of(member));
    member->in = false;
}

static inline int teardown(void **state)
{
    for (size_t i = 0; i < YD_LEN(members); i++)
        leave(&members[i]);
    nodes_sim_stop(&sim);
    for (unsigned i = 0; i < sim.num; i++)
        assert_int_equal(played.clients[i].refs, 0);
    played_stop();
    return 0;
}

/* Everything that can happen now. */
static inline void run(void)
{
    bool moved = true;

    while (moved) {
        nodes_sim_run(&sim);
        moved = false;
        for (unsigned i = 0; i < sim.num; i++)
            moved |= played_confirm(i) || played_serve(i) || played_hear(i);
    }
}

static inline void pass_time(uint64_t ms)
{
    for (; ms > 0; ms -= 50) {
        played.now += 50;
        nodes_sim_advance(&sim, 50);
        run();
    }
}

static inline int try_send_told(unsigned process, unsigned loop, const char *group, int number,
                                const struct yd_history_told *told)
{
    struct nodes_sim_process *p = &sim.processes[process];
    yodel_history_options options;
    char text[16];
    struct yd_msg *msg;
    int rc;

    (void)snprintf(text, sizeof text, "%d", number);
    if ((msg = yd_msg_new(&p->fm.mem, YODEL_WS_TEXT, strlen(text))) == NULL)
        return -ENOMEM;
    memcpy(yd_msg_payload(msg), text, strlen(text));
    nodes_sim_enter(p->loops[loop]);
    assert_true(yd_history_find(p->channels, yodel_str_of(group), &options));
    rc = yd_history_send(p->channels, &options, yodel_str_of(group), msg, told);
    nodes_sim_leave(p->loops[loop]);
    yd_msg_unref(msg);
    return rc;
}

static inline int try_send(unsigned process, unsigned loop, const char *group, int number)
{
    return try_send_told(process, loop, group, number, NULL);
}

static inline void send_number(unsigned process, int number)
{
    assert_int_equal(try_send(process, 0, "room", number), 0);
}

/* ---- members ---- */

static inline void show(const yodel_history *history, void *arg)
{
    struct member *member = arg;

    member->calls++;
    member->result = history->result;
    member->gone = history->gone;
    (void)snprintf(member->last, sizeof member->last, "%s", history->last);
    for (size_t i = 0; i < history->num_messages; i++)
        add_got(member, history->messages[i].data.ptr, history->messages[i].data.len);
}

static inline void on_done(struct yd_history_read *read, struct yd_member *member)
{
    (void)member;
    yd_history_read_show(read, show, read->user);
}

static inline int try_resume(struct member *member, unsigned process, unsigned loop,
                             const char *from)
{
    yodel_channels *channels = sim.processes[process].channels;
    struct yd_history_read *read;
    int rc = yd_history_read_new(channels, YODEL_STR("room"), from, 0, &read);

    if (rc < 0)
        return rc;
    member->member.deliver = on_deliver;
    member->process = process;
    member->loop = loop;
    read->done = on_done;
    read->user = member;
    nodes_sim_enter(loop_of(member));
    rc = yd_history_resume(loop_of(member), &member->member, read);
    nodes_sim_leave(loop_of(member));
    member->in = rc == 0;
    return rc;
}

static inline int try_join(struct member *member, unsigned process, unsigned loop)
{
    int rc;

    member->member.deliver = on_deliver;
    member->process = process;
    member->loop = loop;
    nodes_sim_enter(loop_of(member));
    rc = yd_channels_join(sim.processes[process].channels, loop_of(member), YODEL_STR("room"),
                          &member->member);
    nodes_sim_leave(loop_of(member));
    member->in = rc == 0;
    return rc;
}

static inline void join(unsigned i, unsigned process, unsigned loop)
{
    assert_int_equal(try_join(&members[i], process, loop), 0);
}

static inline void expect(unsigned i, const char *numbers)
{
    char got[2000] = "";

    for (unsigned j = 0; j < members[i].num; j++)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", members[i].got[j]);
    assert_string_equal(got, numbers);
    members[i].num = 0;
}

#define FORGET SIZE_MAX
static inline void read_room(unsigned i, unsigned process, const char *from, size_t limit)
{
    struct yd_history_read *read;

    members[i].num = 0;
    assert_int_equal(
        yd_history_read_new(sim.processes[process].channels, YODEL_STR("room"), from, limit, &read),
        0);
    read->forgets = limit == FORGET;
    read->done = on_done;
    read->user = &members[i];
    assert_int_equal(yd_history_read_start(read), 0);
}

static inline yodel_history_redis_stats stats(unsigned process)
{
    yodel_history_redis_stats ret;

    yd_kept_get_stats(yd_kept_of_channels(sim.processes[process].channels), &ret);
    return ret;
}

#endif
