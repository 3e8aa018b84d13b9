/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_WS_PORT_H
#define YP_ASGI_WS_PORT_H

#include <Python.h>

/*
 * The port of a WebSocket: by it a channel layer (yodel.channels) puts events into the one queue
 * that receive() reads, between what the client sends, in the order of their coming.  These are its
 * methods in Python, of the object that receive and send are bound to:
 *
 *     open_port()            from now on events may come.  What is sent after the end goes nowhere
 *                            then, and is no error: Channels' programs do that
 *     put(event, limit)      -> QUEUED, WAKE (queued, and wake() is due, which this call asks for
 *                            once), FULL (limit events wait already) or GONE (no port, or the
 *                            connection is over: then no event is ever received)
 *     wake()                 the task that waits in receive() goes on, within this call
 *     drop()                 drops the events that wait
 *     num_events()           how many wait
 *     close_port()           drops them, and takes no more
 *
 * put() is for any thread; the others are for that of the loop, wake() for a callback of the loop:
 * no task may run there.
 */
enum { YP_PORT_QUEUED, YP_PORT_WAKE, YP_PORT_FULL, YP_PORT_GONE };

/* static; for Py_tp_methods. */
extern PyMethodDef yp_ws_port_methods[];

#endif
