/* SPDX-License-Identifier: MIT */
#include "client.h"
#include "clock.h"
#include "sio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BUFFER_SIZE (256u * 1024)
#define HANDSHAKE_MAX 4096
#define CLOSE_NORMAL 1000

/* The sample key and its answer, RFC 6455 section 1.3. */
#define HANDSHAKE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HANDSHAKE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void set_wants_write(struct client *c, struct conn *conn, bool wants)
{
    if (conn->wants_write != wants)
        run_watch(&c->run, EPOLL_CTL_MOD, conn->channel.fd, wants ? EPOLLIN | EPOLLOUT : EPOLLIN,
                  conn);
    conn->wants_write = wants;
}

static void drop(struct client *c, struct conn *conn)
{
    if (conn->state == CONN_OPEN)
        c->open--;
    unpacker_free(conn->reader.unpacker);
    conn->reader.unpacker = NULL;
    channel_close(&conn->channel);
    conn->state = CONN_CLOSED;
}

static void fail(struct client *c, struct conn *conn, const char *what)
{
    drop(c, conn);
    run_error(&c->run, what);
}

void client_connect(struct client *c, struct conn *conn)
{
    int fd = run_connect(&c->run);

    if (fd < 0)
        return;
    *conn = (struct conn){.state = CONN_CONNECTING,
                          .wants_write = true,
                          .index = conn->index,
                          .started_ns = clock_now_ns()};
    if (channel_open(&conn->channel, fd, c->tls) < 0) {
        close(fd);
        conn->state = CONN_CLOSED;
        run_error(&c->run, "no TLS");
        return;
    }
    run_watch(&c->run, EPOLL_CTL_ADD, fd, EPOLLOUT, conn);
}

static void write_offer(char *out, size_t room, const struct load_options *o)
{
    char window[48] = "";

    out[0] = '\0';
    if (o->deflate == DEFLATE_OFF)
        return;
    if (o->window != 0)
        snprintf(window, sizeof window, "; server_max_window_bits=%u", o->window);
    snprintf(out, room, "Sec-WebSocket-Extensions: permessage-deflate%s%s\r\n", window,
             o->deflate == DEFLATE_CONTEXT
                 ? ""
                 : "; server_no_context_takeover; client_no_context_takeover");
}

/* With the number of the connection's group in place of {}. */
static void write_path(char *out, size_t room, const struct load_options *o, unsigned index)
{
    const char *hole = o->groups == 0 ? NULL : strstr(o->path, "{}");

    if (hole == NULL)
        snprintf(out, room, "%s", o->path);
    else
        snprintf(out, room, "%.*s%u%s", (int)(hole - o->path), o->path, index % o->groups,
                 hole + 2);
}

/* Returns the length of the request. */
static size_t write_request(char *out, size_t room, const struct load_options *o, unsigned index)
{
    char offer[192], path[512];
    int len;

    write_offer(offer, sizeof offer, o);
    write_path(path, sizeof path, o, index);
    len = snprintf(out, room,
                   "GET %s HTTP/1.1\r\n"
                   "Host: localhost:%u\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Key: " HANDSHAKE_KEY "\r\n"
                   "Sec-WebSocket-Version: 13\r\n%s\r\n",
                   path, o->port, offer);
    return len < 0 ? 0 : (size_t)len;
}

/* Connected, or on the way through TLS's handshake, which ends with the request. */
static void send_request(struct client *c, struct conn *conn)
{
    char request[HANDSHAKE_MAX];
    bool wants_write;
    size_t len;
    int ready = channel_secure(&conn->channel, &wants_write);

    if (ready == 0) {
        set_wants_write(c, conn, wants_write);
        return;
    }
    len = write_request(request, sizeof request, c->run.options, conn->index);
    if (ready < 0 || channel_send(&conn->channel, request, len) != (ssize_t)len) {
        fail(c, conn, "connect failed");
        return;
    }
    conn->state = CONN_UPGRADING;
    set_wants_write(c, conn, false);
}

/* True when the server has agreed to what was offered, no less and no more. */
static bool check_extensions(const char *answer, enum deflate_mode deflate)
{
    bool agreed = strcasestr(answer, "permessage-deflate") != NULL;

    if (deflate == DEFLATE_OFF)
        return !agreed;
    if (deflate == DEFLATE_SHARED)
        return agreed && strcasestr(answer, "server_no_context_takeover") != NULL;
    return agreed && strcasestr(answer, "_no_context_takeover") == NULL;
}

/* The length of a good answer, 0 when it is not complete yet, -1 when it refuses. */
static ssize_t check_answer(const char *answer, enum deflate_mode deflate)
{
    const char *end = strstr(answer, "\r\n\r\n");

    if (end == NULL)
        return 0;
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0 || strstr(answer, HANDSHAKE_ACCEPT) == NULL ||
        !check_extensions(answer, deflate))
        return -1;
    return end + 4 - answer;
}

static int prepare_reader(struct client *c, struct conn *conn)
{
    enum deflate_mode deflate = c->run.options->deflate;

    if (deflate == DEFLATE_OFF)
        return 0;
    conn->reader.unpacker = unpacker_new(deflate == DEFLATE_CONTEXT);
    return conn->reader.unpacker == NULL ? -1 : 0;
}

static void set_open(struct client *c, struct conn *conn, uint64_t now_ns)
{
    conn->state = CONN_OPEN;
    c->open++;
    if (c->ops->opened != NULL)
        c->ops->opened(c, conn, now_ns);
}

/* Peeks, so that frames after the answer stay in the socket for the frame reader. */
static void read_answer(struct client *c, struct conn *conn, uint64_t now_ns)
{
    char answer[HANDSHAKE_MAX + 1];
    ssize_t len = channel_peek(&conn->channel, answer, HANDSHAKE_MAX);

    if (len < 0 && errno == EAGAIN)
        return;
    if (len <= 0) {
        fail(c, conn, "closed during the handshake");
        return;
    }
    answer[len] = '\0';
    len = check_answer(answer, c->run.options->deflate);
    if (len == 0)
        return;
    if (len < 0 || prepare_reader(c, conn) < 0 ||
        channel_recv(&conn->channel, answer, (size_t)len) != len) {
        fail(c, conn, "handshake refused");
        return;
    }
    if (c->run.options->socket_io)
        conn->state = CONN_JOINING;
    else
        set_open(c, conn, now_ns);
}

static void send_short(struct client *c, struct conn *conn, enum frame_opcode opcode,
                       const void *payload, size_t len)
{
    uint8_t frame[FRAME_HEAD_MAX + FRAME_SHORT_MAX];
    size_t frame_len = frame_write_short(frame, opcode, payload, len);

    if (conn->owed > 0) /* not into the middle of a frame; the peer will ask again */
        return;
    if (channel_send(&conn->channel, frame, frame_len) != (ssize_t)frame_len)
        run_error(&c->run, "a control frame or packet was not sent");
}

static void send_packet(struct client *c, struct conn *conn, const char *packet)
{
    send_short(c, conn, FRAME_TEXT, packet, strlen(packet));
}

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

static void flush(struct client *c, struct conn *conn)
{
    const struct message *m = &c->message;

    while (conn->owed > 0) {
        size_t len = at_most(conn->owed, m->batch_len - conn->out);
        ssize_t sent = channel_send(&conn->channel, m->batch + conn->out, len);

        if (sent < 0 && errno != EAGAIN) {
            fail(c, conn, "send failed");
            return;
        }
        if (sent < 0)
            break;
        conn->owed -= (size_t)sent;
        conn->out = (conn->out + (size_t)sent) % m->cycle_len;
    }
    set_wants_write(c, conn, conn->owed > 0);
    if (conn->owed == 0 && conn->pong_due) {
        conn->pong_due = false;
        send_packet(c, conn, SIO_PONG);
    }
}

void client_send(struct client *c, struct conn *conn, unsigned count)
{
    bool waiting = conn->owed > 0;

    if (conn->state != CONN_OPEN) {
        run_error(&c->run, "a connection to send on is gone");
        return;
    }
    conn->owed += message_span(&c->message, conn->next, count);
    conn->next = (conn->next + count) % c->message.num;
    if (!waiting)
        flush(c, conn);
}

void client_close(struct client *c, struct conn *conn)
{
    static const uint8_t code[] = {CLOSE_NORMAL >> 8, CLOSE_NORMAL & 0xff};

    send_short(c, conn, FRAME_CLOSE, code, sizeof code);
    conn->state = CONN_CLOSING;
    c->open--;
}

/* The server asks no second time: a pong is put off rather than left out. */
static void answer_ping(struct client *c, struct conn *conn)
{
    if (conn->owed > 0)
        conn->pong_due = true;
    else
        send_packet(c, conn, SIO_PONG);
}

/* A message that is no reply.  Returns false when it is none of Socket.IO's own packets. */
static bool take_packet(struct client *c, struct conn *conn, uint64_t now_ns)
{
    enum sio_packet kind = sio_packet_kind(conn->reader.start, conn->reader.start_len);

    if (!c->run.options->socket_io)
        return false;
    if (kind == SIO_GOT_PING)
        answer_ping(c, conn);
    else if (kind == SIO_GOT_OPEN && conn->state == CONN_JOINING)
        send_packet(c, conn, SIO_CONNECT);
    else if (kind == SIO_GOT_CONNECT && conn->state == CONN_JOINING)
        set_open(c, conn, now_ns);
    else
        return false;
    return true;
}

/* Returns false when the connection is to be given up; *replies counts the whole replies. */
static bool read_frames(struct client *c, struct conn *conn, struct frame_input in, uint64_t now_ns,
                        unsigned *replies)
{
    const struct frame_reader *reader = &conn->reader;

    while (conn->state != CONN_CLOSED) {
        bool thorough = conn->received + *replies < c->thorough_replies;

        switch (frame_next(&conn->reader, &c->message, thorough, &in)) {
        case FRAME_NEED_MORE:
            return true;
        case FRAME_OTHER:
            if (take_packet(c, conn, now_ns))
                break;
            run_error(&c->run, "a reply with other bytes than expected");
            (*replies)++;
            break;
        case FRAME_REPLY:
            (*replies)++;
            break;
        case FRAME_GOT_PING:
            send_short(c, conn, FRAME_PONG, reader->start, reader->start_len);
            break;
        case FRAME_GOT_PONG:
            break;
        case FRAME_GOT_CLOSE:
            if (conn->state != CONN_CLOSING)
                return false;
            break;
        case FRAME_BAD:
            return false;
        }
    }
    return true;
}

static void handle_end(struct client *c, struct conn *conn, uint64_t now_ns)
{
    if (conn->state != CONN_CLOSING) {
        fail(c, conn, "the server closed a connection");
        return;
    }
    drop(c, conn);
    c->ops->closed(c, conn, now_ns);
}

/* Returns true when it has filled the buffer: TLS may hold more, of which epoll does not know. */
static bool read_once(struct client *c, struct conn *conn, uint64_t now_ns)
{
    unsigned replies = 0;
    ssize_t len = channel_recv(&conn->channel, c->read_buffer, READ_BUFFER_SIZE);

    if (len <= 0) {
        if (len == 0 || errno != EAGAIN)
            handle_end(c, conn, now_ns);
        return false;
    }
    if (!read_frames(c, conn, (struct frame_input){c->read_buffer, (size_t)len}, now_ns,
                     &replies)) {
        fail(c, conn, "the server sent a close or a bad frame");
        return false;
    }
    conn->received += replies;
    c->run.bytes += (uint64_t)len;
    if (replies > 0 && conn->state == CONN_OPEN)
        c->ops->replies(c, conn, replies, now_ns);
    return len == READ_BUFFER_SIZE;
}

static void read_open(struct client *c, struct conn *conn, uint64_t now_ns)
{
    while (conn->state != CONN_CLOSED && read_once(c, conn, now_ns) && conn->channel.ssl != NULL)
        continue;
}

static void handle_event(struct run *run, void *source, uint32_t events)
{
    struct client *c = (struct client *)run;
    struct conn *conn = source;
    uint64_t now_ns = clock_now_ns();

    switch (conn->state) {
    case CONN_CONNECTING:
        send_request(c, conn);
        break;
    case CONN_UPGRADING:
        read_answer(c, conn, now_ns);
        if (conn->channel.ssl != NULL && (conn->state == CONN_OPEN || conn->state == CONN_JOINING))
            read_open(c, conn, now_ns);
        break;
    case CONN_JOINING:
    case CONN_OPEN:
    case CONN_CLOSING:
        if (events & EPOLLOUT)
            flush(c, conn);
        if (events & ~(uint32_t)EPOLLOUT && conn->state != CONN_CLOSED)
            read_open(c, conn, now_ns);
        break;
    case CONN_CLOSED:
        break;
    }
}

int client_open_range(struct client *c, unsigned first, unsigned last)
{
    unsigned before = c->open, begun = 0, total = last - first;
    uint64_t errors = c->run.errors;
    struct run_patience patience = {0};

    while (c->open - before < total) {
        while (begun < total && begun - (c->open - before) < c->run.options->opening)
            client_connect(c, &c->conns[first + begun++]);
        uint64_t now = run_poll(&c->run);

        if (c->run.errors != errors || run_stalled(&c->run, &patience, c->open, now)) {
            fprintf(stderr, "load: %u of %u connections opened\n", c->open - before, total);
            return -1;
        }
    }
    return 0;
}

static int allocate(struct client *c)
{
    const struct load_options *o = c->run.options;
    const struct message_options message = {
        .send = o->send,
        .expect = o->expect,
        .size = o->size,
        .json = o->json,
        .deflate = o->deflate,
        .batch_frames = o->in_flight,
        .opcode = o->binary ? FRAME_BINARY : FRAME_TEXT,
    };

    c->conns = calloc(o->connections, sizeof *c->conns);
    c->read_buffer = malloc(READ_BUFFER_SIZE);
    if (o->tls && (c->tls = channel_new_tls()) == NULL)
        return -1;
    if (c->conns == NULL || c->read_buffer == NULL)
        return -1;
    return message_init(&c->message, &message);
}

int client_init(struct client *c, const struct load_options *options, const struct client_ops *ops,
                void *mode)
{
    *c = (struct client){.ops = ops, .mode = mode, .thorough_replies = options->in_flight};
    if (run_init(&c->run, options, handle_event) < 0 || allocate(c) < 0) {
        perror("load: cannot start");
        client_done(c);
        return -1;
    }
    for (unsigned i = 0; i < options->connections; i++)
        c->conns[i].index = i;
    return 0;
}

void client_done(struct client *c)
{
    for (unsigned i = 0; c->conns != NULL && i < c->run.options->connections; i++)
        if (c->conns[i].state != CONN_CLOSED)
            drop(c, &c->conns[i]);
    SSL_CTX_free(c->tls);
    run_done(&c->run);
    message_done(&c->message);
    free(c->conns);
    free(c->read_buffer);
}
