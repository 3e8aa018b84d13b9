/* SPDX-License-Identifier: MIT */
#ifndef YG_HTTP_CLIENT_H
#define YG_HTTP_CLIENT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/loop.h>

/*
 * An HTTP client of a loop, which it never blocks, over HTTP/1.1 connections that are kept.  It
 * follows no redirects, takes no proxy from the environment, keeps no cookies, and holds
 * certificates against the system's roots.  An answer is whatever the server says with whatever
 * status; only when none comes whole is it an error.
 *
 * A kept connection that the server has closed meanwhile is noticed, and the request is sent anew
 * on another: a server may see a request twice, and tells it by what is in it.
 *
 * Everything is for the thread of the loop.
 */
struct yg_http_client;
struct curl_slist;
struct yg_transfer;
struct yg_reply_reader;

/* One request, from yg_http_client_send() to its reply or yg_http_call_cancel(). */
struct yg_http_call;

struct yg_http_client_options {
    unsigned
        in_flight;   /* connections, and requests on their way, at most; 0 is 1.  Further requests
                        wait in their order, and their number is the caller's to bound */
    size_t max_body; /* bytes of an answer's body; more is -E2BIG.  Its head has 64 KiB, and 256
                        lines */
    const char *ca;  /* a file of the authorities of https, borrowed until the client is freed; NULL
                        or "": the system's */
    SSL_CTX *tls;    /* whose authorities are those of https, in place of a file; borrowed until the
                        client is freed; NULL: none */
    /* Where names are, as CURLOPT_RESOLVE has it; others are looked up.  Borrowed until the client
     * is freed; NULL: none. */
    const struct curl_slist *addresses;
    bool is_insecure; /* certificates are not looked at */
};

/*
 * Makes a client.
 *
 * loop       borrowed; on its thread.  Its owner frees the client at the end of the loop, in on_end
 *            (yodel/loop.h), or before
 * options    copied
 *
 * Returns 0, -ENOMEM.
 */
int yg_http_client_new(yodel_loop *loop, const struct yg_http_client_options *options,
                       struct yg_http_client **ret_client);

/* Ends all its calls, without replies, and closes its connections.  Also inside a reply, whose
 * content stays valid until it returns.  NULL does nothing. */
void yg_http_client_free(struct yg_http_client *client);

/* The calls that have had no reply yet, those that wait for a connection included. */
size_t yg_http_client_num_active(const struct yg_http_client *client);

struct yg_http_request {
    const char *url; /* copied: "http://...", "https://...", or "unix:PATH:/uri" for HTTP over the
                        Unix socket at PATH, an absolute path without ":/" */
    bool is_get;     /* a GET, without a body; else a POST */
    /* "Name: value" each, NULL behind the last; copied; NULL: none.  Content-Type, of a POST, is
     * application/json, and User-Agent yodel's, unless they are among them; Host, Content-Length
     * and Connection are made. */
    const char *const *headers;
    yodel_str body;              /* borrowed until the reply or the cancel; may be empty */
    uint32_t timeout_ms;         /* from the call to the last byte of the answer; 0: none */
    uint32_t connect_timeout_ms; /* for a name, a connection and TLS; 0: only timeout_ms */
};

struct yg_http_reply {
    /*
     * 0: an answer has come, whole.  -ETIMEDOUT; -ECONNREFUSED: nobody listens there; -E2BIG: the
     * answer is too large; -ENOMEM; -EIO: anything else, also half an answer
     */
    int result;
    const char *error; /* of an error, for the log, never NULL; "" for 0 */
    /* Of an answer; zero and empty after an error.  But one whose body alone is too large has its
     * status and its headers; its body is left out. */
    unsigned status;
    yodel_str body;
    bool is_json;            /* Content-Type is application/json, or something/something+json */
    uint32_t retry_after_ms; /* Retry-After, in seconds or as a date; at most an hour; 0: none */
    uint32_t max_age_s;      /* max-age of Cache-Control; 0: none, or no-store, no-cache, private */
    uint64_t took_us;        /* since the call, also of an error */
    /* The client's: one of them; NULL after an error. */
    const struct yg_transfer *transfer;
    const struct yg_reply_reader *reader;
};

/* The n-th value of a header of an answer, valid as long as the reply; NULL: there is none. */
const char *yg_http_reply_header(const struct yg_http_reply *reply, const char *name, size_t n);

/*
 * What became of a call, which is over and must not be cancelled any more.  Whatever the client has
 * may be done in here: other calls made and cancelled, and the client freed.
 *
 * reply   valid until this returns
 * user    what yg_http_client_send() was given
 */
typedef void yg_http_reply_fn(const struct yg_http_reply *reply, void *user);

/*
 * Sends a request.  There is exactly one reply, in a later turn of the loop and never inside this
 * call, unless the call is cancelled or the client freed before.
 *
 * fn         not NULL
 * user       borrowed
 * ret_call   the client's, valid until its reply begins; NULL: it is not wanted
 *
 * Returns 0; without any effect -ENOMEM, -EINVAL (the URL, or a header that is none or has control
 * characters), YODEL_ERR_CLOSED (the loop ends).
 */
int yg_http_client_send(struct yg_http_client *client, const struct yg_http_request *request,
                        yg_http_reply_fn *fn, void *user, struct yg_http_call **ret_call);

/* Gives a call up: no reply comes, and its body is not read any more.  Whether the server has
 * seen it is not known.  Also inside the reply of another call.  NULL does nothing. */
void yg_http_call_cancel(struct yg_http_call *call);

#endif
