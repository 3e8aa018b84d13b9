/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_POLLING_H
#define YD_EIO_POLLING_H

#include "eio/poll_queue.h"
#include "eio/probe.h"
#include "eio/session.h"
#include "proto/eio_payload.h"

/* The transport HTTP long polling: a GET that is held until there is something to say, and POSTs.
 */

extern const struct yd_eio_transport_ops yd_eio_polling;

/* Its state. */
struct yd_eio_poll {
    struct yd_eio_session *session;
    yodel_request *get;  /* held */
    yodel_request *post; /* its body is on the way, or it is held back */
    bool held_back;      /* the answer to post waits: the client has to fetch the queue, or rests */
    struct yd_eio_payload rest; /* of post while that is held back: what was not taken yet */
    struct yd_eio_queue queue;
    struct yd_timer release_timer; /* runs while a poll is held that stands in a probe's way */
    struct yd_eio_probe probe;
};

/* Gives a new session its state.  Returns 0 or -ENOMEM. */
int yd_eio_poll_new(struct yd_eio_session *session);

/* Frees what a session had when it polled. */
void yd_eio_poll_free(struct yd_eio_poll *poll);

/* NULL when the session does not poll. */
static inline struct yd_eio_poll *yd_eio_poll_of(const struct yd_eio_session *session)
{
    return session->transport == YD_EIO_POLLING ? session->poll : NULL;
}

/* Requests of an existing session; answers or holds them. */
void yd_eio_on_get(struct yd_eio_session *session, yodel_request *req);
void yd_eio_on_post(struct yd_eio_session *session, yodel_request *req);

/* A POST is held back whose packets have not all been taken. */
static inline bool yd_eio_poll_has_rest(const struct yd_eio_poll *poll)
{
    return poll->held_back && !yd_eio_payload_is_over(&poll->rest);
}

/* The head of a POST is there; a second one at once ends the session, and is answered. */
void yd_eio_poll_expect_post(struct yd_eio_session *session, yodel_request *req);
void yd_eio_poll_forget_post(struct yd_eio_poll *poll);

/* Answers a poll that is held, with what there is: the client can go on. */
void yd_eio_poll_release(struct yd_eio_session *session);

/* The queue goes elsewhere, whole: a poll that is still held gets nothing of it. */
void yd_eio_poll_part(struct yd_eio_session *session);

#endif
