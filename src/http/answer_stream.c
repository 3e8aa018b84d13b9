/* SPDX-License-Identifier: MIT */
#include "http/answer_stream.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "http/http_internal.h"

/* A message of fewer bytes is copied: that costs less than what would keep it. */
#define SHARE_FROM 4096

/* ---- lifetime ---- */

void yd_http_stream_ref(yodel_stream *stream)
{
    atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
}

void yd_http_stream_unref(yodel_stream *stream)
{
    if (atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) == 1)
        yd_free(stream->mem, stream);
}

void *yodel_stream_user(const yodel_stream *stream)
{
    if (stream == NULL)
        return NULL;
    return stream->user;
}

static void tell_close(yodel_stream *stream)
{
    stream->is_closed = true;
    yd_count(&stream->loop->counters.streams, (uint64_t)-1);
    if (stream->on_close != NULL)
        stream->on_close(stream, (yodel_stream_reason)stream->reason, stream->user);
    yd_http_stream_unref(stream);
}

static void tell_stop(yodel_stream *stream)
{
    if (stream->on_stop != NULL)
        stream->on_stop(stream, stream->user);
}

static void run_task(struct yd_mail *task, void *receiver)
{
    yodel_stream *stream = yd_container_of(task, yodel_stream, task);

    (void)receiver;
    if (stream->stop_due && stream->req != NULL) {
        stream->stop_due = false;
        tell_stop(stream); /* which may queue the task again */
    } else if (stream->req == NULL) {
        tell_close(stream);
    }
}

/* The request goes its own way; on_close comes in a task. */
static void let_go(yodel_stream *stream, yodel_stream_reason reason)
{
    yodel_request *req = stream->req;

    stream->req = NULL;
    stream->reason = (uint8_t)reason;
    if (!stream->stop_due) /* else the task is queued already */
        yd_loop_task(stream->loop, &stream->task);
    yd_request_end(req);
}

/* ---- what the connection tells ---- */

static yodel_stream_reason reason_of_loss(const yodel_stream *stream, const struct yd_http_conn *hc)
{
    if (stream->has_ended)
        return YODEL_STREAM_ABORTED;
    if (hc->error == -ETIMEDOUT)
        return YODEL_STREAM_TIMEOUT;
    return hc->error == 0 && hc->stopping ? YODEL_STREAM_STOPPED : YODEL_STREAM_GONE;
}

static void on_gone(yodel_request *req, void *user)
{
    yodel_stream *stream = user;

    stream->req = NULL;
    stream->reason = (uint8_t)reason_of_loss(stream, req->hc);
    if (!stream->stop_due)
        tell_close(stream);
}

static void on_drained(yodel_request *req, void *user)
{
    yodel_stream *stream = user;

    (void)req;
    if (!stream->is_congested)
        return;
    stream->is_congested = false;
    if (stream->on_drain != NULL)
        stream->on_drain(stream, stream->user);
}

static void on_stop(yodel_request *req, void *user)
{
    yodel_stream *stream = user;

    (void)req;
    if (!stream->stop_due)
        tell_stop(stream);
}

static const struct yd_hold hold = {.gone = on_gone, .drained = on_drained, .stop = on_stop};

/* ---- beginning ---- */

static int check(const yodel_stream_options *options)
{
    yodel_response response = {.size = sizeof response,
                               .status = options->status,
                               .content_type = options->content_type,
                               .headers = options->headers,
                               .num_headers = options->num_headers};

    return yd_response_check(&response);
}

/* RFC 9110 6.4.1. */
static bool has_no_content(const yodel_request *req, int status)
{
    return status == 204 || status == 205 || status == 304 ||
           yodel_str_eq(req->head.method, YODEL_STR("HEAD"));
}

/* RFC 9112 6.3: how the client knows where the content ends. */
static enum yd_framing choose_framing(const yodel_stream *stream, int status)
{
    if (stream->has_length || status == 205)
        return YD_FRAMED_BY_LENGTH;
    if (stream->is_mute)
        return YD_FRAMED_BY_NOTHING;
    return stream->is_chunked ? YD_FRAMED_BY_CHUNKS : YD_FRAMED_BY_CLOSE;
}

static int answer(yodel_stream *stream, yodel_request *req, const yodel_stream_options *options)
{
    struct yd_answer head = {.status = options->status != 0 ? options->status : 200,
                             .content_type = options->content_type,
                             .headers = options->headers,
                             .num_headers = options->num_headers};

    stream->is_mute = has_no_content(req, head.status);
    stream->has_length = options->has_length != 0 && head.status != 205;
    stream->left = stream->has_length ? options->length : 0;
    stream->is_chunked = !stream->is_mute && !stream->has_length && req->head.minor > 0;
    head.length = stream->left;
    head.framing = choose_framing(stream, head.status);
    return yd_request_answer(req, &head);
}

static void set_up(yodel_stream *stream, yodel_request *req, const yodel_stream_options *options)
{
    const struct yd_http *http = req->hc->http;

    atomic_init(&stream->refs, 1);
    stream->mem = http->mem;
    stream->server = yd_http_server(http);
    stream->loop = yd_conn_loop(req->hc->conn);
    stream->task.run = run_task;
    stream->on_drain = options->on_drain;
    stream->on_stop = options->on_stop;
    stream->on_close = options->on_close;
    stream->user = options->user;
    stream->max_buffered =
        options->max_buffered != 0 ? options->max_buffered : http->options.max_buffered;
}

/* The head is queued. */
static void attach(yodel_stream *stream, yodel_request *req)
{
    yd_count(&stream->loop->counters.streams, 1);
    stream->req = req;
    req->held = false;
    if (stream->is_mute) {
        let_go(stream, YODEL_STREAM_COMPLETE);
        return;
    }
    (void)yd_request_hold(req, &hold, stream, 0);
    if (req->hc->stopping && !yd_conn_is_held(req->hc->conn)) { /* else its wave tells */
        stream->stop_due = true;
        yd_loop_task(stream->loop, &stream->task);
    }
}

int yd_http_stream_begin(yodel_request *req, const yodel_stream_options *options, size_t size,
                         yodel_stream **ret_stream)
{
    const struct yodel_allocator *mem = req->hc->http->mem;
    yodel_stream *stream;
    int rc;

    if ((rc = check(options)) < 0)
        return rc;
    if ((stream = yd_zalloc(mem, size)) == NULL)
        return -ENOMEM;
    set_up(stream, req, options);
    if ((rc = answer(stream, req, options)) < 0) {
        yd_free(mem, stream);
        return rc;
    }
    attach(stream, req);
    *ret_stream = stream;
    return 0;
}

int yodel_request_stream_begin(yodel_request *req, const yodel_stream_options *given,
                               yodel_stream **ret_stream)
{
    yodel_stream_options options;
    yodel_stream *stream;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = yd_http_stream_begin(req, &options, sizeof *stream, &stream)) < 0)
        return rc;
    if (ret_stream != NULL)
        *ret_stream = stream;
    return 0;
}

/* ---- writing ---- */

static struct yd_conn *conn_of(const yodel_stream *stream)
{
    return stream->req->hc->conn;
}

/* A request whose client has gone tells the end itself: on_gone follows. */
bool yd_http_stream_is_open(const yodel_stream *stream)
{
    if (stream->is_closed || stream->has_ended)
        return false;
    return stream->req != NULL ? !stream->req->gone : stream->is_mute;
}

bool yd_http_stream_is_idle(const yodel_stream *stream)
{
    return stream->req == NULL || yd_conn_buffered(conn_of(stream)) == 0;
}

size_t yodel_stream_buffered(const yodel_stream *stream)
{
    if (stream == NULL)
        return 0;
    return stream->req != NULL ? yd_conn_buffered(conn_of(stream)) : 0;
}

/* 1 when len bytes may be written, 0 when nothing is to be done, or why they may not. */
static int check_write(yodel_stream *stream, size_t len)
{
    if (!yd_http_stream_is_open(stream))
        return YODEL_ERR_CLOSED;
    if (stream->is_mute || len == 0)
        return 0;
    if (stream->has_length && len > stream->left)
        return YODEL_ERR_TOO_BIG;
    if (yd_conn_buffered(conn_of(stream)) <= stream->max_buffered)
        return 1;
    stream->is_congested = true;
    yd_conn_want_drain(conn_of(stream));
    yd_count(&stream->loop->counters.congested, 1);
    return YODEL_ERR_CONGESTED;
}

static int wrote(yodel_stream *stream, size_t len, int rc)
{
    if (rc == 0 && stream->has_length)
        stream->left -= len;
    return rc;
}

size_t yd_http_put_chunk_header(uint8_t *end, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at = end;

    *--at = '\n';
    *--at = '\r';
    do {
        *--at = (uint8_t)digits[len & 15];
        len >>= 4;
    } while (len > 0);
    return (size_t)(end - at);
}

/* The header of a chunk, after the end of the one before if that is still owed. */
struct chunk_head {
    uint8_t room[2 + YD_HTTP_CHUNK_HEADER];
    size_t len;
};

static const uint8_t *make_head(const yodel_stream *stream, size_t len, struct chunk_head *head)
{
    uint8_t *end = head->room + sizeof head->room;

    head->len = yd_http_put_chunk_header(end, len);
    if (stream->owes_line) {
        head->len += 2;
        end[-(ptrdiff_t)head->len] = '\r';
        end[1 - (ptrdiff_t)head->len] = '\n';
    }
    return end - head->len;
}

/* A chunk is there: its end can wait for memory. */
static void end_chunk(yodel_stream *stream)
{
    stream->owes_line = yd_conn_write(conn_of(stream), "\r\n", 2, NULL, 0) == -ENOMEM;
}

static int write_copy(yodel_stream *stream, yodel_bytes data)
{
    struct chunk_head head;
    const uint8_t *start;
    int rc;

    if (!stream->is_chunked)
        return yd_conn_write(conn_of(stream), "", 0, data.ptr, data.len);
    start = make_head(stream, data.len, &head);
    if ((rc = yd_conn_write(conn_of(stream), start, head.len, data.ptr, data.len)) == 0)
        end_chunk(stream);
    return rc;
}

int yodel_stream_write(yodel_stream *stream, yodel_bytes data)
{
    int rc;

    if (stream == NULL)
        return -EINVAL;
    if (data.ptr == NULL && data.len > 0)
        return -EINVAL;
    rc = check_write(stream, data.len);
    return rc <= 0 ? rc : wrote(stream, data.len, write_copy(stream, data));
}

int yodel_stream_write_text(yodel_stream *stream, yodel_str text)
{
    if (stream == NULL)
        return -EINVAL;
    return yodel_stream_write(stream, (yodel_bytes){(const uint8_t *)text.ptr, text.len});
}

static int write_shared(yodel_stream *stream, struct yd_msg *msg)
{
    struct chunk_head head;
    const uint8_t *start;
    int rc;

    if (!stream->is_chunked)
        return yd_conn_write_payload(conn_of(stream), msg);
    start = make_head(stream, msg->len, &head);
    if ((rc = yd_conn_write(conn_of(stream), start, head.len, NULL, 0)) < 0)
        return rc;
    if ((rc = yd_conn_write_payload(conn_of(stream), msg)) == 0)
        end_chunk(stream);
    else
        yodel_stream_abort(stream);
    return rc;
}

int yodel_stream_write_prepared(yodel_stream *stream, yodel_prepared *message)
{
    struct yd_msg *msg;
    int rc;

    if (stream == NULL || message == NULL)
        return -EINVAL;
    msg = (struct yd_msg *)message;
    if (msg->len < SHARE_FROM)
        return yodel_stream_write(stream, (yodel_bytes){yd_msg_payload(msg), msg->len});
    rc = check_write(stream, msg->len);
    return rc <= 0 ? rc : wrote(stream, msg->len, write_shared(stream, msg));
}

int yd_http_stream_write_chunk(yodel_stream *stream, struct yd_msg *chunk)
{
    size_t len = chunk->len - 2;
    int rc = check_write(stream, len);

    if (rc <= 0)
        return rc;
    if (!stream->is_chunked)
        return yd_conn_write(conn_of(stream), "", 0, yd_msg_payload(chunk), len);
    if (stream->owes_line)
        return write_copy(stream, (yodel_bytes){yd_msg_payload(chunk), len});
    return yd_conn_write_frame(conn_of(stream), chunk);
}

/* ---- the end ---- */

static int put_end(yodel_stream *stream)
{
    static const char last[] = "\r\n0\r\n\r\n";
    size_t from = stream->owes_line ? 0 : 2;

    if (!stream->is_chunked)
        return 0;
    return yd_conn_write(conn_of(stream), last + from, sizeof last - 1 - from, NULL, 0);
}

static int end(yodel_stream *stream, yodel_stream_reason reason)
{
    int rc;

    if (stream->has_length && stream->left > 0) {
        yodel_stream_abort(stream);
        return YODEL_ERR_STATE;
    }
    if ((rc = put_end(stream)) < 0)
        return rc;
    stream->has_ended = true;
    let_go(stream, reason);
    return 0;
}

int yodel_stream_end(yodel_stream *stream)
{
    if (stream == NULL)
        return -EINVAL;
    if (!yd_http_stream_is_open(stream))
        return YODEL_ERR_CLOSED;
    if (!stream->is_mute)
        return end(stream, YODEL_STREAM_COMPLETE);
    stream->has_ended = true;
    return 0;
}

void yd_http_stream_finish(yodel_stream *stream, yodel_stream_reason reason)
{
    if (stream->req != NULL && yd_http_stream_is_open(stream) && end(stream, reason) < 0)
        yodel_stream_abort(stream);
}

void yodel_stream_abort(yodel_stream *stream)
{
    if (stream == NULL)
        return;
    if (!yd_http_stream_is_open(stream))
        return;
    stream->has_ended = true;
    if (stream->req != NULL)
        yd_conn_abort(conn_of(stream), 0); /* on_gone follows */
}
