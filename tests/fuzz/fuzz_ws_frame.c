/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/ws_frame.h"

/* The input is a byte of settings, one that says how the rest is cut, and what a client sends. What
 * a reader makes of it must not depend on the cuts. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

struct text {
    uint8_t *ptr;
    size_t len;
};

/* What came out: whole messages as opcode, compressed, payload, 0xff; then what is unfinished. */
struct result {
    struct text done, message, control;
    int error;
};

static void put(struct text *text, const void *data, size_t len)
{
    text->ptr = realloc(text->ptr, text->len + len + 1);
    require(text->ptr != NULL);
    memcpy(text->ptr + text->len, data, len);
    text->len += len;
}

static void take_piece(struct result *result, const struct yd_ws_piece *piece)
{
    int is_control = piece->opcode >= YD_WS_CLOSE;
    struct text *open = is_control ? &result->control : &result->message;
    const uint8_t begin[] = {piece->opcode, piece->compressed};

    require(piece->first == (open->len == 0));
    if (piece->first)
        put(open, begin, sizeof(begin));
    put(open, piece->data, piece->len);
    require(!is_control || open->len <= sizeof(begin) + YD_WS_MAX_CONTROL);
    if (piece->last) {
        put(&result->done, open->ptr, open->len);
        put(&result->done, "\xff", 1);
        open->len = 0;
    }
}

/* Reads one chunk, in memory of its own. */
static void read_chunk(struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                       const uint8_t *data, size_t len, struct result *result)
{
    uint8_t *copy = malloc(len);
    const char *error;
    size_t at = 0;
    int got;

    require(copy != NULL);
    memcpy(copy, data, len);
    do {
        struct yd_ws_piece piece;
        size_t used;

        got = yd_ws_read(reader, rules, copy + at, len - at, &used, &piece, &error);
        require(used <= len - at && (used > 0 || got <= 0));
        if (got == 1) {
            require(piece.data >= copy + at && piece.data + piece.len == copy + at + used);
            take_piece(result, &piece);
        }
        at += used;
    } while (got == 1 && at < len);
    require(got < 0 || at == len);
    result->error = got < 0 ? got : 0;
    free(copy);
}

/* cut: 0 is whole, else the seed of chunks of 1 to 16 bytes. */
static void read_all(const struct yd_ws_rules *rules, const uint8_t *data, size_t len, uint32_t cut,
                     struct result *ret)
{
    struct yd_ws_reader reader = {0};
    size_t at = 0;

    while (at < len && ret->error == 0) {
        size_t n = len - at;

        if (cut != 0) {
            cut = cut * 1103515245 + 12345;
            n = YD_MIN(n, 1 + (cut >> 16) % 16);
        }
        read_chunk(&reader, rules, data + at, n, ret);
        at += n;
    }
    put(&ret->done, ret->message.ptr ? ret->message.ptr : (const uint8_t *)"", ret->message.len);
    put(&ret->done, ret->control.ptr ? ret->control.ptr : (const uint8_t *)"", ret->control.len);
}

static void done(struct result *result)
{
    free(result->done.ptr);
    free(result->message.ptr);
    free(result->control.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t limits[] = {16, 125, 70000, UINT64_MAX};
    struct yd_ws_rules rules = {0};
    struct result whole = {0}, pieces = {0};

    if (size < 2)
        return 0;
    rules.allow_rsv1 = data[0] & 1;
    rules.max = limits[data[0] >> 1 & 3];
    read_all(&rules, data + 2, size - 2, 0, &whole);
    read_all(&rules, data + 2, size - 2, 1 + data[1], &pieces);
    require(whole.error == pieces.error);
    require(whole.done.len == pieces.done.len);
    require(memcmp(whole.done.ptr, pieces.done.ptr, whole.done.len) == 0);
    done(&whole);
    done(&pieces);
    return 0;
}
