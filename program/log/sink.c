/* SPDX-License-Identifier: MIT */
#include "log/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_MS 100
#define END_US 1000000
#define TELL_US 60000000 /* from one word about a file that cannot be written to the next */

struct yg_sink {
    int fd;     /* of the writer's thread */
    char *path; /* NULL: standard error */
    yg_sink_reopened_fn *on_reopened;
    void *user;
    pthread_t writer;
    char *taken;      /* the writer's, as are these two */
    uint64_t told_us; /* standard error was told of the file; 0: never */
    bool is_cut;      /* the last line there has no end */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *queue;
    size_t len;
    uint64_t dropped;
    uint64_t end_us;      /* when the writer gives up, by yg_clock_us(); 0: it is to go on */
    uint64_t asked, done; /* how often it was to be opened anew, and what of that was done */
    bool is_writing;
};

static int open_path(const char *path)
{
    /* Not to wait for the reader of a pipe with a name. */
    const int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

    return fd < 0 ? -errno : fd;
}

/* ---- the writer ---- */

static bool is_given_up(struct yg_sink *sink)
{
    bool given_up;

    pthread_mutex_lock(&sink->lock);
    given_up = sink->end_us != 0 && yg_clock_us() >= sink->end_us;
    pthread_mutex_unlock(&sink->lock);
    return given_up;
}

static void drop(struct yg_sink *sink, const char *ptr, size_t len)
{
    const char *end = ptr + len;

    pthread_mutex_lock(&sink->lock);
    while ((ptr = memchr(ptr, '\n', (size_t)(end - ptr))) != NULL) {
        sink->dropped++;
        ptr++;
    }
    pthread_mutex_unlock(&sink->lock);
}

/* As many whole lines as a pipe that is ready takes without a wait. */
static size_t next_part(const char *ptr, size_t len)
{
    const char *end;

    if (len <= PIPE_BUF)
        return len;
    end = memrchr(ptr, '\n', PIPE_BUF);
    return end != NULL ? (size_t)(end - ptr) + 1 : PIPE_BUF;
}

/* The log cannot say it.  Whoever reads standard error is not waited for. */
static void tell_failure(struct yg_sink *sink, int error)
{
    const uint64_t now = yg_clock_us();
    struct pollfd at = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (sink->path == NULL || (sink->told_us != 0 && now - sink->told_us < TELL_US) ||
        poll(&at, 1, 0) <= 0)
        return;
    sink->told_us = now;
    dprintf(STDERR_FILENO, "yodel: log.file: %s: %s; lines are lost\n", sink->path,
            strerror(error));
}

/* Ends a line of which a disk that was full has a part, so that the next one is whole. */
static bool end_line(struct yg_sink *sink)
{
    if (sink->is_cut && write(sink->fd, "\n", 1) != 1)
        return false;
    sink->is_cut = false;
    return true;
}

static void write_out(struct yg_sink *sink, const char *ptr, size_t len)
{
    if (!end_line(sink)) {
        tell_failure(sink, errno);
        drop(sink, ptr, len);
        return;
    }
    while (len > 0) {
        struct pollfd at = {.fd = sink->fd, .events = POLLOUT};
        ssize_t done;

        if (poll(&at, 1, LOOK_MS) <= 0) {
            if (!is_given_up(sink))
                continue;
            drop(sink, ptr, len);
            return;
        }
        done = write(sink->fd, ptr, next_part(ptr, len));
        if (done >= 0) {
            ptr += done;
            len -= (size_t)done;
            sink->is_cut = done > 0 ? ptr[-1] != '\n' : sink->is_cut;
        } else if (errno != EINTR && errno != EAGAIN) {
            tell_failure(sink, errno);
            drop(sink, ptr, len);
            return;
        }
    }
}

static void reopen(struct yg_sink *sink, uint64_t number)
{
    const int fd = open_path(sink->path);

    if (fd >= 0) {
        close(sink->fd);
        sink->fd = fd;
        sink->is_cut = false;
    }
    if (sink->on_reopened != NULL)
        sink->on_reopened(fd < 0 ? fd : 0, number, sink->user);
}

/* What waits; returns its length.  ret_reopen: the number of that call; 0: none. */
static size_t take(struct yg_sink *sink, uint64_t *ret_reopen, bool *ret_is_over)
{
    char *const taken = sink->queue;
    size_t len;

    pthread_mutex_lock(&sink->lock);
    sink->is_writing = false;
    while (sink->len == 0 && sink->asked == sink->done && sink->end_us == 0)
        pthread_cond_wait(&sink->changed, &sink->lock);
    sink->is_writing = true;
    len = sink->len;
    sink->queue = sink->taken;
    sink->taken = taken;
    sink->len = 0;
    *ret_reopen = sink->asked != sink->done ? sink->asked : 0;
    sink->done = sink->asked;
    *ret_is_over = sink->end_us != 0 && len == 0;
    pthread_mutex_unlock(&sink->lock);
    return len;
}

static void *run(void *arg)
{
    struct yg_sink *sink = arg;
    uint64_t wants_reopen;
    bool is_over;

    do {
        const size_t len = take(sink, &wants_reopen, &is_over);

        write_out(sink, sink->taken, len);
        if (wants_reopen != 0)
            reopen(sink, wants_reopen);
    } while (!is_over);
    return NULL;
}

/* ---- the sink ---- */

static void destroy(struct yg_sink *sink)
{
    if (sink->path != NULL && sink->fd >= 0)
        close(sink->fd);
    pthread_mutex_destroy(&sink->lock);
    pthread_cond_destroy(&sink->changed);
    free(sink->queue);
    free(sink->taken);
    free(sink->path);
    free(sink);
}

/* Signals are for the threads of the server. */
static int start_writer(struct yg_sink *sink)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&sink->writer, NULL, run, sink);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static int prepare(struct yg_sink *sink, const char *path)
{
    sink->queue = malloc(YG_SINK_BYTES);
    sink->taken = malloc(YG_SINK_BYTES);
    if (sink->queue == NULL || sink->taken == NULL)
        return -ENOMEM;
    sink->fd = STDERR_FILENO;
    if (path == NULL || *path == '\0')
        return 0;
    sink->path = strdup(path);
    if (sink->path == NULL)
        return -ENOMEM;
    sink->fd = open_path(path);
    return sink->fd < 0 ? sink->fd : 0;
}

int yg_sink_new(const char *path, yg_sink_reopened_fn *on_reopened, void *user,
                struct yg_sink **ret_sink)
{
    struct yg_sink *sink = calloc(1, sizeof(*sink));
    int rc;

    if (sink == NULL)
        return -ENOMEM;
    sink->fd = -1;
    sink->on_reopened = on_reopened;
    sink->user = user;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    rc = prepare(sink, path);
    if (rc == 0)
        rc = start_writer(sink);
    if (rc < 0) {
        destroy(sink);
        return rc;
    }
    *ret_sink = sink;
    return 0;
}

void yg_sink_write(struct yg_sink *sink, const char *line, size_t len)
{
    pthread_mutex_lock(&sink->lock);
    if (len > YG_SINK_BYTES - sink->len) {
        sink->dropped++;
    } else {
        memcpy(sink->queue + sink->len, line, len);
        if (sink->len == 0)
            pthread_cond_signal(&sink->changed);
        sink->len += len;
    }
    pthread_mutex_unlock(&sink->lock);
}

uint64_t yg_sink_reopen(struct yg_sink *sink)
{
    uint64_t number;

    if (sink->path == NULL)
        return 0;
    pthread_mutex_lock(&sink->lock);
    number = ++sink->asked;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    return number;
}

uint64_t yg_sink_dropped(struct yg_sink *sink)
{
    uint64_t dropped;

    pthread_mutex_lock(&sink->lock);
    dropped = sink->dropped;
    pthread_mutex_unlock(&sink->lock);
    return dropped;
}

static bool is_idle(struct yg_sink *sink)
{
    bool idle;

    pthread_mutex_lock(&sink->lock);
    idle = sink->len == 0 && sink->asked == sink->done && !sink->is_writing;
    pthread_mutex_unlock(&sink->lock);
    return idle;
}

void yg_sink_flush(struct yg_sink *sink)
{
    const uint64_t end_us = yg_clock_us() + END_US;

    while (!is_idle(sink) && yg_clock_us() < end_us)
        poll(NULL, 0, 5);
}

void yg_sink_free(struct yg_sink *sink)
{
    if (sink == NULL)
        return;
    pthread_mutex_lock(&sink->lock);
    sink->end_us = yg_clock_us() + END_US;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    pthread_join(sink->writer, NULL);
    destroy(sink);
}
