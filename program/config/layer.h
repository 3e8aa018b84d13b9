/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_LAYER_H
#define YG_CONFIG_LAYER_H

#include "config/node.h"
#include "config/table.h"

/* What is laid over a file: other files, the environment, --set. */

/*
 * Merges a tree into another one: maps key by key; lists of things with a name (listeners,
 * webhooks) thing by thing, new ones at the end; any other value takes the place of the one before.
 * `key` and `key_file` take each other's place.
 *
 * from   its nodes go into the other tree
 */
void yg_layer_merge(const struct yg_table *table, struct yg_node *into, struct yg_node *from);

/* Where an option is set from outside of a file. */
struct yg_layer {
    struct yg_arena *arena;
    struct yg_report *report;
    struct yg_node *root; /* a map of yg_table_root's */
};

/*
 * Sets "limits.queue=2MiB", "webhooks.main.timeout=3s", "listen.0.address=*:80".  A thing of a list
 * goes by its name or its place; a new name, or the place after the last, makes a new one.  Lists
 * and maps are given as in YAML: clients.origins=[same].
 *
 * Returns 0, also when an error was reported, or -ENOMEM.
 */
int yg_layer_set(const struct yg_layer *layer, const char *assignment);

/*
 * Sets what the environment has: YODEL_LIMITS__QUEUE=2MiB; names of things in any case.  Another
 * name with YODEL_ in front is an error, but for those that the program has for itself.
 *
 * env   a NULL-terminated list of "NAME=value"
 *
 * Returns 0, also when errors were reported, or -ENOMEM.
 */
int yg_layer_env(const struct yg_layer *layer, char *const *env);

/* The longest value that is set from outside of a file. */
#define YG_LAYER_MAX ((size_t)64 << 10)

#endif
