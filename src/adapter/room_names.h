/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_ROOM_NAMES_H
#define YD_ADAPTER_ROOM_NAMES_H

#include <yodel/base.h>

/* Names of rooms in JSON, as a list of text. */
struct yd_names {
    yodel_str *list; /* views of the array */
    size_t num;
};

/*
 * Reads an array of strings and numbers, whose text they are, checked by yd_json_check(); {NULL, 0}
 * is an empty one.  Escapes are undone in place: the array is not to be read again.
 * Returns 0 with *ret_names, to be given to yd_names_done(); -ENOMEM; YODEL_ERR_PROTOCOL: elements
 * of other types, or no array.
 */
int yd_names_read(const struct yodel_allocator *mem, yodel_str array, struct yd_names *ret_names);
void yd_names_done(struct yd_names *names, const struct yodel_allocator *mem);

#endif
