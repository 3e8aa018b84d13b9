/* SPDX-License-Identifier: MIT */
#include "readers.h"
#include "frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA_FIELD "data: "
#define STATUS_LINE "HTTP/1.1 200"

int readers_init(struct readers *rs, const struct load_options *options)
{
    size_t len;
    char *data = (char *)message_expand(options->expect, options->size, &len);
    int request_len = asprintf(&rs->request,
                               "GET %s HTTP/1.1\r\nHost: localhost:%u\r\n"
                               "Accept: text/event-stream\r\n\r\n",
                               options->path, options->port);
    int event_len = data == NULL ? -1 : asprintf(&rs->event, DATA_FIELD "%.*s\n\n", (int)len, data);

    free(data);
    rs->request = request_len < 0 ? NULL : rs->request;
    rs->event = event_len < 0 ? NULL : rs->event;
    rs->request_len = (size_t)request_len;
    rs->event_len = (size_t)event_len;
    rs->num = options->connections;
    rs->all = calloc(rs->num, sizeof *rs->all);
    for (unsigned i = 0; rs->all != NULL && i < rs->num; i++)
        rs->all[i] = (struct reader){.fd = -1, .state = READER_CLOSED};
    return rs->all == NULL || rs->request == NULL || rs->event == NULL ? -1 : 0;
}

void readers_done(struct readers *rs)
{
    for (unsigned i = 0; rs->all != NULL && i < rs->num; i++)
        if (rs->all[i].fd >= 0)
            close(rs->all[i].fd);
    free(rs->all);
    free(rs->request);
    free(rs->event);
}

static void fail(struct readers *rs, struct run *run, struct reader *r, const char *what)
{
    if (r->state == READER_OPEN)
        rs->open--;
    close(r->fd);
    r->fd = -1;
    r->state = READER_CLOSED;
    run_error(run, what);
}

/* Bytes of the head in data; it is whole when the reader is open after it. */
static size_t read_head(struct readers *rs, struct reader *r, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        r->ends = data[i] == '\n' ? r->ends + 1 : data[i] == '\r' ? r->ends : 0;
        if (r->ends == 2) {
            r->state = READER_OPEN;
            rs->open++;
            return i + 1;
        }
    }
    return len;
}

/* One byte of content.  Returns 1 at the end of an event, -1 for one that is not expected. */
static int read_content(const struct readers *rs, struct reader *r, char c)
{
    if (r->matched == 0 && !r->is_other && c != DATA_FIELD[0]) {
        r->is_other = c != '\n';
        return 0;
    }
    if (r->is_other) {
        r->is_other = c != '\n';
        return 0;
    }
    if (c != rs->event[r->matched])
        return -1;
    if (++r->matched < rs->event_len)
        return 0;
    r->matched = 0;
    return 1;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c | 0x20);

    return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

/* One byte of a chunk's framing.  Returns -1 at the end of the answer. */
static int read_framing(struct reader *r, char c)
{
    int digit = hex_digit(c);

    if (r->at == CHUNK_END) {
        if (c == '\n') {
            r->at = CHUNK_SIZE;
            r->left = 0;
        }
    } else if (digit >= 0) {
        r->left = r->left * 16 + (size_t)digit;
    } else if (c == '\n') {
        r->at = CHUNK_DATA;
        return r->left == 0 ? -1 : 0;
    }
    return 0;
}

static int read_byte(const struct readers *rs, struct reader *r, char c)
{
    if (r->at != CHUNK_DATA)
        return read_framing(r, c);
    if (--r->left == 0)
        r->at = CHUNK_END;
    return read_content(rs, r, c);
}

static unsigned read_some(struct readers *rs, struct run *run, struct reader *r)
{
    char data[16384];
    ssize_t len = recv(r->fd, data, sizeof data, 0);
    size_t at = 0;
    unsigned count = 0;

    if (len < 0 && errno == EAGAIN)
        return 0;
    if (len <= 0) {
        fail(rs, run, r, "a reader was closed");
        return 0;
    }
    if (r->state == READER_WAITING)
        at = read_head(rs, r, data, (size_t)len);
    for (; at < (size_t)len; at++) {
        int rc = read_byte(rs, r, data[at]);

        if (rc < 0) {
            fail(rs, run, r, "an event with other bytes than expected, or the end");
            return count;
        }
        count += (unsigned)rc;
    }
    r->received += count;
    return count;
}

unsigned readers_handle(struct readers *rs, struct run *run, struct reader *r)
{
    if (r->state == READER_CLOSED)
        return 0;
    if (r->state != READER_CONNECTING)
        return read_some(rs, run, r);
    if (send(r->fd, rs->request, rs->request_len, MSG_NOSIGNAL) != (ssize_t)rs->request_len) {
        fail(rs, run, r, "a request was not sent");
        return 0;
    }
    r->state = READER_WAITING;
    run_watch(run, EPOLL_CTL_MOD, r->fd, EPOLLIN, r);
    return 0;
}

int readers_open(struct readers *rs, struct run *run)
{
    struct run_patience patience = {0};
    unsigned begun = 0;

    while (rs->open < rs->num) {
        for (; begun < rs->num && begun - rs->open < run->options->opening; begun++) {
            struct reader *r = &rs->all[begun];

            r->fd = run_connect(run);
            if (r->fd < 0)
                return -1;
            r->state = READER_CONNECTING;
            run_watch(run, EPOLL_CTL_ADD, r->fd, EPOLLOUT, r);
        }
        if (run_stalled(run, &patience, rs->open, run_poll(run)) || run->errors > 0) {
            fprintf(stderr, "load: %u of %u readers opened\n", rs->open, rs->num);
            return -1;
        }
    }
    return 0;
}
