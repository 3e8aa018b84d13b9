/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "serve/session.h"

/*
 * Who may connect to a namespace.  A refusal is final to a client of socket.io, so it is for a real
 * no; one whose connection ends comes back.
 */

/* Where the verdict goes: back from the middleware or, after a wait, to the decision. */
struct door {
    struct yg_state *state;
    yodel_sio_socket *socket;
    yodel_decision *decision; /* NULL: the middleware is on the stack */
};

static int open_door(const struct door *door)
{
    return door->decision != NULL ? yodel_decision_accept(door->decision, NULL) : 0;
}

/* code "": none. */
static int refuse(const struct door *door, const char *message, const char *code)
{
    char text[100];
    const char *data = *code != '\0' ? text : NULL;

    snprintf(text, sizeof(text), "{\"code\":\"%s\"}", code);
    return door->decision != NULL ? yodel_decision_refuse(door->decision, message, data)
                                  : yodel_sio_socket_refuse(door->socket, message, data);
}

static int send_away(const struct door *door)
{
    yodel_sio_socket_disconnect(door->socket, YODEL_SIO_COME_BACK);
    return -ECANCELED;
}

/* ---- a wait ---- */

struct visit {
    struct yg_waiter waiter;
    struct door door;
    bool is_gone; /* the socket is not there any more */
};

static int decide(const struct door *door);

/* A decision without a verdict is a refusal; but then the server ends. */
static void drop(struct yg_waiter *waiter)
{
    struct visit *visit = (struct visit *)waiter;

    yodel_decision_unref(visit->door.decision);
    free(visit);
}

static void on_gone(yodel_decision *decision, void *user)
{
    struct visit *visit = user;

    (void)decision;
    visit->is_gone = true;
}

static void wake(struct yg_waiter *waiter)
{
    struct visit *visit = (struct visit *)waiter;

    if (!visit->is_gone && decide(&visit->door) < 0 && !visit->is_gone)
        (void)send_away(&visit->door);
    drop(waiter);
}

static int wait_for_keys(const struct door *door)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    if (visit == NULL)
        return send_away(door);
    *visit = (struct visit){{NULL, yodel_sio_socket_loop(door->socket), wake, drop}, *door, false};
    visit->door.decision = yodel_sio_socket_defer(door->socket);
    if (visit->door.decision == NULL) {
        free(visit);
        return send_away(door);
    }
    (void)yodel_decision_on_gone(visit->door.decision, on_gone, visit);
    if (yg_key_source_wait(door->state, &visit->waiter))
        return YODEL_DEFER;
    (void)send_away(door);
    drop(&visit->waiter);
    return -ECANCELED;
}

/* ---- the verdict ---- */

/* What the client has shown is held against the need of the namespace. */
static enum yg_verdict ask(const struct door *door, const struct yg_config *config, int need,
                           struct yg_token *ret_token, struct yg_refusal *ret_refusal)
{
    struct yg_auth *auth = yg_state_loop_auth(door->state, yodel_sio_socket_loop(door->socket));
    struct yg_shown shown = {{NULL, 0}, NULL};
    enum yg_verdict verdict = YG_VERDICT_LATER;

    if (need == YG_AUTH_NONE || yg_auth_of_socket(config, door->socket, &shown) == 0)
        verdict =
            yg_auth_check(door->state, auth, need, shown.text, yodel_sio_socket_peer(door->socket),
                          door->decision != NULL, ret_token, ret_refusal);
    json_decref(shown.holder);
    return verdict;
}

/* A client is in the namespace with what its token grants, or not at all. */
static int let_in(const struct door *door, const struct yg_config *config,
                  const struct yg_namespace *ns, struct yg_token *token)
{
    const char *code = "";
    enum yg_verdict verdict;

    if (token->claims != NULL && !yg_grants_namespace(&token->grants, ns->name, strlen(ns->name)))
        return refuse(door, "forbidden", "namespace");
    verdict = yg_session_begin(door->state, door->socket, config, ns, token, &code);
    if (verdict == YG_VERDICT_YES)
        return open_door(door);
    return verdict == YG_VERDICT_NO ? refuse(door, "forbidden", code) : send_away(door);
}

static int decide(const struct door *door)
{
    const struct yg_config *config =
        yg_state_loop_config(door->state, yodel_sio_socket_loop(door->socket));
    const struct yg_namespace *ns = yg_namespace_find(
        config, yodel_sio_namespace_name(yodel_sio_socket_namespace(door->socket)));
    struct yg_token token = {0};
    struct yg_refusal refusal = {0};
    enum yg_verdict verdict;
    int rc;

    /* In the words of socket.io's server. */
    if (ns == NULL)
        return refuse(door, "Invalid namespace", "");
    verdict = ask(door, config, ns->auth, &token, &refusal);
    if (verdict == YG_VERDICT_YES)
        rc = let_in(door, config, ns, &token);
    else if (verdict == YG_VERDICT_NO)
        rc = refuse(door, "unauthorized", yg_token_code_word(refusal.code));
    else
        rc = verdict == YG_VERDICT_WAIT ? wait_for_keys(door) : send_away(door);
    yg_token_free(&token);
    return rc;
}

int yg_admit(yodel_sio_socket *socket, void *user)
{
    const struct door door = {user, socket, NULL};

    return decide(&door);
}
