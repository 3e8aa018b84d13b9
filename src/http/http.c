/* SPDX-License-Identifier: MIT */
#include "http/http.h"

#include <errno.h>

#include "base/mem.h"
#include "base/options.h"
#include "http/cors.h"
#include "http/router.h"
#include "http/static.h"

static int set_up(struct yd_http *http, const char *server_name)
{
    if (server_name != NULL) {
        if (!yd_http_is_field_value(yodel_str_of(server_name)))
            return -EINVAL;
        if ((http->options.server_name = yd_strdup(http->mem, server_name)) == NULL)
            return -ENOMEM;
    }
    http->router = yd_router_new(http->mem, http->log);
    return http->router != NULL ? 0 : -ENOMEM;
}

int yd_http_init(struct yd_http *http, const struct yodel_allocator *mem,
                 const struct yodel_log_sink *log, const struct yd_http_options *options,
                 void *server)
{
    int rc;

    *http = (struct yd_http){.mem = mem, .log = log, .options = *options, .server = server};
    http->options.server_name = NULL;
    if ((rc = set_up(http, options->server_name)) < 0)
        yd_http_done(http);
    return rc;
}

void yd_http_done(struct yd_http *http)
{
    if (http->mem == NULL)
        return;
    yd_router_free(http->router);
    yd_mount_free(http->mounts, http->mem);
    yd_cors_free(http->cors, http->mem);
    yd_free(http->mem, (char *)http->options.server_name);
    *http = (struct yd_http){.mem = NULL};
}

int yd_http_route(struct yd_http *http, const char *pattern, yodel_http_fn *fn, void *user)
{
    return fn != NULL ? yd_router_add(http->router, pattern, false, fn, user) : -EINVAL;
}

int yd_http_route_with(struct yd_http *http, const char *pattern, const yodel_route_options *given,
                       void *user)
{
    yodel_route_options options;
    struct yd_body_rule body;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.on_request == NULL)
        return -EINVAL;
    body = (struct yd_body_rule){options.max_body, options.body_ms, options.stream_body != 0};
    return yd_router_add_with(http->router, pattern, false, &body, options.on_request, user);
}

int yd_http_route_upgrade(struct yd_http *http, const char *pattern, yd_upgrade_fn *fn, void *user)
{
    return yd_router_add(http->router, pattern, true, fn, user);
}

void yd_http_add_gate(struct yd_http *http, struct yd_http_gate *gate)
{
    gate->next = http->gates;
    http->gates = gate;
}

int yd_http_static(struct yd_http *http, const char *prefix, const char *directory,
                   const yodel_static_options *options)
{
    return yd_mount_add(&http->mounts, http->mem, prefix, directory, options);
}

int yd_http_cors(struct yd_http *http, const char *prefix, const yodel_cors_options *options)
{
    return yd_cors_add(&http->cors, http->mem, prefix, options);
}
