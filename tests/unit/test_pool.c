/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "failmem.h"

#include <cmocka.h>

#define MIB (1024 * 1024)

/* What is kept of num blocks: none, where the library was built with YODEL_NO_POOLS. */
static size_t kept(const struct yd_pool *pool, size_t num)
{
    return pool->max_held > 0 ? num : 0;
}

/* Its ends: the bytes between would cost a test more than they are worth. */
static void touch(void *block, size_t size)
{
    memset(block, 0x5a, YD_MIN(size, (size_t)64));
    ((uint8_t *)block)[size - 1] = 0x5a;
}

static void fill(struct yd_pool *pool, enum yd_block kind, size_t num)
{
    void *blocks[64];

    assert_true(num <= YD_LEN(blocks));
    for (size_t i = 0; i < num; i++) {
        blocks[i] = yd_pool_get(pool, kind);
        assert_non_null(blocks[i]);
        touch(blocks[i], pool->kinds[kind].size);
    }
    for (size_t i = 0; i < num; i++)
        yd_pool_put(pool, kind, blocks[i]);
}

static void test_pool_reuses_blocks(void **state)
{
    struct failmem fm;
    struct yd_pool pool;
    void *a, *b;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, MIB);
    a = yd_pool_get(&pool, YD_BLOCK_SMALL);
    b = yd_pool_get(&pool, YD_BLOCK_SMALL);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    yd_pool_put(&pool, YD_BLOCK_SMALL, a);
    yd_pool_put(&pool, YD_BLOCK_SMALL, b);
    assert_int_equal(atomic_load(&fm.blocks), kept(&pool, 2));
    assert_int_equal(pool.held, kept(&pool, 96));
    a = yd_pool_get(&pool, YD_BLOCK_SMALL);
    assert_int_equal(atomic_load(&fm.calls), kept(&pool, 2) ? 2 : 3);
    yd_pool_put(&pool, YD_BLOCK_SMALL, a);
    yd_pool_done(&pool);
    failmem_assert_empty(&fm);
}

/* Whatever is put, in whatever order, what is held never exceeds the bound, and the count is true.
 */
static void test_pool_holds_no_more_than_its_bound(void **state)
{
    const size_t bound = 3 * MIB;
    struct failmem fm;
    struct yd_pool pool;
    void *blocks[200];
    enum yd_block kinds[200];
    size_t size;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, bound);
    srand(1);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < YD_LEN(blocks); i++) {
            size_t want = (size_t)rand() % (rand() % 4 == 0 ? 2 * MIB : 20000);

            blocks[i] = yd_pool_get_sized(&pool, want, &kinds[i], &size);
            assert_non_null(blocks[i]);
            assert_true(size >= want);
            touch(blocks[i], size);
        }
        for (size_t i = 0; i < YD_LEN(blocks); i++) {
            yd_pool_put_sized(&pool, kinds[i], blocks[i]);
            assert_true(pool.held <= bound);
        }
        assert_int_equal(pool.held, atomic_load(&fm.bytes));
    }
    yd_pool_done(&pool);
    assert_int_equal(pool.held, 0);
    failmem_assert_empty(&fm);
}

static void test_pool_gives_back_what_is_not_used(void **state)
{
    struct failmem fm;
    struct yd_pool pool;
    int ages = 0;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, 64 * MIB);
    for (int kind = 0; kind < YD_BLOCK_NONE; kind++)
        fill(&pool, (enum yd_block)kind, 20);
    for (; pool.held > 0; ages++) {
        size_t before = pool.held;

        assert_true(ages < 8);
        yd_pool_age(&pool);
        assert_true(ages == 0 || pool.held < before);
        assert_true(pool.held + 2 * MIB >= before / 2); /* no storm: half, and the odd ones */
    }
    failmem_assert_empty(&fm);
    yd_pool_done(&pool);
}

static void test_pool_keeps_what_is_used(void **state)
{
    struct failmem fm;
    struct yd_pool pool;
    size_t calls;

    failmem_init(&fm, 0);
    yd_pool_init(&pool, &fm.mem, 64 * MIB);
    fill(&pool, YD_BLOCK_LARGE, 30);
    for (int i = 0; i < 10; i++) { /* a third is used */
        fill(&pool, YD_BLOCK_LARGE, 10);
        yd_pool_age(&pool);
    }
    assert_int_equal(atomic_load(&fm.blocks), kept(&pool, 10));
    calls = atomic_load(&fm.calls);
    fill(&pool, YD_BLOCK_LARGE, 10);
    assert_int_equal(atomic_load(&fm.calls), calls + (kept(&pool, 1) ? 0 : 10));
    yd_pool_done(&pool);
    failmem_assert_empty(&fm);
}

static void test_pool_rounds_sizes_up(void **state)
{
    assert_int_equal(yd_block_for(0), YD_BLOCK_SMALL);
    assert_int_equal(yd_block_for(48), YD_BLOCK_SMALL);
    assert_int_equal(yd_block_for(49), YD_BLOCK_CHUNK);
    assert_int_equal(yd_block_for(1025), YD_BLOCK_LARGE);
    assert_int_equal(yd_block_for(16384 + 1024), YD_BLOCK_LARGE);
    assert_int_equal(yd_block_for(16384 + 1025), YD_BLOCK_LARGE + 1);
    assert_int_equal(yd_block_for(32768 + 1024), YD_BLOCK_LARGE + 1);
    assert_int_equal(yd_block_for(MIB + 1024), YD_BLOCK_HUGEST);
    assert_int_equal(yd_block_for(MIB + 1025), YD_BLOCK_NONE);
    assert_int_equal(yd_block_for(SIZE_MAX), YD_BLOCK_NONE);
}

/* From kind to kind, and beyond all of them, where the allocator may not have two at a time. */
static void test_pool_grows_blocks(void **state)
{
    const size_t sizes[] = {20, 700, 20000, 900000, 3 * MIB, 6 * MIB};
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_pool pool;
        enum yd_block kind = YD_BLOCK_SMALL;
        size_t size = 0, used = 0;
        uint8_t *block = NULL, *grown;

        yd_pool_init(&pool, &fm.mem, MIB);
        for (size_t i = 0; i < YD_LEN(sizes); i++) {
            size_t before = size;

            grown = yd_pool_grow_sized(&pool, block, used, sizes[i], &kind, &size);
            if (grown == NULL) {
                assert_true(failmem_has_failed(&fm));
                assert_int_equal(size, before);
                break;
            }
            block = grown;
            assert_true(size >= sizes[i]);
            for (size_t at = 0; at < used; at++)
                assert_int_equal(block[at], at % 251);
            for (; used < sizes[i]; used++)
                block[used] = (uint8_t)(used % 251);
        }
        if (block != NULL)
            yd_pool_put_sized(&pool, kind, block);
        yd_pool_done(&pool);
    }
}

static void test_pool_without_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        const size_t sizes[] = {1, 20000, 3 * MIB};
        struct yd_pool pool;
        enum yd_block kind = 42;
        size_t size = 42;

        yd_pool_init(&pool, &fm.mem, MIB);
        for (size_t i = 0; i < YD_LEN(sizes); i++) {
            void *block = yd_pool_get_sized(&pool, sizes[i], &kind, &size);

            if (block == NULL)
                assert_true(failmem_has_failed(&fm));
            else
                yd_pool_put_sized(&pool, kind, block);
        }
        yd_pool_done(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_reuses_blocks),
        cmocka_unit_test(test_pool_holds_no_more_than_its_bound),
        cmocka_unit_test(test_pool_gives_back_what_is_not_used),
        cmocka_unit_test(test_pool_keeps_what_is_used),
        cmocka_unit_test(test_pool_rounds_sizes_up),
        cmocka_unit_test(test_pool_grows_blocks),
        cmocka_unit_test(test_pool_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
