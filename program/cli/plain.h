/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_PLAIN_H
#define YG_CLI_PLAIN_H

#include <jansson.h>

#include "base/text.h"

/* Words of strangers on a terminal. */

/* Adds a text in which control characters, which could speak to the terminal, are "?"; line ends
 * and tabs stay. */
void yg_plain_put(struct yg_text *text, const char *ptr, size_t len);

/* Adds a document, compact; there they are escaped, so it is the same document.  NULL adds
 * nothing. */
void yg_plain_put_json(struct yg_text *text, const json_t *json);

#endif
