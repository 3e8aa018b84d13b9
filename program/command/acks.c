/* SPDX-License-Identifier: MIT */
#include "command/acks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/attachment.h"

struct yg_acks {
    json_t *sids;    /* who was asked */
    json_t *acks;    /* what came */
    json_t *missing; /* who did not answer */
    size_t open;     /* who has not yet */
};

void yg_acks_free(struct yg_acks *acks)
{
    if (acks == NULL)
        return;
    json_decref(acks->sids);
    json_decref(acks->acks);
    json_decref(acks->missing);
    free(acks);
}

size_t yg_acks_num_open(const struct yg_acks *acks)
{
    return acks->open;
}

/* ---- on the loop of the answer ---- */

static json_t *encode(yodel_bytes bytes)
{
    const size_t len = YG_ATTACHMENT_CHARS(bytes.len);
    char *text = malloc(len + 1);
    json_t *string;

    if (text == NULL)
        return NULL;
    yg_attachment_encode(bytes.ptr, bytes.len, text);
    string = json_stringn(text, len);
    free(text);
    return string;
}

static int put_attachments(json_t *item, const yodel_sio_answers *answers)
{
    json_t *list;

    if (answers->num_attachments == 0)
        return 0;
    list = json_array();
    for (size_t i = 0; list != NULL && i < answers->num_attachments; i++) {
        if (json_array_append_new(list, encode(answers->attachments[i])) != 0) {
            json_decref(list);
            return -1;
        }
    }
    return json_object_set_new(item, "attachments", list);
}

/* {"args", "attachments"?}; NULL: nobody has answered, or out of memory. */
static json_t *item_of(const yodel_sio_answers *answers)
{
    json_t *args = yodel_sio_answers_json(answers);
    json_t *item;

    if (json_array_size(args) == 0)
        return NULL;
    item = json_object();
    if (item != NULL && json_object_set_new(item, "args", json_deep_copy(args)) == 0 &&
        put_attachments(item, answers) == 0)
        return item;
    json_decref(item);
    return NULL;
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->json = item_of(answers);
    yg_parcel_send(parcel);
}

/* ---- on the loop of the run ---- */

static void answer(struct yg_run *run)
{
    struct yg_acks *acks = run->acks;
    json_t *body = json_pack("{sOsO}", "acks", acks->acks, "missing", acks->missing);
    const bool is_whole = run->command->first_ack ? json_array_size(acks->acks) > 0
                                                  : json_array_size(acks->missing) == 0;

    if (body != NULL && !is_whole)
        yg_run_fail(run, YG_PROBLEM_ACK_TIMEOUT, NULL, body);
    else
        yg_run_done(run, body);
}

/* One of those who were asked is through.  item is borrowed; NULL: it did not answer. */
static void note(struct yg_run *run, size_t index, json_t *item)
{
    struct yg_acks *acks = run->acks;
    json_t *sid = json_array_get(acks->sids, index);
    int rc =
        item != NULL ? json_object_set(item, "sid", sid) : json_array_append(acks->missing, sid);

    acks->open--;
    if (rc == 0 && item != NULL)
        rc = json_array_append(acks->acks, item);
    if (rc != 0)
        yg_run_done(run, NULL);
    else if (acks->open == 0 || (item != NULL && run->command->first_ack))
        answer(run);
}

static void on_parcel(struct yg_parcel *parcel)
{
    note(parcel->run, parcel->index, parcel->json);
}

static int ask_one(struct yg_run *run, size_t index)
{
    const struct yg_command *command = run->command;
    const char *sid = json_string_value(json_array_get(run->acks->sids, index));
    struct yg_parcel *parcel = yg_parcel_new(run, on_parcel);
    yodel_sio_target target = yodel_sio_to_room(run->ns, sid);
    int rc;

    if (parcel == NULL)
        return -ENOMEM;
    parcel->index = index;
    target = yodel_sio_target_timeout(target, command->ack_ms);
    if (command->is_local)
        target = yodel_sio_target_with(target, YODEL_SIO_LOCAL);
    rc = yodel_sio_emit_ack(target, command->event,
                            YODEL_OPTIONS(yodel_sio_args,
                                          .json = {command->args.ptr, command->args.len},
                                          .attachments = command->attachments,
                                          .num_attachments = command->num_attachments),
                            on_answers, parcel);
    if (rc < 0)
        yg_parcel_drop(parcel);
    return rc;
}

static struct yg_acks *new_acks(const json_t *sids)
{
    struct yg_acks *acks = calloc(1, sizeof(*acks));

    if (acks == NULL)
        return NULL;
    acks->open = json_array_size(sids);
    acks->sids = json_copy((json_t *)sids);
    acks->acks = json_array();
    acks->missing = json_array();
    if (acks->sids != NULL && acks->acks != NULL && acks->missing != NULL)
        return acks;
    yg_acks_free(acks);
    return NULL;
}

void yg_acks_ask(struct yg_run *run, const json_t *sids)
{
    const size_t num = json_array_size(sids);

    if (num > YG_ACKS_MAX) {
        yg_run_fail(run, YG_PROBLEM_TOO_LARGE, "too many sockets to be acknowledged", NULL);
        return;
    }
    run->acks = new_acks(sids);
    if (run->acks == NULL) {
        yg_run_done(run, NULL);
        return;
    }
    if (num == 0) {
        answer(run);
        return;
    }
    yg_run_wait(run, run->command->ack_ms);
    for (size_t i = 0; i < num && !run->is_over; i++) {
        if (ask_one(run, i) < 0)
            note(run, i, NULL);
    }
}
