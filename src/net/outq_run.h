/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_OUTQ_RUN_H
#define YD_NET_OUTQ_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "loop/loop.h"

/*
 * A run: the frames of short messages, one behind the other, that the output queues of many
 * connections share.  What a group is sent in a turn is written once; a member that was in step so
 * far has but more bytes of the run to send, and all of it goes to the kernel as one.  A member
 * that was not, since it left out a message or got another one in between, has copies of its own.
 *
 * A run is of one loop, and its references are not atomic.  Its bytes stay where they are: more may
 * be put behind them while they are being sent.
 */
struct yd_run {
    unsigned refs;
    enum yd_block block;
    struct yd_msg *last; /* that was put here; a reference */
    const uint8_t *last_at;
    uint8_t *used, *end; /* of the bytes; of the room */
    uint8_t bytes[];
};

/* Longer frames are not put into runs: any that fits a chunk is. */
#define YD_RUN_FRAME (YD_BLOCK_SIZE(YD_BLOCK_CHUNK) - sizeof(struct yd_run))

/* So many in a row get a message by itself before the others share it.  Builds for sanitizers take
 * one, so that the small groups of tests go all ways. */
#ifdef YODEL_NO_POOLS
#define YD_RUN_AFTER 1
#else
#define YD_RUN_AFTER 3
#endif

/* Whether msg, which is being queued, has been for a few connections in a row and so is likely to
 * be for more.  A guess: a new message in the place of an old one is taken for the same. */
static inline bool yd_run_is_worth(struct yd_loop *loop, const struct yd_msg *msg)
{
    struct yd_loop_runs *runs = &loop->runs;

    if (runs->seen != msg) {
        runs->seen = msg;
        runs->times = 0;
    }
    if (runs->times == YD_RUN_AFTER)
        return true;
    runs->times++;
    return false;
}

static inline bool yd_run_is_latest(const struct yd_loop *loop, const struct yd_msg *msg)
{
    return loop->runs.latest != NULL && loop->runs.latest->last == msg;
}

/* A reference to a run in which msg's frame is the last, a new one (large, if it goes on where
 * another was full) if need be; NULL when out of memory. */
struct yd_run *yd_run_join(struct yd_loop *loop, struct yd_msg *msg, bool large);

/* Puts msg's frame behind the others; false when there is no room. */
bool yd_run_put(struct yd_loop *loop, struct yd_run *run, struct yd_msg *msg);

static inline struct yd_run *yd_run_ref(struct yd_run *run)
{
    run->refs++;
    return run;
}

void yd_run_free(struct yd_loop *loop, struct yd_run *run);

static inline void yd_run_unref(struct yd_loop *loop, struct yd_run *run)
{
    if (--run->refs == 0)
        yd_run_free(loop, run);
}

#endif
