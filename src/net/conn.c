/* SPDX-License-Identifier: MIT */
#include "net/conn.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
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

static void queue_task(struct yd_conn *conn)
{
    if (conn->task_queued)
        return;
    conn->task_queued = true;
    yd_loop_flush(loop_of(conn), &conn->task);
}

static void die(struct yd_conn *conn, int error)
{
    if (conn->dead)
        return;
    conn->dead = true;
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

/* Sets a deadline ms from now; false when it never comes.  What a deadline of 32 bits cannot tell
 * from the past counts as never. */
static bool set_deadline(struct yd_conn *conn, uint32_t ms, uint32_t *ret_at)
{
    if (ms == 0 || ms > YD_CONN_LONGEST)
        return false;
    *ret_at = (uint32_t)yd_loop_due(loop_of(conn), ms);
    run_timer_until(conn, *ret_at);
    return true;
}

static void on_timer(struct yd_timer *timer)
{
    struct yd_conn *conn = yd_container_of(timer, struct yd_conn, timer);
    uint64_t now = loop_of(conn)->now;

    if (conn->dead)
        return;
    if (conn->has_send_by && has_passed(conn->send_by, now)) {
        die(conn, -ETIMEDOUT);
        return;
    }
    if (conn->has_timeout && has_passed(conn->timeout_at, now)) {
        conn->has_timeout = false;
        if (conn->shut)
            die(conn, 0);
        else if (!conn->closing)
            conn->events->on_timeout(conn);
    }
    if (conn->has_send_by)
        run_timer_until(conn, conn->send_by);
    if (conn->has_timeout)
        run_timer_until(conn, conn->timeout_at);
}

void yd_conn_set_timeout(struct yd_conn *conn, uint32_t ms)
{
    conn->has_timeout = set_deadline(conn, ms, &conn->timeout_at);
}

/* ---- input ---- */

/* Gives data to the protocol until it leaves some; returns what was used. */
static size_t offer(struct yd_conn *conn, uint8_t *data, size_t len)
{
    size_t used = 0;

    while (used < len && !conn->paused && !conn->closing && !conn->dead) {
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
    if (used == conn->kept->len || conn->closing || conn->dead)
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

    if (conn->closing || conn->dead)
        return;
    if (!had_kept)
        used = offer(conn, data, len);
    if (used == len || conn->closing || conn->dead)
        return;
    if (keep(conn, data + used, len - used) < 0)
        die(conn, -ENOMEM);
    else if (had_kept)
        offer_kept(conn);
}

static void on_read(struct yd_stream *stream, uint8_t *data, size_t len)
{
    struct yd_conn *conn = conn_of(stream);
    int rc;

    if (conn->dead || conn->shut)
        return;
    if (conn->filter == NULL)
        yd_conn_deliver(conn, data, len);
    else if ((rc = conn->filter->ops->input(conn, data, len)) < 0)
        die(conn, rc);
}

void yd_conn_end_input(struct yd_conn *conn)
{
    if (conn->eof || conn->dead)
        return;
    conn->eof = true;
    if (conn->shut)
        die(conn, 0);
    else if (!conn->closing)
        conn->events->on_eof(conn);
}

static void on_end(struct yd_stream *stream, int error)
{
    struct yd_conn *conn = conn_of(stream);

    if (error < 0)
        die(conn, error);
    else
        yd_conn_end_input(conn);
}

void yd_conn_pause(struct yd_conn *conn)
{
    conn->paused = true;
    yd_stream_pause(&conn->stream, true);
}

void yd_conn_resume(struct yd_conn *conn)
{
    conn->paused = false;
    if (conn->dead)
        return;
    yd_stream_pause(&conn->stream, false);
    if (conn->kept != NULL) {
        conn->redeliver = true;
        queue_task(conn);
    }
}

/* ---- output ---- */

/* The kernel has taken len bytes of queue, and will take others later: only that is progress. */
static void sent(struct yd_conn *conn, struct yd_outq *queue, size_t len)
{
    yd_outq_consume(loop_of(conn), queue, len);
    conn->sending = true;
    if (len > 0 || !conn->has_send_by)
        conn->has_send_by = set_deadline(conn, yd_conn_net(conn)->options.send_ms, &conn->send_by);
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
        if (queue->bytes == 0) {
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

/* All is out and we are closing: says that our side has ended, and waits for the peer's. */
static void end_output(struct yd_conn *conn)
{
    if (conn->filter != NULL && !conn->notified) {
        conn->notified = true;
        conn->filter->ops->shutdown(conn);
        if (!send_all(conn) || conn->sending)
            return;
    }
    if (conn->eof) {
        die(conn, 0);
        return;
    }
    yd_stream_shutdown(&conn->stream);
    conn->shut = true;
    conn->paused = false;
    yd_stream_pause(&conn->stream, false);
    yd_conn_set_timeout(conn, yd_conn_net(conn)->options.linger_ms);
}

static void flush(struct yd_conn *conn)
{
    if (conn->sending || conn->shut || !send_all(conn) || conn->sending)
        return;
    if (conn->closing) {
        end_output(conn);
    } else if (conn->want_drain) {
        conn->want_drain = false;
        conn->events->on_drain(conn);
    }
}

static void on_sent(struct yd_stream *stream, ssize_t result)
{
    struct yd_conn *conn = conn_of(stream);
    struct yd_outq *queue = conn->filter != NULL ? &conn->filter->sealed : &conn->out;

    conn->sending = false;
    if (conn->dead)
        return;
    if (result < 0) {
        die(conn, (int)result);
        return;
    }
    if (result > 0)
        conn->has_send_by = false;
    yd_outq_consume(loop_of(conn), queue, (size_t)result);
    flush(conn);
}

static void finish(struct yd_conn *conn)
{
    struct yd_loop *loop = loop_of(conn);

    yd_timer_stop(&loop->wheel, &conn->timer);
    yd_outq_clear(loop, &conn->out);
    if (conn->filter != NULL)
        conn->filter->ops->free(conn);
    yd_conn_drop_kept(conn);
    yd_net_forget(conn);
    conn->events->on_closed(conn, conn->error);
    yd_stream_close(&conn->stream);
}

static void run_task(struct yd_mail *task, void *receiver)
{
    struct yd_conn *conn = yd_container_of(task, struct yd_conn, task);

    (void)receiver;
    conn->task_queued = false;
    if (conn->redeliver && !conn->dead) {
        conn->redeliver = false;
        offer_kept(conn);
    }
    if (!conn->dead)
        flush(conn);
    if (conn->dead && !conn->finished) {
        conn->finished = true;
        finish(conn);
    }
}

static void on_closed(struct yd_stream *stream)
{
    struct yd_loop *loop = stream->loop;
    struct yd_net *net = loop->net;
    struct yd_conn *conn = conn_of(stream);

    if (conn->moving)
        yd_conn_hand_over(conn->up);
    yd_stream_free(stream);
    yd_net_closed(net);
}

static const struct yd_stream_events stream_events = {on_read, on_end, on_sent, on_closed};

void yd_conn_init(struct yd_conn *conn)
{
    conn->stream.events = &stream_events;
    conn->task.run = run_task;
    yd_timer_init(&conn->timer, on_timer);
}

static bool is_over(const struct yd_conn *conn)
{
    return conn->closing || conn->dead;
}

static int wrote(struct yd_conn *conn, int rc)
{
    if (rc == 0 && !conn->sending)
        queue_task(conn);
    return rc;
}

int yd_conn_write(struct yd_conn *conn, const void *head, size_t head_len, const void *body,
                  size_t body_len)
{
    if (is_over(conn))
        return YODEL_ERR_CLOSED;
    return wrote(conn, yd_outq_copy(loop_of(conn), &conn->out, head, head_len, body, body_len));
}

int yd_conn_write_frame(struct yd_conn *conn, struct yd_msg *msg)
{
    if (is_over(conn))
        return YODEL_ERR_CLOSED;
    return wrote(conn, yd_outq_frame(loop_of(conn), &conn->out, msg));
}

int yd_conn_write_payload(struct yd_conn *conn, struct yd_msg *msg)
{
    if (is_over(conn))
        return YODEL_ERR_CLOSED;
    return wrote(conn, yd_outq_payload(loop_of(conn), &conn->out, msg));
}

size_t yd_conn_buffered(const struct yd_conn *conn)
{
    return conn->out.bytes + (conn->filter != NULL ? conn->filter->sealed.bytes : 0);
}

void yd_conn_want_drain(struct yd_conn *conn)
{
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
    if (is_over(conn))
        return;
    conn->closing = true;
    conn->has_timeout = false;
    queue_task(conn);
}

void yd_conn_abort(struct yd_conn *conn, int error)
{
    die(conn, error);
}

bool yd_conn_is_tls(const struct yd_conn *conn)
{
    return conn->filter != NULL;
}
