/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_CARRY_H
#define YD_CARRY_CARRY_H

#include "base/map.h"
#include "carry/link.h"
#include "eio/eio.h"
#include "net/net_connect.h"

/*
 * Requests for sessions of other nodes.  A balancer sends a request to any node; its session is of
 * one, whose tag stands in its id.  The node that was asked opens a stream on a link to the
 * session's loop, sends the request, and hands the answer on as it comes.  There the stream is a
 * connection without a socket, so the request is handled as any other.
 */

struct yd_carry;
struct yd_carry_lookup;

/* Who knows where nodes are. */
struct yd_finder {
    /* Calls yd_carry_found() on lookup->loop, later or at once.  Called on that loop. */
    void (*find)(struct yd_finder *finder, struct yd_carry_lookup *lookup);
};

#define YD_CARRY_ADDRESS_SIZE 256

/* One question.  Lives until it is answered. */
struct yd_carry_lookup {
    struct yd_mail mail; /* of the finder */
    struct yd_loop *loop;
    uint32_t node;
    int result; /* 0: address is set; YODEL_ERR_NOT_FOUND: there is none; others: not known */
    char address[YD_CARRY_ADDRESS_SIZE];
    void (*on_done)(struct yd_carry_lookup *lookup);
};

static inline void yd_carry_found(struct yd_carry_lookup *lookup)
{
    lookup->on_done(lookup);
}

/* A connection that is being made; yd_net_connect_stop(&call->connect) gives it up. */
struct yd_node_call {
    struct yd_connect connect; /* of the dialer */
    /* conn: whose events are to be set; NULL: rc says why, reason (or NULL) more.  Once. */
    void (*on_done)(struct yd_node_call *call, struct yd_conn *conn, int rc, const char *reason);
};

/* Who makes connections. */
struct yd_dialer {
    /* Connects to address, in at most timeout_ms; calls call->on_done() on the loop of net, later
     * or at once. */
    void (*dial)(struct yd_dialer *dialer, struct yd_net *net, const char *address,
                 uint32_t timeout_ms, struct yd_node_call *call);
};

struct yd_carry_options {
    struct yd_link_options link;
    uint32_t connect_ms; /* from a request to a link that has begun */
    struct yd_finder *finder;
    struct yd_dialer *dialer;
};

/* Counters of one loop. */
struct yd_carry_counters {
    atomic_uint_least64_t out;    /* requests given to other nodes, */
    atomic_uint_least64_t in;     /* and taken from them */
    atomic_uint_least64_t failed; /* of those given */
};

struct yd_carry_loop {
    struct yd_link_home links; /* first */
    struct yd_carry *carry;
    struct yd_carry_counters counters;
    struct yd_map peers;            /* loops of other nodes, by node and loop */
    struct yd_list orphans;         /* of those that are given up, and an answer is to come */
    struct yd_list failed;          /* of those that could not be reached, the longest ago first */
    uint32_t num_failed, num_begun; /* those, and those that are looked for */
    bool ended;                     /* yd_carry_end() */
};

struct yd_carry {
    struct yd_eio_far far; /* first */
    const struct yodel_allocator *mem;
    struct yd_carry_options options;
    struct yd_front front; /* of the connections without a socket */
    unsigned num_loops, num_former;
    struct yd_link_home **homes; /* of the loops */
    struct yd_carry_loop loops[];
};

/* loops[i] has the index i.  The tag is none at first: yd_carry_set_node().  Returns 0, -ENOMEM or
 * -EIO. */
int yd_carry_new(const struct yodel_allocator *mem, struct yd_net *const *nets, unsigned num_loops,
                 const struct yd_carry_options *options, struct yd_carry **ret_carry);
/* After the loops have ended. */
void yd_carry_free(struct yd_carry *carry);

/* This node's tag, 24 bits; by one thread at a time.  Sessions of the one it had stay its own. */
void yd_carry_set_node(struct yd_carry *carry, uint32_t node);

/* On a loop that stops, ahead of its connections. */
void yd_carry_stop(struct yd_carry *carry, struct yd_loop *loop);
/* On a loop that has no connections any more: none are made. */
void yd_carry_end(struct yd_carry *carry, struct yd_loop *loop);

/* For fronts of listeners for nodes: on_connection of struct yd_front, whose user is the carry. */
int yd_carry_accept(struct yd_conn *conn, int refusal);

static inline struct yd_carry_loop *yd_carry_of(struct yd_carry *carry, const struct yd_loop *loop)
{
    return &carry->loops[loop->index];
}

/* What is counted on all loops; any thread. */
struct yd_carry_stats {
    uint64_t out, in, failed, links, made, accepted, refused, lost, malformed;
};
void yd_carry_count(struct yd_carry *carry, struct yd_carry_stats *ret_stats);

#endif
