/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_EXACT_H
#define YD_TESTS_EXACT_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A copy that ends where its memory ends, so that a sanitizer sees a step aside.  To be freed. */
static inline void *exact_copy(const void *data, size_t len)
{
    void *copy = malloc(len);

    if (!copy && len > 0)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

#endif
