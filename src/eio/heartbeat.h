/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_HEARTBEAT_H
#define YD_EIO_HEARTBEAT_H

#include "eio/session.h"

/*
 * The times of a session: pings and the pongs that answer them, and how long a client may take to
 * be told of the end.  Runs session->beat and keeps session->beat_state; what is to be done when
 * the timer fires is the session's.
 */

enum yd_eio_beat_state {
    YD_EIO_BEAT_RESTS = 0, /* to the next ping */
    YD_EIO_BEAT_AWAITS,    /* a pong */
    YD_EIO_BEAT_EXTENDED   /* a pong, and another packet has restarted the wait for it */
};

/* The time to the next ping begins. */
void yd_eio_beat_start(struct yd_eio_session *session);

/* The time that a client may take to be told of the end begins. */
void yd_eio_beat_linger(struct yd_eio_session *session);

/* A packet was heard. */
void yd_eio_beat_hear(struct yd_eio_session *session, bool pong);

/* The transport has changed. */
void yd_eio_beat_renew(struct yd_eio_session *session);

enum yd_eio_beat_due {
    YD_EIO_BEAT_WAITS, /* nothing: a packet that is coming in stands ahead of the pong */
    YD_EIO_BEAT_PINGS, /* a ping; the wait for its pong runs */
    YD_EIO_BEAT_ENDS   /* the end: no pong in time, and nothing else has come either */
};

/* The timer has fired: what is due now. */
enum yd_eio_beat_due yd_eio_beat_fire(struct yd_eio_session *session);

#endif
