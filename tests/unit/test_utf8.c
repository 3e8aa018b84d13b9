/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"

#include <cmocka.h>

/* The grammar of RFC 3629 section 4, a character a row. */
static const struct row {
    unsigned len;
    uint8_t range[4][2];
} rows[] = {
    {1, {{0x00, 0x7f}}},
    {2, {{0xc2, 0xdf}, {0x80, 0xbf}}},
    {3, {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}}},
    {3, {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}}},
};

/* What the grammar says of a text so far: the row and the position in it, 0 between characters. */
struct oracle {
    uint8_t row, at;
    bool failed;
};

/* Answers worked out once: the row that a byte begins, or YD_LEN(rows). */
struct grammar {
    uint8_t row_of[256];
};

static void grammar_init(struct grammar *grammar)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t row = 0;

        while (row < YD_LEN(rows) && (byte < rows[row].range[0][0] || byte > rows[row].range[0][1]))
            row++;
        grammar->row_of[byte] = row;
    }
}

static struct oracle oracle_step(const struct grammar *grammar, struct oracle oracle, uint8_t byte)
{
    if (oracle.failed)
        return oracle;
    if (oracle.at == 0)
        oracle.row = grammar->row_of[byte];
    if (oracle.row == YD_LEN(rows) || byte < rows[oracle.row].range[oracle.at][0] ||
        byte > rows[oracle.row].range[oracle.at][1]) {
        oracle.failed = true;
        return oracle;
    }
    oracle.at++;
    if (oracle.at == rows[oracle.row].len)
        oracle.at = 0;
    return oracle;
}

/* Fed whole from state on, does the validator agree with the grammar?  Returns 1 if not. */
static unsigned disagrees(struct yd_utf8 state, const uint8_t *data, size_t len,
                          struct oracle oracle)
{
    bool ok = yd_utf8_feed(&state, data, len);

    if (ok == oracle.failed)
        return 1;
    return ok && yd_utf8_is_complete(&state) != (oracle.at == 0);
}

/*
 * A text of three bytes: whole, with ASCII after it so that the fast paths run, and split at each
 * point.  A split where no character is begun leaves the state as it was at first, and what follows
 * is a shorter text, seen elsewhere.
 */
static unsigned check_third(const struct grammar *grammar, const struct yd_utf8 fed[3],
                            const uint8_t text[16], struct oracle oracle)
{
    unsigned wrong;

    oracle = oracle_step(grammar, oracle, text[2]);
    wrong = disagrees(fed[0], text, 3, oracle);
    if (text[0] < 0x80)
        return wrong;
    wrong += disagrees(fed[1], text + 1, 2, oracle);
    if (fed[2].need > 0)
        wrong += disagrees(fed[2], text + 2, 1, oracle);
    return wrong + disagrees(fed[0], text, 16, oracle_step(grammar, oracle, '.'));
}

/* All texts of up to three bytes; after two bytes that are refused the third one matters no more,
 * so a few do. */
static void test_utf8_all_of_three_bytes(void **state)
{
    struct grammar grammar;
    struct oracle oracle[3] = {{0, 0, false}};
    struct yd_utf8 fed[3] = {YD_UTF8_INIT};
    uint8_t text[16] = "................";
    unsigned wrong = 0;

    grammar_init(&grammar);
    for (unsigned a = 0; a < 256; a++) {
        text[0] = (uint8_t)a;
        oracle[1] = oracle_step(&grammar, oracle[0], text[0]);
        fed[1] = fed[0];
        wrong += yd_utf8_feed(&fed[1], text, 1) == oracle[1].failed;
        wrong += disagrees(fed[0], text, 1, oracle[1]);
        for (unsigned b = 0; b < 256; b++) {
            text[1] = (uint8_t)b;
            oracle[2] = oracle_step(&grammar, oracle[1], text[1]);
            fed[2] = fed[1];
            if (!oracle[1].failed)
                wrong += yd_utf8_feed(&fed[2], text + 1, 1) == oracle[2].failed;
            wrong += disagrees(fed[0], text, 2, oracle[2]);
            for (unsigned c = 0; c < 256; c += oracle[2].failed ? 51 : 1) {
                text[2] = (uint8_t)c;
                if (oracle[2].failed)
                    wrong += disagrees(fed[0], text, 3, oracle[2]);
                else
                    wrong += check_third(&grammar, fed, text, oracle[2]);
            }
        }
    }
    assert_int_equal(wrong, 0);
}

static unsigned check_splits(const struct grammar *grammar, const uint8_t *text, size_t len)
{
    struct oracle oracle = {0, 0, false};
    struct yd_utf8 bytewise = YD_UTF8_INIT;
    unsigned wrong = 0;

    for (size_t i = 0; i < len; i++)
        oracle = oracle_step(grammar, oracle, text[i]);
    wrong += disagrees(bytewise, text, len, oracle);
    wrong += yd_utf8_is_valid(text, len) != (!oracle.failed && oracle.at == 0);
    for (size_t split = 0; split <= len; split++) {
        struct yd_utf8 fed = YD_UTF8_INIT;

        if (yd_utf8_feed(&fed, text, split))
            wrong += disagrees(fed, text + split, len - split, oracle);
        else
            wrong += !oracle.failed;
    }
    /* Byte by byte, to see that the first wrong byte is the one that is refused. */
    oracle = (struct oracle){0, 0, false};
    for (size_t i = 0; i < len && !oracle.failed; i++) {
        oracle = oracle_step(grammar, oracle, text[i]);
        wrong += yd_utf8_feed(&bytewise, text + i, 1) == oracle.failed;
    }
    return wrong;
}

static void test_utf8_sample_of_four_bytes(void **state)
{
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xf4};
    struct grammar grammar;
    unsigned wrong = 0;

    grammar_init(&grammar);
    for (unsigned a = 0xbf; a < 256; a++)
        for (unsigned b = 0; b < sizeof(edges); b++)
            for (unsigned c = 0; c < sizeof(edges); c++)
                for (unsigned d = 0; d < sizeof(edges); d++) {
                    uint8_t text[4] = {(uint8_t)a, edges[b], edges[c], edges[d]};

                    wrong += check_splits(&grammar, text, sizeof(text));
                }
    assert_int_equal(wrong, 0);
}

/* ASCII, or characters of two bytes. */
static void fill(uint8_t *text, size_t len, bool ascii)
{
    memset(text, 'a', len);
    for (size_t i = len % 2; !ascii && i < len; i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
}

/* Four bytes across the ends of blocks, whichever size those have, ahead and behind of ASCII and of
 * other characters. */
static void test_utf8_at_the_ends_of_blocks(void **state)
{
    static const uint8_t edges[] = {0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xf0};
    const size_t bases = sizeof edges * sizeof edges * sizeof edges;
    struct grammar grammar;
    unsigned wrong = 0;

    grammar_init(&grammar);
    for (unsigned a = 0x80; a < 256; a++) {
        for (size_t i = 0; i < bases; i++) {
            const uint8_t four[] = {(uint8_t)a, edges[i / 100], edges[i / 10 % 10], edges[i % 10]};
            size_t at = 27 + i % 6 + (i % 2) * 16;
            struct oracle oracle = {0, 0, false};
            uint8_t text[96];

            fill(text, at, i % 3 == 0);
            memcpy(text + at, four, sizeof four);
            fill(text + at + sizeof four, sizeof text - at - sizeof four, i % 3 == 0);
            for (size_t k = 0; k < sizeof text; k++)
                oracle = oracle_step(&grammar, oracle, text[k]);
            wrong += disagrees(YD_UTF8_INIT, text, sizeof text, oracle);
        }
    }
    assert_int_equal(wrong, 0);
}

static size_t encode(uint8_t *text, unsigned code)
{
    if (code < 0x80) {
        text[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        text[0] = (uint8_t)(0xc0 | code >> 6);
        text[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        text[0] = (uint8_t)(0xe0 | code >> 12);
        text[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        text[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    text[0] = (uint8_t)(0xf0 | code >> 18);
    text[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    text[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    text[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

static void test_utf8_every_code_point(void **state)
{
    unsigned wrong = 0;

    for (unsigned code = 0; code < 0x120000; code++) {
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        uint8_t text[24];
        size_t len = encode(text, code);

        wrong += yd_utf8_is_valid(text, len) != valid;
        memset(text + len, ' ', sizeof(text) - len);
        wrong += yd_utf8_is_valid(text, sizeof(text)) != valid;
    }
    assert_int_equal(wrong, 0);
}

static uint32_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33);
}

/* Runs of ASCII and of wide characters, so that every path meets every other one. */
static size_t random_text(uint64_t *random, uint8_t *text, size_t max)
{
    static const unsigned limits[] = {0x80, 0x80, 0x800, 0xd800, 0x110000};
    size_t len = 0;

    while (len + 4 <= max) {
        unsigned limit = limits[next_random(random) % YD_LEN(limits)];
        unsigned run = next_random(random) % 90;

        for (unsigned i = 0; i < run && len + 4 <= max; i++) {
            unsigned code = next_random(random) % limit;

            len += encode(text + len, code >= 0xd800 && code < 0xe000 ? 'x' : code);
        }
    }
    return len;
}

static void test_utf8_long_texts_with_one_byte_changed(void **state)
{
    struct grammar grammar;
    uint64_t random = 42;
    uint8_t text[400];
    unsigned wrong = 0;

    grammar_init(&grammar);
    for (unsigned round = 0; round < 300; round++) {
        size_t start = next_random(&random) % 17;
        size_t len = random_text(&random, text + start, 40 + next_random(&random) % 300);

        wrong += !yd_utf8_is_valid(text + start, len);
        wrong += check_splits(&grammar, text + start, len);
        text[start + next_random(&random) % len] = (uint8_t)next_random(&random);
        wrong += check_splits(&grammar, text + start, len);
        wrong += check_splits(&grammar, text + start, next_random(&random) % len);
    }
    assert_int_equal(wrong, 0);
}

static void test_utf8_nothing_is_valid(void **state)
{
    struct yd_utf8 utf8 = YD_UTF8_INIT;

    assert_true(yd_utf8_is_valid(NULL, 0));
    assert_true(yd_utf8_feed(&utf8, NULL, 0));
    assert_true(yd_utf8_feed(&utf8, (const uint8_t *)"\xe2\x82", 2));
    assert_false(yd_utf8_is_complete(&utf8));
    assert_true(yd_utf8_feed(&utf8, NULL, 0));
    assert_true(yd_utf8_feed(&utf8, (const uint8_t *)"\xac", 1));
    assert_true(yd_utf8_is_complete(&utf8));
}

static void test_utf8_cut_keeps_characters(void **state)
{
    static const char text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};

    for (size_t max = 0; max < YD_LEN(expected); max++)
        assert_int_equal(yd_utf8_cut(text, sizeof(text) - 1, max), expected[max]);
    assert_int_equal(yd_utf8_cut(NULL, 0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_all_of_three_bytes),
        cmocka_unit_test(test_utf8_sample_of_four_bytes),
        cmocka_unit_test(test_utf8_at_the_ends_of_blocks),
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_utf8_long_texts_with_one_byte_changed),
        cmocka_unit_test(test_utf8_nothing_is_valid),
        cmocka_unit_test(test_utf8_cut_keeps_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
