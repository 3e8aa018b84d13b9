/* SPDX-License-Identifier: MIT */
#include "net/caller.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/filter.h"
#include "net/net_internal.h"
#include "net/rates.h"

/* ---- addresses ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

static struct yd_ip ip_of_address(const union address *addr)
{
    if (addr->any.sa_family == AF_INET)
        return yd_ip_of_bytes(&addr->v4.sin_addr, 4, ntohs(addr->v4.sin_port));
    if (addr->any.sa_family == AF_INET6)
        return yd_ip_of_bytes(&addr->v6.sin6_addr, 16, ntohs(addr->v6.sin6_port));
    return (struct yd_ip){.kind = addr->any.sa_family == AF_UNIX ? YD_IP_UNIX : YD_IP_UNKNOWN};
}

static void ip_of_stream(const struct yd_stream *stream, struct yd_ip *ret_ip)
{
    union address addr;

    *ret_ip = (struct yd_ip){.kind = YD_IP_UNKNOWN};
    if (yd_stream_name(stream, true, &addr.storage) == 0)
        *ret_ip = ip_of_address(&addr);
}

struct yd_ip yd_ip_of_socket(int fd)
{
    union address addr;
    socklen_t len = sizeof addr;

    if (getpeername(fd, &addr.any, &len) < 0)
        return (struct yd_ip){.kind = YD_IP_UNKNOWN};
    return ip_of_address(&addr);
}

void yd_conn_ip(const struct yd_conn *conn, struct yd_ip *ret_ip)
{
    if (conn->caller != NULL && conn->caller->has_ip)
        *ret_ip = conn->caller->ip;
    else
        ip_of_stream(&conn->stream, ret_ip);
}

void yd_conn_peer(const struct yd_conn *conn, char ret_text[YD_PEER_SIZE])
{
    struct yd_ip ip;

    yd_conn_ip(conn, &ip);
    yd_ip_write(&ip, ret_text);
}

int yd_conn_credentials(const struct yd_conn *conn, struct yd_credentials *ret)
{
    return yd_stream_credentials(&conn->stream, ret);
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

/* ---- what the connection tells ---- */

bool yd_conn_is_tls(const struct yd_conn *conn)
{
    return conn->filter != NULL;
}

const char *yd_conn_tag(const struct yd_conn *conn)
{
    const struct yd_carried *carried = yd_conn_carried(conn);

    return carried != NULL ? carried->tag.ptr : conn->front->tag;
}

static ssize_t copy_cert(yodel_str text, char *ret_text, size_t size)
{
    if (text.ptr == NULL)
        return YODEL_ERR_NOT_FOUND;
    if (text.len > size)
        return YODEL_ERR_TOO_BIG;
    memcpy(ret_text, text.ptr, text.len);
    return (ssize_t)text.len;
}

ssize_t yd_conn_client_cert(const struct yd_conn *conn, enum yd_cert_part part, char *ret_text,
                            size_t size)
{
    const struct yd_carried *carried = yd_conn_carried(conn);

    if (carried != NULL)
        return copy_cert(part == YD_CERT_SUBJECT ? carried->subject : carried->fingerprint,
                         ret_text, size);
    if (conn->filter == NULL || conn->filter->ops->cert == NULL)
        return YODEL_ERR_NOT_FOUND;
    return conn->filter->ops->cert(conn, part, ret_text, size);
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

static yodel_str copy_text(char **at, yodel_str text)
{
    yodel_str copy = {NULL, 0};

    if (text.ptr == NULL)
        return copy;
    copy = (yodel_str){*at, text.len};
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return copy;
}

int yd_caller_carry(struct yd_conn *conn, const struct yd_carried *given)
{
    size_t texts =
        given->host.len + given->tag.len + given->subject.len + given->fingerprint.len + 4;
    struct yd_carried *carried = yd_alloc(yd_conn_net(conn)->mem, sizeof *carried + texts);
    char *at;

    if (carried == NULL)
        return -ENOMEM;
    at = (char *)(carried + 1);
    if (yd_caller_note(conn, &given->ip, given->is_tls) < 0) {
        yd_free(yd_conn_net(conn)->mem, carried);
        return -ENOMEM;
    }
    *carried = *given;
    carried->host = copy_text(&at, given->host);
    carried->tag = copy_text(&at, given->tag);
    carried->subject = copy_text(&at, given->subject);
    carried->fingerprint = copy_text(&at, given->fingerprint);
    conn->caller->carried = carried;
    return 0;
}

void yd_conn_keep_client(struct yd_conn *conn)
{
    if (conn->caller != NULL)
        conn->caller->keeps = true;
}

bool yd_conn_keeps_client(const struct yd_conn *conn)
{
    return conn->caller != NULL && conn->caller->keeps;
}

/* Programs of this machine, which come by Unix sockets, do not count, nor what another node has
 * counted. */
static int count_new(struct yd_conn *conn, const struct yd_ip *ip, bool is_trusted)
{
    struct yd_rates *rates = yd_conn_net(conn)->options.rates;
    uint64_t now = yd_conn_loop(conn)->now;

    if (rates == NULL || yd_conn_carried(conn) != NULL || (ip->kind == YD_IP_UNIX && !is_trusted))
        return YD_NOT_REFUSED;
    if (!is_trusted && !yd_rates_client(rates, ip, now))
        return YD_REFUSED_CLIENT_RATE;
    return yd_rates_server(rates, now) ? YD_NOT_REFUSED : YD_REFUSED_RATE;
}

static bool is_reserved(const struct yd_conn *conn)
{
    return conn->caller != NULL && conn->caller->is_reserved;
}

int yd_caller_reserve(struct yd_conn *conn)
{
    if (caller_of(conn) == NULL)
        return -ENOMEM;
    conn->caller->is_reserved = true;
    return 0;
}

bool yd_front_take_place(const struct yd_front *front)
{
    if (front == NULL || front->num_reserved == NULL)
        return false;
    if (atomic_fetch_add_explicit(front->num_reserved, 1, memory_order_relaxed) < front->reserved)
        return true;
    yd_front_give_place(front);
    return false;
}

void yd_front_give_place(const struct yd_front *front)
{
    atomic_fetch_sub_explicit(front->num_reserved, 1, memory_order_relaxed);
}

int yd_caller_enter(struct yd_conn *conn)
{
    bool is_trusted;
    struct yd_ip ip;
    int rc;

    if ((limits_of(conn) == NULL && yd_conn_net(conn)->options.rates == NULL) || is_reserved(conn))
        return 0;
    yd_conn_ip(conn, &ip);
    is_trusted = yd_is_trusted(conn->front->trust, &ip);
    if ((rc = count_new(conn, &ip, is_trusted)) != YD_NOT_REFUSED || limits_of(conn) == NULL)
        return rc;
    if (caller_of(conn) == NULL)
        return -ENOMEM;
    if (is_trusted)
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
    if (conn->caller->is_reserved)
        yd_front_give_place(conn->front);
    if (conn->caller->carried != NULL)
        yd_free(yd_conn_net(conn)->mem, conn->caller->carried);
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

    if (limits_of(conn) == NULL || is_reserved(conn))
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

static bool is_within(struct yd_caller *caller, const struct yd_limits_options *options,
                      uint64_t now)
{
    if (caller->period != now / options->period_ms) {
        caller->period = now / options->period_ms;
        caller->messages = 0;
    }
    return options->conn_messages == 0 || caller->messages++ < options->conn_messages;
}

bool yd_caller_count_message(struct yd_conn *conn)
{
    struct yd_caller *caller = conn->caller;
    struct yd_limits *limits = limits_of(conn);
    uint64_t now;
    struct yd_ip ip;

    if (limits == NULL)
        return true;
    now = yd_conn_loop(conn)->now;
    if (is_within(caller, yd_limits_options(limits), now) &&
        (caller->client == NULL || yd_limits_message(limits, caller->client, now)))
        return true;
    yd_conn_ip(conn, &ip);
    yd_net_count_flood(yd_conn_net(conn), &ip);
    return false;
}
