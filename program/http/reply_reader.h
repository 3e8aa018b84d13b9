/* SPDX-License-Identifier: MIT */
#ifndef YG_HTTP_REPLY_READER_H
#define YG_HTTP_REPLY_READER_H

#include <stdint.h>

#include "base/text.h"

#define YG_REPLY_MAX_LINES 256 /* of a head: to look for one is to look through them */

/*
 * Reads the answer to a request of HTTP/1.1 (RFC 9112), in pieces as they come.  What is told of a
 * request or answer twice, in two ways, or not as the grammar has it ends the reading.
 *
 * All zero is one that has nothing, but for max_body.
 */
enum yg_reading {
    YG_READING_HEAD,
    YG_READING_LENGTH, /* a body of left bytes */
    YG_READING_TO_END, /* a body up to the end of the connection */
    YG_READING_SIZE,   /* of a chunk, its first digit */
    YG_READING_DIGITS, /* the others */
    YG_READING_REST,   /* of that line */
    YG_READING_CHUNK,  /* left bytes of it */
    YG_READING_CHUNK_END,
    YG_READING_TRAILER,
    YG_READING_DONE
};

struct yg_reply_reader {
    struct yg_reply_reader *next; /* its owner's */
    struct yg_text head;          /* the last one; then its lines, each with a NUL */
    struct yg_text body;
    size_t max_body;
    size_t head_len; /* bytes of all heads, sizes of chunks and trailers so far; but what
                        stands around a chunk anyway does not count */
    uint64_t left;
    enum yg_reading reading;
    unsigned status;
    bool has_begun;     /* something has come */
    bool is_line_empty; /* of a trailer, so far */
    bool is_kept;       /* the connection may have another request */
};

/*
 * Takes what has come.
 *
 * ret_used   bytes that are of this answer: fewer than len only once it is done
 *
 * Returns 0; -EBADMSG (no HTTP); -E2BIG (the body, or 64 KiB or 256 lines of head);
 * -ENOMEM.
 */
int yg_reply_reader_take(struct yg_reply_reader *reader, const char *ptr, size_t len,
                         size_t *ret_used);

/* The connection has ended.  Whether the answer is whole with that. */
bool yg_reply_reader_end(struct yg_reply_reader *reader);

/* The n-th value of a header; NULL: there is none, or the head is not whole. */
const char *yg_reply_reader_header(const struct yg_reply_reader *reader, const char *name,
                                   size_t n);

/* Forgets the answer; some memory stays for the next. */
void yg_reply_reader_reset(struct yg_reply_reader *reader, size_t max_body);
void yg_reply_reader_done(struct yg_reply_reader *reader);

#endif
