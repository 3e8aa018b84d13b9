/* SPDX-License-Identifier: MIT */
#include "sio/onces.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

int yd_sio_onces_add(struct yd_sio_once **list, const struct yodel_allocator *mem,
                     const char *event, yodel_sio_event_fn *fn, void *user)
{
    size_t len = strlen(event);
    struct yd_sio_once *once = yd_alloc(mem, sizeof *once + len);

    if (once == NULL)
        return -ENOMEM;
    *once = (struct yd_sio_once){NULL, fn, user, len};
    memcpy(once->name, event, len);
    while (*list != NULL)
        list = &(*list)->next;
    *list = once;
    return 0;
}

struct yd_sio_once *yd_sio_onces_take(struct yd_sio_once **list, yodel_str event)
{
    struct yd_sio_once *taken = NULL, **end = &taken;

    while (*list != NULL) {
        struct yd_sio_once *once = *list;

        if (!yodel_str_eq((yodel_str){once->name, once->len}, event)) {
            list = &once->next;
            continue;
        }
        *list = once->next;
        once->next = NULL;
        *end = once;
        end = &once->next;
    }
    return taken;
}

void yd_sio_onces_free(struct yd_sio_once **list, const struct yodel_allocator *mem)
{
    while (*list != NULL) {
        struct yd_sio_once *next = (*list)->next;

        yd_free(mem, *list);
        *list = next;
    }
}
