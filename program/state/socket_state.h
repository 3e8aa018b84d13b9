/* SPDX-License-Identifier: MIT */
#ifndef YG_STATE_SOCKET_STATE_H
#define YG_STATE_SOCKET_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <yodel/loop.h>
#include <yodel/sio.h>

/*
 * What the program knows of a Socket.IO socket: who it is, what the back end keeps of it, and when
 * it ends.  It stands in the socket's JSON object, so it is seen by every node (command/reads.h)
 * and recovered with the socket:
 *
 *     {"user": "u7", "meta": ..., "info": ..., "expires_at": 1700000000}
 *
 * each left out, or null, when it is not set.  What belongs to this process alone, the timer and
 * the lane of hooks, is the socket's data.  All functions are for the socket's loop.
 */

/* The time has come, or will soon: socket is still there, and may be ended in here. */
typedef void(yg_expired_fn)(yodel_sio_socket *socket, void *user);

/* Who a socket is.  Strings and documents are borrowed; documents are copied deeply. */
struct yg_identity {
    const char *user;          /* NULL: anonymous */
    const char *personal_room; /* "user:{user}", as configured; NULL: none */
    const json_t *meta, *info; /* NULL: none */
    int64_t expires_at;        /* seconds since 1970; 0: never */
    /* Called once for each expires_at, lead_ms ahead of it, when the socket is connected. */
    yg_expired_fn *on_expiring; /* NULL: nobody is told */
    uint32_t lead_ms;
    yg_expired_fn *on_expired; /* leeway_ms after it; NULL: nobody is told */
    uint32_t leeway_ms;
    yg_expired_fn *on_changed; /* meta or expires_at has; NULL: nobody is told */
    void *expired_user;        /* must live as long as sockets */
};

/*
 * Says who a socket is, in its middleware; the personal room is joined.  A socket that has
 * recovered is told again.
 *
 * Returns 0, -ENOMEM, or what yodel_sio_socket_join() says of the personal room; then the socket is
 * to be refused.
 */
int yg_state_begin(yodel_sio_socket *socket, const struct yg_identity *who);

/* The socket is connected: it may be told that its time ends. */
void yg_state_connected(yodel_sio_socket *socket);

/* Ties what the server knows of the client's rights to a socket that has begun, in place of what
 * there was; it is freed with the socket's data. */
void yg_state_set_session(yodel_sio_socket *socket, void *session, yodel_free_fn *free_session);
/* NULL: none. */
void *yg_state_session(yodel_sio_socket *socket);

/* NULL: anonymous. */
const char *yg_state_user(yodel_sio_socket *socket);
/* NULL: none. */
const json_t *yg_state_meta(yodel_sio_socket *socket);
/* Seconds since 1970; 0: never. */
int64_t yg_state_expires_at(yodel_sio_socket *socket);

/* A change of what a command or a hook's answer says. */
struct yg_change {
    const json_t *meta; /* NULL: it stays; JSON null: none any more; copied deeply */
    bool has_expires;
    int64_t expires_at;
};

/*
 * Changes it: all of it, or nothing.  A time that is over has on_expired called in a later turn.
 *
 * Returns 0 or -ENOMEM.
 */
int yg_state_change(yodel_sio_socket *socket, const struct yg_change *change);

/* Ties the lane of hooks to a socket that has begun; it is freed with the socket's data. */
void yg_state_set_lane(yodel_sio_socket *socket, void *lane, yodel_free_fn *free_lane);
/* NULL: none. */
void *yg_state_lane(yodel_sio_socket *socket);

/*
 * The name of a user's room.
 *
 * pattern   "user:{user}": {user} is replaced, once
 *
 * Returns its length; 0: the pattern has no {user}, or the name is longer than size - 1.
 */
size_t yg_personal_room(const char *pattern, const char *user, char *ret_name, size_t size);

#endif
