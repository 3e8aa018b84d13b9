/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "failmem.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"

static json_t *read_text(const char *text)
{
    json_t *document = NULL;

    assert_int_equal(yd_json_read(yodel_str_of(text), YD_JSON_DEPTH, &document), 0);
    return document;
}

static void assert_reads(const char *text, const char *expected)
{
    json_t *document = read_text(text);
    struct yd_buf buf = {0};

    assert_int_equal(yd_json_put_document(&yd_mem_default, &buf, document), 0);
    assert_int_equal(buf.len, strlen(expected));
    assert_memory_equal(buf.ptr, expected, buf.len);
    yd_buf_free(&yd_mem_default, &buf);
    json_decref(document);
}

static void assert_refused(yodel_str text)
{
    json_t *document = NULL;

    assert_int_equal(yd_json_read(text, YD_JSON_DEPTH, &document), YODEL_ERR_FORMAT);
    assert_null(document);
}

static void test_json_doc_values(void **state)
{
    assert_reads(" null ", "null");
    assert_reads("true", "true");
    assert_reads("[false,[],{},\"\"]", "[false,[],{},\"\"]");
    assert_reads("{ \"a\" : [ 1 , -2 , 0.5 ] , \"\" : { \"b\" : \"x\" } }",
                 "{\"a\":[1,-2,0.5],\"\":{\"b\":\"x\"}}");
    assert_reads("\"\\u00e4\\n\\\"\"", "\"\xc3\xa4\\n\\\"\"");
    assert_reads("{\"a\\u0062\":1}", "{\"ab\":1}");
    assert_reads("{\"a\":1,\"a\":2}", "{\"a\":2}");
}

static void test_json_doc_numbers_beyond_their_range(void **state)
{
    json_t *list = read_text("[9223372036854775807,-9223372036854775808,12345678901234567890,"
                             "1e400,-1e400,1e-400,1.0]");

    assert_true(json_integer_value(json_array_get(list, 0)) == INT64_MAX);
    assert_true(json_integer_value(json_array_get(list, 1)) == INT64_MIN);
    assert_true(json_is_real(json_array_get(list, 2)));
    assert_true(json_real_value(json_array_get(list, 2)) == 12345678901234567890.0);
    assert_true(json_real_value(json_array_get(list, 3)) == DBL_MAX);
    assert_true(json_real_value(json_array_get(list, 4)) == -DBL_MAX);
    assert_true(json_is_real(json_array_get(list, 5)));
    assert_true(json_real_value(json_array_get(list, 5)) == 0);
    assert_true(json_is_real(json_array_get(list, 6)));
    json_decref(list);
}

static void test_json_doc_lone_surrogates_are_replaced(void **state)
{
    assert_reads("\"\\ud83d\"", "\"\xef\xbf\xbd\"");
    assert_reads("[\"\\ude00x\",\"\\ud83d\\ude00\"]", "[\"\xef\xbf\xbdx\",\"\xf0\x9f\x98\x80\"]");
    assert_reads("{\"\\ud83d\":1}", "{\"\xef\xbf\xbd\":1}");
}

static void test_json_doc_keeps_nul_in_strings_and_names(void **state)
{
    json_t *document = read_text("{\"k\\u0000\":\"a\\u0000b\",\"k\":1}");
    json_t *value = json_object_getn(document, "k\0", 2);

    assert_int_equal(json_string_length(value), 3);
    assert_memory_equal(json_string_value(value), "a\0b", 4);
    assert_int_equal(json_integer_value(json_object_get(document, "k")), 1);
    assert_int_equal(json_object_size(document), 2);
    json_decref(document);
}

static void test_json_doc_long_text_with_escapes(void **state)
{
    char text[2000] = "\"", expected[2000];
    json_t *document;

    for (int i = 0; i < 100; i++)
        strcat(text, "0123456789\\n");
    strcat(text, "\"");
    for (int i = 0; i < 100; i++)
        memcpy(expected + i * 11, "0123456789\n", 11);
    document = read_text(text);
    assert_int_equal(json_string_length(document), 1100);
    assert_memory_equal(json_string_value(document), expected, 1100);
    json_decref(document);
}

static void test_json_doc_refuses_what_is_no_json(void **state)
{
    assert_refused(YODEL_STR(""));
    assert_refused(YODEL_STR("{"));
    assert_refused(YODEL_STR("[1,]"));
    assert_refused(YODEL_STR("1 2"));
    assert_refused(YODEL_STR("\"\xff\""));
    assert_refused(YODEL_STR("NaN"));
    assert_refused(YODEL_STR("\0"));
}

static void test_json_doc_depth(void **state)
{
    json_t *document = NULL;

    assert_int_equal(yd_json_read(YODEL_STR("[[1]]"), 2, &document), 0);
    json_decref(document);
    document = NULL;
    assert_int_equal(yd_json_read(YODEL_STR("[[[1]]]"), 2, &document), YODEL_ERR_FORMAT);
    assert_null(document);
}

static int unpack(json_t *document, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_unpack(document, format, args);
    va_end(args);
    return rc;
}

static int unpack_list(json_t *document, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_unpack_list(document, format, args);
    va_end(args);
    return rc;
}

static void test_json_doc_unpack(void **state)
{
    json_t *document = read_text("{\"s\":\"a\\u0000b\",\"n\":[7,8]}");
    const char *text;
    size_t len;
    int first;

    assert_int_equal(unpack(document, "{s:s%, s:[i]}", "s", &text, &len, "n", &first), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_int_equal(first, 7);
    assert_int_equal(unpack(document, "{s:i}", "s", &first), YODEL_ERR_FORMAT);
    json_decref(document);
}

static void test_json_doc_unpack_list(void **state)
{
    json_t *list = read_text("[1,{\"a\":2},\"x\"]");
    char format[400];
    int one, two;

    assert_int_equal(unpack_list(list, "i{s:i}", &one, "a", &two), 0);
    assert_int_equal(one, 1);
    assert_int_equal(two, 2);
    memset(format, ' ', sizeof format);
    strcpy(format + 390, "i");
    assert_int_equal(unpack_list(list, format, &one), 0);
    assert_int_equal(unpack_list(list, "s", &format), YODEL_ERR_FORMAT);
    json_decref(list);
}

static void test_json_doc_out_of_memory(void **state)
{
    static const char text[] =
        "{\"name\":[1,2.5,\"x\\ny\",{\"deep\":{}}],\"\\u00e4\":null,\"b\":7}";
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        json_t *document = NULL;
        int number = 0, rc;

        failmem_serve_jansson(&fm);
        rc = yd_json_read(yodel_str_of(text), YD_JSON_DEPTH, &document);
        if (rc == 0) {
            rc = unpack(document, "{s:i}", "b", &number);
            assert_int_equal(number, rc == 0 ? 7 : 0);
        } else {
            assert_null(document);
        }
        assert_true(rc == -ENOMEM || rc == 0);
        assert_true(rc == 0 || failmem_has_failed(&fm));
        json_decref(document);
        failmem_serve_jansson(NULL);
    }
}

static void test_json_doc_long_escapes_out_of_memory(void **state)
{
    char text[1000] = "{\"\\n";
    struct failmem fm;

    memset(text + 4, 'x', 400);
    strcat(text, "\":\"\\t\"}");
    FAILMEM_LOOP(&fm)
    {
        json_t *document = NULL;
        int rc;

        failmem_serve_jansson(&fm);
        rc = yd_json_read(yodel_str_of(text), YD_JSON_DEPTH, &document);
        assert_int_equal(rc, failmem_has_failed(&fm) ? -ENOMEM : 0);
        json_decref(document);
        failmem_serve_jansson(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_doc_values),
        cmocka_unit_test(test_json_doc_numbers_beyond_their_range),
        cmocka_unit_test(test_json_doc_lone_surrogates_are_replaced),
        cmocka_unit_test(test_json_doc_keeps_nul_in_strings_and_names),
        cmocka_unit_test(test_json_doc_long_text_with_escapes),
        cmocka_unit_test(test_json_doc_refuses_what_is_no_json),
        cmocka_unit_test(test_json_doc_depth),
        cmocka_unit_test(test_json_doc_unpack),
        cmocka_unit_test(test_json_doc_unpack_list),
        cmocka_unit_test(test_json_doc_out_of_memory),
        cmocka_unit_test(test_json_doc_long_escapes_out_of_memory),
    };

    return cmocka_run_group_tests_name("json_doc", tests, NULL, NULL);
}
