/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_COLUMNS_H
#define YG_CLI_COLUMNS_H

#include <jansson.h>

#include "base/text.h"

/* Answers of the API for people: rows of cells, and names with their values.  What strangers chose,
 * such as the name of a room, says nothing to the terminal: control characters are escaped. */

/* One column: the member of an item. */
struct yg_column {
    const char *title;
    const char *member;
    int (*put)(struct yg_text *text, const json_t *value); /* NULL: as it is */
};

/*
 * Adds a list of objects as rows.  A member that an item has not is "-".
 *
 * has_titles   a first row says what the columns are
 */
void yg_columns_put(struct yg_text *text, const json_t *list, const struct yg_column *columns,
                    size_t num, bool has_titles);

/* Adds the members of an object, one a line. */
void yg_columns_put_object(struct yg_text *text, const json_t *object);

/* Adds a text with its control characters escaped. */
void yg_columns_put_plain(struct yg_text *text, const char *ptr, size_t len);

/* Adds one value: a text as it is, anything else as JSON. */
void yg_columns_put_value(struct yg_text *text, const json_t *value);

/* A list of texts with commas between them. */
int yg_column_put_texts(struct yg_text *text, const json_t *value);

#endif
