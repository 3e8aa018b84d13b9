/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <yodel/json.h>

#include "http/http_internal.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"

int yodel_request_reply_pack(yodel_request *req, int status, const char *format, ...)
{
    const struct yodel_allocator *mem = req != NULL ? req->hc->http->mem : NULL;
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(mem, &text, format, args);
    va_end(args);
    if (rc == 0) /* which may end req */
        rc =
            yodel_request_reply(req, status, "application/json", (yodel_bytes){text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

int yodel_request_reply_json(yodel_request *req, int status, const json_t *json)
{
    const struct yodel_allocator *mem;
    struct yd_buf text = {0};
    int rc;

    if (req == NULL)
        return -EINVAL;
    mem = req->hc->http->mem;
    rc = json != NULL ? yd_json_put_document(mem, &text, json) : -EINVAL;
    if (rc == 0) /* which may end req */
        rc =
            yodel_request_reply(req, status, "application/json", (yodel_bytes){text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

static int read_json(yodel_request *req)
{
    yodel_str body = {(const char *)req->body.ptr, req->body.len};

    return req->json != NULL ? 0 : yd_json_read(body, YD_JSON_MAX_DEPTH, &req->json);
}

int yodel_request_json(yodel_request *req, const json_t **ret_json)
{
    int rc;

    if (req == NULL || ret_json == NULL)
        return -EINVAL;
    rc = read_json(req);
    if (rc == 0)
        *ret_json = req->json;
    return rc;
}

int yodel_request_unpack(yodel_request *req, const char *format, ...)
{
    va_list args;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = read_json(req)) < 0)
        return rc;
    va_start(args, format);
    rc = yd_json_unpack(req->json, format, args);
    va_end(args);
    return rc;
}
