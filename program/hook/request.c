/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/headers.h"
#include "hook/parts.h"
#include "hook/signature.h"

#define USUAL_SIZE 511   /* bytes of an event in a body */
#define LEAST_LEFT_MS 20 /* of a time-out: with less there is no other attempt */

/* ---- what is in it ---- */

/* A connect stands alone: what the others are depends on its answer. */
static bool fits(const struct yg_request *request, size_t bytes, const struct yg_hook_event *event)
{
    const struct yg_webhook *options = request->hook->options;

    if (event == NULL)
        return false;
    if (request->num == 0)
        return true;
    return event->class == request->class && request->events[0]->kind != YG_HOOK_CONNECT &&
           event->kind != YG_HOOK_CONNECT && request->num < options->batch.events &&
           bytes + event->text.len + YG_HOOK_EVENT_COST <= options->batch.bytes &&
           (request->class == YG_STORED ||
            yg_body_same_url(options->url, request->events[0], event));
}

/* Returns whether the lane has more that might have been taken. */
static size_t take(struct yg_request *request, struct yg_lane *lane, size_t bytes)
{
    bool only_events = lane->num_requests == 0 || lane->only_events;
    bool has_some = false;

    while (fits(request, bytes, lane->first)) {
        struct yg_hook_event *event = yg_lane_pop(lane);

        only_events = only_events && event->kind == YG_HOOK_EVENT;
        bytes += event->text.len + YG_HOOK_EVENT_COST;
        request->events[request->num++] = event;
        has_some = true;
    }
    if (has_some) {
        lane->num_requests++;
        lane->only_events = only_events;
    }
    yg_lane_look(lane);
    return bytes;
}

/* Notices of others, too: those of one lane stand together, so each lane is counted once. */
static void fill(struct yg_request *request, struct yg_lane *lane)
{
    struct yg_ready *ready = &request->hook->ready[request->class];
    size_t bytes = take(request, lane, 0);

    while (request->class != YG_AWAITED &&
           fits(request, bytes, ready->first != NULL ? ready->first->first : NULL))
        bytes = take(request, ready->first, bytes);
}

static void leave_list(struct yg_request *request)
{
    request->hook->num_requests--;
    if (request->post_result != 0)
        request->hook->num_unsent--;
    *(request->prev != NULL ? &request->prev->next : &request->hook->requests) = request->next;
    if (request->next != NULL)
        request->next->prev = request->prev;
}

static void enter_list(struct yg_request *request)
{
    request->prev = NULL;
    request->next = request->hook->requests;
    if (request->next != NULL)
        request->next->prev = request;
    request->hook->requests = request;
    request->hook->num_requests++;
}

static void free_request(struct yg_request *request)
{
    yg_text_done(&request->url);
    yg_text_done(&request->body);
    free(request->events);
    free(request);
}

/* Whether an event is the last one of its lane in a request, so that the lane is done with it. */
static bool is_last(const struct yg_request *request, size_t i)
{
    return i + 1 == request->num || request->events[i + 1]->lane != request->events[i]->lane;
}

static void put_back(struct yg_request *request)
{
    for (size_t i = request->num; i-- > 0;) {
        struct yg_lane *lane = request->events[i]->lane;

        if (is_last(request, i))
            lane->num_requests--;
        yg_lane_unpop(request->events[i]);
        yg_lane_look(lane);
    }
    request->num = 0;
}

int yg_request_new(struct yg_lane *lane, struct yg_request **ret_request)
{
    struct yg_hook *hook = lane->hook;
    struct yg_request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        return -ENOMEM;
    request->hook = hook;
    request->class = lane->first->class;
    request->events = calloc(hook->options->batch.events > 0 ? hook->options->batch.events : 1,
                             sizeof(*request->events));
    if (request->events == NULL) {
        free_request(request);
        return -ENOMEM;
    }
    fill(request, lane);
    yg_hook_id(hook, "msg", request->id);
    if (request->class != YG_STORED) {
        (void)yg_text_reserve(&request->body, USUAL_SIZE * request->num);
        yg_body_put(&request->body, hook->setup.node, request->events, request->num);
        yg_body_url(&request->url, hook->options->url, request->events[0]);
    }
    if (yg_text_failed(&request->body) || yg_text_failed(&request->url)) {
        put_back(request);
        free_request(request);
        return -ENOMEM;
    }
    enter_list(request);
    *ret_request = request;
    return 0;
}

/* ---- its end ---- */

static void end_events(struct yg_request *request, struct yg_hook_answer *answer,
                       const struct yg_hook_told *told)
{
    for (size_t i = 0; i < request->num; i++) {
        struct yg_hook_event *event = request->events[i];
        struct yg_lane *lane = event->lane;
        struct yg_hook_told each = *told;
        const bool last = is_last(request, i);

        each.result = answer != NULL ? &answer->results[i] : NULL;
        each.max_age_s = request->max_age_s;
        yg_hook_event_end(event, &each);
        if (last) {
            yg_lane_done(lane);
            yg_lane_unuse(lane);
        }
    }
}

void yg_request_end(struct yg_request *request, struct yg_hook_answer *answer,
                    const struct yg_hook_told *told)
{
    leave_list(request);
    if (request->again_ms != 0 && request->class == YG_NOTICE)
        request->hook->num_retrying--;
    if (request->class == YG_STORED)
        request->hook->num_storing--;
    end_events(request, answer, told);
    free_request(request);
}

static void end(struct yg_request *request, struct yg_hook_answer *answer, bool may_be_known)
{
    const struct yg_hook_told told = {.may_be_known = may_be_known};

    yg_request_end(request, answer, &told);
}

void yg_request_abandon(struct yg_request *request, enum yg_hook_loss why)
{
    atomic_fetch_add_explicit(&request->hook->setup.counts->lost[why], request->num,
                              memory_order_relaxed);
    end(request, NULL, request->was_known);
}

void yg_request_undo(struct yg_request *request)
{
    struct yg_hook *hook = request->hook;

    if (request->call != NULL) {
        hook->setup.port->cancel(hook->setup.port_user, request->call);
        yg_circuit_forget(&hook->circuit, request->passage);
    }
    if (request->call != NULL || request->post_result != 0)
        hook->num_active--;
    if (request->class == YG_STORED)
        yg_stored_undo(request);
    if (request->class == YG_AWAITED) {
        atomic_fetch_add_explicit(&hook->setup.counts->lost[YG_LOST_END], request->num,
                                  memory_order_relaxed);
        end(request, NULL, true);
        return;
    }
    put_back(request);
    end(request, NULL, false);
}

/* ---- the reply ---- */

static void tell(const struct yg_hook *hook, bool is_error, const char *event, const char *text)
{
    char line[600];

    snprintf(line, sizeof(line), "webhook %s: %s", hook->options->name, text);
    hook->setup.port->tell(hook->setup.port_user, is_error, event, line);
}

static enum yg_hook_outcome outcome_without_status(int result)
{
    if (result == -ETIMEDOUT)
        return YG_HOOK_TIMEOUT;
    if (result == -E2BIG)
        return YG_HOOK_TOO_LARGE;
    return result == -ENOMEM ? YG_HOOK_NO_MEMORY : YG_HOOK_NETWORK;
}

/* What a status says needs no body, so one that is too large changes nothing of it. */
static enum yg_hook_outcome outcome_of(const struct yg_request *request,
                                       const struct yg_http_reply *reply)
{
    const bool is_well = reply->status == 200 || reply->status == 204;

    if (reply->result < 0 && (is_well || reply->status == 0))
        return outcome_without_status(reply->result);
    if (is_well)
        return YG_HOOK_OK;
    if ((reply->status == 401 || reply->status == 403) &&
        request->events[0]->kind == YG_HOOK_CONNECT)
        return YG_HOOK_REFUSED;
    if (reply->status == 408 || reply->status == 429 || reply->status >= 500)
        return YG_HOOK_SERVER_ERR;
    return YG_HOOK_CLIENT_ERR;
}

static bool is_passing(enum yg_hook_outcome outcome)
{
    return outcome == YG_HOOK_SERVER_ERR || outcome == YG_HOOK_NETWORK ||
           outcome == YG_HOOK_TIMEOUT || outcome == YG_HOOK_NO_MEMORY;
}

/* When it is tried again; 0: not any more. */
static uint64_t next_attempt(const struct yg_request *request, enum yg_hook_outcome outcome,
                             uint32_t retry_after_ms)
{
    const struct yg_hook *hook = request->hook;
    const struct yg_webhook *options = hook->options;
    const uint64_t now = hook->setup.port->now_ms(hook->setup.port_user);
    const uint32_t wait =
        yg_retry_wait(&options->retry, request->attempt,
                      hook->setup.port->chance(hook->setup.port_user), retry_after_ms);
    const uint64_t limit =
        request->class == YG_AWAITED ? options->timeout_ms : options->retry.for_ms;

    if (!is_passing(outcome) ||
        (request->class == YG_AWAITED && request->attempt >= options->attempts))
        return 0;
    if (now + wait + LEAST_LEFT_MS > request->began_ms + limit && !request->events[0]->is_raw)
        return 0;
    return now + (wait > 0 ? wait : 1);
}

/* The object that says the same as a status; NULL: out of memory. */
static json_t *rejection(yodel_str body)
{
    json_t *document = NULL, *reject = json_object();
    const char *message;
    char error[160];

    if (body.len > 0 && body.len <= YG_HOOK_MAX_DATA)
        (void)yg_json_parse(body.ptr, body.len, error, &document);
    message = json_string_value(json_object_get(document, "message"));
    if (message != NULL && strlen(message) <= YG_COMMAND_MAX_MESSAGE)
        json_object_set(reject, "message", json_object_get(document, "message"));
    if (json_object_get(document, "data") != NULL)
        json_object_set(reject, "data", json_object_get(document, "data"));
    json_decref(document);
    return json_pack("{s:o}", "reject", reject);
}

/* A refusal by its status: {"message", "data"} of its body, if it has them. */
static void refuse(struct yg_request *request, const struct yg_http_reply *reply)
{
    json_t *object = rejection(reply->body), *reject = json_object_get(object, "reject");
    struct yg_hook_result result = {.object = object,
                                    .is_rejected = true,
                                    .message =
                                        json_string_value(json_object_get(reject, "message")),
                                    .data = json_object_get(reject, "data")};
    const struct yg_hook_told told = {.result = &result,
                                      .max_age_s = object != NULL ? request->max_age_s : 0};
    struct yg_hook_event *event = request->events[0];
    struct yg_lane *lane = event->lane;

    leave_list(request);
    yg_hook_event_end(event, &told);
    yg_lane_done(lane);
    yg_lane_unuse(lane);
    free_request(request);
    json_decref(object);
}

static int parse(const struct yg_request *request, yodel_str body,
                 struct yg_hook_answer **ret_answer)
{
    struct yg_hook_asked *asked = calloc(request->num, sizeof(*asked));
    struct yg_json wrong;
    char line[400];
    int rc;

    if (asked == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < request->num; i++)
        asked[i] =
            (struct yg_hook_asked){request->events[i]->id, request->events[i]->kind,
                                   request->events[i]->wants_ack, yg_body_ns(request->events[i])};
    rc = yg_hook_answer_parse(body, asked, request->num, &wrong, ret_answer);
    free(asked);
    if (rc == -EINVAL) {
        snprintf(line, sizeof(line), "its answer to %s is wrong: %s%s%s",
                 yg_hook_word(request->events[0]->kind), wrong.pointer,
                 wrong.pointer[0] != '\0' ? ": " : "", wrong.detail);
        tell(request->hook, true, "webhook.bad_answer", line);
    }
    return rc;
}

/* What the back end means is not known, as of an answer that is wrong. */
static void tell_too_large(const struct yg_request *request)
{
    char line[120];

    snprintf(line, sizeof(line), "its answer to %s is too large: webhooks.answer is %zu bytes",
             yg_hook_word(request->events[0]->kind), request->hook->options->answer_bytes);
    tell(request->hook, true, "webhook.bad_answer", line);
}

/* An event may be known to the back end when its request went out and nothing came that says no,
 * or there was no memory for what came. */
static bool may_be_known(enum yg_hook_outcome outcome, int result)
{
    return outcome == YG_HOOK_TIMEOUT || outcome == YG_HOOK_BAD_ANSWER ||
           outcome == YG_HOOK_TOO_LARGE || outcome == YG_HOOK_NO_MEMORY ||
           (outcome == YG_HOOK_NETWORK && result != -ECONNREFUSED);
}

static enum yg_hook_loss loss_of(const struct yg_request *request, enum yg_hook_outcome outcome)
{
    if (request->class == YG_AWAITED)
        return YG_LOST_FAILED;
    return is_passing(outcome) ? YG_LOST_EXPIRED : YG_LOST_REFUSED;
}

static void fail(struct yg_request *request, enum yg_hook_outcome outcome, uint32_t retry_after_ms)
{
    struct yg_hook *hook = request->hook;
    const uint64_t again = next_attempt(request, outcome, retry_after_ms);

    if (again != 0) {
        request->again_ms = again;
        if (request->class == YG_NOTICE)
            hook->num_retrying++;
        return;
    }
    /* What has come to the back end is not lost, whatever it has answered. */
    if (request->class == YG_AWAITED || outcome != YG_HOOK_BAD_ANSWER)
        atomic_fetch_add_explicit(&hook->setup.counts->lost[loss_of(request, outcome)],
                                  request->num, memory_order_relaxed);
    yg_request_end(request, NULL,
                   &(const struct yg_hook_told){.may_be_known = request->was_known,
                                                .was_answered = !is_passing(outcome)});
}

static void count(struct yg_request *request, enum yg_hook_outcome outcome)
{
    atomic_fetch_add_explicit(
        &request->hook->setup.counts->requests[request->events[0]->kind][outcome], 1,
        memory_order_relaxed);
}

/* The first failure after a success: one that lasts is told by the circuit. */
static void tell_failure(const struct yg_request *request, const struct yg_http_reply *reply,
                         enum yg_hook_outcome outcome)
{
    struct yg_hook *hook = request->hook;
    const char *kind = yg_hook_word(request->events[0]->kind);
    const bool is_network = outcome == YG_HOOK_NETWORK || outcome == YG_HOOK_TIMEOUT;
    char line[200];

    if (outcome == YG_HOOK_OK || outcome == YG_HOOK_REFUSED)
        hook->is_failing = false;
    if (hook->is_failing || reply->status == 410 ||
        (!is_network && outcome != YG_HOOK_SERVER_ERR && outcome != YG_HOOK_CLIENT_ERR))
        return;
    hook->is_failing = true;
    if (is_network)
        snprintf(line, sizeof(line), "%s has no answer: %s", kind, yodel_strerror(reply->result));
    else
        snprintf(line, sizeof(line), "%s was answered with %u", kind, (unsigned)reply->status);
    tell(hook, true, "webhook.failed", line);
}

/* A refusal and a wrong answer are answers: the back end is there. */
static void tell_circuit(struct yg_request *request, enum yg_hook_outcome outcome)
{
    struct yg_hook *hook = request->hook;
    const bool was_open = yg_circuit_is_open(&hook->circuit);
    bool is_open;

    if (outcome == YG_HOOK_NO_MEMORY)
        yg_circuit_forget(&hook->circuit, request->passage);
    else
        yg_circuit_tell(&hook->circuit, &hook->options->circuit, request->passage,
                        !is_passing(outcome), hook->setup.port->now_ms(hook->setup.port_user));
    is_open = yg_circuit_is_open(&hook->circuit);
    if (is_open == was_open)
        return;
    if (is_open) {
        atomic_fetch_add(&hook->setup.counts->open_circuits, 1);
        tell(hook, true, "webhook.circuit_open", "requests fail: it is left alone for a while");
    } else {
        atomic_fetch_sub(&hook->setup.counts->open_circuits, 1);
        tell(hook, false, "webhook.circuit_closed", "it answers again");
    }
}

static void disable(struct yg_hook *hook)
{
    if (!yg_hook_is_disabled(hook))
        tell(hook, true, "webhook.disabled",
             "it has answered 410: it is not used until the next reload");
    atomic_store_explicit(&hook->setup.counts->disabled_version, hook->setup.version,
                          memory_order_relaxed);
}

static void take_reply(struct yg_request *request, const struct yg_http_reply *reply)
{
    enum yg_hook_outcome outcome = outcome_of(request, reply);
    struct yg_hook_answer *answer = NULL;
    int rc = 0;

    if (outcome == YG_HOOK_OK)
        rc = parse(request, reply->body, &answer);
    if (rc < 0)
        outcome = rc == -EINVAL ? YG_HOOK_BAD_ANSWER : YG_HOOK_NO_MEMORY;
    if (outcome == YG_HOOK_TOO_LARGE)
        tell_too_large(request);
    count(request, outcome);
    tell_failure(request, reply, outcome);
    tell_circuit(request, outcome);
    if (reply->status == 410)
        disable(request->hook);
    request->was_known = request->was_known || may_be_known(outcome, reply->result);
    if (outcome == YG_HOOK_OK)
        end(request, answer, true);
    else if (outcome == YG_HOOK_REFUSED)
        refuse(request, reply);
    else
        fail(request, outcome, reply->retry_after_ms);
    yg_hook_answer_free(answer);
}

static void on_reply(const struct yg_http_reply *reply, void *user)
{
    struct yg_request *request = user;
    struct yg_hook *hook = request->hook;
    struct yg_hook_counts *counts = hook->setup.counts;

    request->call = NULL;
    request->max_age_s = reply->max_age_s;
    hook->num_active--;
    if (counts->on_time != NULL)
        counts->on_time(counts->time_user, reply->took_us);
    take_reply(request, reply);
    yg_hook_turn(hook);
}

void yg_request_fail(struct yg_request *request)
{
    const int result = request->post_result;
    const enum yg_hook_outcome outcome = result == -EINVAL ? YG_HOOK_CLIENT_ERR : YG_HOOK_NO_MEMORY;

    request->post_result = 0;
    request->hook->num_unsent--;
    request->hook->num_active--;
    count(request, outcome);
    tell_circuit(request, outcome);
    fail(request, outcome, 0);
}

/* ---- sending ---- */

static uint32_t kinds_of(const struct yg_request *request)
{
    uint32_t kinds = 0;

    for (size_t i = 0; i < request->num; i++)
        kinds |= 1u << request->events[i]->kind;
    return kinds;
}

static int post_with(struct yg_request *request, const struct yg_hook_headers *headers,
                     uint32_t timeout_ms)
{
    const struct yg_hook *hook = request->hook;
    const uint32_t connect_ms = hook->options->connect_timeout_ms;
    const struct yg_http_request sent = {.url = yg_text_string(&request->url),
                                         .headers = headers->items,
                                         .body = {request->body.ptr, request->body.len},
                                         .timeout_ms = timeout_ms,
                                         .connect_timeout_ms =
                                             connect_ms < timeout_ms ? connect_ms : timeout_ms};

    return hook->setup.port->post(hook->setup.port_user, &sent, on_reply, request, &request->call);
}

static int make_signer(struct yg_hook *hook)
{
    const char *const secrets[] = {hook->options->secret, hook->options->old_secret};

    return hook->signer != NULL ? 0 : yg_signer_new(secrets, 2, &hook->signer);
}

static int post(struct yg_request *request, uint32_t timeout_ms)
{
    struct yg_hook *hook = request->hook;
    int rc = make_signer(hook);
    const struct yg_hook_head head = {.options = hook->options,
                                      .signer = hook->signer,
                                      .node = hook->setup.node,
                                      .id = request->id,
                                      .time_s =
                                          hook->setup.port->wall_ms(hook->setup.port_user) / 1000,
                                      .attempt = request->attempt,
                                      .kinds = kinds_of(request),
                                      .body = {request->body.ptr, request->body.len},
                                      .trace = request->num == 1 ? request->events[0]->trace : ""};
    struct yg_hook_headers headers;

    if (rc < 0 || (rc = yg_hook_headers_make(&head, &headers)) < 0)
        return rc;
    rc = post_with(request, &headers, timeout_ms);
    yg_hook_headers_done(&headers);
    return rc;
}

/* All attempts of what a client waits for have one time-out. */
static uint32_t timeout_of(const struct yg_request *request, uint64_t now)
{
    const uint32_t timeout = request->hook->options->timeout_ms;
    const uint64_t gone = now - request->began_ms;

    if (request->class == YG_NOTICE || gone == 0)
        return timeout;
    return gone + LEAST_LEFT_MS > timeout ? LEAST_LEFT_MS : timeout - (uint32_t)gone;
}

void yg_request_send(struct yg_request *request, enum yg_passage passage)
{
    struct yg_hook *hook = request->hook;
    const uint64_t now = hook->setup.port->now_ms(hook->setup.port_user);

    if (request->class == YG_STORED) {
        yg_stored_send(request);
        return;
    }
    if (request->again_ms != 0 && request->class == YG_NOTICE)
        hook->num_retrying--;
    request->again_ms = 0;
    request->passage = passage;
    if (request->attempt++ == 0) {
        request->began_ms = now;
        yg_hook_counts_batch(hook->setup.counts, request->num);
    }
    hook->num_active++;
    request->post_result = post(request, timeout_of(request, now));
    if (request->post_result != 0) {
        hook->num_unsent++;
        yg_hook_wake(hook, 0);
    }
}
