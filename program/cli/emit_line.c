/* SPDX-License-Identifier: MIT */
#include "cli/emit_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/fields.h"
#include "command/payload.h"

/* A new reference to the value at the start, and how long it is; NULL: there is none. */
static json_t *take_value(const char *ptr, size_t len, size_t *ret_len, char problem[200])
{
    json_error_t error;
    json_t *json = json_loadb(
        ptr, len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);

    if (json == NULL)
        snprintf(problem, 200, "%s", error.text);
    *ret_len = json != NULL ? (size_t)error.position : 0;
    return json;
}

static size_t skip_blanks(const char *ptr, size_t len)
{
    size_t at = 0;

    while (at < len && strchr(" \t\r\n", ptr[at]) != NULL && ptr[at] != '\0')
        at++;
    return at;
}

/* The event of a line of words: a new reference. */
static json_t *take_event(const char *ptr, size_t len, size_t *ret_len, char problem[200])
{
    size_t num = 0;

    if (len > 0 && *ptr == '"')
        return take_value(ptr, len, ret_len, problem);
    while (num < len && strchr(" \t\r\n", ptr[num]) == NULL)
        num++;
    *ret_len = num;
    snprintf(problem, 200, "the event is not UTF-8");
    return json_stringn(ptr, num);
}

/* "EVENT JSON..." as a list; NULL: problem says why. */
static json_t *of_words(const char *ptr, size_t len, char problem[200])
{
    json_t *list = json_array(), *value;
    size_t num;

    value = take_event(ptr, len, &num, problem);
    while (value != NULL) {
        (void)json_array_append_new(list, value);
        ptr += num;
        len -= num;
        num = skip_blanks(ptr, len);
        ptr += num;
        len -= num;
        if (len == 0)
            return list;
        value = take_value(ptr, len, &num, problem);
    }
    json_decref(list);
    return NULL;
}

/* {"event", "args", "attachments", "ack"} with the first two as one list. */
static json_t *of_object(json_t *object, bool *ret_wants_ack)
{
    const json_t *args = json_object_get(object, "args");
    json_t *event = json_object_get(object, "event"), *list;

    *ret_wants_ack = json_is_true(json_object_get(object, "ack"));
    (void)json_object_del(object, "ack");
    if (args == NULL || json_is_array(args)) {
        list = json_array();
        (void)json_array_append_new(list, event != NULL ? json_incref(event) : json_null());
        (void)json_array_extend(list, (json_t *)args);
        (void)json_object_set_new(object, "args", list);
    }
    (void)json_object_del(object, "event");
    return object;
}

/* The document {"args", "attachments"}: a new reference; NULL: problem says why. */
static json_t *read_document(const char *ptr, size_t len, char problem[200], bool *ret_wants_ack)
{
    char error[160];
    json_t *json;

    if (len == 0 || (*ptr != '[' && *ptr != '{')) {
        json = of_words(ptr, len, problem);
        return json != NULL ? json_pack("{s:o}", "args", json) : NULL;
    }
    snprintf(problem, 200, "out of memory");
    if (yg_json_parse(ptr, len, error, &json) < 0) {
        snprintf(problem, 200, "%s", error);
        return NULL;
    }
    if (json_is_array(json))
        return json_pack("{s:o}", "args", json);
    return of_object(json, ret_wants_ack);
}

static bool parse(json_t *document, struct yg_json *reader, struct yg_command *command)
{
    static const char *const names[] = {"args", "attachments", NULL};
    const json_t *event = json_array_get(json_object_get(document, "args"), 0);

    yg_json_open(reader, document, "");
    yg_fields_only(reader, names);
    if (!yg_payload_parse_args(reader, "args", "attachments", command))
        return false;
    if (json_string_length(event) == 0)
        yg_json_complain(reader, NULL, "an event is wanted, a string");
    return true;
}

int yg_emit_line_read(const char *ptr, size_t len, char problem[200], struct yg_emit_line *ret_line)
{
    struct yg_emit_line line = {.command = calloc(1, sizeof(*line.command))};
    const size_t blanks = skip_blanks(ptr, len);
    struct yg_json reader;

    if (line.command == NULL)
        return -ENOMEM;
    line.command->document = read_document(ptr + blanks, len - blanks, problem, &line.wants_ack);
    if (line.command->document == NULL) {
        yg_command_free(line.command);
        return -EINVAL;
    }
    if (!parse(line.command->document, &reader, line.command)) {
        yg_command_free(line.command);
        return -ENOMEM;
    }
    if (reader.problem != YG_PROBLEM_NONE) {
        snprintf(problem, 200, "%.30s%s%.160s", reader.pointer, *reader.pointer != '\0' ? ": " : "",
                 reader.detail);
        yg_command_free(line.command);
        return -EINVAL;
    }
    *ret_line = line;
    return 0;
}
