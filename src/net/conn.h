/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_CONN_H
#define YD_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "net/ids.h"
#include "net/outq.h"

/* A connection: a stream, a filter (TCP or TLS), output, deadlines, and the protocol above it. */
struct yd_conn;

/* What the protocol above does.  Never called inside a call of its own to this layer, except where
 * said. */
struct yd_conn_events {
    /*
     * Input.  Returns how many bytes were used; the others are kept and given again, first, with
     * what comes next, so a head that is not whole is left by returning 0.  data may be changed.
     * The events may be replaced inside (an upgrade): the rest goes to the new ones.
     */
    size_t (*on_data)(struct yd_conn *conn, uint8_t *data, size_t len);
    /* The peer has ended its output.  Ours still goes; the usual answer is yd_conn_close(). */
    void (*on_eof)(struct yd_conn *conn);
    /* Optional.  The same while input is paused: what came before has still to be read, and on_eof
     * comes after that. */
    void (*on_hang_up)(struct yd_conn *conn);
    /* The time set by yd_conn_set_timeout() has passed. */
    void (*on_timeout)(struct yd_conn *conn);
    /* The output has emptied after yd_conn_want_drain(). */
    void (*on_drain)(struct yd_conn *conn);
    /* The server stops: finish what is begun, then yd_conn_close(). */
    void (*on_stop)(struct yd_conn *conn);
    /* The connection is gone, last.  error: 0 after yd_conn_close() or _abort(), -errno of the
     * transport, -ETIMEDOUT when output made no progress.  Frees the protocol's state. */
    void (*on_closed)(struct yd_conn *conn, int error);
    /* In place of all else once yd_conn_leave() has been called, see net_internal.h. */
    void (*on_left)(struct yd_conn *conn, int fd, const uint8_t *rest, size_t len);
    /* Optional: the handshake of TLS is done, and the peer is who it should be; ahead of on_data.
     */
    void (*on_ready)(struct yd_conn *conn);
};

/*
 * What is left of a connection.  It only goes forward, by one function of conn.c, and may leave out
 * phases; ARCHITECTURE.md has a diagram.  From YD_CONN_DEAD on every call of this header is
 * harmless.
 */
enum yd_conn_phase {
    YD_CONN_OPEN = 0,
    YD_CONN_CLOSING,  /* yd_conn_close(): output is being flushed, input dropped */
    YD_CONN_NOTIFIED, /* the filter has announced the end of our output; that is being flushed */
    YD_CONN_SHUT,     /* our output has ended; waiting for the peer's */
    YD_CONN_DEAD,     /* nothing but on_closed comes */
    YD_CONN_FINISHED, /* on_closed has been called; id and memory are there until all let go */
    YD_CONN_FREED     /* the stream, too, has let go */
};

struct yd_caller;
struct yd_filter;
struct yd_front;

struct yd_conn {
    struct yd_stream stream; /* first */
    const struct yd_conn_events *events;
    void *up;                     /* the protocol's state */
    struct yd_filter *filter;     /* NULL: plain TCP */
    const struct yd_front *front; /* where it came in; never NULL */
    struct yd_caller *caller;     /* who is at the other end; NULL: the socket tells */
    struct yd_outq out;
    struct yd_buf *kept;   /* input not used yet; NULL: none */
    struct yd_mail task;   /* flush, delivery of kept input, or the end */
    struct yd_timer timer; /* runs to the earlier of the two below */
    uint32_t timeout_at;   /* of the protocol; ms, wraps */
    uint32_t send_by;      /* output must make progress by then, and the peer, once ours has ended,
                            * end its own; ms, wraps */
    uint32_t slot;         /* in the table of ids */
    int16_t error;         /* to report by on_closed */
    uint8_t phase : 3;     /* enum yd_conn_phase */
    uint8_t holds : 3;     /* who needs id and memory: the stream, and yd_conn_hold() */
    bool has_timeout : 1;  /* timeout_at counts */
    bool sending : 1;      /* a send is pending */
    bool has_send_by : 1;  /* send_by counts */
    bool task_queued : 1;
    bool want_drain : 1;
    bool paused : 1;    /* by the protocol */
    bool redeliver : 1; /* what is kept is to be given again */
    bool eof : 1;       /* the peer's output has ended */
    bool stop_due : 1;  /* on_stop is to come */
    bool moved : 1;     /* it has left for another loop, which counts it */
    bool told : 1;      /* in a wave of a stop */
    bool outgoing : 1;  /* we have connected it: it is not one of a client's */
    bool more_due : 1;  /* the peer is in the middle of something that is not read any more */
    uint16_t corks;     /* yd_conn_cork() */
    uint32_t dropped;   /* input since yd_conn_close(), bytes; UINT32_MAX: as many or more */
};

static inline struct yd_loop *yd_conn_loop(const struct yd_conn *conn)
{
    return conn->stream.loop;
}

/* Hands the connection to a protocol.  While the server stops on_stop follows at the end of this
 * turn, whichever way the connection came here. */
void yd_conn_set_events(struct yd_conn *conn, const struct yd_conn_events *events, void *up);

/* In on_stop, while the server stops in waves: what is open may stay, on_stop comes once more. */
bool yd_conn_is_held(const struct yd_conn *conn);

/* Keeps id and memory of the connection for an owner whose end comes later than on_closed. */
void yd_conn_hold(struct yd_conn *conn);
void yd_conn_release(struct yd_conn *conn);

/* A body of so many bytes is worth a system call of its own: it saves a copy.  Builds for
 * sanitizers take a few, so that short messages of tests go all ways. */
#ifdef YODEL_NO_POOLS
#define YD_CONN_AT_ONCE 64
#else
#define YD_CONN_AT_ONCE 4096
#endif

/*
 * Queues output; it goes out at the end of this turn.  A large body that has nothing queued ahead
 * of it is given to the kernel at once, and only what that leaves is copied.  When the connection
 * breaks meanwhile, it ends in a task, as ever.
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_CLOSED after yd_conn_close() or the end.  After -ENOMEM nothing
 * is queued; if some of it was out already, the connection ends.
 */
int yd_conn_write(struct yd_conn *conn, const void *head, size_t head_len, const void *body,
                  size_t body_len);
/* Queues len bytes of output, more than none, which the caller writes at *ret_room before anything
 * else is called.  Otherwise the same; not for YD_CONN_AT_ONCE bytes and more. */
int yd_conn_reserve(struct yd_conn *conn, size_t len, uint8_t **ret_room);
int yd_conn_write_frame(struct yd_conn *conn, struct yd_msg *msg);
int yd_conn_write_payload(struct yd_conn *conn, struct yd_msg *msg);

/*
 * Output is kept back until yd_conn_uncork() has been called as often, or yd_conn_close().  False
 * when it cannot be counted any more, and is not kept back by that call.
 */
bool yd_conn_cork(struct yd_conn *conn);
void yd_conn_uncork(struct yd_conn *conn);

/* Bytes queued and not yet taken by the kernel. */
size_t yd_conn_buffered(const struct yd_conn *conn);

/* Asks for one on_drain once the output is empty. */
void yd_conn_want_drain(struct yd_conn *conn);

/* on_timeout comes ms from now, once; 0 and more than YD_CONN_LONGEST: never.  Cheap to call often.
 */
#define YD_CONN_LONGEST ((uint32_t)INT32_MAX / 2)
void yd_conn_set_timeout(struct yd_conn *conn, uint32_t ms);

/* Input is read into target with no copy on the way, if it can be, until the next call; on_data is
 * then given that very memory.  As yd_stream_read_into(). */
void yd_conn_read_into(struct yd_conn *conn, const struct iovec *target);

/* Stops input; yd_conn_resume() gives what was kept, in a task of its own, and goes on. */
void yd_conn_pause(struct yd_conn *conn);
void yd_conn_resume(struct yd_conn *conn);

/*
 * Flushes, ends our output, waits for the peer's, then on_closed.  Input is read on, also if it was
 * paused, and dropped: were it left in the kernel, the end of the connection would be a reset,
 * which overtakes what the peer has not read yet (RFC 9112 9.6).  The wait ends linger_ms after the
 * last input, or close_ms when some comes or is due, and after discard_ms or max_discard in all.
 */
void yd_conn_close(struct yd_conn *conn);
/* The peer is in the middle of a message which nobody reads any more: yd_conn_close() will wait for
 * the rest of it. */
void yd_conn_expect_more(struct yd_conn *conn);

/* Drops everything; on_closed follows in a task. */
void yd_conn_abort(struct yd_conn *conn, int error);

/*
 * Moves the connection to another loop of the server, as soon as the output so far is out.  It
 * begins there as a new one, by to->on_connection; its input is ahead (copied), then what was not
 * used here, then what comes.  It is no longer the caller's: its events are not called any more.
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_CLOSED when it or that loop has ended.
 */
int yd_conn_move(struct yd_conn *conn, struct yd_net *to, const void *ahead, size_t len);

bool yd_conn_is_tls(const struct yd_conn *conn);

/* Of the certificate that the client has shown: its subject (RFC 2253), or the SHA-256 of all of it
 * in lower hex.  Writes at most size bytes, without a NUL.  Returns how many, YODEL_ERR_NOT_FOUND
 * (it has shown none), YODEL_ERR_TOO_BIG or -ENOMEM. */
enum yd_cert_part { YD_CERT_SUBJECT, YD_CERT_FINGERPRINT };
ssize_t yd_conn_client_cert(const struct yd_conn *conn, enum yd_cert_part part, char *ret_text,
                            size_t size);

/* The tag of the listener that it came in by; NULL: none. */
const char *yd_conn_tag(const struct yd_conn *conn);

/* Writes "192.0.2.1:4711", "[2001:db8::1]:4711" or "unix"; of the client that a PROXY header told.
 */
#define YD_PEER_SIZE 64
void yd_conn_peer(const struct yd_conn *conn, char ret_text[YD_PEER_SIZE]);

/* Who has connected, by the kernel; as yd_stream_credentials(). */
int yd_conn_credentials(const struct yd_conn *conn, struct yd_credentials *ret);

/* Names the connection from any thread; never 0. */
uint64_t yd_conn_id(const struct yd_conn *conn);

#endif
