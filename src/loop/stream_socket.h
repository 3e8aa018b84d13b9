/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_STREAM_SOCKET_H
#define YD_LOOP_STREAM_SOCKET_H

#include <errno.h>

#include "loop/loop.h"

/* What backends whose streams are sockets have in common. */

/* Whether input may be given to its owner now. */
static inline bool yd_socket_is_read(const struct yd_stream *stream)
{
    return !stream->paused && !stream->ended && !stream->closing;
}

/* Input, which is counted. */
static inline void yd_socket_give(struct yd_stream *stream, uint8_t *data, size_t len)
{
    yd_count(&stream->loop->counters.bytes_in, len);
    stream->events->on_read(stream, data, len);
}

/* Reads what there is, for some reads of room: into the stream's target, else into room.  end takes
 * the end of the input, or -errno. */
void yd_socket_read(struct yd_stream *stream, const struct iovec *room,
                    void (*end)(struct yd_stream *stream, int error));

static inline size_t yd_socket_total(const struct iovec *iov, int num)
{
    size_t total = 0;

    for (int i = 0; i < num; i++)
        total += iov[i].iov_len;
    return total;
}

/* One send, without a wait.  Returns how many bytes were taken, and has counted them; or -errno. */
ssize_t yd_socket_send(const struct yd_stream *stream, const struct iovec *iov, int num);

/* What yd_socket_send() has returned: the kernel has no room for more now; or no memory, though it
 * says that the socket is writable. */
static inline bool yd_socket_is_full(ssize_t rc)
{
    return rc == -EAGAIN || rc == -EWOULDBLOCK;
}

static inline bool yd_socket_lacks_memory(ssize_t rc)
{
    return rc == -ENOBUFS || rc == -ENOMEM;
}

/* Why a socket has failed: -errno. */
int yd_socket_error(const struct yd_stream *stream);

/* As yd_stream_credentials(), of a stream that is a socket. */
int yd_socket_credentials(const struct yd_stream *stream, struct yd_credentials *ret);

/* stream_name and stream_no_delay of struct yd_loop_ops. */
int yd_socket_name(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret_addr);
void yd_socket_no_delay(struct yd_stream *stream);

#endif
