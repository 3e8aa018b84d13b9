/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"

#include <cmocka.h>

#define NUM 5000

static const uint64_t secret[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

struct entry {
    struct yd_map_node node;
    char text[16];
    int present;
};

static void entry_init(struct entry *entry, unsigned i)
{
    size_t len = (size_t)snprintf(entry->text, sizeof(entry->text), "key-%u", i);

    entry->node.key = (yodel_str){entry->text, len};
    entry->present = 0;
}

static struct entry *make_entries(unsigned num)
{
    struct entry *entries = calloc(num, sizeof(*entries));

    assert_non_null(entries);
    for (unsigned i = 0; i < num; i++)
        entry_init(&entries[i], i);
    return entries;
}

static void assert_find(const struct yd_map *map, struct entry *entry)
{
    char copy[sizeof(entry->text)];
    struct yd_map_node *node;

    snprintf(copy, sizeof(copy), "%s", entry->text);
    node = yd_map_find(map, yodel_str_of(copy));
    assert_ptr_equal(node, entry->present ? &entry->node : NULL);
}

/* Outputs of the authors' reference implementation for the bytes 00 01 02 ... */
static void test_map_siphash_reference_vectors(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
        UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
        UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e),
        UINT64_C(0x25a48eb36c063de4), UINT64_C(0x79de85ee92ff097f), UINT64_C(0x70c118c1f94dc352),
        UINT64_C(0x78a384b157b4d9a2), UINT64_C(0x306f760c1229ffa7), UINT64_C(0x605aa111c0f95d34),
        UINT64_C(0xd320d86d2a519956), UINT64_C(0xcc4fdd1a7d908b66), UINT64_C(0x9cf2689063dbd80c),
    };
    uint8_t bytes[YD_LEN(expected)];

    for (size_t len = 0; len < YD_LEN(expected); len++) {
        bytes[len] = (uint8_t)len;
        assert_true(yd_siphash(secret, bytes, len) == expected[len]);
    }
    assert_true(yd_siphash(secret, NULL, 0) == expected[0]);
}

/* What CPython 3.11, whose hash of bytes this is, says of the same text with the same secret. */
static void test_map_siphash_other_secrets(void **state)
{
    static const uint64_t zero[2],
        other[2] = {UINT64_C(0x65121defe496063e), UINT64_C(0xb30647aa540bb9c8)};
    uint8_t bytes[63];

    for (uint8_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i;
    assert_true(yd_siphash(zero, "yodel", 5) == UINT64_C(0x1463a5ae3f5d3a01));
    assert_true(yd_siphash(zero, bytes, 63) == UINT64_C(0x385d3e39e5f37359));
    assert_true(yd_siphash(other, "a", 1) == UINT64_C(0x161e983fde8764e1));
    assert_true(yd_siphash(other, "sixteen bytes ok", 16) == UINT64_C(0xf344ae6c0f729bc1));
    assert_true(yd_siphash(other, bytes, 63) == UINT64_C(0xf7d3a7c86255326a));
}

static void test_map_starts_without_memory(void **state)
{
    struct failmem fm;
    struct yd_map map;

    failmem_init(&fm, 0);
    yd_map_init(&map, &fm.mem, secret);
    assert_null(yd_map_find(&map, YODEL_STR("x")));
    assert_null(yd_map_any(&map));
    yd_map_done(&map);
    assert_int_equal(atomic_load(&fm.calls), 0);
}

static void test_map_empty_key(void **state)
{
    struct yd_map_node node = {.key = {NULL, 0}};
    struct yd_map map;

    yd_map_init(&map, &yd_mem_default, secret);
    assert_int_equal(yd_map_insert(&map, &node), 0);
    assert_ptr_equal(yd_map_find(&map, YODEL_STR("")), &node);
    assert_null(yd_map_find(&map, YODEL_STR("x")));
    yd_map_done(&map);
}

static void test_map_grows_and_shrinks(void **state)
{
    struct entry *entries = make_entries(NUM);
    struct failmem fm;
    struct yd_map map;

    failmem_init(&fm, 0);
    yd_map_init(&map, &fm.mem, secret);
    for (unsigned i = 0; i < NUM; i++) {
        assert_int_equal(yd_map_insert(&map, &entries[i].node), 0);
        entries[i].present = 1;
        assert_in_range(map.num_slots, map.count, map.count < 16 ? 16 : map.count * 2);
        assert_int_equal(map.num_slots & (map.num_slots - 1), 0);
    }
    for (unsigned i = 0; i < NUM; i++)
        assert_find(&map, &entries[i]);
    for (unsigned i = 0; i < NUM; i++) {
        yd_map_remove(&map, &entries[i].node);
        entries[i].present = 0;
        assert_find(&map, &entries[i]);
        assert_find(&map, &entries[NUM - 1]);
        assert_in_range(map.num_slots, 16, map.count < 2 ? 16 : map.count * 8);
        assert_int_equal(atomic_load(&fm.bytes), map.num_slots * sizeof(void *));
    }
    assert_int_equal(map.num_slots, 16);
    yd_map_done(&map);
    failmem_assert_empty(&fm);
    free(entries);
}

static void test_map_random_operations(void **state)
{
    struct entry *entries = make_entries(NUM);
    struct yd_map map;
    uint64_t random = 1;
    size_t count = 0;

    yd_map_init(&map, &yd_mem_default, secret);
    for (unsigned i = 0; i < 100000; i++) {
        struct entry *entry;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        /* The part of the keys in use swells and shrinks. */
        entry = &entries[(random >> 33) % (i / 10000 % 2 ? 40 : NUM)];
        assert_find(&map, entry);
        if (entry->present)
            yd_map_remove(&map, &entry->node);
        else
            assert_int_equal(yd_map_insert(&map, &entry->node), 0);
        entry->present = !entry->present;
        count += entry->present ? (size_t)1 : (size_t)-1;
        assert_int_equal(map.count, count);
    }
    for (unsigned i = 0; i < NUM; i++)
        assert_find(&map, &entries[i]);
    yd_map_done(&map);
    free(entries);
}

/* Also a guard against quadratic time: with a search from the first slot this takes minutes. */
static void test_map_any_empties(void **state)
{
    const unsigned num = 300000;
    struct entry *entries = make_entries(num);
    struct yd_map_node *node;
    struct yd_map map;
    unsigned removed = 0;

    yd_map_init(&map, &yd_mem_default, secret);
    for (unsigned i = 0; i < num; i++)
        assert_int_equal(yd_map_insert(&map, &entries[i].node), 0);
    while ((node = yd_map_any(&map))) {
        struct entry *entry = yd_container_of(node, struct entry, node);

        assert_false(entry->present);
        entry->present = 1;
        yd_map_remove(&map, node);
        removed++;
    }
    assert_int_equal(removed, num);
    yd_map_done(&map);
    free(entries);
}

static void test_map_goes_on_without_growth(void **state)
{
    struct entry *entries = make_entries(500);
    struct failmem fm;
    struct yd_map map;

    failmem_init(&fm, 0);
    yd_map_init(&map, &fm.mem, secret);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(yd_map_insert(&map, &entries[i].node), 0);
        entries[i].present = 1;
        fm.fail_at = atomic_load(&fm.calls) + 1;
    }
    assert_int_equal(map.num_slots, 16);
    for (unsigned i = 0; i < 500; i++)
        assert_find(&map, &entries[i]);
    fm.fail_at = 0;
    yd_map_remove(&map, &entries[0].node);
    assert_int_equal(yd_map_insert(&map, &entries[0].node), 0);
    assert_int_equal(map.num_slots, 32);
    for (unsigned i = 0; i < 500; i++)
        assert_find(&map, &entries[i]);
    yd_map_done(&map);
    failmem_assert_empty(&fm);
    free(entries);
}

static void test_map_out_of_memory(void **state)
{
    struct entry *entries = make_entries(200);
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_map map;
        int failed = 0;

        yd_map_init(&map, &fm.mem, secret);
        for (unsigned i = 0; i < 200; i++) {
            int result = yd_map_insert(&map, &entries[i].node);

            assert_true(result == 0 || result == -ENOMEM);
            entries[i].present = result == 0;
            failed += result < 0;
        }
        assert_int_equal(failed, fm.fail_at == 1); /* later on, chains get longer */
        for (unsigned i = 0; i < 200; i++) {
            assert_find(&map, &entries[i]);
            if (entries[i].present)
                yd_map_remove(&map, &entries[i].node);
        }
        assert_int_equal(map.num_slots, 16);
        yd_map_done(&map);
    }
    free(entries);
}

struct bare_entry {
    struct yd_map_bare node;
    char id[4];
};

static void test_map_bare_nodes(void **state)
{
    struct bare_entry entries[100];
    struct yd_map map;

    (void)state;
    yd_map_init_fixed(&map, &yd_mem_default, secret, YD_MAP_KEY(struct bare_entry, node, id));
    for (unsigned i = 0; i < YD_LEN(entries); i++) {
        entries[i] = (struct bare_entry){.id = {'a', 'b', (char)i, 'c'}};
        assert_int_equal(yd_map_insert(&map, yd_map_bare(&entries[i].node)), 0);
    }
    for (unsigned i = 0; i < YD_LEN(entries); i++) {
        char id[5] = {'a', 'b', (char)i, 'c', 'd'};

        assert_ptr_equal(yd_map_find(&map, (yodel_str){id, 4}), yd_map_bare(&entries[i].node));
        assert_null(yd_map_find(&map, (yodel_str){id, 3}));
        assert_null(yd_map_find(&map, (yodel_str){id, 5}));
    }
    for (unsigned i = 0; i < YD_LEN(entries); i += 2)
        yd_map_remove(&map, yd_map_bare(&entries[i].node));
    for (unsigned i = 0; i < YD_LEN(entries); i++)
        assert_int_equal(yd_map_find(&map, (yodel_str){entries[i].id, 4}) != NULL, i % 2);
    yd_map_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_siphash_reference_vectors),
        cmocka_unit_test(test_map_siphash_other_secrets),
        cmocka_unit_test(test_map_starts_without_memory),
        cmocka_unit_test(test_map_empty_key),
        cmocka_unit_test(test_map_grows_and_shrinks),
        cmocka_unit_test(test_map_random_operations),
        cmocka_unit_test(test_map_any_empties),
        cmocka_unit_test(test_map_goes_on_without_growth),
        cmocka_unit_test(test_map_out_of_memory),
        cmocka_unit_test(test_map_bare_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
