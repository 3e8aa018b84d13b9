/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_LOOKER_H
#define YG_ADMIN_LOOKER_H

#include <jansson.h>

#include "admin/admin_state.h"

/*
 * Who looks: a page of this process, or one of another node.  First it gathers: each loop describes
 * the sockets it has, and from that moment on what the loop tells counts, and waits.  When all have
 * done so it is told everything, and then live what comes.  All is loop 0's.
 */

#define YG_SNAPSHOT_SOCKETS 1000
#define YG_MAX_LOOPS 256
#define YG_PENDING_RECORDS 20000
#define YG_PENDING_BYTES ((size_t)4 << 20)

/* Records with a reference each; all zero is none. */
struct yg_admin_batch {
    struct yg_admin_record **items;
    size_t num, cap, bytes;
};

/* Takes a reference, also on failure.  0 or -ENOMEM. */
int yg_admin_batch_add(struct yg_admin_batch *batch, struct yg_admin_record *record);
void yg_admin_batch_clear(struct yg_admin_batch *batch);

struct yg_looker {
    struct yg_looker *next;
    struct yg_viewer *viewer; /* a reference; NULL: of another node: */
    char process[YG_SESSION_SIZE];
    uint64_t asked; /* its number there */

    uint64_t gather; /* the number of what it gathers, or has */
    uint64_t begun_ms;
    bool is_live;
    bool is_lost; /* something was lost: it has to begin anew */
    bool has_begun;
    uint8_t has_loop[YG_MAX_LOOPS]; /* those that have described theirs */
    unsigned num_missing;           /* loops that have not */
    json_t *has_process;            /* a set: other nodes that have */
    struct yg_admin_batch states;   /* what they have */
    size_t total;                   /* of how many */
    struct yg_admin_batch pending;  /* what has followed */
    json_t *shown;                  /* a set: ids that the page knows; of a page */
    struct yg_admin_batch out;      /* on its way to the page */
};

/* Takes a reference to viewer (NULL: of another node).  NULL when out of memory. */
struct yg_looker *yg_looker_new(struct yg_viewer *viewer);
void yg_looker_free(struct yg_looker *looker);

/* It gathers, under a new number; what it had is forgotten. */
void yg_looker_begin(struct yg_looker *looker, uint64_t gather, unsigned num_loops,
                     uint64_t now_ms);

/* A record of a loop of this process; borrowed.  Returns whether with it the looker has all of
 * them. */
bool yg_looker_tell(struct yg_looker *looker, struct yg_admin_record *record);
/* A record of another node that it has, or of its own; borrowed.  For one of this process. */
void yg_looker_take(struct yg_looker *looker, struct yg_admin_record *record);
/* A socket that another node has described. */
void yg_looker_take_state(struct yg_looker *looker, struct yg_admin_record *record);

/* It has all: a page is told what it has gathered, at most max_bytes, and then what has followed.
 */
void yg_looker_go_live(struct yg_looker *looker, size_t max_bytes);

/* Whether a node has described its sockets, and that it has.  0 or -ENOMEM. */
bool yg_looker_has_process(const struct yg_looker *looker, const char *process);
int yg_looker_add_process(struct yg_looker *looker, const char *process);

#endif
