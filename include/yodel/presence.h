/* SPDX-License-Identifier: MIT */
#ifndef YODEL_PRESENCE_H
#define YODEL_PRESENCE_H

#include <yodel/channels.h>

YODEL_C_BEGIN

/*
 * Presence: who is in a group, on all nodes, and who comes and goes.  Members are WebSockets; what
 * each was added with by yodel_group_add_json() is its document.
 *
 * Every watcher is told of each member once when it comes and once when it goes: by itself, or with
 * its node, whose death is known within 10 s.  Nodes that are cut off from each other tell that the
 * members of the other side have gone, and have come again when they are together again.  What is
 * lost on the way is made good within 5 s.  Without Redis (yodel/cluster.h) all is the same, for
 * one process.
 */

/* What has happened. */
typedef enum yodel_presence_change {
    YODEL_PRESENCE_JOINED = 1, /* also who was there when the watch began */
    YODEL_PRESENCE_LEFT,
    YODEL_PRESENCE_CHANGED /* it has another document */
} yodel_presence_change;

/* A change; borrowed for the call. */
typedef struct yodel_presence {
    size_t size; /* set by the library */
    yodel_presence_change change;
    yodel_str group;
    yodel_id id;       /* of a WebSocket in this process; 0: it is in another one */
    yodel_str channel; /* its channel name, as yodel_ws_channel_name() */
    yodel_str json;    /* its document, of LEFT the last one; empty: none */
    size_t count;      /* members after this change, as far as the watcher has been told */
} yodel_presence;

/* Somebody who watches a group.  Lives until yodel_group_unwatch(). */
typedef struct yodel_watcher yodel_watcher;

/*
 * Told of a change, on the loop of yodel_group_watch().  It may do anything, also end the watch.
 *
 * presence   borrowed for the call
 * user       of the watch
 */
typedef void(yodel_presence_fn)(const yodel_presence *presence, void *user);

typedef struct yodel_watch_options {
    size_t size;
    yodel_presence_fn *fn; /* not NULL */
    void *user;
    yodel_free_fn *free_user; /* frees user after the last call; NULL: nothing.  When the call
                                 fails user is still the caller's */
    size_t max_members;       /* that are known at a time; above it others are not told of and are
                                 counted (yodel_channels_stats.presence_refused); 0: 10000 */
    size_t max_bytes;         /* of their names and documents, the same; 0: 16 MiB */
} yodel_watch_options;

/*
 * Watches a group from now on.  Who is there already is told of as JOINED.  Watchers of one group
 * on one loop share what they know, and the largest of their limits.
 *
 * To be called in a callback of some loop of the server, which is the watcher's: to begin with the
 * server, in on_start of yodel_server_add_loop_handlers().
 *
 * channels      a reference, kept until the watch ends
 * group         as for yodel_group_add()
 * options       fn at least
 * ret_watcher   to be ended by yodel_group_unwatch()
 *
 * Returns 0, -ENOMEM, -EINVAL (no channels, no fn), YODEL_ERR_OPTIONS, YODEL_ERR_NAME,
 * YODEL_ERR_STATE (not on a loop of the server).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_group_watch(yodel_channels *channels, const char *group,
                                                   const yodel_watch_options *options,
                                                   yodel_watcher **ret_watcher) YODEL_LOOP_THREAD;

/*
 * Ends a watch.  On its loop no call follows; for other threads one may be under way, and free_user
 * says when none is any more.  Also after the server has stopped, when it must be called all the
 * same.
 *
 * watcher   not to be used after this; NULL does nothing
 *
 * Returns NULL, always: watcher = yodel_group_unwatch(watcher).
 */
YODEL_API yodel_watcher *yodel_group_unwatch(yodel_watcher *watcher) YODEL_ANY_THREAD;

/*
 * How many members the group has on all nodes, as far as the watcher has been told.
 *
 * watcher   not ended
 */
YODEL_API size_t yodel_watcher_count(const yodel_watcher *watcher) YODEL_ANY_THREAD;

/* What a channel layer has done since it was made; the first three are of now. */
typedef struct yodel_channels_stats {
    size_t size;               /* set by the caller */
    uint64_t watchers;         /* that have not ended */
    uint64_t watched;          /* members that they know of, for each loop and group */
    uint64_t reported;         /* groups whose changes are told to watchers, for each loop */
    uint64_t presence_changes; /* told to watchers */
    uint64_t presence_resyncs; /* states of another loop or node that were asked for anew */
    uint64_t presence_refused; /* members at max_members or max_bytes, groups at 10000 reported */
    uint64_t malformed;        /* that came from other nodes and was dropped */
    uint64_t history_kept;     /* messages that were kept (yodel/history.h) */
    uint64_t history_lost;     /* that were to be kept and could not */
    uint64_t history_read;     /* messages that were read */
    uint64_t history_gone;     /* offsets that were asked for and were gone */
} yodel_channels_stats;

/*
 * Counters, for monitoring.
 *
 * channels    a reference
 * ret_stats   size set; filled in
 *
 * Returns 0, or -EINVAL (size).
 */
YODEL_API int yodel_channels_get_stats(yodel_channels *channels,
                                       yodel_channels_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
