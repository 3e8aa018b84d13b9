/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_GROUPS_H
#define YD_CHANNELS_GROUPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/channels.h>

#include "base/map.h"
#include "base/msg.h"
#include "loop/loop.h"

/*
 * Groups of members over all loops.  A member is whatever can be delivered to; a group on one loop
 * is that loop's alone, and a directory that all share says which loops have members of a name.
 */

/* What is delivered: a message that is ready to be sent, or an event.  One of the two is NULL. */
struct yd_delivery {
    struct yd_msg *msg;
    yodel_event *event;
};

struct yd_member;
struct yd_membership;

/* On the member's loop; what is borrowed for the call. */
typedef void(yd_deliver_fn)(struct yd_member *member, const struct yd_delivery *what);

/* Embedded in its owner; all zero but deliver. */
struct yd_member {
    yd_deliver_fn *deliver;
    struct yd_membership *memberships;
};

/* The members of one group on one loop. */
struct yd_group {
    struct yd_map_node node;
    yodel_channels *channels; /* a reference */
    struct yd_directory_entry *entry;
    struct yd_membership **members; /* NULL where one has left during a delivery */
    uint32_t count, used, room; /* members; entries, with the NULLs; entries there is room for */
    bool delivering;
    char name[];
};

struct yd_membership {
    struct yd_map_node node; /* key: the two pointers below */
    struct {
        struct yd_group *group;
        struct yd_member *member;
    } pair;
    struct yd_membership *next, **link; /* of the member; *link is this */
    uint32_t index;                     /* in group->members */
};

/* One loop's part; touched by that loop alone. */
struct yd_shard {
    struct yd_map groups, memberships;
};

#define YD_DIRECTORY_STRIPES 16
#define YD_MAX_LOOPS 256

/* A process in channel names: 32 hex digits and a NUL. */
#define YD_PROCESS_SIZE 33

struct yd_stripe {
    pthread_mutex_t lock;
    struct yd_map entries;
};

struct yodel_channels {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    struct yd_loop **loops; /* borrowed from the owner */
    unsigned num_loops;
    uint64_t secret[2]; /* of the hashes */
    char process[YD_PROCESS_SIZE];
    void *owner; /* kept alive by release_owner's reference */
    void (*release_owner)(void *owner);
    struct yd_stripe stripes[YD_DIRECTORY_STRIPES];
    struct yd_shard shards[];
};

/* loops must live as long as owner; release_owner(owner) runs when the last reference has gone.
 * Returns 0 or -ENOMEM. */
struct yd_channels_options {
    const struct yodel_allocator *mem;
    struct yd_loop **loops;
    unsigned num_loops;
    uint64_t secret[2];
    const char *process; /* copied */
    void *owner;
    void (*release_owner)(void *owner);
};
int yd_channels_new(const struct yd_channels_options *options, yodel_channels **ret_channels);

/* On the member's loop.  Joining twice is one membership.  Returns 0 or -ENOMEM. */
int yd_group_join(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                  struct yd_member *member);
void yd_group_leave(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                    struct yd_member *member);

/* Takes member out of all groups of all layers. */
void yd_member_leave_all(struct yd_loop *loop, struct yd_member *member);

/* Calls each(member, user) for the members of name on this loop; each may change who is a member,
 * but not walk itself. */
void yd_group_walk(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                   void (*each)(struct yd_member *member, void *user), void *user);

/*
 * Delivers what to every member of name on every loop; takes references of its own.  On a loop's
 * thread its own members get it in a task after the present callback.
 * Returns 0, -ENOMEM, or YODEL_ERR_CLOSED when no loop runs any more.
 */
int yd_group_deliver(yodel_channels *channels, yodel_str name, const struct yd_delivery *what);

size_t yd_group_count(yodel_channels *channels, yodel_str name);

/* What yd_group_survey() asks for. */
struct yd_survey {
    void (*each)(struct yd_member *member, void *user); /* for every member, on its loop */
    void (*done)(void *user);                           /* once, last, on some loop */
    void *user;
};

/* Asks the loops for their members of name, one after the other.  Returns 0, -ENOMEM or
 * YODEL_ERR_CLOSED (done is then not called). */
int yd_group_survey(yodel_channels *channels, yodel_str name, const struct yd_survey *survey);

#endif
