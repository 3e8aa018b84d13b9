/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"

#include <cmocka.h>

#define STEP 16384
#define NO_LIMIT UINT64_MAX

/* A message put together from its runs. */
struct message {
    struct yd_buf text;
    uint64_t total;
    int stop_with; /* the result of a run */
};

static int gather(const uint8_t *data, size_t len, void *user)
{
    struct message *message = user;

    assert_true(len > 0 && len <= STEP);
    if (message->stop_with != 0)
        return message->stop_with;
    return yd_buf_append(&yd_mem_default, &message->text, data, len);
}

static void message_done(struct message *message)
{
    yd_buf_free(&yd_mem_default, &message->text);
    *message = (struct message){0};
}

/* Gives the message in chunks, each in memory of its own. */
static int inflate_in(struct yd_inflater *inflater, const uint8_t *data, size_t len, size_t chunk,
                      bool keep, uint64_t max, struct message *ret)
{
    size_t at = 0;
    int result;

    do {
        size_t n = YD_MIN(chunk, len - at);
        uint8_t *copy = malloc(n + (n == 0));

        assert_non_null(copy);
        memcpy(copy, data + at, n);
        at += n;
        result =
            yd_inflate_piece(inflater, copy, n, at == len, keep, &ret->total, max, gather, ret);
        free(copy);
    } while (result == 0 && at < len);
    assert_true(ret->total <= max);
    return result;
}

/* Text that repeats itself at many distances, some beyond a small window. */
static void fill(uint8_t *data, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        data[i] = i >= 700 && (seed >> 16) % 8 ? data[i - 700] : (uint8_t)(seed >> 24);
    }
}

struct setting {
    int bits;
    bool keep;
    size_t chunk;
};

static void round_trip(const struct setting *setting)
{
    static const size_t lens[] = {0, 0, 1, 5, 0, 700, 5000, 1, 40000, 40000, 0};
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, setting->bits, 6, 5);
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, setting->bits);
    uint8_t *data = malloc(40000);

    assert_non_null(deflater);
    assert_non_null(inflater);
    assert_non_null(data);
    fill(data, 40000, 1);
    for (size_t i = 0; i < YD_LEN(lens); i++) {
        struct message back = {0};
        struct yd_buf out = {0};

        assert_int_equal(yd_deflate_message(deflater, data, lens[i], setting->keep, &out), 0);
        assert_true(out.len > 0);
        assert_int_equal(
            inflate_in(inflater, out.ptr, out.len, setting->chunk, setting->keep, lens[i], &back),
            0);
        assert_int_equal(back.total, lens[i]);
        assert_int_equal(back.text.len, lens[i]);
        if (lens[i] > 0)
            assert_memory_equal(back.text.ptr, data, lens[i]);
        message_done(&back);
        yd_buf_free(&yd_mem_default, &out);
    }
    free(data);
    yd_inflater_free(inflater);
    yd_deflater_free(deflater);
}

static void test_deflate_round_trips(void **state)
{
    static const size_t chunks[] = {SIZE_MAX, 1, 7};

    for (int bits = 9; bits <= 15; bits++) {
        for (size_t i = 0; i < YD_LEN(chunks); i++) {
            round_trip(&(const struct setting){bits, true, chunks[i]});
            round_trip(&(const struct setting){bits, false, chunks[i]});
        }
    }
}

static void test_deflate_every_level(void **state)
{
    uint8_t data[3000];

    fill(data, sizeof(data), 2);
    for (int level = 1; level <= 9; level++) {
        struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, level, level);
        struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
        struct message back = {0};
        struct yd_buf out = {0};

        assert_int_equal(yd_deflate_message(deflater, data, sizeof(data), true, &out), 0);
        assert_true(out.len < sizeof(data));
        assert_int_equal(inflate_in(inflater, out.ptr, out.len, 100, true, NO_LIMIT, &back), 0);
        assert_int_equal(back.text.len, sizeof(data));
        assert_memory_equal(back.text.ptr, data, sizeof(data));
        message_done(&back);
        yd_buf_free(&yd_mem_default, &out);
        yd_inflater_free(inflater);
        yd_deflater_free(deflater);
    }
}

/* RFC 7692 7.2.3, each one message or several that share their context. */
static void test_deflate_inflates_every_legal_form(void **state)
{
    static const struct {
        struct {
            const char *data;
            size_t len;
            const char *text;
        } messages[3];
    } cases[] = {
        {{{"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"}, {"\xf2\x00\x11\x00\x00", 5, "Hello"}}},
        /* stored */
        {{{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"}}},
        /* BFINAL, and what points back over it, in the same message and in the next */
        {{{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"}}},
        {{{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00", 12, "HelloHello"},
          {"\xf2\x00\x11\x00\x00", 5, "Hello"}}},
        {{{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 15, "HelloHello"}}},
        /* BFINAL without the block that should follow */
        {{{"\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"}, {"\xf2\x00\x11\x00\x00", 5, "Hello"}}},
        {{{"\x01", 1, ""}, {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"}}},
        /* two blocks */
        {{{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"}}},
        /* empty */
        {{{"\x00", 1, ""}, {"\x00", 1, ""}, {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"}}},
        {{{"\x02\x00", 2, ""}, {"\x03\x00", 2, ""}, {"", 0, ""}}},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        for (size_t chunk = 1; chunk < 16; chunk++) {
            struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);

            for (size_t j = 0; j < 3 && cases[i].messages[j].data; j++) {
                struct message back = {0};

                assert_int_equal(inflate_in(inflater, (const uint8_t *)cases[i].messages[j].data,
                                            cases[i].messages[j].len, chunk, true, NO_LIMIT, &back),
                                 0);
                assert_int_equal(back.text.len, strlen(cases[i].messages[j].text));
                if (back.text.len > 0)
                    assert_memory_equal(back.text.ptr, cases[i].messages[j].text, back.text.len);
                message_done(&back);
            }
            yd_inflater_free(inflater);
        }
    }
}

static const uint8_t hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
static const uint8_t again[] = {0xf2, 0x00, 0x11, 0x00, 0x00}; /* "Hello", 5 bytes back */

static void expect_hello(struct yd_inflater *inflater, bool keep)
{
    struct message back = {0};

    assert_int_equal(inflate_in(inflater, hello, sizeof(hello), 3, keep, NO_LIMIT, &back), 0);
    assert_int_equal(back.text.len, 5);
    assert_memory_equal(back.text.ptr, "Hello", 5);
    message_done(&back);
}

static void test_deflate_refuses_what_is_no_stream(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } cases[] = {
        {"\xff\xff\xff\xff", 4},
        {"\x06", 1},                           /* block type 3 */
        {"\x00\x05\x00\x00\x00Hello\x00", 11}, /* length and its complement differ */
        {"\xf2\x00\x11\x00\x00", 5},           /* a distance beyond the beginning */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff", 9},
        {"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11}, /* the tail left in */
        /* cut off */
        {"\xf2\x48\xcd\xc9", 4},
        {"\x00\xff\xff\x00\x00Hello", 10},
        {"\xf3\x48\xcd", 3},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        for (size_t chunk = 1; chunk <= 16; chunk += 5) {
            struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
            struct message back = {0};

            assert_int_equal(inflate_in(inflater, (const uint8_t *)cases[i].data, cases[i].len,
                                        chunk, true, NO_LIMIT, &back),
                             -EINVAL);
            message_done(&back);
            yd_inflater_reset(inflater);
            expect_hello(inflater, true);
            yd_inflater_free(inflater);
        }
    }
}

static void test_deflate_forgets_the_context_unless_kept(void **state)
{
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
    struct message back = {0};

    expect_hello(inflater, false);
    assert_int_equal(inflate_in(inflater, again, sizeof(again), 9, true, NO_LIMIT, &back), -EINVAL);
    yd_inflater_reset(inflater);
    expect_hello(inflater, true);
    yd_inflater_reset(inflater);
    assert_int_equal(inflate_in(inflater, again, sizeof(again), 9, true, NO_LIMIT, &back), -EINVAL);
    message_done(&back);
    yd_inflater_free(inflater);
}

/* An inflater that knows no message but this one can read it. */
static void expect_alone(const struct yd_buf *out, const uint8_t *data, size_t len)
{
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
    struct message back = {0};

    assert_int_equal(inflate_in(inflater, out->ptr, out->len, SIZE_MAX, true, NO_LIMIT, &back), 0);
    assert_int_equal(back.text.len, len);
    assert_memory_equal(back.text.ptr, data, len);
    message_done(&back);
    yd_inflater_free(inflater);
}

static void test_deflate_without_context_messages_stand_alone(void **state)
{
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 6, 8);
    struct yd_buf kept = {0}, alone = {0}, more = {0};
    uint8_t data[600];

    fill(data, sizeof(data), 3);
    assert_int_equal(yd_deflate_message(deflater, data, sizeof(data), true, &more), 0);
    assert_int_equal(yd_deflate_message(deflater, data, sizeof(data), true, &kept), 0);
    assert_true(kept.len < 20);
    /* an empty one forgets as well */
    assert_int_equal(yd_deflate_message(deflater, NULL, 0, false, &more), 0);
    for (int i = 0; i < 2; i++) {
        alone.len = 0;
        assert_int_equal(yd_deflate_message(deflater, data, sizeof(data), false, &alone), 0);
        expect_alone(&alone, data, sizeof(data));
    }
    yd_buf_free(&yd_mem_default, &kept);
    yd_buf_free(&yd_mem_default, &alone);
    yd_buf_free(&yd_mem_default, &more);
    yd_deflater_free(deflater);
}

static void test_deflate_appends(void **state)
{
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 6, 8);
    struct yd_buf out = {0};

    assert_int_equal(yd_buf_append(&yd_mem_default, &out, "head", 4), 0);
    assert_int_equal(yd_deflate_message(deflater, NULL, 0, true, &out), 0);
    assert_int_equal(yd_deflate_message(deflater, NULL, 0, true, &out), 0);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.ptr, "head\0\0", 6);
    yd_buf_free(&yd_mem_default, &out);
    yd_deflater_free(deflater);
}

/* 32 MiB in some 32 KiB. */
static void test_deflate_bombs_stop_at_the_limit(void **state)
{
    static const uint64_t limits[] = {0, 1, 1000, STEP - 1, STEP, STEP + 1, 1000000};
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 9, 9);
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
    size_t len = (size_t)32 << 20;
    uint8_t *zeros = calloc(1, len);
    struct yd_buf out = {0};

    assert_non_null(zeros);
    assert_int_equal(yd_deflate_message(deflater, zeros, len, false, &out), 0);
    free(zeros);
    assert_true(out.len < 40000);
    for (size_t i = 0; i < YD_LEN(limits); i++) {
        struct message back = {0};

        assert_int_equal(inflate_in(inflater, out.ptr, out.len, 1000, true, limits[i], &back),
                         -EMSGSIZE);
        assert_int_equal(back.text.len, back.total);
        assert_true(back.total + STEP >= limits[i]);
        message_done(&back);
        yd_inflater_reset(inflater);
        expect_hello(inflater, false);
    }
    yd_buf_free(&yd_mem_default, &out);
    yd_inflater_free(inflater);
    yd_deflater_free(deflater);
}

static void test_deflate_limit_is_the_whole_message(void **state)
{
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
    struct message back = {0};

    assert_int_equal(inflate_in(inflater, hello, sizeof(hello), 1, true, 5, &back), 0);
    assert_int_equal(inflate_in(inflater, again, sizeof(again), 9, true, 9, &back), -EMSGSIZE);
    assert_int_equal(back.total, 5);
    yd_inflater_reset(inflater);
    /* a total that is above already */
    back.total = 10;
    assert_int_equal(
        yd_inflate_piece(inflater, hello, sizeof(hello), true, true, &back.total, 9, gather, &back),
        -EMSGSIZE);
    message_done(&back);
    yd_inflater_free(inflater);
}

static void test_deflate_stops_when_told(void **state)
{
    static const int results[] = {1, 7, -1, -ECANCELED};

    for (size_t i = 0; i < YD_LEN(results); i++) {
        struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
        struct message back = {.stop_with = results[i]};

        assert_int_equal(inflate_in(inflater, hello, sizeof(hello), 2, true, NO_LIMIT, &back),
                         results[i]);
        message_done(&back);
        yd_inflater_reset(inflater);
        expect_hello(inflater, true);
        yd_inflater_free(inflater);
    }
}

/* A peer that got only what was sent can read what comes after a failure. */
static void test_deflate_out_of_memory(void **state)
{
    struct failmem fm;
    uint8_t *data = malloc(40000);

    assert_non_null(data);
    fill(data, 40000, 4);
    FAILMEM_LOOP(&fm)
    {
        struct yd_deflater *deflater = yd_deflater_new(&fm.mem, 15, 6, 8);
        struct yd_buf out = {0};
        int result = deflater ? yd_deflate_message(deflater, data, 40000, true, &out) : -ENOMEM;

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        if (deflater && result < 0) {
            assert_int_equal(out.len, 0);
            assert_int_equal(yd_deflate_message(deflater, data, 40000, true, &out), 0);
        }
        if (deflater)
            expect_alone(&out, data, 40000);
        yd_buf_free(&fm.mem, &out);
        yd_deflater_free(deflater);
        failmem_assert_empty(&fm);
    }
    free(data);
}

static void test_deflate_inflating_out_of_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_inflater *inflater = yd_inflater_new(&fm.mem, 15);
        struct message back = {0};
        int result = -ENOMEM;

        if (inflater)
            result = inflate_in(inflater, hello, sizeof(hello), 2, true, NO_LIMIT, &back);
        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        message_done(&back);
        if (inflater) {
            yd_inflater_reset(inflater);
            expect_hello(inflater, true);
        }
        yd_inflater_free(inflater);
        failmem_assert_empty(&fm);
    }
}

/* ---- whole messages ---- */

/* As yd_inflate_piece() has it, for the message and for what is kept of it. */
static void expect_same_as_in_pieces(bool fast, const uint8_t *data, size_t len, size_t max)
{
    struct yd_inflater *whole = yd_inflater_new(&yd_mem_default, 15);
    struct yd_inflater *pieces = yd_inflater_new(&yd_mem_default, 15);
    struct yd_buf out = {0};
    struct message back = {0};
    uint8_t *copy = malloc(len + 1);
    int result;

    if (fast)
        yd_inflater_be_fast(whole);
    assert_non_null(copy);
    memcpy(copy, data, len);
    result = inflate_in(pieces, data, len, SIZE_MAX, !fast, max, &back);
    assert_int_equal(yd_inflate_message(whole, copy, len, !fast, max, &out), result);
    if (result == 0) {
        assert_int_equal(out.len, back.text.len);
        if (out.len > 0)
            assert_memory_equal(out.ptr, back.text.ptr, out.len);
    } else {
        assert_true(out.len <= max);
        expect_hello(whole, true); /* nothing of it is left */
    }
    free(copy);
    message_done(&back);
    yd_buf_free(&yd_mem_default, &out);
    yd_inflater_free(whole);
    yd_inflater_free(pieces);
}

static void expect_same(const uint8_t *data, size_t len, size_t max)
{
    expect_same_as_in_pieces(false, data, len, max);
    expect_same_as_in_pieces(true, data, len, max);
}

/* Of the lengths around where libdeflate begins, cut off everywhere near the end, too long by one,
 * and with bytes changed. */
static void test_deflate_whole_messages_are_as_in_pieces(void **state)
{
    static const size_t lens[] = {0, 1, 300, 4000, 20000, 100000};
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 6, 8);
    uint8_t *data = malloc(100000);

    assert_non_null(data);
    fill(data, 100000, 5);
    for (size_t i = 0; i < YD_LEN(lens); i++) {
        struct yd_buf out = {0};

        assert_int_equal(yd_deflate_message(deflater, data, lens[i], false, &out), 0);
        expect_same(out.ptr, out.len, lens[i]);
        expect_same(out.ptr, out.len, 2 * lens[i] + 1);
        if (lens[i] > 0)
            expect_same(out.ptr, out.len, lens[i] - 1);
        for (size_t cut = 1; cut < 20 && cut <= out.len; cut++)
            expect_same(out.ptr, out.len - cut, lens[i]);
        for (size_t at = 0; at < out.len; at += 1 + out.len / 50) {
            out.ptr[at] ^= 0x10;
            expect_same(out.ptr, out.len, lens[i]);
            out.ptr[at] ^= 0x10;
        }
        yd_buf_free(&yd_mem_default, &out);
    }
    yd_deflater_free(deflater);
    free(data);
}

/* Blocks with BFINAL, and stored ones that reach for what is appended, behind enough bytes. */
static void test_deflate_whole_messages_of_every_form(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } ends[] = {
        {"\x00", 1},
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8},
        {"\xf3\x48\xcd\xc9\xc9\x07\x00", 7},
        {"\x01\x00\x00\xff\xff", 5},
        {"\x03\x00", 2},
        {"\x00\x04\x00\xfb\xff", 5}, /* takes the tail for its four bytes */
        {"\x00\x0a\x00\xf5\xff", 5},
        {"\x00\x0c\x00\xf3\xff", 5}, /* all that libdeflate is given */
        {"\x01\x0c\x00\xf3\xff", 5},
        {"\x01\x04\x00\xfb\xff", 5},
        {"\x00\x00\x00\xff\xff", 5},
    };
    uint8_t message[5 + 3000 + 16] = {0x00, 3000 & 255, 3000 >> 8, ~3000 & 255, ~3000 >> 8 & 255};

    fill(message + 5, 3000, 6);
    for (size_t i = 0; i < YD_LEN(ends); i++) {
        memcpy(message + 5 + 3000, ends[i].data, ends[i].len);
        expect_same(message, 5 + 3000 + ends[i].len, 5000);
    }
}

/* 32 MiB in some 32 KiB, with more memory than the limit at no time. */
static void test_deflate_whole_bombs_stop_at_the_limit(void **state)
{
    static const size_t limits[] = {0, 1, 1000, 100000, 3000000};
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 9, 9);
    size_t len = (size_t)32 << 20;
    uint8_t *zeros = calloc(1, len);
    struct yd_buf out = {0};

    assert_non_null(zeros);
    assert_int_equal(yd_deflate_message(deflater, zeros, len, false, &out), 0);
    free(zeros);
    for (size_t i = 0; i < YD_LEN(limits); i++) {
        struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
        struct yd_buf back = {0};

        yd_inflater_be_fast(inflater);
        assert_int_equal(yd_inflate_message(inflater, out.ptr, out.len, false, limits[i], &back),
                         -EMSGSIZE);
        assert_true(back.cap <= 2 * limits[i] + 10 * out.len);
        expect_hello(inflater, false);
        yd_buf_free(&yd_mem_default, &back);
        yd_inflater_free(inflater);
    }
    yd_buf_free(&yd_mem_default, &out);
    yd_deflater_free(deflater);
}

static void test_deflate_whole_messages_without_memory(void **state)
{
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 6, 8);
    struct yd_buf packed = {0};
    struct failmem fm;
    uint8_t *data = malloc(40000);

    assert_non_null(data);
    fill(data, 40000, 7);
    assert_int_equal(yd_deflate_message(deflater, data, 40000, false, &packed), 0);
    FAILMEM_LOOP(&fm)
    {
        struct yd_inflater *inflater = yd_inflater_new(&fm.mem, 15);
        struct yd_buf out = {0};
        int result = -ENOMEM;

        if (inflater) {
            yd_inflater_be_fast(inflater);
            result = yd_inflate_message(inflater, packed.ptr, packed.len, false, 50000, &out);
        }
        /* libdeflate's room may fail, where zlib needs less */
        assert_true(result == 0 || (result == -ENOMEM && failmem_has_failed(&fm)));
        if (result == 0)
            assert_memory_equal(out.ptr, data, 40000);
        yd_buf_free(&fm.mem, &out);
        yd_inflater_free(inflater);
        failmem_assert_empty(&fm);
    }
    yd_buf_free(&yd_mem_default, &packed);
    yd_deflater_free(deflater);
    free(data);
}

static void test_deflate_free_takes_null(void **state)
{
    yd_deflater_free(NULL);
    yd_inflater_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deflate_round_trips),
        cmocka_unit_test(test_deflate_every_level),
        cmocka_unit_test(test_deflate_inflates_every_legal_form),
        cmocka_unit_test(test_deflate_refuses_what_is_no_stream),
        cmocka_unit_test(test_deflate_forgets_the_context_unless_kept),
        cmocka_unit_test(test_deflate_without_context_messages_stand_alone),
        cmocka_unit_test(test_deflate_appends),
        cmocka_unit_test(test_deflate_bombs_stop_at_the_limit),
        cmocka_unit_test(test_deflate_limit_is_the_whole_message),
        cmocka_unit_test(test_deflate_stops_when_told),
        cmocka_unit_test(test_deflate_out_of_memory),
        cmocka_unit_test(test_deflate_inflating_out_of_memory),
        cmocka_unit_test(test_deflate_whole_messages_are_as_in_pieces),
        cmocka_unit_test(test_deflate_whole_messages_of_every_form),
        cmocka_unit_test(test_deflate_whole_bombs_stop_at_the_limit),
        cmocka_unit_test(test_deflate_whole_messages_without_memory),
        cmocka_unit_test(test_deflate_free_takes_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
