/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HTTP_H
#define YODEL_HTTP_H

#include <yodel/listen.h>

YODEL_C_BEGIN

/*
 * One request.  Valid until its handler returns; after yodel_request_defer() until it is answered
 * or the client has gone.
 * A handler may call everything of this header on it until then, also once it has answered.
 * Every view taken from it is borrowed and lives as long.
 */
typedef struct yodel_request yodel_request;

/* "GET", as sent. */
YODEL_API yodel_str yodel_request_method(const yodel_request *req) YODEL_LOOP_THREAD;

/* The path as sent, still percent-encoded, without the query. */
YODEL_API yodel_str yodel_request_path(const yodel_request *req) YODEL_LOOP_THREAD;

/* What follows '?', still percent-encoded; {NULL, 0} without one. */
YODEL_API yodel_str yodel_request_query(const yodel_request *req) YODEL_LOOP_THREAD;

/* Whole body, decoded from chunks; empty when there is none. */
YODEL_API yodel_bytes yodel_request_body(const yodel_request *req) YODEL_LOOP_THREAD;

/* Percent-decoded path parameter, valid UTF-8; {NULL, 0} when the route has none of that name. */
YODEL_API yodel_str yodel_request_param(const yodel_request *req,
                                        const char *name) YODEL_LOOP_THREAD;

/*
 * A field of the query string by the rules of HTML forms ('+' is a space, %XX decoded, the last of
 * several wins); {NULL, 0} when absent, {non-NULL, 0} when empty.
 */
YODEL_API yodel_str yodel_request_query_param(yodel_request *req,
                                              const char *name) YODEL_LOOP_THREAD;

/* First header of that name, case-insensitive, without surrounding blanks; {NULL, 0} when absent.
 */
YODEL_API yodel_str yodel_request_header(const yodel_request *req,
                                         const char *name) YODEL_LOOP_THREAD;

/* The i-th header of that name, counted from 0, as yodel_request_header(); {NULL, 0} past the last.
 */
YODEL_API yodel_str yodel_request_header_at(const yodel_request *req, const char *name,
                                            size_t i) YODEL_LOOP_THREAD;

/* Calls each(name, value, user) for every header line, in order. */
typedef void(yodel_header_fn)(yodel_str name, yodel_str value, void *user);
YODEL_API void yodel_request_each_header(const yodel_request *req, yodel_header_fn *each,
                                         void *user) YODEL_LOOP_THREAD;

/* A cookie's value as sent; {NULL, 0} when absent. */
YODEL_API yodel_str yodel_request_cookie(const yodel_request *req,
                                         const char *name) YODEL_LOOP_THREAD;

/*
 * Host that the client has asked for, with its port if any: of an absolute-form target, else the
 * Host header; or what a trusted proxy says (yodel_listen_options.forwarded with
 * YODEL_FORWARDED_HOST or YODEL_FORWARDED_RFC7239).
 */
YODEL_API yodel_str yodel_request_host(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * "192.0.2.1:4711", "[2001:db8::1]:4711", "unix"; without a port where none is known: "192.0.2.1",
 * "[2001:db8::1]".  Of the TCP peer or, where that is a trusted proxy
 * (yodel_listen_options.trusted), of the client that it names; "unknown" when it names one without
 * an address.
 */
YODEL_API yodel_str yodel_request_peer(yodel_request *req) YODEL_LOOP_THREAD;
/* The loop it belongs to (yodel/loop.h). */
YODEL_API yodel_loop *yodel_request_loop(const yodel_request *req) YODEL_LOOP_THREAD;

/* "https" or "http": what the client uses, on the connection or as a trusted proxy says. */
YODEL_API yodel_str yodel_request_scheme(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Of the certificate that the client has shown in TLS, where the listener asks for one
 * (yodel_tls_options.clients) and it was valid: its subject as in RFC 2253, "CN=alice,O=Example",
 * in UTF-8; and the SHA-256 of the certificate, 64 lower hex digits.  {NULL, 0} without one, and
 * when out of memory or for a subject above 2048 bytes.  The fingerprint names one certificate, the
 * subject what its authority says of whom it is.
 */
YODEL_API yodel_str yodel_request_client_cert_subject(yodel_request *req) YODEL_LOOP_THREAD;
YODEL_API yodel_str yodel_request_client_cert_fingerprint(yodel_request *req) YODEL_LOOP_THREAD;

/* In lists of origins (yodel_ws_options, yodel_sio_options): pages of the host, port and scheme
 * that the request itself asks for, as yodel_request_host() and yodel_request_scheme() give them.
 */
#define YODEL_ORIGIN_SAME_HOST "same-host"

/* The tag of the listener that the request came in by (yodel_listen_options.tag), so that a route
 * such as /metrics can be for a private one only; {NULL, 0} without one.  Lives as long as the
 * server. */
YODEL_API yodel_str yodel_request_listener_tag(const yodel_request *req) YODEL_LOOP_THREAD;

/* 1 when yodel_request_scheme() is "https", else 0. */
YODEL_API int yodel_request_is_tls(const yodel_request *req) YODEL_LOOP_THREAD;

/* One header line to send.  A name or value that is not legal in HTTP (RFC 9110 section 5) makes
 * the call that takes it fail with -EINVAL. */
typedef struct yodel_header {
    const char *name;
    const char *value;
} yodel_header;

typedef struct yodel_response {
    size_t size;
    int status;               /* 0: 200 */
    const char *content_type; /* NULL: no Content-Type header */
    yodel_bytes body;         /* copied; left out of answers to HEAD, 204 and 304 */
    const yodel_header *headers;
    size_t num_headers;
} yodel_response;

/*
 * Sends the whole response.  Exactly one answer a request; a handler that returns without one, and
 * without yodel_request_defer(), answers 500.
 *
 * Returns 0, -ENOMEM, -EINVAL, YODEL_ERR_CLOSED (the client went away), YODEL_ERR_STATE (already
 * answered).
 */
YODEL_API int yodel_request_respond(yodel_request *req,
                                    const yodel_response *response) YODEL_LOOP_THREAD;

/* yodel_request_respond() with the usual three.  body is copied. */
YODEL_API int yodel_request_reply(yodel_request *req, int status, const char *content_type,
                                  yodel_bytes body) YODEL_LOOP_THREAD;

/* The same with text; content_type NULL: "text/plain; charset=utf-8". */
YODEL_API int yodel_request_reply_text(yodel_request *req, int status, const char *content_type,
                                       yodel_str text) YODEL_LOOP_THREAD;

/*
 * Answers with JSON made from jansson's packed format:
 *     yodel_request_reply_pack(req, 201, "{s:i}", "id", 7)
 * Also returns YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_request_reply_pack(yodel_request *req, int status, const char *format,
                                       ...) YODEL_LOOP_THREAD;

/*
 * Reads values out of a JSON body with jansson's unpack format:
 *     const char *text; yodel_request_unpack(req, "{s:s}", "message", &text)
 * Strings live as long as the request; one with NULs in it is read by "s%", with its length, only.
 * Whole numbers beyond 64 bits are reals, reals out of range the largest of their sign, a lone
 * surrogate is U+FFFD.  Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON, more than 256 levels
 * deep, or of another shape): nothing is then written.
 */
YODEL_API int yodel_request_unpack(yodel_request *req, const char *format, ...) YODEL_LOOP_THREAD;

/* The right to decide later; see yodel/decision.h. */
typedef struct yodel_decision yodel_decision;

/*
 * Keeps the request after its handler returns, to be answered within decide_ms from any thread, by
 * yodel_decision_respond() (yodel/decision.h), or on its loop by yodel_request_respond(req).  The
 * views of req live until it is answered or the client has gone.  In on_connect of a WebSocket and
 * in allow_request of Socket.IO it defers what those decide.
 *
 * Returns a reference, which the caller gives back; a second call gives one more.  NULL: answered
 * or decided already, or out of memory; the handler must then answer.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_request_defer(yodel_request *req) YODEL_LOOP_THREAD;

typedef void(yodel_http_fn)(yodel_request *req, void *user);

/*
 * Routes requests to handler.
 *
 * pattern   "GET /users/{id}", "POST /files/{path...}"; no method: every method.  A GET route
 *           answers HEAD too.  {name} is one segment, {name:int} one of digits, {name...} the rest.
 *           "GET ^/users/(?<id>\\d+)/$" is a PCRE2 pattern, matched from the start of the path, its
 *           named groups are the parameters.  Copied.  Literal segments win over parameters,
 *           parameters over patterns, patterns are tried in the order they were added.
 * user      passed to every call; must outlive the server
 *
 * A path that matches only with another method is answered 405 with Allow, else 404.
 * Returns 0, -ENOMEM, YODEL_ERR_PATTERN, YODEL_ERR_CONFLICT, YODEL_ERR_STATE (server is running).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_route(yodel_server *server, const char *pattern,
                                                    yodel_http_fn *handler,
                                                    void *user) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
