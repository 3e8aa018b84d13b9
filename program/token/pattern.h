/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_PATTERN_H
#define YG_TOKEN_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/token_problem.h"

/*
 * Patterns of the names of rooms, events and namespaces.  "*" stands for any bytes, none too and
 * ":" too; "{user}" for the name of the user, letter for letter: a user called "*" matches an
 * asterisk. Everything else stands for itself; a brace that does not make "{user}" is an error, for
 * it is a mistake.
 *
 * Where names of users may have a ":" in them, "room:{user}:*" is one user's "room:a:" and the
 * beginning of another's "room:a:b"; put {user} last, or choose a separator that no name has.
 */

#define YG_NAME_MAX 255 /* bytes of a pattern, and of what it is held against */
#define YG_PATTERN_MAX_STARS 8

/* Texts with stars between them. */
struct yg_pattern {
    char *bytes; /* the texts, one behind the other */
    size_t lens[YG_PATTERN_MAX_STARS + 1];
    unsigned num_stars;
    bool never; /* {user}, and there is none */
    bool exact; /* neither star nor {user}: one name, as it is written */
};

/* user NULL or "": there is none, and a pattern with {user} matches nothing.  0; -EINVAL: empty,
 * too long, too many stars, a stray brace; -ENOMEM. */
int yg_pattern_make(const char *text, const char *user, struct yg_token_problem *problem,
                    struct yg_pattern *ret);
void yg_pattern_free(struct yg_pattern *pattern);

/* False too for a name that is empty or longer than YG_NAME_MAX. */
bool yg_pattern_matches(const struct yg_pattern *pattern, const char *name, size_t len);

#endif
