/* SPDX-License-Identifier: MIT */
#include "command/spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct yg_space *find(const struct yg_spaces *spaces, const char *name)
{
    const struct yg_space *space = atomic_load_explicit(&spaces->first, memory_order_acquire);

    while (space != NULL && strcmp(space->name, name) != 0)
        space = space->next;
    return space;
}

/* The texts stand behind it. */
static struct yg_space *new_space(const char *name, const char *personal_room)
{
    const size_t name_size = strlen(name) + 1, room_size = strlen(personal_room) + 1;
    struct yg_space *space = malloc(sizeof(*space) + name_size + room_size);
    char *texts;

    if (space == NULL)
        return NULL;
    texts = (char *)(space + 1);
    space->name = memcpy(texts, name, name_size);
    space->personal_room = memcpy(texts + name_size, personal_room, room_size);
    return space;
}

/* A later one stands ahead of an earlier one of its name. */
int yg_spaces_set(struct yg_spaces *spaces, const char *name, const char *personal_room)
{
    const struct yg_space *known = find(spaces, name);
    struct yg_space *space;

    if (known != NULL && strcmp(known->personal_room, personal_room) == 0)
        return 0;
    space = new_space(name, personal_room);
    if (space == NULL)
        return -ENOMEM;
    space->next = atomic_load_explicit(&spaces->first, memory_order_relaxed);
    atomic_store_explicit(&spaces->first, space, memory_order_release);
    return 0;
}

const char *yg_spaces_room(const struct yg_spaces *spaces, const char *name)
{
    const struct yg_space *space = find(spaces, name);

    return space != NULL ? space->personal_room : "";
}

void yg_spaces_done(struct yg_spaces *spaces)
{
    struct yg_space *space = atomic_load_explicit(&spaces->first, memory_order_relaxed);

    while (space != NULL) {
        struct yg_space *next = space->next;

        free(space);
        space = next;
    }
    atomic_store_explicit(&spaces->first, NULL, memory_order_relaxed);
}
