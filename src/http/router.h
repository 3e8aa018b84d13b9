/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_ROUTER_H
#define YD_HTTP_ROUTER_H

#include <stdbool.h>
#include <yodel/http.h>

#include "base/buf.h"
#include "http/arena.h"

/* Which handler takes a path.  Patterns of segments are a tree, tried before regular expressions;
 * see yodel_server_route() for what wins. */
struct yd_router;

struct yd_param {
    yodel_str name, value;
};

/* What holds for the bodies of a route; zero: as for all. */
struct yd_body_rule {
    uint64_t max;      /* bytes */
    uint32_t limit_ms; /* of a whole one, or between its parts */
    bool streams;      /* its handler runs ahead of them */
};

struct yd_match {
    yodel_http_fn *fn;
    void *user;
    struct yd_body_rule body;
    const struct yd_param *params; /* of the arena; their names are the router's */
    size_t num_params;
};

/* Stands for the method of requests that ask for a WebSocket. */
#define YD_ROUTE_UPGRADE ((yodel_str){NULL, 0})

/* NULL when out of memory. */
struct yd_router *yd_router_new(const struct yodel_allocator *mem,
                                const struct yodel_log_sink *log);
void yd_router_free(struct yd_router *router);

/* pattern is copied; what is wrong with it is logged.  upgrade: a route for YD_ROUTE_UPGRADE, whose
 * pattern has no method.  Returns 0, -ENOMEM, YODEL_ERR_PATTERN or YODEL_ERR_CONFLICT. */
int yd_router_add(struct yd_router *router, const char *pattern, bool upgrade, yodel_http_fn *fn,
                  void *user);
/* The same, with what holds for its bodies. */
int yd_router_add_with(struct yd_router *router, const char *pattern, bool upgrade,
                       const struct yd_body_rule *body, yodel_http_fn *fn, void *user);

/*
 * Finds who takes method on path (as sent, percent-encoded).  HEAD falls back to GET.  The path
 * must outlive the arena, which takes what is decoded.
 *
 * A parameter is never a dot segment: what is decoded could be used as a file's name.
 * Returns 1 with *ret_match set, 0 when none does, -EINVAL for a malformed %XX, -ENOMEM.
 */
int yd_router_find(const struct yd_router *router, struct yd_arena *arena, yodel_str method,
                   yodel_str path, struct yd_match *ret_match);

/* Appends the methods that path has, "GET, HEAD, POST"; nothing when it has none.  Returns 0,
 * -EINVAL or -ENOMEM. */
int yd_router_allow(const struct yd_router *router, struct yd_arena *arena, yodel_str path,
                    struct yd_buf *allow);

#endif
