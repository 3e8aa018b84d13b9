/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_NATIVE_H
#define YD_NODES_NATIVE_H

#include "bus/call.h"
#include "nodes/nodes.h"

/*
 * The far peer that carries operations in their native form between the nodes.  Channels:
 *
 *     PREFIX:all                   what concerns a whole layer, or is asked
 *     PREFIX:group:LAYER:GROUP     what is for the members of one group: heard where there are any
 *     PREFIX:process:PROCESS       answers
 *
 * An operation for several groups is published for each; who hears it twice carries it out once, by
 * its number.
 */

/* Read by any thread. */
struct yd_native_counters {
    atomic_uint_least64_t published, received, failed, malformed;
};

/* The same at one moment. */
struct yd_native_stats {
    uint64_t published, received, failed, malformed;
};

struct yd_native {
    struct yd_peer peer;
    const struct yodel_allocator *mem;
    struct yd_bus *bus;
    struct yd_nodes *nodes;
    struct yd_node_wire *wire;
    struct yd_wire_sub all, own, every_group;
    char all_name[YD_NODE_PREFIX_MAX + 8];
    char own_name[YD_NODE_PREFIX_MAX + YD_PROCESS_SIZE + 16];
    char every_name[YD_NODE_PREFIX_MAX + 16];
    pthread_mutex_t lock; /* for the four below */
    struct yd_map groups; /* that have members here, or have just lost them */
    struct yd_list dirty; /* those whose subscription is not what it should be */
    bool wants_every;     /* there was no memory for one of them: all are listened to */
    bool posted;          /* work is */
    struct yd_call work;
    bool running;
    atomic_bool up; /* what is for all nodes comes */
    struct yd_native_counters counters;
};

/* Adds it to the bus.  Before the loops run.  Returns 0 or YODEL_ERR_TOO_BIG. */
int yd_native_init(struct yd_native *native, struct yd_bus *bus, struct yd_nodes *nodes);
/* After the loops have ended, or before they run. */
void yd_native_done(struct yd_native *native);

/* On the wire's loop.  Start: before yd_nodes_start(), which waits for it.  Returns 0 or -ENOMEM.
 */
int yd_native_start(struct yd_native *native);
void yd_native_stop(struct yd_native *native);

/* Any thread. */
void yd_native_get_stats(const struct yd_native *native, struct yd_native_stats *ret_stats);

#endif
