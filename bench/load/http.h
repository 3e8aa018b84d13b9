/* SPDX-License-Identifier: MIT */
#ifndef LOAD_HTTP_H
#define LOAD_HTTP_H

#include "run.h"

#include <stddef.h>

enum http_state { HTTP_CLOSED, HTTP_CONNECTING, HTTP_IDLE, HTTP_WAITING };

/* A kept-alive HTTP/1.1 connection with one request under way at most; what run.handle gets. */
struct http_conn {
    int fd;
    enum http_state state;
    void *owner;
    char *answer; /* NUL after it */
    size_t answer_max, answer_len;
};

struct http_body {
    const char *text; /* NUL after it; until the next request */
    size_t len;
};

/* Begins to connect; answers may have answer_max bytes, head included.  Returns 0, or -1 after
 * having counted an error. */
int http_open(struct run *run, struct http_conn *h, void *owner, size_t answer_max);
/* Closed already is no matter. */
void http_close(struct http_conn *h);

/* Sends a request on an idle connection.  Returns 0, or -1 after having counted an error. */
int http_send(struct run *run, struct http_conn *h, const char *request, size_t len);

/*
 * Handles an event.  Returns 1 when it has become idle: connected (body.text is NULL), or a whole
 * answer 200 is there; 0 when nothing is to be done yet; -1 after having counted an error.
 */
int http_handle(struct run *run, struct http_conn *h, struct http_body *ret_body);

#endif
