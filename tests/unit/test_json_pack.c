/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "proto/json_pack.h"

static int pack(struct yd_buf *buf, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(&yd_mem_default, buf, format, args);
    va_end(args);
    return rc;
}

static int pack_list(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack_list(mem, buf, format, args, NULL);
    va_end(args);
    return rc;
}

static void assert_text(struct yd_buf *buf, const char *expected)
{
    assert_int_equal(buf->len, strlen(expected));
    if (buf->len > 0)
        assert_memory_equal(buf->ptr, expected, buf->len);
    yd_buf_free(&yd_mem_default, buf);
}

#define assert_packs(expected, ...)                                                                \
    do {                                                                                           \
        struct yd_buf buf_ = {0};                                                                  \
        assert_int_equal(pack(&buf_, __VA_ARGS__), 0);                                             \
        assert_text(&buf_, expected);                                                              \
    } while (0)

#define assert_no_pack(...)                                                                        \
    do {                                                                                           \
        struct yd_buf buf_ = {0};                                                                  \
        assert_int_equal(yd_buf_append(&yd_mem_default, &buf_, "x", 1), 0);                        \
        assert_int_equal(pack(&buf_, __VA_ARGS__), YODEL_ERR_FORMAT);                              \
        assert_text(&buf_, "x");                                                                   \
    } while (0)

static void test_json_pack_scalars(void **state)
{
    assert_packs("null", "n");
    assert_packs("true", "b", 7);
    assert_packs("false", " b ", 0);
    assert_packs("-2147483648", "i", INT32_MIN);
    assert_packs("-9223372036854775808", "I", (json_int_t)INT64_MIN);
    assert_packs("9223372036854775807", "I", (json_int_t)INT64_MAX);
    assert_packs("0", "i", 0);
    assert_packs("0.1", "f", 0.1);
    assert_packs("1.0", "f", 1.0);
    assert_packs("1e+21", "f", 1e21);
    assert_packs("\"a\\\"\\n\xc3\xa4\"", "s", "a\"\n\xc3\xa4");
}

static void test_json_pack_nested(void **state)
{
    assert_packs("{}", "{}");
    assert_packs("[[],{}]", "[ [], {} ]");
    assert_packs("{\"a\":1,\"b\":[true,{\"c\":\"d\"}]}", "{s:i, s:[b, {s:s}]}", "a", 1, "b", 1, "c",
                 "d");
}

static void test_json_pack_counted_and_joined_strings(void **state)
{
    assert_packs("[\"ab\",\"a\\u0000b\"]", "[s#, s%]", "abc", 2, "a\0bc", (size_t)3);
    assert_packs("\"abcd\"", "s+", "ab", "cd");
    assert_packs("{\"abc\":\"\xc3\xa4\"}", "{s#+:s%+#}", "abX", 2, "c", "\xc3\xa4", (size_t)1,
                 "\xa4z", 1);
    assert_packs("\"\"", "s#", "abc", -1);
}

static void test_json_pack_optional_values(void **state)
{
    assert_packs("[null,\"x\",null]", "[s?, s?, o?]", NULL, "x", NULL);
    assert_packs("[1]", "[s*, i, o*]", NULL, 1, NULL);
    assert_packs("{\"b\":1}", "{s:s*, s:i, s:O*}", "a", NULL, "b", 1, "c", NULL);
    assert_packs("[\"x\"]", "[s*]", "x");
    assert_no_pack("s*", NULL);
}

static void test_json_pack_documents(void **state)
{
    json_t *document =
        json_loads("{\"a\":[1,0.5,\"x\\u0000\",{\"b\":null}],\"c\":[]}", JSON_ALLOW_NUL, NULL);

    assert_packs("[{\"a\":[1,0.5,\"x\\u0000\",{\"b\":null}],\"c\":[]},true]", "[O,o]", document,
                 json_true());
    assert_int_equal(document->refcount, 1);
    assert_packs("{\"a\":[1,0.5,\"x\\u0000\",{\"b\":null}],\"c\":[]}", "o", document);
}

static void test_json_pack_refuses_values_that_are_none(void **state)
{
    assert_no_pack("s", NULL);
    assert_no_pack("o", NULL);
    assert_no_pack("[s]", "\xff");
    assert_no_pack("{s:i}", "\xff", 1);
    assert_no_pack("{s:i}", NULL, 1);
    assert_no_pack("f", (double)NAN);
    assert_no_pack("f", (double)INFINITY);
    assert_no_pack("[s+]", "a", NULL);
    assert_no_pack("[s#+]", NULL, 3, "a");
    assert_no_pack("[s%]", NULL, (size_t)3);
    assert_no_pack("{s:y}", "a", (yodel_bytes){NULL, 0}); /* only where attachments go along */
}

static void test_json_pack_refuses_malformed_formats(void **state)
{
    assert_no_pack("");
    assert_no_pack("x");
    assert_no_pack("ii", 1, 2);
    assert_no_pack("[i", 1);
    assert_no_pack("{s:i", "a", 1);
    assert_no_pack("{i:i}", 1, 1);
    assert_no_pack("{s}", "a");
    assert_no_pack("[s?#]", "a", 1);
    assert_no_pack("]");
}

/* As with json_pack(), a reference is taken by a call that fails too. */
static void test_json_pack_takes_references_when_it_fails(void **state)
{
    json_t *document = json_object();

    json_incref(document);
    assert_no_pack("[s, o]", NULL, document);
    assert_int_equal(document->refcount, 1);
    json_incref(document);
    assert_no_pack("{s:f, s:o, s:O}", "a", (double)NAN, "b", document, "c", document);
    assert_int_equal(document->refcount, 1);
    json_decref(document);
}

static void test_json_pack_documents_that_hold_themselves(void **state)
{
    json_t *inner = json_array(), *outer = json_array();

    assert_int_equal(json_array_append(outer, inner), 0);
    assert_int_equal(json_array_append(inner, outer), 0);
    assert_no_pack("O", outer);
    assert_int_equal(json_array_clear(inner), 0);
    json_decref(inner);
    json_decref(outer);
}

static void test_json_pack_documents_with_text_that_is_none(void **state)
{
    assert_no_pack("o", json_string_nocheck("\xff"));
}

static void test_json_pack_lists(void **state)
{
    struct yd_buf buf = {0};

    assert_int_equal(pack_list(&yd_mem_default, &buf, ""), 0);
    assert_text(&buf, "");
    assert_int_equal(pack_list(&yd_mem_default, &buf, "s{s:i}s*i", "a", "b", 1, NULL, 2), 0);
    assert_text(&buf, "\"a\",{\"b\":1},2");
    assert_int_equal(pack_list(&yd_mem_default, &buf, "i]", 1), YODEL_ERR_FORMAT);
    assert_text(&buf, "");
}

static void test_json_pack_out_of_memory(void **state)
{
    json_t *document = json_loads("{\"a\":[1,0.5,\"x\",{\"b\":null}]}", 0, NULL);
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int rc;

        failmem_serve_jansson(&fm); /* nothing of it is needed */
        rc = pack_list(&fm.mem, &buf, "s+{s:O,s:i}f", "abcdefghijklmnopqrstuvwxyz",
                       "abcdefghijklmnopqrstuvwxyz0123456789", "document", document, "n", 7, 0.25);
        failmem_serve_jansson(NULL);
        assert_int_equal(rc, failmem_has_failed(&fm) ? -ENOMEM : 0);
        if (rc < 0)
            assert_int_equal(buf.len, 0);
        yd_buf_free(&fm.mem, &buf);
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_pack_scalars),
        cmocka_unit_test(test_json_pack_nested),
        cmocka_unit_test(test_json_pack_counted_and_joined_strings),
        cmocka_unit_test(test_json_pack_optional_values),
        cmocka_unit_test(test_json_pack_documents),
        cmocka_unit_test(test_json_pack_refuses_values_that_are_none),
        cmocka_unit_test(test_json_pack_refuses_malformed_formats),
        cmocka_unit_test(test_json_pack_takes_references_when_it_fails),
        cmocka_unit_test(test_json_pack_documents_that_hold_themselves),
        cmocka_unit_test(test_json_pack_documents_with_text_that_is_none),
        cmocka_unit_test(test_json_pack_lists),
        cmocka_unit_test(test_json_pack_out_of_memory),
    };

    return cmocka_run_group_tests_name("json_pack", tests, NULL, NULL);
}
