/* SPDX-License-Identifier: MIT */
#include "http/relay.h"

#include "http/http_internal.h"

yodel_bytes yd_request_raw_head(const yodel_request *req)
{
    return (yodel_bytes){(const uint8_t *)req->head.method.ptr, req->head_len};
}

bool yd_request_is_chunked(const yodel_request *req)
{
    return req->head.body == YD_HTTP_BODY_CHUNKED;
}

bool yd_request_is_upgrade(const yodel_request *req)
{
    return req->websocket;
}

int yd_request_relay(yodel_request *req, const void *data, size_t len)
{
    int rc;

    if (req->gone)
        return YODEL_ERR_CLOSED;
    if (req->whole || req->hc->taken || !req->held)
        return YODEL_ERR_STATE;
    if ((rc = yd_conn_write(req->hc->conn, data, 0, data, len)) < 0)
        return rc;
    if (!req->answered)
        yd_conn_set_timeout(req->hc->conn, 0);
    req->answered = true;
    return 0;
}

void yd_request_relay_end(yodel_request *req, bool closes)
{
    req->closes = closes || !req->head.keep_alive;
    yd_request_end(req);
}
