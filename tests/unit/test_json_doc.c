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
    rc = yd_json_unpack_list(document, format, args, NULL, 0);
    va_end(args);
    return rc;
}

static void test_json_doc_unpack(void **state)
{
    json_t *document =
        read_text("{\"s\":\"a\\u0000b\",\"n\":[7,8],\"r\":0.5,\"t\":true,\"f\":false,"
                  "\"z\":null,\"o\":{\"p\":\"q\"},\"big\":5000000000}");
    json_t *borrowed = NULL, *taken = NULL;
    const char *text = NULL;
    size_t len = 0;
    int first = 0, yes = 0, no = 1;
    double real = 0, number = 0;
    json_int_t big = 0;

    assert_int_equal(unpack(document, "{s:s%, s:[i], s:f, s:b, s:b, s:n, s:{s:s}}", "s", &text,
                            &len, "n", &first, "r", &real, "t", &yes, "f", &no, "z", "o", "p",
                            &text),
                     0);
    assert_int_equal(len, 3);
    assert_int_equal(first, 7);
    assert_true(real == 0.5 && yes == 1 && no == 0);
    assert_string_equal(text, "q");
    assert_int_equal(unpack(document, "{s:o, s:O, s:[F], s:I}", "o", &borrowed, "z", &taken, "n",
                            &number, "big", &big),
                     0);
    assert_ptr_equal(borrowed, json_object_get(document, "o"));
    assert_int_equal(borrowed->refcount, 1);
    json_decref(taken);
    assert_true(number == 7 && big == 5000000000);
    assert_int_equal(unpack(document, "{}"), 0);
    json_decref(document);
}

/* "a\u0000b" must not be taken for "a". */
static void test_json_doc_unpack_cuts_no_string(void **state)
{
    json_t *document = read_text("[\"a\\u0000b\"]");
    const char *text = "untouched";
    size_t len;

    assert_int_equal(unpack(document, "[s]", &text), YODEL_ERR_FORMAT);
    assert_string_equal(text, "untouched");
    assert_int_equal(unpack(document, "[s%]", &text, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    json_decref(document);
}

static void test_json_doc_unpack_wants_types(void **state)
{
    static const struct {
        const char *text, *format;
    } cases[] = {
        {"1", "s"},      {"\"1\"", "i"}, {"\"1\"", "I"},    {"1.0", "i"},    {"1.0", "I"},
        {"1", "f"},      {"\"1\"", "F"}, {"1", "b"},        {"0", "n"},      {"[]", "{}"},
        {"{}", "[]"},    {"[]", "[i]"},  {"[1,2]", "[i!]"}, {"1", "x"},      {"1", ""},
        {"1", "ii"},     {"[1]", "[i"},  {"{}", "{"},       {"[1]", "[!i]"}, {"1", "i]"},
        {"[1]", "[i?]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *document = read_text(cases[i].text);
        union {
            char bytes[16];
            double align;
        } target, before;

        memset(&target, 0x5a, sizeof target);
        memcpy(&before, &target, sizeof target);
        assert_int_equal(unpack(document, cases[i].format, &target, &target), YODEL_ERR_FORMAT);
        assert_memory_equal(&target, &before, sizeof target);
        json_decref(document);
    }
}

static void test_json_doc_unpack_optional_and_strict(void **state)
{
    json_t *document = read_text("{\"a\":1,\"b\":{\"c\":2}}");
    int a = 7, c = 7, d = 7;

    assert_int_equal(unpack(document, "{s?i, s?{s:i}, s:i}", "x", &d, "y", "z", &c, "a", &a), 0);
    assert_true(a == 1 && c == 7 && d == 7);
    assert_int_equal(unpack(document, "{s?s}", "a", &d), YODEL_ERR_FORMAT);
    assert_int_equal(unpack(document, "{s:i}", "x", &d), YODEL_ERR_FORMAT);
    assert_int_equal(unpack(document, "{s:i!}", "a", &d), YODEL_ERR_FORMAT);
    assert_int_equal(d, 7);
    assert_int_equal(unpack(document, "{s:i*}", "a", &d), 0);
    assert_int_equal(unpack(document, "{s:i, s:{s:i!}!}", "a", &d, "b", "c", &c), 0);
    assert_int_equal(c, 2);
    assert_int_equal(unpack(document, "{s:i}", NULL, &d), YODEL_ERR_FORMAT);
    json_decref(document);
}

/* What comes ahead of the fault is not written either, and no reference is kept. */
static void test_json_doc_unpack_is_all_or_nothing(void **state)
{
    json_t *document = read_text("{\"a\":1,\"b\":[]}");
    json_t *taken = NULL;
    int a = 7;

    assert_int_equal(unpack(document, "{s:i, s:O, s:i}", "a", &a, "b", &taken, "c", &a),
                     YODEL_ERR_FORMAT);
    assert_int_equal(a, 7);
    assert_null(taken);
    assert_int_equal(json_object_get(document, "b")->refcount, 1);
    json_decref(document);
}

static void test_json_doc_unpack_list(void **state)
{
    json_t *list = read_text("[1,{\"a\":2},\"x\"]");
    const char *text;
    char format[400];
    json_t *value;
    int one, two;

    assert_int_equal(unpack_list(list, "i{s:i}", &one, "a", &two), 0);
    assert_int_equal(one, 1);
    assert_int_equal(two, 2);
    memset(format, ' ', sizeof format);
    strcpy(format + 390, "i");
    assert_int_equal(unpack_list(list, format, &one), 0);
    assert_int_equal(unpack_list(list, "s", &text), YODEL_ERR_FORMAT);
    assert_int_equal(unpack_list(list, "ios", &one, &value, &text), 0);
    assert_string_equal(text, "x");
    assert_int_equal(unpack_list(list, "ooos", &value, &value, &value, &text), YODEL_ERR_FORMAT);
    assert_int_equal(unpack_list(list, ""), 0);
    assert_int_equal(unpack_list(value, "i", &one), YODEL_ERR_FORMAT); /* no array */
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
            assert_int_equal(unpack(document, "{s:i}", "b", &number), 0); /* needs none */
            assert_int_equal(number, 7);
        } else {
            assert_null(document);
        }
        assert_int_equal(rc, failmem_has_failed(&fm) ? -ENOMEM : 0);
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
        cmocka_unit_test(test_json_doc_unpack_cuts_no_string),
        cmocka_unit_test(test_json_doc_unpack_wants_types),
        cmocka_unit_test(test_json_doc_unpack_optional_and_strict),
        cmocka_unit_test(test_json_doc_unpack_is_all_or_nothing),
        cmocka_unit_test(test_json_doc_unpack_list),
        cmocka_unit_test(test_json_doc_out_of_memory),
        cmocka_unit_test(test_json_doc_long_escapes_out_of_memory),
    };

    return cmocka_run_group_tests_name("json_doc", tests, NULL, NULL);
}
