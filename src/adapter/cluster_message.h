/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_CLUSTER_MESSAGE_H
#define YD_ADAPTER_CLUSTER_MESSAGE_H

#include <stdbool.h>
#include <yodel/base.h>

#include "base/buf.h"

/*
 * What the servers of a cluster say to each other by socket.io-adapter's ClusterAdapter 2.5, on
 * which the sharded and the streams adapter for Redis are made: bytes only, no I/O.
 *
 * A message is {"type":t,"data":{...},"uid":u,"nsp":n} as JSON, or the same in MessagePack where
 * it has bytes.  Inside the library all of it is JSON text with placeholders and attachments.
 */

enum yd_cluster_type {
    YD_CLUSTER_INITIAL_HEARTBEAT = 1,
    YD_CLUSTER_HEARTBEAT,
    YD_CLUSTER_BROADCAST,
    YD_CLUSTER_JOIN,
    YD_CLUSTER_LEAVE,
    YD_CLUSTER_DISCONNECT,
    YD_CLUSTER_FETCH,
    YD_CLUSTER_FETCH_RESPONSE,
    YD_CLUSTER_SERVER_SIDE,
    YD_CLUSTER_SERVER_SIDE_RESPONSE,
    YD_CLUSTER_CLIENT_COUNT,
    YD_CLUSTER_ACK,
    YD_CLUSTER_CLOSE
};

/* Attachments of one message; what is more is no message of ours. */
#define YD_CLUSTER_MAX_ATTACHMENTS 64
/* Bytes of a uid, or of a request's id, that are taken. */
#define YD_CLUSTER_ID_MAX 128

/* Whom a message means, and how. */
struct yd_cluster_scope {
    yodel_str rooms, except; /* JSON arrays of names; rooms "[]": all sockets of the namespace */
    bool is_volatile, no_compress, local;
    uint32_t timeout_ms; /* 0: none was given */
    bool all_arguments;  /* of acknowledgements */
};

/* ---- reading ---- */

/* A message that came.  Its views live as long as it, attachments as long as what was decoded
 * (those of an entry: as long as it). */
struct yd_cluster_message {
    enum yd_cluster_type type;
    yodel_str uid, nsp; /* plain text; uid is never empty, but in an emitter's messages */
    yodel_str request;  /* the request's id, plain text; empty: none */
    struct yd_cluster_scope scope; /* BROADCAST, JOIN, LEAVE, DISCONNECT, FETCH */
    yodel_str event;               /* BROADCAST, SERVER_SIDE: its name, plain text */
    yodel_str elements;            /* and its arguments: JSON values with commas between them */
    yodel_str rooms;               /* JOIN, LEAVE: a JSON array of names */
    yodel_str sockets;             /* FETCH_RESPONSE: a JSON array of objects */
    yodel_str value;       /* ACK, SERVER_SIDE_RESPONSE: a JSON value, "null" for undefined */
    bool is_list;          /* ACK: it is an array of all arguments, not the first of them */
    uint32_t client_count; /* CLIENT_COUNT */
    bool close;            /* DISCONNECT */
    uint32_t num_attachments;
    yodel_bytes attachments[YD_CLUSTER_MAX_ATTACHMENTS];
    struct yd_buf text; /* what the views are of */
    struct yd_buf raw;  /* of an entry in base64 */
};

/*
 * Decodes a message of its own: JSON when its first byte is '{', else MessagePack.
 * Returns 0 with *ret_message, which must be done; -ENOMEM; YODEL_ERR_PROTOCOL: it is not what the
 * adapters write.  Room names are not looked at, but for being text or numbers.
 */
int yd_cluster_decode(const struct yodel_allocator *mem, yodel_bytes payload,
                      struct yd_cluster_message *ret_message);

/* The fields of an entry of a stream; all are text, data JSON or base64 of MessagePack. */
struct yd_cluster_entry {
    yodel_str uid, nsp, type, data;
};

/* Decodes an entry.  Returns as yd_cluster_decode(). */
int yd_cluster_decode_entry(const struct yodel_allocator *mem, const struct yd_cluster_entry *entry,
                            struct yd_cluster_message *ret_message);

void yd_cluster_message_done(struct yd_cluster_message *message, const struct yodel_allocator *mem);

/* Appends the names of a JSON array, each with its NUL; numbers are their text.  Returns 0,
 * -ENOMEM, YODEL_ERR_PROTOCOL: another type, or a NUL in a name; names then keeps its length. */
int yd_cluster_get_names(const struct yodel_allocator *mem, yodel_str array, struct yd_buf *names);

/* ---- writing ---- */

/* What a message says, as JSON object text in data, with what its placeholders stand for. */
struct yd_cluster_out {
    enum yd_cluster_type type;
    yodel_str uid, nsp;
    yodel_str data; /* empty: none */
    const yodel_bytes *attachments;
    uint32_t num_attachments;
};

/* Appending data; request empty: none.  All return 0 or -ENOMEM, data is then of no use. */
int yd_cluster_put_broadcast(const struct yodel_allocator *mem, struct yd_buf *data,
                             yodel_str event, yodel_str elements,
                             const struct yd_cluster_scope *scope, yodel_str request);
/* rooms: a JSON array. */
int yd_cluster_put_rooms(const struct yodel_allocator *mem, struct yd_buf *data,
                         const struct yd_cluster_scope *scope, yodel_str rooms);
int yd_cluster_put_disconnect(const struct yodel_allocator *mem, struct yd_buf *data,
                              const struct yd_cluster_scope *scope, bool close);
int yd_cluster_put_fetch(const struct yodel_allocator *mem, struct yd_buf *data,
                         const struct yd_cluster_scope *scope, yodel_str request);
/* sockets: a JSON array. */
int yd_cluster_put_sockets(const struct yodel_allocator *mem, struct yd_buf *data,
                           yodel_str request, yodel_str sockets);
int yd_cluster_put_server_side(const struct yodel_allocator *mem, struct yd_buf *data,
                               yodel_str event, yodel_str elements, yodel_str request);
/* Of ACK and SERVER_SIDE_RESPONSE: value, a JSON value. */
int yd_cluster_put_value(const struct yodel_allocator *mem, struct yd_buf *data, yodel_str request,
                         yodel_str value);
/* Of an ACK with all arguments: elements with commas between them. */
int yd_cluster_put_arguments(const struct yodel_allocator *mem, struct yd_buf *data,
                             yodel_str request, yodel_str elements);
int yd_cluster_put_count(const struct yodel_allocator *mem, struct yd_buf *data, yodel_str request,
                         uint32_t count);

/* Appends a whole message, in MessagePack if it has attachments or packed is set, else as JSON.
 * Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG, YODEL_ERR_FORMAT (a placeholder of nothing). */
int yd_cluster_put_message(const struct yodel_allocator *mem, struct yd_buf *buf,
                           const struct yd_cluster_out *out, bool packed);

/* Appends the data field of an entry of a stream.  Returns as yd_cluster_put_message(). */
int yd_cluster_put_entry_data(const struct yodel_allocator *mem, struct yd_buf *buf,
                              const struct yd_cluster_out *out);

/* ---- streams ---- */

/* Bytes of a stream's name that is made here, beyond its prefix. */
#define YD_CLUSTER_STREAM_EXTRA 13

/* Which of num streams a namespace's entries are in.  Below zero for some names: so it is in the
 * adapter of node, whose servers add to the streams "socket.io--1" that they never read. */
int yd_cluster_stream_index(yodel_str nsp, unsigned num);

/* What a socket's client comes back to, as the streams adapter keeps it in Redis. */
struct yd_cluster_session {
    yodel_str sid, pid;
    yodel_str rooms;    /* a JSON array of names */
    yodel_str data;     /* a JSON value */
    struct yd_buf text; /* of what was read: what the views are of */
};

/* Appends base64 of its MessagePack.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG. */
int yd_cluster_put_session(const struct yodel_allocator *mem, struct yd_buf *buf,
                           const struct yd_cluster_session *session);
/* Reads it; *ret_session must be done.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL: it is none, or has
 * bytes in its data, which have no JSON. */
int yd_cluster_get_session(const struct yodel_allocator *mem, yodel_str text,
                           struct yd_cluster_session *ret_session);
void yd_cluster_session_done(struct yd_cluster_session *session, const struct yodel_allocator *mem);

/* An id of a stream's entry. */
struct yd_stream_id {
    uint64_t ms, seq;
};

#define YD_STREAM_ID_SIZE 42 /* as text, with its NUL */

/* False: text is no "<digits>-<digits>", or a number does not fit. */
bool yd_stream_id_read(yodel_str text, struct yd_stream_id *ret_id);
/* Below, at or above zero as a is before, at or after b. */
int yd_stream_id_compare(struct yd_stream_id a, struct yd_stream_id b);
void yd_stream_id_write(struct yd_stream_id id, char text[YD_STREAM_ID_SIZE]);

#endif
