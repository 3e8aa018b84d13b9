/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <string.h>

#define PROBE_LEN 8 /* payload bytes compared when not thorough */
#define RSV1 0x40

size_t frame_write_short(uint8_t *out, enum frame_opcode opcode, const uint8_t *payload, size_t len)
{
    size_t head = frame_write_head(out, opcode, len, true);

    memset(out + head, 0, FRAME_MASK_LEN);
    if (len > 0)
        memcpy(out + head + FRAME_MASK_LEN, payload, len);
    return head + FRAME_MASK_LEN + len;
}

static size_t smaller(size_t a, uint64_t b)
{
    return b < a ? (size_t)b : a;
}

static void advance(struct frame_input *in, size_t len)
{
    in->ptr += len;
    in->len -= len;
}

static bool is_reply(const struct reply *reply, bool thorough, const struct frame_input *in)
{
    size_t compare = thorough ? reply->len : smaller(reply->len, reply->head + PROBE_LEN);

    return in->len >= reply->len && memcmp(in->ptr, reply->frame, compare) == 0;
}

static void count_reply(struct frame_reader *r, const struct message *m)
{
    r->next = r->next + 1 == m->num ? 0 : r->next + 1;
}

static bool is_control(const struct frame_reader *r)
{
    return (r->head[0] & 0x08) != 0;
}

/* Bytes of the header, as far as the bytes read so far tell. */
static unsigned head_size(const struct frame_reader *r)
{
    if (r->head_len < 2 || (r->head[1] & 0x7f) < 126)
        return 2;
    return (r->head[1] & 0x7f) == 126 ? 4 : 10;
}

static bool read_head(struct frame_reader *r, struct frame_input *in)
{
    while (r->head_len < head_size(r)) {
        if (in->len == 0)
            return false;
        r->head[r->head_len++] = *in->ptr;
        advance(in, 1);
    }
    return true;
}

/* Sets payload_len; false when the frame is none that a server may send here. */
static bool start_payload(struct frame_reader *r, const struct reply *reply)
{
    uint8_t bits = r->head[0] & 0xf0;

    r->payload_len = r->head[1] & 0x7f;
    if (r->payload_len >= 126) {
        r->payload_len = 0;
        for (unsigned i = 2; i < head_size(r); i++)
            r->payload_len = r->payload_len << 8 | r->head[i];
    }
    r->deflated = bits == (0x80 | RSV1) && r->unpacker != NULL && !is_control(r);
    if (r->unpacker != NULL) /* then all replies are to be deflated */
        r->mismatch = !r->deflated || (r->head[0] & 0x0f) != (reply->frame[0] & 0x0f);
    else
        r->mismatch = r->head_len != reply->head || memcmp(r->head, reply->frame, reply->head) != 0;
    if ((bits != 0x80 && !r->deflated) || (r->head[1] & 0x80) != 0)
        return false;
    r->start_len = 0;
    return !is_control(r) || r->payload_len <= FRAME_SHORT_MAX;
}

static void take_payload(struct frame_reader *r, const struct reply *reply, struct frame_input *in)
{
    size_t len = smaller(in->len, r->payload_len - r->payload_at);
    size_t kept = smaller(sizeof r->start - r->start_len, len);

    memcpy(r->start + r->start_len, in->ptr, kept);
    r->start_len = (uint8_t)(r->start_len + kept);
    if (r->deflated)
        r->mismatch |= !unpacker_add(r->unpacker, in->ptr, len, reply);
    else if (!r->mismatch)
        r->mismatch = memcmp(in->ptr, reply->frame + reply->head + r->payload_at, len) != 0;
    r->payload_at += len;
    advance(in, len);
}

static enum frame_event finish(struct frame_reader *r, const struct message *m)
{
    unsigned opcode = r->head[0] & 0x0f;

    if (r->deflated)
        r->mismatch |= !unpacker_end(r->unpacker, &m->replies[r->next]);
    r->head_len = 0;
    r->payload_at = 0;
    switch (opcode) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        if (r->mismatch)
            return FRAME_OTHER;
        count_reply(r, m);
        return FRAME_REPLY;
    case FRAME_CLOSE:
        return FRAME_GOT_CLOSE;
    case FRAME_PING:
        return FRAME_GOT_PING;
    case FRAME_PONG:
        return FRAME_GOT_PONG;
    default:
        return FRAME_BAD;
    }
}

enum frame_event frame_next(struct frame_reader *r, const struct message *m, bool thorough,
                            struct frame_input *in)
{
    const struct reply *reply = &m->replies[r->next];
    unsigned before = r->head_len;

    if (before == 0 && r->unpacker == NULL && is_reply(reply, thorough, in)) {
        advance(in, reply->len);
        count_reply(r, m);
        return FRAME_REPLY;
    }
    if (!read_head(r, in))
        return FRAME_NEED_MORE;
    if (before < r->head_len && !start_payload(r, reply))
        return FRAME_BAD;
    take_payload(r, reply, in);
    return r->payload_at < r->payload_len ? FRAME_NEED_MORE : finish(r, m);
}
