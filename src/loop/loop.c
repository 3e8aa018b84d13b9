/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/stream_socket.h"

/* Free blocks a loop keeps for the next burst, bytes, and how often half of what was not used goes
 * back to the allocator: an idle loop holds none after some seconds. */
#define POOL_HELD (8u * 1024 * 1024)
#define AGE_MS 500

/* Rounds of tasks and flushes in one turn; what they cause after that waits for the next turn, so
 * that handlers which answer each other cannot keep the loop from its input. */
#define ROUNDS 8

static void age_pool(struct yd_timer *timer)
{
    struct yd_loop *loop = yd_container_of(timer, struct yd_loop, aging);

    yd_pool_age(&loop->pool); /* the end of the turn starts the timer again */
}

/* A loop can become a guest. */
static size_t loop_size(const struct yd_loop_ops *ops)
{
    return YD_MAX(ops->loop_size, ops->of_guests != NULL ? ops->of_guests->loop_size : 0);
}

int yd_loop_new(const struct yd_loop_ops *ops, const struct yodel_allocator *mem,
                const struct yodel_log_sink *log, unsigned index, struct yd_loop **ret_loop)
{
    struct yd_loop *loop = yd_zalloc(mem, loop_size(ops));

    if (loop == NULL)
        return -ENOMEM;
    loop->ops = ops;
    loop->mem = mem;
    loop->log = log;
    loop->index = index;
    loop->max_mail = SIZE_MAX;
    loop->tasks_end = &loop->tasks;
    loop->flushes_end = &loop->flushes;
    yd_pool_init(&loop->pool, mem, POOL_HELD);
    yd_timer_init(&loop->aging, age_pool);
    yd_mailbox_init(&loop->mailbox);
    ops->init(loop);
    atomic_init(&loop->is_open, ops->open == NULL);
    yd_loop_woke(loop, ops->clock(loop));
    yd_wheel_init(&loop->wheel, loop->now);
    *ret_loop = loop;
    return 0;
}

void yd_loop_free(struct yd_loop *loop)
{
    if (loop == NULL)
        return;
    loop->ops->done(loop);
    yd_pool_done(&loop->pool);
    yd_free(loop->mem, loop);
}

/* Whoever posted before that has not woken it; the first turn, which comes after, takes the mail.
 */
static void become_open(struct yd_loop *loop)
{
    atomic_store(&loop->is_open, true);
    atomic_thread_fence(memory_order_seq_cst);
}

int yd_loop_open(struct yd_loop *loop)
{
    int rc = loop->ops->open != NULL ? loop->ops->open(loop) : 0;

    if (rc == 0)
        become_open(loop);
    return rc;
}

static void begin(struct yd_loop *loop)
{
    loop->thread = pthread_self();
    atomic_store_explicit(&loop->running, true, memory_order_release);
}

static void end(struct yd_loop *loop)
{
    atomic_store_explicit(&loop->running, false, memory_order_release);
}

void yd_loop_run(struct yd_loop *loop)
{
    begin(loop);
    loop->ops->run(loop);
    end(loop);
}

/* Nothing has been opened: the loop has no streams and takes nothing of the kernel, and what it has
 * of its backend beyond mail and timers is its state, which goes. */
static void change_backend(struct yd_loop *loop, const struct yd_loop_ops *ops)
{
    loop->ops->done(loop);
    memset((char *)loop + sizeof *loop, 0, loop_size(loop->ops) - sizeof *loop);
    loop->ops = ops;
    ops->init(loop);
}

int yd_loop_start(struct yd_loop *loop, const struct yd_guest *guest)
{
    int rc;

    if (loop->ops->of_guests != NULL)
        change_backend(loop, loop->ops->of_guests);
    if (loop->ops->start == NULL)
        return YODEL_ERR_UNSUPPORTED;
    if ((rc = loop->ops->start(loop, guest)) == 0) {
        begin(loop);
        become_open(loop);
    }
    return rc;
}

void yd_loop_leave(struct yd_loop *loop)
{
    end(loop);
    loop->ops->leave(loop);
}

void yd_loop_stop(struct yd_loop *loop)
{
    loop->stopping = true;
}

bool yd_loop_is_current(const struct yd_loop *loop)
{
    return atomic_load_explicit(&loop->running, memory_order_acquire) &&
           pthread_equal(loop->thread, pthread_self());
}

static void wake(struct yd_loop *loop)
{
    if (!atomic_load(&loop->is_open))
        atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&loop->is_open))
        loop->ops->wake(loop);
}

int yd_loop_post(struct yd_loop *loop, struct yd_mail *mail)
{
    int rc;

    if (yd_loop_is_parents(loop))
        return YODEL_ERR_CLOSED;
    if ((rc = yd_mailbox_put(&loop->mailbox, mail)) > 0)
        wake(loop);
    return rc < 0 ? rc : 0;
}

int yd_loop_mail_more(struct yd_loop *loop, size_t bytes)
{
    size_t before;

    if (bytes == 0)
        return 0;
    before = atomic_fetch_add_explicit(&loop->mail_bytes, bytes, memory_order_relaxed);
    if (before == 0 || (before < loop->max_mail && bytes <= loop->max_mail - before))
        return 0;
    yd_loop_mail_less(loop, bytes);
    atomic_fetch_add_explicit(&loop->mail_refused, 1, memory_order_relaxed);
    return YODEL_ERR_CONGESTED;
}

void yd_loop_mail_less(struct yd_loop *loop, size_t bytes)
{
    if (bytes != 0)
        atomic_fetch_sub_explicit(&loop->mail_bytes, bytes, memory_order_relaxed);
}

void yd_loop_task(struct yd_loop *loop, struct yd_mail *task)
{
    task->next = NULL;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
}

void yd_loop_flush(struct yd_loop *loop, struct yd_mail *flush)
{
    flush->next = NULL;
    *loop->flushes_end = flush;
    loop->flushes_end = &flush->next;
}

static void run_chain(struct yd_loop *loop, struct yd_mail *mail)
{
    while (mail != NULL) {
        struct yd_mail *next = mail->next;

        mail->run(mail, loop);
        mail = next;
    }
}

/* Takes the whole queue first: what it causes goes to the next round. */
static void run_queue(struct yd_loop *loop, struct yd_mail **queue, struct yd_mail ***end)
{
    struct yd_mail *mail = *queue;

    *queue = NULL;
    *end = queue;
    run_chain(loop, mail);
}

static void run_flushes(struct yd_loop *loop)
{
    yd_loop_forget_moment(loop);
    run_queue(loop, &loop->flushes, &loop->flushes_end);
}

void yd_loop_close(struct yd_loop *loop)
{
    run_chain(loop, yd_mailbox_close(&loop->mailbox));
    while (loop->tasks != NULL || loop->flushes != NULL) {
        run_queue(loop, &loop->tasks, &loop->tasks_end);
        run_flushes(loop);
    }
}

uint64_t yd_loop_due(const struct yd_loop *loop, uint64_t ms)
{
    return ms < UINT32_MAX ? loop->ops->clock(loop) + ms : YD_NEVER;
}

uint64_t yd_loop_due_flush(struct yd_loop *loop, uint64_t ms)
{
    if (ms >= UINT32_MAX)
        return YD_NEVER;
    if (loop->moment == 0)
        loop->moment = loop->ops->clock(loop);
    return loop->moment + ms;
}

void yd_loop_woke(struct yd_loop *loop, uint64_t now)
{
    loop->now = YD_MAX(now, loop->now);
}

bool yd_loop_is_due(const struct yd_loop *loop)
{
    return yd_wheel_has_work(&loop->wheel, loop->now);
}

static inline void begin_turns(struct yd_loop *loop)
{
    void (*on_begin)(struct yd_loop * loop) = loop->on_begin;

    if (on_begin == NULL)
        return;
    loop->on_begin = NULL;
    on_begin(loop);
}

uint64_t yd_loop_turn(struct yd_loop *loop)
{
    int64_t wait;

    begin_turns(loop);
    run_chain(loop, yd_mailbox_take(&loop->mailbox));
    yd_wheel_advance(&loop->wheel, loop->now);
    for (int i = 0; i < ROUNDS && (loop->tasks != NULL || loop->flushes != NULL); i++) {
        run_queue(loop, &loop->tasks, &loop->tasks_end);
        if (loop->tasks == NULL || i == ROUNDS - 1)
            run_flushes(loop);
    }
    if (!yd_pool_is_empty(&loop->pool) && !yd_timer_is_running(&loop->aging))
        yd_timer_start(&loop->wheel, &loop->aging, loop->now + AGE_MS);
    if (loop->tasks != NULL || loop->flushes != NULL)
        return loop->now;
    wait = yd_wheel_next(&loop->wheel);
    return wait >= 0 ? loop->now + (uint64_t)wait : YD_NEVER;
}

int yd_loop_work(struct yd_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    return loop->ops->work(loop, work, done, arg);
}

int yd_loop_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                   void *arg)
{
    return loop->ops->signal(loop, signum, on_signal, arg);
}

int yd_watch_start(struct yd_watch *watch)
{
    return watch->loop->ops->watch_start(watch);
}

int yd_watch_set(struct yd_watch *watch, unsigned events)
{
    watch->events = events;
    return watch->loop->ops->watch_set(watch);
}

void yd_watch_stop(struct yd_watch *watch)
{
    watch->loop->ops->watch_stop(watch);
}

int yd_listener_start(struct yd_listener *listener)
{
    return listener->loop->ops->listener_start(listener);
}

void yd_listener_accept(struct yd_listener *listener)
{
    listener->loop->ops->listener_accept(listener);
}

void yd_listener_stop(struct yd_listener *listener)
{
    listener->loop->ops->listener_stop(listener);
}

void *yd_stream_alloc(struct yd_loop *loop, size_t size)
{
    size_t ahead = loop->ops->stream_size;
    char *memory = yd_zalloc(loop->mem, ahead + size);
    struct yd_stream *stream;

    if (memory == NULL)
        return NULL;
    stream = (struct yd_stream *)(memory + ahead);
    stream->loop = loop;
    stream->fd = -1;
    return stream;
}

void yd_stream_free(struct yd_stream *stream)
{
    struct yd_loop *loop = stream->loop;

    yd_free(loop->mem, (char *)stream - loop->ops->stream_size);
}

int yd_stream_open(struct yd_stream *stream, int fd)
{
    int rc;

    stream->fd = fd;
    if ((rc = stream->loop->ops->stream_open(stream)) < 0)
        stream->fd = -1;
    return rc;
}

void yd_stream_open_pipe(struct yd_stream *stream, struct yd_pipe *pipe)
{
    stream->pipe = pipe;
    pipe->stream = stream;
}

void yd_stream_pause(struct yd_stream *stream, bool paused)
{
    if (stream->paused == paused || stream->closing)
        return;
    stream->paused = paused;
    if (stream->pipe != NULL)
        stream->pipe->ops->pause(stream->pipe, paused);
    else
        stream->loop->ops->stream_pause(stream, paused);
}

void yd_stream_read(struct yd_stream *stream)
{
    if (stream->pipe != NULL)
        stream->pipe->ops->read(stream->pipe);
    else
        stream->loop->ops->stream_read(stream);
}

ssize_t yd_stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    if (stream->pipe != NULL)
        return stream->pipe->ops->send(stream->pipe, iov, num);
    return stream->loop->ops->stream_send(stream, iov, num);
}

ssize_t yd_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num)
{
    if (stream->pipe != NULL)
        return stream->pipe->ops->send_now(stream->pipe, iov, num);
    return stream->loop->ops->stream_send_now(stream, iov, num);
}

void yd_stream_shutdown(struct yd_stream *stream)
{
    if (stream->pipe != NULL)
        stream->pipe->ops->shutdown(stream->pipe);
    else
        stream->loop->ops->stream_shutdown(stream);
}

int yd_stream_name(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret_addr)
{
    return stream->pipe == NULL ? stream->loop->ops->stream_name(stream, peer, ret_addr)
                                : -ENOTCONN;
}

int yd_stream_credentials(const struct yd_stream *stream, struct yd_credentials *ret)
{
    return stream->pipe == NULL ? yd_socket_credentials(stream, ret) : YODEL_ERR_NOT_FOUND;
}

void yd_stream_no_delay(struct yd_stream *stream)
{
    if (stream->pipe == NULL)
        stream->loop->ops->stream_no_delay(stream);
}

void yd_stream_close(struct yd_stream *stream)
{
    if (stream->closing)
        return;
    stream->closing = true;
    if (stream->pipe != NULL)
        stream->pipe->ops->close(stream->pipe);
    else
        stream->loop->ops->stream_close(stream);
}

void yd_stream_detach(struct yd_stream *stream)
{
    if (stream->closing)
        return;
    stream->closing = true;
    stream->loop->ops->stream_detach(stream);
}
