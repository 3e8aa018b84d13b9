/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "http/cors.h"
#include "http/http_internal.h"
#include "http/static.h"

/* Answers of the layer itself; they want no body. */

static void answer_bad_path(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 400, "malformed escape in the path", NULL, 0);
}

static void answer_no_memory(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 503, NULL, NULL, 0);
}

static void answer_connect(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 501, NULL, NULL, 0);
}

static void answer_expectation(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 417, NULL, NULL, 0);
}

/* The whole server was asked for its options. */
static void answer_asterisk(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 204));
}

/* Its headers are those of every answer below a prefix.  Some browsers wait for a body when no
 * length is said. */
static void answer_preflight(yodel_request *req, void *user)
{
    const struct yd_answer answer = {.status = 204, .says_empty = true};

    (void)user;
    if (yd_request_answer(req, &answer) == 0)
        yd_request_end(req);
}

static void answer_upgrade_required(yodel_request *req, void *user)
{
    static const yodel_header headers[] = {{"Upgrade", "websocket"},
                                           {"Sec-WebSocket-Version", "13"}};

    (void)user;
    (void)yd_request_fail(req, 426, "this is a WebSocket", headers, 2);
}

/* user: not NULL below a mount, where files have GET and HEAD. */
static void answer_no_route(yodel_request *req, void *user)
{
    const struct yd_http *http = req->hc->http;
    struct yd_buf allow = {0};
    yodel_header header = {"Allow", NULL};
    int rc = yd_router_allow(http->router, &req->arena, req->head.path, &allow);

    if (rc == 0 && user != NULL && allow.len == 0)
        rc = yd_buf_append_str(http->mem, &allow, YODEL_STR("GET, HEAD"));
    if (rc == 0 && allow.len > 0)
        rc = yd_buf_append(http->mem, &allow, "", 1);
    header.value = (const char *)allow.ptr;
    if (rc < 0)
        (void)yd_request_fail(req, rc == -ENOMEM ? 503 : 400, NULL, NULL, 0);
    else if (allow.len > 0)
        (void)yd_request_fail(req, 405, NULL, &header, 1);
    else
        (void)yd_request_fail(req, 404, NULL, NULL, 0);
    yd_buf_free(http->mem, &allow);
}

/* ---- choosing ---- */

static bool has_method(const yodel_request *req, yodel_str method)
{
    return yodel_str_eq(req->head.method, method);
}

/* RFC 9110 10.1.1: 100-continue is the only expectation there is. */
static bool expects_more(const struct yd_http_head *head)
{
    for (size_t i = 0; head->minor > 0 && i < head->num_fields; i++)
        if (yd_str_eq_nocase(head->fields[i].name, YODEL_STR("Expect")) &&
            !yd_str_eq_nocase(head->fields[i].value, YODEL_STR("100-continue")))
            return true;
    return false;
}

static bool is_preflight(const yodel_request *req)
{
    return yd_cors_find(req->hc->http->cors, req->head.path) != NULL &&
           yd_cors_is_preflight(&req->head);
}

static bool answer_with(yodel_request *req, yodel_http_fn *fn)
{
    req->fn = fn;
    req->user = NULL;
    return false;
}

static bool answer_failure(yodel_request *req, int rc)
{
    return answer_with(req, rc == -ENOMEM ? answer_no_memory : answer_bad_path);
}

static int find_route(yodel_request *req, yodel_str method, struct yd_match *ret_match)
{
    return yd_router_find(req->hc->http->router, &req->arena, method, req->head.path, ret_match);
}

static void set_match(yodel_request *req, const struct yd_match *match)
{
    req->fn = match->fn;
    req->user = match->user;
    req->params = match->params;
    req->num_params = match->num_params;
    req->rule = match->body;
}

/* No route takes the method: a WebSocket, a file, or nothing. */
static bool dispatch_rest(yodel_request *req)
{
    bool reads = has_method(req, YODEL_STR("GET")) || has_method(req, YODEL_STR("HEAD"));
    struct yd_mount *mount;
    struct yd_match match;
    int rc;

    if (!req->websocket && (rc = find_route(req, YD_ROUTE_UPGRADE, &match)) != 0)
        return rc < 0 ? answer_failure(req, rc) : answer_with(req, answer_upgrade_required);
    if ((rc = yd_mount_find(req->hc->http->mounts, req, &mount)) < 0)
        return answer_failure(req, rc);
    req->user = mount;
    req->fn = mount != NULL && reads ? yd_mount_serve : answer_no_route;
    return req->fn == yd_mount_serve;
}

/* RFC 9110 9.3.8: what is sent back may hold secrets, so nothing here is traced. */
static bool dispatch_route(yodel_request *req)
{
    struct yd_match match;
    int rc = 0;

    if (req->websocket && (rc = find_route(req, YD_ROUTE_UPGRADE, &match)) == 1) {
        set_match(req, &match);
        return false;
    }
    if (rc == 0 && !has_method(req, YODEL_STR("TRACE")))
        rc = find_route(req, req->head.method, &match);
    if (rc < 0)
        return answer_failure(req, rc);
    if (rc == 0)
        return dispatch_rest(req);
    set_match(req, &match);
    return !match.body.streams;
}

bool yd_http_dispatch(yodel_request *req)
{
    const struct yd_http_head *head = &req->head;

    req->read = head->body == YD_HTTP_BODY_NONE;
    req->websocket =
        head->upgrade && yd_http_fields_have(head, YODEL_STR("Upgrade"), YODEL_STR("websocket"));
    if (has_method(req, YODEL_STR("CONNECT")))
        return answer_with(req, answer_connect);
    if (expects_more(head))
        return answer_with(req, answer_expectation);
    if (yodel_str_eq(head->path, YODEL_STR("*")))
        return answer_with(req, answer_asterisk);
    if (is_preflight(req))
        return answer_with(req, answer_preflight);
    return dispatch_route(req);
}
