/* SPDX-License-Identifier: MIT */
#include "command/acks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* Sockets that are asked in one turn of the loop. */
#define AT_ONCE 250
#define TURN_MS 1

struct yg_acks {
    struct yg_run *run;  /* whose it is */
    yodel_timer turn;    /* for those that have not been asked yet */
    json_t *sids;        /* who is asked */
    size_t next;         /* of them */
    json_t *acks;        /* what came */
    json_t *missing;     /* who did not answer */
    size_t open;         /* who has not yet */
    atomic_size_t bytes; /* of answers: counted on whatever loop */
    size_t oversize;     /* that came, and were too many bytes in all */
};

void yg_acks_stop(struct yg_acks *acks)
{
    if (acks != NULL)
        yodel_timer_stop(&acks->turn);
}

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
    const size_t len = YG_BASE64_CHARS(bytes.len);
    char *text = malloc(len + 1);
    json_t *string;

    if (text == NULL)
        return NULL;
    yg_base64_encode(bytes.ptr, bytes.len, text);
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

/* {"args", "attachments"?} of the one array of arguments; NULL: out of memory. */
static json_t *item_of(const yodel_sio_answers *answers)
{
    json_t *args = json_array_get(yodel_sio_answers_json(answers), 0);
    json_t *item = json_object();

    if (item != NULL && args != NULL &&
        json_object_set_new(item, "args", json_deep_copy(args)) == 0 &&
        put_attachments(item, answers) == 0)
        return item;
    json_decref(item);
    return NULL;
}

static bool has_room(struct yg_acks *acks, const yodel_sio_answers *answers)
{
    size_t size = answers->json.len;

    for (size_t i = 0; i < answers->num_attachments; i++)
        size += YG_BASE64_CHARS(answers->attachments[i].len);
    return atomic_fetch_add(&acks->bytes, size) + size <= YG_ACKS_BYTES;
}

/* A client that has left answers with nothing, as one that is not there. */
static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct yg_parcel *parcel = user;

    if (json_array_size(yodel_sio_answers_json(answers)) == 0)
        parcel->json = NULL;
    else if (has_room(parcel->run->acks, answers))
        parcel->json = item_of(answers);
    else
        parcel->result = YODEL_ERR_TOO_BIG;
    yg_parcel_send(parcel);
}

/* ---- on the loop of the run ---- */

static json_t *body_of(const struct yg_acks *acks)
{
    json_t *body = json_pack("{sOsO}", "acks", acks->acks, "missing", acks->missing);

    if (body == NULL || acks->oversize == 0 ||
        json_object_set_new(body, "oversize", json_integer((json_int_t)acks->oversize)) == 0)
        return body;
    json_decref(body);
    return NULL;
}

static void answer(struct yg_run *run)
{
    const struct yg_acks *acks = run->acks;
    json_t *body = body_of(acks);
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
    if (parcel->result == YODEL_ERR_TOO_BIG)
        parcel->run->acks->oversize++;
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
    target = yodel_sio_target_with(target, YODEL_SIO_ALL_ARGUMENTS |
                                               (command->is_local ? YODEL_SIO_LOCAL : 0));
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

/* So many at once, so that other clients of the loop need not wait for all of them.  The time of
 * each begins as it is asked. */
static void ask_some(struct yg_run *run)
{
    struct yg_acks *acks = run->acks;
    const size_t num = json_array_size(acks->sids);
    const size_t end = num - acks->next > AT_ONCE ? acks->next + AT_ONCE : num;

    yg_run_wait(run, run->command->ack_ms);
    while (acks->next < end && !run->is_over) {
        const size_t index = acks->next++;

        if (ask_one(run, index) < 0)
            note(run, index, NULL);
    }
    if (acks->next < num && !run->is_over)
        yodel_timer_start(&acks->turn, TURN_MS);
}

static void on_turn(yodel_timer *timer, void *user)
{
    struct yg_acks *acks = user;

    (void)timer;
    ask_some(acks->run);
}

static struct yg_acks *new_acks(struct yg_run *run, const json_t *sids)
{
    struct yg_acks *acks = calloc(1, sizeof(*acks));

    if (acks == NULL)
        return NULL;
    acks->run = run;
    yodel_timer_init(&acks->turn, run->loop, on_turn, acks);
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
    run->acks = new_acks(run, sids);
    if (run->acks == NULL)
        yg_run_done(run, NULL);
    else if (num == 0)
        answer(run);
    else
        ask_some(run);
}
