/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_SPACES_H
#define YG_COMMAND_SPACES_H

#include <stdatomic.h>

/*
 * The namespaces that there are, and what the room of a user is called in each.  They may grow and
 * change while loops read them; what was said before stays as long as the list, so a reader needs
 * no lock.  All zero is an empty list.
 */
struct yg_space {
    struct yg_space *next;
    const char *name;          /* "/chat" */
    const char *personal_room; /* "user:{user}"; "": it has none */
};

struct yg_spaces {
    struct yg_space *_Atomic first;
};

/*
 * Says what the personal room of a namespace is from now on.  One thread at a time.
 *
 * name            copied
 * personal_room   copied; "": none
 *
 * Returns 0 or -ENOMEM.
 */
int yg_spaces_set(struct yg_spaces *spaces, const char *name, const char *personal_room);

/* The pattern of the personal room, "" for none and for a namespace that was not told of; it lives
 * as long as spaces.  Any thread. */
const char *yg_spaces_room(const struct yg_spaces *spaces, const char *name);

/* When nobody reads it any more. */
void yg_spaces_done(struct yg_spaces *spaces);

#endif
