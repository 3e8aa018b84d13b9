/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_NET_H
#define YD_NET_NET_H

#include <yodel/server.h>

#include "base/ip.h"
#include "net/conn.h"
#include "net/ids.h"

/* The connections and listeners of one loop. */

struct yd_limits;
struct yd_rates;
struct yd_trimmer;
struct yd_trust;

struct yd_net_options {
    uint32_t send_ms;
    uint32_t linger_ms;  /* how long the end of the peer's output is awaited in a close */
    uint32_t close_ms;   /* the same after each piece of a message that it is still sending, */
    uint32_t discard_ms; /* up to so long in all: 0: no limit, */
    size_t max_discard;  /* or until so many bytes have come; UINT32_MAX or more: no limit */
    uint32_t stop_ms; /* linger_ms and close_ms while the server stops, if it is shorter; 0: not */
    unsigned max_connections;     /* of the server; 0: no limit */
    atomic_uint *num_connections; /* of the server */
    atomic_uint *num_outgoing;    /* of the server, which are not among those; NULL: not counted */
    struct yd_limits *limits;     /* of each client, for all loops; NULL: none */
    struct yd_rates *rates;       /* of new connections, for all loops; NULL: none */
    struct yd_trimmer *trimmer;   /* of the server; NULL: memory is not given back */
    uint32_t header_ms;           /* for a PROXY header; 0: no limit */
    yodel_refused_fn *on_refused; /* as in yodel_server_options */
    void *refused_user;
};

struct yd_tls; /* certificates of one listening address, shared by all loops */

/* What the connections that came in at one listening address have in common, on every loop.  It
 * outlives them. */
struct yd_front {
    struct yd_tls *tls;           /* NULL: plain text */
    const char *tag;              /* NULL: none */
    const struct yd_trust *trust; /* proxies whose words are believed; NULL: none */
    unsigned forwarded;           /* which words: YD_FORWARDED_* */
    bool proxy_protocol;          /* every connection begins with a PROXY header */
    unsigned reserved;            /* places for which no limit counts */
    atomic_uint *num_reserved;    /* of these taken; NULL: there are none */
    /* As of struct yd_net, for these connections; NULL: that one. */
    int (*on_connection)(struct yd_conn *conn, int refusal);
    void *user; /* of that */
};

/* Of the protocol above: the present second as text. */
struct yd_net_date {
    uint64_t until; /* the loop's time at which it is another second */
    char text[32];  /* "": not written yet */
};

struct yd_net {
    struct yd_loop *loop;
    const struct yodel_allocator *mem;
    struct yd_net_options options;
    /* Takes a new connection: sets its events.  refusal: enum yd_refusal of net/limits.h, answer
     * and close.  Returns 0 or -errno: the connection is dropped. */
    int (*on_connection)(struct yd_conn *conn, int refusal);
    void *user; /* of the protocol above */
    struct yd_net_date date;
    struct yd_ids ids;    /* of its connections */
    uint32_t num_conns;   /* whose memory is there */
    uint32_t most_conns;  /* at a time, since memory was given back: see crowd.c */
    struct yd_timer trim; /* runs when it is due to be */
    bool stopping;
    bool holds;                 /* stops in waves, and has not told everyone yet */
    uint16_t stop_code;         /* of WebSockets that it closes; 0: 1001 */
    uint32_t waves;             /* that are left */
    bool aborted;               /* and takes nobody in */
    uint64_t refusal_logged_at; /* ms; 0: never */
    uint64_t answered_in;       /* the second in which */
    unsigned num_answered;      /* so many refusals of one client's connections were answered */
    /* Stopping, and the server's last connection of a client has gone, wherever it was; may come
     * again, and does when one that went out has gone. */
    void (*on_empty)(struct yd_net *net);
};

int yd_net_init(struct yd_net *net, struct yd_loop *loop, const struct yd_net_options *options);
/* After the loop has gone, or before: it does not turn any more, and nothing of it is touched. */
void yd_net_done(struct yd_net *net);

/* A listener of this loop.  fd is taken; front NULL: plain text, nothing else. */
struct yd_net_listener {
    struct yd_listener base;
    struct yd_net *net;
    const struct yd_front *front;
};

int yd_net_listen(struct yd_net *net, struct yd_net_listener *listener, int fd,
                  const struct yd_front *front);

/* A connection for fd, which is taken.  Returns 0 or -errno (fd is closed). */
int yd_net_add(struct yd_net *net, int fd, const struct yd_front *front, struct yd_conn **ret_conn);

/* The front of a connection's listener: what it is of to its on_connection. */
static inline const struct yd_front *yd_conn_front(const struct yd_conn *conn)
{
    return conn->front;
}

/* What another node tells of a client whose connection it has; copied. */
struct yd_carried {
    struct yd_ip ip;   /* of the client, proxies left out */
    bool is_tls;       /* for the client */
    yodel_str host;    /* that a trusted proxy has told; {NULL, 0}: the request says it */
    yodel_str tag;     /* of the listener; {NULL, 0}: none */
    yodel_str subject; /* of its certificate; {NULL, 0}: none */
    yodel_str fingerprint;
};

/*
 * A connection without a socket, for one request that another node has, or the WebSocket that it
 * becomes: begins as an accepted one does, and counts as that.  It is not moved, and after an
 * answer it ends.  Returns 0, -ENOMEM or -EBUSY (there are max_connections): on_closed of the
 * pipe's stream does not come then.
 */
int yd_net_add_carried(struct yd_net *net, struct yd_pipe *pipe, const struct yd_front *front,
                       const struct yd_carried *carried);

/* A connection that this server has made: fd is taken.  It counts, and is told of a stop, as one of
 * a client.  Returns 0 or -errno (fd is closed). */
int yd_net_add_own(struct yd_net *net, int fd, struct yd_conn **ret_conn);

/* The connection of such a pipe. */
static inline struct yd_conn *yd_pipe_conn(const struct yd_pipe *pipe)
{
    return (struct yd_conn *)pipe->stream;
}
/* The node that has the client's connection stops: on_stop for this one. */
void yd_net_stop_carried(struct yd_pipe *pipe);

/* The connection of an id of this loop; NULL when it has gone. */
struct yd_conn *yd_net_find(const struct yd_net *net, uint64_t id);

/* Calls each for every connection. */
void yd_net_each(struct yd_net *net, void (*each)(struct yd_conn *conn));

/* Reads what has come on every connection, then on_stop for it, now and for those that come later;
 * on_empty once none is left. */
void yd_net_stop(struct yd_net *net);
/*
 * The same, but what is open may stay for a while: on_stop comes for every connection now, while
 * yd_conn_is_held() of it, and again in one of so many calls of yd_net_wave() that share them out.
 */
void yd_net_hold(struct yd_net *net, uint32_t waves);
/* Tells a share of those that are left; false when that were all. */
bool yd_net_wave(struct yd_net *net);

static inline bool yd_net_holds(const struct yd_net *net)
{
    return net->holds;
}

/* The close code of a stop: 1001 or another, ahead of it. */
static inline void yd_net_set_stop_code(struct yd_net *net, unsigned code)
{
    net->stop_code = (uint16_t)code;
}
static inline unsigned yd_net_stop_code(const struct yd_net *net)
{
    return net->stop_code != 0 ? net->stop_code : 1001;
}

/* Aborts every connection of a client, and those that come from other loops later. */
void yd_net_abort(struct yd_net *net);

/* Aborts those that go out. */
void yd_net_abort_outgoing(struct yd_net *net);

bool yd_net_is_stopping(const struct yd_net *net);

/* ms, or what a peer gets for that while the server stops. */
static inline uint32_t yd_net_patience(const struct yd_net *net, uint32_t ms)
{
    bool shorter = net->stopping && net->options.stop_ms > 0 && net->options.stop_ms < ms;

    return shorter ? net->options.stop_ms : ms;
}

#endif
