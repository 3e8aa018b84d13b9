/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_HTTP_WORLD_H
#define YG_TESTS_HTTP_WORLD_H

#include "http/client.h"

/*
 * A client (http/client.h) on the one loop of a real server, which this thread runs, and the back
 * end of tests/integration/hostile_backend.py in a process of its own.
 *
 * Callbacks must not jump out of the loop: CHECK() notes what is wrong, and world_run() fails then.
 */

#define WORLD_CALLS 128

struct world_got {
    int result; /* 1: no reply yet */
    char error[256];
    unsigned status;
    char body[4096]; /* its beginning, NUL-terminated */
    size_t body_len;
    char type[64]; /* Content-Type */
    bool is_json;
    uint32_t retry_after_ms, max_age_s;
    struct yg_http_call *call;
};

struct world {
    yodel_server *server;
    yodel_loop *loop;
    struct yg_http_client *client;
    struct world_got got[WORLD_CALLS];
    unsigned num_replies; /* so far */
    unsigned expected;    /* with which the server stops */
    unsigned num_wrong;
    bool is_get; /* of what is sent */
    int started; /* the result of yg_http_client_new() */
    /* Optional: what is done with each reply, in it. */
    void (*on_reply)(unsigned n);
};

extern struct world world;

/* Setup and teardown of a group: the back end. */
int world_open(void **state);
int world_close(void **state);

/* "http://127.0.0.1:PORT/path", or to its Unix socket, or to a port where nobody listens, or nobody
 * accepts, which is also so at the first address of localhost; static, of the last few calls. */
const char *world_url(const char *path);
const char *world_unix_url(const char *path);
const char *world_refused_url(const char *path);
const char *world_full_url(const char *path);
const char *world_named_url(const char *host, const char *path);
const char *world_tls_url(const char *host, const char *path);

/* The file of the certificate, which is of 127.0.0.1. */
const char *world_cert(void);

/* Sends call n, which is answered within timeout_ms. */
int world_post(unsigned n, const char *url, yodel_str body, uint32_t timeout_ms);

/*
 * Runs a server until the replies that are expected have come, or for 60 s, which is wrong.  The
 * client is freed at the end of the loop, if it is there still; all descriptors must be closed
 * then.
 *
 * begin   on the loop, with a client
 */
void world_run(const struct yg_http_client_options *options, void (*begin)(void));

/* The same in two steps: descriptors are looked at in the second. */
void world_run_only(const struct yg_http_client_options *options, void (*begin)(void));
void world_check_closed(void);

/* Whether this kernel has what YODEL_BACKEND names. */
bool world_can_run(void);

void world_note_wrong(const char *file, int line, const char *what);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            world_note_wrong(__FILE__, __LINE__, #condition);                                      \
    } while (0)

#endif
