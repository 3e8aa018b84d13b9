/* SPDX-License-Identifier: MIT */
#ifndef YD_WS_WS_H
#define YD_WS_WS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/channels.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/utf8.h"
#include "channels/channels.h"
#include "http/request.h"
#include "net/net.h"
#include "proto/deflate.h"
#include "proto/ws_frame.h"
#include "proto/ws_handshake.h"

/* WebSockets: a service of a server, its routes, and the connections. */

/* A compressor without context, of those that a loop's connections share. */
struct yd_ws_deflater {
    struct yd_ws_deflater *next;
    struct yd_deflater *deflater;
    uint8_t level, bits, mem_level;
};

/* What the connections of one loop share; that loop's alone. */
struct yd_ws_loop {
    struct yd_ws_deflater *deflaters; /* made on first use */
    struct yd_inflater *inflater;     /* for messages that are whole in one read, without context */
    struct yd_buf inflated, deflated; /* kept from message to message while small */
    yodel_bytes checked; /* the text that a handler is being given: known to be UTF-8 */
    size_t reserved;     /* bytes of all partial messages that have not come yet */
    uint64_t warned_at;  /* ms */
};

/* What a server's options say for all routes. */
struct yd_ws_defaults {
    size_t max_message, max_buffered;
    size_t max_deflate_memory; /* bytes of contexts on one loop */
    uint32_t ping_ms, pong_ms, close_ms, decide_ms;
    const char *server_name; /* borrowed; NULL: none */
};

struct yd_ws_service {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct yd_ws_defaults defaults;
    yodel_server *server;
    struct yd_ws_route *routes;
    struct yd_ws_loop *loops;
    unsigned num_loops;
    atomic_size_t num_open;
    char process[YD_PROCESS_SIZE]; /* stands in its channel names */
};

struct yd_ws_route {
    struct yd_ws_route *next;
    struct yd_ws_service *service;
    yodel_ws_handlers handlers; /* events and options stand below */
    yodel_ws_event_handler *events;
    yodel_ws_options options; /* all filled in */
    void *user;
    bool terse; /* who breaks the protocol is closed with a code alone */
};

/* process is copied, server borrowed.  Returns 0 or -ENOMEM. */
int yd_ws_service_init(struct yd_ws_service *service, const struct yodel_allocator *mem,
                       const struct yodel_log_sink *log, const struct yd_ws_defaults *defaults,
                       yodel_server *server, unsigned num_loops, const char *process);
void yd_ws_service_done(struct yd_ws_service *service);
/* Before the loops run: a child that fork() made is another process. */
void yd_ws_service_set_process(struct yd_ws_service *service, const char *process);

/* A route that stands in no table: who has checked a request himself gives it to
 * yd_ws_on_upgrade(). It lives as long as the service.  Returns 0, -ENOMEM, -EINVAL,
 * YODEL_ERR_OPTIONS. */
int yd_ws_route_new(struct yd_ws_service *service, const yodel_ws_handlers *handlers, void *user,
                    struct yd_ws_route **ret_route);

/* Close frames to a peer that breaks the protocol say no reason, as those of npm's ws. */
void yd_ws_route_be_terse(struct yd_ws_route *route);

/* Adds a route to http.  As yodel_server_route_ws(). */
int yd_ws_route(struct yd_ws_service *service, struct yd_http *http, const char *pattern,
                const yodel_ws_handlers *handlers, void *user);

/* ---- connections ---- */

enum yd_ws_state {
    YD_WS_CONNECTING = 0, /* the request waits for an answer */
    YD_WS_OPEN,
    YD_WS_CLOSING, /* a close frame was sent; the peer's is awaited */
    YD_WS_DONE     /* nothing more is read or done; on_close comes, runs or has run */
};

/* A message or control frame that came in pieces, so far. */
struct yd_ws_partial {
    uint8_t *data; /* a block of the loop's pool */
    size_t len, cap;
    size_t reserved;     /* of the room after len: what the loop's limit was charged for */
    struct iovec target; /* where the rest of the present frame is read into */
    enum yd_block block; /* kind of data */
    struct yd_utf8 utf8;
    uint64_t total;               /* inflated bytes */
    struct yd_inflater *inflater; /* of a message without context */
    uint8_t control[YD_WS_MAX_CONTROL], control_len;
};

/* Compressors that keep a context from message to message. */
struct yd_ws_contexts {
    struct yd_deflater *deflater;
    struct yd_inflater *inflater;
};

/* What few WebSockets have, and then for a while; a small block of the loop's pool. */
struct yd_ws_aside {
    struct yd_ws_partial *partial;  /* NULL: none */
    struct yd_ws_contexts contexts; /* made on first use */
    char *close_reason;             /* NULL: none */
    uint8_t close_reason_len;
};

/* Kept small: there is one for every idle client. */
struct yodel_ws {
    struct yd_conn *conn;
    struct yd_ws_route *route;
    struct yd_member member;
    void *data;
    yodel_free_fn *free_data;
    union {
        struct { /* while CONNECTING */
            yodel_request *req;
            struct yd_mail end; /* the rejection of a deferred one */
        } connecting;
        struct yd_ws_reader reader; /* while OPEN or CLOSING */
        struct yd_mail end;         /* when DONE */
    } in;
    struct yd_ws_aside *aside; /* NULL: nothing */
    union {
        uint32_t heard_at; /* while OPEN; ms, wraps */
        struct {           /* with has_closing, from when it is OPEN no more */
            uint16_t code;
            uint8_t by;
        } closed;
    };
    uint8_t state : 2;
    bool pinged : 1;      /* nothing was heard since a ping */
    bool congested : 1;   /* a send was refused: on_drain is owed */
    bool held_back : 1;   /* input rests until the output is out */
    bool paused : 1;      /* input rests until the program says so */
    bool has_closing : 1; /* closed is set */
    bool in_connect : 1;  /* on_connect runs */
    bool deferred : 1;    /* on_connect has deferred: on_close is owed */
    bool rejected : 1;
    bool deflate : 1; /* permessage-deflate was agreed on, with: */
    bool server_context : 1, client_context : 1;
    uint8_t server_bits : 4, client_bits : 4;
};

static inline struct yd_loop *yd_ws_loop_of(const yodel_ws *ws)
{
    return ws->conn->stream.loop;
}

/* Something has come of the peer, or could again from now on. */
static inline void yd_ws_hear(yodel_ws *ws)
{
    if (ws->state == YD_WS_OPEN)
        ws->heard_at = (uint32_t)yd_ws_loop_of(ws)->now;
}

static inline struct yd_ws_loop *yd_ws_shared(const yodel_ws *ws)
{
    return &ws->route->service->loops[yd_ws_loop_of(ws)->index];
}

/* ---- between the files of this layer ---- */

/* accept.c */
/* An undecided WebSocket's request; the holder's user is the WebSocket. */
extern const struct yd_hold yd_ws_hold;
/* An upgrade request on a route. */
void yd_ws_on_upgrade(yodel_request *req, void *route);
/* Headers of the handshake, and those that frame an answer, are not a handler's to set. */
bool yd_ws_is_reserved(yodel_str name);

/* input.c: of an open WebSocket's connection. */
extern const struct yd_conn_events yd_ws_conn_events;
/* A message is coming in and not whole: when its latest bytes came, as time of the loop, ms.  Now,
 * while input rests because the peer has much output to read.  0: neither. */
uint64_t yd_ws_heard_at(const yodel_ws *ws);

/* compression.c */
/* Looks for permessage-deflate among a request's offers and notes what is agreed on; ret_text: the
 * answering header's value, empty when nothing is. */
void yd_ws_agree_on_deflate(yodel_ws *ws, const struct yd_http_head *head,
                            char ret_text[YD_WS_EXTENSION_MAX]);
/* Gives the memory of contexts back, and what the loop was charged for them. */
void yd_ws_free_contexts(yodel_ws *ws);
void yd_ws_free_deflaters(const struct yodel_allocator *mem, struct yd_ws_loop *loop);
/* A message of len bytes is to be sent compressed. */
bool yd_ws_is_deflated(const yodel_ws *ws, size_t len);
/* Level and window: without context those with the same get the same bytes. */
uint8_t yd_ws_deflate_setting(const yodel_ws *ws);
/* Compresses into the loop's scratch; *ret is borrowed from there.  Returns 0 or -ENOMEM.  After 0
 * yd_ws_deflated() follows, which gives the scratch back. */
int yd_ws_deflate(yodel_ws *ws, yodel_bytes data, yodel_bytes *ret);
void yd_ws_deflated(yodel_ws *ws, bool was_sent);
/* Inflates a whole message into the loop's scratch; *ret is borrowed from there until
 * yd_ws_inflated(), which always follows.  Results as of yd_inflate_message(). */
int yd_ws_inflate(yodel_ws *ws, const uint8_t *data, size_t len, yodel_bytes *ret);
void yd_ws_inflated(yodel_ws *ws);
/* That of the WebSocket's context; NULL when out of memory. */
struct yd_inflater *yd_ws_own_inflater(yodel_ws *ws);

/* partial.c */
/* What it has aside, made if it is not there; NULL when out of memory. */
struct yd_ws_aside *yd_ws_aside_of(yodel_ws *ws);
/* Gives it back, with all that is in it but contexts, which must have gone. */
void yd_ws_free_aside(yodel_ws *ws);
/* What has come of a message or control frame in pieces, empty at first; NULL when out of memory.
 */
struct yd_ws_partial *yd_ws_partial_of(yodel_ws *ws);
void yd_ws_free_partial(yodel_ws *ws);
/* Appends data to the message; announced: bytes that a frame's header says will follow.  Returns 0
 * or -ENOMEM. */
int yd_ws_partial_append(yodel_ws *ws, const uint8_t *data, size_t len, uint64_t announced);
/* Has the rest of the present frame, left bytes, read to where it belongs, if it is long: a short
 * one comes with what follows it.  0: no more of that. */
void yd_ws_partial_read_into(yodel_ws *ws, uint64_t left);

/* Input goes on, unless something else has it rest. */
void yd_ws_let_in(yodel_ws *ws);

/* A handler returned a negative result: logs it and closes with 1011. */
void yd_ws_handler_failed(yodel_ws *ws, const char *handler, int result);

/* close.c */
/* Sends a close frame with code (0: without) and reason and notes who closes with what. */
void yd_ws_send_close(yodel_ws *ws, unsigned code, yodel_str reason, yodel_ws_closer by);
/* Fails the WebSocket (RFC 6455 7.1.7): a close frame, then the end of the connection. */
void yd_ws_fail(yodel_ws *ws, unsigned code, const char *reason, yodel_ws_closer by);
void yd_ws_on_close_frame(yodel_ws *ws, const uint8_t *data, size_t len);
void yd_ws_on_timeout(yodel_ws *ws);
void yd_ws_on_stop(yodel_ws *ws);
/* Starts the heartbeat of an open WebSocket. */
void yd_ws_start_heartbeat(yodel_ws *ws);
/* Leaves all groups, calls on_close if it is owed, and frees ws.  error: of the transport. */
void yd_ws_end(yodel_ws *ws, int error);

/* output.c */
bool yd_ws_is_congested(const yodel_ws *ws);
/* Open, with no output queued or on its way: what is sent now goes out in this turn. */
bool yd_ws_is_idle(const yodel_ws *ws);
/* on_drain comes once the output is empty, as after a send that was refused. */
void yd_ws_want_drain(yodel_ws *ws);
int yd_ws_send_msg(yodel_ws *ws, struct yd_msg *msg);
/* yodel_ws_send() of text that is known to be UTF-8. */
int yd_ws_send_checked(yodel_ws *ws, yodel_bytes text);
/* For channel layers: a member that is a WebSocket is listed. */
bool yd_ws_list_member(const struct yd_member *member, yodel_id *ret_id,
                       char ret_name[YODEL_CHANNEL_NAME_SIZE]);

/* For channel layers: an event to the WebSocket of an id. */
int yd_ws_send_event(yodel_channels *channels, uint64_t id, yodel_event *event);

/* A message of data, its header included; NULL when out of memory. */
struct yd_msg *yd_ws_make_msg(const struct yodel_allocator *mem, yodel_ws_type type,
                              yodel_bytes data);
int yd_ws_send_control(yodel_ws *ws, uint8_t opcode, const void *data, size_t len);

/* ws_groups.c: what an open WebSocket does with a delivery. */
void yd_ws_deliver(struct yd_member *member, struct yd_delivery *what);

/* ---- by id, from any thread ---- */

/* The WebSocket of an id on its own loop, decided or not; NULL when it has gone. */
yodel_ws *yd_ws_find(struct yd_loop *loop, uint64_t id);

/* As yodel_ws_post(), to loop, of weight (see yd_bus_call()). */
int yd_ws_post(struct yd_ws_service *service, struct yd_loop *loop, uint64_t id, size_t weight,
               yodel_ws_post_fn *fn, void *arg, yodel_free_fn *free_arg);

#endif
