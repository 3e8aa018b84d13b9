/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_ASK_H
#define YP_SIO_ASK_H

#include "sio_server.h"

/* Methods of SioServer about rooms and clients: each with the arguments that its docstring says.
 * What only a loop knows is asked there, and waited for without the GIL. */

/*
 * Counts bytes that are to be emitted to one client, and each 256 KiB waits, without the GIL, until
 * its output is below 1 MiB: who sends faster than a client takes is slowed down, as the client
 * would be disconnected at max_buffered.  Ends when the client has gone.
 */
void yp_sio_wait_for_room(struct yp_record *record, size_t bytes);

PyObject *yp_sio_enter_room(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_leave_room(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_close_room(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_disconnect(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_rooms(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_participants(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_count(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_is_connected(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_transport(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_eio_sid(PyObject *self, PyObject *args, PyObject *named);

#endif
