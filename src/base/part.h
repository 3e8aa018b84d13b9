/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_PART_H
#define YD_BASE_PART_H

struct yd_loop;

/*
 * What a server has besides: adapters, clients of other services.  Embedded in its owner, which the
 * server knows by this alone.  It may keep references to what keeps the server only until end.
 */

struct yd_part;

struct yd_part_ops {
    /* The first loop runs; on it, ahead of the program's own handlers there.  NULL: nothing. */
    void (*begin)(struct yd_part *part, struct yd_loop *loop);
    /* The server begins to stop; on the first loop, after the program's handlers.  NULL: nothing.
     */
    void (*stop)(struct yd_part *part, struct yd_loop *loop);
    /* All loops have ended, or will never run.  Exactly once.  NULL: nothing. */
    void (*end)(struct yd_part *part);
    /* The server goes: nobody knows of it any more. */
    void (*free)(struct yd_part *part);
};

struct yd_part {
    const struct yd_part_ops *ops;
    struct yd_part *next;
};

#endif
