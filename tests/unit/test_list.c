/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container.h"

#include <cmocka.h>

struct item {
    int value;
    struct yd_list node;
};

static void assert_values(const struct yd_list *head, const int *values, size_t num)
{
    const struct yd_list *node = head->next;

    for (size_t i = 0; i < num; i++, node = node->next) {
        assert_int_equal(yd_container_of(node, struct item, node)->value, values[i]);
        assert_ptr_equal(node->next->prev, node);
        assert_ptr_equal(node->prev->next, node);
    }
    assert_ptr_equal(node, head);
}

static void fill(struct yd_list *head, struct item *items, int num)
{
    yd_list_init(head);
    for (int i = 0; i < num; i++) {
        items[i].value = i + 1;
        yd_list_append(head, &items[i].node);
    }
}

static void test_list_append_keeps_order(void **state)
{
    struct yd_list head;
    struct item items[3];

    yd_list_init(&head);
    assert_true(yd_list_is_empty(&head));
    fill(&head, items, 3);
    assert_false(yd_list_is_empty(&head));
    assert_values(&head, (const int[]){1, 2, 3}, 3);
}

static void test_list_remove_anywhere_and_twice(void **state)
{
    struct yd_list head;
    struct item items[4];

    fill(&head, items, 4);
    yd_list_remove(&items[1].node);
    yd_list_remove(&items[1].node);
    assert_true(yd_list_is_empty(&items[1].node));
    assert_values(&head, (const int[]){1, 3, 4}, 3);
    yd_list_remove(&items[0].node);
    yd_list_remove(&items[3].node);
    assert_values(&head, (const int[]){3}, 1);
    yd_list_remove(&items[2].node);
    assert_true(yd_list_is_empty(&head));
}

static void test_list_move_takes_all(void **state)
{
    struct yd_list from, to;
    struct item items[3];

    for (int num = 0; num <= 3; num++) {
        fill(&from, items, num);
        yd_list_move(&from, &to);
        assert_true(yd_list_is_empty(&from));
        assert_values(&to, (const int[]){1, 2, 3}, (size_t)num);
    }
    yd_list_append(&from, &(struct item){9, {0}}.node);
    assert_values(&from, (const int[]){9}, 1);
}

static void test_list_ring(void **state)
{
    struct yd_list *first = NULL;
    struct item items[3];

    for (unsigned i = 0; i < 3; i++)
        yd_ring_append(&first, &items[i].node);
    assert_ptr_equal(first, &items[0].node);
    assert_ptr_equal(first->next, &items[1].node);
    assert_ptr_equal(first->prev, &items[2].node);
    yd_ring_remove(&first, &items[1].node);
    assert_ptr_equal(first->next, &items[2].node);
    yd_ring_remove(&first, &items[0].node);
    assert_ptr_equal(first, &items[2].node);
    assert_ptr_equal(first->next, first);
    yd_ring_remove(&first, &items[2].node);
    assert_null(first);
    assert_true(yd_list_is_empty(&items[2].node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_append_keeps_order),
        cmocka_unit_test(test_list_remove_anywhere_and_twice),
        cmocka_unit_test(test_list_move_takes_all),
        cmocka_unit_test(test_list_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
