/* SPDX-License-Identifier: MIT */
#include "net/conn.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/caller.h"
#include "net/filter.h"
#include "net/net_internal.h"

/* Runs of bytes given to the kernel in one call. */
#define MAX_IOV 64

static struct yd_conn *conn_of(struct yd_stream *stream)
{
    return (struct yd_conn *)stream;
}

static struct yd_loop *loop_of(const struct yd_conn *conn)
{
    return conn->stream.loop;
}

/* ---- phases ---- */

/* The only place that changes the phase; false when it has come as far already. */
static bool enter(struct yd_conn *conn, enum yd_conn_phase phase)
{
    if (conn->phase >= phase)
        return false;
    conn->phase = phase & 7;
    return true;
}

static bool is_open(const struct yd_conn *conn)
{
    return conn->phase == YD_CONN_OPEN;
}

static bool is_dead(const struct yd_conn *conn)
{
    return conn->phase >= YD_CONN_DEAD;
}

static void queue_task(struct yd_conn *conn)
{
    if (conn->task_queued || conn->phase >= YD_CONN_FINISHED)
        return;
    conn->task_queued = true;
    yd_loop_flush(loop_of(conn), &conn->task);
}

static void die(struct yd_conn *conn, int error)
{
    if (!enter(conn, YD_CONN_DEAD))
        return;
    if (conn->error == 0)
        conn->error = (int16_t)error;
    yd_stream_pause(&conn->stream, true);
    queue_task(conn);
}

/* ---- deadlines ---- */

static bool has_passed(uint32_t at, uint64_t now)
{
    return (int32_t)((uint32_t)now - at) >= 0;
}

/* Lazily: a timer that runs to an earlier time than needed is left alone and set anew when it
 * fires, so that moving a deadline on with every message costs nothing. */
static void run_timer_until(struct yd_conn *conn, uint32_t at)
{
    struct yd_loop *loop = loop_of(conn);
    int32_t wait = (int32_t)(at - (uint32_t)loop->now);
    uint64_t due = loop->now + (wait > 0 ? (uint64_t)wait : 0);

    if (!yd_timer_is_running(&conn->timer) || conn->timer.due > due)
        yd_timer_start(&loop->wheel, &conn->timer, due);
}

/* What a deadline of 32 bits cannot tell from the past counts as never. */
static bool is_never(uint32_t ms)
{
    return ms == 0 || ms > YD_CONN_LONGEST;
}

/* Sets a deadline ms from now; false when it never comes. */
static bool set_deadline(struct yd_conn *conn, uint32_t ms, uint32_t *ret_at)
{
    if (is_never(ms))
        return false;
    *ret_at = (uint32_t)yd_loop_due(loop_of(conn), ms);
    run_timer_until(conn, *ret_at);
    return true;
}

/* Output makes no progress or, once ours has ended, the peer does not come to its end. */
static void fail_deadline(struct yd_conn *conn)
{
    if (conn->phase < YD_CONN_SHUT) {
        yd_count(&loop_of(conn)->counters.sends_stalled, 1);
        die(conn, -ETIMEDOUT);
        return;
    }
    yd_count(&loop_of(conn)->counters.cut_short, 1);
    die(conn, 0);
}

static void on_timer(struct yd_timer *timer)
{
    struct yd_conn *conn = yd_container_of(timer, struct yd_conn, timer);
    uint64_t now = loop_of(conn)->now;

    if (is_dead(conn))
        return;
    if (conn->has_send_by && has_passed(conn->send_by, now)) {
        fail_deadline(conn);
        return;
    }
    if (conn->has_timeout && has_passed(conn->timeout_at, now)) {
        conn->has_timeout = false;
        if (is_open(conn))
            conn->events->on_timeout(conn);
        else
            die(conn, 0);
    }
    if (conn->has_send_by)
        run_timer_until(conn, conn->send_by);
    if (conn->has_timeout)
        run_timer_until(conn, conn->timeout_at);
}

void yd_conn_set_timeout(struct yd_conn *conn, uint32_t ms)
{
    conn->has_timeout = !is_dead(conn) && set_deadline(conn, ms, &conn->timeout_at);
}

/* Whatever happens, no longer than this from now. */
static void await_peer(struct yd_conn *conn)
{
    const struct yd_net *net = yd_conn_net(conn);
    uint32_t ms = conn->more_due ? net->options.close_ms : net->options.linger_ms;

    yd_conn_set_timeout(conn, yd_net_patience(net, ms));
}

/* ---- input ---- */

/* Input after yd_conn_close(). */
static void drop(struct yd_conn *conn, size_t len)
{
    conn->more_due = true;
    conn->dropped += (uint32_t)YD_MIN(len, UINT32_MAX - (size_t)conn->dropped);
    if (conn->dropped > yd_conn_net(conn)->options.max_discard) {
        yd_stream_pause(&conn->stream, true); /* while output is flushed */
        if (conn->phase == YD_CONN_SHUT)
            fail_deadline(conn);
    } else if (conn->phase == YD_CONN_SHUT) {
        await_peer(conn);
    }
}

/* Gives data to the protocol until it leaves some; returns what was used. */
static size_t offer(struct yd_conn *conn, uint8_t *data, size_t len)
{
    size_t used = 0;

    while (used < len && !conn->paused && is_open(conn)) {
        size_t more = conn->events->on_data(conn, data + used, len - used);

        if (more == 0)
            break;
        used += more;
    }
    return used;
}

void yd_conn_drop_kept(struct yd_conn *conn)
{
    const struct yodel_allocator *mem = loop_of(conn)->mem;

    if (conn->kept == NULL)
        return;
    yd_buf_free(mem, conn->kept);
    yd_free(mem, conn->kept);
    conn->kept = NULL;
}

static void offer_kept(struct yd_conn *conn)
{
    size_t used;

    if (conn->kept == NULL)
        return;
    used = offer(conn, conn->kept->ptr, conn->kept->len);
    if (used == conn->kept->len || !is_open(conn))
        yd_conn_drop_kept(conn);
    else
        yd_buf_consume(conn->kept, used);
}

static int keep(struct yd_conn *conn, const uint8_t *data, size_t len)
{
    const struct yodel_allocator *mem = loop_of(conn)->mem;
    int rc;

    if (conn->kept == NULL && (conn->kept = yd_zalloc(mem, sizeof *conn->kept)) == NULL)
        return -ENOMEM;
    if ((rc = yd_buf_append(mem, conn->kept, data, len)) < 0 && conn->kept->len == 0)
        yd_conn_drop_kept(conn);
    return rc;
}

void yd_conn_deliver(struct yd_conn *conn, uint8_t *data, size_t len)
{
    bool had_kept = conn->kept != NULL;
    size_t used = 0;

    if (!is_open(conn))
        return;
    if (!had_kept)
        used = offer(conn, data, len);
    if (used == len || !is_open(conn))
        return;
    if (keep(conn, data + used, len - used) < 0)
        die(conn, -ENOMEM);
    else if (had_kept)
        offer_kept(conn);
}

void yd_conn_take_input(struct yd_conn *conn, uint8_t *data, size_t len)
{
    int rc;

    if (is_dead(conn))
        return;
    if (!is_open(conn))
        drop(conn, len);
    if (conn->phase >= YD_CONN_SHUT)
        return;
    if (conn->filter == NULL)
        yd_conn_deliver(conn, data, len);
    else if ((rc = conn->filter->ops->input(conn, data, len)) < 0)
        die(conn, rc);
}

static void on_read(struct yd_stream *stream, uint8_t *data, size_t len)
{
    yd_conn_take_input(conn_of(stream), data, len);
}

void yd_conn_end_input(struct yd_conn *conn)
{
    if (conn->eof || is_dead(conn))
        return;
    conn->eof = true;
    if (is_open(conn))
        conn->events->on_eof(conn);
    else if (conn->phase == YD_CONN_SHUT)
        die(conn, 0);
    else
        queue_task(conn);
}

static void on_end(struct yd_stream *stream, int error)
{
    struct yd_conn *conn = conn_of(stream);

    if (error < 0)
        die(conn, error);
    else
        yd_conn_end_input(conn);
}

static void on_hang_up(struct yd_stream *stream)
{
    struct yd_conn *conn = conn_of(stream);

    if (is_open(conn) && conn->events->on_hang_up != NULL)
        conn->events->on_hang_up(conn);
}

void yd_conn_read_into(struct yd_conn *conn, const struct iovec *target)
{
    if (conn->filter != NULL)
        conn->filter->target = target;
    else
        yd_stream_read_into(&conn->stream, target);
}

void yd_conn_pause(struct yd_conn *conn)
{
    if (is_dead(conn))
        return;
    conn->paused = true;
    yd_stream_pause(&conn->stream, true);
}

void yd_conn_resume(struct yd_conn *conn)
{
    if (is_dead(conn))
        return;
    conn->paused = false;
    if (conn->kept == NULL) {
        yd_stream_pause(&conn->stream, false);
        return;
    }
    conn->redeliver = true;
    queue_task(conn);
}

/* Nothing is read before the protocol has had what is kept: it may pause again in the middle of
 * that, and each pause would add what was read meanwhile. */
static void redeliver(struct yd_conn *conn)
{
    conn->redeliver = false;
    offer_kept(conn);
    if (!conn->paused && !is_dead(conn))
        yd_stream_pause(&conn->stream, false);
}

/* ---- output ---- */

/* Many sends are pending for no longer than it takes to tell of their end: this costs next to
 * nothing while the timer runs already, see run_timer_until(). */
static void await_progress(struct yd_conn *conn)
{
    uint32_t ms = yd_conn_net(conn)->options.send_ms;

    conn->has_send_by = !is_never(ms);
    if (!conn->has_send_by)
        return;
    conn->send_by = (uint32_t)yd_loop_due_flush(loop_of(conn), ms);
    run_timer_until(conn, conn->send_by);
}

/* The kernel has taken len bytes of queue, and will take others later: only that is progress.  All
 * that is in queue stays where it is until then. */
static void sent(struct yd_conn *conn, struct yd_outq *queue, size_t len)
{
    yd_outq_consume(loop_of(conn), queue, len);
    conn->sending = true;
    if (len > 0 || !conn->has_send_by)
        await_progress(conn);
}

/* Sends until all is out or the kernel takes no more; false when the connection broke. */
static bool send_all(struct yd_conn *conn)
{
    while (!conn->sending) {
        struct yd_outq *queue = conn->filter != NULL ? conn->filter->ops->output(conn) : &conn->out;
        struct iovec iov[MAX_IOV];
        ssize_t taken;
        size_t given = 0;
        int num;

        if (queue == NULL) {
            die(conn, -ENOMEM);
            return false;
        }
        if (yd_outq_is_empty(queue)) {
            conn->has_send_by = false;
            return true;
        }
        num = yd_outq_peek(queue, iov, MAX_IOV);
        for (int i = 0; i < num; i++)
            given += iov[i].iov_len;
        if ((taken = yd_stream_send(&conn->stream, iov, num)) < 0) {
            die(conn, (int)taken);
            return false;
        }
        if ((size_t)taken < given) {
            sent(conn, queue, (size_t)taken);
        } else {
            conn->has_send_by = false;
            yd_outq_consume(loop_of(conn), queue, given);
        }
    }
    return true;
}

/* All is out and we are closing: announces the end of our output, and waits for the peer's. */
static void end_output(struct yd_conn *conn)
{
    if (conn->filter != NULL && enter(conn, YD_CONN_NOTIFIED)) {
        conn->filter->ops->shutdown(conn);
        if (!send_all(conn) || conn->sending)
            return;
    }
    if (conn->eof) {
        die(conn, 0);
        return;
    }
    yd_stream_shutdown(&conn->stream);
    enter(conn, YD_CONN_SHUT);
    yd_stream_pause(&conn->stream, false);
    conn->has_send_by = set_deadline(conn, yd_conn_net(conn)->options.discard_ms, &conn->send_by);
    await_peer(conn);
}

/* We are closing, and the filter cannot take the last output yet: its handshake is not done. */
static void await_filter(struct yd_conn *conn)
{
    if (conn->eof)
        die(conn, 0);
    else if (!conn->has_timeout)
        await_peer(conn);
}

static bool is_corked(const struct yd_conn *conn)
{
    return conn->corks > 0 && is_open(conn);
}

static void flush(struct yd_conn *conn)
{
    if (is_corked(conn))
        return;
    if (conn->sending || conn->phase >= YD_CONN_SHUT || !send_all(conn) || conn->sending)
        return;
    if (!is_open(conn)) {
        if (!yd_outq_is_empty(&conn->out))
            await_filter(conn);
        else
            end_output(conn);
    } else if (conn->want_drain) {
        conn->want_drain = false;
        conn->events->on_drain(conn);
        yd_loop_forget_moment(loop_of(conn));
    }
}

static void on_sent(struct yd_stream *stream, ssize_t result)
{
    struct yd_conn *conn = conn_of(stream);
    struct yd_outq *queue = conn->filter != NULL ? &conn->filter->sealed : &conn->out;

    conn->sending = false;
    if (is_dead(conn))
        return;
    if (result < 0) {
        die(conn, (int)result);
        return;
    }
    if (result > 0)
        conn->has_send_by = false;
    yd_outq_consume(loop_of(conn), queue, (size_t)result);
    if (yd_conn_buffered(conn) > 0) { /* ahead of the deadlines that have passed meanwhile */
        yd_loop_forget_moment(loop_of(conn));
        flush(conn);
    } else if (conn->want_drain || !is_open(conn)) {
        queue_task(conn);
    }
}

/* ---- the end ---- */

/* What a pending send has been given stays until the stream has ended: behind a filter that is what
 * it has sealed. */
static void let_go_of_output(struct yd_conn *conn)
{
    struct yd_loop *loop = loop_of(conn);

    if (conn->filter != NULL) {
        yd_outq_clear(loop, &conn->out);
        conn->out = conn->filter->sealed;
        conn->filter->sealed = (struct yd_outq){.tail = NULL};
        conn->filter->ops->free(conn);
    }
    if (!conn->sending)
        yd_outq_clear(loop, &conn->out);
}

/* What a connection has besides its id and memory. */
static void let_go(struct yd_conn *conn)
{
    conn->has_timeout = conn->has_send_by = false;
    yd_timer_stop(&loop_of(conn)->wheel, &conn->timer);
    let_go_of_output(conn);
    yd_conn_drop_kept(conn);
}

static void finish(struct yd_conn *conn)
{
    if (!enter(conn, YD_CONN_FINISHED))
        return;
    let_go(conn);
    conn->events->on_closed(conn, conn->error);
    yd_loop_forget_moment(loop_of(conn));
    yd_caller_done(conn);
    yd_stream_close(&conn->stream);
}

void yd_conn_leave(struct yd_conn *conn)
{
    enter(conn, YD_CONN_FINISHED);
    let_go(conn);
    conn->moved = true;
    yd_stream_detach(&conn->stream);
}

void yd_conn_hold(struct yd_conn *conn)
{
    conn->holds++;
}

void yd_conn_release(struct yd_conn *conn)
{
    struct yd_net *net = yd_conn_net(conn);
    bool moved, outgoing;

    if (--conn->holds > 0)
        return;
    moved = conn->moved;
    outgoing = conn->outgoing;
    yd_ids_free(&net->ids, conn->slot);
    yd_stream_free(&conn->stream);
    yd_net_one_less(net);
    if (outgoing)
        yd_net_count_outgoing_less(net);
    else if (!moved)
        yd_conn_count_less(net);
}

static void on_closed(struct yd_stream *stream)
{
    struct yd_conn *conn = conn_of(stream);

    enter(conn, YD_CONN_FREED);
    yd_outq_clear(loop_of(conn), &conn->out);
    yd_conn_release(conn);
}

static void on_detached(struct yd_stream *stream, int fd, const uint8_t *data, size_t len)
{
    struct yd_conn *conn = conn_of(stream);

    enter(conn, YD_CONN_FREED);
    conn->events->on_left(conn, fd, data, len);
    yd_conn_release(conn);
}

/* ---- tasks ---- */

void yd_conn_stop(struct yd_conn *conn)
{
    conn->stop_due = false;
    if (conn->phase == YD_CONN_SHUT)
        await_peer(conn);
    if (is_open(conn))
        yd_stream_read(&conn->stream);
    if (is_open(conn) && conn->events->on_stop != NULL)
        conn->events->on_stop(conn);
}

bool yd_conn_is_held(const struct yd_conn *conn)
{
    return yd_conn_net(conn)->holds && !conn->told;
}

static void call_protocol(struct yd_conn *conn)
{
    if (conn->redeliver && !is_dead(conn))
        redeliver(conn);
    if (conn->stop_due)
        yd_conn_stop(conn);
    yd_loop_forget_moment(loop_of(conn));
}

static void run_task(struct yd_mail *task, void *receiver)
{
    struct yd_conn *conn = yd_container_of(task, struct yd_conn, task);

    (void)receiver;
    conn->task_queued = false;
    if (conn->redeliver || conn->stop_due)
        call_protocol(conn);
    if (!is_dead(conn))
        flush(conn);
    if (is_dead(conn) && !conn->task_queued) /* else the queue still has it, and it comes again */
        finish(conn);
}

static const struct yd_stream_events stream_events = {on_read,   on_end,     on_sent,
                                                      on_closed, on_hang_up, on_detached};

void yd_conn_init(struct yd_conn *conn)
{
    conn->stream.events = &stream_events;
    conn->task.run = run_task;
    conn->holds = 1;
    yd_timer_init(&conn->timer, on_timer);
}

void yd_conn_set_events(struct yd_conn *conn, const struct yd_conn_events *events, void *up)
{
    conn->events = events;
    conn->up = up;
    if (!yd_conn_net(conn)->stopping || !is_open(conn))
        return;
    conn->stop_due = true;
    queue_task(conn);
}

uint64_t yd_conn_id(const struct yd_conn *conn)
{
    return yd_ids_id(&yd_conn_net(conn)->ids, conn->slot);
}

static int wrote(struct yd_conn *conn, int rc)
{
    if (rc == 0 && !conn->sending)
        queue_task(conn);
    return rc;
}

static void move_on(struct iovec rest[2], size_t len)
{
    for (int i = 0; i < 2; i++) {
        size_t take = YD_MIN(len, rest[i].iov_len);

        rest[i].iov_base = (uint8_t *)rest[i].iov_base + take;
        rest[i].iov_len -= take;
        len -= take;
    }
}

/* Sends as much of rest as the kernel takes.  Returns how many bytes are gone; an error of the
 * stream ends the connection, and then there is no rest. */
static size_t send_plain(struct yd_conn *conn, struct iovec rest[2])
{
    ssize_t taken = yd_stream_send_now(&conn->stream, rest, 2);

    if (taken < 0)
        die(conn, (int)taken);
    else
        move_on(rest, (size_t)taken);
    return YD_MAX(taken, 0);
}

/* The same.  What is sealed is ours: the kernel may take that when it likes. */
static size_t send_sealed(struct yd_conn *conn, struct iovec rest[2])
{
    size_t total = 0;
    ssize_t sealed;

    while (rest[1].iov_len > 0 && !conn->sending && !is_dead(conn)) {
        if ((sealed = conn->filter->ops->seal(conn, rest)) < 0)
            die(conn, (int)sealed);
        if (sealed <= 0)
            break;
        total += (size_t)sealed;
        yd_loop_forget_moment(loop_of(conn)); /* a handler is at work */
        (void)send_all(conn);
    }
    return total;
}

/* Output that nothing stands ahead of. */
static int write_through(struct yd_conn *conn, struct iovec rest[2])
{
    size_t gone = conn->filter != NULL ? send_sealed(conn, rest) : send_plain(conn, rest);
    int rc;

    if (is_dead(conn) || rest[1].iov_len == 0)
        return 0;
    rc = yd_outq_copy(loop_of(conn), &conn->out, rest[0].iov_base, rest[0].iov_len,
                      rest[1].iov_base, rest[1].iov_len);
    if (rc < 0 && gone > 0)
        die(conn, rc); /* in the middle of what the peer reads */
    return wrote(conn, rc);
}

static bool is_idle(const struct yd_conn *conn)
{
    return !conn->sending && !is_corked(conn) && yd_conn_buffered(conn) == 0;
}

int yd_conn_write(struct yd_conn *conn, const void *head, size_t head_len, const void *body,
                  size_t body_len)
{
    if (!is_open(conn))
        return YODEL_ERR_CLOSED;
    if (body_len >= YD_CONN_AT_ONCE && is_idle(conn))
        return write_through(conn,
                             (struct iovec[2]){{(void *)head, head_len}, {(void *)body, body_len}});
    return wrote(conn, yd_outq_copy(loop_of(conn), &conn->out, head, head_len, body, body_len));
}

int yd_conn_reserve(struct yd_conn *conn, size_t len, uint8_t **ret_room)
{
    if (!is_open(conn))
        return YODEL_ERR_CLOSED;
    if ((*ret_room = yd_outq_reserve(loop_of(conn), &conn->out, len)) == NULL)
        return -ENOMEM;
    return wrote(conn, 0);
}

int yd_conn_write_frame(struct yd_conn *conn, struct yd_msg *msg)
{
    if (!is_open(conn))
        return YODEL_ERR_CLOSED;
    return wrote(conn, yd_outq_frame(loop_of(conn), &conn->out, msg, conn->sending));
}

int yd_conn_write_payload(struct yd_conn *conn, struct yd_msg *msg)
{
    if (!is_open(conn))
        return YODEL_ERR_CLOSED;
    return wrote(conn, yd_outq_payload(loop_of(conn), &conn->out, msg));
}

bool yd_conn_cork(struct yd_conn *conn)
{
    if (conn->corks == UINT16_MAX)
        return false;
    conn->corks++;
    return true;
}

void yd_conn_uncork(struct yd_conn *conn)
{
    if (--conn->corks == 0 && !is_dead(conn))
        queue_task(conn);
}

size_t yd_conn_buffered(const struct yd_conn *conn)
{
    if (conn->phase >= YD_CONN_FINISHED) /* nobody waits for what is left */
        return 0;
    return yd_outq_bytes(&conn->out) +
           (conn->filter != NULL ? yd_outq_bytes(&conn->filter->sealed) : 0);
}

void yd_conn_want_drain(struct yd_conn *conn)
{
    if (is_dead(conn))
        return;
    conn->want_drain = true;
    queue_task(conn);
}

void yd_conn_want_flush(struct yd_conn *conn)
{
    if (!conn->sending)
        queue_task(conn);
}

void yd_conn_close(struct yd_conn *conn)
{
    if (!enter(conn, YD_CONN_CLOSING))
        return;
    conn->has_timeout = false;
    conn->paused = false;
    yd_stream_pause(&conn->stream, false); /* a peer may read only when it has sent all */
    queue_task(conn);
}

void yd_conn_expect_more(struct yd_conn *conn)
{
    conn->more_due = true;
}

void yd_conn_abort(struct yd_conn *conn, int error)
{
    die(conn, error);
}
