/* SPDX-License-Identifier: MIT */
#include "command/execute.h"

#include <stdlib.h>
#include <string.h>

#include "command/act.h"
#include "command/reads.h"
#include "command/run.h"

#define MAX_PENDING 1000

static void show_config(struct yg_run *run)
{
    const struct yg_service *service = run->service;

    if (service->show_config == NULL)
        yg_run_fail(run, YG_PROBLEM_NOT_ENABLED, "there is no configuration", NULL);
    else
        yg_run_done(run, service->show_config(service->config_user));
}

static void (*const verbs[YG_NUM_VERBS])(struct yg_run *run) = {
    [YG_VERB_EMIT] = yg_act_emit,          [YG_VERB_JOIN] = yg_act_on_sockets,
    [YG_VERB_LEAVE] = yg_act_on_sockets,   [YG_VERB_DISCONNECT] = yg_act_on_sockets,
    [YG_VERB_UPDATE] = yg_act_update,      [YG_VERB_SOCKETS] = yg_read_sockets,
    [YG_VERB_SOCKET] = yg_read_socket,     [YG_VERB_ROOMS] = yg_read_rooms,
    [YG_VERB_PRESENCE] = yg_read_presence, [YG_VERB_HISTORY] = yg_read_history,
    [YG_VERB_FORGET] = yg_forget_history,  [YG_VERB_NODES] = yg_read_nodes,
    [YG_VERB_STATS] = yg_read_stats,       [YG_VERB_CONFIG] = show_config,
};

static bool find_namespace(struct yg_run *run)
{
    if (!yg_command_has_namespace(run->command))
        return true;
    if (run->service->sio != NULL)
        run->ns = yodel_sio_find_namespace(run->service->sio, run->command->ns);
    if (run->ns == NULL)
        yg_run_fail(run, YG_PROBLEM_UNKNOWN_NAMESPACE, run->command->ns, NULL);
    return run->ns != NULL;
}

/* Counts it as pending; returns whether there was room. */
static bool enter(struct yg_service *service)
{
    const unsigned max = service->max_pending != 0 ? service->max_pending : MAX_PENDING;

    if (atomic_fetch_add(&service->pending, 1) < max)
        return true;
    atomic_fetch_sub(&service->pending, 1);
    return false;
}

static struct yg_run *new_run(struct yg_service *service, struct yg_command *command,
                              const struct yg_caller *caller, yg_answer_fn *answer, void *user)
{
    struct yg_run *run = calloc(1, sizeof(*run));

    if (run == NULL)
        return NULL;
    run->service = service;
    run->command = command;
    run->loop = caller->loop;
    run->sender = caller->sender;
    if (run->sender != NULL) {
        const yodel_str id = yodel_sio_socket_id(run->sender);

        memcpy(run->sender_id, id.ptr,
               id.len < sizeof(run->sender_id) ? id.len : sizeof(run->sender_id) - 1);
    }
    run->quick = caller->quick;
    run->uncounted = caller->uncounted;
    run->refs = 2; /* the loop's, and that of yg_execute() */
    run->answer = answer;
    run->user = user;
    return run;
}

void yg_execute(struct yg_service *service, struct yg_command *command,
                const struct yg_caller *caller, yg_answer_fn *answer, void *user,
                struct yg_run **ret_run)
{
    struct yg_run *run = NULL;
    const bool has_room = enter(service);

    *ret_run = NULL;
    if (has_room)
        run = new_run(service, command, caller, answer, user);
    if (run == NULL) {
        if (has_room)
            atomic_fetch_sub(&service->pending, 1);
        yg_command_free(command);
        answer(&(struct yg_answer){.problem = YG_PROBLEM_OVERLOADED,
                                   .detail = has_room ? "out of memory"
                                                      : "too many commands wait for answers"},
               user);
        return;
    }
    if (find_namespace(run))
        verbs[run->command->verb](run);
    /* sender is there for this call only: what comes later names it by its id. */
    run->sender = NULL;
    if (!run->is_over)
        *ret_run = run;
    yg_run_unref(run);
}
