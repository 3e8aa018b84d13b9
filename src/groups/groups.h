/* SPDX-License-Identifier: MIT */
#ifndef YD_GROUPS_GROUPS_H
#define YD_GROUPS_GROUPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/map.h"
#include "bus/bus.h"

/*
 * Named groups of members over all loops.  A member is a struct embedded in whatever can receive
 * something.  A group on one loop is that loop's alone; a directory that all share says which loops
 * have members of a name.  A channel layer has groups of WebSockets, a Socket.IO service has groups
 * that are its rooms.
 */

struct yd_delivery;
struct yd_group_wait;
struct yd_member;
struct yd_membership;

/* On the member's loop; what is borrowed for the call. */
typedef void(yd_deliver_fn)(struct yd_member *member, struct yd_delivery *what);

/* Embedded in its owner; all zero but deliver. */
struct yd_member {
    yd_deliver_fn *deliver;            /* for layers whose members are of several kinds */
    struct yd_membership *memberships; /* the newest first */
};

/* The members of one group on one loop. */
struct yd_group {
    struct yd_map_node node;
    struct yd_groups *groups; /* a reference */
    struct yd_directory_entry *entry;
    struct yd_membership **members; /* NULL where one has left during a walk */
    uint32_t count, used, room; /* members; entries, with the NULLs; entries there is room for */
    uint32_t walks;             /* that go on; entries keep their places meanwhile */
    char name[];
};

struct yd_membership {
    struct yd_map_bare node; /* key: the two pointers below */
    struct {
        struct yd_group *group;
        struct yd_member *member;
    } pair;
    struct yd_membership *next, **link; /* of the member; *link is this */
    struct yd_note *note;               /* what the membership carries; NULL: nothing */
    struct yd_group_wait *wait;         /* yd_group_await(); NULL: none */
    uint32_t index;                     /* in group->members */
    bool away;                          /* not counted */
};

struct yd_note {
    size_t len;
    char text[];
};

/* One loop's part; touched by that loop alone. */
struct yd_shard {
    struct yd_map groups, memberships;
};

/* How many names of groups there are of a kind, over all loops: counted by the groups that were
 * made for it, which have references.  Any thread. */
struct yd_group_tally {
    atomic_uint refs;
    atomic_size_t num;
    const struct yodel_allocator *mem; /* must outlive it */
};

#define YD_DIRECTORY_STRIPES 16

struct yd_stripe {
    pthread_mutex_t lock;
    struct yd_map entries;
};

/* What happens to a membership. */
enum yd_group_news { YD_GROUP_JOINED = 1, YD_GROUP_LEFT, YD_GROUP_NOTED };

/* Borrowed for the call. */
struct yd_group_change {
    enum yd_group_news news; /* LEFT: just before */
    unsigned loop;
    struct yd_key group;
    struct yd_member *member;
    yodel_str note;
};

struct yd_groups {
    atomic_uint refs; /* its maker, groups that have members */
    struct yd_bus *bus;
    void *owner; /* keeps the bus; release_owner's reference */
    void (*release_owner)(void *owner);
    /* Told of every change on the member's loop; it must not change anything.  NULL: nobody is. */
    void (*changed)(void *user, const struct yd_group_change *change);
    void *changed_user;
    char layer[YD_LAYER_NAME_SIZE]; /* whose groups these are, for far peers */
    struct yd_stripe stripes[YD_DIRECTORY_STRIPES];
    struct yd_shard shards[];
};

/* layer: the name of the layer whose groups these are; copied.  bus must live as long as owner;
 * release_owner(owner) runs when the last reference has gone.  Returns 0 or -ENOMEM. */
int yd_groups_new(struct yd_bus *bus, const char *layer, void *owner,
                  void (*release_owner)(void *owner), struct yd_groups **ret_groups);
struct yd_groups *yd_groups_ref(struct yd_groups *groups);
void yd_groups_unref(struct yd_groups *groups);
/* Before the loops run. */
void yd_groups_set_hook(struct yd_groups *groups,
                        void (*changed)(void *user, const struct yd_group_change *change),
                        void *user);

/* One reference; NULL when out of memory. */
struct yd_group_tally *yd_group_tally_new(const struct yodel_allocator *mem);
struct yd_group_tally *yd_group_tally_ref(struct yd_group_tally *tally);
/* Takes NULL. */
void yd_group_tally_unref(struct yd_group_tally *tally);
/* How many groups count in it now; any thread. */
static inline size_t yd_group_tally_num(const struct yd_group_tally *tally)
{
    return atomic_load_explicit(&tally->num, memory_order_relaxed);
}

/* ---- on the member's loop; keys are made with yd_bus_key() ---- */

/* Returns 1, 0 when it is a member already, or -ENOMEM. */
int yd_group_join(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                  struct yd_member *member);
/* The same; if the group is new to all loops it counts in tally (NULL: in none) until it ends. */
int yd_group_join_for(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                      struct yd_member *member, struct yd_group_tally *tally);
/* As yd_group_join(), with a text that the membership carries, in place of one it had; all or
 * nothing. */
int yd_group_join_with(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                       struct yd_member *member, yodel_str text);
/* That text; empty: none, or no member.  Borrowed from the membership. */
yodel_str yd_group_note(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                        struct yd_member *member);
/* Needs no memory.  Returns whether it was a member. */
bool yd_group_leave(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                    struct yd_member *member);
/* The groups of a member in the order it joined them: the first, and the one after each; NULL at
 * the end. */
const struct yd_membership *yd_member_oldest(const struct yd_member *member);
const struct yd_membership *yd_membership_newer(const struct yd_membership *membership);
/* The name of its group; borrowed from the group. */
yodel_str yd_membership_name(const struct yd_membership *membership);

bool yd_group_has(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                  struct yd_member *member);

/*
 * Has heard(member) called, once, when what other processes send to the group comes here, which
 * takes a while for its first member; when that takes longer than a second; or when the membership
 * ends.  It must not change memberships.  False: heard is not called.  So it is if the group is
 * heard already, if to wait is of no use or is done already, without memory, and for no member.
 */
bool yd_group_await(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                    struct yd_member *member, void (*heard)(struct yd_member *member));
/* Takes member out of all groups of all kinds. */
void yd_member_leave_all(struct yd_loop *loop, struct yd_member *member);

/* While a member is away its groups go on but do not count it.  To be said again after a join. */
void yd_member_set_away(struct yd_member *member, bool away);

/* Calls each(member, user) for the members on this loop.  each may do anything: join, leave, walk
 * over the same group.  Who joins meanwhile is not visited, who leaves before its turn neither. */
void yd_group_walk(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                   void (*each)(struct yd_member *member, void *user), void *user);

/* ---- any thread ---- */

/* The name of the layer whose groups these are. */
static inline yodel_str yd_groups_layer(const struct yd_groups *groups)
{
    return yodel_str_of(groups->layer);
}
/* Who keeps the bus. */
static inline void *yd_groups_owner(const struct yd_groups *groups)
{
    return groups->owner;
}
/* Calls each(name, user) for every group of one of YD_DIRECTORY_STRIPES parts that has members on
 * some loop; each must not join or leave. */
void yd_groups_each(struct yd_groups *groups, unsigned stripe,
                    void (*each)(yodel_str name, void *user), void *user);

/* Adds the loops that have members. */
void yd_groups_find(struct yd_groups *groups, const struct yd_key *key, struct yd_loop_set *set);
/* Members over all loops, less those that are away. */
size_t yd_groups_count(struct yd_groups *groups, const struct yd_key *key);

#endif
