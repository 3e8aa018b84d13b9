/* SPDX-License-Identifier: MIT */
#ifndef DEMO_H
#define DEMO_H

#include <stdatomic.h>
#include <yodel/cluster.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

/* What the command line says; text is borrowed from it. */
struct demo_options {
    const char *host; /* NULL: 127.0.0.1, and ::1 where the machine has it */
    const char *unix_path;
    const char *address;        /* one more, as yodel_listen_options has it; NULL: none */
    const char *takeover_path;  /* of a Unix socket between this process, the last and the next */
    const char *proxy_path;     /* of a Unix socket whose peers speak the PROXY protocol */
    const char *const *trusted; /* ends with NULL: proxies; NULL: none */
    const char *public_dir;
    const char *client_dir; /* NULL: where the build has put it, if it has */
    const char *tls_cert, *tls_key;
    const char *const *origins; /* ends with NULL; of /restricted */
    const char *redis;          /* URL; NULL: this process alone */
    const char *node;           /* its name among the nodes; NULL: host:pid */
    const char *form;           /* of Socket.IO on Redis; NULL: between Yodel's nodes alone */
    const char *const *carry;  /* ends with NULL: where nodes reach each other; NULL: they do not */
    const char *carry_address; /* in its place: of this node alone, the others are found by redis */
    const char *secret;        /* that they share */
    uint32_t port;
    uint32_t loops;
    uint32_t max_connections, max_address_connections, max_messages;
    uint32_t header_ms, body_ms, decide_ms, keep_ms, ping_ms, pong_ms, send_ms;
    uint32_t drain_ms, spread_ms;
    uint32_t stop_code;
    uint32_t self;      /* in carry */
    uint32_t notify_ms; /* 0: the server says nothing by itself */
    uint32_t verbose;
};

/* Fills ret_options.  Returns 0, 1 when it printed the help, or -1 when it printed what is wrong.
 */
int demo_options_parse(int argc, char **argv, struct demo_options *ret_options);
void demo_options_done(struct demo_options *options);

struct demo_worker;
struct demo_notifier;

/* The application: what its handlers get as `user`. */
struct demo {
    yodel_server *server;
    yodel_channels *channels;
    struct demo_worker *worker;
    yodel_sio *sio;
    yodel_sio_namespace *sio_chat; /* "/chat" */
    atomic_size_t num_sio_chat;    /* clients in it */
    yodel_sio_namespace *meeting;  /* "/meeting" */
    struct demo_notifier *notifier;
    yodel_redis *redis; /* NULL: none */
    yodel_cluster *cluster;
};

/* Each adds one part of the application to the server.  Returns 0 or a result of the library. */
int demo_add_echo(struct demo *demo, const struct demo_options *options);
int demo_add_chat(struct demo *demo);
int demo_add_views(struct demo *demo);
int demo_add_slow(struct demo *demo);
int demo_add_sio(struct demo *demo, const struct demo_options *options);
int demo_add_notify(struct demo *demo);
int demo_add_source(struct demo *demo);
int demo_add_question(struct demo *demo);
int demo_add_picture(struct demo *demo);
int demo_add_login(struct demo *demo);
int demo_add_line(struct demo *demo);
int demo_add_meeting(struct demo *demo);
/* Ahead of the others, which are then shared: the node; and after them what it does for them. */
int demo_add_redis(struct demo *demo, const struct demo_options *options);
int demo_add_nodes(struct demo *demo, const struct demo_options *options);

/* The thread behind demo_add_slow().  Returns 0 or -errno. */
int demo_worker_start(struct demo *demo);
/* Ends the thread and waits for it; what it has not answered is dropped. */
void demo_worker_stop(struct demo *demo);

/* The thread that notifies /chat every interval_ms; none when that is 0.  Returns 0 or -errno. */
int demo_notifier_start(struct demo *demo, uint32_t interval_ms);
void demo_notifier_stop(struct demo *demo);

/* 1 when the request says that its body is JSON; else 0, and it has been answered 415. */
int demo_takes_json(yodel_request *req);

/* The result of a handler whose send gave rc: a peer that does not read its answers is closed with
 * 1013, one that has gone is no failure. */
int demo_after_send(yodel_ws *ws, int rc);

#endif
