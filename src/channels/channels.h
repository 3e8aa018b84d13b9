/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_CHANNELS_H
#define YD_CHANNELS_CHANNELS_H

#include <yodel/channels.h>

#include "base/msg.h"
#include "bus/ask.h"
#include "bus/op.h"
#include "groups/groups.h"

/*
 * Channel layers: the names and typed events of the public interface, on groups of its own.  A
 * Socket.IO service that was given a channel layer attaches its rooms to it: what is sent to the
 * group "/chat#r1" reaches the sockets of that room too, but the layer's names do not have it.
 */

/* ---- what is delivered ---- */

/* Another form of what is delivered, made once for all members that need it. */
struct yd_twin {
    struct yd_twin *next;
    const void *key; /* who can use it */
    void (*free)(struct yd_twin *twin);
};

/* An event of Socket.IO, as what it says. */
struct yd_words {
    yodel_str name, json; /* json: an array */
    size_t num_attachments;
};

/* A message that is ready to be sent, perhaps with the words that it is for those who know them, an
 * event, or words: all others are NULL.  Words alone come only to members that have joined for
 * them. */
struct yd_delivery {
    struct yd_msg *msg;
    yodel_event *event;
    const struct yd_words *words;
    _Atomic(struct yd_twin *) twins;
};

/* NULL: none yet.  Any thread that has the delivery. */
struct yd_twin *yd_delivery_twin(struct yd_delivery *what, const void *key);
/* Takes twin; frees it when another thread has added one of the same key.  Returns the one that
 * stays. */
struct yd_twin *yd_delivery_add_twin(struct yd_delivery *what, struct yd_twin *twin);
/* Frees the twins. */
void yd_delivery_done(struct yd_delivery *what);

/* ---- events that travel in a form of their own ---- */

struct yd_channels_far;

/* Who carries the events of a layer to other programs. */
struct yd_channels_far_ops {
    /* To a channel that is not a WebSocket of this process.  Any thread; takes a reference of its
     * own.  Returns as yodel_channel_send_event(). */
    int (*send)(struct yd_channels_far *far, yodel_str channel, const yodel_event *event);
    /* The last reference of the layer has gone: it is not to be used any more. */
    void (*gone)(struct yd_channels_far *far);
};

/* Embedded in its owner, which lives until the loops have ended and gone was called. */
struct yd_channels_far {
    const struct yd_channels_far_ops *ops;
};

/* ---- channel layers ---- */

/* Groups that are reached by this layer's sends, and have members of their own. */
struct yd_attached {
    struct yd_attached *next;
    struct yd_groups *groups; /* a reference */
};

/* Makes a message of data, its frame header included; NULL when out of memory. */
typedef struct yd_msg *(yd_make_msg_fn)(const struct yodel_allocator *mem, yodel_ws_type type,
                                        yodel_bytes data);

/* Whether member is to be listed: then its id, and its channel name.  On its loop. */
typedef bool(yd_list_member_fn)(const struct yd_member *member, yodel_id *ret_id,
                                char ret_name[YODEL_CHANNEL_NAME_SIZE]);

/* An event to one WebSocket of this process; nothing when there is none of that id.  Any thread;
 * takes a reference of its own.  Returns as yodel_channel_send_event(). */
typedef int(yd_send_direct_fn)(yodel_channels *channels, uint64_t id, yodel_event *event);

struct yd_presence_loop;
struct yd_history;

/* Read by any thread. */
struct yd_presence_counters {
    atomic_uint_least64_t watchers, watched, reported, changes, resyncs, refused, malformed;
};

struct yodel_channels {
    atomic_uint refs;
    struct yd_layer layer;
    struct yd_bus *bus;
    struct yd_groups *groups;     /* a reference, which keeps the bus */
    struct yd_attached *attached; /* read by all once the loops run */
    yd_make_msg_fn *make_msg;
    yd_list_member_fn *list_member;
    yd_send_direct_fn *send_direct;
    struct yd_channels_far *far;       /* NULL: none */
    struct yd_presence_loop *presence; /* one for each loop */
    struct yd_presence_counters presence_counters;
    struct yd_history *history; /* what is kept, if anything is */
    char name[YD_LAYER_NAME_SIZE];
};

struct yd_channels_options {
    struct yd_bus *bus;
    const char *name;         /* on the bus, the same in every process; copied */
    yd_make_msg_fn *make_msg; /* of what comes from other processes */
    yd_list_member_fn *list_member;
    yd_send_direct_fn *send_direct; /* NULL: no member has a channel of its own */
    void *owner;                    /* bus must live as long */
    void (*release_owner)(void *owner);
};

/* release_owner(owner) runs when the last reference has gone.  Returns 0, or -ENOMEM: owner is the
 * caller's again. */
int yd_channels_new(const struct yd_channels_options *options, yodel_channels **ret_channels);

/* Before the loops run.  Takes a reference of groups.  Returns 0 or -ENOMEM. */
int yd_channels_attach(yodel_channels *channels, struct yd_groups *groups);

/* The layer's own groups. */
static inline struct yd_groups *yd_channels_groups(const yodel_channels *channels)
{
    return channels->groups;
}

static inline struct yd_bus *yd_channels_bus(const yodel_channels *channels)
{
    return channels->bus;
}

static inline const struct yodel_allocator *yd_channels_mem(const yodel_channels *channels)
{
    return yd_bus_mem(channels->bus);
}

/* On the loop of member: a member of the layer's own group.  Returns 0 or -ENOMEM. */
int yd_channels_join(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                     struct yd_member *member);
/* The same, with a text that the membership carries. */
int yd_channels_join_with(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                          struct yd_member *member, yodel_str text);
/* As yd_group_await(), of the layer's own group. */
bool yd_channels_await(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                       struct yd_member *member, void (*heard)(struct yd_member *member));
void yd_channels_leave(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                       struct yd_member *member);

/*
 * Delivers what to every member of name on every loop; takes references of its own.  On a loop's
 * thread its own members get it in a task after the present callback.
 * Returns 0, -ENOMEM, YODEL_ERR_CONGESTED, or YODEL_ERR_CLOSED when no loop runs any more.
 */
int yd_channels_send(yodel_channels *channels, yodel_str name, struct yd_msg *msg,
                     yodel_event *event);

/* The same for an event that has come from another program: it stays in this process. */
int yd_channels_send_here(yodel_channels *channels, yodel_str name, yodel_event *event);

/* Whether it is a group that the layer has for itself (channels/presence.h), and no one else. */
static inline bool yd_channels_is_own_group(yodel_str name)
{
    return name.len > 0 && name.ptr[0] == '\1';
}

/* A message of it; NULL when out of memory. */
static inline struct yd_msg *yd_channels_make_msg(const yodel_channels *channels,
                                                  yodel_ws_type type, yodel_bytes data)
{
    return channels->make_msg(yd_channels_mem(channels), type, data);
}

/* Members over all loops. */
size_t yd_channels_count(yodel_channels *channels, yodel_str name);

/* ---- for who carries its events ---- */

/* Before the loops run. */
void yd_channels_set_far(yodel_channels *channels, struct yd_channels_far *far);
static inline struct yd_channels_far *yd_channels_far(const yodel_channels *channels)
{
    return channels->far;
}
/* To a channel that is not here, of a layer that has one. */
static inline int yd_channels_send_far(yodel_channels *channels, yodel_str name,
                                       const yodel_event *event)
{
    return channels->far->ops->send(channels->far, name, event);
}
/* An event to one WebSocket of this process.  Returns as yd_send_direct_fn. */
static inline int yd_channels_send_direct(yodel_channels *channels, uint64_t id, yodel_event *event)
{
    return channels->send_direct != NULL ? channels->send_direct(channels, id, event) : 0;
}
/* Another reference, while the last one may be given back: false when it was. */
bool yd_channels_try_ref(yodel_channels *channels);
static inline yodel_str yd_channels_name(const yodel_channels *channels)
{
    return yodel_str_of(channels->name);
}
/* Which of its sets of groups are those of that layer: 0 its own, 1 and more attached ones; -1:
 * none of them. */
int yd_channels_source(const yodel_channels *channels, yodel_str layer);
/* Calls each(source, name, user) for groups that have members in this process now: those of one of
 * YD_DIRECTORY_STRIPES parts, in all sets of groups, or without the attached ones.  No group of
 * that part and set begins or ends meanwhile. */
void yd_channels_each_group(yodel_channels *channels, unsigned stripe, bool attached,
                            void (*each)(int source, yodel_str name, void *user), void *user);

/* First member of its owner; made with yd_ask_init(). */
struct yd_survey {
    struct yd_ask ask;
    /* For every member of the layer's own groups, on its loop, one at a time; note: the text of its
     * membership, empty without one. */
    void (*each)(struct yd_member *member, yodel_str note, struct yd_survey *survey);
    bool everywhere; /* in other processes too, if it is a listing */
};

/* Asks all loops for their members of name, and takes the survey's reference.  Returns as
 * yd_bus_ask(). */
int yd_channels_survey(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                       struct yd_survey *survey);

/* Counts the members of name over all processes.  Returns as yd_bus_ask(). */
int yd_channels_count_all(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                          yodel_group_count_fn *done, void *user);

/* Gathers the members of name over all loops and processes.  Returns as yd_bus_ask(). */
int yd_channels_list(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                     yodel_group_members_fn *done, void *user);

#endif
