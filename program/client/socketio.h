/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_SOCKETIO_H
#define YG_CLIENT_SOCKETIO_H

#include "client/engine.h"
#include "client/packets.h"

/* A socket of Socket.IO in one namespace. */

struct yg_sio;

/* An event or an acknowledgement. */
struct yg_sio_message {
    bool has_id; /* of an event: an acknowledgement is wanted */
    uint64_t id;
    yodel_str json; /* the list of arguments, or of the event and its arguments; not checked */
    const yodel_bytes *attachments;
    unsigned num_attachments;
};

/* In each of them it may be closed and freed. */
struct yg_sio_events {
    void (*on_connected)(struct yg_sio *sio, yodel_str json); /* {"sid"} */
    void (*on_upgraded)(struct yg_sio *sio); /* with YG_TRANSPORT_UPGRADE, once it is connected */
    void (*on_event)(struct yg_sio *sio, const struct yg_sio_message *event);
    void (*on_ack)(struct yg_sio *sio, const struct yg_sio_message *ack);
    void (*on_ended)(struct yg_sio *sio, const struct yg_end *end); /* the last */
};

struct yg_sio_options {
    struct yg_eio_options eio;
    const char *ns;
    const char *auth; /* JSON; NULL: none */
};

/* All zero is an idle one. */
struct yg_sio {
    struct yg_eio eio;
    const struct yg_sio_options *options;
    const struct yg_sio_events *events;
    yodel_timer timer; /* until it is connected, and upgraded if it is to be */
    bool is_connected;
    struct yg_text held;      /* a packet whose attachments have not come whole, */
    struct yg_packet packet;  /* the same */
    struct yg_text blob;      /* those that have come, one behind the other */
    yodel_bytes *attachments; /* their lengths, and at last where they are */
    unsigned num_attachments;
    bool *gone;
};

/* As yg_eio_open(). */
int yg_sio_open(struct yg_sio *sio, const struct yg_sio_options *options,
                const struct yg_sio_events *events);

/*
 * Sends an event or an acknowledgement; on one that is not connected it is dropped.
 *
 * kind      YG_PACKET_EVENT or YG_PACKET_ACK
 * message   with has_id and the id for an acknowledgement, or where one is wanted
 *
 * Returns as yg_eio_send().
 */
int yg_sio_send(struct yg_sio *sio, enum yg_packet_kind kind, const struct yg_sio_message *message);

/* How many bytes wait. */
size_t yg_sio_waiting(const struct yg_sio *sio);

/* Leaves the namespace, and closes; on_ended follows. */
void yg_sio_close(struct yg_sio *sio);

/* Ends it at once; nothing is told. */
void yg_sio_drop(struct yg_sio *sio);

#endif
