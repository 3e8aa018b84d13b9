/* SPDX-License-Identifier: MIT */
#include "net/outq_run.h"

#include <string.h>

bool yd_run_put(struct yd_loop *loop, struct yd_run *run, struct yd_msg *msg)
{
    yodel_bytes frame = yd_msg_frame(msg);

    if ((size_t)(run->end - run->used) < frame.len)
        return false;
    yd_msg_unref(run->last);
    run->last = yd_msg_ref(msg);
    run->last_at = run->used;
    memcpy(run->used, frame.ptr, frame.len);
    run->used += frame.len;
    loop->runs.latest = run;
    return true;
}

static struct yd_run *new_run(struct yd_loop *loop, bool large)
{
    enum yd_block block = large ? YD_BLOCK_LARGE : YD_BLOCK_CHUNK;
    struct yd_run *run = yd_pool_get(&loop->pool, block);

    if (run == NULL)
        return NULL;
    run->refs = 1;
    run->block = block;
    run->last = NULL;
    run->used = run->bytes;
    run->end = (uint8_t *)run + YD_BLOCK_SIZE(block);
    return run;
}

struct yd_run *yd_run_join(struct yd_loop *loop, struct yd_msg *msg, bool large)
{
    struct yd_run *run;

    if (yd_run_is_latest(loop, msg))
        return yd_run_ref(loop->runs.latest);
    if ((run = new_run(loop, large)) != NULL)
        (void)yd_run_put(loop, run, msg);
    return run;
}

void yd_run_free(struct yd_loop *loop, struct yd_run *run)
{
    if (loop->runs.latest == run)
        loop->runs.latest = NULL;
    yd_msg_unref(run->last);
    yd_pool_put(&loop->pool, run->block, run);
}
