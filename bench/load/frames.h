/* SPDX-License-Identifier: MIT */
#ifndef LOAD_FRAMES_H
#define LOAD_FRAMES_H

#include "message.h"
#include "unpack.h"

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
    struct unpacker *unpacker; /* NULL: no reply is deflated; else all are */
    unsigned next;             /* the reply that is due, in the cycle of messages */
    uint8_t head[FRAME_HEAD_MAX];
    uint8_t head_len;
    bool mismatch, deflated;
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
