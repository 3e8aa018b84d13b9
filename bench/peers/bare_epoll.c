/* SPDX-License-Identifier: MIT */
/*
 * The least a WebSocket server can do on epoll: one recv() and one send() for a batch of messages.
 * Echoes on every path but /broadcast, where a message goes to every connection.  It knows
 * unfragmented data frames and close, keeps no limits and no timeouts, and drops a connection
 * whose socket is full.  A yardstick, not a server.
 */
#include "bare.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (512u * 1024)
#define EVENTS_PER_WAIT 512

struct conn {
    int fd;
    bool upgraded, broadcasts;
    struct conn *previous, *next; /* all upgraded broadcast connections, in a ring */
    uint8_t *held;                /* the beginning of a frame that is not complete yet */
    size_t held_len;
};

static uint8_t input[BUFFER_SIZE];
static uint8_t outbox[BUFFER_SIZE]; /* frames to broadcast at the end of this turn */
static size_t outbox_len;
static struct conn listener;
static struct conn members = {.previous = &members, .next = &members};

static void drop(struct conn *conn)
{
    if (conn->next != NULL) {
        conn->previous->next = conn->next;
        conn->next->previous = conn->previous;
    }
    close(conn->fd);
    free(conn->held);
    free(conn);
}

static bool send_all(const struct conn *conn, const void *data, size_t len)
{
    return send(conn->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void flush_outbox(void)
{
    struct conn *next;

    if (outbox_len == 0)
        return;
    for (struct conn *conn = members.next; conn != &members; conn = next) {
        next = conn->next;
        if (!send_all(conn, outbox, outbox_len))
            shutdown(conn->fd, SHUT_RDWR); /* its event drops it */
    }
    outbox_len = 0;
}

static bool upgrade(struct conn *conn, const char *head)
{
    char answer[BARE_ANSWER_MAX];
    int len = bare_answer(head, answer);

    if (len < 0)
        return false;
    conn->upgraded = true;
    conn->broadcasts = bare_is_broadcast(head);
    if (conn->broadcasts) {
        conn->previous = members.previous;
        conn->next = &members;
        conn->previous->next = conn;
        members.previous = conn;
    }
    return send_all(conn, answer, (size_t)len);
}

static bool keep_rest(struct conn *conn, const uint8_t *rest, size_t len)
{
    if (len == 0)
        return true;
    conn->held = malloc(len);
    if (conn->held == NULL)
        return false;
    memcpy(conn->held, rest, len);
    conn->held_len = len;
    return true;
}

static void add_to_outbox(const uint8_t *data, const struct frame *frame)
{
    if (outbox_len + frame->payload + 10 > sizeof outbox)
        flush_outbox();
    outbox_len += bare_write_reply(outbox + outbox_len, data, frame);
}

/* Handles the frames in input; the replies are built in place, in front of what is not read yet. */
static bool handle_frames(struct conn *conn, size_t len)
{
    struct frame frame;
    size_t at = 0, out = 0;
    bool closes = false;

    while (!closes && bare_parse(input + at, len - at, &frame)) {
        closes = frame.opcode == 8;
        if (conn->broadcasts && !closes)
            add_to_outbox(input + at, &frame);
        else
            out += bare_write_reply(input + out, input + at, &frame);
        at += frame.head + frame.payload;
    }
    if (out > 0 && !send_all(conn, input, out))
        return false;
    return !closes && len - at < sizeof input / 2 && keep_rest(conn, input + at, len - at);
}

static bool handle_head(struct conn *conn, size_t len)
{
    if (len >= sizeof input)
        return false;
    input[len] = '\0';
    if (strstr((char *)input, "\r\n\r\n") == NULL)
        return keep_rest(conn, input, len);
    return upgrade(conn, (char *)input);
}

static bool handle_input(struct conn *conn)
{
    size_t held = conn->held_len;
    ssize_t len;

    if (held > 0) {
        memcpy(input, conn->held, held);
        free(conn->held);
        conn->held = NULL;
        conn->held_len = 0;
    }
    len = recv(conn->fd, input + held, sizeof input - held, 0);
    if (len <= 0)
        return len < 0 && errno == EAGAIN && keep_rest(conn, input, held);
    held += (size_t)len;
    return conn->upgraded ? handle_frames(conn, held) : handle_head(conn, held);
}

static void accept_one(int epoll_fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct conn *conn = calloc(1, sizeof *conn);
    int one = 1;

    if (conn == NULL)
        return;
    conn->fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (conn->fd < 0) {
        free(conn);
        return;
    }
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    event.data.ptr = conn;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0)
        drop(conn);
}

static void run(int epoll_fd)
{
    struct epoll_event events[EVENTS_PER_WAIT];

    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, -1);

        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;

            if (conn == &listener)
                accept_one(epoll_fd);
            else if (!handle_input(conn))
                drop(conn);
        }
        flush_outbox();
    }
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    listener.fd = bare_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (epoll_fd < 0 || listener.fd < 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener.fd, &event) < 0) {
        perror("bare_epoll");
        return EXIT_FAILURE;
    }
    run(epoll_fd);
}
