/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "net/net.h"
#include "redis/redis.h"
#include "redis_sim.h"

/* The input is a program: what the owner of a client of Redis does, what its Redis does, when it
 * lies and what it says then, when memory fails.  At the end every command has been told of once,
 * and all memory is free. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUM_SUBS 6
#define MOST_STEPS 400

struct world {
    const uint8_t *data;
    size_t size;
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_net net;
    struct redis_sim sim;
    yodel_redis *redis;
    struct yd_redis_sub subs[NUM_SUBS];
    struct yd_redis_reader reader;
    struct yd_redis_watcher watcher;
    unsigned asked, told, freed, lies, depth;
    bool in_handler;
};

static struct world *world; /* of this program */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static unsigned draw(unsigned most)
{
    if (world->size == 0)
        return 0;
    world->size--;
    return *world->data++ % most;
}

static void run_step(unsigned step);

/* Handlers do what the program says. */
static void act(void)
{
    if (world->depth > 3)
        return;
    world->depth++;
    run_step(draw(12));
    world->depth--;
}

/* ---- handlers ---- */

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    require(sub->entry != NULL && channel.len + payload.len < (1u << 20));
    act();
}

static void on_active(struct yd_redis_sub *sub, bool active)
{
    require(sub->entry != NULL && sub->active == active);
    if (draw(4) == 3)
        act();
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    (void)arg;
    (void)reply;
    world->told++;
    if (draw(4) == 3)
        act();
}

static void on_freed(void *arg)
{
    (void)arg;
    world->freed++;
}

static int make(struct yd_redis_reader *reader, struct yd_redis_words *words)
{
    (void)reader;
    if (draw(8) == 7)
        return -ENOMEM;
    if (yd_redis_words_add_text(words, "XREAD") < 0 ||
        yd_redis_words_add_text(words, "BLOCK") < 0 || yd_redis_words_add_text(words, "100") < 0 ||
        yd_redis_words_add_text(words, "STREAMS") < 0 || yd_redis_words_add_text(words, "s") < 0 ||
        yd_redis_words_add_text(words, "0") < 0)
        return -ENOMEM;
    return 0;
}

static void on_entries(struct yd_redis_reader *reader, const struct yd_redis_reply *reply)
{
    (void)reader;
    (void)reply;
    act();
}

static void on_news(struct yd_redis_watcher *watcher)
{
    (void)watcher;
    act();
}

/* ---- what Redis says when it lies ---- */

static const char *const lies[] = {
    "+OK",
    "-NOAUTH Authentication required.",
    "-LOADING Redis is loading the dataset in memory",
    "-MOVED 15495 127.0.0.1:7001",
    "-MOVED 99999 :0",
    "-MOVED 3 [::1]:70000",
    "-CLUSTERDOWN Hash slot not served",
    "-READONLY You can't write against a read only replica.",
    "-NOPERM no",
    ":1",
    "$-1",
    "*0",
    "*-1",
    "*3\r\n$7\r\nmessage\r\n$2\r\nc0\r\n$1\r\nx",
    "*4\r\n$8\r\npmessage\r\n$2\r\nc1\r\n$2\r\nc1\r\n$1\r\nx",
    "*3\r\n$8\r\nsmessage\r\n$2\r\nc2\r\n$1\r\nx",
    "*3\r\n$9\r\nsubscribe\r\n$2\r\nc0\r\n:1",
    "*3\r\n$11\r\nunsubscribe\r\n$2\r\nc0\r\n:0",
    "*3\r\n$12\r\nsunsubscribe\r\n$2\r\nc2\r\n:0",
    "*3\r\n$12\r\nsunsubscribe\r\n$2\r\nc5\r\n:0",
    "*2\r\n$4\r\npong\r\n$0\r\n",
    "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:7000",
    "*1\r\n*3\r\n:0\r\n:8000\r\n*2\r\n$0\r\n\r\n:7000",
    "*1\r\n*3\r\n:-1\r\n:99999\r\n*2\r\n$-1\r\n:0",
    "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7000",
    "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999",
    "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$33\r\nmymaster 127.0.0.1 1 127.0.0.1 7002",
    "*2147483648",
    "$-2",
    "$1073741824",
    "what",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1",
    "*3\r\n$6\r\nmaster\r\n:0\r\n*0",
    "*3\r\n$5\r\nslave\r\n:0\r\n*0",
};

static bool on_command(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                       const yodel_str *argv)
{
    char raw[64];
    unsigned len;

    (void)argc;
    (void)argv;
    if (world->lies == 0)
        return false;
    world->lies--;
    switch (draw(4)) {
    case 0:
        return false;
    case 1:
        return true; /* it says nothing */
    case 2:
        redis_sim_say(sim, conn, lies[draw(sizeof lies / sizeof lies[0])]);
        return draw(2) == 0;
    default:
        len = draw(32);
        for (unsigned i = 0; i < len; i++)
            raw[i] = (char)(1 + draw(255));
        raw[len] = '\0';
        redis_sim_say(sim, conn, raw);
        return true;
    }
}

/* ---- what its owner does ---- */

static void toggle(unsigned i)
{
    static const char *const names[] = {"c0", "c1", "c2"};
    struct yd_redis_sub *sub = &world->subs[i];

    if (sub->entry != NULL) {
        yd_redis_unsubscribe(world->redis, sub);
        return;
    }
    *sub = (struct yd_redis_sub){.kind = (enum yd_redis_kind)(i % 3),
                                 .name = yodel_str_of(names[i / 2]),
                                 .on_message = on_message,
                                 .on_active = on_active};
    (void)yd_redis_subscribe(world->redis, sub);
}

static void publish(void)
{
    static const uint8_t payload[600];
    const char *channel = draw(2) ? "c0" : "c2";

    (void)yd_redis_publish(world->redis, yodel_str_of(channel),
                           (yodel_bytes){payload, 100 * draw(7)}, draw(2));
}

static void ask(void)
{
    static const char *const words[] = {"GET", "INCR", "FLUSHALL", "NONSENSE"};
    const char *word = words[draw(4)];
    const yodel_bytes argv[] = {{(const uint8_t *)word, strlen(word)}, {(const uint8_t *)"k", 1}};
    const struct yd_redis_command command = {.argc = 2,
                                             .argv = argv,
                                             .fn = on_reply,
                                             .free_arg = on_freed,
                                             .key =
                                                 draw(2) ? YODEL_STR("k") : (yodel_str){NULL, 0}};
    unsigned freed = world->freed;

    if (yd_redis_command(world->redis, &command) == 0)
        world->asked++;
    else
        world->freed = freed; /* it frees at once, and tells nobody */
}

static void run_step(unsigned step)
{
    switch (step) {
    case 1:
        toggle(draw(NUM_SUBS));
        break;
    case 2:
        publish();
        break;
    case 3:
        ask();
        break;
    case 4:
        (void)yd_redis_reader_start(world->redis, &world->reader);
        break;
    case 5:
        yd_redis_reader_stop(&world->reader);
        break;
    case 6:
        world->lies = draw(4);
        break;
    case 7:
        redis_sim_break(&world->sim);
        break;
    case 8:
        redis_sim_publish(&world->sim, draw(2) ? "c0" : "c1", "payload");
        break;
    case 9:
        world->sim.frozen = draw(2);
        world->sim.down = draw(4) == 3;
        world->sim.chop = draw(5);
        break;
    case 10:
        if (draw(8) == 7)
            yd_redis_finish(world->redis);
        break;
    case 11:
        if (draw(16) == 15)
            yd_redis_abandon(world->redis);
        break;
    default:
        break;
    }
}

static void run_outer_step(void)
{
    unsigned step = draw(16);

    if (step < 12)
        run_step(step);
    else if (step == 12)
        sim_turn(world->loop);
    else if (step == 13)
        redis_sim_run(&world->sim);
    else if (step == 14)
        redis_sim_advance(&world->sim, 20 * draw(256));
    else
        world->fm.fail_at = world->fm.calls + 1 + draw(16);
}

/* ---- the world ---- */

static bool begin(void)
{
    static const char *const nodes[] = {"127.0.0.1:7000", "127.0.0.1:7001"};
    const yodel_redis_mode mode = (yodel_redis_mode)draw(3);
    struct yd_redis_env env = {.loop = world->loop, .mem = &world->fm.mem, .secret = {3, 4}};
    yodel_redis_options options = {.size = sizeof options,
                                   .mode = mode,
                                   .password = draw(2) ? "pw" : NULL,
                                   .max_queue = 2000,
                                   .max_reply = 8192,
                                   .policy = (yodel_redis_policy)draw(2)};

    if (mode != YODEL_REDIS_SINGLE) {
        options.nodes = nodes;
        options.num_nodes = 2;
    }
    if (yd_redis_new(&env, &options, &world->redis) < 0)
        return false;
    world->watcher =
        (struct yd_redis_watcher){.on_up = on_news, .on_down = on_news, .on_finish = on_news};
    yd_redis_on_state(world->redis, &world->watcher);
    world->reader = (struct yd_redis_reader){.make = make, .on_reply = on_entries, .block_ms = 100};
    yd_redis_begin(world->redis);
    return true;
}

static void end(void)
{
    world->size = 0;
    world->fm.fail_at = 0;
    for (unsigned i = 0; i < NUM_SUBS; i++)
        yd_redis_unsubscribe(world->redis, &world->subs[i]);
    yd_redis_reader_stop(&world->reader);
    yd_redis_off_state(world->redis, &world->watcher);
    yd_redis_abandon(world->redis);
    yodel_redis_unref(world->redis);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_net_options options = {
        .send_ms = 30000, .linger_ms = 1000, .close_ms = 1000, .discard_ms = 3000};
    struct world here = {.data = data, .size = size};

    world = &here;
    failmem_init(&here.fm, 0);
    require(yd_loop_new(&yd_loop_sim, &here.fm.mem, NULL, 0, &here.loop) == 0);
    require(yd_net_init(&here.net, here.loop, &options) == 0);
    redis_sim_start(&here.sim, here.loop);
    here.sim.on_command = on_command;
    if (begin()) {
        for (unsigned i = 0; i < MOST_STEPS && here.size > 0; i++)
            run_outer_step();
        end();
    }
    sim_advance(here.loop, 10000);
    require(here.told == here.asked && here.freed == here.asked);
    redis_sim_stop(&here.sim);
    yd_loop_close(here.loop);
    yd_loop_free(here.loop);
    yd_net_done(&here.net);
    require(here.fm.blocks == 0);
    world = NULL;
    return 0;
}
