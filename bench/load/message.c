/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define JSON_CYCLE_BYTES (64u * 1024) /* twice the longest window */
#define JSON_CYCLE_MIN 4u
#define CLIENT_LEVEL 6
#define FLUSH_TAIL_LEN 4 /* of a message, which RFC 7692 section 7.2.1 leaves out */
#define RSV1 0x40

static const uint8_t message_mask[FRAME_MASK_LEN] = {0x37, 0xfa, 0x21, 0x3d};

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

size_t frame_write_head(uint8_t *out, enum frame_opcode opcode, uint64_t len, bool masked)
{
    uint8_t mask_bit = masked ? 0x80 : 0;
    unsigned extra = len < 126 ? 0 : len < 65536 ? 2 : 8;

    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(mask_bit | (extra == 0 ? len : extra == 2 ? 126 : 127));
    for (unsigned i = 0; i < extra; i++)
        out[2 + i] = (uint8_t)(len >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

/* What turns payloads into masked frames, one after the other. */
struct packer {
    const struct message_options *options;
    z_stream stream; /* only when deflating */
    uint8_t *packed;
    size_t packed_max;
};

/* Returns the length of the payload as it is sent, which is at *payload; 0 when out of memory. */
static size_t pack(struct packer *p, uint8_t **payload, size_t len)
{
    size_t need = len + len / 1000 + 64;

    if (p->packed_max < need) {
        free(p->packed);
        p->packed_max = need;
        p->packed = malloc(need);
    }
    if (p->packed == NULL)
        return 0;
    if (p->options->deflate == DEFLATE_SHARED)
        (void)deflateReset(&p->stream);
    p->stream.next_in = *payload;
    p->stream.avail_in = (uInt)len;
    p->stream.next_out = p->packed;
    p->stream.avail_out = (uInt)need;
    if (deflate(&p->stream, Z_SYNC_FLUSH) != Z_OK)
        return 0;
    *payload = p->packed;
    return need - p->stream.avail_out - FLUSH_TAIL_LEN;
}

/* Appends one frame to the batch, which has room.  Returns 0 or -1. */
static int add_frame(struct message *m, struct packer *p, uint8_t *payload, size_t len)
{
    uint8_t *out = m->batch + m->batch_len;
    bool deflates = p->options->deflate != DEFLATE_OFF;
    size_t head;

    if (deflates && (len = pack(p, &payload, len)) == 0)
        return -1;
    head = frame_write_head(out, p->options->opcode, len, true);
    if (deflates)
        out[0] |= RSV1;
    memcpy(out + head, message_mask, FRAME_MASK_LEN);
    head += FRAME_MASK_LEN;
    for (size_t i = 0; i < len; i++)
        out[head + i] = payload[i] ^ message_mask[i % FRAME_MASK_LEN];
    m->batch_len += head + len;
    return 0;
}

static int add_reply(struct reply *reply, const struct message_options *options,
                     const uint8_t *payload, size_t len)
{
    reply->frame = malloc(FRAME_HEAD_MAX + len);
    if (reply->frame == NULL)
        return -1;
    reply->head = frame_write_head(reply->frame, options->opcode, len, false);
    memcpy(reply->frame + reply->head, payload, len);
    reply->len = reply->head + len;
    return 0;
}

/* The payload sent (or expected) as number index of the cycle. */
static uint8_t *make_payload(const struct message_options *options, unsigned index, bool expected,
                             size_t *ret_len)
{
    if (!options->json)
        return message_expand(expected ? options->expect : options->send, options->size, ret_len);
    *ret_len = options->size;
    return message_json(index, options->size);
}

static int add_message(struct message *m, struct packer *p, unsigned index)
{
    size_t sent_len, expected_len;
    uint8_t *sent = make_payload(p->options, index, false, &sent_len);
    uint8_t *expected = make_payload(p->options, index, true, &expected_len);
    int rc = -1;

    m->starts[index] = m->batch_len;
    if (sent != NULL && expected != NULL && add_frame(m, p, sent, sent_len) == 0)
        rc = add_reply(&m->replies[index], p->options, expected, expected_len);
    free(sent);
    free(expected);
    return rc;
}

static size_t longest_frame(const struct message_options *options)
{
    size_t len = options->size + (options->json ? 0 : strlen(options->send));

    return FRAME_HEAD_MAX + len + len / 1000 + 64;
}

/* The first frames once more, so that batch_frames of them follow whatever frame of the cycle. */
static void repeat_first(struct message *m, unsigned frames)
{
    size_t len = message_span(m, 0, frames);

    for (size_t i = 0; i < len; i++)
        m->batch[m->cycle_len + i] = m->batch[i];
    m->batch_len = m->cycle_len + len;
}

static int fill(struct message *m, const struct message_options *options)
{
    struct packer packer = {.options = options};
    int rc = 0;

    if (deflateInit2(&packer.stream, CLIENT_LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -1;
    for (unsigned i = 0; rc == 0 && i < m->num; i++)
        rc = add_message(m, &packer, i);
    m->starts[m->num] = m->cycle_len = m->batch_len;
    if (rc == 0)
        repeat_first(m, options->batch_frames);
    (void)deflateEnd(&packer.stream);
    free(packer.packed);
    return rc;
}

static unsigned cycle_of(const struct message_options *options)
{
    size_t num = options->json ? JSON_CYCLE_BYTES / options->size : 1;

    return options->json && num < JSON_CYCLE_MIN ? JSON_CYCLE_MIN : (unsigned)num;
}

int message_init(struct message *m, const struct message_options *options)
{
    unsigned num = cycle_of(options);

    *m = (struct message){
        .batch = malloc(((size_t)num + options->batch_frames) * longest_frame(options)),
        .starts = calloc((size_t)num + 1, sizeof *m->starts),
        .replies = calloc(num, sizeof *m->replies),
        .num = num,
    };
    if (m->batch == NULL || m->starts == NULL || m->replies == NULL || fill(m, options) < 0) {
        message_done(m);
        return -1;
    }
    return 0;
}

void message_done(struct message *m)
{
    for (unsigned i = 0; m->replies != NULL && i < m->num; i++)
        free(m->replies[i].frame);
    free(m->batch);
    free(m->starts);
    free(m->replies);
    memset(m, 0, sizeof *m);
}

size_t message_span(const struct message *m, unsigned index, unsigned count)
{
    unsigned end = index + count;

    return (size_t)(end / m->num) * m->cycle_len + m->starts[end % m->num] - m->starts[index];
}
