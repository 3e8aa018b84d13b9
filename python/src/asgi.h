/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_H
#define YP_ASGI_H

#include <yodel/yodel.h>

#include "awaitable.h"
#include "state.h"

/*
 * AsgiServer: a yodel_server with one loop, a guest in a Python loop, that calls an ASGI
 * application for each request and WebSocket.  Its callbacks come on the Python loop's own thread,
 * without the GIL; each takes it first (YP_ENTER).
 */

struct yp_exchange;

/* Where it listens, for scope["server"]. */
#define YP_MAX_LISTENERS 64

struct yp_asgi {
    PyObject_HEAD
    struct yp_state *state; /* of the module, which the type keeps */
    yodel_server *server;   /* one reference */
    struct yp_home home;

    PyObject *app;
    PyObject *loop;      /* asyncio's */
    PyObject *guest;     /* what yp_uv_loop_of() takes */
    PyObject *call_soon; /* bound methods of loop */
    PyObject *create_task;
    PyObject *context;        /* in which start() was called: each task has a copy */
    PyObject *lifespan_state; /* dict, copied into each scope; may be NULL */
    PyObject *root_path;      /* str */
    PyObject *scope_asgi;     /* scope["asgi"] */
    PyObject *extensions_http;
    PyObject *extensions_ws;
    PyObject *access_log;                  /* called for each answer; NULL: there is no such log */
    uint64_t max_body;                     /* of a request, bytes */
    PyObject *header_names;                /* dict of bytes: names that came before, made once */
    PyObject *addresses[YP_MAX_LISTENERS]; /* (host, port) */
    int num_addresses;

    PyObject *stopped;             /* future of stop(); NULL: nobody waits */
    struct yp_exchange *exchanges; /* whose applications run */
    size_t num_exchanges;
    size_t num_websockets; /* open, or not decided yet */
    unsigned long thread;  /* of the loop, once it was started */
    int is_started;        /* holds a reference to itself until the server is over */
    int is_over;
    int is_stopping;
};

/* In a callback of the library: PyGILState_STATE gil = YP_ENTER(); ... YP_LEAVE(gil). */
#define YP_ENTER() PyGILState_Ensure()
#define YP_LEAVE(gil) PyGILState_Release(gil)

/*
 * A call of the library that a program's code makes: what it calls back meanwhile must not step
 * tasks, since one is running.  YP_CALL(asgi, rc = yodel_ws_send(...));
 */
#define YP_CALL(asgi, statement)                                                                   \
    do {                                                                                           \
        (asgi)->home.depth++;                                                                      \
        statement;                                                                                 \
        (asgi)->home.depth--;                                                                      \
    } while (0)

/*
 * Whether this is the loop's own thread: from another one a program reaches a connection by
 * loop.call_soon_threadsafe() or asyncio.run_coroutine_threadsafe(), as ever.
 *
 * Returns 1; or 0 with RuntimeError.
 */
int yp_asgi_is_here(const struct yp_asgi *asgi);

/* An application's task has ended: completes stop() when it was the last. */
void yp_asgi_check_idle(struct yp_asgi *asgi);

yp_part_fn yp_asgi_part;

#endif
