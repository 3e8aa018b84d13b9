/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_JSON_READ_H
#define YG_TOKEN_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/*
 * JSON texts (RFC 8259) into jansson's values, for what strangers send.  jansson's own reader drops
 * a character where it finds no memory to grow, and does not tell: a name in a token could become
 * another one.  This one has all or nothing, and says what was wrong.
 */

#define YG_JSON_READ_DEPTH 32 /* lists and objects in one another */

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

/* Any value may be the whole text.  0; -EINVAL with where filled; -ENOMEM. */
int yg_json_read(const char *text, size_t len, struct yg_json_where *where, json_t **ret);

#endif
