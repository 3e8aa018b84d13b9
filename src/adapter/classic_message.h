/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_CLASSIC_MESSAGE_H
#define YD_ADAPTER_CLASSIC_MESSAGE_H

#include <stdbool.h>

#include "sio/remote.h"

/*
 * What servers say to each other by node's redis-adapter 7 and 8, and its redis-emitter 5: bytes
 * only.  A broadcast is [uid, packet, opts] in MessagePack; requests and answers are objects, as
 * JSON or in MessagePack.  Inside the library all of it is JSON text with attachments.
 */

enum yd_classic_type {
    YD_CLASSIC_SOCKETS = 0,
    YD_CLASSIC_ROOMS,
    YD_CLASSIC_JOIN,
    YD_CLASSIC_LEAVE,
    YD_CLASSIC_DISCONNECT,
    YD_CLASSIC_FETCH,
    YD_CLASSIC_SERVER_SIDE,
    YD_CLASSIC_BROADCAST, /* to be acknowledged; also what stands for a plain broadcast */
    YD_CLASSIC_COUNT,     /* an answer: how many clients it was sent to */
    YD_CLASSIC_ACK,       /* an answer: of one client */
    YD_CLASSIC_PLAIN      /* an answer without a type: of the first six requests */
};

/* Attachments of one message; what has more is not taken. */
#define YD_CLASSIC_MAX_ATTACHMENTS 64

/* A message that came: views of text, attachments of what was decoded. */
struct yd_classic_message {
    enum yd_classic_type type;
    yodel_str uid, nsp;      /* as bodies of JSON strings */
    yodel_str request;       /* the same; empty: no answer is wanted */
    bool has_opts;           /* else it means sid */
    yodel_str rooms, except; /* JSON arrays, or empty */
    unsigned flags;          /* YODEL_SIO_VOLATILE, _NO_COMPRESS, _ALL_ARGUMENTS */
    uint32_t timeout_ms;     /* 0: none was given */
    yodel_str event;         /* its name, plain text */
    yodel_str elements;      /* and arguments: JSON values with commas between them */
    yodel_str names;         /* rooms to join or leave, or that were asked for: a JSON array */
    yodel_str sid, room;     /* raw JSON; of the old requests for one socket */
    bool close;
    yodel_str list;  /* of an answer: a JSON array of sockets or rooms; empty: it has none */
    yodel_str value; /* of an answer: a JSON value, "null" for undefined */
    bool is_list;    /* of an ACK: value is an array of all arguments, not the first of them */
    uint32_t count;
    uint32_t num_attachments;
    yodel_bytes attachments[YD_CLASSIC_MAX_ATTACHMENTS];
    struct yd_buf text; /* what the views are of */
};

/*
 * Each returns 0 with *ret_message, to be done; -ENOMEM; or YODEL_ERR_PROTOCOL: it is not what
 * these adapters write.  Arrays of names are not looked into: see yd_names_read().
 */
int yd_classic_read_broadcast(const struct yodel_allocator *mem, yodel_bytes payload,
                              struct yd_classic_message *ret_message);
int yd_classic_read_request(const struct yodel_allocator *mem, yodel_bytes payload,
                            struct yd_classic_message *ret_message);
int yd_classic_read_answer(const struct yodel_allocator *mem, yodel_bytes payload,
                           struct yd_classic_message *ret_message);
void yd_classic_message_done(struct yd_classic_message *message, const struct yodel_allocator *mem);

/* Whether a broadcast is of that uid, by its first bytes. */
bool yd_classic_is_from(yodel_bytes payload, yodel_str uid);

/* ---- writing: appending to buf; all return 0 or -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_TOO_BIG ----
 */

/* What out says: a broadcast, or with request (not empty) an emit to be acknowledged. */
int yd_classic_put_emit(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                        yodel_str request, const struct yd_sio_outgoing *out);
/* All others; uid and request may be empty.  In JSON, or MessagePack when there are attachments. */
int yd_classic_put_request(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                           yodel_str request, const struct yd_sio_outgoing *out);

/* Answers.  request: a body of a JSON string, escapes and all.  member: "sockets" or "rooms";
 * empty: nothing else. */
int yd_classic_put_list(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                        yodel_str member, yodel_str array);
int yd_classic_put_count(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                         unsigned count);
/* elements: a first argument; with is_list all arguments, with commas between them. */
int yd_classic_put_ack(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                       bool is_list, yodel_str elements, const yodel_bytes *attachments,
                       uint32_t num);
int yd_classic_put_server_side(const struct yodel_allocator *mem, struct yd_buf *buf,
                               yodel_str request, yodel_str element, const yodel_bytes *attachments,
                               uint32_t num);

#endif
