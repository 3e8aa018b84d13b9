/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <string.h>

void yd_pool_init(struct yd_pool *pool, const struct yodel_allocator *mem, size_t max_held)
{
#ifdef YODEL_NO_POOLS
    max_held = 0;
#endif
    memset(pool, 0, sizeof *pool);
    pool->mem = mem;
    pool->max_held = max_held;
    for (int kind = 0; kind < YD_BLOCK_NONE; kind++)
        pool->kinds[kind].size = YD_BLOCK_SIZE(kind);
}

static void free_some(struct yd_pool *pool, enum yd_block kind, size_t num)
{
    for (; num > 0; num--)
        yd_free(pool->mem, yd_pool_get(pool, kind));
}

void yd_pool_done(struct yd_pool *pool)
{
    for (int kind = 0; kind < YD_BLOCK_NONE; kind++)
        free_some(pool, (enum yd_block)kind, pool->kinds[kind].num);
}

void yd_pool_age(struct yd_pool *pool)
{
    for (int kind = 0; kind < YD_BLOCK_NONE; kind++) {
        struct yd_free_blocks *blocks = &pool->kinds[kind];

        free_some(pool, (enum yd_block)kind, (blocks->idle + 1) / 2);
        blocks->idle = blocks->num;
    }
}

enum yd_block yd_block_for(size_t size)
{
    enum yd_block kind = YD_BLOCK_SMALL;

    while (kind < YD_BLOCK_NONE && YD_BLOCK_SIZE(kind) < size)
        kind++;
    return kind;
}

void *yd_pool_get_sized(struct yd_pool *pool, size_t size, enum yd_block *ret_kind,
                        size_t *ret_size)
{
    enum yd_block kind = yd_block_for(size);
    void *block = kind != YD_BLOCK_NONE ? yd_pool_get(pool, kind) : yd_alloc(pool->mem, size);

    if (block == NULL)
        return NULL;
    *ret_kind = kind;
    *ret_size = kind != YD_BLOCK_NONE ? YD_BLOCK_SIZE(kind) : size;
    return block;
}

void *yd_pool_grow_sized(struct yd_pool *pool, void *block, size_t used, size_t size,
                         enum yd_block *kind, size_t *ret_size)
{
    enum yd_block grown_kind = yd_block_for(size);
    void *grown;

    if (block == NULL)
        return yd_pool_get_sized(pool, size, kind, ret_size);
    if (*kind == YD_BLOCK_NONE && grown_kind == YD_BLOCK_NONE) {
        if ((grown = yd_resize(pool->mem, block, size)) != NULL)
            *ret_size = size;
        return grown;
    }
    if ((grown = yd_pool_get_sized(pool, size, &grown_kind, ret_size)) == NULL)
        return NULL;
    memcpy(grown, block, used);
    yd_pool_put_sized(pool, *kind, block);
    *kind = grown_kind;
    return grown;
}
