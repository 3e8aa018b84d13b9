/* SPDX-License-Identifier: MIT */
#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the bare loops share: the least there is to WebSocket. */

#define BARE_ANSWER_MAX 256

struct frame {
    uint8_t opcode;
    size_t head, payload; /* bytes */
};

/* Listens on 127.0.0.1 without blocking, raises the limit of descriptors and says the port. Returns
 * the descriptor or -1. */
int bare_listen(uint16_t port);

/* The answer to a request whose head ends with NUL: its length, or -1 when it is none for us. */
int bare_answer(const char *head, char answer[BARE_ANSWER_MAX]);
bool bare_is_broadcast(const char *head);

/* False while the frame is not complete. */
bool bare_parse(const uint8_t *data, size_t len, struct frame *frame);

/* Writes the same frame without its mask; out may be the place of data or before it. */
size_t bare_write_reply(uint8_t *out, const uint8_t *data, const struct frame *frame);

#endif
