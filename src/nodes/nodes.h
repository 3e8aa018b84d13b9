/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_NODES_H
#define YD_NODES_NODES_H

#include "nodes/node_table.h"
#include "nodes/node_wire.h"

/*
 * The registry of live nodes.  Every node announces itself on one channel, and every two seconds
 * that it is alive; so a new one is known everywhere at once, and one that ends without a word is
 * lost after six.  Under keys that end by themselves a node's tag is its own, and an unknown tag
 * can be looked up.
 *
 * While the wire is away nobody is judged: who was known stays so for keep_ms.
 */

struct yd_nodes;

/* Told on the wire's loop; embedded in its owner. */
struct yd_nodes_watcher {
    struct yd_list of_nodes;
    void (*on_join)(struct yd_nodes_watcher *watcher, const struct yd_node_info *node);
    void (*on_leave)(struct yd_nodes_watcher *watcher, const struct yd_node_info *node);
    /* This node has that tag now; NULL: all the same. */
    void (*on_tag)(struct yd_nodes_watcher *watcher, const char *tag);
};

#define YD_NODE_PREFIX_MAX 64

struct yd_nodes_options {
    struct yd_bus *bus;
    struct yd_node_wire *wire;
    const char *name;    /* NULL: host:pid */
    const char *address; /* NULL: none */
    const char *prefix;  /* of channels and keys; NULL: "yodel" */
    uint64_t secret[2];  /* of the map */
    unsigned max_nodes;
    uint32_t beat_ms, dead_ms, keep_ms;
};

/* Read by any thread. */
struct yd_nodes_counters {
    atomic_uint_least64_t joined, lost, left, malformed, refused;
};

/* The same at one moment. */
struct yd_nodes_stats {
    uint64_t joined, lost, left, malformed, refused;
};

/* CLAIMED: it is not known yet whether it is ours.  DOUBTED: somebody has it; that may be us, by a
 * claim whose answer was lost. */
enum yd_tag_state { YD_TAG_NONE = 0, YD_TAG_CLAIMED, YD_TAG_DOUBTED, YD_TAG_HELD };

struct yd_nodes {
    const struct yodel_allocator *mem;
    struct yd_bus *bus;
    struct yd_node_wire *wire;
    struct yd_loop *loop;
    struct yd_peer *peer; /* that reaches the nodes; NULL: none */
    struct yd_node_table table;
    struct yd_node_info own; /* under the table's lock, but on the loop */
    char prefix[YD_NODE_PREFIX_MAX + 1];
    char channel[YD_NODE_PREFIX_MAX + 16];
    uint32_t beat_ms, dead_ms, keep_ms;
    struct yd_wire_sub sub;
    struct yd_timer beat;
    struct yd_list watchers;
    unsigned num_missing; /* subscriptions that are not active */
    uint64_t own_heard;   /* when our own announcement came last */
    bool running, leaving;
    atomic_bool away; /* the wire: it was lost, or has not come in the first beat_ms */
    enum yd_tag_state tag_state;
    char tag_tried[YD_NODE_TAG_SIZE];
    bool asking; /* call is under way */
    struct yd_wire_call call;
    struct yd_nodes_counters counters;
};

/* Copies.  Returns 0, YODEL_ERR_NAME (name, address, prefix). */
int yd_nodes_init(struct yd_nodes *nodes, const struct yd_nodes_options *options);
/* After its loop has ended, or before it runs. */
void yd_nodes_done(struct yd_nodes *nodes);

/* Before start: where others reach it, if nothing was said of that.  Returns 0 or YODEL_ERR_NAME.
 */
int yd_nodes_set_address(struct yd_nodes *nodes, const char *address);
/* Before start: the tag that it claims first, "" for none. */
static inline const char *yd_nodes_first_tag(const struct yd_nodes *nodes)
{
    return nodes->tag_tried;
}

/* ---- on the wire's loop ---- */

/* Returns 0 or -ENOMEM. */
int yd_nodes_start(struct yd_nodes *nodes);
/* Says good-bye: the others know at once. */
void yd_nodes_leave(struct yd_nodes *nodes);
/* After that nothing of it runs any more. */
void yd_nodes_stop(struct yd_nodes *nodes);

/* Before start: who calls this has a subscription of its own, without which the node is not to be
 * announced; and whenever it has become active, or is it no more. */
void yd_nodes_await_sub(struct yd_nodes *nodes);
void yd_nodes_sub_changed(struct yd_nodes *nodes, bool active);

/* Something of process has come.  False: there are too many nodes, it is to be dropped. */
bool yd_nodes_hear(struct yd_nodes *nodes, yodel_str process);

void yd_nodes_watch(struct yd_nodes *nodes, struct yd_nodes_watcher *watcher);
void yd_nodes_unwatch(struct yd_nodes *nodes, struct yd_nodes_watcher *watcher);

/* ---- any thread ---- */

/* Other nodes that are known to live. */
unsigned yd_nodes_count(struct yd_nodes *nodes);
void yd_nodes_get_stats(const struct yd_nodes *nodes, struct yd_nodes_stats *ret_stats);
/* This node; its tag is empty as long as it has none. */
void yd_nodes_own(struct yd_nodes *nodes, struct yd_node_info *ret_info);
/* Another one.  False: not known. */
bool yd_nodes_find_tag(struct yd_nodes *nodes, yodel_str tag, struct yd_node_info *ret_info);
bool yd_nodes_find_process(struct yd_nodes *nodes, yodel_str process,
                           struct yd_node_info *ret_info);
/* Appends a struct yd_node_info for each other node.  Returns 0 or -ENOMEM. */
int yd_nodes_list(struct yd_nodes *nodes, struct yd_buf *buf);

/* A tag that is looked up; embedded in its owner. */
struct yd_node_lookup {
    struct yd_wire_call call;
    char tag[YD_NODE_TAG_SIZE];
    /* On the wire's loop, once; info NULL: there is no such node, or it is not known. */
    void (*done)(struct yd_node_lookup *lookup, const struct yd_node_info *info);
};

/* Asks the store.  Returns 0: done will be called; YODEL_ERR_NAME (no tag), YODEL_ERR_CLOSED (the
 * wire is away), or why it cannot. */
int yd_nodes_look_up(struct yd_nodes *nodes, yodel_str tag, struct yd_node_lookup *lookup);

#endif
