/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_POOL_H
#define YD_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>

#include "base/mem.h"

/*
 * Free blocks of a few sizes, of one thread: the small ones hold references and short output, the
 * others messages on their way in or out.  What is kept is bounded in bytes, and what is not used
 * for a while goes back to the allocator, see yd_pool_age().
 *
 * Built with YODEL_NO_POOLS nothing is kept, so that address sanitizers see every block.
 */
enum yd_block {
    YD_BLOCK_SMALL, /* 48 bytes */
    YD_BLOCK_CHUNK, /* 1 KiB */
    YD_BLOCK_LARGE, /* 16 KiB and, as all that follow, 1 KiB for what stands ahead of the bytes */
    YD_BLOCK_HUGEST = YD_BLOCK_LARGE + 6, /* 1 MiB; each has twice the bytes of the one before */
    YD_BLOCK_NONE                         /* larger than that: kept by nobody */
};

#define YD_BLOCK_SPARE 1024 /* bytes of a large block beyond a power of two */

#define YD_BLOCK_SIZE(kind)                                                                        \
    ((kind) == YD_BLOCK_SMALL   ? (size_t)48                                                       \
     : (kind) == YD_BLOCK_CHUNK ? (size_t)1024                                                     \
                                : ((size_t)16384 << ((kind)-YD_BLOCK_LARGE)) + YD_BLOCK_SPARE)

/* The smallest kind of at least size bytes. */
enum yd_block yd_block_for(size_t size);

struct yd_pool {
    const struct yodel_allocator *mem;
    size_t held, max_held; /* bytes; max_held is 0 with YODEL_NO_POOLS */
    struct yd_free_blocks {
        void *first;
        size_t size; /* bytes of each */
        size_t num;
        size_t idle; /* the least num since the last yd_pool_age() */
    } kinds[YD_BLOCK_NONE];
};

/* Keeps max_held bytes at most. */
void yd_pool_init(struct yd_pool *pool, const struct yodel_allocator *mem, size_t max_held);
void yd_pool_done(struct yd_pool *pool);

static inline bool yd_pool_is_empty(const struct yd_pool *pool)
{
    return pool->held == 0;
}

/* Frees half of the blocks of each kind, the last one too, that were free all the time since the
 * last call: called now and then it gives back everything that is not needed any more, a little at
 * a time, and takes nothing that is. */
void yd_pool_age(struct yd_pool *pool);

/* NULL when out of memory. */
static inline void *yd_pool_get(struct yd_pool *pool, enum yd_block kind)
{
    struct yd_free_blocks *blocks = &pool->kinds[kind];
    void *block = blocks->first;

    if (block == NULL)
        return yd_alloc(pool->mem, blocks->size);
    blocks->first = *(void **)block;
    if (--blocks->num < blocks->idle)
        blocks->idle = blocks->num;
    pool->held -= blocks->size;
    return block;
}

static inline void yd_pool_put(struct yd_pool *pool, enum yd_block kind, void *block)
{
    struct yd_free_blocks *blocks = &pool->kinds[kind];

    if (pool->held + blocks->size > pool->max_held) {
        yd_free(pool->mem, block);
        return;
    }
    *(void **)block = blocks->first;
    blocks->first = block;
    blocks->num++;
    pool->held += blocks->size;
}

/* A block for size bytes, of the very size if there is no kind for that: *ret_kind says which,
 * *ret_size what it has.  NULL when out of memory. */
void *yd_pool_get_sized(struct yd_pool *pool, size_t size, enum yd_block *ret_kind,
                        size_t *ret_size);
/*
 * A block for size bytes in place of block (*kind, of which the first used bytes count; NULL:
 * none), which is gone then.  What no kind is large enough for is resized by the allocator, so that
 * the two need not stand side by side.  NULL when out of memory: nothing has changed.
 */
void *yd_pool_grow_sized(struct yd_pool *pool, void *block, size_t used, size_t size,
                         enum yd_block *kind, size_t *ret_size);
/* Takes back what they, or yd_pool_get(), gave. */
static inline void yd_pool_put_sized(struct yd_pool *pool, enum yd_block kind, void *block)
{
    if (kind != YD_BLOCK_NONE)
        yd_pool_put(pool, kind, block);
    else
        yd_free(pool->mem, block);
}

#endif
