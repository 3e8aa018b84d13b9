/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/http_internal.h"
#include "net/caller.h"

/* Output above which no further request of a pipeline is read. */
#define MAX_OUTPUT (64 * 1024)

/* The least time between two lines about handlers, ms. */
#define WARN_MS 1000

void yd_http_conn_free(struct yd_http_conn *hc)
{
    const struct yodel_allocator *mem = hc->http->mem;

    if (hc->req != NULL) {
        hc->req->gone = true;
        yd_body_cancel(hc->req); /* its connection was taken: nobody reads it any more */
        yd_request_free(hc->req);
    }
    yd_http_scan_done(mem, &hc->scan);
    yd_free(mem, hc);
}

void yd_http_conn_go_on(struct yd_http_conn *hc)
{
    struct yd_conn *conn = hc->conn;

    if (yd_conn_buffered(conn) > MAX_OUTPUT) {
        yd_conn_pause(conn);
        yd_conn_want_drain(conn);
    } else if (!hc->delivering) {
        if (conn->eof && conn->kept == NULL)
            yd_conn_close(conn);
        else
            yd_conn_resume(conn);
    }
}

void yd_request_be_over(yodel_request *req)
{
    struct yd_http_conn *hc = req->hc;
    bool closes = req->closes || hc->stopping;

    yd_body_cancel(req);
    if (!req->read)
        yd_conn_expect_more(hc->conn);
    hc->req = NULL;
    hc->served = true;
    yd_request_leave_client(req);
    yd_request_free(req);
    if (!closes && yd_conn_carried(hc->conn) != NULL) {
        yd_conn_keep_client(hc->conn);
        closes = true;
    }
    if (closes) {
        yd_conn_close(hc->conn);
    } else {
        yd_conn_set_timeout(hc->conn, hc->http->options.keep_ms);
        yd_http_conn_go_on(hc);
    }
}

void yd_request_end(yodel_request *req)
{
    req->whole = true;
    if (!req->running && !yd_body_end_later(req))
        yd_request_be_over(req);
}

int yd_request_fail(yodel_request *req, int status, const char *why, const yodel_header *headers,
                    size_t num_headers)
{
    int rc = -EINVAL;

    if (yd_headers_are_valid(headers, num_headers))
        rc = yd_request_answer_error(req, status, why, headers, num_headers);
    if (rc == 0)
        yd_request_end(req);
    return rc;
}

void yd_request_refuse(yodel_request *req, int status, const char *why)
{
    struct yd_conn *conn = req->hc->conn;

    if (yd_request_fail(req, status, why, NULL, 0) < 0)
        yd_conn_abort(conn, 0); /* on_closed frees req */
}

void yd_request_warn(const yodel_request *req)
{
    struct yd_http *http = req->hc->http;
    uint64_t now = yd_conn_loop(req->hc->conn)->now + 1;
    uint64_t last = atomic_load_explicit(&http->warned_at, memory_order_relaxed);

    if (last != 0 && now - last < WARN_MS)
        return;
    atomic_store_explicit(&http->warned_at, now, memory_order_relaxed);
    yd_log(http->log, YODEL_LOG_WARN, "%" YODEL_PRI " %" YODEL_PRI ": the handler gave no answer",
           YODEL_ARG(req->head.method), YODEL_ARG(req->head.path));
}

void yd_request_settle(yodel_request *req, int status, const char *why)
{
    struct yd_http_conn *hc = req->hc;

    req->running = false;
    if (hc->taken) {
        if (!hc->delivering)
            yd_http_conn_free(hc);
    } else if (req->whole) {
        yd_request_be_over(req);
    } else if (!req->held && !yd_body_is_read(req)) {
        yd_request_refuse(req, status, why);
    }
}

bool yd_request_pass_gate(yodel_request *req)
{
    struct yd_http_gate *gate = req->hc->http->gates;

    while (gate != NULL && (gate->fn != req->fn || gate->user != req->user))
        gate = gate->next;
    if (gate == NULL)
        return true;
    req->running = true;
    gate->begin(req, req->user);
    req->running = false;
    if (!req->whole && !req->hc->taken) {
        req->gate = gate;
        return true;
    }
    if (req->whole)
        yd_request_be_over(req);
    return false;
}

void yd_request_run(yodel_request *req)
{
    req->gate = NULL;
    req->running = true;
    req->fn(req, req->user);
    if (!req->whole && !req->held && !req->hc->taken && !yd_body_is_read(req))
        yd_request_warn(req);
    yd_request_settle(req, 500, NULL);
}

/* A decision that is on its way has come in time, however late it arrives. */
#define ARRIVAL_MS 1000

void yd_request_be_late(yodel_request *req)
{
    if (yd_decision_arrives(req->decision)) {
        yd_conn_set_timeout(req->hc->conn, ARRIVAL_MS);
        return;
    }
    req->held = false;
    req->running = true;
    yd_decision_end(&req->decision);
    /* who was just told may have answered it */
    if (!req->answered && !req->hc->taken && req->hold->late != NULL)
        req->hold->late(req, req->hold_user);
    yd_request_settle(req, 503, "no answer in time");
}

void yd_request_lose(yodel_request *req)
{
    req->hc->req = NULL;
    req->gone = true;
    yd_body_cancel(req);
    yd_decision_end(&req->decision);
    if (req->held && req->hold->gone != NULL)
        req->hold->gone(req, req->hold_user);
    yd_request_free(req);
}

/* ---- answered later ---- */

int yd_request_hold(yodel_request *req, const struct yd_hold *hold, void *user, uint32_t limit_ms)
{
    if (req->whole || req->gone || req->hc->taken || (req->held && req->answered))
        return YODEL_ERR_STATE;
    req->hold = hold;
    req->hold_user = user;
    req->held = true;
    req->hold_ms = limit_ms;
    if (!yd_body_is_read(req))
        yd_conn_set_timeout(req->hc->conn, limit_ms);
    return 0;
}

void yd_request_resume(yodel_request *req, yodel_http_fn *fn, void *user)
{
    req->held = false;
    yd_conn_set_timeout(req->hc->conn, 0);
    req->fn = fn;
    req->user = user;
    yd_request_run(req);
}
