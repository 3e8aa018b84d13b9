/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "http/http_internal.h"

static uint64_t max_body(const yodel_request *req)
{
    if (req->gate != NULL)
        return req->gate->max_body;
    return req->rule.max != 0 ? req->rule.max : req->hc->http->options.max_body;
}

/* Refuses a body, or has it refused by who is at the gate. */
static void be_too_big(yodel_request *req)
{
    const struct yd_http_gate *gate = req->gate;

    yd_http_count_refusal(req->hc, 413);
    req->gate = NULL;
    if (gate == NULL)
        yd_request_refuse(req, 413, NULL);
    else
        yd_request_resume(req, gate->too_big, req->user);
}

void yd_body_begin(yodel_request *req)
{
    const struct yd_http_options *options = &req->hc->http->options;
    struct yd_conn *conn = req->hc->conn;

    if (req->head.body == YD_HTTP_BODY_LENGTH && req->head.content_length > max_body(req)) {
        be_too_big(req);
        return;
    }
    if (yd_request_invite(req) < 0) {
        yd_request_refuse(req, 503, NULL);
        return;
    }
    req->heard_at = yd_conn_loop(conn)->now;
    yd_conn_set_timeout(conn, req->rule.limit_ms != 0 ? req->rule.limit_ms : options->body_ms);
}

void yd_body_be_slow(yodel_request *req)
{
    yd_http_count_refusal(req->hc, 408);
    yd_request_refuse(req, 408, "the body took too long");
}

uint64_t yd_request_heard_at(const yodel_request *req)
{
    return req->heard_at;
}

/* Keeps data as content; false when req was refused. */
static bool keep(yodel_request *req, const uint8_t *data, size_t len)
{
    const struct yd_http *http = req->hc->http;

    if (len > max_body(req) - req->received) {
        be_too_big(req);
        return false;
    }
    req->received += len;
    if (yd_buf_append(http->mem, &req->body, data, len) < 0) {
        yd_request_refuse(req, 503, NULL);
        return false;
    }
    return true;
}

static void finish(yodel_request *req)
{
    req->read = true;
    yd_conn_set_timeout(req->hc->conn, 0);
    yd_request_run(req);
}

static size_t take_length(yodel_request *req, const uint8_t *data, size_t len)
{
    uint64_t left = req->head.content_length - req->received;

    len = (size_t)YD_MIN(left, len);
    if (keep(req, data, len) && len == left)
        finish(req);
    return len;
}

static size_t take_chunks(yodel_request *req, uint8_t *data, size_t len)
{
    size_t used = len, content = 0;
    int rc = yd_http_chunked_decode(&req->chunked, data, len, &used, &content);

    if (rc < 0)
        yd_request_refuse(req, -rc, "malformed chunk");
    else if (keep(req, data, content) && rc == 1)
        finish(req);
    return used;
}

size_t yd_body_take(yodel_request *req, uint8_t *data, size_t len)
{
    req->heard_at = yd_conn_loop(req->hc->conn)->now;
    return req->head.body == YD_HTTP_BODY_CHUNKED ? take_chunks(req, data, len)
                                                  : take_length(req, data, len);
}
