/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "serve/door.h"
#include "serve/hooked.h"
#include "serve/hooks.h"
#include "serve/session.h"

/* Who may connect to a namespace: by its token, and then by its webhook. */

/* ---- a wait for keys ---- */

struct visit {
    struct yg_waiter waiter;
    struct yg_door door;
    bool is_gone; /* the socket is not there any more */
};

static int decide(const struct yg_door *door);

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

    if (!visit->is_gone) {
        (void)yodel_decision_on_gone(visit->door.decision, NULL, NULL);
        if (decide(&visit->door) < 0)
            (void)yg_door_send_away(&visit->door);
    }
    drop(waiter);
}

static int wait_for_keys(const struct yg_door *door)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    if (visit == NULL)
        return yg_door_send_away(door);
    *visit = (struct visit){{NULL, yodel_sio_socket_loop(door->socket), wake, drop}, *door, false};
    visit->door.decision = yg_door_wait(door);
    if (visit->door.decision == NULL) {
        free(visit);
        return yg_door_send_away(door);
    }
    (void)yodel_decision_on_gone(visit->door.decision, on_gone, visit);
    if (yg_key_source_wait(door->state, &visit->waiter))
        return YODEL_DEFER;
    (void)yg_door_send_away(door);
    drop(&visit->waiter);
    return -ECANCELED;
}

/* ---- the verdict ---- */

/* What the client has shown is held against the need of the namespace. */
static enum yg_verdict ask(const struct yg_door *door, const struct yg_config *config, int need,
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
static int begin(const struct yg_door *door, const struct yg_config *config,
                 const struct yg_namespace *ns, struct yg_hook *hook, struct yg_token *token)
{
    const char *code = "";
    enum yg_verdict verdict =
        yg_session_begin(door->state, door->socket, config, ns, token, NULL, &code);

    if (verdict == YG_VERDICT_NO)
        return yg_door_refuse_code(door, "forbidden", code);
    if (verdict == YG_VERDICT_YES && hook != NULL &&
        yg_hooked_begin(door->state, door->socket, hook) < 0)
        verdict = YG_VERDICT_LATER;
    return verdict == YG_VERDICT_YES ? yg_door_open(door) : yg_door_send_away(door);
}

static int let_in(const struct yg_door *door, const struct yg_config *config,
                  const struct yg_namespace *ns, struct yg_token *token)
{
    struct yg_hook *hook =
        yg_hooks_find(door->state, yodel_sio_socket_loop(door->socket), ns->webhook);

    if (token->claims != NULL && !yg_grants_namespace(&token->grants, ns->name, strlen(ns->name)))
        return yg_door_refuse_code(door, "forbidden", "namespace");
    if (hook != NULL && yg_hook_has_kind(hook, YG_HOOK_CONNECT))
        return yg_hooked_connect(door, hook, token);
    if (yg_auth_asks(config, ns->webhook) || (hook == NULL && *ns->webhook != '\0'))
        return yg_door_send_away(door);
    return begin(door, config, ns, hook, token);
}

static int decide(const struct yg_door *door)
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
    if (ns == NULL || !yg_serve_admin_to_socket(door->state, door->socket))
        return yg_door_refuse(door, "Invalid namespace", NULL);
    verdict = ask(door, config, yg_auth_need_of(config, ns->auth, ns->webhook), &token, &refusal);
    if (verdict == YG_VERDICT_YES)
        rc = let_in(door, config, ns, &token);
    else if (verdict == YG_VERDICT_NO)
        rc = yg_door_refuse_code(door, "unauthorized", yg_token_code_word(refusal.code));
    else
        rc = verdict == YG_VERDICT_WAIT ? wait_for_keys(door) : yg_door_send_away(door);
    yg_token_free(&token);
    return rc;
}

int yg_admit(yodel_sio_socket *socket, void *user)
{
    const struct yg_door door = {user, socket, NULL};

    return decide(&door);
}
