/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "http/http_internal.h"

/* Bodies that the program reads in parts. */

/* ---- what the program is told ---- */

static void queue_task(struct yd_body_reader *reader)
{
    if (reader->queued)
        return;
    reader->queued = true;
    yd_loop_task(yd_conn_loop(reader->req->hc->conn), &reader->task);
}

/* Calls on_end; what it leaves open is the caller's. */
static void tell_end(yodel_request *req, int result)
{
    struct yd_body_reader *reader = req->reader;

    reader->told = true;
    if (reader->paused) /* the connection goes on, whatever becomes of the body */
        yd_conn_resume(req->hc->conn);
    req->running = true;
    reader->on_end(req, result, reader->user);
    req->running = false;
}

static int status_of(int result)
{
    switch (result) {
    case YODEL_ERR_TOO_BIG:
        return 413;
    case YODEL_ERR_PROTOCOL:
        return 400;
    case -ETIMEDOUT:
        return 408;
    default:
        return 500;
    }
}

/* The body has come to its end, not inside a call of the program's.  req may be over then. */
static void end(yodel_request *req, int result)
{
    yd_conn_set_timeout(req->hc->conn, 0);
    yd_http_count_refusal(req->hc, status_of(result));
    tell_end(req, result);
    if (!req->whole && !req->held && status_of(result) == 500)
        yd_request_warn(req);
    if (!req->whole && req->held)
        yd_conn_set_timeout(req->hc->conn, req->hold_ms);
    yd_request_settle(req, status_of(result), NULL);
}

/* Gives data; false when the body has come to an end by that, and req with it perhaps. */
static bool give(yodel_request *req, const uint8_t *data, size_t len)
{
    struct yd_body_reader *reader = req->reader;
    int rc;

    req->running = true;
    rc = reader->on_data(req, (yodel_bytes){data, len}, reader->user);
    req->running = false;
    if (req->whole)
        yd_request_be_over(req);
    else if (rc < 0)
        end(req, rc);
    else
        return true;
    return false;
}

static void finish(yodel_request *req)
{
    req->read = true;
    yd_conn_set_timeout(req->hc->conn, 0);
    if (!req->reader->paused)
        end(req, 0);
}

/* ---- what comes ---- */

static size_t give_length(yodel_request *req, const uint8_t *data, size_t len)
{
    uint64_t left = req->head.content_length - req->received;

    len = (size_t)YD_MIN(left, len);
    req->received += len;
    if (give(req, data, len) && len == left)
        finish(req);
    return len;
}

static size_t give_chunks(yodel_request *req, uint8_t *data, size_t len)
{
    size_t used = len, content = 0;
    int rc = yd_http_chunked_decode(&req->chunked, data, len, &used, &content);

    if (rc < 0) {
        end(req, YODEL_ERR_PROTOCOL);
    } else if (content > req->reader->max - req->received) {
        end(req, YODEL_ERR_TOO_BIG);
    } else {
        req->received += content;
        if ((content == 0 || give(req, data, content)) && rc == 1)
            finish(req);
    }
    return used;
}

size_t yd_body_give(yodel_request *req, uint8_t *data, size_t len)
{
    if (req->reader->told || req->reader->too_big || req->whole)
        return len;
    yd_conn_set_timeout(req->hc->conn, req->reader->limit_ms);
    return req->head.body == YD_HTTP_BODY_CHUNKED ? give_chunks(req, data, len)
                                                  : give_length(req, data, len);
}

void yd_body_be_late(yodel_request *req)
{
    end(req, -ETIMEDOUT);
}

/* ---- the end of the request ---- */

void yd_body_cancel(yodel_request *req)
{
    if (yd_body_is_read(req))
        tell_end(req, req->whole ? -ECANCELED : YODEL_ERR_CLOSED);
}

bool yd_body_end_later(yodel_request *req)
{
    if (!yd_body_is_read(req))
        return false;
    req->held = false;
    yd_conn_set_timeout(req->hc->conn, 0);
    queue_task(req->reader);
    return true;
}

/* ---- tasks ---- */

/* A body that was there before it was asked for. */
static bool give_whole(yodel_request *req)
{
    req->reader->has_whole = false;
    return req->body.len == 0 || give(req, req->body.ptr, req->body.len);
}

static bool is_too_big(const yodel_request *req)
{
    if (req->read)
        return req->body.len > req->reader->max;
    return req->head.body == YD_HTTP_BODY_LENGTH && req->head.content_length > req->reader->max;
}

/* What could not be called where its cause was. */
static void run_task(struct yd_mail *task, void *receiver)
{
    struct yd_body_reader *reader = yd_container_of(task, struct yd_body_reader, task);
    yodel_request *req = reader->req;

    (void)receiver;
    reader->queued = false;
    if (req == NULL)
        yd_free(reader->mem, reader);
    else if (req->whole)
        yd_request_be_over(req);
    else if (reader->told)
        return;
    else if (reader->too_big)
        end(req, YODEL_ERR_TOO_BIG);
    else if (req->read && !reader->paused && (!reader->has_whole || give_whole(req)))
        finish(req);
}

/* ---- calls ---- */

static int check(const yodel_request *req, const yodel_body_handlers *handlers)
{
    if (handlers->on_data == NULL || handlers->on_end == NULL)
        return -EINVAL;
    if (req->gone)
        return YODEL_ERR_CLOSED;
    if (req->whole || req->hc->taken || req->websocket || req->reader != NULL)
        return YODEL_ERR_STATE;
    return 0;
}

static struct yd_body_reader *make_reader(yodel_request *req, const yodel_body_handlers *handlers,
                                          void *user)
{
    const struct yd_http_options *options = &req->hc->http->options;
    struct yd_body_reader *reader = yd_zalloc(req->hc->http->mem, sizeof *reader);
    uint64_t max = req->rule.max != 0 ? req->rule.max : options->max_body;
    uint32_t limit_ms = req->rule.limit_ms != 0 ? req->rule.limit_ms : options->body_ms;

    if (reader == NULL)
        return NULL;
    reader->task.run = run_task;
    reader->mem = req->hc->http->mem;
    reader->req = req;
    reader->on_data = handlers->on_data;
    reader->on_end = handlers->on_end;
    reader->user = user;
    reader->max = handlers->max_body != 0 ? handlers->max_body : max;
    reader->limit_ms = handlers->body_ms != 0 ? handlers->body_ms : limit_ms;
    return reader;
}

static void go_on(yodel_request *req)
{
    if (req->read) {
        queue_task(req->reader);
        return;
    }
    yd_conn_set_timeout(req->hc->conn, req->reader->limit_ms);
    yd_conn_resume(req->hc->conn);
}

int yodel_request_body_read(yodel_request *req, const yodel_body_handlers *given, void *user)
{
    yodel_body_handlers handlers;
    struct yd_body_reader *reader;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &handlers, sizeof handlers)) < 0 ||
        (rc = check(req, &handlers)) < 0)
        return rc;
    if ((reader = make_reader(req, &handlers, user)) == NULL)
        return -ENOMEM;
    req->reader = reader;
    reader->has_whole = req->read;
    reader->too_big = is_too_big(req);
    if (reader->too_big) {
        queue_task(reader);
        return 0;
    }
    if (!req->read && (rc = yd_request_invite(req)) < 0) {
        yd_free(reader->mem, reader);
        req->reader = NULL;
        return rc;
    }
    go_on(req);
    return 0;
}

int yodel_request_body_pause(yodel_request *req)
{
    if (req == NULL)
        return -EINVAL;
    if (!yd_body_is_read(req) || req->whole || req->gone)
        return YODEL_ERR_STATE;
    req->reader->paused = true;
    if (!req->read) {
        yd_conn_set_timeout(req->hc->conn, 0);
        yd_conn_pause(req->hc->conn);
    }
    return 0;
}

int yodel_request_body_resume(yodel_request *req)
{
    if (req == NULL)
        return -EINVAL;
    if (!yd_body_is_read(req) || req->whole || req->gone)
        return YODEL_ERR_STATE;
    if (!req->reader->paused)
        return 0;
    req->reader->paused = false;
    go_on(req);
    return 0;
}
