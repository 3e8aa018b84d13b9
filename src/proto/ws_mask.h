/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_WS_MASK_H
#define YD_PROTO_WS_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Masking (RFC 6455 5.3), to be inlined where messages are read; yd_ws_mask() is for all others. */

typedef uint64_t yd_ws_wide __attribute__((vector_size(32)));

/*
 * Each width ends with one step that reaches back over bytes already done.  Its input is read
 * before the others are written, so the overlap gets the same result twice and no byte loop is
 * needed.
 */

/* The key as it applies n bytes further on. */
static inline uint32_t yd_ws_turn_key(uint32_t key, size_t n)
{
    unsigned bits = (unsigned)(n & 3) * 8;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return key << bits | key >> (-bits & 31);
#else
    return key >> bits | key << (-bits & 31);
#endif
}

static inline uint64_t yd_ws_key_twice(uint32_t key)
{
    return (uint64_t)key << 32 | key;
}

/* 1 to 3 bytes. */
static inline void yd_ws_mask_bytes(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t bytes[4];
    size_t i;

    memcpy(bytes, &key, sizeof(bytes));
    for (i = 0; i < len; i++)
        data[i] ^= bytes[i];
}

/* 4 to 8 bytes. */
static inline void yd_ws_mask_4(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - 4;
    uint32_t a, b;

    memcpy(&a, data, sizeof(a));
    memcpy(&b, tail, sizeof(b));
    a ^= key;
    b ^= yd_ws_turn_key(key, len);
    memcpy(data, &a, sizeof(a));
    memcpy(tail, &b, sizeof(b));
}

/* 8 to 31 bytes. */
static inline void yd_ws_mask_8(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - 8;
    uint64_t keys = yd_ws_key_twice(key), word, last;

    memcpy(&last, tail, sizeof(last));
    last ^= yd_ws_key_twice(yd_ws_turn_key(key, len));
    for (; data < tail; data += sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        word ^= keys;
        memcpy(data, &word, sizeof(word));
    }
    memcpy(tail, &last, sizeof(last));
}

/* 32 bytes and more. */
static inline void yd_ws_mask_wide(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - sizeof(yd_ws_wide);
    uint64_t keys = yd_ws_key_twice(key), last_keys = yd_ws_key_twice(yd_ws_turn_key(key, len));
    yd_ws_wide all = {keys, keys, keys, keys};
    yd_ws_wide last_all = {last_keys, last_keys, last_keys, last_keys};
    yd_ws_wide word, last;

    memcpy(&last, tail, sizeof(last));
    last ^= last_all;
    for (; data < tail; data += sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        word ^= all;
        memcpy(data, &word, sizeof(word));
    }
    memcpy(tail, &last, sizeof(last));
}

static inline void yd_ws_mask_inline(uint8_t *data, size_t len, const uint8_t key[4])
{
    uint32_t word;

    memcpy(&word, key, sizeof(word));
    if (len >= sizeof(yd_ws_wide))
        yd_ws_mask_wide(data, len, word);
    else if (len >= 8)
        yd_ws_mask_8(data, len, word);
    else if (len >= 4)
        yd_ws_mask_4(data, len, word);
    else
        yd_ws_mask_bytes(data, len, word);
}

#endif
