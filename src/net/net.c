/* SPDX-License-Identifier: MIT */
#include "net/net.h"

#include <errno.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/caller.h"
#include "net/net_internal.h"
#include "net/tls.h"

/* Over max_connections this many more are told so; beyond that they are closed unheard. */
#define REFUSED_AT_ONCE 64
#define LEAST_AT_ONCE 8

struct yd_conn *yd_net_find(const struct yd_net *net, uint64_t id)
{
    struct yd_conn *conn = yd_ids_find(&net->ids, id);

    return conn != NULL && conn->phase < YD_CONN_FINISHED ? conn : NULL;
}

void yd_net_each(struct yd_net *net, void (*each)(struct yd_conn *conn))
{
    struct yd_conn *conn;
    uint32_t slot = 0;

    while ((conn = yd_ids_next(&net->ids, &slot)) != NULL)
        if (conn->phase < YD_CONN_FINISHED)
            each(conn);
}

/* ---- connections ---- */

int yd_net_init(struct yd_net *net, struct yd_loop *loop, const struct yd_net_options *options)
{
    *net = (struct yd_net){.loop = loop, .mem = loop->mem, .options = *options};
    yd_ids_init(&net->ids, loop->mem, loop->index);
    yd_net_crowd_init(net);
    loop->net = net;
    return 0;
}

void yd_net_done(struct yd_net *net)
{
    yd_ids_done(&net->ids);
}

static const struct yd_front plain = {.tls = NULL};

static int give_to_protocol(struct yd_conn *conn, int refusal)
{
    const struct yd_front *front = conn->front;

    if (front->on_connection != NULL)
        return front->on_connection(conn, refusal);
    return yd_conn_net(conn)->on_connection(conn, refusal);
}

static int set_up(struct yd_net *net, struct yd_conn *conn, int fd, struct yd_tls *tls)
{
    int rc;

    yd_conn_init(conn);
    if ((rc = yd_ids_take(&net->ids, conn, &conn->slot)) < 0)
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
    yd_ids_free(&net->ids, conn->slot);
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

int yd_net_add(struct yd_net *net, int fd, const struct yd_front *front, struct yd_conn **ret_conn)
{
    struct yd_conn *conn = yd_stream_alloc(net->loop, sizeof *conn);
    int rc = -ENOMEM;

    if (conn == NULL)
        goto fail_fd;
    conn->front = front != NULL ? front : &plain;
    if ((rc = set_up(net, conn, fd, conn->front->proxy_protocol ? NULL : conn->front->tls)) < 0)
        goto fail_conn;
    yd_stream_no_delay(&conn->stream);
    yd_net_one_more(net);
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
    yd_net_one_more(net);
    yd_conn_set_events(conn, &dropped, NULL);
    if (net->aborted || give_to_protocol(conn, YD_NOT_REFUSED) < 0)
        yd_conn_abort(conn, 0);
    return 0;
}

/* ---- listeners ---- */

static void count_full(struct yd_net *net, const struct yd_ip *ip)
{
    yd_count(&net->loop->counters.refused, 1);
    if (!yd_net_tell_refusal(net, YODEL_REFUSED_CONNECTIONS, ip) && yd_net_may_log(net))
        yd_log(yd_loop_log(net->loop), YODEL_LOG_WARN,
               "refused a connection: there are %u, the most allowed",
               net->options.max_connections);
}

/* A client over its limits costs little: no handshake of TLS, and not many answers. */
static bool may_answer(struct yd_conn *conn)
{
    struct yd_net *net = yd_conn_net(conn);

    if (net->answered_in != net->loop->now / 1000) {
        net->answered_in = net->loop->now / 1000;
        net->num_answered = 0;
    }
    return conn->filter == NULL && net->num_answered++ < REFUSED_AT_ONCE;
}

void yd_net_begin(struct yd_conn *conn, int refusal)
{
    struct yd_net *net = yd_conn_net(conn);
    int rc = refusal == YD_NOT_REFUSED ? yd_caller_enter(conn) : 0;
    struct yd_ip ip;

    if (rc > 0) {
        refusal = rc;
        yd_conn_ip(conn, &ip);
        yd_net_count_refusal(net, refusal, &ip);
    }
    yd_conn_set_events(conn, &dropped, NULL);
    if (rc < 0 || (rc > 0 && !may_answer(conn)) || give_to_protocol(conn, refusal) < 0)
        yd_conn_abort(conn, 0);
}

/* ---- connections that another node has ---- */

static bool take_place(struct yd_net *net)
{
    unsigned max = net->options.max_connections, before;

    if (net->options.num_connections == NULL)
        return true;
    before = atomic_fetch_add_explicit(net->options.num_connections, 1, memory_order_relaxed);
    if (max == 0 || before < max)
        return true;
    atomic_fetch_sub_explicit(net->options.num_connections, 1, memory_order_relaxed);
    return false;
}

static void give_place_back(struct yd_net *net)
{
    if (net->options.num_connections != NULL)
        atomic_fetch_sub_explicit(net->options.num_connections, 1, memory_order_relaxed);
}

static int set_up_carried(struct yd_conn *conn, const struct yd_front *front,
                          const struct yd_carried *carried)
{
    struct yd_net *net = yd_conn_net(conn);
    int rc;

    yd_conn_init(conn);
    conn->front = front;
    if ((rc = yd_caller_carry(conn, carried)) < 0)
        return rc;
    if ((rc = yd_ids_take(&net->ids, conn, &conn->slot)) < 0)
        yd_caller_done(conn);
    return rc;
}

int yd_net_add_carried(struct yd_net *net, struct yd_pipe *pipe, const struct yd_front *front,
                       const struct yd_carried *carried)
{
    struct yd_conn *conn;
    int rc = -ENOMEM;

    if (!take_place(net)) {
        count_full(net, &carried->ip);
        return -EBUSY;
    }
    if ((conn = yd_stream_alloc(net->loop, sizeof *conn)) == NULL)
        goto fail_place;
    if ((rc = set_up_carried(conn, front, carried)) < 0)
        goto fail_conn;
    yd_stream_open_pipe(&conn->stream, pipe);
    yd_net_one_more(net);
    yd_net_begin(conn, YD_NOT_REFUSED);
    return 0;

fail_conn:
    yd_stream_free(&conn->stream);
fail_place:
    give_place_back(net);
    return rc;
}

int yd_net_add_own(struct yd_net *net, int fd, struct yd_conn **ret_conn)
{
    int rc;

    if (net->options.num_connections != NULL)
        atomic_fetch_add_explicit(net->options.num_connections, 1, memory_order_relaxed);
    if ((rc = yd_net_add(net, fd, NULL, ret_conn)) < 0)
        give_place_back(net);
    return rc;
}

void yd_net_stop_carried(struct yd_pipe *pipe)
{
    if (yd_pipe_conn(pipe)->phase < YD_CONN_CLOSING)
        yd_conn_stop(yd_pipe_conn(pipe));
}

/* In the place that it has, if it has one. */
static void begin(struct yd_conn *conn, int refusal, bool has_place)
{
    bool proxied = conn->front->proxy_protocol;

    if (has_place && yd_caller_reserve(conn) < 0) {
        yd_front_give_place(conn->front);
        yd_conn_abort(conn, 0);
    } else if (proxied && refusal == YD_NOT_REFUSED) {
        if (yd_proxied_begin(conn) < 0)
            yd_conn_abort(conn, 0);
    } else if (proxied && conn->front->tls != NULL) {
        yd_conn_abort(conn, 0); /* it could not read the answer */
    } else {
        yd_net_begin(conn, refusal);
    }
}

/* Those that get an answer need descriptors, too, of which a small server has few. */
static unsigned refused_at_once(unsigned max)
{
    return YD_MAX(YD_MIN(max, REFUSED_AT_ONCE), LEAST_AT_ONCE);
}

static void on_accept(struct yd_listener *base, int fd)
{
    struct yd_net_listener *listener = yd_container_of(base, struct yd_net_listener, base);
    struct yd_net *net = listener->net;
    unsigned max = net->options.max_connections, before = 0;
    struct yd_conn *conn;
    struct yd_ip ip;
    bool has_place, is_full;

    if (net->aborted || net->loop->stopping) { /* nobody would end it */
        (void)close(fd);
        return;
    }
    yd_count(&net->loop->counters.accepted, 1);
    if (net->options.num_connections != NULL)
        before = atomic_fetch_add_explicit(net->options.num_connections, 1, memory_order_relaxed);
    has_place = yd_front_take_place(listener->front);
    is_full = max != 0 && before >= max && !has_place;
    if (is_full) {
        ip = yd_ip_of_socket(fd);
        count_full(net, &ip);
    }
    if (is_full && before >= max + refused_at_once(max))
        (void)close(fd);
    else if (yd_net_add(net, fd, listener->front, &conn) == 0) {
        begin(conn, is_full ? YD_REFUSED_FULL : YD_NOT_REFUSED, has_place);
        return;
    }
    if (has_place)
        yd_front_give_place(listener->front);
    if (net->options.num_connections != NULL)
        atomic_fetch_sub_explicit(net->options.num_connections, 1, memory_order_relaxed);
}

int yd_net_listen(struct yd_net *net, struct yd_net_listener *listener, int fd,
                  const struct yd_front *front)
{
    int rc;

    listener->base = (struct yd_listener){.loop = net->loop, .on_accept = on_accept, .fd = fd};
    listener->net = net;
    listener->front = front;
    if ((rc = yd_listener_start(&listener->base)) < 0) {
        (void)close(fd);
        listener->base.fd = -1;
    }
    return rc;
}

static void stop_one(struct yd_conn *conn)
{
    yd_conn_stop(conn);
}

void yd_net_stop(struct yd_net *net)
{
    if (net->stopping)
        return;
    net->stopping = true;
    yd_net_each(net, stop_one);
    yd_conn_check_empty(net);
}

/* Whoever gets a protocol or is accepted after that is told in a wave, too. */
void yd_net_hold(struct yd_net *net, uint32_t waves)
{
    net->holds = waves > 0;
    net->waves = waves;
}

static void tell_one(struct yd_conn *conn)
{
    if (conn->told)
        return;
    conn->told = true;
    yd_conn_stop(conn);
}

bool yd_net_wave(struct yd_net *net)
{
    uint32_t untold = 0, slot = 0, most;
    struct yd_conn *conn;

    if (net->waves <= 1) {
        net->holds = false;
        yd_net_each(net, tell_one);
        return false;
    }
    while ((conn = yd_ids_next(&net->ids, &slot)) != NULL)
        untold += conn->phase < YD_CONN_CLOSING && !conn->told;
    most = (untold + net->waves - 1) / net->waves;
    net->waves--;
    for (slot = 0; most > 0 && (conn = yd_ids_next(&net->ids, &slot)) != NULL;) {
        if (conn->phase >= YD_CONN_CLOSING || conn->told)
            continue;
        tell_one(conn);
        most--;
    }
    return true;
}

/* What goes out has an owner, who ends it. */
static void abort_one(struct yd_conn *conn)
{
    if (!conn->outgoing)
        yd_conn_abort(conn, 0);
}

void yd_net_abort(struct yd_net *net)
{
    net->aborted = true;
    yd_net_each(net, abort_one);
}

static void abort_outgoing(struct yd_conn *conn)
{
    if (conn->outgoing)
        yd_conn_abort(conn, 0);
}

void yd_net_abort_outgoing(struct yd_net *net)
{
    yd_net_each(net, abort_outgoing);
}

bool yd_net_is_stopping(const struct yd_net *net)
{
    return net->stopping;
}
