/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_PACKET_LOG_H
#define YD_SIO_PACKET_LOG_H

#include <stdbool.h>

#include "sio/encode.h"

/* The packets that a client may have missed, each with the offset that the client tells when it
 * comes back; on the socket's loop. */

struct yd_sio_entry {
    struct yd_sio_entry *next;
    uint64_t at;        /* when it was sent, ms */
    size_t bytes;       /* that it holds */
    const char *offset; /* ends with NUL; after msgs; "": none of its own (order.h) */
    size_t num;         /* messages; 0: a volatile packet, of which only the offset is known */
    struct yd_msg *msgs[];
};

struct yd_sio_log {
    const struct yodel_allocator *mem;
    struct yd_sio_entry *first, **last;
    size_t bytes, max_bytes;
    bool trimmed; /* the beginning is not there any more */
};

/* The log must stay where it is. */
void yd_sio_log_init(struct yd_sio_log *log, const struct yodel_allocator *mem, size_t max_bytes);
void yd_sio_log_done(struct yd_sio_log *log);
/* Drops all entries; what comes is noted from here on. */
void yd_sio_log_clear(struct yd_sio_log *log);

/*
 * Notes a packet that is sent now (ms); out NULL: one that is not repeated.  Entries from before
 * arrived are known to have arrived: they may go, but for the last one, whose offset the client may
 * tell; and the oldest go when there are more bytes than max_bytes.  Without memory all go: the
 * client cannot be told what it has missed.
 */
void yd_sio_log_note(struct yd_sio_log *log, uint64_t now, uint64_t arrived, const char *offset,
                     const struct yd_sio_out *out);

/* Finds what comes after offset (empty: all): *ret_entry is the first, NULL when there is none.
 * False when that is not known any more. */
bool yd_sio_log_find(const struct yd_sio_log *log, yodel_str offset,
                     struct yd_sio_entry **ret_entry);

/* Appends copies of entry and those after it, which share the messages.  Returns 0, -ENOMEM. */
int yd_sio_log_copy(struct yd_sio_log *log, const struct yd_sio_entry *entry);

/* Drops the entries with that offset. */
void yd_sio_log_drop(struct yd_sio_log *log, const char *offset);
/* Drops the entries whose offset is not after that one; those without an offset stay. */
void yd_sio_log_drop_until(struct yd_sio_log *log, const char *offset,
                           bool (*is_after)(const char *offset, const char *than));

/* Moves all of earlier, which is empty then, to the beginning of log; what both have stays once,
 * but for what has no offset. */
void yd_sio_log_prepend(struct yd_sio_log *log, struct yd_sio_log *earlier);

#endif
