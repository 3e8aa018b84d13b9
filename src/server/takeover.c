/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <yodel/restart.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/handover.h"
#include "server/server.h"

/* The successor's side of handover.c, before it runs. */

#define WAIT_S 5

struct packet {
    char text[YD_PACKET_SIZE + 1]; /* with a NUL */
    int fds[YD_PACKET_FDS];
    unsigned num;
};

int yd_handover_check_peer(int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    return peer.uid == geteuid() || peer.uid == 0 ? 0 : -EACCES;
}

void yd_handover_drop(yodel_server *server)
{
    struct yd_taken *next;

    for (struct yd_taken *taken = server->handover.taken; taken != NULL; taken = next) {
        next = taken->next;
        for (unsigned i = 0; i < taken->num; i++)
            (void)close(taken->fds[i]);
        yd_free(&server->mem, taken);
    }
    server->handover.taken = NULL;
}

struct yd_taken *yd_handover_find(yodel_server *server, const char *address)
{
    struct yd_taken *taken = server->handover.taken;

    while (taken != NULL && strcmp(taken->address, address) != 0)
        taken = taken->next;
    return taken;
}

void yd_handover_forget(yodel_server *server, struct yd_taken *taken)
{
    struct yd_taken **link = &server->handover.taken;

    while (*link != taken)
        link = &(*link)->next;
    *link = taken->next;
    yd_free(&server->mem, taken);
}

static void close_fds(const struct packet *packet)
{
    for (unsigned i = 0; i < packet->num; i++)
        (void)close(packet->fds[i]);
}

static void take_fds(const struct msghdr *message, struct packet *packet)
{
    packet->num = 0;
    for (struct cmsghdr *i = CMSG_FIRSTHDR(message); i != NULL;
         i = CMSG_NXTHDR((struct msghdr *)message, i)) {
        size_t num = (i->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (i->cmsg_level != SOL_SOCKET || i->cmsg_type != SCM_RIGHTS ||
            num > YD_PACKET_FDS - packet->num)
            continue;
        memcpy(packet->fds + packet->num, CMSG_DATA(i), num * sizeof(int));
        packet->num += (unsigned)num;
    }
}

static int receive(int fd, struct packet *packet)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(YD_PACKET_FDS * sizeof(int))];
    } ancillary;
    struct iovec iov = {packet->text, YD_PACKET_SIZE};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary};
    ssize_t len;

    do
        len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
    take_fds(&message, packet);
    packet->text[len] = '\0';
    if (len > 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        strlen(packet->text) == (size_t)len)
        return 0;
    close_fds(packet);
    return -EPROTO;
}

static struct yd_taken *add_address(yodel_server *server, const char *address)
{
    struct yd_taken *taken = yd_handover_find(server, address);

    if (taken != NULL)
        return taken;
    if ((taken = yd_zalloc(&server->mem, sizeof *taken + strlen(address) + 1)) == NULL)
        return NULL;
    memcpy(taken->address, address, strlen(address) + 1);
    taken->next = server->handover.taken;
    server->handover.taken = taken;
    return taken;
}

/* The packet's descriptors are taken in any case. */
static int keep(yodel_server *server, const struct packet *packet)
{
    struct yd_taken *taken = NULL;
    int rc = 0;

    if (packet->text[0] != 'L' || packet->num == 0)
        rc = -EPROTO;
    else if ((taken = add_address(server, packet->text + 1)) == NULL)
        rc = -ENOMEM;
    else if (packet->num > YD_MOST_INHERITED - taken->num)
        rc = -E2BIG;
    if (rc < 0) {
        close_fds(packet);
        return rc;
    }
    memcpy(taken->fds + taken->num, packet->fds, packet->num * sizeof(int));
    taken->num += packet->num;
    return 0;
}

static int take_all(yodel_server *server, int fd)
{
    struct packet packet;
    int rc;

    for (;;) {
        if ((rc = receive(fd, &packet)) < 0)
            return rc;
        if (packet.text[0] == 'E') {
            close_fds(&packet); /* there should be none */
            return 0;
        }
        if ((rc = keep(server, &packet)) < 0)
            return rc;
    }
}

/* Nobody offers anything: 0 and no descriptor. */
static int connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = WAIT_S};
    int fd, rc = 0;

    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof addr.sun_path)
        return -EINVAL;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0 &&
        (rc = yd_handover_check_peer(fd)) == 0) {
        *ret_fd = fd;
        return 0;
    }
    if (rc == 0 && errno != ENOENT && errno != ECONNREFUSED)
        rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
    (void)close(fd);
    *ret_fd = -1;
    return rc;
}

static int count_addresses(const yodel_server *server)
{
    int num = 0;

    for (const struct yd_taken *i = server->handover.taken; i != NULL; i = i->next)
        num++;
    return num;
}

int yodel_server_takeover(yodel_server *server, const char *path)
{
    int fd = -1, rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0)
        return rc;
    if (server->handover.predecessor >= 0)
        return YODEL_ERR_STATE;
    if ((rc = connect_to(path, &fd)) < 0 || fd < 0)
        return rc;
    if ((rc = take_all(server, fd)) < 0) {
        yd_log(&server->log, YODEL_LOG_ERROR, "cannot take over from %s: %s", path,
               yodel_strerror(rc));
        yd_handover_drop(server);
        (void)close(fd);
        return rc;
    }
    server->handover.predecessor = fd;
    return count_addresses(server);
}
