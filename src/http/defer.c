/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "http/http_internal.h"

/* Requests that are decided later. */

/* ---- for the layers above ---- */

void yd_request_set_deferral(yodel_request *req, const struct yd_decision_ops *ops, void *subject)
{
    req->ops = ops;
    req->subject = subject;
}

bool yd_request_is_deferred(const yodel_request *req)
{
    return req->decision != NULL;
}

int yd_request_take_decision(yodel_request *req)
{
    return yd_decision_take(&req->decision);
}

void yd_request_override_decision(yodel_request *req)
{
    yd_decision_override(&req->decision);
}

bool yd_request_is_gone(const yodel_request *req)
{
    return req->gone;
}

int yd_request_claim(yodel_request *req)
{
    return yd_decision_claim(req->decision);
}

void yd_request_unclaim(yodel_request *req)
{
    yd_decision_unclaim(req->decision);
}

int yd_verdict_check_response(const struct yd_verdict *verdict)
{
    if (verdict->response == NULL)
        return verdict->accept != NULL && verdict->verb != YD_ACCEPT ? -EINVAL : 0;
    if (verdict->verb == YD_REJECT && !yd_status_refuses(verdict->response->status))
        return -EINVAL;
    return yd_response_check(verdict->response);
}

yodel_response yd_verdict_refusal(const struct yd_verdict *verdict)
{
    yodel_response response = {.size = sizeof response, .status = 403};
    yodel_str text = yodel_str_of(verdict->data != NULL ? verdict->data : verdict->message);

    if (text.len > 0)
        response.content_type = verdict->data != NULL ? "application/json" : YD_TEXT_TYPE;
    response.body = (yodel_bytes){(const uint8_t *)text.ptr, text.len};
    return response;
}

/* ---- plain requests ---- */

static int refuse(yodel_request *req, const struct yd_verdict *verdict)
{
    yodel_response response = yd_verdict_refusal(verdict);

    if (response.body.len == 0)
        return yd_request_fail(req, response.status, NULL, NULL, 0);
    return yodel_request_respond(req, &response);
}

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_request *req = yd_decision_subject(d);

    return verdict->verb == YD_REFUSE ? refuse(req, verdict)
                                      : yodel_request_respond(req, verdict->response);
}

static void drop(yodel_decision *d)
{
    yd_request_refuse(yd_decision_subject(d), 503, NULL);
}

/* What is called may answer, and look at the request after that, as a handler may. */
static void run(yodel_decision *d, yodel_decision_post_fn *fn, void *arg)
{
    yodel_request *req = yd_decision_subject(d);

    req->running = true;
    fn(req, arg);
    yd_request_settle(req, 503, NULL);
}

static const struct yd_decision_ops plain = {
    .verbs = YD_RESPOND | YD_REJECT | YD_REFUSE,
    .run = run,
    .check = yd_verdict_check_response,
    .apply = apply,
    .drop = drop,
};

static yodel_decision *make(yodel_request *req)
{
    yodel_decision *d = yd_zalloc(req->hc->http->mem, sizeof *d);

    if (d == NULL)
        return NULL;
    if (req->ops != NULL)
        yd_decision_init(d, req->ops, yd_conn_loop(req->hc->conn), req->subject);
    else
        yd_decision_init(d, &plain, yd_conn_loop(req->hc->conn), req);
    return req->decision = d;
}

yodel_decision *yodel_request_defer(yodel_request *req)
{
    static const struct yd_hold deferred = {.gone = NULL};

    if (req == NULL)
        return NULL;
    if (req->decision != NULL)
        return yd_decision_again(req->decision);
    if (req->answered || req->gone || req->hc->taken || make(req) == NULL)
        return NULL;
    if (req->ops == NULL)
        (void)yd_request_hold(req, &deferred, NULL, req->hc->http->options.decide_ms);
    return req->decision;
}
