/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_WEBSOCKET_H
#define YG_CLIENT_WEBSOCKET_H

#include "client/frames.h"
#include "client/link.h"
#include "client/ws_deflate.h"

/* A WebSocket to a server. */

enum yg_end_kind {
    YG_END_UNREACHABLE, /* no connection, or no TLS */
    YG_END_REFUSED,     /* another answer than was asked for; code: the HTTP status, or 0 */
    YG_END_CLOSED,      /* by the server, or by both; code: of the close frame */
    YG_END_LOST,        /* the connection ended without a word */
    YG_END_WRONG,       /* the server broke the protocol */
    YG_END_LATE,        /* the server did not answer in time */
    YG_END_FAILED       /* out of memory */
};

/* How something ended. */
struct yg_end {
    enum yg_end_kind kind;
    int code;
    char words[256]; /* for people, in part the server's; "" */
};

struct yg_ws;

/* In each of them it may be closed and freed. */
struct yg_ws_events {
    void (*on_open)(struct yg_ws *ws);
    void (*on_message)(struct yg_ws *ws, const struct yg_frame *message);
    void (*on_ended)(struct yg_ws *ws, const struct yg_end *end); /* the last */
};

struct yg_ws_options {
    struct yg_link_target link;
    const char *authority, *target; /* Host: and the path with its query */
    const char *const *headers;     /* more lines, "Name: value" */
    size_t num_headers;
    size_t max_message;  /* bytes */
    bool offers_deflate; /* permessage-deflate */
    uint32_t timeout_ms; /* until it is open, and for the closing handshake */
};

enum yg_ws_state {
    YG_WS_IDLE,  /* not begun, or ended */
    YG_WS_OPENS, /* until the server has answered */
    YG_WS_OPEN,
    YG_WS_CLOSING,  /* our close frame is out */
    YG_WS_FINISHING /* the server's has come: the end of the connection is awaited */
};

/* All zero is an idle one. */
struct yg_ws {
    struct yg_link link;
    const struct yg_ws_options *options;
    const struct yg_ws_events *events;
    enum yg_ws_state state;
    yodel_timer timer;
    char key[25];
    uint64_t random;     /* of masks */
    struct yg_text head; /* of the answer, and what is sent */
    struct yg_frames frames;
    struct yg_deflate *deflate; /* NULL: it was not agreed on */
    size_t waiting;    /* bytes that were to be sent when the timer was started, to close */
    struct yg_end end; /* that is told once the connection has ended */
    bool *gone;
};

/*
 * Begins to open one.
 *
 * options, events   borrowed while it lives
 *
 * Returns 0 or a negative result, and then nothing is told.
 */
int yg_ws_open(struct yg_ws *ws, const struct yg_ws_options *options,
               const struct yg_ws_events *events);

/* Sends a message, or a control frame; on one that is not open it is dropped.  Returns as
 * yg_link_send(). */
int yg_ws_send(struct yg_ws *ws, enum yg_opcode opcode, const void *ptr, size_t len);

/* Whether messages are deflated: the server has agreed. */
bool yg_ws_is_deflated(const struct yg_ws *ws);

/* Begins the closing handshake; on_ended follows.  One that is not open yet is to be dropped. */
void yg_ws_close(struct yg_ws *ws, unsigned code);

/* Ends it at once; nothing is told.  An idle one may be dropped again. */
void yg_ws_drop(struct yg_ws *ws);

/* A line about an end. */
void yg_end_put(struct yg_text *text, const struct yg_end *end);

#endif
