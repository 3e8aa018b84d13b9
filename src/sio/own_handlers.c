/* SPDX-License-Identifier: MIT */
#include "sio/own_handlers.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

int yd_sio_own_add(struct yd_sio_own *own, const struct yodel_allocator *mem, const char *event,
                   const struct yd_sio_own_handler *handler, unsigned max)
{
    struct yd_sio_own_handler **end = &own->first, *added;
    size_t len = event != NULL ? strlen(event) : 0;

    if (own->num >= max)
        return YODEL_ERR_TOO_BIG;
    if ((added = yd_alloc(mem, sizeof *added + len)) == NULL)
        return -ENOMEM;
    *added = *handler;
    added->next = NULL;
    added->any = event == NULL;
    added->removed = false;
    added->len = len;
    if (len > 0)
        memcpy(added->name, event, len);
    while (*end != NULL)
        end = &(*end)->next;
    *end = added;
    own->num++;
    return 0;
}

/* Frees those that are removed, unless a run may stand at one. */
static void sweep(struct yd_sio_own *own, const struct yodel_allocator *mem)
{
    struct yd_sio_own_handler **link = &own->first;

    if (own->runs > 0)
        return;
    while (*link != NULL) {
        struct yd_sio_own_handler *handler = *link;

        if (!handler->removed) {
            link = &handler->next;
            continue;
        }
        *link = handler->next;
        yd_free(mem, handler);
    }
}

static void remove_one(struct yd_sio_own *own, struct yd_sio_own_handler *handler)
{
    handler->removed = true;
    own->num--;
}

static bool has_name(const struct yd_sio_own_handler *handler, yodel_str name)
{
    return yodel_str_eq((yodel_str){handler->name, handler->len}, name);
}

static bool matches(const struct yd_sio_own_handler *handler, const struct yd_sio_own_match *match)
{
    if (handler->removed || handler->any != match->any)
        return false;
    if (match->event != NULL && !has_name(handler, yodel_str_of(match->event)))
        return false;
    return match->fn == NULL || (handler->fn == match->fn && handler->user == match->user);
}

int yd_sio_own_remove(struct yd_sio_own *own, const struct yodel_allocator *mem,
                      const struct yd_sio_own_match *match)
{
    int num = 0;

    for (struct yd_sio_own_handler *h = own->first; h != NULL; h = h->next) {
        if (!matches(h, match))
            continue;
        remove_one(own, h);
        num++;
    }
    sweep(own, mem);
    return num;
}

bool yd_sio_own_run(struct yd_sio_own *own, const struct yodel_allocator *mem,
                    yodel_sio_socket *socket, yodel_sio_event *event, bool any)
{
    struct yd_sio_own_handler *last = own->first, *h;
    yodel_str name = yodel_sio_event_name(event);
    bool handled = false, is_last = last == NULL;

    while (last != NULL && last->next != NULL)
        last = last->next;
    own->runs++;
    for (h = own->first; !is_last; h = h->next) {
        is_last = h == last;
        if (h->removed || h->any != any || (!any && !has_name(h, name)))
            continue;
        if (h->once)
            remove_one(own, h); /* before it is called, which may emit or add it again */
        h->fn(socket, event, h->user);
        handled = true;
    }
    own->runs--;
    sweep(own, mem);
    return handled;
}

void yd_sio_own_free(struct yd_sio_own *own, const struct yodel_allocator *mem)
{
    (void)yd_sio_own_remove(own, mem, &(struct yd_sio_own_match){.any = true});
    (void)yd_sio_own_remove(own, mem, &(struct yd_sio_own_match){.any = false});
}
