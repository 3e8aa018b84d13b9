/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "base/utf8_blocks.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load64(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof(word));
    return word;
}

static inline uint32_t load_le32(const uint8_t *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Less than 16 bytes: two words that overlap tell whether all are ASCII. */
static inline const uint8_t *skip_short(const uint8_t *data, const uint8_t *end)
{
    if (end - data >= 8) {
        if (((load64(data) | load64(end - 8)) & HIGH_BITS) == 0)
            return end;
    } else if (end - data >= 4) {
        if (((load_le32(data) | load_le32(end - 4)) & (uint32_t)HIGH_BITS) == 0)
            return end;
    }
    while (data < end && *data < 0x80)
        data++;
    return data;
}

/* The first byte that is not ASCII, or end. */
static inline const uint8_t *skip_ascii(const uint8_t *data, const uint8_t *end)
{
#ifdef __SSE2__
    while (end - data >= 64) {
        const __m128i *block = (const __m128i *)(const void *)data;
        __m128i a = _mm_or_si128(_mm_loadu_si128(block), _mm_loadu_si128(block + 1));
        __m128i b = _mm_or_si128(_mm_loadu_si128(block + 2), _mm_loadu_si128(block + 3));

        if (_mm_movemask_epi8(_mm_or_si128(a, b)))
            break;
        data += 64;
    }
    while (end - data >= 16) {
        unsigned high = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const void *)data));

        if (high)
            return data + __builtin_ctz(high);
        data += 16;
    }
#else
    while (end - data >= 16) {
        if (load64(data) & HIGH_BITS)
            return skip_short(data, data + 8);
        data += 8;
    }
#endif
    return skip_short(data, end);
}

static inline bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the character beyond ASCII that begins word, little-endian; 0 when it is none. */
static inline unsigned wide_len(uint32_t word)
{
    uint32_t bits;

    if ((word & 0xc0e0) == 0x80c0)
        return word & 0x1e ? 2 : 0; /* bits 7 to 10 */
    if ((word & 0xc0c0f0) == 0x8080e0) {
        bits = word & 0x200f; /* bits 12 to 15, and 11 */
        return bits != 0 && bits != 0x200d ? 3 : 0;
    }
    if ((word & 0xc0c0c0f8) == 0x808080f0) {
        bits = (word & 7) << 2 | (word >> 12 & 3); /* bits 16 to 20 */
        return bits - 1 < 0x10 ? 4 : 0;
    }
    return 0;
}

static bool begin(struct yd_utf8 *state, uint8_t byte)
{
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    state->need = (uint8_t)(1 + (byte >= 0xe0) + (byte >= 0xf0));
    if (byte == 0xe0)
        state->low = 0xa0; /* less would be overlong */
    else if (byte == 0xed)
        state->high = 0x9f; /* more would be a surrogate */
    else if (byte == 0xf0)
        state->low = 0x90; /* less would be overlong */
    else if (byte == 0xf4)
        state->high = 0x8f; /* more would be beyond U+10FFFF */
    return true;
}

static bool step(struct yd_utf8 *state, uint8_t byte)
{
    if (state->need == 0)
        return begin(state, byte);
    if (byte < state->low || byte > state->high)
        return false;
    state->need--;
    state->low = 0x80;
    state->high = 0xbf;
    return true;
}

/* Skips whole characters, up to what is none or to the last three bytes. */
static const uint8_t *skip_whole(const uint8_t *data, const uint8_t *end)
{
    if (end - data >= YD_UTF8_BLOCKS_LEAST)
        data = yd_utf8_skip_blocks(data, end);
    while (end - data >= 4) {
        uint32_t word = load_le32(data);
        unsigned len = wide_len(word);

        if (len > 0)
            data += len;
        else if ((word & 0x8080) == 0)
            data = skip_ascii(data, end);
        else if ((word & 0x80) == 0)
            data++; /* a blank between words is not worth a vector */
        else
            break;
    }
    return data;
}

bool yd_utf8_feed(struct yd_utf8 *state, const uint8_t *data, size_t len)
{
    const uint8_t *end;

    if (len == 0)
        return true; /* data may be NULL */
    end = data + len;
    while (data < end) {
        if (state->need == 0) {
            data = skip_whole(data, end);
            if (data == end)
                break;
        }
        if (!step(state, *data++))
            return false;
    }
    return true;
}

bool yd_utf8_is_valid(const void *data, size_t len)
{
    struct yd_utf8 state = YD_UTF8_INIT;

    return yd_utf8_feed(&state, data, len) && yd_utf8_is_complete(&state);
}

size_t yd_utf8_cut(const void *data, size_t len, size_t max)
{
    const uint8_t *bytes = data;

    if (len <= max)
        return len;
    while (max > 0 && is_tail(bytes[max]))
        max--;
    return max;
}
