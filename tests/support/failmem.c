/* SPDX-License-Identifier: MIT */
#include "failmem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

/* Ahead of each block.  The mark tells blocks of another allocator, or ones freed before. */
struct block {
    alignas(max_align_t) size_t size;
    uint64_t mark;
    struct failmem *owner; /* of jansson's; NULL: none counts it */
};

#define MARK UINT64_C(0x6661696c6d656d21)

static bool must_fail(struct failmem *fm)
{
    return !atomic_load(&fm->is_paused) && atomic_fetch_add(&fm->calls, 1) + 1 == fm->fail_at;
}

static struct block *block_of(void *ptr)
{
    struct block *block = (struct block *)ptr - 1;

    if (block->mark != MARK)
        abort();
    return block;
}

static void *failmem_alloc(size_t size, void *user)
{
    struct failmem *fm = user;
    struct block *block;

    if (must_fail(fm) || size > SIZE_MAX - sizeof(*block))
        return NULL;
    block = malloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    block->mark = MARK;
    atomic_fetch_add(&fm->blocks, 1);
    atomic_fetch_add(&fm->bytes, size);
    return block + 1;
}

static void *failmem_resize(void *ptr, size_t size, void *user)
{
    struct failmem *fm = user;
    struct block *block;
    size_t old;

    if (!ptr)
        return failmem_alloc(size, user);
    if (must_fail(fm) || size > SIZE_MAX - sizeof(*block))
        return NULL;
    block = block_of(ptr);
    old = block->size;
    block = realloc(block, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    atomic_fetch_add(&fm->bytes, size - old);
    return block + 1;
}

static void failmem_release(void *ptr, void *user)
{
    struct failmem *fm = user;
    struct block *block;

    if (!ptr)
        return;
    block = block_of(ptr);
    block->mark = 0;
    atomic_fetch_sub(&fm->blocks, 1);
    atomic_fetch_sub(&fm->bytes, block->size);
    free(block);
}

/* Whom jansson's next block belongs to. */
static struct failmem *jansson_owner;

static void *jansson_alloc(size_t size)
{
    struct failmem unlimited, *fm = jansson_owner;
    void *ptr;

    if (fm == NULL) {
        failmem_init(&unlimited, 0);
        fm = &unlimited;
    }
    if ((ptr = failmem_alloc(size, fm)) != NULL)
        block_of(ptr)->owner = jansson_owner;
    return ptr;
}

static void jansson_release(void *ptr)
{
    struct failmem unlimited, *fm;

    if (ptr == NULL)
        return;
    failmem_init(&unlimited, 0);
    fm = block_of(ptr)->owner;
    failmem_release(ptr, fm != NULL ? fm : &unlimited);
}

/* Ahead of everything, so that every block of jansson's has its mark. */
__attribute__((constructor)) static void take_over_jansson(void)
{
    json_set_alloc_funcs(jansson_alloc, jansson_release);
}

void failmem_serve_jansson(struct failmem *fm)
{
    jansson_owner = fm;
}

void failmem_init(struct failmem *fm, size_t fail_at)
{
    fm->mem = (struct yodel_allocator){failmem_alloc, failmem_resize, failmem_release, fm};
    fm->fail_at = fail_at;
    atomic_init(&fm->calls, 0);
    atomic_init(&fm->blocks, 0);
    atomic_init(&fm->bytes, 0);
    fm->again = false;
    atomic_init(&fm->is_paused, false);
}

void failmem_pause(struct failmem *fm)
{
    atomic_store(&fm->is_paused, true);
}

void failmem_resume(struct failmem *fm)
{
    atomic_store(&fm->is_paused, false);
}

bool failmem_has_failed(struct failmem *fm)
{
    return fm->fail_at > 0 && atomic_load(&fm->calls) >= fm->fail_at;
}

void failmem_assert_empty(struct failmem *fm)
{
    size_t blocks = atomic_load(&fm->blocks), bytes = atomic_load(&fm->bytes);

    if (blocks != 0)
        fail_msg("%zu blocks (%zu bytes) leaked, allocation %zu failing", blocks, bytes,
                 fm->fail_at);
}

void failmem_check_whole(struct failmem *fm, int rc, bool all, bool none, const char *all_text,
                         const char *none_text, const char *file, int line)
{
    const char *wrong = NULL;

    if (rc >= 0 && !all)
        wrong = all_text;
    else if (rc < 0 && rc != -ENOMEM)
        wrong = "success or -ENOMEM";
    else if (rc < 0 && !failmem_has_failed(fm))
        wrong = "success, for no allocation failed";
    else if (rc < 0 && !none)
        wrong = none_text;
    if (wrong == NULL)
        return;
    print_error("result %d, allocation %zu failing: not %s\n", rc, fm->fail_at, wrong);
    _fail(file, line);
}

void failmem_first(struct failmem *fm)
{
    failmem_init(fm, 1);
    fm->again = true;
}

void failmem_next(struct failmem *fm)
{
    size_t failed = failmem_has_failed(fm) ? fm->fail_at : 0;

    failmem_assert_empty(fm);
    if (failed == 0) {
        fm->again = false;
        return;
    }
    failmem_init(fm, failed + 1);
    fm->again = true;
}
