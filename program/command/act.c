/* SPDX-License-Identifier: MIT */
#include "command/act.h"

#include <errno.h>

#include "command/acks.h"
#include "command/fetch.h"
#include "command/reach.h"
#include "command/settle.h"
#include "command/target.h"
#include "command/update.h"

static yodel_sio_args args_of(const struct yg_command *command)
{
    return (yodel_sio_args){.size = sizeof(yodel_sio_args),
                            .json = {command->args.ptr, command->args.len},
                            .attachments = command->attachments,
                            .num_attachments = command->num_attachments};
}

static void fail_target(struct yg_run *run, int result)
{
    if (result == -ENOTSUP)
        yg_run_fail(run, YG_PROBLEM_NOT_ENABLED, "the namespace has no personal_room", NULL);
    else
        yg_run_fail_result(run, result);
}

static void done_or_fail(struct yg_run *run, int result, json_t *body)
{
    if (result >= 0) {
        yg_run_done(run, body);
        return;
    }
    json_decref(body);
    yg_run_fail_result(run, result);
}

/* ---- emit ---- */

/* How long is waited for where it stands in history; then it is answered without. */
#define KEPT_MS 2000

/* It was sent, in any case. */
static void answer_without_place(struct yg_run *run)
{
    yg_run_done(run, json_object());
}

static void on_kept(struct yg_parcel *parcel)
{
    if (parcel->result == -ENOMEM || parcel->result == YODEL_ERR_CLOSED)
        yg_run_fail_result(parcel->run, parcel->result);
    else if (parcel->json == NULL)
        answer_without_place(parcel->run);
    else
        yg_run_done(parcel->run, json_incref(parcel->json));
}

/* On the first loop. */
static void note_place(int result, const char *offset, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->result = result;
    if (result == 0)
        parcel->json = json_pack("{ss}", "offset", offset);
    yg_parcel_send(parcel);
}

/* Whether who asks waits for others than this loop. */
static bool may_wait(const struct yg_run *run)
{
    return !run->quick && !run->uncounted;
}

/* After a call that tells a parcel where something stands. */
static int await_place(struct yg_run *run, struct yg_parcel *parcel, int result)
{
    if (result < 0)
        yg_parcel_drop(parcel);
    else
        yg_run_wait_or(run, KEPT_MS, answer_without_place);
    return result;
}

/* One group that is kept; else YODEL_ERR_UNSUPPORTED. */
static int send_told(struct yg_run *run, const char *group, yodel_ws_type type, yodel_bytes data)
{
    struct yg_parcel *parcel;

    if (!may_wait(run))
        return YODEL_ERR_UNSUPPORTED;
    if ((parcel = yg_parcel_new(run, on_kept)) == NULL)
        return -ENOMEM;
    return await_place(
        run, parcel,
        yodel_group_send_told(run->service->channels, group, type, data, note_place, parcel));
}

static void emit_to_groups(struct yg_run *run)
{
    const struct yg_names *groups = &run->command->to.groups;
    const struct yg_command *command = run->command;
    const yodel_str text = yodel_str_of(command->text);
    const yodel_ws_type type = command->text != NULL ? YODEL_WS_TEXT : YODEL_WS_BINARY;
    const yodel_bytes data = command->text != NULL
                                 ? (yodel_bytes){(const uint8_t *)text.ptr, text.len}
                                 : command->attachments[0];
    int rc = YODEL_ERR_UNSUPPORTED;

    if (run->service->channels == NULL || !command->keeps_history) {
        yg_run_fail(run, YG_PROBLEM_NOT_ENABLED,
                    run->service->channels == NULL ? "there are no groups"
                                                   : "what a group keeps is of its configuration",
                    NULL);
        return;
    }
    if (groups->num == 1)
        rc = send_told(run, groups->items[0], type, data);
    if (rc == 0)
        return;
    if (rc == YODEL_ERR_UNSUPPORTED) {
        rc = 0;
        for (size_t i = 0; i < groups->num && rc == 0; i++)
            rc = yodel_group_send(run->service->channels, groups->items[i], type, data);
    }
    done_or_fail(run, rc, json_object());
}

static json_t *delivered(size_t num)
{
    return json_pack("{sI}", "delivered", (json_int_t)num);
}

static void on_counted(struct yg_parcel *parcel)
{
    yg_run_done(parcel->run, delivered(parcel->index));
}

/* On any loop. */
static void note_count(size_t num, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->index = num;
    yg_parcel_send(parcel);
}

static int emit_counted(struct yg_run *run, yodel_sio_target target, const yodel_sio_args *args)
{
    struct yg_parcel *parcel = yg_parcel_new(run, on_counted);
    int rc;

    if (parcel == NULL)
        return -ENOMEM;
    yg_run_wait(run, YG_FETCH_MS);
    rc = yodel_sio_emit_counted(target, run->command->event, args, note_count, parcel);
    if (rc < 0)
        yg_parcel_drop(parcel);
    return rc;
}

/* Those of one room, and nobody else, can be kept. */
static bool may_be_kept(const struct yg_run *run)
{
    const struct yg_command *command = run->command;
    const struct yg_reach *to = &command->to;

    return run->service->kept != NULL && command->keeps_history && !command->is_volatile &&
           !command->is_local && command->num_attachments == 0 && to->rooms.num == 1 &&
           yg_reach_num(to) == 1 && !to->all && !to->others && yg_reach_num(&command->except) == 0;
}

/* Nobody is counted: a store may give it to them later. */
static int emit_kept(struct yg_run *run, const yodel_sio_args *args)
{
    const struct yg_command *command = run->command;
    const char *room = may_be_kept(run) ? command->to.rooms.items[0] : NULL;
    struct yg_parcel *parcel;
    int rc;

    if (room == NULL)
        return YODEL_ERR_UNSUPPORTED;
    if (!may_wait(run)) {
        rc = yodel_sio_emit_kept(run->ns, room, command->event, args);
        if (rc == 0)
            answer_without_place(run);
        return rc;
    }
    if ((parcel = yg_parcel_new(run, on_kept)) == NULL)
        return -ENOMEM;
    return await_place(
        run, parcel,
        yodel_sio_emit_kept_told(run->ns, room, command->event, args, note_place, parcel));
}

static void emit_to(struct yg_run *run, yodel_sio_target target)
{
    const yodel_sio_args args = args_of(run->command);
    int rc = emit_kept(run, &args);

    if (rc == YODEL_ERR_UNSUPPORTED && !may_wait(run)) {
        rc = yodel_sio_emit_args(target, run->command->event, &args);
        done_or_fail(run, rc, json_object());
        return;
    }
    if (rc == YODEL_ERR_UNSUPPORTED)
        rc = emit_counted(run, target, &args);
    if (rc < 0)
        yg_run_fail_result(run, rc);
}

static void on_asked(struct yg_parcel *parcel)
{
    struct yg_run *run = parcel->run;
    yodel_sio_target target;
    int rc;

    if (parcel->json == NULL)
        yg_run_done(run, NULL);
    else if (run->command->must_exist && json_array_size(parcel->json) == 0)
        yg_run_fail_absent(parcel);
    else if (run->command->wants_ack)
        yg_acks_ask(run, parcel->json);
    else if ((rc = yg_target_make(run, &target)) < 0)
        fail_target(run, rc);
    else
        emit_to(run, target);
}

/* Sockets that are named need not be looked for. */
static void ask_named(struct yg_run *run)
{
    json_t *sids = json_array();

    for (size_t i = 0; sids != NULL && i < run->command->to.sockets.num; i++) {
        if (json_array_append_new(sids, json_string(run->command->to.sockets.items[i])) != 0) {
            json_decref(sids);
            sids = NULL;
        }
    }
    if (sids == NULL)
        yg_run_done(run, NULL);
    else
        yg_acks_ask(run, sids);
    json_decref(sids);
}

static void ask_sender(struct yg_run *run)
{
    const yodel_str id = yodel_sio_socket_id(run->sender);
    json_t *sids = json_pack("[s%]", id.ptr, id.len);

    if (sids == NULL)
        yg_run_done(run, NULL);
    else
        yg_acks_ask(run, sids);
    json_decref(sids);
}

static void emit_to_sender(struct yg_run *run)
{
    yodel_sio_target target = yodel_sio_to(run->sender);

    if (run->command->is_volatile)
        target = yodel_sio_target_with(target, YODEL_SIO_VOLATILE);
    if (run->command->wants_ack)
        ask_sender(run);
    else
        emit_to(run, target);
}

static bool names_sockets_only(const struct yg_command *command)
{
    return yg_reach_num(&command->to) == command->to.sockets.num && !command->to.all &&
           !command->to.others && yg_reach_num(&command->except) == 0 && !command->must_exist;
}

void yg_act_emit(struct yg_run *run)
{
    const struct yg_command *command = run->command;
    yodel_sio_target target;
    int rc;

    if (command->to.groups.num > 0) {
        emit_to_groups(run);
    } else if (command->to.sender) {
        emit_to_sender(run);
    } else if (command->wants_ack && names_sockets_only(command)) {
        ask_named(run);
    } else if ((rc = yg_target_make(run, &target)) < 0) {
        fail_target(run, rc);
    } else if (command->wants_ack || command->must_exist) {
        rc = yg_fetch_sockets(run, target, false, on_asked);
        if (rc < 0)
            yg_run_fail_result(run, rc);
    } else {
        emit_to(run, target);
    }
}

/* ---- join, leave, disconnect ---- */

#define GOODBYE "yodel:disconnect"

/* A DISCONNECT packet has no words: they go ahead of it, as an event. */
static int say_goodbye(struct yg_run *run, yodel_sio_target target)
{
    const char *message = run->command->message;

    if (message == NULL)
        return 0;
    return yodel_sio_emit(target, GOODBYE, "{sssb}", "message", message, "reconnect",
                          run->command->reconnect);
}

/* A DISCONNECT packet is final for a client of socket.io: it does not come back. */
static int way_of(const struct yg_command *command)
{
    return command->reconnect ? YODEL_SIO_COME_BACK : 0;
}

static int apply(struct yg_run *run, yodel_sio_target target)
{
    const struct yg_command *command = run->command;
    int rc;

    if (command->verb == YG_VERB_JOIN)
        return yodel_sio_target_join(target, command->rooms.items);
    if (command->verb == YG_VERB_LEAVE)
        return yodel_sio_target_leave(target, command->rooms.items);
    rc = say_goodbye(run, target);
    return rc < 0 ? rc : yodel_sio_target_disconnect(target, way_of(command));
}

static json_t *matched(size_t num)
{
    return json_pack("{sI}", "matched", (json_int_t)num);
}

static void tell_matched(struct yg_run *run)
{
    yg_run_done(run, yg_run_partial(matched(run->matched), run->missing));
}

static void on_settled(struct yg_parcel *parcel)
{
    tell_matched(parcel->run);
}

/* What was sent to the loops of the sockets they have carried out before it is answered: whoever
 * emits or asks after that, by whatever connection, meets it. */
static void settle(struct yg_run *run, size_t num, unsigned missing)
{
    run->matched = num;
    run->missing = missing;
    if (num == 0 || yg_settle(run, on_settled) < 0)
        tell_matched(run);
}

static void on_matched(struct yg_parcel *parcel)
{
    struct yg_run *run = parcel->run;
    const size_t num = json_array_size(parcel->json);
    yodel_sio_target target;
    int rc;

    if (parcel->json == NULL) {
        yg_run_done(run, NULL);
    } else if (run->command->must_exist && num == 0) {
        yg_run_fail_absent(parcel);
    } else if ((rc = yg_target_make(run, &target)) < 0) {
        fail_target(run, rc);
    } else if ((rc = apply(run, target)) < 0) {
        yg_run_fail_result(run, rc);
    } else {
        settle(run, num, parcel->missing);
    }
}

static int join_sender(struct yg_run *run)
{
    const struct yg_names *rooms = &run->command->rooms;
    int rc = 0;

    for (size_t i = 0; i < rooms->num && rc == 0; i++)
        rc = yodel_sio_socket_join(run->sender, rooms->items[i]);
    return rc;
}

static void act_on_sender(struct yg_run *run)
{
    const struct yg_command *command = run->command;
    int rc = 0;

    if (command->verb == YG_VERB_JOIN) {
        rc = join_sender(run);
    } else if (command->verb == YG_VERB_LEAVE) {
        for (size_t i = 0; i < command->rooms.num; i++)
            yodel_sio_socket_leave(run->sender, command->rooms.items[i]);
    } else {
        rc = say_goodbye(run, yodel_sio_to(run->sender));
        if (rc == 0)
            yodel_sio_socket_disconnect(run->sender, way_of(command));
    }
    done_or_fail(run, rc, matched(1));
}

void yg_act_on_sockets(struct yg_run *run)
{
    yodel_sio_target target;
    int rc;

    if (run->command->to.sender) {
        act_on_sender(run);
        return;
    }
    rc = yg_target_make(run, &target);
    if (rc < 0) {
        fail_target(run, rc);
    } else if (run->quick && !run->command->must_exist) {
        rc = apply(run, target);
        done_or_fail(run, rc, json_object());
    } else {
        rc = yg_fetch_sockets(run, target, false, on_matched);
        if (rc < 0)
            yg_run_fail_result(run, rc);
    }
}

/* ---- update ---- */

static void on_found(struct yg_parcel *parcel)
{
    struct yg_run *run = parcel->run;
    const size_t num = json_array_size(parcel->json);
    int rc;

    if (parcel->json == NULL) {
        yg_run_done(run, NULL);
    } else if (run->command->must_exist && num == 0) {
        yg_run_fail_absent(parcel);
    } else if ((rc = yg_update_sockets(run, parcel->json)) < 0) {
        yg_run_fail_result(run, rc);
    } else {
        settle(run, num, parcel->missing);
    }
}

void yg_act_update(struct yg_run *run)
{
    yodel_sio_target target;
    int rc;

    if (run->command->to.sender) {
        rc = yg_update_sender(run);
        done_or_fail(run, rc, matched(1));
        return;
    }
    rc = yg_target_make(run, &target);
    if (rc < 0) {
        fail_target(run, rc);
        return;
    }
    rc = yg_fetch_sockets(run, target, false, on_found);
    if (rc < 0)
        yg_run_fail_result(run, rc);
}
