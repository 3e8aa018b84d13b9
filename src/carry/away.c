/* SPDX-License-Identifier: MIT */
#include "carry/away.h"

#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "http/relay.h"

/* Output of a client above which no more is asked for. */
#define MUCH_OUTPUT (64 * 1024)

/* What an answer begins with that makes the connection a WebSocket. */
static const char switches[] = "HTTP/1.1 101 ";
#define SWITCHES_LEN (sizeof switches - 1)

struct away {
    struct yd_link_stream stream;
    struct yd_peer_wait wait;
    struct yd_carry_loop *home;
    struct yd_eio *eio;
    yodel_request *req;          /* held, until */
    struct yd_conn *conn;        /* the connection is a WebSocket; one of the two is there */
    size_t sent;                 /* of the request */
    size_t owed;                 /* bytes of the answer that the client has not taken */
    uint8_t begin[SWITCHES_LEN]; /* of the answer to an upgrade, while it has not come whole */
    uint8_t num_begin;
    bool answered;
    bool stopped; /* this node stops, and the other one does not know */
};

static struct away *of_stream(struct yd_link_stream *stream)
{
    return yd_container_of(stream, struct away, stream);
}

static void free_away(struct away *away)
{
    yd_free(away->home->carry->mem, away);
}

/* The client has gone: nothing of it is left here. */
static void drop(struct away *away)
{
    yd_peer_give_up(&away->wait);
    yd_link_reset(&away->stream, YD_LINK_GONE);
    free_away(away);
}

/* ---- without an answer ---- */

/* BUSY, SILENT: it may be there, and cannot be reached.  Else there is none: the client begins
 * anew. */
static void refuse(struct away *away, enum yd_link_why why)
{
    struct yd_eio *eio = away->eio;
    yodel_request *req = away->req;

    yd_count(&away->home->counters.failed, 1);
    free_away(away);
    yd_eio_refuse_far(eio, req, why != YD_LINK_BUSY && why != YD_LINK_SILENT);
}

/* In the middle of what the client reads there is nothing to say.  GONE: the other node was
 * reached, and has ended the connection as it ends its own, such as after a client that left. */
static void cut(struct away *away, enum yd_link_why why)
{
    struct yd_conn *conn = away->conn != NULL ? away->conn : yd_request_conn(away->req);

    if (why != YD_LINK_GONE)
        yd_count(&away->home->counters.failed, 1);
    yd_conn_abort(conn, 0);
}

static void on_reset(struct yd_link_stream *stream, enum yd_link_why why)
{
    struct away *away = of_stream(stream);

    if (away->conn != NULL || away->answered)
        cut(away, why);
    else
        refuse(away, why);
}

/* ---- the request, there ---- */

/* The head, and the body in one piece, or in one chunk. */
static int parts_of(const struct away *away, struct iovec iov[4], char chunk[24])
{
    yodel_bytes head = yd_request_raw_head(away->req);
    yodel_bytes body = yodel_request_body(away->req);
    bool chunked = yd_request_is_chunked(away->req);
    int len = 0, num = 0;

    if (chunked && body.len > 0)
        len = snprintf(chunk, 24, "%zx\r\n", body.len);
    iov[num++] = (struct iovec){(void *)head.ptr, head.len};
    iov[num++] = (struct iovec){chunk, (size_t)len};
    iov[num++] = (struct iovec){(void *)body.ptr, body.len};
    if (chunked)
        iov[num++] = body.len > 0 ? (struct iovec){(void *)"\r\n0\r\n\r\n", 7}
                                  : (struct iovec){(void *)"0\r\n\r\n", 5};
    return num;
}

/* Leaves out what was sent. */
static size_t skip(struct iovec *iov, int num, size_t sent)
{
    size_t left = 0;

    for (int i = 0; i < num; i++) {
        size_t less = YD_MIN(sent, iov[i].iov_len);

        if (less == 0) {
            left += iov[i].iov_len;
            continue;
        }
        iov[i].iov_base = (char *)iov[i].iov_base + less;
        iov[i].iov_len -= less;
        sent -= less;
        left += iov[i].iov_len;
    }
    return left;
}

/* A failure comes as a reset, too. */
static void push(struct away *away)
{
    struct iovec iov[4];
    char chunk[24];
    int num = parts_of(away, iov, chunk);
    ssize_t taken;

    if (skip(iov, num, away->sent) == 0)
        return;
    if ((taken = yd_link_send(&away->stream, iov, num)) > 0)
        away->sent += (size_t)taken;
}

static void tell_stop(struct away *away)
{
    away->stopped = away->stream.link == NULL;
    yd_link_stop_stream(&away->stream);
}

static const struct yd_link_stream_events stream_events;

static void on_link(struct yd_peer_wait *wait, struct yd_link *link, enum yd_link_why why)
{
    struct away *away = yd_container_of(wait, struct away, wait);
    struct yd_carried client;

    if (link == NULL) {
        refuse(away, why);
        return;
    }
    yd_request_tell_client(away->req, &client);
    away->stream.events = &stream_events;
    if (yd_link_open(link, &away->stream, &client) < 0) {
        refuse(away, YD_LINK_BUSY);
        return;
    }
    push(away);
    if (away->stopped)
        tell_stop(away);
}

/* ---- a WebSocket ---- */

static size_t on_ws_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct away *away = conn->up;
    ssize_t taken = yd_link_send(&away->stream, &(struct iovec){data, len}, 1);

    if (taken < 0)
        return len; /* the reset is on its way */
    if ((size_t)taken < len)
        yd_conn_pause(conn);
    return (size_t)taken;
}

static void on_ws_eof(struct yd_conn *conn)
{
    struct away *away = conn->up;

    yd_link_end(&away->stream, false);
}

static void on_ws_timeout(struct yd_conn *conn)
{
    (void)conn;
}

static void give_credit(struct away *away)
{
    size_t owed = away->owed;

    away->owed = 0;
    yd_link_used(&away->stream, owed);
}

static void on_ws_drain(struct yd_conn *conn)
{
    give_credit(conn->up);
}

static void on_ws_stop(struct yd_conn *conn)
{
    if (!yd_conn_is_held(conn))
        tell_stop(conn->up);
}

static void on_ws_closed(struct yd_conn *conn, int error)
{
    (void)error;
    drop(conn->up);
}

static const struct yd_conn_events ws_events = {
    .on_data = on_ws_data,
    .on_eof = on_ws_eof,
    .on_timeout = on_ws_timeout,
    .on_drain = on_ws_drain,
    .on_stop = on_ws_stop,
    .on_closed = on_ws_closed,
};

/* ---- the answer ---- */

/* What the client has not taken is not asked for again. */
static void owe(struct away *away, struct yd_conn *conn, size_t len)
{
    away->owed += len;
    if (yd_conn_buffered(conn) > MUCH_OUTPUT)
        yd_conn_want_drain(conn);
    else
        give_credit(away);
}

static void give_to_ws(struct away *away, const uint8_t *data, size_t len)
{
    int rc = yd_conn_write(away->conn, data, 0, data, len);

    if (rc == 0)
        owe(away, away->conn, len);
    else if (rc != YODEL_ERR_CLOSED)
        cut(away, YD_LINK_BUSY);
}

static void become_ws(struct away *away)
{
    away->conn = yd_request_take(away->req);
    away->req = NULL;
    yd_conn_set_events(away->conn, &ws_events, away);
}

static void give_to_request(struct away *away, const uint8_t *data, size_t len)
{
    struct yd_conn *conn = yd_request_conn(away->req);

    if (len == 0)
        return;
    away->answered = true;
    if (yd_request_relay(away->req, data, len) < 0)
        cut(away, YD_LINK_BUSY);
    else
        owe(away, conn, len);
}

static void give(struct away *away, const uint8_t *data, size_t len)
{
    if (away->conn != NULL)
        give_to_ws(away, data, len);
    else
        give_to_request(away, data, len);
}

/* Collects the first bytes of the answer to an upgrade; returns how many of data are among them. */
static size_t look_at_begin(struct away *away, const uint8_t *data, size_t len)
{
    size_t more = YD_MIN(SWITCHES_LEN - away->num_begin, len);

    memcpy(away->begin + away->num_begin, data, more);
    away->num_begin = (uint8_t)(away->num_begin + more);
    if (away->num_begin < SWITCHES_LEN)
        return more;
    if (memcmp(away->begin, switches, SWITCHES_LEN) == 0)
        become_ws(away);
    give(away, away->begin, SWITCHES_LEN);
    return more;
}

static void on_data(struct yd_link_stream *stream, uint8_t *data, size_t len)
{
    struct away *away = of_stream(stream);
    size_t used = 0;

    if (away->req != NULL && !away->answered && yd_request_is_upgrade(away->req))
        used = look_at_begin(away, data, len);
    if (used < len)
        give(away, data + used, len - used);
}

static void on_end(struct yd_link_stream *stream, bool keeps)
{
    struct away *away = of_stream(stream);
    yodel_request *req = away->req;

    if (away->conn != NULL) {
        yd_conn_close(away->conn);
        return;
    }
    if (!away->answered && away->num_begin > 0)
        give_to_request(away, away->begin, away->num_begin);
    if (!away->answered) {
        refuse(away, YD_LINK_GONE);
        return;
    }
    free_away(away);
    yd_request_relay_end(req, !keeps);
}

static void on_credit(struct yd_link_stream *stream)
{
    struct away *away = of_stream(stream);

    if (away->conn != NULL)
        yd_conn_resume(away->conn);
    else
        push(away);
}

/* ---- the request, here ---- */

static void on_gone(yodel_request *req, void *user)
{
    (void)req;
    drop(user);
}

static void on_drained(yodel_request *req, void *user)
{
    (void)req;
    give_credit(user);
}

static void on_stop(yodel_request *req, void *user)
{
    (void)req;
    tell_stop(user);
}

static const struct yd_hold waiting = {.gone = on_gone, .drained = on_drained, .stop = on_stop};

static const struct yd_link_stream_events stream_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_credit = on_credit,
};

void yd_away_carry(struct yd_eio_far *far, struct yd_eio *eio, yodel_request *req,
                   struct yd_eio_home there)
{
    struct yd_carry *carry = (struct yd_carry *)far;
    struct yd_carry_loop *home = yd_carry_of(carry, yd_conn_loop(yd_request_conn(req)));
    struct away *away = yd_zalloc(carry->mem, sizeof *away);

    yd_count(&home->counters.out, 1);
    if (away == NULL) {
        yd_count(&home->counters.failed, 1);
        yd_eio_refuse_far(eio, req, false);
        return;
    }
    away->home = home;
    away->eio = eio;
    away->req = req;
    away->wait.on_link = on_link;
    if (yd_request_hold(req, &waiting, away, 0) < 0) {
        free_away(away);
        return;
    }
    yd_peer_want(home, there, &away->wait);
}
