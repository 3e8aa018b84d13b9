/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_ARENA_H
#define YG_BASE_ARENA_H

#include <stddef.h>

/* Memory that is freed all at once: that of a configuration, of a request.  Of one thread at a
 * time.  Each piece is a block of malloc's, so that a sanitizer knows its bounds. */

struct yg_arena {
    struct yg_arena_block *last;
};

/* All zero is an arena with nothing in it. */

/*
 * A piece of zeroed memory, aligned for anything.
 *
 * Returns NULL when out of memory.
 */
void *yg_arena_take(struct yg_arena *arena, size_t size);

/* The same for num items of size bytes; also NULL when that is more than a size_t holds. */
void *yg_arena_take_array(struct yg_arena *arena, size_t num, size_t size);

/* A copy of len bytes with a NUL behind them; NULL when out of memory. */
char *yg_arena_copy(struct yg_arena *arena, const char *ptr, size_t len);

/* A copy of a string with its NUL; NULL when out of memory. */
char *yg_arena_dup(struct yg_arena *arena, const char *string);

/* Two strings with a character between them, as one; NULL when out of memory. */
char *yg_arena_join(struct yg_arena *arena, const char *first, char between, const char *second);

/* What printf() would print, as a string; NULL when out of memory. */
char *yg_arena_format(struct yg_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees all that was taken; the arena is empty then and may be used again. */
void yg_arena_clear(struct yg_arena *arena);

/* The same, after the bytes were wiped: for what has secrets in it. */
void yg_arena_wipe(struct yg_arena *arena);

#endif
