/* SPDX-License-Identifier: MIT */
#ifndef YD_OPEN_OPEN_H
#define YD_OPEN_OPEN_H

#include <stdbool.h>
#include <yodel/loop.h>

#include "base/list.h"
#include "loop/loop.h"

/* The open loop: what a program has on one loop of a server.  Embedded in the server's worker. */
struct yodel_loop {
    struct yd_loop *loop;
    yodel_server *server;
    struct yd_list timers, watches; /* that run */
    void *data;                     /* the program's */
    yodel_free_fn *free_data;
    struct yd_list jobs;                      /* that are not done */
    struct yd_work_pool *pool;                /* that runs them; NULL: none */
    void (*on_idle)(struct yodel_loop *open); /* the pool has no job any more, of any loop */
    bool no_jobs;                             /* are taken any more */
    bool closed;                              /* nothing begins any more; the loop's thread */
};

void yd_open_init(yodel_loop *open, struct yd_loop *loop, yodel_server *server);

/* Its jobs run in pool; on_idle is called when that has no job any more. */
static inline void yd_open_set_pool(yodel_loop *open, struct yd_work_pool *pool,
                                    void (*on_idle)(yodel_loop *open))
{
    open->pool = pool;
    open->on_idle = on_idle;
}

/* Whether something may begin on the loop: 0, -EINVAL (NULL), YODEL_ERR_STATE (not on its thread:
 * in a debug build a line of the log names call, too), YODEL_ERR_CLOSED. */
int yd_open_check(const yodel_loop *open, const char *call);

void yd_open_free_data(yodel_loop *open);

/* timer.c, watch.c: stop all. */
void yd_open_stop_timers(yodel_loop *open);
void yd_open_stop_watches(yodel_loop *open);

/* work.c: takes no more jobs: those that wait are told that they were cancelled, those that run are
 * left alone, and only freed when they return. */
void yd_open_give_up_jobs(yodel_loop *open);

/* open_close.c: on the loop's thread, at its end, stops all that the program has left there, frees
 * its data, and lets nothing begin after that. */
void yd_open_close(yodel_loop *open);

#endif
