/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_TRANSPORT_H
#define YD_EIO_TRANSPORT_H

#include "eio/eio.h"

/*
 * What carries the packets of a session: one static table for each of the two, yd_eio_polling and
 * yd_eio_websocket.  The transport's state is the session's poll or ws.  A transport tells the
 * session of what comes in and of its own end (eio/session.h).
 */
struct yd_eio_transport_ops {
    /* What was sent leaves ahead of the end by itself.  Else the client has to fetch it, and a
     * session that closes waits for that while the transport is not idle. */
    bool ends_in_order;

    /* Queues messages, all or, when it fails, none that the client would take for whole; flags of
     * yd_eio_send().  Returns 0, -ENOMEM, YODEL_ERR_CLOSED. */
    int (*send)(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags);
    /* Queues one short packet of text by copying it; the same results.  NULL: not here. */
    int (*send_copy)(struct yd_eio_session *session, yodel_str packet);
    /* The turn's output is complete: in the session's task.  NULL: it goes by itself. */
    void (*flush)(struct yd_eio_session *session);
    /* yd_eio_drained() comes once the output is empty.  NULL: it comes anyway. */
    void (*want_drain)(struct yd_eio_session *session);
    /* The session has ended, with reason: tells the client what can still be told.  Calls nothing
     * of the layer above. */
    void (*close)(struct yd_eio_session *session, enum yd_eio_reason reason);
    /* session->paused has changed: what the client sends rests, or is read again, never inside
     * this call. */
    void (*pause)(struct yd_eio_session *session);
    /* Frees the transport's state; after close, or of a session that was never used. */
    void (*free)(struct yd_eio_session *session);

    /* Bytes that were sent and have not left. */
    size_t (*buffered)(const struct yd_eio_session *session);
    /* Nothing is on the way, and what is sent now leaves in this turn. */
    bool (*is_idle)(const struct yd_eio_session *session);
    /* A packet is on its way to us and not whole: when its latest bytes came, as time of the loop,
     * ms.  Now, while it is we who do not read.  0: none is. */
    uint64_t (*heard_at)(const struct yd_eio_session *session);
};

#endif
