/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_VALUE_H
#define YG_CONFIG_VALUE_H

#include "base/text.h"
#include "config/table.h"

/* Texts of scalars and what they are in C: by the type of the option, never by how they look. */

/*
 * Reads a scalar of any type but the lists and maps.
 *
 * text      NUL-terminated; a YG_TEXT keeps the pointer
 * into      the field, of the option's type; untouched on failure
 * problem   what is wrong with it, for people, of 256 bytes; written on failure
 *
 * Returns 0 or -EINVAL.
 */
int yg_value_read(const struct yg_option *option, const char *text, void *into, char problem[256]);

/* Adds the bit of a word to the field of a YG_WORDS; as yg_value_read(). */
int yg_value_read_word(const struct yg_option *option, const char *text, uint32_t *bits,
                       char problem[256]);

/* Writes a scalar as one would in a file; of a YG_TEXT, in quotes.  A secret that is set is "****"
 * unless bare says so. */
void yg_value_put(struct yg_text *text, const struct yg_option *option, const void *from,
                  bool bare);

/* Whether two fields of an option are equal, lists and maps too. */
bool yg_value_equal(const struct yg_option *option, const void *a, const void *b);

/* Reads the generic form of a YG_TEXTS, YG_PAIRS or YG_MAPS field: the pointer to its items. */
const void *yg_value_items(const void *field, size_t *ret_num);

/* Sets the same. */
void yg_value_set_items(void *field, const void *items, size_t num);

#endif
