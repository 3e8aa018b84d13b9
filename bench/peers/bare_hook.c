/* SPDX-License-Identifier: MIT */
/*
 * A hooked event on a bare loop: on one epoll a message of Socket.IO is received, a request
 * of the size that yodel serve sends goes to the back end, its answer is received, and the message
 * goes back.  Four system calls and the waits.  It is no floor: it sleeps about once an event, and
 * a server that takes more events in a turn, as on io_uring, has less of the kernel's part.
 *
 * Each client has a kept connection to the back end and one message under way.  Nothing is signed
 * or parsed, and there are no limits and no timeouts.  A yardstick, not a server.
 *
 * Usage: bare_hook PORT (of the back end on 127.0.0.1)
 */
#include "bare.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 65536
#define REPLY_MAX 4096
#define EVENTS_PER_WAIT 512
#define CONNECT "40"
#define EVENT "42[\""

enum side { LISTENER, CLIENT, BACK_END };

struct end {
    enum side side;
    int fd;
    struct end *other;
    bool upgraded;
    bool waits; /* for an answer of the back end */
    size_t reply_len;
    uint8_t reply[REPLY_MAX]; /* the frame that the client gets then */
};

static uint8_t input[BUFFER_SIZE];
static uint16_t back_end_port;
static int epoll;

static void fail(const char *what)
{
    fprintf(stderr, "bare_hook: %s\n", what);
    exit(1);
}

static struct end *add(enum side side, int fd)
{
    struct end *end = calloc(1, sizeof *end);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};

    if (end == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("no memory or no descriptors");
    end->side = side;
    end->fd = fd;
    return end;
}

static void send_all(const struct end *end, const void *data, size_t len)
{
    if (send(end->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("send");
}

static void send_text(const struct end *end, const char *text)
{
    const size_t len = strlen(text);
    uint8_t frame[256] = {0x81, (uint8_t)len};

    memcpy(frame + 2, text, len);
    send_all(end, frame, len + 2);
}

/* ---- the back end ---- */

static int connect_to_back_end(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(back_end_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail("the back end cannot be reached");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* message   ["name",arguments] */
static void ask(const struct end *back_end, const char *message, size_t len)
{
    static const char socket[] =
        "{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\",\"namespace\":\"/\",\"user\":null,\"meta\":null,"
        "\"connection\":\"aaaaaaaaaaaaaaaaaaaa\",\"transport\":\"websocket\","
        "\"address\":\"127.0.0.1\",\"connected_at\":\"2026-01-01T00:00:00.000Z\"}";
    const char *comma = memchr(message, ',', len);
    char body[REPLY_MAX + 1024], request[sizeof body + 1024];
    int body_len, request_len;

    if (comma == NULL)
        fail("an event without arguments");
    body_len =
        snprintf(body, sizeof body,
                 "{\"version\":1,\"node\":\"n1\",\"events\":[{\"id\":\"evt_aaaaaaaaaaaaaaaa\","
                 "\"kind\":\"event\",\"time\":\"2026-01-01T00:00:00.000Z\",\"seq\":1,"
                 "\"socket\":%s,\"event\":%.*s,\"args\":[%.*s,\"ack\":false}]}",
                 socket, (int)(comma - message) - 1, message + 1, (int)(message + len - comma) - 1,
                 comma + 1);
    request_len = snprintf(
        request, sizeof request,
        "POST /hook HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n"
        "Content-Type: application/json\r\nUser-Agent: bare\r\nwebhook-id: msg_aaaaaaaaaaaaaaaa\r\n"
        "webhook-timestamp: 1767225600\r\n"
        "webhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
        "Yodel-Kind: event\r\nYodel-Attempt: 1\r\nYodel-Node: n1\r\nContent-Length: %d\r\n\r\n%s",
        back_end_port, body_len, body);
    send_all(back_end, request, (size_t)request_len);
}

static void on_answer(struct end *back_end, size_t len)
{
    struct end *client = back_end->other;

    if (!client->waits || len < 12 || memcmp(input, "HTTP/1.1 200", 12) != 0 ||
        memcmp(input + len - 2, "]}", 2) != 0)
        fail("not one whole answer");
    client->waits = false;
    send_all(client, client->reply, client->reply_len);
}

/* ---- clients ---- */

static void upgrade(struct end *client)
{
    char answer[BARE_ANSWER_MAX];
    const int len = bare_answer((const char *)input, answer);

    if (len < 0)
        fail("not a WebSocket");
    client->upgraded = true;
    client->other = add(BACK_END, connect_to_back_end());
    client->other->other = client;
    send_all(client, answer, (size_t)len);
    send_text(client, "0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":25000,"
                      "\"pingTimeout\":20000,\"maxPayload\":1000000}");
}

static void on_frame(struct end *client, size_t len)
{
    struct frame frame;
    const char *text;
    size_t text_len;

    if (!bare_parse(input, len, &frame) || frame.head + frame.payload != len || len > REPLY_MAX ||
        client->waits)
        fail("not one whole message at a time");
    client->reply_len = bare_write_reply(client->reply, input, &frame);
    text_len = frame.payload;
    text = (const char *)client->reply + client->reply_len - text_len;
    if (text_len == sizeof CONNECT - 1 && memcmp(text, CONNECT, text_len) == 0) {
        send_text(client, "40{\"sid\":\"a\"}");
    } else if (text_len > sizeof EVENT && memcmp(text, EVENT, sizeof EVENT - 1) == 0) {
        client->waits = true;
        ask(client->other, text + 2, text_len - 2);
    }
}

static void drop(struct end *client)
{
    close(client->fd);
    if (client->other != NULL)
        close(client->other->fd);
    client->fd = -1; /* the struct stays: it may be among the events of this wait */
}

static void on_input(struct end *end)
{
    ssize_t len;

    if (end->fd < 0 || (end->side == BACK_END && end->other->fd < 0))
        return;
    len = recv(end->fd, input, sizeof input - 1, 0);
    if (len <= 0) {
        drop(end->side == CLIENT ? end : end->other);
        return;
    }
    input[len] = '\0';
    if (end->side == BACK_END)
        on_answer(end, (size_t)len);
    else if (end->upgraded)
        on_frame(end, (size_t)len);
    else
        upgrade(end);
}

static void let_in(int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;

    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)add(CLIENT, fd);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    struct end *listener;

    if (argc != 2)
        fail("usage: bare_hook PORT");
    back_end_port = (uint16_t)atoi(argv[1]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = add(LISTENER, bare_listen(0));
    for (;;) {
        const int num = epoll_wait(epoll, events, EVENTS_PER_WAIT, -1);

        for (int i = 0; i < num; i++) {
            struct end *end = events[i].data.ptr;

            if (end == listener)
                let_in(end->fd);
            else
                on_input(end);
        }
    }
}
