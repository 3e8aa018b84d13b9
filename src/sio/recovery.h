/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_RECOVERY_H
#define YD_SIO_RECOVERY_H

#include "sio/client.h"

/* Gives a new socket the state of a lost one. */

enum yd_sio_recovery {
    YD_SIO_FRESH = 0, /* there is no state to be had: the socket is as it was */
    YD_SIO_RESTORED,  /* it is NOTING, and has it */
    YD_SIO_FAILED     /* the socket cannot be used: its client must begin again */
};

/* Called once, on the socket's loop, unless the socket has gone meanwhile. */
typedef void(yd_sio_recovered_fn)(yodel_sio_socket *socket, enum yd_sio_recovery outcome);

/* Looks for the state of pid, of which the client has got what came up to offset (empty: nothing),
 * and calls done in the call or later.  The socket is CONNECTING, without memory. */
void yd_sio_recover(yodel_sio_socket *socket, yodel_str pid, yodel_str offset,
                    yd_sio_recovered_fn *done);

/* Sends a client that comes back what it has missed, ahead of the answer to CONNECT.  Returns 0,
 * YODEL_ERR_NOT_FOUND, or as yd_eio_send(). */
int yd_sio_replay(yodel_sio_socket *socket);

#endif
