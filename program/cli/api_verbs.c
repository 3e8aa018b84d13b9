/* SPDX-License-Identifier: MIT */
#include "cli/api_verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api_names.h"
#include "cli/output.h"

#define PAGE 1000 /* of --all-pages */

static int no_memory(const struct yg_api_words *words)
{
    return yg_api_say(&words->where, YG_EXIT_FAILED, "out of memory");
}

/* ---- arguments ---- */

/* An argument that is a member of its own. */
static int set_argument(struct yg_api_words *words, const char *member, size_t n)
{
    const char *text = words->arguments[n];

    if (!yg_text_is_utf8(text, strlen(text)))
        return yg_api_say(&words->where, YG_EXIT_DATA, "argument %zu is not UTF-8", n + 1);
    return yg_api_words_set(words, member, json_string(text));
}

/* A file that is attached is the argument behind those that are there. */
static int add_placeholders(struct yg_api_words *words)
{
    const size_t num = json_array_size(json_object_get(words->body, "attachments"));
    json_t *args = json_object_get(words->body, "args");

    for (size_t i = 0; i < num; i++) {
        json_t *mark = json_pack("{sbsi}", "_placeholder", 1, "num", (int)i);

        if (json_array_append_new(args, mark) != 0)
            return no_memory(words);
    }
    return 0;
}

static int read_emit(struct yg_api_words *words)
{
    int rc = set_argument(words, "event", 0);

    if (rc == 0)
        rc = yg_api_words_set(words, "args", json_array());
    if (rc == 0)
        rc = yg_api_words_set_list(words, "args", 1, words->is_text);
    return rc != 0 ? rc : add_placeholders(words);
}

static int read_sockets(struct yg_api_words *words)
{
    if (words->num_arguments == 0)
        return 0;
    words->verb = YG_VERB_SOCKET;
    return set_argument(words, "sid", 0);
}

static int read_arguments(struct yg_api_words *words)
{
    switch (words->word->verb) {
    case YG_VERB_EMIT:
        return read_emit(words);
    case YG_VERB_JOIN:
    case YG_VERB_LEAVE:
        return yg_api_words_set_list(words, "rooms", 0, true);
    case YG_VERB_SOCKETS:
        return read_sockets(words);
    case YG_VERB_ROOMS:
        return words->num_arguments > 0 ? set_argument(words, "prefix", 0) : 0;
    case YG_VERB_PRESENCE:
    case YG_VERB_HISTORY:
        return words->num_arguments > 0 ? set_argument(words, "room", 0) : 0;
    default:
        return 0;
    }
}

/* ---- the command ---- */

/* By the parser of the server: what it would refuse is not sent. */
static int check(const struct yg_api_words *words)
{
    struct yg_command *command = NULL;
    struct yg_json wrong;
    const int rc =
        yg_command_parse_body((enum yg_verb)words->verb, words->body, "", false, &wrong, &command);

    yg_command_free(command);
    if (rc == -ENOMEM)
        return no_memory(words);
    return rc == 0 ? 0
                   : yg_api_say(&words->where, YG_EXIT_DATA, "%s%s%s", wrong.pointer,
                                wrong.pointer[0] != '\0' ? ": " : "", wrong.detail);
}

static bool is_read(unsigned verb)
{
    return verb >= YG_VERB_SOCKETS;
}

/* A value of the query: no other types are in the objects of these verbs. */
static bool put_value(struct yg_api_client *client, struct yg_text *path, const char *name,
                      const json_t *value)
{
    char number[32];

    if (json_is_string(value))
        return yg_api_put_query(client, path, name, json_string_value(value));
    if (json_is_boolean(value))
        return yg_api_put_query(client, path, name, json_is_true(value) ? "true" : "false");
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return yg_api_put_query(client, path, name, number);
}

/* sockets/SID?namespace=/x */
static bool put_path(struct yg_api_client *client, const struct yg_api_words *words,
                     struct yg_text *path)
{
    const char *sid = json_string_value(json_object_get(words->body, "sid"));
    void *at = json_object_iter(words->body);

    yg_text_puts(path, words->verb == YG_VERB_SOCKET   ? "sockets/"
                       : words->verb == YG_VERB_FORGET ? "history"
                                                       : yg_verb_word((enum yg_verb)words->verb));
    if (words->verb == YG_VERB_SOCKET && !yg_api_put_part(client, path, sid))
        return false;
    for (; at != NULL && is_read(words->verb); at = json_object_iter_next(words->body, at)) {
        if (strcmp(json_object_iter_key(at), "sid") != 0 &&
            !put_value(client, path, json_object_iter_key(at), json_object_iter_value(at)))
            return false;
    }
    return !yg_text_failed(path);
}

static int ask(struct yg_api_client *client, const struct yg_api_words *words,
               struct yg_api_answer *answer)
{
    const bool reads = is_read(words->verb);
    char *body = reads ? NULL : json_dumps(words->body, JSON_COMPACT);
    struct yg_text path = {0};
    struct yg_api_request request = {.method = words->verb == YG_VERB_FORGET ? "DELETE"
                                               : reads                       ? "GET"
                                                                             : "POST",
                                     .type = reads ? NULL : "application/json",
                                     .body = body,
                                     .len = body != NULL ? strlen(body) : 0,
                                     .idempotency_key = words->idempotency_key};
    int rc;

    if ((!reads && body == NULL) || !put_path(client, words, &path)) {
        rc = no_memory(words);
    } else {
        request.path = path.ptr;
        rc = yg_api_ask(client, &request, answer);
    }
    yg_text_done(&path);
    free(body);
    return rc;
}

/* ---- the answer ---- */

/* What came in time is shown, whatever is missing. */
static int show_acks(const struct yg_api_words *words, const json_t *answer)
{
    const json_t *missing = json_object_get(answer, "missing");

    for (size_t i = 0; i < json_array_size(missing); i++)
        yg_api_say(&words->where, 0, "no acknowledgement of %s",
                   json_string_value(json_array_get(missing, i)));
    return json_object_get(answer, "acks") != NULL ? yg_api_show(words, answer, true) : 0;
}

static int show(const struct yg_api_client *client, const struct yg_api_words *words,
                const struct yg_api_answer *answer, bool is_first)
{
    int rc;

    if (answer->status == 504 && json_object_get(answer->json, "acks") != NULL) {
        rc = show_acks(words, answer->json);
        return rc != 0 ? rc : YG_EXIT_TIMEOUT;
    }
    rc = yg_api_check(client, answer);
    if (rc != 0)
        return rc;
    yg_api_say_partial(words, answer->json);
    return yg_api_show(words, answer->json, is_first);
}

/* ---- pages ---- */

/* The items of a page go to those that there are, for one document. */
static int join_page(json_t **all, json_t *page)
{
    void *at = json_object_iter(page);

    if (*all == NULL) {
        *all = json_incref(page);
        return 0;
    }
    for (; at != NULL; at = json_object_iter_next(page, at)) {
        if (json_is_array(json_object_iter_value(at)))
            return json_array_extend(json_object_get(*all, json_object_iter_key(at)),
                                     json_object_iter_value(at));
    }
    return 0;
}

/* Shows a page, or keeps it; the next one begins behind it.  ret_more: there is one. */
static int take_page(const struct yg_api_client *client, struct yg_api_words *words,
                     struct yg_api_answer *answer, json_t **all, bool *ret_more)
{
    const bool is_first = *all == NULL;
    json_t *next;
    int rc = yg_api_check(client, answer);

    if (rc != 0)
        return rc;
    next = json_incref(json_object_get(answer->json, "next"));
    *ret_more = json_is_string(next);
    if (next != NULL)
        (void)json_object_del(answer->json, "next");
    yg_api_say_partial(words, answer->json);
    if (!words->where.as_json)
        rc = yg_api_show(words, answer->json, is_first);
    if (*all == NULL || words->where.as_json)
        rc = rc == 0 && join_page(all, answer->json) != 0 ? no_memory(words) : rc;
    if (rc == 0 && *ret_more && json_object_set(words->body, "cursor", next) != 0)
        rc = no_memory(words);
    json_decref(next);
    return rc;
}

static int run_pages(struct yg_api_client *client, struct yg_api_words *words)
{
    json_t *all = NULL;
    bool has_more = true;
    int rc = 0;

    if (json_object_get(words->body, "limit") == NULL)
        rc = yg_api_words_set(words, "limit", json_integer(PAGE));
    while (rc == 0 && has_more) {
        struct yg_api_answer answer;

        has_more = false;
        rc = ask(client, words, &answer);
        if (rc == 0)
            rc = take_page(client, words, &answer, &all, &has_more);
        yg_api_answer_done(&answer);
    }
    if (rc == 0 && words->where.as_json)
        rc = yg_api_print_json(words, all);
    json_decref(all);
    return rc;
}

static int run_once(struct yg_api_client *client, struct yg_api_words *words)
{
    struct yg_api_answer answer;
    int rc = ask(client, words, &answer);

    if (rc == 0)
        rc = show(client, words, &answer, true);
    if (rc == 0 && !words->where.as_json && json_is_string(json_object_get(answer.json, "next")))
        yg_api_say(&words->where, 0, "there are more: --all-pages, or --cursor '%s'",
                   json_string_value(json_object_get(answer.json, "next")));
    yg_api_answer_done(&answer);
    return rc;
}

/* ---- commands ---- */

static int run_verb(struct yg_api_words *words)
{
    struct yg_api_client client;
    int rc = read_arguments(words);

    if (rc == 0)
        rc = check(words);
    if (rc != 0)
        return rc;
    rc = yg_api_open(&words->where, &client);
    if (rc == 0)
        rc = words->all_pages && json_object_get(words->body, "count") == NULL &&
                     words->verb != YG_VERB_SOCKET
                 ? run_pages(&client, words)
                 : run_once(&client, words);
    yg_api_close(&client);
    return rc;
}

static int dispatch(struct yg_api_words *words)
{
    if (words->verb == YG_API_BATCH)
        return words->streams ? yg_api_stream(words) : yg_api_batch(words);
    return words->verb < YG_NUM_VERBS ? run_verb(words) : yg_api_control(words);
}

/* ---- the commands ---- */

static const struct yg_api_word words[] = {
#define WORD(name, verb, arguments, least, most, doc, more)                                        \
    {name, verb, arguments, doc, more, least, most},
    YG_API_WORD_MAP(WORD)
#undef WORD
};

static const struct yg_api_word *find(const char *name)
{
    size_t at = 0;

    while (strcmp(words[at].name, name) != 0)
        at++;
    return &words[at];
}

int yg_api_run(int argc, char **argv)
{
    const struct yg_api_word *word = find(argv[0]);
    struct yg_api_words read;
    int rc = yg_api_words_read(word, argc, argv, &read);

    if (rc == 0)
        rc = read.has_help ? yg_api_words_usage(word, true) : dispatch(&read);
    yg_api_words_done(&read);
    return rc;
}
