/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_MESSAGE_H
#define YD_CHANNELS_REDIS_ASGI_MESSAGE_H

#include <stdbool.h>
#include <yodel/channels.h>

#include "base/buf.h"

/*
 * Messages as Django Channels and channels_redis write them: a map in MessagePack, whose member
 * "type" is the type of the event.  The core layer adds "__asgi_channel__": the channels of one
 * process that are meant, a string or an array of strings.
 *
 *     JSON of an event                      MessagePack
 *     whole numbers                         int, of 64 bits
 *     other numbers                         float 64
 *     {"__bytes__":"<base64>"}              bin
 *     null, true, strings, [], {}           the same
 *
 * A float that is no number (NaN, an infinity) becomes null.  Names that are no strings, ext types
 * and text that is not UTF-8 make a message malformed.
 */

/* A name that stands for bytes, as the only member of its object. */
#define YD_ASGI_BYTES "__bytes__"
#define YD_ASGI_CHANNEL "__asgi_channel__"

/* Depth of arrays and maps, the message's own among them. */
#define YD_ASGI_DEPTH 64

/* The members of an event, "type" first; the event's own "type" and "__asgi_channel__" are left
 * out. */
struct yd_asgi_pairs {
    uint32_t num;
    struct yd_buf bytes;
};

/* ret_pairs: empty.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (nested too deep, or a string of 2^32
 * bytes); ret_pairs is to be freed in any case. */
int yd_asgi_make_pairs(const struct yodel_allocator *mem, const yodel_event *event,
                       struct yd_asgi_pairs *ret_pairs);

/* Who is meant: nobody in particular, one channel, or a list. */
struct yd_asgi_channels {
    const yodel_str *names;
    uint32_t num;
    bool is_list;
};

/* Appends the whole map.  Returns 0 or -ENOMEM; buf then keeps its length. */
int yd_asgi_put(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_bytes pairs,
                uint32_t num_pairs, const struct yd_asgi_channels *channels);

/* A message that came. */
struct yd_asgi_message {
    yodel_str type;       /* a view of it */
    yodel_bytes channels; /* the value of __asgi_channel__, a view; empty: there is none */
    struct yd_buf json;   /* the other members as an object; owned */
};

/* ret: all zero; json is to be freed in any case.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL. */
int yd_asgi_read(const struct yodel_allocator *mem, yodel_bytes message,
                 struct yd_asgi_message *ret);

/* The names in __asgi_channel__, one after the other. */
struct yd_asgi_iter {
    yodel_bytes rest;
    uint32_t left;
};

/* Returns false for a value that is neither a string nor an array. */
bool yd_asgi_iter_init(yodel_bytes channels, struct yd_asgi_iter *ret_iter);
/* Takes the next one; false at the end, and before what is not a string. */
bool yd_asgi_next(struct yd_asgi_iter *iter, yodel_str *ret_name);

#endif
