/* SPDX-License-Identifier: MIT */
#ifndef LOAD_READERS_H
#define LOAD_READERS_H

#include "run.h"

#include <stddef.h>

/* A connection that reads server-sent events, in chunks of HTTP/1.1. */
struct reader {
    int fd;
    enum { READER_CONNECTING, READER_WAITING, READER_OPEN, READER_CLOSED } state;
    uint64_t received; /* events since it opened */
    unsigned ends;     /* line ends at the end of the head so far */
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END } at;
    size_t left;    /* bytes of the chunk, or its size so far */
    size_t matched; /* bytes of the event */
    bool is_other;  /* a comment or field that is not looked at */
};

struct readers {
    struct reader *all;
    unsigned num, open;
    char *request, *event; /* what they send; what each event must be */
    size_t request_len, event_len;
};

/* Returns 0, or -1 when out of memory. */
int readers_init(struct readers *rs, const struct load_options *options);
void readers_done(struct readers *rs);

static inline bool readers_have(const struct readers *rs, const void *source)
{
    return (const char *)source >= (const char *)rs->all &&
           (const char *)source < (const char *)(rs->all + rs->num);
}

/* Opens all, options->opening at a time, and waits.  Returns 0 or -1. */
int readers_open(struct readers *rs, struct run *run);

/* Handles an event of one; returns how many messages have come. */
unsigned readers_handle(struct readers *rs, struct run *run, struct reader *r);

#endif
