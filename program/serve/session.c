/* SPDX-License-Identifier: MIT */
#include "serve/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/hooked.h"
#include "state/socket_state.h"

#define LEAD_MS 30000 /* how long ahead of its end a client is told */

/* ---- the end of a token ---- */

void yg_session_tell_expiring(yodel_sio_socket *socket)
{
    (void)yodel_sio_emit(yodel_sio_to(socket), YG_EXPIRING_EVENT, "{s:I}", "expires_at",
                         (json_int_t)yg_state_expires_at(socket));
}

/* The webhook says for how long, or the client shows another token. */
static void on_expiring(yodel_sio_socket *socket, void *user)
{
    (void)user;
    if (!yg_hooked_refresh(socket))
        yg_session_tell_expiring(socket);
}

static void on_changed(yodel_sio_socket *socket, void *user)
{
    const struct yg_state *state = user;

    yg_admin_changed(state->admin, socket);
}

/* No packet of an end: the client comes back with a fresh token. */
static void on_expired(yodel_sio_socket *socket, void *user)
{
    struct yg_state *state = user;
    const yodel_str id = yodel_sio_socket_id(socket);

    yg_log(state, YG_LOG_DEBUG, "auth: the token of %" YODEL_PRI " has expired", YODEL_ARG(id));
    yodel_sio_socket_disconnect(socket, YODEL_SIO_COME_BACK);
}

/* A second that has begun counts whole. */
static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

/* ---- what it grants ---- */

static void free_grants(void *session)
{
    yg_grants_free(session);
    free(session);
}

/* Has a place for the grants of a token; *ret_grants is NULL for who is anonymous. */
static int new_grants(const struct yg_token *token, struct yg_grants **ret_grants)
{
    *ret_grants = token->claims != NULL ? malloc(sizeof(**ret_grants)) : NULL;
    return *ret_grants != NULL || token->claims == NULL ? 0 : -ENOMEM;
}

/* Moves the grants of a token there, and there to the socket. */
static void keep_grants(yodel_sio_socket *socket, struct yg_token *token, struct yg_grants *grants)
{
    if (grants != NULL) {
        *grants = token->grants;
        token->grants = (struct yg_grants){0};
    }
    yg_state_set_session(socket, grants, grants != NULL ? free_grants : NULL);
}

const struct yg_grants *yg_session_grants(yodel_sio_socket *socket)
{
    return yg_state_session(socket);
}

/* ---- the beginning ---- */

/* Whether a result is the token's fault: it names what cannot be, or too much. */
static enum yg_verdict verdict_of(int result, const char *code, const char **ret_code)
{
    if (result == 0)
        return YG_VERDICT_YES;
    *ret_code = code;
    return result == YODEL_ERR_NAME || result == YODEL_ERR_TOO_BIG ? YG_VERDICT_NO
                                                                   : YG_VERDICT_LATER;
}

static int join_rooms(yodel_sio_socket *socket, const char *const *rooms, size_t num)
{
    int rc = 0;

    for (size_t i = 0; i < num && rc == 0; i++)
        rc = yodel_sio_socket_join(socket, rooms[i]);
    return rc;
}

static int join_all(yodel_sio_socket *socket, const struct yg_grants *grants,
                    const struct yg_hook_result *said)
{
    const int rc = join_rooms(socket, grants->rooms, grants->num_rooms);

    return rc == 0 && said != NULL ? join_rooms(socket, said->rooms.items, said->rooms.num) : rc;
}

static struct yg_identity identify(const struct yg_config *config, const struct yg_namespace *ns,
                                   const struct yg_token *token, const struct yg_hook_result *said)
{
    const struct yg_jwt_config *jwt = &config->auth.jwt;
    const bool ends = jwt->on_expire == YG_EXPIRE_RECONNECT;
    struct yg_identity who = {.user = token->user,
                              .personal_room = ns->personal_room,
                              .meta = token->grants.meta,
                              .info = token->grants.info,
                              .expires_at = seconds_of(token->expires_ms),
                              .on_expiring = ends ? on_expiring : NULL,
                              .lead_ms = LEAD_MS,
                              .on_expired = ends ? on_expired : NULL,
                              .on_changed = on_changed,
                              .leeway_ms = jwt->leeway_ms};

    if (said == NULL)
        return who;
    who.user = said->user != NULL ? said->user : who.user;
    who.meta = said->meta != NULL ? said->meta : who.meta;
    who.info = said->info != NULL ? said->info : who.info;
    who.expires_at = said->has_expires ? said->expires_at : who.expires_at;
    return who;
}

enum yg_verdict yg_session_begin(struct yg_state *state, yodel_sio_socket *socket,
                                 const struct yg_config *config, const struct yg_namespace *ns,
                                 struct yg_token *token, const struct yg_hook_result *said,
                                 const char **ret_code)
{
    struct yg_identity who = identify(config, ns, token, said);
    struct yg_grants *grants;
    enum yg_verdict verdict;

    who.expired_user = state;
    if (new_grants(token, &grants) < 0)
        return YG_VERDICT_LATER;
    verdict = verdict_of(yg_state_begin(socket, &who), "personal_room", ret_code);
    if (verdict == YG_VERDICT_YES)
        verdict = verdict_of(join_all(socket, &token->grants, said), "rooms", ret_code);
    if (verdict == YG_VERDICT_YES)
        keep_grants(socket, token, grants);
    else
        free(grants);
    return verdict;
}

/* ---- a new token ---- */

static void fail(yodel_sio_event *event, const char *code)
{
    (void)yodel_sio_event_answer(event, "{s:{s:s}}", "error", "code", code);
}

/* "TOKEN" or {"token": "TOKEN"}; ptr NULL: neither. */
static yodel_str token_of(yodel_sio_event *event)
{
    const json_t *value = json_array_get(yodel_sio_event_json(event), 0);

    if (json_is_object(value))
        value = json_object_get(value, "token");
    if (!json_is_string(value))
        return (yodel_str){NULL, 0};
    return (yodel_str){json_string_value(value), json_string_length(value)};
}

static bool is_same_user(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* All of it, or none. */
static int exchange(yodel_sio_socket *socket, struct yg_token *token)
{
    const struct yg_change change = {.meta = token->grants.meta,
                                     .has_expires = true,
                                     .expires_at = seconds_of(token->expires_ms)};
    struct yg_grants *grants = NULL;
    int rc = new_grants(token, &grants);

    if (rc == 0)
        rc = yg_state_change(socket, &change);
    if (rc == 0)
        keep_grants(socket, token, grants);
    else
        free(grants);
    return rc;
}

static void take(yodel_sio_socket *socket, yodel_sio_event *event, struct yg_token *token)
{
    const yodel_str ns = yodel_sio_namespace_name(yodel_sio_socket_namespace(socket));
    const int64_t at = seconds_of(token->expires_ms);

    if (!is_same_user(yg_state_user(socket), token->user))
        fail(event, "user_other");
    else if (!yg_grants_namespace(&token->grants, ns.ptr, ns.len))
        fail(event, "namespace");
    else if (exchange(socket, token) < 0)
        fail(event, "unavailable");
    else
        (void)yodel_sio_event_answer(event, "{s:I}", "expires_at", (json_int_t)at);
}

void yg_session_refresh(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct yg_state *state = user;
    struct yg_auth *auth = yg_state_loop_auth(state, yodel_sio_socket_loop(socket));
    struct yg_refusal refusal;
    struct yg_token token;
    enum yg_verdict verdict = yg_auth_check(state, auth, YG_AUTH_REQUIRED, token_of(event),
                                            yodel_sio_socket_peer(socket), false, &token, &refusal);

    if (verdict == YG_VERDICT_YES)
        take(socket, event, &token);
    else
        fail(event, verdict == YG_VERDICT_NO ? yg_token_code_word(refusal.code) : "unavailable");
    yg_token_free(&token);
}
