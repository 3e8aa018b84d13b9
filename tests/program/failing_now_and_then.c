/* SPDX-License-Identifier: MIT */
#include "failing_now_and_then.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yodel/loop.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

int __real_yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg);
int __wrap_yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg);

/* What the file has. */
struct chosen {
    atomic_uint count, first, num;
};

static struct chosen *_Atomic chosen;
static atomic_uint every, count;
static atomic_bool posts_fail;

void failing_every(unsigned n)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    atomic_store(&every, n);
}

int failing_by_file(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    void *place = MAP_FAILED;

    if (fd >= 0)
        place = mmap(NULL, sizeof(struct chosen), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (place == MAP_FAILED)
        return -1;
    json_set_alloc_funcs(__wrap_malloc, free);
    atomic_store(&chosen, place);
    return 0;
}

static bool is_chosen(struct chosen *from)
{
    const unsigned number = atomic_fetch_add(&from->count, 1) + 1;
    const unsigned first = atomic_load(&from->first);

    return first != 0 && number >= first && number - first < atomic_load(&from->num);
}

static bool fails(void)
{
    const unsigned n = atomic_load(&every);
    struct chosen *from = atomic_load(&chosen);

    if (from != NULL && is_chosen(from))
        return true;
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
