/* SPDX-License-Identifier: MIT */
#include "token_failing.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Names that the linker wants. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void __wrap_free(void *ptr);

static size_t fail_at, calls;
static long blocks, blocks_before;
static bool has_failed;

static bool must_fail(void)
{
    if (fail_at == 0 || ++calls != fail_at)
        return false;
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    void *ptr = must_fail() ? NULL : __real_malloc(size);

    blocks += ptr != NULL;
    return ptr;
}

void *__wrap_calloc(size_t num, size_t size)
{
    void *ptr = must_fail() ? NULL : __real_calloc(num, size);

    blocks += ptr != NULL;
    return ptr;
}

void __wrap_free(void *ptr)
{
    blocks -= ptr != NULL;
    __real_free(ptr);
}

__attribute__((constructor)) static void take_over_jansson(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

void failing_set(size_t n)
{
    fail_at = n;
    calls = 0;
    has_failed = false;
}

bool failing_has_failed(void)
{
    return has_failed;
}

long failing_blocks(void)
{
    return blocks;
}

void failing_stop(void)
{
    fail_at = 0;
}

bool failing_go_on(size_t n)
{
    fail_at = 0;
    if (n > 1) {
        assert_int_equal(blocks, blocks_before);
        if (!has_failed)
            return false;
    }
    blocks_before = blocks;
    failing_set(n);
    return true;
}
