/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/caller.h"
#include "net/filter.h"
#include "net/net_internal.h"

/*
 * Connections that go from loop to loop.  The connection of the new loop is made first, so that
 * nothing can fail once the old one has left; it carries descriptor, filter and input, and its task
 * is the mail that brings it there.
 */

/* One that will not arrive.  Whoever holds it frees it: it belongs to no loop's tables. */
static void drop(struct yd_conn *twin)
{
    if (twin->filter != NULL)
        twin->filter->ops->free(twin);
    yd_conn_drop_kept(twin);
    yd_caller_done(twin);
    if (twin->stream.fd >= 0)
        (void)close(twin->stream.fd);
    yd_stream_free(&twin->stream);
}

/* ---- on the new loop ---- */

/* A loop that is about to end takes no one in: nobody would close it. */
static bool is_ending(const struct yd_net *net)
{
    return yd_loop_is_closed(net->loop) || net->loop->stopping;
}

static void arrive(struct yd_mail *mail, void *receiver)
{
    struct yd_conn *conn = yd_container_of(mail, struct yd_conn, task);
    struct yd_net *net = yd_conn_net(conn);
    int fd = conn->stream.fd;

    (void)receiver;
    if (!is_ending(net)) {
        conn->stream.fd = -1;
        if (yd_net_adopt(conn, fd) == 0) {
            yd_conn_resume(conn);
            return;
        }
    }
    yd_conn_count_less(net);
    drop(conn);
}

/* ---- on the old loop ---- */

static size_t keep_all(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    (void)len;
    return 0;
}

/* The end of the peer's output will be read again on the new loop. */
static void ignore(struct yd_conn *conn)
{
    (void)conn;
}

static void leave(struct yd_conn *conn)
{
    struct yd_conn *twin = conn->up;

    if (conn->task_queued) { /* it comes here again */
        conn->want_drain = true;
        return;
    }
    if (conn->kept != NULL &&
        yd_buf_append(yd_conn_net(conn)->mem, twin->kept, conn->kept->ptr, conn->kept->len) < 0) {
        yd_conn_abort(conn, -ENOMEM);
        return;
    }
    yd_conn_drop_kept(conn);
    twin->filter = conn->filter;
    conn->filter = NULL;
    twin->caller = conn->caller;
    conn->caller = NULL;
    if (twin->filter != NULL)
        twin->filter->conn = twin;
    twin->stream.fd = yd_conn_leave(conn);
}

static void on_closed(struct yd_conn *conn, int error)
{
    (void)error;
    drop(conn->up);
}

/* The old loop has let go of the descriptor. */
static void hand_over(struct yd_conn *conn)
{
    struct yd_conn *twin = conn->up;

    if (!conn->moved) /* it ended before, and the twin with it */
        return;
    twin->task.run = arrive;
    if (yd_loop_post(twin->stream.loop, &twin->task) == 0)
        return;
    yd_conn_count_less(yd_conn_net(conn));
    drop(twin);
}

static const struct yd_conn_events leaving = {
    .on_data = keep_all,
    .on_eof = ignore,
    .on_timeout = ignore,
    .on_drain = leave,
    .on_stop = ignore,
    .on_closed = on_closed,
    .on_freed = hand_over,
};

static struct yd_conn *make_twin(struct yd_net *to, const void *ahead, size_t len)
{
    struct yd_conn *twin = yd_stream_alloc(to->loop, sizeof *twin);

    if (twin == NULL)
        return NULL;
    if ((twin->kept = yd_zalloc(to->mem, sizeof *twin->kept)) == NULL ||
        yd_buf_append(to->mem, twin->kept, ahead, len) < 0) {
        drop(twin);
        return NULL;
    }
    return twin;
}

int yd_conn_move(struct yd_conn *conn, struct yd_net *to, const void *ahead, size_t len)
{
    struct yd_conn *twin;

    if (conn->phase != YD_CONN_OPEN || yd_loop_is_closed(to->loop))
        return YODEL_ERR_CLOSED;
    if ((twin = make_twin(to, ahead, len)) == NULL)
        return -ENOMEM;
    twin->front = conn->front;
    yd_conn_set_timeout(conn, 0);
    yd_conn_read_into(conn, NULL);
    yd_conn_set_events(conn, &leaving, twin);
    yd_conn_pause(conn);
    yd_conn_want_drain(conn);
    return 0;
}
