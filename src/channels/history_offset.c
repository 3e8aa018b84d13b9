/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "channels/history.h"

/* Offsets as text. */

void yd_offset_write(struct yd_offset offset, char ret_text[YODEL_OFFSET_SIZE])
{
    (void)snprintf(ret_text, YODEL_OFFSET_SIZE, "%" PRIu64 "-%" PRIu64, offset.a, offset.b);
}

static bool read_number(yodel_str *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9'; i++) {
        unsigned digit = (unsigned)(text->ptr[i] - '0');

        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *text = (yodel_str){text->ptr + i, text->len - i};
    *ret_number = number;
    return i > 0;
}

bool yd_offset_read(yodel_str text, struct yd_offset *ret_offset)
{
    struct yd_offset offset;

    if (!read_number(&text, &offset.a) || text.len == 0 || text.ptr[0] != '-')
        return false;
    text = (yodel_str){text.ptr + 1, text.len - 1};
    if (!read_number(&text, &offset.b) || text.len > 0)
        return false;
    *ret_offset = offset;
    return true;
}
