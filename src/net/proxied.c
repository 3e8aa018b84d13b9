/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/caller.h"
#include "net/filter.h"
#include "net/net_internal.h"
#include "net/tls.h"
#include "proto/proxy_head.h"

/*
 * Connections that begin with a PROXY header, ahead of TLS.  It must come, from one who is trusted,
 * and in time: what else comes is never taken for a client's own words (section 2 of the protocol:
 * "MUST NOT guess").  Until it is whole this is the protocol above the connection.
 */

static void refuse(struct yd_conn *conn, const char *why)
{
    struct yd_net *net = yd_conn_net(conn);
    char peer[YD_PEER_SIZE];
    struct yd_ip ip;

    yd_count(&net->loop->counters.proxy_refused, 1);
    yd_conn_ip(conn, &ip);
    if (!yd_net_tell_refusal(net, YODEL_REFUSED_PROXY, &ip) && yd_net_may_log(net)) {
        yd_conn_peer(conn, peer);
        yd_log(yd_loop_log(net->loop), YODEL_LOG_WARN, "refused a connection from %s: %s", peer,
               why);
    }
    yd_conn_abort(conn, 0);
}

/* The header is whole: TLS, if any, and the protocol follow. */
static int begin(struct yd_conn *conn, const struct yd_proxy_head *head)
{
    int rc;

    if (head->has_from && (rc = yd_caller_note(conn, &head->from, head->is_tls)) < 0)
        return rc;
    return conn->front->tls != NULL ? yd_tls_attach(conn->front->tls, conn) : 0;
}

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct yd_proxy_head *head = conn->up;
    size_t used;
    int rc = yd_proxy_head_take(head, data, len, &used);

    if (rc < 0)
        refuse(conn, "it sent no PROXY header");
    if (rc <= 0)
        return len;
    if ((rc = begin(conn, head)) < 0) {
        yd_conn_abort(conn, rc);
        return len;
    }
    yd_conn_set_timeout(conn, 0);
    yd_free(yd_conn_net(conn)->mem, head);
    yd_net_begin(conn, YD_NOT_REFUSED);
    if (conn->filter == NULL || used == len || conn->phase >= YD_CONN_DEAD)
        return used;
    if ((rc = conn->filter->ops->input(conn, data + used, len - used)) < 0)
        yd_conn_abort(conn, rc);
    return len;
}

/* Balancers look like this whether the port is open: no line for the log. */
static void on_eof(struct yd_conn *conn)
{
    yd_conn_abort(conn, 0);
}

static void on_timeout(struct yd_conn *conn)
{
    refuse(conn, "no PROXY header came in time");
}

static void on_closed(struct yd_conn *conn, int error)
{
    (void)error;
    yd_free(yd_conn_net(conn)->mem, conn->up);
}

static const struct yd_conn_events events = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_timeout = on_timeout,
    .on_stop = on_eof,
    .on_closed = on_closed,
};

int yd_proxied_begin(struct yd_conn *conn)
{
    struct yd_proxy_head *head;
    struct yd_ip ip;

    yd_conn_ip(conn, &ip);
    if (!yd_is_trusted(conn->front->trust, &ip)) {
        refuse(conn, "it is not trusted to send a PROXY header");
        return 0;
    }
    if ((head = yd_zalloc(yd_conn_net(conn)->mem, sizeof *head)) == NULL)
        return -ENOMEM;
    yd_conn_set_events(conn, &events, head);
    yd_conn_set_timeout(conn, yd_conn_net(conn)->options.header_ms);
    return 0;
}
