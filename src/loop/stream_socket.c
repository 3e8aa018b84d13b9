/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "loop/loop.h"

/* What backends whose streams are sockets have in common. */

int yd_socket_name(const struct yd_stream *stream, bool peer, struct sockaddr_storage *ret_addr)
{
    socklen_t len = sizeof *ret_addr;
    int rc = peer ? getpeername(stream->fd, (struct sockaddr *)ret_addr, &len)
                  : getsockname(stream->fd, (struct sockaddr *)ret_addr, &len);

    return rc < 0 ? -errno : 0;
}

void yd_socket_no_delay(struct yd_stream *stream)
{
    int on = 1;

    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
