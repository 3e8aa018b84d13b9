/* SPDX-License-Identifier: MIT */
#include "command/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

static void complain_unknown(struct yg_json *object, const char *word, const char *const *names)
{
    struct yg_nearest nearest;

    yg_nearest_init(&nearest, word);
    for (; *names != NULL; names++)
        yg_nearest_show(&nearest, *names);
    if (nearest.best != NULL)
        yg_json_complain(object, word, "not known here; did you mean \"%s\"?", nearest.best);
    else
        yg_json_complain(object, word, "not known here");
}

void yg_fields_only(struct yg_json *object, const char *const *names)
{
    void *at;

    if (object->object == NULL)
        return;
    at = json_object_iter((json_t *)object->object);
    for (; at != NULL; at = json_object_iter_next((json_t *)object->object, at)) {
        if (!is_one_of(json_object_iter_key(at), names)) {
            complain_unknown(object, json_object_iter_key(at), names);
            return;
        }
    }
}

void yg_fields_complain_item(struct yg_json *object, const char *name, size_t index,
                             const char *format, ...)
{
    char at[sizeof(object->pointer)], detail[sizeof(object->detail)];
    struct yg_json item = {.root = object->root, .at = at};
    va_list args;

    snprintf(at, sizeof(at), "%s/%s/%zu", object->at, name, index);
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    yg_json_complain(&item, NULL, "%s", detail);
}

static bool has_controls(const char *name)
{
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return true;
    }
    return false;
}

/* NULL: it is good. */
static const char *wrong_with(const char *name, size_t max)
{
    if (name[0] == '\0')
        return "must not be empty";
    if (strlen(name) > max)
        return "is too long";
    return has_controls(name) ? "has control characters" : NULL;
}

const char *yg_fields_name(struct yg_json *object, const char *name, size_t max)
{
    const char *string = yg_json_string(object, name);
    const char *wrong = string != NULL ? wrong_with(string, max) : NULL;

    if (wrong == NULL)
        return string;
    yg_json_complain(object, name, "%s (at most %zu bytes)", wrong, max);
    return NULL;
}

/* Whether all of the list are names; the first that is none is complained of. */
static bool check_names(struct yg_json *object, const char *name, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *string = json_string_value(json_array_get(list, i));
        const char *wrong =
            string != NULL ? wrong_with(string, YG_COMMAND_MAX_NAME) : "must be a string";

        if (wrong != NULL) {
            yg_fields_complain_item(object, name, i, "%s (at most %d bytes)", wrong,
                                    YG_COMMAND_MAX_NAME);
            return false;
        }
    }
    return true;
}

bool yg_fields_names(struct yg_json *object, const char *name, struct yg_arena *arena,
                     struct yg_names *ret_names)
{
    const json_t *list = yg_json_list(object, name);
    const size_t num = json_array_size(list);
    const char **items;

    if (list == NULL)
        return true;
    if (num == 0 || num > YG_COMMAND_MAX_NAMES) {
        yg_json_complain(object, name, "must have 1 to %d names", YG_COMMAND_MAX_NAMES);
        return true;
    }
    if (!check_names(object, name, list))
        return true;
    items = yg_arena_take_array(arena, num + 1, sizeof(*items));
    if (items == NULL)
        return false;
    for (size_t i = 0; i < num; i++)
        items[i] = json_string_value(json_array_get(list, i));
    *ret_names = (struct yg_names){items, num};
    return true;
}

void yg_fields_need(struct yg_json *object, const char *name)
{
    if (object->object != NULL && json_object_get(object->object, name) == NULL)
        yg_json_complain(object, name, "is needed");
}

bool yg_fields_is_event(const char *name)
{
    static const char *const reserved[] = {
        "connect",     "connect_error",  "disconnect", "disconnecting",
        "newListener", "removeListener", NULL};

    return !is_one_of(name, reserved);
}
