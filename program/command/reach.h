/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_REACH_H
#define YG_COMMAND_REACH_H

#include "command/command.h"

/*
 * Reads to or of, and except, of the object of a verb.
 *
 * body         its reader
 * name         "to" or "of"
 * has_sender   without it there is a default, the sender
 *
 * Returns false when out of memory.
 */
bool yg_reach_parse(struct yg_json *body, const char *name, bool has_sender,
                    struct yg_command *command);

/* How many names it has: 0 for all. */
size_t yg_reach_num(const struct yg_reach *reach);

#endif
