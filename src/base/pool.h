/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_POOL_H
#define YD_BASE_POOL_H

#include <stddef.h>
#include <yodel/base.h>

#include "base/mem.h"

/* Free list of blocks of one size, of one thread.  Built with YODEL_NO_POOLS every block goes
 * straight to the allocator, so that address sanitizers see it. */
struct yd_pool {
    void *free;
    size_t num_free, max_free; /* blocks; max_free is 0 with YODEL_NO_POOLS */
    size_t block;              /* bytes, at least sizeof(void *) */
    const struct yodel_allocator *mem;
};

void yd_pool_init(struct yd_pool *pool, const struct yodel_allocator *mem, size_t block,
                  size_t max_free);
void yd_pool_done(struct yd_pool *pool);

/* NULL when out of memory. */
static inline void *yd_pool_get(struct yd_pool *pool)
{
    void *block = pool->free;

    if (!block)
        return yd_alloc(pool->mem, pool->block);
    pool->free = *(void **)block;
    pool->num_free--;
    return block;
}

static inline void yd_pool_put(struct yd_pool *pool, void *block)
{
    if (pool->num_free >= pool->max_free) {
        yd_free(pool->mem, block);
        return;
    }
    *(void **)block = pool->free;
    pool->free = block;
    pool->num_free++;
}

#endif
