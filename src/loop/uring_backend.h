/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_URING_BACKEND_H
#define YD_LOOP_URING_BACKEND_H

#include <liburing.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "loop/loop.h"
#include "loop/uring.h"

/* Between the files of the backend of io_uring. */

/* How long accepting, or sending, rests when descriptors or memory have run out, ms. */
#define YD_URING_REST_MS 100

#define YD_URING_MOST_BUFFERS 256

/* What a completion is of: in the low bits of its user_data, beside a pointer. */
enum uring_kind {
    URING_NONE, /* nobody waits for it */
    URING_RECV, /* of struct uring_stream */
    URING_SEND,
    URING_POLL,
    URING_OP,   /* of struct uring_op */
    URING_FILE, /* of struct yd_file_read */
    URING_KINDS = 7
};

/*
 * An operation beside those of streams, first member of its owner's state.  At most one is in the
 * kernel at a time.  It lives on its backend's list until its owner has taken it off.
 */
struct uring_op {
    struct yd_list node;
    struct uring_op *next; /* of those to be settled */
    void (*settle)(struct uring_op *op);
    /* more: others will follow. */
    void (*on_result)(struct uring_op *op, int result, bool more);
    bool queued;
    bool armed;    /* in the kernel, or in the queue to it */
    bool canceled; /* and its end has been asked for */
};

/* Bytes that were read and could not be given yet. */
struct uring_late {
    size_t len, cap;
    uint8_t bytes[];
};

/* What a send of several runs needs until it is done. */
struct uring_message;

/* Stands ahead of each stream, which is freed when nothing of it is in the kernel any more. */
struct uring_stream {
    _Alignas(16) struct uring_stream *next; /* of those to be settled */
    struct uring_late *late;
    struct uring_message *message;
    unsigned char armed;    /* bits, 1 << kind: in the kernel, or in the queue to it */
    unsigned char canceled; /* those of them whose end has been asked for */
    bool queued : 1;
    bool late_end : 1; /* the peer's output ends after what is late */
    bool polls_input : 1;
    bool rests : 1;  /* SEND is a wait for room, */
    bool lacks : 1;  /* or for memory */
    bool leaves : 1; /* with its descriptor */
    bool lost : 1;   /* some of what was late */
};

/* Where the kernel puts what it reads. */
struct uring_buffers {
    struct io_uring_buf_ring *ring; /* NULL: none, streams are polled and read by us */
    uint8_t *memory;
    unsigned num, size;
    bool incremental;
    bool doubt;                            /* about some: see yd_uring_buffers_settle() */
    uint16_t tail;                         /* how many have been given to the kernel, in all */
    uint32_t used[YD_URING_MOST_BUFFERS];  /* bytes of each */
    uint16_t given[YD_URING_MOST_BUFFERS]; /* tail before it was given last */
    uint8_t doubtful[YD_URING_MOST_BUFFERS / 8];
};

/* libuv, for its pool of threads and for signals; made when it is needed. */
struct uring_uv;

struct uring_backend {
    struct yd_loop base; /* first */
    struct io_uring ring;
    bool is_open;
    bool running, ended; /* operations go to the kernel from the one to the other */
    bool deferred;       /* nothing completes but inside our calls */
    bool polls;          /* all streams, as the kernel has no receive for many */
    bool sends;          /* one was begun since completions were last taken */
    struct uring_buffers buffers;
    struct uring_stream *streams, **streams_end; /* to be settled */
    struct uring_op *ops, **ops_end;             /* the same */
    struct yd_list all_ops;
    size_t inflight;       /* operations in the kernel, or in the queue to it */
    size_t queued;         /* bytes in the queue */
    struct uring_op waker; /* watches wake_fd */
    int wake_fd;           /* while it is open */
    struct yd_buf watched; /* bits: descriptors */
    struct uring_uv *uv;
};

static inline struct uring_backend *yd_uring_of(struct yd_loop *loop)
{
    return (struct uring_backend *)loop;
}

/* uring_submit.c */

/* NULL: the queue is full and the kernel takes nothing from it now; or the loop does not run. */
struct io_uring_sqe *yd_uring_sqe(struct uring_backend *backend);
/* Hands the queue over now.  False: some is left in it. */
bool yd_uring_submit(struct uring_backend *backend);
/* Does that, and has the kernel do what it has put off, so that what was canceled is let go of.
 * Nobody is told here of what has ended. */
void yd_uring_submit_and_run(struct uring_backend *backend);

/* Counts sqe, whose end will be told to the owner of ptr. */
static inline void yd_uring_arm(struct uring_backend *backend, struct io_uring_sqe *sqe, void *ptr,
                                enum uring_kind kind)
{
    sqe->user_data = (uint64_t)(uintptr_t)ptr | kind;
    backend->inflight++;
}

/* False: not now. */
bool yd_uring_cancel(struct uring_backend *backend, void *ptr, enum uring_kind kind);
/* A wait of YD_URING_REST_MS. */
bool yd_uring_rest(struct uring_backend *backend, void *ptr, enum uring_kind kind);

void yd_uring_op_init(struct uring_backend *backend, struct uring_op *op,
                      void (*settle)(struct uring_op *op),
                      void (*on_result)(struct uring_op *op, int result, bool more));
/* settle will be called, ahead of the next wait. */
void yd_uring_op_settle(struct uring_backend *backend, struct uring_op *op);
void yd_uring_op_cancel(struct uring_backend *backend, struct uring_op *op);
/* A poll, once, for POLL... in mask.  False: not now. */
bool yd_uring_op_poll(struct uring_backend *backend, struct uring_op *op, int fd, unsigned mask,
                      bool multi);

/* yd_uring_stream_settle() will be called, ahead of the next wait. */
void yd_uring_stream_queue(struct uring_backend *backend, struct uring_stream *state);

/* uring_setup.c: rings, as good as the kernel has them. */
int yd_uring_setup(struct io_uring *ring);
/* The end of one. */
void yd_uring_exit(struct io_uring *ring);
/* The calling thread is the ring's from now on. */
int yd_uring_enable(struct io_uring *ring);
int yd_uring_buffers_init(struct uring_buffers *buffers, struct io_uring *ring);
void yd_uring_buffers_done(struct uring_buffers *buffers);
/* What a completion in buffer id has brought. */
static inline uint8_t *yd_uring_buffer(const struct uring_buffers *buffers, unsigned id)
{
    return buffers->memory + (size_t)id * buffers->size + buffers->used[id];
}
/* Takes it: each completion, in the order of the queue. */
static inline uint8_t *yd_uring_buffer_take(struct uring_buffers *buffers, int result,
                                            unsigned flags)
{
    unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    uint8_t *data = yd_uring_buffer(buffers, id);

    if (result > 0)
        buffers->used[id] += (uint32_t)result;
    return data;
}

/* And is done with what it has brought. */
void yd_uring_buffer_used(struct uring_buffers *buffers, int result, unsigned flags);
/* When the queue of completions is empty. */
void yd_uring_buffers_settle(struct uring_buffers *buffers, struct io_uring *ring);

/* uring_stream.c */
int yd_uring_stream_open(struct yd_stream *stream);
void yd_uring_stream_pause(struct yd_stream *stream, bool paused);
void yd_uring_stream_read(struct yd_stream *stream);
void yd_uring_stream_close(struct yd_stream *stream);
void yd_uring_stream_settle(struct uring_backend *backend, struct uring_stream *state);
void yd_uring_stream_on_recv(struct uring_backend *backend, struct uring_stream *state,
                             uint8_t *data, int result, unsigned flags);
void yd_uring_stream_on_poll(struct uring_backend *backend, struct uring_stream *state, int result);

static inline struct uring_stream *yd_uring_state_of(struct yd_stream *stream)
{
    return (struct uring_stream *)((char *)stream - sizeof(struct uring_stream));
}

static inline struct yd_stream *yd_uring_stream_of(struct uring_stream *state)
{
    return (struct yd_stream *)((char *)state + sizeof(struct uring_stream));
}

void yd_uring_stream_shutdown(struct yd_stream *stream);
void yd_uring_stream_detach(struct yd_stream *stream);

/* uring_send.c */
ssize_t yd_uring_stream_send(struct yd_stream *stream, const struct iovec *iov, int num);
ssize_t yd_uring_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num);
void yd_uring_stream_on_send(struct uring_backend *backend, struct uring_stream *state, int result);
/* Begins the wait that state->rests or lacks stands for. */
void yd_uring_send_rest(struct uring_backend *backend, struct uring_stream *state);

/* uring_listen.c */
int yd_uring_listener_start(struct yd_listener *listener);
void yd_uring_listener_accept(struct yd_listener *listener);
void yd_uring_listener_stop(struct yd_listener *listener);

/* uring_watch.c */
int yd_uring_watch_start(struct yd_watch *watch);
int yd_uring_watch_set(struct yd_watch *watch);
void yd_uring_watch_stop(struct yd_watch *watch);

/* uring_file.c */
int yd_uring_read_file(struct yd_loop *loop, struct yd_file_read *read);
void yd_uring_on_file_read(struct uring_backend *backend, struct yd_file_read *read, int result);

/* uring_work.c */
int yd_uring_work(struct yd_loop *loop, void (*work)(void *arg), void (*done)(void *arg),
                  void *arg);
int yd_uring_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                    void *arg);
/* Finishes the work there is. */
void yd_uring_work_done(struct uring_backend *backend);

#endif
