/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yodel/decision.h>

#include "hook/members.h"
#include "serve/hooked_parts.h"
#include "serve/session.h"
#include "state/socket_state.h"

/* The question whether a socket may connect. */

/* One that is asked for.  Its socket is there until the door is gone. */
struct question {
    struct yg_door door;
    struct yg_question_key key;
    struct yg_hooked *hooked;
    struct yg_token token;
    struct yg_hook_event *event; /* until it was told */
};

static void free_question(struct question *question)
{
    yodel_decision_unref(question->door.decision);
    yg_token_free(&question->token);
    yg_hooked_unref(question->hooked);
    free(question);
}

/* The client has gone: what was not sent is not asked any more, and if it was, the answer says
 * whether a goodbye is due. */
static void on_gone(yodel_decision *decision, void *user)
{
    struct question *question = user;

    (void)decision;
    question->hooked->socket = NULL;
    if (!yg_lane_take_back(question->event))
        return;
    yg_hooked_leave(question->hooked);
    free_question(question);
}

/* ---- the answer ---- */

/* Without memory there is no hello; then it has not been let in. */
static int keep_result(struct yg_hooked *hooked, struct yg_hook_result *result)
{
    if (result->data != NULL && (hooked->hello = json_deep_copy(result->data)) == NULL)
        return -ENOMEM;
    return yg_hook_result_take_actions(result, &hooked->actions, &hooked->num_actions);
}

/* result NULL: it is let in without an answer. */
static enum yg_verdict begin(struct question *question, struct yg_hook_result *result,
                             const char **ret_code)
{
    const struct yg_door *door = &question->door;
    const struct yg_config *config = yg_state_loop_config(door->state, question->hooked->loop);
    const struct yg_namespace *ns = yg_namespace_find(
        config, yodel_sio_namespace_name(yodel_sio_socket_namespace(door->socket)));
    enum yg_verdict verdict;

    if (ns == NULL)
        return YG_VERDICT_LATER;
    verdict =
        yg_auth_check_user(door->state, config, ns->auth,
                           question->token.user != NULL || (result != NULL && result->user != NULL),
                           result != NULL, ns->name);
    if (verdict != YG_VERDICT_YES) {
        *ret_code = "user_missing";
        return verdict;
    }
    if (result != NULL && keep_result(question->hooked, result) < 0)
        return YG_VERDICT_LATER;
    verdict =
        yg_session_begin(door->state, door->socket, config, ns, &question->token, result, ret_code);
    if (verdict == YG_VERDICT_YES &&
        (yg_lane_keep(question->hooked->lane) < 0 || yg_hooked_name_user(question->hooked) < 0))
        verdict = YG_VERDICT_LATER;
    return verdict;
}

/* Its reference is the socket's when it is in. */
static void let_in(struct question *question, struct yg_hook_result *result)
{
    struct yg_hooked *hooked = question->hooked;
    const char *code = "";
    const enum yg_verdict verdict = begin(question, result, &code);

    if (verdict == YG_VERDICT_YES) {
        hooked->refs++;
        yg_hooked_attach(hooked);
        if (yg_door_open(&question->door) < 0)
            (void)yg_door_send_away(&question->door);
        return;
    }
    yg_hooked_goodbye(hooked, "server namespace disconnect", "[]");
    yg_hooked_leave(hooked);
    if (verdict == YG_VERDICT_NO)
        (void)yg_door_refuse_code(&question->door, "forbidden", code);
    else
        (void)yg_door_send_away(&question->door);
}

static void keep_out(struct question *question, const struct yg_hook_result *result)
{
    char *data =
        result->data != NULL ? json_dumps(result->data, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const struct yg_door *door = &question->door;

    yg_hooked_leave(question->hooked);
    if (yg_door_refuse(door, result->message != NULL ? result->message : "not authorized", data) <
        0)
        (void)yg_door_refuse(door, NULL, NULL);
    free(data);
}

/* The back end has not said anything. */
static void do_without(struct question *question)
{
    const struct yg_hooked *hooked = question->hooked;
    const int policy = yg_hook_options(hooked->hook)->on_unavailable;

    if (policy == YG_UNAVAILABLE_ALLOW) {
        let_in(question, NULL);
        return;
    }
    yg_hooked_goodbye(question->hooked, "transport error", "[]");
    yg_hooked_leave(question->hooked);
    if (policy == YG_UNAVAILABLE_DENY)
        (void)yg_door_refuse_code(&question->door, "unavailable", "unavailable");
    else
        (void)yg_door_send_away(&question->door);
}

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct question *question = user;
    struct yg_hooked *hooked = question->hooked;
    const bool is_rejected = told->result != NULL && told->result->is_rejected;

    if (question->key.is_made)
        yg_hook_keep(hooked->hook, question->key.bytes, told);
    yg_auth_count(hooked->state, YG_AUTH_BY_WEBHOOK,
                  is_rejected            ? YG_VERDICT_NO
                  : told->result != NULL ? YG_VERDICT_YES
                                         : YG_VERDICT_LATER);
    hooked->user = NULL;
    hooked->is_known = told->result != NULL ? !is_rejected : told->may_be_known;
    if (hooked->socket == NULL) {
        yg_hooked_goodbye(hooked, "transport close", "[]");
        yg_hooked_leave(hooked);
    } else {
        /* From here on it is the socket's end that tells of it. */
        (void)yodel_decision_on_gone(question->door.decision, NULL, NULL);
        if (is_rejected)
            keep_out(question, told->result);
        else if (told->result != NULL)
            let_in(question, told->result);
        else
            do_without(question);
    }
    free_question(question);
}

/* ---- the question ---- */

/* Those of the client's handshake that the configuration lets through. */
static void put_headers(struct yg_text *text, const json_t *headers, const struct yg_texts *names)
{
    const char *between = "";

    yg_text_puts(text, ",\"headers\":{");
    for (size_t i = 0; i < names->num; i++) {
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)headers, name, value)
        {
            if (strcasecmp(name, names->items[i]) != 0)
                continue;
            yg_text_puts(text, between);
            yg_text_put_json(text, name, strlen(name));
            yg_text_putc(text, ':');
            yg_json_put(text, value, 0);
            between = ",";
        }
    }
    yg_text_putc(text, '}');
}

/* What differs from one connection to the next of the same client is left out. */
static void put_query(struct yg_text *text, const json_t *query)
{
    static const char *const left_out[] = {"EIO", "transport", "sid", "t"};
    json_t *copy = json_copy((json_t *)(uintptr_t)query);

    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        (void)json_object_del(copy, left_out[i]);
    if (copy == NULL && query != NULL)
        text->failed = true;
    yg_member_put_json(text, "query", copy);
    json_decref(copy);
}

/* Ahead of all else what says who the client is. */
static void write_question(struct question *question, struct yg_text *text)
{
    yodel_sio_socket *socket = question->door.socket;
    const yodel_str ns = yodel_sio_namespace_name(yodel_sio_socket_namespace(socket));
    json_t *handshake = yodel_sio_socket_handshake(socket);
    const json_t *query = json_object_get(handshake, "query");
    struct yg_text key = {0};

    if (handshake == NULL) {
        text->failed = true;
        return;
    }
    yg_member_put_json(text, "auth", yodel_sio_socket_auth(socket));
    put_headers(text, json_object_get(handshake, "headers"),
                &yg_hook_options(question->hooked->hook)->forward_headers);
    if (question->token.claims != NULL)
        yg_member_put_json(text, "claims", question->token.claims);
    if (yg_hook_options(question->hooked->hook)->cache_ms > 0) {
        yg_text_add(&key, text->ptr, text->len);
        put_query(&key, query);
        yg_question_key(ns, &key, &question->key);
        yg_text_done(&key);
    }
    yg_member_put_json(text, "query", query);
    yg_member_put_json(text, "url", json_object_get(handshake, "url"));
    yg_text_printf(text, ",\"recovered\":%s",
                   yodel_sio_socket_recovered(socket) ? "true" : "false");
    json_decref(handshake);
}

/* An answer that was kept is given at once; the socket goes on by its decision all the same. */
static bool answer_again(struct question *question)
{
    struct yg_hooked *hooked = question->hooked;
    const yodel_str ns =
        yodel_sio_namespace_name(yodel_sio_socket_namespace(question->door.socket));
    struct yg_hook_answer *answer;

    if (!yg_question_find(hooked->hook, hooked->loop, ns, &question->key, &answer))
        return false;
    question->key.is_made = false;
    on_told(&(const struct yg_hook_told){.result = &answer->results[0]}, question);
    yg_hook_answer_free(answer);
    return true;
}

static int push(struct question *question, struct yg_hook_event *event)
{
    question->event = event;
    question->hooked->user = question->token.user;
    if (yg_lane_keep(question->hooked->lane) < 0)
        yg_hook_event_text(event)->failed = true;
    yg_hooked_record(question->hooked);
    return yg_lane_push(event);
}

/* Asks, or has been answered already: then question is gone. */
static int ask(struct question *question)
{
    struct yg_hook_event *event =
        yg_hook_event_new(question->hooked->lane, YG_HOOK_CONNECT, on_told, question);
    int rc;

    if (event == NULL)
        return -ENOMEM;
    write_question(question, yg_hook_event_text(event));
    yg_hook_event_trace(event, yodel_sio_socket_header(question->door.socket, "traceparent"));
    if (answer_again(question)) {
        yg_hook_event_free(event);
        return 0;
    }
    rc = push(question, event);
    if (rc == 0)
        (void)yodel_decision_on_gone(question->door.decision, on_gone, question);
    return rc;
}

static struct question *new_question(const struct yg_door *door, struct yg_hook *hook)
{
    struct question *question = calloc(1, sizeof(*question));

    if (question == NULL)
        return NULL;
    question->door = *door;
    question->hooked = yg_hooked_new(door->state, door->socket, hook);
    if (question->hooked == NULL) {
        free(question);
        return NULL;
    }
    question->door.decision = yg_door_wait(door);
    if (question->door.decision == NULL) {
        yg_hooked_leave(question->hooked);
        free_question(question);
        return NULL;
    }
    return question;
}

int yg_hooked_connect(const struct yg_door *door, struct yg_hook *hook, struct yg_token *token)
{
    struct question *question = new_question(door, hook);

    if (question == NULL)
        return yg_door_send_away(door);
    question->token = *token;
    *token = (struct yg_token){0};
    if (ask(question) < 0) {
        yg_hooked_leave(question->hooked);
        free_question(question);
        return yg_door_send_away(door);
    }
    return YODEL_DEFER;
}
