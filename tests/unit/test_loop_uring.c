/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/uring_backend.h"
#include "loop_backend.h"

#include <cmocka.h>

/*
 * Streams of the io_uring backend, on kernels that have all of it and on others, which the linker
 * makes: it leads calls of liburing and of the kernel here.
 */

/* ---- kernels ---- */

enum lack { NOTHING, INCREMENTAL, BUFFERS, DEFER, COOP, LARGE_RINGS, NUM_LACKS };

static enum lack lack;
static atomic_int accept_errors; /* accept4() still gives accept_error so often */
static atomic_int accept_error;

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long fd, long opcode, long arg, long num);
int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params)
{
    bool defers = (params->flags & IORING_SETUP_DEFER_TASKRUN) != 0;

    if ((defers && (lack == DEFER || lack == COOP)) ||
        ((params->flags & IORING_SETUP_COOP_TASKRUN) != 0 && lack == COOP))
        return -EINVAL;
    if (lack == LARGE_RINGS && entries > 64)
        return -ENOMEM;
    if (lack == LARGE_RINGS) { /* and a tiny one at that */
        entries = 4;
        params->cq_entries = 16;
    }
    return __real_io_uring_queue_init_params(entries, ring, params);
}

long __wrap_syscall(long number, long fd, long opcode, long arg, long num)
{
    if (number == __NR_io_uring_register && opcode == IORING_REGISTER_PBUF_RING) {
        const uint16_t *flags = (const uint16_t *)((const char *)arg + 14);

        if (lack == BUFFERS || (lack == INCREMENTAL && *flags != 0)) {
            errno = EINVAL;
            return -1;
        }
    }
    return __real_syscall(number, fd, opcode, arg, num);
}

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    if (accept_errors > 0) {
        accept_errors--;
        errno = accept_error;
        return -1;
    }
    return __real_accept4(fd, addr, len, flags);
}

/* ---- a server of streams ---- */

#define BULK (1024 * 1024 + 7)
#define PIECE ((size_t)500) /* of what BLOCKS sends at a time */

/* What a stream is for: the first byte that the peer sends. */
enum purpose { ECHOES = 'e', PAUSES = 'p', CLOSES = 'c', SENDS = 'b', TARGETS = 't', BLOCKS = 'd' };

struct peer {
    struct yd_stream stream; /* first */
    struct world *world;
    struct yd_list node;
    char purpose;
    bool doomed;
    size_t got, sent; /* bytes */
    uint8_t *out;     /* of a send */
    size_t out_len;
    struct iovec target;      /* into out, for TARGETS */
    struct yd_timer deadline; /* for BLOCKS */
};

struct world {
    struct yd_loop *loop;
    struct yd_listener listener;
    struct yd_list peers;
    pthread_t thread;
    int port;
    struct yd_mail stop, resume, doom, count;
    atomic_int open, accepted, ends, errors, hang_ups, missing, blocks;
};

/* Byte number i of all that is sent. */
static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static void fill(uint8_t *to, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = byte_at(from + i);
}

static void push(struct peer *peer)
{
    while (!peer->stream.pending && peer->sent < peer->out_len) {
        size_t len = YD_MIN(peer->out_len - peer->sent, peer->purpose == BLOCKS ? PIECE : BULK);
        const struct iovec iov[2] = {{peer->out + peer->sent, 1},
                                     {peer->out + peer->sent + 1, len - 1}};
        int num = len > 1 ? 2 : 1;
        ssize_t taken = yd_stream_send(&peer->stream, iov, num);

        if (taken < 0) {
            yd_stream_close(&peer->stream);
            return;
        }
        peer->sent += (size_t)taken;
    }
    if (peer->purpose == SENDS && peer->sent == BULK && !peer->stream.pending)
        yd_stream_shutdown(&peer->stream);
}

static void append(struct peer *peer, const uint8_t *data, size_t len)
{
    if (!peer->stream.pending && peer->sent == peer->out_len)
        peer->sent = peer->out_len = 0;
    assert_true(peer->out_len + len <= 2 * BULK);
    memcpy(peer->out + peer->out_len, data, len);
    peer->out_len += len;
    push(peer);
}

/* All of the pattern: one byte is the answer.  Anything else ends it. */
static void check(struct peer *peer, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != byte_at(peer->got + i)) {
            yd_stream_close(&peer->stream);
            return;
        }
    peer->got += len;
    if (peer->got == BULK)
        append(peer, (const uint8_t *)"!", 1);
}

static void on_deadline(struct yd_timer *timer)
{
    yd_stream_close(&yd_container_of(timer, struct peer, deadline)->stream);
}

/* Several sends, the first of which has to wait for the peer, who does not read yet. */
static void begin_blocking(struct peer *peer)
{
    const struct iovec iov = {peer->out + BULK, 1000};
    ssize_t taken;

    memset(peer->out + BULK, '.', iov.iov_len);
    do {
        taken = yd_stream_send_now(&peer->stream, &iov, 1);
        assert_true(taken >= 0);
    } while (taken > 0);
    memset(peer->out, '-', 1000);
    peer->out_len = 1000;
    push(peer);
    assert_true(peer->stream.pending);
    atomic_store(&peer->world->blocks, 1);
}

/* A handler that takes longer than a deadline that it sets, while the peer reads all there is. */
static void block(struct peer *peer)
{
    struct yd_loop *loop = peer->world->loop;
    uint64_t due = yd_loop_due(loop, 20);
    int unread = 1;

    append(peer, (const uint8_t *)"!", 1);
    yd_timer_start(&loop->wheel, &peer->deadline, due);
    atomic_store(&peer->world->blocks, 2);
    while (unread > 0 || loop->ops->clock(loop) <= due) {
        assert_int_equal(ioctl(peer->stream.fd, SIOCOUTQ, &unread), 0);
        usleep(1000);
    }
}

static void begin(struct peer *peer, char purpose)
{
    peer->purpose = purpose;
    if (purpose == PAUSES) {
        yd_stream_pause(&peer->stream, true);
        append(peer, (const uint8_t *)"p", 1);
    } else if (purpose == CLOSES) {
        yd_stream_close(&peer->stream);
    } else if (purpose == SENDS) {
        peer->out_len = BULK;
        fill(peer->out, 0, BULK);
        push(peer);
    } else if (purpose == TARGETS) {
        peer->target = (struct iovec){peer->out + BULK, BULK};
        yd_stream_read_into(&peer->stream, &peer->target);
    } else if (purpose == BLOCKS) {
        begin_blocking(peer);
    }
}

static void on_read(struct yd_stream *stream, uint8_t *data, size_t len)
{
    struct peer *peer = (struct peer *)stream;

    if (peer->purpose == 0) {
        begin(peer, (char)*data);
        data++;
        len--;
    }
    if (len == 0 || peer->stream.closing)
        return;
    if (peer->purpose == ECHOES)
        append(peer, data, len);
    if (peer->purpose == BLOCKS)
        block(peer);
    if (peer->purpose == PAUSES || peer->purpose == TARGETS)
        check(peer, data, len);
    if (peer->purpose == TARGETS) {
        peer->target = (struct iovec){peer->out + BULK, BULK - peer->got};
        yd_stream_read_into(stream, peer->got < BULK ? &peer->target : NULL);
    }
}

static void on_end(struct yd_stream *stream, int error)
{
    struct peer *peer = (struct peer *)stream;

    atomic_fetch_add(error < 0 ? &peer->world->errors : &peer->world->ends, 1);
    if (error < 0 || !stream->pending)
        yd_stream_close(stream);
    peer->doomed = true;
}

static void on_sent(struct yd_stream *stream, ssize_t result)
{
    struct peer *peer = (struct peer *)stream;

    if (result < 0) {
        yd_stream_close(stream);
        return;
    }
    peer->sent += (size_t)result;
    push(peer);
    if (peer->doomed && !stream->pending)
        yd_stream_close(stream);
}

static void on_closed(struct yd_stream *stream)
{
    struct peer *peer = (struct peer *)stream;

    atomic_fetch_sub(&peer->world->open, 1);
    yd_list_remove(&peer->node);
    yd_timer_stop(&peer->world->loop->wheel, &peer->deadline);
    free(peer->out);
    yd_stream_free(stream);
}

static void on_hang_up(struct yd_stream *stream)
{
    atomic_fetch_add(&((struct peer *)stream)->world->hang_ups, 1);
}

static const struct yd_stream_events events = {.on_read = on_read,
                                               .on_end = on_end,
                                               .on_sent = on_sent,
                                               .on_closed = on_closed,
                                               .on_hang_up = on_hang_up};

static void on_accept(struct yd_listener *listener, int fd)
{
    struct world *world = listener->user;
    struct peer *peer = yd_stream_alloc(world->loop, sizeof *peer);

    peer->world = world;
    peer->stream.events = &events;
    peer->out = malloc(2 * BULK);
    yd_timer_init(&peer->deadline, on_deadline);
    yd_list_append(&world->peers, &peer->node);
    atomic_fetch_add(&world->open, 1);
    atomic_fetch_add(&world->accepted, 1);
    assert_int_equal(yd_stream_open(&peer->stream, fd), 0);
}

static void for_all(struct world *world, void (*act)(struct peer *peer))
{
    struct yd_list *next;

    for (struct yd_list *node = world->peers.next; node != &world->peers; node = next) {
        next = node->next;
        act(yd_container_of(node, struct peer, node));
    }
}

static void close_peer(struct peer *peer)
{
    yd_stream_close(&peer->stream);
}

static void resume_peer(struct peer *peer)
{
    if (peer->purpose == PAUSES)
        yd_stream_pause(&peer->stream, false);
}

static void run_stop(struct yd_mail *mail, void *loop)
{
    struct world *world = yd_container_of(mail, struct world, stop);

    yd_listener_stop(&world->listener);
    for_all(world, close_peer);
    yd_loop_stop(loop);
}

static void run_doom(struct yd_mail *mail, void *loop)
{
    for_all(yd_container_of(mail, struct world, doom), close_peer);
}

static void run_resume(struct yd_mail *mail, void *loop)
{
    for_all(yd_container_of(mail, struct world, resume), resume_peer);
}

/* How many buffers the kernel has less than it was given in all. */
static void run_count(struct yd_mail *mail, void *loop)
{
    struct world *world = yd_container_of(mail, struct world, count);
    const struct uring_backend *backend = yd_uring_of(loop);
    struct {
        uint32_t group, head, reserved[8];
    } status = {0};
    int missing = 0;

    if (backend->buffers.ring != NULL &&
        __real_syscall(__NR_io_uring_register, backend->ring.ring_fd, 26L, &status, 1L) == 0)
        missing = (int)backend->buffers.num - (uint16_t)(backend->buffers.tail - status.head);
    atomic_store(&world->missing, missing);
}

static void *run_loop(void *arg)
{
    yd_loop_run(((struct world *)arg)->loop);
    return NULL;
}

static int listen_on(int *ret_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 4096), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    lack = (enum lack)(intptr_t)*state;
    accept_errors = 0;
    yd_list_init(&world->peers);
    world->stop.run = run_stop;
    world->resume.run = run_resume;
    world->doom.run = run_doom;
    world->count.run = run_count;
    atomic_store(&world->missing, -1);
    assert_int_equal(yd_loop_new(&yd_loop_uring, &yd_mem_default, NULL, 0, &world->loop), 0);
    assert_int_equal(yd_loop_open(world->loop), 0);
    world->listener = (struct yd_listener){
        .loop = world->loop, .on_accept = on_accept, .user = world, .fd = listen_on(&world->port)};
    assert_int_equal(yd_listener_start(&world->listener), 0);
    assert_int_equal(pthread_create(&world->thread, NULL, run_loop, world), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    assert_int_equal(yd_loop_post(world->loop, &world->stop), 0);
    assert_int_equal(pthread_join(world->thread, NULL), 0);
    yd_loop_close(world->loop);
    yd_loop_free(world->loop);
    assert_int_equal(atomic_load(&world->open), 0);
    free(world);
    return 0;
}

/* ---- clients ---- */

static int connect_to(const struct world *world, int window)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)world->port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 60};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (window > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void send_all(int fd, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t more = send(fd, data, len, MSG_NOSIGNAL);

        if (more < 0 && errno == EINTR)
            continue;
        assert_true(more > 0);
        data = (const char *)data + more;
        len -= (size_t)more;
    }
}

/* Until len bytes are there, or the end. */
static size_t recv_all(int fd, uint8_t *to, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t more = recv(fd, to + have, len - have, 0);

        if (more < 0 && errno == EINTR)
            continue;
        assert_true(more >= 0 || errno == ECONNRESET);
        if (more <= 0)
            break;
        have += (size_t)more;
    }
    return have;
}

static int open_for(const struct world *world, char purpose)
{
    int fd = connect_to(world, 0);

    send_all(fd, &purpose, 1);
    return fd;
}

static void exchange(int fd, size_t len)
{
    uint8_t *data = malloc(2 * len);

    fill(data, 0, len);
    send_all(fd, data, len);
    assert_int_equal(recv_all(fd, data + len, len), len);
    assert_memory_equal(data, data + len, len);
    free(data);
}

static void await_value(atomic_int *value, int wanted)
{
    for (int i = 0; i < 60000 && atomic_load(value) != wanted; i++)
        usleep(1000);
    assert_int_equal(atomic_load(value), wanted);
}

static void expect_all_buffers(struct world *world)
{
    atomic_store(&world->missing, -1);
    assert_int_equal(yd_loop_post(world->loop, &world->count), 0);
    await_value(&world->missing, 0);
}

/* ---- tests ---- */

struct sender {
    pthread_t thread;
    int fd;
};

static void *send_bulk(void *arg)
{
    const struct sender *sender = arg;
    uint8_t *data = malloc(BULK);

    fill(data, 0, BULK);
    send_all(sender->fd, data, BULK);
    free(data);
    return NULL;
}

/* E1: what one peer sends while it is not read takes nothing from the others, and comes whole. */
static void test_uring_keeps_what_comes_in_a_pause(void **state)
{
    struct world *world = *state;
    struct sender senders[3];
    uint8_t answer;
    int other = open_for(world, ECHOES);

    for (int i = 0; i < 3; i++) {
        senders[i].fd = open_for(world, PAUSES);
        assert_int_equal(recv_all(senders[i].fd, &answer, 1), 1);
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_bulk, &senders[i]), 0);
    }
    for (int i = 0; i < 200; i++)
        exchange(other, 1000);
    assert_int_equal(yd_loop_post(world->loop, &world->resume), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recv_all(senders[i].fd, &answer, 1), 1);
        assert_int_equal(answer, '!');
        pthread_join(senders[i].thread, NULL);
        close(senders[i].fd);
    }
    close(other);
    await_value(&world->open, 0);
    expect_all_buffers(world);
}

/* E2: no end, and no error, takes a buffer away. */
static void test_uring_loses_no_buffer_at_an_end(void **state)
{
    struct world *world = *state;
    const struct linger at_once = {1, 0};

    for (int i = 0; i < 1500; i++) {
        int fd = open_for(world, ECHOES);
        uint8_t rest;

        if (i % 4 != 0)
            exchange(fd, 1 + (size_t)i % 500);
        if (i % 4 == 1) {
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
            assert_int_equal(recv_all(fd, &rest, 1), 0);
        } else if (i % 4 == 2) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        }
        close(fd);
    }
    await_value(&world->accepted, 1500);
    await_value(&world->open, 0);
    expect_all_buffers(world);
}

/* E3: what is in the kernel keeps no connection open. */
static void test_uring_closes_what_is_read(void **state)
{
    struct world *world = *state;
    int fds[4];
    uint8_t rest[2];

    for (int i = 0; i < 4; i++)
        fds[i] = open_for(world, i == 0 ? CLOSES : i == 1 ? PAUSES : i == 2 ? SENDS : ECHOES);
    assert_int_equal(recv_all(fds[0], rest, 1), 0);
    assert_int_equal(recv_all(fds[1], rest, 1), 1);
    assert_int_equal(recv_all(fds[2], rest, 1), 1); /* and most of it waits */
    exchange(fds[3], 10);
    assert_int_equal(yd_loop_post(world->loop, &world->doom), 0);
    await_value(&world->open, 0);
    assert_int_equal(recv_all(fds[1], rest, 1), 0);
    assert_int_equal(recv_all(fds[3], rest, 1), 0);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

/* E4: far more happens at once than the queue of completions has room for. */
static void test_uring_serves_all_that_speak_at_once(void **state)
{
    enum { CLIENTS = 300 };
    struct world *world = *state;
    int fds[CLIENTS];
    uint8_t data[100], got[100];

    fill(data, 0, sizeof data);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = open_for(world, ECHOES);
    await_value(&world->open, CLIENTS);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CLIENTS; i++)
            send_all(fds[i], data, sizeof data);
        for (int i = 0; i < CLIENTS; i++) {
            assert_int_equal(recv_all(fds[i], got, sizeof got), sizeof got);
            assert_memory_equal(got, data, sizeof got);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    await_value(&world->open, 0);
    expect_all_buffers(world);
}

/* E5: a short send is normal: the rest follows, and the end comes behind it. */
static void test_uring_sends_the_rest(void **state)
{
    struct world *world = *state;
    uint8_t *got = malloc(BULK + 1), *wanted = malloc(BULK);
    int fd = connect_to(world, 4096);

    fill(wanted, 0, BULK);
    send_all(fd, "b", 1);
    for (size_t have = 0, more; have < BULK; have += more)
        assert_true((more = recv_all(fd, got + have, YD_MIN((size_t)30000, BULK - have))) > 0);
    assert_memory_equal(got, wanted, BULK);
    assert_int_equal(recv_all(fd, got, 1), 0);
    close(fd);
    free(got);
    free(wanted);
}

/* E6: of all sizes, one behind the other. */
static void test_uring_reads_all_sizes(void **state)
{
    static const size_t sizes[] = {1300, 5000, 200, 1, 16384, 65536, 65537, 300000, 3, 1048576};
    struct world *world = *state;
    int fd = open_for(world, ECHOES);

    for (size_t i = 0; i < YD_LEN(sizes); i++)
        exchange(fd, sizes[i]);
    close(fd);
    await_value(&world->open, 0);
    expect_all_buffers(world);
}

static void test_uring_reads_into_a_target(void **state)
{
    struct world *world = *state;
    struct sender sender = {.fd = open_for(world, TARGETS)};
    uint8_t answer;

    assert_int_equal(pthread_create(&sender.thread, NULL, send_bulk, &sender), 0);
    assert_int_equal(recv_all(sender.fd, &answer, 1), 1);
    pthread_join(sender.thread, NULL);
    close(sender.fd);
    await_value(&world->open, 0);
    expect_all_buffers(world);
}

/* While nobody reads the end is told once, and comes behind all bytes. */
static void test_uring_tells_an_end_in_a_pause(void **state)
{
    struct world *world = *state;
    struct sender sender = {.fd = open_for(world, PAUSES)};
    uint8_t answer;

    assert_int_equal(recv_all(sender.fd, &answer, 1), 1);
    send_all(sender.fd, &(uint8_t){byte_at(0)}, 1);
    assert_int_equal(shutdown(sender.fd, SHUT_WR), 0);
    await_value(&world->hang_ups, 1);
    assert_int_equal(atomic_load(&world->ends), 0);
    assert_int_equal(yd_loop_post(world->loop, &world->resume), 0);
    await_value(&world->ends, 1);
    await_value(&world->open, 0);
    assert_int_equal(atomic_load(&world->hang_ups), 1);
    close(sender.fd);
}

/* What stands behind a send that has ended leaves ahead of a deadline that has passed meanwhile. */
static void test_uring_sends_ahead_of_deadlines(void **state)
{
    struct world *world = *state;
    uint8_t last = 0, data[4096];
    int fd = connect_to(world, 4096);
    size_t more;

    send_all(fd, "d", 1);
    await_value(&world->blocks, 1);
    send_all(fd, "x", 1);
    await_value(&world->blocks, 2);
    while ((more = recv_all(fd, data, sizeof data)) > 0)
        last = data[more - 1];
    assert_int_equal(last, '!');
    close(fd);
    await_value(&world->open, 0);
}

/* E7: accepting goes on after errors, and who is there is served meanwhile. */
static void test_uring_accepts_after_errors(void **state)
{
    static const int errors[] = {ENFILE, ECONNABORTED, ENOMEM};
    struct world *world = *state;
    int before = open_for(world, ECHOES);

    exchange(before, 10);
    for (size_t i = 0; i < YD_LEN(errors); i++) {
        int fd;

        accept_error = errors[i];
        atomic_store(&accept_errors, 2);
        fd = open_for(world, ECHOES);
        exchange(before, 10);
        exchange(fd, 10);
        close(fd);
    }
    close(before);
}

#define ON(name, which)                                                                            \
    {                                                                                              \
#name " on " #which, name, set_up, tear_down, (void *)(intptr_t)(which)                    \
    }
#define ON_ALL(name)                                                                               \
    ON(name, NOTHING), ON(name, INCREMENTAL), ON(name, BUFFERS), ON(name, DEFER), ON(name, COOP),  \
        ON(name, LARGE_RINGS)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_uring_keeps_what_comes_in_a_pause),
        ON_ALL(test_uring_loses_no_buffer_at_an_end),
        ON_ALL(test_uring_closes_what_is_read),
        ON_ALL(test_uring_serves_all_that_speak_at_once),
        ON_ALL(test_uring_sends_the_rest),
        ON_ALL(test_uring_reads_all_sizes),
        ON_ALL(test_uring_reads_into_a_target),
        ON_ALL(test_uring_tells_an_end_in_a_pause),
        ON_ALL(test_uring_accepts_after_errors),
        ON_ALL(test_uring_sends_ahead_of_deadlines),
    };
    const char *reason;

    if (yd_uring_probe(1, false, &reason) < 0)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
