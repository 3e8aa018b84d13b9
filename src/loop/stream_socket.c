/* SPDX-License-Identifier: MIT */
#include "loop/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Reads of one stream in a turn while its data fills the whole room. */
#define READS 4

void yd_socket_read(struct yd_stream *stream, const struct iovec *room,
                    void (*end)(struct yd_stream *stream, int error))
{
    for (int i = 0; i < READS && yd_socket_is_read(stream); i++) {
        const struct iovec into = stream->target != NULL ? *stream->target : *room;
        ssize_t len = recv(stream->fd, into.iov_base, into.iov_len, MSG_DONTWAIT);

        if (len > 0) {
            yd_socket_give(stream, into.iov_base, (size_t)len);
            if ((size_t)len < into.iov_len || into.iov_base != room->iov_base)
                return; /* a target is the rest of a frame: mostly nothing follows it */
        } else if (len == 0) {
            end(stream, 0);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            end(stream, -errno);
        }
    }
}

ssize_t yd_socket_send(const struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)num};
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t taken;

    do {
        taken = num == 1 ? send(stream->fd, iov->iov_base, iov->iov_len, flags)
                         : sendmsg(stream->fd, &message, flags);
    } while (taken < 0 && errno == EINTR);
    if (taken < 0)
        return -errno;
    yd_count(&stream->loop->counters.bytes_out, (uint64_t)taken);
    return taken;
}

int yd_socket_error(const struct yd_stream *stream)
{
    int error = 0;
    socklen_t len = sizeof error;

    (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error != 0 ? -error : -ECONNRESET;
}

int yd_socket_name(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret_addr)
{
    socklen_t len = sizeof *ret_addr;
    int rc = peer ? getpeername(stream->fd, (struct sockaddr *)ret_addr, &len)
                  : getsockname(stream->fd, (struct sockaddr *)ret_addr, &len);

    return rc < 0 ? -errno : 0;
}

int yd_socket_credentials(const struct yd_stream *stream, struct yd_credentials *ret)
{
    struct sockaddr_storage addr;
    struct ucred peer;
    socklen_t len = sizeof peer;
    int rc = yd_socket_name(stream, true, &addr);

    if (rc < 0)
        return rc;
    if (addr.ss_family != AF_UNIX)
        return YODEL_ERR_NOT_FOUND;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    *ret = (struct yd_credentials){peer.uid, peer.gid, peer.pid};
    return 0;
}

void yd_socket_no_delay(struct yd_stream *stream)
{
    int on = 1;

    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
