/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_ADMIN_H
#define YG_ADMIN_ADMIN_H

#include <yodel/cluster.h>
#include <yodel/redis.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

#include "base/text.h"
#include "config/config.h"

/*
 * The admin page: the server's side of what npm's @socket.io/admin-ui speaks in a namespace of its
 * own.  Who looks logs in (admin/login.h); each loop tells what its sockets do only while somebody
 * looks (admin/watch.h); the hub on loop 0 gathers what there is, and sends each page what follows
 * (admin/hub.h), also from and to other nodes (admin/far.h).
 */

struct yg_admin;

enum yg_admin_event {
    YG_ADMIN_LOGIN,   /* somebody has logged in */
    YG_ADMIN_REFUSED, /* a wrong password, or too many guesses */
    YG_ADMIN_COMMAND, /* a command was carried out */
    YG_ADMIN_DENIED   /* a command was not */
};

/* All is borrowed and must outlive the admin. */
struct yg_admin_options {
    yodel_server *server;
    yodel_sio *sio;
    yodel_redis *redis;                   /* for sessions; NULL: they are this process's */
    yodel_cluster *cluster;               /* others that share the service; NULL: there are none */
    const struct yg_admin_config *config; /* of the start */
    const struct yg_texts *redact;        /* names that are hidden */
    const char *node, *prefix;            /* of the node; of keys in Redis */
    size_t queue_bytes;                   /* that may wait for a client */
    /* Whether the page is served where a socket has come from: listener and origin. */
    bool (*serves)(const yodel_sio_socket *socket, void *user);
    /* The configuration that a loop has now: whose name and password count.  Borrowed until the
     * callback of the loop returns. */
    const struct yg_admin_config *(*present)(yodel_loop *loop, void *user);
    /* A line of the log, about a client.  Any loop. */
    void (*log)(enum yg_admin_event event, yodel_str address, const char *text, void *user);
    void *user;
};

/*
 * Makes its namespace, ahead of those of clients; the server does not run yet.
 *
 * ret_admin   for yg_admin_free(), whatever is returned; NULL: there is none
 *
 * Returns 0, -ENOMEM, or what the library says.
 */
int yg_admin_new(const struct yg_admin_options *options, struct yg_admin **ret_admin);
/* After the server has ended; takes NULL. */
void yg_admin_free(struct yg_admin *admin);

/* Another node has gone: on loop 0.  Takes NULL. */
void yg_admin_node_left(struct yg_admin *admin);

/* The JSON object of a socket has changed: on its loop.  Takes NULL. */
void yg_admin_changed(struct yg_admin *admin, yodel_sio_socket *socket);

/* A client has come; one has gone, for that reason in the words of Engine.IO, static.  Any loop;
 * take NULL. */
void yg_admin_client_opened(struct yg_admin *admin);
void yg_admin_client_closed(struct yg_admin *admin, const char *reason);

/* ---- plain WebSockets ---- */

/* One of them, as pages see it; embedded in what the program has of it, all zero at first. */
struct yg_admin_ws {
    struct yg_admin_ws *prev, *next; /* of its loop; NULL: it is not open */
    struct yg_admin *admin;          /* NULL: it is not shown */
    yodel_ws *ws;
    char id[48];          /* that pages know it by */
    const char *path;     /* of the route */
    struct yg_text head;  /* what stays the same of its description */
    struct yg_text data;  /* a JSON object; empty: none */
    struct yg_text rooms; /* names, with a NUL behind each */
};

/* Whether WebSockets are to be told of at all.  Takes NULL. */
bool yg_admin_shows_websockets(const struct yg_admin *admin);

/* It opens: on its loop, in on_connect.  path must outlive it.  Out of memory it is not shown. */
void yg_admin_ws_open(struct yg_admin *admin, struct yg_admin_ws *shown, yodel_ws *ws,
                      yodel_request *req, const char *path);
/* It is in a group, or not any more. */
void yg_admin_ws_join(struct yg_admin_ws *shown, const char *group);
void yg_admin_ws_leave(struct yg_admin_ws *shown, const char *group);
/* Who it is; NULL: that is not said. */
void yg_admin_ws_set_data(struct yg_admin_ws *shown, const char *user, const json_t *meta);
/* It was accepted. */
void yg_admin_ws_opened(struct yg_admin_ws *shown);
void yg_admin_ws_message(struct yg_admin_ws *shown, const yodel_ws_message *message);
/* It has closed. */
void yg_admin_ws_close(struct yg_admin_ws *shown);

/* ---- metrics ---- */

struct yg_admin_counts {
    uint64_t pages;            /* now */
    uint64_t logins, refused;  /* passwords and sessions */
    uint64_t commands, denied; /* of pages */
    uint64_t left_out;         /* events that were too many to be shown */
    uint64_t begun_anew;       /* pages that had to begin anew, as something was lost */
};

/* All zero for NULL. */
struct yg_admin_counts yg_admin_count(struct yg_admin *admin);

#endif
