/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/api_verbs.h"
#include "cli/columns.h"
#include "cli/output.h"

static const struct yg_column sockets[] = {{"SID", "sid", NULL},
                                           {"USER", "user", NULL},
                                           {"ADDRESS", "address", NULL},
                                           {"CONNECTED", "connected_at", NULL},
                                           {"ROOMS", "rooms", yg_column_put_texts}};
static const struct yg_column rooms[] = {{"ROOM", "name", NULL}, {"SOCKETS", "count", NULL}};
static const struct yg_column members[] = {
    {"SID", "sid", NULL}, {"USER", "user", NULL}, {"INFO", "info", NULL}};
static const struct yg_column events[] = {
    {"OFFSET", "offset", NULL}, {"EVENT", "event", NULL}, {"ARGUMENTS", "args", NULL}};
static const struct yg_column messages[] = {
    {"OFFSET", "offset", NULL}, {"TEXT", "text", NULL}, {"BINARY", "attachment", NULL}};
static const struct yg_column nodes[] = {
    {"NAME", "name", NULL}, {"ID", "id", NULL}, {"SELF", "self", NULL}};
static const struct yg_column acks[] = {
    {"SID", "sid", NULL}, {"ARGUMENTS", "args", NULL}, {"BINARY", "attachments", NULL}};

#define NUM(columns) (sizeof(columns) / sizeof((columns)[0]))

/* Lists of answers: the member that has it, and what is shown of its items. */
static const struct table {
    unsigned verb;
    const char *member;
    const struct yg_column *columns, *of_groups;
    size_t num;
} tables[] = {
    {YG_VERB_SOCKETS, "sockets", sockets, NULL, NUM(sockets)},
    {YG_VERB_ROOMS, "rooms", rooms, NULL, NUM(rooms)},
    {YG_VERB_PRESENCE, "members", members, NULL, NUM(members)},
    {YG_VERB_HISTORY, "items", events, messages, NUM(events)},
    {YG_VERB_NODES, "nodes", nodes, NULL, NUM(nodes)},
    {YG_VERB_EMIT, "acks", acks, NULL, NUM(acks)},
};

static const struct table *table_of(unsigned verb, const json_t *answer)
{
    for (size_t i = 0; i < NUM(tables); i++) {
        if (tables[i].verb == verb && json_object_get(answer, tables[i].member) != NULL)
            return &tables[i];
    }
    return NULL;
}

static bool is_of_group(const struct yg_api_words *words)
{
    return json_object_get(words->body, "group") != NULL;
}

static void put(struct yg_text *text, const struct yg_api_words *words, const json_t *answer,
                bool is_first)
{
    const struct table *table = table_of(words->verb, answer);

    if (table != NULL)
        yg_columns_put(text, json_object_get(answer, table->member),
                       table->of_groups != NULL && is_of_group(words) ? table->of_groups
                                                                      : table->columns,
                       table->num, is_first);
    else if (words->verb == YG_VERB_SOCKETS)
        yg_columns_put_value(text, json_object_get(answer, "count"));
    else
        yg_columns_put_object(text, answer);
    if (table == NULL && words->verb == YG_VERB_SOCKETS)
        yg_text_putc(text, '\n');
}

int yg_api_print_json(const struct yg_api_words *words, const json_t *json)
{
    if (json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY) != 0 || putchar('\n') == EOF ||
        !yg_cli_flush())
        return ferror(stdout) ? YG_EXIT_FAILED
                              : yg_api_say(&words->where, YG_EXIT_FAILED, "out of memory");
    return 0;
}

int yg_api_show(const struct yg_api_words *words, const json_t *answer, bool is_first)
{
    struct yg_text text = {0};

    if (words->where.as_json)
        return yg_api_print_json(words, answer);
    put(&text, words, answer, is_first);
    return yg_cli_print(&text);
}

void yg_api_say_partial(const struct yg_api_words *words, const json_t *answer)
{
    const json_t *partial = json_object_get(answer, "partial");

    if (partial != NULL)
        yg_api_say(&words->where, 0,
                   "not everybody has answered (%" JSON_INTEGER_FORMAT
                   " loops or nodes have not): the result is partial",
                   json_integer_value(partial));
}
