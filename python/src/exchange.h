/* SPDX-License-Identifier: MIT */
#ifndef YP_EXCHANGE_H
#define YP_EXCHANGE_H

#include "asgi.h"
#include "awaitable.h"

/*
 * What a request and a WebSocket of an ASGI application have in common: the task that runs the
 * application for it, with receive and send bound to this object.  It is the beginning of the
 * object of either.
 *
 * Who holds it: the library's side (the data of a yodel_ws, the request's own callbacks) until the
 * end of the connection's part; itself, from yp_exchange_spawn() until the task has ended; and the
 * application, through receive and send.  It holds none of those, so there is no cycle that
 * outlives the task.
 */
struct yp_exchange;

/*
 * The application's task has ended; runs in the loop, once.
 *
 * error   borrowed: what it has raised (CancelledError too); NULL: it has returned
 */
typedef void(yp_ended_fn)(struct yp_exchange *exchange, PyObject *error);

struct yp_exchange {
    PyObject_HEAD
    struct yp_asgi *asgi;    /* strong */
    PyObject *task;          /* while it runs, else NULL */
    struct yp_waiter *spare; /* for yp_waiter_new() */
    yp_ended_fn *ended;
    struct yp_exchange *previous; /* those whose task runs, from yp_asgi.exchanges on */
    struct yp_exchange *next;
};

/*
 * Makes an exchange of a type whose struct begins with one.  The rest of it is zero.
 *
 * type   of the state; its basicsize says how much is allocated
 *
 * Returns a new reference, tracked by the garbage collector; NULL with an exception.
 */
struct yp_exchange *yp_exchange_new(PyTypeObject *type, struct yp_asgi *asgi, yp_ended_fn *ended);

/*
 * Calls the application, as a task with a context of its own, which starts in the loop's next turn.
 * ended() follows in every case, also when the application raises at once; when there is no memory
 * to call it, inside this call.
 *
 * scope     borrowed
 * receive   how the bound methods are made: METH_NOARGS and METH_O; static
 * send
 */
void yp_exchange_spawn(struct yp_exchange *exchange, PyObject *scope, PyMethodDef *receive,
                       PyMethodDef *send);

/* Cancels the task, if it runs. */
void yp_exchange_cancel(struct yp_exchange *exchange);

/* For tp_traverse and tp_clear of the types. */
int yp_exchange_traverse(struct yp_exchange *exchange, visitproc visit, void *arg);
void yp_exchange_clear(struct yp_exchange *exchange);

yp_part_fn yp_exchange_part;

#endif
