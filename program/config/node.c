/* SPDX-License-Identifier: MIT */
#include "config/node.h"

#include <string.h>

struct yg_node *yg_node_new(struct yg_arena *arena, enum yg_node_kind kind,
                            const struct yg_place *place)
{
    struct yg_node *node = yg_arena_take(arena, sizeof(*node));

    if (node != NULL) {
        node->kind = kind;
        node->place = *place;
        node->text = "";
    }
    return node;
}

struct yg_node *yg_node_get(const struct yg_node *map, const char *key)
{
    if (map == NULL || map->kind != YG_NODE_MAP)
        return NULL;
    for (struct yg_node *at = map->first; at != NULL; at = at->next) {
        if (strcmp(at->key, key) == 0)
            return at;
    }
    return NULL;
}

struct yg_node *yg_node_item(const struct yg_node *list, size_t n)
{
    struct yg_node *at = list != NULL && list->kind == YG_NODE_LIST ? list->first : NULL;

    for (; at != NULL && n > 0; n--)
        at = at->next;
    return at;
}

void yg_node_append(struct yg_node *list, struct yg_node *item)
{
    item->next = NULL;
    if (list->last != NULL)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
    list->num++;
}

void yg_node_remove(struct yg_node *map, const char *key)
{
    struct yg_node *before = NULL;

    for (struct yg_node *at = map->first; at != NULL; before = at, at = at->next) {
        if (strcmp(at->key, key) != 0)
            continue;
        if (before != NULL)
            before->next = at->next;
        else
            map->first = at->next;
        if (map->last == at)
            map->last = before;
        map->num--;
        return;
    }
}
