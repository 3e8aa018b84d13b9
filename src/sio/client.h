/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_CLIENT_H
#define YD_SIO_CLIENT_H

#include "eio/eio.h"
#include "proto/sio_packet.h"
#include "sio/socket.h"

/* What a client has while it waits for a namespace. */
struct yd_sio_arrival {
    struct yd_timer timer; /* connect_timeout */
    struct yd_sio_client *client;
    struct yd_list entries; /* namespaces that it waits for */
};

/* A client: one Engine.IO session, with a socket for each namespace it is in.  On the session's
 * loop.  Kept small: there is one for every idle client. */
struct yd_sio_client {
    yodel_sio *sio;
    struct yd_eio_session *session;     /* NULL: it has closed, a task of ours frees the client */
    struct yd_list sockets;             /* of all namespaces */
    struct yd_sio_arrival *arrival;     /* NULL: it waits for nothing */
    struct yd_sio_pending *pending;     /* a packet whose attachments are still to come */
    struct yd_sio_decoded *decoded;     /* query fields that were asked for, of sio_handshake.c */
    struct yd_sio_client *next_leaving; /* while leave_queued: it has sockets that are LEAVING */
    bool leave_queued : 1;
    bool has_left : 1; /* a namespace: packets for one that it is not in may be late */
    bool closing : 1;  /* nothing more is read or sent */
    bool too_slow : 1; /* that is why */
    bool idle : 1;     /* or that it was in no namespace */
};

/* Tells the program: it has come (reason NULL), or gone.  Its session is there. */
void yd_sio_client_tell(const yodel_sio *sio, const struct yd_eio_session *session,
                        const char *reason);
/* Its number for logs. */
uint64_t yd_sio_client_number(const yodel_sio *sio, const struct yd_eio_session *session);
/* Why it has gone, for that. */
const char *yd_sio_client_reason(const struct yd_sio_client *client, enum yd_eio_reason reason);

/* What it has while it waits, made if it is not there; NULL when out of memory. */
struct yd_sio_arrival *yd_sio_arrival_of(struct yd_sio_client *client);
/* Gives it back if it waits for nothing. */
void yd_sio_arrival_tidy(struct yd_sio_client *client);
/* It is in a namespace: connect_timeout does not run any more. */
void yd_sio_client_has_arrived(struct yd_sio_client *client);

/* NULL when out of memory. */
struct yd_sio_client *yd_sio_client_new(yodel_sio *sio, struct yd_eio_session *session);
/* It has no socket any more, and no task is queued. */
void yd_sio_client_free(struct yd_sio_client *client);

/* A decoded field of its query, found again by where the encoded one stands. */
struct yd_sio_decoded {
    struct yd_sio_decoded *next;
    const char *encoded;
    size_t len;
    char text[];
};

/* Sends a packet that is no event at once, also above max_buffered.  Returns 0, -ENOMEM,
 * YODEL_ERR_CLOSED. */
int yd_sio_client_send(struct yd_sio_client *client, const struct yd_sio_output *output);
/* Sends a short packet without attachments by copying it, if its transport and the parser allow
 * that: YODEL_ERR_STATE when not. */
int yd_sio_client_send_small(struct yd_sio_client *client, const struct yd_sio_output *output,
                             unsigned session_flags);

/* Ends the connection; once. */
void yd_sio_client_close(struct yd_sio_client *client, enum yd_eio_reason reason);
/* The client broke the protocol, or cannot be served: the whole connection ends.  why is logged. */
void yd_sio_client_fail(struct yd_sio_client *client, const char *why);

/* One of its sockets goes: with it the pause that it may have. */
void yd_sio_client_end_pause(yodel_sio_socket *socket);

/* Its socket in a namespace; NULL when there is none. */
yodel_sio_socket *yd_sio_client_socket(const struct yd_sio_client *client, yodel_str nsp);
/* How many sockets it has, those that are LEAVING too, and namespaces that it waits for. */
unsigned yd_sio_client_count(const struct yd_sio_client *client);

#endif
