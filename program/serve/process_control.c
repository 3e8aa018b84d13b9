/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yodel/version.h>

#include "api/control.h"
#include "base/clock.h"
#include "serve/state.h"

/* What the API asks of the process: the same as by signals, and answered when it is over. */

#define ANSWER_MS 100 /* that an answer has before all ends */

/* Who waits for the end of something. */
struct yg_control_wait {
    struct yg_control_wait *next;
    yodel_decision *decision;
    uint64_t number; /* of yg_sink_reopen() */
};

static void settle(struct yg_control_wait *waiter, enum yg_problem problem, const char *detail,
                   json_t *body)
{
    yg_control_settle(waiter->decision, problem, detail, body);
    free(waiter);
}

/* Returns NULL when out of memory, and it was answered. */
static struct yg_control_wait *new_waiter(yodel_decision *decision)
{
    struct yg_control_wait *waiter = calloc(1, sizeof(*waiter));

    if (waiter != NULL)
        waiter->decision = decision;
    else
        yg_control_settle(decision, YG_PROBLEM_OVERLOADED, "out of memory", NULL);
    return waiter;
}

static void push(struct yg_control_wait **list, struct yg_control_wait *waiter)
{
    waiter->next = *list;
    *list = waiter;
}

/* ---- the process ---- */

static void tell_process(struct yg_state *state, yodel_decision *decision)
{
    char time[YG_CLOCK_TEXT];
    const int64_t now = yg_clock_wall_ms();
    json_t *body;

    yg_clock_text(atomic_load(&state->last_reload_ms), time);
    body = json_pack("{sIsIsIsssbs{sbss}}", "pid", (json_int_t)getpid(), "started",
                     (json_int_t)state->start_ticks, "uptime_ms",
                     (json_int_t)((double)now - state->start_seconds * 1000), "version",
                     YODEL_VERSION, "draining", (int)atomic_load(&state->is_draining), "reload",
                     "ok", atomic_load(&state->last_reload), "time", time);
    yg_control_settle(decision, body != NULL ? YG_PROBLEM_NONE : YG_PROBLEM_OVERLOADED, NULL, body);
}

/* ---- the log ---- */

static void reopen(struct yg_state *state, yodel_decision *decision)
{
    struct yg_control_wait *waiter = new_waiter(decision);
    uint64_t number;

    if (waiter == NULL)
        return;
    /* The sink's thread looks for waiters under the lock, and settles them behind it. */
    pthread_mutex_lock(&state->lock);
    number = waiter->number = yg_sink_reopen(state->sink);
    if (number != 0)
        push(&state->reopen_waiters, waiter);
    pthread_mutex_unlock(&state->lock);
    if (number == 0)
        settle(waiter, YG_PROBLEM_NONE, NULL, json_pack("{sn}", "file"));
}

void yg_control_reopened(struct yg_state *state, int result, uint64_t number)
{
    struct yg_control_wait *list, *others = NULL;

    pthread_mutex_lock(&state->lock);
    list = state->reopen_waiters;
    state->reopen_waiters = NULL;
    while (list != NULL) {
        struct yg_control_wait *waiter = list;

        list = waiter->next;
        push(waiter->number <= number ? &others : &state->reopen_waiters, waiter);
    }
    pthread_mutex_unlock(&state->lock);
    while (others != NULL) {
        struct yg_control_wait *waiter = others;

        others = waiter->next;
        if (result < 0)
            settle(waiter, YG_PROBLEM_INTERNAL, strerror(-result), NULL);
        else
            settle(waiter, YG_PROBLEM_NONE, NULL,
                   json_pack("{ss}", "file", state->first->log.file));
    }
}

/* ---- reloads, on loop 0 ---- */

static void settle_all(struct yg_control_wait **list, enum yg_problem problem, const char *detail,
                       json_t *body)
{
    while (*list != NULL) {
        struct yg_control_wait *waiter = *list;

        *list = waiter->next;
        settle(waiter, problem, detail, json_incref(body));
    }
}

void yg_control_reloaded(struct yg_state *state, enum yg_problem problem, const char *detail,
                         json_t *body)
{
    settle_all(&state->reload_waiters, problem, detail, body);
    /* Who came meanwhile waits for the next one, which sees the file as it is now. */
    state->reload_waiters = state->next_reload_waiters;
    state->next_reload_waiters = NULL;
}

static void reload(struct yg_state *state, yodel_decision *decision)
{
    struct yg_control_wait *waiter = new_waiter(decision);

    if (waiter == NULL)
        return;
    push(state->is_reloading ? &state->next_reload_waiters : &state->reload_waiters, waiter);
    yg_reload(state);
}

/* ---- calls ---- */

struct call {
    struct yg_state *state;
    yodel_decision *decision; /* NULL: settled, or another's */
    enum yg_control what;
};

static void free_call(void *arg)
{
    struct call *call = arg;

    if (call->decision != NULL)
        yg_control_settle(call->decision, YG_PROBLEM_DRAINING, NULL, NULL);
    free(call);
}

static void stop_now(yodel_loop *loop, void *arg)
{
    (void)loop;
    yg_signals_stop(arg, true);
}

/* The answer goes first. */
static void stop(struct yg_state *state, yodel_loop *loop, bool at_once, yodel_decision *decision)
{
    yg_control_settle(decision, YG_PROBLEM_NONE, NULL, NULL);
    if (!at_once || yodel_loop_post_after(loop, ANSWER_MS, stop_now, state, NULL) < 0)
        yg_signals_stop(state, at_once);
}

static void run(yodel_loop *loop, void *arg)
{
    struct call *call = arg;
    yodel_decision *decision = call->decision;

    call->decision = NULL;
    if (call->what == YG_CONTROL_RELOAD)
        reload(call->state, decision);
    else
        stop(call->state, loop, call->what == YG_CONTROL_STOP_NOW, decision);
}

static void post(struct yg_state *state, enum yg_control what, yodel_decision *decision)
{
    struct call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        yg_control_settle(decision, YG_PROBLEM_OVERLOADED, "out of memory", NULL);
        return;
    }
    *call = (struct call){state, decision, what};
    (void)yodel_loop_post(yodel_server_loop(state->server, 0), run, call, free_call);
}

void yg_control(enum yg_control what, yodel_decision *decision, void *user)
{
    if (what == YG_CONTROL_PROCESS)
        tell_process(user, decision);
    else if (what == YG_CONTROL_REOPEN)
        reopen(user, decision);
    else
        post(user, what, decision);
}

void yg_control_end(struct yg_state *state)
{
    settle_all(&state->reload_waiters, YG_PROBLEM_DRAINING, NULL, NULL);
    settle_all(&state->next_reload_waiters, YG_PROBLEM_DRAINING, NULL, NULL);
    settle_all(&state->reopen_waiters, YG_PROBLEM_DRAINING, NULL, NULL);
}
