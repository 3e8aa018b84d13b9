/* SPDX-License-Identifier: MIT */
#ifndef LOAD_UNPACK_H
#define LOAD_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply;
struct unpacker;

/* What inflates the messages that one connection receives.  keeps: the server takes its context
 * over from one message to the next.  NULL when out of memory. */
struct unpacker *unpacker_new(bool keeps);
void unpacker_free(struct unpacker *u);

/* Inflates a piece of a message and compares it with the payload of the reply.  Returns false when
 * it differs, or is no deflated data; unpacker_end() is to be called nevertheless. */
bool unpacker_add(struct unpacker *u, const uint8_t *data, size_t len, const struct reply *reply);

/* At the end of a message: true when all of the reply's payload has come. */
bool unpacker_end(struct unpacker *u, const struct reply *reply);

#endif
