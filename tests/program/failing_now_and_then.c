/* SPDX-License-Identifier: MIT */
#include "failing_now_and_then.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static atomic_uint every, count;

void failing_every(unsigned n)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    atomic_store(&every, n);
}

static bool fails(void)
{
    const unsigned n = atomic_load(&every);

    return n != 0 && atomic_fetch_add(&count, 1) % n == n - 1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return fails() ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}
