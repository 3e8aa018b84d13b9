/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_ASGI_WORLD_H
#define YD_TESTS_ASGI_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "channels/channel_event.h"
#include "channels_redis/asgi.h"
#include "channels_redis/channels_redis.h"
#include "failmem.h"
#include "fixture.h"
#include "loop_sim.h"
#include "redis_played.h"

/*
 * A channel layer and a Redis that is the test: commands are noted, and answered by hand.
 */

static struct {
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_bus bus;
    yodel_channels *channels;
    struct yd_part *part;
    uint64_t direct;
    unsigned num_heard;
} world;

/* ---- members ---- */

static inline void tell(const char *text, size_t len)
{
    size_t at = strlen(played.told);

    snprintf(played.told + at, sizeof played.told - at, "%.*s;", (int)len, text);
}

static inline void deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_str json = yd_event_json(what->event);

    tell(json.ptr, json.len);
}

static inline int send_direct(yodel_channels *channels, uint64_t id, yodel_event *event)
{
    world.direct = id;
    return 0;
}

static inline void release(void *owner)
{
    (void)owner;
}

static inline void expect_told(const char *expected)
{
    assert_string_equal(played.told, expected);
    played.told[0] = '\0';
}

/* ---- the world ---- */

static inline void run(void)
{
    world.loop->thread = pthread_self();
    atomic_store(&world.loop->running, true);
    sim_run(world.loop);
    atomic_store(&world.loop->running, false);
}

static inline void advance(uint64_t ms)
{
    world.loop->thread = pthread_self();
    atomic_store(&world.loop->running, true);
    sim_advance(world.loop, ms);
    atomic_store(&world.loop->running, false);
}

static inline void start_with(const yodel_channels_redis_options *options)
{
    yodel_redis *hosts[] = {&played.redis};
    struct yd_asgi_setup setup = {world.channels, hosts, 1, options};

    assert_int_equal(yd_asgi_new(&setup, &world.part), 0);
    world.part->ops->begin(world.part, world.loop);
    run();
}

static inline void start(yodel_channels_form form)
{
    start_with(&(yodel_channels_redis_options){.form = form, .max_waiting = 3});
}

static inline int setup(void **state)
{
    struct yd_bus_options bus = {.mem = &world.fm.mem,
                                 .loops = &world.loop,
                                 .num_loops = 1,
                                 .secret = {1, 2},
                                 .process = "00000000000000000000000000000001"};
    struct yd_channels_options options = {
        .bus = &world.bus, .name = "groups", .send_direct = send_direct, .release_owner = release};

    memset(&world, 0, sizeof world);
    memset(&played, 0, sizeof played);
    failmem_init(&world.fm, 0);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &world.fm.mem, NULL, 0, &world.loop), 0);
    played.loop = world.loop;
    assert_int_equal(yd_bus_init(&world.bus, &bus), 0);
    assert_int_equal(yd_channels_new(&options, &world.channels), 0);
    return 0;
}

/* What has no reply is lost with the client. */
static inline void lose_commands(void)
{
    for (unsigned i = 0; i < played.num_commands; i++)
        if (played.commands[i].fn != NULL && !played.commands[i].answered) {
            played.commands[i].answered = true;
            played.commands[i].fn(NULL, played.commands[i].arg);
        }
}

static inline void stop(void)
{
    if (played.watcher != NULL)
        played.watcher->on_finish(played.watcher);
    lose_commands();
    yd_loop_close(world.loop); /* as a server does, ahead of its parts */
    world.channels = yodel_channels_unref(world.channels);
    if (world.part != NULL) {
        world.part->ops->end(world.part);
        world.part->ops->free(world.part);
    }
    world.part = NULL;
    assert_int_equal(played.redis.refs, 0);
    assert_int_equal(played.num_readers, 0);
    assert_int_equal(played.num_subs, 0);
}

static inline int teardown(void **state)
{
    if (world.channels != NULL)
        stop();
    yd_bus_done(&world.bus);
    yd_loop_free(world.loop);
    failmem_assert_empty(&world.fm);
    return 0;
}

static inline int join(struct yd_member *member, const char *group)
{
    member->deliver = deliver;
    return yd_channels_join(world.channels, world.loop, yodel_str_of(group), member);
}

static inline void leave(struct yd_member *member, const char *group)
{
    yd_channels_leave(world.channels, world.loop, yodel_str_of(group), member);
}

#endif
