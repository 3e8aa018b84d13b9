/* SPDX-License-Identifier: MIT */
#ifndef LOAD_FRAMES_H
#define LOAD_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SHORT_MAX 125 /* longest payload of a control frame, RFC 6455 section 5.5 */
#define FRAME_HEAD_MAX 14

enum frame_opcode {
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

/* What every connection sends, made once, and what it must receive. */
struct message {
    uint8_t *batch; /* batch_frames equal masked frames, one after the other */
    unsigned batch_frames;
    size_t frame_len;

    uint8_t *reply; /* the whole unmasked frame that answers one of them */
    size_t reply_len;
    size_t reply_head; /* bytes of its header */
};

struct message_options {
    const char *send;   /* payload; "{}" in it stands for `size` generated letters */
    const char *expect; /* payload of the reply, in the same way */
    size_t size;
    unsigned batch_frames;
    enum frame_opcode opcode;
};

/* The payload that a template stands for; the caller frees it.  NULL when out of memory. */
uint8_t *message_expand(const char *template, size_t size, size_t *ret_len);

/* Returns 0 or -1 when out of memory. */
int message_init(struct message *m, const struct message_options *options);
void message_done(struct message *m);

/*
 * Writes a masked frame (mask 0) of at most FRAME_SHORT_MAX bytes of payload; out has room for
 * 6 + len bytes.  Returns its length.
 */
size_t frame_write_short(uint8_t *out, enum frame_opcode opcode, const uint8_t *payload,
                         size_t len);

enum frame_event {
    FRAME_NEED_MORE,
    FRAME_REPLY, /* the expected reply */
    FRAME_OTHER, /* a whole data frame, but not the expected one */
    FRAME_GOT_PING,
    FRAME_GOT_PONG,
    FRAME_GOT_CLOSE,
    FRAME_BAD /* fragmented, masked or unknown: give the connection up */
};

struct frame_input {
    const uint8_t *ptr;
    size_t len;
};

/* Reads the frames of one connection out of a stream cut anywhere. */
struct frame_reader {
    uint8_t head[FRAME_HEAD_MAX];
    uint8_t head_len;
    bool mismatch;
    uint64_t payload_len, payload_at;
    uint8_t start[FRAME_SHORT_MAX]; /* of the payload of the last frame that was no reply */
    uint8_t start_len;
};

/*
 * Consumes at most one frame of in.  thorough: compare every byte of a reply, not only its header
 * and first bytes.
 */
enum frame_event frame_next(struct frame_reader *r, const struct message *m, bool thorough,
                            struct frame_input *in);

#endif
