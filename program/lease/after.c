/* SPDX-License-Identifier: MIT */
#include "lease/after.h"

#include <stdlib.h>
#include <yodel/loop.h>

struct yg_after {
    yodel_server *server;
    yodel_redis *redis;
    yg_after_fn *fn;
    void *user;
    uint32_t ms;
    yodel_timer timer;
    unsigned num_open; /* commands without a reply */
    int num_taken;
};

/* Twice: nothing is waited for. */
static void stop(struct yg_after *after)
{
    yodel_server_stop(after->server, 0);
    yodel_server_stop(after->server, 0);
}

struct sent {
    struct yg_after *after;
    bool *taken;
};

static void on_reply(const yodel_redis_reply *reply, void *user)
{
    const struct sent *sent = user;
    struct yg_after *after = sent->after;

    if (reply != NULL && yodel_redis_reply_type(reply) != YODEL_REDIS_ERROR) {
        after->num_taken++;
        if (sent->taken != NULL)
            *sent->taken = true;
    }
    if (--after->num_open == 0)
        stop(after);
}

void yg_after_send(struct yg_after *after, size_t argc, const yodel_str *argv, bool *taken)
{
    struct sent *sent = calloc(1, sizeof(*sent));

    if (sent == NULL)
        return;
    sent->after = after;
    sent->taken = taken;
    if (yodel_redis_command(after->redis, argc, argv, on_reply, sent, free) == 0)
        after->num_open++;
}

static void on_time(yodel_timer *timer, void *user)
{
    (void)timer;
    stop(user);
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_after *after = user;

    yodel_timer_init(&after->timer, loop, on_time, after);
    if (yodel_timer_start(&after->timer, after->ms) < 0)
        return -1;
    after->fn(after, after->user);
    if (after->num_open == 0)
        stop(after);
    return 0;
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_after *after = user;

    (void)loop;
    (void)yodel_timer_stop(&after->timer);
}

static int run(struct yg_after *after, const char *url)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    int rc = yodel_redis_new(after->server, YODEL_OPTIONS(yodel_redis_options, .url = url),
                             &after->redis);

    if (rc == 0)
        rc = yodel_server_add_loop_handlers(after->server, &handlers, after);
    return rc == 0 ? yodel_server_run(after->server) : rc;
}

int yg_after_run(const char *url, uint32_t ms, yg_after_fn *fn, void *user)
{
    struct yg_after after = {.fn = fn, .user = user, .ms = ms > 0 ? ms : 1};
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &after.server);

    if (rc < 0)
        return rc;
    rc = run(&after, url);
    after.redis = yodel_redis_unref(after.redis);
    yodel_server_unref(after.server);
    return rc < 0 ? rc : after.num_taken;
}
