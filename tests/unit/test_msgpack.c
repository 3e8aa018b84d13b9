/* SPDX-License-Identifier: MIT */
#include "proto/msgpack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "exact.h"
#include "failmem.h"

#include <cmocka.h>

static yodel_bytes bytes_of(const struct yd_buf *buf)
{
    return (yodel_bytes){buf->ptr, buf->len};
}

/* Reads the one item that buf holds, and not when it is cut. */
static struct yd_msgpack_item read_back(struct yd_buf *buf)
{
    struct yd_msgpack_item item = {.type = YD_MSGPACK_NIL};
    yodel_bytes rest;

    for (size_t len = 0; len < buf->len; len++) {
        uint8_t *copy = exact_copy(buf->ptr, len);

        rest = (yodel_bytes){copy, len};
        if (buf->ptr[0] != 0xdc && buf->ptr[0] != 0xde) /* heads that need their items */
            assert_false(yd_msgpack_read(&rest, &item));
        assert_int_equal(rest.len, len);
        free(copy);
    }
    rest = bytes_of(buf);
    assert_true(yd_msgpack_read(&rest, &item));
    assert_int_equal(rest.len, 0);
    return item;
}

static void test_msgpack_whole_numbers(void **state)
{
    static const struct {
        int64_t number;
        const char *bytes;
        size_t len;
    } cases[] = {
        {0, "\x00", 1},
        {127, "\x7f", 1},
        {128, "\xcc\x80", 2},
        {255, "\xcc\xff", 2},
        {256, "\xcd\x01\x00", 3},
        {65535, "\xcd\xff\xff", 3},
        {65536, "\xce\x00\x01\x00\x00", 5},
        {4294967295, "\xce\xff\xff\xff\xff", 5},
        {4294967296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9},
        {INT64_MAX, "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9},
        {-1, "\xff", 1},
        {-32, "\xe0", 1},
        {-33, "\xd0\xdf", 2},
        {-128, "\xd0\x80", 2},
        {-129, "\xd1\xff\x7f", 3},
        {-32768, "\xd1\x80\x00", 3},
        {-32769, "\xd2\xff\xff\x7f\xff", 5},
        {INT32_MIN, "\xd2\x80\x00\x00\x00", 5},
        {(int64_t)INT32_MIN - 1, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 9},
        {INT64_MIN, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct yd_buf buf = {0};
        struct yd_msgpack_item item;

        assert_int_equal(yd_msgpack_put_int(&yd_mem_default, &buf, cases[i].number), 0);
        assert_int_equal(buf.len, cases[i].len);
        assert_memory_equal(buf.ptr, cases[i].bytes, buf.len);
        item = read_back(&buf);
        if (cases[i].number < 0) {
            assert_int_equal(item.type, YD_MSGPACK_INT);
            assert_true(item.as.i == cases[i].number);
        } else {
            assert_int_equal(item.type, YD_MSGPACK_UINT);
            assert_true(item.as.u == (uint64_t)cases[i].number);
        }
        yd_buf_free(&yd_mem_default, &buf);
    }
}

static void test_msgpack_reads_long_forms(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int type;
        int64_t number;
    } cases[] = {
        {"\xcc\x01", 2, YD_MSGPACK_UINT, 1},
        {"\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9, YD_MSGPACK_UINT, 5},
        {"\xd0\x05", 2, YD_MSGPACK_UINT, 5},
        {"\xd1\x00\x05", 3, YD_MSGPACK_UINT, 5},
        {"\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 9, YD_MSGPACK_UINT, 5},
        {"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", 9, YD_MSGPACK_INT, -1},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        yodel_bytes rest = {(const uint8_t *)cases[i].bytes, cases[i].len};
        struct yd_msgpack_item item;

        assert_true(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, cases[i].type);
        assert_true(item.as.i == cases[i].number);
    }
}

static void test_msgpack_scalars(void **state)
{
    struct yd_buf buf = {0};
    struct yd_msgpack_item item;

    assert_int_equal(yd_msgpack_put_nil(&yd_mem_default, &buf), 0);
    item = read_back(&buf);
    assert_int_equal(item.type, YD_MSGPACK_NIL);
    buf.len = 0;
    for (int boolean = 0; boolean < 2; boolean++) {
        assert_int_equal(yd_msgpack_put_bool(&yd_mem_default, &buf, boolean), 0);
        item = read_back(&buf);
        assert_int_equal(item.type, YD_MSGPACK_BOOL);
        assert_int_equal(item.as.boolean, boolean);
        buf.len = 0;
    }
    assert_int_equal(yd_msgpack_put_double(&yd_mem_default, &buf, -2.5), 0);
    assert_int_equal(buf.len, 9);
    item = read_back(&buf);
    assert_int_equal(item.type, YD_MSGPACK_FLOAT);
    assert_true(item.as.d == -2.5);
    buf.len = 0;
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, "\xca\x3f\x80\x00\x00", 5), 0);
    item = read_back(&buf);
    assert_int_equal(item.type, YD_MSGPACK_FLOAT);
    assert_true(item.as.d == 1);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_msgpack_lengths(void **state)
{
    static const struct {
        uint32_t len;
        uint8_t str, bin, array, map;
        size_t str_head, bin_head, nested_head;
    } cases[] = {
        {0, 0xa0, 0xc4, 0x90, 0x80, 1, 2, 1},     {15, 0xaf, 0xc4, 0x9f, 0x8f, 1, 2, 1},
        {16, 0xb0, 0xc4, 0xdc, 0xde, 1, 2, 3},    {31, 0xbf, 0xc4, 0xdc, 0xde, 1, 2, 3},
        {32, 0xd9, 0xc4, 0xdc, 0xde, 2, 2, 3},    {255, 0xd9, 0xc4, 0xdc, 0xde, 2, 2, 3},
        {256, 0xda, 0xc5, 0xdc, 0xde, 3, 3, 3},   {65535, 0xda, 0xc5, 0xdc, 0xde, 3, 3, 3},
        {65536, 0xdb, 0xc6, 0xdd, 0xdf, 5, 5, 5},
    };
    char *text = calloc(1, 65536);

    assert_non_null(text);
    for (size_t i = 0; i < YD_LEN(cases); i++) {
        uint32_t len = cases[i].len;
        struct yd_buf str = {0}, bin = {0}, array = {0}, map = {0};
        struct yd_msgpack_item item;
        yodel_bytes rest;

        yd_msgpack_put_str(&yd_mem_default, &str, (yodel_str){text, len});
        yd_msgpack_put_bin(&yd_mem_default, &bin, (yodel_bytes){(uint8_t *)text, len});
        yd_msgpack_put_array(&yd_mem_default, &array, len);
        yd_msgpack_put_map(&yd_mem_default, &map, len);
        assert_int_equal(str.len, cases[i].str_head + len);
        assert_int_equal(str.ptr[0], cases[i].str);
        assert_int_equal(bin.len, cases[i].bin_head + len);
        assert_int_equal(bin.ptr[0], cases[i].bin);
        assert_int_equal(array.len, cases[i].nested_head);
        assert_int_equal(array.ptr[0], cases[i].array);
        assert_int_equal(map.len, cases[i].nested_head);
        assert_int_equal(map.ptr[0], cases[i].map);
        rest = bytes_of(&str);
        assert_true(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, YD_MSGPACK_STR);
        assert_int_equal(item.as.bytes.len, len);
        rest = bytes_of(&bin);
        assert_true(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, YD_MSGPACK_BIN);
        assert_int_equal(item.as.bytes.len, len);
        /* With a byte for every item the heads are good, with one less they are not. */
        yd_buf_append(&yd_mem_default, &array, text, len);
        rest = bytes_of(&array);
        assert_true(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, YD_MSGPACK_ARRAY);
        assert_int_equal(item.as.count, len);
        rest = (yodel_bytes){array.ptr, array.len - 1};
        assert_false(yd_msgpack_read(&rest, &item));
        yd_buf_append(&yd_mem_default, &map, text, len);
        yd_buf_append(&yd_mem_default, &map, text, len);
        rest = bytes_of(&map);
        assert_true(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, YD_MSGPACK_MAP);
        assert_int_equal(item.as.count, len);
        rest = (yodel_bytes){map.ptr, map.len - 1};
        assert_false(yd_msgpack_read(&rest, &item));
        yd_buf_free(&yd_mem_default, &str);
        yd_buf_free(&yd_mem_default, &bin);
        yd_buf_free(&yd_mem_default, &array);
        yd_buf_free(&yd_mem_default, &map);
    }
    free(text);
}

static void test_msgpack_reads_ext(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, data_len;
        bool is_fixed;
    } cases[] = {
        {"\xd4\xff\x01", 3, 1, true},
        {"\xd5\xff\x01\x02", 4, 2, true},
        {"\xd7\xff\x01\x02\x03\x04\x05\x06\x07\x08", 10, 8, true},
        {"\xc7\x00\xff", 3, 0, false},
        {"\xc7\x03\xff\x01\x02\x03", 6, 3, false},
        {"\xc8\x00\x01\xff\x01", 5, 1, false},
        {"\xc9\x00\x00\x00\x01\xff\x01", 7, 1, false},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct yd_buf buf = {0};
        struct yd_msgpack_item item;

        yd_buf_append(&yd_mem_default, &buf, cases[i].bytes, cases[i].len);
        item = read_back(&buf);
        assert_int_equal(item.type, YD_MSGPACK_EXT);
        assert_int_equal(item.ext, -1);
        assert_int_equal(item.is_fixed, cases[i].is_fixed);
        assert_int_equal(item.as.bytes.len, cases[i].data_len);
        yd_buf_free(&yd_mem_default, &buf);
    }
}

static void test_msgpack_refuses(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\xc1", 1},
        {"\xdd\xff\xff\xff\xff", 5},
        {"\xdf\xff\xff\xff\xff\0", 6},
        {"\xdb\xff\xff\xff\xff\0", 6},
        {"\xc6\xff\xff\xff\xff\0", 6},
        {"\xc9\xff\xff\xff\xff\0", 6},
        {"\x91", 1},
        {"\x81\x01", 2},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        uint8_t *copy = exact_copy(cases[i].bytes, cases[i].len);
        yodel_bytes rest = {copy, cases[i].len};
        struct yd_msgpack_item item = {.type = 77};

        assert_false(yd_msgpack_read(&rest, &item));
        assert_int_equal(item.type, 77);
        assert_false(yd_msgpack_skip(&rest));
        assert_ptr_equal(rest.ptr, copy);
        free(copy);
    }
}

static void test_msgpack_skips(void **state)
{
    static const uint8_t data[] = {0x92, 0x81, 0xa1, 'a', 0x91, 0xc0, 0x93, 1, 2, 3, 0x07};
    yodel_bytes rest = {data, sizeof(data)};

    assert_true(yd_msgpack_skip(&rest));
    assert_int_equal(rest.len, 1);
    for (size_t len = 0; len < sizeof(data) - 1; len++) {
        uint8_t *copy = exact_copy(data, len);

        rest = (yodel_bytes){copy, len};
        assert_false(yd_msgpack_skip(&rest));
        assert_int_equal(rest.len, len);
        free(copy);
    }
}

static void test_msgpack_skips_what_is_very_deep(void **state)
{
    uint8_t *data = malloc(1000000);
    yodel_bytes rest = {data, 1000000};

    assert_non_null(data);
    memset(data, 0x91, 1000000);
    assert_false(yd_msgpack_skip(&rest));
    data[999999] = 0;
    assert_true(yd_msgpack_skip(&rest));
    assert_int_equal(rest.len, 0);
    free(data);
}

/* What fails leaves nothing behind. */
static void test_msgpack_out_of_memory(void **state)
{
    static const char text[200];
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int result = yd_msgpack_put_str(&fm.mem, &buf, (yodel_str){text, sizeof(text)});

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        assert_int_equal(buf.len, failmem_has_failed(&fm) ? 0 : sizeof(text) + 2);
        yd_buf_free(&fm.mem, &buf);
    }
    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int result =
            yd_msgpack_put_bin(&fm.mem, &buf, (yodel_bytes){(const uint8_t *)text, sizeof(text)});

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        assert_int_equal(buf.len, failmem_has_failed(&fm) ? 0 : sizeof(text) + 2);
        yd_buf_free(&fm.mem, &buf);
    }
}

static void test_msgpack_too_long(void **state)
{
    struct yd_buf buf = {0};

    assert_int_equal(yd_msgpack_put_str_head(&yd_mem_default, &buf, (size_t)UINT32_MAX + 1),
                     YODEL_ERR_TOO_BIG);
    assert_int_equal(
        yd_msgpack_put_bin(&yd_mem_default, &buf, (yodel_bytes){NULL, (size_t)UINT32_MAX + 1}),
        YODEL_ERR_TOO_BIG);
    assert_int_equal(buf.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msgpack_whole_numbers),
        cmocka_unit_test(test_msgpack_reads_long_forms),
        cmocka_unit_test(test_msgpack_scalars),
        cmocka_unit_test(test_msgpack_lengths),
        cmocka_unit_test(test_msgpack_reads_ext),
        cmocka_unit_test(test_msgpack_refuses),
        cmocka_unit_test(test_msgpack_skips),
        cmocka_unit_test(test_msgpack_skips_what_is_very_deep),
        cmocka_unit_test(test_msgpack_out_of_memory),
        cmocka_unit_test(test_msgpack_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
