/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_API_VERBS_H
#define YG_CLI_API_VERBS_H

#include "cli/api_words.h"

/* What the commands that ask a running yodel share. */

/* Writes what was answered, as JSON or for people; called by page.  Returns 0 or the status to end
 * with. */
int yg_api_show(const struct yg_api_words *words, const json_t *answer, bool is_first);

/* Says of each node or loop that did not answer that the answer lacks it. */
void yg_api_say_partial(const struct yg_api_words *words, const json_t *answer);

/* Writes a document as one line. */
int yg_api_print_json(const struct yg_api_words *words, const json_t *json);

/* `yodel batch`, in files of its own.  The commands of a file; and lines, one by one. */
int yg_api_batch(struct yg_api_words *words);
int yg_api_stream(struct yg_api_words *words);

/* Looks at a command as the server will, before it is sent; n is its number or line, for people. */
int yg_api_check_command(const struct yg_api_words *words, const json_t *command, const char *what,
                         size_t n);

/* One result of a batch or a stream for people: its id, or its number, and what became of it. */
void yg_api_put_result(struct yg_text *text, const json_t *result, size_t n);

/* `yodel reload`, `stop`, `reopen`. */
int yg_api_control(struct yg_api_words *words);

#endif
