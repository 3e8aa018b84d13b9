/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_BUILD_H
#define YG_CONFIG_BUILD_H

#include "config/node.h"
#include "config/table.h"

/*
 * Makes the struct of a table out of a tree: defaults, then what the tree has.  Unknown keys,
 * values of another type and out of bounds, and what is missing, are reported.  Files of the twins
 * of texts (`secret_file`) are read.
 *
 * arena   of lists and strings
 * tree    a map; NULL: the defaults alone
 * into    of table->size bytes, zeroed
 *
 * Returns 0, also when errors were reported, or -ENOMEM.
 */
int yg_build(struct yg_arena *arena, struct yg_report *report, const struct yg_table *table,
             const struct yg_node *tree, void *into);

/* Reads the default of a list as a tree; ret_node is NULL for an option without one.  Returns 0 or
 * -ENOMEM. */
int yg_build_fallback(struct yg_arena *arena, struct yg_report *report,
                      const struct yg_option *option, struct yg_node **ret_node);

#endif
