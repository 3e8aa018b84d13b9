/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_SERVICE_H
#define YODEL_SIO_SERVICE_H

#include <yodel/channels.h>
#include <yodel/decision.h>
#include <yodel/http_files.h>

YODEL_C_BEGIN

/* The Socket.IO service of a server: its options and what it counts.  Included by yodel/sio.h. */

typedef struct yodel_sio yodel_sio; /* the service on one path of a server */

/* A cookie with the session id, set by the first polling answer (for sticky load balancers). */
typedef struct yodel_sio_cookie_options {
    size_t size;
    const char *name;      /* NULL: "io" */
    const char *path;      /* NULL: "/"; "": none */
    const char *domain;    /* NULL: none */
    const char *same_site; /* NULL: "Lax"; "": none */
    int64_t max_age_s;     /* 0: a session cookie */
    int secure;            /* 1: Secure */
    int script_may_read;   /* 1: no HttpOnly */
} yodel_sio_cookie_options;

/*
 * Asked for every new session before it exists.  Returns 0 to allow it, an HTTP status (300..599)
 * or a negative result to refuse it (answered 403, {"code":4,"message":"Forbidden"}), or
 * YODEL_DEFER: what yodel_request_defer(req) has given then decides, from any thread; it is refused
 * when decide_ms have passed, and when nothing was taken.
 */
typedef int(yodel_sio_request_fn)(yodel_request *req, void *user);

/* Adds headers to an answer: calls add(name, value, arg) for each. */
typedef void(yodel_sio_add_header_fn)(const char *name, const char *value, void *arg);
typedef void(yodel_sio_headers_fn)(const yodel_request *req, yodel_sio_add_header_fn *add,
                                   void *arg, void *user);

/* A client that has come or gone; borrowed for the call. */
typedef struct yodel_sio_client {
    size_t size; /* sizeof(yodel_sio_client), set by the library */
    /* Names the client's connection in logs, for as long as it lasts and for all its sockets (see
     * yodel_sio_socket_client_number()); unlike the id of its session it is no secret. */
    uint64_t number;
    yodel_str peer;        /* as yodel_sio_socket_peer() */
    const char *transport; /* what it is on: "polling" or "websocket"; static */
    /* Of one that has gone: the reason of on_disconnect, or "too slow" (close_congested), "no
     * namespace" (connect_timeout_ms); static.  NULL of one that has come. */
    const char *reason;
} yodel_sio_client;

/* On the client's loop. */
typedef void(yodel_sio_client_fn)(const yodel_sio_client *client, void *user);

#define YODEL_SIO_POLLING 1u
#define YODEL_SIO_WEBSOCKET 2u

typedef enum yodel_sio_parser {
    YODEL_SIO_JSON = 0,
    YODEL_SIO_MSGPACK /* npm's socket.io-msgpack-parser; the clients must use it too */
} yodel_sio_parser;

/* Zero is the default of the JavaScript server. */
typedef struct yodel_sio_options {
    size_t size;
    const char *path;            /* NULL: "/socket.io/" */
    yodel_channels *channels;    /* whose group "/chat#room" reaches that room too; NULL: none */
    uint32_t ping_interval_ms;   /* 0: 25000 */
    uint32_t ping_timeout_ms;    /* 0: 20000 */
    uint32_t upgrade_timeout_ms; /* 0: 10000 */
    uint32_t connect_timeout_ms; /* a session must join a namespace; 0: 45000 */
    /* Bytes of a POST body or WebSocket message, of a packet with its attachments, and of what a
     * client may send ahead of the answers to its CONNECTs. */
    size_t max_payload;             /* 0: 1000000 */
    uint32_t attachment_timeout_ms; /* from one part of a packet to the next; 0: 45000 */
    size_t max_buffered;     /* output of one client above which emits are refused; 0: 1 MiB */
    unsigned max_sessions;   /* of the service; 0: no limit (503 above) */
    unsigned max_namespaces; /* of one client; 0: 100 */
    unsigned max_children;   /* of one parent at a time; 0: 10000 (CONNECT is refused above) */
    unsigned max_rooms;      /* of one socket; 0: 10000 */
    unsigned max_acks;       /* unanswered ones a socket keeps; 0: 10000 */
    size_t max_answers;      /* bytes of answers that one emit collects; 0: 16 MiB */
    unsigned transports;     /* YODEL_SIO_POLLING | YODEL_SIO_WEBSOCKET; 0: both */
    int no_upgrades;         /* 1: a session stays on its transport */
    yodel_sio_parser parser;
    const yodel_cors_options *cors;         /* NULL: none; copied */
    const char *const *origins;             /* as yodel_ws_options.origins, on both transports */
    const yodel_sio_cookie_options *cookie; /* NULL: none; copied */
    yodel_ws_deflate deflate;               /* of WebSocket messages */
    size_t compress_min; /* gzip polling answers from so many bytes on; 0: 1024; SIZE_MAX: never */
    uint32_t
        recovery_ms; /* connection state recovery: how long a lost client may stay away, 0: off */
    size_t recovery_bytes;       /* of packets kept for one socket; 0: 1 MiB */
    unsigned max_lost;           /* lost clients' sockets that are kept, of the service; 0: 10000 */
    int recovery_use_middleware; /* 1: middleware runs for recovered sockets too */
    int keep_empty_children;     /* 1: a child namespace stays when its last socket has gone */
    int close_congested; /* 1: a client too slow for a broadcast is disconnected; 0: it misses it */
    const char *client_dir; /* where socket.io.js, ... stand, served below path; NULL: not served */
    yodel_sio_request_fn *allow_request;
    yodel_sio_headers_fn *initial_headers; /* of a session's first answer */
    yodel_sio_headers_fn *headers;         /* of every answer */
    void *hooks_user;
    unsigned max_held_acks; /* acknowledgements that the program holds for one socket; 0: 1000 */
    unsigned max_handlers;  /* of one socket alone; 0: 1000 */
    size_t deflate_min;     /* shorter messages are sent as they are, bytes; 0: 1024 */
    unsigned deflate_level; /* this and the windows: as in yodel_ws_options */
    unsigned deflate_bits;
    unsigned deflate_client_bits;
    /* A client has a session, ahead of its first CONNECT; and has none any more, after all
     * on_disconnect of its sockets: once for each that has come.  user is hooks_user. */
    yodel_sio_client_fn *on_client_open;
    yodel_sio_client_fn *on_client_close;
    /* What is deferred of namespaces, sockets and events must be decided; 0: that of the server.
     * A CONNECT that was not is refused, which is final for a client: whoever asks others for
     * longer gives longer. */
    uint32_t decide_ms;
} yodel_sio_options;

/*
 * Adds a Socket.IO service to a server.  One server may have several, on different paths.  Clients
 * can connect to the namespaces that yodel_sio_of() and its kin make.
 *
 * server    one that does not run yet
 * options   copied, with what it points to; hooks_user is borrowed.  NULL: the defaults
 * ret_sio   one reference, to be given back after the server has stopped
 *
 * Returns 0, -ENOMEM, -EINVAL (a path without slashes at both ends, ...), -ENOENT and the like
 * (client_dir), YODEL_ERR_OPTIONS, YODEL_ERR_CONFLICT (the path is taken), or YODEL_ERR_STATE (the
 * server runs, or has run).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_sio_new(yodel_server *server,
                                               const yodel_sio_options *options,
                                               yodel_sio **ret_sio) YODEL_SETUP_THREAD;

/*
 * One more reference.
 *
 * sio   not NULL
 *
 * Returns sio.
 */
YODEL_API yodel_sio *yodel_sio_ref(yodel_sio *sio) YODEL_ANY_THREAD;

/*
 * Gives a reference back; the last one after the server has stopped.
 *
 * sio   NULL does nothing
 *
 * Returns NULL, always.
 */
YODEL_API yodel_sio *yodel_sio_unref(yodel_sio *sio) YODEL_ANY_THREAD;

/* What the service counts. */
typedef struct yodel_sio_stats {
    size_t size;               /* sizeof(yodel_sio_stats), set by the caller */
    uint64_t clients;          /* connected now */
    uint64_t polling;          /* those on polling among them */
    uint64_t lost;             /* sockets now that may be recovered */
    uint64_t lost_forgotten;   /* those that were lost first, and gave way at max_lost */
    uint64_t children_refused; /* CONNECTs refused by max_children */
    uint64_t too_big;          /* clients closed: attachments, or early events, above max_payload */
    uint64_t attachments_late; /* clients closed by attachment_timeout_ms */
    uint64_t answers_dropped;  /* left out of what an emit collects, at max_answers */
    uint64_t acks_refused;     /* not given to the program, at max_held_acks */
    uint64_t sessions_refused; /* answered 503 at max_sessions */
    uint64_t namespaces_refused; /* clients closed at max_namespaces */
    uint64_t messages_in;        /* of its clients, among those of yodel_server_stats */
    uint64_t messages_out;       /* to them */
    uint64_t joins_refused;      /* at max_rooms, also those of yodel_sio_target_join() */
} yodel_sio_stats;

/*
 * Counts what the service has and has done, over all loops of this process.  Cheap enough to be
 * asked each second; numbers of different fields need not be of one instant.
 *
 * ret_stats   the caller has set its size; fields that this has no room for are left out
 *
 * Returns 0 or -EINVAL (size is not set).
 */
YODEL_API int yodel_sio_get_stats(const yodel_sio *sio,
                                  yodel_sio_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
