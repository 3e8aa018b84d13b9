/* SPDX-License-Identifier: MIT */
#include "http/http_internal.h"

struct yd_conn *yd_request_take(yodel_request *req)
{
    struct yd_http_conn *hc = req->hc;
    struct yd_conn *conn = hc->conn;

    yd_conn_set_timeout(conn, 0);
    conn->want_drain = false;
    hc->taken = true;
    yd_decision_settle(&req->decision);
    if (!hc->delivering) {
        yd_conn_resume(conn);
        if (!req->running)
            yd_http_conn_free(hc);
    }
    return conn;
}

int yd_request_move(yodel_request *req, struct yd_net *to)
{
    struct yd_http_conn *hc = req->hc;
    int rc;

    if (req->answered || req->held || req->gone || hc->taken)
        return YODEL_ERR_STATE;
    if ((rc = yd_conn_move(hc->conn, to, req->head.method.ptr, req->head_len)) == 0)
        hc->taken = true;
    return rc;
}

static yodel_request *find_held(struct yd_net *net, uint64_t id)
{
    struct yd_conn *conn = yd_net_find(net, id);
    struct yd_http_conn *hc;

    if (conn == NULL || conn->events != &yd_http_events)
        return NULL;
    hc = conn->up;
    return hc->req != NULL && hc->req->held ? hc->req : NULL;
}

yodel_request *yd_request_held(struct yd_net *net, uint64_t id, const struct yd_hold *hold)
{
    yodel_request *req = find_held(net, id);

    return req != NULL && req->hold == hold ? req : NULL;
}

void *yd_request_holder(const yodel_request *req)
{
    return req->hold_user;
}
