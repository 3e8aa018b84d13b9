/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "hook/members.h"
#include "serve/guest.h"

/* The question whether a guest may come. */

/* ---- the answer ---- */

/* A copy; null stands for none. */
static int copy_json(const json_t *value, json_t **ret_copy)
{
    *ret_copy = value != NULL && !json_is_null(value) ? json_deep_copy(value) : NULL;
    return *ret_copy != NULL || value == NULL || json_is_null(value) ? 0 : -ENOMEM;
}

/* What the token says, and the back end in place of it. */
static int identify(struct yg_guest *guest, const struct yg_hook_result *said)
{
    const struct yg_token *token = &guest->token;
    const char *user = said != NULL && said->user != NULL ? said->user : token->user;
    const json_t *meta = said != NULL && said->meta != NULL ? said->meta : token->grants.meta;
    const json_t *info = said != NULL && said->info != NULL ? said->info : token->grants.info;

    free(guest->user);
    guest->user = user != NULL ? strdup(user) : NULL;
    if ((user != NULL && guest->user == NULL) || copy_json(meta, &guest->meta) < 0 ||
        copy_json(info, &guest->info) < 0 ||
        copy_json(said != NULL ? said->data : NULL, &guest->hello) < 0 ||
        yg_lane_set_user(guest->lane, guest->user) < 0)
        return -ENOMEM;
    yg_record_name_user(guest->record, guest->hook, guest->lane, guest->user);
    yg_guest_end_at(guest, said != NULL && said->has_expires ? said->expires_at
                                                             : (token->expires_ms + 999) / 1000);
    return 0;
}

/* Returns 0, or the status to refuse with. */
static int let_in(struct yg_guest *guest, struct yg_hook_result *said)
{
    const struct yg_config *config = yg_state_loop_config(guest->state, guest->loop);
    enum yg_verdict verdict;

    if (identify(guest, said) < 0)
        return 503;
    verdict = yg_auth_check_user(guest->state, config, guest->auth, guest->user != NULL,
                                 said != NULL, guest->path);
    if (verdict != YG_VERDICT_YES)
        return verdict == YG_VERDICT_NO ? 401 : 503;
    if (said != NULL && yg_hook_result_take_actions(said, &guest->actions, &guest->num_actions) < 0)
        return 503;
    return guest->kind->enter(guest, said);
}

static void forget_token(struct yg_guest *guest)
{
    yg_token_free(&guest->token);
    guest->token = (struct yg_token){0};
}

static void keep_out(struct yg_guest *guest, const struct yg_hook_result *said)
{
    struct yg_text data = {0};
    int rc;

    if (said->data != NULL)
        yg_json_put(&data, said->data, 0);
    rc = yodel_decision_refuse(guest->decision, said->message,
                               said->data != NULL && !yg_text_failed(&data) ? data.ptr : NULL);
    yg_text_done(&data);
    if (rc < 0)
        guest->kind->refuse(guest, 403);
}

static void decide(struct yg_guest *guest, const struct yg_hook_told *told)
{
    const int policy = yg_hook_options(guest->hook)->on_unavailable;
    int status = 0;

    if (told->result != NULL && told->result->is_rejected) {
        keep_out(guest, told->result);
        return;
    }
    if (told->result == NULL && policy != YG_UNAVAILABLE_ALLOW)
        status = policy == YG_UNAVAILABLE_DENY ? 403 : 503;
    else
        status = let_in(guest, told->result);
    /* It opens inside, and may end soon. */
    if (status == 0 && guest->kind->accept(guest) < 0)
        status = 503;
    if (status != 0)
        guest->kind->refuse(guest, status);
}

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    yg_auth_count(guest->state, YG_AUTH_BY_WEBHOOK,
                  told->result == NULL        ? YG_VERDICT_LATER
                  : told->result->is_rejected ? YG_VERDICT_NO
                                              : YG_VERDICT_YES);
    guest->question = NULL;
    if (guest->key.is_made)
        yg_hook_keep(guest->hook, guest->key.bytes, told);
    guest->is_known = told->result != NULL ? !told->result->is_rejected : told->may_be_known;
    if (!guest->is_gone)
        decide(guest, told);
    if (!guest->is_open)
        yg_guest_goodbye(guest, "transport close", 0);
    guest->decision = yodel_decision_unref(guest->decision);
    forget_token(guest);
    if (!guest->is_open && !guest->is_gone && guest->kind->refused != NULL)
        guest->kind->refused(guest);
    yg_guest_unref(guest);
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

static void write_question(const struct yg_guest *guest, const yodel_request *req,
                           struct yg_text *text)
{
    const yodel_str query = yodel_request_query(req), path = yodel_request_path(req);
    struct yg_text url = {0};

    yg_text_add(&url, path.ptr, path.len);
    yg_text_puts(&url, query.len > 0 ? "?" : "");
    yg_text_add(&url, query.len > 0 ? query.ptr : "", query.len);
    yg_text_puts(text, ",\"auth\":{},\"query\":");
    yg_query_put(text, query);
    put_headers(text, req, &yg_hook_options(guest->hook)->forward_headers);
    yg_member_put(text, "url", (yodel_str){url.ptr, url.len});
    if (guest->token.claims != NULL)
        yg_member_put_json(text, "claims", guest->token.claims);
    yg_text_puts(text, ",\"recovered\":false");
    text->failed = text->failed || yg_text_failed(&url);
    yg_text_done(&url);
}

static int push_question(struct yg_guest *guest, struct yg_hook_event *event)
{
    guest->decision = guest->kind->defer(guest);
    if (guest->decision == NULL || yg_lane_keep(guest->lane) < 0) {
        yg_hook_event_free(event);
        return -ENOMEM;
    }
    guest->question = event;
    guest->refs++;
    yg_guest_record(guest);
    if (yg_lane_push(event) == 0)
        return 0;
    guest->question = NULL;
    guest->refs--;
    return -ENOBUFS;
}

/* What was kept is said again: let in at once, refused with what the back end has said. */
static int answer_again(struct yg_guest *guest, struct yg_hook_answer *answer)
{
    struct yg_hook_result *said = &answer->results[0];

    if (!said->is_rejected)
        return let_in(guest, said);
    guest->decision = guest->kind->defer(guest);
    if (guest->decision == NULL)
        return 403;
    guest->refs++; /* its connection may end in here */
    keep_out(guest, said);
    if (guest->kind->refused != NULL && !guest->is_gone)
        guest->kind->refused(guest);
    yg_guest_unref(guest);
    return YODEL_DEFER;
}

static int ask(struct yg_guest *guest, yodel_request *req)
{
    const yodel_str ns = yodel_str_of(guest->pattern);
    struct yg_hook_event *event = yg_hook_event_new(guest->lane, YG_HOOK_CONNECT, on_told, guest);
    struct yg_hook_answer *answer;
    int status;

    if (event == NULL)
        return 503;
    write_question(guest, req, yg_hook_event_text(event));
    yg_hook_event_trace(event, yodel_request_header(req, "traceparent"));
    if (yg_hook_options(guest->hook)->cache_ms > 0)
        yg_question_key(ns, yg_hook_event_text(event), &guest->key);
    if (!yg_question_find(guest->hook, guest->loop, ns, &guest->key, &answer))
        return push_question(guest, event) == 0 ? YODEL_DEFER : 503;
    yg_hook_event_free(event);
    status = answer_again(guest, answer);
    yg_hook_answer_free(answer);
    return status;
}

int yg_guest_ask(struct yg_guest *guest, yodel_request *req, struct yg_token *token)
{
    int status;

    guest->token = *token;
    *token = (struct yg_token){0};
    if (guest->token.user != NULL && (guest->user = strdup(guest->token.user)) == NULL)
        return 503;
    status = yg_hook_has_kind(guest->hook, YG_HOOK_CONNECT) ? ask(guest, req) : let_in(guest, NULL);
    if (status != YODEL_DEFER)
        forget_token(guest);
    return status;
}
