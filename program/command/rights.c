/* SPDX-License-Identifier: MIT */
#include "command/rights.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    unsigned bit;
} scopes[] = {
    {"emit", YG_SCOPE_EMIT},   {"rooms", YG_SCOPE_ROOMS},     {"read", YG_SCOPE_READ},
    {"admin", YG_SCOPE_ADMIN}, {"process", YG_SCOPE_PROCESS},
};

static const unsigned scope_of[YG_NUM_VERBS] = {
    [YG_VERB_EMIT] = YG_SCOPE_EMIT,     [YG_VERB_JOIN] = YG_SCOPE_ROOMS,
    [YG_VERB_LEAVE] = YG_SCOPE_ROOMS,   [YG_VERB_DISCONNECT] = YG_SCOPE_ADMIN,
    [YG_VERB_UPDATE] = YG_SCOPE_ADMIN,  [YG_VERB_SOCKETS] = YG_SCOPE_READ,
    [YG_VERB_SOCKET] = YG_SCOPE_READ,   [YG_VERB_ROOMS] = YG_SCOPE_READ,
    [YG_VERB_PRESENCE] = YG_SCOPE_READ, [YG_VERB_HISTORY] = YG_SCOPE_READ,
    [YG_VERB_FORGET] = YG_SCOPE_ADMIN,  [YG_VERB_NODES] = YG_SCOPE_READ,
    [YG_VERB_STATS] = YG_SCOPE_READ,    [YG_VERB_CONFIG] = YG_SCOPE_ADMIN,
};

unsigned yg_scope_find(const char *word)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (strcmp(scopes[i].word, word) == 0)
            return scopes[i].bit;
    }
    return 0;
}

static bool fits_one(const struct yg_names *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->num; i++) {
        if (yodel_pattern_fits(patterns->items[i], yodel_str_of(name)))
            return true;
    }
    return false;
}

static bool has_star(const struct yg_names *patterns)
{
    for (size_t i = 0; i < patterns->num; i++) {
        if (strcmp(patterns->items[i], "*") == 0)
            return true;
    }
    return false;
}

/* The first of names that no pattern has; NULL: there is none. */
static const char *outside(const struct yg_names *patterns, const struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++) {
        if (!fits_one(patterns, names->items[i]))
            return names->items[i];
    }
    return NULL;
}

static bool user_fits(const struct yg_names *patterns, const char *user)
{
    char room[YG_COMMAND_MAX_NAME + 6];

    snprintf(room, sizeof(room), "user:%s", user);
    return fits_one(patterns, room);
}

static const char *user_outside(const struct yg_names *patterns, const struct yg_names *users)
{
    for (size_t i = 0; i < users->num; i++) {
        if (!user_fits(patterns, users->items[i]))
            return users->items[i];
    }
    return NULL;
}

/* Returns a name that is not allowed, or NULL. */
static const char *outside_of_target(const struct yg_command *command,
                                     const struct yg_names *patterns)
{
    const struct yg_reach *to = &command->to;
    const char *name;

    if ((to->all || to->others) && !has_star(patterns))
        return "all";
    if ((name = outside(patterns, &to->rooms)) != NULL ||
        (name = outside(patterns, &to->sockets)) != NULL ||
        (name = outside(patterns, &to->groups)) != NULL ||
        (name = outside(patterns, &command->rooms)) != NULL)
        return name;
    return user_outside(patterns, &to->users);
}

static const char *outside_of_read(const struct yg_command *command,
                                   const struct yg_names *patterns)
{
    const char *name = command->room != NULL ? command->room : command->group;

    if (command->verb == YG_VERB_SOCKET)
        name = command->sid;
    if (command->user != NULL)
        return user_fits(patterns, command->user) ? NULL : command->user;
    if (name != NULL)
        return fits_one(patterns, name) ? NULL : name;
    if (command->verb == YG_VERB_SOCKETS || command->verb == YG_VERB_ROOMS)
        return has_star(patterns) ? NULL : "all";
    return NULL;
}

static bool refuse(struct yg_json *wrong, const char *format, const char *name)
{
    yg_json_complain(wrong, NULL, format, name);
    wrong->problem = YG_PROBLEM_SCOPE;
    return false;
}

bool yg_command_is_allowed(const struct yg_command *command, const struct yg_rights *rights,
                           struct yg_json *wrong)
{
    const char *name;

    if (rights == NULL)
        return true;
    *wrong = (struct yg_json){.root = wrong, .at = ""};
    if ((rights->scopes & scope_of[command->verb]) == 0)
        return refuse(wrong, "the key may not %s", yg_verb_word(command->verb));
    if (yg_command_has_namespace(command) && !fits_one(&rights->namespaces, command->ns))
        return refuse(wrong, "the key is not for the namespace %s", command->ns);
    name = outside_of_target(command, &rights->rooms);
    if (name == NULL)
        name = outside_of_read(command, &rights->rooms);
    return name == NULL || refuse(wrong, "the key is not for %s", name);
}
