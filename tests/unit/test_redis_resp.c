/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "failmem.h"
#include "redis/redis_config.h"
#include "redis/resp.h"

#include <cmocka.h>

/* Replies and options of the client of Redis. */

/* ---- replies as text ---- */

static void write_reply(const struct yd_redis_reply *reply, char *to, size_t size)
{
    size_t len = strlen(to);

    if (reply->type == YODEL_REDIS_ARRAY) {
        (void)snprintf(to + len, size - len, "[");
        for (size_t i = 0; i < reply->num; i++)
            write_reply(reply->elements[i], to, size);
        (void)snprintf(to + strlen(to), size - strlen(to), "]");
    } else if (reply->type == YODEL_REDIS_INTEGER) {
        (void)snprintf(to + len, size - len, ":%lld ", (long long)reply->integer);
    } else {
        (void)snprintf(to + len, size - len, "%c%.*s ", "~$+-"[reply->type], (int)reply -> text.len,
                       reply->text.ptr);
    }
}

/* All replies of input, which is fed in pieces of at most chop bytes; "!" at an error. */
static int read_all(const struct yodel_allocator *mem, const char *input, size_t len, size_t chop,
                    char *ret_text, size_t size)
{
    const struct yd_redis_reply *reply;
    struct yd_resp *resp;
    int rc = yd_resp_new(mem, 4096, &resp);

    ret_text[0] = '\0';
    if (rc < 0)
        return rc;
    for (size_t at = 0; at < len && rc >= 0; at += chop) {
        rc = yd_resp_feed(resp, (const uint8_t *)input + at, YD_MIN(chop, len - at));
        while (rc >= 0 && (rc = yd_resp_next(resp, &reply)) > 0)
            write_reply(reply, ret_text, size);
    }
    yd_resp_free(resp);
    return rc;
}

static const struct {
    const char *input, *replies;
} good[] = {
    {"+OK\r\n", "+OK "},
    {"-ERR no\r\n:42\r\n", "-ERR no :42 "},
    {"$5\r\nhello\r\n$-1\r\n$0\r\n\r\n", "$hello ~ $ "},
    {"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\n\r\n\r\n", "[$message $a $\r\n ]"},
    {"*-1\r\n*0\r\n", "~ []"},
    {"*2\r\n*2\r\n:1\r\n:-2\r\n*1\r\n*1\r\n+x\r\n", "[[:1 :-2 ][[+x ]]]"},
};

static void test_resp_replies(void **state)
{
    char text[512];

    for (size_t i = 0; i < YD_LEN(good); i++)
        for (size_t chop = 1; chop <= strlen(good[i].input); chop++) {
            assert_int_equal(read_all(&yd_mem_default, good[i].input, strlen(good[i].input), chop,
                                      text, sizeof text),
                             0);
            assert_string_equal(text, good[i].replies);
        }
}

static void test_resp_out_of_memory(void **state)
{
    struct failmem fm;
    char text[512];

    FAILMEM_LOOP(&fm)
    {
        int rc = read_all(&fm.mem, good[5].input, strlen(good[5].input), 7, text, sizeof text);

        failmem_assert_whole(&fm, rc, strcmp(text, good[5].replies) == 0, text[0] == '\0');
        failmem_assert_empty(&fm);
    }
}

static void test_resp_many_elements(void **state)
{
    struct yd_buf input = {NULL, 0, 0};
    const struct yd_redis_reply *reply;
    struct yd_resp *resp;

    assert_int_equal(yd_buf_printf(&yd_mem_default, &input, "*5000\r\n"), 0);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(yd_buf_printf(&yd_mem_default, &input, ":%d\r\n", i), 0);
    assert_int_equal(yd_resp_new(&yd_mem_default, (size_t)1 << 20, &resp), 0);
    assert_int_equal(yd_resp_feed(resp, input.ptr, input.len), 0);
    assert_int_equal(yd_resp_next(resp, &reply), 1);
    assert_int_equal(reply->num, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(reply->elements[i]->integer, i);
    assert_int_equal(yd_resp_next(resp, &reply), 0);
    yd_resp_free(resp);
    yd_buf_free(&yd_mem_default, &input);
}

/* What would make a trusting reader allocate, recurse or wait for ever. */
static void test_resp_hostile(void **state)
{
    static const char *const bad[] = {
        "*2147483648\r\n", "*2147483647\r\n",           "*-2\r\n", "$-2\r\n", "hello\r\n", "$x\r\n",
        "*1048577\r\n",    ":99999999999999999999\r\n", "\r\n"};
    char text[512];

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        int rc = read_all(&yd_mem_default, bad[i], strlen(bad[i]), 100, text, sizeof text);

        if (rc >= 0)
            fail_msg("taken: %s", bad[i]);
    }
}

static int feed_repeated(const char *piece, size_t times, size_t max)
{
    const struct yd_redis_reply *reply;
    struct yd_resp *resp;
    int rc = 0;

    assert_int_equal(yd_resp_new(&yd_mem_default, max, &resp), 0);
    for (size_t i = 0; i < times && rc >= 0; i++)
        if ((rc = yd_resp_feed(resp, (const uint8_t *)piece, strlen(piece))) >= 0)
            rc = yd_resp_next(resp, &reply);
    yd_resp_free(resp);
    return rc;
}

static void test_resp_bounds(void **state)
{
    char piece[1025];

    assert_int_equal(feed_repeated("*1\r\n", 100000, 65536), YODEL_ERR_PROTOCOL);
    memset(piece, 'a', sizeof piece);
    piece[sizeof piece - 1] = '\0';
    piece[0] = '+';
    assert_int_equal(feed_repeated(piece, 1000, 65536), YODEL_ERR_TOO_BIG);
    assert_int_equal(feed_repeated("$1073741824\r\n", 1, 65536), 0); /* it has not come yet */
}

/* ---- commands ---- */

static void test_resp_command(void **state)
{
    struct yd_buf buf = {NULL, 0, 0};

    assert_int_equal(yd_resp_append(&yd_mem_default, &buf, 2,
                                    (yodel_str[]){YODEL_STR("SUBSCRIBE"), YODEL_STR("a b")}),
                     0);
    assert_int_equal(buf.len, strlen("*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\na b\r\n"));
    assert_memory_equal(buf.ptr, "*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\na b\r\n", buf.len);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_resp_slot(void **state)
{
    assert_int_equal(yd_resp_slot(YODEL_STR("123456789")), 0x31c3);
    assert_int_equal(yd_resp_slot(YODEL_STR("{user1000}.following")),
                     yd_resp_slot(YODEL_STR("user1000")));
    assert_int_equal(yd_resp_slot(YODEL_STR("a")), 15495);
    assert_true(yd_resp_slot(YODEL_STR("foo{}{bar}")) != yd_resp_slot(YODEL_STR("bar")));
}

/* ---- options ---- */

static int read_url(const char *url, struct yd_redis_config *ret)
{
    return yd_redis_config_read(&yd_mem_default, YODEL_OPTIONS(yodel_redis_options, .url = url),
                                ret);
}

static const struct {
    const char *url, *host, *path, *username, *password;
    unsigned port, database;
    bool tls;
} urls[] = {
    {"redis://", "127.0.0.1", NULL, NULL, NULL, 6379, 0, false},
    {"redis://example.org", "example.org", NULL, NULL, NULL, 6379, 0, false},
    {"rediss://u:p%40ss@[::1]:7000/3", "::1", NULL, "u", "p@ss", 7000, 3, true},
    {"redis://:secret@10.0.0.1:1/", "10.0.0.1", NULL, NULL, "secret", 1, 0, false},
    {"unix:///run/redis.sock?db=2", NULL, "/run/redis.sock", NULL, NULL, 0, 2, false},
    {"unix://u:p@/a%20b", NULL, "/a b", "u", "p", 0, 0, false},
};

static void test_resp_url(void **state)
{
    struct yd_redis_config config;

    for (size_t i = 0; i < YD_LEN(urls); i++) {
        assert_int_equal(read_url(urls[i].url, &config), 0);
        assert_int_equal(yodel_redis_check_url(urls[i].url), 0);
        assert_int_equal(config.num_addresses, 1);
        if (urls[i].host != NULL) {
            assert_string_equal(config.addresses[0].host, urls[i].host);
            assert_int_equal(config.addresses[0].port, urls[i].port);
        } else {
            assert_string_equal(config.addresses[0].path, urls[i].path);
        }
        assert_int_equal(config.database, urls[i].database);
        assert_int_equal(config.tls, urls[i].tls);
        assert_int_equal(config.username != NULL, urls[i].username != NULL);
        assert_int_equal(config.password != NULL, urls[i].password != NULL);
        if (urls[i].password != NULL)
            assert_string_equal(config.password, urls[i].password);
        yd_redis_config_done(&yd_mem_default, &config);
    }
}

static void test_resp_bad_url(void **state)
{
    static const char *const bad[] = {"",
                                      "http://a",
                                      "redis:/a",
                                      "redis://a:0",
                                      "redis://a:65536",
                                      "redis://a:b",
                                      "redis://[::1",
                                      "redis://[::1]x:1",
                                      "redis://a/x",
                                      "redis://%00",
                                      "redis://%zz",
                                      "redis://a%",
                                      "unix://",
                                      "unix://a",
                                      "unix:///a?dx=1",
                                      "redis://a/99999999"};
    struct yd_redis_config config;

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        if (read_url(bad[i], &config) != -EINVAL)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(yodel_redis_check_url(bad[i]), -EINVAL);
        yd_redis_config_done(&yd_mem_default, &config);
    }
}

static void test_resp_options_out_of_memory(void **state)
{
    static const char *const nodes[] = {"a:1", "b"};
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_redis_config config;
        int rc = yd_redis_config_read(&fm.mem,
                                      YODEL_OPTIONS(yodel_redis_options, .url = "redis://u:p@h:5",
                                                    .nodes = nodes, .num_nodes = 2,
                                                    .mode = YODEL_REDIS_CLUSTER, .ca_file = "x"),
                                      &config);

        failmem_assert_whole(&fm, rc, config.num_addresses == 3, true);
        yd_redis_config_done(&fm.mem, &config);
        failmem_assert_empty(&fm);
    }
}

static void test_resp_bad_options(void **state)
{
    struct yd_redis_config config;

#define BAD(...)                                                                                   \
    assert_int_equal(yd_redis_config_read(&yd_mem_default,                                         \
                                          YODEL_OPTIONS(yodel_redis_options, __VA_ARGS__),         \
                                          &config),                                                \
                     -EINVAL);                                                                     \
    yd_redis_config_done(&yd_mem_default, &config)
    BAD(.mode = YODEL_REDIS_CLUSTER);
    BAD(.mode = (yodel_redis_mode)7);
    BAD(.policy = (yodel_redis_policy)7);
    BAD(.num_nodes = 1);
    BAD(.client_name = "a b");
    BAD(.mode = YODEL_REDIS_CLUSTER, .url = "redis://a/3");
    BAD(.mode = YODEL_REDIS_SENTINEL, .num_nodes = 1, .nodes = (const char *[]){""});
#undef BAD
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resp_replies),
        cmocka_unit_test(test_resp_out_of_memory),
        cmocka_unit_test(test_resp_many_elements),
        cmocka_unit_test(test_resp_hostile),
        cmocka_unit_test(test_resp_bounds),
        cmocka_unit_test(test_resp_command),
        cmocka_unit_test(test_resp_slot),
        cmocka_unit_test(test_resp_url),
        cmocka_unit_test(test_resp_bad_url),
        cmocka_unit_test(test_resp_options_out_of_memory),
        cmocka_unit_test(test_resp_bad_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
