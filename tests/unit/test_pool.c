/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "failmem.h"

#include <cmocka.h>

/* What is kept of num blocks: none, where the library was built with YODEL_NO_POOLS. */
static size_t kept(const struct yd_pool *pool, size_t num)
{
    return pool->max_free > 0 ? num : 0;
}

static void test_pool_reuses_blocks(void **state)
{
    struct failmem fm;
    struct yd_pool pool;
    void *a, *b;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, 48, 10);
    a = yd_pool_get(&pool);
    b = yd_pool_get(&pool);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    memset(a, 1, 48);
    memset(b, 2, 48);
    yd_pool_put(&pool, a);
    yd_pool_put(&pool, b);
    assert_int_equal(atomic_load(&fm.blocks), kept(&pool, 2));
    a = yd_pool_get(&pool);
    assert_int_equal(atomic_load(&fm.calls), kept(&pool, 2) ? 2 : 3);
    yd_pool_put(&pool, a);
    yd_pool_done(&pool);
    failmem_assert_empty(&fm);
}

static void test_pool_keeps_no_more_than_max(void **state)
{
    struct failmem fm;
    struct yd_pool pool;
    void *blocks[5];

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, 1, 3);
    for (int i = 0; i < 5; i++)
        blocks[i] = yd_pool_get(&pool);
    assert_int_equal(atomic_load(&fm.blocks), 5);
    assert_int_equal(atomic_load(&fm.bytes), 5 * sizeof(void *));
    for (int i = 0; i < 5; i++)
        yd_pool_put(&pool, blocks[i]);
    assert_int_equal(atomic_load(&fm.blocks), kept(&pool, 3));
    assert_int_equal(pool.num_free, kept(&pool, 3));
    yd_pool_done(&pool);
    assert_int_equal(pool.num_free, 0);
    failmem_assert_empty(&fm);
}

static void test_pool_of_none_goes_to_the_allocator(void **state)
{
    struct failmem fm;
    struct yd_pool pool;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, 100, 0);
    yd_pool_put(&pool, yd_pool_get(&pool));
    failmem_assert_empty(&fm);
    yd_pool_done(&pool);
}

static void test_pool_out_of_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_pool pool;
        void *blocks[3];
        int failed = 0;

        yd_pool_init(&pool, &fm.mem, 32, 2);
        for (int i = 0; i < 3; i++) {
            blocks[i] = yd_pool_get(&pool);
            failed += !blocks[i];
        }
        assert_int_equal(failed, failmem_has_failed(&fm));
        for (int i = 0; i < 3; i++)
            if (blocks[i])
                yd_pool_put(&pool, blocks[i]);
        yd_pool_done(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_reuses_blocks),
        cmocka_unit_test(test_pool_keeps_no_more_than_max),
        cmocka_unit_test(test_pool_of_none_goes_to_the_allocator),
        cmocka_unit_test(test_pool_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
