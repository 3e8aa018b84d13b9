/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_FRAMES_H
#define YG_CLIENT_FRAMES_H

#include <stdint.h>

#include "base/text.h"

/* Frames of a WebSocket (RFC 6455) on the side of a client: without I/O, of one thread at a time.
 */

enum yg_opcode {
    YG_FRAME_CONTINUATION = 0,
    YG_FRAME_TEXT = 1,
    YG_FRAME_BINARY = 2,
    YG_FRAME_CLOSE = 8,
    YG_FRAME_PING = 9,
    YG_FRAME_PONG = 10
};

/*
 * Adds one frame, which is the last of its message.
 *
 * is_deflated   the payload is (RFC 7692)
 * mask          random: it hides the payload from proxies (section 10.3)
 */
void yg_frame_put(struct yg_text *out, enum yg_opcode opcode, bool is_deflated, const void *ptr,
                  size_t len, uint32_t mask);

/* A message, or a control frame. */
struct yg_frame {
    enum yg_opcode opcode; /* never YG_FRAME_CONTINUATION */
    bool is_deflated;      /* the payload is, where that was allowed */
    yodel_bytes payload;   /* valid until the next call; text is UTF-8, if it is not deflated */
};

/* Reads what a server sends.  All zero but max is a new one. */
struct yg_frames {
    size_t max; /* bytes of a message */
    bool allows_deflated;
    struct yg_text part;    /* of a frame that has not come whole */
    struct yg_text message; /* the frames of a message so far */
    enum yg_opcode opcode;  /* of that message; YG_FRAME_CONTINUATION: there is none */
    bool is_deflated;       /* the same */
    bool part_given, message_given;
    const char *problem; /* what the server did wrong, after a negative result; static */
};

/*
 * Takes bytes until there is something whole.
 *
 * input       moved on; after 0 it is empty
 * ret_frame   written when the result is 1
 *
 * Returns 1; 0: more must come; -EPROTO, -EMSGSIZE (more than max), -EBADMSG (text that is not
 * UTF-8), -ENOMEM: nothing can be read any more.
 */
int yg_frames_next(struct yg_frames *frames, yodel_bytes *input, struct yg_frame *ret_frame);

/* Frees what it keeps. */
void yg_frames_done(struct yg_frames *frames);

#endif
