/* SPDX-License-Identifier: MIT */
#include "failing_now_and_then.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <yodel/loop.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

int __real_yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg);
int __wrap_yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg);

static atomic_uint every, count;
static atomic_bool posts_fail;

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

void failing_posts(void)
{
    atomic_store(&posts_fail, true);
}

int __wrap_yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg)
{
    if (!atomic_load(&posts_fail))
        return __real_yodel_loop_post(loop, fn, arg, free_arg);
    if (free_arg != NULL)
        free_arg(arg);
    return -ENOMEM;
}
