/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_ADMIN_RECORD_H
#define YG_ADMIN_ADMIN_RECORD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/text.h"

/*
 * What has happened, as a page is told of it, on its way from a loop to the hub.  Counted by any
 * thread.
 */

enum yg_admin_record_kind {
    YG_RECORD_SESSION = 0,
    YG_RECORD_CONFIG,
    YG_RECORD_STATS,
    YG_RECORD_ALL,
    YG_RECORD_CONNECTED,
    YG_RECORD_UPDATED,
    YG_RECORD_DISCONNECTED,
    YG_RECORD_JOINED,
    YG_RECORD_LEFT,
    YG_RECORD_RECEIVED,
    YG_RECORD_SENT,
    /* These are not for pages: */
    YG_RECORD_GONE,  /* nothing more comes of a socket */
    YG_RECORD_STATE, /* a socket of a snapshot: text is its description */
    YG_RECORD_END    /* of a snapshot */
};

#define YG_RECORD_ID 48 /* bytes of the id of a socket, or of a WebSocket, with its NUL */

struct yg_admin_record {
    struct yg_admin_record *next; /* of the queue, or of what waits */
    atomic_uint refs;
    enum yg_admin_record_kind kind;
    unsigned loop;
    uint64_t gather; /* of STATE and END: what the snapshot is for */
    size_t total;    /* of END: how many sockets there are */
    char id[YG_RECORD_ID];
    size_t len;
    char text[]; /* the arguments, a JSON array; ends with a NUL */
};

/* The event of a kind; NULL: it is not for pages. */
const char *yg_admin_record_event(enum yg_admin_record_kind kind);

/* One reference, with a copy of text; NULL when out of memory, or when text has failed. */
struct yg_admin_record *yg_admin_record_new(enum yg_admin_record_kind kind, yodel_str id,
                                            const struct yg_text *text);
struct yg_admin_record *yg_admin_record_ref(struct yg_admin_record *record);
void yg_admin_record_unref(struct yg_admin_record *record);

/* Records in a row; all zero is none. */
struct yg_admin_records {
    struct yg_admin_record *first, **end;
    size_t num, bytes;
};

/* Takes a reference. */
void yg_admin_records_add(struct yg_admin_records *records, struct yg_admin_record *record);
/* NULL: there is none. */
struct yg_admin_record *yg_admin_records_take(struct yg_admin_records *records);
void yg_admin_records_clear(struct yg_admin_records *records);

/* ---- the queue of a loop ---- */

#define YG_ADMIN_QUEUE_RECORDS 20000
#define YG_ADMIN_QUEUE_BYTES ((size_t)4 << 20)

/*
 * What a loop has to tell the hub.  Events of clients are left out above half of its bounds; above
 * the whole something is missing, and who looks has to begin anew.  What belongs to snapshots is
 * bounded by those.
 */
struct yg_admin_queue {
    pthread_mutex_t lock;
    struct yg_admin_records records;
    bool is_posted; /* the hub is on its way */
    bool has_lost;  /* something that must not be */
    uint64_t num_left_out;
};

void yg_admin_queue_init(struct yg_admin_queue *queue);
void yg_admin_queue_done(struct yg_admin_queue *queue);

/* Takes a reference; record NULL stands for one that there was no memory for, of that kind. Returns
 * whether the hub is to be called. */
bool yg_admin_queue_put(struct yg_admin_queue *queue, enum yg_admin_record_kind kind,
                        struct yg_admin_record *record);
/* The hub could not be called: the next one tries again. */
void yg_admin_queue_not_posted(struct yg_admin_queue *queue);

/* All there is.  Returns whether something was lost; what follows is whole again. */
bool yg_admin_queue_take(struct yg_admin_queue *queue, struct yg_admin_records *ret_records);

/* How many events of clients were left out. */
uint64_t yg_admin_queue_left_out(struct yg_admin_queue *queue);

#endif
