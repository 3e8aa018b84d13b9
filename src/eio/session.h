/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_SESSION_H
#define YD_EIO_SESSION_H

#include "eio/eio_service.h"
#include "eio/transport.h"
#include "proto/eio_packet.h"

/*
 * A session, whatever carries it.  Its phases, which session.c alone changes:
 *
 *     NEW -> OPEN -> CLOSING -> LINGERING -> ENDED
 *        \     \          \
 *         `-----`----------`-> ENDING ----> ENDED
 *
 * On the way to LINGERING or from ENDING to ENDED the layer above is told, in a task.
 */
enum yd_eio_phase {
    YD_EIO_PHASE_NEW = 0,   /* the layer above does not know of it */
    YD_EIO_PHASE_OPEN,      /* packets go both ways */
    YD_EIO_PHASE_CLOSING,   /* closed by the layer above; the client has still to fetch */
    YD_EIO_PHASE_LINGERING, /* the same, and the layer above was told */
    YD_EIO_PHASE_ENDING,    /* the transport has ended; the layer above is to be told */
    YD_EIO_PHASE_ENDED      /* is freed by the task */
};

struct yd_eio_poll;

/* Kept small: there is one for every idle client. */
struct yd_eio_session {
    struct yd_map_bare node; /* key: id */
    struct yd_eio_loop *home;
    union { /* its state, as the transport says */
        struct yd_eio_poll *poll;
        yodel_ws *ws; /* NULL: not there yet, or gone */
    };
    void *data; /* of the layer above; NULL: it does not know of this session */
    struct yd_eio_handshake *handshake;
    struct yd_timer beat; /* heartbeat.h */
    struct yd_mail task;
    char id[YD_EIO_ID_LEN];
    uint8_t phase;         /* enum yd_eio_phase */
    uint8_t reason;        /* enum yd_eio_reason, from CLOSING on */
    uint8_t beat_state;    /* heartbeat.h */
    uint8_t transport : 1; /* enum yd_eio_transport */
    bool task_queued : 1;
    bool congested : 1; /* on_drain is owed */
    bool b64 : 1;       /* binary goes as text */
    bool paused : 1;    /* nothing is read until the layer above says so */
};

static inline const struct yodel_allocator *yd_eio_mem(const struct yd_eio_session *session)
{
    return session->home->eio->mem;
}

static inline bool yd_eio_is_open(const struct yd_eio_session *session)
{
    return session->phase == YD_EIO_PHASE_OPEN;
}

/* What carries it. */
static inline const struct yd_eio_transport_ops *yd_eio_ops(const struct yd_eio_session *session)
{
    return session->home->eio->transports[session->transport];
}

/* Its transport has ended: nothing but the task comes. */
static inline bool yd_eio_has_ended(const struct yd_eio_session *session)
{
    return session->phase >= YD_EIO_PHASE_ENDING;
}

/* A session of home in phase NEW, without a state of its transport.  Returns 0, -ENOMEM, or -EBUSY
 * above max_sessions. */
int yd_eio_session_new(struct yd_eio_loop *home, yodel_request *req,
                       enum yd_eio_transport transport, struct yd_eio_session **ret_session);
/* Frees one that is still NEW. */
void yd_eio_session_discard(struct yd_eio_session *session);

/* Tells the layer above, and starts the heartbeat.  Returns 0, or -ENOMEM: it has then ended, with
 * YD_EIO_NOT_OPENED. */
int yd_eio_session_open(struct yd_eio_session *session);

/* Appends the text of the open packet.  Returns 0 or -ENOMEM. */
int yd_eio_put_open_packet(const struct yd_eio_session *session, struct yd_buf *buf);

/* Ends the session now: what is queued goes only if it can leave in this turn. */
void yd_eio_end(struct yd_eio_session *session, enum yd_eio_reason reason);

/* The client has fetched what a closing session had to say, or cannot any more. */
void yd_eio_end_closing(struct yd_eio_session *session);

/* Acts on time that has passed though the timer has not fired yet. */
void yd_eio_catch_up(struct yd_eio_session *session);

/* ---- what transports tell ---- */

/* A packet came in. */
void yd_eio_on_packet(struct yd_eio_session *session, struct yd_eio_packet *packet);

/* The output has emptied. */
void yd_eio_drained(struct yd_eio_session *session);

/* Something is to be flushed: has the task run later in this turn. */
void yd_eio_queue_task(struct yd_eio_session *session);

#endif
