/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_CONNECTIONS_H
#define YG_SERVE_CONNECTIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include <yodel/sio.h>

#include "base/text.h"

/* Connections of clients, of whatever kind: how many came and why they went, for metrics, and with
 * log.access who they were. */

struct yg_state;

/* Sessions of Socket.IO by polling and by WebSocket, plain WebSockets, streams for EventSource. */
enum yg_transport {
    YG_BY_POLLING,
    YG_BY_WEBSOCKET,
    YG_BY_RAW_WEBSOCKET,
    YG_BY_EVENT_STREAM,
    YG_NUM_TRANSPORTS
};

enum yg_end_reason {
    YG_END_CLIENT,       /* it has closed, or is not there any more */
    YG_END_ERROR,        /* its connection broke, or was over a limit */
    YG_END_PING_TIMEOUT, /* it does not answer */
    YG_END_PROTOCOL,     /* it sends what it must not */
    YG_END_SLOW,         /* it does not take what is sent */
    YG_END_NO_NAMESPACE, /* it has joined none */
    YG_END_SERVER,       /* it was sent away */
    YG_END_SHUTDOWN,
    YG_NUM_END_REASONS
};

struct yg_connection_counts {
    atomic_uint_least64_t opened[YG_NUM_TRANSPORTS]; /* by the first transport of each, */
    atomic_uint_least64_t closed[YG_NUM_TRANSPORTS][YG_NUM_END_REASONS]; /* and by the last */
};

/* Words of labels and of the log. */
const char *yg_transport_word(enum yg_transport transport);
const char *yg_end_reason_word(enum yg_end_reason reason);

/* Borrowed for a call. */
struct yg_connection {
    uint64_t number; /* for the log */
    enum yg_transport transport;
    yodel_str sid; /* as the back end knows it; empty: it does not */
    yodel_str peer;
    yodel_str path;   /* that was asked for; empty: as all of its kind */
    const char *user; /* NULL: anonymous, or not known */
};

/* Any thread, as the others. */
void yg_connection_opened(struct yg_state *state, const struct yg_connection *connection);
/* The same with what was asked for as the path. */
void yg_connection_asked(struct yg_state *state, const struct yg_connection *connection,
                         const yodel_request *req);
void yg_connection_closed(struct yg_state *state, const struct yg_connection *connection,
                          enum yg_end_reason reason);

/* For the log alone: on its loop. */
void yg_socket_connected(struct yg_state *state, yodel_sio_socket *socket);
void yg_socket_disconnecting(struct yg_state *state, yodel_sio_socket *socket, const char *reason);

void yg_connections_put(struct yg_state *state, struct yg_text *text);

#endif
