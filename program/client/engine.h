/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_ENGINE_H
#define YG_CLIENT_ENGINE_H

#include "client/websocket.h"

/* A session of Engine.IO (protocol 4): by WebSocket, by long polling, or by one after the other. */

enum yg_transport {
    YG_TRANSPORT_WEBSOCKET,
    YG_TRANSPORT_POLLING,
    YG_TRANSPORT_UPGRADE /* polling, and a WebSocket as soon as that is open: as browsers do */
};

struct yg_eio;
struct yg_eio_polling;
struct curl_slist;

/* In each of them it may be closed, dropped and freed. */
struct yg_eio_events {
    void (*on_open)(struct yg_eio *eio);
    void (*on_upgraded)(struct yg_eio *eio); /* with YG_TRANSPORT_UPGRADE, behind on_open */
    void (*on_text)(struct yg_eio *eio, yodel_str message);
    void (*on_binary)(struct yg_eio *eio, yodel_bytes message);
    void (*on_ended)(struct yg_eio *eio, const struct yg_end *end); /* the last */
};

struct yg_eio_options {
    struct yg_ws_options ws; /* its target is that of yg_address_for_socketio() */
    enum yg_transport transport;
    const struct curl_slist *addresses; /* of the server's name, for polling, as CURLOPT_RESOLVE has
                                         * it; NULL: it is looked up */
};

enum yg_eio_state {
    YG_EIO_IDLE,  /* not begun, or ended */
    YG_EIO_OPENS, /* until the server has said how */
    YG_EIO_OPEN,
    YG_EIO_CLOSING
};

/* All zero is an idle one. */
struct yg_eio {
    struct yg_ws ws;                /* also that which it is upgraded to */
    struct yg_eio_polling *polling; /* NULL: by WebSocket */
    const struct yg_eio_options *options;
    const struct yg_eio_events *events;
    enum yg_eio_state state;
    bool is_upgraded;
    yodel_timer timer; /* until it is open; then for the next ping */
    uint32_t silence_ms;
    int failure; /* of a send, which is told in the next turn */
};

/*
 * Begins to open one.
 *
 * options, events   borrowed while it lives
 *
 * Returns 0 or a negative result, and then nothing is told.
 */
int yg_eio_open(struct yg_eio *eio, const struct yg_eio_options *options,
                const struct yg_eio_events *events);

/*
 * Sends a message; on one that is not open it is dropped.
 *
 * packet   with its "4"
 *
 * Returns 0 or a negative result, and then it ends in the next turn.
 */
int yg_eio_send(struct yg_eio *eio, yodel_str packet);
int yg_eio_send_binary(struct yg_eio *eio, yodel_bytes message);

/* How many bytes wait. */
size_t yg_eio_waiting(const struct yg_eio *eio);

/* Closes it, behind what waits; on_ended follows.  One that is not open yet is to be dropped. */
void yg_eio_close(struct yg_eio *eio);

/* Ends it at once; nothing is told.  An idle one may be dropped again. */
void yg_eio_drop(struct yg_eio *eio);

#endif
