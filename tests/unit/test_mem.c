/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "failmem.h"

#include <cmocka.h>

static void test_mem_default_allocates(void **state)
{
    char *ptr = yd_alloc(&yd_mem_default, 3);

    assert_non_null(ptr);
    memcpy(ptr, "ab", 3);
    ptr = yd_resize(&yd_mem_default, ptr, 4000);
    assert_non_null(ptr);
    assert_string_equal(ptr, "ab");
    yd_free(&yd_mem_default, ptr);
    yd_free(&yd_mem_default, NULL);
}

static void test_mem_zalloc_clears(void **state)
{
    static const char zero[100];
    char *ptr = yd_zalloc(&yd_mem_default, sizeof(zero));

    assert_non_null(ptr);
    assert_memory_equal(ptr, zero, sizeof(zero));
    yd_free(&yd_mem_default, ptr);
}

static void test_mem_nothing_is_not_null(void **state)
{
    struct failmem fm;
    void *ptr[4];

    failmem_init(&fm, 0);
    ptr[0] = yd_alloc(&fm.mem, 0);
    ptr[1] = yd_zalloc(&fm.mem, 0);
    ptr[2] = yd_alloc_array(&fm.mem, 0, 8);
    ptr[3] = yd_resize(&fm.mem, yd_alloc(&fm.mem, 10), 0);
    assert_int_equal(atomic_load(&fm.bytes), 4);
    for (int i = 0; i < 4; i++) {
        assert_non_null(ptr[i]);
        yd_free(&fm.mem, ptr[i]);
    }
    failmem_assert_empty(&fm);
}

static void test_mem_overflow_is_out_of_memory(void **state)
{
    struct failmem fm;

    failmem_init(&fm, 0);
    assert_null(yd_alloc_array(&fm.mem, SIZE_MAX / 2 + 1, 2));
    assert_null(yd_alloc_array(&fm.mem, SIZE_MAX, SIZE_MAX));
    assert_null(yd_strndup(&fm.mem, "", SIZE_MAX));
    assert_int_equal(atomic_load(&fm.calls), 0);
}

static void test_mem_strdup_copies(void **state)
{
    struct failmem fm;
    char *whole, *part, *empty;

    failmem_init(&fm, 0);
    whole = yd_strdup(&fm.mem, "yodel");
    part = yd_strndup(&fm.mem, "yodel", 2);
    empty = yd_strndup(&fm.mem, NULL, 0);
    assert_string_equal(whole, "yodel");
    assert_string_equal(part, "yo");
    assert_string_equal(empty, "");
    assert_int_equal(atomic_load(&fm.bytes), 6 + 3 + 1);
    yd_free(&fm.mem, whole);
    yd_free(&fm.mem, part);
    yd_free(&fm.mem, empty);
    failmem_assert_empty(&fm);
}

static void test_mem_out_of_memory(void **state)
{
    struct failmem fm;
    unsigned runs = 0;

    FAILMEM_LOOP(&fm)
    {
        void *ptr[] = {yd_alloc(&fm.mem, 5), yd_zalloc(&fm.mem, 5), yd_alloc_array(&fm.mem, 2, 3),
                       yd_resize(&fm.mem, NULL, 9), yd_strdup(&fm.mem, "x")};

        runs++;
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(ptr[i] == NULL, i + 1 == runs);
            yd_free(&fm.mem, ptr[i]);
        }
    }
    assert_int_equal(runs, 6);
}

static void test_mem_failed_resize_keeps_block(void **state)
{
    struct failmem fm;
    char *ptr;

    failmem_init(&fm, 2);
    ptr = yd_strdup(&fm.mem, "kept");
    assert_null(yd_resize(&fm.mem, ptr, 100));
    assert_true(failmem_has_failed(&fm));
    assert_string_equal(ptr, "kept");
    yd_free(&fm.mem, ptr);
    failmem_assert_empty(&fm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem_default_allocates),
        cmocka_unit_test(test_mem_zalloc_clears),
        cmocka_unit_test(test_mem_nothing_is_not_null),
        cmocka_unit_test(test_mem_overflow_is_out_of_memory),
        cmocka_unit_test(test_mem_strdup_copies),
        cmocka_unit_test(test_mem_out_of_memory),
        cmocka_unit_test(test_mem_failed_resize_keeps_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
