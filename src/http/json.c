/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>

#include "http/http_internal.h"

struct sink {
    const struct yodel_allocator *mem;
    struct yd_buf buf;
};

static int put(const char *text, size_t len, void *user)
{
    struct sink *sink = user;

    return yd_buf_append(sink->mem, &sink->buf, text, len) < 0 ? -1 : 0;
}

static int reply(yodel_request *req, int status, const json_t *json)
{
    struct sink sink = {.mem = req->hc->http->mem};
    int rc = -ENOMEM;

    if (json_dump_callback(json, put, &sink, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        rc = yodel_request_reply(req, status, "application/json",
                                 (yodel_bytes){sink.buf.ptr, sink.buf.len});
    yd_buf_free(sink.mem, &sink.buf);
    return rc;
}

int yodel_request_reply_pack(yodel_request *req, int status, const char *format, ...)
{
    json_error_t error;
    va_list args;
    json_t *json;
    int rc;

    va_start(args, format);
    json = json_vpack_ex(&error, 0, format, args);
    va_end(args);
    if (json == NULL)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : YODEL_ERR_FORMAT;
    rc = reply(req, status, json);
    json_decref(json);
    return rc;
}

static int load(yodel_request *req)
{
    json_error_t error;

    if (req->json != NULL)
        return 0;
    if (req->body.len == 0)
        return YODEL_ERR_FORMAT;
    req->json = json_loadb((const char *)req->body.ptr, req->body.len, JSON_DECODE_ANY, &error);
    return req->json != NULL ? 0 : YODEL_ERR_FORMAT;
}

int yodel_request_unpack(yodel_request *req, const char *format, ...)
{
    json_error_t error;
    va_list args;
    int rc;

    if ((rc = load(req)) < 0)
        return rc;
    va_start(args, format);
    rc = json_vunpack_ex(req->json, &error, 0, format, args);
    va_end(args);
    return rc == 0 ? 0 : YODEL_ERR_FORMAT;
}
