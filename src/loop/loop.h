/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_LOOP_H
#define YD_LOOP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <yodel/server.h>

#include "base/fork_mark.h"
#include "base/mailbox.h"
#include "base/pool.h"
#include "base/wheel.h"

/*
 * An event loop: one thread, the streams that belong to it, a mailbox, a timer wheel.
 *
 * The seam to the kernel (struct yd_loop_ops) is shaped by completions: a backend hands over bytes
 * that it has read, takes bytes to send, and tells when they are gone.  What it has been given to
 * read from or to write to is left alone until it tells that it is done with it.
 */
struct yd_loop;
struct yd_net;
struct yd_guest;
struct sockaddr;
struct sockaddr_storage;

/* ---- streams ---- */

struct yd_stream;

/* What a stream tells its owner, on its loop. */
struct yd_stream_events {
    /* Bytes were read.  data is the backend's: it may be changed, and lives for the call.  Or it is
     * what yd_stream_read_into() has given. */
    void (*on_read)(struct yd_stream *stream, uint8_t *data, size_t len);
    /* Nothing more will be read: 0 the peer has ended its output, else -errno.  After 0 an error
     * may follow when the connection turns out to be broken. */
    void (*on_end)(struct yd_stream *stream, int error);
    /* The send that was left pending is done with: result more bytes were taken, 0 or more, or
     * -errno.  Its bytes are the owner's again, and sending is allowed. */
    void (*on_sent)(struct yd_stream *stream, ssize_t result);
    /* After yd_stream_close(), last: the memory may go, also what a send or a read was given. */
    void (*on_closed)(struct yd_stream *stream);
    /* While nothing is read the peer has ended its output: what it sent before can still be read,
     * and on_end comes after that.  At most once from pause to pause.  An error of the stream needs
     * no reading: on_end tells it at once, and what came before is lost. */
    void (*on_hang_up)(struct yd_stream *stream);
    /* After yd_stream_detach(), last, in place of on_closed: fd is the callee's, and free for any
     * use.  data was read from it, and not been given: len bytes, which live for the call. */
    void (*on_detached)(struct yd_stream *stream, int fd, const uint8_t *data, size_t len);
};

struct yd_pipe;

/* First member of its owner, which yd_stream_alloc() made. */
struct yd_stream {
    struct yd_loop *loop;
    const struct yd_stream_events *events;
    struct yd_pipe *pipe;       /* carries it in place of the kernel; NULL: none does */
    const struct iovec *target; /* see yd_stream_read_into() */
    int fd;
    bool paused : 1;  /* by its owner: nothing is read */
    bool ended : 1;   /* the peer's output has ended, or failed */
    bool pending : 1; /* a send is */
    bool starved : 1; /* by the kernel, which has no memory for that send: the backend's */
    bool hung_up : 1; /* on_hang_up has come: the backend's */
    bool full : 1;    /* the last send was not taken whole: no need to ask again; the backend's */
    bool closing : 1;
};

/* Memory of size bytes, all zero, with room for the backend's state ahead of it; NULL when out of
 * memory. */
void *yd_stream_alloc(struct yd_loop *loop, size_t size);
void yd_stream_free(struct yd_stream *stream);

/* Takes fd (non-blocking, connected) and begins to read.  Returns 0 or -errno; fd is then still
 * the caller's. */
int yd_stream_open(struct yd_stream *stream, int fd);

/*
 * What carries a stream that has no descriptor, as a backend does one that has: its functions are
 * those of struct yd_loop_ops, and owe the same.  stream->paused, pending and ended are set as
 * there.  close owes on_closed, and not inside its call.  It has no names, and cannot be detached.
 */
struct yd_pipe_ops {
    void (*pause)(struct yd_pipe *pipe, bool paused);
    void (*read)(struct yd_pipe *pipe);
    ssize_t (*send)(struct yd_pipe *pipe, const struct iovec *iov, int num);
    ssize_t (*send_now)(struct yd_pipe *pipe, const struct iovec *iov, int num);
    void (*shutdown)(struct yd_pipe *pipe);
    void (*close)(struct yd_pipe *pipe);
};

/* Embedded in its owner, who outlives the stream's on_closed. */
struct yd_pipe {
    const struct yd_pipe_ops *ops;
    struct yd_stream *stream; /* set by yd_stream_open_pipe() */
};

/* In place of yd_stream_open(). */
void yd_stream_open_pipe(struct yd_stream *stream, struct yd_pipe *pipe);

/*
 * Stops and goes on with reading.  Nothing is handed over while the stream is paused, nor inside
 * this call.  What the backend had read already it keeps, and gives it all, ahead of what comes
 * later, soon after the pause has ended, or as the rest of yd_stream_detach().
 */
void yd_stream_pause(struct yd_stream *stream, bool paused);

/* Hands over now what can be read without a wait, as long as the stream is not paused. */
void yd_stream_read(struct yd_stream *stream);

/*
 * From now on bytes are read into target, which is not empty, with no copy on the way; on_read then
 * gives that very memory.  A backend that has bytes elsewhere may give those, as ever, also more
 * than target takes, and then what is in target does not count.  NULL: back to other memory.
 *
 * The owner may move target on after each on_read.  Neither it nor its memory may go before another
 * call has taken its place, or yd_stream_close().
 */
static inline void yd_stream_read_into(struct yd_stream *stream, const struct iovec *target)
{
    stream->target = target;
}

/* Sends what the kernel takes at this moment.  Nothing is pending afterwards: the caller keeps the
 * bytes, and the rest.  Not while a send is pending.  Returns the bytes taken, 0 or more, or -errno
 * when the stream is broken. */
ssize_t yd_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num);

/*
 * Sends.  Returns the bytes taken, which may be fewer than given, and none though the kernel would
 * take some: the rest is then pending, on_sent will come once, and no other send is allowed before.
 * Returns -errno when the stream is broken.  iov itself is used no more; the bytes must stay as
 * they are until on_sent or, when the stream is closed before that, until on_closed.
 */
ssize_t yd_stream_send(struct yd_stream *stream, const struct iovec *iov, int num);

/* Ends our output; not while a send is pending. */
void yd_stream_shutdown(struct yd_stream *stream);

/* The address of the peer, or our own.  Returns 0 or -errno: it has none, or has been closed. */
int yd_stream_name(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret_addr);

/* Who has connected to a Unix socket, as the kernel knows it of that moment.  Returns 0, -errno (it
 * has been closed), or YODEL_ERR_NOT_FOUND: it is of another kind. */
struct yd_credentials {
    uint32_t uid, gid;
    int32_t pid;
};
int yd_stream_credentials(const struct yd_stream *stream, struct yd_credentials *ret);

/* Small segments leave at once; without effect where there is no TCP. */
void yd_stream_no_delay(struct yd_stream *stream);

/* Closes the stream, and what is pending is given up, though not before the kernel was asked to
 * take it once: nothing but on_closed comes after, and never inside this call. */
void yd_stream_close(struct yd_stream *stream);

/* The same, but fd is left open: on_detached comes in place of on_closed.  Not while a send is
 * pending. */
void yd_stream_detach(struct yd_stream *stream);

/* ---- listeners ---- */

struct yd_listener;
/* fd is non-blocking and the callee's. */
typedef void(yd_accept_fn)(struct yd_listener *listener, int fd);

struct yd_listener {
    struct yd_loop *loop;
    yd_accept_fn *on_accept;
    void *user;
    int fd;
    void *backend; /* its state */
};

/* Accepts on listener->fd (non-blocking, listening).  When descriptors or memory run out accepting
 * rests for 100 ms at a time.  Returns 0 or -errno. */
int yd_listener_start(struct yd_listener *listener);
/* Accepts now all that wait. */
void yd_listener_accept(struct yd_listener *listener);
/* Closes fd.  on_accept may come after this for what had been accepted by then.  listener may be
 * freed when the loop has ended. */
void yd_listener_stop(struct yd_listener *listener);

/* ---- watched descriptors ---- */

/* A descriptor that somebody else reads and writes. */
struct yd_watch {
    struct yd_loop *loop;
    /* Some of events: YODEL_WATCH_..., level by level, each turn until they are not so any more.
     * With YODEL_WATCH_ERROR it is the last call, and yd_watch_stop() is still to come. */
    void (*on_events)(struct yd_watch *watch, unsigned events);
    int fd;
    unsigned events; /* asked for; 0: none for now */
    void *backend;   /* its state */
};

/* Returns 0 or -errno; fd is made non-blocking. */
int yd_watch_start(struct yd_watch *watch);
int yd_watch_set(struct yd_watch *watch, unsigned events);
/* No call follows; both the watch and the descriptor may go. */
void yd_watch_stop(struct yd_watch *watch);

/* ---- sockets that are being connected ---- */

struct yd_dial {
    struct yd_watch watch;
    /* The socket is connected, and the callee's; or -errno.  Never inside yd_dial_start(). */
    void (*on_done)(struct yd_dial *dial, int fd);
};

/* Connects a new socket of addr's family; on_done must be set.  Returns 0 or -errno, and then
 * on_done does not come. */
int yd_dial_start(struct yd_loop *loop, struct yd_dial *dial, const struct sockaddr *addr,
                  unsigned len);
/* on_done does not come any more, and the socket is closed; after on_done it does nothing. */
void yd_dial_stop(struct yd_dial *dial);

/* ---- reads of files ---- */

/* Embedded in its owner; it and buf are the backend's until done. */
struct yd_file_read {
    int fd;
    void *buf;
    size_t len;
    uint64_t offset;
    /* On the loop, never inside yd_loop_read_file(): the bytes that were read, fewer than len only
     * at the end of the file, or -errno. */
    void (*done)(struct yd_file_read *read, ssize_t result);
    ssize_t result; /* the backend's, as is the other */
    void *backend;
};

/* ---- backends ---- */

struct yd_loop_ops {
    const char *name;
    size_t loop_size;   /* of the struct that begins with struct yd_loop */
    size_t stream_size; /* of the state ahead of each stream, a multiple of 16 */
    /* After this, and the backend's state is all zero ahead of it, done may be called. */
    void (*init)(struct yd_loop *loop);
    /* What it needs of the kernel, and to read into; NULL: nothing. */
    int (*open)(struct yd_loop *loop);
    void (*done)(struct yd_loop *loop);
    uint64_t (*clock)(const struct yd_loop *loop); /* monotonic, ms; at this very moment */
    /* Turns until yd_loop_stop(); calls yd_loop_turn() before each wait and
     * yd_loop_woke() after it. */
    void (*run)(struct yd_loop *loop);
    /* The backend that a guest of a foreign loop has in place of this one; NULL: this one. */
    const struct yd_loop_ops *of_guests;
    /* In place of open and run, and its end before guest->on_end; NULL: it cannot. */
    int (*start)(struct yd_loop *loop, const struct yd_guest *guest);
    void (*leave)(struct yd_loop *loop);
    void (*wake)(struct yd_loop *loop); /* once it is open; any thread, async-signal-safe */
    int (*listener_start)(struct yd_listener *listener);
    void (*listener_accept)(struct yd_listener *listener);
    void (*listener_stop)(struct yd_listener *listener);
    int (*stream_open)(struct yd_stream *stream);
    void (*stream_pause)(struct yd_stream *stream, bool paused);
    void (*stream_read)(struct yd_stream *stream);
    ssize_t (*stream_send)(struct yd_stream *stream, const struct iovec *iov, int num);
    ssize_t (*stream_send_now)(struct yd_stream *stream, const struct iovec *iov, int num);
    void (*stream_shutdown)(struct yd_stream *stream);
    int (*stream_name)(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret);
    void (*stream_no_delay)(struct yd_stream *stream);
    void (*stream_close)(struct yd_stream *stream);
    void (*stream_detach)(struct yd_stream *stream);
    int (*watch_start)(struct yd_watch *watch);
    int (*watch_set)(struct yd_watch *watch);
    void (*watch_stop)(struct yd_watch *watch);
    /* In place of socket() and connect(), which do not wait; NULL: those.  Returns the socket. */
    int (*dial)(struct yd_loop *loop, const struct sockaddr *addr, unsigned len);
    int (*work)(struct yd_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);
    /* NULL: on a thread of work. */
    int (*read_file)(struct yd_loop *loop, struct yd_file_read *read);
    int (*signal)(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                  void *arg);
};

extern const struct yd_loop_ops yd_loop_uv;

/* A loop that lives in a foreign one, on whose thread all of this is called. */
struct yd_guest {
    void *host; /* the foreign loop: of libuv */
    /* yd_loop_stop() has been called: closes the loop, after its last turn. */
    void (*on_end)(const struct yd_guest *guest);
    /* After it: no handle and no work is left in host.  The loop may be freed. */
    void (*on_left)(const struct yd_guest *guest);
};

/* ---- loops ---- */

/* Counters of one loop, written by it alone and read by anyone. */
struct yd_counters {
    atomic_uint_least64_t accepted, refused, requests, messages_in, messages_out, bytes_in,
        bytes_out, congested, cut_short, streams, event_streams, events_dropped,
        limited_connections, limited_handshakes, limited_connects, limited_messages, proxy_refused,
        deflate_limited, deflate_memory, requests_too_big, requests_late, messages_too_big,
        pings_unanswered, sends_stalled, tls_flooded, send_queue, events_out, slow_closed;
};

static inline void yd_count(atomic_uint_least64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Bytes of the room that backends read into. */
#define YD_READ_SIZE (64 * 1024)

/* Who is kept in memory by what may outlive the loop's run; all zero: nobody. */
struct yd_keeper {
    void *owner;
    void (*ref)(void *owner);
    void (*unref)(void *owner);
};

struct yd_msg;
struct yd_run;

/* Which message was queued last, and for how many in a row; where it stands if that is known. */
struct yd_loop_runs {
    struct yd_run *latest; /* NULL: none */
    const struct yd_msg *seen;
    unsigned times;
};

struct yd_loop {
    const struct yd_loop_ops *ops;
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    unsigned index;
    struct yd_net *net;                     /* the connections of this loop */
    void (*on_begin)(struct yd_loop *loop); /* once, first of all in the first turn; NULL: done */
    yodel_loop *open;                       /* what the program has on it; NULL: no server's */
    struct yd_keeper keeper;
    uint64_t now;    /* monotonic, ms; when the last wait ended */
    uint64_t moment; /* see yd_loop_due_flush(); 0: not known */
    struct yd_wheel wheel;
    struct yd_mail *tasks, **tasks_end;     /* to run before the flushes of this turn */
    struct yd_mail *flushes, **flushes_end; /* to run before the loop waits */
    struct yd_pool pool;                    /* blocks of output and of partial input */
    struct yd_loop_runs runs;               /* net/outq_run.h */
    struct yd_timer aging;                  /* of the pool; runs while it holds anything */
    struct yd_counters counters;
    _Atomic(const struct yd_fork_mark *) mark; /* borrowed; NULL: it may run in a child of fork() */
    pthread_t thread;                          /* that runs it */
    atomic_bool running;
    bool stopping;
    size_t max_mail;     /* bytes that wait in the mailbox; above it sends are refused */
    atomic_bool is_open; /* ops may be looked at by other threads, which wake it */
    /* Last: other threads write here. */
    struct yd_mailbox mailbox;
    atomic_size_t mail_bytes;           /* that wait, of mail that may be refused */
    atomic_uint_least64_t mail_refused; /* sends, at max_mail */
};

/* mem and log are borrowed and must outlive it.  Returns 0, -ENOMEM or -errno. */
int yd_loop_new(const struct yd_loop_ops *ops, const struct yodel_allocator *mem,
                const struct yodel_log_sink *log, unsigned index, struct yd_loop **ret_loop);
/* The loop must have ended, or never run, and its streams must be closed. */
void yd_loop_free(struct yd_loop *loop);

/* Takes what the loop needs of the kernel; ahead of yd_loop_run() and of all that has a descriptor.
 * A loop that was made and not opened shares nothing with a child of fork().  Returns 0 or -errno.
 */
int yd_loop_open(struct yd_loop *loop);

/* Runs on the calling thread until yd_loop_stop(). */
void yd_loop_run(struct yd_loop *loop);

/*
 * In place of yd_loop_open() and yd_loop_run(): lives in guest->host, whose thread calls this, from
 * now until yd_loop_stop().  guest is borrowed until on_left.  Returns 0, -errno, or
 * YODEL_ERR_UNSUPPORTED when the backend cannot.
 */
int yd_loop_start(struct yd_loop *loop, const struct yd_guest *guest);
/* Ends that without on_end; on_left follows, not inside this call.  The loop must be closed. */
void yd_loop_leave(struct yd_loop *loop);
/* On the loop's thread: ends yd_loop_run() after this turn. */
void yd_loop_stop(struct yd_loop *loop);
/* After yd_loop_run(), or instead of it: takes no more mail and runs what there is. */
void yd_loop_close(struct yd_loop *loop);

/* Keeps the loop in memory, and all that its keeper stands for, until a copy of its keeper is given
 * to yd_keeper_release().  Any thread. */
static inline void yd_loop_keep(struct yd_loop *loop)
{
    if (loop->keeper.ref != NULL)
        loop->keeper.ref(loop->keeper.owner);
}

static inline void yd_keeper_release(const struct yd_keeper *keeper)
{
    if (keeper->unref != NULL)
        keeper->unref(keeper->owner);
}

/* Where lines about what happens on the loop go; may be NULL. */
static inline const struct yodel_log_sink *yd_loop_log(const struct yd_loop *loop)
{
    return loop->log;
}

/* True on the thread that runs loop, while it does. */
bool yd_loop_is_current(const struct yd_loop *loop);

/*
 * Runs mail->run(mail, loop) on the loop.  Any thread; what one thread posts runs in its order.
 * Returns 0: it will run, be it by yd_loop_close(); or YODEL_ERR_CLOSED when the loop has ended, or
 * runs in the parent of this process: mail is then still the caller's.
 */
int yd_loop_post(struct yd_loop *loop, struct yd_mail *mail);

/* Ahead of running: at most so many bytes wait in the mailbox; without it there is no limit. */
static inline void yd_loop_limit_mail(struct yd_loop *loop, size_t max)
{
    loop->max_mail = max;
}

/* Ahead of running: in children of the process that made mark the loop takes no mail from now on.
 */
static inline void yd_loop_set_mark(struct yd_loop *loop, const struct yd_fork_mark *mark)
{
    atomic_store_explicit(&loop->mark, mark, memory_order_release);
}

static inline bool yd_loop_is_parents(struct yd_loop *loop)
{
    return yd_fork_mark_is_childs(atomic_load_explicit(&loop->mark, memory_order_acquire));
}

/* How often mail was refused.  Any thread. */
static inline uint64_t yd_loop_mail_refused(const struct yd_loop *loop)
{
    return atomic_load_explicit(&loop->mail_refused, memory_order_relaxed);
}

/*
 * Accounts for bytes that wait with mail for the loop, ahead of posting it: 0, or
 * YODEL_ERR_CONGESTED when they and what waits already are more than max_mail.  Into an empty
 * mailbox every mail fits.  What runs it, or could not post it, takes them off again.  Any thread.
 */
int yd_loop_mail_more(struct yd_loop *loop, size_t bytes);
void yd_loop_mail_less(struct yd_loop *loop, size_t bytes);

/* Whether the loop takes no more mail.  Any thread: a hint, as it may end at any time. */
static inline bool yd_loop_is_closed(const struct yd_loop *loop)
{
    return yd_mailbox_is_closed(&loop->mailbox);
}

/* On the loop's thread: runs task later in this turn, after the present callback; flushes after all
 * tasks.  A task must not be pending already. */
void yd_loop_task(struct yd_loop *loop, struct yd_mail *task);
void yd_loop_flush(struct yd_loop *loop, struct yd_mail *flush);

/*
 * Time.  loop->now is when the last wait in the kernel ended: what was read since has come by then,
 * and timers fire up to then, so input that came in time is seen before its deadline, however long
 * a handler took.  Deadlines are set from the clock itself, since a handler may have slept.
 */

/* The time ms from this very moment, for yd_timer_start(); UINT32_MAX and more: YD_NEVER. */
uint64_t yd_loop_due(const struct yd_loop *loop, uint64_t ms);
/* The same in a flush: the clock is read once for all that follow each other, as they take no time.
 * Whoever calls a handler in a flush calls yd_loop_forget_moment() after it, or ahead of this. */
uint64_t yd_loop_due_flush(struct yd_loop *loop, uint64_t ms);
static inline void yd_loop_forget_moment(struct yd_loop *loop)
{
    loop->moment = 0;
}

/* For backends: a wait has ended at now, and nothing of what it brought has been handed over.  The
 * only place that sets loop->now. */
void yd_loop_woke(struct yd_loop *loop, uint64_t now);

/* For backends: the next turn may fire timers.  Ahead of that a backend whose sends end later hands
 * over those that completions have begun, and tells what the kernel did with them at once: as often
 * as there are such, with a bound of its own.  So a deadline that a handler has slept through ends
 * nobody who reads: what stands behind a send that was under way is out first. */
bool yd_loop_is_due(const struct yd_loop *loop);

/* For backends: mail, due timers, tasks and flushes.  Returns the time until which the loop may
 * wait; YD_NEVER for ever. */
uint64_t yd_loop_turn(struct yd_loop *loop);

/*
 * Runs work(arg) on a thread of a pool, then done(arg) on the loop: for calls that may block, such
 * as file reads.  Returns 0, -ENOMEM or -errno (neither is then called).  Pending work is finished
 * before yd_loop_free() returns.
 */
int yd_loop_work(struct yd_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* Reads from a file.  Returns 0, or -errno: read->done does not come.  What is under way is
 * finished before yd_loop_free() returns. */
int yd_loop_read_file(struct yd_loop *loop, struct yd_file_read *read);

/* Calls on_signal(arg, signum) on this loop whenever the process gets signum.  Returns 0, -errno.
 */
int yd_loop_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                   void *arg);

#endif
