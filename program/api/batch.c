/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "command/fields.h"

/* One command of a batch. */
struct item {
    struct yg_batch *batch;
    struct yg_order order;
    struct yg_text result; /* an object of the results */
    bool has_result;
};

struct yg_batch {
    struct yg_call *call;
    json_t *commands; /* a reference */
    bool stops, is_parallel;
    bool is_running; /* advance() is on the stack */
    bool has_failed;
    size_t num, begun, ended;
    struct item items[];
};

void yg_batch_free(struct yg_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->num; i++) {
        yg_order_drop(&batch->items[i].order);
        yg_text_done(&batch->items[i].result);
    }
    json_decref(batch->commands);
    free(batch);
}

/* ---- results ---- */

static void put_result(struct yg_text *text, const char *id, const struct yg_reply *reply)
{
    yg_text_putc(text, '{');
    if (id != NULL) {
        yg_text_puts(text, "\"id\":");
        yg_text_put_json(text, id, strlen(id));
        yg_text_putc(text, ',');
    }
    yg_text_puts(text, reply->is_replayed ? "\"replayed\":true," : "");
    yg_text_puts(text, reply->problem == YG_PROBLEM_NONE ? "\"ok\":" : "\"error\":");
    yg_text_add(text, reply->ptr, reply->len);
    yg_text_putc(text, '}');
}

/* Commands that did not begin have no result. */
static void answer(struct yg_batch *batch)
{
    struct yg_call *call = batch->call;
    struct yg_text text = {0};

    yg_text_puts(&text, "{\"results\":[");
    for (size_t i = 0; i < batch->begun; i++) {
        yg_text_puts(&text, i > 0 ? "," : "");
        yg_text_add(&text, batch->items[i].result.ptr, batch->items[i].result.len);
        text.failed = text.failed || yg_text_failed(&batch->items[i].result);
    }
    yg_text_puts(&text, "]}");
    if (yg_text_failed(&text))
        yg_call_fail(call, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED});
    else
        yg_call_reply(call, &(struct yg_reply){.ptr = text.ptr, .len = text.len});
    yg_text_done(&text);
}

/* ---- one after the other ---- */

static void begin(struct item *item, const json_t *value, size_t index)
{
    struct yg_command *command = NULL;
    struct yg_json wrong;
    char at[64];
    int rc;

    snprintf(at, sizeof(at), "/commands/%zu", index);
    rc = yg_command_parse(value, at, false, &wrong, &command);
    if (rc == -EINVAL)
        yg_order_fail(&item->order,
                      &(struct yg_complaint){wrong.problem, wrong.detail, wrong.pointer});
    else if (rc < 0)
        yg_order_fail(&item->order, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED});
    else
        yg_order_run(&item->order, command, command->key);
}

static bool goes_on(const struct yg_batch *batch)
{
    return batch->begun < batch->num && !(batch->stops && batch->has_failed) &&
           (batch->is_parallel || batch->ended == batch->begun);
}

/* A loop, so that commands that are answered at once need no stack each.  Answers when it is the
 * last: batch is gone then. */
static void advance(struct yg_batch *batch)
{
    if (batch->is_running)
        return;
    batch->is_running = true;
    while (goes_on(batch)) {
        const size_t i = batch->begun++;

        begin(&batch->items[i], json_array_get(batch->commands, i), i);
    }
    batch->is_running = false;
    if (batch->ended == batch->begun)
        answer(batch);
}

static void on_reply(const struct yg_reply *reply, void *user)
{
    struct item *item = user;
    struct yg_batch *batch = item->batch;
    const json_t *value = json_array_get(batch->commands, (size_t)(item - batch->items));

    put_result(&item->result, json_string_value(json_object_get(value, "id")), reply);
    if (reply->problem != YG_PROBLEM_NONE)
        batch->has_failed = true;
    batch->ended++;
    advance(batch);
}

/* ---- the body ---- */

static struct yg_batch *new_batch(struct yg_call *call, const json_t *commands)
{
    const size_t num = json_array_size(commands);
    struct yg_batch *batch = calloc(1, sizeof(*batch) + num * sizeof(batch->items[0]));

    if (batch == NULL)
        return NULL;
    batch->call = call;
    batch->commands = json_incref((json_t *)commands);
    batch->num = num;
    for (size_t i = 0; i < num; i++) {
        batch->items[i].batch = batch;
        batch->items[i].order = call->order;
        yg_api_held_ref(call->order.who.held);
        batch->items[i].order.verb = YG_VERB_STATS;
        batch->items[i].order.done = on_reply;
        batch->items[i].order.user = &batch->items[i];
    }
    return batch;
}

void yg_batch_run(struct yg_call *call, const json_t *body)
{
    static const char *const members[] = {"commands", "stop_on_error", "parallel", NULL};
    struct yg_json reader;
    const unsigned most = call->order.who.held->terms.max_commands;
    const json_t *commands;
    bool stops, is_parallel;

    yg_json_open(&reader, body, "");
    yg_fields_only(&reader, members);
    yg_fields_need(&reader, "commands");
    commands = yg_json_list(&reader, "commands");
    stops = yg_json_bool(&reader, "stop_on_error", false);
    is_parallel = yg_json_bool(&reader, "parallel", false);
    if (json_array_size(commands) > most)
        yg_json_complain(&reader, "commands", "at most %u", most);
    if (reader.problem != YG_PROBLEM_NONE) {
        yg_call_fail(call, &(struct yg_complaint){reader.problem, reader.detail, reader.pointer});
        return;
    }
    call->batch = new_batch(call, commands);
    if (call->batch == NULL) {
        yg_call_fail(call, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED});
        return;
    }
    call->batch->stops = stops;
    call->batch->is_parallel = is_parallel;
    advance(call->batch);
}
