/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events: a page with an EventSource, and a group that its readers share with
 * WebSockets.  A reader that comes back gets what it has missed, by the id of its last event.
 *
 *     curl -N http://localhost:8000/events
 *     curl -d 'hello' http://localhost:8000/say
 *     new WebSocket("ws://localhost:8000/ws")
 *
 * Usage: events [address]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

#define GROUP "news"
#define MAX_TEXT 1000
#define MAX_KEPT 64

/* The server has one loop, so its handlers need no lock for this. */
struct news {
    yodel_channels *channels;
    unsigned long long last; /* id; 0: nothing was said yet */
    char kept[MAX_KEPT][MAX_TEXT + 1];
};

static const char page[] =
    "<!doctype html><meta charset=utf-8><title>Events</title>\n"
    "<ul></ul><form><input autofocus><button>Say</button></form>\n"
    "<script>\n"
    "const list = document.querySelector('ul'), input = document.querySelector('input')\n"
    "new EventSource('/events').addEventListener('news', event => {\n"
    "    list.append(Object.assign(document.createElement('li'), {textContent: event.data}))\n"
    "})\n"
    "document.querySelector('form').onsubmit = event => {\n"
    "    event.preventDefault()\n"
    "    fetch('/say', {method: 'POST', body: input.value})\n"
    "    input.value = ''\n"
    "}\n"
    "</script>\n";

static void show_page(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, "text/html; charset=utf-8",
                                   (yodel_str){page, sizeof page - 1});
}

static int send_news(yodel_sse *sse, unsigned long long number, const char *text)
{
    char id[24];

    (void)snprintf(id, sizeof id, "%llu", number);
    return yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .data = yodel_str_of(text),
                                             .event = "news", .id = id));
}

/* What the group gets is the same for all; each reader makes an event with its id of it. */
static int on_event(yodel_sse *sse, const yodel_event *event, void *user)
{
    const char *text;
    long long id;
    int rc = yodel_event_unpack(event, "{s:I, s:s}", "id", &id, "text", &text);

    (void)user;
    if (rc >= 0)
        rc = send_news(sse, (unsigned long long)id, text);
    return rc == YODEL_ERR_CONGESTED ? 0 : rc; /* a slow reader misses some */
}

static void on_stop(yodel_sse *sse, void *user)
{
    (void)user;
    (void)yodel_sse_send(
        sse, YODEL_OPTIONS(yodel_sse_message, .data = YODEL_STR("back soon"), .event = "stop"));
}

static void catch_up(yodel_sse *sse, const struct news *news, yodel_str last_id)
{
    char digits[24];
    unsigned long long next;

    (void)snprintf(digits, sizeof digits, "%" YODEL_PRI, YODEL_ARG(last_id));
    next = strtoull(digits, NULL, 10) + 1;
    if (news->last >= MAX_KEPT && next <= news->last - MAX_KEPT)
        next = news->last - MAX_KEPT + 1;
    for (; next <= news->last; next++)
        if (send_news(sse, next, news->kept[next % MAX_KEPT]) < 0)
            return;
}

static void show_events(yodel_request *req, void *user)
{
    struct news *news = user;
    yodel_str last_id = yodel_request_last_event_id(req);
    yodel_sse *sse;

    if (yodel_request_sse_begin(req,
                                YODEL_OPTIONS(yodel_sse_options, .retry_ms = 1000,
                                              .on_event = on_event, .on_stop = on_stop),
                                &sse) < 0)
        return; /* which answers 500 */
    if (last_id.len > 0)
        catch_up(sse, news, last_id);
    if (yodel_sse_group_add(sse, news->channels, GROUP) < 0)
        (void)yodel_sse_end(sse); /* and the client comes again */
}

static void say(yodel_request *req, void *user)
{
    struct news *news = user;
    yodel_bytes body = yodel_request_body(req);
    char text[MAX_TEXT + 1];
    int rc;

    if (body.len > MAX_TEXT || memchr(body.ptr, '\0', body.len) != NULL) {
        (void)yodel_request_reply_text(req, 400, NULL, YODEL_STR("at most 1000 bytes of text\n"));
        return;
    }
    memcpy(text, body.ptr, body.len);
    text[body.len] = '\0';
    rc = yodel_group_send_event(news->channels, GROUP, "news", "{s:I, s:s}", "id",
                                (long long)news->last + 1, "text", text);
    if (rc < 0) {
        (void)yodel_request_reply_text(req, 503, NULL, yodel_str_of(yodel_strerror(rc)));
        return;
    }
    news->last++;
    strcpy(news->kept[news->last % MAX_KEPT], text);
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("said\n"));
}

/* ---- WebSockets in the same group ---- */

static int on_ws_open(yodel_ws *ws, void *user)
{
    struct news *news = user;

    return yodel_group_add(news->channels, GROUP, ws);
}

static int on_ws_event(yodel_ws *ws, const yodel_event *event, void *user)
{
    const char *text;
    int rc = yodel_event_unpack(event, "{s:s}", "text", &text);

    (void)user;
    if (rc >= 0)
        rc = yodel_ws_send_text(ws, yodel_str_of(text));
    return rc == YODEL_ERR_CONGESTED ? 0 : rc;
}

static int add_routes(yodel_server *server, struct news *news)
{
    int rc = yodel_server_route(server, "GET /", show_page, NULL);

    if (rc >= 0)
        rc = yodel_server_route(server, "GET /events", show_events, news);
    if (rc >= 0)
        rc = yodel_server_route(server, "POST /say", say, news);
    if (rc >= 0)
        rc = yodel_server_route_ws(
            server, "/ws",
            YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_ws_open, .on_event = on_ws_event), news);
    return rc;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    static struct news news;
    yodel_server *server = NULL;
    int rc;

    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .handle_signals = 1),
                          &server);
    if (rc >= 0)
        rc = yodel_channels_new_memory(server, &news.channels);
    if (rc >= 0)
        rc = add_routes(server, &news);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "events: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "events: %s\n", yodel_strerror(rc));
    yodel_channels_unref(news.channels);
    yodel_server_unref(server);
    return rc < 0;
}
