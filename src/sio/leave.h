/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_LEAVE_H
#define YD_SIO_LEAVE_H

#include "sio/client.h"

/* The end of sockets: nothing else calls on_disconnecting and on_disconnect. */

/* A socket with a client leaves in a task, with reason for the handlers (static text). */
void yd_sio_leave_soon(yodel_sio_socket *socket, const char *reason);

/*
 * A socket with a client leaves now; not inside a call of the program's.  A LEAVING one does so for
 * the reason it has.  may_return: its client was lost, and may come back; then a socket that
 * remembers what it would need is AWAY afterwards, unless its loop stops.
 *
 * Returns true when it is AWAY, false when it is freed or will be.
 */
bool yd_sio_leave_now(yodel_sio_socket *socket, const char *reason, bool may_return);

/* The session has closed: all sockets leave, and the client goes. */
void yd_sio_leave_all(struct yd_sio_client *client, enum yd_eio_reason reason);

#endif
