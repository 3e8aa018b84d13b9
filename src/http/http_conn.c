/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/http_internal.h"
#include "net/caller.h"

/* Input that is kept while a request is being answered. */
#define MAX_KEPT (64 * 1024)

static void refuse(struct yd_http_conn *hc, int status, const char *why)
{
    yd_http_count_refusal(hc, status);
    yd_log(hc->http->log, YODEL_LOG_DEBUG, "refused a request: %d %s", status, why);
    yd_http_refuse(hc->conn, hc->http, status, why, NULL, 0);
}

/* The time limit of a head runs from its first byte; of a connection's first head from accept. */
static void note_begin(struct yd_http_conn *hc)
{
    if (hc->begun || hc->scan.pos == hc->scan.start)
        return;
    hc->begun = true;
    if (hc->served)
        yd_conn_set_timeout(hc->conn, hc->http->options.header_ms);
}

static void begin_request(struct yd_http_conn *hc, yodel_request *req, bool has_more)
{
    bool wants_body;

    hc->req = req;
    req->has_more = has_more;
    hc->begun = false;
    yd_conn_set_timeout(hc->conn, 0);
    yd_count(&yd_conn_loop(hc->conn)->counters.requests, 1);
    yd_conn_arrived(hc->conn);
    wants_body = yd_request_find_client(req) ? yd_http_dispatch(req) : false;
    if (!wants_body || req->read)
        yd_request_run(req);
    else if (yd_request_pass_gate(req))
        yd_body_begin(req);
}

/* Header lines that need no memory while a head that comes in one piece is scanned. */
#define FEW_LINES 40

/* Returns where the head ends and the request, 0 when more is needed, or an error. */
static int scan_head(struct yd_http_conn *hc, const uint8_t *data, size_t len,
                     yodel_request **ret_req, const char **ret_error)
{
    const struct yodel_allocator *mem = hc->http->mem;
    struct yd_http_scan *scan = &hc->scan;
    struct yd_http_line room[FEW_LINES];
    int rc, end;

    yd_http_scan_lend(scan, room, FEW_LINES);
    end = rc = yd_http_scan(scan, mem, data, len, &hc->http->options.limits, ret_error);
    if (rc == 0)
        rc = yd_http_scan_keep(mem, scan);
    else if (rc > 0)
        rc = yd_request_new(hc, data + scan->start, (size_t)end - scan->start, ret_req);
    if (rc < 0 || end > 0)
        yd_http_scan_done(mem, scan);
    return rc < 0 ? rc : end;
}

static size_t read_head(struct yd_http_conn *hc, const uint8_t *data, size_t len)
{
    const char *error = NULL;
    yodel_request *req;
    int rc = scan_head(hc, data, len, &req, &error);

    if (rc == 0)
        note_begin(hc);
    else if (rc == -ENOMEM)
        yd_http_refuse(hc->conn, hc->http, 503, NULL, NULL, 0);
    else if (rc < 0)
        refuse(hc, -rc, error);
    else
        begin_request(hc, req, len > (size_t)rc);
    return rc < 0 ? len : (size_t)rc;
}

static size_t take(struct yd_http_conn *hc, uint8_t *data, size_t len)
{
    if (hc->req == NULL)
        return read_head(hc, data, len);
    if (!hc->req->read && hc->req->reader != NULL)
        return yd_body_give(hc->req, data, len);
    if (!hc->req->read && !hc->req->held)
        return yd_body_take(hc->req, data, len);
    hc->req->has_more = true;
    if (len > MAX_KEPT)
        yd_conn_pause(hc->conn);
    return 0;
}

static void on_eof(struct yd_conn *conn)
{
    struct yd_http_conn *hc = conn->up;
    yodel_request *req = hc->req;

    if (req != NULL && req->held && req->hold->half_open)
        return;
    hc->error = -ECONNRESET;
    if (req != NULL)
        yd_request_lose(req);
    yd_conn_close(conn);
}

/* All that was to come has come, ahead of this request perhaps: it hears of the end now. */
static void be_at_end(struct yd_http_conn *hc)
{
    if (hc->req != NULL && (hc->req->held || yd_body_is_read(hc->req)))
        on_eof(hc->conn);
    else
        yd_conn_close(hc->conn);
}

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct yd_http_conn *hc = conn->up;
    size_t used;

    hc->delivering = true;
    used = take(hc, data, len);
    if (hc->taken) {
        yd_http_conn_free(hc);
        if (conn->eof)
            yd_conn_close(conn); /* of which the new protocol is not told any more */
        return used;
    }
    hc->delivering = false;
    if (conn->eof && (used == 0 || used == len))
        be_at_end(hc);
    return used;
}

/* Requests of a pipeline that are still to be read are answered. */
static void on_hang_up(struct yd_conn *conn)
{
    struct yd_http_conn *hc = conn->up;

    if (hc->req != NULL)
        on_eof(conn);
}

static void on_timeout(struct yd_conn *conn)
{
    struct yd_http_conn *hc = conn->up;
    yodel_request *req = hc->req;

    if (req == NULL && !hc->begun)
        yd_conn_close(conn);
    else if (req == NULL)
        refuse(hc, 408, "the head took too long");
    else if (yd_body_is_read(req))
        yd_body_be_late(req);
    else if (req->held)
        yd_request_be_late(req);
    else
        yd_body_be_slow(req);
}

static void on_drain(struct yd_conn *conn)
{
    struct yd_http_conn *hc = conn->up;
    yodel_request *req = hc->req;

    if (req == NULL)
        yd_http_conn_go_on(hc);
    else if (req->held && req->hold->drained != NULL)
        req->hold->drained(req, req->hold_user);
}

static void on_stop(struct yd_conn *conn)
{
    struct yd_http_conn *hc = conn->up;
    yodel_request *req = hc->req;

    hc->stopping = true;
    if (yd_conn_is_held(conn))
        return; /* its next answer says that it is the last */
    if (req == NULL && !hc->begun)
        yd_conn_close(conn);
    else if (req != NULL && req->held && req->hold->stop != NULL)
        req->hold->stop(req, req->hold_user);
}

static void on_closed(struct yd_conn *conn, int error)
{
    struct yd_http_conn *hc = conn->up;

    hc->error = (int16_t)error;
    if (hc->req != NULL)
        yd_request_lose(hc->req);
    yd_http_conn_free(hc);
}

const struct yd_conn_events yd_http_events = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_hang_up = on_hang_up,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_stop = on_stop,
    .on_closed = on_closed,
};

/* ---- connections over the limit ---- */

static void on_refused_closed(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

/* They are closing from the start, so nothing else comes. */
static const struct yd_conn_events refused_events = {.on_closed = on_refused_closed};

static void answer_refusal(struct yd_conn *conn, const struct yd_http *http, int refusal)
{
    static const yodel_header retry = {"Retry-After", "1"};
    bool is_full = refusal == YD_REFUSED_FULL || refusal == YD_REFUSED_RATE;

    yd_conn_set_events(conn, &refused_events, NULL);
    yd_http_refuse(conn, http, is_full ? 503 : 429,
                   is_full ? "too many connections" : "too many connections from one address",
                   &retry, 1);
}

int yd_http_connection(struct yd_conn *conn, int refusal)
{
    struct yd_http *http = yd_conn_loop(conn)->net->user;
    struct yd_http_conn *hc;

    if (refusal != YD_NOT_REFUSED) {
        answer_refusal(conn, http, refusal);
        return 0;
    }
    if ((hc = yd_zalloc(http->mem, sizeof *hc)) == NULL)
        return -ENOMEM;
    hc->conn = conn;
    hc->http = http;
    yd_conn_set_events(conn, &yd_http_events, hc);
    yd_conn_set_timeout(conn, http->options.header_ms);
    return 0;
}
