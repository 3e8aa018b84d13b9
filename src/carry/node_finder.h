/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_NODE_FINDER_H
#define YD_CARRY_NODE_FINDER_H

#include "carry/carry.h"
#include "nodes/nodes.h"

/* Nodes of the registry: where they are, and this one's own tag. */
struct yd_node_finder {
    struct yd_finder base;
    struct yd_nodes *nodes; /* NULL: none */
    struct yd_carry *carry; /* NULL: has not begun */
    struct yd_nodes_watcher watcher;
};

/* nodes outlives it. */
void yd_node_finder_init(struct yd_node_finder *finder, struct yd_nodes *nodes);
/* Before the loops run.  From here on the carry has this node's tag: first the one that will be
 * claimed, and should somebody else have it, another one by and by. */
void yd_node_finder_begin(struct yd_node_finder *finder, struct yd_carry *carry);
/* After the loops, or instead of them; of one that is all zero, too. */
void yd_node_finder_done(struct yd_node_finder *finder);

#endif
