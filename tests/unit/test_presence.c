/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yodel/presence.h>

#include "base/container.h"
#include "channels/presence.h"
#include "nodes_sim.h"

static struct nodes_sim sim;

/* ---- members ---- */

#define MEMBERS 120

struct member {
    struct yd_member member;
    unsigned process, loop;
};

static struct member members[MEMBERS];

static void on_deliver(struct yd_member *member, struct yd_delivery *what)
{
}

static int try_join(unsigned i, unsigned process, unsigned loop, const char *json)
{
    struct yd_loop *l = sim.processes[process].loops[loop];
    int rc;

    if (members[i].member.memberships == NULL)
        members[i] = (struct member){{on_deliver, NULL}, process, loop};
    nodes_sim_enter(l);
    rc = yd_channels_join_with(sim.processes[process].channels, l, YODEL_STR("room"),
                               &members[i].member, yodel_str_of(json));
    nodes_sim_leave(l);
    return rc;
}

static void join(unsigned i, unsigned process, unsigned loop, const char *json)
{
    assert_int_equal(try_join(i, process, loop, json), 0);
}

static void leave(unsigned i)
{
    struct yd_loop *l = sim.processes[members[i].process].loops[members[i].loop];

    nodes_sim_enter(l);
    yd_member_leave_all(l, &members[i].member);
    nodes_sim_leave(l);
}

/* ---- watchers ---- */

#define EARS 4

static struct ear {
    yodel_watcher *watcher;
    unsigned joined, left, changed, errors;
    size_t count;
    char last[100];
    struct {
        char channel[YODEL_CHANNEL_NAME_SIZE], json[32];
    } known[MEMBERS];
    size_t num_known;
    bool freed;
    void (*then)(struct ear *ear);
} ears[EARS];

static void on_change(const yodel_presence *presence, void *user)
{
    struct ear *ear = user;
    char name[YODEL_CHANNEL_NAME_SIZE];
    size_t i = 0;

    assert_int_equal(presence->size, sizeof *presence);
    assert_true(yodel_str_eq(presence->group, YODEL_STR("room")));
    (void)snprintf(name, sizeof name, "%" YODEL_PRI, YODEL_ARG(presence->channel));
    while (i < ear->num_known && strcmp(ear->known[i].channel, name) != 0)
        i++;
    if (presence->change == YODEL_PRESENCE_JOINED) {
        ear->joined++;
        ear->errors += i < ear->num_known;
        if (i == ear->num_known)
            memcpy(ear->known[ear->num_known++].channel, name, sizeof name);
    } else {
        ear->errors += i == ear->num_known;
    }
    (void)snprintf(ear->known[i].json, sizeof ear->known[i].json, "%" YODEL_PRI,
                   YODEL_ARG(presence->json));
    if (presence->change == YODEL_PRESENCE_LEFT) {
        ear->left++;
        if (i < ear->num_known)
            ear->known[i] = ear->known[--ear->num_known];
    }
    ear->changed += presence->change == YODEL_PRESENCE_CHANGED;
    ear->count = presence->count;
    (void)snprintf(ear->last, sizeof ear->last, "%d %" YODEL_PRI, (int)presence->change,
                   YODEL_ARG(presence->json));
    if (ear->watcher != NULL)
        assert_int_equal(yodel_watcher_count(ear->watcher), presence->count);
    if (ear->then != NULL)
        ear->then(ear);
}

static void on_free(void *user)
{
    struct ear *ear = user;

    assert_false(ear->freed);
    ear->freed = true;
}

static int try_watch(unsigned i, unsigned process, unsigned loop, size_t max_members)
{
    struct yd_loop *l = sim.processes[process].loops[loop];
    int rc;

    ears[i] = (struct ear){.watcher = NULL};
    nodes_sim_enter(l);
    rc = yodel_group_watch(sim.processes[process].channels, "room",
                           YODEL_OPTIONS(yodel_watch_options, .fn = on_change, .user = &ears[i],
                                         .free_user = on_free, .max_members = max_members),
                           &ears[i].watcher);
    nodes_sim_leave(l);
    return rc;
}

static void watch(unsigned i, unsigned process, unsigned loop)
{
    assert_int_equal(try_watch(i, process, loop, 0), 0);
}

static void unwatch(unsigned i)
{
    ears[i].watcher = yodel_group_unwatch(ears[i].watcher);
    nodes_sim_run(&sim);
    assert_true(ears[i].freed);
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < EARS; i++)
        if (ears[i].watcher != NULL)
            unwatch(i);
    for (unsigned i = 0; i < MEMBERS; i++)
        if (members[i].member.memberships != NULL)
            leave(i);
    nodes_sim_stop(&sim);
    return 0;
}

#define expect(i, num_joined, num_left, num)                                                       \
    do {                                                                                           \
        assert_int_equal(ears[i].errors, 0);                                                       \
        assert_int_equal(ears[i].joined, num_joined);                                              \
        assert_int_equal(ears[i].left, num_left);                                                  \
        assert_int_equal(ears[i].num_known, num);                                                  \
        assert_int_equal(ears[i].count, num);                                                      \
    } while (0)

/* ---- one process ---- */

static void test_presence_of_one_process(void **state)
{
    nodes_sim_start(&sim, 1);
    join(0, 0, 0, "1");
    join(1, 0, 1, "2");
    watch(0, 0, 0);
    watch(1, 0, 1);
    nodes_sim_run(&sim);
    expect(0, 2, 0, 2);
    expect(1, 2, 0, 2);
    join(2, 0, 1, "3");
    nodes_sim_run(&sim);
    expect(0, 3, 0, 3);
    assert_string_equal(ears[0].last, "1 3");
    join(2, 0, 1, "{\"x\":4}");
    nodes_sim_run(&sim);
    assert_string_equal(ears[1].last, "3 {\"x\":4}");
    expect(1, 3, 0, 3);
    leave(0);
    nodes_sim_run(&sim);
    expect(0, 3, 1, 2);
    assert_string_equal(ears[0].last, "2 1");
    watch(2, 0, 0); /* another one on a loop that knows already */
    nodes_sim_run(&sim);
    expect(2, 2, 0, 2);
    nodes_sim_advance(&sim, 60000);
    expect(0, 3, 1, 2);
    expect(2, 2, 0, 2);
    unwatch(0);
    leave(1);
    nodes_sim_run(&sim);
    expect(2, 2, 1, 1);
    expect(0, 3, 1, 2); /* it has ended */
}

/* Nobody watches: nothing is reported. */
static void test_nothing_is_said_unwatched(void **state)
{
    unsigned before;

    nodes_sim_start(&sim, 2);
    watch(0, 1, 0);
    nodes_sim_run(&sim);
    unwatch(0);
    nodes_sim_advance(&sim, 30000);
    assert_int_equal(atomic_load(&sim.processes[0].channels->presence_counters.reported), 0);
    before = sim.num_published;
    join(0, 0, 0, "1");
    leave(0);
    nodes_sim_run(&sim);
    assert_int_equal(sim.num_published, before);
}

/* ---- calls in callbacks ---- */

static void end_watch(struct ear *ear)
{
    ear->watcher = yodel_group_unwatch(ear->watcher);
    ear->then = NULL;
}

static void end_other(struct ear *ear)
{
    ears[1].watcher = yodel_group_unwatch(ears[1].watcher);
    ear->then = NULL;
}

static void begin_other(struct ear *ear)
{
    ear->then = NULL;
    ears[1] = (struct ear){.watcher = NULL};
    assert_int_equal(yodel_group_watch(sim.processes[0].channels, "room",
                                       YODEL_OPTIONS(yodel_watch_options, .fn = on_change,
                                                     .user = &ears[1], .free_user = on_free),
                                       &ears[1].watcher),
                     0);
}

static void test_watchers_may_do_anything(void **state)
{
    nodes_sim_start(&sim, 1);
    join(0, 0, 0, "1");
    join(1, 0, 0, "1");
    watch(0, 0, 0);
    ears[0].then = end_watch;
    nodes_sim_run(&sim);
    assert_int_equal(ears[0].joined, 1);
    assert_true(ears[0].freed);
    watch(0, 0, 0);
    watch(1, 0, 0);
    nodes_sim_run(&sim);
    ears[0].then = end_other;
    leave(0);
    nodes_sim_run(&sim);
    expect(0, 2, 1, 1);
    assert_int_equal(ears[1].left, 0);
    assert_true(ears[1].freed);
    ears[0].then = begin_other;
    join(0, 0, 0, "1");
    nodes_sim_run(&sim);
    expect(0, 3, 1, 2);
    expect(1, 2, 0, 2);
    ears[0].then = end_watch;
    ears[1].then = end_watch;
    leave(0);
    nodes_sim_run(&sim);
    assert_true(ears[0].freed && ears[1].freed);
    assert_int_equal(sim.processes[0].channels->presence[0].views.count, 0);
}

static void test_watch_is_checked(void **state)
{
    yodel_watcher *watcher = NULL;
    yodel_channels *channels;

    nodes_sim_start(&sim, 1);
    channels = sim.processes[0].channels;
    assert_int_equal(yodel_group_watch(channels, "room",
                                       YODEL_OPTIONS(yodel_watch_options, .fn = on_change),
                                       &watcher),
                     YODEL_ERR_STATE);
    assert_int_equal(yodel_group_watch(channels, "room", NULL, &watcher), -EINVAL);
    assert_int_equal(yodel_group_watch(channels, "a\1b",
                                       YODEL_OPTIONS(yodel_watch_options, .fn = on_change),
                                       &watcher),
                     YODEL_ERR_NAME);
    assert_null(watcher);
    assert_null(yodel_group_unwatch(NULL));
}

/* ---- several processes ---- */

/* A node of 100 members is killed; three watch; it returns under its name. */
static void test_dead_nodes_members_leave_once(void **state)
{
    nodes_sim_start(&sim, 3);
    watch(0, 0, 0);
    watch(1, 0, 1);
    watch(2, 1, 0);
    nodes_sim_run(&sim);
    for (unsigned i = 0; i < 100; i++)
        join(i, 2, i % 2, "{\"name\":\"a\"}");
    join(100, 0, 0, "1");
    nodes_sim_run(&sim);
    for (unsigned i = 0; i < 3; i++)
        expect(i, 101, 0, 101);
    sim.processes[2].dead = true;
    nodes_sim_advance(&sim, 10000);
    for (unsigned i = 0; i < 3; i++)
        expect(i, 101, 100, 1);
    for (unsigned i = 0; i < 100; i++)
        leave(i);
    nodes_sim_stop_one(&sim, 2);
    nodes_sim_start_one(&sim, 2, 2);
    nodes_sim_advance(&sim, 12000);
    for (unsigned i = 0; i < 3; i++)
        expect(i, 101, 100, 1);
    join(0, 2, 0, "2");
    nodes_sim_run(&sim);
    for (unsigned i = 0; i < 3; i++)
        expect(i, 102, 100, 2);
}

static void test_leaving_node_takes_its_members(void **state)
{
    nodes_sim_start(&sim, 2);
    watch(0, 0, 0);
    join(0, 1, 1, "1");
    nodes_sim_run(&sim);
    expect(0, 1, 0, 1);
    nodes_sim_enter(sim.processes[1].loops[0]);
    yd_nodes_leave(&sim.processes[1].nodes);
    nodes_sim_leave(sim.processes[1].loops[0]);
    nodes_sim_run(&sim);
    expect(0, 1, 1, 0);
}

/* Both sides of a cut agree after it, and have told it as it was. */
static void test_part_and_heal(void **state)
{
    nodes_sim_start(&sim, 3);
    watch(0, 0, 0);
    watch(1, 1, 1);
    for (unsigned i = 0; i < 6; i++)
        join(i, i % 3, i % 2, "1");
    nodes_sim_run(&sim);
    expect(0, 6, 0, 6);
    nodes_sim_cut(&sim, 1, true);
    leave(0); /* of process 0 */
    join(6, 1, 0, "2");
    nodes_sim_advance(&sim, 12000);
    expect(0, 6, 3, 3);
    assert_int_equal(ears[1].num_known, 7); /* who is cut off keeps whom it knew, for a while */
    nodes_sim_cut(&sim, 1, false);
    nodes_sim_advance(&sim, 6000);
    expect(0, 9, 3, 6);
    expect(1, 7, 1, 6);
}

/* ---- what is lost on the way ---- */

static unsigned seed;

static unsigned draw(unsigned max)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % max;
}

static unsigned drop_some(struct nodes_sim *s, yodel_str channel)
{
    return channel.len > 12 && memcmp(channel.ptr, "yodel:nodes", 11) != 0 && draw(3) == 0;
}

static void do_anything(void)
{
    unsigned i = draw(20);

    if (members[i].member.memberships != NULL && draw(2) == 0)
        leave(i);
    else if (members[i].member.memberships != NULL)
        join(i, members[i].process, members[i].loop, draw(2) == 0 ? "1" : "{\"a\":2}");
    else
        join(i, i % 3, i / 3 % 2, "0"); /* a name is of one process */
}

/* Every view is what really is, with the documents. */
static void check_views(void)
{
    size_t num = 0;

    for (unsigned i = 0; i < MEMBERS; i++)
        num += members[i].member.memberships != NULL;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ears[i].errors, 0);
        assert_int_equal(ears[i].num_known, num);
        for (size_t j = 0; j < num; j++) {
            struct yd_member *member =
                (struct yd_member *)(uintptr_t)strtoull(ears[i].known[j].channel, NULL, 16);
            struct yd_note *note = member->memberships->note;

            assert_int_equal(note->len, strlen(ears[i].known[j].json));
            assert_memory_equal(note->text, ears[i].known[j].json, note->len);
        }
    }
}

static void test_what_is_lost_is_made_good(void **state)
{
    for (seed = 1; seed < 2000000000u; seed = seed * 7 + 13) {
        unsigned first = seed;

        nodes_sim_start(&sim, 3);
        watch(0, 0, 0);
        watch(1, 1, 1);
        watch(2, 2, 0);
        nodes_sim_run(&sim);
        sim.drop = drop_some;
        for (unsigned i = 0; i < 200; i++) {
            do_anything();
            nodes_sim_advance(&sim, draw(3) == 0 ? draw(500) : 0);
            if (draw(50) == 0)
                nodes_sim_cut(&sim, draw(3), draw(2));
        }
        sim.drop = NULL;
        for (unsigned i = 0; i < 3; i++)
            nodes_sim_cut(&sim, i, false);
        nodes_sim_advance(&sim, 6000);
        check_views();
        teardown(NULL);
        seed = first;
    }
    nodes_sim_start(&sim, 1);
}

/* A state in several parts. */
static void test_large_documents(void **state)
{
    char json[3000];

    memset(json, 'x', sizeof json);
    json[0] = json[sizeof json - 2] = '"';
    json[sizeof json - 1] = '\0';
    nodes_sim_start(&sim, 2);
    for (unsigned i = 0; i < MEMBERS; i++)
        join(i, 1, i % 2, json);
    watch(0, 0, 0);
    nodes_sim_run(&sim);
    expect(0, MEMBERS, 0, MEMBERS);
    for (unsigned i = 0; i < MEMBERS; i++)
        leave(i);
    nodes_sim_run(&sim);
    expect(0, MEMBERS, MEMBERS, 0);
    assert_int_equal(sim.processes[0].channels->presence_counters.watched, 0);
}

static void test_members_are_bounded(void **state)
{
    yodel_channels_stats stats = {.size = sizeof stats};

    nodes_sim_start(&sim, 2);
    for (unsigned i = 0; i < 20; i++)
        join(i, 1, i % 2, "1");
    assert_int_equal(try_watch(0, 0, 0, 5), 0);
    nodes_sim_run(&sim);
    expect(0, 5, 0, 5);
    assert_int_equal(yodel_channels_get_stats(sim.processes[0].channels, &stats), 0);
    assert_int_equal(stats.presence_refused, 15);
    assert_int_equal(stats.watched, 5);
    assert_int_equal(stats.watchers, 1);
    for (unsigned i = 0; i < 20; i++)
        leave(i);
    nodes_sim_run(&sim);
    expect(0, 5, 5, 0);
}

/* ---- without memory ---- */

/* At each point in turn: all of the effect, or an error and none; and what other processes' changes
 * needed memory for is made good. */
static void test_without_memory(void **state)
{
    size_t failures = 0;

    for (size_t at = 1; at < 90; at++) {
        struct failmem *fm;
        int rc, rc2;

        nodes_sim_start(&sim, 2);
        fm = &sim.processes[0].fm;
        join(0, 1, 0, "1");
        nodes_sim_run(&sim);
        fm->calls = 0;
        fm->fail_at = at;
        rc = try_watch(0, 0, 1, 0);
        nodes_sim_run(&sim);
        join(1, 1, 1, "2");
        nodes_sim_run(&sim);
        rc2 = try_join(2, 0, 0, "3");
        nodes_sim_run(&sim);
        failures += failmem_has_failed(fm);
        assert_true((rc == 0 && rc2 == 0) || failmem_has_failed(fm));
        fm->fail_at = 0;
        if (rc == -ENOMEM) {
            assert_null(ears[0].watcher);
        } else {
            nodes_sim_advance(&sim, 6000);
            expect(0, 2 + (rc2 == 0), 0, 2 + (rc2 == 0));
        }
        teardown(NULL);
    }
    assert_true(failures > 20);
    nodes_sim_start(&sim, 1);
}

/* ---- garbage ---- */

static void test_garbage_is_counted(void **state)
{
    static const char *const texts[] = {"", "\1", "\377\377\377\377", "\1\0\0\0xyz"};
    struct yd_presence_counters *counters;

    nodes_sim_start(&sim, 1);
    counters = &sim.processes[0].channels->presence_counters;
    join(0, 0, 0, "1");
    watch(0, 0, 0);
    nodes_sim_run(&sim);
    for (unsigned kind = YD_CHANNEL_INTEREST; kind <= YD_CHANNEL_DELTA; kind++)
        for (size_t i = 0; i < YD_LEN(texts); i++) {
            struct yd_buf buf = {0};

            assert_int_equal(
                yd_buf_append_str(&sim.processes[0].fm.mem, &buf, yodel_str_of(texts[i])), 0);
            assert_int_equal(yd_presence_send(sim.processes[0].channels, (enum yd_channel_kind)kind,
                                              kind == YD_CHANNEL_INTEREST ? (yodel_str){NULL, 0}
                                                                          : YODEL_STR("\1room"),
                                              &buf, false),
                             0);
        }
    nodes_sim_run(&sim);
    assert_true(atomic_load(&counters->malformed) >= 12);
    expect(0, 1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_presence_of_one_process, teardown),
        cmocka_unit_test_teardown(test_nothing_is_said_unwatched, teardown),
        cmocka_unit_test_teardown(test_watchers_may_do_anything, teardown),
        cmocka_unit_test_teardown(test_watch_is_checked, teardown),
        cmocka_unit_test_teardown(test_dead_nodes_members_leave_once, teardown),
        cmocka_unit_test_teardown(test_leaving_node_takes_its_members, teardown),
        cmocka_unit_test_teardown(test_part_and_heal, teardown),
        cmocka_unit_test_teardown(test_what_is_lost_is_made_good, teardown),
        cmocka_unit_test_teardown(test_large_documents, teardown),
        cmocka_unit_test_teardown(test_members_are_bounded, teardown),
        cmocka_unit_test_teardown(test_without_memory, teardown),
        cmocka_unit_test_teardown(test_garbage_is_counted, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
