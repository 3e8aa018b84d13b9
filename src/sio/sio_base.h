/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_BASE_H
#define YD_SIO_SIO_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/sio.h>

#include "base/list.h"
#include "channels/channels.h"
#include "groups/groups.h"
#include "sio/namespaces.h"
#include "sio/sio_ids.h"

/* What all parts of a service share. */

/* Who is told of all that a loop's sockets do (sio_watch.h). */
struct yd_sio_watch {
    bool is_on;
    void *user;
    yodel_sio_watcher watcher;
};

/* One loop's part; that loop's alone. */
struct yd_sio_loop {
    uint64_t stamp;                /* of the present broadcast */
    struct yd_sio_cursor *cursors; /* walks over sockets' rooms */
    struct yd_map stays;           /* of sockets in rooms that are watched */
    bool stopping;                 /* clients lost now will not come back */
    struct yd_list away; /* sockets that are AWAY, by of_client, the one lost first in front */
    struct yd_list gone; /* those that were, and are freed in this turn */
    unsigned num_away;
    struct yd_mail leave; /* of leave.c, while there are clients with sockets that are LEAVING: */
    struct yd_sio_client *leaving, **leaving_end;
    struct yd_sio_watch watch;
};

/* What yodel_sio_get_stats() tells; counted by every loop. */
struct yd_sio_counters {
    atomic_uint_least64_t answers_dropped, lost, lost_forgotten, children_refused, too_big,
        attachments_late, acks_refused, namespaces_refused, joins_refused;
};

static inline void yd_sio_count_one(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

struct yd_sio_order;

/* A socket has come into the room of its id, or gone.  On its loop. */
typedef void(yd_sio_own_room_fn)(void *arg, yodel_str nsp, yodel_str id, bool begins);

struct yodel_sio {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    yodel_sio_options options; /* filled in; its pointers are not kept */
    struct yd_eio *eio;
    struct yd_bus *bus;
    struct yd_layer layer; /* of the bus, under name */
    char name[YD_LAYER_NAME_SIZE];
    struct yd_groups *rooms;  /* a reference; their names are "/chat#room" */
    yodel_channels *channels; /* a reference; what is sent to its groups reaches rooms of that name;
                                 NULL: none */
    struct yd_loop **loops;
    unsigned num_loops;
    uint32_t decide_ms;
    struct yd_sio_loop *per_loop;
    struct yd_sio_ids ids;
    uint64_t secret[2]; /* of hashes */
    struct yd_sio_namespaces namespaces;
    struct yd_sio_counters counters;
    struct {
        struct yd_map rooms;         /* loop 0's alone */
        bool is_ready;               /* it has memory; with the namespaces' lock held */
    } told;                          /* see room_events.h */
    struct yd_sio_bundle *bundle;    /* the client's files; NULL: none */
    yd_deliver_fn *deliver;          /* of sockets as members of groups */
    atomic_uint num_server_acks;     /* answers to other servers that the program holds */
    yd_sio_own_room_fn *on_own_room; /* of sockets that targets can mean; NULL: nobody asks */
    void *own_room_arg;
    atomic_uint num_sent_watchers; /* loops that want to see what goes out */
    struct yd_sio_order *order;    /* of emits, and of recovery; NULL: this process alone */
    atomic_bool has_readers;       /* of server-sent events: once there was one */
    void (*free)(yodel_sio *sio);  /* without references */
    void *owner;                   /* kept alive until release_owner(owner) */
    void (*release_owner)(void *owner);
};

/* As yodel_sio_ref(), while the last reference may be given back: false when it was. */
bool yd_sio_try_ref(yodel_sio *sio);

#endif
