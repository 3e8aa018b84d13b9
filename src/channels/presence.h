/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_PRESENCE_H
#define YD_CHANNELS_PRESENCE_H

#include <yodel/presence.h>

#include "base/list.h"
#include "bus/call.h"
#include "channels/channel_op.h"

/*
 * Presence.  Each loop of each process is a source: it alone knows its own members of a group, and
 * gives them a version, which changes whenever they do; 0 stands for none.  A source reports a
 * group only while somebody watches it:
 *
 *     INTEREST   to everyone, every 5 s and when something is missed: the groups that are watched,
 *                and of each the sources that are known, with their versions.  A source that is at
 *                another version sends its
 *     STATE      all its members, in parts
 *     DELTA      one change: from the version before to the one after
 *
 * The last two go to the group "\1" + NAME, whose members are the views of the loops that watch
 * NAME.  So a view that misses anything finds out, at the next DELTA or the next INTEREST.
 */

/* How long an interest lasts, and from one to the next. */
#define YD_INTEREST_MS 20000
#define YD_INTEREST_EVERY_MS 5000

/* ---- messages (presence_op.c) ---- */

/* What is said of one member. */
struct yd_presence_item {
    uint64_t id; /* in its process */
    yodel_str channel, json;
};

/* A source, and one of its versions. */
struct yd_presence_at {
    yodel_str process; /* borrowed */
    uint8_t loop;
    uint64_t version;
};

/* Makes an operation of that kind with bytes, which it takes; to group, or to all loops when that
 * is empty.  Returns as yd_bus_send(). */
int yd_presence_send(yodel_channels *channels, enum yd_channel_kind kind, yodel_str group,
                     struct yd_buf *bytes, bool local);

int yd_presence_put_at(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_presence_at *at);
int yd_presence_put_item(const struct yodel_allocator *mem, struct yd_buf *buf,
                         const struct yd_presence_item *item);
struct yd_wire_reader;
/* False: malformed. */
bool yd_presence_get_at(struct yd_wire_reader *reader, struct yd_presence_at *ret_at);
bool yd_presence_get_item(struct yd_wire_reader *reader, struct yd_presence_item *ret_item);

/* ---- one loop's part ---- */

struct yd_presence_loop {
    yodel_channels *channels; /* its owner */
    struct yd_loop *loop;
    struct yd_map rooms; /* groups that are reported */
    struct yd_map views; /* groups that are watched */
    struct yd_list rooms_list, views_list;
    uint64_t version; /* the last that was given */
    struct yd_timer tick;
    atomic_bool lost_all; /* there was no memory to tell which process was lost */
};

/* Returns 0 or -ENOMEM. */
int yd_presence_init(yodel_channels *channels);
/* Nobody watches any more. */
void yd_presence_done(yodel_channels *channels);
/* The timer runs as long as there is anything for it. */
void yd_presence_wake(struct yd_presence_loop *own);

static inline struct yd_presence_loop *yd_presence_of(yodel_channels *channels,
                                                      const struct yd_loop *loop)
{
    return &channels->presence[loop->index];
}

/* ---- as a source (presence_room.c) ---- */

/* A member of one of the layer's groups has changed: what the hook of its groups gets. */
void yd_rooms_changed(void *channels, const struct yd_group_change *change);
/* What watches those groups knows that of this source. */
void yd_rooms_interest(struct yd_presence_loop *own, struct yd_wire_reader *reader);
void yd_rooms_expire(struct yd_presence_loop *own);
void yd_rooms_free(struct yd_presence_loop *own);

/* ---- as a view (presence_view.c) ---- */

/* All that is known of a group on one loop. */
struct yd_view {
    struct yd_map_node node;
    struct yd_list of_own;
    struct yd_presence_loop *own;
    struct yd_member member; /* of the group "\1" + name */
    struct yd_list watchers;
    struct yd_map sources;
    struct yd_list sources_list;
    size_t count, bytes; /* of members */
    size_t num_sources;
    size_t max_members, max_bytes;
    unsigned walks; /* over watchers or members: it stays meanwhile */
    uint64_t asked; /* when it last sent an interest out of turn */
    size_t name_len;
    char name[]; /* "\1" and the name */
};

struct yodel_watcher {
    struct yd_list of_view;
    struct yd_view *view;
    struct yd_loop *loop;
    yodel_channels *channels; /* a reference */
    yodel_presence_fn *fn;
    void *user;
    yodel_free_fn *free_user;
    atomic_size_t count;
    bool begun; /* it was told who was there */
    bool ended;
    struct yd_mail task; /* tells it who is there, and ends it */
    bool task_pending;
    struct yd_call end;
};

/* Finds or makes it.  NULL: out of memory. */
struct yd_view *yd_view_get(struct yd_presence_loop *own, yodel_str name);
/* Frees it if nobody watches any more. */
void yd_view_drop(struct yd_view *view);
static inline yodel_str yd_view_name(const struct yd_view *view)
{
    return (yodel_str){view->name + 1, view->name_len - 1};
}

void yd_view_state(struct yd_view *view, struct yd_wire_reader *reader);
void yd_view_delta(struct yd_view *view, struct yd_wire_reader *reader);
/* The process is lost (empty: all but this one): its members have left. */
void yd_views_lose(struct yd_presence_loop *own, yodel_str process);
/* Tells watcher of all that are there. */
void yd_view_tell_all(struct yd_view *view, yodel_watcher *watcher);
/* Sends interests: of all, or of one. */
void yd_views_ask(struct yd_presence_loop *own, struct yd_view *only);

#endif
