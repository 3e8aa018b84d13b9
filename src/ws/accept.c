/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <yodel/http_stream.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "ws/ws.h"

/* Base64 of a SHA-1 and its NUL. */
#define ACCEPT_SIZE 29

/* RFC 6455 4.2.2: base64(SHA-1(key GUID)).  Returns 0, or -EIO when OpenSSL fails. */
static int hash_key(yodel_str key, char ret_text[ACCEPT_SIZE])
{
    uint8_t input[YD_WS_KEY_LEN + sizeof YD_WS_GUID - 1], digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    memcpy(input, key.ptr, YD_WS_KEY_LEN);
    memcpy(input + YD_WS_KEY_LEN, YD_WS_GUID, sizeof YD_WS_GUID - 1);
    if (EVP_Digest(input, sizeof input, digest, &len, EVP_sha1(), NULL) != 1)
        return -EIO;
    EVP_EncodeBlock((unsigned char *)ret_text, digest, (int)len);
    return 0;
}

/* ---- what is agreed on ---- */

/* What was asked for, else the first of the route's that is offered; NULL: none. */
static const char *choose_subprotocol(const yodel_ws *ws, const struct yd_http_head *head,
                                      const char *asked)
{
    const char *const *ours = ws->route->options.subprotocols;

    if (asked != NULL)
        return asked;
    for (size_t i = 0; ours != NULL && ours[i] != NULL; i++)
        if (yd_ws_offers_subprotocol(head, yodel_str_of(ours[i])))
            return ours[i];
    return NULL;
}

bool yd_ws_is_reserved(yodel_str name)
{
    static const yodel_str reserved[] = {
        {"Upgrade", 7},
        {"Connection", 10},
        {"Content-Length", 14},
        {"Transfer-Encoding", 17},
        {"Sec-WebSocket-Accept", 20},
        {"Sec-WebSocket-Protocol", 22},
        {"Sec-WebSocket-Extensions", 24},
        {"Sec-WebSocket-Version", 21},
    };

    for (size_t i = 0; i < YD_LEN(reserved); i++)
        if (yd_str_eq_nocase(name, reserved[i]))
            return true;
    return false;
}

static bool may_be_set(const yodel_header *header)
{
    if (header->name == NULL || header->value == NULL ||
        yd_ws_is_reserved(yodel_str_of(header->name)))
        return false;
    return yd_http_is_token(yodel_str_of(header->name)) &&
           yd_http_is_field_value(yodel_str_of(header->value));
}

static int check_accept(const yodel_ws_accept_options *options, const struct yd_http_head *head)
{
    if (options->subprotocol != NULL &&
        !yd_ws_offers_subprotocol(head, yodel_str_of(options->subprotocol)))
        return -EINVAL;
    if (options->num_headers > 0 && options->headers == NULL)
        return -EINVAL;
    for (size_t i = 0; i < options->num_headers; i++)
        if (!may_be_set(&options->headers[i]))
            return -EINVAL;
    return 0;
}

/* ---- the answer ---- */

static int write_head(yodel_ws *ws, const struct yd_http_head *head,
                      const yodel_ws_accept_options *options, struct yd_buf *out)
{
    const struct yodel_allocator *mem = ws->route->service->mem;
    const char *name = ws->route->service->defaults.server_name;
    const char *subprotocol = choose_subprotocol(ws, head, options->subprotocol);
    char accept[ACCEPT_SIZE], extension[YD_WS_EXTENSION_MAX];
    int rc;

    if ((rc = hash_key(yd_http_field(head, YODEL_STR("Sec-WebSocket-Key")), accept)) < 0)
        return rc;
    yd_ws_agree_on_deflate(ws, head, extension);
    rc = yd_buf_printf(mem, out,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                       accept);
    if (rc == 0 && subprotocol != NULL)
        rc = yd_buf_printf(mem, out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    if (rc == 0 && ws->deflate)
        rc = yd_buf_printf(mem, out, "Sec-WebSocket-Extensions: %s\r\n", extension);
    if (rc == 0 && name != NULL)
        rc = yd_buf_printf(mem, out, "Server: %s\r\n", name);
    for (size_t i = 0; rc == 0 && i < options->num_headers; i++)
        rc = yd_buf_printf(mem, out, "%s: %s\r\n", options->headers[i].name,
                           options->headers[i].value);
    return rc == 0 ? yd_buf_printf(mem, out, "\r\n") : rc;
}

static void run_open(yodel_ws *ws)
{
    yodel_ws_open_fn *on_open = ws->route->handlers.on_open;
    int rc;

    if (on_open != NULL && ws->state == YD_WS_OPEN && (rc = on_open(ws, ws->route->user)) < 0)
        yd_ws_handler_failed(ws, "on_open", rc);
}

/* The connection changes hands: from here it speaks frames. */
static int open_with(yodel_ws *ws, const struct yd_buf *head)
{
    struct yd_conn *conn = ws->conn;
    int rc;

    if ((rc = yd_conn_write(conn, head->ptr, head->len, NULL, 0)) < 0)
        return rc;
    (void)yd_request_take(ws->in.connecting.req);
    memset(&ws->in, 0, sizeof ws->in);
    ws->state = YD_WS_OPEN;
    atomic_fetch_add_explicit(&ws->route->service->num_open, 1, memory_order_relaxed);
    yd_conn_set_events(conn, &yd_ws_conn_events, ws);
    yd_ws_start_heartbeat(ws);
    if (ws->paused)
        yd_conn_pause(conn);
    return 0;
}

/* on_connect may have answered the request itself: that is a decision too. */
static int check_undecided(const yodel_ws *ws)
{
    if (ws->state > YD_WS_OPEN)
        return YODEL_ERR_CLOSED;
    if (ws->state == YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_STATE;
    if (yd_request_is_gone(ws->in.connecting.req))
        return YODEL_ERR_CLOSED;
    return yd_request_is_answered(ws->in.connecting.req) ? YODEL_ERR_STATE : 0;
}

int yodel_ws_accept(yodel_ws *ws, const yodel_ws_accept_options *given)
{
    const struct yodel_allocator *mem;
    yodel_ws_accept_options options;
    const struct yd_http_head *head;
    struct yd_buf out = {0};
    int rc, claim;

    if (ws == NULL)
        return -EINVAL;
    mem = ws->route->service->mem;
    if ((rc = check_undecided(ws)) < 0)
        return rc;
    head = yd_request_head(ws->in.connecting.req);
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = check_accept(&options, head)) < 0)
        return rc;
    if ((claim = yd_request_claim(ws->in.connecting.req)) < 0)
        return claim;
    if ((rc = write_head(ws, head, &options, &out)) == 0)
        rc = open_with(ws, &out);
    yd_buf_free(mem, &out);
    if (rc < 0 && claim == 0)
        yd_request_unclaim(ws->in.connecting.req);
    if (rc == 0 && !ws->in_connect)
        run_open(ws);
    return rc;
}

/* ---- refusing ---- */

/* A deferred WebSocket ends in a task of its own: its on_close is never called inside a call. */
static void run_end(struct yd_mail *mail, void *receiver)
{
    yodel_ws *ws = yd_container_of(mail, yodel_ws, in.connecting.end);

    (void)receiver;
    yd_ws_end(ws, 0);
}

static void forget_request(yodel_ws *ws)
{
    ws->rejected = true;
    ws->has_closing = true;
    ws->closed.code = 1006;
    ws->closed.by = YODEL_WS_BY_SERVER;
    yd_member_leave_all(yd_ws_loop_of(ws), &ws->member);
    if (ws->in_connect)
        return;
    ws->in.connecting.end.run = run_end;
    yd_loop_task(yd_ws_loop_of(ws), &ws->in.connecting.end);
}

/* The client of a deferred one may have gone already: that ends it, like any other. */
static int refused(yodel_ws *ws, int rc)
{
    if (rc == 0 || (rc == YODEL_ERR_CLOSED && !ws->deferred))
        forget_request(ws);
    return rc;
}

int yodel_ws_reject(yodel_ws *ws, const yodel_response *given)
{
    yodel_response response;
    yodel_request *req;
    int rc;

    if (ws == NULL)
        return -EINVAL;
    if ((rc = check_undecided(ws)) < 0)
        return rc;
    req = ws->in.connecting.req;
    if ((rc = yd_options_read(given, &response, sizeof response)) < 0)
        return rc;
    if (response.status == 0)
        response.status = 403;
    if (!yd_status_refuses(response.status))
        return -EINVAL;
    /* RFC 9110 15.4.5: a 304 has no content, not even that of an error */
    if (response.body.len == 0 && response.content_type == NULL && response.status != 304)
        rc = yd_request_fail(req, response.status, NULL, response.headers, response.num_headers);
    else
        rc = yodel_request_respond(req, &response);
    return refused(ws, rc);
}

int yodel_ws_reject_stream(yodel_ws *ws, const yodel_stream_options *given,
                           yodel_stream **ret_stream)
{
    yodel_stream_options options;
    int rc;

    if (ws == NULL)
        return -EINVAL;
    if ((rc = check_undecided(ws)) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    options.size = sizeof options;
    if (options.status == 0)
        options.status = 403;
    if (!yd_status_refuses(options.status))
        return -EINVAL;
    return refused(ws, yodel_request_stream_begin(ws->in.connecting.req, &options, ret_stream));
}

void yodel_ws_close(yodel_ws *ws, uint16_t code, const char *reason)
{
    if (ws == NULL)
        return;
    if (ws->state == YD_WS_CONNECTING) {
        if (check_undecided(ws) == 0)
            yd_request_override_decision(ws->in.connecting.req);
        if (yodel_ws_reject(ws, NULL) == -ENOMEM) /* then without an answer */
            yd_conn_abort(ws->conn, -ENOMEM);
        return;
    }
    if (code != 0 && !yd_ws_close_code_is_valid(code))
        code = 1000;
    yd_ws_send_close(ws, code, yodel_str_of(reason), YODEL_WS_BY_SERVER);
}

/* ---- requests ---- */

static void on_gone(yodel_request *req, void *user)
{
    yodel_ws *ws = user;

    (void)req;
    if (!ws->rejected)
        yd_ws_end(ws, 0);
}

static void on_late(yodel_request *req, void *user)
{
    yodel_ws *ws = user;

    (void)req;
    (void)yodel_ws_reject(
        ws,
        YODEL_OPTIONS(yodel_response, .status = 503, .content_type = "text/plain; charset=utf-8",
                      .body = {(const uint8_t *)"503 not decided in time\n", 24}));
    if (!ws->rejected) /* for want of memory: whoever called this refuses it another way */
        forget_request(ws);
}

const struct yd_hold yd_ws_hold = {.gone = on_gone, .late = on_late};

/* ---- decided later ---- */

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_ws *ws = yd_decision_subject(d);
    yodel_response refusal = yd_verdict_refusal(verdict);

    if (verdict->verb == YD_ACCEPT)
        return yodel_ws_accept(ws, verdict->accept);
    return yodel_ws_reject(ws, verdict->verb == YD_REJECT ? verdict->response : &refusal);
}

static void drop(yodel_decision *d)
{
    yodel_ws *ws = yd_decision_subject(d);

    if (yodel_ws_reject(ws, YODEL_OPTIONS(yodel_response, .status = 503)) == -ENOMEM)
        yd_conn_abort(ws->conn, -ENOMEM);
}

static const struct yd_decision_ops decision_ops = {
    .verbs = YD_ACCEPT | YD_REJECT | YD_REFUSE,
    .check = yd_verdict_check_response,
    .apply = apply,
    .drop = drop,
};

yodel_decision *yodel_ws_defer(yodel_ws *ws)
{
    if (ws == NULL)
        return NULL;
    return check_undecided(ws) == 0 ? yodel_request_defer(ws->in.connecting.req) : NULL;
}

static yodel_ws *make_ws(struct yd_ws_route *route, yodel_request *req)
{
    yodel_ws *ws = yd_zalloc(route->service->mem, sizeof *ws);

    if (ws == NULL)
        return NULL;
    ws->route = route;
    ws->conn = yd_request_conn(req);
    ws->member.deliver = yd_ws_deliver;
    ws->in.connecting.req = req;
    yd_request_set_deferral(req, &decision_ops, ws);
    yd_conn_hold(ws->conn);
    return ws;
}

static int call_on_connect(yodel_ws *ws, yodel_request *req)
{
    yodel_ws_connect_fn *on_connect = ws->route->handlers.on_connect;
    int rc;

    if (on_connect == NULL)
        return YODEL_ACCEPT;
    ws->in_connect = true;
    rc = on_connect(ws, req, ws->route->user);
    ws->in_connect = false;
    return rc;
}

/* Turns what on_connect returned into an answer, if it has given none itself, nor another thread.
 */
static int answer(yodel_ws *ws, yodel_request *req, int outcome)
{
    int rc;

    if (outcome != YODEL_DEFER && yd_request_take_decision(req) < 0)
        outcome = YODEL_DEFER;
    if (outcome == YODEL_DEFER) {
        if ((rc = yd_request_hold(req, &yd_ws_hold, ws, ws->route->service->defaults.decide_ms)) ==
            0)
            ws->deferred = true;
        return rc;
    }
    ws->in_connect = true; /* what is refused here is freed below, not in a task */
    if (outcome == YODEL_ACCEPT)
        rc = yodel_ws_accept(ws, NULL);
    else
        rc = yodel_ws_reject(
            ws,
            YODEL_OPTIONS(yodel_response, .status = yd_status_refuses(outcome) ? outcome : 500));
    ws->in_connect = false;
    return rc;
}

static bool origin_is_allowed(const struct yd_ws_route *route, const yodel_request *req)
{
    const struct yd_http_head *head = yd_request_head(req);
    const char *const *origins = route->options.origins;
    yodel_str origin = yd_http_field(head, YODEL_STR("Origin"));

    if (origins == NULL)
        return true;
    if (yd_http_count_fields(head, YODEL_STR("Origin")) != 1)
        return false;
    for (size_t i = 0; origins[i] != NULL; i++)
        if (yd_request_origin_matches(req, origin, origins[i]))
            return true;
    return false;
}

/* 0, or what the request was answered with. */
static int check_request(const struct yd_ws_route *route, yodel_request *req)
{
    static const yodel_header version[] = {{"Sec-WebSocket-Version", "13"},
                                           {"Upgrade", "websocket"}};
    static const yodel_header allow[] = {{"Allow", "GET"}};
    const struct yd_http_head *head = yd_request_head(req);
    const char *why = NULL;
    yodel_str key;
    int status = yd_ws_check_request(head, &key, &why);

    if (status == 1 || status == -426)
        (void)yd_request_fail(req, 426, why, version, YD_LEN(version));
    else if (status == -405)
        (void)yd_request_fail(req, 405, why, allow, YD_LEN(allow));
    else if (status < 0)
        (void)yd_request_fail(req, -status, why, NULL, 0);
    else if (!origin_is_allowed(route, req))
        (void)yd_request_fail(req, status = 403, "origin not allowed", NULL, 0);
    return status;
}

void yd_ws_on_upgrade(yodel_request *req, void *user)
{
    struct yd_ws_route *route = user;
    yodel_ws *ws;
    int outcome;

    if (check_request(route, req) != 0)
        return;
    if ((ws = make_ws(route, req)) == NULL) {
        (void)yd_request_fail(req, 503, NULL, NULL, 0);
        return;
    }
    outcome = call_on_connect(ws, req);
    if (outcome < 0)
        yd_ws_handler_failed(ws, "on_connect", outcome);
    if (ws->state == YD_WS_CONNECTING && !ws->rejected && answer(ws, req, outcome) < 0)
        (void)yd_request_fail(req, 500, NULL, NULL, 0);
    if (ws->state == YD_WS_OPEN)
        run_open(ws);
    else if (ws->state == YD_WS_CONNECTING && !ws->deferred)
        yd_ws_end(ws, 0);
}

yodel_str yodel_request_subprotocol(const yodel_request *req, size_t i)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return yd_ws_subprotocol(yd_request_head(req), i);
}
