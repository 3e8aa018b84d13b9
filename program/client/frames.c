/* SPDX-License-Identifier: MIT */
#include "client/frames.h"

#include <errno.h>
#include <string.h>

/* Of the first byte of a frame. */
#define FINAL 0x80u
#define DEFLATED 0x40u /* RSV1 (RFC 7692 section 6) */
#define RESERVED 0x70u

/* ---- writing ---- */

static void mask_into(char *to, const uint8_t *from, size_t len, uint32_t mask)
{
    uint8_t key[4];
    size_t i = 0;

    memcpy(key, &mask, sizeof(key));
    for (; i + 4 <= len; i += 4) {
        uint32_t word;

        memcpy(&word, from + i, 4);
        word ^= mask;
        memcpy(to + i, &word, 4);
    }
    for (; i < len; i++)
        to[i] = (char)(from[i] ^ key[i % 4]);
}

static unsigned put_head(uint8_t head[14], unsigned first, size_t len, uint32_t mask)
{
    unsigned size = 2, more = len > 65535 ? 8 : len > 125 ? 2 : 0;

    head[0] = (uint8_t)first;
    head[1] = (uint8_t)(0x80 | (more == 8 ? 127 : more == 2 ? 126 : len));
    for (; more > 0; more--)
        head[size++] = (uint8_t)((uint64_t)len >> (8 * (more - 1)));
    memcpy(head + size, &mask, 4);
    return size + 4;
}

void yg_frame_put(struct yg_text *out, enum yg_opcode opcode, bool is_deflated, const void *ptr,
                  size_t len, uint32_t mask)
{
    const unsigned first = FINAL | (is_deflated ? DEFLATED : 0) | opcode;
    char piece[4096];
    uint8_t head[14];

    yg_text_add(out, (const char *)head, put_head(head, first, len, mask));
    for (size_t at = 0; at < len && !yg_text_failed(out);) {
        const size_t num = len - at < sizeof(piece) ? len - at : sizeof(piece);

        mask_into(piece, (const uint8_t *)ptr + at, num, mask);
        yg_text_add(out, piece, num);
        at += num;
    }
}

/* ---- reading ---- */

struct head {
    enum yg_opcode opcode;
    bool is_final, is_deflated;
    unsigned size;
    uint64_t len;
};

static int refuse(struct yg_frames *frames, int result, const char *problem)
{
    frames->problem = problem;
    return result;
}

/* How long a head is, of which two bytes are there; 0: it is masked. */
static unsigned head_size(const uint8_t *bytes)
{
    const uint8_t len = bytes[1] & 0x7f;

    return (bytes[1] & 0x80) != 0 ? 0 : len == 127 ? 10 : len == 126 ? 4 : 2;
}

/* Of a whole head. */
static struct head read_head(const uint8_t *bytes)
{
    struct head head = {.opcode = (enum yg_opcode)(bytes[0] & 0x0f),
                        .is_final = (bytes[0] & FINAL) != 0,
                        .is_deflated = (bytes[0] & DEFLATED) != 0,
                        .size = head_size(bytes)};

    if (head.size == 2)
        head.len = bytes[1];
    for (unsigned i = 2; i < head.size; i++)
        head.len = head.len << 8 | bytes[i];
    return head;
}

static int check_head(struct yg_frames *frames, const struct head *head, uint8_t first)
{
    const bool is_control = head->opcode >= YG_FRAME_CLOSE;
    const bool is_open = frames->opcode != YG_FRAME_CONTINUATION;
    const bool is_first = !is_control && head->opcode != YG_FRAME_CONTINUATION;
    const unsigned allowed = frames->allows_deflated && is_first ? DEFLATED : 0;

    if ((first & RESERVED & ~allowed) != 0)
        return refuse(frames, -EPROTO, "a frame with bits of an extension that was not agreed on");
    if (head->opcode > YG_FRAME_PONG || (head->opcode > YG_FRAME_BINARY && !is_control))
        return refuse(frames, -EPROTO, "a frame of an unknown kind");
    if (is_control && (!head->is_final || head->len > 125))
        return refuse(frames, -EPROTO, "a control frame that is too long, or in pieces");
    if (!is_control && is_open != (head->opcode == YG_FRAME_CONTINUATION))
        return refuse(frames, -EPROTO, "a frame in the midst of another message, or of none");
    if (!is_control && head->len > frames->max - frames->message.len)
        return refuse(frames, -EMSGSIZE, "a message that is too long");
    return 0;
}

/* Moves bytes from the input until the part has so many.  Returns 1, 0 or -ENOMEM. */
static int gather(struct yg_frames *frames, yodel_bytes *input, uint64_t size)
{
    size_t num = input->len;

    if (frames->part.len >= size)
        return 1;
    if (num > size - frames->part.len)
        num = (size_t)(size - frames->part.len);
    yg_text_add(&frames->part, (const char *)input->ptr, num);
    input->ptr += num;
    input->len -= num;
    if (yg_text_failed(&frames->part))
        return refuse(frames, -ENOMEM, "out of memory");
    return frames->part.len >= size;
}

/* A whole frame that stands in the input; -EAGAIN: it does not. */
static int take_direct(struct yg_frames *frames, yodel_bytes *input, struct head *head,
                       yodel_bytes *payload)
{
    int rc;

    if (input->len < 2 || head_size(input->ptr) == 0 || input->len < head_size(input->ptr))
        return -EAGAIN;
    *head = read_head(input->ptr);
    if ((rc = check_head(frames, head, input->ptr[0])) < 0)
        return rc;
    if (input->len - head->size < head->len)
        return -EAGAIN;
    *payload = (yodel_bytes){input->ptr + head->size, (size_t)head->len};
    input->ptr += head->size + head->len;
    input->len -= head->size + (size_t)head->len;
    return 1;
}

/* A whole frame, out of what came before and the input. */
static int take_gathered(struct yg_frames *frames, yodel_bytes *input, struct head *head,
                         yodel_bytes *payload)
{
    const uint8_t *bytes;
    int rc = gather(frames, input, 2);

    if (rc <= 0)
        return rc;
    if (head_size((const uint8_t *)frames->part.ptr) == 0)
        return refuse(frames, -EPROTO, "a frame of a server is masked");
    rc = gather(frames, input, head_size((const uint8_t *)frames->part.ptr));
    if (rc <= 0)
        return rc;
    *head = read_head((const uint8_t *)frames->part.ptr);
    if ((rc = check_head(frames, head, (uint8_t)frames->part.ptr[0])) < 0 ||
        (rc = gather(frames, input, head->size + head->len)) <= 0)
        return rc;
    bytes = (const uint8_t *)frames->part.ptr + head->size;
    *payload = (yodel_bytes){bytes, (size_t)head->len};
    frames->part_given = true;
    return 1;
}

/* Adds a frame to its message.  Returns 1 when there is something to give. */
static int join(struct yg_frames *frames, const struct head *head, struct yg_frame *frame)
{
    const bool is_whole = head->is_final && head->opcode != YG_FRAME_CONTINUATION;

    frame->opcode = head->opcode;
    frame->is_deflated = false;
    if (head->opcode >= YG_FRAME_CLOSE)
        return 1;
    if (head->opcode != YG_FRAME_CONTINUATION) {
        frames->opcode = head->opcode;
        frames->is_deflated = head->is_deflated;
    }
    frame->opcode = frames->opcode;
    frame->is_deflated = frames->is_deflated;
    if (!is_whole) {
        yg_text_add(&frames->message, (const char *)frame->payload.ptr, frame->payload.len);
        if (yg_text_failed(&frames->message))
            return refuse(frames, -ENOMEM, "out of memory");
    }
    if (!head->is_final)
        return 0;
    frames->opcode = YG_FRAME_CONTINUATION;
    if (!is_whole) {
        frame->payload = (yodel_bytes){(const uint8_t *)frames->message.ptr, frames->message.len};
        frames->message_given = true;
    }
    if (frame->opcode == YG_FRAME_TEXT && !frame->is_deflated &&
        !yg_text_is_utf8((const char *)frame->payload.ptr, frame->payload.len))
        return refuse(frames, -EBADMSG, "text that is not UTF-8");
    return 1;
}

/* Forgets what the last call gave; a buffer that has become large is given back. */
static void forget(struct yg_text *text, bool *given)
{
    if (!*given)
        return;
    *given = false;
    if (text->cap > 4096)
        yg_text_done(text);
    else
        yg_text_reset(text);
}

int yg_frames_next(struct yg_frames *frames, yodel_bytes *input, struct yg_frame *ret_frame)
{
    struct yg_frame frame = {0};
    struct head head;
    int rc;

    do {
        forget(&frames->part, &frames->part_given);
        forget(&frames->message, &frames->message_given);
        rc = frames->part.len == 0 ? take_direct(frames, input, &head, &frame.payload) : -EAGAIN;
        if (rc == -EAGAIN)
            rc = take_gathered(frames, input, &head, &frame.payload);
        if (rc <= 0)
            return rc;
        rc = join(frames, &head, &frame);
    } while (rc == 0);
    if (rc == 1)
        *ret_frame = frame;
    return rc;
}

void yg_frames_done(struct yg_frames *frames)
{
    yg_text_done(&frames->part);
    yg_text_done(&frames->message);
}
