/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One struct in three ages. */
struct options_v1 {
    size_t size;
    uint32_t loops, limit;
};

struct options_v2 {
    size_t size;
    uint32_t loops, limit;
    const char *name;
    uint64_t idle_ms;
};

struct options_v3 {
    struct options_v2 v2;
    uint64_t extra[2];
};

static void test_options_null_is_all_default(void **state)
{
    struct options_v2 ret, zero;

    memset(&ret, 0xff, sizeof(ret));
    memset(&zero, 0, sizeof(zero));
    assert_int_equal(yd_options_read(NULL, &ret, sizeof(ret)), 0);
    assert_memory_equal(&ret, &zero, sizeof(ret));
}

static void test_options_same_size_is_copied(void **state)
{
    struct options_v2 ret;

    assert_int_equal(
        yd_options_read(YODEL_OPTIONS(struct options_v2, .loops = 4, .name = "x", .idle_ms = 7),
                        &ret, sizeof(ret)),
        0);
    assert_int_equal(ret.loops, 4);
    assert_int_equal(ret.limit, 0);
    assert_string_equal(ret.name, "x");
    assert_int_equal(ret.idle_ms, 7);
}

static void test_options_older_caller_gets_defaults(void **state)
{
    struct options_v2 ret;

    memset(&ret, 0xff, sizeof(ret));
    assert_int_equal(yd_options_read(YODEL_OPTIONS(struct options_v1, .loops = 4, .limit = 5), &ret,
                                     sizeof(ret)),
                     0);
    assert_int_equal(ret.loops, 4);
    assert_int_equal(ret.limit, 5);
    assert_null(ret.name);
    assert_int_equal(ret.idle_ms, 0);
}

static void test_options_newer_caller_may_not_set_more(void **state)
{
    struct options_v3 given;
    struct options_v2 ret = {.loops = 99};

    memset(&given, 0, sizeof(given));
    given.v2.size = sizeof(given);
    given.v2.idle_ms = 3;
    for (size_t i = 0; i < sizeof(given.extra); i++) {
        ((unsigned char *)given.extra)[i] = 1;
        assert_int_equal(yd_options_read(&given, &ret, sizeof(ret)), YODEL_ERR_OPTIONS);
        assert_int_equal(ret.loops, 99); /* untouched */
        ((unsigned char *)given.extra)[i] = 0;
    }
    assert_int_equal(yd_options_read(&given, &ret, sizeof(ret)), 0);
    assert_int_equal(ret.loops, 0);
    assert_int_equal(ret.idle_ms, 3);
}

static void test_options_are_written_somewhere(void **state)
{
    struct options_v1 filled = {.size = sizeof filled};

    (void)state;
    assert_int_equal(yd_options_write(NULL, &filled, sizeof filled), -EINVAL);
}

static void test_options_size_must_hold_itself(void **state)
{
    struct options_v1 given = {.loops = 4};
    struct options_v2 ret = {.loops = 99};

    for (given.size = 0; given.size < sizeof(size_t); given.size++)
        assert_int_equal(yd_options_read(&given, &ret, sizeof(ret)), -EINVAL);
    assert_int_equal(ret.loops, 99);
    assert_int_equal(yd_options_read(&given, &ret, sizeof(ret)), 0);
    assert_int_equal(ret.loops, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_null_is_all_default),
        cmocka_unit_test(test_options_same_size_is_copied),
        cmocka_unit_test(test_options_older_caller_gets_defaults),
        cmocka_unit_test(test_options_newer_caller_may_not_set_more),
        cmocka_unit_test(test_options_are_written_somewhere),
        cmocka_unit_test(test_options_size_must_hold_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
