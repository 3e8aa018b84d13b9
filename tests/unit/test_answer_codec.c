/* SPDX-License-Identifier: MIT */
#include "sio/answer_codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "exact.h"
#include "failmem.h"

/* Answers as bytes: what one process writes, the other reads in the form that it wants. */

static const struct yodel_allocator *const mem = &yd_mem_default;

static struct yd_buf put(bool lists, const char *elements, uint32_t num)
{
    const yodel_bytes data[] = {{(const uint8_t *)"A", 1}, {(const uint8_t *)"BC", 2}};
    struct yd_sio_answers answers = {-ETIMEDOUT, lists, yodel_str_of(elements), data, num};
    struct yd_buf buf = {0};

    assert_int_equal(yd_sio_answers_put(mem, &buf, &answers), 0);
    return buf;
}

static void expect(bool from, const char *elements, bool to, const char *expected)
{
    struct yd_buf buf = put(from, elements, 2);
    struct yd_sio_answers_read read;
    int rc = yd_sio_answers_get(mem, (yodel_bytes){buf.ptr, buf.len}, to, &read);

    if (expected == NULL) {
        assert_int_equal(rc, YODEL_ERR_PROTOCOL);
    } else {
        assert_int_equal(rc, 0);
        assert_int_equal(read.answers.result, -ETIMEDOUT);
        assert_true(read.answers.lists == to);
        assert_int_equal(read.answers.elements.len, strlen(expected));
        assert_memory_equal(read.answers.elements.ptr, expected, strlen(expected));
        assert_int_equal(read.answers.num_attachments, 2);
        assert_memory_equal(read.answers.attachments[1].ptr, "BC", 2);
        yd_sio_answers_read_done(&read, mem);
    }
    yd_buf_free(mem, &buf);
}

static void test_answer_codec_brings_into_form(void **state)
{
    expect(false, "1,[2,3],null", false, "1,[2,3],null");
    expect(false, "1,[2,3],null", true, "[1],[[2,3]],[null]");
    expect(true, "[1,2],[],[[3],4]", true, "[1,2],[],[[3],4]");
    expect(true, "[1,2],[],[[3],4]", false, "1,null,[3]");
    expect(true, "", false, "");
    expect(false, "", true, "");
    expect(true, "{\"_placeholder\":true,\"num\":1}", false, NULL);
    expect(true, "[{\"_placeholder\":true,\"num\":1},0]", false,
           "{\"_placeholder\":true,\"num\":1}");
}

static void test_answer_codec_refuses_what_is_none(void **state)
{
    expect(true, "1", true, NULL);
    expect(true, "[1],2", false, NULL);
    expect(false, "1,", false, NULL);
    expect(false, "1],[2", true, NULL);
    expect(false, "{\"_placeholder\":true,\"num\":2}", false, NULL);
    expect(true, "[\"\xff\"]", true, NULL);
}

/* Every shorter one is none; a flag that is neither. */
static void test_answer_codec_byte_by_byte(void **state)
{
    struct yd_buf buf = put(true, "[1]", 2);
    struct yd_sio_answers_read read;

    for (size_t len = 0; len < buf.len; len++) {
        uint8_t *copy = exact_copy(buf.ptr, len);

        assert_int_equal(yd_sio_answers_get(mem, (yodel_bytes){copy, len}, true, &read),
                         YODEL_ERR_PROTOCOL);
        free(copy);
    }
    buf.ptr[4] = 2;
    assert_int_equal(yd_sio_answers_get(mem, (yodel_bytes){buf.ptr, buf.len}, true, &read),
                     YODEL_ERR_PROTOCOL);
    yd_buf_free(mem, &buf);
}

static void test_answer_codec_out_of_memory(void **state)
{
    struct yd_buf bytes = put(false, "1,[2]", 2);
    struct failmem fm = {0};

    FAILMEM_LOOP(&fm)
    {
        struct yd_sio_answers_read read;
        int rc = yd_sio_answers_get(&fm.mem, (yodel_bytes){bytes.ptr, bytes.len}, true, &read);

        failmem_assert_whole(&fm, rc, read.answers.elements.len == 9, rc == -ENOMEM);
        if (rc == 0)
            yd_sio_answers_read_done(&read, &fm.mem);
        failmem_assert_empty(&fm);
    }
    yd_buf_free(mem, &bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_codec_brings_into_form),
        cmocka_unit_test(test_answer_codec_refuses_what_is_none),
        cmocka_unit_test(test_answer_codec_byte_by_byte),
        cmocka_unit_test(test_answer_codec_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
