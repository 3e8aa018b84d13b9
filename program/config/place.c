/* SPDX-License-Identifier: MIT */
#include "config/place.h"

#include <stdlib.h>
#include <string.h>

/* The value of a key, or of its twin, the file that it is read from. */
static const struct yg_node *value_of(const struct yg_node *map, const char *key, size_t len)
{
    if (map == NULL || map->kind != YG_NODE_MAP)
        return NULL;
    for (const struct yg_node *at = map->first; at != NULL; at = at->next) {
        if (strncmp(at->key, key, len) == 0 &&
            (at->key[len] == '\0' || strcmp(at->key + len, "_file") == 0))
            return at;
    }
    return NULL;
}

/* The length of an item's name, if a path goes on with that; else 0. */
static size_t named_by(const struct yg_table *table, const struct yg_node *item, const char *path)
{
    const struct yg_node *id = table->id != NULL ? yg_node_get(item, table->id) : NULL;
    const size_t len = id != NULL && id->kind == YG_NODE_SCALAR ? strlen(id->text) : 0;

    if (len == 0 || strncmp(path, id->text, len) != 0)
        return 0;
    return path[len] == '.' || path[len] == '\0' ? len : 0;
}

/* The item that a path goes on with, "[0]" or ".name", which is moved behind it.  Names may have
 * dots: it is the longest one. */
static const struct yg_node *item_of(const struct yg_option *option, const struct yg_node *list,
                                     const char **path)
{
    const struct yg_node *found = NULL;
    size_t most = 0;

    if (**path == '[') {
        char *end;
        const unsigned long n = strtoul(*path + 1, &end, 10);

        if (end == *path + 1 || *end != ']')
            return NULL;
        *path = end + 1;
        return yg_node_item(list, n);
    }
    if (**path != '.' || option->type != YG_MAPS || list->kind != YG_NODE_LIST)
        return NULL;
    for (const struct yg_node *at = list->first; at != NULL; at = at->next) {
        const size_t len = named_by(option->table, at, *path + 1);

        if (len > most) {
            most = len;
            found = at;
        }
    }
    *path += 1 + most;
    return found;
}

const struct yg_node *yg_node_find(const struct yg_node *tree, const char *path)
{
    const struct yg_table *table = &yg_table_root;
    const struct yg_node *found = NULL, *map = tree;

    while (table != NULL) {
        const size_t len = strcspn(path, ".[");
        const struct yg_option *option = yg_table_find(table, path, len);
        const struct yg_node *value = option != NULL ? value_of(map, path, len) : NULL;

        if (value == NULL)
            break;
        found = map = value;
        path += len;
        if (option->type != YG_MAP && *path != '\0') {
            map = item_of(option, value, &path);
            found = map != NULL ? map : found;
        }
        if (*path != '.')
            break;
        path++;
        table = option->table;
    }
    return found;
}
