/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_WATCH_FLAGS_H
#define YD_LOOP_WATCH_FLAGS_H

#include <stddef.h>
#include <yodel/loop.h>

/* How a backend calls what a watch is asked for, YODEL_WATCH_...: the flags of one poller. */
struct yd_watch_flag {
    unsigned event, flag;
};

#define YD_WATCH_FLAGS 3

static inline unsigned yd_watch_to_flags(const struct yd_watch_flag table[YD_WATCH_FLAGS],
                                         unsigned events)
{
    unsigned flags = 0;

    for (size_t i = 0; i < YD_WATCH_FLAGS; i++)
        if ((events & table[i].event) != 0)
            flags |= table[i].flag;
    return flags;
}

static inline unsigned yd_watch_of_flags(const struct yd_watch_flag table[YD_WATCH_FLAGS],
                                         unsigned flags)
{
    unsigned events = 0;

    for (size_t i = 0; i < YD_WATCH_FLAGS; i++)
        if ((flags & table[i].flag) != 0)
            events |= table[i].event;
    return events;
}

#endif
