/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_WS_MASK_H
#define YD_PROTO_WS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Masking (RFC 6455 5.3), to be inlined where messages are read; yd_ws_mask() is for all others.
 *
 * What is unmasked is looked at in the same pass: each width returns all its words as one, in which
 * the high bits say whether any byte is not ASCII; most text is, and needs no other check then.
 */

typedef uint64_t yd_ws_wide __attribute__((vector_size(16)));

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
static inline uint64_t yd_ws_mask_bytes(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t bytes[4], any = 0;
    size_t i;

    memcpy(bytes, &key, sizeof(bytes));
    for (i = 0; i < len; i++)
        any |= data[i] ^= bytes[i];
    return any;
}

/* 4 to 8 bytes. */
static inline uint64_t yd_ws_mask_4(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - 4;
    uint32_t a, b;

    memcpy(&a, data, sizeof(a));
    memcpy(&b, tail, sizeof(b));
    a ^= key;
    b ^= yd_ws_turn_key(key, len);
    memcpy(data, &a, sizeof(a));
    memcpy(tail, &b, sizeof(b));
    return a | b;
}

/* 8 to 16 bytes. */
static inline uint64_t yd_ws_mask_8(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - 8;
    uint64_t a, b;

    memcpy(&a, data, sizeof(a));
    memcpy(&b, tail, sizeof(b));
    a ^= yd_ws_key_twice(key);
    b ^= yd_ws_key_twice(yd_ws_turn_key(key, len));
    memcpy(data, &a, sizeof(a));
    memcpy(tail, &b, sizeof(b));
    return a | b;
}

/* 16 bytes and more. */
static inline uint64_t yd_ws_mask_16(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - sizeof(yd_ws_wide);
    uint64_t keys = yd_ws_key_twice(key), last_keys = yd_ws_key_twice(yd_ws_turn_key(key, len));
    yd_ws_wide all = {keys, keys}, last_all = {last_keys, last_keys};
    yd_ws_wide word, last, any;

    memcpy(&last, tail, sizeof(last));
    any = last ^= last_all;
    for (; data < tail; data += sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        any |= word ^= all;
        memcpy(data, &word, sizeof(word));
    }
    memcpy(tail, &last, sizeof(last));
    return any[0] | any[1];
}

/* key: as it stands in memory.  True when the result is all ASCII. */
static inline bool yd_ws_mask_word(uint8_t *data, size_t len, uint32_t key)
{
    uint64_t any;

    if (len >= sizeof(yd_ws_wide))
        any = yd_ws_mask_16(data, len, key);
    else if (len >= 8)
        any = yd_ws_mask_8(data, len, key);
    else if (len >= 4)
        any = yd_ws_mask_4(data, len, key);
    else
        any = yd_ws_mask_bytes(data, len, key);
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

static inline bool yd_ws_mask_inline(uint8_t *data, size_t len, const uint8_t key[4])
{
    uint32_t word;

    memcpy(&word, key, sizeof(word));
    return yd_ws_mask_word(data, len, word);
}

#endif
