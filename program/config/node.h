/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_NODE_H
#define YG_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/report.h"

/* What stands in a file, before anybody knows what it means: a tree of texts with their places. */

enum yg_node_kind { YG_NODE_SCALAR, YG_NODE_LIST, YG_NODE_MAP };

struct yg_node {
    enum yg_node_kind kind;
    struct yg_place place;
    const char *text; /* of a scalar, NUL-terminated, without NULs in it */
    bool quoted;      /* a scalar in quotes, or a block */
    /* In a map: */
    const char *key;
    struct yg_place key_place;
    struct yg_node *next;
    /* Of a list or a map: */
    struct yg_node *first;
    struct yg_node *last;
    size_t num;
};

/* Bounds of one text. */
#define YG_NODE_DEPTH 16
#define YG_NODE_ITEMS 10000 /* of one list or map */
#define YG_NODE_TOTAL 100000

/*
 * Reads YAML (JSON is YAML): one document of maps with plain keys, lists and scalars.  Anchors,
 * aliases and tags are errors, as are repeated keys (yg_report_lax()).
 *
 * from       the source of all places: the text begins at its line 1, unless it has line 0
 * ret_node   in the arena; a text without a document is an empty map
 *
 * Returns 0; -EINVAL when errors were reported; -ENOMEM.
 */
int yg_node_read(struct yg_arena *arena, struct yg_report *report, const char *text, size_t len,
                 const struct yg_place *from, struct yg_node **ret_node);

/* A new node in the arena; NULL when out of memory. */
struct yg_node *yg_node_new(struct yg_arena *arena, enum yg_node_kind kind,
                            const struct yg_place *place);

/* The value of a key; NULL when the map has none, or is no map. */
struct yg_node *yg_node_get(const struct yg_node *map, const char *key);

/* The n-th item; NULL past the last, or when it is no list. */
struct yg_node *yg_node_item(const struct yg_node *list, size_t n);

/* Appends an item, which is in no list. */
void yg_node_append(struct yg_node *list, struct yg_node *item);

/* Takes the key out of the map, if it is there. */
void yg_node_remove(struct yg_node *map, const char *key);

#endif
