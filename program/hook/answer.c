/* SPDX-License-Identifier: MIT */
#include "hook/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/fields.h"
#include "command/payload.h"

#define MAX_TIME 253402300799 /* the end of the year 9999 */

static const char *const words[] = {
    [YG_HOOK_CONNECT] = "connect",
    [YG_HOOK_CONNECTED] = "connected",
    [YG_HOOK_EVENT] = "event",
    [YG_HOOK_REFRESH] = "refresh",
    [YG_HOOK_DISCONNECTED] = "disconnected",
    [YG_HOOK_OCCUPIED] = "occupied",
    [YG_HOOK_VACATED] = "vacated",
    [YG_HOOK_NODE_STARTED] = "node_started",
};

const char *yg_hook_word(enum yg_hook_kind kind)
{
    return words[kind];
}

/* One result being read. */
struct reading {
    struct yg_hook_answer *answer;
    const struct yg_hook_asked *asked;
    struct yg_hook_result *result;
    struct yg_json object;
};

/* ---- members ---- */

static const json_t *bounded(struct yg_json *object, const char *name, size_t max)
{
    const json_t *value = yg_json_any(object, name);

    if (value != NULL && json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) > max)
        yg_json_complain(object, name, "at most %zu bytes", max);
    return value;
}

static void read_expires(struct reading *reading)
{
    struct yg_hook_result *result = reading->result;

    result->has_expires = yg_json_any(&reading->object, "expires_at") != NULL;
    result->expires_at = yg_json_integer(&reading->object, "expires_at", 0, MAX_TIME, 0);
}

static const char *read_message(struct yg_json *object)
{
    const char *message = yg_json_string(object, "message");

    if (message != NULL && strlen(message) > YG_COMMAND_MAX_MESSAGE)
        yg_json_complain(object, "message", "at most %d bytes", YG_COMMAND_MAX_MESSAGE);
    return message;
}

/* An action that names none is in the namespace of its event. */
static int set_namespace(struct yg_command *command, const json_t *value, const char *ns)
{
    const json_t *body = json_object_get(value, yg_verb_word(command->verb));

    if (ns == NULL || *ns != '/' || json_object_get(body, "namespace") != NULL)
        return 0;
    command->ns = yg_arena_dup(&command->arena, ns);
    return command->ns != NULL ? 0 : -ENOMEM;
}

/* A JSON pointer, without printf(): each answer has some, and few are read.  "" where it does
 * not fit. */
static void point(char *to, size_t size, const char *outer, const char *list, size_t index)
{
    char digits[20];
    const char *at = yg_text_digits(digits + sizeof(digits), index);
    const size_t outer_len = strlen(outer), list_len = strlen(list);
    const size_t len = (size_t)(digits + sizeof(digits) - at);

    if (outer_len + list_len + len >= size) {
        *to = '\0';
        return;
    }
    memcpy(to, outer, outer_len);
    memcpy(to + outer_len, list, list_len);
    memcpy(to + outer_len + list_len, at, len);
    to[outer_len + list_len + len] = '\0';
}

/* Returns 0, -ENOMEM, or 0 after a complaint of the command's. */
static int read_action(struct reading *reading, const json_t *value, size_t index)
{
    struct yg_json *root = reading->object.root, wrong;
    char at[sizeof(root->pointer)];
    int rc;

    point(at, sizeof(at), reading->object.at, "/actions/", index);
    rc = yg_command_parse(value, at, true, &wrong, &reading->result->actions[index]);
    if (rc == 0) {
        reading->result->num_actions++;
        rc = set_namespace(reading->result->actions[index], value, reading->asked->ns);
    }
    if (rc == -EINVAL && root->problem == YG_PROBLEM_NONE) {
        root->problem = wrong.problem;
        memcpy(root->detail, wrong.detail, sizeof(root->detail));
        memcpy(root->pointer, wrong.pointer, sizeof(root->pointer));
    }
    return rc == -EINVAL ? 0 : rc;
}

static int read_actions(struct reading *reading)
{
    const json_t *list = yg_json_list(&reading->object, "actions");
    const size_t num = json_array_size(list);

    if (num > YG_HOOK_MAX_ACTIONS) {
        yg_json_complain(&reading->object, "actions", "at most %d", YG_HOOK_MAX_ACTIONS);
        return 0;
    }
    if (num == 0)
        return 0;
    reading->result->actions =
        yg_arena_take_array(&reading->answer->arena, num, sizeof(*reading->result->actions));
    if (reading->result->actions == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num && reading->object.root->problem == YG_PROBLEM_NONE; i++) {
        const int rc = read_action(reading, json_array_get(list, i), i);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_meta_and_actions(struct reading *reading)
{
    reading->result->meta = bounded(&reading->object, "meta", YG_COMMAND_MAX_META);
    return read_actions(reading);
}

/* ---- kinds ---- */

static int read_refusal(struct reading *reading, const json_t *reject)
{
    static const char *const names[] = {"message", "data", NULL};
    struct yg_json object;
    char at[64];

    snprintf(at, sizeof(at), "%.40s/reject", reading->object.at);
    yg_json_open_in(&object, &reading->object, reject, at);
    yg_fields_only(&object, names);
    reading->result->is_rejected = true;
    reading->result->message = read_message(&object);
    reading->result->data = bounded(&object, "data", YG_HOOK_MAX_DATA);
    (void)yg_json_close(&object);
    return 0;
}

static int read_connect(struct reading *reading)
{
    static const char *const names[] = {"id",   "user",       "meta",    "info",   "rooms",
                                        "data", "expires_at", "actions", "reject", NULL};
    static const char *const alone[] = {"id", "reject", NULL};
    struct yg_hook_result *result = reading->result;
    struct yg_json *object = &reading->object;
    const json_t *reject;

    yg_fields_only(object, names);
    reject = yg_json_object(object, "reject");
    if (reject != NULL) {
        yg_fields_only(object, alone);
        return read_refusal(reading, reject);
    }
    result->user = yg_fields_name(object, "user", YG_COMMAND_MAX_NAME);
    result->info = bounded(object, "info", YG_COMMAND_MAX_META);
    result->data = bounded(object, "data", YG_HOOK_MAX_DATA);
    read_expires(reading);
    if (!yg_fields_names(object, "rooms", &reading->answer->arena, &result->rooms))
        return -ENOMEM;
    return read_meta_and_actions(reading);
}

static int read_event(struct reading *reading)
{
    static const char *const names[] = {"id", "ack", "attachments", "meta", "actions", NULL};
    struct yg_hook_result *result = reading->result;

    yg_fields_only(&reading->object, names);
    result->has_ack = yg_json_any(&reading->object, "ack") != NULL;
    result->ack = calloc(1, sizeof(*result->ack));
    if (result->ack == NULL ||
        !yg_payload_parse_args(&reading->object, "ack", "attachments", result->ack))
        return -ENOMEM;
    result->has_ack = result->has_ack && reading->asked->wants_ack;
    return read_meta_and_actions(reading);
}

static int read_refresh(struct reading *reading)
{
    static const char *const names[] = {"id", "expires_at", "expired", "meta", "actions", NULL};

    yg_fields_only(&reading->object, names);
    reading->result->is_expired = yg_json_bool(&reading->object, "expired", false);
    read_expires(reading);
    if (reading->result->is_expired && reading->result->has_expires)
        yg_json_complain(&reading->object, "expires_at", "expired, or expires_at, not both");
    return read_meta_and_actions(reading);
}

static int read_notice(struct reading *reading)
{
    static const char *const names[] = {"id", "meta", "actions", NULL};

    yg_fields_only(&reading->object, names);
    return read_meta_and_actions(reading);
}

/* at: JSON pointer of value, at most 40 bytes. */
static int read_result(struct yg_hook_answer *answer, const struct yg_hook_asked *asked,
                       size_t index, const json_t *value, const char *at, struct yg_json *outer)
{
    struct reading reading = {
        .answer = answer, .asked = &asked[index], .result = &answer->results[index]};

    reading.result->object = value;
    yg_json_open_in(&reading.object, outer, value, at);
    switch (asked[index].kind) {
    case YG_HOOK_CONNECT:
        return read_connect(&reading);
    case YG_HOOK_EVENT:
        return read_event(&reading);
    case YG_HOOK_REFRESH:
        return read_refresh(&reading);
    default:
        return read_notice(&reading);
    }
}

/* ---- the whole ---- */

/* Which event a result is of; num: of none. */
static size_t find(const struct yg_hook_asked *asked, size_t num, const char *id)
{
    size_t i = 0;

    while (i < num && (id == NULL || strcmp(asked[i].id, id) != 0))
        i++;
    return i;
}

static int read_results(struct yg_hook_answer *answer, const struct yg_hook_asked *asked,
                        const json_t *list, struct yg_json *wrong)
{
    bool *seen = yg_arena_take_array(&answer->arena, answer->num, sizeof(*seen));
    int rc = 0;

    if (seen == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
        const json_t *value = json_array_get(list, i);
        const size_t index =
            find(asked, answer->num, json_string_value(json_object_get(value, "id")));
        char at[40];

        point(at, sizeof(at), "", "/results/", i);
        if (index == answer->num || seen[index]) {
            yg_fields_complain_item(wrong, "results", i, "its id is of no event that was sent");
            return 0;
        }
        seen[index] = true;
        rc = read_result(answer, asked, index, value, at, wrong);
    }
    return rc;
}

static int read_all(struct yg_hook_answer *answer, const struct yg_hook_asked *asked,
                    struct yg_json *wrong)
{
    static const char *const names[] = {"results", NULL};
    const json_t *list;

    if (json_object_get(answer->document, "results") == NULL && answer->num == 1)
        return read_result(answer, asked, 0, answer->document, "", wrong);
    yg_fields_only(wrong, names);
    list = yg_json_list(wrong, "results");
    return read_results(answer, asked, list, wrong);
}

static bool is_blank(yodel_str body)
{
    for (size_t i = 0; i < body.len; i++) {
        if (strchr(" \t\r\n", body.ptr[i]) == NULL || body.ptr[i] == '\0')
            return false;
    }
    return true;
}

static int parse(struct yg_hook_answer *answer, yodel_str body, const struct yg_hook_asked *asked,
                 struct yg_json *wrong)
{
    char error[160];
    int rc;

    *wrong = (struct yg_json){.at = ""};
    wrong->root = wrong;
    if (is_blank(body))
        return 0;
    rc = yg_json_parse(body.ptr, body.len, error, &answer->document);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        yg_json_complain(wrong, NULL, "%s", error);
        return -EINVAL;
    }
    yg_json_open(wrong, answer->document, "");
    rc = wrong->problem == YG_PROBLEM_NONE ? read_all(answer, asked, wrong) : 0;
    return rc == 0 && wrong->problem != YG_PROBLEM_NONE ? -EINVAL : rc;
}

int yg_hook_answer_parse(yodel_str body, const struct yg_hook_asked *asked, size_t num,
                         struct yg_json *wrong, struct yg_hook_answer **ret_answer)
{
    struct yg_hook_answer *answer = calloc(1, sizeof(*answer));
    int rc = -ENOMEM;

    if (answer == NULL)
        return -ENOMEM;
    answer->results = yg_arena_take_array(&answer->arena, num, sizeof(*answer->results));
    if (answer->results != NULL) {
        answer->num = num;
        rc = parse(answer, body, asked, wrong);
    }
    if (rc < 0) {
        yg_hook_answer_free(answer);
        return rc;
    }
    *ret_answer = answer;
    return 0;
}

int yg_hook_result_take_actions(struct yg_hook_result *result, struct yg_command ***ret_actions,
                                size_t *ret_num)
{
    const size_t num = result->num_actions;
    struct yg_command **actions = num > 0 ? calloc(num, sizeof(struct yg_command *)) : NULL;

    if (actions == NULL && num > 0)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        actions[i] = result->actions[i];
        result->actions[i] = NULL;
    }
    *ret_actions = actions;
    *ret_num = num;
    return 0;
}

static void free_result(struct yg_hook_result *result)
{
    for (size_t i = 0; i < result->num_actions; i++)
        yg_command_free(result->actions[i]);
    yg_command_free(result->ack);
}

void yg_hook_answer_free(struct yg_hook_answer *answer)
{
    if (answer == NULL)
        return;
    for (size_t i = 0; i < answer->num; i++)
        free_result(&answer->results[i]);
    json_decref(answer->document);
    yg_arena_clear(&answer->arena);
    free(answer);
}
