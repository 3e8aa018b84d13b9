/* SPDX-License-Identifier: MIT */
#include "proto/ws_frame.h"

#include <string.h>

#include "base/container.h"
#include "base/utf8.h"
#include "proto/ws_mask.h"

#define MAX_MASKED 14 /* bytes of a header with a mask */

/* yd_ws_reader.state: below these the bytes of a header that are there, 0 between frames. */
enum {
    AT_PAYLOAD = MAX_MASKED, /* a header has been read, nothing of its payload was given */
    IN_PAYLOAD
};

#define OPCODE 0x0f
#define CONTROL 0x08
#define RSV 0x70
#define MASKED 0x80
#define SMALL_HEADER 6 /* with a mask and a length of 7 bits */

size_t yd_ws_put_header(uint8_t *end, uint8_t first_byte, uint64_t len)
{
    size_t size = yd_ws_header_len(len), i;

    for (i = 1; i <= size - 2; i++, len >>= 8)
        *(end - i) = (uint8_t)len;
    *(end - size) = first_byte;
    *(end - size + 1) = size == 2 ? (uint8_t)len : size == 4 ? 126 : 127;
    return size;
}

static int broken(const char **ret_error, const char *why)
{
    *ret_error = why;
    return YD_WS_ERR_PROTOCOL;
}

/* What RFC 6455 5.2, 5.4 and 5.5 ask of the first byte. */
static int check_first(const struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                       uint8_t first, const char **ret_error)
{
    uint8_t opcode = first & OPCODE;
    uint8_t rsv = first & RSV;

    if (rsv != 0 && (rsv != YD_WS_RSV1 || !rules->allow_rsv1))
        return broken(ret_error, "reserved bit set");
    if ((opcode & ~CONTROL) > YD_WS_BINARY)
        return broken(ret_error, "unknown opcode");
    if (rsv != 0 && opcode != YD_WS_TEXT && opcode != YD_WS_BINARY)
        return broken(ret_error, "RSV1 where no message begins");
    if (opcode & CONTROL)
        return first & YD_WS_FIN ? 0 : broken(ret_error, "fragmented control frame");
    if (opcode == YD_WS_CONT && reader->opcode == 0)
        return broken(ret_error, "continuation of nothing");
    if (opcode != YD_WS_CONT && reader->opcode != 0)
        return broken(ret_error, "message inside another");
    return 0;
}

static int check_second(uint8_t first, uint8_t second, const char **ret_error)
{
    if (!(second & MASKED))
        return broken(ret_error, "frame without mask");
    if ((first & CONTROL) && (second & ~MASKED) > YD_WS_MAX_CONTROL)
        return broken(ret_error, "control frame longer than 125");
    return 0;
}

static uint64_t big_endian(const uint8_t *data, size_t len)
{
    uint64_t value = 0;
    size_t i;

    for (i = 0; i < len; i++)
        value = value << 8 | data[i];
    return value;
}

/* extra: bytes of the extended length, all there. */
static int check_length(const struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                        const uint8_t *head, size_t extra, uint64_t *ret_len,
                        const char **ret_error)
{
    uint64_t len = extra == 0 ? head[1] & ~MASKED : big_endian(head + 2, extra);

    if ((extra == 2 && len < 126) || (extra == 8 && len <= 0xffff))
        return broken(ret_error, "length not in its shortest form");
    if (!(head[0] & CONTROL) && (len > rules->max || reader->message > rules->max - len)) {
        *ret_error = "message too long";
        return YD_WS_ERR_TOO_BIG;
    }
    *ret_len = len;
    return 0;
}

/*
 * Checks as much of a header as is there, in the order of its bytes, so that the verdict does not
 * depend on how they were cut.
 *
 * Returns its size with *ret_len, the payload's length, set; 0 when more is needed; YD_WS_ERR_*.
 */
static int check_header(const struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                        const uint8_t *head, size_t len, uint64_t *ret_len, const char **ret_error)
{
    size_t extra, size;
    int result;

    result = check_first(reader, rules, head[0], ret_error);
    if (result < 0 || len < 2)
        return result;
    result = check_second(head[0], head[1], ret_error);
    if (result < 0)
        return result;
    extra = head[1] == (MASKED | 127) ? 8 : head[1] == (MASKED | 126) ? 2 : 0;
    if (extra == 8 && len > 2 && (head[2] & 0x80))
        return broken(ret_error, "length of 2^63 or more");
    if (len < 2 + extra)
        return 0;
    result = check_length(reader, rules, head, extra, ret_len, ret_error);
    if (result < 0)
        return result;
    size = SMALL_HEADER + extra;
    return len < size ? 0 : (int)size;
}

static void begin_frame(struct yd_ws_reader *reader, const uint8_t *head, size_t size, uint64_t len)
{
    uint8_t opcode = head[0] & OPCODE;

    memcpy(reader->payload.key, head + size - 4, sizeof(reader->payload.key));
    reader->payload.left = len;
    reader->first = head[0];
    reader->state = AT_PAYLOAD;
    if (opcode & CONTROL)
        return;
    reader->message += len;
    if (opcode != YD_WS_CONT) {
        reader->opcode = opcode;
        reader->compressed = (head[0] & YD_WS_RSV1) != 0;
    }
}

/* A header that came in pieces is put together in ret; returns how much of it is there. */
static size_t join_header(const struct yd_ws_reader *reader, const uint8_t *data, size_t len,
                          uint8_t ret[MAX_MASKED])
{
    size_t had = reader->state, more = YD_MIN(len, MAX_MASKED - had);

    ret[0] = reader->first;
    memcpy(ret + 1, reader->head, had - 1);
    memcpy(ret + had, data, more);
    return had + more;
}

static void keep_header(struct yd_ws_reader *reader, const uint8_t *head, size_t len)
{
    reader->first = head[0];
    memcpy(reader->head, head + 1, len - 1);
    reader->state = (uint8_t)len;
}

/* Returns 1 at the end of the header, 0 when more is needed, or YD_WS_ERR_*. */
static int take_header(struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                       const uint8_t *data, size_t len, size_t *ret_used, const char **ret_error)
{
    size_t had = reader->state, have = len;
    uint8_t joined[MAX_MASKED];
    const uint8_t *head = data;
    uint64_t payload = 0;
    int size;

    if (had > 0) {
        have = join_header(reader, data, len, joined);
        head = joined;
    }
    size = check_header(reader, rules, head, have, &payload, ret_error);
    if (size < 0)
        return size;
    if (size == 0) {
        keep_header(reader, head, have);
        *ret_used = len;
        return 0;
    }
    begin_frame(reader, head, (size_t)size, payload);
    *ret_used = (size_t)size - had;
    return 1;
}

static void end_message(struct yd_ws_reader *reader)
{
    reader->opcode = 0;
    reader->message = 0;
    reader->compressed = false;
}

/* As in the next piece of this payload the key goes on where this one ends. */
static void turn_key(uint8_t key[4], size_t n)
{
    uint8_t old[4];
    size_t i;

    memcpy(old, key, sizeof(old));
    for (i = 0; i < sizeof(old); i++)
        key[i] = old[(i + n) & 3];
}

/* Gives out the payload that is there; returns its length. */
static size_t take_payload(struct yd_ws_reader *reader, uint8_t *data, size_t len,
                           struct yd_ws_piece *ret_piece)
{
    uint64_t left = reader->payload.left;
    size_t n = left < len ? (size_t)left : len;
    uint8_t opcode = reader->first & OPCODE;
    bool is_control = opcode & CONTROL;

    ret_piece->ascii = yd_ws_mask(data, n, reader->payload.key, 0);
    reader->payload.left = left -= n;
    ret_piece->opcode = is_control ? opcode : reader->opcode;
    ret_piece->first = opcode != YD_WS_CONT && reader->state == AT_PAYLOAD;
    ret_piece->last = left == 0 && (reader->first & YD_WS_FIN);
    ret_piece->compressed = !is_control && reader->compressed;
    ret_piece->data = data;
    ret_piece->len = n;
    if (left == 0) {
        reader->state = 0;
    } else {
        reader->state = IN_PAYLOAD;
        turn_key(reader->payload.key, n);
    }
    if (ret_piece->last && !is_control)
        end_message(reader);
    return n;
}

/* The commonest case, without the reader's state: one whole message of at most 125 bytes, not
 * compressed, between frames.  Returns false, having done nothing, when it is another. */
static bool take_small(const struct yd_ws_reader *reader, const struct yd_ws_rules *rules,
                       uint8_t *data, size_t len, size_t *ret_used, struct yd_ws_piece *ret_piece)
{
    size_t n;

    if (len < SMALL_HEADER || (reader->state | reader->opcode) != 0)
        return false;
    if (data[0] != (YD_WS_FIN | YD_WS_TEXT) && data[0] != (YD_WS_FIN | YD_WS_BINARY))
        return false;
    n = (size_t)data[1] - MASKED; /* an unmasked one becomes a huge number */
    if (n > 125 || n > len - SMALL_HEADER || n > rules->max)
        return false;
    ret_piece->ascii = yd_ws_mask_inline(data + SMALL_HEADER, n, data + 2);
    ret_piece->opcode = data[0] & OPCODE;
    ret_piece->first = true;
    ret_piece->last = true;
    ret_piece->compressed = false;
    ret_piece->data = data + SMALL_HEADER;
    ret_piece->len = n;
    *ret_used = SMALL_HEADER + n;
    return true;
}

/* All other cases.  Apart, to keep the common one free of what only this needs. */
static __attribute__((noinline)) int take_any(struct yd_ws_reader *reader,
                                              const struct yd_ws_rules *rules, uint8_t *data,
                                              size_t len, size_t *ret_used,
                                              struct yd_ws_piece *ret_piece, const char **ret_error)
{
    size_t used = 0;

    *ret_used = 0;
    if (len == 0)
        return 0;
    if (reader->state < AT_PAYLOAD) {
        int result = take_header(reader, rules, data, len, &used, ret_error);

        if (result < 0)
            return result;
        if (result == 0 || (used == len && reader->payload.left > 0)) {
            *ret_used = used;
            return 0;
        }
    }
    *ret_used = used + take_payload(reader, data + used, len - used, ret_piece);
    return 1;
}

uint64_t yd_ws_left(const struct yd_ws_reader *reader)
{
    return reader->state >= AT_PAYLOAD ? reader->payload.left : 0;
}

int yd_ws_read(struct yd_ws_reader *reader, const struct yd_ws_rules *rules, uint8_t *data,
               size_t len, size_t *ret_used, struct yd_ws_piece *ret_piece, const char **ret_error)
{
    if (take_small(reader, rules, data, len, ret_used, ret_piece))
        return 1;
    return take_any(reader, rules, data, len, ret_used, ret_piece, ret_error);
}

int yd_ws_parse_close(const uint8_t *data, size_t len, uint16_t *ret_code,
                      const uint8_t **ret_reason, size_t *ret_reason_len)
{
    unsigned code;

    if (len == 0) {
        *ret_code = 1005;
        *ret_reason = data;
        *ret_reason_len = 0;
        return 0;
    }
    if (len == 1)
        return 1002;
    code = (unsigned)big_endian(data, 2);
    if (!yd_ws_close_code_is_valid(code))
        return 1002;
    if (!yd_utf8_is_valid(data + 2, len - 2))
        return 1007;
    *ret_code = (uint16_t)code;
    *ret_reason = data + 2;
    *ret_reason_len = len - 2;
    return 0;
}

/* RFC 6455 7.4; 1012 to 1014 were registered later. */
bool yd_ws_close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}
