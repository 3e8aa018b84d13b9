/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_SERVER_H
#define YP_SIO_SERVER_H

#include "sio_values.h"
#include "state.h"

/*
 * The type SioServer: a server whose loops are threads of C, and which hands what its clients do to
 * workers, threads of Python that call next().  Loops never take the GIL.
 */
struct yp_sio {
    PyObject_HEAD
    struct yp_state *state; /* of the module; borrowed from the type */
    struct yp_service service;
    struct yp_codec codec;
    PyObject *environ_base; /* dict: what all environs begin with */
    PyObject *ports;        /* tuple */
    PyObject *stop_at_exit; /* what atexit was given; NULL: not started, or joined */
    yodel_redis *redis;     /* NULL: no message queue */
    char **origins;         /* ends with NULL; NULL: all are allowed */
    pthread_t thread;       /* runs loop 0, and ends when all loops have */
    pthread_mutex_t life_lock;
    pthread_cond_t ended;
    struct yp_asked *orphans; /* whose callbacks nobody takes any more; under life_lock */
    int num_listeners;
    int run_result; /* of the loops */
    bool is_ready;  /* the service has been made */
    bool is_started, has_ended, is_joined;
};

/* Sets a Python error for a result of the library: BlockingIOError where there is too much mail.
 * Returns NULL. */
PyObject *yp_sio_raise(struct yp_sio *self, int rc, const char *what);

/* Logs the exception that is set, with its traceback, and clears it: logger "yodel.error". */
void yp_sio_log_error(struct yp_sio *self, const char *what);

/* Lets clients connect to a namespace, "*" to any.  Returns 0 or an error of the library. */
int yp_sio_add_namespace(struct yp_sio *self, const char *name);

yp_part_fn yp_sio_part;

#endif
