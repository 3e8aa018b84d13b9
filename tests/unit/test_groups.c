/* SPDX-License-Identifier: MIT */
#include "groups/groups.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"

#define LOOPS 3

/* Groups on loops that do nothing, and a far peer that hears of groups. */
struct world {
    struct failmem fm;
    struct yd_loop *loops[LOOPS];
    struct yd_bus bus;
    struct yd_peer peer;
    struct yd_groups *groups;
    char heard[200]; /* by the peer: "+g " and "-g " */
    int released;
};

struct walker {
    struct yd_member member;
    struct world *world;
    int visits;
    int depth;             /* walks over "g" inside its visit */
    struct walker *leaves; /* who leaves "g" then */
    struct walker *joins;
};

static void hear(struct yd_peer *peer, char sign, yodel_str group)
{
    struct world *world = yd_container_of(peer, struct world, peer);
    size_t len = strlen(world->heard);

    (void)snprintf(world->heard + len, sizeof world->heard - len, "%c%.*s ", sign,
                   YODEL_ARG(group));
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    assert_true(yodel_str_eq(layer, YODEL_STR("layer")));
    hear(peer, '+', group);
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    assert_true(yodel_str_eq(layer, YODEL_STR("layer")));
    hear(peer, '-', group);
}

static const struct yd_peer_ops peer_ops = {.group_begins = group_begins, .group_ends = group_ends};

static void release(void *owner)
{
    ((struct world *)owner)->released++;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct yd_bus_options bus = {.mem = &world->fm.mem,
                                 .loops = world->loops,
                                 .num_loops = LOOPS,
                                 .secret = {1, 2},
                                 .process = "p"};

    failmem_init(&world->fm, 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(yd_loop_new(&yd_loop_uv, &world->fm.mem, NULL, i, &world->loops[i]), 0);
    assert_int_equal(yd_bus_init(&world->bus, &bus), 0);
    world->peer.ops = &peer_ops;
    assert_int_equal(yd_bus_add_peer(&world->bus, &world->peer), 0);
    assert_int_equal(yd_groups_new(&world->bus, "layer", world, release, &world->groups), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    yd_groups_unref(world->groups);
    assert_int_equal(world->released, 1);
    yd_bus_done(&world->bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(world->loops[i]);
    failmem_assert_empty(&world->fm);
    free(world);
    return 0;
}

static void init_walker(struct walker *walker, struct world *world)
{
    *walker = (struct walker){.world = world};
}

static struct yd_key key_of(struct world *world, const char *group)
{
    return yd_bus_key(&world->bus, yodel_str_of(group));
}

static int join(struct walker *walker, unsigned loop, const char *group)
{
    struct world *world = walker->world;
    struct yd_key key = key_of(world, group);

    return yd_group_join(world->groups, world->loops[loop], &key, &walker->member);
}

static bool leave(struct walker *walker, unsigned loop, const char *group)
{
    struct world *world = walker->world;
    struct yd_key key = key_of(world, group);

    return yd_group_leave(world->groups, world->loops[loop], &key, &walker->member);
}

static size_t count(struct world *world, const char *group)
{
    struct yd_key key = key_of(world, group);

    return yd_groups_count(world->groups, &key);
}

static void visit(struct yd_member *member, void *user);

static void walk(struct world *world)
{
    struct yd_key key = key_of(world, "g");

    yd_group_walk(world->groups, world->loops[0], &key, visit, world);
}

static void visit(struct yd_member *member, void *user)
{
    struct walker *walker = yd_container_of(member, struct walker, member);

    walker->visits++;
    if (walker->depth > 0) {
        walker->depth--;
        walk(user);
    }
    if (walker->leaves != NULL)
        (void)leave(walker->leaves, 0, "g");
    if (walker->joins != NULL)
        (void)join(walker->joins, 0, "g");
}

static void test_groups_tell_their_first_and_last_member(void **state)
{
    struct world *world = *state;
    struct walker a, b;

    init_walker(&a, world);
    init_walker(&b, world);
    assert_int_equal(join(&a, 0, "x"), 1);
    assert_int_equal(join(&a, 0, "x"), 0);
    assert_int_equal(join(&b, 1, "x"), 1);
    assert_int_equal(join(&b, 1, "y"), 1);
    assert_true(leave(&a, 0, "x"));
    assert_false(leave(&a, 0, "x"));
    assert_string_equal(world->heard, "+x +y ");
    yd_member_leave_all(world->loops[1], &b.member);
    assert_string_equal(world->heard, "+x +y -y -x ");
    assert_int_equal(join(&a, 2, "x"), 1);
    assert_true(leave(&a, 2, "x"));
    assert_string_equal(world->heard, "+x +y -y -x +x -x ");
}

static void test_groups_know_the_loops_that_have_them(void **state)
{
    struct world *world = *state;
    struct yd_key x = key_of(world, "x"), y = key_of(world, "y");
    struct yd_loop_set set = {{0}};
    struct walker a, b;

    init_walker(&a, world);
    init_walker(&b, world);
    (void)join(&a, 0, "x");
    (void)join(&b, 2, "y");
    yd_groups_find(world->groups, &x, &set);
    assert_true(yd_loop_set_has(&set, 0) && !yd_loop_set_has(&set, 2));
    yd_groups_find(world->groups, &y, &set);
    assert_true(yd_loop_set_has(&set, 0) && !yd_loop_set_has(&set, 1) && yd_loop_set_has(&set, 2));
    (void)leave(&a, 0, "x");
    (void)leave(&b, 2, "y");
}

static void test_groups_do_not_count_those_who_are_away(void **state)
{
    struct world *world = *state;
    struct walker a, b;

    init_walker(&a, world);
    init_walker(&b, world);
    (void)join(&a, 0, "g");
    (void)join(&a, 0, "x");
    (void)join(&b, 1, "g");
    yd_member_set_away(&a.member, true);
    yd_member_set_away(&a.member, true);
    assert_int_equal(count(world, "g"), 1);
    assert_int_equal(count(world, "x"), 0);
    (void)join(&a, 0, "y");
    yd_member_set_away(&a.member, true);
    assert_int_equal(count(world, "y"), 0);
    walk(world);
    assert_int_equal(a.visits, 1); /* it is a member all the same */
    assert_true(leave(&a, 0, "x"));
    assert_int_equal(count(world, "x"), 0);
    yd_member_set_away(&a.member, false);
    assert_int_equal(count(world, "g"), 2);
    assert_int_equal(count(world, "y"), 1);
    yd_member_leave_all(world->loops[0], &a.member);
    yd_member_leave_all(world->loops[1], &b.member);
    assert_int_equal(count(world, "g"), 0);
}

/* Each walk visits who was a member when it began and is one still; the places that the outer one
 * looks at stay. */
static void test_groups_walks_nest(void **state)
{
    enum { NUM = 6 };
    struct world *world = *state;
    struct walker walkers[NUM], late;

    init_walker(&late, world);
    for (unsigned i = 0; i < NUM; i++) {
        init_walker(&walkers[i], world);
        assert_int_equal(join(&walkers[i], 0, "g"), 1);
    }
    walkers[1].depth = 2;
    walkers[1].leaves = &walkers[0];
    walkers[2].leaves = &walkers[2];
    walkers[3].joins = &late;
    walkers[4].leaves = &walkers[5];
    walk(world);
    assert_int_equal(walkers[0].visits, 3); /* the outer walk, and both inner ones */
    assert_int_equal(walkers[1].visits, 3);
    assert_int_equal(walkers[2].visits, 1); /* left in the innermost */
    assert_int_equal(walkers[3].visits, 3);
    assert_int_equal(walkers[4].visits, 3);
    assert_int_equal(walkers[5].visits, 0);
    assert_int_equal(late.visits, 0);
    assert_int_equal(count(world, "g"), 4);
    for (unsigned i = 0; i < NUM; i++)
        yd_member_leave_all(world->loops[0], &walkers[i].member);
    yd_member_leave_all(world->loops[0], &late.member);
    walk(world);
    assert_int_equal(count(world, "g"), 0);
}

/* Emptied by an inner walk, filled again by the outer one. */
static void test_groups_may_empty_and_fill_in_nested_walks(void **state)
{
    struct world *world = *state;
    struct walker a, b;

    init_walker(&a, world);
    init_walker(&b, world);
    (void)join(&a, 0, "g");
    a.depth = 1;
    a.leaves = &a;
    a.joins = &b;
    walk(world);
    assert_int_equal(a.visits, 2);
    assert_int_equal(b.visits, 0);
    assert_int_equal(count(world, "g"), 1);
    a.leaves = a.joins = NULL;
    walk(world);
    assert_int_equal(b.visits, 1);
    assert_true(leave(&b, 0, "g"));
}

/* Joining has all of its effect or none; leaving needs no memory. */
/* A walk visits each of these once; and none of the others, who have left. */
static void expect_members(struct world *world, struct walker *walkers, unsigned num,
                           const char *members)
{
    for (unsigned i = 0; i < num; i++)
        walkers[i].visits = 0;
    walk(world);
    for (unsigned i = 0; i < num; i++)
        assert_int_equal(walkers[i].visits, strchr(members, (char)('0' + i)) != NULL);
}

/* Whoever goes leaves a gap that another one fills, who must be found there when it goes. */
static void test_groups_lose_who_leaves_and_no_other(void **state)
{
    enum { NUM = 5 };
    struct world *world = *state;
    struct walker walkers[NUM];

    for (unsigned i = 0; i < NUM; i++) {
        init_walker(&walkers[i], world);
        assert_int_equal(join(&walkers[i], 0, "g"), 1);
    }
    assert_true(leave(&walkers[0], 0, "g")); /* the last one takes its place */
    expect_members(world, walkers, NUM, "1234");
    assert_true(leave(&walkers[4], 0, "g")); /* and leaves from there */
    expect_members(world, walkers, NUM, "123");
    walkers[1].leaves = &walkers[1]; /* in a walk: those after it move up at its end */
    walk(world);
    assert_true(leave(&walkers[3], 0, "g"));
    expect_members(world, walkers, NUM, "2");
    assert_true(leave(&walkers[2], 0, "g"));
    assert_int_equal(count(world, "g"), 0);
}

static void test_groups_do_not_grow_by_coming_and_going(void **state)
{
    struct world *world = *state;
    struct walker stays, comes;
    size_t bytes;

    init_walker(&stays, world);
    init_walker(&comes, world);
    assert_int_equal(join(&stays, 0, "g"), 1);
    assert_int_equal(join(&comes, 0, "g"), 1);
    bytes = atomic_load(&world->fm.bytes);
    for (int i = 0; i < 1000; i++) {
        assert_true(leave(&comes, 0, "g"));
        assert_int_equal(join(&comes, 0, "g"), 1);
    }
    assert_int_equal(atomic_load(&world->fm.bytes), bytes);
    yd_member_leave_all(world->loops[0], &comes.member);
    yd_member_leave_all(world->loops[0], &stays.member);
}

static void test_groups_without_memory(void **state)
{
    struct world *world = *state;
    struct walker walker, other;

    init_walker(&other, world);
    assert_int_equal(join(&other, 1, "g"), 1);
    for (size_t n = 1; n < 12; n++) {
        int rc;

        init_walker(&walker, world);
        world->fm.fail_at = atomic_load(&world->fm.calls) + n;
        rc = join(&walker, 0, "g");
        assert_true(rc == 1 || rc == -ENOMEM);
        assert_int_equal(count(world, "g"), rc == 1 ? 2 : 1);
        assert_int_equal(walker.member.memberships != NULL, rc == 1);
        world->fm.fail_at = atomic_load(&world->fm.calls) + 1;
        assert_int_equal(leave(&walker, 0, "g"), rc == 1);
        assert_int_equal(count(world, "g"), 1);
        world->fm.fail_at = 0;
    }
    assert_true(leave(&other, 1, "g"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_groups_tell_their_first_and_last_member),
        FIXTURE_TEST(test_groups_know_the_loops_that_have_them),
        FIXTURE_TEST(test_groups_do_not_count_those_who_are_away),
        FIXTURE_TEST(test_groups_walks_nest),
        FIXTURE_TEST(test_groups_may_empty_and_fill_in_nested_walks),
        FIXTURE_TEST(test_groups_lose_who_leaves_and_no_other),
        FIXTURE_TEST(test_groups_do_not_grow_by_coming_and_going),
        FIXTURE_TEST(test_groups_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
