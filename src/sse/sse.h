/* SPDX-License-Identifier: MIT */
#ifndef YD_SSE_SSE_H
#define YD_SSE_SSE_H

#include <yodel/sse.h>

#include "channels/channels.h"
#include "http/answer_stream.h"

/* Readers of server-sent events: streams that are members of groups. */

struct yodel_sse {
    yodel_stream stream; /* first */
    struct yd_member member;
    struct yd_timer heartbeat;
    uint64_t sent_at; /* ms */
    uint32_t heartbeat_ms;
    bool close_congested;
    yodel_sse_event_fn *on_event;
    yodel_sse_fn *on_drain, *on_stop;
    yodel_sse_close_fn *on_close;
};

static inline struct yd_loop *yd_sse_loop(const yodel_sse *sse)
{
    return yd_http_stream_loop(&sse->stream);
}

/* As a member of groups of any layer, on its loop. */
static inline struct yd_member *yd_sse_member(yodel_sse *sse)
{
    return &sse->member;
}

/* Whether it may be a member of groups. */
static inline bool yd_sse_is_open(const yodel_sse *sse)
{
    return yd_http_stream_is_open(&sse->stream);
}

/* ---- event_text.c ---- */

/* The fields of an event; a view with ptr NULL is not sent. */
struct yd_sse_fields {
    yodel_str event, data, id;
    uint32_t retry_ms; /* 0: not sent */
    bool is_comment;   /* nothing but an empty comment */
};

/* Whether text may be the name or the id of an event: it is one line (HTML 9.2.5). */
bool yd_sse_is_line(yodel_str text);

/* The bytes of an event as a chunk for yd_http_stream_write_chunk(); NULL when out of memory. */
struct yd_msg *yd_sse_make_chunk(const struct yodel_allocator *mem,
                                 const struct yd_sse_fields *fields);

/* ---- between the files of this layer ---- */

/* Sends the bytes of an event.  As yodel_sse_send(). */
int yd_sse_send_chunk(yodel_sse *sse, struct yd_msg *chunk);

/* sse_groups.c: what a reader does with a delivery. */
void yd_sse_deliver(struct yd_member *member, struct yd_delivery *what);

#endif
