/* SPDX-License-Identifier: MIT */
#include "serve/hooked.h"
#include "serve/occupancy.h"
#include "serve/session.h"
#include "state/socket_state.h"

/*
 * Namespaces.  A parent whose pattern has every name gives each of them its middleware and handlers
 * from the first moment, also to one that a reload makes while clients connect; which names there
 * are is the configuration's to say, each time a client asks.
 */

const struct yg_namespace *yg_namespace_find(const struct yg_config *config, yodel_str name)
{
    for (size_t i = 0; i < config->namespaces.num; i++) {
        if (yodel_str_eq(name, yodel_str_of(config->namespaces.items[i].name)))
            return &config->namespaces.items[i];
    }
    return NULL;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    yg_state_connected(socket);
    yg_socket_connected(user, socket);
    yg_hooked_connected(socket);
}

static void on_disconnecting(yodel_sio_socket *socket, const char *reason, void *user)
{
    yg_socket_disconnecting(user, socket, reason);
    yg_hooked_disconnecting(socket, reason);
}

static void on_unhandled(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    if (!yg_client_relay(user, socket, event) && !yg_hooked_event(socket, event))
        yg_client_refuse(user, event);
}

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    (void)user;
    (void)yg_execute_server_event(ns, event);
}

static int set_up(struct yg_state *state, yodel_sio_namespace *ns)
{
    const yodel_sio_handlers handlers = {.size = sizeof(handlers),
                                         .on_connection = on_connection,
                                         .on_disconnecting = on_disconnecting,
                                         .on_unhandled = on_unhandled,
                                         .on_server_event = on_server_event};
    int rc = yodel_sio_namespace_handle(ns, &handlers, state);

    if (rc == 0)
        rc = yg_client_verbs_set_up(state, ns);
    if (rc == 0)
        rc = yg_occupancy_watch(state, ns);
    return rc < 0 ? rc : yodel_sio_namespace_use(ns, yg_admit, state);
}

int yg_namespaces_add(struct yg_state *state, const struct yg_config *config)
{
    int rc = 0;

    for (size_t i = 0; i < config->namespaces.num && rc == 0; i++) {
        const struct yg_namespace *options = &config->namespaces.items[i];
        yodel_sio_namespace *ns;

        rc = yodel_sio_of(state->sio, options->name, &ns);
        if (rc == 0)
            rc = yg_spaces_set(&state->service.spaces, options->name, options->personal_room);
        if (rc < 0)
            yg_log_option(state, config, "namespaces.%s: %s", options->name, yodel_strerror(rc));
    }
    return rc;
}

/* ---- metrics ---- */

static void put_each(struct yg_state *state, const struct yg_config *config, struct yg_text *text,
                     const char *name, size_t (*count)(yodel_sio_namespace *ns))
{
    for (size_t i = 0; i < config->namespaces.num; i++) {
        const char *of = config->namespaces.items[i].name;
        yodel_sio_namespace *ns = yodel_sio_find_namespace(state->sio, of);
        struct yg_text label = {0};

        yg_metric_label(&label, "namespace", of);
        yg_metric_sample(text, name, yg_text_string(&label), count(ns));
        text->failed = text->failed || yg_text_failed(&label);
        yg_text_done(&label);
        yodel_sio_namespace_unref(ns);
    }
}

static size_t count_sockets(yodel_sio_namespace *ns)
{
    return yodel_sio_namespace_count(ns);
}

void yg_namespaces_put(struct yg_state *state, struct yg_text *text)
{
    static const char sockets[] = "yodel_sockets", rooms[] = "yodel_rooms";
    const struct yg_config *config = yg_state_config(state);

    yg_metric_head(text, sockets, "gauge", "Clients that are in the namespace.");
    put_each(state, config, text, sockets, count_sockets);
    yg_metric_head(text, rooms, "gauge", "Rooms that somebody of this node is in.");
    put_each(state, config, text, rooms, yodel_sio_namespace_num_rooms);
    yg_config_unref(config);
}

/* ---- start ---- */

int yg_namespaces_start(struct yg_state *state)
{
    yodel_sio_namespace *root, *all;
    int rc = yodel_sio_of(state->sio, "/", &root);

    if (rc == 0)
        rc = set_up(state, root);
    if (rc == 0)
        rc = yodel_sio_of_pattern(state->sio, "(?s)/.+", &all);
    if (rc == 0)
        rc = set_up(state, all);
    if (rc < 0) {
        yg_log_option(state, state->first, "namespaces: %s", yodel_strerror(rc));
        return rc;
    }
    return yg_namespaces_add(state, state->first);
}
