/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/utf8.h"
#include "proto/json_pack.h"
#include "sse/sse.h"

#define DEFAULT_HEARTBEAT_MS 15000

static yodel_sse *sse_of(yodel_stream *stream)
{
    return (yodel_sse *)stream;
}

/* ---- sending ---- */

int yd_sse_send_chunk(yodel_sse *sse, struct yd_msg *chunk)
{
    int rc = yd_http_stream_write_chunk(&sse->stream, chunk);

    if (rc == 0) {
        sse->sent_at = yd_sse_loop(sse)->now;
        yd_count(&yd_sse_loop(sse)->counters.messages_out, 1);
        yd_count(&yd_sse_loop(sse)->counters.events_out, 1);
    }
    return rc;
}

static int check_text(yodel_str text)
{
    return yd_utf8_is_valid(text.ptr, text.len) ? 0 : YODEL_ERR_ENCODING;
}

static int check_line(const char *text)
{
    if (text == NULL)
        return 0;
    return yd_sse_is_line(yodel_str_of(text)) ? check_text(yodel_str_of(text)) : YODEL_ERR_NAME;
}

static int check_message(const yodel_sse_message *message)
{
    int rc;

    if (message->data.ptr == NULL && message->data.len > 0)
        return -EINVAL;
    if ((rc = check_line(message->event)) < 0 || (rc = check_line(message->id)) < 0)
        return rc;
    return check_text(message->data);
}

static int send_fields(yodel_sse *sse, const struct yd_sse_fields *fields)
{
    struct yd_msg *chunk;
    int rc;

    if (!yd_http_stream_is_open(&sse->stream))
        return YODEL_ERR_CLOSED;
    if ((chunk = yd_sse_make_chunk(yd_sse_loop(sse)->mem, fields)) == NULL)
        return -ENOMEM;
    rc = yd_sse_send_chunk(sse, chunk);
    yd_msg_unref(chunk);
    return rc;
}

int yodel_sse_send(yodel_sse *sse, const yodel_sse_message *given)
{
    yodel_sse_message message;
    struct yd_sse_fields fields;
    int rc;

    if (sse == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &message, sizeof message)) < 0 ||
        (rc = check_message(&message)) < 0)
        return rc;
    fields = (struct yd_sse_fields){.event = yodel_str_of(message.event),
                                    .data = message.data,
                                    .id = yodel_str_of(message.id),
                                    .retry_ms = message.retry_ms};
    return send_fields(sse, &fields);
}

int yodel_sse_send_text(yodel_sse *sse, yodel_str data)
{
    if (sse == NULL)
        return -EINVAL;
    if (data.ptr == NULL && data.len == 0)
        data.ptr = "";
    return yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .data = data));
}

int yodel_sse_send_pack(yodel_sse *sse, const char *event, const char *format, ...)
{
    const struct yodel_allocator *mem = sse != NULL ? yd_sse_loop(sse)->mem : NULL;
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(mem, &text, format, args);
    va_end(args);
    if (rc == 0)
        rc = yodel_sse_send(
            sse,
            YODEL_OPTIONS(yodel_sse_message, .data = {(char *)text.ptr, text.len}, .event = event));
    yd_buf_free(mem, &text);
    return rc;
}

/* ---- heartbeat ---- */

/* Lazily, as deadlines of connections: an event only notes the time. */
static void on_heartbeat(struct yd_timer *timer)
{
    static const struct yd_sse_fields comment = {.is_comment = true};
    yodel_sse *sse = yd_container_of(timer, yodel_sse, heartbeat);
    struct yd_loop *loop = yd_sse_loop(sse);
    uint64_t due = sse->sent_at + sse->heartbeat_ms;

    if (loop->now >= due) {
        if (yd_http_stream_is_idle(&sse->stream))
            (void)send_fields(sse, &comment);
        due = loop->now + sse->heartbeat_ms;
    }
    yd_timer_start(&loop->wheel, timer, due);
}

static void start_heartbeat(yodel_sse *sse, uint32_t ms)
{
    struct yd_loop *loop = yd_sse_loop(sse);

    yd_timer_init(&sse->heartbeat, on_heartbeat);
    sse->heartbeat_ms = ms != 0 ? ms : DEFAULT_HEARTBEAT_MS;
    sse->sent_at = loop->now;
    if (ms != UINT32_MAX)
        yd_timer_start(&loop->wheel, &sse->heartbeat, yd_loop_due(loop, sse->heartbeat_ms));
}

/* ---- what the stream tells ---- */

static void leave_groups(yodel_sse *sse)
{
    yd_member_leave_all(yd_sse_loop(sse), &sse->member);
}

static void on_drain(yodel_stream *stream, void *user)
{
    yodel_sse *sse = sse_of(stream);

    if (sse->on_drain != NULL)
        sse->on_drain(sse, user);
}

static void on_stop(yodel_stream *stream, void *user)
{
    yodel_sse *sse = sse_of(stream);

    if (sse->on_stop != NULL)
        sse->on_stop(sse, user);
    leave_groups(sse);
    yd_http_stream_finish(stream, YODEL_STREAM_STOPPED);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    yodel_sse *sse = sse_of(stream);
    struct yd_loop *loop = yd_sse_loop(sse);

    yd_timer_stop(&loop->wheel, &sse->heartbeat);
    leave_groups(sse);
    yd_count(&loop->counters.event_streams, (uint64_t)-1);
    if (sse->on_close != NULL)
        sse->on_close(sse, reason, user);
}

int yodel_sse_end(yodel_sse *sse)
{
    int rc;

    if (sse == NULL)
        return -EINVAL;
    rc = yodel_stream_end(&sse->stream);
    if (rc == 0)
        leave_groups(sse);
    return rc;
}

yodel_stream *yodel_sse_stream(yodel_sse *sse)
{
    if (sse == NULL)
        return NULL;
    return &sse->stream;
}

void *yodel_sse_user(const yodel_sse *sse)
{
    if (sse == NULL)
        return NULL;
    return yodel_stream_user(&sse->stream);
}

/* ---- beginning ---- */

static bool has_header(const yodel_sse_options *options, yodel_str name)
{
    for (size_t i = 0; options->headers != NULL && i < options->num_headers; i++)
        if (options->headers[i].name != NULL &&
            yd_str_eq_nocase(yodel_str_of(options->headers[i].name), name))
            return true;
    return false;
}

/* The program's headers and ours; *ret_num of them are set. */
static yodel_header *make_headers(const struct yodel_allocator *mem,
                                  const yodel_sse_options *options, size_t *ret_num)
{
    size_t num = options->num_headers;
    yodel_header *headers = NULL;

    if (num <= SIZE_MAX / 2)
        headers = yd_alloc_array(mem, num + 2, sizeof *headers);
    if (headers == NULL)
        return NULL;
    if (num > 0)
        memcpy(headers, options->headers, num * sizeof *headers);
    if (!has_header(options, YODEL_STR("Cache-Control")))
        headers[num++] = (yodel_header){"Cache-Control", "no-cache"};
    if (!has_header(options, YODEL_STR("X-Accel-Buffering")))
        headers[num++] = (yodel_header){"X-Accel-Buffering", "no"};
    *ret_num = num;
    return headers;
}

static int begin_stream(yodel_request *req, const yodel_sse_options *options,
                        yodel_stream **ret_stream)
{
    const struct yodel_allocator *mem = yd_request_http(req)->mem;
    yodel_stream_options stream = {.size = sizeof stream,
                                   .content_type = "text/event-stream",
                                   .max_buffered = options->max_buffered,
                                   .on_drain = on_drain,
                                   .on_stop = on_stop,
                                   .on_close = on_close,
                                   .user = options->user};
    yodel_header *headers;
    int rc;

    if (options->num_headers > 0 && options->headers == NULL)
        return -EINVAL;
    if ((headers = make_headers(mem, options, &stream.num_headers)) == NULL)
        return -ENOMEM;
    stream.headers = headers;
    rc = yd_http_stream_begin(req, &stream, sizeof(yodel_sse), ret_stream);
    yd_free(mem, headers);
    return rc;
}

static void set_up(yodel_sse *sse, const yodel_sse_options *options)
{
    const struct yd_sse_fields retry = {.retry_ms = options->retry_ms};

    sse->member.deliver = yd_sse_deliver;
    sse->close_congested = options->close_congested != 0;
    sse->on_event = options->on_event;
    sse->on_drain = options->on_drain;
    sse->on_stop = options->on_stop;
    sse->on_close = options->on_close;
    yd_count(&yd_sse_loop(sse)->counters.event_streams, 1);
    start_heartbeat(sse, options->heartbeat_ms);
    if (options->retry_ms > 0 && send_fields(sse, &retry) == -ENOMEM)
        yodel_stream_abort(&sse->stream);
}

int yodel_request_sse_begin(yodel_request *req, const yodel_sse_options *given, yodel_sse **ret_sse)
{
    yodel_sse_options options;
    yodel_stream *stream;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = begin_stream(req, &options, &stream)) < 0)
        return rc;
    set_up(sse_of(stream), &options);
    if (ret_sse != NULL)
        *ret_sse = sse_of(stream);
    return 0;
}

yodel_str yodel_request_last_event_id(yodel_request *req)
{
    yodel_str id;

    if (req == NULL)
        return (yodel_str){NULL, 0};
    id = yodel_request_header(req, "Last-Event-ID");
    return id.ptr != NULL ? id : yodel_request_query_param(req, "lastEventId");
}
