/* SPDX-License-Identifier: MIT */
#ifndef APPS_H
#define APPS_H

#include <yodel/redis.h>
#include <yodel/sio.h>

/* Programs for tests from outside: twins of small programs for the JavaScript server. */

/* What the command line says; text is borrowed from it. */
struct app_options {
    const char *host; /* NULL: 127.0.0.1, and ::1 where the machine has it */
    const char *client_dir;
    const char *json;   /* of eio-spawn */
    const char *redis;  /* a URL; NULL: none */
    const char *python; /* a channel of python-socketio; NULL: none */
    uint32_t python_data;
    uint32_t port, loops;
    const char *nodes; /* addresses with commas between; NULL: this is the only one */
    const char *link;  /* in their place: where others reach this one, found by redis */
    const char *secret;
    const char *node_cert, *node_key; /* PEM, for node.test: links use TLS; NULL: they do not */
    uint32_t self, silent_ms;
    const char *form, *prefix; /* of cluster */
    uint32_t recovery, msgpack, verbose, answer_one, patient;
};

struct app;
struct later;

struct app_kind {
    const char *name;
    const char *help;
    /* Adds to app->server what the app is.  Returns 0 or a result of the library. */
    int (*start)(struct app *app);
    /* Before the server stops: may be called on any thread.  NULL: nothing. */
    void (*stop)(struct app *app);
    /* After the server has stopped.  NULL: nothing. */
    void (*done)(struct app *app);
    int status;     /* of requests that are not Socket.IO's, without a body; 0: 404 */
    int tells_port; /* 1: "PORT n" is printed whatever the port; and nothing is served below / */
};

struct app {
    const struct app_kind *kind;
    struct app_options options;
    yodel_server *server;
    yodel_sio *sio;      /* NULL: the app is Engine.IO's alone */
    struct later *later; /* calls at a later time */
    yodel_redis *redis;  /* NULL: none */
    void *state;         /* of the app */
};

extern const struct app_kind app_eio_ref, app_eio_spawn, app_eioclient, app_sio_ref, app_sioclient,
    app_features, app_wire, app_body, app_cluster;

/* ---- nodes.c ---- */

/* Has sessions of other nodes asked for here, and says at /carry-stats what was.  Results of the
 * library; 0 without nodes. */
int app_join_nodes(struct app *app);

/* ---- help.c ---- */

/* Makes app->sio from options, with client_dir of the command line.  Returns as yodel_sio_new(). */
int app_new_sio(struct app *app, yodel_sio_options options);

/* What yodel_sio_of() and its like give; NULL when they fail. */
yodel_sio_namespace *app_of(yodel_sio *sio, const char *name);
yodel_sio_namespace *app_of_pattern(yodel_sio *sio, const char *pattern);
yodel_sio_namespace *app_of_function(yodel_sio *sio, yodel_sio_match_fn *match, void *user);

/* The arguments of event as those of what is sent; attachments has room for their views. */
#define APP_MAX_ATTACHMENTS 10
yodel_sio_args app_args(const yodel_sio_event *event, yodel_bytes attachments[APP_MAX_ATTACHMENTS]);

/* An argument of a document, borrowed; NULL when it is not there. */
const json_t *app_arg(yodel_sio_event *event, size_t i);
/* True when value is what yodel_sio_binary() makes. */
int app_is_binary(const json_t *value);
/* Ends the process unless rc is 0 or what may happen; every app checks what it decides by it. */
void app_must(int rc, int what_may_happen);

/* As JavaScript sees it in a condition. */
int app_is_true(const json_t *value);

/* Answers with one argument, which is taken. */
void app_answer(yodel_sio_event *event, json_t *value);

/* Accepts after ms; takes decision, which may be NULL: out of memory.  Returns what a handler does.
 */
int app_decide_later(struct app *app, unsigned ms, yodel_decision *decision);
/* Emits with one argument, which is taken. */
void app_emit(yodel_sio_target target, const char *event, json_t *value);
/* The same with one binary argument. */
void app_emit_binary(yodel_sio_target target, const char *event, yodel_bytes data);

/* "2026-11-22T14:33:12.345Z", to be freed; NULL when out of memory. */
char *app_date(void);

/* Calls each function of a list until one fails. */
struct app_handler {
    const char *event;
    yodel_sio_event_fn *fn;
};
/* handlers ends with {NULL}.  Returns 0 or a result of the library. */
int app_on(yodel_sio_namespace *ns, const struct app_handler *handlers, void *user);

/* ---- peers.c ---- */

/* To the Redis of --redis: a URL, or "sentinel:HOST:PORT", which knows the master. */
int app_connect(struct app *app, yodel_redis **ret_redis);
/* Connects app->sio with others, as the command line says.  Returns 0 or a result of the library.
 */
int app_use_peers(struct app *app);
/* After the server has stopped. */
void app_end_peers(struct app *app);

/* ---- later.c: one thread that calls functions when their time has come ---- */

struct later *later_new(void);
/* What is not due yet is called at once; then the thread ends. */
void later_free(struct later *later);
/* Returns 0 or -ENOMEM. */
int later_call(struct later *later, unsigned ms, void (*fn)(void *arg), void *arg);

/* ---- features_ctl.c ---- */

/* Adds the namespace /ctl.  Returns 0 or a result of the library. */
int features_add_ctl(struct app *app, yodel_sio_namespace **ret_ctl);

/* ---- eio_json.c: options of the JavaScript server ---- */

struct yd_eio_options;
struct eio_config;

/* Reads JSON into *options, which has the defaults.  Returns 0, -ENOMEM, or -EINVAL.  The strings
 * live until eio_config_free(), which also takes NULL. */
int eio_config_read(const char *json, struct yd_eio_options *options,
                    struct eio_config **ret_config);
void eio_config_free(struct eio_config *config);

#endif
