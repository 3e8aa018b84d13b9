/* SPDX-License-Identifier: MIT */
#include "base/utf8_blocks.h"

#include <stdbool.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX2
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define HAS_NEON
#include <arm_neon.h>
#endif

#if defined(HAS_AVX2) || defined(HAS_NEON)

/*
 * What two bytes in a row can have wrong, a bit each, after Keiser and Lemire, "Validating UTF-8 in
 * less than one instruction per byte" (2021).  A fault is there when all three tables agree on it:
 * those of the first byte's high and low half, and that of the second one's high half.  That a
 * continuation follows another is right only as the third or fourth byte of a character, which is
 * looked for apart.
 */
enum fault {
    TOO_SHORT = 0x01,  /* a lead without its continuation */
    TOO_LONG = 0x02,   /* a continuation after ASCII */
    OVERLONG_3 = 0x04, /* e0 80..9f */
    TOO_LARGE = 0x08,  /* f4 90..bf, f5.. 90..bf */
    SURROGATE = 0x10,  /* ed a0..bf */
    OVERLONG_2 = 0x20, /* c0, c1 */
    OVERLONG_4 = 0x40, /* f0 80..8f; f5.. 80..8f, which is too large */
    TWO_TAILS = 0x80   /* two continuations */
};

#define ANY_LOW (TOO_SHORT | TOO_LONG | TWO_TAILS)
#define ANY_TAIL (TOO_LONG | TWO_TAILS | OVERLONG_2)

static const uint8_t first_high[16] = {
    [0] = TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    [8] = TWO_TAILS,
    TWO_TAILS,
    TWO_TAILS,
    TWO_TAILS,
    [12] = TOO_SHORT | OVERLONG_2,
    [13] = TOO_SHORT,
    [14] = TOO_SHORT | OVERLONG_3 | SURROGATE,
    [15] = TOO_SHORT | TOO_LARGE | OVERLONG_4,
};

static const uint8_t first_low[16] = {
    [0] = ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
    [1] = ANY_LOW | OVERLONG_2,
    [2] = ANY_LOW,
    [3] = ANY_LOW,
    [4] = ANY_LOW | TOO_LARGE,
    [5] = ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_LOW | TOO_LARGE | OVERLONG_4,
    [13] = ANY_LOW | TOO_LARGE | OVERLONG_4 | SURROGATE,
    [14] = ANY_LOW | TOO_LARGE | OVERLONG_4,
    [15] = ANY_LOW | TOO_LARGE | OVERLONG_4,
};

static const uint8_t second_high[16] = {
    [0] = TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    [8] = ANY_TAIL | OVERLONG_3 | OVERLONG_4,
    [9] = ANY_TAIL | OVERLONG_3 | TOO_LARGE,
    [10] = ANY_TAIL | SURROGATE | TOO_LARGE,
    [11] = ANY_TAIL | SURROGATE | TOO_LARGE,
    [12] = TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
};

/* What is above this is a lead of 3 or 4 bytes, once it is taken off. */
#define BELOW_LEAD_3 (0xe0 - 0x80)
#define BELOW_LEAD_4 (0xf0 - 0x80)

/* The beginning of the character that the right text before end ends in, or end itself if that
 * character is whole.  begin: no further back. */
static const uint8_t *last_begin(const uint8_t *begin, const uint8_t *end)
{
    for (const uint8_t *p = end - 1; p >= begin && end - p <= 3; p--) {
        if (*p < 0x80)
            return end;
        if (*p >= 0xc0)
            return end - p < 2 + (*p >= 0xe0) + (*p >= 0xf0) ? p : end;
    }
    return end;
}

#endif

#ifdef HAS_AVX2

#define AVX2 __attribute__((target("avx2")))
#define BLOCK 32

static AVX2 inline __m256i table(const uint8_t bytes[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

/* The block n bytes further back. */
#define BACK(block, before, n)                                                                     \
    _mm256_alignr_epi8(block, _mm256_permute2x128_si256(before, block, 0x21), 16 - (n))

/* Whether something is wrong in block, or at the end of before. */
static AVX2 inline bool is_wrong(__m256i block, __m256i before)
{
    const __m256i half = _mm256_set1_epi8(0x0f);
    __m256i first = BACK(block, before, 1);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(first, 4), half);
    __m256i next = _mm256_and_si256(_mm256_srli_epi16(block, 4), half);
    __m256i faults = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(table(first_high), high),
                         _mm256_shuffle_epi8(table(first_low), _mm256_and_si256(first, half))),
        _mm256_shuffle_epi8(table(second_high), next));
    __m256i third = _mm256_subs_epu8(BACK(block, before, 2), _mm256_set1_epi8(BELOW_LEAD_3));
    __m256i fourth = _mm256_subs_epu8(BACK(block, before, 3), _mm256_set1_epi8(BELOW_LEAD_4));
    __m256i tails =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)TWO_TAILS));
    __m256i wrong = _mm256_xor_si256(faults, tails);

    return !_mm256_testz_si256(wrong, wrong);
}

static AVX2 const uint8_t *skip_avx2(const uint8_t *data, const uint8_t *end)
{
    const uint8_t *begin = data;
    __m256i before = _mm256_setzero_si256();
    unsigned last = 0; /* which of the last three bytes before data are not ASCII */

    for (; end - data >= BLOCK; data += BLOCK) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)data);
        unsigned wide = (unsigned)_mm256_movemask_epi8(block);

        if ((wide | last) != 0 && is_wrong(block, before))
            break;
        last = wide >> (BLOCK - 3);
        before = block;
    }
    return last_begin(begin, data);
}

const uint8_t *yd_utf8_skip_blocks(const uint8_t *data, const uint8_t *end)
{
    return __builtin_cpu_supports("avx2") ? skip_avx2(data, end) : data;
}

#elif defined(HAS_NEON)

#define BLOCK 16

static inline bool is_wrong(uint8x16_t block, uint8x16_t before)
{
    uint8x16_t first = vextq_u8(before, block, BLOCK - 1);
    uint8x16_t low = vandq_u8(first, vdupq_n_u8(0x0f));
    uint8x16_t faults = vandq_u8(vandq_u8(vqtbl1q_u8(vld1q_u8(first_high), vshrq_n_u8(first, 4)),
                                          vqtbl1q_u8(vld1q_u8(first_low), low)),
                                 vqtbl1q_u8(vld1q_u8(second_high), vshrq_n_u8(block, 4)));
    uint8x16_t third = vqsubq_u8(vextq_u8(before, block, BLOCK - 2), vdupq_n_u8(BELOW_LEAD_3));
    uint8x16_t fourth = vqsubq_u8(vextq_u8(before, block, BLOCK - 3), vdupq_n_u8(BELOW_LEAD_4));
    uint8x16_t tails = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(TWO_TAILS));

    return vmaxvq_u8(veorq_u8(faults, tails)) != 0;
}

const uint8_t *yd_utf8_skip_blocks(const uint8_t *data, const uint8_t *end)
{
    const uint8_t *begin = data;
    uint8x16_t before = vdupq_n_u8(0);
    bool last = false; /* the block before data is not all ASCII */

    for (; end - data >= BLOCK; data += BLOCK) {
        uint8x16_t block = vld1q_u8(data);
        bool wide = vmaxvq_u8(block) >= 0x80;

        if ((wide || last) && is_wrong(block, before))
            break;
        last = wide;
        before = block;
    }
    return last_begin(begin, data);
}

#else

const uint8_t *yd_utf8_skip_blocks(const uint8_t *data, const uint8_t *end)
{
    (void)end;
    return data;
}

#endif
