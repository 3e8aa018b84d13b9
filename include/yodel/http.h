/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HTTP_H
#define YODEL_HTTP_H

#include <yodel/listen.h>

YODEL_C_BEGIN

/*
 * One request.  Valid until its handler returns; after yodel_request_defer() until it is answered
 * or the client has gone, and while its body is read or it is answered in parts.  In its handler
 * everything of this header may be called, also once it has answered.  Outside of it, for one that
 * was deferred, the answer ends the request: req is gone when yodel_request_respond() returns 0.
 *
 * Every view taken from it is borrowed and lives as long as the request.  A `name` that a function
 * of this header takes is NUL-terminated; NULL is as "".
 */
typedef struct yodel_request yodel_request;

/*
 * The method, "GET", as sent: methods are case-sensitive (RFC 9110 9.1), and any token may be one.
 *
 * Returns a view that is never empty.
 */
YODEL_API yodel_str yodel_request_method(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * The path as sent, still percent-encoded, without the query.  For decoded parts of it see
 * yodel_request_param().
 *
 * Returns a view that begins with '/'.
 */
YODEL_API yodel_str yodel_request_path(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * The query as sent: what follows the first '?', still percent-encoded.  For its fields see
 * yodel_request_query_param().
 *
 * Returns the view; {NULL, 0} without a '?'.
 */
YODEL_API yodel_str yodel_request_query(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * The body, decoded from chunks, as a whole.  In routes with stream_body, and once
 * yodel_request_body_read() has been called, it is to be had in parts only (yodel/http_body.h).
 *
 * Returns the bytes, at most max_body; empty when there is none.
 */
YODEL_API yodel_bytes yodel_request_body(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * A parameter of the route's pattern: "id" of "GET /users/{id}", or a named group of a PCRE2
 * pattern.
 *
 * name   as it stands in the pattern, without {} and without ":int"
 *
 * Returns its value, percent-decoded and valid UTF-8 (a segment that is not matches no parameter);
 * {NULL, 0} when the route has none of that name, or for a group that took no part in the match.
 */
YODEL_API yodel_str yodel_request_param(const yodel_request *req,
                                        const char *name) YODEL_LOOP_THREAD;

/*
 * A field of the query by the rules of HTML forms (application/x-www-form-urlencoded): '+' is a
 * space, %XX is decoded.
 *
 * name   decoded; case counts.  Of several fields of that name the last wins
 *
 * Returns the value, which may be any bytes and is not checked for UTF-8; {NULL, 0} when it is
 * absent or memory ran out, {non-NULL, 0} when it is empty.  A field with something to decode
 * is decoded once, into memory that lives as long as the request: to ask again takes no more.
 */
YODEL_API yodel_str yodel_request_query_param(yodel_request *req,
                                              const char *name) YODEL_LOOP_THREAD;

/*
 * A header of the request.  For one that may come more than once see yodel_request_header_at().
 *
 * name   in any case: "content-type"
 *
 * Returns the value of the first of that name, as sent, without surrounding blanks; {NULL, 0} when
 * there is none, {non-NULL, 0} when it is empty.
 */
YODEL_API yodel_str yodel_request_header(const yodel_request *req,
                                         const char *name) YODEL_LOOP_THREAD;

/*
 * One of several headers of the same name, such as Via or Accept.
 *
 * name   as for yodel_request_header()
 * i      which, counted from 0 in the order they came
 *
 * Returns its value as yodel_request_header() does; {NULL, 0} past the last.
 */
YODEL_API yodel_str yodel_request_header_at(const yodel_request *req, const char *name,
                                            size_t i) YODEL_LOOP_THREAD;

/*
 * One header line of a request, in yodel_request_each_header().
 *
 * name    as sent, in the client's case; borrowed, lives as long as the request
 * value   without surrounding blanks; as name
 * user    what yodel_request_each_header() was given
 */
typedef void(yodel_header_fn)(yodel_str name, yodel_str value, void *user);

/*
 * Walks through all header lines, in the order they came; repeated names come repeatedly.
 *
 * each   called for each line before this returns; not NULL
 */
YODEL_API void yodel_request_each_header(const yodel_request *req, yodel_header_fn *each,
                                         void *user) YODEL_LOOP_THREAD;

/*
 * A cookie (RFC 6265) of the request, from all its Cookie headers.
 *
 * name   case counts
 *
 * Returns the value of the first of that name, as sent: not decoded, with its quotes if it has any,
 * without blanks around it; {NULL, 0} when there is none.
 */
YODEL_API yodel_str yodel_request_cookie(const yodel_request *req,
                                         const char *name) YODEL_LOOP_THREAD;

/*
 * The host that the client has asked for, with its port if any: of an absolute-form target, else
 * the Host header; or what a trusted proxy says (yodel_listen_options.forwarded with
 * YODEL_FORWARDED_HOST or YODEL_FORWARDED_RFC7239).  The client chooses it: do not take it for your
 * own name.
 *
 * Returns the view; it may be empty, and always is for HTTP/1.0 without that header.
 */
YODEL_API yodel_str yodel_request_host(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Who asks: the TCP peer or, where that is a trusted proxy (yodel_listen_options.trusted), the
 * client that it names.
 *
 * Returns "192.0.2.1:4711", "[2001:db8::1]:4711", or "unix" for a Unix socket; without a port where
 * none is known: "192.0.2.1", "[2001:db8::1]"; "unknown" when a proxy names one without an address.
 */
YODEL_API yodel_str yodel_request_peer(yodel_request *req) YODEL_LOOP_THREAD;

/* Who has connected to a Unix socket. */
typedef struct yodel_peer_credentials {
    size_t size; /* set by the caller: YODEL_OPTIONS() */
    uint32_t uid, gid;
    int32_t pid; /* that number may be another process's by now */
} yodel_peer_credentials;

/*
 * Who has connected to the Unix socket that a request came by, as the kernel knows it of the moment
 * when it connected (SO_PEERCRED): a proxy, if there is one, whatever it says of its client.  A
 * user or process outside of the server's namespaces is 65534 or 0.
 *
 * ret_peer   filled in; untouched on failure
 *
 * Returns 0, -EINVAL (NULL, size), YODEL_ERR_NOT_FOUND (it came by TCP, or from another node), or
 * YODEL_ERR_CLOSED (the connection has gone).
 */
YODEL_API int yodel_request_peer_credentials(const yodel_request *req,
                                             yodel_peer_credentials *ret_peer) YODEL_LOOP_THREAD;

/*
 * The loop that the request belongs to, for timers, watches and jobs beside it (yodel/loop.h).
 *
 * Returns the loop, borrowed, never NULL; it lives as long as the server.
 */
YODEL_API yodel_loop *yodel_request_loop(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * What the client uses, on the connection or as a trusted proxy says.
 *
 * Returns "https" or "http", static text.
 */
YODEL_API yodel_str yodel_request_scheme(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * The subject of the certificate that the client has shown in TLS, where the listener asks for one
 * (yodel_tls_options.clients) and it was valid.  It is what its authority says of who it is.
 *
 * Returns it as in RFC 2253, "CN=alice,O=Example", in UTF-8; {NULL, 0} without one, and when out of
 * memory or for a subject above 2048 bytes: deny then.
 */
YODEL_API yodel_str yodel_request_client_cert_subject(yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Names one certificate of a client, where yodel_request_client_cert_subject() names its owner.
 *
 * Returns the SHA-256 of the certificate as 64 lower hex digits; {NULL, 0} without one, and when
 * out of memory.
 */
YODEL_API yodel_str yodel_request_client_cert_fingerprint(yodel_request *req) YODEL_LOOP_THREAD;

/* In lists of origins (yodel_ws_options, yodel_sio_options): pages of the host, port and scheme
 * that the request itself asks for, as yodel_request_host() and yodel_request_scheme() give them.
 */
#define YODEL_ORIGIN_SAME_HOST "same-host"

/*
 * The tag of the listener that the request came in by (yodel_listen_options.tag), so that a route
 * such as /metrics can be for a private one only.
 *
 * Returns the view, which lives as long as the server; {NULL, 0} for a listener without one.
 */
YODEL_API yodel_str yodel_request_listener_tag(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Whether the client uses TLS, on the connection or as a trusted proxy says.
 *
 * Returns 1 when yodel_request_scheme() is "https", else 0.
 */
YODEL_API int yodel_request_is_tls(const yodel_request *req) YODEL_LOOP_THREAD;

/*
 * The minor version of HTTP/1 that the client speaks.
 *
 * Returns 0 for HTTP/1.0, 1 for HTTP/1.1 and what is above it; -EINVAL for no request.
 */
YODEL_API int yodel_request_http_minor(const yodel_request *req) YODEL_LOOP_THREAD;

/* One header line to send.  A name or value that is not legal in HTTP (RFC 9110 section 5) makes
 * the call that takes it fail with -EINVAL. */
typedef struct yodel_header {
    const char *name;
    const char *value;
} yodel_header;

/* An answer.  All of it is borrowed for the call that takes it. */
typedef struct yodel_response {
    size_t size;
    int status;               /* 0: 200 */
    const char *content_type; /* NULL: no Content-Type header */
    yodel_bytes body;         /* copied; left out of answers to HEAD, 204, 205 and 304 */
    const yodel_header *headers;
    size_t num_headers;
} yodel_response;

/*
 * Sends the whole response; Content-Length, Date and Connection come by themselves.  Each request
 * has exactly one answer; a handler that returns without one, and without yodel_request_defer(),
 * yodel_request_body_read() or a stream, answers 500, and a line of the log says so.  A deferred
 * request is gone when this returns 0, unless its handler still runs.
 *
 * response   borrowed for the call; not NULL
 *
 * Returns 0; or an error, and the request is as unanswered as before: -ENOMEM; -EINVAL (a status
 * other than 0 and 200 to 599, a header that is not legal or is Content-Length, Transfer-Encoding,
 * or Connection other than "close"); YODEL_ERR_OPTIONS; YODEL_ERR_CLOSED (the client went away);
 * YODEL_ERR_STATE (answered already, decided from another thread, or a WebSocket by now).
 */
YODEL_API int yodel_request_respond(yodel_request *req,
                                    const yodel_response *response) YODEL_LOOP_THREAD;

/*
 * Sends "103 Early Hints" (RFC 8297) ahead of the answer, which is still being made: Link headers
 * that say what the page will need.  May be called again.
 *
 * headers       borrowed for the call; as in yodel_request_respond()
 * num_headers   of them; may be 0
 *
 * Returns 0, also without effect for a client of HTTP/1.0, which knows none (RFC 9110 15.2); or an
 * error and nothing is sent: -EINVAL (a header that is not legal), -ENOMEM, YODEL_ERR_STATE
 * (answered, or asks for a WebSocket), YODEL_ERR_CONGESTED (more than max_buffered bytes wait for
 * the client), YODEL_ERR_CLOSED (the client went away).
 */
YODEL_API int yodel_request_early_hints(yodel_request *req, const yodel_header *headers,
                                        size_t num_headers) YODEL_LOOP_THREAD;

/*
 * yodel_request_respond() with the usual three, and no further headers.
 *
 * status         200 to 599; 0: 200
 * content_type   the value of Content-Type; NULL: none is sent
 * body           copied; may be empty
 *
 * Returns as yodel_request_respond().
 */
YODEL_API int yodel_request_reply(yodel_request *req, int status, const char *content_type,
                                  yodel_bytes body) YODEL_LOOP_THREAD;

/*
 * yodel_request_reply() with text.
 *
 * status         200 to 599; 0: 200
 * content_type   NULL: "text/plain; charset=utf-8"
 * text           copied; sent as it is, without a look at its encoding
 *
 * Returns as yodel_request_respond().
 */
YODEL_API int yodel_request_reply_text(yodel_request *req, int status, const char *content_type,
                                       yodel_str text) YODEL_LOOP_THREAD;

/*
 * Answers with JSON, compact and in UTF-8, made from jansson's packed format:
 *     yodel_request_reply_pack(req, 201, "{s:i}", "id", 7);
 *
 * status   200 to 599; 0: 200
 * format   as of json_pack(); its arguments follow.  References given with "o" are taken whatever
 *          is returned
 *
 * Returns as yodel_request_respond(); YODEL_ERR_FORMAT when the format and its arguments make no
 * JSON value, or a string is not UTF-8.
 */
YODEL_API int yodel_request_reply_pack(yodel_request *req, int status, const char *format,
                                       ...) YODEL_LOOP_THREAD;

/*
 * Reads values out of a JSON body with jansson's unpack format:
 *     const char *text;
 *     if (yodel_request_unpack(req, "{s:s}", "message", &text) == 0) ...
 *
 * format   as of json_unpack(); where the values go follows.  Strings are NUL-terminated and live
 *          as long as the request; one with NULs in it is read by "s%", with its length, only
 *
 * Whole numbers beyond 64 bits are reals, reals out of range the largest of their sign, a lone
 * surrogate is U+FFFD.  The body is parsed once, however often this is called; Content-Type is not
 * looked at.
 *
 * Returns 0; -ENOMEM; or YODEL_ERR_FORMAT (not JSON, more than 256 levels deep, of another shape,
 * or a body that is read in parts).  Nothing is written then.
 */
YODEL_API int yodel_request_unpack(yodel_request *req, const char *format, ...) YODEL_LOOP_THREAD;

/* The right to decide later; see yodel/decision.h. */
typedef struct yodel_decision yodel_decision;

/*
 * Keeps the request after its handler returns, to be answered within decide_ms from any thread, by
 * yodel_decision_respond() (yodel/decision.h), or on its loop by yodel_request_respond(req).  The
 * views of req live until it is answered or the client has gone, of which yodel_decision_on_gone()
 * tells.  After decide_ms it is answered 503.  In on_connect of a WebSocket and in allow_request of
 * Socket.IO it defers what those decide.
 *
 * May be called in the handler, and again as long as it is undecided.
 *
 * Returns a reference to the decision, which the caller gives back; a second call gives one more,
 * of the same.  NULL: answered or decided already, or out of memory; the handler must then answer.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_request_defer(yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Handles one request: answers it, or defers that.  Runs on the loop of its connection, when the
 * body is whole (or ahead of it: yodel_route_options.stream_body).
 *
 * req    see yodel_request
 * user   what the route was given
 */
typedef void(yodel_http_fn)(yodel_request *req, void *user);

/*
 * Routes requests to a handler.  Routes win over files (yodel_server_static()).
 *
 * pattern   "GET /users/{id}", "POST /files/{path...}"; no method: every method.  A GET route
 *           answers HEAD too.  {name} is one segment, {name:int} one of digits, {name...} the rest;
 *           at most 32 segments.  "GET ^/users/(?<id>\\d+)/$" is a PCRE2 pattern, matched from the
 *           start of the path, whose named groups are the parameters.  Copied.  Literal segments
 *           win over parameters, parameters over patterns, and patterns are tried in the order they
 *           were added
 * handler   not NULL; called on every loop, on several at once
 * user      passed to every call; borrowed, must outlive the server
 *
 * A path that matches only with another method is answered 405 with Allow, else 404.
 *
 * Returns 0; -ENOMEM; -EINVAL (no handler); YODEL_ERR_PATTERN (the log says what is wrong where);
 * YODEL_ERR_CONFLICT (there is one that matches the same); YODEL_ERR_STATE (the server runs, or has
 * run).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_route(yodel_server *server, const char *pattern,
                                                    yodel_http_fn *handler,
                                                    void *user) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
