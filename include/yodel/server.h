/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SERVER_H
#define YODEL_SERVER_H

#include <yodel/log.h>

YODEL_C_BEGIN

/* Owns the listeners, the routes and N loop threads.  A connection lives on one loop for life. */
typedef struct yodel_server yodel_server;

/* One of the loops (yodel/loop.h). */
typedef struct yodel_loop yodel_loop;

typedef enum yodel_backend {
    YODEL_BACKEND_AUTO = 0, /* io_uring where it is built and all loops can have it, else libuv: the
                             * log says why */
    YODEL_BACKEND_IO_URING, /* YODEL_ERR_UNSUPPORTED where not built or refused by the kernel */
    YODEL_BACKEND_LIBUV
} yodel_backend;

/* At which limit a connection was refused, or its peer ended. */
typedef enum yodel_refusal_reason {
    YODEL_REFUSED_CONNECTIONS = 1,     /* max_connections */
    YODEL_REFUSED_CONNECTS,            /* max_connects */
    YODEL_REFUSED_ADDRESS_CONNECTIONS, /* max_address_connections */
    YODEL_REFUSED_ADDRESS_HANDSHAKES,  /* max_address_handshakes */
    YODEL_REFUSED_ADDRESS_CONNECTS,    /* max_address_connects */
    YODEL_REFUSED_MESSAGES,            /* max_messages or max_address_messages: it is ended */
    YODEL_REFUSED_PROXY                /* proxy_protocol: no header, or of one not trusted */
} yodel_refusal_reason;

/* Borrowed for the call. */
typedef struct yodel_refusal {
    size_t size; /* sizeof(yodel_refusal), set by the library */
    yodel_refusal_reason reason;
    yodel_str peer; /* "192.0.2.1:4711", as yodel_request_peer(); "unknown" when nobody tells */
} yodel_refusal;

/* On the connection's loop. */
typedef void(yodel_refused_fn)(const yodel_refusal *refusal, void *user);

/* Limits are per connection unless said otherwise; times are milliseconds, UINT32_MAX is never. */
typedef struct yodel_server_options {
    size_t size; /* sizeof(yodel_server_options) */

    unsigned loops; /* loop threads; 0: one for each online CPU; at most 255 */
    yodel_backend
        backend; /* the environment variable YODEL_BACKEND=libuv|io_uring overrides AUTO */
    const yodel_allocator *allocator; /* copied; NULL: malloc */
    const yodel_log_sink *log;        /* copied; NULL: silent */

    size_t max_message;   /* largest WebSocket message after inflation, bytes; 0: 1 MiB */
    size_t max_buffered;  /* output above which sends give YODEL_ERR_CONGESTED, bytes; 0: 1 MiB */
    size_t max_header;    /* request line and headers, bytes; 0: 16 KiB (431 above) */
    size_t max_target;    /* request target, bytes; 0: 8 KiB (414 above) */
    unsigned max_headers; /* header lines; 0: 100 (431 above) */
    size_t max_body;      /* request body, bytes; 0: 1 MiB (413 above) */
    unsigned max_connections; /* of the whole server; 0: no limit (503 above) */

    uint32_t header_ms; /* from accept, or a request's first byte, to its head's end; 0: 10000 */
    uint32_t body_ms;   /* for a whole request body, or between parts of one that is read in parts
                         * (yodel/http_body.h); 0: 30000 (408 after) */
    uint32_t keep_ms;   /* an HTTP connection between requests; 0: 75000 */
    uint32_t
        decide_ms; /* what is deferred must be decided (yodel/decision.h); 0: 10000 (503 after) */
    uint32_t ping_ms;  /* ping a WebSocket after this long without a frame from it; 0: 25000 */
    uint32_t pong_ms;  /* close it when nothing comes for this long after the ping; 0: 20000 */
    uint32_t send_ms;  /* close when queued output makes no progress this long; 0: 30000 */
    uint32_t close_ms; /* wait for the peer's half of a close this long; 0: 5000 */
    uint32_t drain_ms; /* drain time of a stop asked for by a signal; 0: 5000 */

    /* 1: yodel_server_run() installs SIGINT and SIGTERM (stop; at once on the second) and SIGHUP
     * (reload certificates), and ignores SIGPIPE.  0: signals are left alone; the library's own
     * writes never raise SIGPIPE. */
    int handle_signals;

    /* The value of the Server header; NULL: none is sent.  Copied. */
    const char *server_name;

    /* Bytes that wait for one loop, sent by other loops and threads; above it group messages, emits
     * and sends by id give YODEL_ERR_CONGESTED and reach nobody.  Ends, answers and decisions are
     * never refused.  0: 64 MiB. */
    size_t max_mailbox;

    /*
     * Of one client, over all loops: an IPv4 address, or the first 64 bits of an IPv6 address;
     * where proxies are trusted (yodel_listen_options.trusted) the one that they name, and not they
     * themselves.  Peers on Unix sockets are not counted.  0: no limit.
     */
    unsigned max_address_connections; /* open at a time, and requests by proxies; 429 above */
    unsigned max_address_handshakes;  /* whose TLS and first head are not whole; 429 above */
    unsigned max_address_messages;    /* in messages_ms; as max_messages */

    /* WebSocket messages and Engine.IO packets in messages_ms of one connection; above it a
     * WebSocket is closed with 1008, an Engine.IO session with its transport.  0: no limit. */
    unsigned max_messages;

    /* What a client still sends after an early answer (413, 401, an error of a handler) or a close
     * frame is read and dropped, so that a client which reads only when it has sent all gets that
     * answer and no reset (RFC 9112 9.6).  The connection ends close_ms after the last piece, after
     * discard_ms, or above max_discard. */
    size_t max_discard;  /* bytes; 0: 64 MiB */
    uint32_t discard_ms; /* 0: 30000 */

    /* Of a stop by a signal, by yodel_server_stop() and after a handover, as in yodel_stop_options:
     * the time over which closes are spread, 0: all at once; and the WebSockets' close code, 0:
     * 1001 (yodel/restart.h). */
    uint32_t spread_ms;
    unsigned stop_code;

    /* Of yodel_loop_work(), for the whole server: threads, which are made when there is work for
     * them, and jobs that wait for one, above which it gives YODEL_ERR_CONGESTED. */
    unsigned work_threads; /* at most 1024; 0: 4 */
    unsigned max_work;     /* 0: 1000 */

    /* Bytes that WebSockets may be promised for contexts of permessage-deflate, shared out among
     * the loops; one above it is opened without a context, which costs nothing, and counted.  0:
     * 256 MiB; SIZE_MAX: no limit. */
    size_t max_deflate_memory;

    /* When half of a loop's connections have left, of 500 or more, what malloc holds free is given
     * back to the system: by malloc_trim(), on a thread of its own, this long after the last time
     * at the least.  It is for all memory of the process, also the program's, and costs about 1 ms
     * of a processor for each 1000 connections, during which a thread that needs the same arena of
     * malloc waits. */
    uint32_t trim_ms; /* 0: 10000; UINT32_MAX: never, as without glibc or with an allocator */

    /*
     * Connections that are accepted in connects_ms: of the whole server, 503 above, and of one
     * client, as above, 429 above; with TLS they are closed before the handshake.  Peers on Unix
     * sockets are not counted, unless they are trusted proxies.  0: no limit.
     */
    unsigned max_connects;
    unsigned max_address_connects; /* at most 65535 */
    uint32_t connects_ms;          /* 0: 1000 */
    uint32_t messages_ms;          /* of max_messages and max_address_messages; 0: 1000 */

    /* Told of each refusal, in place of the lines in the log that say so, one a second of each
     * loop.  NULL: nobody is. */
    yodel_refused_fn *on_refused;
    void *refused_user;
} yodel_server_options;

/*
 * Makes a server that listens nowhere and has no routes.  It takes no thread, and no descriptor but
 * those it is to listen on, before it runs.  There may be several in a process.
 *
 * options      borrowed for the call; NULL for every default
 * ret_server   one reference, to yodel_server_unref(); untouched on failure
 *
 * Returns 0; -ENOMEM; -EINVAL (more than 255 loops, 1024 work_threads or 65535
 * max_address_connects, an allocator with a
 * function missing, a server_name that cannot be a header's value, no such backend); -EIO (no
 * random numbers); YODEL_ERR_OPTIONS; or YODEL_ERR_UNSUPPORTED when the backend is not compiled in
 * or the kernel refuses it.
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_new(const yodel_server_options *options,
                                                  yodel_server **ret_server) YODEL_ANY_THREAD;

/*
 * Runs the server until yodel_server_stop() has ended it: the calling thread becomes loop 0, and a
 * thread is made for each further loop.  Called once in the life of a server; at the end all its
 * threads have been joined (but see yodel_loop_work()), all its connections closed, and all
 * callbacks have returned.  It holds a reference meanwhile.  A server that was stopped before ends
 * at once.
 *
 * With handle_signals SIGINT, SIGTERM and SIGHUP are watched while it runs, by each server of the
 * process that asks for it, and SIGPIPE is ignored from then on.
 *
 * Returns 0; YODEL_ERR_STATE when it runs or has run already; a negative result of a
 * yodel_loop_start_fn; or -errno of what could not be started (threads, descriptors, memory).
 * After a failure it has stopped and does not run again: make another.
 */
YODEL_API int yodel_server_run(yodel_server *server) YODEL_SETUP_THREAD;

/*
 * Stops the server: listening sockets are closed at once, after those who waited there have been
 * accepted, and the file of a Unix socket is removed, so another process may listen on the
 * addresses from then on.  When all loops have done that, or after a quarter of drain_ms or 5 s
 * where one is busy, clients are told: so nobody who comes back then reaches this server again.
 * What has come on a connection by now is handled; every WebSocket, also one accepted later, is
 * closed with 1001 (stop_code); running requests finish.  The loops end when
 * all is flushed, after at most drain_ms; for peers that have got everything and answer neither a
 * close frame nor the end of TCP, after one second.
 *
 * drain_ms   milliseconds; 0: as soon as close frames and last answers were written once;
 *            UINT32_MAX: no limit.  Only that of the first call counts
 *
 * Does not wait, and cannot fail.  A second call ends the loops at once: connections are cut off
 * and jobs given up.  Further calls, and calls on one that has ended, do nothing.  One that does
 * not run yet stops as soon as it runs.  Async-signal-safe.
 */
YODEL_API void yodel_server_stop(yodel_server *server, uint32_t drain_ms) YODEL_ANY_THREAD;

/*
 * One more reference to the server, for instance for a thread that posts to it.  While anyone holds
 * one every YODEL_ANY_THREAD function on it stays callable, and gives YODEL_ERR_CLOSED once it has
 * stopped.
 *
 * server   not NULL
 *
 * Returns server.
 */
YODEL_API yodel_server *yodel_server_ref(yodel_server *server) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  The last one frees the server, and with it its routes, listeners and
 * loops; it must have stopped, or never run: what was posted to one that never ran is freed then,
 * unrun.  Streams, decisions and channel layers keep the memory of their server as long as they are
 * held.
 *
 * server   NULL is a no-op; must not be used by the caller after that
 *
 * Always returns NULL: server = yodel_server_unref(server).
 */
YODEL_API yodel_server *yodel_server_unref(yodel_server *server) YODEL_ANY_THREAD;

/*
 * fork(): a server that was made and has not run yet may be run in the parent, in a child, or in
 * any number of them at once; they then share its listening sockets, and each gives
 * yodel_server_unref() for itself.  (The file of a Unix socket is removed by the process that
 * called yodel_server_listen().)
 *
 * A child that was made while the server ran has no part in it: there yodel_server_stop() and
 * yodel_server_unref() do nothing, what is sent or posted gives YODEL_ERR_CLOSED, and nothing of
 * the parent's is touched.  No other function may be called on it or on its objects.  The child may
 * make servers of its own, or execute another program, for which all descriptors are closed.
 *
 * A child that does neither keeps the parent's listening sockets open, and with them the port once
 * the parent has stopped.  This closes the child's, and in any other process, or when called again,
 * does nothing.
 */
YODEL_API void yodel_server_after_fork(yodel_server *server) YODEL_ANY_THREAD;

/* What the server has done since it was made; read without stopping anything. */
typedef struct yodel_server_stats {
    size_t size;                  /* sizeof(yodel_server_stats), set by the caller */
    uint64_t accepted;            /* connections taken from the kernel */
    uint64_t refused;             /* answered 503 by max_connections */
    uint64_t connections;         /* open now */
    uint64_t websockets;          /* open now */
    uint64_t requests;            /* HTTP requests handled, upgrades included */
    uint64_t messages_in;         /* WebSocket messages and Engine.IO packets received */
    uint64_t messages_out;        /* the same queued, group deliveries included */
    uint64_t bytes_in;            /* read from sockets, before TLS is taken off */
    uint64_t bytes_out;           /* written to sockets */
    uint64_t congested;           /* sends refused or group messages dropped at max_buffered */
    uint64_t mail_refused;        /* sends refused at max_mailbox */
    uint64_t cut_short;           /* connections ended at max_discard or discard_ms */
    uint64_t streams;             /* answers in parts that have not ended, event streams included */
    uint64_t event_streams;       /* readers of server-sent events, now */
    uint64_t events_dropped;      /* for such readers: binary, or of a name they cannot be told */
    uint64_t limited_connections; /* refused at max_address_connections */
    uint64_t limited_handshakes;  /* refused at max_address_handshakes */
    uint64_t limited_messages;    /* at max_messages or max_address_messages; each ends a peer */
    uint64_t proxy_refused;       /* on a listener with proxy_protocol: no header, or not trusted */
    uint64_t work_waiting;        /* jobs of yodel_loop_work() that have not begun, now */
    uint64_t work_refused;        /* jobs refused at max_work */
    uint64_t deflate_memory;      /* bytes promised to contexts of permessage-deflate, now */
    uint64_t deflate_limited;     /* WebSockets that got less context, by max_deflate_memory */
    uint64_t memory_trims;        /* how often memory was given back to the system (trim_ms) */
    uint64_t requests_too_big; /* answered 413, 414 or 431, at max_body, max_target, max_header */
    uint64_t requests_late;    /* answered 408, at header_ms or body_ms */
    uint64_t messages_too_big; /* WebSockets closed with 1009, at max_message */
    uint64_t pings_unanswered; /* WebSockets and Engine.IO sessions closed at pong_ms */
    uint64_t sends_stalled;    /* connections ended at send_ms */
    uint64_t tls_flooded;      /* connections ended for new keys of TLS without data */
    uint64_t limited_connects; /* refused at max_connects or max_address_connects */
    uint64_t send_queue;       /* bytes that wait to be sent on all connections, now */
    uint64_t events_out;       /* server-sent events, among messages_out */
    uint64_t slow_closed;      /* clients sent away at max_buffered, by close_congested */
} yodel_server_stats;

/*
 * Reads all counters that both the caller's struct and this library have; others in it become 0.
 * Nothing is stopped for it, so counters that change together may differ by what is under way.
 * Cheap enough for every request of a /metrics route; also before the server runs and after it has
 * stopped.
 *
 * stats   not NULL, with size set; filled in
 *
 * Returns 0, or -EINVAL when size is too small to hold itself: nothing is written.
 */
YODEL_API int yodel_server_get_stats(yodel_server *server,
                                     yodel_server_stats *stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
