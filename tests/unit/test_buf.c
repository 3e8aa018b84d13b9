/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"

#include <cmocka.h>

static void assert_buf(const struct yd_buf *buf, const char *text)
{
    assert_int_equal(buf->len, strlen(text));
    if (buf->len > 0)
        assert_memory_equal(buf->ptr, text, buf->len);
}

static void test_buf_append_gathers(void **state)
{
    struct yd_buf buf = {0};

    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "one ", 4), 0);
    assert_int_equal(yd_buf_append_str(&yd_mem_default, &buf, YODEL_STR("two")), 0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, NULL, 0), 0);
    assert_buf(&buf, "one two");
    yd_buf_free(&yd_mem_default, &buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, 0);
}

static void test_buf_nothing_owns_nothing(void **state)
{
    struct failmem fm;
    struct yd_buf buf = {0};

    failmem_init(&fm, 0);
    assert_int_equal(yd_buf_append(&fm.mem, &buf, NULL, 0), 0);
    assert_int_equal(yd_buf_reserve(&fm.mem, &buf, 0), 0);
    assert_int_equal(atomic_load(&fm.calls), 0);
    yd_buf_consume(&buf, 0);
    yd_buf_free(&fm.mem, &buf);
}

static void test_buf_grows_by_doubling(void **state)
{
    struct failmem fm;
    struct yd_buf buf = {0};

    failmem_init(&fm, 0);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)(i * 7);

        assert_int_equal(yd_buf_append(&fm.mem, &buf, &byte, 1), 0);
    }
    assert_in_range(atomic_load(&fm.calls), 1, 14);
    assert_int_equal(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf.ptr[i], (uint8_t)(i * 7));
    yd_buf_free(&fm.mem, &buf);
    failmem_assert_empty(&fm);
}

static void test_buf_reserve_makes_room(void **state)
{
    struct failmem fm;
    struct yd_buf buf = {0};

    failmem_init(&fm, 0);
    assert_int_equal(yd_buf_reserve(&fm.mem, &buf, 1000), 0);
    assert_int_equal(buf.len, 0);
    assert_in_range(buf.cap, 1000, SIZE_MAX);
    assert_int_equal(yd_buf_reserve(&fm.mem, &buf, buf.cap), 0);
    assert_int_equal(atomic_load(&fm.calls), 1);
    yd_buf_free(&fm.mem, &buf);
}

static void test_buf_overflow_is_out_of_memory(void **state)
{
    struct yd_buf buf = {0}, before;

    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "abc", 3), 0);
    before = buf;
    assert_int_equal(yd_buf_reserve(&yd_mem_default, &buf, SIZE_MAX - 2), -ENOMEM);
    assert_memory_equal(&buf, &before, sizeof(buf));
    assert_buf(&buf, "abc");
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_buf_consume_drops_the_front(void **state)
{
    struct yd_buf buf = {0};

    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "abcdef", 6), 0);
    yd_buf_consume(&buf, 2);
    assert_buf(&buf, "cdef");
    yd_buf_consume(&buf, 0);
    assert_buf(&buf, "cdef");
    yd_buf_consume(&buf, 4);
    assert_buf(&buf, "");
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_buf_printf_any_length(void **state)
{
    for (int len = 0; len < 300; len++) {
        struct yd_buf buf = {0};
        char expected[400];

        snprintf(expected, sizeof(expected), "head[%*d]", len, 7);
        assert_int_equal(yd_buf_printf(&yd_mem_default, &buf, "head"), 0);
        assert_int_equal(yd_buf_printf(&yd_mem_default, &buf, "[%*d]", len, 7), 0);
        assert_buf(&buf, expected);
        yd_buf_free(&yd_mem_default, &buf);
    }
}

static void test_buf_out_of_memory(void **state)
{
    static char big[500];
    struct failmem fm;

    memset(big, 'x', sizeof(big) - 1);
    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        size_t len = 0;
        int failed = 0;

        for (int i = 0; i < 4; i++) {
            int result = i % 2 ? yd_buf_printf(&fm.mem, &buf, "%s", big)
                               : yd_buf_append(&fm.mem, &buf, big, sizeof(big) - 1);

            assert_true(result == 0 || result == -ENOMEM);
            failed += result < 0;
            len += result < 0 ? 0 : sizeof(big) - 1;
            assert_int_equal(buf.len, len);
        }
        assert_int_equal(failed, failmem_has_failed(&fm));
        yd_buf_free(&fm.mem, &buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_append_gathers),
        cmocka_unit_test(test_buf_nothing_owns_nothing),
        cmocka_unit_test(test_buf_grows_by_doubling),
        cmocka_unit_test(test_buf_reserve_makes_room),
        cmocka_unit_test(test_buf_overflow_is_out_of_memory),
        cmocka_unit_test(test_buf_consume_drops_the_front),
        cmocka_unit_test(test_buf_printf_any_length),
        cmocka_unit_test(test_buf_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
