/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_HTTP_H
#define YD_HTTP_HTTP_H

#include <stdatomic.h>
#include <yodel/http_body.h>
#include <yodel/http_files.h>

#include "net/net.h"
#include "proto/http1.h"

/* The HTTP service of a server: routes, files, CORS, limits.  One for all loops; it is set up first
 * and only read once the loops run. */

struct yd_http_options {
    struct yd_http_limits limits; /* of a request's head */
    size_t max_body;              /* bytes */
    size_t max_buffered;          /* of an answer in parts, bytes */
    uint32_t header_ms, body_ms, keep_ms, decide_ms;
    const char *server_name; /* copied; NULL: no Server header */
};

/*
 * For a handler that wants to know of requests ahead of their body.  Embedded in its owner.  fn and
 * user are those of its routes.
 */
struct yd_http_gate {
    struct yd_http_gate *next;
    yodel_http_fn *fn;
    void *user;
    size_t max_body; /* bytes, in place of the service's */
    /* The head of a request with a body is there.  May answer or move it; else the body is read. */
    void (*begin)(yodel_request *req, void *user);
    /* The body is larger than max_body: answers it. */
    void (*too_big)(yodel_request *req, void *user);
    /* The client went away, or the body was refused, before it was whole: req ends now. */
    void (*lost)(yodel_request *req, void *user);
};

struct yd_router;
struct yd_mount;
struct yd_cors;

struct yd_http {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct yd_http_options options;
    void *server;
    struct yd_router *router;
    struct yd_http_gate *gates;
    struct yd_mount *mounts;         /* longest prefix first */
    struct yd_cors *cors;            /* longest prefix first */
    atomic_uint_least64_t warned_at; /* ms; handlers that fail are logged once a second */
};

/* Does what the request asks with an upgrade to WebSocket: answers it, holds it, or takes its
 * connection (http/request.h) before it returns; else the client gets 500. */
typedef void(yd_upgrade_fn)(yodel_request *req, void *user);

/* mem and log are borrowed; server is what yd_http_server() gives.  All limits of options must be
 * set.  Returns 0, -ENOMEM or -EINVAL (server_name). */
int yd_http_init(struct yd_http *http, const struct yodel_allocator *mem,
                 const struct yodel_log_sink *log, const struct yd_http_options *options,
                 void *server);
/* Last: the loops that used it are freed. */
void yd_http_done(struct yd_http *http);

static inline void *yd_http_server(const struct yd_http *http)
{
    return http->server;
}

/* As yodel_server_route(). */
int yd_http_route(struct yd_http *http, const char *pattern, yodel_http_fn *fn, void *user);

/* As yodel_server_route_with(). */
int yd_http_route_with(struct yd_http *http, const char *pattern,
                       const yodel_route_options *options, void *user);

/* A pattern without method for requests that ask to upgrade to WebSocket: the method need not be
 * GET, nor version and key be right.  Plain requests to it get 426 unless another route takes them.
 * Returns as yd_http_route(). */
int yd_http_route_upgrade(struct yd_http *http, const char *pattern, yd_upgrade_fn *fn, void *user);

/* Puts gate, borrowed, ahead of the routes that have its fn and user. */
void yd_http_add_gate(struct yd_http *http, struct yd_http_gate *gate);

/* As yodel_server_static() and yodel_server_cors(); also -EINVAL, -ENOMEM, YODEL_ERR_OPTIONS. */
int yd_http_static(struct yd_http *http, const char *prefix, const char *directory,
                   const yodel_static_options *options);
int yd_http_cors(struct yd_http *http, const char *prefix, const yodel_cors_options *options);

/* For net->on_connection; net->user is the struct yd_http.  A refusal is answered by 503 or 429. */
int yd_http_connection(struct yd_conn *conn, int refusal);

#endif
