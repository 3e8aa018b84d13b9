/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/net.h"

#define UNIX_PREFIX "unix:"

/* ---- Unix sockets ---- */

/* A path that no one listens on any more may be taken; returns 0 or -EADDRINUSE. */
static int remove_stale(int fd, const struct sockaddr_un *addr)
{
    struct stat info;

    if (lstat(addr->sun_path, &info) < 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return -EADDRINUSE;
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(addr->sun_path) == 0 ? 0 : -errno;
}

static int open_unix(const char *path, int backlog)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, rc;

    if (path[0] == '\0' || strlen(path) >= sizeof addr.sun_path)
        return -EINVAL;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        return -errno;
    if ((rc = remove_stale(fd, &addr)) < 0)
        goto fail;
    if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, backlog) < 0) {
        rc = -errno;
        goto fail;
    }
    return fd;

fail:
    (void)close(fd);
    return rc;
}

int yd_unix_name_note(const struct yodel_allocator *mem, const char *address,
                      struct yd_unix_name *ret_name)
{
    const char *path = address + strlen(UNIX_PREFIX);
    struct yd_unix_name name;
    struct stat info = {.st_ino = 0};

    if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0)
        return 0;
    if ((name.path = yd_strdup(mem, path)) == NULL) {
        (void)unlink(path);
        return -ENOMEM;
    }
    (void)lstat(path, &info);
    name.device = info.st_dev;
    name.inode = info.st_ino;
    *ret_name = name;
    return 0;
}

void yd_unix_name_remove(const struct yd_unix_name *name)
{
    struct stat info;

    if (name->path != NULL && lstat(name->path, &info) == 0 && info.st_dev == name->device &&
        info.st_ino == name->inode)
        (void)unlink(name->path);
}

void yd_unix_name_done(const struct yodel_allocator *mem, struct yd_unix_name *name)
{
    yd_free(mem, name->path);
    name->path = NULL;
}

/* ---- TCP sockets ---- */

/* Splits "host:port" or "[v6]:port"; host gets a copy that fits. */
static int split_address(const char *address, char *host, size_t host_size, char *port,
                         size_t port_size)
{
    const char *colon = strrchr(address, ':'), *first = address, *last = colon;
    char *end;

    if (colon == NULL || colon[1] == '\0')
        return -EINVAL;
    if (address[0] == '[') {
        if (colon == address || colon[-1] != ']')
            return -EINVAL;
        first = address + 1;
        last = colon - 1;
    }
    if ((size_t)(last - first) >= host_size || strlen(colon + 1) >= port_size)
        return -EINVAL;
    memcpy(host, first, (size_t)(last - first));
    host[last - first] = '\0';
    if (colon[1] < '0' || colon[1] > '9' || strtoul(colon + 1, &end, 10) > 65535 || *end != '\0')
        return -EINVAL;
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

static int error_of_lookup(int rc)
{
    switch (rc) {
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return -errno;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -EADDRNOTAVAIL;
    }
}

static int look_up(const char *address, struct addrinfo **ret_info)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[256], port[8];
    int rc;

    if ((rc = split_address(address, host, sizeof host, port, sizeof port)) < 0)
        return rc;
    rc = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, ret_info);
    return rc == 0 ? 0 : error_of_lookup(rc);
}

/*
 * first: the port must be free, so it is bound without SO_REUSEPORT, which is set after that for
 * the sockets of the other loops; otherwise a second server on the same port would share it.
 */
static int open_tcp(const struct sockaddr *addr, socklen_t len, bool first)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, rc;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (addr->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if ((!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, addr, len) < 0 ||
        (first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)) {
        rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int port_of(int fd, struct sockaddr_storage *addr, socklen_t *len)
{
    if (getsockname(fd, (struct sockaddr *)addr, len) < 0)
        return -errno;
    return ntohs(addr->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)addr)->sin6_port
                                             : ((struct sockaddr_in *)addr)->sin_port);
}

static void close_all(const int *fds, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        (void)close(fds[i]);
}

static int listen_all(const int *fds, unsigned num, int backlog)
{
    for (unsigned i = 0; i < num; i++)
        if (listen(fds[i], backlog) < 0)
            return -errno;
    return 0;
}

/* All are bound before the first listens, so that no connection goes to a group that still grows.
 */
static int open_tcp_group(const struct addrinfo *info, int backlog, int *ret_fds, unsigned num)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    unsigned opened = 0;
    int rc, port;

    if ((rc = open_tcp(info->ai_addr, info->ai_addrlen, true)) < 0)
        return rc;
    ret_fds[opened++] = rc;
    if ((port = rc = port_of(ret_fds[0], &addr, &len)) < 0)
        goto fail;
    while (opened < num) {
        if ((rc = open_tcp((struct sockaddr *)&addr, len, false)) < 0)
            goto fail;
        ret_fds[opened++] = rc;
    }
    if ((rc = listen_all(ret_fds, num, backlog)) < 0)
        goto fail;
    return port;

fail:
    close_all(ret_fds, opened);
    return rc;
}

static int open_unix_group(const char *path, int backlog, int *ret_fds, unsigned num)
{
    unsigned opened = 0;
    int rc;

    if ((rc = open_unix(path, backlog)) < 0)
        return rc;
    ret_fds[opened++] = rc;
    while (opened < num) {
        if ((rc = fcntl(ret_fds[0], F_DUPFD_CLOEXEC, 0)) < 0) {
            rc = -errno;
            close_all(ret_fds, opened);
            (void)unlink(path);
            return rc;
        }
        ret_fds[opened++] = rc;
    }
    return 0;
}

int yd_listen_sockets(const char *address, int backlog, int *ret_fds, unsigned num)
{
    struct addrinfo *info = NULL;
    int rc;

    if (address == NULL || backlog < 0)
        return -EINVAL;
    if (backlog == 0)
        backlog = SOMAXCONN;
    if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return open_unix_group(address + strlen(UNIX_PREFIX), backlog, ret_fds, num);
    if ((rc = look_up(address, &info)) < 0)
        return rc;
    for (const struct addrinfo *i = info; i != NULL; i = i->ai_next)
        if ((rc = open_tcp_group(i, backlog, ret_fds, num)) >= 0)
            break;
    freeaddrinfo(info);
    return rc;
}
