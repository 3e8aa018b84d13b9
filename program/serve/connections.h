/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_CONNECTIONS_H
#define YG_SERVE_CONNECTIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/text.h"

/* Connections of clients, of whatever kind: how many came and why they went. */

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

/* Any thread. */
void yg_connection_opened(struct yg_state *state, enum yg_transport transport);
void yg_connection_closed(struct yg_state *state, enum yg_transport transport,
                          enum yg_end_reason reason);
void yg_connections_put(struct yg_state *state, struct yg_text *text);

#endif
