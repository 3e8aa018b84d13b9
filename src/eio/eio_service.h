/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_SERVICE_H
#define YD_EIO_EIO_SERVICE_H

#include <stdatomic.h>

#include "base/map.h"
#include "eio/eio.h"
#include "eio/transport.h"

/* The service: what is set up once, and what each loop has of it. */

struct z_stream_s;

/* The sessions of one loop; that loop's alone but for stopping. */
struct yd_eio_loop {
    struct yd_eio *eio;
    struct yd_loop *loop;
    struct yd_map sessions;             /* by id; those that have not ended */
    struct yd_msg *ping, *probe_answer; /* packets that are always the same */
    struct z_stream_s *deflaters[3];    /* by enum yd_eio_coding; made on first use */
    uint16_t counter;                   /* of ids */
    /* By whatever transport; those by WebSocket are in the counters of the loop, too. */
    atomic_uint_least64_t messages_in, messages_out;
    atomic_bool stopping;
};

struct yd_eio {
    const struct yodel_allocator *mem;
    struct yd_http *http;
    struct yd_eio_options options; /* strings are copies */
    const struct yd_eio_events *events;
    void *user;
    struct yd_eio_far *const *far; /* NULL, or there NULL: there are no other nodes */
    const struct yd_eio_transport_ops *transports[2]; /* by enum yd_eio_transport */
    struct yd_ws_route *route;
    struct yd_http_gate gate;
    char *pattern, *path;
    char *cookie_name, *cookie_rest;   /* NULL: none */
    char **origins;                    /* ends with NULL; NULL: every origin */
    char *cors_methods, *cors_headers; /* of a preflight; may be NULL */
    char cors_max_age[12];             /* digits; "": not sent */
    bool has_cors;
    atomic_size_t num_sessions, num_polling;
    atomic_uint_least64_t num_refused; /* at max_sessions */
    atomic_bool closed;                /* no loop opens sessions any more */
    unsigned num_loops;
    struct yd_eio_loop loops[];
};

static inline struct yd_eio_loop *yd_eio_home(struct yd_eio *eio, const yodel_request *req)
{
    return &eio->loops[yd_conn_loop(yd_request_conn(req))->index];
}

static inline struct yd_eio_far *yd_eio_far_of(const struct yd_eio *eio)
{
    return eio->far != NULL ? *eio->far : NULL;
}

/* Its sessions end, and it opens no more; any thread. */
static inline bool yd_eio_is_stopping(const struct yd_eio_loop *home)
{
    return atomic_load_explicit(&home->stopping, memory_order_relaxed);
}

/* No loop opens sessions any more. */
static inline bool yd_eio_is_closed(const struct yd_eio *eio)
{
    return atomic_load_explicit(&eio->closed, memory_order_relaxed);
}

/* A message was sent by WebSocket, which has counted it for the loop; rc says whether. */
static inline int yd_eio_sent(struct yd_eio_loop *home, int rc)
{
    if (rc == 0)
        yd_count(&home->messages_out, 1);
    return rc;
}

#endif
