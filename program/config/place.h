/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_PLACE_H
#define YG_CONFIG_PLACE_H

#include "config/node.h"
#include "config/table.h"

/*
 * What a tree has of an option: its value, or the value of its twin (`secret_file`); where it has
 * neither, the nearest map or list around it.
 *
 * tree   a map of yg_table_root's
 * path   "listen.public.tls.cert[0]": items of lists by their names or places
 *
 * Returns NULL where nothing of the path is there.
 */
const struct yg_node *yg_node_find(const struct yg_node *tree, const char *path);

#endif
