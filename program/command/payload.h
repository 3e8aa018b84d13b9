/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_PAYLOAD_H
#define YG_COMMAND_PAYLOAD_H

#include "command/command.h"

/*
 * Reads what an emit sends, event, args and attachments, for those that command->to has by now.
 *
 * Returns false when out of memory.
 */
bool yg_payload_parse(struct yg_json *body, struct yg_command *command);

/*
 * Reads a list of arguments with its attachments, which every placeholder and each of them must
 * match: in the answer of a hook, the list is "ack".
 *
 * list          its name in object
 * attachments   the name of theirs
 *
 * Returns false when out of memory.
 */
bool yg_payload_parse_args(struct yg_json *object, const char *list, const char *attachments,
                           struct yg_command *command);

#endif
