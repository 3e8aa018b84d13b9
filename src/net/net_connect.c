/* SPDX-License-Identifier: MIT */
#include "net/net_connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/net_internal.h"
#include "net/sockets.h"

/* The addresses of a name.  While the thread that looks it up has it, it is that thread's. */
struct yd_lookup {
    const struct yodel_allocator *mem;
    struct yd_connect *owner; /* NULL: nobody waits for it any more */
    bool in_work;
    uint16_t port;
    int error; /* of getaddrinfo() */
    unsigned num, next;
    socklen_t lens[YD_MOST_ADDRESSES];
    struct sockaddr_storage addrs[YD_MOST_ADDRESSES];
    char host[];
};

static void try_next(struct yd_connect *connect);

/* ---- the end ---- */

static void let_go(struct yd_connect *connect)
{
    struct yd_lookup *lookup = connect->lookup;

    connect->lookup = NULL;
    yd_timer_stop(&connect->net->loop->wheel, &connect->timer);
    yd_dial_stop(&connect->dial);
    if (lookup->in_work)
        lookup->owner = NULL;
    else
        yd_free(lookup->mem, lookup);
}

static void fail(struct yd_connect *connect, int error, const char *reason)
{
    let_go(connect);
    connect->on_done(connect, NULL, error, reason);
}

/* ---- TLS ---- */

static size_t keep_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    (void)len;
    return 0;
}

static void on_eof(struct yd_conn *conn)
{
    yd_conn_abort(conn, YODEL_ERR_TLS);
}

/* Its owner has given it up. */
static void on_closed_alone(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

static void on_eof_alone(struct yd_conn *conn)
{
    yd_conn_abort(conn, 0);
}

static const struct yd_conn_events alone = {
    .on_data = keep_data, .on_eof = on_eof_alone, .on_closed = on_closed_alone};

static void on_ready(struct yd_conn *conn)
{
    struct yd_connect *connect = conn->up;

    connect->conn = NULL;
    yd_conn_set_events(conn, &alone, NULL);
    let_go(connect);
    connect->on_done(connect, conn, 0, NULL);
}

static void on_closed(struct yd_conn *conn, int error)
{
    struct yd_connect *connect = conn->up;

    connect->conn = NULL;
    fail(connect, error < 0 ? error : YODEL_ERR_TLS, connect->reason);
}

static const struct yd_conn_events securing = {
    .on_data = keep_data, .on_eof = on_eof, .on_closed = on_closed, .on_ready = on_ready};

static void secure(struct yd_connect *connect, struct yd_conn *conn)
{
    int rc = yd_tls_attach_client(connect->tls, conn, connect->name, &connect->reason);

    if (rc < 0) {
        yd_conn_abort(conn, 0);
        fail(connect, rc, NULL);
        return;
    }
    connect->conn = conn;
    yd_conn_set_events(conn, &securing, connect);
    yd_timer_start(&connect->net->loop->wheel, &connect->timer, connect->deadline);
}

/* ---- addresses in turn ---- */

static int add_conn(struct yd_connect *connect, int fd, struct yd_conn **ret_conn)
{
    int rc;

    if (connect->with_clients)
        return yd_net_add_own(connect->net, fd, ret_conn);
    if ((rc = yd_net_add(connect->net, fd, NULL, ret_conn)) == 0)
        yd_net_count_outgoing(*ret_conn);
    return rc;
}

static void on_dialled(struct yd_dial *dial, int fd)
{
    struct yd_connect *connect = yd_container_of(dial, struct yd_connect, dial);
    struct yd_conn *conn;
    int rc;

    if (fd < 0) {
        connect->error = fd;
        try_next(connect);
        return;
    }
    if ((rc = add_conn(connect, fd, &conn)) < 0) {
        fail(connect, rc, NULL);
        return;
    }
    yd_conn_set_events(conn, &alone, NULL);
    if (connect->tls != NULL) {
        secure(connect, conn);
        return;
    }
    let_go(connect);
    connect->on_done(connect, conn, 0, NULL);
}

static uint64_t share_of_time(const struct yd_connect *connect)
{
    const struct yd_lookup *lookup = connect->lookup;
    uint64_t now = yd_loop_due(connect->net->loop, 0);

    if (connect->deadline == YD_NEVER || connect->deadline <= now)
        return connect->deadline;
    return now + (connect->deadline - now) / (lookup->num - lookup->next);
}

static void try_next(struct yd_connect *connect)
{
    struct yd_lookup *lookup = connect->lookup;
    struct yd_loop *loop = connect->net->loop;

    while (lookup->next < lookup->num) {
        uint64_t until = share_of_time(connect);
        unsigned i = lookup->next++;
        int rc = yd_dial_start(loop, &connect->dial, (struct sockaddr *)&lookup->addrs[i],
                               lookup->lens[i]);

        if (rc == 0) {
            yd_timer_start(&loop->wheel, &connect->timer, until);
            return;
        }
        connect->error = rc;
    }
    fail(connect, connect->error, NULL);
}

static void on_timer(struct yd_timer *timer)
{
    struct yd_connect *connect = yd_container_of(timer, struct yd_connect, timer);
    struct yd_lookup *lookup = connect->lookup;

    if (connect->conn != NULL) {
        yd_conn_abort(connect->conn, -ETIMEDOUT);
        return;
    }
    if (lookup->in_work) {
        fail(connect, -ETIMEDOUT, "its name is not found in time");
        return;
    }
    if (lookup->next > 0)
        connect->error = -ETIMEDOUT;
    yd_dial_stop(&connect->dial);
    try_next(connect);
}

/* ---- names ---- */

static bool add_address(struct yd_lookup *lookup, const void *addr, size_t len)
{
    if (lookup->num == YD_MOST_ADDRESSES || len > sizeof lookup->addrs[0])
        return false;
    memcpy(&lookup->addrs[lookup->num], addr, len);
    lookup->lens[lookup->num++] = (socklen_t)len;
    return true;
}

static bool add_number(struct yd_lookup *lookup)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(lookup->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(lookup->port)};

    if (inet_pton(AF_INET, lookup->host, &v4.sin_addr) == 1)
        return add_address(lookup, &v4, sizeof v4);
    if (inet_pton(AF_INET6, lookup->host, &v6.sin6_addr) == 1)
        return add_address(lookup, &v6, sizeof v6);
    return false;
}

static int add_path(struct yd_lookup *lookup, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (path[0] == '\0' || strlen(path) >= sizeof addr.sun_path)
        return -EINVAL;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    add_address(lookup, &addr, sizeof addr);
    return 0;
}

/* On a thread of its own. */
static void look_up(void *arg)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct yd_lookup *lookup = arg;
    struct addrinfo *found = NULL;
    char port[8];

    (void)snprintf(port, sizeof port, "%u", (unsigned)lookup->port);
    if ((lookup->error = getaddrinfo(lookup->host, port, &hints, &found)) != 0)
        return;
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next)
        if (!add_address(lookup, one->ai_addr, one->ai_addrlen))
            break;
    freeaddrinfo(found);
}

static void looked_up(void *arg)
{
    struct yd_lookup *lookup = arg;
    struct yd_connect *connect = lookup->owner;

    lookup->in_work = false;
    if (connect == NULL)
        yd_free(lookup->mem, lookup);
    else if (lookup->num == 0)
        fail(connect, YODEL_ERR_NOT_FOUND,
             lookup->error != 0 ? gai_strerror(lookup->error) : "the name has no address");
    else
        try_next(connect);
}

/* ---- begin ---- */

static int find_addresses(struct yd_connect *connect, const struct yd_connect_options *options)
{
    struct yd_loop *loop = connect->net->loop;
    struct yd_lookup *lookup = connect->lookup;
    int rc;

    if (options->path != NULL)
        rc = add_path(lookup, options->path);
    else
        rc = lookup->host[0] == '\0' ? -EINVAL : 0;
    if (rc < 0)
        return rc;
    if (options->path != NULL || add_number(lookup)) {
        yd_timer_start(&loop->wheel, &connect->timer, loop->now);
        return 0;
    }
    if ((rc = yd_loop_work(loop, look_up, looked_up, lookup)) < 0)
        return rc;
    lookup->in_work = true;
    yd_timer_start(&loop->wheel, &connect->timer, connect->deadline);
    return 0;
}

int yd_net_connect(struct yd_net *net, struct yd_connect *connect,
                   const struct yd_connect_options *options)
{
    const char *host = options->path == NULL && options->host != NULL ? options->host : "";
    struct yd_lookup *lookup = yd_zalloc(net->mem, sizeof *lookup + strlen(host) + 1);
    int rc;

    if (lookup == NULL)
        return -ENOMEM;
    memcpy(lookup->host, host, strlen(host) + 1);
    lookup->mem = net->mem;
    lookup->owner = connect;
    lookup->port = options->port;
    connect->net = net;
    connect->lookup = lookup;
    connect->conn = NULL;
    connect->tls = options->tls;
    connect->name = options->name;
    connect->with_clients = options->with_clients;
    connect->reason = NULL;
    connect->error = -ECONNREFUSED;
    connect->deadline =
        options->timeout_ms > 0 ? yd_loop_due(net->loop, options->timeout_ms) : YD_NEVER;
    connect->dial = (struct yd_dial){.on_done = on_dialled};
    yd_timer_init(&connect->timer, on_timer);
    if ((rc = find_addresses(connect, options)) < 0) {
        connect->lookup = NULL;
        yd_free(net->mem, lookup);
    }
    return rc;
}

void yd_net_connect_stop(struct yd_connect *connect)
{
    struct yd_conn *conn = connect->conn;

    if (connect->lookup == NULL)
        return;
    connect->conn = NULL;
    if (conn != NULL) {
        yd_conn_set_events(conn, &alone, NULL);
        yd_conn_abort(conn, 0);
    }
    let_go(connect);
}
