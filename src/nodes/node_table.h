/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_NODE_TABLE_H
#define YD_NODES_NODE_TABLE_H

#include <pthread.h>

#include "base/list.h"
#include "nodes/node_record.h"

/*
 * The other nodes that are alive, as far as this one has heard.  Written on one loop, read by any
 * thread.
 *
 * Who is dead is not told by a clock alone.  A node hears its own announcements, too, by the same
 * way as those of the others: another node is dead when dead_ms of these have come since its last.
 * So a Redis that is away, a process that was stopped, a clock that jumps kill nobody.
 */

struct yd_node {
    struct yd_map_node node; /* by its process */
    struct yd_list of_table;
    struct yd_node_info info;
    uint64_t heard; /* when the last of it came */
    uint64_t since; /* as of struct yd_bus_process; its maker's */
    bool known;     /* it was announced; else something else of it has come */
};

struct yd_node_table {
    const struct yodel_allocator *mem;
    pthread_mutex_t lock; /* for all below, but on the loop that writes */
    struct yd_map by_process;
    struct yd_list nodes;
    unsigned num_known;
    unsigned max;
};

/* At most max nodes. */
void yd_node_table_init(struct yd_node_table *table, const struct yodel_allocator *mem,
                        const uint64_t secret[2], unsigned max);
void yd_node_table_done(struct yd_node_table *table);

/* ---- on the loop that writes ---- */

/* Something of process has come at now.  Returns it, or NULL: -ENOMEM or too many. */
struct yd_node *yd_node_table_hear(struct yd_node_table *table, yodel_str process, uint64_t now);
/* It was announced.  Returns whether it was not known before. */
bool yd_node_table_announce(struct yd_node_table *table, struct yd_node *node,
                            const struct yd_node_info *info);
/* NULL: none. */
struct yd_node *yd_node_table_find(const struct yd_node_table *table, yodel_str process);
/* One that was heard last before that time; NULL: none. */
struct yd_node *yd_node_table_silent(const struct yd_node_table *table, uint64_t before);
/* As if all had been heard at now. */
void yd_node_table_spare(struct yd_node_table *table, uint64_t now);
void yd_node_table_remove(struct yd_node_table *table, struct yd_node *node);

/* ---- any thread ---- */

/* Those that are known. */
unsigned yd_node_table_count(struct yd_node_table *table);
/* False: there is none of that tag, or process. */
bool yd_node_table_find_tag(struct yd_node_table *table, yodel_str tag,
                            struct yd_node_info *ret_info);
bool yd_node_table_get(struct yd_node_table *table, yodel_str process,
                       struct yd_node_info *ret_info);
/* Appends a struct yd_node_info for each that is known.  Returns 0 or -ENOMEM. */
int yd_node_table_list(struct yd_node_table *table, struct yd_buf *buf);

#endif
