/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yodel/loop.h>

#include "base/container.h"
#include "loop/loop.h"

static int open_socket(const struct sockaddr *addr, unsigned len)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    if (connect(fd, addr, len) == 0 || errno == EINPROGRESS)
        return fd;
    rc = -errno;
    (void)close(fd);
    return rc;
}

static int result_of(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

static void on_events(struct yd_watch *watch, unsigned events)
{
    struct yd_dial *dial = yd_container_of(watch, struct yd_dial, watch);
    int fd = watch->fd;
    int rc = result_of(fd);

    (void)events;
    yd_watch_stop(watch);
    watch->backend = NULL;
    if (rc < 0)
        (void)close(fd);
    dial->on_done(dial, rc < 0 ? rc : fd);
}

int yd_dial_start(struct yd_loop *loop, struct yd_dial *dial, const struct sockaddr *addr,
                  unsigned len)
{
    int fd = loop->ops->dial != NULL ? loop->ops->dial(loop, addr, len) : open_socket(addr, len);
    int rc;

    if (fd < 0)
        return fd;
    dial->watch = (struct yd_watch){
        .loop = loop, .on_events = on_events, .fd = fd, .events = YODEL_WATCH_WRITABLE};
    if ((rc = yd_watch_start(&dial->watch)) == 0)
        return 0;
    dial->watch.backend = NULL;
    (void)close(fd);
    return rc;
}

void yd_dial_stop(struct yd_dial *dial)
{
    if (dial->watch.backend == NULL)
        return;
    yd_watch_stop(&dial->watch);
    dial->watch.backend = NULL;
    (void)close(dial->watch.fd);
}
