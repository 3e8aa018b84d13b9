/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/utf8.h"
#include "proto/sio_packet.h"
#include "sio/name_pattern.h"
#include "sio/namespaces.h"
#include "sio/sio_base.h"

/* What a program sets up before the loops run. */

static bool is_setting_up(const yodel_sio *sio)
{
    return !atomic_load_explicit(&sio->loops[0]->running, memory_order_acquire);
}

/* ---- namespaces ---- */

int yodel_sio_of(yodel_sio *sio, const char *name, yodel_sio_namespace **ret_ns)
{
    char full[YODEL_SIO_MAX_NAME + 2];
    int len = snprintf(full, sizeof full, "%s%s", name[0] == '/' ? "" : "/", name);
    yodel_sio_namespace *ns;

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
    yodel_sio_namespace *ns = yd_sio_add_parent(sio, NULL, match, user);

    if (ns == NULL)
        return -ENOMEM;
    *ret_ns = ns;
    return 0;
}

/* ---- handlers and middleware ---- */

int yodel_sio_namespace_handle(yodel_sio_namespace *ns, const yodel_sio_handlers *handlers,
                               void *user)
{
    if (!is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    ns->config->user = user;
    return yd_options_read(handlers, &ns->config->handlers, sizeof *handlers);
}

int yodel_sio_namespace_on(yodel_sio_namespace *ns, const char *event, yodel_sio_event_fn *handler,
                           void *user)
{
    if (!is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    if (yd_sio_is_reserved(yodel_str_of(event)))
        return YODEL_ERR_NAME;
    return yd_sio_config_listen(ns->config, event, handler, user);
}

static int use(yodel_sio_namespace *ns, struct yd_sio_middleware **list,
               const struct yd_sio_middleware *middleware)
{
    if (!is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    return yd_sio_config_use(ns->config, list, middleware);
}

int yodel_sio_namespace_use(yodel_sio_namespace *ns, yodel_sio_middleware_fn *middleware,
                            void *user)
{
    return use(ns, &ns->config->middleware,
               &(struct yd_sio_middleware){.fn = middleware, .user = user});
}

int yodel_sio_namespace_use_event(yodel_sio_namespace *ns,
                                  yodel_sio_event_middleware_fn *middleware, void *user)
{
    return use(ns, &ns->config->event_middleware,
               &(struct yd_sio_middleware){.event_fn = middleware, .user = user});
}

int yodel_sio_namespace_on_outgoing(yodel_sio_namespace *ns, yodel_sio_outgoing_fn *handler,
                                    void *user)
{
    return use(ns, &ns->config->outgoing,
               &(struct yd_sio_middleware){.outgoing_fn = handler, .user = user});
}
