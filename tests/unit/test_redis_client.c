/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "net/net.h"
#include "redis/redis.h"
#include "redis_sim.h"

#include <cmocka.h>

/* The client of Redis on a simulated loop, with a small Redis at the other end. */

static struct {
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_net net;
    struct redis_sim sim;
    yodel_redis *redis;
    struct yd_redis_watcher watcher;
    char said[4096]; /* what has been told, a word each */
    bool ended;
    unsigned lines; /* of the log */
    char line[256];
    yodel_log_sink log;
} w;

static void note(const char *word, yodel_str text)
{
    size_t len = strlen(w.said);

    (void)snprintf(w.said + len, sizeof w.said - len, "%s%.*s ", word, (int)text.len, text.ptr);
}

static void on_up(struct yd_redis_watcher *watcher)
{
    note("UP", YODEL_STR(""));
}

static void on_down(struct yd_redis_watcher *watcher)
{
    note("DOWN", YODEL_STR(""));
}

static void on_ended(void *owner)
{
    w.ended = true;
}

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    if (level < YODEL_LOG_WARN)
        return;
    w.lines++;
    (void)snprintf(w.line, sizeof w.line, "%.*s", (int)text.len, text.ptr);
}

static int begin(const yodel_redis_options *options)
{
    struct yd_redis_env env = {
        .loop = w.loop, .mem = w.loop->mem, .log = &w.log, .secret = {1, 2}, .on_ended = on_ended};
    int rc = yd_redis_new(&env, options, &w.redis);

    if (rc < 0)
        return rc;
    w.watcher = (struct yd_redis_watcher){.on_up = on_up, .on_down = on_down};
    yd_redis_on_state(w.redis, &w.watcher);
    yd_redis_begin(w.redis);
    return 0;
}

static void make_world(void)
{
    memset(&w, 0, sizeof w);
    w.log = (yodel_log_sink){on_log, YODEL_LOG_WARN, NULL};
    failmem_init(&w.fm, 0);
}

static void make_loop(void)
{
    struct yd_net_options options = {
        .send_ms = 30000, .linger_ms = 1000, .close_ms = 1000, .discard_ms = 3000};

    failmem_pause(&w.fm);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &w.fm.mem, &w.log, 0, &w.loop), 0);
    assert_int_equal(yd_net_init(&w.net, w.loop, &options), 0);
    redis_sim_start(&w.sim, w.loop);
    failmem_resume(&w.fm);
}

static void end_world(void)
{
    if (w.redis != NULL) {
        yd_redis_abandon(w.redis);
        yodel_redis_unref(w.redis);
        w.redis = NULL;
    }
    sim_advance(w.loop, 5000);
    redis_sim_stop(&w.sim);
    yd_loop_close(w.loop);
    yd_loop_free(w.loop);
    yd_net_done(&w.net);
}

static int setup(void **state)
{
    make_world();
    make_loop();
    return 0;
}

static int teardown(void **state)
{
    end_world();
    failmem_assert_empty(&w.fm);
    return 0;
}

/* ---- subscribers ---- */

struct sub {
    struct yd_redis_sub base;
    unsigned messages;
};

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    ((struct sub *)sub)->messages++;
    note("<", (yodel_str){(const char *)payload.ptr, payload.len});
}

static void on_active(struct yd_redis_sub *sub, bool active)
{
    note(active ? "+" : "-", sub->name);
}

static int subscribe(struct sub *sub, enum yd_redis_kind kind, const char *name)
{
    *sub = (struct sub){.base = {.kind = kind,
                                 .name = yodel_str_of(name),
                                 .on_message = on_message,
                                 .on_active = on_active}};
    return yd_redis_subscribe(w.redis, &sub->base);
}

static int publish(const char *channel, const char *payload)
{
    return yd_redis_publish(w.redis, yodel_str_of(channel),
                            (yodel_bytes){(const uint8_t *)payload, strlen(payload)}, 0);
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    if (reply == NULL)
        note("lost", YODEL_STR(""));
    else if (reply->type == YODEL_REDIS_INTEGER)
        note("int", YODEL_STR(""));
    else
        note("=", reply->text);
}

static void free_arg(void *arg)
{
    ++*(unsigned *)arg;
}

static int ask(unsigned *freed, const char *a, const char *b, const char *c)
{
    const char *words[] = {a, b, c};
    yodel_bytes argv[3];
    size_t argc = 0;

    for (; argc < 3 && words[argc] != NULL; argc++)
        argv[argc] = (yodel_bytes){(const uint8_t *)words[argc], strlen(words[argc])};
    return yd_redis_command(
        w.redis,
        &(struct yd_redis_command){
            .argc = argc, .argv = argv, .fn = on_reply, .arg = freed, .free_arg = free_arg});
}

static yodel_redis_stats stats(void)
{
    yodel_redis_stats all = {.size = sizeof all};

    assert_int_equal(yodel_redis_get_stats(w.redis, &all), 0);
    return all;
}

/* ---- tests ---- */

static void test_redis_passes_messages(void **state)
{
    static struct sub a, b, p;
    unsigned freed = 0;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    assert_int_equal(subscribe(&b, YD_REDIS_CHANNEL, "a"), 0);
    assert_int_equal(subscribe(&p, YD_REDIS_PATTERN, "a*"), 0);
    redis_sim_run(&w.sim);
    assert_string_equal(w.said, "+a +a +a* UP ");
    assert_int_equal(redis_sim_num_seen(&w.sim, "SUBSCRIBE a"), 1);
    w.said[0] = '\0';
    assert_int_equal(publish("a", "hello"), 0);
    assert_int_equal(ask(&freed, "SET", "k", "v"), 0);
    assert_int_equal(ask(&freed, "GET", "k", NULL), 0);
    redis_sim_run(&w.sim);
    assert_non_null(strstr(w.said, "<hello <hello <hello "));
    assert_non_null(strstr(w.said, "=OK =v "));
    assert_int_equal(freed, 2);
    assert_int_equal(stats().published, 3);
    assert_int_equal(stats().received, 2);
    assert_int_equal(stats().waiting, 0);
    yd_redis_unsubscribe(w.redis, &a.base);
    redis_sim_run(&w.sim);
    assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "a"), 1);
    yd_redis_unsubscribe(w.redis, &b.base);
    yd_redis_unsubscribe(w.redis, &p.base);
    redis_sim_run(&w.sim);
    assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "a"), 0);
    assert_int_equal(redis_sim_num_subscribed(&w.sim, 'p', "a*"), 0);
}

static void test_redis_byte_by_byte(void **state)
{
    static struct sub a;

    w.sim.chop = 1;
    assert_int_equal(begin(YODEL_OPTIONS(yodel_redis_options, .password = "pw", .database = 3)), 0);
    (void)snprintf(w.sim.password, sizeof w.sim.password, "pw");
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    redis_sim_run(&w.sim);
    assert_string_equal(w.said, "+a UP ");
    assert_memory_equal(w.sim.log.ptr, "AUTH pw\nSELECT 3\nCLIENT SETNAME yodel\nPING\n", 43);
    redis_sim_publish(&w.sim, "a", "one\r\ntwo");
    redis_sim_run(&w.sim);
    assert_string_equal(w.said, "+a UP <one\r\ntwo ");
    yd_redis_unsubscribe(w.redis, &a.base);
}

/* R1: nothing is UP before all that is wanted is confirmed. */
static void test_redis_comes_back(void **state)
{
    static struct sub subs[20];
    char names[20][8];

    assert_int_equal(begin(NULL), 0);
    for (unsigned i = 0; i < YD_LEN(subs); i++) {
        (void)snprintf(names[i], sizeof names[i], "c%u", i);
        assert_int_equal(subscribe(&subs[i], YD_REDIS_CHANNEL, names[i]), 0);
    }
    redis_sim_run(&w.sim);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    redis_sim_kill(&w.sim);
    redis_sim_advance(&w.sim, 2000);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_DOWN);
    assert_int_equal(publish("c3", "kept"), 0);
    redis_sim_revive(&w.sim);
    redis_sim_forget(&w.sim);
    w.said[0] = '\0';
    redis_sim_advance(&w.sim, 1500);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    for (unsigned i = 0; i < YD_LEN(subs); i++)
        assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', names[i]), 1);
    assert_int_equal(redis_sim_num_seen(&w.sim, "PUBLISH c3 kept"), 1);
    assert_true(strstr(w.said, "+c19 ") < strstr(w.said, "UP "));
    assert_int_equal(stats().reconnects, 2);
    assert_true(w.lines <= 2);
    for (unsigned i = 0; i < YD_LEN(subs); i++)
        yd_redis_unsubscribe(w.redis, &subs[i].base);
}

/* R2: whatever goes on meanwhile, in the end Redis has exactly what is wanted. */
static void test_redis_reconciles(void **state)
{
    enum { NUM = 40 };
    static struct sub subs[NUM];
    char names[NUM][8];
    bool wanted[NUM] = {false};
    unsigned random = 12345;

    assert_int_equal(begin(NULL), 0);
    redis_sim_run(&w.sim);
    for (unsigned i = 0; i < NUM; i++)
        (void)snprintf(names[i], sizeof names[i], "c%u", i);
    for (unsigned step = 0; step < 2000; step++) {
        unsigned i = (random = random * 1103515245 + 12345) / 65536 % NUM;

        if (wanted[i])
            yd_redis_unsubscribe(w.redis, &subs[i].base);
        else
            assert_int_equal(subscribe(&subs[i], YD_REDIS_CHANNEL, names[i]), 0);
        wanted[i] = !wanted[i];
        if (step % 7 == 0)
            sim_turn(w.loop);
        if (step % 11 == 0)
            redis_sim_run(&w.sim);
        if (step % 97 == 0)
            redis_sim_break(&w.sim);
        if (step % 31 == 0)
            redis_sim_advance(&w.sim, 40);
    }
    redis_sim_advance(&w.sim, 3000);
    for (unsigned i = 0; i < NUM; i++)
        assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', names[i]), wanted[i]);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    assert_int_equal(stats().malformed, 0);
    for (unsigned i = 0; i < NUM; i++)
        yd_redis_unsubscribe(w.redis, &subs[i].base);
}

/* R4: a Redis that hangs is found by PING, and what was sent is not sent again. */
static void test_redis_hangs(void **state)
{
    unsigned freed = 0;

    assert_int_equal(begin(NULL), 0);
    redis_sim_run(&w.sim);
    w.sim.frozen = true;
    assert_int_equal(publish("a", "sent"), 0);
    assert_int_equal(ask(&freed, "GET", "k", NULL), 0);
    redis_sim_run(&w.sim);
    redis_sim_advance(&w.sim, 6000);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_DOWN);
    assert_non_null(strstr(w.said, "lost "));
    assert_int_equal(freed, 1);
    assert_int_equal(stats().dropped, 2);
    assert_int_equal(publish("a", "waits"), 0);
    redis_sim_break(&w.sim);
    w.sim.frozen = false;
    redis_sim_forget(&w.sim);
    redis_sim_advance(&w.sim, 2000);
    assert_int_equal(redis_sim_num_seen(&w.sim, "PUBLISH a waits"), 1);
    assert_int_equal(redis_sim_num_seen(&w.sim, "PUBLISH a sent"), 0);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
}

/* Tells who a connection is, as Redis does. */
static bool tell_self(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                      const yodel_str *argv)
{
    const char *self = sim->arg;

    if (argc != 2 || !yodel_str_eq(argv[1], YODEL_STR("INFO")))
        return false;
    redis_sim_say_bulk(sim, conn, self, strlen(self));
    return true;
}

/* What a lost connection has sent may arrive later than what the next one sends: that ends it. */
static void test_redis_ends_the_last_connection(void **state)
{
    static const struct {
        char self[128];
        const char *line; /* NULL: it cannot be told from others */
    } cases[] = {
        {"id=7 addr=10.0.0.1:4242 laddr=10.0.0.9:6379 name=yodel",
         "CLIENT KILL ID 7 ADDR 10.0.0.1:4242"},
        {"laddr=1:2 addr=[::1]:9 name=a id=123\n", "CLIENT KILL ID 123 ADDR [::1]:9"},
        {"id=7 addr=/run/redis.sock:0 name=yodel", NULL},
        {"id=1234567890123456789012345 addr=10.0.0.1:1", NULL},
        {"id=7 addr=", NULL},
        {"id=7", NULL},
        {"", NULL},
    };

    w.sim.on_command = tell_self;
    for (size_t i = 0; i < YD_LEN(cases); i++) {
        w.sim.arg = (void *)cases[i].self;
        if (i == 0)
            assert_int_equal(begin(NULL), 0);
        redis_sim_break(&w.sim);
        redis_sim_advance(&w.sim, 3000);
        redis_sim_forget(&w.sim);
        redis_sim_break(&w.sim);
        redis_sim_advance(&w.sim, 3000);
        assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
        if (cases[i].line != NULL)
            assert_int_equal(redis_sim_num_seen(&w.sim, cases[i].line), 1);
        else
            assert_null(memmem(w.sim.log.ptr, w.sim.log.len, "KILL", 4));
    }
}

/* A quiet connection is kept: a clock that jumps is no reason to drop it. */
static void test_redis_pings(void **state)
{
    static struct sub a;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    redis_sim_run(&w.sim);
    redis_sim_advance(&w.sim, 20000);
    assert_int_equal(stats().reconnects, 0);
    assert_true(redis_sim_num_seen(&w.sim, "PING") >= 10);
    sim_sleep(w.loop, 60000);
    redis_sim_advance(&w.sim, 10000);
    assert_int_equal(stats().reconnects, 0);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    yd_redis_unsubscribe(w.redis, &a.base);
}

static void test_redis_refuses_when_full(void **state)
{
    char big[512];

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    w.sim.down = true;
    assert_int_equal(
        begin(YODEL_OPTIONS(yodel_redis_options, .max_queue = 4000, .max_publish = 1000)), 0);
    redis_sim_run(&w.sim);
    for (int i = 0; i < 7; i++)
        assert_int_equal(publish("a", big), 0);
    assert_int_equal(publish("a", big), YODEL_ERR_CONGESTED);
    assert_true(stats().waiting <= 4000);
    assert_int_equal(stats().dropped, 1);
    redis_sim_revive(&w.sim);
    redis_sim_advance(&w.sim, 2000);
    assert_int_equal(stats().published, 7);
    assert_int_equal(stats().waiting, 0);
    assert_int_equal(yd_redis_publish(w.redis, YODEL_STR(""), (yodel_bytes){NULL, 0}, 0), -EINVAL);
    assert_int_equal(
        yd_redis_publish(w.redis, YODEL_STR("a"), (yodel_bytes){(const uint8_t *)big, 1001}, 0),
        YODEL_ERR_TOO_BIG);
}

static void test_redis_drops_oldest(void **state)
{
    char text[300];

    w.sim.down = true;
    assert_int_equal(begin(YODEL_OPTIONS(yodel_redis_options, .max_queue = 4000,
                                         .policy = YODEL_REDIS_DROP_OLDEST)),
                     0);
    redis_sim_run(&w.sim);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "%d %0250d", i, 0);
        assert_int_equal(publish("a", text), 0);
        redis_sim_run(&w.sim);
    }
    assert_true(stats().waiting <= 4000);
    redis_sim_revive(&w.sim);
    redis_sim_advance(&w.sim, 2000);
    assert_int_equal(redis_sim_num_seen(&w.sim, "PUBLISH a 0 0"), 0);
    assert_true(stats().published >= 10 && stats().published < 16);
    assert_int_equal(stats().published + stats().dropped, 100);
}

static void end_client(const struct yd_redis_reply *reply, void *arg)
{
    assert_null(reply);
    yd_redis_abandon(w.redis);
}

/* Who is told of what is dropped ends the client: what it was dropped for is not kept. */
static void test_redis_ends_while_it_drops(void **state)
{
    const yodel_bytes argv[] = {{(const uint8_t *)"GET", 3}, {(const uint8_t *)"k", 1}};
    const struct yd_redis_command command = {.argc = 2, .argv = argv, .fn = end_client};
    char text[300];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    w.sim.down = true;
    assert_int_equal(begin(YODEL_OPTIONS(yodel_redis_options, .max_queue = 300,
                                         .policy = YODEL_REDIS_DROP_OLDEST)),
                     0);
    redis_sim_run(&w.sim);
    assert_int_equal(yd_redis_command(w.redis, &command), 0);
    assert_int_equal(publish("a", text), 0);
    redis_sim_run(&w.sim);
    assert_true(w.ended);
    assert_int_equal(stats().waiting, 0);
}

/* R5 */
static void test_redis_wrong_password(void **state)
{
    (void)snprintf(w.sim.password, sizeof w.sim.password, "right");
    assert_int_equal(begin(YODEL_OPTIONS(yodel_redis_options, .password = "wrong")), 0);
    redis_sim_advance(&w.sim, 9000);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_DOWN);
    assert_true(w.sim.num_conns < 40);
    assert_int_equal(w.lines, 1);
    assert_non_null(strstr(w.line, "WRONGPASS"));
    (void)snprintf(w.sim.password, sizeof w.sim.password, "wrong");
    redis_sim_advance(&w.sim, 1500);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
}

static void test_redis_no_permission(void **state)
{
    static struct sub a, b;

    (void)snprintf(w.sim.refuse, sizeof w.sim.refuse, "secret");
    assert_int_equal(begin(NULL), 0);
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    assert_int_equal(subscribe(&b, YD_REDIS_CHANNEL, "secret"), 0);
    redis_sim_advance(&w.sim, 8000);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_DEGRADED);
    assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "a"), 1);
    assert_int_equal(w.lines, 1);
    assert_non_null(strstr(w.line, "secret"));
    assert_true(redis_sim_num_seen(&w.sim, "SUBSCRIBE secret") < 12);
    assert_int_equal(publish("secret", "x"), 0);
    redis_sim_run(&w.sim);
    assert_int_equal(stats().dropped, 1);
    w.sim.refuse[0] = '\0';
    redis_sim_advance(&w.sim, 1500);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "secret"), 1);
    yd_redis_unsubscribe(w.redis, &a.base);
    yd_redis_unsubscribe(w.redis, &b.base);
}

/* It dies after each byte that it says. */
static void test_redis_death_at_every_byte(void **state)
{
    for (size_t at = 1; at < 250; at += 3) {
        static struct sub a;

        assert_int_equal(begin(NULL), 0);
        assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
        (void)publish("a", "x");
        w.sim.chop = 1;
        for (size_t turn = 0; turn < at; turn++) {
            sim_turn(w.loop);
            if (turn % 4 == 0) {
                w.sim.frozen = false;
                redis_sim_publish(&w.sim, "a", "y");
            }
        }
        redis_sim_break(&w.sim);
        w.sim.chop = 0;
        redis_sim_advance(&w.sim, 1000);
        assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
        assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "a"), 1);
        yd_redis_unsubscribe(w.redis, &a.base);
        yd_redis_abandon(w.redis);
        w.redis = yodel_redis_unref(w.redis);
        redis_sim_run(&w.sim);
    }
}

static bool lie(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                const yodel_str *argv)
{
    redis_sim_say(sim, conn, sim->arg);
    return true;
}

/* Hostile replies end the connection, count, and cost little. */
static void test_redis_lies(void **state)
{
    static const char *const lies[] = {"*2147483648",
                                       "$-2",
                                       "HTTP/1.1 200 OK",
                                       "*3\r\n$7\r\nmessage\r\n:1\r\n:2",
                                       "*0",
                                       "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1",
                                       "*3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:1",
                                       "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0",
                                       "$1073741824",
                                       "+OK\r\n+OK\r\n+OK\r\n+OK",
                                       ":1\r\n:2\r\n*2\r\n$4\r\npong\r\n$0\r\n"};
    static struct sub a;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    redis_sim_run(&w.sim);
    for (size_t i = 0; i < YD_LEN(lies); i++) {
        unsigned before;

        w.sim.on_command = lie;
        w.sim.arg = (void *)lies[i];
        (void)publish("a", "x");
        redis_sim_advance(&w.sim, 5000);
        before = w.sim.num_conns;
        redis_sim_advance(&w.sim, 5000);
        assert_true(w.sim.num_conns - before < 40);
        w.sim.on_command = NULL;
        redis_sim_break(&w.sim);
        redis_sim_advance(&w.sim, 8000);
        assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    }
    assert_true(stats().malformed > 0);
    yd_redis_unsubscribe(w.redis, &a.base);
}

/* Everything is allowed inside a message. */
static void on_busy_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct sub *self = (struct sub *)sub;

    self->messages++;
    yd_redis_unsubscribe(w.redis, sub);
    assert_int_equal(yd_redis_subscribe(w.redis, sub), 0);
    if (self->messages == 3)
        yd_redis_abandon(w.redis);
}

static void test_redis_handlers_do_anything(void **state)
{
    static struct sub a, b;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(subscribe(&a, YD_REDIS_CHANNEL, "a"), 0);
    assert_int_equal(subscribe(&b, YD_REDIS_CHANNEL, "a"), 0);
    a.base.on_message = on_busy_message;
    redis_sim_run(&w.sim);
    for (int i = 0; i < 5; i++)
        redis_sim_publish(&w.sim, "a", "x");
    redis_sim_run(&w.sim);
    assert_int_equal(a.messages, 3);
    assert_true(b.messages <= 3);
    assert_true(w.ended);
    yd_redis_unsubscribe(w.redis, &a.base);
    yd_redis_unsubscribe(w.redis, &b.base);
}

/* A stop sends what was published, and waits for the replies. */
static void test_redis_finishes(void **state)
{
    unsigned freed = 0;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(publish("a", "first"), 0);
    assert_int_equal(ask(&freed, "SET", "k", "v"), 0);
    yd_redis_finish(w.redis);
    assert_false(w.ended);
    assert_int_equal(publish("a", "late"), YODEL_ERR_CLOSED);
    redis_sim_run(&w.sim);
    assert_true(w.ended);
    assert_int_equal(redis_sim_num_seen(&w.sim, "PUBLISH a first"), 1);
    assert_int_equal(freed, 1);
}

static void test_redis_finish_without_redis(void **state)
{
    w.sim.down = true;
    assert_int_equal(begin(NULL), 0);
    redis_sim_run(&w.sim);
    yd_redis_finish(w.redis);
    assert_true(w.ended); /* nothing waits */
}

/* ---- readers ---- */

struct reader {
    struct yd_redis_reader base;
    unsigned rounds;
};

static int make_round(struct yd_redis_reader *base, struct yd_redis_words *words)
{
    static const char *const all[] = {"XREAD", "BLOCK", "500", "STREAMS", "s", "0"};

    for (size_t i = 0; i < YD_LEN(all); i++)
        if (yd_redis_words_add_text(words, all[i]) < 0)
            return -ENOMEM;
    return 0;
}

static void on_round(struct yd_redis_reader *base, const struct yd_redis_reply *reply)
{
    struct reader *self = (struct reader *)base;

    if (reply != NULL && reply->type == YODEL_REDIS_ARRAY && ++self->rounds == 3)
        yd_redis_reader_stop(base);
    if (reply != NULL && reply->type == YODEL_REDIS_ARRAY)
        note("*", reply->elements[0]->elements[0]->text);
    else
        note(reply == NULL ? "lost" : "nil", YODEL_STR(""));
}

static void test_redis_reader(void **state)
{
    const yodel_bytes argv[] = {{(const uint8_t *)"XADD", 4},
                                {(const uint8_t *)"s", 1},
                                {(const uint8_t *)"*", 1},
                                {(const uint8_t *)"k", 1},
                                {(const uint8_t *)"v", 1}};
    struct reader reader = {.base = {.make = make_round, .on_reply = on_round, .block_ms = 500}};
    unsigned freed = 0;

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(yd_redis_reader_start(w.redis, &reader.base), 0);
    redis_sim_advance(&w.sim, 700);
    assert_non_null(strstr(w.said, "nil "));
    redis_sim_break(&w.sim);
    redis_sim_advance(&w.sim, 200);
    assert_non_null(strstr(w.said, "lost "));
    assert_int_equal(ask(&freed, "PING", NULL, NULL), 0);
    assert_int_equal(yd_redis_command(w.redis, &(struct yd_redis_command){.argc = 5, .argv = argv}),
                     0);
    redis_sim_advance(&w.sim, 1000);
    assert_int_equal(reader.rounds, 3);
    assert_null(reader.base.round);
}

static bool has_read(const struct yd_redis_reader *base)
{
    return strstr(w.said, "nil ") != NULL;
}

/* Connected is not enough: what comes ahead of its first reply is missed. */
static void test_redis_waits_for_readers(void **state)
{
    struct reader reader = {
        .base = {.make = make_round, .on_reply = on_round, .is_ready = has_read, .block_ms = 500}};

    assert_int_equal(begin(NULL), 0);
    assert_int_equal(yd_redis_reader_start(w.redis, &reader.base), 0);
    redis_sim_advance(&w.sim, 300);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_DEGRADED);
    redis_sim_advance(&w.sim, 400);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    yd_redis_reader_stop(&reader.base);
}

/* ---- memory ---- */

/* Out of memory the client loses a connection at worst, and comes back. */
static void test_redis_out_of_memory(void **state)
{
    struct failmem *fm = &w.fm;

    end_world();
    make_world();
    FAILMEM_LOOP(fm)
    {
        static struct sub a;
        int made, subscribed = -1, published = -1;
        unsigned freed = 0;

        w.said[0] = '\0';
        w.ended = false;
        make_loop();
        if ((made = begin(NULL)) == 0) {
            subscribed = subscribe(&a, YD_REDIS_CHANNEL, "a");
            published = publish("b", "x");
            (void)ask(&freed, "GET", "k", NULL);
            redis_sim_run(&w.sim);
            redis_sim_publish(&w.sim, "a", "hello");
            redis_sim_advance(&w.sim, 4000);
            failmem_pause(fm);
            redis_sim_advance(&w.sim, 2000);
            failmem_resume(fm);
            assert_int_equal(freed, 1);
            assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
            assert_int_equal(redis_sim_num_subscribed(&w.sim, 'c', "a"), subscribed == 0);
            yd_redis_unsubscribe(w.redis, &a.base);
        }
        failmem_assert_whole(fm,
                             made < 0         ? made
                             : subscribed < 0 ? subscribed
                                              : published,
                             true, true);
        end_world();
        failmem_assert_empty(fm);
    }
    make_loop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_redis_passes_messages),
        FIXTURE_TEST(test_redis_byte_by_byte),
        FIXTURE_TEST(test_redis_comes_back),
        FIXTURE_TEST(test_redis_reconciles),
        FIXTURE_TEST(test_redis_hangs),
        FIXTURE_TEST(test_redis_ends_the_last_connection),
        FIXTURE_TEST(test_redis_pings),
        FIXTURE_TEST(test_redis_refuses_when_full),
        FIXTURE_TEST(test_redis_drops_oldest),
        FIXTURE_TEST(test_redis_ends_while_it_drops),
        FIXTURE_TEST(test_redis_wrong_password),
        FIXTURE_TEST(test_redis_no_permission),
        FIXTURE_TEST(test_redis_death_at_every_byte),
        FIXTURE_TEST(test_redis_lies),
        FIXTURE_TEST(test_redis_handlers_do_anything),
        FIXTURE_TEST(test_redis_finishes),
        FIXTURE_TEST(test_redis_finish_without_redis),
        FIXTURE_TEST(test_redis_reader),
        FIXTURE_TEST(test_redis_waits_for_readers),
        FIXTURE_TEST(test_redis_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
