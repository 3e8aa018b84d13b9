/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_CHANNEL_OP_H
#define YD_CHANNELS_CHANNEL_OP_H

#include <yodel/history.h>

#include "channels/channels.h"

/* Operations of a channel layer. */

enum yd_channel_kind {
    YD_CHANNEL_SEND = 1, /* a message or an event, to the members of a group */
    YD_CHANNEL_SURVEY,   /* who is a member, in this process */
    YD_CHANNEL_INTEREST, /* of presence (channels/presence.h): these and the two that follow */
    YD_CHANNEL_STATE,
    YD_CHANNEL_DELTA,
    YD_CHANNEL_COUNT, /* how many are members */
    YD_CHANNEL_LOST,  /* in this process alone: a process is lost */
    YD_CHANNEL_ASK    /* the same: ask anew, some may have been missed */
};

/* Where a message that is kept stands: compared first by a, then by b. */
struct yd_offset {
    uint64_t a, b; /* both 0: nowhere */
};

struct yd_channel_op {
    struct yd_op op;
    struct yd_delivery what; /* of SEND */
    struct yd_words words;   /* of what, where it is an event of Socket.IO that is kept */
    struct yd_buf bytes;     /* of presence, or of words */
    struct yd_offset offset; /* of a message that is kept (channels/history.h); zero: it is not */
    bool is_event;           /* the message is an event of Socket.IO that is kept */
    bool has_envelope;       /* that is in one, with its offset */
};

static inline yodel_channels *yd_channels_of(const struct yd_op *op)
{
    return (yodel_channels *)(void *)((char *)op->layer - offsetof(yodel_channels, layer));
}

/* The event that op sends to the group of its scope; NULL: it is something else. */
static inline const yodel_event *yd_channel_op_event(const struct yd_op *op)
{
    return op->kind == YD_CHANNEL_SEND ? ((const struct yd_channel_op *)op)->what.event : NULL;
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

/* counting.c: the same, that tells how many there are; and that answers one. */
struct yd_ask *yd_counting_new(yodel_channels *channels, yodel_str name, yodel_group_count_fn *done,
                               void *user);
struct yd_ask *yd_counting_answer(yodel_channels *channels, yodel_str name);
bool yd_counting_is(const struct yd_ask *ask);
int yd_counting_encode(struct yd_ask *ask, struct yd_buf *buf);
int yd_counting_take(struct yd_ask *ask, yodel_bytes result);

/* presence.c: carries out an operation of presence. */
void yd_presence_apply(struct yd_channel_op *op, struct yd_loop *loop);
/* Another process has come, or may have been missed; is lost.  As of struct yd_layer_ops. */
void yd_presence_joined(struct yd_layer *layer, yodel_str process);
void yd_presence_lost(struct yd_layer *layer, yodel_str process);

/* As yd_channels_send(), of a message that stands at offset, of a group that is kept with these
 * options; on the home of history.
 * local: to the members of this process. */
int yd_channels_send_at(yodel_channels *channels, yodel_str name, struct yd_msg *msg,
                        const yodel_history_options *options, struct yd_offset offset, bool local);

/* channel_codec.c */
int yd_channel_encode(const struct yd_op *op, struct yd_buf *buf);
int yd_channel_decode(struct yd_op *op, yodel_bytes payload);

#endif
