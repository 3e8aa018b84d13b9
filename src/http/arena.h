/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_ARENA_H
#define YD_HTTP_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Memory that lives as long as a request.  Owns nothing until the first allocation. */
struct yd_arena_block;

struct yd_arena {
    const struct yodel_allocator *mem;
    struct yd_arena_block *blocks;
    uint8_t *ptr;
    size_t left;
};

void yd_arena_init(struct yd_arena *arena, const struct yodel_allocator *mem);
/* room, for everything, is used first; it must live as long.  Ahead of all allocations. */
static inline void yd_arena_lend(struct yd_arena *arena, uint8_t *room, size_t size)
{
    arena->ptr = room;
    arena->left = size;
}
void yd_arena_done(struct yd_arena *arena);

/* Aligned for every type; never NULL but when out of memory. */
void *yd_arena_alloc(struct yd_arena *arena, size_t size);

#endif
