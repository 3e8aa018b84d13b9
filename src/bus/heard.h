/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_HEARD_H
#define YD_BUS_HEARD_H

#include "bus/bus.h"

/*
 * Whether what other processes send to a group comes here.  A far peer that carries messages only
 * to where a group has members needs a while after the first one has come; who must not miss
 * anything waits for that.
 */

/* No one waits longer, ms. */
#define YD_HEARD_LIMIT_MS 1000

/* Embedded in its owner. */
struct yd_heard {
    struct yd_list node; /* of the loop's */
    struct yd_timer limit;
    struct yd_bus *bus;
    struct yd_loop *loop;
    yodel_str layer, group; /* borrowed */
    /* On the loop, once, and it may free this: the group is heard, or the limit has passed. */
    void (*done)(struct yd_heard *heard);
};

/* Any thread.  Also true when it is of no use to wait: no peer listens to groups one by one, or
 * those that do cannot now. */
bool yd_bus_hears(const struct yd_bus *bus, yodel_str layer, yodel_str group);

/* Waits on loop, the current one; bus, layer, group and done are set.  False: it is heard already,
 * and done is not called. */
bool yd_heard_begin(struct yd_heard *heard, struct yd_loop *loop);
/* Waits no more: done is not called. */
void yd_heard_end(struct yd_heard *heard);

/* For far peers, any thread: what hears says of some group may be true now. */
void yd_bus_hears_more(struct yd_bus *bus);

/* Of a new bus: its loops. */
void yd_heard_init(struct yd_bus *bus);

#endif
