/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HISTORY_H
#define YODEL_HISTORY_H

#include <yodel/channels.h>

YODEL_C_BEGIN

/*
 * History: what was sent to a group by yodel_group_send() and its like (not events) is kept for
 * those that come later, or come back.  Each kept message has an offset, a short text that says
 * where it stands; a client that has seen one goes on after it, without a gap and without a
 * message twice.
 *
 * The messages of a group that is kept have one order, that of their offsets, for all members.
 * They take the way over the server's first loop; between them and events, and messages of other
 * groups, there is no order.
 */

typedef struct yodel_history_options {
    size_t size;
    unsigned max_messages; /* kept for each group, the oldest go first; 0: 100 */
    size_t max_bytes;      /* of these for each group; 0: 1 MiB */
    uint32_t ttl_ms;       /* how long a message is kept; 0: 3600000; UINT32_MAX: no limit */
    unsigned max_groups;   /* that have a history; of the one that was quiet longest it goes first;
                              0: 10000 */
    int envelope; /* 1: members get {"offset":"...","data":...}, so that clients know where they
                     stand; what is sent must be text that is one JSON value */

    /* 1: what is sent must be text, ["event", argument, ...], an event of Socket.IO, for groups
     * that are rooms (yodel_sio_emit_kept()): sockets and readers of events get that event and not
     * "message", with an envelope the offset as one more argument.  WebSockets get the text. */
    int sio_events;
} yodel_history_options;

/*
 * Has the messages of some groups kept, in the memory of this process or, after
 * yodel_channels_keep_in_redis(), in Redis for all nodes.
 *
 * channels   of a server that does not run yet
 * pattern    the name of a group, or with a '*' at its end all that begin so; the first pattern
 *            that was added and fits a group counts for it.  Copied
 * options    NULL: all defaults
 *
 * Returns 0, -ENOMEM, YODEL_ERR_OPTIONS, YODEL_ERR_NAME (pattern).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_channels_keep_history(yodel_channels *channels, const char *pattern,
                            const yodel_history_options *options) YODEL_SETUP_THREAD;

/*
 * A rule of yodel_channels_set_history().
 *
 * pattern      of the names of groups, as for yodel_pattern_fits(): '*' anywhere, also several
 * namespaces   NULL: pattern is held against the whole name.  Else the rule is for the rooms of
 *              Socket.IO (yodel_sio_emit_kept()), whose groups are "/chat#room": this pattern is
 *              held against what is ahead of the first '#', and the other one against what is
 *              behind it, the room's name.  So {"lobby", "*"} is for the rooms "lobby" of all
 *              namespaces, also of those that are made later, and for no room "x#lobby"
 * options      NULL: the groups that fit are not kept
 */
typedef struct yodel_history_rule {
    const char *pattern;
    const char *namespaces;
    const yodel_history_options *options;
} yodel_history_rule;

/*
 * Has the messages of some groups kept, in place of all that was said by this function and by
 * yodel_channels_keep_history() before; also while the server runs.  It counts at once for all that
 * is sent, read and forgotten.  What is kept stays until its time has passed, and is read again by
 * a rule that keeps its group; other options are those of the next message for it, too.  In
 * Redis a group that has members and was not kept is followed a moment later, when the loop has
 * found it.  All nodes should have the same rules: one that does not keep a group does not get what
 * another one keeps of it in Redis.
 *
 * rules       the first that fits a group counts for it.  Copied, with all that they point at; NULL
 *             when there are none
 * num_rules   0: nothing is kept
 *
 * Returns 0; or all stays as it was: -EINVAL, -ENOMEM, YODEL_ERR_OPTIONS, YODEL_ERR_NAME (a pattern
 * is NULL, empty or no UTF-8).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_channels_set_history(yodel_channels *channels,
                                                            const yodel_history_rule *rules,
                                                            size_t num_rules) YODEL_ANY_THREAD;

/* Bytes of an offset with its NUL. */
#define YODEL_OFFSET_SIZE 48

/*
 * Told by yodel_group_send_told() and yodel_sio_emit_kept_told(): where a message stands.
 *
 * result   0: it is kept.  In Redis also: -ENOTCONN: it was not taken in patience_ms, so the
 *          members in this process have it, and it is kept when Redis takes it, if it does;
 *          YODEL_ERR_CONGESTED or -EIO: the members in this process get it, and it is not kept
 *          (max_queue; Redis refused it).  -ENOMEM, YODEL_ERR_CLOSED: nobody gets it
 * offset   borrowed for the call; NULL when result is not 0
 * user     as it was given
 */
typedef void(yodel_kept_fn)(int result, const char *offset, void *user);

/*
 * Sends a message to a group that is kept, and tells where it stands.
 *
 * type   as for yodel_group_send()
 * data   as for yodel_group_send()
 * fn     called once, on the server's first loop, never inside this call; in Redis at the latest
 *        when patience_ms are over, or the server ends.  Members may have the message before that
 * user   borrowed until then
 *
 * Returns as yodel_group_send(), or YODEL_ERR_UNSUPPORTED: the group is not kept; fn is called only
 * after 0.
 */
YODEL_API int yodel_group_send_told(yodel_channels *channels, const char *group, yodel_ws_type type,
                                    yodel_bytes data, yodel_kept_fn *fn,
                                    void *user) YODEL_ANY_THREAD;

/* A message that was kept; borrowed for the call. */
typedef struct yodel_kept_message {
    char offset[YODEL_OFFSET_SIZE]; /* NUL-terminated */
    yodel_ws_type type;
    yodel_bytes data; /* as it was sent, without an envelope */
} yodel_kept_message;

/*
 * What was read; borrowed for the call.
 *
 * result     0; or nothing was read: -ENOMEM, YODEL_ERR_CLOSED (the server ends; the WebSocket has
 *            left the group), YODEL_ERR_CONGESTED (more came meanwhile than it may wait for); in
 *            Redis (yodel/history_redis.h) -ENOTCONN (it does not answer) or -EIO (what it says is
 *            no history), too
 * gone       1: there were messages after `from` that are kept no more, or are above limit: these
 *            are not all.  Also when from is of another time, such as before a restart
 * last       where the next call goes on: the offset of the last message, or from; "" when there
 *            is nothing
 */
typedef struct yodel_history {
    size_t size; /* set by the library */
    int result;
    int gone;
    const yodel_kept_message *messages; /* the oldest first */
    size_t num_messages;
    const char *last;
} yodel_history;

/* Told by yodel_group_history(). */
typedef void(yodel_history_fn)(const yodel_history *history, void *user);

/*
 * Reads what is kept of a group.
 *
 * group   as for yodel_group_add()
 * from    an offset: what came after it; NULL or "": all that is kept
 * limit   at most so many, and these the last ones; 0: no limit
 * fn      called once, on the server's first loop, never inside this call
 * user    borrowed until then
 *
 * Returns 0, or an error and fn is not called: -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_UNSUPPORTED (it
 * is not kept), YODEL_ERR_FORMAT (from is no offset), YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED.
 */
YODEL_API int yodel_group_history(yodel_channels *channels, const char *group, const char *from,
                                  size_t limit, yodel_history_fn *fn, void *user) YODEL_ANY_THREAD;

/*
 * Forgets what is kept of a group: it is read no more, and offsets ahead of it are `gone`.  What is
 * sent after this call is kept.  In Redis it is forgotten for all nodes.
 *
 * group   as for yodel_group_add()
 * fn      called once, on the server's first loop, never inside this call, with the result and no
 *         messages; NULL: nobody wants to know
 * user    borrowed until then
 *
 * Returns as yodel_group_history().
 */
YODEL_API int yodel_group_forget_history(yodel_channels *channels, const char *group,
                                         yodel_history_fn *fn, void *user) YODEL_ANY_THREAD;

/*
 * Told by yodel_group_resume(): to send what was missed.
 *
 * ws        NULL: it has left the group, or has closed
 * history   borrowed for the call
 * user      as it was given
 */
typedef void(yodel_resume_fn)(yodel_ws *ws, const yodel_history *history, void *user);

/*
 * Makes ws a member of group, as yodel_group_add(), and reads what came after `from`.  Until fn has
 * returned ws gets no message of the group; after that it gets all that are not in what fn was
 * given, each once: so nothing is missed and nothing comes twice between the two.
 *
 * group   as for yodel_group_add()
 * ws      of this loop; it may be a member already
 * from    as for yodel_group_history()
 * limit   as for yodel_group_history()
 * fn      called once, on the loop of ws, never inside this call.  NULL: the messages are sent to
 *         ws as they would have been sent then; with an envelope, {"gone":true} comes ahead of them
 *         when some are gone
 * user    borrowed until then
 *
 * Returns 0, or an error and nothing has been done: as yodel_group_add() and yodel_group_history().
 */
YODEL_API int yodel_group_resume(yodel_channels *channels, const char *group, yodel_ws *ws,
                                 const char *from, size_t limit, yodel_resume_fn *fn,
                                 void *user) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
