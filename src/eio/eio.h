/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_H
#define YD_EIO_EIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/sio.h>

#include "base/msg.h"
#include "http/request.h"
#include "ws/ws.h"

/*
 * Engine.IO v4: sessions over HTTP long polling and WebSocket, with the upgrade between them and a
 * heartbeat driven by the server.  A session belongs to one loop, which its id names; requests that
 * the kernel gave to another loop are moved there with their connection.
 */

/* Bytes of a session id: 20 characters. */
#define YD_EIO_ID_LEN 20

enum yd_eio_transport { YD_EIO_POLLING = 0, YD_EIO_WEBSOCKET };

/* Why a session closes; yd_eio_reason_text() gives the words of the reference. */
enum yd_eio_reason {
    YD_EIO_TRANSPORT_CLOSE = 0, /* "transport close" */
    YD_EIO_TRANSPORT_ERROR,     /* "transport error" */
    YD_EIO_PING_TIMEOUT,        /* "ping timeout" */
    YD_EIO_PARSE_ERROR,         /* "parse error" */
    YD_EIO_FORCED_CLOSE,        /* "forced close": by the layer above */
    YD_EIO_FORCED_SERVER_CLOSE, /* "forced server close" */
    YD_EIO_SHUTTING_DOWN,       /* "server shutting down" */
    YD_EIO_NOT_OPENED           /* on_open has failed: nobody is told */
};

const char *yd_eio_reason_text(enum yd_eio_reason reason);

struct yd_eio;
struct yd_eio_session;

/* What the layer above does; one static table a service.  On the session's loop, never inside a
 * call of its own to the session. */
struct yd_eio_events {
    /* A new session, its open packet is queued.  Returns the layer's state of it, to be had by
     * yd_eio_data(), or NULL when out of memory: the session is dropped. */
    void *(*on_open)(struct yd_eio_session *session, void *user);
    /* A message; text is valid UTF-8; borrowed for the call, data may be changed. */
    void (*on_message)(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len);
    /* The output has emptied after yd_eio_send() gave YODEL_ERR_CONGESTED. */
    void (*on_drain)(struct yd_eio_session *session);
    /* It has changed from polling to WebSocket.  May be NULL. */
    void (*on_upgrade)(struct yd_eio_session *session);
    /* The end, exactly once for every on_open that succeeded, last. */
    void (*on_close)(struct yd_eio_session *session, enum yd_eio_reason reason);
};

/* ---- other nodes ---- */

/* Where a session is: its node's tag, and its loop there. */
struct yd_eio_home {
    uint32_t node;
    unsigned loop;
};

/* Tags that a node remembers of those it had. */
#define YD_EIO_FORMER_TAGS 8

/* The nodes that a service is one of; embedded in its owner, who outlives the service.  While it
 * has a tag the ids of new sessions have it, and requests for sessions of others are given to
 * carry().  Sessions of a tag that it had before are its own. */
struct yd_eio_far {
    /* Answers req, or holds it and answers it later, in place of the session's own node; on the
     * loop of req. */
    void (*carry)(struct yd_eio_far *far, struct yd_eio *eio, yodel_request *req,
                  struct yd_eio_home home);
    _Atomic uint32_t node; /* its tag, 24 bits, or YD_EIO_NO_NODE, as all of these */
    _Atomic uint32_t former[YD_EIO_FORMER_TAGS]; /* written ahead of node */
};
#define YD_EIO_NO_NODE UINT32_MAX

static inline uint32_t yd_eio_far_node(struct yd_eio_far *far)
{
    return atomic_load_explicit(&far->node, memory_order_acquire);
}

/* Whether sessions of that tag are here, or there are no other nodes. */
static inline bool yd_eio_far_is_own(struct yd_eio_far *far, uint32_t node)
{
    uint32_t own = yd_eio_far_node(far);

    if (own == YD_EIO_NO_NODE || own == node)
        return true;
    for (unsigned i = 0; i < YD_EIO_FORMER_TAGS; i++)
        if (atomic_load_explicit(&far->former[i], memory_order_relaxed) == node)
            return true;
    return false;
}

/* far: which these are, or where it will stand by the time the loops run; there NULL: none. */
void yd_eio_set_far(struct yd_eio *eio, struct yd_eio_far *const *far);

/* Of a request that carry() was given, and holds: the session cannot be had.  unknown: as if there
 * were none; else 503. */
void yd_eio_refuse_far(struct yd_eio *eio, yodel_request *req, bool unknown);

/* Filled in by the layer above; zero is not a default here. */
struct yd_eio_options {
    const char *path; /* "/socket.io/": begins and ends with '/' */
    uint32_t ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    size_t max_payload;    /* bytes of a POST body or WebSocket message */
    size_t max_buffered;   /* bytes of output of one session above which sends are refused */
    unsigned max_sessions; /* of the service; 0: no limit (503 above) */
    bool no_polling, no_websocket, no_upgrades;
    const yodel_cors_options *cors;         /* NULL: none */
    const yodel_sio_cookie_options *cookie; /* NULL: none */
    yodel_ws_deflate deflate;
    size_t deflate_min;
    unsigned deflate_level, deflate_bits, deflate_client_bits; /* as in yodel_ws_options */
    size_t compress_min; /* polling answers from this size on are compressed; SIZE_MAX: none */
    const char *const *origins;          /* NULL: every origin; others get 403 on both transports */
    yodel_sio_request_fn *allow_request; /* may be NULL */
    yodel_sio_headers_fn *initial_headers; /* of a session's first answer; may be NULL */
    yodel_sio_headers_fn *headers;         /* of every answer; may be NULL */
    void *hooks_user;
    /* Other GETs and HEADs below path are offered here first (the client bundle): true when
     * answered. user is that of yd_eio_new(). */
    bool (*serve)(yodel_request *req, yodel_str rest, void *user);
};

/* Registers the service's routes with http and ws.  options is copied, but for events and user.
 * loops[i] is the loop with index i.  Returns 0, -ENOMEM, YODEL_ERR_CONFLICT. */
int yd_eio_new(struct yd_http *http, struct yd_ws_service *ws, struct yd_loop **loops,
               unsigned num_loops, const struct yd_eio_options *options,
               const struct yd_eio_events *events, void *user, struct yd_eio **ret_eio);
/* After the loops have ended; no session is left. */
void yd_eio_free(struct yd_eio *eio);

/* Sessions are opened no more, on no loop; those that are there stay.  Any thread. */
void yd_eio_shut(struct yd_eio *eio);

/* Closes all sessions of a loop with YD_EIO_SHUTTING_DOWN; called on that loop. */
void yd_eio_stop(struct yd_eio *eio, struct yd_loop *loop);

/* ---- sessions, on their loop ---- */

void *yd_eio_data(const struct yd_eio_session *session);
struct yd_loop *yd_eio_loop(const struct yd_eio_session *session);
yodel_str yd_eio_id(const struct yd_eio_session *session); /* 20 characters */
enum yd_eio_transport yd_eio_transport(const struct yd_eio_session *session);

/*
 * The request that opened the session: kept in one block until yd_eio_forget_handshake().  There is
 * one for every idle client, so texts stand in it one after the other, and names of header fields
 * that most clients send take a byte.
 */
struct yd_eio_handshake {
    uint64_t issued_ms; /* Unix time */
    uint32_t len;       /* of text */
    bool secure : 1, xdomain : 1;
    char text[]; /* each with a NUL: the target, the peer's address, the listener's tag, then name
                    and value of each field; see eio_handshake.c */
};
/* All empty once it was forgotten. */
const struct yd_eio_handshake *yd_eio_handshake(const struct yd_eio_session *session);
yodel_str yd_eio_handshake_url(const struct yd_eio_handshake *handshake);   /* the target as sent */
yodel_str yd_eio_handshake_query(const struct yd_eio_handshake *handshake); /* after its '?' */
yodel_str yd_eio_handshake_address(const struct yd_eio_handshake *handshake); /* of the peer */
yodel_str yd_eio_handshake_tag(const struct yd_eio_handshake *handshake);     /* of the listener */
/* The first field (*at is NULL) and the one after each, names as sent; false at the end. */
bool yd_eio_handshake_next(const struct yd_eio_handshake *handshake, const char **at,
                           struct yd_http_field *ret_field);
void yd_eio_forget_handshake(struct yd_eio_session *session);

/*
 * A message to send, with len bytes of content for the caller to write at *ret_data; what Engine.IO
 * and WebSocket put ahead of it is there.  Text must be valid UTF-8 without 0x1e.  NULL when out of
 * memory.  mem must outlive the message.
 */
struct yd_msg *yd_eio_message_new(const struct yodel_allocator *mem, yodel_ws_type type, size_t len,
                                  uint8_t **ret_data);

/* The same for yd_eio_send_copy(): writes the head of a text message, YD_EIO_MESSAGE_HEAD bytes, to
 * packet; returns where the content goes. */
#define YD_EIO_MESSAGE_HEAD 1
char *yd_eio_message_put(char *packet);

#define YD_EIO_VOLATILE 1u    /* drop unless it can be written now */
#define YD_EIO_NO_COMPRESS 2u /* of polling answers */
/* Also above max_buffered.  For what ends something or answers a packet of the client's, which is
 * not read from while it has much to read: so these are bounded by what they answer. */
#define YD_EIO_ALWAYS 4u

/*
 * Sends num messages one after the other with nothing in between (a Socket.IO packet and its
 * attachments), each made by yd_eio_message_new().  The session takes references of its own.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED (nothing was queued).
 */
int yd_eio_send(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags);

/*
 * Sends one short text packet that begins with yd_eio_message_put() by copying it: cheaper than a
 * message of its own where it is for one client only.  YODEL_ERR_STATE: not on this transport, use
 * yd_eio_send().
 */
int yd_eio_send_copy(struct yd_eio_session *session, yodel_str packet, unsigned flags);

/* True when a volatile message would be sent. */
bool yd_eio_is_writable(const struct yd_eio_session *session);
size_t yd_eio_buffered(const struct yd_eio_session *session);

/* A packet is on its way from the client and not whole: when its latest bytes came, as time of the
 * loop, ms.  0: none is. */
uint64_t yd_eio_heard_at(const struct yd_eio_session *session);

/*
 * Stops reading what the client sends, on whatever transport; it counts as alive meanwhile.  What
 * has been read goes on, but packets of a polling client's POST rest too.
 */
void yd_eio_pause(struct yd_eio_session *session);
/* Reads on, never inside this call. */
void yd_eio_resume(struct yd_eio_session *session);

/* Flushes what is queued, then closes the transport; on_close comes in a later task with reason. */
void yd_eio_close(struct yd_eio_session *session, enum yd_eio_reason reason);

/* Sessions now: all, and those on polling; any thread. */
void yd_eio_count(const struct yd_eio *eio, size_t *ret_all, size_t *ret_polling);
/* Messages of all sessions since the start; any thread. */
void yd_eio_count_messages(const struct yd_eio *eio, uint64_t *ret_in, uint64_t *ret_out);
/* How many were refused at max_sessions. */
uint64_t yd_eio_num_refused(const struct yd_eio *eio);

#endif
