/* SPDX-License-Identifier: MIT */
/*
 * The least a WebSocket server can do on epoll: one recv() and one send() for a batch of messages.
 * Echoes on every path but /broadcast, where a message goes to every connection.  It knows
 * unfragmented data frames and close, keeps no limits and no timeouts, and drops a connection
 * whose socket is full.  A yardstick, not a server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (512u * 1024)
#define EVENTS_PER_WAIT 512
#define ACCEPT_KEY_LEN 28
#define HANDSHAKE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

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

static void accept_key(const char *key, size_t len, char out[ACCEPT_KEY_LEN + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[128];
    int text_len = snprintf(text, sizeof text, "%.*s" HANDSHAKE_GUID, (int)len, key);

    if (EVP_Digest(text, (size_t)text_len, digest, NULL, EVP_sha1(), NULL) != 1)
        abort();
    EVP_EncodeBlock((unsigned char *)out, digest, 20);
}

static bool upgrade(struct conn *conn, char *head)
{
    static const char field[] = "\r\nSec-WebSocket-Key:";
    char answer[256], accept[ACCEPT_KEY_LEN + 1];
    const char *key = strcasestr(head, field);
    int len;

    if (key == NULL)
        return false;
    key += sizeof field - 1;
    key += strspn(key, " ");
    accept_key(key, strcspn(key, " \r"), accept);
    len = snprintf(answer, sizeof answer,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    conn->upgraded = true;
    conn->broadcasts = strncmp(head, "GET /broadcast ", 15) == 0;
    if (conn->broadcasts) {
        conn->previous = members.previous;
        conn->next = &members;
        conn->previous->next = conn;
        members.previous = conn;
    }
    return send_all(conn, answer, (size_t)len);
}

struct frame {
    uint8_t opcode;
    size_t head, payload; /* bytes */
};

/* False while the frame is not complete. */
static bool parse_frame(const uint8_t *data, size_t len, struct frame *frame)
{
    if (len < 6)
        return false;
    frame->opcode = data[0] & 0x0f;
    frame->payload = data[1] & 0x7f;
    frame->head = 6;
    if (frame->payload == 126) {
        frame->payload = (size_t)data[2] << 8 | data[3];
        frame->head = 8;
    } else if (frame->payload == 127) {
        frame->payload = 0;
        for (int i = 2; i < 10; i++)
            frame->payload = frame->payload << 8 | data[i];
        frame->head = 14;
    }
    return len >= frame->head && len - frame->head >= frame->payload;
}

static void unmask(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *mask)
{
    uint64_t wide, word;
    size_t i = 0;

    memcpy(&wide, mask, 4);
    wide &= 0xffffffffu;
    wide |= wide << 32;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, in + i, 8);
        word ^= wide;
        memcpy(out + i, &word, 8);
    }
    for (; i < len; i++)
        out[i] = in[i] ^ (uint8_t)(wide >> 8 * (i % 4));
}

/* Writes the same frame without its mask; out may be the place of data or before it. */
static size_t write_reply(uint8_t *out, const uint8_t *data, const struct frame *frame)
{
    size_t head = frame->head - 4;
    uint8_t mask[4];

    memcpy(mask, data + head, 4);
    memmove(out, data, head);
    out[1] &= 0x7f;
    unmask(out + head, data + frame->head, frame->payload, mask);
    return head + frame->payload;
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
    outbox_len += write_reply(outbox + outbox_len, data, frame);
}

/* Handles the frames in input; the replies are built in place, in front of what is not read yet. */
static bool handle_frames(struct conn *conn, size_t len)
{
    struct frame frame;
    size_t at = 0, out = 0;
    bool closes = false;

    while (!closes && parse_frame(input + at, len - at, &frame)) {
        closes = frame.opcode == 8;
        if (conn->broadcasts && !closes)
            add_to_outbox(input + at, &frame);
        else
            out += write_reply(input + out, input + at, &frame);
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

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -1;
    printf("PORT %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
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
    struct rlimit files;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    listener.fd = listen_on(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (epoll_fd < 0 || listener.fd < 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener.fd, &event) < 0) {
        perror("bare_epoll");
        return EXIT_FAILURE;
    }
    run(epoll_fd);
}
