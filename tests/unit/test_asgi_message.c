/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "channels/channel_event.h"
#include "channels_redis/asgi_names.h"
#include "failmem.h"

/* Messages as Python's msgpack.packb() writes them, and back. */

static struct failmem fm;

static yodel_bytes bytes_of(const struct yd_buf *buf)
{
    return (yodel_bytes){buf->ptr, buf->len};
}

static yodel_event *make_event(const char *type, const char *json)
{
    yodel_event *event;

    assert_int_equal(yd_event_new_text(&fm.mem, yodel_str_of(type), yodel_str_of(json), &event), 0);
    return event;
}

static void expect_put(const char *type, const char *json, const struct yd_asgi_channels *channels,
                       const char *expected, size_t len)
{
    yodel_event *event = make_event(type, json);
    struct yd_asgi_pairs pairs = {0};
    struct yd_buf buf = {0};

    assert_int_equal(yd_asgi_make_pairs(&fm.mem, event, &pairs), 0);
    assert_int_equal(yd_asgi_put(&fm.mem, &buf, bytes_of(&pairs.bytes), pairs.num, channels), 0);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.ptr, expected, len);
    yd_buf_free(&fm.mem, &buf);
    yd_buf_free(&fm.mem, &pairs.bytes);
    yd_event_unref(event);
}

#define EXPECT_PUT(type, json, channels, expected)                                                 \
    expect_put(type, json, channels, expected, sizeof(expected) - 1)

static void test_asgi_message_is_written_as_python_does(void **state)
{
    yodel_str names[] = {YODEL_STR("specific.a!b"), YODEL_STR("c")};
    struct yd_asgi_channels one = {names, 1, false}, list = {names, 2, true};

    EXPECT_PUT("chat_message", "{\"message\":\"hi\"}", NULL,
               "\x82\xa4type\xac"
               "chat_message\xa7message\xa2hi");
    EXPECT_PUT("t", "{}", &one, "\x82\xa4type\xa1t\xb0__asgi_channel__\xacspecific.a!b");
    EXPECT_PUT("t", "{}", &list,
               "\x82\xa4type\xa1t\xb0__asgi_channel__\x92\xacspecific.a!b\xa1"
               "c");
    EXPECT_PUT("t", "{\"a\":[1,null,true,1.5,-7,70000]}", NULL,
               "\x82\xa4type\xa1t\xa1"
               "a\x96\x01\xc0\xc3\xcb\x3f\xf8\0\0\0\0\0\0\xf9\xce\0\x01\x11\x70");
    EXPECT_PUT("t", "{\"a\":1.0,\"b\":{}}", NULL,
               "\x83\xa4type\xa1t\xa1"
               "a\xcb\x3f\xf0\0\0\0\0\0\0\xa1"
               "b\x80");
}

static void test_asgi_message_reserved_members_are_left_out(void **state)
{
    EXPECT_PUT("t", "{\"type\":\"x\",\"__asgi_channel__\":[1],\"a\":2}", NULL,
               "\x82\xa4type\xa1t\xa1"
               "a\x02");
}

static void test_asgi_message_bytes(void **state)
{
    EXPECT_PUT("t", "{\"a\":{\"__bytes__\":\"AAH/\"}}", NULL,
               "\x82\xa4type\xa1t\xa1"
               "a\xc4\x03\x00\x01\xff");
    /* no base64, not alone: an object like any other */
    EXPECT_PUT("t", "{\"a\":{\"__bytes__\":\"A\"}}", NULL,
               "\x82\xa4type\xa1t\xa1"
               "a\x81\xa9__bytes__\xa1"
               "A");
    EXPECT_PUT("t", "{\"a\":{\"__bytes__\":1}}", NULL,
               "\x82\xa4type\xa1t\xa1"
               "a\x81\xa9__bytes__\x01");
}

static void expect_read(const char *bytes, size_t len, const char *type, const char *json)
{
    uint8_t *copy = malloc(len);
    struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};

    memcpy(copy, bytes, len);
    assert_int_equal(yd_asgi_read(&fm.mem, (yodel_bytes){copy, len}, &message), 0);
    assert_true(yodel_str_eq(message.type, yodel_str_of(type)));
    assert_int_equal(message.json.len, strlen(json));
    assert_memory_equal(message.json.ptr, json, strlen(json));
    yd_buf_free(&fm.mem, &message.json);
    free(copy);
}

#define EXPECT_READ(bytes, type, json) expect_read(bytes, sizeof(bytes) - 1, type, json)

static void test_asgi_message_is_read(void **state)
{
    EXPECT_READ("\x82\xa4type\xac"
                "chat_message\xa7message\xa2hi",
                "chat_message", "{\"message\":\"hi\"}");
    EXPECT_READ("\x82\xa1"
                "a\x96\x01\xc0\xc3\xcb\x3f\xf8\0\0\0\0\0\0\xf9\xce\0\x01\x11\x70\xa4type\xa1t",
                "t", "{\"a\":[1,null,true,1.5,-7,70000]}");
    EXPECT_READ("\x82\xa4type\xa1t\xa1"
                "a\xcb\x3f\xf0\0\0\0\0\0\0",
                "t", "{\"a\":1.0}");
    EXPECT_READ("\x82\xa4type\xa1t\xa1"
                "a\xcb\x7f\xf8\0\0\0\0\0\0",
                "t", "{\"a\":null}");
    EXPECT_READ("\x82\xa4type\xa1t\xa1"
                "a\xca\x7f\x80\0\0",
                "t", "{\"a\":null}");
    EXPECT_READ("\x82\xa4type\xa1t\xa1"
                "a\xc4\x03\x00\x01\xff",
                "t", "{\"a\":{\"__bytes__\":\"AAH/\"}}");
    EXPECT_READ("\x82\xa4type\xa1t\xa1"
                "a\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
                "t", "{\"a\":18446744073709551615}");
    EXPECT_READ("\xdf\0\0\0\x01\xdb\0\0\0\x04type\xd9\x01t", "t", "{}");
    EXPECT_READ("\x83\xa4type\xa1t\xb0__asgi_channel__\xa1x\xa1"
                "a\xc2",
                "t", "{\"a\":false}");
}

static int read_bytes(const char *bytes, size_t len)
{
    struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};
    uint8_t *copy = malloc(len + 1);
    int rc;

    memcpy(copy, bytes, len);
    rc = yd_asgi_read(&fm.mem, (yodel_bytes){copy, len}, &message);
    yd_buf_free(&fm.mem, &message.json);
    free(copy);
    return rc;
}

#define EXPECT_BAD(bytes) assert_int_equal(read_bytes(bytes, sizeof(bytes) - 1), YODEL_ERR_PROTOCOL)

static void test_asgi_message_hostile(void **state)
{
    static const char good[] = "\x83\xa4type\xa1t\xb0__asgi_channel__\x91\xa1x\xa1"
                               "a\x91\x81\xa1k\xc4\x01q";
    char deep[20 + 1000];

    EXPECT_BAD("");
    EXPECT_BAD("\xc1");
    EXPECT_BAD("\xc0");
    EXPECT_BAD("\x80");                           /* no type */
    EXPECT_BAD("\x81\xa4type\x01");               /* of another kind */
    EXPECT_BAD("\x82\xa4type\xa1t\xa4type\xa1u"); /* twice */
    EXPECT_BAD("\x82\xa4type\xa1t\x01\x02");      /* a name that is a number */
    EXPECT_BAD("\x82\xa4type\xa1t\xa1"
               "a\x81\x01\x02"); /* inside */
    EXPECT_BAD("\x82\xa4type\xa1t\xc4\x01"
               "a\x01"); /* that is bytes */
    EXPECT_BAD("\x82\xa4type\xa1t\xa1"
               "a\xd4\x05\x00"); /* ext */
    EXPECT_BAD("\x82\xa4type\xa1t\xa1"
               "a\xa1\xff");                         /* not UTF-8 */
    EXPECT_BAD("\x81\xa4type\xa1t ");                /* more after it */
    EXPECT_BAD("\xdf\xff\xff\xff\xff\xa4type\xa1t"); /* 2^32-1 members */
    EXPECT_BAD("\x82\xa4type\xa1t\xa1"
               "a\xdd\xff\xff\xff\xff");
    EXPECT_BAD("{\"type\":\"t\"}");
    memcpy(deep,
           "\x82\xa4type\xa1t\xa1"
           "a",
           10);
    memset(deep + 10, '\x91', 1000);
    deep[1010] = '\xc0';
    assert_int_equal(read_bytes(deep, 1011), YODEL_ERR_PROTOCOL);
    assert_int_equal(read_bytes(good, sizeof good - 1), 0);
    for (size_t len = 0; len < sizeof good - 1; len++)
        assert_int_equal(read_bytes(good, len), YODEL_ERR_PROTOCOL);
}

static void test_asgi_message_names(void **state)
{
    static const char list[] = "\x93\xa1"
                               "a\xa2"
                               "bc\x05",
                      one[] = "\xa2"
                              "bc",
                      number[] = "\x05";
    struct yd_asgi_iter iter;
    yodel_str name;

    assert_true(yd_asgi_iter_init((yodel_bytes){(const uint8_t *)list, sizeof list - 1}, &iter));
    assert_true(yd_asgi_next(&iter, &name) && yodel_str_eq(name, YODEL_STR("a")));
    assert_true(yd_asgi_next(&iter, &name) && yodel_str_eq(name, YODEL_STR("bc")));
    assert_false(yd_asgi_next(&iter, &name));
    assert_int_equal(iter.left, 1);
    assert_true(yd_asgi_iter_init((yodel_bytes){(const uint8_t *)one, sizeof one - 1}, &iter));
    assert_true(yd_asgi_next(&iter, &name) && yodel_str_eq(name, YODEL_STR("bc")));
    assert_false(yd_asgi_next(&iter, &name));
    assert_false(yd_asgi_iter_init((yodel_bytes){(const uint8_t *)number, 1}, &iter));
    assert_false(yd_asgi_iter_init((yodel_bytes){NULL, 0}, &iter));
}

static void test_asgi_message_too_deep_to_write(void **state)
{
    char json[2 * 100 + 16] = "{\"a\":";
    struct yd_asgi_pairs pairs = {0};
    yodel_event *event;

    memset(json + 5, '[', 100);
    memset(json + 105, ']', 100);
    json[205] = '}';
    event = make_event("t", json);
    assert_int_equal(yd_asgi_make_pairs(&fm.mem, event, &pairs), YODEL_ERR_TOO_BIG);
    yd_buf_free(&fm.mem, &pairs.bytes);
    yd_event_unref(event);
}

static void test_asgi_message_without_memory(void **state)
{
    static const char good[] = "\x83\xa4type\xa1t\xb0__asgi_channel__\x91\xa1x\xa1"
                               "a\x91\x81\xa1k\xc4\x01q";
    yodel_str names[] = {YODEL_STR("x")};
    struct yd_asgi_channels list = {names, 1, true};

    FAILMEM_LOOP(&fm)
    {
        struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};
        struct yd_asgi_pairs pairs = {0};
        struct yd_buf buf = {0};
        yodel_event *event = NULL;
        int rc =
            yd_asgi_read(&fm.mem, (yodel_bytes){(const uint8_t *)good, sizeof good - 1}, &message);

        if (rc == 0)
            rc = yd_event_new_text(&fm.mem, message.type,
                                   (yodel_str){(char *)message.json.ptr, message.json.len}, &event);
        if (rc == 0)
            rc = yd_asgi_make_pairs(&fm.mem, event, &pairs);
        if (rc == 0)
            rc = yd_asgi_put(&fm.mem, &buf, bytes_of(&pairs.bytes), pairs.num, &list);
        failmem_assert_whole(&fm, rc, buf.len == sizeof good - 1, buf.len == 0);
        yd_buf_free(&fm.mem, &message.json);
        yd_buf_free(&fm.mem, &pairs.bytes);
        yd_buf_free(&fm.mem, &buf);
        yd_event_unref(event);
    }
}

/* The numbers are channels_redis': _consistent_hash(name, hosts). */
static void test_asgi_message_shards(void **state)
{
    static const struct {
        const char *name;
        unsigned two, three, seven;
    } cases[] = {
        {"chat_room1", 0, 1, 3}, {"a", 1, 2, 6},
        {"jobs", 1, 2, 6},       {"specific.0123456789abcdef0123456789abcdef!", 0, 1, 2},
        {"g0", 1, 2, 6},         {"g1", 1, 2, 6},
        {"g2", 1, 2, 6},         {"g3", 1, 2, 6},
        {"g4", 1, 2, 4},         {"g5", 1, 2, 5},
        {"g6", 1, 1, 4},         {"g7", 1, 1, 4},
        {"g8", 0, 1, 3},         {"g9", 0, 1, 3},
        {"g10", 0, 0, 1},        {"g11", 0, 0, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yodel_str name = yodel_str_of(cases[i].name);

        assert_int_equal(yd_asgi_shard(name, 1), 0);
        assert_int_equal(yd_asgi_shard(name, 2), cases[i].two);
        assert_int_equal(yd_asgi_shard(name, 3), cases[i].three);
        assert_int_equal(yd_asgi_shard(name, 7), cases[i].seven);
    }
}

static void test_asgi_message_channel_names(void **state)
{
    char longest[101];

    assert_true(yd_asgi_is_channel(YODEL_STR("jobs")));
    assert_true(yd_asgi_is_channel(YODEL_STR("specific.ab12!cd-34_.")));
    assert_true(yd_asgi_is_channel(YODEL_STR("specific.ab12!")));
    assert_false(yd_asgi_is_channel(YODEL_STR("")));
    assert_false(yd_asgi_is_channel(YODEL_STR("!a")));
    assert_false(yd_asgi_is_channel(YODEL_STR("a!b!c")));
    assert_false(yd_asgi_is_channel(YODEL_STR("a b")));
    assert_false(yd_asgi_is_channel(YODEL_STR("\xc3\xa4")));
    memset(longest, 'a', sizeof longest);
    assert_true(yd_asgi_is_channel((yodel_str){longest, 99}));
    assert_false(yd_asgi_is_channel((yodel_str){longest, 100}));
    assert_true(yodel_str_eq(yd_asgi_process_part(YODEL_STR("p.x!y")), YODEL_STR("p.x!")));
    assert_true(yodel_str_eq(yd_asgi_process_part(YODEL_STR("jobs")), YODEL_STR("jobs")));
    assert_true(yd_asgi_is_specific(YODEL_STR("p.x!y")));
    assert_false(yd_asgi_is_specific(YODEL_STR("jobs")));
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return 0;
}

static int teardown(void **state)
{
    failmem_assert_empty(&fm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asgi_message_is_written_as_python_does),
        cmocka_unit_test(test_asgi_message_reserved_members_are_left_out),
        cmocka_unit_test(test_asgi_message_bytes),
        cmocka_unit_test(test_asgi_message_is_read),
        cmocka_unit_test(test_asgi_message_hostile),
        cmocka_unit_test(test_asgi_message_names),
        cmocka_unit_test(test_asgi_message_too_deep_to_write),
        cmocka_unit_test(test_asgi_message_without_memory),
        cmocka_unit_test(test_asgi_message_shards),
        cmocka_unit_test(test_asgi_message_channel_names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
