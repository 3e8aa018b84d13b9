/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "http/cors.h"
#include "http/http_internal.h"
#include "http/out.h"
#include "http/wall_date.h"

static bool is_named(const yodel_header *header, yodel_str name)
{
    return yd_str_eq_nocase(yodel_str_of(header->name), name);
}

static bool has_header(const struct yd_answer *answer, yodel_str name)
{
    for (size_t i = 0; i < answer->num_headers; i++)
        if (is_named(&answer->headers[i], name))
            return true;
    return false;
}

static void put_status(struct yd_out *out, int status)
{
    yd_out_put(out, YODEL_STR("HTTP/1.1 "));
    yd_out_number(out, (uint64_t)status);
    yd_out_put(out, YODEL_STR(" "));
    yd_out_put(out, yodel_str_of(yd_http_status_text(status)));
    yd_out_put(out, YODEL_STR("\r\n"));
}

static void put_origin(struct yd_out *out, struct yd_loop *loop, const struct yd_http *http,
                       const struct yd_answer *answer)
{
    if (!has_header(answer, YODEL_STR("Date")))
        yd_out_header(out, YODEL_STR("Date"), yd_http_date_now(loop));
    if (http->options.server_name != NULL && !has_header(answer, YODEL_STR("Server")))
        yd_out_header(out, YODEL_STR("Server"), yodel_str_of(http->options.server_name));
}

/* RFC 9110 8.6: not on a 204; a 304 would have to know the length of what it does not send. */
static void put_length(struct yd_out *out, const struct yd_answer *answer)
{
    if ((answer->status == 204 && !answer->says_empty) || answer->status == 304)
        return;
    if (answer->framing != YD_FRAMED_BY_LENGTH) {
        if (answer->framing == YD_FRAMED_BY_CHUNKS)
            yd_out_put(out, YODEL_STR("Transfer-Encoding: chunked\r\n"));
        return;
    }
    yd_out_put(out, YODEL_STR("Content-Length: "));
    yd_out_number(out, answer->length);
    yd_out_put(out, YODEL_STR("\r\n"));
}

/* RFC 9110 7.8: who sends Upgrade names it in Connection. */
static void put_connection(struct yd_out *out, const struct yd_answer *answer, bool closes,
                           bool is_old)
{
    bool upgrade = has_header(answer, YODEL_STR("Upgrade"));
    const char *value = NULL;

    if (closes)
        value = upgrade ? "Upgrade, close" : "close";
    else if (upgrade)
        value = is_old ? "Upgrade, keep-alive" : "Upgrade";
    else if (is_old)
        value = "keep-alive";
    if (value != NULL)
        yd_out_header(out, YODEL_STR("Connection"), yodel_str_of(value));
}

static void put_headers(struct yd_out *out, const struct yd_answer *answer)
{
    if (answer->content_type != NULL)
        yd_out_header(out, YODEL_STR("Content-Type"), yodel_str_of(answer->content_type));
    for (size_t i = 0; i < answer->num_headers; i++)
        if (!is_named(&answer->headers[i], YODEL_STR("Connection")))
            yd_out_header(out, yodel_str_of(answer->headers[i].name),
                          yodel_str_of(answer->headers[i].value));
}

static void put_cors(struct yd_out *out, const yodel_request *req)
{
    const struct yd_cors *cors = yd_cors_find(req->hc->http->cors, req->head.path);

    if (cors != NULL)
        yd_cors_write(cors, &req->head, out);
}

/* req: NULL when the peer did not manage to send one. */
static int send_answer(struct yd_conn *conn, const struct yd_http *http, const yodel_request *req,
                       const struct yd_answer *answer, bool closes)
{
    yodel_bytes body = answer->body;
    struct yd_out out;
    int rc = -ENOMEM;

    yd_out_init(&out, http->mem);
    put_status(&out, answer->status);
    put_origin(&out, yd_conn_loop(conn), http, answer);
    put_headers(&out, answer);
    put_length(&out, answer);
    put_connection(&out, answer, closes, req != NULL && req->head.minor == 0);
    if (req != NULL)
        put_cors(&out, req);
    yd_out_put(&out, YODEL_STR("\r\n"));
    if (req != NULL && yodel_str_eq(req->head.method, YODEL_STR("HEAD")))
        body.len = 0;
    if (!out.failed)
        rc = yd_conn_write(conn, out.ptr, out.len, body.ptr, body.len);
    yd_out_done(&out);
    return rc;
}

/* An answer other than 101 to an upgrade closes, or a proxy that believes in the upgrade would let
 * through what follows; a body that was not read would be taken for the next request. */
static bool must_close(const yodel_request *req, const struct yd_answer *answer)
{
    return !req->head.keep_alive || !req->read || req->websocket || req->hc->stopping ||
           answer->framing == YD_FRAMED_BY_CLOSE || has_header(answer, YODEL_STR("Connection"));
}

int yd_request_answer(yodel_request *req, const struct yd_answer *answer)
{
    bool closes;
    int rc, claim;

    if (req->gone)
        return YODEL_ERR_CLOSED;
    if (req->answered || req->hc->taken)
        return YODEL_ERR_STATE;
    if ((claim = yd_decision_claim(req->decision)) < 0)
        return claim;
    closes = must_close(req, answer);
    if ((rc = send_answer(req->hc->conn, req->hc->http, req, answer, closes)) < 0) {
        if (claim == 0)
            yd_decision_unclaim(req->decision);
        return rc;
    }
    yd_decision_settle(&req->decision);
    req->answered = true;
    req->closes = closes;
    return 0;
}

int yd_request_invite(yodel_request *req)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (!req->head.expect_continue || req->has_more || req->answered)
        return 0;
    return yd_conn_write(req->hc->conn, go_on, sizeof go_on - 1, NULL, 0);
}

static int check_hints(const yodel_request *req, const yodel_header *headers, size_t num)
{
    if (!yd_headers_are_valid(headers, num))
        return -EINVAL;
    if (req->gone)
        return YODEL_ERR_CLOSED;
    if (req->answered || req->hc->taken || req->websocket)
        return YODEL_ERR_STATE;
    if (yd_conn_buffered(req->hc->conn) > req->hc->http->options.max_buffered)
        return YODEL_ERR_CONGESTED;
    return 0;
}

int yodel_request_early_hints(yodel_request *req, const yodel_header *headers, size_t num_headers)
{
    const struct yd_answer hints = {.headers = headers, .num_headers = num_headers};
    struct yd_out out;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = check_hints(req, headers, num_headers)) < 0 || req->head.minor == 0)
        return rc;
    yd_out_init(&out, req->hc->http->mem);
    yd_out_put(&out, YODEL_STR("HTTP/1.1 103 Early Hints\r\n"));
    put_headers(&out, &hints);
    yd_out_put(&out, YODEL_STR("\r\n"));
    rc = out.failed ? -ENOMEM : yd_conn_write(req->hc->conn, out.ptr, out.len, NULL, 0);
    yd_out_done(&out);
    return rc;
}

/* ---- errors ---- */

static void put_error(struct yd_out *out, int status, const char *why)
{
    yd_out_number(out, (uint64_t)status);
    yd_out_put(out, YODEL_STR(" "));
    yd_out_put(out, yodel_str_of(yd_http_status_text(status)));
    if (why != NULL) {
        yd_out_put(out, YODEL_STR(": "));
        yd_out_put(out, yodel_str_of(why));
    }
    yd_out_put(out, YODEL_STR("\n"));
}

static struct yd_answer error_answer(int status, const struct yd_out *text,
                                     const yodel_header *headers, size_t num_headers)
{
    return (struct yd_answer){.status = status,
                              .content_type = YD_TEXT_TYPE,
                              .length = text->len,
                              .body = {(const uint8_t *)text->ptr, text->len},
                              .headers = headers,
                              .num_headers = num_headers};
}

int yd_request_answer_error(yodel_request *req, int status, const char *why,
                            const yodel_header *headers, size_t num_headers)
{
    struct yd_answer answer;
    struct yd_out text;
    int rc = -ENOMEM;

    yd_out_init(&text, req->hc->http->mem);
    put_error(&text, status, why);
    answer = error_answer(status, &text, headers, num_headers);
    if (!text.failed)
        rc = yd_request_answer(req, &answer);
    yd_out_done(&text);
    return rc;
}

void yd_http_refuse(struct yd_conn *conn, const struct yd_http *http, int status, const char *why,
                    const yodel_header *headers, size_t num_headers)
{
    struct yd_answer answer;
    struct yd_out text;

    yd_out_init(&text, http->mem);
    put_error(&text, status, why);
    answer = error_answer(status, &text, headers, num_headers);
    yd_conn_expect_more(conn);
    if (send_answer(conn, http, NULL, &answer, true) == 0)
        yd_conn_close(conn);
    else
        yd_conn_abort(conn, 0);
    yd_out_done(&text);
}
