/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/options.h"
#include "ws/ws.h"

/* Below this many bytes a message is sent as it is unless a route says otherwise. */
#define DEFLATE_MIN 256

/* Messages are short and many: zlib's fastest level takes half the time of its default, for a tenth
 * more bytes. */
#define DEFLATE_LEVEL 1
#define DEFLATE_BITS 15

void yd_ws_service_set_process(struct yd_ws_service *service, const char *process)
{
    (void)snprintf(service->process, sizeof service->process, "%s", process);
}

int yd_ws_service_init(struct yd_ws_service *service, const struct yodel_allocator *mem,
                       const struct yodel_log_sink *log, const struct yd_ws_defaults *defaults,
                       yodel_server *server, unsigned num_loops, const char *process)
{
    memset(service, 0, sizeof *service);
    service->loops = yd_alloc_array(mem, num_loops, sizeof *service->loops);
    if (service->loops == NULL)
        return -ENOMEM;
    memset(service->loops, 0, num_loops * sizeof *service->loops);
    yd_ws_service_set_process(service, process);
    service->mem = mem;
    service->log = log;
    service->defaults = *defaults;
    service->server = server;
    service->num_loops = num_loops;
    atomic_init(&service->num_open, 0);
    return 0;
}

/* A list that ends with NULL and its strings. */
static void free_strings(const struct yodel_allocator *mem, const char *const *list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        yd_free(mem, (char *)list[i]);
    yd_free(mem, (void *)list);
}

static void free_route(struct yd_ws_route *route)
{
    const struct yodel_allocator *mem = route->service->mem;

    for (size_t i = 0; route->events != NULL && route->events[i].type != NULL; i++)
        yd_free(mem, (char *)route->events[i].type);
    yd_free(mem, route->events);
    free_strings(mem, route->options.origins);
    free_strings(mem, route->options.subprotocols);
    yd_free(mem, route);
}

void yd_ws_service_done(struct yd_ws_service *service)
{
    struct yd_ws_route *next;

    for (struct yd_ws_route *route = service->routes; route != NULL; route = next) {
        next = route->next;
        free_route(route);
    }
    service->routes = NULL;
    for (unsigned i = 0; service->loops != NULL && i < service->num_loops; i++)
        yd_ws_free_deflaters(service->mem, &service->loops[i]);
    yd_free(service->mem, service->loops);
    service->loops = NULL;
}

static int copy_strings(const struct yodel_allocator *mem, const char *const *list,
                        const char *const **ret_list)
{
    const char **copy;
    size_t num = 0;

    *ret_list = NULL;
    if (list == NULL)
        return 0;
    while (list[num] != NULL)
        num++;
    if ((copy = yd_alloc_array(mem, num + 1, sizeof *copy)) == NULL)
        return -ENOMEM;
    memset(copy, 0, (num + 1) * sizeof *copy);
    *ret_list = copy;
    for (size_t i = 0; i < num; i++)
        if ((copy[i] = yd_strdup(mem, list[i])) == NULL)
            return -ENOMEM;
    return 0;
}

static int copy_events(struct yd_ws_route *route, const yodel_ws_event_handler *events)
{
    const struct yodel_allocator *mem = route->service->mem;
    size_t num = 0;

    if (events == NULL)
        return 0;
    for (; events[num].type != NULL; num++)
        if (events[num].handler == NULL)
            return -EINVAL;
    if ((route->events = yd_alloc_array(mem, num + 1, sizeof *events)) == NULL)
        return -ENOMEM;
    memset(route->events, 0, (num + 1) * sizeof *events);
    for (size_t i = 0; i < num; i++) {
        route->events[i].handler = events[i].handler;
        if ((route->events[i].type = yd_strdup(mem, events[i].type)) == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void fill_in(yodel_ws_options *options, const struct yd_ws_defaults *defaults)
{
    if (options->max_message == 0)
        options->max_message = defaults->max_message;
    if (options->max_buffered == 0)
        options->max_buffered = defaults->max_buffered;
    if (options->deflate_min == 0)
        options->deflate_min = DEFLATE_MIN;
    if (options->deflate_level == 0)
        options->deflate_level = DEFLATE_LEVEL;
    if (options->deflate_bits == 0)
        options->deflate_bits = DEFLATE_BITS;
    if (options->deflate_client_bits == 0)
        options->deflate_client_bits = DEFLATE_BITS;
    if (options->ping_ms == 0)
        options->ping_ms = defaults->ping_ms;
    if (options->pong_ms == 0)
        options->pong_ms = defaults->pong_ms;
}

static bool is_window(unsigned bits)
{
    return bits == 0 || (bits >= 9 && bits <= 15);
}

static bool are_options(const yodel_ws_options *options)
{
    return options->deflate <= YODEL_WS_DEFLATE_CONTEXT_IN && options->deflate_level <= 9 &&
           is_window(options->deflate_bits) && is_window(options->deflate_client_bits);
}

static int copy_options(struct yd_ws_route *route, const yodel_ws_options *given)
{
    const struct yodel_allocator *mem = route->service->mem;
    yodel_ws_options options;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (!are_options(&options))
        return -EINVAL;
    fill_in(&options, &route->service->defaults);
    route->options = options;
    route->options.origins = NULL;
    route->options.subprotocols = NULL;
    if ((rc = copy_strings(mem, options.origins, &route->options.origins)) < 0)
        return rc;
    return copy_strings(mem, options.subprotocols, &route->options.subprotocols);
}

static int make_route(struct yd_ws_service *service, const yodel_ws_handlers *handlers, void *user,
                      struct yd_ws_route **ret_route)
{
    struct yd_ws_route *route = yd_zalloc(service->mem, sizeof *route);
    int rc;

    if (route == NULL)
        return -ENOMEM;
    route->service = service;
    route->user = user;
    if ((rc = yd_options_read(handlers, &route->handlers, sizeof route->handlers)) < 0)
        goto fail;
    if ((rc = copy_events(route, route->handlers.events)) < 0 ||
        (rc = copy_options(route, route->handlers.options)) < 0)
        goto fail;
    *ret_route = route;
    return 0;

fail:
    free_route(route);
    return rc;
}

static void keep_route(struct yd_ws_service *service, struct yd_ws_route *route)
{
    route->next = service->routes;
    service->routes = route;
}

int yd_ws_route_new(struct yd_ws_service *service, const yodel_ws_handlers *handlers, void *user,
                    struct yd_ws_route **ret_route)
{
    int rc;

    if ((rc = make_route(service, handlers, user, ret_route)) == 0)
        keep_route(service, *ret_route);
    return rc;
}

void yd_ws_route_be_terse(struct yd_ws_route *route)
{
    route->terse = true;
}

int yd_ws_route(struct yd_ws_service *service, struct yd_http *http, const char *pattern,
                const yodel_ws_handlers *handlers, void *user)
{
    struct yd_ws_route *route;
    int rc;

    if ((rc = make_route(service, handlers, user, &route)) < 0)
        return rc;
    if ((rc = yd_http_route_upgrade(http, pattern, yd_ws_on_upgrade, route)) < 0) {
        free_route(route);
        return rc;
    }
    keep_route(service, route);
    return 0;
}
