/* SPDX-License-Identifier: MIT */
#include "http_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static const struct yd_http_options limits = {
    .limits = {.max_head = 512, .max_target = 200, .max_fields = 10},
    .max_body = 1000,
    .max_buffered = 1000,
    .header_ms = 1000,
    .body_ms = 2000,
    .keep_ms = 3000,
    .decide_ms = 4000,
};

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    struct http_sim *hs = user;

    (void)snprintf(hs->log, sizeof hs->log, "%s: %" YODEL_PRI, yodel_log_level_name(level),
                   YODEL_ARG(text));
    hs->num_lines++;
}

int http_sim_start(struct http_sim *hs, const struct yodel_allocator *mem, unsigned max_connections)
{
    struct yd_net_options options = {.send_ms = 5000,
                                     .linger_ms = 100,
                                     .close_ms = 200,
                                     .discard_ms = 1000,
                                     .max_discard = 100000,
                                     .max_connections = max_connections,
                                     .num_connections = &hs->num_connections};
    int rc;

    memset(hs, 0, sizeof *hs);
    hs->sink = (struct yodel_log_sink){on_log, YODEL_LOG_DEBUG, hs};
    if ((rc = yd_loop_new(&yd_loop_sim, mem, &hs->sink, 0, &hs->loop)) < 0)
        return rc;
    if ((rc = yd_net_init(&hs->net, hs->loop, &options)) < 0)
        goto fail_loop;
    if ((rc = yd_http_init(&hs->http, mem, &hs->sink, &limits, hs)) < 0)
        goto fail_net;
    hs->net.on_connection = yd_http_connection;
    hs->net.user = &hs->http;
    if ((rc = yd_net_listen(&hs->net, &hs->listener, -1, &hs->front)) == 0)
        return 0;
    yd_http_done(&hs->http);
fail_net:
    yd_net_done(&hs->net);
fail_loop:
    yd_loop_free(hs->loop);
    hs->loop = NULL;
    return rc;
}

void http_sim_stop(struct http_sim *hs)
{
    if (hs->loop == NULL)
        return;
    yd_net_abort(&hs->net);
    sim_run(hs->loop);
    yd_listener_stop(&hs->listener.base);
    yd_loop_close(hs->loop);
    yd_net_done(&hs->net);
    yd_loop_free(hs->loop);
    yd_http_done(&hs->http);
    hs->loop = NULL;
}

struct sim_peer *http_sim_ask(struct http_sim *hs, const char *text)
{
    struct sim_peer *peer = sim_connect(hs->loop);

    sim_send_text(peer, text);
    sim_run(hs->loop);
    return peer;
}

void http_sim_assert_status(struct sim_peer *peer, int status)
{
    char expected[32], begin[32];

    (void)snprintf(expected, sizeof expected, "HTTP/1.1 %d", status);
    (void)snprintf(begin, strlen(expected) + 1, "%s", sim_received(peer));
    assert_string_equal(begin, expected);
}

const char *http_sim_header(struct sim_peer *peer, const char *name)
{
    static char value[1000];
    const char *line = sim_received(peer);
    const char *end = strstr(line, "\r\n\r\n");
    size_t len = strlen(name);

    assert_non_null(end);
    while ((line = strstr(line, "\r\n")) != NULL && line < end) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || strncmp(line + len, ": ", 2) != 0)
            continue;
        line += len + 2;
        (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r"), line);
        return value;
    }
    return "";
}

const char *http_sim_body(struct sim_peer *peer)
{
    const char *end = strstr(sim_received(peer), "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

bool http_sim_next(struct sim_peer *peer, struct http_sim_answer *ret_answer)
{
    static char body[1 << 20];
    const char *head = sim_received(peer), *end = strstr(head, "\r\n\r\n");
    size_t head_len, len;

    if (end == NULL)
        return false;
    head_len = (size_t)(end + 4 - head);
    len = strtoul(http_sim_header(peer, "Content-Length"), NULL, 10);
    if (sim_received_len(peer) < head_len + len)
        return false;
    assert_true(len < sizeof body);
    memcpy(body, end + 4, len);
    body[len] = '\0';
    assert_int_equal(sscanf(head, "HTTP/1.1 %d", &ret_answer->status), 1);
    ret_answer->body = body;
    ret_answer->len = len;
    yd_buf_consume(&peer->output, head_len + len);
    return true;
}

int http_sim_count(struct sim_peer *peer, const char *needle)
{
    int count = 0;

    for (const char *p = sim_received(peer); (p = strstr(p, needle)) != NULL; p++)
        count++;
    return count;
}

void http_sim_assert_open(struct sim_peer *peer)
{
    assert_false(sim_is_shut(peer));
    assert_false(sim_is_closed(peer));
}
