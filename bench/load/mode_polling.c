/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "frames.h"
#include "http.h"
#include "modes.h"
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX 4096 /* and the message, of course */
#define SID_START "\"sid\":\""

/* As a browser does it: a GET always waits on one connection, POSTs go out on another. */
enum post { POST_CONNECT, POST_PONG, POST_EVENT, NUM_POSTS };

struct request {
    char *text;
    size_t len;
};

struct session {
    struct http_conn get, post;
    struct request poll, posts[NUM_POSTS];
    bool due[NUM_POSTS]; /* sent in this order, as soon as the POST before is answered */
    uint64_t sent_ns;    /* the event under way */
};

struct polling {
    struct run run; /* first */
    struct session *sessions;
    unsigned open; /* in the namespace */
    struct request handshake;
    uint8_t *send, *expect;
    size_t send_len, expect_len;
};

static int make_get(const struct polling *p, const char *sid, int sid_len, struct request *ret_get)
{
    int len = asprintf(
        &ret_get->text, "GET %s%s%.*s HTTP/1.1\r\nHost: localhost:%u\r\nAccept: */*\r\n\r\n",
        p->run.options->path, sid_len > 0 ? "&sid=" : "", sid_len, sid, p->run.options->port);

    if (len < 0)
        ret_get->text = NULL;
    ret_get->len = len < 0 ? 0 : (size_t)len;
    return len < 0 ? -1 : 0;
}

static int make_post(const struct polling *p, const char *sid, int sid_len, const void *body,
                     size_t body_len, struct request *ret_post)
{
    int len = asprintf(&ret_post->text,
                       "POST %s&sid=%.*s HTTP/1.1\r\nHost: localhost:%u\r\nAccept: */*\r\n"
                       "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%.*s",
                       p->run.options->path, sid_len, sid, p->run.options->port, body_len,
                       (int)body_len, (const char *)body);

    if (len < 0)
        ret_post->text = NULL;
    ret_post->len = len < 0 ? 0 : (size_t)len;
    return len < 0 ? -1 : 0;
}

static int make_requests(const struct polling *p, struct session *s, const char *sid, int sid_len)
{
    if (make_get(p, sid, sid_len, &s->poll) < 0 ||
        make_post(p, sid, sid_len, SIO_CONNECT, strlen(SIO_CONNECT), &s->posts[POST_CONNECT]) < 0 ||
        make_post(p, sid, sid_len, SIO_PONG, strlen(SIO_PONG), &s->posts[POST_PONG]) < 0)
        return -1;
    return make_post(p, sid, sid_len, p->send, p->send_len, &s->posts[POST_EVENT]);
}

/* what: NULL when the error is counted already. */
static void fail(struct polling *p, struct session *s, const char *what)
{
    http_close(&s->get);
    http_close(&s->post);
    if (what != NULL)
        run_error(&p->run, what);
}

static size_t answer_max(const struct polling *p)
{
    return ANSWER_MAX + p->expect_len;
}

static bool send_request(struct polling *p, struct session *s, struct http_conn *h,
                         const struct request *request)
{
    if (http_send(&p->run, h, request->text, request->len) == 0)
        return true;
    fail(p, s, NULL);
    return false;
}

static void post_next(struct polling *p, struct session *s)
{
    if (s->post.state != HTTP_IDLE)
        return;
    for (int i = 0; i < NUM_POSTS; i++) {
        if (!s->due[i])
            continue;
        s->due[i] = false;
        if (i == POST_EVENT)
            s->sent_ns = clock_now_ns();
        send_request(p, s, &s->post, &s->posts[i]);
        return;
    }
}

/* From now on everything goes to another node. */
static void go_via(struct polling *p, struct session *s)
{
    http_close(&s->get);
    p->run.goes_via = true;
    if (http_open(&p->run, &s->get, s, answer_max(p)) < 0 ||
        http_open(&p->run, &s->post, s, answer_max(p)) < 0)
        fail(p, s, NULL);
}

/* The answer to the handshake: now the session's requests can be written. */
static void start_session(struct polling *p, struct session *s, const struct http_body *body)
{
    const char *sid = strstr(body->text, SID_START), *end;

    if (sid == NULL || sio_packet_kind((const uint8_t *)body->text, body->len) != SIO_GOT_OPEN) {
        fail(p, s, "no Engine.IO handshake");
        return;
    }
    sid += sizeof SID_START - 1;
    end = strchr(sid, '"');
    if (end == NULL || make_requests(p, s, sid, (int)(end - sid)) < 0) {
        fail(p, s, "no session id, or out of memory");
        return;
    }
    s->due[POST_CONNECT] = true;
    if (p->run.options->via != 0) {
        go_via(p, s);
        return;
    }
    if (http_open(&p->run, &s->post, s, answer_max(p)) < 0)
        fail(p, s, NULL);
    else
        send_request(p, s, &s->get, &s->poll);
}

static bool take_packet(struct polling *p, struct session *s, const uint8_t *packet, size_t len,
                        uint64_t now_ns)
{
    if (len == p->expect_len && memcmp(packet, p->expect, len) == 0) {
        histogram_add(&p->run.latency, now_ns - s->sent_ns);
        p->run.operations++;
        s->due[POST_EVENT] = true;
        return true;
    }
    switch (sio_packet_kind(packet, len)) {
    case SIO_GOT_CONNECT:
        p->open++;
        s->due[POST_EVENT] = true;
        return true;
    case SIO_GOT_PING:
        s->due[POST_PONG] = true;
        return true;
    default:
        return false;
    }
}

static void take_payload(struct polling *p, struct session *s, const struct http_body *body)
{
    const uint8_t *at = (const uint8_t *)body->text, *end = at + body->len;
    uint64_t now_ns = clock_now_ns();

    while (at < end) {
        const uint8_t *stop = memchr(at, SIO_SEPARATOR, (size_t)(end - at));

        if (stop == NULL)
            stop = end;
        if (!take_packet(p, s, at, (size_t)(stop - at), now_ns)) {
            fail(p, s, "a packet other than expected");
            return;
        }
        at = stop + 1;
    }
    if (send_request(p, s, &s->get, &s->poll))
        post_next(p, s);
}

static void handle_get(struct polling *p, struct session *s, const struct http_body *body)
{
    if (body->text == NULL)
        send_request(p, s, &s->get, s->poll.text != NULL ? &s->poll : &p->handshake);
    else if (s->poll.text == NULL)
        start_session(p, s, body);
    else
        take_payload(p, s, body);
}

static void handle_post(struct polling *p, struct session *s, const struct http_body *body)
{
    if (body->text != NULL && strcasecmp(body->text, "ok") != 0)
        fail(p, s, "a POST that is not ok");
    else
        post_next(p, s);
}

static void handle_event(struct run *run, void *source, uint32_t events)
{
    struct polling *p = (struct polling *)run;
    struct http_conn *h = source;
    struct session *s = h->owner;
    struct http_body body;
    int rc;

    (void)events;
    if (h->state == HTTP_CLOSED) /* by an event before this one */
        return;
    rc = http_handle(run, h, &body);
    if (rc < 0)
        fail(p, s, NULL);
    else if (rc > 0 && h == &s->get)
        handle_get(p, s, &body);
    else if (rc > 0)
        handle_post(p, s, &body);
}

static int open_sessions(struct polling *p)
{
    unsigned total = p->run.options->connections;
    struct run_patience patience = {0};

    for (unsigned i = 0; i < total; i++) {
        struct session *s = &p->sessions[i];

        if (http_open(&p->run, &s->get, s, answer_max(p)) < 0)
            return -1;
    }
    while (p->open < total) {
        uint64_t now_ns = run_poll(&p->run);

        if (p->run.errors > 0 || run_stalled(&p->run, &patience, p->open, now_ns)) {
            fprintf(stderr, "load: %u of %u sessions opened\n", p->open, total);
            return -1;
        }
    }
    return 0;
}

static int init(struct polling *p, const struct load_options *options)
{
    *p = (struct polling){.sessions = calloc(options->connections, sizeof *p->sessions)};
    if (run_init(&p->run, options, handle_event) < 0 || p->sessions == NULL)
        return -1;
    p->send = message_expand(options->send, options->size, &p->send_len);
    p->expect = message_expand(options->expect, options->size, &p->expect_len);
    if (p->send == NULL || p->expect == NULL)
        return -1;
    return make_get(p, "", 0, &p->handshake);
}

static void done(struct polling *p)
{
    for (unsigned i = 0; p->sessions != NULL && i < p->run.options->connections; i++) {
        struct session *s = &p->sessions[i];

        http_close(&s->get);
        http_close(&s->post);
        free(s->poll.text);
        for (int post = 0; post < NUM_POSTS; post++)
            free(s->posts[post].text);
    }
    run_done(&p->run);
    free(p->sessions);
    free(p->handshake.text);
    free(p->send);
    free(p->expect);
}

int mode_polling(const struct load_options *options, struct report *report)
{
    struct polling polling;
    int rc = -1;

    if (init(&polling, options) < 0)
        perror("load: cannot start");
    else if (open_sessions(&polling) == 0)
        rc = measure(&polling.run, report);
    done(&polling);
    return rc;
}
