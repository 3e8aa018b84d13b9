/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <yodel/history_redis.h>

#include "program.h"
#include "redis_sim.h"

/*
 * A client of Redis on the first loop, and its Redis, which is away or hangs at times.  Each
 * command is told of once, and what it was given is freed once.  Whether a program has one is told
 * by its last byte and not drawn, so that programs of before mean what they meant.
 */

struct redis_side {
    struct program *p;
    yodel_redis *redis;
    struct redis_sim sim;
    unsigned asked, told, freed;
};

static bool has_redis(const struct program *p)
{
    return p->size > 0 && p->data[p->size - 1] % 7 == 3;
}

static void on_reply(const yodel_redis_reply *reply, void *user)
{
    struct redis_side *side = user;

    side->told++;
    say(side->p, "redis replies: %d", (int)yodel_redis_reply_type(reply));
    (void)yodel_redis_reply_text(reply);
    (void)yodel_redis_reply_integer(reply);
    if (yodel_redis_reply_at(reply, yodel_redis_reply_count(reply)) != NULL)
        broken(side->p, "redis: a reply has more parts than it has");
    if (!side->p->over)
        act_abroad(side->p);
}

static void on_freed(void *user)
{
    ((struct redis_side *)user)->freed++;
}

static void on_state(yodel_redis *redis, yodel_redis_condition state, void *user)
{
    struct redis_side *side = user;

    say(side->p, "redis is %d", (int)state);
    if ((int)yodel_redis_state(redis) != (int)state)
        broken(side->p, "redis: told another state");
    act_abroad(side->p);
}

static void on_refused(yodel_redis *redis, yodel_str command, yodel_str error, void *user)
{
    struct redis_side *side = user;

    (void)redis;
    if (error.len == 0)
        broken(side->p, "redis: %.*s is refused without a word", (int)command.len, command.ptr);
    say(side->p, "redis refuses %.*s", (int)command.len, command.ptr);
    if (!side->p->over)
        act_abroad(side->p);
}

static void ask(struct redis_side *side)
{
    static const char *const names[] = {"GET", "INCR", "XADD"};
    const yodel_str words[] = {yodel_str_of(names[pick(side->p, 3)]), YODEL_STR("key")};
    unsigned freed = side->freed;
    int rc = yodel_redis_command(side->redis, 2, words, on_reply, side, on_freed);

    if (rc == 0)
        side->asked++;
    else if (side->freed != freed + 1)
        broken(side->p, "redis: a command that was refused is freed %u times", side->freed - freed);
    else
        side->freed = freed;
}

void redis_side_act(struct program *p)
{
    struct redis_side *side = p->redis;
    yodel_redis_stats stats = {.size = sizeof stats};

    if (side == NULL || p->over)
        return;
    switch (pick(p, 6)) {
    case 0:
        redis_sim_break(&side->sim);
        break;
    case 1:
        side->sim.down = once_in(p, 2);
        side->sim.frozen = once_in(p, 3);
        break;
    case 2:
        (void)yodel_redis_get_stats(side->redis, &stats);
        if (stats.waiting > 4000)
            broken(p, "redis: %llu bytes wait", (unsigned long long)stats.waiting);
        (void)yodel_redis_unref(yodel_redis_ref(side->redis));
        break;
    case 3:
        ask(side);
        break;
    default:
        (void)yodel_redis_publish(side->redis, "channel",
                                  (yodel_bytes){(const uint8_t *)"payload", 7});
    }
}

void redis_side_set_up(struct program *p)
{
    const yodel_redis_options options = {
        .size = sizeof options,
        .max_queue = 2000,
        .policy = YODEL_REDIS_DROP_OLDEST,
    };
    struct redis_side *side;

    if (!has_redis(p))
        return;
    if ((side = calloc(1, sizeof *side)) == NULL)
        abort();
    side->p = p;
    redis_sim_start(&side->sim, p->server->loops[0]);
    if (yodel_redis_new(p->server, &options, &side->redis) < 0) { /* built without */
        redis_sim_stop(&side->sim);
        free(side);
        return;
    }
    if (yodel_redis_set_state_handler(side->redis, on_state, side) < 0 ||
        yodel_redis_set_refused_handler(side->redis, on_refused, side) < 0)
        abort();
    p->redis = side;
    cluster_side_set_up(p, side->redis, &side->sim);
}

/* History is kept there, which answers nothing but errors; or what was not sent. */
void redis_side_keep(struct program *p)
{
    const yodel_history_redis_options options = {
        .size = sizeof options, .max_queue = 500, .max_reads = 3};

    if (p->redis == NULL)
        return;
    if (yodel_channels_keep_in_redis(p->layer, p->redis->redis, &options) < 0)
        abort();
    p->keeps_in_redis = true;
}

void redis_side_run(struct program *p)
{
    if (p->redis != NULL)
        (void)redis_sim_serve(&p->redis->sim);
}

void redis_side_unref(struct program *p)
{
    if (p->redis != NULL)
        p->redis->redis = yodel_redis_unref(p->redis->redis);
}

void redis_side_free(struct program *p)
{
    struct redis_side *side = p->redis;

    if (side == NULL)
        return;
    if (side->told != side->asked || side->freed != side->asked)
        broken(p, "redis: %u commands, %u replies, %u freed", side->asked, side->told, side->freed);
    redis_sim_stop(&side->sim);
    free(side);
}
