/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_DOC_H
#define YD_PROTO_JSON_DOC_H

#include <jansson.h>
#include <stdarg.h>
#include <yodel/base.h>

/*
 * JSON text as jansson's documents: the one reader of the library.
 *
 * Documents are made of memory of jansson's allocator, which belongs to the process
 * (json_set_alloc_funcs()).
 */

/*
 * Makes a document of text, which need not have been checked.  It accepts exactly what
 * yd_json_check() accepts, in valid UTF-8, with at most max_depth levels.
 *
 * All valid text has a document: whole numbers beyond 64 bits are reals, reals beyond the range of
 * double the largest of their sign, a lone surrogate is U+FFFD, U+0000 is kept in strings and names
 * (json_string_length(), json_object_iter_key_len()), the last member of a name counts.
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON, not UTF-8, too deep).
 */
int yd_json_read(yodel_str text, unsigned max_depth, json_t **ret_document);

/* The same for the raw text of one value that has been checked already.  Returns 0 or -ENOMEM. */
int yd_json_read_checked(yodel_str value, json_t **ret_document);

/*
 * Reads values out of document as json_unpack() would: "{s:s, s?i}"; strings and "o" are borrowed
 * from document.  A string with U+0000 in it is read by "s%" only, a number beyond int not
 * by "i".
 *
 * Returns 0, or YODEL_ERR_FORMAT (not of that shape, or the format is malformed): then nothing has
 * been written and no reference taken.
 */
int yd_json_unpack(json_t *document, const char *format, va_list args);

/* The same for the elements of an array, one after the other: "s{s:i}".  There may be more of them
 * than the format has.
 *
 * data   num views that "y" gives to a yodel_bytes * for {"_placeholder":true,"num":i} */
int yd_json_unpack_list(json_t *array, const char *format, va_list args, const yodel_bytes *data,
                        size_t num);

#endif
