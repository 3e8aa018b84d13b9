/* SPDX-License-Identifier: MIT */
#ifndef YD_OPEN_WORK_H
#define YD_OPEN_WORK_H

#include <stdatomic.h>

#include "open/open.h"

/* The threads of a server that run the program's jobs.  It outlives its server while one of them is
 * in a job that was given up. */
struct yd_work_pool;
struct yd_job;

/* threads   at most so many run; 0: none, and jobs are run by yd_work_take() (in tests)
 * Returns 0, -ENOMEM, -errno. */
int yd_work_pool_new(const struct yodel_allocator *mem, unsigned threads, size_t max_waiting,
                     struct yd_work_pool **ret_pool);

/* The loops have ended, and with them all jobs but those that were given up: no thread is left
 * after this, but for those in one of these.  May be called twice. */
void yd_work_pool_end(struct yd_work_pool *pool);
/* Ends it, and drops the caller's reference; NULL is a no-op. */
void yd_work_pool_free(struct yd_work_pool *pool);

/* Whether any job is not done; jobs that wait, and those refused for want of room.  Any thread. */
bool yd_work_is_busy(const struct yd_work_pool *pool);
uint64_t yd_work_waiting(const struct yd_work_pool *pool);
uint64_t yd_work_refused(const struct yd_work_pool *pool);

/* The next job that may begin, which is then running; NULL when there is none.  What takes it must
 * run it. */
struct yd_job *yd_work_take(struct yd_work_pool *pool);
void yd_work_run(struct yd_work_pool *pool, struct yd_job *job);

#endif
