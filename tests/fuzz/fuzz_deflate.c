/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/deflate.h"

/* The input is two bytes of settings and a text, in lines that are messages.  The text is inflated
 * as it is, whole and in pieces, and it goes there and back. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE 100000

static void require(int holds)
{
    if (!holds)
        abort();
}

static int gather(const uint8_t *data, size_t len, void *user)
{
    require(len > 0 && len <= 16384);
    require(yd_buf_append(&yd_mem_default, user, data, len) == 0);
    return 0;
}

/* One message in chunks, each in memory of its own. */
static int inflate_in(struct yd_inflater *inflater, const uint8_t *data, size_t len, size_t chunk,
                      bool keep, struct yd_buf *ret)
{
    uint64_t total = 0;
    size_t at = 0;
    int result;

    ret->len = 0;
    do {
        size_t n = YD_MIN(chunk, len - at);
        uint8_t *copy = malloc(n + 1);

        require(copy != NULL);
        memcpy(copy, data + at, n);
        at += n;
        result =
            yd_inflate_piece(inflater, copy, n, at == len, keep, &total, MAX_MESSAGE, gather, ret);
        free(copy);
    } while (result == 0 && at < len);
    require(total == ret->len && total <= MAX_MESSAGE);
    require(result == 0 || result == -EINVAL || result == -EMSGSIZE);
    return result;
}

/* Hostile bytes, twice, so that the second sees what the first has left. */
static void inflate_hostile(const uint8_t *data, size_t len, size_t chunk)
{
    struct yd_inflater *one = yd_inflater_new(&yd_mem_default, 15);
    struct yd_inflater *two = yd_inflater_new(&yd_mem_default, 15);
    struct yd_buf whole = {0}, pieces = {0};

    require(one != NULL && two != NULL);
    for (int i = 0; i < 2; i++) {
        int result = inflate_in(one, data, len, len, true, &whole);

        require(inflate_in(two, data, len, chunk, true, &pieces) == result);
        if (result == 0) {
            require(whole.len == pieces.len);
            require(whole.len == 0 || memcmp(whole.ptr, pieces.ptr, whole.len) == 0);
        } else {
            yd_inflater_reset(one);
            yd_inflater_reset(two);
        }
    }
    yd_buf_free(&yd_mem_default, &whole);
    yd_buf_free(&yd_mem_default, &pieces);
    yd_inflater_free(one);
    yd_inflater_free(two);
}

/* With a small window zlib lets distances reach beyond it as long as their bytes came out of the
 * same call, so that the result may depend on the cuts. */
static void inflate_with_small_window(const uint8_t *data, size_t len, int bits, size_t chunk)
{
    struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, bits);
    struct yd_buf out = {0};

    require(inflater != NULL);
    inflate_in(inflater, data, len, chunk, true, &out);
    yd_buf_free(&yd_mem_default, &out);
    yd_inflater_free(inflater);
}

/* A message that stands alone, by zlib in pieces and at once by libdeflate: the same, where it is
 * there.  filler bytes of a stored block stand ahead of it, as short ones are left to zlib. */
static void inflate_at_once(const uint8_t *data, size_t len, uint16_t filler)
{
    struct yd_inflater *zlib = yd_inflater_new(&yd_mem_default, 15);
    struct yd_inflater *fast = yd_inflater_new(&yd_mem_default, 15);
    const uint8_t head[] = {0, (uint8_t)filler, (uint8_t)(filler >> 8), (uint8_t)~filler,
                            (uint8_t)(~filler >> 8)};
    struct yd_buf message = {0}, expected = {0}, out = {0};
    int result;

    require(zlib != NULL && fast != NULL);
    require(yd_buf_append(&yd_mem_default, &message, head, sizeof head) == 0);
    require(yd_buf_reserve(&yd_mem_default, &message, filler + len + 1) == 0);
    memset(message.ptr + message.len, 'x', filler);
    message.len += filler;
    require(yd_buf_append(&yd_mem_default, &message, data, len) == 0);
    yd_inflater_be_fast(fast);
    result = inflate_in(zlib, message.ptr, message.len, message.len, false, &expected);
    require(yd_inflate_message(fast, message.ptr, message.len, false, MAX_MESSAGE, &out) == result);
    if (result == 0)
        require(out.len == expected.len &&
                (out.len == 0 || memcmp(out.ptr, expected.ptr, out.len) == 0));
    yd_buf_free(&yd_mem_default, &message);
    yd_buf_free(&yd_mem_default, &expected);
    yd_buf_free(&yd_mem_default, &out);
    yd_inflater_free(zlib);
    yd_inflater_free(fast);
}

struct pair {
    struct yd_deflater *deflater;
    struct yd_inflater *inflater;
};

static void send_message(const struct pair *pair, const uint8_t *data, size_t len, size_t chunk,
                         bool keep)
{
    struct yd_buf out = {0}, back = {0};

    require(yd_deflate_message(pair->deflater, data, len, keep, &out) == 0);
    require(out.len > 0);
    require(inflate_in(pair->inflater, out.ptr, out.len, chunk, keep, &back) == 0);
    require(back.len == len && (len == 0 || memcmp(back.ptr, data, len) == 0));
    yd_buf_free(&yd_mem_default, &out);
    yd_buf_free(&yd_mem_default, &back);
}

static void round_trip(const uint8_t *data, size_t len, int bits, uint8_t how)
{
    const struct pair pair = {yd_deflater_new(&yd_mem_default, bits, 1 + how % 9, 1 + how / 9 % 9),
                              yd_inflater_new(&yd_mem_default, bits)};
    bool keep = how >= 128;

    require(pair.deflater != NULL && pair.inflater != NULL);
    while (len > 0) {
        const uint8_t *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;

        send_message(&pair, data, n, 1 + how % 50, keep);
        n += end != NULL;
        data += n;
        len -= n;
    }
    yd_deflater_free(pair.deflater);
    yd_inflater_free(pair.inflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int bits;

    if (size < 2 || size > MAX_MESSAGE)
        return 0;
    bits = 9 + data[0] % 7;
    inflate_hostile(data + 2, size - 2, 1 + data[1] % 50);
    inflate_at_once(data + 2, size - 2, (uint16_t)(data[1] * 16));
    inflate_with_small_window(data + 2, size - 2, bits, 1 + data[1] % 50);
    round_trip(data + 2, size - 2, bits, data[1]);
    return 0;
}
