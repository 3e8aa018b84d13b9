/* SPDX-License-Identifier: MIT */
#include "run.h"
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_POLL 512
#define POLL_MS 100
#define SOURCE_ADDRESSES 64 /* 127.0.0.1 and up: local ports do not run short */
#define ERRORS_TOLD 5

void run_error(struct run *run, const char *what)
{
    if (run->errors++ < ERRORS_TOLD)
        fprintf(stderr, "load: %s\n", what);
}

void run_watch(struct run *run, int operation, int fd, uint32_t events, void *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (epoll_ctl(run->epoll_fd, operation, fd, &event) < 0)
        run_error(run, "epoll_ctl failed");
}

static int open_socket(const struct run *run)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (run->options->address >> 24 != IN_LOOPBACKNET)
        return fd;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(run->attempts % SOURCE_ADDRESSES));
    if (bind(fd, (const struct sockaddr *)&source, sizeof source) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static uint16_t next_port(const struct run *run)
{
    bool is_second = run->attempts % 2 == 1 && run->options->pair_port != 0;

    return is_second ? run->options->pair_port : run->options->port;
}

int run_connect(struct run *run)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(run->goes_via ? run->options->via : next_port(run)),
        .sin_addr.s_addr = htonl(run->options->address),
    };
    int fd = open_socket(run);

    run->attempts++;
    if (fd < 0) {
        run_error(run, "no socket");
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS) {
        close(fd);
        run_error(run, "connect failed");
        return -1;
    }
    return fd;
}

uint64_t run_due_ns(const struct run *run, uint64_t number)
{
    return run->rate_since_ns + (uint64_t)((double)number * (double)NS_PER_S / run->options->rate);
}

uint64_t run_num_due(const struct run *run, uint64_t now_ns)
{
    double seconds = (double)(now_ns - run->rate_since_ns) / (double)NS_PER_S;

    return (uint64_t)(seconds * run->options->rate);
}

uint64_t run_poll(struct run *run)
{
    struct epoll_event events[EVENTS_PER_POLL];
    int count =
        epoll_wait(run->epoll_fd, events, EVENTS_PER_POLL, run->send_due == NULL ? POLL_MS : 0);

    for (int i = 0; i < count; i++)
        run->handle(run, events[i].data.ptr, events[i].events);
    return clock_now_ns();
}

bool run_stalled(const struct run *run, struct run_patience *patience, uint64_t value,
                 uint64_t now_ns)
{
    if (patience->since_ns == 0 || patience->seen != value)
        *patience = (struct run_patience){.seen = value, .since_ns = now_ns};
    return now_ns - patience->since_ns > (uint64_t)(run->options->timeout_s * (double)NS_PER_S);
}

void run_reset_counters(struct run *run)
{
    run->operations = 0;
    run->errors = 0;
    run->bytes = 0;
    histogram_clear(&run->latency);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int run_init(struct run *run, const struct load_options *options, run_handle_fn *handle)
{
    *run = (struct run){.options = options, .handle = handle};
    raise_file_limit();
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return run->epoll_fd < 0 ? -1 : 0;
}

void run_done(struct run *run)
{
    if (run->epoll_fd >= 0)
        close(run->epoll_fd);
}
