/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_NOTICES_H
#define YG_LEASE_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/redis.h>

#include "base/text.h"

/*
 * Notices that wait in Redis: a webhook has YG_NOTICE_LANES streams, its lanes, and each lane is
 * one run's, who sends what is in it, as long as that renews its lease.  What a back end has taken
 * is deleted; so who has the lane next finds the rest, in its order.
 *
 *     PREFIX:notices:HOOK:N         stream: fields i (id), k (kind), n (namespace), e (event, JSON)
 *     PREFIX:notices:HOOK:N:owner   the run that has the lane; goes by itself
 */
#define YG_NOTICE_LANES 64

/* One to be stored. */
struct yg_notice {
    const char *id;
    const char *kind;
    const char *ns;
    yodel_str event;
    unsigned lane;
    bool ends; /* the socket's record is forgotten in the same step */
};

/* What a command is made of. */
struct yg_notice_command {
    yodel_str *argv;
    size_t argc;
    struct yg_text *texts; /* where numbers are */
    size_t num_texts;
};

/*
 * Stores notices.  The reply is how many of before were dropped, as a lane was full.
 *
 * most    notices in a lane
 * again   they may be there: those are left alone
 *
 * Returns 0 or -ENOMEM; for yg_notice_command_done().
 */
int yg_notices_store(const char *prefix, const char *hook, const char *run, size_t most, bool again,
                     const struct yg_notice *notices, size_t num,
                     struct yg_notice_command *ret_command);

/*
 * Renews lanes, takes more of those that nobody has, up to most of all, and gives some up.  The
 * reply is the list of those that are this run's.
 *
 * given_up   by lane; NULL: none, and with most 0 all are
 */
int yg_notices_own(const char *prefix, const char *hook, const char *run, uint32_t ms,
                   unsigned most, const bool *given_up, struct yg_notice_command *ret_command);

void yg_notice_command_done(struct yg_notice_command *command);

/* The key of a lane's stream; a failure sticks to the text. */
void yg_notices_key(struct yg_text *text, const char *prefix, const char *hook, unsigned lane);

/* The lane of all that has this name. */
unsigned yg_notices_lane(const char *name, size_t len);

#endif
