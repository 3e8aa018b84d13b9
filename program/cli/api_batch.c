/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/api_verbs.h"
#include "cli/columns.h"
#include "cli/output.h"

/* `yodel batch FILE`: the commands of a file as one request. */

#define MAX_FILE ((size_t)64 << 20)

static int no_memory(const struct yg_api_words *words)
{
    return yg_api_say(&words->where, YG_EXIT_FAILED, "out of memory");
}

int yg_api_check_command(const struct yg_api_words *words, const json_t *value, const char *what,
                         size_t n)
{
    struct yg_command *command = NULL;
    struct yg_json wrong;
    const int rc = yg_command_parse(value, "", false, &wrong, &command);

    yg_command_free(command);
    if (rc == -ENOMEM)
        return no_memory(words);
    return rc == 0 ? 0
                   : yg_api_say(&words->where, YG_EXIT_DATA, "%s %zu: %s%s%s", what, n,
                                wrong.pointer, wrong.pointer[0] != '\0' ? ": " : "", wrong.detail);
}

/* ---- the file ---- */

static int read_line(const struct yg_api_words *words, const char *ptr, size_t len, size_t n,
                     json_t *list)
{
    char error[160];
    json_t *json = NULL;
    int rc;

    if (strspn(ptr, " \t\r\n") >= len)
        return 0;
    rc = yg_json_parse(ptr, len, error, &json);
    if (rc == -EINVAL)
        return yg_api_say(&words->where, YG_EXIT_DATA, "line %zu: %s", n, error);
    if (rc < 0 || json_array_append_new(list, json) != 0)
        return no_memory(words);
    return yg_api_check_command(words, json, "line", n);
}

/* A command a line. */
static int read_lines(const struct yg_api_words *words, const struct yg_text *file, json_t *list)
{
    const char *ptr = file->ptr, *end = file->ptr + file->len;
    int rc = 0;

    for (size_t n = 1; ptr < end && rc == 0; n++) {
        const char *stop = memchr(ptr, '\n', (size_t)(end - ptr));
        const size_t len = stop != NULL ? (size_t)(stop - ptr) : (size_t)(end - ptr);

        rc = read_line(words, ptr, len, n, list);
        ptr += len + 1;
    }
    return rc;
}

/* A list, one command, or the body of the call; ret_body NULL: it is none of them. */
static int read_whole(const struct yg_api_words *words, const struct yg_text *file,
                      json_t **ret_body)
{
    char error[160];
    json_t *json = NULL;
    const int rc = yg_json_parse(file->ptr, file->len, error, &json);

    *ret_body = NULL;
    if (rc == -ENOMEM)
        return no_memory(words);
    if (rc < 0)
        return file->ptr[strspn(file->ptr, " \t\r\n")] == '['
                   ? yg_api_say(&words->where, YG_EXIT_DATA, "%s", error)
                   : 0;
    if (json_object_get(json, "commands") != NULL)
        *ret_body = json;
    else
        *ret_body = json_pack(json_is_array(json) ? "{so}" : "{s[o]}", "commands", json);
    return *ret_body != NULL ? 0 : no_memory(words);
}

static int check_all(const struct yg_api_words *words, const json_t *body)
{
    const json_t *list = json_object_get(body, "commands");
    int rc = 0;

    if (!json_is_array(list))
        return yg_api_say(&words->where, YG_EXIT_DATA, "commands must be a list");
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = yg_api_check_command(words, json_array_get(list, i), "command", i + 1);
    return rc;
}

static int read_commands(const struct yg_api_words *words, const struct yg_text *file,
                         json_t **ret_body)
{
    json_t *list;
    int rc = read_whole(words, file, ret_body);

    if (rc != 0)
        return rc;
    if (*ret_body != NULL)
        return check_all(words, *ret_body);
    list = json_array();
    *ret_body = json_pack("{so}", "commands", list);
    return *ret_body != NULL ? read_lines(words, file, list) : no_memory(words);
}

static int read_file(const struct yg_api_words *words, json_t **ret_body)
{
    const bool is_input = strcmp(words->arguments[0], "-") == 0;
    const char *path = is_input ? "the input" : words->arguments[0];
    struct yg_text file = {0};
    int rc = is_input ? yg_file_read_input(MAX_FILE, &file) : yg_file_read(path, MAX_FILE, &file);

    *ret_body = NULL;
    if (rc == -ENOMEM)
        rc = no_memory(words);
    else if (rc < 0)
        rc = yg_api_say(&words->where, YG_EXIT_DATA, "%s: %s", path, yg_file_strerror(rc));
    else if (file.len == 0)
        rc = yg_api_say(&words->where, YG_EXIT_DATA, "%s: it has no commands", path);
    else
        rc = read_commands(words, &file, ret_body);
    yg_text_done(&file);
    if (rc == 0 && words->stops_on_error)
        rc = json_object_set_new(*ret_body, "stop_on_error", json_true());
    if (rc == 0 && words->is_parallel)
        rc = json_object_set_new(*ret_body, "parallel", json_true());
    return rc < 0 ? no_memory(words) : rc;
}

/* ---- the answer ---- */

void yg_api_put_result(struct yg_text *text, const json_t *result, size_t n)
{
    const json_t *id = json_object_get(result, "id"), *error = json_object_get(result, "error");
    const json_t *detail = json_object_get(error, "detail");

    if (id != NULL)
        yg_columns_put_value(text, id);
    else
        yg_text_printf(text, "%zu", n);
    yg_text_puts(text, error != NULL ? "  " : "  ok  ");
    yg_columns_put_value(
        text, json_object_get(error != NULL ? error : result, error != NULL ? "code" : "ok"));
    if (detail != NULL) {
        yg_text_puts(text, ": ");
        yg_columns_put_value(text, detail);
    }
    yg_text_putc(text, '\n');
}

/* A command that has failed makes it 1. */
static int show(const struct yg_api_words *words, const json_t *answer, size_t num)
{
    const json_t *results = json_object_get(answer, "results");
    struct yg_text text = {0};
    bool has_failed = false;
    int rc;

    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);

        has_failed = has_failed || json_object_get(result, "error") != NULL;
        if (!words->where.as_json)
            yg_api_put_result(&text, result, i + 1);
    }
    if (json_array_size(results) < num)
        yg_api_say(&words->where, 0, "%zu commands behind it were not run",
                   num - json_array_size(results));
    rc = words->where.as_json ? yg_api_print_json(words, answer) : yg_cli_print(&text);
    return rc != 0 ? rc : has_failed ? YG_EXIT_FAILED : YG_EXIT_OK;
}

static int ask(const struct yg_api_words *words, const char *body, size_t num)
{
    const struct yg_api_request request = {.method = "POST",
                                           .path = "batch",
                                           .type = "application/json",
                                           .body = body,
                                           .len = strlen(body)};
    struct yg_api_answer answer = {0};
    struct yg_api_client client;
    int rc = yg_api_open(&words->where, &client);

    if (rc == 0)
        rc = yg_api_ask(&client, &request, &answer);
    if (rc == 0)
        rc = yg_api_check(&client, &answer);
    if (rc == 0)
        rc = show(words, answer.json, num);
    yg_api_answer_done(&answer);
    yg_api_close(&client);
    return rc;
}

int yg_api_batch(struct yg_api_words *words)
{
    json_t *body;
    char *text;
    int rc = read_file(words, &body);

    if (rc == 0) {
        text = json_dumps(body, JSON_COMPACT);
        rc = text != NULL ? ask(words, text, json_array_size(json_object_get(body, "commands")))
                          : no_memory(words);
        free(text);
    }
    json_decref(body);
    return rc;
}
