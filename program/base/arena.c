/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct yg_arena_block {
    struct yg_arena_block *before;
    size_t size;
    max_align_t bytes[];
};

void *yg_arena_take(struct yg_arena *arena, size_t size)
{
    struct yg_arena_block *block;

    if (size > SIZE_MAX - sizeof(*block))
        return NULL;
    block = malloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    memset(block->bytes, 0, size);
    block->size = size;
    block->before = arena->last;
    arena->last = block;
    return block->bytes;
}

void *yg_arena_take_array(struct yg_arena *arena, size_t num, size_t size)
{
    if (size > 0 && num > SIZE_MAX / size)
        return NULL;
    return yg_arena_take(arena, num * size);
}

char *yg_arena_copy(struct yg_arena *arena, const char *ptr, size_t len)
{
    char *copy = len < SIZE_MAX ? yg_arena_take(arena, len + 1) : NULL;

    if (copy != NULL && len > 0)
        memcpy(copy, ptr, len);
    return copy;
}

char *yg_arena_dup(struct yg_arena *arena, const char *string)
{
    return yg_arena_copy(arena, string, strlen(string));
}

char *yg_arena_join(struct yg_arena *arena, const char *first, char between, const char *second)
{
    const size_t first_len = strlen(first), second_len = strlen(second);
    char *text = yg_arena_take(arena, first_len + second_len + 2);

    if (text == NULL)
        return NULL;
    memcpy(text, first, first_len);
    text[first_len] = between;
    memcpy(text + first_len + 1, second, second_len);
    return text;
}

char *yg_arena_format(struct yg_arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    text = yg_arena_take(arena, (size_t)len + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void yg_arena_clear(struct yg_arena *arena)
{
    while (arena->last != NULL) {
        struct yg_arena_block *block = arena->last;

        arena->last = block->before;
        free(block);
    }
}

void yg_arena_wipe(struct yg_arena *arena)
{
    for (struct yg_arena_block *block = arena->last; block != NULL; block = block->before)
        explicit_bzero(block->bytes, block->size);
    yg_arena_clear(arena);
}
