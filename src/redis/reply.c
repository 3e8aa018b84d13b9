/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "base/options.h"
#include "redis/core.h"

/* What a program sees of a client. */

yodel_redis_condition yodel_redis_state(const yodel_redis *redis)
{
    if (redis == NULL)
        return 0;
    return (yodel_redis_condition)atomic_load(&redis->state);
}

int yodel_redis_set_state_handler(yodel_redis *redis, yodel_redis_state_fn *fn, void *user)
{
    if (redis == NULL)
        return -EINVAL;
    if (redis->begun)
        return YODEL_ERR_STATE;
    redis->on_state = fn;
    redis->state_user = user;
    return 0;
}

int yodel_redis_set_refused_handler(yodel_redis *redis, yodel_redis_refused_fn *fn, void *user)
{
    if (redis == NULL)
        return -EINVAL;
    if (redis->begun)
        return YODEL_ERR_STATE;
    redis->on_refused = fn;
    redis->refused_user = user;
    return 0;
}

static uint64_t read_counter(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int yodel_redis_get_stats(const yodel_redis *redis, yodel_redis_stats *ret_stats)
{
    yodel_redis_stats stats = {0};

    if (redis == NULL)
        return -EINVAL;
    stats = (yodel_redis_stats){
        .published = read_counter(&redis->published),
        .received = read_counter(&redis->received),
        .dropped = read_counter(&redis->dropped),
        .malformed = read_counter(&redis->malformed),
        .reconnects = read_counter(&redis->reconnects),
        .lag_ms = read_counter(&redis->lag_ms),
        .waiting = atomic_load_explicit(&redis->waiting, memory_order_relaxed),
        .subscriptions = read_counter(&redis->subscriptions),
        .refused = read_counter(&redis->refused),
    };
    return yd_options_write(ret_stats, &stats, sizeof stats);
}

int yodel_redis_publish(yodel_redis *redis, const char *channel, yodel_bytes payload)
{
    if (redis == NULL)
        return -EINVAL;
    return yd_redis_publish(redis, yodel_str_of(channel), payload, 0);
}

/* ---- commands ---- */

struct asked {
    const struct yodel_allocator *mem;
    yodel_redis_reply_fn *fn;
    yodel_free_fn *free_user;
    void *user;
};

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    const struct asked *asked = arg;

    if (asked->fn != NULL)
        asked->fn(reply, asked->user);
}

static void free_asked(void *arg)
{
    struct asked *asked = arg;

    if (asked->free_user != NULL)
        asked->free_user(asked->user);
    yd_free(asked->mem, asked);
}

int yodel_redis_command(yodel_redis *redis, size_t argc, const yodel_str *argv,
                        yodel_redis_reply_fn *fn, void *user, yodel_free_fn *free_user)
{
    const struct yodel_allocator *mem;
    struct yd_redis_command command = {.argc = argc, .fn = on_reply, .free_arg = free_asked};
    struct asked *asked;
    yodel_bytes *words;
    int rc;

    if (redis == NULL || (argv == NULL && argc > 0)) {
        if (free_user != NULL)
            free_user(user);
        return -EINVAL;
    }
    mem = yd_redis_mem(redis);
    asked = yd_alloc(mem, sizeof *asked);
    words = argc > 0 ? yd_alloc_array(mem, argc, sizeof *words) : NULL;
    if (asked == NULL || words == NULL) {
        if (free_user != NULL)
            free_user(user);
        yd_free(mem, asked);
        yd_free(mem, words);
        return argc == 0 ? -EINVAL : -ENOMEM;
    }
    for (size_t i = 0; i < argc; i++)
        words[i] = (yodel_bytes){(const uint8_t *)argv[i].ptr, argv[i].len};
    *asked = (struct asked){mem, fn, free_user, user};
    command.argv = words;
    command.arg = asked;
    if (argc > 1)
        command.key = argv[1];
    rc = yd_redis_command_of_program(redis, &command);
    yd_free(mem, words);
    return rc;
}

/* ---- replies ---- */

yodel_redis_type yodel_redis_reply_type(const yodel_redis_reply *reply)
{
    return reply != NULL ? reply->type : YODEL_REDIS_NIL;
}

yodel_str yodel_redis_reply_text(const yodel_redis_reply *reply)
{
    return reply != NULL ? reply->text : (yodel_str){NULL, 0};
}

int64_t yodel_redis_reply_integer(const yodel_redis_reply *reply)
{
    return reply != NULL ? reply->integer : 0;
}

size_t yodel_redis_reply_count(const yodel_redis_reply *reply)
{
    return reply != NULL ? reply->num : 0;
}

const yodel_redis_reply *yodel_redis_reply_at(const yodel_redis_reply *reply, size_t index)
{
    return reply != NULL && index < reply->num ? reply->elements[index] : NULL;
}
