/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_OP_H
#define YD_BUS_OP_H

#include "bus/bus.h"

/* Operations: what is done to which members, as data. */

/* Members of a layer.  The keys are made once; on each loop they are only looked up. */
struct yd_scope {
    bool everyone; /* all members; else those of rooms, which may be none, and only */
    uint32_t num_rooms, num_except;
    struct yd_key *rooms;  /* each member once, whatever rooms it shares */
    struct yd_key *except; /* less those in any of these */
    yodel_str only;        /* members by their ids, which have one length; empty: none */
    yodel_str but;         /* and less the members of these ids; empty: none */
};

struct yd_op_node;

/*
 * First member of a layer's own struct, which adds the payload.  One block: that struct, a mail
 * node for each loop, the keys, their text.  Immutable once sent, but for what the layer guards.
 */
struct yd_op {
    atomic_uint refs; /* of nodes under way, and of who makes it */
    uint8_t kind;     /* of the layer */
    bool local;       /* far peers do not get it */
    bool deferred;    /* never inside the call that sends it */
    bool control;     /* what must not be refused: not counted in mailboxes */
    bool wants_reply; /* it was decoded, and its sender waits for an answer */
    bool own_form;  /* a peer with a form of its own carries it, whatever others of its layer do */
    uint32_t flags; /* of the layer */
    struct yd_layer *layer;
    struct yd_scope scope;
    struct yd_ask *ask; /* NULL: no reply; a reference of each node */
    size_t weight;      /* bytes that it counts in a mailbox; the layer adds its payload's */
    struct yd_op_node *nodes;
    struct yd_key *keys_end;
    char *text_end;
};

/* Whether peers with the native form carry op: no other one does. */
static inline bool yd_op_is_native(const struct yd_op *op)
{
    return !op->own_form && !op->layer->has_own_form;
}

/* How much a scope needs. */
struct yd_scope_size {
    size_t keys; /* rooms and exceptions */
    size_t text; /* bytes of all names and ids */
};

/* size: of the struct that begins with struct yd_op; the rest of it is zero.  The scope is no one
 * until it is filled: rooms first, then exceptions.  Keeps the layer.  NULL when out of memory. */
void *yd_op_new(struct yd_layer *layer, unsigned kind, size_t size,
                const struct yd_scope_size *scope);
/* The group prefix + name. */
void yd_op_add_room(struct yd_op *op, yodel_str prefix, yodel_str name);
void yd_op_add_except(struct yd_op *op, yodel_str prefix, yodel_str name);
/* Members by ids, after those there are: all of only first, after the rooms and exceptions. */
void yd_op_add_only(struct yd_op *op, yodel_str id);
void yd_op_add_but(struct yd_op *op, yodel_str id);

/* The allocator of the bus. */
static inline const struct yodel_allocator *yd_op_mem(const struct yd_op *op)
{
    return yd_bus_mem(op->layer->bus);
}

/* Another reference; the last one given back releases op. */
void yd_op_ref(struct yd_op *op);
void yd_op_unref(struct yd_op *op);

/* ---- as bytes, for far peers ---- */

/* Appends op, but for its number.  Returns as encode of struct yd_layer_ops. */
int yd_op_encode(const struct yd_op *op, uint64_t token, struct yd_buf *buf);
void yd_op_put_sequence(struct yd_buf *buf, uint64_t sequence);

/* What every operation begins with. */
struct yd_op_origin {
    yodel_str process;
    uint64_t sequence; /* among the operations of the process */
    uint64_t token;    /* 0: no answer is wanted */
};

/* Returns 0 or YODEL_ERR_PROTOCOL. */
int yd_op_decode_origin(yodel_bytes bytes, struct yd_op_origin *ret_origin);
/* Makes the operation.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL, YODEL_ERR_NOT_FOUND (no such layer
 * in this process, or not what it is about), YODEL_ERR_UNSUPPORTED (no such kind). */
int yd_op_decode(struct yd_bus *bus, yodel_bytes bytes, struct yd_op **ret_op);

#endif
