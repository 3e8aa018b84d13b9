/* SPDX-License-Identifier: MIT */
#include "http/arena.h"

#include "base/mem.h"

#define BLOCK_ROOM 480
#define ALIGNMENT 16

struct yd_arena_block {
    struct yd_arena_block *next;
    _Alignas(ALIGNMENT) uint8_t room[];
};

void yd_arena_init(struct yd_arena *arena, const struct yodel_allocator *mem)
{
    *arena = (struct yd_arena){.mem = mem};
}

void yd_arena_done(struct yd_arena *arena)
{
    while (arena->blocks != NULL) {
        struct yd_arena_block *next = arena->blocks->next;

        yd_free(arena->mem, arena->blocks);
        arena->blocks = next;
    }
    arena->left = 0;
}

static struct yd_arena_block *add_block(struct yd_arena *arena, size_t room)
{
    struct yd_arena_block *block = yd_alloc(arena->mem, sizeof *block + room);

    if (block == NULL)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *yd_arena_alloc(struct yd_arena *arena, size_t size)
{
    struct yd_arena_block *block;
    uint8_t *ptr = arena->ptr;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGNMENT) & ~(size_t)(ALIGNMENT - 1);
    if (size > BLOCK_ROOM / 2) {
        block = add_block(arena, size);
        return block != NULL ? block->room : NULL;
    }
    if (size > arena->left) {
        if ((block = add_block(arena, BLOCK_ROOM)) == NULL)
            return NULL;
        ptr = block->room;
        arena->left = BLOCK_ROOM;
    }
    arena->ptr = ptr + size;
    arena->left -= size;
    return ptr;
}
