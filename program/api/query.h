/* SPDX-License-Identifier: MIT */
#ifndef YG_API_QUERY_H
#define YG_API_QUERY_H

#include <jansson.h>
#include <yodel/base.h>

/*
 * The query of a GET as the object of a verb: fields of HTML forms.  "limit" is a number; "count"
 * and "reverse" are true or false, "" and "1" true; all others are strings.  A number that is none,
 * and the like, stays a string, which the parser refuses.
 *
 * ret_error   a text for people, static; written when the result is -EINVAL
 *
 * Returns 0, -ENOMEM, or -EINVAL: a field twice, bad escapes, not UTF-8, a NUL.
 */
int yg_query_json(yodel_str query, const char **ret_error, json_t **ret_json);

#endif
