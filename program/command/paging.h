/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_PAGING_H
#define YG_COMMAND_PAGING_H

#include <jansson.h>

/*
 * One page of a list: its items in the order of a member that is a string, those behind cursor, at
 * most limit of them.
 *
 * list     of objects, any order; not changed
 * member   "sid"
 * cursor   that of the last item of the page before; NULL: from the beginning
 *
 * Returns {<name>: [...], "next": cursor or null}; NULL when out of memory.
 */
json_t *yg_page(const json_t *list, const char *name, const char *member, const char *cursor,
                size_t limit);

#endif
