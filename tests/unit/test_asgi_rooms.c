/* SPDX-License-Identifier: MIT */
#include "asgi_world.h"

/* Rooms of Socket.IO as groups of a channel layer in Redis. */

/* Joins so that there is no memory for what Redis is to know of the group. */
static void join_missed(struct yd_groups *groups, const struct yd_key *key,
                        struct yd_member *member)
{
    struct yd_asgi *asgi = yd_container_of(world.part, struct yd_asgi, part);
    bool missed = false;

    member->deliver = deliver;
    asgi->missed = false;
    for (size_t n = 1; !missed; n++) {
        int rc;

        assert_in_range(n, 1, 50);
        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = yd_group_join(groups, world.loop, key, member);
        world.fm.fail_at = 0;
        missed = rc == 1 && asgi->missed;
        if (rc == 1 && !missed) {
            (void)yd_group_leave(groups, world.loop, key, member);
            run();
        }
    }
}

/* A group of two layers that were both missed stays until both have left it. */
static void test_asgi_layer_rooms_that_were_missed(void **state)
{
    struct yd_key key = yd_bus_key(&world.bus, YODEL_STR("/chat#r"));
    struct yd_member a = {NULL, NULL}, b = {NULL, NULL};
    struct yd_groups *groups;
    struct yd_asgi *asgi;

    assert_int_equal(yd_groups_new(&world.bus, "sio1", NULL, release, &groups), 0);
    assert_int_equal(yd_channels_attach(world.channels, groups), 0);
    start_with(&(yodel_channels_redis_options){.rooms = 1});
    asgi = yd_container_of(world.part, struct yd_asgi, part);
    join_missed(groups, &key, &a);
    join_missed(world.channels->groups, &key, &b);
    assert_null(yd_map_any(&asgi->groups));
    advance(6000);
    assert_non_null(yd_map_any(&asgi->groups));
    (void)yd_group_leave(world.channels->groups, world.loop, &key, &b);
    advance(6000);
    assert_non_null(yd_map_any(&asgi->groups));
    (void)yd_group_leave(groups, world.loop, &key, &a);
    advance(6000);
    assert_null(yd_map_any(&asgi->groups));
    yd_groups_unref(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_asgi_layer_rooms_that_were_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
