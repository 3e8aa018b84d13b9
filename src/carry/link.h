/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_LINK_H
#define YD_CARRY_LINK_H

#include "base/list.h"
#include "carry/link_wire.h"

/*
 * A link: one connection between a loop of this node and a loop of another one, with many streams
 * on it.  Who has made the connection, and has clients whose sessions are there, opens the streams;
 * the other one ends them.  Everything happens on the link's loop.
 */

struct yd_link;
struct yd_link_stream;
struct yd_link_home;

struct yd_link_stream_events {
    /* Bytes have come; data may be changed.  yd_link_used() is owed for each of them. */
    void (*on_data)(struct yd_link_stream *stream, uint8_t *data, size_t len);
    /* The other side sends nothing more.  Of one that was opened here: it is over, keeps: the
     * client's connection may go on. */
    void (*on_end)(struct yd_link_stream *stream, bool keeps);
    /* It is over, by the other side or with the link. */
    void (*on_reset)(struct yd_link_stream *stream, enum yd_link_why why);
    /* Bytes that were not taken can be sent again. */
    void (*on_credit)(struct yd_link_stream *stream);
    /* Of one that was opened there: the node that has the client stops. */
    void (*on_stop)(struct yd_link_stream *stream);
};

/* Embedded in its owner; all zero at first. */
struct yd_link_stream {
    const struct yd_link_stream_events *events;
    struct yd_link *link; /* NULL: not open, or over */
    struct yd_list node;  /* while it waits for the link to send more */
    uint32_t id;
    uint32_t credit; /* so many bytes may be sent, */
    uint32_t room;   /* and so many may come */
    uint32_t used;   /* of which the other side is not told yet */
    bool wants_credit;
};

/* What the links of one loop have in common. */
struct yd_link_options {
    uint8_t secret[64];
    size_t secret_len;
    size_t max_output;    /* bytes that wait on a link above which streams wait */
    uint32_t max_streams; /* of a link, at most 65 535 */
    uint32_t max_links;   /* that others have made to this loop */
    uint32_t begin_ms;    /* from the connection to the proofs */
    uint32_t ping_ms;     /* between two looks at whether the other side is there */
    uint32_t silent_ms;   /* after which it is not */
    uint32_t idle_ms;     /* after which a link without streams ends, if it was made here */
};

/* Written by one loop, read by anyone. */
struct yd_link_counters {
    atomic_uint_least64_t links;     /* now */
    atomic_uint_least64_t made;      /* links that came to be, */
    atomic_uint_least64_t accepted;  /* from here and from others */
    atomic_uint_least64_t refused;   /* others, that may not, or say what is no link */
    atomic_uint_least64_t lost;      /* that broke, or were silent */
    atomic_uint_least64_t malformed; /* frames */
};

struct yd_link_home {
    struct yd_net *net;
    struct yd_link_options options;
    struct yd_link_counters counters;
    struct yd_list links;
    uint32_t num_accepted;  /* that others have made, proved or not */
    _Atomic uint32_t *node; /* this node's tag */
    bool stopping;
    uint64_t logged_at; /* ms; 0: never */
    /* A node opens a stream for a client: makes its owner.  NULL when out of memory. */
    struct yd_link_stream *(*on_open)(struct yd_link_home *home);
    /* It is open; client is borrowed for the call. */
    void (*on_opened)(struct yd_link_stream *stream, const struct yd_carried *client);
};

/* Of what is all zero but for on_open and on_opened. */
void yd_link_home_init(struct yd_link_home *home, struct yd_net *net,
                       const struct yd_link_options *options, _Atomic uint32_t *node);
/* The server stops: nobody's link is accepted any more. */
void yd_link_home_stop(struct yd_link_home *home);

/* A line a second. */
void yd_link_home_log(struct yd_link_home *home, const char *peer, const char *text);

/* Who has a link that is made here. */
struct yd_link_owner {
    /* Streams can be opened. */
    void (*on_up)(struct yd_link_owner *owner);
    /* The other side takes no more: the link is left to its streams. */
    void (*on_leave)(struct yd_link_owner *owner);
    /* It is gone, or never came to be: why.  Comes after the on_reset of its streams. */
    void (*on_down)(struct yd_link_owner *owner, enum yd_link_why why);
};

/* Makes a link of a connection that was made to the node's loop.  owner outlives it, or lets go of
 * it by yd_link_disown().  Returns 0, -ENOMEM or -EIO: conn is then as it was. */
int yd_link_call(struct yd_link_home *home, struct yd_conn *conn, uint32_t node, unsigned loop,
                 struct yd_link_owner *owner, struct yd_link **ret_link);
/* Ends without streams now, or with the last of them. */
void yd_link_disown(struct yd_link *link);
/* Whether streams can be opened. */
bool yd_link_is_usable(const struct yd_link *link);

/* A connection that came in for a link, for fronts of the home; proves itself, moves to its loop.
 * homes[i] is of the loop with index i.  Returns 0, -ENOMEM or -EBUSY. */
int yd_link_accept(struct yd_link_home *const *homes, unsigned num_homes, struct yd_conn *conn);

/* ---- streams ---- */

/* Opens stream, for client.  Returns 0, -ENOMEM, -EBUSY (max_streams), YODEL_ERR_CLOSED or
 * YODEL_ERR_TOO_BIG. */
int yd_link_open(struct yd_link *link, struct yd_link_stream *stream,
                 const struct yd_carried *client);

/*
 * Sends.  Returns how many bytes were taken, or -ECONNRESET when the stream is over.  When they are
 * not all, on_credit comes once.
 */
ssize_t yd_link_send(struct yd_link_stream *stream, const struct iovec *iov, int num);

/* So many bytes of those that came are not kept any more: as many others may come. */
void yd_link_used(struct yd_link_stream *stream, size_t len);

/* Nothing more is sent.  One that was opened by the other side is over then. */
void yd_link_end(struct yd_link_stream *stream, bool keeps);
/* It is over; the other side is told. */
void yd_link_reset(struct yd_link_stream *stream, enum yd_link_why why);
/* Of one that was opened here: this node stops. */
void yd_link_stop_stream(struct yd_link_stream *stream);

#endif
