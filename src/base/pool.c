/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

void yd_pool_init(struct yd_pool *pool, const struct yodel_allocator *mem, size_t block,
                  size_t max_free)
{
#ifdef YODEL_NO_POOLS
    max_free = 0;
#endif
    pool->free = NULL;
    pool->num_free = 0;
    pool->max_free = max_free;
    pool->block = block < sizeof(void *) ? sizeof(void *) : block;
    pool->mem = mem;
}

void yd_pool_done(struct yd_pool *pool)
{
    while (pool->free)
        yd_free(pool->mem, yd_pool_get(pool));
}
