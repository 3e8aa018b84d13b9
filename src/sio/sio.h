/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_H
#define YD_SIO_SIO_H

#include <yodel/sio.h>

/*
 * Socket.IO on top of Engine.IO sessions, for src/server.  A client is one session; a socket is a
 * client in one namespace.  Both belong to the session's loop.
 */

struct yd_http;
struct yd_loop;
struct yd_ws_service;

/* Where the parts of a service come from (src/server). */
struct yd_eio_far;

struct yd_sio_setup {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct yd_http *http;
    struct yd_ws_service *ws;
    struct yd_loop **loops;
    unsigned num_loops;
    uint64_t secret[2];
    uint32_t decide_ms; /* for what the program decides later */
    struct yd_bus *bus;
    const char *name;              /* on the bus, the same in every process; copied */
    yodel_channels *channels;      /* a reference, taken; NULL: none */
    struct yd_eio_far *const *far; /* as yd_eio_set_far() */
    void *owner;                   /* kept alive until release_owner(owner) */
    void (*release_owner)(void *owner);
};

/* options as the caller gave them.  Returns as yodel_sio_new(); channels and owner are the caller's
 * again on failure. */
int yd_sio_new(const struct yd_sio_setup *setup, const yodel_sio_options *options,
               yodel_sio **ret_sio);

/* No loop opens sessions any more; any thread. */
void yd_sio_shut(yodel_sio *sio);

/* Closes the clients of a loop, on that loop. */
void yd_sio_stop(yodel_sio *sio, struct yd_loop *loop);

#endif
