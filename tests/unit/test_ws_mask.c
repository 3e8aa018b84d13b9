/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ws_frame.h"

static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

static void mask_slowly(uint8_t *data, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= key[(offset + i) % 4];
}

static void fill(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 31 + 7);
}

/* At every alignment, and without touching a byte around it. */
static void test_ws_mask_equals_the_byte_loop(void **state)
{
    uint8_t fast[800] __attribute__((aligned(64)));
    uint8_t slow[800];

    for (size_t align = 0; align < 16; align++) {
        for (size_t len = 0; len <= 750; len += len < 200 ? 1 : 7) {
            for (size_t offset = 0; offset < 4; offset++) {
                fill(fast, sizeof(fast));
                fill(slow, sizeof(slow));
                yd_ws_mask(fast + align, len, key, offset);
                mask_slowly(slow + align, len, offset);
                assert_memory_equal(fast, slow, sizeof(fast));
            }
        }
    }
}

static void test_ws_mask_takes_any_offset(void **state)
{
    uint8_t fast[40], slow[40];

    for (size_t offset = 0; offset < 100; offset++) {
        fill(fast, sizeof(fast));
        fill(slow, sizeof(slow));
        yd_ws_mask(fast, sizeof(fast), key, offset);
        mask_slowly(slow, sizeof(slow), offset);
        assert_memory_equal(fast, slow, sizeof(fast));
    }
}

/* Address sanitizers see a step beyond the end here. */
static void test_ws_mask_stays_inside_its_data(void **state)
{
    for (size_t len = 1; len <= 600; len++) {
        uint8_t *data = malloc(len);

        assert_non_null(data);
        fill(data, len);
        yd_ws_mask(data, len, key, 1);
        yd_ws_mask(data, len, key, 1);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(data[i], (uint8_t)(i * 31 + 7));
        free(data);
    }
}

/* One byte that is not, at each place of each length, and none. */
static void test_ws_mask_tells_what_is_ascii(void **state)
{
    uint8_t data[700];

    for (size_t len = 0; len <= sizeof data; len += len < 150 ? 1 : 13) {
        for (size_t high = 0; high <= len; high++) {
            memset(data, 0x7f, len);
            if (high < len)
                data[high] = 0x80;
            mask_slowly(data, len, 3);
            assert_int_equal(yd_ws_mask(data, len, key, 3), high == len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_mask_equals_the_byte_loop),
        cmocka_unit_test(test_ws_mask_takes_any_offset),
        cmocka_unit_test(test_ws_mask_stays_inside_its_data),
        cmocka_unit_test(test_ws_mask_tells_what_is_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
