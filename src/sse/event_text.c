/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sse/sse.h"

/* Bytes that are counted first, and put into their place then. */
struct sink {
    uint8_t *at; /* NULL: counts */
    size_t len;
};

static void put(struct sink *sink, yodel_str text)
{
    if (sink->at != NULL && text.len > 0)
        memcpy(sink->at + sink->len, text.ptr, text.len);
    sink->len += text.len;
}

/* A client takes one space after the colon away, so that of a line's own stays (HTML 9.2.6). */
static void put_field(struct sink *sink, yodel_str name, yodel_str value)
{
    put(sink, name);
    put(sink, YODEL_STR(": "));
    put(sink, value);
    put(sink, YODEL_STR("\n"));
}

static size_t line_len(yodel_str text)
{
    size_t len = 0;

    while (len < text.len && text.ptr[len] != '\n' && text.ptr[len] != '\r')
        len++;
    return len;
}

bool yd_sse_is_line(yodel_str text)
{
    return line_len(text) == text.len &&
           (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
}

/* A field for each line; what follows the last line end is a line, too. */
static void put_data(struct sink *sink, yodel_str data)
{
    size_t len, end;

    for (;;) {
        len = line_len(data);
        put_field(sink, YODEL_STR("data"), (yodel_str){data.ptr, len});
        if (len == data.len)
            return;
        end = data.ptr[len] == '\r' && len + 1 < data.len && data.ptr[len + 1] == '\n' ? 2 : 1;
        data = (yodel_str){data.ptr + len + end, data.len - len - end};
    }
}

static void put_retry(struct sink *sink, uint32_t ms)
{
    char digits[10];
    size_t at = sizeof digits;

    for (; ms > 0; ms /= 10)
        digits[--at] = (char)('0' + ms % 10);
    put_field(sink, YODEL_STR("retry"), (yodel_str){digits + at, sizeof digits - at});
}

static void put_event(struct sink *sink, const struct yd_sse_fields *fields)
{
    if (fields->is_comment)
        put(sink, YODEL_STR(":\n"));
    if (fields->event.ptr != NULL)
        put_field(sink, YODEL_STR("event"), fields->event);
    if (fields->id.ptr != NULL)
        put_field(sink, YODEL_STR("id"), fields->id);
    if (fields->retry_ms > 0)
        put_retry(sink, fields->retry_ms);
    if (fields->data.ptr != NULL)
        put_data(sink, fields->data);
    put(sink, YODEL_STR("\n"));
}

struct yd_msg *yd_sse_make_chunk(const struct yodel_allocator *mem,
                                 const struct yd_sse_fields *fields)
{
    struct sink sink = {NULL, 0};
    struct yd_msg *chunk;
    size_t len;

    put_event(&sink, fields);
    len = sink.len;
    if (len > UINT32_MAX || (chunk = yd_msg_new(mem, YODEL_WS_TEXT, len + 2)) == NULL)
        return NULL;
    sink = (struct sink){yd_msg_payload(chunk), 0};
    put_event(&sink, fields);
    put(&sink, YODEL_STR("\r\n"));
    chunk->head_len = (uint8_t)yd_http_put_chunk_header(yd_msg_payload(chunk), len);
    return chunk;
}
