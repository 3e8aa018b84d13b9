/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_POLLING_H
#define YG_CLIENT_POLLING_H

#include "client/websocket.h"
#include "http/client.h"

/* The requests of one session of Engine.IO's long polling: a GET that the server answers when it
 * has something to say, and at most one POST beside it. */

struct yg_polling;

/* In each of them it may be dropped and freed. */
struct yg_polling_events {
    void (*on_packet)(struct yg_polling *polling, yodel_str packet);
    void (*on_paused)(struct yg_polling *polling);
    void (*on_ended)(struct yg_polling *polling, const struct yg_end *end); /* the last */
};

struct yg_polling_options {
    const struct yg_ws_options *ws;     /* where to, with what headers */
    const struct curl_slist *addresses; /* of the server's name, as CURLOPT_RESOLVE has it */
};

enum yg_polling_state {
    YG_POLLING_IDLE,  /* not begun, or dropped */
    YG_POLLING_OPENS, /* until yg_polling_go_on() */
    YG_POLLING_OPEN,
    YG_POLLING_PAUSING, /* what is under way is finished, and nothing more begun */
    YG_POLLING_PAUSED,
    YG_POLLING_CLOSING, /* what waits is still to be sent */
    YG_POLLING_LAST     /* the last POST is under way */
};

/* All zero is an idle one. */
struct yg_polling {
    const struct yg_polling_options *options;
    const struct yg_polling_events *events;
    enum yg_polling_state state;
    struct yg_http_client *client;
    struct yg_http_call *get, *post; /* NULL: none is under way */
    struct yg_text url, cookies, cookie_header;
    const char **headers; /* of the options, but for cookies; then our own, and NULL */
    size_t num_headers;   /* of the options */
    size_t max_payload;
    struct yg_text queue; /* packets that wait, a payload, but for */
    size_t queue_at;      /* what is gone of it */
    struct yg_text body;  /* of the POST */
    bool *gone;
};

/*
 * Begins a session: its first packet comes of itself.
 *
 * options, events   borrowed while it lives
 *
 * Returns 0 or a negative result, and then nothing is told.
 */
int yg_polling_open(struct yg_polling *polling, const struct yg_polling_options *options,
                    const struct yg_polling_events *events);

/*
 * Goes on with the session, whose first packet has come.
 *
 * sid           of it
 * max_payload   bytes that the server takes in one POST
 *
 * Returns 0 or -ENOMEM.
 */
int yg_polling_go_on(struct yg_polling *polling, const char *sid, size_t max_payload);

/* Sends a packet, or a binary message, with the next POST; on one that is not open it is dropped,
 * on one that is paused kept.  Returns 0; -ENOMEM; -ENOBUFS: more than YG_LINK_MAX_WAITING would
 * wait. */
int yg_polling_send(struct yg_polling *polling, yodel_str packet);
int yg_polling_send_binary(struct yg_polling *polling, yodel_bytes bytes);

/* How many bytes wait, or are under way. */
size_t yg_polling_waiting(const struct yg_polling *polling);

/* Has it finish what is under way; on_paused follows, in a later turn or at once. */
void yg_polling_pause(struct yg_polling *polling);

/* What was not sent before it was paused: a payload, valid until it is dropped. */
yodel_str yg_polling_unsent(const struct yg_polling *polling);

/* Sends what waits, and that the session is to be closed; on_ended follows.  Returns as
 * yg_polling_send(), and then nothing follows. */
int yg_polling_close(struct yg_polling *polling);

/* Ends it at once; nothing is told.  An idle one may be dropped again. */
void yg_polling_drop(struct yg_polling *polling);

#endif
