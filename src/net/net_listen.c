/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/sockets.h"

/* ---- names ---- */

/* Splits "host:port" or "[v6]:port"; host gets a copy that fits. */
static int split_address(const char *address, char *host, size_t host_size, char *port,
                         size_t port_size)
{
    const char *colon = strrchr(address, ':'), *first = address, *last = colon;
    char *end;

    if (colon == NULL || colon[1] == '\0')
        return -EINVAL;
    if (address[0] == '[') {
        if (colon[-1] != ']' || colon - address <= 2)
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

/* "*:80" and ":80" are all addresses of the machine. */
static int look_up(const char *address, int family, struct addrinfo **ret_info)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[256], port[8];
    int rc;

    if ((rc = split_address(address, host, sizeof host, port, sizeof port)) < 0)
        return rc;
    rc = getaddrinfo(host[0] != '\0' && strcmp(host, "*") != 0 ? host : NULL, port, &hints,
                     ret_info);
    return rc == 0 ? 0 : error_of_lookup(rc);
}

/* ---- one address ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* What the sockets of one call have in common. */
struct plan {
    const yodel_listen_options *options;
    int backlog;
    unsigned loops;
    unsigned room; /* descriptors that fit into the set */
    bool dual;
};

/*
 * first: the port must be free, so it is bound without SO_REUSEPORT, which is set after that for
 * the sockets of the other loops; otherwise a second server on the same port would share it.
 */
static int open_tcp(const struct sockaddr *addr, socklen_t len, bool first, bool dual)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, alone = !dual, rc;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((addr->sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone) < 0) ||
        (!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, addr, len) < 0 ||
        (first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)) {
        rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int port_of(const union address *addr)
{
    if (addr->any.sa_family != AF_INET && addr->any.sa_family != AF_INET6)
        return 0;
    return ntohs(addr->any.sa_family == AF_INET6 ? addr->v6.sin6_port : addr->v4.sin_port);
}

static void set_port(union address *addr, int port)
{
    if (addr->any.sa_family == AF_INET6)
        addr->v6.sin6_port = htons((uint16_t)port);
    else
        addr->v4.sin_port = htons((uint16_t)port);
}

static void name_address(const union address *addr, struct yd_sockets *ret)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (addr->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &addr->v6.sin6_addr, host, sizeof host);
        (void)snprintf(ret->name, sizeof ret->name, "[%s]:%d", host, port_of(addr));
    } else {
        (void)inet_ntop(AF_INET, &addr->v4.sin_addr, host, sizeof host);
        (void)snprintf(ret->name, sizeof ret->name, "%s:%d", host, port_of(addr));
    }
}

static void close_from(struct yd_sockets *set, unsigned first)
{
    while (set->num > first)
        (void)close(set->fds[--set->num]);
}

/* Each loop's socket of one address: all are bound before the first listens, so that no connection
 * goes to a group that still grows. */
static int open_tcp_group(const struct plan *plan, union address *addr, socklen_t len,
                          struct yd_sockets *set)
{
    unsigned first = set->num;
    int rc = 0;

    if (first + plan->loops > plan->room)
        return -E2BIG;
    name_address(addr, set);
    for (unsigned i = 0; i < plan->loops && rc >= 0; i++) {
        if ((rc = open_tcp(&addr->any, len, i == 0, plan->dual)) < 0)
            break;
        set->fds[set->num++] = rc;
        if (i == 0 && getsockname(rc, &addr->any, &len) < 0)
            rc = -errno;
    }
    for (unsigned i = first; i < set->num && rc >= 0; i++)
        if (listen(set->fds[i], plan->backlog) < 0)
            rc = -errno;
    if (rc < 0) {
        close_from(set, first);
        return rc;
    }
    name_address(addr, set);
    if (set->port == 0)
        set->port = port_of(addr);
    return 0;
}

/* ---- all of a name ---- */

/* The machine has no such family or address: others of the name may do. */
static bool is_absent(int error)
{
    return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* All have one port, which the first one gets where any will do. */
static int open_tcp_all(const struct plan *plan, const struct addrinfo *info,
                        struct yd_sockets *set)
{
    int rc, absent = -EADDRNOTAVAIL;

    for (const struct addrinfo *i = info; i != NULL; i = i->ai_next) {
        union address addr;

        if (i->ai_addrlen > sizeof addr)
            continue;
        memcpy(&addr, i->ai_addr, i->ai_addrlen);
        if (port_of(&addr) == 0)
            set_port(&addr, set->port);
        rc = open_tcp_group(plan, &addr, i->ai_addrlen, set);
        if (is_absent(rc))
            absent = rc;
        else if (rc < 0)
            return rc;
    }
    return set->num > 0 ? 0 : absent;
}

/* A free port of the first address may be taken on the next: another is tried. */
static int open_tcp_name(const struct plan *plan, struct yd_sockets *set)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_INET6};
    struct addrinfo *info = NULL;
    const char *colon;
    int rc;

    rc = look_up(plan->options->address, families[plan->options->families], &info);
    if (rc < 0)
        return rc;
    colon = strrchr(plan->options->address, ':');
    for (int tries = strtoul(colon + 1, NULL, 10) == 0 ? 16 : 1; tries > 0; tries--) {
        if ((rc = open_tcp_all(plan, info, set)) != -EADDRINUSE)
            break;
        if (tries > 1)
            set->port = 0;
        close_from(set, 0);
    }
    freeaddrinfo(info);
    return rc;
}

static int duplicate(struct yd_sockets *set, unsigned num)
{
    unsigned given = set->num;

    while (set->num < num) {
        int fd = fcntl(set->fds[set->num % given], F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        set->fds[set->num++] = fd;
    }
    return 0;
}

static int open_unix_name(const struct plan *plan, const char *path, struct yd_sockets *set)
{
    int rc = yd_unix_listen(path, plan->options, plan->backlog);

    (void)snprintf(set->name, sizeof set->name, "unix:%s", path);
    if (rc < 0)
        return rc;
    set->fds[set->num++] = rc;
    if ((rc = duplicate(set, plan->loops)) < 0)
        (void)unlink(path);
    return rc;
}

/* ---- inherited ones ---- */

static void name_inherited(int fd, struct yd_sockets *set)
{
    (void)snprintf(set->name, sizeof set->name, "descriptor %d", fd);
}

static int use_inherited(const struct plan *plan, const int *fds, unsigned num,
                         struct yd_sockets *set)
{
    union address addr;
    socklen_t len = sizeof addr;
    int rc = 0;

    for (unsigned i = 0; i < num; i++) {
        name_inherited(fds[i], set);
        if ((rc = yd_inherited_check(fds[i])) < 0)
            return rc;
        set->fds[set->num++] = fds[i];
        set->num_inherited = set->num;
    }
    if (getsockname(fds[0], &addr.any, &len) == 0)
        set->port = port_of(&addr);
    return duplicate(set, plan->loops);
}

/* ---- what is called ---- */

const char *yd_after_prefix(const char *address, const char *prefix)
{
    size_t len = strlen(prefix);

    return address != NULL && strncmp(address, prefix, len) == 0 ? address + len : "";
}

static int open_any(const struct plan *plan, const int *inherited, unsigned num,
                    struct yd_sockets *set)
{
    const char *address = plan->options->address;

    if (num > 0)
        return use_inherited(plan, inherited, num, set);
    if (strncmp(address, "unix:", 5) == 0)
        return open_unix_name(plan, yd_after_prefix(address, "unix:"), set);
    return open_tcp_name(plan, set);
}

static void close_all(const struct yodel_allocator *mem, struct yd_sockets *set)
{
    close_from(set, YD_MIN(set->num_inherited, set->num));
    yd_free(mem, set->fds);
    set->fds = NULL;
}

int yd_sockets_open(const struct yodel_allocator *mem, const yodel_listen_options *options,
                    unsigned loops, struct yd_sockets *ret)
{
    struct plan plan = {options, options->backlog != 0 ? options->backlog : SOMAXCONN, loops, 0,
                        options->families == YODEL_FAMILIES_DUAL};
    int fds[YD_MOST_INHERITED], num, rc;

    *ret = (struct yd_sockets){.name = ""};
    if (options->backlog < 0 || options->families < YODEL_FAMILIES_ALL ||
        options->families > YODEL_FAMILIES_DUAL)
        return -EINVAL;
    if ((num = yd_inherited_list(options, fds)) < 0)
        return num;
    if (num == 0 && options->address == NULL)
        return -EINVAL;
    plan.room = num > 0 ? YD_MAX(loops, (unsigned)num) : loops * YD_MOST_ADDRESSES;
    if ((ret->fds = yd_alloc_array(mem, plan.room, sizeof *ret->fds)) == NULL)
        return -ENOMEM;
    if ((rc = open_any(&plan, fds, (unsigned)num, ret)) < 0)
        close_all(mem, ret);
    return rc;
}

void yd_sockets_take(const struct yodel_allocator *mem, struct yd_sockets *sockets)
{
    for (unsigned i = 0; i < sockets->num_inherited; i++) {
        int fd = sockets->fds[i];

        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    yd_free(mem, sockets->fds);
    sockets->fds = NULL;
}

void yd_sockets_undo(const struct yodel_allocator *mem, struct yd_sockets *sockets)
{
    const char *path = yd_after_prefix(sockets->name, "unix:");

    if (path[0] != '\0')
        (void)unlink(path);
    close_all(mem, sockets);
}
