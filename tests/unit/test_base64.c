/* SPDX-License-Identifier: MIT */
#include "proto/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "exact.h"

#include <cmocka.h>

/* RFC 4648 section 10, and bytes of every value. */
static const struct {
    const char *data;
    size_t len;
    const char *text;
} pairs[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\0", 1, "AA=="},
    {"\xff", 1, "/w=="},
    {"\xff\xff", 2, "//8="},
    {"\xfb\xef\xbe", 3, "++++"},
    {"\0\0\0\0", 4, "AAAAAA=="},
};

static void test_base64_encodes(void **state)
{
    for (size_t i = 0; i < YD_LEN(pairs); i++) {
        size_t len = yd_base64_len(pairs[i].len);
        char *out = exact_copy(pairs[i].text, len);

        assert_int_equal(len, strlen(pairs[i].text));
        memset(out, 'x', len);
        assert_ptr_equal(yd_base64_encode(out, pairs[i].data, pairs[i].len), out + len);
        assert_memory_equal(out, pairs[i].text, len);
        free(out);
    }
}

static void test_base64_decodes_in_place(void **state)
{
    for (size_t i = 0; i < YD_LEN(pairs); i++) {
        size_t len = strlen(pairs[i].text), got = 99;
        uint8_t *text = exact_copy(pairs[i].text, len);

        assert_true(yd_base64_decode(text, text, len, &got));
        assert_int_equal(got, pairs[i].len);
        assert_memory_equal(text, pairs[i].data, got);
        free(text);
    }
}

static void test_base64_round_trips_every_length(void **state)
{
    uint8_t data[100], back[102];
    char text[136];

    for (size_t len = 0; len <= sizeof(data); len++) {
        size_t got;

        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)(i * 73 + len * 31);
        yd_base64_encode(text, data, len);
        assert_true(yd_base64_decode(back, text, yd_base64_len(len), &got));
        assert_int_equal(got, len);
        assert_memory_equal(back, data, len);
    }
}

static void test_base64_refuses(void **state)
{
    static const char *const bad[] = {
        "Z",        "Zg",       "Zg=",     "=",     "==",   "====",  "Zg==Zg==", "Zm8=Zg",
        "Z===",     "Zm9v=",    "Zg= ",    "Zh==",  "Zm9=", "Zm8\n", "Zm-v",     "Zm_v",
        "Zm9v\n",   " Zm9v",    "Zm 9v",   "Z=g=",  "=Zg=", "!!!!",  "Zg=A",     "Zm9vZm=v",
        "Zm9v====", "\xc3\xa9", "Zm\x80v", "Zm9vZ", "A=AA", "Zm\0v",
    };

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        size_t len = i + 1 < YD_LEN(bad) ? strlen(bad[i]) : 4, got = 99;
        uint8_t *text = exact_copy(bad[i], len);

        if (yd_base64_decode(text, text, len, &got))
            fail_msg("\"%s\" is decoded", bad[i]);
        assert_int_equal(got, 99);
        free(text);
    }
}

/* Of all the texts of four characters that differ in one byte, as many are base64 as there ought to
 * be. */
static void test_base64_byte_flips(void **state)
{
    unsigned good[4] = {0};

    for (unsigned at = 0; at < 4; at++) {
        for (unsigned c = 0; c < 256; c++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'};
            size_t got;

            text[at] = (uint8_t)c;
            good[at] += yd_base64_decode(text, text, 4, &got);
        }
    }
    assert_int_equal(good[0], 64);
    assert_int_equal(good[1], 64);
    assert_int_equal(good[2], 64);
    assert_int_equal(good[3], 65);
}

static void test_base64_makes_ids(void **state)
{
    uint8_t random[YD_ID_BYTES] = {0};
    char id[YD_ID_LEN];

    yd_id_encode(id, random);
    assert_memory_equal(id, "AAAAAAAAAAAAAAAAAAAA", YD_ID_LEN);
    memset(random, 0xff, sizeof(random));
    yd_id_encode(id, random);
    assert_memory_equal(id, "f___________________", YD_ID_LEN);
    memset(random, 0xfb, sizeof(random));
    yd_id_encode(id, random);
    assert_memory_equal(id, "e_v7-_v7-_v7-_v7-_v7", YD_ID_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_encodes),
        cmocka_unit_test(test_base64_decodes_in_place),
        cmocka_unit_test(test_base64_round_trips_every_length),
        cmocka_unit_test(test_base64_refuses),
        cmocka_unit_test(test_base64_byte_flips),
        cmocka_unit_test(test_base64_makes_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
