/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "api/keys.h"
#include "api/memory.h"
#include "api/query.h"
#include "command/paging.h"
#include "command/spaces.h"
#include "failing.h"

/* ---- answers by key ---- */

static const uint8_t *digest(uint32_t number)
{
    static uint8_t digests[4][YG_MEMORY_DIGEST];
    static unsigned next;
    uint8_t *to = digests[next++ % 4];

    EVP_Digest(&number, sizeof(number), to, NULL, EVP_sha256(), NULL);
    return to;
}

static enum yg_memory_state ask(struct yg_memory *memory, uint32_t key, uint32_t command,
                                uint64_t now_ms, const char *expected)
{
    enum yg_problem problem = YG_PROBLEM_NONE;
    struct yg_text text = {0};
    const enum yg_memory_state state =
        yg_memory_begin(memory, digest(key), digest(command), now_ms, &problem, &text);

    if (expected != NULL) {
        assert_string_equal(yg_text_string(&text), expected);
        assert_int_equal(problem, YG_PROBLEM_SCOPE);
    }
    yg_text_done(&text);
    return state;
}

static void keep(struct yg_memory *memory, uint32_t key, const char *text)
{
    yg_memory_keep(memory, digest(key), YG_PROBLEM_SCOPE, text, strlen(text));
}

static void test_api_memory_knows_answers(void **state)
{
    struct yg_memory *memory = yg_memory_new(100, 1000, 50);

    assert_int_equal(ask(memory, 1, 7, 0, NULL), YG_MEMORY_FRESH);
    assert_int_equal(ask(memory, 1, 7, 1, NULL), YG_MEMORY_BUSY);
    assert_int_equal(ask(memory, 1, 8, 1, NULL), YG_MEMORY_OTHER);
    keep(memory, 1, "answer");
    keep(memory, 1, "second"); /* only the first is one */
    assert_int_equal(ask(memory, 1, 7, 2, "answer"), YG_MEMORY_KNOWN);
    assert_int_equal(ask(memory, 1, 8, 2, NULL), YG_MEMORY_OTHER);
    yg_memory_forget(memory, digest(1)); /* it is answered: it stays */
    assert_int_equal(ask(memory, 1, 7, 49, "answer"), YG_MEMORY_KNOWN);
    assert_int_equal(ask(memory, 1, 7, 50, NULL), YG_MEMORY_FRESH);
    yg_memory_forget(memory, digest(1));
    assert_int_equal(yg_memory_num(memory), 0);
    assert_int_equal(ask(memory, 1, 8, 51, NULL), YG_MEMORY_FRESH);
    keep(memory, 2, "of nobody");
    yg_memory_free(memory);
    yg_memory_free(NULL);
}

static void test_api_memory_has_bounds(void **state)
{
    struct yg_memory *memory = yg_memory_new(10, 100, 1000);
    char text[41];

    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(ask(memory, i, 0, i / 100, NULL), YG_MEMORY_FRESH);
        keep(memory, i, "x");
        assert_true(yg_memory_num(memory) <= 10);
    }
    assert_int_equal(ask(memory, 999, 0, 10, "x"), YG_MEMORY_KNOWN);
    assert_int_equal(ask(memory, 989, 0, 10, NULL), YG_MEMORY_FRESH);
    yg_memory_free(memory);
    memory = yg_memory_new(10, 100, 1000);
    memset(text, 't', 40);
    text[40] = '\0';
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(ask(memory, i, 0, 0, NULL), YG_MEMORY_FRESH);
        keep(memory, i, text);
    }
    assert_int_equal(yg_memory_num(memory), 2);
    yg_memory_free(memory);
}

static void test_api_memory_out_of_memory(void **state)
{
    bool again = true;

    for (size_t n = 1; again; n++) {
        struct yg_memory *memory;

        failing_start(n);
        memory = yg_memory_new(10, 100, 1000);
        if (memory != NULL && ask(memory, 1, 1, 0, NULL) == YG_MEMORY_FRESH)
            keep(memory, 1, "answer");
        again = failing_stop();
        assert_true(memory == NULL || yg_memory_num(memory) == !again);
        yg_memory_free(memory);
    }
}

/* ---- keys ---- */

static void test_api_keys_are_found_by_what_they_are(void **state)
{
    struct yg_api_key keys[2] = {{.name = "a"}, {.name = "b"}};
    const struct yg_api_terms terms = {.keys = keys, .num_keys = 2};
    char longest[2000] = "Bearer ";

    EVP_Digest("first", 5, keys[0].sha256, NULL, EVP_sha256(), NULL);
    EVP_Digest("second", 6, keys[1].sha256, NULL, EVP_sha256(), NULL);
    assert_ptr_equal(yg_api_key_find(&terms, YODEL_STR("Bearer first")), &keys[0]);
    assert_ptr_equal(yg_api_key_find(&terms, YODEL_STR("bearer second")), &keys[1]);
    assert_null(yg_api_key_find(&terms, YODEL_STR("Bearer third")));
    assert_null(yg_api_key_find(&terms, YODEL_STR("Bearer  first")));
    assert_null(yg_api_key_find(&terms, YODEL_STR("first")));
    assert_null(yg_api_key_find(&terms, YODEL_STR("Bearer ")));
    assert_null(yg_api_key_find(&terms, (yodel_str){NULL, 0}));
    memset(longest + 7, 'x', sizeof(longest) - 7);
    assert_null(yg_api_key_find(&terms, (yodel_str){longest, sizeof(longest)}));
}

static void test_api_keys_have_a_rate(void **state)
{
    const struct yg_api_key key = {.rate = 3}, free_one = {.rate = 0};
    struct yg_api_usage usage = {0};

    for (int i = 0; i < 3; i++)
        assert_true(yg_api_key_take(&key, &usage, 5000));
    assert_false(yg_api_key_take(&key, &usage, 5999));
    assert_true(yg_api_key_take(&key, &usage, 6000));
    assert_true(yg_api_key_take(&free_one, &usage, 6000));
}

static void test_api_keys_have_a_rate_by_the_minute(void **state)
{
    const struct yg_api_key key = {.rate = 1, .rate_ms = 60000};
    struct yg_api_usage usage = {0};

    assert_true(yg_api_key_take(&key, &usage, 60000));
    assert_false(yg_api_key_take(&key, &usage, 119999));
    assert_true(yg_api_key_take(&key, &usage, 120000));
}

static void count(void *owner)
{
    ++*(int *)owner;
}

static void test_api_terms_are_released_once(void **state)
{
    int released = 0;
    struct yg_api_held *held =
        yg_api_held_new(&(struct yg_api_terms){.release = count, .owner = &released});

    assert_int_equal(held->terms.max_commands, 1000);
    yg_api_held_ref(held);
    assert_null(yg_api_held_unref(held));
    assert_int_equal(released, 0);
    assert_null(yg_api_held_unref(held));
    assert_int_equal(released, 1);
    assert_null(yg_api_held_unref(NULL));
}

static void test_spaces_grow_and_change(void **state)
{
    struct yg_spaces spaces = {NULL};
    const char *before;

    assert_string_equal(yg_spaces_room(&spaces, "/"), "");
    assert_int_equal(yg_spaces_set(&spaces, "/", "user:{user}"), 0);
    before = yg_spaces_room(&spaces, "/");
    assert_int_equal(yg_spaces_set(&spaces, "/b", ""), 0);
    assert_int_equal(yg_spaces_set(&spaces, "/", "user:{user}"), 0);
    assert_ptr_equal(yg_spaces_room(&spaces, "/"), before);
    assert_int_equal(yg_spaces_set(&spaces, "/", "u:{user}"), 0);
    assert_string_equal(yg_spaces_room(&spaces, "/"), "u:{user}");
    assert_string_equal(before, "user:{user}"); /* stays for who has it */
    assert_string_equal(yg_spaces_room(&spaces, "/b"), "");
    failing_start(1);
    assert_int_equal(yg_spaces_set(&spaces, "/c", "x"), -ENOMEM);
    assert_true(failing_stop());
    yg_spaces_done(&spaces);
    assert_string_equal(yg_spaces_room(&spaces, "/"), "");
}

/* ---- queries ---- */

static json_t *query(const char *text)
{
    const char *error = NULL;
    json_t *json = NULL;
    const int rc = yg_query_json(yodel_str_of(text), &error, &json);

    assert_true(rc == 0 || (rc == -EINVAL && error != NULL));
    return json;
}

static void test_api_query(void **state)
{
    static const char *const wrong[] = {"a=1&a=2",     "a=%",    "a=%4",          "a=%zz",
                                        "%00=1",       "a=%00",  "a=%ff",         "%c0%80=1",
                                        "a=%ed%a0%80", "a=\xc3", "a=%f4%90%80%80"};
    json_t *json = query("room=a+b%26%C3%BC&limit=20&count&reverse=false&&x=&limitx=5");
    json_t *expected = json_pack("{sssisbsbssss}", "room", "a b&\xc3\xbc", "limit", 20, "count", 1,
                                 "reverse", 0, "x", "", "limitx", "5");

    assert_true(json_equal(json, expected));
    json_decref(json);
    json_decref(expected);
    json = query("");
    assert_int_equal(json_object_size(json), 0);
    json_decref(json);
    json = query("limit=-1&count=maybe"); /* the parser says what they are */
    assert_string_equal(json_string_value(json_object_get(json, "limit")), "-1");
    assert_string_equal(json_string_value(json_object_get(json, "count")), "maybe");
    json_decref(json);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_null(query(wrong[i]));
}

/* ---- pages ---- */

static void test_api_pages(void **state)
{
    json_t *list = json_pack("[{ss}{ss}{ss}{}]", "k", "c", "k", "a", "k", "b");
    json_t *page = yg_page(list, "items", "k", NULL, 2);
    json_t *expected = json_pack("{s[{ss}{ss}]ss}", "items", "k", "a", "k", "b", "next", "b");

    assert_true(json_equal(page, expected));
    json_decref(page);
    json_decref(expected);
    page = yg_page(list, "items", "k", "b", 2);
    expected = json_pack("{s[{ss}]sn}", "items", "k", "c", "next");
    assert_true(json_equal(page, expected));
    json_decref(page);
    json_decref(expected);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_api_memory_knows_answers),
        cmocka_unit_test(test_api_memory_has_bounds),
        cmocka_unit_test(test_api_memory_out_of_memory),
        cmocka_unit_test(test_api_keys_are_found_by_what_they_are),
        cmocka_unit_test(test_api_keys_have_a_rate),
        cmocka_unit_test(test_api_keys_have_a_rate_by_the_minute),
        cmocka_unit_test(test_api_terms_are_released_once),
        cmocka_unit_test(test_spaces_grow_and_change),
        cmocka_unit_test(test_api_query),
        cmocka_unit_test(test_api_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
