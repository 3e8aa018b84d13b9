/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include "base/text.h"

#define PART 3072 /* bytes that are encoded at a time; a multiple of 3 */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Four characters, of which the last may be padding; returns how many bytes they are, 0: none. */
static size_t decode_four(const char *text, uint8_t *out)
{
    const size_t num = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        const int value = i <= num ? value_of(text[i]) : 0;

        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((bits & (0xffffffu >> (8 * num))) != 0)
        return 0;
    for (size_t i = 0; i < num; i++)
        out[i] = (uint8_t)(bits >> (16 - 8 * i));
    return num;
}

bool yg_base64_decode(const char *text, size_t len, uint8_t *ret_bytes, size_t *ret_len)
{
    size_t done = 0;

    if (len % 4 != 0)
        return false;
    for (size_t i = 0; i < len; i += 4) {
        const size_t num = decode_four(text + i, ret_bytes + done);

        if (num == 0 || (num < 3 && i + 4 < len))
            return false;
        done += num;
    }
    *ret_len = done;
    return true;
}

void yg_base64_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    for (size_t i = 0; i < len; i += 3) {
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (i + 2 < len ? bytes[i + 2] : 0);

        *ret_text++ = letters[bits >> 18];
        *ret_text++ = letters[bits >> 12 & 63];
        *ret_text++ = i + 1 < len ? letters[bits >> 6 & 63] : '=';
        *ret_text++ = i + 2 < len ? letters[bits & 63] : '=';
    }
}

void yg_base64_put(struct yg_text *text, const uint8_t *bytes, size_t len)
{
    char chars[YG_BASE64_CHARS(PART)];

    yg_text_putc(text, '"');
    while (len > 0) {
        const size_t part = len < PART ? len : PART;

        yg_base64_encode(bytes, part, chars);
        yg_text_add(text, chars, YG_BASE64_CHARS(part));
        bytes += part;
        len -= part;
    }
    yg_text_putc(text, '"');
}
