/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_CHANNEL_OP_H
#define YD_CHANNELS_CHANNEL_OP_H

#include "channels/channels.h"

/* Operations of a channel layer. */

enum yd_channel_kind {
    YD_CHANNEL_SEND = 1, /* a message or an event, to the members of a group */
    YD_CHANNEL_SURVEY    /* who is a member, in this process */
};

struct yd_channel_op {
    struct yd_op op;
    struct yd_delivery what; /* of SEND */
};

static inline yodel_channels *yd_channels_of(const struct yd_op *op)
{
    return (yodel_channels *)(void *)((char *)op->layer - offsetof(yodel_channels, layer));
}

extern const struct yd_layer_ops yd_channels_layer_ops;

/* listing.c: an ask that tells the members of a group; NULL when out of memory. */
struct yd_survey *yd_listing_new(yodel_channels *channels, yodel_group_members_fn *done,
                                 void *user);
/* An ask that answers one of another process; what it has gathered, as bytes and back.
 */
struct yd_ask *yd_listing_answer(yodel_channels *channels);
int yd_listing_encode(struct yd_ask *ask, struct yd_buf *buf);
int yd_listing_take(struct yd_ask *ask, yodel_bytes result);

/* channel_codec.c */
int yd_channel_encode(const struct yd_op *op, struct yd_buf *buf);
int yd_channel_decode(struct yd_op *op, yodel_bytes payload);

#endif
