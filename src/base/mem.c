/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>

static void *default_alloc(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void *default_resize(void *ptr, size_t size, void *user)
{
    (void)user;
    return realloc(ptr, size);
}

static void default_release(void *ptr, void *user)
{
    (void)user;
    free(ptr);
}

const struct yodel_allocator yd_mem_default = {default_alloc, default_resize, default_release,
                                               NULL};

/* No allocator is asked for 0 bytes: NULL would then not mean "out of memory", and realloc() may
 * free. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

void *yd_alloc(const struct yodel_allocator *mem, size_t size)
{
    return mem->alloc(at_least_one(size), mem->user);
}

void *yd_zalloc(const struct yodel_allocator *mem, size_t size)
{
    void *ptr = yd_alloc(mem, size);

    return ptr ? memset(ptr, 0, size) : NULL;
}

void *yd_alloc_array(const struct yodel_allocator *mem, size_t num, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(num, size, &total))
        return NULL;
    return yd_alloc(mem, total);
}

void *yd_resize(const struct yodel_allocator *mem, void *ptr, size_t size)
{
    return mem->resize(ptr, at_least_one(size), mem->user);
}

void yd_free(const struct yodel_allocator *mem, void *ptr)
{
    if (ptr)
        mem->release(ptr, mem->user);
}

#ifdef __GLIBC__
void yd_mem_trim(void)
{
    (void)malloc_trim(0);
}

bool yd_mem_can_trim(const struct yodel_allocator *mem)
{
    return mem->alloc == default_alloc;
}
#else
void yd_mem_trim(void)
{
}

bool yd_mem_can_trim(const struct yodel_allocator *mem)
{
    (void)mem;
    return false;
}
#endif

char *yd_strdup(const struct yodel_allocator *mem, const char *text)
{
    return yd_strndup(mem, text, strlen(text));
}

char *yd_strndup(const struct yodel_allocator *mem, const char *text, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = yd_alloc(mem, len + 1);
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
