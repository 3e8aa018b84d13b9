/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/utf8.h"
#include "proto/sio_packet.h"
#include "sio/name_pattern.h"
#include "sio/ns_config.h"
#include "sio/sio_base.h"

/* What a program sets up, before the loops run or while they do. */

/* ---- namespaces ---- */

int yodel_sio_of(yodel_sio *sio, const char *name, yodel_sio_namespace **ret_ns)
{
    char full[YODEL_SIO_MAX_NAME + 2];
    yodel_sio_namespace *ns;
    int len;

    if (sio == NULL || ret_ns == NULL)
        return -EINVAL;
    if (name == NULL)
        return YODEL_ERR_NAME;
    len = snprintf(full, sizeof full, "%s%s", name[0] == '/' ? "" : "/", name);
    if (len < 0 || len > YODEL_SIO_MAX_NAME || strchr(full, ',') != NULL ||
        !yd_utf8_is_valid(full, (size_t)len))
        return YODEL_ERR_NAME;
    if ((ns = yd_sio_add_ns(sio, (yodel_str){full, (size_t)len})) == NULL)
        return -ENOMEM;
    *ret_ns = ns;
    return 0;
}

int yodel_sio_of_pattern(yodel_sio *sio, const char *pattern, yodel_sio_namespace **ret_ns)
{
    yodel_sio_namespace *ns;
    void *code = NULL;
    int rc;

    if (sio == NULL || ret_ns == NULL)
        return -EINVAL;
    if ((rc = yd_sio_pattern_new(pattern, &code)) < 0)
        return rc;
    if ((ns = yd_sio_add_parent(sio, code, NULL, NULL)) == NULL) {
        yd_sio_pattern_free(code);
        return -ENOMEM;
    }
    *ret_ns = ns;
    return 0;
}

int yodel_sio_of_function(yodel_sio *sio, yodel_sio_match_fn *match, void *user,
                          yodel_sio_namespace **ret_ns)
{
    yodel_sio_namespace *ns;

    if (sio == NULL || ret_ns == NULL || match == NULL)
        return -EINVAL;
    ns = yd_sio_add_parent(sio, NULL, match, user);
    if (ns == NULL)
        return -ENOMEM;
    *ret_ns = ns;
    return 0;
}

/* ---- handlers and middleware ---- */

struct handle {
    yodel_sio_handlers handlers;
    void *user;
};

static int change_handlers(struct yd_sio_config *config, const void *arg)
{
    const struct handle *handle = arg;

    config->handlers = handle->handlers;
    config->user = handle->user;
    return 0;
}

int yodel_sio_namespace_handle(yodel_sio_namespace *ns, const yodel_sio_handlers *handlers,
                               void *user)
{
    struct handle handle = {.user = user};
    int rc = yd_options_read(handlers, &handle.handlers, sizeof handle.handlers);

    if (ns == NULL)
        return -EINVAL;
    return rc < 0 ? rc : yd_sio_ns_change(ns, change_handlers, &handle);
}

/* Of one event. */
struct listen {
    const char *event;
    yodel_sio_event_fn *handler;
    void *user;
};

static int add_handler(struct yd_sio_config *config, const void *arg)
{
    const struct listen *listen = arg;

    return yd_sio_config_listen(config, listen->event, listen->handler, listen->user);
}

int yodel_sio_namespace_on(yodel_sio_namespace *ns, const char *event, yodel_sio_event_fn *handler,
                           void *user)
{
    if (ns == NULL || handler == NULL)
        return -EINVAL;
    if (event == NULL || yd_sio_is_reserved(yodel_str_of(event)))
        return YODEL_ERR_NAME;
    return yd_sio_ns_change(ns, add_handler, &(struct listen){event, handler, user});
}

static int remove_handlers(struct yd_sio_config *config, const void *arg)
{
    const struct listen *listen = arg;

    return yd_sio_config_remove(config, listen->event, listen->handler, listen->user);
}

int yodel_sio_namespace_off(yodel_sio_namespace *ns, const char *event, yodel_sio_event_fn *handler,
                            void *user)
{
    if (ns == NULL)
        return -EINVAL;
    return yd_sio_ns_change(ns, remove_handlers, &(struct listen){event, handler, user});
}

static int add_middleware(struct yd_sio_config *config, const void *arg)
{
    const struct yd_sio_middleware *middleware = arg;
    struct yd_sio_middleware **list = &config->middleware;

    if (middleware->event_fn != NULL)
        list = &config->event_middleware;
    else if (middleware->outgoing_fn != NULL)
        list = &config->outgoing;
    return yd_sio_config_use(config, list, middleware);
}

int yodel_sio_namespace_use(yodel_sio_namespace *ns, yodel_sio_middleware_fn *middleware,
                            void *user)
{
    if (ns == NULL || middleware == NULL)
        return -EINVAL;
    return yd_sio_ns_change(ns, add_middleware,
                            &(struct yd_sio_middleware){.fn = middleware, .user = user});
}

int yodel_sio_namespace_use_event(yodel_sio_namespace *ns,
                                  yodel_sio_event_middleware_fn *middleware, void *user)
{
    if (ns == NULL || middleware == NULL)
        return -EINVAL;
    return yd_sio_ns_change(ns, add_middleware,
                            &(struct yd_sio_middleware){.event_fn = middleware, .user = user});
}

int yodel_sio_namespace_on_outgoing(yodel_sio_namespace *ns, yodel_sio_outgoing_fn *handler,
                                    void *user)
{
    if (ns == NULL || handler == NULL)
        return -EINVAL;
    return yd_sio_ns_change(ns, add_middleware,
                            &(struct yd_sio_middleware){.outgoing_fn = handler, .user = user});
}
