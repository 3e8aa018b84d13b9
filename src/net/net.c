/* SPDX-License-Identifier: MIT */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/net_internal.h"
#include "net/tls.h"

/* Over max_connections this many more are told so; beyond that they are closed unheard. */
#define REFUSED_AT_ONCE 64

/* ---- ids: loop (8 bits), generation (32), slot (24) ---- */

#define PAGE_SLOTS 256
#define MAX_SLOTS (1u << 24)
#define NO_SLOT UINT32_MAX

struct yd_slot {
    struct yd_conn *conn; /* NULL: free */
    uint32_t generation;  /* of the present or next connection; not 0 */
    uint32_t next_free;
};

static struct yd_slot *slot_at(const struct yd_net *net, uint32_t i)
{
    return &net->pages[i / PAGE_SLOTS][i % PAGE_SLOTS];
}

static int add_page(struct yd_net *net)
{
    uint32_t first = net->num_pages * PAGE_SLOTS;
    const struct yodel_allocator *mem = net->mem;
    struct yd_slot **pages, *page;

    if (first >= MAX_SLOTS)
        return -ENOMEM;
    pages = yd_resize(mem, net->pages, (net->num_pages + 1) * sizeof *pages);
    if (pages == NULL)
        return -ENOMEM;
    net->pages = pages;
    if ((page = yd_alloc_array(mem, PAGE_SLOTS, sizeof *page)) == NULL)
        return -ENOMEM;
    pages[net->num_pages++] = page;
    for (uint32_t i = 0; i < PAGE_SLOTS; i++)
        page[i] = (struct yd_slot){NULL, 1, i + 1 < PAGE_SLOTS ? first + i + 1 : net->free_slot};
    net->free_slot = first;
    return 0;
}

static int take_slot(struct yd_net *net, struct yd_conn *conn)
{
    struct yd_slot *slot;
    int rc;

    if (net->free_slot == NO_SLOT && (rc = add_page(net)) < 0)
        return rc;
    slot = slot_at(net, net->free_slot);
    conn->slot = net->free_slot;
    net->free_slot = slot->next_free;
    slot->conn = conn;
    return 0;
}

static void renew_slot(struct yd_slot *slot)
{
    if (++slot->generation == 0)
        slot->generation = 1;
}

static void free_slot(struct yd_net *net, struct yd_conn *conn)
{
    struct yd_slot *slot = slot_at(net, conn->slot);

    slot->conn = NULL;
    renew_slot(slot);
    slot->next_free = net->free_slot;
    net->free_slot = conn->slot;
}

uint64_t yd_conn_id(const struct yd_conn *conn)
{
    const struct yd_net *net = yd_conn_net(conn);

    return (uint64_t)net->loop->index << 56 | (uint64_t)slot_at(net, conn->slot)->generation << 24 |
           conn->slot;
}

uint64_t yd_conn_renew_id(struct yd_conn *conn)
{
    renew_slot(slot_at(yd_conn_net(conn), conn->slot));
    return yd_conn_id(conn);
}

struct yd_conn *yd_net_find(const struct yd_net *net, uint64_t id)
{
    uint32_t i = (uint32_t)(id & (MAX_SLOTS - 1));
    struct yd_slot *slot;

    if (yd_id_loop(id) != net->loop->index || i >= net->num_pages * PAGE_SLOTS)
        return NULL;
    slot = slot_at(net, i);
    return slot->generation == (uint32_t)(id >> 24) ? slot->conn : NULL;
}

void yd_net_each(struct yd_net *net, void (*each)(struct yd_conn *conn))
{
    for (uint32_t i = 0; i < net->num_pages * PAGE_SLOTS; i++)
        if (slot_at(net, i)->conn != NULL)
            each(slot_at(net, i)->conn);
}

/* ---- connections ---- */

int yd_net_init(struct yd_net *net, struct yd_loop *loop, const struct yd_net_options *options)
{
    *net =
        (struct yd_net){.loop = loop, .mem = loop->mem, .options = *options, .free_slot = NO_SLOT};
    loop->net = net;
    return 0;
}

void yd_net_done(struct yd_net *net)
{
    for (uint32_t i = 0; i < net->num_pages; i++)
        yd_free(net->mem, net->pages[i]);
    if (net->pages != NULL)
        yd_free(net->mem, net->pages);
    net->pages = NULL;
    net->num_pages = 0;
}

static int set_up(struct yd_net *net, struct yd_conn *conn, int fd, struct yd_tls *tls)
{
    int rc;

    yd_conn_init(conn);
    if ((rc = take_slot(net, conn)) < 0)
        return rc;
    if (tls != NULL && (rc = yd_tls_attach(tls, conn)) < 0)
        goto fail_slot;
    if ((rc = yd_stream_open(&conn->stream, fd)) < 0)
        goto fail_filter;
    return 0;

fail_filter:
    if (conn->filter != NULL)
        conn->filter->ops->free(conn);
fail_slot:
    free_slot(net, conn);
    return rc;
}

/* on_connection failed: there is no protocol above to tell. */
static void ignore_close(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

static size_t drop_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    return len;
}

static const struct yd_conn_events dropped = {.on_data = drop_data, .on_closed = ignore_close};

int yd_net_add(struct yd_net *net, int fd, struct yd_tls *tls, struct yd_conn **ret_conn)
{
    struct yd_conn *conn = yd_stream_alloc(net->loop, sizeof *conn);
    int on = 1, rc = -ENOMEM;

    if (conn == NULL)
        goto fail_fd;
    if ((rc = set_up(net, conn, fd, tls)) < 0)
        goto fail_conn;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails for Unix sockets */
    net->num_conns++;
    yd_conn_set_events(conn, &dropped, NULL);
    *ret_conn = conn;
    return 0;

fail_conn:
    yd_stream_free(&conn->stream);
fail_fd:
    (void)close(fd);
    return rc;
}

int yd_net_adopt(struct yd_conn *conn, int fd)
{
    struct yd_net *net = yd_conn_net(conn);
    int rc;

    if ((rc = set_up(net, conn, fd, NULL)) < 0) {
        (void)close(fd);
        return rc;
    }
    net->num_conns++;
    yd_conn_set_events(conn, &dropped, NULL);
    if (net->on_connection(conn, false) < 0)
        yd_conn_abort(conn, 0);
    return 0;
}

void yd_net_unlist(struct yd_conn *conn)
{
    free_slot(yd_conn_net(conn), conn);
}

void yd_net_count_less(struct yd_net *net)
{
    if (net->options.num_connections != NULL)
        atomic_fetch_sub_explicit(net->options.num_connections, 1, memory_order_relaxed);
}

void yd_net_forget(struct yd_conn *conn)
{
    yd_net_unlist(conn);
    yd_net_count_less(yd_conn_net(conn));
}

void yd_net_closed(struct yd_net *net)
{
    if (--net->num_conns == 0 && net->stopping && net->on_empty != NULL)
        net->on_empty(net);
}

/* ---- listeners ---- */

static void on_accept(struct yd_listener *base, int fd)
{
    struct yd_net_listener *listener = yd_container_of(base, struct yd_net_listener, base);
    struct yd_net *net = listener->net;
    unsigned max = net->options.max_connections, before = 0;
    struct yd_conn *conn;
    bool over_limit;

    yd_count(&net->loop->counters.accepted, 1);
    if (net->options.num_connections != NULL)
        before = atomic_fetch_add_explicit(net->options.num_connections, 1, memory_order_relaxed);
    over_limit = max != 0 && before >= max;
    if (over_limit)
        yd_count(&net->loop->counters.refused, 1);
    if (over_limit && before >= max + REFUSED_AT_ONCE)
        (void)close(fd);
    else if (yd_net_add(net, fd, listener->tls, &conn) == 0) {
        if (net->on_connection(conn, over_limit) < 0)
            yd_conn_abort(conn, 0);
        return;
    }
    if (net->options.num_connections != NULL)
        atomic_fetch_sub_explicit(net->options.num_connections, 1, memory_order_relaxed);
}

int yd_net_listen(struct yd_net *net, struct yd_net_listener *listener, int fd, struct yd_tls *tls)
{
    int rc;

    listener->base = (struct yd_listener){.loop = net->loop, .on_accept = on_accept, .fd = fd};
    listener->net = net;
    listener->tls = tls;
    if ((rc = yd_listener_start(&listener->base)) < 0) {
        (void)close(fd);
        listener->base.fd = -1;
    }
    return rc;
}

static void stop_one(struct yd_conn *conn)
{
    if (!conn->closing && !conn->dead && conn->events->on_stop != NULL)
        conn->events->on_stop(conn);
}

void yd_net_stop(struct yd_net *net)
{
    if (net->stopping)
        return;
    net->stopping = true;
    if (net->num_conns == 0 && net->on_empty != NULL)
        net->on_empty(net);
    else
        yd_net_each(net, stop_one);
}

static void abort_one(struct yd_conn *conn)
{
    yd_conn_abort(conn, 0);
}

void yd_net_abort(struct yd_net *net)
{
    yd_net_each(net, abort_one);
}

/* ---- peers ---- */

void yd_conn_peer(const struct yd_conn *conn, char ret_text[YD_PEER_SIZE])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    } addr;
    socklen_t len = sizeof addr;
    char host[INET6_ADDRSTRLEN] = "";

    (void)snprintf(ret_text, YD_PEER_SIZE, "unknown");
    if (conn->stream.fd < 0 || getpeername(conn->stream.fd, &addr.any, &len) < 0)
        return;
    if (addr.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &addr.v4.sin_addr, host, sizeof host);
        (void)snprintf(ret_text, YD_PEER_SIZE, "%s:%u", host, ntohs(addr.v4.sin_port));
    } else if (addr.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &addr.v6.sin6_addr, host, sizeof host);
        (void)snprintf(ret_text, YD_PEER_SIZE, "[%s]:%u", host, ntohs(addr.v6.sin6_port));
    } else if (addr.any.sa_family == AF_UNIX) {
        (void)snprintf(ret_text, YD_PEER_SIZE, "unix");
    }
}
