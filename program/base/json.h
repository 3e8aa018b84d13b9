/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_JSON_H
#define YG_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/problem.h"
#include "base/text.h"

/*
 * Reading of JSON objects, strictly.  A reader walks one object: it asks for members by name, and
 * at the end whether there was one that nobody has asked for.  The first thing wrong is kept, with
 * its JSON pointer, and everything after it gives the default: so a parser asks for all it knows
 * and looks once.
 */

#define YG_JSON_DEPTH 64 /* levels of lists and objects that yg_json_parse() takes */

/*
 * The document of a text; see base/json_read.h.
 *
 * ptr         may be NULL when len is 0
 * ret_error   a text for people, of 160 bytes; written when the result is -EINVAL
 * ret_json    a new reference
 *
 * Returns 0; -ENOMEM; or -EINVAL: no JSON, not UTF-8, a member twice, more than YG_JSON_DEPTH
 * levels.
 */
int yg_json_parse(const char *ptr, size_t len, char ret_error[160], json_t **ret_json);

/* Adds a value of any kind, compact; a failure sticks to the text.  flags: more of jansson's. */
void yg_json_put(struct yg_text *text, const json_t *value, size_t flags);

struct yg_json {
    const json_t *object; /* borrowed */
    struct yg_json *root; /* the reader whose complaint it is */
    const char *at;       /* JSON pointer of the object; borrowed */
    uint64_t asked;       /* bits of the members that were asked for, by their order */
    /* of the root: */
    enum yg_problem problem; /* YG_PROBLEM_NONE while all is well */
    char detail[160];
    char pointer[160];
};

/* Begins with the object at JSON pointer at ("" for the whole).  What is no object, or has more
 * than 64 members, is the first complaint. */
void yg_json_open(struct yg_json *reader, const json_t *value, const char *at);

/* Begins with an object inside of another: complaints are the outer one's. */
void yg_json_open_in(struct yg_json *reader, struct yg_json *outer, const json_t *value,
                     const char *at);

/* Members.  NULL or fallback when the object has none of that name, or after a complaint; a
 * member of another type is a complaint.  Strings are the document's, and never have a NUL. */
const json_t *yg_json_any(struct yg_json *reader, const char *name);
const json_t *yg_json_list(struct yg_json *reader, const char *name);
const json_t *yg_json_object(struct yg_json *reader, const char *name);
const char *yg_json_string(struct yg_json *reader, const char *name);
bool yg_json_bool(struct yg_json *reader, const char *name, bool fallback);
json_int_t yg_json_integer(struct yg_json *reader, const char *name, json_int_t min, json_int_t max,
                           json_int_t fallback);

/* Complains of a member (NULL: of the object itself), unless there is a complaint already. */
void yg_json_complain(struct yg_json *reader, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends: a member that was not asked for is a complaint.  Returns whether all is well. */
bool yg_json_close(struct yg_json *reader);

#endif
