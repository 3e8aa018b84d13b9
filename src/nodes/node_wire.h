/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_NODE_WIRE_H
#define YD_NODES_NODE_WIRE_H

#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

/*
 * How nodes reach each other: messages on channels, and values under keys that end by themselves.
 * Redis is one (nodes/redis_wire.h); the tests have another, that delays, loses and parts.
 *
 * What one process publishes, on whatever channels, reaches each other one in its order.
 */

struct yd_node_wire;

/* Embedded in its owner. */
struct yd_wire_sub {
    struct yd_node_wire *wire; /* while it is subscribed; the wire's */
    void *user;                /* the owner's */
    yodel_str name;            /* of a channel; kept by the owner */
    bool is_pattern;           /* name ends with '*', which stands for the rest of any name */
    bool active;               /* messages come */
    /* On the wire's loop, both; what is given is borrowed for the call. */
    void (*on_message)(struct yd_wire_sub *sub, yodel_bytes payload);
    void (*on_active)(struct yd_wire_sub *sub); /* active has changed; NULL: all the same */
    struct yd_list of_wire;                     /* the wire's */
    void *backend;                              /* the wire's */
};

/* Embedded in its owner: a question to the store that waits for its answer. */
struct yd_wire_call {
    /* On the wire's loop, exactly once: 1 and the value that was found (get), or it was done; 0:
     * there is none, or there is one already (set); below 0: not known.  value is borrowed. */
    void (*done)(struct yd_wire_call *call, int result, yodel_bytes value);
};

struct yd_node_wire_ops {
    /* Any thread; copies.  Returns 0, -ENOMEM, YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED. */
    int (*publish)(struct yd_node_wire *wire, yodel_str channel, yodel_bytes payload);
    /* On the loop.  Subscriptions are renewed by the wire whenever it was cut.  Returns 0 or
     * -ENOMEM. */
    int (*subscribe)(struct yd_node_wire *wire, struct yd_wire_sub *sub);
    /* Nothing comes after it; sub may go. */
    void (*unsubscribe)(struct yd_node_wire *wire, struct yd_wire_sub *sub);
    /* Any thread; they copy.  Return 0: call will be answered; or an error: it will not. */
    int (*get)(struct yd_node_wire *wire, yodel_str key, struct yd_wire_call *call);
    /* The value ends after ms.  only_new: not in place of another.  call NULL: nobody asks. */
    int (*set)(struct yd_node_wire *wire, yodel_str key, yodel_bytes value, uint32_t ms,
               bool only_new, struct yd_wire_call *call);
    int (*del)(struct yd_node_wire *wire, yodel_str key);
};

/* First member of its owner. */
struct yd_node_wire {
    const struct yd_node_wire_ops *ops;
    struct yd_loop *loop;
};

#endif
