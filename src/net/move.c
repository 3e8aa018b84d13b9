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

static void free_buf(const struct yd_conn *conn, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = yd_conn_loop(conn)->mem;

    if (buf == NULL)
        return;
    yd_buf_free(mem, buf);
    yd_free(mem, buf);
}

/* One that will not arrive.  Whoever holds it frees it: it belongs to no loop's tables. */
static void drop(struct yd_conn *twin)
{
    free_buf(twin, twin->up);
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

/* Sealed input goes the way of what is read: behind all that was kept of the plain one. */
static void begin(struct yd_conn *conn, struct yd_buf *sealed)
{
    yd_conn_resume(conn);
    if (sealed == NULL)
        return;
    yd_conn_take_input(conn, sealed->ptr, sealed->len);
    free_buf(conn, sealed);
}

static void arrive(struct yd_mail *mail, void *receiver)
{
    struct yd_conn *conn = yd_container_of(mail, struct yd_conn, task);
    struct yd_net *net = yd_conn_net(conn);
    struct yd_buf *sealed = conn->up;
    int fd = conn->stream.fd;

    (void)receiver;
    if (!is_ending(net)) {
        conn->stream.fd = -1;
        if (yd_net_adopt(conn, fd) == 0) {
            begin(conn, sealed);
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
    yd_conn_leave(conn);
}

static void on_closed(struct yd_conn *conn, int error)
{
    (void)error;
    drop(conn->up);
}

/* Plain bytes are input that was not used, as others are; what is sealed has to be opened first,
 * and waits in twin->up for a loop. */
static int take_rest(struct yd_conn *twin, const uint8_t *rest, size_t len)
{
    const struct yodel_allocator *mem = yd_conn_loop(twin)->mem;

    if (len == 0)
        return 0;
    if (twin->filter == NULL)
        return yd_buf_append(mem, twin->kept, rest, len);
    if ((twin->up = yd_zalloc(mem, sizeof(struct yd_buf))) == NULL)
        return -ENOMEM;
    return yd_buf_append(mem, twin->up, rest, len);
}

/* The old loop has let go of the descriptor. */
static void hand_over(struct yd_conn *conn, int fd, const uint8_t *rest, size_t len)
{
    struct yd_conn *twin = conn->up;

    twin->stream.fd = fd;
    twin->task.run = arrive;
    if (take_rest(twin, rest, len) == 0 && yd_loop_post(twin->stream.loop, &twin->task) == 0)
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
    .on_left = hand_over,
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

    if (conn->phase != YD_CONN_OPEN || conn->stream.pipe != NULL || yd_loop_is_closed(to->loop))
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
