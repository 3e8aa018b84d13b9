/* SPDX-License-Identifier: MIT */
#include "command/payload.h"

#include <string.h>

#include "base/base64.h"
#include "command/fields.h"
#include "command/reach.h"

/* ---- attachments ---- */

/* Returns false when out of memory. */
static bool decode(struct yg_json *object, const char *name, size_t index, const json_t *item,
                   struct yg_command *command)
{
    const size_t len = json_string_length(item);
    yodel_bytes *out = &command->attachments[index];
    uint8_t *bytes;

    if (!json_is_string(item)) {
        yg_fields_complain_item(object, name, index, "must be a string");
        return true;
    }
    bytes = yg_arena_take(&command->arena, YG_BASE64_BYTES(len) + 1);
    if (bytes == NULL)
        return false;
    if (!yg_base64_decode(json_string_value(item), len, bytes, &out->len))
        yg_fields_complain_item(object, name, index, "is not base64 (RFC 4648 section 4)");
    out->ptr = bytes;
    return true;
}

static bool read_attachments(struct yg_json *object, const char *name, struct yg_command *command)
{
    const json_t *list = yg_json_list(object, name);

    if (json_array_size(list) > YG_COMMAND_MAX_ATTACHMENTS) {
        yg_json_complain(object, name, "at most %d", YG_COMMAND_MAX_ATTACHMENTS);
        return true;
    }
    command->num_attachments = json_array_size(list);
    for (size_t i = 0; i < command->num_attachments; i++) {
        if (!decode(object, name, i, json_array_get(list, i), command))
            return false;
    }
    return true;
}

/* ---- placeholders ---- */

/* Which attachments were named, and whether a placeholder names none. */
struct survey {
    unsigned named;
    size_t num;
    bool is_wrong;
};

static void look(struct survey *survey, const json_t *value);

/* Whatever is marked counts, as the packet's parser sees it: also with other members. */
static void look_at_object(struct survey *survey, const json_t *object)
{
    const json_t *num = json_object_get(object, "num");
    void *at = json_object_iter((json_t *)object);

    if (json_is_true(json_object_get(object, "_placeholder"))) {
        if (json_is_integer(num) && json_integer_value(num) >= 0 &&
            (size_t)json_integer_value(num) < survey->num && json_object_size(object) == 2)
            survey->named |= 1u << json_integer_value(num);
        else
            survey->is_wrong = true;
        return;
    }
    for (; at != NULL; at = json_object_iter_next((json_t *)object, at))
        look(survey, json_object_iter_value(at));
}

/* No deeper than yg_json_parse() takes. */
static void look(struct survey *survey, const json_t *value)
{
    if (json_is_object(value))
        look_at_object(survey, value);
    for (size_t i = 0; i < json_array_size(value); i++)
        look(survey, json_array_get(value, i));
}

static void check_placeholders(struct yg_json *object, const char *list_name,
                               const char *attachments, const json_t *list,
                               const struct yg_command *command)
{
    struct survey survey = {.num = command->num_attachments};

    for (size_t i = 0; i < json_array_size(list); i++) {
        look(&survey, json_array_get(list, i));
        if (survey.is_wrong) {
            yg_fields_complain_item(object, list_name, i,
                                    "has a placeholder that names no attachment");
            return;
        }
    }
    for (size_t i = 0; i < survey.num; i++) {
        if ((survey.named >> i & 1) == 0)
            yg_fields_complain_item(object, attachments, i, "no placeholder names it");
    }
}

/* ---- arguments ---- */

bool yg_payload_parse_args(struct yg_json *object, const char *list_name, const char *attachments,
                           struct yg_command *command)
{
    const json_t *list = yg_json_list(object, list_name);

    if (!read_attachments(object, attachments, command))
        return false;
    if (json_array_size(list) > YG_COMMAND_MAX_ARGS)
        yg_json_complain(object, list_name, "at most %d", YG_COMMAND_MAX_ARGS);
    check_placeholders(object, list_name, attachments, list, command);
    if (object->root->problem != YG_PROBLEM_NONE || list == NULL)
        return true;
    yg_json_put(&command->args, list, 0);
    return !yg_text_failed(&command->args);
}

/* ---- for groups of raw WebSockets ---- */

/* One argument, a string or an attachment, is one message. */
static void check_message(struct yg_json *body, struct yg_command *command)
{
    const json_t *args = json_object_get(body->object, "args");
    const json_t *only = json_array_get(args, 0);

    if (yg_reach_num(&command->to) > command->to.groups.num)
        yg_json_complain(body, "to", "groups stand alone");
    if (command->event != NULL && strcmp(command->event, "message") != 0)
        yg_json_complain(body, "event", "groups get the event \"message\" only");
    if (json_array_size(args) != 1 || (!json_is_string(only) && command->num_attachments != 1) ||
        (json_is_object(only) && !json_is_true(json_object_get(only, "_placeholder"))) ||
        json_is_array(only))
        yg_json_complain(body, "args", "groups get one string or one attachment");
    command->text = json_string_value(only);
}

bool yg_payload_parse(struct yg_json *body, struct yg_command *command)
{
    yg_fields_need(body, "event");
    command->event = yg_fields_name(body, "event", YG_COMMAND_MAX_NAME);
    if (command->event != NULL && !yg_fields_is_event(command->event))
        yg_json_complain(body, "event", "is a word of socket.io's own");
    if (!yg_payload_parse_args(body, "args", "attachments", command))
        return false;
    if (command->to.groups.num > 0 && body->object != NULL)
        check_message(body, command);
    return true;
}
