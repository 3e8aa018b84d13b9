/* SPDX-License-Identifier: MIT */
#include "net/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"

#define MANY 2000

struct object {
    uint32_t slot;
    uint64_t id;
};

static void take(struct yd_ids *ids, struct object *object)
{
    assert_int_equal(yd_ids_take(ids, object, &object->slot), 0);
    object->id = yd_ids_id(ids, object->slot);
    assert_int_not_equal(object->id, 0);
}

static void test_ids_find_what_is_there(void **state)
{
    struct object *objects = calloc(MANY, sizeof *objects);
    struct failmem fm;
    struct yd_ids ids;

    (void)state;
    failmem_init(&fm, 0);
    yd_ids_init(&ids, &fm.mem, 3);
    assert_null(yd_ids_find(&ids, UINT64_C(3) << 56 | 1 << 24));
    for (unsigned i = 0; i < MANY; i++)
        take(&ids, &objects[i]);
    for (unsigned i = 0; i < MANY; i++) {
        assert_ptr_equal(yd_ids_find(&ids, objects[i].id), &objects[i]);
        assert_int_equal(yd_id_loop(objects[i].id), 3);
        assert_null(yd_ids_find(&ids, objects[i].id ^ UINT64_C(1) << 56));
        assert_null(yd_ids_find(&ids, objects[i].id + (1 << 24)));
    }
    for (unsigned i = 0; i < MANY; i += 2)
        yd_ids_free(&ids, objects[i].slot);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(yd_ids_find(&ids, objects[i].id), i % 2 ? &objects[i] : NULL);
    /* what the next object of a free slot will be called names nothing yet */
    assert_null(yd_ids_find(&ids, objects[0].id + (1 << 24)));
    yd_ids_done(&ids);
    failmem_assert_empty(&fm);
    free(objects);
}

static void test_ids_walk_over_all(void **state)
{
    struct object *objects = calloc(MANY, sizeof *objects);
    uint32_t slot = 0;
    struct yd_ids ids;
    struct failmem fm;
    unsigned num = 0;

    (void)state;
    failmem_init(&fm, 0);
    yd_ids_init(&ids, &fm.mem, 0);
    assert_null(yd_ids_next(&ids, &slot));
    for (unsigned i = 0; i < MANY; i++)
        take(&ids, &objects[i]);
    for (unsigned i = 300; i < 1200; i++) /* whole pages in the middle */
        yd_ids_free(&ids, objects[i].slot);
    for (slot = 0; yd_ids_next(&ids, &slot) != NULL;)
        num++;
    assert_int_equal(num, MANY - 900);
    yd_ids_done(&ids);
    free(objects);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void test_ids_give_back_and_never_repeat(void **state)
{
    enum { ROUNDS = 20 };
    struct object *objects = calloc(MANY, sizeof *objects);
    uint64_t *given = calloc(ROUNDS * MANY, sizeof *given);
    struct failmem fm;
    struct yd_ids ids;
    size_t least;

    (void)state;
    failmem_init(&fm, 0);
    yd_ids_init(&ids, &fm.mem, 1);
    take(&ids, &objects[0]);
    yd_ids_free(&ids, objects[0].slot);
    least = fm.bytes;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            take(&ids, &objects[i]);
            given[round * MANY + i] = objects[i].id;
        }
        for (unsigned i = 0; i < MANY; i++) /* in one order, or from both ends */
            yd_ids_free(&ids, objects[round % 2 == 0 ? i
                                      : i % 2 == 0   ? i / 2
                                                     : MANY - 1 - i / 2]
                                  .slot);
        assert_true(fm.bytes <= least + 64); /* a page, and where pages stand */
    }
    qsort(given, ROUNDS * MANY, sizeof *given, compare);
    for (unsigned i = 1; i < ROUNDS * MANY; i++)
        assert_true(given[i - 1] < given[i]);
    yd_ids_done(&ids);
    failmem_assert_empty(&fm);
    free(given);
    free(objects);
}

static void test_ids_without_memory(void **state)
{
    struct failmem fm;

    (void)state;
    FAILMEM_LOOP(&fm)
    {
        struct object object;
        struct yd_ids ids;
        int rc;

        yd_ids_init(&ids, &fm.mem, 0);
        rc = yd_ids_take(&ids, &object, &object.slot);
        failmem_assert_whole(&fm, rc, ids.num_pages == 1, ids.num_pages == 0);
        yd_ids_done(&ids);
        failmem_assert_empty(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_find_what_is_there),
        cmocka_unit_test(test_ids_walk_over_all),
        cmocka_unit_test(test_ids_give_back_and_never_repeat),
        cmocka_unit_test(test_ids_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
