/* SPDX-License-Identifier: MIT */
#include "proto/json_put.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "proto/json_number.h"
#include "proto/json_scan.h"

int yd_json_put_text(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    if (!yd_utf8_is_valid(text.ptr, text.len))
        return YODEL_ERR_FORMAT;
    return yd_json_put_string(mem, buf, text);
}

int yd_json_put_int(const struct yodel_allocator *mem, struct yd_buf *buf, int64_t number)
{
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        digits[--i] = '-';
    return yd_buf_append(mem, buf, digits + i, sizeof digits - i);
}

int yd_json_put_real(const struct yodel_allocator *mem, struct yd_buf *buf, double number)
{
    char text[YD_JSON_DOUBLE_LEN + 2];
    size_t len;

    if (!isfinite(number))
        return YODEL_ERR_FORMAT;
    len = yd_json_print_double(text, number);
    if (memchr(text, '.', len) == NULL && memchr(text, 'e', len) == NULL) {
        text[len++] = '.';
        text[len++] = '0';
    }
    return yd_buf_append(mem, buf, text, len);
}
