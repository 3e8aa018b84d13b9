/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "base/clock.h"
#include "hook/members.h"
#include "serve/hooked_ws_parts.h"
#include "serve/hooks.h"

/* The question whether a WebSocket may open. */

/* ---- the answer ---- */

static int join_all(struct yg_hooked_ws *hooked, const struct yg_hook_result *said)
{
    const struct yg_grants *grants = &hooked->token.grants;
    int rc = hooked->room[0] != '\0' ? yg_hooked_ws_join(hooked, hooked->room) : 0;

    for (size_t i = 0; i < grants->num_rooms && rc == 0; i++)
        rc = yg_hooked_ws_join(hooked, grants->rooms[i]);
    for (size_t i = 0; said != NULL && i < said->rooms.num && rc == 0; i++)
        rc = yg_hooked_ws_join(hooked, said->rooms.items[i]);
    return rc;
}

/* A copy; null stands for none. */
static int copy_json(const json_t *value, json_t **ret_copy)
{
    *ret_copy = value != NULL && !json_is_null(value) ? json_deep_copy(value) : NULL;
    return *ret_copy != NULL || value == NULL || json_is_null(value) ? 0 : -ENOMEM;
}

/* What the token says, and the back end in place of it. */
static int identify(struct yg_hooked_ws *hooked, const struct yg_hook_result *said)
{
    const struct yg_token *token = &hooked->token;
    const char *user = said != NULL && said->user != NULL ? said->user : token->user;
    const json_t *meta = said != NULL && said->meta != NULL ? said->meta : token->grants.meta;
    const json_t *info = said != NULL && said->info != NULL ? said->info : token->grants.info;

    free(hooked->user);
    hooked->user = user != NULL ? strdup(user) : NULL;
    if ((user != NULL && hooked->user == NULL) || copy_json(meta, &hooked->meta) < 0 ||
        copy_json(info, &hooked->info) < 0 ||
        copy_json(said != NULL ? said->data : NULL, &hooked->hello) < 0 ||
        yg_lane_set_user(hooked->lane, hooked->user) < 0)
        return -ENOMEM;
    yg_record_name_user(hooked->record, hooked->hook, hooked->lane, hooked->user);
    yg_hooked_ws_end_at(hooked, said != NULL && said->has_expires
                                    ? said->expires_at
                                    : (token->expires_ms + 999) / 1000);
    return 0;
}

/* Returns 0, or the status to refuse with. */
static int let_in(struct yg_hooked_ws *hooked, struct yg_hook_result *said)
{
    if (identify(hooked, said) < 0 ||
        (said != NULL &&
         yg_hook_result_take_actions(said, &hooked->actions, &hooked->num_actions) < 0))
        return 503;
    return yg_visitor_status(join_all(hooked, said));
}

static void forget_token(struct yg_hooked_ws *hooked)
{
    yg_token_free(&hooked->token);
    hooked->token = (struct yg_token){0};
}

static void refuse(struct yg_hooked_ws *hooked, int status)
{
    const yodel_response response = {.size = sizeof(response), .status = status};

    (void)yodel_decision_reject(hooked->decision, &response);
}

static void keep_out(struct yg_hooked_ws *hooked, const struct yg_hook_result *said)
{
    struct yg_text data = {0};
    int rc;

    if (said->data != NULL)
        yg_json_put(&data, said->data, 0);
    rc = yodel_decision_refuse(hooked->decision, said->message,
                               said->data != NULL && !yg_text_failed(&data) ? data.ptr : NULL);
    yg_text_done(&data);
    if (rc < 0)
        refuse(hooked, 403);
}

static void decide(struct yg_hooked_ws *hooked, const struct yg_hook_told *told)
{
    const int policy = yg_hook_options(hooked->hook)->on_unavailable;
    int status = 0;

    if (told->result != NULL && told->result->is_rejected) {
        keep_out(hooked, told->result);
        return;
    }
    if (told->result == NULL && policy != YG_UNAVAILABLE_ALLOW)
        status = policy == YG_UNAVAILABLE_DENY ? 403 : 503;
    else
        status = let_in(hooked, told->result);
    /* on_open runs inside, and on_close may come soon. */
    if (status == 0 && yodel_decision_accept(hooked->decision, NULL) < 0)
        status = 503;
    if (status != 0)
        refuse(hooked, status);
}

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked_ws *hooked = user;

    yg_auth_count(hooked->state, YG_AUTH_BY_WEBHOOK,
                  told->result == NULL        ? YG_VERDICT_LATER
                  : told->result->is_rejected ? YG_VERDICT_NO
                                              : YG_VERDICT_YES);
    hooked->question = NULL;
    if (hooked->key.is_made)
        yg_hook_keep(hooked->hook, hooked->key.bytes, told);
    hooked->is_known = told->result != NULL ? !told->result->is_rejected : told->may_be_known;
    if (hooked->ws != NULL)
        decide(hooked, told);
    if (!hooked->is_open)
        yg_hooked_ws_goodbye(hooked, "transport close", 0);
    hooked->decision = yodel_decision_unref(hooked->decision);
    forget_token(hooked);
    yg_hooked_ws_unref(hooked);
}

/* ---- the question ---- */

static void put_headers(struct yg_text *text, const yodel_request *req,
                        const struct yg_texts *names)
{
    const char *between = "";

    yg_text_puts(text, ",\"headers\":{");
    for (size_t i = 0; i < names->num; i++) {
        const yodel_str value = yodel_request_header(req, names->items[i]);

        if (value.ptr == NULL)
            continue;
        yg_text_puts(text, between);
        yg_text_put_json(text, names->items[i], strlen(names->items[i]));
        yg_text_putc(text, ':');
        yg_text_put_json(text, value.ptr, value.len);
        between = ",";
    }
    yg_text_putc(text, '}');
}

static void write_question(const struct yg_hooked_ws *hooked, const yodel_request *req,
                           struct yg_text *text)
{
    const yodel_str query = yodel_request_query(req), path = yodel_request_path(req);
    struct yg_text url = {0};

    yg_text_add(&url, path.ptr, path.len);
    yg_text_puts(&url, query.len > 0 ? "?" : "");
    yg_text_add(&url, query.len > 0 ? query.ptr : "", query.len);
    yg_text_puts(text, ",\"auth\":{},\"query\":");
    yg_query_put(text, query);
    put_headers(text, req, &yg_hook_options(hooked->hook)->forward_headers);
    yg_member_put(text, "url", (yodel_str){url.ptr, url.len});
    if (hooked->token.claims != NULL)
        yg_member_put_json(text, "claims", hooked->token.claims);
    yg_text_puts(text, ",\"recovered\":false");
    text->failed = text->failed || yg_text_failed(&url);
    yg_text_done(&url);
}

static int push_question(struct yg_hooked_ws *hooked, struct yg_hook_event *event)
{
    hooked->decision = yodel_ws_defer(hooked->ws);
    if (hooked->decision == NULL || yg_lane_keep(hooked->lane) < 0) {
        yg_hook_event_free(event);
        return -ENOMEM;
    }
    hooked->question = event;
    hooked->refs++;
    yg_hooked_ws_record(hooked);
    if (yg_lane_push(event) == 0)
        return 0;
    hooked->question = NULL;
    hooked->refs--;
    return -ENOBUFS;
}

/* Returns what on_connect returns. */
static int ask(struct yg_hooked_ws *hooked, yodel_request *req)
{
    const yodel_str ns = yodel_str_of(hooked->options->path);
    struct yg_hook_event *event = yg_hook_event_new(hooked->lane, YG_HOOK_CONNECT, on_told, hooked);
    struct yg_hook_answer *answer;
    int status;

    if (event == NULL)
        return 503;
    write_question(hooked, req, yg_hook_event_text(event));
    yg_hook_event_trace(event, yodel_request_header(req, "traceparent"));
    if (yg_hook_options(hooked->hook)->cache_ms > 0)
        yg_question_key(ns, yg_hook_event_text(event), &hooked->key);
    if (!yg_question_find(hooked->hook, hooked->loop, ns, &hooked->key, &answer))
        return push_question(hooked, event) == 0 ? YODEL_DEFER : 503;
    yg_hook_event_free(event);
    status = answer->results[0].is_rejected ? 403 : let_in(hooked, &answer->results[0]);
    yg_hook_answer_free(answer);
    forget_token(hooked);
    return status;
}

/* ---- a WebSocket ---- */

static void on_free(void *data)
{
    struct yg_hooked_ws *hooked = data;

    hooked->ws = NULL;
    yg_until_stop(&hooked->until);
    yg_admin_ws_close(&hooked->shown);
    if (hooked->question == NULL)
        yg_hooked_ws_goodbye(hooked, "transport close", 0);
    yg_hooked_ws_unref(hooked);
}

/* On its WebSocket when it was made: it goes with that. */
static struct yg_hooked_ws *new_hooked(const struct yg_websocket_path *path, yodel_ws *ws,
                                       yodel_request *req, struct yg_hook *hook)
{
    struct yg_hooked_ws *hooked = calloc(1, sizeof(*hooked));

    if (hooked == NULL)
        return NULL;
    hooked->refs = 1;
    hooked->state = path->state;
    hooked->options = path->options;
    hooked->loop = yodel_ws_loop(ws);
    hooked->hook = hook;
    hooked->connected_ms = yg_clock_wall_ms();
    yodel_ws_channel_name(ws, hooked->sid);
    hooked->path = yg_string_of(yodel_request_path(req));
    hooked->address = yg_string_of(yodel_request_peer(req));
    hooked->lane =
        yg_lane_new(hook, yodel_str_of(path->options->path), &yg_hooked_ws_owner, hooked);
    yg_until_init(&hooked->until, hooked->loop, yg_hooked_ws_on_time, hooked);
    if (hooked->path == NULL || hooked->address == NULL || hooked->lane == NULL ||
        (yg_hook_has_kind(hook, YG_HOOK_DISCONNECTED) && yg_lane_reserve(hooked->lane) < 0)) {
        yg_hooked_ws_goodbye(hooked, "", 0);
        yg_hooked_ws_unref(hooked);
        return NULL;
    }
    hooked->record = yg_record_new(path->state, hooked->loop, hook);
    yg_record_name_lane(hooked->record, hooked->lane);
    hooked->ws = ws;
    yg_admin_ws_open(path->state->admin, &hooked->shown, ws, req, path->options->path);
    yodel_ws_set_data(ws, hooked, on_free);
    return hooked;
}

/* Returns what on_connect returns. */
static int begin(const struct yg_websocket_path *path, yodel_ws *ws, yodel_request *req,
                 struct yg_hook *hook, struct yg_token *token)
{
    struct yg_hooked_ws *hooked = new_hooked(path, ws, req, hook);
    int status;

    if (hooked == NULL)
        return 503;
    hooked->token = *token;
    *token = (struct yg_token){0};
    status = yg_websocket_room(req, &hooked->token, hooked->room);
    if (status != 0)
        return status;
    if (hooked->token.user != NULL && (hooked->user = strdup(hooked->token.user)) == NULL)
        return 503;
    if (yg_hook_has_kind(hook, YG_HOOK_CONNECT))
        return ask(hooked, req);
    status = let_in(hooked, NULL);
    forget_token(hooked);
    return status;
}

int yg_hooked_ws_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_state *state = path->state;
    const char *name = path->options->webhook;
    const struct yg_config *config = yg_state_loop_config(state, yodel_ws_loop(ws));
    struct yg_hook *hook = yg_hooks_find(state, yodel_ws_loop(ws), name);
    struct yg_token token;
    int status =
        yg_visitor_check(state, req, yg_auth_need_of(config, path->options->auth, name), &token);

    if (status == 0 &&
        (hook == NULL || (yg_auth_asks(config, name) && !yg_hook_has_kind(hook, YG_HOOK_CONNECT))))
        status = 503;
    if (status == 0)
        status = begin(path, ws, req, hook, &token);
    yg_token_free(&token);
    return status;
}
