/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_HTTP_SIM_H
#define YD_TESTS_HTTP_SIM_H

#include "http/request.h"
#include "loop_sim.h"
#include "net/net.h"

/* An HTTP service on a simulated loop. */
struct http_sim {
    struct yd_loop *loop;
    struct yd_net net;
    struct yd_net_listener listener;
    struct yd_front front; /* of that listener */
    struct yd_http http;
    struct yodel_log_sink sink;
    atomic_uint num_connections;
    char log[1000]; /* the last line */
    unsigned num_lines;
};

/* Limits as small as tests like them: head 512 bytes, target 200, 10 lines, body 1000; header 1000
 * ms, body 2000, keep 3000, decide 4000, send 5000, linger 100, close 200, discard 1000 ms or
 * 100 000 bytes.  At most max_connections. */
int http_sim_start(struct http_sim *hs, const struct yodel_allocator *mem,
                   unsigned max_connections);
/* Aborts what is open; does nothing when it has not started. */
void http_sim_stop(struct http_sim *hs);

/* Sends text on a new connection, and runs. */
struct sim_peer *http_sim_ask(struct http_sim *hs, const char *text);

/* Fails the test unless what was received begins with "HTTP/1.1 status"; forgets nothing. */
void http_sim_assert_status(struct sim_peer *peer, int status);
/* The answer's first header line of that name, its value; "" when there is none.  One answer only
 * may have been received. */
const char *http_sim_header(struct sim_peer *peer, const char *name);
/* What follows the first answer's head. */
const char *http_sim_body(struct sim_peer *peer);

/* Takes the next answer out of what was received; false when there is no whole one.  body ends with
 * a NUL, and stays until the next call. */
struct http_sim_answer {
    int status;
    const char *body;
    size_t len;
};
bool http_sim_next(struct sim_peer *peer, struct http_sim_answer *ret_answer);

/* How often needle occurs in what was received. */
int http_sim_count(struct sim_peer *peer, const char *needle);
/* Fails the test when the server has ended its output. */
void http_sim_assert_open(struct sim_peer *peer);

#endif
