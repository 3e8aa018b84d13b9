/* SPDX-License-Identifier: MIT */
#include "proto/ws_mask.h"

#include "proto/ws_frame.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define WIDE 32

/* Less is not worth finding out what the processor has. */
#define WIDE_LEAST 256

/* XORs the 32 bytes at data with keys; returns the result. */
static AVX2 inline __m256i mask_32(uint8_t *data, __m256i keys)
{
    __m256i *block = (__m256i *)(void *)data;
    __m256i result = _mm256_xor_si256(_mm256_loadu_si256(block), keys);

    _mm256_storeu_si256(block, result);
    return result;
}

/* WIDE bytes and more, as yd_ws_mask_16(). */
static AVX2 bool mask_avx2(uint8_t *data, size_t len, uint32_t key)
{
    uint8_t *tail = data + len - WIDE;
    __m256i keys = _mm256_set1_epi32((int)key);
    __m256i last_keys = _mm256_set1_epi32((int)yd_ws_turn_key(key, len));
    __m256i last = _mm256_xor_si256(_mm256_loadu_si256((__m256i *)(void *)tail), last_keys);
    __m256i any = last;

    for (; tail - data >= 4 * WIDE; data += 4 * WIDE) {
        __m256i a = _mm256_or_si256(mask_32(data, keys), mask_32(data + WIDE, keys));
        __m256i b = _mm256_or_si256(mask_32(data + 2 * WIDE, keys), mask_32(data + 3 * WIDE, keys));

        any = _mm256_or_si256(any, _mm256_or_si256(a, b));
    }
    for (; data < tail; data += WIDE)
        any = _mm256_or_si256(any, mask_32(data, keys));
    _mm256_storeu_si256((__m256i *)(void *)tail, last);
    return _mm256_movemask_epi8(any) == 0;
}

static bool mask(uint8_t *data, size_t len, uint32_t key)
{
    if (len >= WIDE_LEAST && __builtin_cpu_supports("avx2"))
        return mask_avx2(data, len, key);
    return yd_ws_mask_word(data, len, key);
}

#else

static bool mask(uint8_t *data, size_t len, uint32_t key)
{
    return yd_ws_mask_word(data, len, key);
}

#endif

bool yd_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t offset)
{
    uint32_t word;

    memcpy(&word, key, sizeof(word));
    return mask(data, len, yd_ws_turn_key(word, offset));
}
