/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(struct run *run, struct http_conn *h, const char *what)
{
    http_close(h);
    run_error(run, what);
    return -1;
}

int http_open(struct run *run, struct http_conn *h, void *owner, size_t answer_max)
{
    int fd = run_connect(run);

    if (fd < 0)
        return -1;
    *h = (struct http_conn){.fd = fd,
                            .state = HTTP_CONNECTING,
                            .owner = owner,
                            .answer = malloc(answer_max + 1),
                            .answer_max = answer_max};
    if (h->answer == NULL)
        return fail(run, h, "out of memory");
    run_watch(run, EPOLL_CTL_ADD, fd, EPOLLOUT, h);
    return 0;
}

void http_close(struct http_conn *h)
{
    if (h->state == HTTP_CLOSED)
        return;
    close(h->fd);
    free(h->answer);
    h->answer = NULL;
    h->state = HTTP_CLOSED;
}

int http_send(struct run *run, struct http_conn *h, const char *request, size_t len)
{
    if (send(h->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        return fail(run, h, "a request was not sent");
    h->answer_len = 0;
    h->state = HTTP_WAITING;
    return 0;
}

/* Returns 1 when the answer is whole, 0 when it is not, -1 when it is none that is understood. */
static int parse_answer(const struct http_conn *h, struct http_body *ret_body)
{
    static const char length_field[] = "\r\nContent-Length:";
    const char *head_end = strstr(h->answer, "\r\n\r\n");
    const char *length = strcasestr(h->answer, length_field);
    size_t body_len, arrived;

    if (head_end == NULL)
        return 0;
    if (strncmp(h->answer, "HTTP/1.1 200", 12) != 0 || length == NULL || length > head_end)
        return -1;
    body_len = strtoul(length + sizeof length_field - 1, NULL, 10);
    arrived = h->answer_len - (size_t)(head_end + 4 - h->answer);
    if (arrived < body_len)
        return 0;
    *ret_body = (struct http_body){.text = head_end + 4, .len = body_len};
    return arrived == body_len ? 1 : -1;
}

static int read_answer(struct run *run, struct http_conn *h, struct http_body *ret_body)
{
    size_t room = h->answer_max - h->answer_len;
    ssize_t len = recv(h->fd, h->answer + h->answer_len, room, 0);
    int rc;

    if (len < 0 && errno == EAGAIN)
        return 0;
    if (len <= 0 || h->state != HTTP_WAITING)
        return fail(run, h, "the server closed a connection, or answered too much");
    h->answer_len += (size_t)len;
    h->answer[h->answer_len] = '\0';
    rc = parse_answer(h, ret_body);
    if (rc < 0)
        return fail(run, h, "an answer that is not 200 with a Content-Length");
    if (rc > 0)
        h->state = HTTP_IDLE;
    return rc;
}

int http_handle(struct run *run, struct http_conn *h, struct http_body *ret_body)
{
    if (h->state != HTTP_CONNECTING)
        return read_answer(run, h, ret_body);
    *ret_body = (struct http_body){NULL, 0};
    h->state = HTTP_IDLE;
    run_watch(run, EPOLL_CTL_MOD, h->fd, EPOLLIN, h);
    return 1;
}
