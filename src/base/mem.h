/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_MEM_H
#define YD_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>

/* malloc, realloc, free. */
extern const struct yodel_allocator yd_mem_default;

/* All return NULL when out of memory, or when a product overflows. */
void *yd_alloc(const struct yodel_allocator *mem, size_t size);
void *yd_zalloc(const struct yodel_allocator *mem, size_t size);
void *yd_alloc_array(const struct yodel_allocator *mem, size_t num, size_t size);
void *yd_resize(const struct yodel_allocator *mem, void *ptr, size_t size);
void yd_free(const struct yodel_allocator *mem, void *ptr);

/* Has what malloc holds free go back to the system, where it has a way to do that; takes its time,
 * in which who needs malloc may have to wait. */
void yd_mem_trim(void);
/* Whether that does anything for mem. */
bool yd_mem_can_trim(const struct yodel_allocator *mem);

/* NUL-terminated copy. */
char *yd_strdup(const struct yodel_allocator *mem, const char *text);
char *yd_strndup(const struct yodel_allocator *mem, const char *text, size_t len);

#endif
