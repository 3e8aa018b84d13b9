/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/parts.h"

static bool is_awaited(enum yg_hook_kind kind)
{
    return kind == YG_HOOK_CONNECT || kind == YG_HOOK_EVENT || kind == YG_HOOK_REFRESH;
}

enum yg_class yg_class_of(const struct yg_hook_event *event)
{
    const struct yg_hook *hook = event->lane->hook;

    if (is_awaited(event->kind))
        return YG_AWAITED;
    return event->is_raw || hook->options->queue.durable != YG_DURABLE_REDIS ||
                   hook->setup.port->store == NULL
               ? YG_NOTICE
               : YG_STORED;
}

/* ---- lists ---- */

static void enter_age(struct yg_hook_event *event)
{
    struct yg_hook_age *age = &event->lane->hook->ages[event->class];

    event->younger = NULL;
    event->older = age->youngest;
    *(age->youngest != NULL ? &age->youngest->younger : &age->oldest) = event;
    age->youngest = event;
}

static void leave_age(struct yg_hook_event *event)
{
    struct yg_hook_age *age = &event->lane->hook->ages[event->class];

    *(event->older != NULL ? &event->older->younger : &age->oldest) = event->younger;
    *(event->younger != NULL ? &event->younger->older : &age->youngest) = event->older;
}

static void leave_ready(struct yg_lane *lane)
{
    struct yg_ready *ready = lane->ready_in;

    *(lane->ready_prev != NULL ? &lane->ready_prev->ready_next : &ready->first) = lane->ready_next;
    *(lane->ready_next != NULL ? &lane->ready_next->ready_prev : &ready->last) = lane->ready_prev;
    lane->ready_in = NULL;
}

static void enter_ready(struct yg_lane *lane, struct yg_ready *ready)
{
    lane->ready_in = ready;
    lane->ready_next = NULL;
    lane->ready_prev = ready->last;
    *(ready->last != NULL ? &ready->last->ready_next : &ready->first) = lane;
    ready->last = lane;
}

/* ---- turns of users ---- */

static void leave_waiting(struct yg_lane *lane)
{
    if (!lane->waits)
        return;
    lane->waits = false;
    *(lane->waits_prev != NULL ? &lane->waits_prev->waits_next : &lane->hook->waiting) =
        lane->waits_next;
    if (lane->waits_next != NULL)
        lane->waits_next->waits_prev = lane->waits_prev;
}

static void enter_waiting(struct yg_lane *lane)
{
    struct yg_hook *hook = lane->hook;

    if (lane->waits)
        return;
    lane->waits = true;
    lane->waits_prev = NULL;
    lane->waits_next = hook->waiting;
    if (hook->waiting != NULL)
        hook->waiting->waits_prev = lane;
    hook->waiting = lane;
}

static void end_turn(struct yg_lane *lane)
{
    leave_waiting(lane);
    if (lane->turn.line != NULL)
        yg_turn_end(lane->hook->setup.turns, &lane->turn);
}

/* Whether it has its turn, if it needs one. */
static bool has_turn(struct yg_lane *lane)
{
    const struct yg_hook *hook = lane->hook;

    if (lane->user == NULL || hook->setup.turns == NULL || hook->has_ended ||
        hook->options->order != YG_ORDER_USER)
        return true;
    /* Not while it waits: others read that. */
    if (lane->turn.line == NULL)
        lane->turn = (struct yg_turn){
            .name = lane->user, .wake = hook->setup.port->poke, .user = hook->setup.port_user};
    if (yg_turn_ask(hook->setup.turns, &lane->turn) == YG_TURN_HAS) {
        leave_waiting(lane);
        return true;
    }
    enter_waiting(lane);
    return false;
}

int yg_lane_set_user(struct yg_lane *lane, const char *user)
{
    char *copy = user != NULL ? strdup(user) : NULL;

    if (user != NULL && copy == NULL)
        return -ENOMEM;
    end_turn(lane);
    free(lane->user);
    lane->user = copy;
    yg_lane_look(lane);
    return 0;
}

void yg_lane_done(struct yg_lane *lane)
{
    lane->num_requests--;
    if (lane->num_requests == 0)
        end_turn(lane);
    yg_lane_look(lane);
}

void yg_hook_look_at_waiting(struct yg_hook *hook)
{
    struct yg_lane *next;

    for (struct yg_lane *lane = hook->waiting; lane != NULL; lane = next) {
        next = lane->waits_next;
        yg_lane_look(lane);
    }
}

/* ---- lanes that are ready ---- */

static bool may_go(struct yg_lane *lane)
{
    if (lane->first == NULL) {
        if (lane->num_requests == 0)
            end_turn(lane);
        return false;
    }
    if (lane->is_waiting)
        return false;
    if (lane->num_requests == 0)
        return has_turn(lane);
    return lane->hook->options->order == YG_ORDER_NONE && lane->only_events &&
           lane->first->kind == YG_HOOK_EVENT;
}

void yg_lane_look(struct yg_lane *lane)
{
    struct yg_ready *ready = may_go(lane) ? &lane->hook->ready[lane->first->class] : NULL;

    if (ready == lane->ready_in)
        return;
    if (lane->ready_in != NULL)
        leave_ready(lane);
    if (ready != NULL)
        enter_ready(lane, ready);
}

/* ---- clients that are held ---- */

static bool has_much(const struct yg_lane *lane, unsigned part)
{
    return lane->num >= YG_LANE_EVENTS / part || lane->bytes >= YG_LANE_BYTES / part;
}

static bool is_much(const struct yg_hook *hook, const atomic_uint_least64_t *events,
                    const atomic_uint_least64_t *bytes, unsigned eighths)
{
    const struct yg_queue_config *queue = &hook->options->queue;

    return atomic_load_explicit(events, memory_order_relaxed) * 8 >=
               (uint64_t)queue->events * eighths ||
           atomic_load_explicit(bytes, memory_order_relaxed) * 8 >=
               (uint64_t)queue->bytes * eighths;
}

static bool is_full(const struct yg_hook *hook, unsigned eighths)
{
    const struct yg_hook_counts *counts = hook->setup.counts;

    return is_much(hook, &counts->queued_events, &counts->queued_bytes, eighths);
}

/* Of notices: clients that say much leave the others half of it for their goodbyes. */
static bool is_full_of_notices(const struct yg_hook *hook)
{
    const struct yg_hook_counts *counts = hook->setup.counts;

    return is_full(hook, 8) && is_much(hook, &counts->noted_events, &counts->noted_bytes, 4);
}

static void hold(struct yg_lane *lane)
{
    struct yg_hook *hook = lane->hook;

    if (lane->is_held || lane->has_left || lane->owner == NULL || lane->fns->hold == NULL)
        return;
    lane->is_held = true;
    lane->held_prev = NULL;
    lane->held_next = hook->held;
    if (hook->held != NULL)
        hook->held->held_prev = lane;
    hook->held = lane;
    lane->fns->hold(lane->owner, true);
}

static void let_go(struct yg_lane *lane)
{
    if (!lane->is_held)
        return;
    lane->is_held = false;
    *(lane->held_prev != NULL ? &lane->held_prev->held_next : &lane->hook->held) = lane->held_next;
    if (lane->held_next != NULL)
        lane->held_next->held_prev = lane->held_prev;
    if (!lane->has_left)
        lane->fns->hold(lane->owner, false);
}

/* One that still has much waits on.  To let one go may change nothing but its client. */
void yg_hook_release(struct yg_hook *hook)
{
    struct yg_lane *lane = hook->held, *next;

    if (lane == NULL || is_full(hook, 6))
        return;
    for (; lane != NULL; lane = next) {
        next = lane->held_next;
        if (!has_much(lane, 2))
            let_go(lane);
    }
}

/* ---- events ---- */

struct yg_hook_event *yg_hook_event_new(struct yg_lane *lane, enum yg_hook_kind kind,
                                        yg_hook_told_fn *told, void *user)
{
    struct yg_hook_event *event = calloc(1, sizeof(*event));

    if (event == NULL)
        return NULL;
    event->lane = lane;
    event->kind = kind;
    event->told = told;
    event->user = user;
    return event;
}

struct yg_hook_event *yg_hook_event_parting(struct yg_lane *lane, yg_hook_told_fn *told, void *user)
{
    struct yg_hook_event *event = lane->parting;

    if (event == NULL)
        return yg_hook_event_new(lane, YG_HOOK_DISCONNECTED, told, user);
    lane->parting = NULL;
    event->told = told;
    event->user = user;
    return event;
}

struct yg_text *yg_hook_event_text(struct yg_hook_event *event)
{
    return &event->text;
}

/* Version 00: four numbers in lower case hexadecimal. */
static bool is_trace(yodel_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const bool is_dash = i == 2 || i == 35 || i == 52;

        if (is_dash ? text.ptr[i] != '-' : strchr("0123456789abcdef", text.ptr[i]) == NULL)
            return false;
    }
    return text.len == YG_TRACE_LEN && memcmp(text.ptr, "00-", 3) == 0;
}

void yg_hook_event_trace(struct yg_hook_event *event, yodel_str trace)
{
    if (trace.ptr != NULL && memchr(trace.ptr, 0, trace.len) == NULL && is_trace(trace))
        memcpy(event->trace, trace.ptr, trace.len);
}

void yg_hook_event_wants_ack(struct yg_hook_event *event)
{
    event->wants_ack = true;
}

void yg_hook_event_set_id(struct yg_hook_event *event, const char *id)
{
    snprintf(event->id, sizeof(event->id), "%s", id);
}

void yg_hook_event_free(struct yg_hook_event *event)
{
    if (event == NULL)
        return;
    yg_text_done(&event->text);
    free(event->ns);
    free(event);
}

static size_t cost_of(const struct yg_hook_event *event)
{
    return event->text.len + YG_HOOK_EVENT_COST;
}

/* What is raw is bounded by who has read it, and not in the queue. */
static void count(const struct yg_hook_event *event, int sign)
{
    struct yg_hook *hook = event->lane->hook;
    struct yg_hook_counts *counts = hook->setup.counts;
    const uint64_t bytes = (uint64_t)((int64_t)cost_of(event) * sign);

    if (event->is_raw)
        return;
    hook->num_events += (size_t)sign;
    atomic_fetch_add_explicit(&counts->queued_events, (uint64_t)(int64_t)sign,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->queued_bytes, bytes, memory_order_relaxed);
    if (event->class == YG_AWAITED)
        return;
    atomic_fetch_add_explicit(&counts->noted_events, (uint64_t)(int64_t)sign, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->noted_bytes, bytes, memory_order_relaxed);
}

void yg_hook_event_end(struct yg_hook_event *event, const struct yg_hook_told *told)
{
    yg_hook_told_fn *fn = event->told;
    void *user = event->user;

    count(event, -1);
    yg_hook_event_free(event);
    if (fn != NULL)
        fn(told, user);
}

/* Out of its lane, wherever in it. */
static void unlink_event(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;
    struct yg_hook_event **at = &lane->first, *before = NULL;

    while (*at != event) {
        before = *at;
        at = &before->next;
    }
    *at = event->next;
    if (lane->last == event)
        lane->last = before;
    lane->num--;
    lane->bytes -= cost_of(event);
    leave_age(event);
    event->is_queued = false;
    event->next = NULL;
}

struct yg_hook_event *yg_lane_pop(struct yg_lane *lane)
{
    struct yg_hook_event *event = lane->first;

    unlink_event(event);
    return event;
}

void yg_lane_unpop(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;
    struct yg_hook_age *age = &lane->hook->ages[event->class];

    event->next = lane->first;
    lane->first = event;
    if (lane->last == NULL)
        lane->last = event;
    lane->num++;
    lane->bytes += cost_of(event);
    event->is_queued = true;
    event->older = NULL;
    event->younger = age->oldest;
    *(age->oldest != NULL ? &age->oldest->older : &age->youngest) = event;
    age->oldest = event;
}

void yg_hook_event_lose(struct yg_hook_event *event, enum yg_hook_loss why)
{
    if (!event->is_raw) /* which is stored still */
        atomic_fetch_add_explicit(&event->lane->hook->setup.counts->lost[why], 1,
                                  memory_order_relaxed);
    yg_hook_event_drop(event);
}

void yg_hook_event_drop(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;
    const struct yg_hook_told told = {.is_end = lane->hook->has_ended};

    unlink_event(event);
    lane->num_requests++; /* it stays for the call */
    yg_lane_look(lane);
    yg_hook_event_end(event, &told);
    yg_lane_done(lane);
    yg_lane_unuse(lane);
}

bool yg_lane_take_back(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;

    if (!event->is_queued)
        return false;
    unlink_event(event);
    event->told = NULL;
    yg_hook_event_end(event, NULL);
    yg_lane_look(lane);
    return true;
}

static void enter(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;
    struct yg_hook *hook = lane->hook;

    event->class = yg_class_of(event);
    event->seq = ++lane->seq;
    event->at_ms = hook->setup.port->now_ms(hook->setup.port_user);
    event->wall_ms = hook->setup.port->wall_ms(hook->setup.port_user);
    if (event->id[0] == '\0')
        yg_hook_id(hook, "evt", event->id);
    *(lane->last != NULL ? &lane->last->next : &lane->first) = event;
    lane->last = event;
    lane->num++;
    lane->bytes += cost_of(event);
    event->is_queued = true;
    enter_age(event);
    count(event, 1);
}

/* The oldest notices make room for as much as a new one has.  Returns whether it may come. */
static bool make_room(struct yg_hook_event *event)
{
    struct yg_hook *hook = event->lane->hook;
    const struct yg_hook_age *age = &hook->ages[yg_class_of(event)];
    const bool may_come = age->oldest != NULL || !is_full_of_notices(hook);
    size_t room = 0;

    while (room < cost_of(event) && age->oldest != NULL && is_full_of_notices(hook)) {
        room += cost_of(age->oldest);
        yg_hook_event_lose(age->oldest, YG_LOST_QUEUE);
    }
    return may_come;
}

/* Why an event cannot be taken; 0: it can. */
static int check(struct yg_hook_event *event)
{
    struct yg_hook *hook = event->lane->hook;

    if (yg_text_failed(&event->text))
        return -ENOMEM;
    if (hook->has_ended)
        return -ENOBUFS;
    if (!is_full(hook, 8) || event->kind == YG_HOOK_EVENT || event->is_raw)
        return 0; /* a client is held for its events, and each has some more at most */
    return yg_class_of(event) != YG_AWAITED && make_room(event) ? 0 : -ENOBUFS;
}

int yg_lane_push(struct yg_hook_event *event)
{
    struct yg_lane *lane = event->lane;
    struct yg_hook *hook = lane->hook;
    const int rc = check(event);
    bool is_of_client;

    if (rc < 0) {
        if (!is_awaited(event->kind) && !event->is_raw)
            atomic_fetch_add_explicit(&hook->setup.counts->lost[rc == -ENOMEM     ? YG_LOST_MEMORY
                                                                : hook->has_ended ? YG_LOST_END
                                                                                  : YG_LOST_QUEUE],
                                      1, memory_order_relaxed);
        yg_hook_event_free(event);
        return rc;
    }
    is_of_client = event->kind == YG_HOOK_EVENT;
    enter(event);
    if (is_of_client && (has_much(lane, 1) || is_full(hook, 8)))
        hold(lane);
    yg_lane_look(lane);
    yg_hook_go(hook);
    return 0;
}

static int push_raw(struct yg_hook_event *event, const struct yg_hook_raw *raw)
{
    event->is_raw = true;
    event->ns = strndup(raw->ns.ptr, raw->ns.len);
    yg_text_add(&event->text, raw->event.ptr, raw->event.len);
    snprintf(event->id, sizeof(event->id), "%.*s", (int)raw->id.len, raw->id.ptr);
    if (event->ns == NULL)
        event->text.failed = true;
    return yg_lane_push(event);
}

int yg_lane_push_raw(struct yg_lane *lane, const struct yg_hook_raw *raw, yg_hook_told_fn *told,
                     void *user)
{
    struct yg_hook_event *event = yg_hook_event_new(lane, raw->kind, told, user);

    return event != NULL ? push_raw(event, raw) : -ENOMEM;
}

/* ---- lanes ---- */

struct yg_lane *yg_lane_new(struct yg_hook *hook, yodel_str ns, const struct yg_lane_owner *fns,
                            void *owner)
{
    struct yg_lane *lane = calloc(1, sizeof(*lane) + ns.len + 1);

    if (lane == NULL)
        return NULL;
    lane->hook = hook;
    lane->fns = fns;
    lane->owner = owner;
    lane->store = hook->num_lanes++;
    memcpy(lane->ns, ns.ptr, ns.len);
    return lane;
}

int yg_lane_keep(struct yg_lane *lane)
{
    struct yg_text text = {0};

    if (lane->has_left || lane->owner == NULL || lane->fns->describe == NULL)
        return 0;
    lane->fns->describe(lane->owner, &text);
    if (yg_text_failed(&text)) {
        yg_text_done(&text);
        return -ENOMEM;
    }
    yg_text_done(&lane->kept);
    lane->kept = text;
    return 0;
}

void yg_lane_renew(struct yg_lane *lane)
{
    if (!lane->has_left)
        yg_text_done(&lane->kept);
}

const char *yg_lane_ns(const struct yg_lane *lane)
{
    return lane->ns;
}

const char *yg_lane_user(const struct yg_lane *lane)
{
    return lane->user;
}

int yg_lane_reserve(struct yg_lane *lane)
{
    struct yg_hook_event *event = yg_hook_event_new(lane, YG_HOOK_DISCONNECTED, NULL, NULL);

    if (event == NULL || yg_text_reserve(&event->text, YG_HOOK_PARTING) < 0) {
        yg_hook_event_free(event);
        return -ENOMEM;
    }
    yg_hook_event_free(lane->parting);
    lane->parting = event;
    return 0;
}

uint32_t yg_lane_seq(const struct yg_lane *lane)
{
    return lane->seq;
}

void yg_lane_set_seq(struct yg_lane *lane, uint32_t seq)
{
    lane->seq = seq;
}

void yg_lane_set_store(struct yg_lane *lane, unsigned number)
{
    lane->store = number;
}

void yg_lane_unuse(struct yg_lane *lane)
{
    if (!lane->has_left || lane->first != NULL || lane->num_requests > 0 || lane->is_waiting)
        return;
    end_turn(lane);
    yg_hook_event_free(lane->parting);
    yg_text_done(&lane->kept);
    free(lane->user);
    free(lane);
}

void yg_lane_wait(struct yg_lane *lane)
{
    lane->is_waiting = true;
    yg_lane_look(lane);
}

void yg_lane_go(struct yg_lane *lane)
{
    struct yg_hook *hook = lane->hook;

    lane->is_waiting = false;
    yg_lane_look(lane);
    yg_lane_unuse(lane);
    yg_hook_go(hook);
}

void yg_lane_leave(struct yg_lane *lane)
{
    let_go(lane);
    lane->has_left = true;
    yg_lane_unuse(lane);
}
