/* SPDX-License-Identifier: MIT */
#include "proto/base64.h"

#define BAD 64 /* no character of the alphabet */

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_ids[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* By ASCII character. */
static const uint8_t values[128] = {
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, 62,  BAD, BAD, BAD, 63,  52,  53,  54,  55,  56,  57,  58,  59,  60,
    61,  BAD, BAD, BAD, BAD, BAD, BAD, BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,
    11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  BAD, BAD, BAD, BAD,
    BAD, BAD, 26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,
    43,  44,  45,  46,  47,  48,  49,  50,  51,  BAD, BAD, BAD, BAD, BAD,
};

static inline unsigned value_of(uint8_t c)
{
    return c < sizeof(values) ? values[c] : BAD;
}

static inline char *put_group(char *out, const uint8_t *p, const char *alphabet)
{
    out[0] = alphabet[p[0] >> 2];
    out[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
    out[2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
    out[3] = alphabet[p[2] & 63];
    return out + 4;
}

char *yd_base64_encode(char *out, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t num_padding = (3 - len % 3) % 3;

    for (; len >= 3; len -= 3, p += 3)
        out = put_group(out, p, standard);
    if (len > 0) {
        uint8_t last[3] = {p[0], len > 1 ? p[1] : 0, 0};

        out = put_group(out, last, standard);
        for (size_t i = 1; i <= num_padding; i++)
            out[-(ptrdiff_t)i] = '=';
    }
    return out;
}

/* Four characters; false when one is not of the alphabet.  All are read before any is written. */
static inline bool get_group(uint8_t out[3], const uint8_t *text)
{
    unsigned a = value_of(text[0]), b = value_of(text[1]);
    unsigned c = value_of(text[2]), d = value_of(text[3]);

    if ((a | b | c | d) >= BAD)
        return false;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    out[1] = (uint8_t)(b << 4 | c >> 2);
    out[2] = (uint8_t)(c << 6 | d);
    return true;
}

/* The last four characters, that may be padded; *len grows by the bytes they make. */
static bool get_last(uint8_t *out, const uint8_t *text, size_t *len)
{
    uint8_t group[4] = {text[0], text[1], text[2], text[3]}, bytes[3];
    size_t num_padding = text[3] != '=' ? 0 : text[2] != '=' ? 1 : 2;

    for (size_t i = 0; i < num_padding; i++)
        group[3 - i] = 'A';
    if (!get_group(bytes, group))
        return false;
    if (num_padding > 0 && bytes[3 - num_padding] != 0) /* RFC 4648 section 3.5 */
        return false;
    for (size_t i = 0; i < 3 - num_padding; i++)
        out[i] = bytes[i];
    *len += 3 - num_padding;
    return true;
}

bool yd_base64_decode(uint8_t *out, const void *text, size_t len, size_t *ret_len)
{
    const uint8_t *p = text;
    size_t done = 0;

    if (len % 4 != 0)
        return false;
    if (len > 0) {
        for (; len > 4; len -= 4, p += 4, done += 3) {
            if (!get_group(out + done, p))
                return false;
        }
        if (!get_last(out + done, p, &done))
            return false;
    }
    *ret_len = done;
    return true;
}

void yd_id_encode(char out[YD_ID_LEN], const uint8_t random[YD_ID_BYTES])
{
    const uint8_t first[3] = {random[0] & 0x7f, random[1], random[2]};

    out = put_group(out, first, for_ids);
    for (int i = 3; i < YD_ID_BYTES; i += 3)
        out = put_group(out, random + i, for_ids);
}
