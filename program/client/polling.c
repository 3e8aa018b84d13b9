/* SPDX-License-Identifier: MIT */
#include "client/polling.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/poll_payload.h"

#define WEBSOCKET "websocket" /* how a target ends (client/address.h) */
#define MAX_SID 256

static const char content_type[] = "Content-Type: text/plain;charset=UTF-8";

static void on_got(const struct yg_http_reply *reply, void *user);
static void on_posted(const struct yg_http_reply *reply, void *user);

/* ---- the end ---- */

void yg_polling_drop(struct yg_polling *polling)
{
    if (polling->state == YG_POLLING_IDLE)
        return;
    polling->state = YG_POLLING_IDLE;
    yg_http_client_free(polling->client);
    polling->client = NULL;
    polling->get = polling->post = NULL;
    yg_text_done(&polling->url);
    yg_text_done(&polling->cookies);
    yg_text_done(&polling->cookie_header);
    yg_text_done(&polling->queue);
    yg_text_done(&polling->body);
    free(polling->headers);
    polling->headers = NULL;
    if (polling->gone != NULL)
        *polling->gone = true;
    polling->gone = NULL;
}

static void tell_end(struct yg_polling *polling, const struct yg_end *end)
{
    const struct yg_end copy = *end;

    yg_polling_drop(polling);
    polling->events->on_ended(polling, &copy);
}

static void end_with(struct yg_polling *polling, enum yg_end_kind kind, const char *method,
                     const char *words)
{
    struct yg_end end = {.kind = kind};

    snprintf(end.words, sizeof(end.words), "%s: %s", method, words);
    tell_end(polling, &end);
}

/* A request without an answer. */
static void on_failed(struct yg_polling *polling, const char *method,
                      const struct yg_http_reply *reply)
{
    const bool was_open = polling->state != YG_POLLING_OPENS;

    if (reply->result == -ENOMEM)
        end_with(polling, YG_END_FAILED, method, "out of memory");
    else if (reply->result == -ETIMEDOUT)
        end_with(polling, YG_END_LATE, method, reply->error);
    else if (reply->result == -E2BIG)
        end_with(polling, YG_END_WRONG, method, "a payload that is too long");
    else
        end_with(polling, was_open ? YG_END_LOST : YG_END_UNREACHABLE, method, reply->error);
}

static void on_refused(struct yg_polling *polling, const char *method,
                       const struct yg_http_reply *reply)
{
    struct yg_end end = {.kind = YG_END_REFUSED, .code = (int)reply->status};
    const size_t len = reply->body.len < 200 ? reply->body.len : 200;

    snprintf(end.words, sizeof(end.words), "%s%s%.*s", method, len > 0 ? ": " : "", (int)len,
             len > 0 ? reply->body.ptr : "");
    tell_end(polling, &end);
}

/* Whether an answer is one; else the session has ended. */
static bool check(struct yg_polling *polling, const char *method, const struct yg_http_reply *reply)
{
    if (reply->result < 0)
        on_failed(polling, method, reply);
    else if (reply->status != 200)
        on_refused(polling, method, reply);
    else
        return true;
    return false;
}

/* ---- requests ---- */

/* The cookies so far go with all that follows. */
static int take_cookies(struct yg_polling *polling, const struct yg_http_reply *reply)
{
    const char *value;

    for (size_t n = 0; (value = yg_http_reply_header(reply, "set-cookie", n)) != NULL; n++)
        yg_cookies_take(&polling->cookies, value);
    return yg_cookies_put(&polling->cookie_header, &polling->cookies);
}

/* Behind those of the options. */
static void set_headers(struct yg_polling *polling, bool is_get)
{
    size_t num = polling->num_headers;

    if (polling->cookies.len > 0)
        polling->headers[num++] = polling->cookie_header.ptr;
    if (!is_get)
        polling->headers[num++] = content_type;
    polling->headers[num] = NULL;
}

static int send_request(struct yg_polling *polling, bool is_get, yodel_str body)
{
    const struct yg_ws_options *ws = polling->options->ws;
    const bool is_first = polling->state == YG_POLLING_OPENS;
    const struct yg_http_request request = {.url = yg_text_string(&polling->url),
                                            .is_get = is_get,
                                            .headers = polling->headers,
                                            .body = body,
                                            .timeout_ms = is_get && !is_first ? 0 : ws->timeout_ms,
                                            .connect_timeout_ms = ws->timeout_ms};

    set_headers(polling, is_get);
    return yg_http_client_send(polling->client, &request, is_get ? on_got : on_posted, polling,
                               is_get ? &polling->get : &polling->post);
}

static void get(struct yg_polling *polling)
{
    const int rc = send_request(polling, true, (yodel_str){NULL, 0});

    if (rc < 0)
        end_with(polling, YG_END_FAILED, "GET", yodel_strerror(rc));
}

/* Forgets what is gone, once that is the larger part: the queue may never become empty. */
static void move_up(struct yg_polling *polling)
{
    struct yg_text *queue = &polling->queue;
    const size_t rest = polling->queue_at < queue->len ? queue->len - polling->queue_at : 0;

    if (rest > polling->queue_at)
        return;
    if (rest > 0)
        memmove(queue->ptr, queue->ptr + polling->queue_at, rest);
    yg_text_cut(queue, rest);
    polling->queue_at = 0;
}

/* Cuts off as much as goes into one POST. */
static int fill_body(struct yg_polling *polling)
{
    struct yg_text *queue = &polling->queue;
    const yodel_str rest = yg_polling_unsent(polling);
    const size_t len = yg_payload_fit(rest, polling->max_payload);

    yg_text_reset(&polling->body);
    if (len == rest.len && polling->queue_at == 0) {
        const struct yg_text body = polling->body;

        polling->body = *queue;
        *queue = body;
        return 0;
    }
    yg_text_add(&polling->body, rest.ptr, len);
    polling->queue_at += len + 1; /* with the separator */
    move_up(polling);
    return yg_text_failed(&polling->body) ? -ENOMEM : 0;
}

static bool may_post(const struct yg_polling *polling)
{
    return (polling->state == YG_POLLING_OPEN || polling->state == YG_POLLING_CLOSING ||
            polling->state == YG_POLLING_LAST) &&
           polling->post == NULL && polling->queue.len > 0;
}

/* Posts what waits, if that can be.  Returns 0 or a negative result. */
static int post(struct yg_polling *polling)
{
    int rc;

    if (!may_post(polling))
        return 0;
    rc = fill_body(polling);
    if (rc == 0)
        rc = send_request(polling, false, (yodel_str){polling->body.ptr, polling->body.len});
    return rc;
}

/* Behind what was put into the queue. */
static int send_queue(struct yg_polling *polling, size_t before)
{
    if (!yg_text_failed(&polling->queue))
        return post(polling);
    yg_text_cut(&polling->queue, before);
    return -ENOMEM;
}

/* The packet that closes has a POST of its own: node's Socket.IO deals with what else is in its
 * payload after it, and a client that has said goodbye would not have. */
static int go_on_closing(struct yg_polling *polling)
{
    if (polling->post != NULL || polling->queue.len > 0)
        return post(polling);
    polling->state = YG_POLLING_LAST;
    yg_payload_put(&polling->queue, YODEL_STR("1"));
    return send_queue(polling, 0);
}

/* ---- answers ---- */

static void settle_pause(struct yg_polling *polling)
{
    if (polling->state != YG_POLLING_PAUSING || polling->get != NULL || polling->post != NULL)
        return;
    polling->state = YG_POLLING_PAUSED;
    polling->events->on_paused(polling);
}

/* Returns false when it has gone. */
static bool give_packets(struct yg_polling *polling, yodel_str payload)
{
    yodel_str packet;
    bool gone = false;

    while (yg_payload_next(&payload, &packet)) {
        polling->gone = &gone;
        polling->events->on_packet(polling, packet);
        if (gone)
            return false;
        polling->gone = NULL;
    }
    return true;
}

static void on_got(const struct yg_http_reply *reply, void *user)
{
    struct yg_polling *polling = user;
    const bool is_first = polling->state == YG_POLLING_OPENS;
    yodel_str payload = reply->body;

    polling->get = NULL;
    if (!check(polling, "GET", reply))
        return;
    if (take_cookies(polling, reply) < 0) {
        end_with(polling, YG_END_FAILED, "GET", "out of memory");
        return;
    }
    if (payload.ptr == NULL)
        payload.ptr = "";
    if (!give_packets(polling, payload))
        return;
    if (is_first && polling->state == YG_POLLING_OPENS)
        end_with(polling, YG_END_WRONG, "GET", "a session that does not begin");
    else if (polling->state == YG_POLLING_OPEN)
        get(polling);
    else
        settle_pause(polling);
}

static void on_posted(const struct yg_http_reply *reply, void *user)
{
    const struct yg_end closed = {.kind = YG_END_CLOSED, .code = 1000};
    struct yg_polling *polling = user;
    int rc;

    polling->post = NULL;
    if (!check(polling, "POST", reply))
        return;
    if (polling->state == YG_POLLING_LAST) {
        tell_end(polling, &closed);
        return;
    }
    rc = take_cookies(polling, reply);
    if (rc == 0)
        rc = polling->state == YG_POLLING_CLOSING ? go_on_closing(polling) : post(polling);
    if (rc < 0)
        end_with(polling, YG_END_FAILED, "POST", yodel_strerror(rc));
    else
        settle_pause(polling);
}

/* ---- sending ---- */

yodel_str yg_polling_unsent(const struct yg_polling *polling)
{
    if (polling->queue.len == 0)
        return (yodel_str){NULL, 0};
    return (yodel_str){polling->queue.ptr + polling->queue_at,
                       polling->queue.len - polling->queue_at};
}

size_t yg_polling_waiting(const struct yg_polling *polling)
{
    return polling->queue.len - polling->queue_at + (polling->post != NULL ? polling->body.len : 0);
}

static bool takes_packets(const struct yg_polling *polling)
{
    return polling->state == YG_POLLING_OPEN || polling->state == YG_POLLING_PAUSING ||
           polling->state == YG_POLLING_PAUSED;
}

int yg_polling_send(struct yg_polling *polling, yodel_str packet)
{
    const size_t before = polling->queue.len;

    if (!takes_packets(polling))
        return 0;
    if (yg_polling_waiting(polling) + packet.len > YG_LINK_MAX_WAITING)
        return -ENOBUFS;
    yg_payload_put(&polling->queue, packet);
    return send_queue(polling, before);
}

int yg_polling_send_binary(struct yg_polling *polling, yodel_bytes bytes)
{
    const size_t before = polling->queue.len;

    if (!takes_packets(polling))
        return 0;
    if (yg_polling_waiting(polling) + bytes.len / 3 * 4 > YG_LINK_MAX_WAITING)
        return -ENOBUFS;
    yg_payload_put_binary(&polling->queue, bytes);
    return send_queue(polling, before);
}

void yg_polling_pause(struct yg_polling *polling)
{
    if (polling->state != YG_POLLING_OPEN)
        return;
    polling->state = YG_POLLING_PAUSING;
    settle_pause(polling);
}

int yg_polling_close(struct yg_polling *polling)
{
    if (!takes_packets(polling))
        return 0;
    polling->state = YG_POLLING_CLOSING;
    return go_on_closing(polling);
}

/* ---- the beginning ---- */

static int make_url(struct yg_polling *polling, const char *sid)
{
    const struct yg_ws_options *ws = polling->options->ws;
    const size_t len = strlen(ws->target) - (sizeof(WEBSOCKET) - 1);

    yg_text_reset(&polling->url);
    yg_text_printf(&polling->url, "%s://%s%.*spolling", ws->link.tls != NULL ? "https" : "http",
                   ws->authority, (int)len, ws->target);
    if (sid != NULL)
        yg_text_printf(&polling->url, "&sid=%s", sid);
    return yg_text_failed(&polling->url) ? -ENOMEM : 0;
}

static int make_headers(struct yg_polling *polling)
{
    const struct yg_ws_options *ws = polling->options->ws;

    polling->headers = calloc(ws->num_headers + 3, sizeof(*polling->headers));
    if (polling->headers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < ws->num_headers; i++)
        if (!yg_cookies_take_line(&polling->cookies, ws->headers[i]))
            polling->headers[polling->num_headers++] = ws->headers[i];
    return yg_cookies_put(&polling->cookie_header, &polling->cookies);
}

static int make_client(struct yg_polling *polling)
{
    const struct yg_ws_options *ws = polling->options->ws;
    const struct yg_http_client_options options = {
        .in_flight = 2,
        .max_body = ws->max_message / 3 * 4 + 65536,
        .tls = ws->link.tls,
        .is_insecure = ws->link.is_insecure,
        .addresses = polling->options->addresses,
    };

    return yg_http_client_new(ws->link.loop, &options, &polling->client);
}

int yg_polling_open(struct yg_polling *polling, const struct yg_polling_options *options,
                    const struct yg_polling_events *events)
{
    int rc;

    *polling = (struct yg_polling){.options = options, .events = events, .state = YG_POLLING_OPENS};
    if ((rc = make_url(polling, NULL)) < 0 || (rc = make_headers(polling)) < 0 ||
        (rc = make_client(polling)) < 0 ||
        (rc = send_request(polling, true, (yodel_str){NULL, 0})) < 0)
        yg_polling_drop(polling);
    return rc;
}

/* What a server may have as a session's name: it stands in URLs. */
static bool is_sid(const char *sid)
{
    static const char chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

    return *sid != '\0' && strlen(sid) <= MAX_SID && sid[strspn(sid, chars)] == '\0';
}

int yg_polling_go_on(struct yg_polling *polling, const char *sid, size_t max_payload)
{
    if (!is_sid(sid))
        return -EPROTO;
    polling->max_payload = max_payload;
    polling->state = YG_POLLING_OPEN;
    return make_url(polling, sid);
}
