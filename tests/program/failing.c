/* SPDX-License-Identifier: MIT */
#include "failing.h"

#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static size_t left;
static bool has_failed, all_fail;

void failing_start(size_t n)
{
    left = n;
    has_failed = false;
}

void failing_all(void)
{
    failing_start(1);
    all_fail = true;
}

bool failing_stop(void)
{
    left = 0;
    all_fail = false;
    return has_failed;
}

static bool fails(void)
{
    if (left == 0 || (!all_fail && --left > 0))
        return false;
    has_failed = true;
    return true;
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
