/* SPDX-License-Identifier: MIT */
#ifndef LOAD_MESSAGE_H
#define LOAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SHORT_MAX 125 /* longest payload of a control frame, RFC 6455 section 5.5 */
#define FRAME_HEAD_MAX 14
#define FRAME_MASK_LEN 4

enum frame_opcode {
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

enum deflate_mode {
    DEFLATE_OFF,
    DEFLATE_SHARED, /* no context taken over, in neither direction */
    DEFLATE_CONTEXT /* contexts in both directions */
};

/* The whole unmasked frame that answers a message, not deflated. */
struct reply {
    uint8_t *frame;
    size_t len;
    size_t head; /* bytes of its header */
};

/*
 * What every connection sends, over and over: `num` messages in a cycle, made once.  Letters make
 * a cycle of one, JSON texts one that is longer than a window of deflate, as texts that come again
 * at once would compress to nothing.
 */
struct message {
    uint8_t *batch; /* masked frames: those of the cycle, then its first ones again */
    size_t batch_len, cycle_len;
    size_t *starts; /* num + 1: where the frames of the cycle begin in batch */
    struct reply *replies;
    unsigned num;
};

struct message_options {
    const char *send;   /* payload; "{}" in it stands for `size` generated letters */
    const char *expect; /* payload of the reply, in the same way */
    size_t size;
    bool json;             /* the payload is generated JSON of that size, sent and expected */
    unsigned batch_frames; /* so many can be sent with one call, wherever in the cycle */
    enum frame_opcode opcode;
    enum deflate_mode deflate;
};

/* The payload that a template stands for; the caller frees it.  NULL when out of memory. */
uint8_t *message_expand(const char *template, size_t size, size_t *ret_len);

/* The payload of the index-th JSON text; size is at least MESSAGE_JSON_MIN. */
#define MESSAGE_JSON_MIN 32
uint8_t *message_json(unsigned index, size_t size);

/* Returns 0 or -1 when out of memory. */
int message_init(struct message *m, const struct message_options *options);
void message_done(struct message *m);

/* Bytes of count frames from the one with that index on. */
size_t message_span(const struct message *m, unsigned index, unsigned count);

/* The header of a frame, but for its mask: returns its length. */
size_t frame_write_head(uint8_t *out, enum frame_opcode opcode, uint64_t len, bool masked);

#endif
