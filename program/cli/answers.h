/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_ANSWERS_H
#define YG_CLI_ANSWERS_H

#include <jansson.h>

/*
 * A file of answers to hooks, YAML or JSON, for `yodel webhook listen`:
 *
 *     connect: {user: ann, rooms: [lobby]}
 *     event:
 *       say: {ack: [true], actions: [{emit: {event: said, args: [1]}}]}
 *       "*": {ack: []}
 *     disconnected: {}
 *
 * By kind the result object of hook/answer.h, without its id; of events by their name, "*" for all
 * others.  In YAML a plain scalar is null, a bool or a number where it looks like one in JSON.
 */

/*
 * Reads and checks a file; what is wrong is said.
 *
 * command       who speaks
 * ret_answers   a new reference
 *
 * Returns 0, or the status to end with.
 */
int yg_answers_read(const char *command, const char *path, json_t **ret_answers);

/* The result for an event of a kind, whose name may be NULL; borrowed; NULL: there is none. */
const json_t *yg_answers_find(const json_t *answers, const char *kind, const char *event);

#endif
