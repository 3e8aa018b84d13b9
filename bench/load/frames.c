/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#define MASK_LEN 4
#define PROBE_LEN 8 /* payload bytes compared when not thorough */

static const uint8_t message_mask[MASK_LEN] = {0x37, 0xfa, 0x21, 0x3d};

uint8_t *message_expand(const char *template, size_t size, size_t *ret_len)
{
    const char *hole = strstr(template, "{}");
    size_t before = hole == NULL ? strlen(template) : (size_t)(hole - template);
    size_t after = hole == NULL ? 0 : strlen(hole + 2);
    size_t fill = hole == NULL ? 0 : size;
    uint8_t *text = malloc(before + fill + after + 1);

    if (text == NULL)
        return NULL;
    memcpy(text, template, before);
    for (size_t i = 0; i < fill; i++)
        text[before + i] = (uint8_t)('a' + (i * 7 + i / 26) % 26);
    if (hole != NULL)
        memcpy(text + before + fill, hole + 2, after);
    *ret_len = before + fill + after;
    return text;
}

static size_t write_head(uint8_t *out, enum frame_opcode opcode, uint64_t len, bool masked)
{
    uint8_t mask_bit = masked ? 0x80 : 0;
    unsigned extra = len < 126 ? 0 : len < 65536 ? 2 : 8;

    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(mask_bit | (extra == 0 ? len : extra == 2 ? 126 : 127));
    for (unsigned i = 0; i < extra; i++)
        out[2 + i] = (uint8_t)(len >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

static int make_batch(struct message *m, const struct message_options *options)
{
    size_t len, head;
    uint8_t *payload = message_expand(options->send, options->size, &len);

    if (payload == NULL)
        return -1;
    m->batch_frames = options->batch_frames;
    m->batch = malloc(options->batch_frames * (FRAME_HEAD_MAX + len));
    if (m->batch == NULL) {
        free(payload);
        return -1;
    }
    head = write_head(m->batch, options->opcode, len, true);
    memcpy(m->batch + head, message_mask, MASK_LEN);
    head += MASK_LEN;
    for (size_t i = 0; i < len; i++)
        m->batch[head + i] = payload[i] ^ message_mask[i % MASK_LEN];
    m->frame_len = head + len;
    for (unsigned i = 1; i < options->batch_frames; i++)
        memcpy(m->batch + i * m->frame_len, m->batch, m->frame_len);
    free(payload);
    return 0;
}

static int make_reply(struct message *m, const struct message_options *options)
{
    size_t len;
    uint8_t *payload = message_expand(options->expect, options->size, &len);

    if (payload == NULL)
        return -1;
    m->reply = malloc(FRAME_HEAD_MAX + len);
    if (m->reply != NULL) {
        m->reply_head = write_head(m->reply, options->opcode, len, false);
        memcpy(m->reply + m->reply_head, payload, len);
        m->reply_len = m->reply_head + len;
    }
    free(payload);
    return m->reply == NULL ? -1 : 0;
}

int message_init(struct message *m, const struct message_options *options)
{
    memset(m, 0, sizeof *m);
    if (make_batch(m, options) < 0 || make_reply(m, options) < 0) {
        message_done(m);
        return -1;
    }
    return 0;
}

void message_done(struct message *m)
{
    free(m->batch);
    free(m->reply);
    memset(m, 0, sizeof *m);
}

size_t frame_write_short(uint8_t *out, enum frame_opcode opcode, const uint8_t *payload, size_t len)
{
    size_t head = write_head(out, opcode, len, true);

    memset(out + head, 0, MASK_LEN);
    if (len > 0)
        memcpy(out + head + MASK_LEN, payload, len);
    return head + MASK_LEN + len;
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

static bool is_reply(const struct message *m, bool thorough, const struct frame_input *in)
{
    size_t compare = thorough ? m->reply_len : smaller(m->reply_len, m->reply_head + PROBE_LEN);

    return in->len >= m->reply_len && memcmp(in->ptr, m->reply, compare) == 0;
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
static bool start_payload(struct frame_reader *r, const struct message *m)
{
    r->payload_len = r->head[1] & 0x7f;
    if (r->payload_len >= 126) {
        r->payload_len = 0;
        for (unsigned i = 2; i < head_size(r); i++)
            r->payload_len = r->payload_len << 8 | r->head[i];
    }
    r->mismatch = r->head_len != m->reply_head || memcmp(r->head, m->reply, m->reply_head) != 0;
    if ((r->head[0] & 0xf0) != 0x80 || (r->head[1] & 0x80) != 0)
        return false;
    r->start_len = 0;
    return !is_control(r) || r->payload_len <= FRAME_SHORT_MAX;
}

static void take_payload(struct frame_reader *r, const struct message *m, struct frame_input *in)
{
    size_t len = smaller(in->len, r->payload_len - r->payload_at);
    size_t kept = smaller(sizeof r->start - r->start_len, len);

    memcpy(r->start + r->start_len, in->ptr, kept);
    r->start_len = (uint8_t)(r->start_len + kept);
    if (!r->mismatch)
        r->mismatch = memcmp(in->ptr, m->reply + m->reply_head + r->payload_at, len) != 0;
    r->payload_at += len;
    advance(in, len);
}

static enum frame_event finish(struct frame_reader *r)
{
    unsigned opcode = r->head[0] & 0x0f;

    r->head_len = 0;
    r->payload_at = 0;
    switch (opcode) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        return r->mismatch ? FRAME_OTHER : FRAME_REPLY;
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
    unsigned before = r->head_len;

    if (before == 0 && is_reply(m, thorough, in)) {
        advance(in, m->reply_len);
        return FRAME_REPLY;
    }
    if (!read_head(r, in))
        return FRAME_NEED_MORE;
    if (before < r->head_len && !start_payload(r, m))
        return FRAME_BAD;
    take_payload(r, m, in);
    return r->payload_at < r->payload_len ? FRAME_NEED_MORE : finish(r);
}
