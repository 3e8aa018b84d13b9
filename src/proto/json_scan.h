/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_SCAN_H
#define YD_PROTO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"

/*
 * JSON (RFC 8259) as text: checked once, then walked and handed on without building values.
 *
 * All text is valid UTF-8, which who received it has checked.  Nothing here allocates, but for
 * yd_json_put_string(), and nothing recurses.  The walking functions expect text that
 * yd_json_check() has accepted; with any other they stay inside it and come to an end, but what
 * they find is then of no use.
 *
 * A value's raw text has no blanks around it; a string's has its quotes.  The body of a string is
 * what stands between them, escapes and all.
 */

#define YD_JSON_DEPTH 128     /* a sensible limit for what nests in what */
#define YD_JSON_MAX_DEPTH 256 /* the greatest there can be */

/*
 * Checks that text is one value, with blanks around it or not, whose arrays and objects nest at
 * most max_depth deep (1 is a value of scalars).  Linear in the text.
 *
 * Returns true and the value without the blanks in *ret_value.  Control characters in strings,
 * unknown escapes, 01, 1., NaN and the like are refused; lone surrogates (\ud800) are let through.
 */
bool yd_json_check(yodel_str text, unsigned max_depth, yodel_str *ret_value);

/* Walking. */

enum yd_json_type {
    YD_JSON_NONE = 0, /* not a value */
    YD_JSON_NULL,
    YD_JSON_FALSE,
    YD_JSON_TRUE,
    YD_JSON_NUMBER,
    YD_JSON_STRING,
    YD_JSON_ARRAY,
    YD_JSON_OBJECT
};

/* By its first character. */
enum yd_json_type yd_json_type_of(yodel_str value);

/* What is left of a list of elements or members. */
struct yd_json_iter {
    const char *ptr, *end;
};

/* Over the elements of an array, or over what stands between its brackets.  Of another type: none.
 */
struct yd_json_iter yd_json_array(yodel_str array);
struct yd_json_iter yd_json_elements(yodel_str elements);

/* What stands between the brackets of an array, or is left of a list, without the comma ahead and
 * blanks around, but for a hint (json_hint.h) ahead of the first element. */
yodel_str yd_json_inside(yodel_str array);
yodel_str yd_json_rest(struct yd_json_iter elements);

/* Takes the next element's raw text; false at the end. */
bool yd_json_next(struct yd_json_iter *iter, yodel_str *ret_value);

/* Over the members of an object.  Of another type: none. */
struct yd_json_iter yd_json_object(yodel_str object);

/* Takes the next member: the body of its name, and its value's raw text.  False at the end. */
bool yd_json_next_member(struct yd_json_iter *iter, yodel_str *ret_name, yodel_str *ret_value);

/* The value of the last member of that name (names with escapes are found too).  False when there
 * is none, or object is of another type. */
bool yd_json_get(yodel_str object, yodel_str name, yodel_str *ret_value);

/* How many elements there are. */
size_t yd_json_count(struct yd_json_iter iter);

/* Every bracket, name and scalar one after the other; commas and colons are left out. */
enum yd_json_mark {
    YD_JSON_BEGIN_ARRAY,
    YD_JSON_END_ARRAY,
    YD_JSON_BEGIN_OBJECT,
    YD_JSON_END_OBJECT,
    YD_JSON_NAME,  /* text is its body */
    YD_JSON_SCALAR /* text is raw */
};

struct yd_json_token {
    enum yd_json_mark mark;
    yodel_str text; /* of a bracket: that one character */
};

/* Takes the next one; false at the end.  Begin with yd_json_elements() of any value. */
bool yd_json_next_token(struct yd_json_iter *iter, struct yd_json_token *ret_token);

/* Strings. */

/* The body of a string's raw text; false when value is of another type. */
bool yd_json_body(yodel_str value, yodel_str *ret_body);

/* Whether body's text differs from body itself: it has a backslash. */
bool yd_json_is_escaped(yodel_str body);

/* Bytes of body's text without escapes: at most body.len.  Lone surrogates, which UTF-8 cannot say,
 * count as U+FFFD. */
size_t yd_json_unescaped_len(yodel_str body);

/* Writes that text, which may be over body itself; returns its end. */
char *yd_json_unescape(char *out, yodel_str body);

/* Whether body's text is text. */
bool yd_json_body_eq(yodel_str body, yodel_str text);

/* The length of text as a JSON string, with quotes and the fewest escapes: quote, backslash and
 * controls.  At most 6 * text.len + 2; text is no longer than a sixth of the address space. */
size_t yd_json_quoted_len(yodel_str text);

/* Writes that string; returns its end. */
char *yd_json_quote(char *out, yodel_str text);

/* Appends it.  Returns 0 or -ENOMEM, buf then untouched. */
int yd_json_put_string(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text);

/* Whole numbers, written as digits only (1.0 and 1e3 are none); false when value is another thing
 * or out of range.  -0 is 0. */
bool yd_json_get_int(yodel_str value, int64_t *ret_number);
bool yd_json_get_uint(yodel_str value, uint64_t *ret_number);

#endif
