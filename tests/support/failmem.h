/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_FAILMEM_H
#define YD_TESTS_FAILMEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>

/* An allocator whose n-th allocation fails, and that knows what it has given out.  Each of alloc
 * and resize counts as one allocation.  Any thread may use mem at any time. */
struct failmem {
    struct yodel_allocator mem;
    atomic_size_t fail_at; /* counted from 1; 0 is never */
    atomic_size_t calls;   /* allocations asked for */
    atomic_size_t blocks;  /* outstanding */
    atomic_size_t bytes;   /* outstanding */
    bool again;            /* for FAILMEM_LOOP() */
    atomic_bool is_paused;
};

void failmem_init(struct failmem *fm, size_t fail_at);

/* Between these two allocations neither count nor fail: what a test prepares, and how it looks at
 * the effect. */
void failmem_pause(struct failmem *fm);
void failmem_resume(struct failmem *fm);

/* True when the n-th allocation has been asked for, and refused. */
bool failmem_has_failed(struct failmem *fm);

/*
 * From now on jansson takes its memory from fm too, so that its n-th allocation fails like any
 * other, and is counted; NULL: from malloc again.  Of the process: not for tests whose threads run.
 * Documents made before may be freed after, and the other way round while fm lives.
 */
void failmem_serve_jansson(struct failmem *fm);

/* Fails the test when a block is outstanding. */
void failmem_assert_empty(struct failmem *fm);

/*
 * The rule for every operation that may want memory: success with all of its effect, or -ENOMEM,
 * when an allocation has failed, with none of it.  Fails the test where that is not so.
 */
#define failmem_assert_whole(fm, rc, all, none)                                                    \
    failmem_check_whole(fm, rc, all, none, #all, #none, __FILE__, __LINE__)
void failmem_check_whole(struct failmem *fm, int rc, bool all, bool none, const char *all_text,
                         const char *none_text, const char *file, int line);

/*
 * Runs its body with the first allocation failing, then with the second one, and so on; the last
 * run is the one in which none failed.  The body uses &fm->mem, must free all, and checks its
 * result by failmem_assert_whole().
 */
#define FAILMEM_LOOP(fm) for (failmem_first(fm); (fm)->again; failmem_next(fm))

void failmem_first(struct failmem *fm);
void failmem_next(struct failmem *fm);

#endif
