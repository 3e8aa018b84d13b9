/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_INTERNAL_H
#define YD_EIO_INTERNAL_H

#include <stdatomic.h>

#include "base/map.h"
#include "eio/eio.h"
#include "proto/eio_payload.h"

/* Between the files of this layer. */

struct z_stream_s;

/* How a session's answers may be compressed. */
enum yd_eio_coding { YD_EIO_IDENTITY = 0, YD_EIO_GZIP, YD_EIO_DEFLATE };

/* What an upgrade request that is being accepted is to become; for the calls of the ws layer. */
struct yd_eio_accepting {
    enum { YD_EIO_TURN_AWAY = 0, YD_EIO_OPEN_SESSION, YD_EIO_PROBE_SESSION } purpose;
    struct yd_eio_session *session;
    bool b64;
};

/* The sessions of one loop; that loop's alone but for stopping. */
struct yd_eio_loop {
    struct yd_eio *eio;
    struct yd_loop *loop;
    struct yd_map sessions;             /* by id; open and closing ones */
    struct yd_msg *ping, *probe_answer; /* packets that are always the same */
    struct z_stream_s *deflaters[3];    /* by enum yd_eio_coding; made on first use */
    struct yd_eio_accepting accepting;
    uint16_t counter; /* of ids */
    int decision;     /* on the request that is being resumed */
    atomic_bool stopping;
};

struct yd_eio {
    const struct yodel_allocator *mem;
    struct yd_http *http;
    struct yd_eio_options options; /* strings are copies */
    const struct yd_eio_events *events;
    void *user;
    struct yd_ws_route *route;
    struct yd_http_gate gate;
    char *pattern, *path;
    char *cookie_name, *cookie_rest;   /* NULL: none */
    char **origins;                    /* ends with NULL; NULL: every origin */
    char *cors_methods, *cors_headers; /* of a preflight; may be NULL */
    bool has_cors;
    atomic_size_t num_sessions, num_polling;
    unsigned num_loops;
    struct yd_eio_loop loops[];
};

/* A packet that waits for a poll. */
struct yd_eio_item {
    struct yd_msg *msg;
    bool may_compress;
};

/* What a session has only as long as it polls. */
struct yd_eio_poll {
    struct yd_eio_session *session;
    yodel_request *get;  /* held */
    yodel_request *post; /* its body is on the way */
    struct yd_eio_item *items;
    size_t num, cap;
    size_t bytes; /* of the payload that the items make */
    yodel_ws *probe;
    struct yd_timer upgrade_timer; /* runs while there is a probe */
    struct yd_timer release_timer; /* runs while a poll is held that stands in a probe's way */
    bool probed;                   /* the probe has been answered */
    bool probe_b64;
};

enum yd_eio_state {
    YD_EIO_STATE_OPEN = 0,
    YD_EIO_STATE_CLOSING, /* the client has not been told: it polls once more, or never */
    YD_EIO_STATE_CLOSED   /* is freed by the task */
};

/* Kept small: there is one for every idle client. */
struct yd_eio_session {
    struct yd_map_node node;
    struct yd_eio_loop *home;
    void *data;               /* of the layer above; NULL: it does not know of this session */
    struct yd_eio_poll *poll; /* NULL: on websocket */
    yodel_ws *ws;
    struct yd_eio_handshake *handshake;
    struct yd_timer beat;
    struct yd_mail task;
    char id[YD_EIO_ID_LEN];
    uint8_t state, reason;
    bool task_queued : 1;
    bool close_owed : 1; /* on_close is */
    bool congested : 1;  /* on_drain is owed */
    bool awaits_pong : 1;
    bool was_extended : 1; /* another packet has restarted the wait for this pong */
    bool b64 : 1;          /* binary goes as text */
};

/* What the query of a request asks for. */
struct yd_eio_ask {
    yodel_str transport, sid;
    bool v4, b64;
    struct yd_eio_session *session; /* of sid */
};

static inline struct yd_eio_loop *yd_eio_home(struct yd_eio *eio, const yodel_request *req)
{
    return &eio->loops[yd_conn_loop(yd_request_conn(req))->index];
}

/* ---- eio_check.c: what is asked for, and whether it may be ---- */

enum yd_eio_error {
    YD_EIO_OK = -1,
    YD_EIO_MOVED = -2, /* to the session's loop: the request is over */
    YD_EIO_BUSY = -3,  /* 503 */
    YD_EIO_ALIEN = -4, /* 403: the origin is not allowed */
    YD_EIO_TRANSPORT_UNKNOWN = 0,
    YD_EIO_SESSION_UNKNOWN,
    YD_EIO_BAD_METHOD,
    YD_EIO_BAD_REQUEST,
    YD_EIO_FORBIDDEN,
    YD_EIO_BAD_VERSION
};

void yd_eio_read_ask(yodel_request *req, struct yd_eio_ask *ret_ask);

/* The loop that an id names; NULL when no session can have it. */
struct yd_eio_loop *yd_eio_loop_of_id(struct yd_eio *eio, yodel_str sid);

/* The session of an id on this loop, unless it has died of silence; NULL for none. */
struct yd_eio_session *yd_eio_find(struct yd_eio_loop *home, yodel_str sid);

/* All checks ahead of the hook, in the order of the reference.  Fills *ret_ask. */
enum yd_eio_error yd_eio_check(struct yd_eio_loop *home, yodel_request *req, bool upgrade,
                               struct yd_eio_ask *ret_ask);

/* Answers a request that may not be. */
void yd_eio_refuse(struct yd_eio *eio, yodel_request *req, bool upgrade, enum yd_eio_error error);
/* The same with another status than the error's own. */
void yd_eio_refuse_with(struct yd_eio *eio, yodel_request *req, bool upgrade,
                        enum yd_eio_error error, int status);

/* ---- headers.c ---- */

#define YD_EIO_MAX_HEADERS 32

/* Headers of an answer; those of hooks are copies, bad ones and those beyond the limit are left
 * out. */
struct yd_eio_headers {
    const struct yodel_allocator *mem;
    yodel_header list[YD_EIO_MAX_HEADERS];
    char *copies[YD_EIO_MAX_HEADERS]; /* name, NUL, value; NULL: static */
    size_t num;
};

void yd_eio_headers_init(struct yd_eio_headers *headers, const struct yodel_allocator *mem);
void yd_eio_headers_done(struct yd_eio_headers *headers);
/* Static text. */
void yd_eio_headers_put(struct yd_eio_headers *headers, const char *name, const char *value);
/* Asks the hooks; first: it is the first answer of a session. */
void yd_eio_headers_ask(struct yd_eio_headers *headers, struct yd_eio *eio,
                        const yodel_request *req, bool first);
/* The cookie of a session, if there is to be one. */
void yd_eio_headers_put_cookie(struct yd_eio_headers *headers, const struct yd_eio *eio,
                               const char id[YD_EIO_ID_LEN]);

/* ---- eio_answer.c ---- */

struct yd_eio_answer {
    int status;
    const char *content_type; /* may be NULL */
    yodel_bytes body;
    enum yd_eio_coding coding;
    const struct yd_eio_session *opens; /* whose first answer this is; NULL: none's */
    bool closes;                        /* the connection, too */
};

/* Returns as yodel_request_respond(). */
int yd_eio_answer(struct yd_eio *eio, yodel_request *req, const struct yd_eio_answer *answer);
/* One without a body. */
void yd_eio_answer_empty(struct yd_eio *eio, yodel_request *req, int status);
/* A poll's: compressed if that may be and is worth it. */
int yd_eio_answer_payload(struct yd_eio_loop *home, yodel_request *req, yodel_bytes payload,
                          bool may_compress, const struct yd_eio_session *opens);

/* ---- compress.c ---- */

/* What the client likes best of what there is. */
enum yd_eio_coding yd_eio_choose_coding(const struct yd_http_head *head);
/* Appends data, compressed, to out.  Returns 0 or -ENOMEM. */
int yd_eio_compress(struct yd_eio_loop *home, enum yd_eio_coding coding, yodel_bytes data,
                    struct yd_buf *out);
void yd_eio_free_deflaters(struct yd_eio_loop *home);

/* ---- cookie.c ---- */

/* Makes the parts of the cookie header from options.  Returns 0, -ENOMEM, -EINVAL. */
int yd_eio_cookie_init(struct yd_eio *eio, const yodel_sio_cookie_options *options);

/* ---- eio_handshake.c ---- */

/* The block of what req says; NULL when out of memory. */
struct yd_eio_handshake *yd_eio_handshake_new(const struct yodel_allocator *mem,
                                              yodel_request *req);

/* ---- requests.c ---- */

void yd_eio_on_request(yodel_request *req, void *user);
void yd_eio_on_upgrade(yodel_request *req, void *user);
/* Of the gate: see struct yd_http_gate. */
void yd_eio_begin_body(yodel_request *req, void *user);
void yd_eio_refuse_body(yodel_request *req, void *user);
void yd_eio_lose_body(yodel_request *req, void *user);

/* ---- session.c ---- */

/* A session of home that nobody knows of yet.  Returns 0, -ENOMEM, or -EBUSY above max_sessions. */
int yd_eio_session_new(struct yd_eio_loop *home, yodel_request *req, bool polls,
                       struct yd_eio_session **ret_session);
/* One that is known to nobody, or closed. */
void yd_eio_session_free(struct yd_eio_session *session);

/* Tells the layer above, and starts the heartbeat.  Returns 0 or -ENOMEM. */
int yd_eio_session_open(struct yd_eio_session *session);

/* The text of the open packet.  Returns 0 or -ENOMEM. */
int yd_eio_put_open_packet(const struct yd_eio_session *session, struct yd_buf *buf);

/* Ends the session now: what is queued goes only if a poll waits for it. */
void yd_eio_end(struct yd_eio_session *session, enum yd_eio_reason reason);

/* What came in by either transport. */
void yd_eio_on_packet(struct yd_eio_session *session, struct yd_eio_packet *packet);

/* Sends a packet of this layer's own, by either transport; a failure ends the session. */
void yd_eio_send_own(struct yd_eio_session *session, struct yd_msg *msg);

/* Has the task run later in this turn. */
void yd_eio_queue_task(struct yd_eio_session *session);

/* The output has emptied. */
void yd_eio_drained(struct yd_eio_session *session);

/* ---- polling.c ---- */

int yd_eio_poll_new(struct yd_eio_session *session);
/* Frees what a poll has, which is answered or gone. */
void yd_eio_poll_free(struct yd_eio_session *session);
/* Queues messages.  Returns 0 or -ENOMEM; then none is. */
int yd_eio_poll_push(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                     bool may_compress);
/* Answers the poll that is held with what is queued, and last (may be NULL) behind it. */
void yd_eio_poll_flush(struct yd_eio_session *session, const char *last);
/* Answers it with packet alone; false when that failed. */
bool yd_eio_poll_answer_only(struct yd_eio_session *session, const char *packet);
void yd_eio_on_get(struct yd_eio_session *session, yodel_request *req);
void yd_eio_on_post(struct yd_eio_session *session, yodel_request *req);
/* The head of a POST is there; a second one at once ends the session, and is answered. */
void yd_eio_poll_expect_post(struct yd_eio_session *session, yodel_request *req);
void yd_eio_poll_forget_post(struct yd_eio_session *session);

/* ---- websocket.c ---- */

/* The route that upgrades are given to.  Returns 0, -ENOMEM. */
int yd_eio_make_route(struct yd_eio *eio, struct yd_ws_service *ws);
/* Returns as yd_ws_send_msg(). */
int yd_eio_ws_send(struct yd_eio_session *session, struct yd_msg *msg);
/* Closes ws, which knows of no session any more. */
void yd_eio_ws_drop(yodel_ws *ws, unsigned code);

/* ---- upgrade.c: a WebSocket beside polling ---- */

void yd_eio_probe_begin(struct yd_eio_session *session, yodel_ws *ws, bool b64);
void yd_eio_probe_message(struct yd_eio_session *session, const yodel_ws_message *message);
/* The probe is over; drop: its WebSocket is still there. */
void yd_eio_probe_end(struct yd_eio_session *session, bool drop);
/* A poll is held while there is a probe. */
void yd_eio_probe_see_poll(struct yd_eio_session *session);
void yd_eio_probe_init(struct yd_eio_poll *poll);

/* ---- heartbeat.c ---- */

void yd_eio_beat_init(struct yd_eio_session *session);
/* The time to the next ping begins. */
void yd_eio_beat_start(struct yd_eio_session *session);
/* The time that a client may take to be told of the end begins. */
void yd_eio_beat_linger(struct yd_eio_session *session);
/* Something was heard. */
void yd_eio_beat_hear(struct yd_eio_session *session, bool pong);
/* The transport has changed. */
void yd_eio_beat_renew(struct yd_eio_session *session);
/* Acts on time that has passed though the timer has not fired yet. */
void yd_eio_beat_catch_up(struct yd_eio_session *session);

#endif
