/* SPDX-License-Identifier: MIT */
#include "token/keyset.h"

#include <errno.h>
#include <stdlib.h>

struct yg_keyset *yg_keyset_new(void)
{
    struct yg_keyset *set = calloc(1, sizeof *set);

    if (set != NULL)
        set->refs = 1;
    return set;
}

struct yg_keyset *yg_keyset_ref(struct yg_keyset *set)
{
    if (set != NULL)
        __atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
    return set;
}

void yg_keyset_unref(struct yg_keyset *set)
{
    if (set == NULL || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < set->num; i++)
        yg_key_free(set->keys[i]);
    free(set);
}

int yg_keyset_add(struct yg_keyset *set, struct yg_key *key)
{
    if (set->num == YG_KEYSET_MAX) {
        yg_key_free(key);
        return -ENOSPC;
    }
    set->keys[set->num++] = key;
    return 0;
}
