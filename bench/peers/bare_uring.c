/* SPDX-License-Identifier: MIT */
/*
 * The least a WebSocket server can do on io_uring: multishot receives into provided buffers, and
 * all sends of a turn with one system call.  Echoes on every path but /broadcast, where a message
 * goes to every connection.  It knows unfragmented data frames and close, keeps no limits and no
 * timeouts.  A yardstick, not a server.
 */
#include "bare.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SQ_ENTRIES 1024u
#define CQ_ENTRIES (16u * SQ_ENTRIES)
#define GROUP 0
#define OUTBOX_SIZE (512u * 1024)

/* Newer than the headers of Debian 12. */
#define BUF_RING_INCREMENTAL 2
#define CQE_BUF_MORE (1u << 4)

/* What an operation was, in the low bits of its user_data; the rest is a pointer. */
enum tag { TAG_RECV, TAG_SEND, TAG_ACCEPT, TAG_MASK = 3 };

/* Bytes that one or several connections are sent. */
struct block {
    unsigned references;
    size_t len;
    uint8_t bytes[];
};

struct send {
    struct conn *conn;
    struct block *block;
    struct send *next; /* of the connection, in order */
};

struct conn {
    int fd;
    bool upgraded, broadcasts;
    bool receiving;               /* a receive is armed */
    bool ended;                   /* goes when its last operation has ended */
    struct conn *previous, *next; /* all upgraded broadcast connections, in a ring */
    struct send *sends, *last;    /* the first one is in the kernel */
    struct conn *starved;         /* next one that found no buffer */
    uint8_t *held;                /* the beginning of a frame that is not complete yet */
    size_t held_len;
};

/* Buffers that the kernel fills: with increments, a buffer is filled by several receives. */
static struct {
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    size_t *at; /* of each buffer: where the next receive begins */
    unsigned num, size;
    bool incremental;
} buffers;

static struct io_uring ring;
static uint8_t outbox[OUTBOX_SIZE]; /* frames to broadcast at the end of this turn */
static size_t outbox_len;
static struct conn members = {.previous = &members, .next = &members};
static struct conn *starved;

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static struct io_uring_sqe *next_sqe(void *source, enum tag tag)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    if (sqe == NULL)
        die("bare_uring: no room to submit");
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)source | tag);
    return sqe;
}

static void arm_recv(struct conn *conn)
{
    struct io_uring_sqe *sqe = next_sqe(NULL, TAG_RECV);

    io_uring_prep_recv_multishot(sqe, conn->fd, NULL, 0, 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)conn | TAG_RECV);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    conn->receiving = true;
}

static void arm_accept(int fd)
{
    struct io_uring_sqe *sqe = next_sqe(NULL, TAG_ACCEPT);

    io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, TAG_ACCEPT);
}

/* ---- sends ---- */

static struct block *new_block(const void *bytes, size_t len)
{
    struct block *block = malloc(sizeof *block + len);

    if (block == NULL)
        die("bare_uring");
    block->references = 0;
    block->len = len;
    if (bytes != NULL)
        memcpy(block->bytes, bytes, len);
    return block;
}

static void start_send(struct send *send)
{
    struct io_uring_sqe *sqe = next_sqe(NULL, TAG_SEND);

    io_uring_prep_send(sqe, send->conn->fd, send->block->bytes, send->block->len,
                       MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)send | TAG_SEND);
}

static void add_send(struct conn *conn, struct block *block)
{
    struct send *send = malloc(sizeof *send);

    if (send == NULL)
        die("bare_uring");
    *send = (struct send){.conn = conn, .block = block};
    block->references++;
    if (conn->sends == NULL) {
        conn->sends = conn->last = send;
        start_send(send);
    } else {
        conn->last = conn->last->next = send;
    }
}

static void drop_send(struct send *send)
{
    if (--send->block->references == 0)
        free(send->block);
    free(send);
}

static void flush_outbox(void)
{
    struct block *block;

    if (outbox_len == 0)
        return;
    block = new_block(outbox, outbox_len);
    outbox_len = 0;
    block->references++;
    for (struct conn *conn = members.next; conn != &members; conn = conn->next)
        add_send(conn, block);
    if (--block->references == 0)
        free(block);
}

/* ---- connections ---- */

static void free_when_done(struct conn *conn)
{
    if (!conn->ended || conn->receiving || conn->sends != NULL)
        return;
    close(conn->fd);
    free(conn->held);
    free(conn);
}

static void end(struct conn *conn)
{
    if (!conn->ended && conn->next != NULL) {
        conn->previous->next = conn->next;
        conn->next->previous = conn->previous;
    }
    conn->ended = true;
    shutdown(conn->fd, SHUT_RDWR);
}

static void on_sent(struct send *send, int result)
{
    struct conn *conn = send->conn;
    bool short_of = result != (int)send->block->len;

    conn->sends = send->next;
    drop_send(send);
    if (short_of)
        end(conn);
    while (conn->ended && conn->sends != NULL) {
        send = conn->sends;
        conn->sends = send->next;
        drop_send(send);
    }
    if (conn->sends != NULL)
        start_send(conn->sends);
    free_when_done(conn);
}

static void keep(struct conn *conn, const uint8_t *rest, size_t len)
{
    uint8_t *held = len == 0 ? NULL : malloc(len);

    if (held != NULL)
        memcpy(held, rest, len);
    free(conn->held);
    conn->held = held;
    conn->held_len = len;
}

static bool upgrade(struct conn *conn, const uint8_t *data, size_t len)
{
    char head[4096], answer[BARE_ANSWER_MAX];
    int answer_len;

    if (len >= sizeof head)
        return false;
    memcpy(head, data, len);
    head[len] = '\0';
    if (strstr(head, "\r\n\r\n") == NULL) {
        keep(conn, data, len);
        return true;
    }
    keep(conn, NULL, 0);
    if ((answer_len = bare_answer(head, answer)) < 0)
        return false;
    conn->upgraded = true;
    conn->broadcasts = bare_is_broadcast(head);
    if (conn->broadcasts) {
        conn->previous = members.previous;
        conn->next = &members;
        conn->previous->next = conn;
        members.previous = conn;
    }
    add_send(conn, new_block(answer, (size_t)answer_len));
    return true;
}

static void add_to_outbox(const uint8_t *data, const struct frame *frame)
{
    if (outbox_len + frame->payload + 10 > sizeof outbox)
        flush_outbox();
    outbox_len += bare_write_reply(outbox + outbox_len, data, frame);
}

static bool handle_frames(struct conn *conn, const uint8_t *data, size_t len)
{
    struct block *replies = NULL;
    struct frame frame;
    bool closes = false;
    size_t at = 0;

    while (!closes && bare_parse(data + at, len - at, &frame)) {
        closes = frame.opcode == 8;
        if (conn->broadcasts && !closes) {
            add_to_outbox(data + at, &frame);
        } else {
            if (replies == NULL) {
                replies = new_block(NULL, len);
                replies->len = 0;
            }
            replies->len += bare_write_reply(replies->bytes + replies->len, data + at, &frame);
        }
        at += frame.head + frame.payload;
    }
    if (replies != NULL)
        add_send(conn, replies);
    keep(conn, data + at, len - at);
    return !closes;
}

static bool handle_bytes(struct conn *conn, const uint8_t *data, size_t len)
{
    uint8_t *joined = NULL;
    bool goes_on;

    if (conn->held_len > 0) {
        joined = malloc(conn->held_len + len);
        if (joined == NULL)
            return false;
        memcpy(joined, conn->held, conn->held_len);
        memcpy(joined + conn->held_len, data, len);
        data = joined;
        len += conn->held_len;
        conn->held_len = 0;
    }
    goes_on = conn->upgraded ? handle_frames(conn, data, len) : upgrade(conn, data, len);
    free(joined);
    return goes_on;
}

/* ---- buffers ---- */

static void give_back(unsigned id)
{
    buffers.at[id] = 0;
    io_uring_buf_ring_add(buffers.ring, buffers.memory + (size_t)id * buffers.size, buffers.size,
                          (unsigned short)id, io_uring_buf_ring_mask(buffers.num), 0);
    io_uring_buf_ring_advance(buffers.ring, 1);
}

static bool add_buffers(unsigned num, unsigned size, bool incremental)
{
    size_t ring_size = num * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg reg = {.ring_entries = num, .bgid = GROUP};

    buffers.ring =
        mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffers.ring == MAP_FAILED)
        return false;
    reg.ring_addr = (uint64_t)(uintptr_t)buffers.ring;
    reg.pad = incremental ? BUF_RING_INCREMENTAL : 0; /* "flags" in newer headers */
    if (io_uring_register_buf_ring(&ring, &reg, 0) < 0) {
        munmap(buffers.ring, ring_size);
        return false;
    }
    io_uring_buf_ring_init(buffers.ring);
    buffers.memory = malloc((size_t)num * size);
    buffers.at = calloc(num, sizeof *buffers.at);
    if (buffers.memory == NULL || buffers.at == NULL)
        return false;
    buffers.num = num;
    buffers.size = size;
    buffers.incremental = incremental;
    for (unsigned id = 0; id < num; id++)
        give_back(id);
    return true;
}

static void on_received(struct conn *conn, const struct io_uring_cqe *cqe)
{
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    bool goes_on = cqe->res > 0;

    conn->receiving = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        const uint8_t *data = buffers.memory + (size_t)id * buffers.size + buffers.at[id];

        if (cqe->res > 0) {
            goes_on = !conn->ended && handle_bytes(conn, data, (size_t)cqe->res);
            buffers.at[id] += (size_t)cqe->res;
        }
        if (!buffers.incremental || !(cqe->flags & CQE_BUF_MORE))
            give_back(id);
    }
    if (cqe->res == -ENOBUFS && !conn->ended) {
        conn->starved = starved;
        starved = conn;
        conn->receiving = true; /* as good as armed */
        return;
    }
    if (!goes_on)
        end(conn);
    else if (!conn->receiving)
        arm_recv(conn);
    free_when_done(conn);
}

static void on_accepted(int fd)
{
    struct conn *conn = fd < 0 ? NULL : calloc(1, sizeof *conn);
    int one = 1;

    if (conn == NULL)
        return;
    conn->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    arm_recv(conn);
}

static void handle(const struct io_uring_cqe *cqe, int listener)
{
    enum tag tag = (enum tag)(cqe->user_data & TAG_MASK);
    void *source = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);

    if (tag == TAG_RECV) {
        on_received(source, cqe);
    } else if (tag == TAG_SEND) {
        on_sent(source, cqe->res);
    } else {
        on_accepted(cqe->res);
        if (!(cqe->flags & IORING_CQE_F_MORE))
            arm_accept(listener);
    }
}

static void feed_starved(void)
{
    struct conn *conn;

    while ((conn = starved) != NULL) {
        starved = conn->starved;
        conn->receiving = false;
        if (conn->ended)
            free_when_done(conn);
        else
            arm_recv(conn);
    }
}

static void run(int listener)
{
    struct io_uring_cqe *cqe;
    unsigned head, count;

    for (;;) {
        int rc = io_uring_submit_and_wait(&ring, 1);

        if (rc < 0 && rc != -EINTR && rc != -EBUSY)
            exit(EXIT_FAILURE);
        count = 0;
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            handle(cqe, listener);
            count++;
        }
        io_uring_cq_advance(&ring, count);
        flush_outbox();
        feed_starved();
    }
}

int main(int argc, char **argv)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int rc = io_uring_queue_init_params(SQ_ENTRIES, &ring, &params), listener;

    if (rc < 0) {
        fprintf(stderr, "bare_uring: no ring: %s\n", strerror(-rc));
        return EXIT_FAILURE;
    }
    if (!add_buffers(16, 64 * 1024, true) && !add_buffers(1024, 4096, false))
        die("bare_uring: no buffers");
    listener = bare_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (listener < 0)
        die("bare_uring");
    arm_accept(listener);
    run(listener);
}
