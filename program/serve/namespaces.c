/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* A refusal is final to a client of socket.io; one whose connection ends comes back. */
static int turn_away(yodel_sio_socket *socket, enum yg_verdict verdict, const char *message,
                     const char *code)
{
    char data[100];

    if (verdict == YG_VERDICT_LATER) {
        yodel_sio_socket_disconnect(socket, YODEL_SIO_COME_BACK);
        return -ECANCELED;
    }
    snprintf(data, sizeof(data), "{\"code\":\"%s\"}", code);
    return yodel_sio_socket_refuse(socket, message, data);
}

/* What the client has shown is held against the need of the namespace. */
static enum yg_verdict ask(struct yg_state *state, yodel_sio_socket *socket,
                           const struct yg_config *config, int need, struct yg_token *ret_token,
                           struct yg_refusal *ret_refusal)
{
    struct yg_shown shown = {{NULL, 0}, NULL};
    enum yg_verdict verdict = YG_VERDICT_LATER;

    if (need == YG_AUTH_NONE || yg_auth_of_socket(config, socket, &shown) == 0)
        verdict =
            yg_auth_check(state, yg_state_loop_auth(state, yodel_sio_socket_loop(socket)), need,
                          shown.text, yodel_sio_socket_peer(socket), ret_token, ret_refusal);
    json_decref(shown.holder);
    return verdict;
}

/* A client is in the namespace with what its token grants, or not at all. */
static int let_in(struct yg_state *state, yodel_sio_socket *socket, const struct yg_config *config,
                  const struct yg_namespace *ns, struct yg_token *token)
{
    const char *code = "";
    enum yg_verdict verdict;

    if (token->claims != NULL && !yg_grants_namespace(&token->grants, ns->name, strlen(ns->name)))
        return turn_away(socket, YG_VERDICT_NO, "forbidden", "namespace");
    verdict = yg_session_begin(state, socket, config, ns, token, &code);
    return verdict == YG_VERDICT_YES ? 0 : turn_away(socket, verdict, "forbidden", code);
}

static int admit(yodel_sio_socket *socket, void *user)
{
    struct yg_state *state = user;
    const struct yg_config *config = yg_state_loop_config(state, yodel_sio_socket_loop(socket));
    const struct yg_namespace *ns =
        yg_namespace_find(config, yodel_sio_namespace_name(yodel_sio_socket_namespace(socket)));
    struct yg_token token = {0};
    struct yg_refusal refusal = {0};
    enum yg_verdict verdict;
    int rc;

    /* In the words of socket.io's server. */
    if (ns == NULL)
        return yodel_sio_socket_refuse(socket, "Invalid namespace", NULL);
    verdict = ask(state, socket, config, ns->auth, &token, &refusal);
    if (verdict == YG_VERDICT_YES)
        rc = let_in(state, socket, config, ns, &token);
    else
        rc = turn_away(socket, verdict, "unauthorized", yg_token_code_word(refusal.code));
    yg_token_free(&token);
    return rc;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    yg_state_connected(socket);
}

static void on_unhandled(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    if (!yg_client_relay(user, socket, event))
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
                                         .on_unhandled = on_unhandled,
                                         .on_server_event = on_server_event};
    int rc = yodel_sio_namespace_handle(ns, &handlers, state);

    if (rc == 0)
        rc = yg_client_verbs_set_up(state, ns);
    return rc < 0 ? rc : yodel_sio_namespace_use(ns, admit, state);
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
            yg_log(state, YG_LOG_ERROR, "namespaces.%s: %s", options->name, yodel_strerror(rc));
    }
    return rc;
}

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
        yg_log(state, YG_LOG_ERROR, "namespaces: %s", yodel_strerror(rc));
        return rc;
    }
    return yg_namespaces_add(state, state->first);
}
