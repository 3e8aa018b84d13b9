/* SPDX-License-Identifier: MIT */
#include "command/reach.h"

#include "command/fields.h"

static const char *const to_members[] = {"rooms", "sockets", "users", "groups",
                                         "all",   "others",  NULL};
static const char *const except_members[] = {"rooms", "sockets", "users", NULL};

size_t yg_reach_num(const struct yg_reach *reach)
{
    return reach->rooms.num + reach->sockets.num + reach->users.num + reach->groups.num;
}

static bool read_lists(struct yg_json *object, struct yg_arena *arena, struct yg_reach *reach)
{
    return yg_fields_names(object, "rooms", arena, &reach->rooms) &&
           yg_fields_names(object, "sockets", arena, &reach->sockets) &&
           yg_fields_names(object, "users", arena, &reach->users) &&
           yg_fields_names(object, "groups", arena, &reach->groups);
}

/* all must be true, and alone: {"all": false} is nobody's wish. */
static void read_flags(struct yg_json *object, bool has_sender, struct yg_reach *reach)
{
    reach->all = yg_json_bool(object, "all", false);
    reach->others = yg_json_bool(object, "others", false);
    if (json_is_false(json_object_get(object->object, "all")))
        yg_json_complain(object, "all", "must be true, or left out");
    if (json_is_false(json_object_get(object->object, "others")))
        yg_json_complain(object, "others", "must be true, or left out");
    if (reach->others && !has_sender)
        yg_json_complain(object, "others", "only in the answer of a hook: there is no sender here");
    if (reach->all && (yg_reach_num(reach) > 0 || reach->others))
        yg_json_complain(object, "all", "must stand alone");
    if (reach->others && yg_reach_num(reach) > reach->rooms.num)
        yg_json_complain(object, "others", "stands alone, or with rooms");
    if (!reach->all && !reach->others && yg_reach_num(reach) == 0)
        yg_json_complain(object, NULL, "names nobody; everybody is {\"all\": true}");
}

static const char *pointer_to(struct yg_json *body, const char *name, struct yg_arena *arena)
{
    return yg_arena_join(arena, body->at, '/', name);
}

static bool read_to(struct yg_json *body, const char *name, bool has_sender,
                    struct yg_command *command)
{
    const char *at = pointer_to(body, name, &command->arena);
    const json_t *value = yg_json_any(body, name);
    struct yg_json object;

    if (at == NULL)
        return false;
    if (value == NULL) {
        command->to.sender = true;
        if (!has_sender)
            yg_json_complain(body, name, "is needed; everybody is {\"all\": true}");
        return true;
    }
    yg_json_open_in(&object, body, value, at);
    yg_fields_only(&object, to_members);
    if (!read_lists(&object, &command->arena, &command->to))
        return false;
    if (object.object != NULL)
        read_flags(&object, has_sender, &command->to);
    return true;
}

static bool read_except(struct yg_json *body, struct yg_command *command)
{
    const char *at = pointer_to(body, "except", &command->arena);
    const json_t *value = yg_json_any(body, "except");
    struct yg_json object;

    if (at == NULL)
        return false;
    if (value == NULL)
        return true;
    yg_json_open_in(&object, body, value, at);
    yg_fields_only(&object, except_members);
    if (!read_lists(&object, &command->arena, &command->except))
        return false;
    if (object.object != NULL && yg_reach_num(&command->except) == 0)
        yg_json_complain(&object, NULL, "names nobody");
    if (command->to.groups.num > 0)
        yg_json_complain(body, "except", "members of groups cannot be left out");
    if (command->to.sender)
        yg_json_complain(body, "except", "the sender alone cannot be left out");
    return true;
}

bool yg_reach_parse(struct yg_json *body, const char *name, bool has_sender,
                    struct yg_command *command)
{
    return read_to(body, name, has_sender, command) && read_except(body, command);
}
