/* SPDX-License-Identifier: MIT */
#include "command/run.h"

#include <stdlib.h>

#include "command/acks.h"

#define MARGIN_MS 5000
#define LOOK_MS 200 /* of the guard, while an answer is awaited */

void yg_run_unref(struct yg_run *run)
{
    if (atomic_fetch_sub(&run->refs, 1) > 1)
        return;
    yg_acks_free(run->acks);
    yodel_sio_namespace_unref(run->ns);
    yg_command_free(run->command);
    free(run);
}

/* ---- parcels ---- */

struct yg_parcel *yg_parcel_new(struct yg_run *run, void (*open)(struct yg_parcel *parcel))
{
    struct yg_parcel *parcel = calloc(1, sizeof(*parcel));

    if (parcel == NULL)
        return NULL;
    parcel->run = run;
    parcel->open = open;
    atomic_fetch_add(&run->refs, 1);
    return parcel;
}

void yg_parcel_drop(struct yg_parcel *parcel)
{
    json_decref(parcel->json);
    json_decref(parcel->more);
    yg_run_unref(parcel->run);
    free(parcel);
}

/* On whatever loop when the post has failed. */
static void free_parcel(void *arg)
{
    struct yg_parcel *parcel = arg;

    if (!parcel->has_come)
        atomic_fetch_add(&parcel->run->num_lost, 1);
    yg_parcel_drop(parcel);
}

static void on_parcel(yodel_loop *loop, void *arg)
{
    struct yg_parcel *parcel = arg;

    (void)loop;
    parcel->has_come = true;
    if (!parcel->run->is_over)
        parcel->open(parcel);
}

void yg_parcel_send(struct yg_parcel *parcel)
{
    /* A post that fails has freed it, and counted it as lost. */
    (void)yodel_loop_post(parcel->run->loop, on_parcel, parcel, free_parcel);
}

/* ---- the end ---- */

static void finish(struct yg_run *run, const struct yg_answer *answer)
{
    if (run->is_over)
        return;
    run->is_over = true;
    yodel_timer_stop(&run->guard);
    yg_acks_stop(run->acks);
    atomic_fetch_sub(&run->service->pending, 1);
    run->answer(answer, run->user);
    yg_run_unref(run);
}

void yg_run_abandon(struct yg_run *run)
{
    if (run == NULL || run->is_over)
        return;
    run->is_over = true;
    yodel_timer_stop(&run->guard);
    yg_acks_stop(run->acks);
    atomic_fetch_sub(&run->service->pending, 1);
    yg_run_unref(run);
}

void yg_run_fail(struct yg_run *run, enum yg_problem problem, const char *detail, json_t *body)
{
    finish(run, &(struct yg_answer){.problem = problem, .detail = detail, .body = body});
    json_decref(body);
}

void yg_run_fail_result(struct yg_run *run, int result)
{
    yg_run_fail(run, yg_problem_of_result(result), yodel_strerror(result), NULL);
}

void yg_run_fail_absent(const struct yg_parcel *parcel)
{
    if (parcel->missing == 0)
        yg_run_fail(parcel->run, YG_PROBLEM_UNKNOWN_SOCKET, NULL, NULL);
    else
        yg_run_fail(parcel->run, YG_PROBLEM_OVERLOADED, "some did not tell who is there", NULL);
}

void yg_run_done(struct yg_run *run, json_t *body)
{
    if (body == NULL)
        yg_run_fail(run, YG_PROBLEM_OVERLOADED, "out of memory", NULL);
    else
        finish(run, &(struct yg_answer){.body = body});
    json_decref(body);
}

/* Whether nothing comes any more.  Where several answer, those that were lost are among the open
 * ones, and the others still may. */
static bool is_lost(const struct yg_run *run)
{
    const size_t open = run->acks != NULL ? yg_acks_num_open(run->acks) : 1;

    return atomic_load(&run->num_lost) >= open;
}

static void on_guard(yodel_timer *timer, void *user)
{
    struct yg_run *run = user;

    if (!is_lost(run) && yodel_loop_now(run->loop) < run->guard_end_ms)
        yodel_timer_start(timer, LOOK_MS);
    else if (run->late != NULL)
        run->late(run);
    else
        yg_run_fail(run, YG_PROBLEM_OVERLOADED, "the answer was lost", NULL);
}

void yg_run_wait(struct yg_run *run, uint32_t ms)
{
    run->late = NULL;
    run->guard_end_ms = yodel_loop_now(run->loop) + ms + MARGIN_MS;
    yodel_timer_stop(&run->guard);
    yodel_timer_init(&run->guard, run->loop, on_guard, run);
    yodel_timer_start(&run->guard, LOOK_MS);
}

void yg_run_wait_or(struct yg_run *run, uint32_t ms, void (*late)(struct yg_run *run))
{
    yg_run_wait(run, ms);
    run->guard_end_ms = yodel_loop_now(run->loop) + ms;
    run->late = late;
}

json_t *yg_run_partial(json_t *object, unsigned missing)
{
    if (object == NULL || missing == 0)
        return object;
    if (json_object_set_new(object, "partial", json_integer(missing)) == 0)
        return object;
    json_decref(object);
    return NULL;
}
