/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_ADDRESS_H
#define YG_CLIENT_ADDRESS_H

#include "base/text.h"

/* Where a server is, and what is spoken there. */

enum yg_protocol { YG_PROTOCOL_SOCKETIO, YG_PROTOCOL_WEBSOCKET, YG_PROTOCOL_SSE };

struct yg_address {
    bool is_tls;
    enum yg_protocol protocol; /* by the scheme and the path: ws and wss are WebSockets, unless the
                                * path has /socket.io/; http and https with a path that ends with
                                * /events are server-sent events, others are Socket.IO */
    char *host;                /* without brackets */
    char *port;
    char *authority; /* for Host: with brackets, and the port where it is not that of the scheme */
    char *target;    /* path and query */
    char *url;       /* with http or https */
};

/*
 * Reads a URL of http, https, ws or wss.
 *
 * problem       what is wrong, for people; static; written on failure
 * ret_address   for yg_address_done()
 *
 * Returns 0, -EINVAL, -ENOMEM.
 */
int yg_address_read(const char *url, const char **problem, struct yg_address *ret_address);

/*
 * Makes the target that of Engine.IO over WebSocket: "/socket.io/" where no path was given, and
 * EIO=4&transport=websocket behind the query.
 *
 * Returns 0, -ENOMEM.
 */
int yg_address_for_socketio(struct yg_address *address);

/* Frees it; all zero is an empty one. */
void yg_address_done(struct yg_address *address);

#endif
