/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_ROOM_SCRIPTS_H
#define YG_LEASE_ROOM_SCRIPTS_H

#include <yodel/base.h>

/*
 * Which runs of nodes have members in a room, and what back ends were told of it, in Redis:
 *
 *     PREFIX:occupancy               hash: epoch (a name, of which a new Redis has another), ready
 *                                    (the moment before which nothing is concluded), last (turn)
 *     PREFIX:occupancy:room:PLACE    hash: r:RUN (its delay in ms) for each run with members, n
 * (how many they are), t (back ends are told that it is occupied), and of an event that was not
 * taken yet e (id), k (kind), o (the run that tells it), s (how many there were)
 *     PREFIX:occupancy:run:RUN       set: places of which it is a run, or tells
 *     PREFIX:occupancy:runs          set: runs that have such a set
 *     PREFIX:occupancy:due           sorted set: places to be looked at, by the time of Redis in ms
 *     PREFIX:occupancy:fenced:RUN    others have taken over what it had
 *
 * A room has one event at a time: what changes meanwhile is settled when that was taken, so events
 * of a room come in one order whichever nodes tell them.  Each step may be repeated; it gives the
 * same event until that was taken.
 */

/* What a run has of rooms.  ARGV: prefix, run, a new id, grace in ms, epoch (empty: not known),
 * whether more follow of a Redis that has lost them; and of each place: place, want (1: members; 0:
 * none; 2: there were some, and are none now), whether it was told that it is occupied, delay in
 * ms, the id of an event that was taken, id and kind of one that is told.
 *
 * Returns the epoch, and for each place told, ms until it is to be asked for again (0: not), kind,
 * id and number of the event to tell (empty: none).  Or "again" and the epoch: it is another one;
 * "fenced": others have told the ends of this run.  Then nothing was done. */
extern const char yg_script_rooms_sync[];

/* Takes what is due, and what runs had that are no more.  ARGV: prefix, run, a new id, grace in ms,
 * how many places at most, how long nobody may have taken a turn in ms.
 *
 * Returns the epoch, whether there is more, whether others have told the ends of this run, and of
 * each event to tell place, kind, id, number. */
extern const char yg_script_rooms_turn[];

/* The run ends: places at most; what it still tells stays, for others.  ARGV: prefix, run, a new
 * id, grace in ms, how many places; ids of events that were taken.  Returns how many places. */
extern const char yg_script_rooms_end[];

/* "LEN:NAMESPACEROOM"; LEN is that of the namespace.  Returns 0, or -EINVAL. */
int yg_place_read(yodel_str place, yodel_str *ret_ns, yodel_str *ret_room);

#endif
