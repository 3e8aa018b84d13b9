/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ORDER_H
#define YD_SIO_ORDER_H

#include "bus/op.h"
#include "sio/socket.h"

/*
 * Recovery beyond this process: an adapter gives what is emitted its place among what all servers
 * emit, with the offset that clients are told, and keeps the state of sockets whose clients are
 * lost.  A service with an order has no socket that is AWAY.
 */

struct yd_sio_restore;

/* What a socket is, besides its client; borrowed text. */
struct yd_sio_state {
    yodel_str ns, sid, pid;
    yodel_str rooms; /* a JSON array of names, that of its id too */
    yodel_str data;  /* a JSON value */
};

struct yd_sio_order_ops {
    /* Takes an operation that nobody is asked by: it is carried out here when its turn has come, by
     * yd_sio_order_apply().  Any thread; the operations of one thread keep their order.  Takes the
     * caller's reference, unless it returns -ENOMEM, YODEL_ERR_CONGESTED or YODEL_ERR_CLOSED. */
    int (*take)(struct yd_sio_order *order, struct yd_op *op);
    /* Keeps a state until the socket's client comes back.  Any loop. */
    void (*save)(struct yd_sio_order *order, const struct yd_sio_state *state);
    /* Looks for a state, takes it away from where it was, and calls yd_sio_restore_found(). */
    void (*restore)(struct yd_sio_order *order, struct yd_sio_restore *restore);
    /* Calls yd_sio_restore_add() for all that was emitted after the client's offset and is for the
     * socket, moves restore->offset on to the last place that was looked at, and calls
     * yd_sio_restore_end() when all up to there has been carried out here. */
    void (*missed)(struct yd_sio_order *order, struct yd_sio_restore *restore);
    /* Whether an offset of the order is after another one.  Any loop. */
    bool (*is_after)(const char *offset, const char *than);
};

/* Embedded in the adapter. */
struct yd_sio_order {
    const struct yd_sio_order_ops *ops;
};

/* Before the loops run, for a service with recovery. */
void yd_sio_set_order(yodel_sio *sio, struct yd_sio_order *order);
/* How long states are kept, ms; 0: no recovery. */
uint32_t yd_sio_recovery_ms(const yodel_sio *sio);

/* Whether events of ns that nobody is asked by have their place given by an order. */
static inline bool yd_sio_is_ordered(const yodel_sio_namespace *ns)
{
    return ns->sio->order != NULL && !ns->is_parent;
}

/* Sends an operation, by the order if there is one and it asks for nothing.  As yd_bus_send(). */
int yd_sio_send(struct yd_op *op);

/* For the adapter: whether an operation that was taken is for other processes, too; and whether one
 * that the bus has comes from an order, which the adapter has carried already. */
bool yd_sio_order_is_shared(const struct yd_op *op);
bool yd_sio_was_ordered(const struct yd_op *op);
/* Carries out an operation that was taken: its packets have that offset ("": none).  has_place: it
 * is the operation's own; else that of what came before, and nothing that was missed has it.  Takes
 * the reference, but for YODEL_ERR_CONGESTED: to be tried again.  Returns as yd_bus_send(). */
int yd_sio_order_apply(struct yd_op *op, const char *offset, bool has_place);

/* Gives the state of a socket whose client is lost to the order; without memory it is lost. */
void yd_sio_order_save(yodel_sio_socket *socket);

#endif
