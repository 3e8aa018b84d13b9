/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/fields.h"
#include "command/payload.h"
#include "command/reach.h"

#define MAX_CURSOR 300
#define PAGE 100 /* items, unless limit says otherwise */

/* Reads one verb's object; returns false when out of memory. */
typedef bool(parse_fn)(struct yg_json *body, bool has_sender, struct yg_command *command);

/* ---- emit ---- */

static void read_ack(struct yg_json *body, struct yg_command *command)
{
    static const char *const members[] = {"timeout_ms", "first", NULL};
    const json_t *value = yg_json_any(body, "ack");
    struct yg_json ack;
    char at[200];

    command->ack_ms = YG_COMMAND_ACK_MS;
    command->wants_ack = json_is_true(value) || json_is_object(value);
    if (json_is_boolean(value) || value == NULL)
        return;
    snprintf(at, sizeof(at), "%s/ack", body->at);
    yg_json_open_in(&ack, body, value, at);
    yg_fields_only(&ack, members);
    command->ack_ms =
        (uint32_t)yg_json_integer(&ack, "timeout_ms", 1, YG_COMMAND_MAX_ACK_MS, YG_COMMAND_ACK_MS);
    command->first_ack = yg_json_bool(&ack, "first", false);
}

static void check_emit(struct yg_json *body, const struct yg_command *command)
{
    if (command->wants_ack && command->to.groups.num > 0)
        yg_json_complain(body, "ack", "members of groups cannot acknowledge");
    if (command->wants_ack && command->is_volatile)
        yg_json_complain(body, "ack", "what may be dropped is not acknowledged");
    if (command->must_exist && command->to.groups.num > 0)
        yg_json_complain(body, "must_exist", "not for groups");
}

static bool parse_emit(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    if (!yg_reach_parse(body, "to", has_sender, command) || !yg_payload_parse(body, command))
        return false;
    command->is_volatile = yg_json_bool(body, "volatile", false);
    command->is_local = yg_json_bool(body, "local", false);
    command->keeps_history = yg_json_bool(body, "history", true);
    read_ack(body, command);
    check_emit(body, command);
    return true;
}

/* ---- what is done to sockets ---- */

static bool parse_of(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    if (!yg_reach_parse(body, "of", has_sender, command))
        return false;
    if (command->to.groups.num > 0)
        yg_json_complain(body, "of", "groups take an emit only");
    return true;
}

static bool parse_rooms(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    if (!parse_of(body, has_sender, command))
        return false;
    yg_fields_need(body, "rooms");
    return yg_fields_names(body, "rooms", &command->arena, &command->rooms);
}

static bool parse_disconnect(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    if (!parse_of(body, has_sender, command))
        return false;
    command->reconnect = yg_json_bool(body, "reconnect", false);
    command->message = yg_json_string(body, "message");
    if (command->message != NULL && strlen(command->message) > YG_COMMAND_MAX_MESSAGE)
        yg_json_complain(body, "message", "at most %d bytes", YG_COMMAND_MAX_MESSAGE);
    return true;
}

static void read_expires(struct yg_json *body, struct yg_command *command)
{
    command->has_expires = yg_json_any(body, "expires_at") != NULL;
    command->expires_at = yg_json_integer(body, "expires_at", 0, 253402300799, 0);
}

static bool parse_update(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    if (!parse_of(body, has_sender, command))
        return false;
    command->meta = yg_json_any(body, "meta");
    read_expires(body, command);
    if (command->meta != NULL &&
        json_dumpb(command->meta, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) > YG_COMMAND_MAX_META)
        yg_json_complain(body, "meta", "at most %d bytes", YG_COMMAND_MAX_META);
    if (command->meta == NULL && !command->has_expires)
        yg_json_complain(body, NULL, "nothing to change: meta, expires_at");
    return true;
}

/* ---- reads ---- */

static void read_page(struct yg_json *body, struct yg_command *command)
{
    command->limit = (unsigned)yg_json_integer(body, "limit", 1, YG_COMMAND_MAX_LIMIT, PAGE);
    command->cursor = yg_fields_name(body, "cursor", MAX_CURSOR);
}

static bool parse_sockets(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    (void)has_sender;
    command->room = yg_fields_name(body, "room", YG_COMMAND_MAX_NAME);
    command->user = yg_fields_name(body, "user", YG_COMMAND_MAX_NAME);
    command->only_count = yg_json_bool(body, "count", false);
    read_page(body, command);
    if (command->room != NULL && command->user != NULL)
        yg_json_complain(body, "user", "room or user, not both");
    return true;
}

static bool parse_socket(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    (void)has_sender;
    yg_fields_need(body, "sid");
    command->sid = yg_fields_name(body, "sid", YG_COMMAND_MAX_NAME);
    return true;
}

static bool parse_list(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    (void)has_sender;
    command->prefix = yg_fields_name(body, "prefix", YG_COMMAND_MAX_NAME);
    read_page(body, command);
    return true;
}

static bool parse_place(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    (void)has_sender;
    command->room = yg_fields_name(body, "room", YG_COMMAND_MAX_NAME);
    command->group = yg_fields_name(body, "group", YG_COMMAND_MAX_NAME);
    if ((command->room == NULL) == (command->group == NULL))
        yg_json_complain(body, "room", "room or group is needed, and not both");
    return true;
}

static bool parse_history(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    parse_place(body, has_sender, command);
    command->limit = (unsigned)yg_json_integer(body, "limit", 1, YG_COMMAND_MAX_LIMIT, PAGE);
    command->since = yg_fields_name(body, "since", MAX_CURSOR);
    command->reverse = yg_json_bool(body, "reverse", false);
    return true;
}

static bool parse_nothing(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    (void)body, (void)has_sender, (void)command;
    return true;
}

/* ---- verbs ---- */

#define MAX_MEMBERS 12

static const struct {
    const char *word;
    parse_fn *parse;
    const char *members[MAX_MEMBERS]; /* a NULL behind them */
} verbs[YG_NUM_VERBS] = {
    [YG_VERB_EMIT] = {"emit",
                      parse_emit,
                      {"namespace", "to", "except", "event", "args", "attachments", "volatile",
                       "local", "history", "ack", "must_exist"}},
    [YG_VERB_JOIN] = {"join", parse_rooms, {"namespace", "of", "except", "rooms", "must_exist"}},
    [YG_VERB_LEAVE] = {"leave", parse_rooms, {"namespace", "of", "except", "rooms", "must_exist"}},
    [YG_VERB_DISCONNECT] = {"disconnect",
                            parse_disconnect,
                            {"namespace", "of", "except", "reconnect", "message", "must_exist"}},
    [YG_VERB_UPDATE] = {"update",
                        parse_update,
                        {"namespace", "of", "except", "meta", "expires_at", "must_exist"}},
    [YG_VERB_SOCKETS] = {"sockets",
                         parse_sockets,
                         {"namespace", "room", "user", "limit", "cursor", "count"}},
    [YG_VERB_SOCKET] = {"socket", parse_socket, {"namespace", "sid"}},
    [YG_VERB_ROOMS] = {"rooms", parse_list, {"namespace", "prefix", "limit", "cursor"}},
    [YG_VERB_PRESENCE] = {"presence", parse_place, {"namespace", "room", "group"}},
    [YG_VERB_HISTORY] = {"history",
                         parse_history,
                         {"namespace", "room", "group", "since", "limit", "reverse"}},
    [YG_VERB_FORGET] = {"forget", parse_place, {"namespace", "room", "group"}},
    [YG_VERB_NODES] = {"nodes", parse_nothing, {NULL}},
    [YG_VERB_STATS] = {"stats", parse_nothing, {NULL}},
    [YG_VERB_CONFIG] = {"config", parse_nothing, {NULL}},
};

bool yg_command_has_namespace(const struct yg_command *command)
{
    return command->to.groups.num == 0 && command->group == NULL &&
           command->verb != YG_VERB_NODES && command->verb != YG_VERB_STATS &&
           command->verb != YG_VERB_CONFIG;
}

const char *yg_verb_word(enum yg_verb verb)
{
    return verbs[verb].word;
}

int yg_verb_find(const char *word)
{
    for (int i = 0; i < YG_NUM_VERBS; i++) {
        if (strcmp(verbs[i].word, word) == 0)
            return i;
    }
    return -1;
}

void yg_command_free(struct yg_command *command)
{
    if (command == NULL)
        return;
    json_decref(command->document);
    yg_text_done(&command->args);
    yg_arena_clear(&command->arena);
    free(command);
}

static struct yg_command *new_command(enum yg_verb verb, const json_t *document)
{
    struct yg_command *command = calloc(1, sizeof(*command));

    if (command == NULL)
        return NULL;
    command->verb = verb;
    command->document = json_incref((json_t *)document);
    command->ns = "/";
    return command;
}

/* Takes no slash at the beginning too, as socket.io does. */
static bool read_namespace(struct yg_json *body, struct yg_command *command)
{
    const char *name = yg_fields_name(body, "namespace", YG_COMMAND_MAX_NAME - 1);

    if (name == NULL)
        return true;
    command->ns = name[0] == '/' ? name : yg_arena_format(&command->arena, "/%s", name);
    return command->ns != NULL;
}

/* Gives the command, or frees it.  is_whole: memory did not end. */
static int finish(struct yg_command *command, bool is_whole, const struct yg_json *wrong,
                  struct yg_command **ret_command)
{
    if (!is_whole || wrong->problem != YG_PROBLEM_NONE) {
        yg_command_free(command);
        return is_whole ? -EINVAL : -ENOMEM;
    }
    *ret_command = command;
    return 0;
}

static bool parse_verb(struct yg_json *body, bool has_sender, struct yg_command *command)
{
    yg_fields_only(body, verbs[command->verb].members);
    command->must_exist = yg_json_bool(body, "must_exist", false);
    return read_namespace(body, command) && verbs[command->verb].parse(body, has_sender, command);
}

int yg_command_parse_body(enum yg_verb verb, const json_t *value, const char *at, bool has_sender,
                          struct yg_json *wrong, struct yg_command **ret_command)
{
    struct yg_command *command = new_command(verb, value);

    if (command == NULL)
        return -ENOMEM;
    yg_json_open(wrong, value, at);
    return finish(command, parse_verb(wrong, has_sender, command), wrong, ret_command);
}

/* The verb among the members; -1, and a complaint: none, two, or an unknown one. */
static int find_verb(struct yg_json *object)
{
    const char *known[YG_NUM_VERBS + 3] = {"id", "key"};
    int found = -1;

    if (object->object == NULL)
        return -1;
    for (int i = 0; i < YG_NUM_VERBS; i++) {
        known[i + 2] = verbs[i].word;
        if (json_object_get(object->object, verbs[i].word) == NULL)
            continue;
        if (found >= 0)
            yg_json_complain(object, verbs[i].word, "one verb a command: there is \"%s\"",
                             verbs[found].word);
        found = i;
    }
    yg_fields_only(object, known);
    if (found < 0)
        yg_json_complain(object, NULL, "has no verb, such as \"emit\"");
    return found;
}

static bool parse_wrapped(struct yg_json *object, bool has_sender, struct yg_command *command)
{
    const char *word = verbs[command->verb].word;
    const char *at = yg_arena_join(&command->arena, object->at, '/', word);
    struct yg_json body;

    if (at == NULL)
        return false;
    command->id = yg_fields_name(object, "id", YG_COMMAND_MAX_NAME);
    command->key = yg_fields_name(object, "key", YG_COMMAND_MAX_NAME);
    yg_json_open_in(&body, object, yg_json_any(object, word), at);
    return parse_verb(&body, has_sender, command);
}

int yg_command_parse(const json_t *value, const char *at, bool has_sender, struct yg_json *wrong,
                     struct yg_command **ret_command)
{
    struct yg_command *command;
    int verb;

    yg_json_open(wrong, value, at);
    verb = find_verb(wrong);
    if (verb < 0 || wrong->problem != YG_PROBLEM_NONE)
        return -EINVAL;
    command = new_command((enum yg_verb)verb, value);
    if (command == NULL)
        return -ENOMEM;
    command->is_wrapped = true;
    return finish(command, parse_wrapped(wrong, has_sender, command), wrong, ret_command);
}
