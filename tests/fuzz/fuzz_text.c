/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "proto/ws_frame.h"

/* The input is four bytes of a key, one that says how the rest is cut, and text.  What is fast and
 * sees many bytes at a time must say what is slow and sees one. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* In memory of its own, so that a step beyond it is seen. */
static uint8_t *copy_of(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));

    require(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* The bytes of the character that text begins with; 0: it begins with none, or is cut. */
static size_t character_len(const uint8_t *text, size_t len)
{
    uint32_t code, least;
    size_t size;

    if (text[0] < 0x80)
        return 1;
    if (text[0] < 0xc0 || text[0] >= 0xf8)
        return 0;
    size = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    least = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
    if (size > len)
        return 0;
    code = text[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? size : 0;
}

static int is_text(const uint8_t *text, size_t len)
{
    for (size_t at = 0, more; at < len; at += more)
        if ((more = character_len(text + at, len - at)) == 0)
            return 0;
    return 1;
}

static void check_text(const uint8_t *data, size_t len, size_t step)
{
    struct yd_utf8 utf8 = YD_UTF8_INIT;
    uint8_t *copy = copy_of(data, len);
    int wanted = is_text(data, len), fed = 1;

    require(yd_utf8_is_valid(copy, len) == wanted);
    for (size_t at = 0; at < len && fed; at += step) {
        uint8_t *part = copy_of(data + at, len - at < step ? len - at : step);

        fed = yd_utf8_feed(&utf8, part, len - at < step ? len - at : step);
        free(part);
    }
    require((fed && yd_utf8_is_complete(&utf8)) == wanted);
    free(copy);
}

static void check_mask(const uint8_t *data, size_t len, const uint8_t key[4], size_t offset)
{
    uint8_t *copy = copy_of(data, len), any = 0;
    int ascii = yd_ws_mask(copy, len, key, offset);

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = data[i] ^ key[(offset + i) % 4];

        require(copy[i] == byte);
        any |= byte;
    }
    require(ascii == (any < 0x80));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5)
        return 0;
    check_text(data + 5, size - 5, 1 + data[4]);
    check_mask(data + 5, size - 5, data, data[4]);
    return 0;
}
