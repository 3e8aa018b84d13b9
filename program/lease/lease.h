/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_LEASE_H
#define YG_LEASE_LEASE_H

#include <stdatomic.h>
#include <yodel/redis.h>

#include "lease/record.h"

/*
 * A run of this node, as the others know it by Redis: as long as it renews its lease, what it has
 * recorded there is its own; when it does not, whoever looks first has all of it.  Records are kept
 * by who took them over until these are done with them, so nothing is lost when several die.
 */
struct yg_lease;

struct yg_lease_setup {
    yodel_redis *redis; /* must outlive it */
    const char *prefix; /* of keys; borrowed */
    uint32_t ms;        /* how long the lease lasts */
    /* On the first loop: */
    size_t (*room)(void *user); /* how many records may be taken over now */
    void (*adopt)(const struct yg_lease_record *record, void *user); /* is now this run's */
    /* Redis has nothing of this run any more; taken: others have taken it over. */
    void (*again)(bool taken, void *user);
    void *user;
};

struct yg_lease_counts {
    uint64_t adopted; /* records that were taken over */
    uint64_t failed;  /* writes that Redis did not take */
    uint64_t fenced;  /* how often others have taken over what was this run's */
};

/* Returns NULL when out of memory, or of random numbers. */
struct yg_lease *yg_lease_new(const struct yg_lease_setup *setup);
/* When no reply can come any more; NULL does nothing. */
void yg_lease_free(struct yg_lease *lease);

/* The name of this run; the lease's. */
const char *yg_lease_run(const struct yg_lease *lease);

/* Renews it, and looks for others that are no more: several times within its time, on the first
 * loop. */
void yg_lease_turn(struct yg_lease *lease);

/* Who waits for the reply to a write; part of what it is of. */
struct yg_lease_wait {
    struct yg_lease *lease; /* set by yg_lease_put() */
    /* Redis has replied, or will not; on the first loop. */
    void (*over)(struct yg_lease_wait *wait);
};

/*
 * Records, or records anew.  It is on its way when this returns, and counted when it did not
 * arrive.  Any thread.
 *
 * text   as of yg_record_put()
 * wait   borrowed until over() is called; NULL: nobody waits
 *
 * Returns 0, or negative and over() is not called.
 */
int yg_lease_put(struct yg_lease *lease, const char *id, uint32_t seq, yodel_str text,
                 struct yg_lease_wait *wait);
/* Forgets a record.  Any thread. */
void yg_lease_drop(struct yg_lease *lease, const char *id);

struct yg_lease_counts yg_lease_counts(const struct yg_lease *lease);

#endif
