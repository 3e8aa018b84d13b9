/* SPDX-License-Identifier: MIT */
#include "config/layer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_PARTS 8
#define PREFIX "YODEL_"

/* Names that are no options. */
static const char *const own_names[] = {"YODEL_CONFIG", "YODEL_URL", "YODEL_KEY_FILE",
                                        "YODEL_BACKEND"};

/* ---- merging ---- */

/* Removes a key and the one that says the same in the other way. */
static void remove_both(const struct yg_table *table, struct yg_node *map, const char *key)
{
    const struct yg_option *twin = yg_table_find_twin(table, key);
    char name[80];

    yg_node_remove(map, key);
    if (twin != NULL) {
        yg_node_remove(map, twin->name);
    } else if (strlen(key) < sizeof(name) - 6) {
        snprintf(name, sizeof(name), "%s_file", key);
        yg_node_remove(map, name);
    }
}

static const char *id_of(const struct yg_table *table, const struct yg_node *item)
{
    const struct yg_node *id = table->id != NULL ? yg_node_get(item, table->id) : NULL;

    return id != NULL && id->kind == YG_NODE_SCALAR && *id->text != '\0' ? id->text : NULL;
}

static struct yg_node *find_item(const struct yg_table *table, const struct yg_node *list,
                                 const char *id, int (*compare)(const char *, const char *))
{
    for (struct yg_node *at = list->first; at != NULL; at = at->next) {
        const char *other = id_of(table, at);

        if (other != NULL && compare(other, id) == 0)
            return at;
    }
    return NULL;
}

static void merge_list(const struct yg_table *table, struct yg_node *into, struct yg_node *from)
{
    for (struct yg_node *at = from->first, *next; at != NULL; at = next) {
        const char *id = id_of(table, at);
        struct yg_node *other = id != NULL ? find_item(table, into, id, strcmp) : NULL;

        next = at->next;
        if (other != NULL && at->kind == YG_NODE_MAP && other->kind == YG_NODE_MAP)
            yg_layer_merge(table, other, at);
        else
            yg_node_append(into, at);
    }
}

static void merge_key(const struct yg_table *table, struct yg_node *into, struct yg_node *node)
{
    const struct yg_option *option = yg_table_find(table, node->key, strlen(node->key));
    struct yg_node *other = yg_node_get(into, node->key);

    if (other != NULL && option != NULL && other->kind == node->kind) {
        if (option->type == YG_MAP && node->kind == YG_NODE_MAP) {
            yg_layer_merge(option->table, other, node);
            return;
        }
        if (option->type == YG_MAPS && option->table->id != NULL && node->kind == YG_NODE_LIST) {
            merge_list(option->table, other, node);
            return;
        }
    }
    remove_both(table, into, node->key);
    yg_node_append(into, node);
}

void yg_layer_merge(const struct yg_table *table, struct yg_node *into, struct yg_node *from)
{
    struct yg_node twins = {.kind = YG_NODE_MAP};

    for (const struct yg_node *at = from->first; at != NULL; at = at->next) {
        if (yg_table_find_twin(table, at->key) != NULL)
            remove_both(table, into, at->key);
    }
    /* `key` beside `key_file` in one layer is an error, which has to be seen: so the latter comes
     * last, when nothing takes it away any more. */
    for (struct yg_node *at = from->first, *next; at != NULL; at = next) {
        next = at->next;
        if (yg_table_find_twin(table, at->key) != NULL)
            yg_node_append(&twins, at);
        else
            merge_key(table, into, at);
    }
    for (struct yg_node *at = twins.first, *next; at != NULL; at = next) {
        next = at->next;
        yg_node_append(into, at);
    }
}

/* ---- setting one option ---- */

struct assignment {
    const struct yg_layer *layer;
    struct yg_place place;
    const char *parts[MAX_PARTS];
    size_t num;
    const char *value;
};

static int set_in_map(const struct assignment *set, const struct yg_table *table,
                      struct yg_node *map, size_t at);

static int refuse(const struct assignment *set, const char *text)
{
    yg_report_error(set->layer->report, &set->place, "%s", text);
    return 0;
}

/* A child of a kind under a key, made where there is none. */
static struct yg_node *child_of(const struct assignment *set, struct yg_node *map, const char *key,
                                enum yg_node_kind kind)
{
    struct yg_node *child = yg_node_get(map, key);

    if (child != NULL && child->kind == kind)
        return child;
    child = yg_node_new(set->layer->arena, kind, &set->place);
    if (child == NULL)
        return NULL;
    yg_node_remove(map, key);
    child->key = key;
    child->key_place = set->place;
    yg_node_append(map, child);
    return child;
}

/* The last part: the value itself. */
static int set_value(const struct assignment *set, const struct yg_table *table,
                     const struct yg_option *option, struct yg_node *map, const char *key)
{
    struct yg_node *node = NULL;
    int rc;

    if (option != NULL && option->type >= YG_TEXTS) {
        rc = yg_node_read(set->layer->arena, set->layer->report, set->value, strlen(set->value),
                          &set->place, &node);
        if (rc < 0)
            return rc == -ENOMEM ? rc : 0;
    } else {
        node = yg_node_new(set->layer->arena, YG_NODE_SCALAR, &set->place);
        if (node == NULL)
            return -ENOMEM;
        node->text = set->value;
        node->quoted = true;
    }
    node->key = key;
    node->key_place = set->place;
    remove_both(table, map, key);
    yg_node_append(map, node);
    return 0;
}

/* The thing of a list that a part names; a new one where the list ends. */
static int set_in_item(const struct assignment *set, const struct yg_option *option,
                       struct yg_node *list, size_t at)
{
    const struct yg_table *table = option->table;
    const char *part = set->parts[at];
    const bool is_place = part[strspn(part, "0123456789")] == '\0' && strlen(part) < 6;
    const size_t place = is_place ? strtoul(part, NULL, 10) : 0;
    struct yg_node *item = NULL, *id;

    if (at + 1 == set->num)
        return refuse(set, "which option of it?");
    item = is_place ? yg_node_item(list, place) : NULL;
    if (item == NULL && table->id != NULL)
        item = find_item(table, list, part, strcasecmp);
    if (item != NULL && item->kind == YG_NODE_MAP)
        return set_in_map(set, table, item, at + 1);
    if (item != NULL || (is_place && place != list->num) || (!is_place && table->id == NULL))
        return refuse(set, "there is no such item in the list");
    item = yg_node_new(set->layer->arena, YG_NODE_MAP, &set->place);
    if (item == NULL)
        return -ENOMEM;
    yg_node_append(list, item);
    if (!is_place) {
        id = child_of(set, item, table->id, YG_NODE_SCALAR);
        if (id == NULL)
            return -ENOMEM;
        id->text = part;
    }
    return set_in_map(set, table, item, at + 1);
}

static int set_in_map(const struct assignment *set, const struct yg_table *table,
                      struct yg_node *map, size_t at)
{
    const char *part = set->parts[at];
    const struct yg_option *option = yg_table_find(table, part, strlen(part));
    const bool is_last = at + 1 == set->num;
    struct yg_node *child;
    const char *near;

    if (option == NULL && yg_table_find_twin(table, part) == NULL) {
        near = yg_table_nearest(table, part);
        yg_report_error(set->layer->report, &set->place,
                        near != NULL ? "unknown key \"%.80s\" (did you mean \"%s\"?)"
                                     : "unknown key \"%.80s\"",
                        part, near);
        return 0;
    }
    if (is_last)
        return set_value(set, table, option, map, option != NULL ? option->name : part);
    if (option == NULL || (option->type != YG_MAP && option->type != YG_MAPS))
        return refuse(set, "this option has no parts");
    child = child_of(set, map, option->name, option->type == YG_MAP ? YG_NODE_MAP : YG_NODE_LIST);
    if (child == NULL)
        return -ENOMEM;
    return option->type == YG_MAP ? set_in_map(set, option->table, child, at + 1)
                                  : set_in_item(set, option, child, at + 1);
}

/* Cuts a name at each separator and puts it to use.  name is the arena's. */
static int set_name(struct assignment *set, char *name, const char *separator)
{
    const size_t len = strlen(separator);
    char *end;

    for (set->num = 0; name != NULL; name = end != NULL ? end + len : NULL) {
        end = strstr(name, separator);
        if (end != NULL)
            *end = '\0';
        if (*name == '\0' || set->num == MAX_PARTS)
            return refuse(set, "not the name of an option");
        set->parts[set->num++] = name;
    }
    if (strlen(set->value) > YG_LAYER_MAX)
        return refuse(set, "the value is too long");
    return set_in_map(set, &yg_table_root, set->layer->root, 0);
}

int yg_layer_set(const struct yg_layer *layer, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    const size_t len = equals != NULL ? (size_t)(equals - assignment) : strlen(assignment);
    struct assignment set = {.layer = layer, .place = {.source = "--set"}};
    char *name;

    if (len > 0 && len < 256)
        set.place.source = yg_arena_format(layer->arena, "--set %.*s", (int)len, assignment);
    name = yg_arena_copy(layer->arena, assignment, len);
    set.value = yg_arena_dup(layer->arena, equals != NULL ? equals + 1 : "");
    if (set.place.source == NULL || name == NULL || set.value == NULL)
        return -ENOMEM;
    if (equals == NULL || len >= 256)
        return refuse(&set, "write KEY=VALUE");
    return set_name(&set, name, ".");
}

/* ---- the environment ---- */

static bool is_own(const char *name)
{
    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++) {
        if (strcmp(own_names[i], name) == 0)
            return true;
    }
    return false;
}

static int set_variable(const struct yg_layer *layer, const char *variable)
{
    const char *equals = strchr(variable, '=');
    struct assignment set = {.layer = layer};
    char *name;

    if (equals == NULL || equals - variable >= 256)
        return 0;
    name = yg_arena_copy(layer->arena, variable, (size_t)(equals - variable));
    if (name == NULL)
        return -ENOMEM;
    if (is_own(name))
        return 0;
    set.place.source = yg_arena_format(layer->arena, "environment %s", name);
    set.value = yg_arena_dup(layer->arena, equals + 1);
    if (set.place.source == NULL || set.value == NULL)
        return -ENOMEM;
    for (char *at = name; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return set_name(&set, name + sizeof(PREFIX) - 1, "__");
}

int yg_layer_env(const struct yg_layer *layer, char *const *env)
{
    int rc = 0;

    for (; env != NULL && *env != NULL && rc == 0; env++) {
        if (strncmp(*env, PREFIX, sizeof(PREFIX) - 1) == 0)
            rc = set_variable(layer, *env);
    }
    return rc;
}
