/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_CHECK_H
#define YD_EIO_EIO_CHECK_H

#include "eio/session.h"

/* What a request asks for, and whether it may. */

enum yd_eio_error {
    YD_EIO_OK = -1,
    YD_EIO_MOVED = -2, /* to the session's loop: the request is over */
    YD_EIO_BUSY = -3,  /* 503 */
    YD_EIO_ALIEN = -4, /* 403: the origin is not allowed */
    YD_EIO_FAR = -5,   /* the session is another node's, ask->far */
    YD_EIO_TRANSPORT_UNKNOWN = 0,
    YD_EIO_SESSION_UNKNOWN,
    YD_EIO_BAD_METHOD,
    YD_EIO_BAD_REQUEST,
    YD_EIO_FORBIDDEN,
    YD_EIO_BAD_VERSION
};

/* What the query asks for. */
struct yd_eio_ask {
    yodel_str transport, sid;
    bool v4, b64;
    struct yd_eio_session *session; /* of sid, on this loop; NULL: not looked up, or none */
    struct yd_eio_home far;         /* of sid, once the check has said YD_EIO_FAR */
};

/* Fills in all but session. */
void yd_eio_read_ask(yodel_request *req, struct yd_eio_ask *ret_ask);

/* The loop that an id names; NULL when no session can have it. */
struct yd_eio_loop *yd_eio_loop_of_id(struct yd_eio *eio, yodel_str sid);

/* The session of an id on this loop, unless it has died of silence; NULL for none. */
struct yd_eio_session *yd_eio_find(struct yd_eio_loop *home, yodel_str sid);

/* Whether the session of an id would be another node's, and where; never for a request that comes
 * from one. */
bool yd_eio_is_far(struct yd_eio *eio, const yodel_request *req, yodel_str sid,
                   struct yd_eio_home *ret_home);

/* All checks ahead of the hook, in the order of the reference.  Fills *ret_ask. */
enum yd_eio_error yd_eio_check(struct yd_eio_loop *home, yodel_request *req, bool upgrade,
                               struct yd_eio_ask *ret_ask);

/* Answers a request that may not be. */
void yd_eio_refuse(struct yd_eio *eio, yodel_request *req, bool upgrade, enum yd_eio_error error);

/* The same with another status than the error's own. */
void yd_eio_refuse_with(struct yd_eio *eio, yodel_request *req, bool upgrade,
                        enum yd_eio_error error, int status);
/* 403 with a message of the program's, UTF-8; NULL: the usual one. */
void yd_eio_refuse_because(struct yd_eio *eio, yodel_request *req, bool upgrade,
                           const char *message);

#endif
