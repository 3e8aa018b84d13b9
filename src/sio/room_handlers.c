/* SPDX-License-Identifier: MIT */
#include "sio/room_handlers.h"

#include <errno.h>

#include "base/mem.h"

struct yd_sio_room_watch *yd_sio_room_watch_new(const struct yodel_allocator *mem,
                                                yodel_sio_room_fn *fn, void *user,
                                                yodel_free_fn *free_user)
{
    struct yd_sio_room_watch *watch = yd_alloc(mem, sizeof *watch);

    if (watch == NULL)
        return NULL;
    *watch = (struct yd_sio_room_watch){.mem = mem, .fn = fn, .user = user, .free_user = free_user};
    atomic_init(&watch->refs, 1);
    return watch;
}

void yd_sio_room_watch_unref(struct yd_sio_room_watch *watch)
{
    if (atomic_fetch_sub_explicit(&watch->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (watch->free_user != NULL)
        watch->free_user(watch->user);
    yd_free(watch->mem, watch);
}

int yd_sio_room_handlers_add(struct yd_sio_room_handler **list, struct yd_sio_room_watch *watch)
{
    struct yd_sio_room_handler *added = yd_alloc(watch->mem, sizeof *added);

    if (added == NULL)
        return -ENOMEM;
    atomic_fetch_add_explicit(&watch->refs, 1, memory_order_relaxed);
    *added = (struct yd_sio_room_handler){NULL, watch};
    while (*list != NULL)
        list = &(*list)->next;
    *list = added;
    return 0;
}

static bool matches(const struct yd_sio_room_watch *watch, yodel_sio_room_fn *fn, const void *user)
{
    return fn == NULL || (watch->fn == fn && watch->user == user);
}

int yd_sio_room_handlers_remove(struct yd_sio_room_handler **list, yodel_sio_room_fn *fn,
                                const void *user, struct yd_sio_room_handler **ret_removed)
{
    int num = 0;

    while (*list != NULL) {
        struct yd_sio_room_handler *handler = *list;

        if (!matches(handler->watch, fn, user)) {
            list = &handler->next;
            continue;
        }
        *list = handler->next;
        handler->next = *ret_removed;
        *ret_removed = handler;
        num++;
    }
    return num;
}

int yd_sio_room_handlers_copy(const struct yd_sio_room_handler *list,
                              struct yd_sio_room_handler **ret_copy)
{
    int rc = 0;

    for (; rc == 0 && list != NULL; list = list->next)
        rc = yd_sio_room_handlers_add(ret_copy, list->watch);
    return rc;
}

void yd_sio_room_handlers_free(struct yd_sio_room_handler *list)
{
    while (list != NULL) {
        struct yd_sio_room_handler *next = list->next;
        const struct yodel_allocator *mem = list->watch->mem;

        yd_sio_room_watch_unref(list->watch);
        yd_free(mem, list);
        list = next;
    }
}

void yd_sio_room_handlers_call(const struct yd_sio_room_handler *list, yodel_sio_namespace *ns,
                               const yodel_sio_room_event *event)
{
    for (; list != NULL; list = list->next)
        list->watch->fn(ns, event, list->watch->user);
}
