/* SPDX-License-Identifier: MIT */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "channel.h"
#include "frames.h"
#include "run.h"

enum conn_state {
    CONN_CLOSED,
    CONN_CONNECTING,
    CONN_UPGRADING,
    CONN_JOINING, /* Socket.IO: not in the namespace yet */
    CONN_OPEN,
    CONN_CLOSING
};

struct conn {
    struct channel channel;
    enum conn_state state;
    bool wants_write;  /* EPOLLOUT is armed */
    bool pong_due;     /* a Socket.IO ping came in the middle of a frame of ours */
    unsigned index;    /* in client.conns */
    size_t owed;       /* bytes of message frames the kernel has not taken yet */
    size_t out;        /* where in the cycle of messages they begin */
    unsigned next;     /* the message of the cycle that is sent next */
    uint64_t received; /* replies since it opened */
    uint64_t started_ns;
    struct frame_reader reader;
};

struct client;

/* What a mode does; never called from inside a call of the mode itself. */
struct client_ops {
    void (*opened)(struct client *c, struct conn *conn, uint64_t now_ns); /* optional */
    void (*replies)(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns);
    /* The connection ended in order, after client_close(); its slot is free again.  Needed by a
     * mode that closes. */
    void (*closed)(struct client *c, struct conn *conn, uint64_t now_ns);
};

/* Connections over WebSocket, plain or with Socket.IO on it. */
struct client {
    struct run run; /* first, so that a run of ours is a client */
    const struct client_ops *ops;
    void *mode;   /* state of the mode */
    SSL_CTX *tls; /* NULL: plain */

    struct conn *conns;        /* options->connections of them */
    unsigned open;             /* in state CONN_OPEN */
    unsigned thorough_replies; /* the first so many of a connection are compared byte for byte */
    uint8_t *read_buffer;
    struct message message;
};

/* Returns 0, or -1 after a word on stderr.  options and ops must outlive the client. */
int client_init(struct client *c, const struct load_options *options, const struct client_ops *ops,
                void *mode);
void client_done(struct client *c);

/* Begins to connect a closed slot.  A failure counts as an error. */
void client_connect(struct client *c, struct conn *conn);

/* Opens the slots [first, last), options->opening at a time, and waits.  Returns 0 or -1. */
int client_open_range(struct client *c, unsigned first, unsigned last);

/* Sends so many messages, at most message.batch_frames of them owed at once. */
void client_send(struct client *c, struct conn *conn, unsigned count);

/* Starts the closing handshake with code 1000. */
void client_close(struct client *c, struct conn *conn);

#endif
