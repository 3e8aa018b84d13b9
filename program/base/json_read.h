/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_JSON_READ_H
#define YG_BASE_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/*
 * JSON texts (RFC 8259) into jansson's values, for what strangers send.  jansson's own reader drops
 * a character where it finds no memory to grow, and does not tell: a name could become another one,
 * or the text be refused as malformed.  This one has all or nothing, and says what was wrong.
 */

enum yg_json_fault {
    YG_JSON_SYNTAX,    /* no JSON, or not UTF-8 */
    YG_JSON_NUL,       /* \u0000 in a string */
    YG_JSON_DUPLICATE, /* a member twice */
    YG_JSON_NUMBER,    /* an integer beyond 64 bits, a real beyond a double */
    YG_JSON_DEEP
};

struct yg_json_where {
    enum yg_json_fault fault;
    size_t offset; /* bytes ahead of it */
};

/* "has a member twice" */
const char *yg_json_fault_words(enum yg_json_fault fault);

/* Any value may be the whole text.  max_depth: lists and objects in one another; each takes some
 * stack.  0; -EINVAL with where filled; -ENOMEM. */
int yg_json_read(const char *text, size_t len, unsigned max_depth, struct yg_json_where *where,
                 json_t **ret);

#endif
