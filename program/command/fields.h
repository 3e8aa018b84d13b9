/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_FIELDS_H
#define YG_COMMAND_FIELDS_H

#include "command/command.h"

/* What the members of commands have in common: names and lists of them, strictly. */

/* Complains of every member that is none of names, which ends with NULL, with the nearest of them.
 */
void yg_fields_only(struct yg_json *object, const char *const *names);

/* Complains of item number index of the list called name. */
void yg_fields_complain_item(struct yg_json *object, const char *name, size_t index,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A string of 1 to max bytes without control characters; NULL when it is absent or wrong. */
const char *yg_fields_name(struct yg_json *object, const char *name, size_t max);

/*
 * A list of 1 to YG_COMMAND_MAX_NAMES names.  Absent: no items.
 *
 * Returns false when out of memory.
 */
bool yg_fields_names(struct yg_json *object, const char *name, struct yg_arena *arena,
                     struct yg_names *ret_names);

/* Complains unless the member is there. */
void yg_fields_need(struct yg_json *object, const char *name);

/* Whether name may be emitted: it is no word of socket.io's own. */
bool yg_fields_is_event(const char *name);

#endif
