/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/base.h>

#include <cmocka.h>

static void test_pattern_examples(void **state)
{
    static const struct {
        const char *pattern, *name;
        int fits;
    } cases[] = {
        {"", "", 1},
        {"", "a", 0},
        {"a", "", 0},
        {"*", "", 1},
        {"***", "", 1},
        {"*", "any/thing #*", 1},
        {"a", "a", 1},
        {"a", "ab", 0},
        {"a", "A", 0},
        {"a*", "a", 1},
        {"a*", "ba", 0},
        {"*a", "ba", 1},
        {"*a", "ab", 0},
        {"a*a", "a", 0},
        {"a*a", "aa", 1},
        {"ab*ba", "aba", 0},
        {"ab*ba", "abba", 1},
        {"a*b*c", "aXbYbZc", 1},
        {"a*b*c", "aXbYbZ", 0},
        {"*:admin", "a:admin", 1},
        {"*:admin", "a:admin:b", 0},
        {"*bc*bcd", "abcabcbcd", 1},
        {"*abab*", "xababab", 1},
        {"*ab*ab", "ab", 0},
        {"?", "?", 1},
        {"?", "a", 0},
        {"[a]", "[a]", 1},
        {"\\*", "\\", 1},
        {"chat:*:\xc3\xa9", "chat:x:\xc3\xa9", 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (yodel_pattern_fits(cases[i].pattern, yodel_str_of(cases[i].name)) != cases[i].fits)
            fail_msg("%s of %s: not %d", cases[i].pattern, cases[i].name, cases[i].fits);
    assert_int_equal(yodel_pattern_fits(NULL, YODEL_STR("")), 0);
    assert_int_equal(yodel_pattern_fits(NULL, YODEL_STR("a")), 0);
    assert_int_equal(yodel_pattern_fits("*", yodel_str_of(NULL)), 1);
    assert_int_equal(yodel_pattern_fits("", yodel_str_of(NULL)), 1);
    assert_int_equal(yodel_pattern_fits("a*", yodel_str_of(NULL)), 0);
    assert_int_equal(yodel_pattern_fits("a*b", YODEL_STR("a\0b")), 1);
    assert_int_equal(yodel_pattern_fits("a", YODEL_STR("a\0b")), 0);
}

/* The definition. */
static bool fits_by_definition(const char *pattern, const char *name)
{
    if (*pattern == '\0')
        return *name == '\0';
    if (*pattern == '*')
        return fits_by_definition(pattern + 1, name) ||
               (*name != '\0' && fits_by_definition(pattern, name + 1));
    return *pattern == *name && fits_by_definition(pattern + 1, name + 1);
}

/* The nth text of these letters, the shorter ones first. */
static void nth_text(unsigned n, const char *letters, char *ret)
{
    const unsigned num = (unsigned)strlen(letters);

    for (; n > 0; n = (n - 1) / num)
        *ret++ = letters[(n - 1) % num];
    *ret = '\0';
}

static void test_pattern_means_what_its_definition_says(void **state)
{
    char pattern[16], name[16];

    for (unsigned i = 0; i < 1093; i++) /* up to six letters */
        for (unsigned k = 0; k < 127; k++) {
            nth_text(i, "a*b", pattern);
            nth_text(k, "ab", name);
            if (yodel_pattern_fits(pattern, yodel_str_of(name)) !=
                fits_by_definition(pattern, name))
                fail_msg("%s of %s", pattern, name);
        }
}

/* Every byte but the star stands for itself, at the beginning, in the middle and at the end. */
static void test_pattern_of_every_byte(void **state)
{
    for (int c = 1; c < 256; c++)
        for (int other = 0; other < 256; other++) {
            const int expected = c == '*' || c == other;
            const char alone[] = {(char)c, '\0'}, first[] = {(char)c, '*', '\0'};
            const char last[] = {'*', (char)c, '\0'}, inside[] = {'*', (char)c, '*', '\0'};
            const char name = (char)other;
            const yodel_str one = {&name, 1};

            assert_int_equal(yodel_pattern_fits(alone, one), expected);
            assert_int_equal(yodel_pattern_fits(first, one), expected);
            assert_int_equal(yodel_pattern_fits(last, one), expected);
            assert_int_equal(yodel_pattern_fits(inside, one), expected);
        }
}

/* What takes others a time that grows with a power of the stars, or without a bound. */
static void test_pattern_is_not_tried_twice(void **state)
{
    const size_t len = (size_t)1 << 20;
    char *name = malloc(len), pattern[2001];

    assert_non_null(name);
    memset(name, 'a', len);
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[2000] = '\0';
    assert_int_equal(yodel_pattern_fits(pattern, (yodel_str){name, len}), 1);
    pattern[1999] = 'b';
    assert_int_equal(yodel_pattern_fits(pattern, (yodel_str){name, len}), 0);
    memset(pattern, 'a', 2000);
    pattern[0] = pattern[1999] = '*';
    pattern[1000] = 'b';
    assert_int_equal(yodel_pattern_fits(pattern, (yodel_str){name, len}), 0);
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern_examples),
        cmocka_unit_test(test_pattern_means_what_its_definition_says),
        cmocka_unit_test(test_pattern_of_every_byte),
        cmocka_unit_test(test_pattern_is_not_tried_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
