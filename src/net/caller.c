/* SPDX-License-Identifier: MIT */
#include "net/caller.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/net_internal.h"

/* ---- addresses ---- */

static void ip_of_socket(int fd, struct yd_ip *ret_ip)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    } addr;
    socklen_t len = sizeof addr;

    *ret_ip = (struct yd_ip){.kind = YD_IP_UNKNOWN};
    if (fd < 0 || getpeername(fd, &addr.any, &len) < 0)
        return;
    if (addr.any.sa_family == AF_INET)
        *ret_ip = yd_ip_of_bytes(&addr.v4.sin_addr, 4, ntohs(addr.v4.sin_port));
    else if (addr.any.sa_family == AF_INET6)
        *ret_ip = yd_ip_of_bytes(&addr.v6.sin6_addr, 16, ntohs(addr.v6.sin6_port));
    else if (addr.any.sa_family == AF_UNIX)
        ret_ip->kind = YD_IP_UNIX;
}

void yd_conn_ip(const struct yd_conn *conn, struct yd_ip *ret_ip)
{
    if (conn->caller != NULL && conn->caller->has_ip)
        *ret_ip = conn->caller->ip;
    else
        ip_of_socket(conn->stream.fd, ret_ip);
}

void yd_conn_peer(const struct yd_conn *conn, char ret_text[YD_PEER_SIZE])
{
    struct yd_ip ip;

    yd_conn_ip(conn, &ip);
    yd_ip_write(&ip, ret_text);
}

const struct yd_trust *yd_conn_trust(const struct yd_conn *conn)
{
    return conn->front->trust;
}

unsigned yd_conn_forwarded(const struct yd_conn *conn)
{
    return conn->front->forwarded;
}

bool yd_conn_client_uses_tls(const struct yd_conn *conn)
{
    return conn->filter != NULL || (conn->caller != NULL && conn->caller->is_tls);
}

/* ---- counting ---- */

static struct yd_limits *limits_of(const struct yd_conn *conn)
{
    return yd_conn_net(conn)->options.limits;
}

static struct yd_caller *caller_of(struct yd_conn *conn)
{
    if (conn->caller == NULL)
        conn->caller = yd_zalloc(yd_conn_net(conn)->mem, sizeof *conn->caller);
    return conn->caller;
}

int yd_caller_note(struct yd_conn *conn, const struct yd_ip *ip, bool is_tls)
{
    if (caller_of(conn) == NULL)
        return -ENOMEM;
    conn->caller->ip = *ip;
    conn->caller->has_ip = true;
    conn->caller->is_tls = is_tls;
    return 0;
}

int yd_caller_enter(struct yd_conn *conn)
{
    struct yd_ip ip;
    int rc;

    if (limits_of(conn) == NULL)
        return 0;
    if (caller_of(conn) == NULL)
        return -ENOMEM;
    yd_conn_ip(conn, &ip);
    if (yd_is_trusted(conn->front->trust, &ip))
        return 0;
    rc = yd_limits_enter(limits_of(conn), &ip, true, &conn->caller->client);
    conn->caller->is_handshake = rc == 0 && conn->caller->client != NULL;
    return rc;
}

static void leave(struct yd_conn *conn)
{
    struct yd_caller *caller = conn->caller;

    if (caller->client != NULL)
        yd_limits_leave(limits_of(conn), caller->client, caller->is_handshake);
    caller->client = NULL;
    caller->is_handshake = false;
}

void yd_caller_done(struct yd_conn *conn)
{
    if (conn->caller == NULL)
        return;
    leave(conn);
    yd_free(yd_conn_net(conn)->mem, conn->caller);
    conn->caller = NULL;
}

void yd_conn_arrived(struct yd_conn *conn)
{
    if (conn->caller == NULL || !conn->caller->is_handshake)
        return;
    conn->caller->is_handshake = false;
    yd_limits_arrived(limits_of(conn), conn->caller->client);
}

int yd_conn_set_client(struct yd_conn *conn, const struct yd_ip *ip)
{
    int rc;

    if (limits_of(conn) == NULL)
        return 0;
    if (caller_of(conn) == NULL)
        return -ENOMEM;
    if (conn->caller->client != NULL && yd_limits_is(conn->caller->client, ip))
        return 0;
    leave(conn);
    rc = yd_limits_enter(limits_of(conn), ip, false, &conn->caller->client);
    if (rc > 0)
        yd_net_count_refusal(yd_conn_net(conn), rc, ip);
    return rc;
}

void yd_conn_unset_client(struct yd_conn *conn)
{
    if (conn->caller != NULL)
        leave(conn);
}

/* ---- messages ---- */

static bool is_within(struct yd_caller *caller, unsigned most, uint64_t now)
{
    if (caller->second != now / 1000) {
        caller->second = now / 1000;
        caller->messages = 0;
    }
    return most == 0 || caller->messages++ < most;
}

bool yd_conn_count_message(struct yd_conn *conn)
{
    struct yd_caller *caller = conn->caller;
    struct yd_limits *limits;
    uint64_t now;
    struct yd_ip ip;

    if (caller == NULL || (limits = limits_of(conn)) == NULL)
        return true;
    now = yd_conn_loop(conn)->now;
    if (is_within(caller, yd_limits_options(limits)->conn_messages, now) &&
        (caller->client == NULL || yd_limits_message(limits, caller->client, now)))
        return true;
    yd_conn_ip(conn, &ip);
    yd_net_count_flood(yd_conn_net(conn), &ip);
    return false;
}
