/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failmem.h"
#include "net/net.h"
#include "redis/redis.h"
#include "redis_sim.h"

#include <cmocka.h>

/* Scripts that a client of Redis runs again and again. */

#define SCRIPT "return 1"
#define DIGEST "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

static struct {
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_net net;
    struct redis_sim sim;
    yodel_redis *redis;
    const char *refused; /* word of commands that are refused with NOPERM; NULL: none */
    bool has_script;
    char said[2000];
} w;

static void note(const char *word, yodel_str text)
{
    size_t len = strlen(w.said);

    (void)snprintf(w.said + len, sizeof w.said - len, "%s%.*s ", word, (int)text.len, text.ptr);
}

static bool is(yodel_str word, const char *text)
{
    return yodel_str_eq(word, yodel_str_of(text));
}

/* What the last word is comes back, so that replies tell their order. */
static bool on_command(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                       const yodel_str *argv)
{
    if (!is(argv[0], "EVAL") && !is(argv[0], "EVALSHA") && !is(argv[0], "SCRIPT"))
        return false;
    if (w.refused != NULL && is(argv[0], w.refused))
        redis_sim_say(sim, conn, "-NOPERM this user has no permissions to run the command");
    else if (is(argv[0], "EVALSHA") && !w.has_script)
        redis_sim_say(sim, conn, "-NOSCRIPT No matching script. Please use EVAL.");
    else
        redis_sim_say_bulk(sim, conn, argv[argc - 1].ptr, argv[argc - 1].len);
    w.has_script = w.has_script || (w.refused == NULL && is(argv[0], "SCRIPT"));
    return true;
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    const char *word = arg;

    if (reply == NULL)
        note("lost:", yodel_str_of(word));
    else if (reply->type == YODEL_REDIS_ERROR)
        note("error:", yodel_str_of(word));
    else
        note("", reply->text);
}

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static int run_script(const char *script, const char *word)
{
    const yodel_bytes argv[] = {bytes_of("EVAL"), bytes_of(script), bytes_of("0"), bytes_of(word)};
    const struct yd_redis_command command = {
        .argc = 4, .argv = argv, .fn = on_reply, .arg = (void *)(uintptr_t)word};

    return yd_redis_command(w.redis, &command);
}

static void eval(const char *word)
{
    assert_int_equal(run_script(SCRIPT, word), 0);
}

static void get(const char *word)
{
    const yodel_bytes argv[] = {bytes_of("INCR"), bytes_of(word)};
    const struct yd_redis_command command = {.argc = 2, .argv = argv};

    assert_int_equal(yd_redis_command(w.redis, &command), 0);
}

static void expect(const char *said)
{
    redis_sim_run(&w.sim);
    assert_string_equal(w.said, said);
    w.said[0] = '\0';
}

/* What Redis has read of scripts and INCR since it was asked last, a letter each. */
static void expect_read(const char *wanted)
{
    const char *line = (const char *)w.sim.log.ptr, *end = line + w.sim.log.len;
    char read[200] = "";

    for (size_t at = 0; line < end;
         line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1)
        if (strncmp(line, "EVALSHA " DIGEST " 0 ", 51) == 0)
            read[at++] = 'd';
        else if (strncmp(line, "EVAL ", 5) == 0)
            read[at++] = 'e';
        else if (strncmp(line, "SCRIPT LOAD " SCRIPT "\n", 21) == 0)
            read[at++] = 'l';
        else if (strncmp(line, "INCR ", 5) == 0)
            read[at++] = 'i';
        else if (strncmp(line, "EVALSHA", 7) == 0 || strncmp(line, "SCRIPT", 6) == 0)
            read[at++] = '?';
    assert_string_equal(read, wanted);
    redis_sim_forget(&w.sim);
}

static int begin(void)
{
    struct yd_redis_env env = {.loop = w.loop, .mem = w.loop->mem, .secret = {1, 2}};
    int rc = yd_redis_new(&env, NULL, &w.redis);

    if (rc == 0)
        yd_redis_begin(w.redis);
    return rc;
}

static void make_world(void)
{
    struct yd_net_options options = {
        .send_ms = 30000, .linger_ms = 1000, .close_ms = 1000, .discard_ms = 3000};

    memset(&w, 0, sizeof w);
    failmem_init(&w.fm, 0);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &w.fm.mem, NULL, 0, &w.loop), 0);
    assert_int_equal(yd_net_init(&w.net, w.loop, &options), 0);
    redis_sim_start(&w.sim, w.loop);
    w.sim.on_command = on_command;
}

static int setup(void **state)
{
    make_world();
    assert_int_equal(begin(), 0);
    redis_sim_run(&w.sim);
    return 0;
}

static int teardown(void **state)
{
    yd_redis_abandon(w.redis);
    yodel_redis_unref(w.redis);
    sim_advance(w.loop, 5000);
    redis_sim_stop(&w.sim);
    yd_loop_close(w.loop);
    yd_loop_free(w.loop);
    yd_net_done(&w.net);
    failmem_assert_empty(&w.fm);
    return 0;
}

static void test_redis_scripts_go_by_their_digest(void **state)
{
    eval("1");
    expect("1 ");
    expect_read("e");
    eval("2");
    expect("2 ");
    expect_read("le");
    eval("3");
    get("k");
    eval("4");
    expect("3 4 ");
    expect_read("did");
}

/* Until Redis has said that it has one it goes out whole, with no command ahead of its turn. */
static void test_redis_scripts_keep_the_order(void **state)
{
    eval("1");
    eval("2");
    get("k");
    eval("3");
    assert_int_equal(run_script("return 2", "4"), 0);
    eval("5");
    expect("1 2 3 4 5 ");
    expect_read("eleieee");
    eval("6");
    expect("6 ");
    expect_read("d");
}

static void test_redis_scripts_are_of_a_connection(void **state)
{
    for (int i = 0; i < 3; i++)
        eval("1");
    expect("1 1 1 ");
    redis_sim_forget(&w.sim);
    redis_sim_break(&w.sim);
    w.has_script = false;
    redis_sim_advance(&w.sim, 2000);
    eval("2");
    eval("3");
    expect("2 3 ");
    expect_read("lee");
    eval("4");
    expect("4 ");
    expect_read("d");
}

/* One whom EVAL alone is allowed. */
static void test_redis_scripts_that_may_not_be_loaded(void **state)
{
    w.refused = "SCRIPT";
    for (int i = 0; i < 4; i++) {
        eval("1");
        expect("1 ");
    }
    expect_read("eleee");
}

static void test_redis_scripts_that_may_not_go_by_digest(void **state)
{
    for (int i = 0; i < 2; i++) {
        eval("1");
        expect("1 ");
    }
    redis_sim_forget(&w.sim);
    w.refused = "EVALSHA";
    eval("2");
    expect("lost:2 ");
    redis_sim_advance(&w.sim, 2000);
    eval("3");
    eval("4");
    expect("3 4 ");
    expect_read("dee");
}

/* SCRIPT FLUSH: what is under way is as with a connection that is lost.  After the third time there
 * is no other one. */
static void test_redis_scripts_that_are_flushed(void **state)
{
    eval("0");
    eval("0");
    expect("0 0 ");
    for (int i = 0; i < 3; i++) {
        redis_sim_forget(&w.sim);
        w.has_script = false;
        eval("1");
        get("k");
        eval("2");
        expect("lost:1 lost:2 ");
        redis_sim_advance(&w.sim, 2000);
        expect_read("did");
        eval("3");
        expect("3 ");
        expect_read(i < 2 ? "le" : "e");
    }
    eval("4");
    expect("4 ");
    expect_read("e");
}

/* Those that are made for one use each are not loaded, and not more than some are kept. */
static void test_redis_scripts_that_are_run_once(void **state)
{
    char script[100];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(script, sizeof script, "return %d", 100 + i);
        assert_int_equal(run_script(script, "1"), 0);
        redis_sim_run(&w.sim);
    }
    w.said[0] = '\0';
    redis_sim_forget(&w.sim);
    eval("1");
    eval("2");
    eval("3");
    expect("1 2 3 ");
    expect_read("eee");
}

static void test_redis_scripts_without_memory(void **state)
{
    for (uint64_t n = 1; n < 60; n++) {
        unsigned num = 0;

        w.said[0] = '\0';
        w.fm.fail_at = w.fm.calls + n;
        for (int i = 0; i < 4; i++) {
            num += run_script(SCRIPT, "1") == 0;
            redis_sim_run(&w.sim);
        }
        w.fm.fail_at = 0;
        redis_sim_advance(&w.sim, 2000);
        assert_true(num >= 3);
        for (const char *at = w.said; (at = strchr(at, ' ')) != NULL; at++)
            num--;
        assert_int_equal(num, 0); /* each has its answer */
        redis_sim_break(&w.sim);
        redis_sim_advance(&w.sim, 2000);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_redis_scripts_go_by_their_digest),
        TEST(test_redis_scripts_keep_the_order),
        TEST(test_redis_scripts_are_of_a_connection),
        TEST(test_redis_scripts_that_may_not_be_loaded),
        TEST(test_redis_scripts_that_may_not_go_by_digest),
        TEST(test_redis_scripts_that_are_flushed),
        TEST(test_redis_scripts_that_are_run_once),
        TEST(test_redis_scripts_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
