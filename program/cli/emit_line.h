/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_EMIT_LINE_H
#define YG_CLI_EMIT_LINE_H

#include "command/command.h"

/* What a person or a script writes to emit an event. */

struct yg_emit_line {
    struct yg_command *command; /* args: the list of the event and its arguments; attachments */
    bool wants_ack;
};

/*
 * Reads a line, which is one of
 *
 *     EVENT JSON...            the event, in quotes where it has a blank, and its arguments
 *     ["EVENT", JSON, ...]
 *     {"event": "EVENT", "args": [JSON, ...], "attachments": ["base64"], "ack": true}
 *
 * problem    what is wrong with it, of 200 bytes; written when the result is -EINVAL
 * ret_line   its command is for yg_command_free()
 *
 * Returns 0, -EINVAL, -ENOMEM.
 */
int yg_emit_line_read(const char *ptr, size_t len, char problem[200],
                      struct yg_emit_line *ret_line);

#endif
