/* SPDX-License-Identifier: MIT */
#include "cli/answers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/output.h"
#include "cli/token_io.h"
#include "cli/webhook.h"
#include "config/node.h"
#include "hook/answer.h"

/* ---- YAML ---- */

static json_t *of_node(const struct yg_node *node);

/* A plain scalar is what it is in JSON, or a string. */
static json_t *of_scalar(const struct yg_node *node)
{
    json_t *json = NULL;

    if (!node->quoted) {
        json = json_loads(node->text, JSON_DECODE_ANY, NULL);
        if (json == NULL && (*node->text == '\0' || strcmp(node->text, "~") == 0))
            json = json_null();
    }
    return json != NULL ? json : json_string(node->text);
}

static json_t *of_items(const struct yg_node *node)
{
    json_t *json = node->kind == YG_NODE_LIST ? json_array() : json_object();

    for (const struct yg_node *item = node->first; item != NULL; item = item->next) {
        json_t *value = of_node(item);
        const int rc = node->kind == YG_NODE_LIST ? json_array_append_new(json, value)
                                                  : json_object_set_new(json, item->key, value);

        if (rc < 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

/* NULL: out of memory.  A tree has few levels. */
static json_t *of_node(const struct yg_node *node)
{
    return node->kind == YG_NODE_SCALAR ? of_scalar(node) : of_items(node);
}

static int read_yaml(const char *path, const struct yg_text *text, json_t **ret_json)
{
    const struct yg_place from = {.source = path, .line = 1};
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    struct yg_text words = {0};
    struct yg_node *node;
    int rc = yg_node_read(&arena, &report, yg_text_string(text), text->len, &from, &node);

    if (rc == 0 && (*ret_json = of_node(node)) == NULL)
        rc = -ENOMEM;
    if (rc == -EINVAL) {
        yg_report_put(&words, &report);
        fputs(yg_text_string(&words), stderr);
        yg_text_done(&words);
    }
    yg_arena_clear(&arena);
    return rc;
}

/* ---- checks ---- */

static int check_result(const char *path, const char *name, enum yg_hook_kind kind,
                        const json_t *result)
{
    const struct yg_hook_asked asked = {.id = "1", .kind = kind, .wants_ack = true};
    struct yg_hook_answer *answer = NULL;
    struct yg_json wrong;
    char *dump = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
    int rc = -ENOMEM;

    if (dump != NULL)
        rc = yg_hook_answer_parse(yodel_str_of(dump), &asked, 1, &wrong, &answer);
    yg_hook_answer_free(answer);
    free(dump);
    if (rc == -EINVAL)
        fprintf(stderr, "%s: %s%s: %s\n", path, name, wrong.pointer, wrong.detail);
    return rc;
}

static int check_kind(const char *path, const char *word, const json_t *value)
{
    const int kind = yg_webhook_kind(word);
    const char *name;
    json_t *result;
    int rc = 0;

    if (kind < 0 || !json_is_object(value)) {
        fprintf(stderr, "%s: %s: %s\n", path, word,
                kind < 0 ? "there is no such kind" : "an object is wanted");
        return -EINVAL;
    }
    if (kind != YG_HOOK_EVENT)
        return check_result(path, word, (enum yg_hook_kind)kind, value);
    json_object_foreach((json_t *)value, name, result)
    {
        if (rc == 0)
            rc = check_result(path, name, YG_HOOK_EVENT, result);
    }
    return rc;
}

static int check(const char *path, const json_t *answers)
{
    const char *word;
    json_t *value;
    int rc = json_is_object(answers) ? 0 : -EINVAL;

    if (rc < 0)
        fprintf(stderr, "%s: an object is wanted, with results by kind\n", path);
    json_object_foreach((json_t *)answers, word, value)
    {
        if (rc == 0)
            rc = check_kind(path, word, value);
    }
    return rc;
}

/* ---- the whole ---- */

static int read_document(const char *path, const struct yg_text *text, json_t **ret_json)
{
    const size_t len = strlen(path);
    char error[160];
    int rc = yg_json_parse(yg_text_string(text), text->len, error, ret_json);

    if (rc != -EINVAL)
        return rc;
    if (len < 5 || strcmp(path + len - 5, ".json") != 0)
        return read_yaml(path, text, ret_json);
    fprintf(stderr, "%s: %s\n", path, error);
    return rc;
}

int yg_answers_read(const char *command, const char *path, json_t **ret_answers)
{
    struct yg_text text = {0};
    json_t *answers = NULL;
    int rc = yg_file_read(path, YG_FILE_MAX, &text);

    if (rc < 0) {
        yg_text_done(&text);
        return yg_token_say(YG_EXIT_FAILED, command, "%s: %s", path, yg_file_strerror(rc));
    }
    rc = read_document(path, &text, &answers);
    if (rc == 0)
        rc = check(path, answers);
    yg_text_done(&text);
    if (rc == 0) {
        *ret_answers = answers;
        return 0;
    }
    json_decref(answers);
    return rc == -EINVAL ? YG_EXIT_DATA : yg_token_say(YG_EXIT_FAILED, command, "out of memory");
}

const json_t *yg_answers_find(const json_t *answers, const char *kind, const char *event)
{
    const json_t *found = json_object_get(answers, kind);

    if (strcmp(kind, yg_hook_word(YG_HOOK_EVENT)) != 0)
        return found;
    if (event != NULL && json_object_get(found, event) != NULL)
        return json_object_get(found, event);
    return json_object_get(found, "*");
}
