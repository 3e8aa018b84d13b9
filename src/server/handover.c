/* SPDX-License-Identifier: MIT */
#include "server/handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <yodel/restart.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/server.h"

/*
 * Packets on a Unix socket (SOCK_SEQPACKET), each with a letter first.  The predecessor sends, for
 * each address, "L" and its text, with some of its sockets, again for more of them, and "E" at the
 * end.  The successor answers "R" when it runs; the end of the connection before that means that it
 * has given up.
 */

#define MOST_SUCCESSORS 4

union ancillary {
    struct cmsghdr header;
    char room[CMSG_SPACE(YD_PACKET_FDS * sizeof(int))];
};

struct successor {
    struct yd_stream stream; /* first */
    struct yd_list node;
    yodel_server *server;
};

static int fill_address(const char *path, struct sockaddr_un *ret_addr)
{
    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof ret_addr->sun_path)
        return -EINVAL;
    *ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_addr->sun_path, path, strlen(path) + 1);
    return 0;
}

/* ---- what the predecessor sends ---- */

static int send_packet(int fd, char letter, const char *text, const int *fds, unsigned num)
{
    union ancillary ancillary;
    struct iovec iov[2] = {{&letter, 1}, {(void *)text, strlen(text)}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

    memset(&ancillary, 0, sizeof ancillary);
    if (num > 0) {
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(num * sizeof *fds);
        ancillary.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(num * sizeof *fds),
                                            .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&ancillary.header), fds, num * sizeof *fds);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_address(int fd, const struct yd_address *address)
{
    int fds[YD_PACKET_FDS], rc = 0;
    unsigned num = 0;

    for (unsigned i = 0; i < address->num_listeners && rc == 0; i++) {
        if (address->listeners[i].base.fd < 0)
            continue;
        fds[num++] = address->listeners[i].base.fd;
        if (num < YD_PACKET_FDS && i + 1 < address->num_listeners)
            continue;
        rc = send_packet(fd, 'L', address->name, fds, num);
        num = 0;
    }
    return rc;
}

static int send_all(yodel_server *server, int fd)
{
    int rc = 0;

    for (struct yd_address *i = server->addresses; i != NULL && rc == 0; i = i->next)
        if (i->name != NULL)
            rc = send_address(fd, i);
    return rc == 0 ? send_packet(fd, 'E', "", NULL, 0) : rc;
}

/* ---- successors, on the first loop ---- */

static void drop(struct successor *successor)
{
    yd_stream_close(&successor->stream);
}

/* From now on files of Unix sockets are the successor's. */
static void leave_names(yodel_server *server)
{
    for (struct yd_address *i = server->addresses; i != NULL; i = i->next)
        (void)atomic_exchange(&i->stopped, true);
}

static void on_read(struct yd_stream *stream, uint8_t *data, size_t len)
{
    struct successor *successor = (struct successor *)stream;
    yodel_server *server = successor->server;

    if (len == 1 && data[0] == 'R') {
        yd_log(&server->log, YODEL_LOG_INFO, "another process has taken over; stopping");
        leave_names(server);
        server->handover.on_taken(server);
    }
    drop(successor);
}

static void on_end(struct yd_stream *stream, int error)
{
    struct successor *successor = (struct successor *)stream;

    (void)error;
    yd_log(&successor->server->log, YODEL_LOG_WARN,
           "a process that was to take over has gone; this one stays");
    drop(successor);
}

/* It is always read from. */
static void on_hang_up(struct yd_stream *stream)
{
    (void)stream;
}

static void on_sent(struct yd_stream *stream, ssize_t result)
{
    (void)stream;
    (void)result;
}

static void on_closed(struct yd_stream *stream)
{
    struct successor *successor = (struct successor *)stream;

    yd_list_remove(&successor->node);
    successor->server->handover.num_successors--;
    yd_stream_free(stream);
}

static const struct yd_stream_events events = {.on_read = on_read,
                                               .on_end = on_end,
                                               .on_sent = on_sent,
                                               .on_closed = on_closed,
                                               .on_hang_up = on_hang_up};

static int add_successor(yodel_server *server, struct yd_loop *loop, int fd)
{
    struct successor *successor;
    int rc;

    if (server->handover.num_successors == MOST_SUCCESSORS)
        return -EBUSY;
    if ((rc = yd_handover_check_peer(fd)) < 0)
        return rc;
    if ((successor = yd_stream_alloc(loop, sizeof *successor)) == NULL)
        return -ENOMEM;
    successor->stream.events = &events;
    successor->server = server;
    if ((rc = send_all(server, fd)) < 0 || (rc = yd_stream_open(&successor->stream, fd)) < 0) {
        yd_stream_free(&successor->stream);
        return rc;
    }
    yd_list_append(&server->handover.successors, &successor->node);
    server->handover.num_successors++;
    return 0;
}

static void on_accept(struct yd_listener *listener, int fd)
{
    yodel_server *server = listener->user;
    int rc = add_successor(server, listener->loop, fd);

    if (rc == 0)
        return;
    yd_log(&server->log, YODEL_LOG_WARN, "sockets are not handed over: %s", yodel_strerror(rc));
    (void)close(fd);
}

/* ---- the offer ---- */

/* Bound beside its place and put there whole, so that there is no moment without one. */
static int bind_path(const char *path, int *ret_fd)
{
    struct sockaddr_un addr;
    char aside[sizeof addr.sun_path];
    int fd, rc;

    if (snprintf(aside, sizeof aside, "%s.%d", path, (int)getpid()) >= (int)sizeof aside)
        return -ENAMETOOLONG;
    if ((rc = fill_address(aside, &addr)) < 0)
        return rc;
    if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        return -errno;
    (void)unlink(aside);
    if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || chmod(aside, 0600) < 0 ||
        listen(fd, MOST_SUCCESSORS) < 0 || rename(aside, path) < 0) {
        rc = -errno;
        (void)unlink(aside);
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int note_name(yodel_server *server)
{
    struct yd_handover *handover = &server->handover;
    struct stat info = {.st_ino = 0};

    if (lstat(handover->path, &info) < 0)
        return -errno;
    handover->name = (struct yd_unix_name){handover->path, info.st_dev, info.st_ino, getpid()};
    return 0;
}

static int offer(yodel_server *server)
{
    struct yd_handover *handover = &server->handover;
    int fd, rc;

    if ((rc = bind_path(handover->path, &fd)) < 0) {
        yd_log(&server->log, YODEL_LOG_ERROR, "cannot offer sockets at %s: %s", handover->path,
               yodel_strerror(rc));
        return rc;
    }
    handover->listener = (struct yd_listener){
        .loop = server->loops[0], .on_accept = on_accept, .user = server, .fd = fd};
    if ((rc = note_name(server)) < 0 || (rc = yd_listener_start(&handover->listener)) < 0) {
        (void)close(fd);
        return rc;
    }
    handover->listens = true;
    return 0;
}

int yd_handover_start(yodel_server *server)
{
    for (struct yd_taken *i = server->handover.taken; i != NULL; i = i->next)
        yd_log(&server->log, YODEL_LOG_WARN, "nobody listens on %s any more", i->address);
    yd_handover_drop(server);
    return server->handover.path != NULL ? offer(server) : 0;
}

void yd_handover_begun(yodel_server *server)
{
    struct yd_handover *handover = &server->handover;

    if (atomic_fetch_add(&handover->num_begun, 1) + 1 < server->num_loops ||
        handover->predecessor < 0)
        return;
    if (send_packet(handover->predecessor, 'R', "", NULL, 0) < 0)
        yd_log(&server->log, YODEL_LOG_WARN, "the process before this one has gone by itself");
    (void)close(handover->predecessor);
    handover->predecessor = -1;
}

void yd_handover_stop(yodel_server *server)
{
    struct yd_handover *handover = &server->handover;
    struct yd_list *node, *next;

    if (handover->listens) {
        yd_unix_name_remove(&handover->name);
        yd_listener_stop(&handover->listener);
    }
    handover->listens = false;
    for (node = handover->successors.next; node != &handover->successors; node = next) {
        next = node->next;
        drop(yd_container_of(node, struct successor, node));
    }
}

void yd_handover_init(struct yd_handover *handover)
{
    yd_list_init(&handover->successors);
    handover->predecessor = -1;
}

void yd_handover_done(yodel_server *server)
{
    struct yd_handover *handover = &server->handover;

    if (handover->listens)
        yd_handover_stop(server);
    yd_handover_drop(server);
    if (handover->predecessor >= 0)
        (void)close(handover->predecessor);
    yd_free(&server->mem, handover->path);
}

int yodel_server_handover(yodel_server *server, const char *path)
{
    struct sockaddr_un addr;
    char *copy;
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 || (rc = fill_address(path, &addr)) < 0)
        return rc;
    if ((copy = yd_strdup(&server->mem, path)) == NULL)
        return -ENOMEM;
    yd_free(&server->mem, server->handover.path);
    server->handover.path = copy;
    return 0;
}
