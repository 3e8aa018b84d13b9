/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_EVENT_H
#define YD_SIO_SIO_EVENT_H

#include "sio/socket.h"

/* Events that come in. */
struct yodel_sio_event {
    yodel_sio_socket *socket;
    const struct yd_sio_packet *packet;
    const yodel_bytes *attachments;
    yodel_str name;                 /* unescaped */
    struct yd_sio_config *config;   /* the handlers that it is given to */
    struct yd_sio_middleware *next; /* to run */
    char *refusal;                  /* by a middleware; NULL: none */
    bool in_middleware;
    bool ack_taken;
    json_t *json;
    struct yd_buf scratch; /* name, args */
};

/* Gives an event to the handlers of a socket that is CONNECTED. */
void yd_sio_on_event(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                     const yodel_bytes *attachments);

/* The events that have waited, until one waits again. */
void yd_sio_run_early(yodel_sio_socket *socket);

#endif
