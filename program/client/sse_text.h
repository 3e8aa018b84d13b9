/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_SSE_TEXT_H
#define YG_CLIENT_SSE_TEXT_H

#include "base/text.h"

/* The text of server-sent events (HTML, 9.2), on the side of a reader. */

struct yg_sse_event {
    yodel_str name; /* NUL-terminated; empty: "message" */
    yodel_str data; /* lines with \n between them */
    yodel_str id;   /* of the last event that had one */
};

/* All zero but max is a new one. */
struct yg_sse {
    size_t max; /* bytes of an event, and of a line */
    struct yg_text line, name, data, id;
    bool was_return; /* the last byte was a carriage return */
    bool has_begun;  /* a byte order mark cannot come any more */
    bool is_given;
};

/*
 * Takes text until an event is whole.
 *
 * input       moved on; after 0 it is empty
 * ret_event   valid until the next call; written when the result is 1
 *
 * Returns 1; 0: more must come; -EMSGSIZE; -ENOMEM.
 */
int yg_sse_next(struct yg_sse *sse, yodel_str *input, struct yg_sse_event *ret_event);

/* Frees what it keeps. */
void yg_sse_done(struct yg_sse *sse);

#endif
