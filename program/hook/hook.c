/* SPDX-License-Identifier: MIT */
#include "hook/hook.h"

#include <stdlib.h>
#include <string.h>

#include "hook/parts.h"
#include "hook/signature.h"

#define SWEEP_MS 500 /* how often what waits is looked through */
#define MAX_LEFT 64  /* events in a request at the end */

void yg_hook_id(struct yg_hook *hook, const char *what, char ret_id[YG_HOOK_ID])
{
    uint64_t left = ++hook->next_id;
    char digits[16], *at = digits + sizeof(digits);
    size_t len;

    do
        *--at = "0123456789abcdef"[left & 15];
    while ((left >>= 4) > 0);
    ret_id = stpcpy(stpcpy(ret_id, what), "_");
    len = strnlen(hook->setup.prefix, 24);
    memcpy(ret_id, hook->setup.prefix, len);
    memcpy(ret_id + len, at, (size_t)(digits + sizeof(digits) - at));
    ret_id[len + (size_t)(digits + sizeof(digits) - at)] = '\0';
}

unsigned yg_hook_max_active(const struct yg_hook *hook)
{
    const unsigned share = hook->options->in_flight / hook->setup.num_loops;

    return share > 0 ? share : 1;
}

/* On any loop, since the last reload. */
bool yg_hook_is_disabled(const struct yg_hook *hook)
{
    return atomic_load_explicit(&hook->setup.counts->disabled_version, memory_order_relaxed) ==
           hook->setup.version;
}

static uint64_t now_of(const struct yg_hook *hook)
{
    return hook->setup.port->now_ms(hook->setup.port_user);
}

/* ---- what is lost ---- */

void yg_hook_wake(struct yg_hook *hook, uint64_t ms)
{
    const uint64_t at = now_of(hook) + ms;

    if (hook->wake_ms != 0 && hook->wake_ms <= at)
        return;
    hook->wake_ms = at;
    hook->setup.port->wake(hook->setup.port_user, (uint32_t)ms);
}

/* What its client waits for, at the head of a lane. */
static void lose_first(struct yg_lane *lane, enum yg_hook_loss why)
{
    yg_hook_event_lose(lane->first, why);
}

static void lose_all(struct yg_hook *hook, enum yg_class class, enum yg_hook_loss why)
{
    while (hook->ages[class].oldest != NULL)
        yg_hook_event_lose(hook->ages[class].oldest, why);
}

/* A client waits for an answer: what was not even sent by then is not sent any more. */
static void lose_late(struct yg_hook *hook)
{
    const uint64_t now = now_of(hook), most = 2 * (uint64_t)hook->options->timeout_ms;
    struct yg_hook_event *event;

    while ((event = hook->ages[YG_AWAITED].oldest) != NULL && now - event->at_ms >= most)
        yg_hook_event_lose(event, YG_LOST_WAITED);
}

/* ---- what is sent ---- */

static bool has_room(const struct yg_hook *hook, enum yg_class class)
{
    const unsigned max = yg_hook_max_active(hook);

    return hook->num_active < max && (class == YG_AWAITED || hook->num_retrying < max);
}

/* Which class has its turn: now the one, now the other.  Returns whether something may be sent. */
static bool pick(struct yg_hook *hook, enum yg_class *ret_class)
{
    for (unsigned i = 0; i < YG_NUM_SENT; i++) {
        const enum yg_class class = (hook->turn + i) % YG_NUM_SENT;

        if (hook->ready[class].first != NULL && has_room(hook, class)) {
            hook->turn = class + 1;
            *ret_class = class;
            return true;
        }
    }
    return false;
}

/* Returns whether it went. */
static bool send_first(struct yg_hook *hook, struct yg_lane *lane, enum yg_passage passage)
{
    struct yg_request *request;

    if (yg_request_new(lane, &request) == 0) {
        yg_request_send(request, passage);
        return true;
    }
    yg_circuit_forget(&hook->circuit, passage);
    if (lane->first->class == YG_AWAITED)
        lose_first(lane, YG_LOST_MEMORY);
    return false;
}

/* Returns whether there was room and memory for one. */
static bool store_once(struct yg_hook *hook)
{
    struct yg_request *request;

    if (hook->ready[YG_STORED].first == NULL || hook->num_storing >= YG_MAX_STORING ||
        yg_request_new(hook->ready[YG_STORED].first, &request) < 0)
        return false;
    yg_request_send(request, YG_PASSAGE_FREE);
    return true;
}

/* While the circuit is open nobody waits for it, and notices stay. */
static bool go_once(struct yg_hook *hook)
{
    enum yg_passage passage;
    enum yg_class class;

    if (!pick(hook, &class))
        return false;
    passage = yg_circuit_ask(&hook->circuit, now_of(hook));
    if (passage != YG_PASSAGE_NONE)
        return send_first(hook, hook->ready[class].first, passage) || class == YG_AWAITED;
    if (hook->ready[YG_AWAITED].first == NULL)
        return false;
    lose_first(hook->ready[YG_AWAITED].first, YG_LOST_CIRCUIT);
    return true;
}

static void store_again(struct yg_request *request, uint64_t now)
{
    if (request->storing != NULL)
        yg_stored_look(request);
    else if (request->again_ms <= now)
        yg_request_send(request, YG_PASSAGE_FREE);
}

/* A client waits for it, but not for a way that others have. */
static bool is_too_late(const struct yg_request *request, uint64_t now)
{
    return request->class == YG_AWAITED &&
           now - request->began_ms >= request->hook->options->timeout_ms;
}

/* Whether all requests are on their way: their replies come by themselves. */
static bool waits_for_replies(const struct yg_hook *hook)
{
    return hook->num_requests == hook->num_active && hook->num_unsent == 0;
}

static void again(struct yg_hook *hook)
{
    const uint64_t now = now_of(hook);
    struct yg_request *next;

    if (waits_for_replies(hook))
        return;
    for (struct yg_request *request = hook->requests; request != NULL; request = next) {
        enum yg_passage passage;

        next = request->next;
        if (request->class == YG_STORED) {
            store_again(request, now);
            continue;
        }
        if (request->post_result != 0) {
            yg_request_fail(request);
            next = hook->requests;
            continue;
        }
        if (request->again_ms != 0 && is_too_late(request, now)) {
            yg_request_abandon(request, YG_LOST_WAITED);
            next = hook->requests;
            continue;
        }
        if (request->again_ms == 0 || request->again_ms > now ||
            hook->num_active >= yg_hook_max_active(hook))
            continue;
        passage = yg_circuit_ask(&hook->circuit, now);
        if (passage != YG_PASSAGE_NONE)
            yg_request_send(request, passage);
        if (passage == YG_PASSAGE_NONE && request->class == YG_AWAITED) {
            yg_request_abandon(request, YG_LOST_CIRCUIT);
            next = hook->requests;
        }
    }
}

/* When there is something to do next; UINT64_MAX: when something comes. */
static uint64_t next_ms(const struct yg_hook *hook, uint64_t now)
{
    uint64_t at = UINT64_MAX;

    if (hook->ages[YG_AWAITED].oldest != NULL || hook->held != NULL ||
        hook->ready[YG_NOTICE].first != NULL || hook->ready[YG_STORED].first != NULL ||
        hook->num_storing > 0 || hook->waiting != NULL)
        at = now + SWEEP_MS;
    if (waits_for_replies(hook))
        return at;
    for (const struct yg_request *request = hook->requests; request != NULL;
         request = request->next) {
        uint64_t due = UINT64_MAX;

        if (request->post_result != 0)
            due = now;
        else if (request->again_ms != 0)
            due = request->again_ms > now ? request->again_ms : now + SWEEP_MS;
        at = due < at ? due : at;
    }
    return at;
}

static void arm(struct yg_hook *hook)
{
    const uint64_t now = now_of(hook), at = next_ms(hook, now);

    if (at != UINT64_MAX)
        yg_hook_wake(hook, at - now);
}

static void turn(struct yg_hook *hook)
{
    if (hook->is_in_turn || hook->has_ended)
        return;
    hook->is_in_turn = true;
    hook->wake_ms = 0;
    if (yg_hook_is_disabled(hook)) {
        lose_all(hook, YG_AWAITED, YG_LOST_DISABLED);
        lose_all(hook, YG_NOTICE, YG_LOST_DISABLED);
    }
    yg_hook_look_at_waiting(hook);
    again(hook);
    lose_late(hook);
    while (store_once(hook) || go_once(hook))
        continue;
    yg_hook_release(hook);
    hook->is_in_turn = false;
    arm(hook);
}

/* Inside of a push only what is told to nobody: the rest has its turn soon. */
void yg_hook_go(struct yg_hook *hook)
{
    enum yg_class class;

    if (hook->is_in_turn || hook->has_ended)
        return;
    if (yg_hook_is_disabled(hook) || yg_circuit_is_open(&hook->circuit)) {
        yg_hook_wake(hook, 0);
        return;
    }
    while (store_once(hook))
        continue;
    while (pick(hook, &class)) {
        struct yg_request *request;

        if (yg_request_new(hook->ready[class].first, &request) < 0) {
            yg_hook_wake(hook, 0);
            return;
        }
        yg_request_send(request, yg_circuit_ask(&hook->circuit, now_of(hook)));
    }
    arm(hook);
}

void yg_hook_turn(struct yg_hook *hook)
{
    turn(hook);
}

/* ---- life ---- */

struct yg_hook *yg_hook_new(const struct yg_hook_setup *setup)
{
    struct yg_hook *hook = calloc(1, sizeof(*hook));

    if (hook == NULL)
        return NULL;
    hook->setup = *setup;
    hook->options = setup->options;
    return hook;
}

void yg_hook_change(struct yg_hook *hook, const struct yg_webhook *options, unsigned version)
{
    hook->options = options;
    yg_signer_free(hook->signer);
    hook->signer = NULL;
    hook->setup.version = version;
    yg_hook_cache_clear(&hook->cache);
    yg_hook_wake(hook, 0);
}

size_t yg_hook_num_events(const struct yg_hook *hook)
{
    return hook->num_events;
}

static int64_t older(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t yg_hook_oldest_ms(const struct yg_hook *hook)
{
    int64_t at = 0;

    for (unsigned i = 0; i < YG_NUM_CLASSES; i++)
        at = older(at, hook->ages[i].oldest != NULL ? hook->ages[i].oldest->wall_ms : 0);
    for (const struct yg_request *request = hook->requests; request != NULL;
         request = request->next)
        at = older(at, request->events[0]->wall_ms);
    return at;
}

const struct yg_webhook *yg_hook_options(const struct yg_hook *hook)
{
    return hook->options;
}

struct yg_hook_cache *yg_hook_cache(struct yg_hook *hook)
{
    return &hook->cache;
}

void yg_hook_keep(struct yg_hook *hook, const uint8_t *key, const struct yg_hook_told *told)
{
    const uint64_t allowed = (uint64_t)told->max_age_s * 1000, most = hook->options->cache_ms;
    const uint64_t ms = allowed < most ? allowed : most;

    if (told->result != NULL && ms > 0)
        yg_hook_cache_put(&hook->cache, key, now_of(hook) + ms, told->result->object);
}

void yg_hook_count_lost(struct yg_hook *hook)
{
    atomic_fetch_add_explicit(&hook->setup.counts->lost[YG_LOST_MEMORY], 1, memory_order_relaxed);
}

bool yg_hook_has_kind(const struct yg_hook *hook, enum yg_hook_kind kind)
{
    const uint32_t wanted =
        kind == YG_HOOK_NODE_STARTED ? YG_KIND_NODE_STARTED | YG_KIND_DISCONNECTED : 1u << kind;

    return (hook->options->kinds & wanted) != 0;
}

static void hand_over(struct yg_hook *hook, struct yg_hook_event *const *events, size_t num,
                      const struct yg_hook_stored *stored, yg_hook_left_fn *left, void *user)
{
    struct yg_hook_left request = {.options = hook->options, .num_events = num, .stored = stored};
    struct yg_text body = {0}, url = {0};
    const char *ends[MAX_LEFT];
    bool is_taken = false;
    char id[YG_HOOK_ID];

    for (size_t i = 0; i < num; i++) {
        request.kinds |= 1u << events[i]->kind;
        if (events[i]->kind == YG_HOOK_DISCONNECTED || events[i]->kind == YG_HOOK_OCCUPIED ||
            events[i]->kind == YG_HOOK_VACATED)
            ends[request.num_ends++] = events[i]->id;
    }
    request.ends = ends;
    yg_hook_id(hook, "msg", id);
    yg_body_put(&body, hook->setup.node, events, num);
    yg_body_url(&url, hook->options->url, events[0]);
    request.id = id;
    request.url = yg_text_string(&url);
    request.body = (yodel_str){body.ptr, body.len};
    if (!yg_text_failed(&body) && !yg_text_failed(&url))
        is_taken = left(&request, user);
    yg_text_done(&body);
    yg_text_done(&url);
    if (is_taken)
        return;
    if (num == 1 && !left(NULL, user)) {
        yg_hook_count_lost(hook);
        return;
    }
    for (size_t i = 0; i < num; i++) /* each needs less memory than all */
        hand_over(hook, &events[i], 1, stored, left, user);
}

/* By age: those of requests came before those that wait.  What is raw is stored already. */
static void hand_notices_over(struct yg_hook *hook, yg_hook_left_fn *left, void *user)
{
    struct yg_hook_event *event;

    while ((event = hook->ages[YG_NOTICE].oldest) != NULL) {
        struct yg_hook_event *events[MAX_LEFT];
        size_t num = 0;

        if (event->is_raw) {
            yg_hook_event_drop(event);
            continue;
        }
        for (; event != NULL && num < MAX_LEFT && !event->is_raw &&
               (num == 0 || yg_body_same_url(hook->options->url, events[0], event));
             event = event->younger)
            events[num++] = event;
        hand_over(hook, events, num, NULL, left, user);
        for (size_t i = 0; i < num; i++)
            yg_hook_event_drop(events[i]);
    }
}

/* One by one, as it would have been stored and, if that cannot be, as a request. */
static void hand_stored_over(struct yg_hook *hook, yg_hook_left_fn *left, void *user)
{
    struct yg_hook_event *event;

    while ((event = hook->ages[YG_STORED].oldest) != NULL) {
        struct yg_text text = {0};
        struct yg_hook_stored stored = {.id = event->id,
                                        .ns = yg_body_ns(event),
                                        .kind = event->kind,
                                        .lane = event->lane->store};

        yg_body_put_event(&text, event);
        stored.event = (yodel_str){text.ptr, text.len};
        hand_over(hook, &event, 1, yg_text_failed(&text) ? NULL : &stored, left, user);
        yg_text_done(&text);
        yg_hook_event_drop(event);
    }
}

void yg_hook_end(struct yg_hook *hook, yg_hook_left_fn *left, void *user)
{
    hook->is_in_turn = true; /* nothing is sent any more */
    while (hook->requests != NULL)
        yg_request_undo(hook->requests);
    lose_all(hook, YG_AWAITED, YG_LOST_END);
    hook->has_ended = true;
    if (left != NULL) {
        hand_notices_over(hook, left, user);
        hand_stored_over(hook, left, user);
    }
    lose_all(hook, YG_NOTICE, YG_LOST_END);
    lose_all(hook, YG_STORED, YG_LOST_END);
}

void yg_hook_free(struct yg_hook *hook)
{
    if (hook == NULL)
        return;
    if (yg_circuit_is_open(&hook->circuit))
        atomic_fetch_sub(&hook->setup.counts->open_circuits, 1);
    yg_hook_cache_clear(&hook->cache);
    yg_signer_free(hook->signer);
    free(hook);
}
