/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "loop/stream_socket.h"
#include "loop/uv_backend.h"

/* Streams: libuv polls, reads and writes are ours. */

static struct uv_stream *state_of(struct yd_stream *stream)
{
    return (struct uv_stream *)((char *)stream - sizeof(struct uv_stream));
}

static struct yd_stream *stream_of(uv_poll_t *poll)
{
    return (struct yd_stream *)((char *)poll + sizeof(struct uv_stream));
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Polls for what the stream waits for now. */
static int set_interest(struct yd_stream *stream)
{
    struct uv_stream *state = state_of(stream);
    int events = 0;

    if (!stream->paused && !stream->ended)
        events |= UV_READABLE;
    else if (!stream->ended && !stream->hung_up)
        events |= UV_DISCONNECT;
    if (stream->pending && !stream->starved)
        events |= UV_WRITABLE;
    return events != 0 ? uv_poll_start(&state->poll, events, on_poll) : uv_poll_stop(&state->poll);
}

static void end_input(struct yd_stream *stream, int error)
{
    stream->ended = true;
    (void)set_interest(stream);
    stream->events->on_end(stream, error);
}

static void read_some(struct yd_stream *stream)
{
    const struct iovec room = {yd_uv_of(stream->loop)->read_buf, YD_READ_SIZE};

    yd_socket_read(stream, &room, end_input);
}

static void on_writable(struct yd_stream *stream)
{
    stream->pending = false;
    (void)set_interest(stream);
    stream->events->on_sent(stream, 0);
}

/* The peer has ended its output, and nobody reads: said once, or the poller would not rest. */
static void on_hang_up(struct yd_stream *stream)
{
    stream->hung_up = true;
    (void)set_interest(stream);
    stream->events->on_hang_up(stream);
}

/* The socket has failed and libuv has stopped polling it; what came before can still be read. */
static void on_broken(struct yd_stream *stream)
{
    read_some(stream);
    if (!stream->closing)
        end_input(stream, yd_socket_error(stream));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct yd_stream *stream = stream_of(poll);

    yd_uv_woke(stream->loop);
    if (status < 0) {
        on_broken(stream);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && stream->pending)
        on_writable(stream);
    if ((events & UV_READABLE) != 0 && !stream->closing)
        read_some(stream);
    if ((events & UV_DISCONNECT) != 0 && stream->paused && !stream->ended && !stream->closing)
        on_hang_up(stream);
}

int yd_uv_stream_open(struct yd_stream *stream)
{
    struct uv_backend *backend = yd_uv_of(stream->loop);
    struct uv_stream *state = state_of(stream);
    int rc;

    if ((rc = uv_poll_init(backend->uv, &state->poll, stream->fd)) < 0)
        return rc;
    backend->handles++;
    yd_list_init(&state->starved);
    (void)set_interest(stream);
    return 0;
}

void yd_uv_stream_pause(struct yd_stream *stream, bool paused)
{
    stream->hung_up = stream->hung_up && paused;
    (void)set_interest(stream);
}

void yd_uv_stream_read(struct yd_stream *stream)
{
    read_some(stream);
}

static void feed(struct yd_stream *stream)
{
    struct uv_stream *state = state_of(stream);

    yd_list_remove(&state->starved);
    stream->starved = false;
    (void)set_interest(stream);
}

static void on_feeding(uv_timer_t *timer)
{
    struct uv_backend *backend = timer->data;

    while (!yd_list_is_empty(&backend->starved))
        feed(stream_of(&yd_container_of(backend->starved.next, struct uv_stream, starved)->poll));
}

/* The kernel has no memory, and says nevertheless that the socket is writable: to ask again at once
 * would be to spin. */
static void starve(struct yd_stream *stream)
{
    struct uv_backend *backend = yd_uv_of(stream->loop);

    if (!stream->starved)
        yd_list_append(&backend->starved, &state_of(stream)->starved);
    stream->starved = true;
    if (!uv_is_active((uv_handle_t *)&backend->feeding))
        uv_timer_start(&backend->feeding, on_feeding, YD_UV_REST_MS, 0);
}

ssize_t yd_uv_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num)
{
    ssize_t taken = yd_socket_send(stream, iov, num);

    if (yd_socket_lacks_memory(taken))
        starve(stream);
    else if (taken < 0 && !yd_socket_is_full(taken))
        return taken;
    taken = YD_MAX(taken, 0);
    stream->full = (size_t)taken < yd_socket_total(iov, num);
    return taken;
}

ssize_t yd_uv_stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    ssize_t taken = stream->full ? 0 : yd_uv_stream_send_now(stream, iov, num);

    if (taken >= 0 && (size_t)taken < yd_socket_total(iov, num)) {
        stream->pending = true;
        (void)set_interest(stream);
    }
    stream->full = false;
    return taken;
}

void yd_uv_stream_shutdown(struct yd_stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR);
}

static void on_stream_closed(uv_handle_t *handle)
{
    struct yd_stream *stream = stream_of((uv_poll_t *)handle);
    struct uv_backend *backend = yd_uv_of(stream->loop);
    int fd = stream->fd;

    stream->fd = -1;
    if (fd >= 0)
        stream->events->on_detached(stream, fd, NULL, 0);
    else
        stream->events->on_closed(stream);
    yd_uv_count_less(backend);
}

/* All that was read has been given, so nothing but the handle itself is waited for. */
void yd_uv_stream_detach(struct yd_stream *stream)
{
    if (stream->starved)
        yd_list_remove(&state_of(stream)->starved);
    stream->starved = false;
    uv_close((uv_handle_t *)&state_of(stream)->poll, on_stream_closed);
}

void yd_uv_stream_close(struct yd_stream *stream)
{
    yd_uv_stream_detach(stream);
    (void)close(stream->fd);
    stream->fd = -1;
}
