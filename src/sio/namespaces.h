/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_NAMESPACES_H
#define YD_SIO_NAMESPACES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/sio.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "sio/sio_config.h"

/* The namespaces of a service.  All loops share them: what is set up is only read once they run,
 * what changes is split by loop or behind the set's lock. */

/* The sockets of a namespace on one loop. */
struct yd_sio_shard {
    struct yd_list sockets; /* those that targets can mean: NOTING, CONNECTED, AWAY, and LEAVING */
    struct yd_list of_children;   /* the same, of all children of a parent */
    struct yd_map by_id;          /* those that are CONNECTING as well */
    struct yd_map by_pid;         /* those that can be recovered */
    struct yd_sio_config *config; /* that the loop uses; NULL: none yet */
    unsigned version;             /* of it */
    atomic_size_t count;          /* of sockets; read by any thread */
    atomic_size_t connected;      /* those that are CONNECTED; of a parent: its children's */
};

struct yodel_sio_namespace {
    struct yd_map_node node;
    atomic_uint refs; /* the set, sockets, operations */
    yodel_sio *sio;
    /* Whose configuration it has: its own, or that of its parent. */
    _Atomic(yodel_sio_namespace *) configured;
    struct yd_sio_config *config; /* a reference; with the lock held.  NULL: its parent's */
    atomic_uint version;          /* of config */
    atomic_bool is_watched;       /* config has functions that see what goes out */
    atomic_bool watches_rooms;    /* or what happens in rooms */
    bool stays;                   /* the program made it: it does not go with its last socket */
    struct yd_sio_parent *parent; /* NULL: not a child */
    bool is_parent;               /* no client is in it: emits go to its children */
    atomic_size_t num_sockets;    /* over all loops, connecting ones too */
    atomic_size_t num_joins;      /* operations under way that make sockets join rooms */
    atomic_uint_least64_t ack_id;
    struct yd_group_tally *room_tally; /* a reference: of its rooms */
    size_t name_len;
    char *name;
    struct yd_sio_shard shards[];
};

/* A parent is a namespace that no client is in, with a rule for its children's names. */
struct yd_sio_parent {
    _Atomic(struct yd_sio_parent *) next;
    yodel_sio_namespace *ns;
    yodel_sio_match_fn *match;
    void *user;
    void *pattern;         /* compiled; NULL: match */
    unsigned num_children; /* now; with the lock held */
};

struct yd_sio_watcher;

struct yd_sio_namespaces {
    pthread_mutex_t lock; /* for the map, and who watches it */
    struct yd_sio_watcher *watchers;
    struct yd_map map;
    /* In the order they were added; they stay, so they are read without the lock. */
    _Atomic(struct yd_sio_parent *) parents;
};

void yd_sio_namespaces_init(struct yd_sio_namespaces *set, const struct yodel_allocator *mem,
                            const uint64_t secret[2]);
/* After the loops have ended. */
void yd_sio_namespaces_done(struct yd_sio_namespaces *set);

/* The namespace of a name, made if it is not there; borrowed.  One that a parent's pattern matches
 * is the parent's child, with its handlers and middleware as they are now; one that clients made
 * stays, and has them as its own, from now on.  NULL when out of memory. */
yodel_sio_namespace *yd_sio_add_ns(yodel_sio *sio, yodel_str name);
/* A parent, by pattern (compiled, taken unless it fails) or else match; borrowed.  NULL when out of
 * memory. */
yodel_sio_namespace *yd_sio_add_parent(yodel_sio *sio, void *pattern, yodel_sio_match_fn *match,
                                       void *user);

/* Notes what is_watched and watches_rooms say.  With the lock held. */
void yd_sio_ns_note_watchers(yodel_sio_namespace *ns);

/* Any thread. */
yodel_sio_namespace *yd_sio_ns_ref(yodel_sio_namespace *ns);
/* Takes NULL. */
void yd_sio_ns_unref(yodel_sio_namespace *ns);

/* A reference to the namespace of a name; NULL when there is none.  Any thread. */
yodel_sio_namespace *yd_sio_ns_find(yodel_sio *sio, yodel_str name);

/* References to the children that a parent has now: *ret_children holds them, to be freed with
 * yd_buf_free() once they are given back.  Returns how many, or -ENOMEM. */
int yd_sio_ns_children(yodel_sio_namespace *parent, struct yd_buf *ret_children);

/* The namespace of a name, with one more socket; a child of parent when it is not there, parent
 * NULL: only if it is.  *ret_ns is a reference, given back by yd_sio_ns_left().  Returns 0,
 * YODEL_ERR_NOT_FOUND, YODEL_ERR_TOO_BIG (max_children), -ENOMEM. */
int yd_sio_ns_enter(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent,
                    yodel_sio_namespace **ret_ns);
/* A socket has gone: a child without any goes too, unless the options say no. */
void yd_sio_ns_left(yodel_sio_namespace *ns);

#endif
