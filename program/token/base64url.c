/* SPDX-License-Identifier: MIT */
#include "token/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum yg_base64url yg_base64url_decode(const char *text, size_t len, uint8_t *ret_bytes,
                                      size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned num_bits = 0;
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return text[i] == '=' ? YG_BASE64URL_PADDING : YG_BASE64URL_CHARACTER;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        num_bits += 6;
        if (num_bits >= 8) {
            num_bits -= 8;
            ret_bytes[out++] = (uint8_t)(bits >> num_bits);
        }
    }
    if (num_bits == 6)
        return YG_BASE64URL_LENGTH;
    if ((bits & ((1u << num_bits) - 1)) != 0)
        return YG_BASE64URL_BITS;
    *ret_len = out;
    return YG_BASE64URL_OK;
}

size_t yg_base64url_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    uint32_t bits = 0;
    unsigned num_bits = 0;
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (num_bits += 8; num_bits >= 6; num_bits -= 6)
            ret_text[out++] = alphabet[bits >> (num_bits - 6) & 63];
    }
    if (num_bits > 0)
        ret_text[out++] = alphabet[bits << (6 - num_bits) & 63];
    return out;
}

const char *yg_base64url_words(enum yg_base64url result)
{
    static const char *const words[] = {
        [YG_BASE64URL_OK] = "is well formed",
        [YG_BASE64URL_CHARACTER] = "has a character that base64url has not",
        [YG_BASE64URL_PADDING] = "has padding (=)",
        [YG_BASE64URL_LENGTH] = "has a length that no base64url has",
        [YG_BASE64URL_BITS] = "has a last character with bits that are left over",
    };

    return words[result];
}
