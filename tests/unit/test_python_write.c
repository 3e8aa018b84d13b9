/* SPDX-License-Identifier: MIT */
#include "adapter/python_write.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "hex.h"

#include <cmocka.h>

#define BINARY "{\"_placeholder\":true,\"num\":0}"

static const yodel_bytes three_bytes = {(const uint8_t *)"\x00\x01\xff", 3};
static const yodel_str two_names[] = {{"a", 1}, {"b", 1}};

static struct yd_python_writer writer_of(enum yd_python_form form)
{
    return (struct yd_python_writer){&yd_mem_default, form, YODEL_STR("0f"), YODEL_STR("/chat")};
}

static struct yd_python_emit emit_of(const char *elements)
{
    return (struct yd_python_emit){
        .event = YODEL_STR("ev"), .words = {.elements = yodel_str_of(elements)}, .everyone = true};
}

static struct yd_python_emit with_bytes(const char *elements)
{
    struct yd_python_emit emit = emit_of(elements);

    emit.words.attachments = &three_bytes;
    emit.words.num_attachments = 1;
    return emit;
}

static void check_emit(enum yd_python_form form, const struct yd_python_emit *emit,
                       const char *expected)
{
    struct yd_python_writer writer = writer_of(form);
    struct yd_buf buf = {0};

    assert_int_equal(yd_python_put_emit(&writer, emit, &buf), 0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "", 1), 0);
    assert_string_equal((char *)buf.ptr, expected);
    yd_buf_free(&yd_mem_default, &buf);
}

static void check_unsupported(enum yd_python_form form, struct yd_python_emit emit)
{
    struct yd_python_writer writer = writer_of(form);
    struct yd_buf buf = {0};

    assert_int_equal(yd_python_put_emit(&writer, &emit, &buf), YODEL_ERR_UNSUPPORTED);
    yd_buf_free(&yd_mem_default, &buf);
}

#define ALL_END                                                                                    \
    ",\"namespace\":\"/chat\",\"room\":null,\"skip_sid\":null,\"callback\":null,"                  \
    "\"host_id\":\"0f\",\"yodel\":true}"
#define EMIT_BEGIN "{\"method\":\"emit\",\"event\":\"ev\",\"data\":"

static void check_data(enum yd_python_form form, struct yd_python_emit emit, const char *data)
{
    char expected[1000];

    snprintf(expected, sizeof expected, EMIT_BEGIN "%s" ALL_END, data);
    check_emit(form, &emit, expected);
}

static void test_python_write_lists(void **state)
{
    check_data(YD_PYTHON_LIST, emit_of("{\"a\":1}"), "[{\"a\":1}],\"binary\":false");
    check_data(YD_PYTHON_LIST, emit_of("1,[2],\"x\""), "[1,[2],\"x\"],\"binary\":false");
    check_data(YD_PYTHON_LIST, emit_of("[1]"), "[[1]],\"binary\":false");
    check_data(YD_PYTHON_LIST, emit_of(""), "[],\"binary\":false");
    check_data(YD_PYTHON_LIST, with_bytes("1," BINARY),
               "[[1," BINARY "],\"AAH/\"],\"binary\":true");
}

static void test_python_write_bare(void **state)
{
    check_data(YD_PYTHON_BARE, emit_of("{\"a\":1}"), "{\"a\":1},\"binary\":false");
    check_data(YD_PYTHON_BARE, emit_of("[1]"), "[1],\"binary\":false");
    check_data(YD_PYTHON_BARE, emit_of(""), "null,\"binary\":false");
    check_data(YD_PYTHON_BARE, with_bytes(BINARY), "[" BINARY ",\"AAH/\"],\"binary\":true");
    check_unsupported(YD_PYTHON_BARE, emit_of("1,2"));
}

static void test_python_write_plain(void **state)
{
    check_data(YD_PYTHON_PLAIN, emit_of("{\"a\":1}"), "{\"a\":1},\"binary\":false");
    check_data(YD_PYTHON_PLAIN, emit_of("\"x\""), "\"x\",\"binary\":false");
    check_data(YD_PYTHON_PLAIN, emit_of(""), "null,\"binary\":false");
    check_unsupported(YD_PYTHON_PLAIN, emit_of("[1]"));
    check_unsupported(YD_PYTHON_PLAIN, emit_of("1,2"));
    check_unsupported(YD_PYTHON_PLAIN, with_bytes(BINARY));
}

static void test_python_write_targets(void **state)
{
    struct yd_python_emit emit = emit_of("1");

    emit.everyone = false;
    emit.rooms = two_names;
    emit.num_rooms = 1;
    emit.skip = two_names + 1;
    emit.num_skip = 1;
    emit.callback = UINT64_C(9007199254740991);
    check_emit(YD_PYTHON_LIST, &emit,
               EMIT_BEGIN "[1],\"binary\":false,\"namespace\":\"/chat\",\"room\":\"a\","
                          "\"skip_sid\":\"b\",\"callback\":[\"a\",\"/chat\",9007199254740991],"
                          "\"host_id\":\"0f\",\"yodel\":true}");
    emit.num_rooms = emit.num_skip = 2;
    emit.skip = two_names;
    emit.callback = 0;
    check_emit(YD_PYTHON_LIST, &emit,
               EMIT_BEGIN "[1],\"binary\":false,\"namespace\":\"/chat\",\"room\":[\"a\",\"b\"],"
                          "\"skip_sid\":[\"a\",\"b\"],\"callback\":null,\"host_id\":\"0f\","
                          "\"yodel\":true}");
    emit.event = YODEL_STR("\"\\\x01\u0434");
    emit.num_rooms = emit.num_skip = 0;
    check_emit(YD_PYTHON_LIST, &emit,
               "{\"method\":\"emit\",\"event\":\"\\\"\\\\\\u0001\u0434\",\"data\":[1],"
               "\"binary\":false,\"namespace\":\"/chat\",\"room\":[],\"skip_sid\":null,"
               "\"callback\":null,\"host_id\":\"0f\",\"yodel\":true}");
    emit.event = YODEL_STR("\xff");
    check_unsupported(YD_PYTHON_LIST, emit);
    check_unsupported(YD_PYTHON_PICKLE, emit);
}

static void check_method(enum yd_python_method method, const char *expected)
{
    struct yd_python_writer writer = writer_of(YD_PYTHON_LIST);
    struct yd_buf buf = {0};

    assert_int_equal(yd_python_put_method(&writer, method, YODEL_STR("s1"), YODEL_STR("r1"), &buf),
                     0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "", 1), 0);
    assert_string_equal((char *)buf.ptr, expected);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_python_write_methods(void **state)
{
    check_method(YD_PYTHON_DISCONNECT, "{\"method\":\"disconnect\",\"sid\":\"s1\",\"namespace\":"
                                       "\"/chat\",\"host_id\":\"0f\",\"yodel\":true}");
    check_method(YD_PYTHON_ENTER_ROOM,
                 "{\"method\":\"enter_room\",\"sid\":\"s1\",\"room\":\"r1\","
                 "\"namespace\":\"/chat\",\"host_id\":\"0f\",\"yodel\":true}");
    check_method(YD_PYTHON_CLOSE_ROOM, "{\"method\":\"close_room\",\"room\":\"r1\",\"namespace\":"
                                       "\"/chat\",\"host_id\":\"0f\",\"yodel\":true}");
}

static struct yd_python_answer answer_of(const char *elements)
{
    return (struct yd_python_answer){.sid_json = YODEL_STR("\"r1\""),
                                     .nsp_json = YODEL_STR("\"/\""),
                                     .id_json = YODEL_STR("5"),
                                     .host_id = YODEL_STR("aa"),
                                     .words = {.elements = yodel_str_of(elements)}};
}

static void test_python_write_answers(void **state)
{
    struct yd_python_writer writer = writer_of(YD_PYTHON_BARE);
    struct yd_python_answer answer = answer_of("\"reply\",7");
    struct yd_buf buf = {0};

    assert_int_equal(yd_python_put_answer(&writer, &answer, &buf), 0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "", 1), 0);
    assert_string_equal((char *)buf.ptr,
                        "{\"method\":\"callback\",\"host_id\":\"aa\",\"sid\":\"r1\","
                        "\"namespace\":\"/\",\"id\":5,\"args\":[\"reply\",7]}");
    answer.words = with_bytes(BINARY).words;
    assert_int_equal(yd_python_put_answer(&writer, &answer, &buf), YODEL_ERR_UNSUPPORTED);
    yd_buf_free(&yd_mem_default, &buf);
}

/* ---- pickles: read again ---- */

static void check_pickle(const struct yd_buf *buf, const char *elements, size_t num_attachments)
{
    static const struct yd_python_reading reading = {10000, false};
    struct yd_python_message message;

    assert_int_equal(
        yd_python_read(&yd_mem_default, (yodel_bytes){buf->ptr, buf->len}, &reading, &message), 0);
    assert_int_equal(message.elements.len, strlen(elements));
    assert_memory_equal(message.elements.ptr, elements, strlen(elements));
    assert_int_equal(message.num_attachments, num_attachments);
    if (num_attachments > 0)
        assert_memory_equal(message.attachments[0].ptr, three_bytes.ptr, 3);
    assert_true(message.method == YD_PYTHON_CALLBACK || message.is_yodel);
    yd_python_message_free(&message);
}

static void test_python_write_pickles(void **state)
{
    static const char *const cases[] = {
        "",       "1",
        "[1]",    "[]",
        "1,2",    "{\"a\":[null,true,false,-1,2147483648,1.5,\"\\\"\u0434\"],\"b\":{}},[],\"\"",
        "1e+300", "-9223372036854775808",
        BINARY,   "[" BINARY "],1," BINARY,
    };
    struct yd_python_writer writer = writer_of(YD_PYTHON_PICKLE);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool binary = strstr(cases[i], "_placeholder") != NULL;
        struct yd_python_emit emit = binary ? with_bytes(cases[i]) : emit_of(cases[i]);
        struct yd_buf buf = {0};

        assert_int_equal(yd_python_put_emit(&writer, &emit, &buf), 0);
        if (i < 9)
            check_pickle(&buf, cases[i], binary);
        else /* a placeholder for each place */
            check_pickle(&buf, "[" BINARY "],1,{\"_placeholder\":true,\"num\":1}", 2);
        yd_buf_free(&yd_mem_default, &buf);
    }
}

static void test_python_write_pickled_answer(void **state)
{
    struct yd_python_writer writer = writer_of(YD_PYTHON_PICKLE);
    struct yd_python_answer answer = answer_of("");
    struct yd_buf buf = {0};

    answer.words = with_bytes("1," BINARY).words;
    assert_int_equal(yd_python_put_answer(&writer, &answer, &buf), 0);
    check_pickle(&buf, "1," BINARY, 1);
    yd_buf_free(&yd_mem_default, &buf);
}

static void fail_at_each(enum yd_python_form form)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_python_writer writer = writer_of(form);
        struct yd_python_emit emit = with_bytes("\""
                                                "0123456789012345678901234567890"
                                                "\"," BINARY);
        struct yd_buf buf = {0};
        int rc;

        writer.mem = &fm.mem;
        rc = yd_python_put_emit(&writer, &emit, &buf);
        assert_true(rc == 0 || (rc == -ENOMEM && failmem_has_failed(&fm)));
        yd_buf_free(&fm.mem, &buf);
        failmem_assert_empty(&fm);
    }
}

static void test_python_write_out_of_memory(void **state)
{
    fail_at_each(YD_PYTHON_LIST);
    fail_at_each(YD_PYTHON_PICKLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_write_lists),
        cmocka_unit_test(test_python_write_bare),
        cmocka_unit_test(test_python_write_plain),
        cmocka_unit_test(test_python_write_targets),
        cmocka_unit_test(test_python_write_methods),
        cmocka_unit_test(test_python_write_answers),
        cmocka_unit_test(test_python_write_pickles),
        cmocka_unit_test(test_python_write_pickled_answer),
        cmocka_unit_test(test_python_write_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
