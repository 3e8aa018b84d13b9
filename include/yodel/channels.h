/* SPDX-License-Identifier: MIT */
#ifndef YODEL_CHANNELS_H
#define YODEL_CHANNELS_H

#include <jansson.h>
#include <yodel/ws.h>

YODEL_C_BEGIN

/* A channel layer: named groups of WebSockets.  Reference-counted. */
typedef struct yodel_channels yodel_channels;

/*
 * Makes a channel layer in the memory of this process.  A server may have several, whose groups
 * have nothing to do with each other.
 *
 * server         whose WebSockets will be members; must live until the last reference is given back
 * ret_channels   one reference
 *
 * Returns 0 or -ENOMEM.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_channels_new_memory(yodel_server *server, yodel_channels **ret_channels) YODEL_SETUP_THREAD;

/*
 * One more reference.
 *
 * channels   not NULL
 *
 * Returns channels.
 */
YODEL_API yodel_channels *yodel_channels_ref(yodel_channels *channels) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  The last one is given back after the server has stopped.
 *
 * channels   NULL does nothing
 *
 * Returns NULL, always: channels = yodel_channels_unref(channels).
 */
YODEL_API yodel_channels *yodel_channels_unref(yodel_channels *channels) YODEL_ANY_THREAD;

/* Longest group name, bytes. */
#define YODEL_GROUP_NAME_MAX 255

/*
 * Makes ws a member of group.  It leaves every group by itself when it ends, however it ends.
 * Joining twice is one membership.  Allowed in on_connect, before ws is accepted; ready frames and
 * events reach it only once it is open.  What is sent in this process from now on reaches it.
 *
 * Of what other processes send by Redis, Redis must have heard of the group's first member here,
 * which takes a moment.  Until then the output of ws waits, such as the answer that accepts
 * it: what the client is sent after this call tells it that it is a member everywhere.  It waits
 * for a second at most, and not while Redis is away.
 *
 * group   1 to YODEL_GROUP_NAME_MAX bytes of UTF-8 without control characters; copied
 * ws      of this loop
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (group, also NULL), or YODEL_ERR_CLOSED (ws is over, in its
 * on_close too).
 */
YODEL_API int yodel_group_add(yodel_channels *channels, const char *group,
                              yodel_ws *ws) YODEL_LOOP_THREAD;

/* Bytes of a member's document. */
#define YODEL_GROUP_MAX_JSON 4096

/*
 * The same, with a document that yodel_group_members() lists: who is there.  It takes the place of
 * one that ws had in that group.
 *
 * group   as for yodel_group_add()
 * ws      as for yodel_group_add()
 * json    one JSON value, of at most YODEL_GROUP_MAX_JSON bytes; copied
 *
 * Returns as yodel_group_add(), or YODEL_ERR_TOO_BIG, YODEL_ERR_FORMAT (not JSON, not UTF-8).
 */
YODEL_API int yodel_group_add_json(yodel_channels *channels, const char *group, yodel_ws *ws,
                                   yodel_str json) YODEL_LOOP_THREAD;

/*
 * Takes a WebSocket out of a group.  Not being in it, or a group that is not, is no error; what was
 * sent to the group before this call may still reach it.
 *
 * group   as for yodel_group_add()
 * ws      of this loop, also when it is over
 */
YODEL_API void yodel_group_discard(yodel_channels *channels, const char *group,
                                   yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * Sends one message to every member, on every loop, at most once each.  The frame is encoded once.
 * What one thread sends to a group, frames and events alike, reaches each member in that order;
 * a call inside a handler is carried out after the handler has returned.
 *
 * group   as for yodel_group_add(); one without members is no error
 * type    YODEL_WS_TEXT or YODEL_WS_BINARY
 * data    copied; text must be UTF-8
 *
 * A member that has max_buffered waiting does not get it, or is closed (close_congested).
 *
 * Returns 0, or an error and nobody gets it: -ENOMEM, -EINVAL (type), YODEL_ERR_NAME,
 * YODEL_ERR_ENCODING, YODEL_ERR_CONGESTED (a loop with members has max_mailbox bytes waiting),
 * YODEL_ERR_CLOSED (server stopped).
 */
YODEL_API int yodel_group_send(yodel_channels *channels, const char *group, yodel_ws_type type,
                               yodel_bytes data) YODEL_ANY_THREAD;

/*
 * The same with JSON as text, made from jansson's packed format.
 *
 * group    as for yodel_group_add()
 * format   "{s:s}", and its values; references given with "o" are taken, whatever is returned
 *
 * Returns as yodel_group_send(), or YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_group_send_pack(yodel_channels *channels, const char *group, const char *format,
                                    ...) YODEL_ANY_THREAD;

/*
 * The same with a document of jansson's.
 *
 * group      as for yodel_group_add()
 * document   borrowed; it is written as text before the call returns
 *
 * Returns as yodel_group_send(), or YODEL_ERR_FORMAT (NULL, a string that is not UTF-8, too deep).
 */
YODEL_API int yodel_group_send_json(yodel_channels *channels, const char *group,
                                    const json_t *document) YODEL_ANY_THREAD;

/*
 * Sends a typed event to every member: each runs its handler for that type, which decides what to
 * send (as chat_message in Django Channels).
 *
 * group    as for yodel_group_add()
 * type     "chat.message"; 1 to 255 bytes of UTF-8 without control characters; copied
 * format   jansson's packed format of an object, or NULL for none:
 *              yodel_group_send_event(layer, group, "chat.message", "{s:s}", "message", text)
 *
 * Returns as yodel_group_send(), or YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_group_send_event(yodel_channels *channels, const char *group, const char *type,
                                     const char *format, ...) YODEL_ANY_THREAD;

/*
 * Counts the members of a group, WebSockets and readers of events, over all loops of this process.
 * A hint: it may change meanwhile.
 *
 * group   as for yodel_group_add()
 *
 * Returns how many there are now; 0 for a group that is not, and for a name that cannot be.
 */
YODEL_API size_t yodel_group_count(yodel_channels *channels, const char *group) YODEL_ANY_THREAD;

/*
 * How many members a group has; borrowed for the call.
 *
 * result    0, or why it is not complete: as that of yodel_group_members_result
 * missing   how many processes did not answer
 * count     those of the others, and of this one
 */
typedef struct yodel_group_count_result {
    size_t size; /* set by the library */
    int result;
    unsigned missing;
    uint64_t count;
} yodel_group_count_result;

/* Told by yodel_group_count_all(): result is borrowed for the call. */
typedef void(yodel_group_count_fn)(const yodel_group_count_result *result, void *user);

/*
 * Counts the members of a group in all processes: the sum of what yodel_group_count() says in each.
 * One message to all of them and a short answer of each; for a number that is to be known at any
 * time see yodel_watcher_count().
 *
 * group   as for yodel_group_add()
 * done    called once, on some loop's thread, within 10 s, never inside this call
 * user    borrowed, until done was called
 *
 * Returns 0, or an error and done is not called: -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_CONGESTED,
 * YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_group_count_all(yodel_channels *channels, const char *group,
                                    yodel_group_count_fn *done, void *user) YODEL_ANY_THREAD;

/* One member of a group. */
typedef struct yodel_group_member {
    yodel_id id;       /* of a WebSocket in this process; 0: it is in another one */
    yodel_str channel; /* its channel name, as yodel_ws_channel_name() */
    yodel_str json;    /* what it was added with; empty: nothing */
} yodel_group_member;

/*
 * The members of a group; borrowed for the call.
 *
 * result    0, or why it is not complete: -ETIMEDOUT, YODEL_ERR_CLOSED (a loop has ended),
 *           YODEL_ERR_UNSUPPORTED (another process cannot answer), -ENOMEM
 * missing   how many loops and processes did not answer
 * members   num_members of them, in no order
 */
typedef struct yodel_group_members_result {
    size_t size; /* set by the library */
    int result;
    unsigned missing;
    const yodel_group_member *members;
    size_t num_members;
} yodel_group_members_result;

/* Told by yodel_group_members(): result is borrowed for the call. */
typedef void(yodel_group_members_fn)(const yodel_group_members_result *result, void *user);

/*
 * Lists the members of a group, of all processes: who was one when its loop was asked.
 *
 * group   as for yodel_group_add()
 * done    called once, on some loop's thread, within 10 s, never inside this call
 * user    borrowed, until done was called
 *
 * Returns 0, or an error and done is not called: -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_CONGESTED,
 * YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_group_members(yodel_channels *channels, const char *group,
                                  yodel_group_members_fn *done, void *user) YODEL_ANY_THREAD;

/* Bytes of a channel name with its NUL. */
#define YODEL_CHANNEL_NAME_SIZE 64

/*
 * The channel name of a WebSocket, by which yodel_channel_send_event() reaches it from anywhere:
 * "specific.<process>!<id>".  Also after it has closed; never used again.
 *
 * ws         of this loop
 * ret_name   where it is written, NUL-terminated
 */
YODEL_API void yodel_ws_channel_name(const yodel_ws *ws,
                                     char ret_name[YODEL_CHANNEL_NAME_SIZE]) YODEL_LOOP_THREAD;

/*
 * Sends a typed event to one WebSocket.  One that has gone is no error.
 *
 * channel   what yodel_ws_channel_name() has written.  With a layer in Redis
 *           (yodel/channels_redis.h) any name of a channel, such as one that Django has given
 * type      as for yodel_group_send_event()
 * format    as for yodel_group_send_event(); NULL: an empty object
 *
 * Returns as yodel_group_send_event(); YODEL_ERR_CONGESTED with a layer in Redis also when the
 * channel's queue there is full.
 */
YODEL_API int yodel_channel_send_event(yodel_channels *channels, const char *channel,
                                       const char *type, const char *format, ...) YODEL_ANY_THREAD;

/*
 * The type of an event, as it was sent: "chat.message".
 *
 * event   of the handler's call
 *
 * Returns a view, borrowed for that call.
 */
YODEL_API yodel_str yodel_event_type(const yodel_event *event) YODEL_ANY_THREAD;

/*
 * Reads values out of an event with jansson's unpack format:
 *     const char *text; yodel_event_unpack(event, "{s:s}", "message", &text)
 *
 * event    of the handler's call; it may be read any number of times
 * format   of an object, and a pointer for each value.  Strings are borrowed for the handler's call
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (another shape): then nothing has been written.
 */
YODEL_API int yodel_event_unpack(const yodel_event *event, const char *format,
                                 ...) YODEL_ANY_THREAD;

/*
 * The object of an event as a document.  Other loops read it at the same time, so it must not be
 * changed, nor kept but by json_deep_copy().
 *
 * event   of the handler's call
 *
 * Returns it, borrowed for that call; an empty object when the event came without one.
 */
YODEL_API const json_t *yodel_event_json(const yodel_event *event) YODEL_ANY_THREAD;

YODEL_C_END

#endif
