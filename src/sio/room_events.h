/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ROOM_EVENTS_H
#define YD_SIO_ROOM_EVENTS_H

#include "sio/ns_config.h"
#include "sio/sio_base.h"

/*
 * What happens in rooms, told to the program on loop 0.
 *
 * A stay is a socket's being in a room, from a join until the leave, as handlers are told of it; a
 * socket that nobody watches has none.  It is made with the join, which can fail, and has the mail
 * of both ends and the memory that loop 0 needs for the room, so nothing after that can fail.  Loop
 * 0 counts the stays of each room: what comes to it is in an order that is everybody's, so it alone
 * knows when a room is created and deleted.
 */

struct yd_sio_stay;

/* The rooms that loop 0 has told of. */
void yd_sio_told_init(yodel_sio *sio);
/* After the loops have ended. */
void yd_sio_told_done(yodel_sio *sio);

/* Whether somebody watches the rooms of ns.  Any thread. */
static inline bool yd_sio_ns_watches_rooms(const yodel_sio_namespace *ns)
{
    const yodel_sio_namespace *owner = atomic_load_explicit(&ns->configured, memory_order_acquire);

    return atomic_load_explicit(&owner->watches_rooms, memory_order_relaxed);
}

/* ---- on the socket's loop ---- */

/* Whether socket has a stay in room. */
bool yd_sio_has_stay(const yodel_sio_socket *socket, const char *room);
/* One that has not begun: then it either begins or is dropped.  Returns 0, -ENOMEM,
 * YODEL_ERR_CONGESTED. */
int yd_sio_stay_new(yodel_sio_socket *socket, const char *room, struct yd_sio_stay **ret_stay);
void yd_sio_stay_drop(yodel_sio_socket *socket, struct yd_sio_stay *stay);
/* After the socket has joined. */
void yd_sio_stay_begin(yodel_sio_socket *socket, struct yd_sio_stay *stay);

/* After the socket has left room, or all rooms.  Without stays they do nothing. */
void yd_sio_stay_end(yodel_sio_socket *socket, const char *room);
void yd_sio_stays_end(yodel_sio_socket *socket);

#endif
