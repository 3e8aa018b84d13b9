/* SPDX-License-Identifier: MIT */
/* cluster: one server of several, by Redis.  POST /do/VERB with a JSON object does something to
 * sockets, and answers with what comes of it; its twin for the JavaScript server is
 * interop/reference/cluster.cjs. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/json.h>
#include <yodel/sio_emitter.h>

#include "apps.h"

#define MOST_ROOMS 16

struct cluster {
    struct app *app;
    yodel_redis *redis;
    pthread_mutex_t lock;
    json_t *told; /* server-side events and the like */
};

/* What a request says; borrowed from its document. */
struct what {
    yodel_sio_namespace *ns;
    yodel_sio_target target;
    const char *rooms[MOST_ROOMS + 1], *except[MOST_ROOMS + 1], *names[MOST_ROOMS + 1];
    const char *event;
    char *args; /* JSON, to be freed */
    int close;
    uint32_t timeout_ms;
};

static const uint8_t some_bytes[] = {1, 2, 255};

/* ---- what is told ---- */

static void tell(struct cluster *cluster, json_t *entry)
{
    pthread_mutex_lock(&cluster->lock);
    (void)json_array_append_new(cluster->told, entry);
    pthread_mutex_unlock(&cluster->lock);
}

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    yodel_str name = yodel_sio_server_event_name(event);
    json_t *args = yodel_sio_server_event_json(event);
    yodel_sio_server_ack *ack = yodel_sio_server_event_ack(event);

    tell(user, json_pack("{s:s#, s:s#, s:O}", "nsp", yodel_sio_namespace_name(ns).ptr,
                         (int)yodel_sio_namespace_name(ns).len, "event", name.ptr, (int)name.len,
                         "args", args));
    if (yodel_str_eq(name, YODEL_STR("ask")))
        app_must(yodel_sio_server_ack_answer(ack, "{s:s}", "from", "yodel"), 0);
    yodel_sio_server_ack_unref(ack);
}

/* ---- clients ---- */

static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const json_t *room;
    size_t i;

    (void)user;
    json_array_foreach(yodel_sio_event_json(event), i, room)
    {
        if (json_is_string(room))
            app_must(yodel_sio_socket_join(socket, json_string_value(room)), 0);
    }
    app_must(yodel_sio_event_answer(event, ""), 0);
}

static void on_set(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    (void)json_object_set(yodel_sio_socket_json(socket), "name", (json_t *)app_arg(event, 0));
    app_must(yodel_sio_event_answer(event, ""), 0);
}

static void on_shout(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)user;
    app_must(yodel_sio_emit_args(yodel_sio_to_others(socket), "shouted", &args), 0);
}

/* To a room, whoever is in it: the room, and the arguments of "said". */
static void on_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *room = json_string_value(app_arg(event, 0));
    yodel_sio_args args = {.size = sizeof args};
    json_t *rest = json_deep_copy(yodel_sio_event_json(event));
    char *text;

    (void)user;
    (void)json_array_remove(rest, 0);
    if (room != NULL && (text = json_dumps(rest, 0)) != NULL) {
        args.json = yodel_str_of(text);
        app_must(yodel_sio_emit_args(yodel_sio_to_room(yodel_sio_socket_namespace(socket), room),
                                     "said", &args),
                 0);
        free(text);
    }
    json_decref(rest);
}

static const struct app_handler handlers[] = {
    {"join", on_join}, {"set", on_set}, {"shout", on_shout}, {"say", on_say}, {NULL, NULL}};

/* ---- requests ---- */

static void read_list(const json_t *array, const char *list[MOST_ROOMS + 1])
{
    const json_t *room;
    size_t i, num = 0;

    json_array_foreach(array, i, room)
    {
        if (json_is_string(room) && num < MOST_ROOMS)
            list[num++] = json_string_value(room);
    }
    list[num] = NULL;
}

static void read_what(struct cluster *cluster, const json_t *body, struct what *what)
{
    const char *nsp = json_string_value(json_object_get(body, "nsp"));
    const json_t *flags = json_object_get(body, "flags"), *args = json_object_get(body, "args");

    memset(what, 0, sizeof *what);
    what->ns = app_of(cluster->app->sio, nsp != NULL ? nsp : "/");
    read_list(json_object_get(body, "rooms"), what->rooms);
    read_list(json_object_get(body, "except"), what->except);
    read_list(json_object_get(body, "names"), what->names);
    what->event = json_string_value(json_object_get(body, "event"));
    what->args = args != NULL ? json_dumps(args, 0) : strdup("[]");
    what->close = json_is_true(json_object_get(body, "close"));
    what->timeout_ms = (uint32_t)json_integer_value(json_object_get(body, "timeout"));
    what->target = what->rooms[0] != NULL ? yodel_sio_to_rooms(what->ns, what->rooms)
                                          : yodel_sio_to_all(what->ns);
    if (what->except[0] != NULL)
        what->target = yodel_sio_target_except(what->target, what->except);
    if (json_is_true(json_object_get(flags, "volatile")))
        what->target = yodel_sio_target_with(what->target, YODEL_SIO_VOLATILE);
    if (json_is_true(json_object_get(flags, "local")))
        what->target = yodel_sio_target_with(what->target, YODEL_SIO_LOCAL);
    what->target = yodel_sio_target_timeout(what->target, what->timeout_ms);
}

static yodel_sio_args args_of(const struct what *what)
{
    return (yodel_sio_args){.size = sizeof(yodel_sio_args), .json = yodel_str_of(what->args)};
}

static void answer(yodel_decision *d, json_t *json)
{
    (void)yodel_decision_respond_json(d, 200, json);
    json_decref(json);
    yodel_decision_unref(d);
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    answer(user, json_pack("{s:i, s:i, s:O, s:i}", "result", answers->result, "missing",
                           (int)answers->missing, "answers", yodel_sio_answers_json(answers),
                           "attachments", (int)answers->num_attachments));
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    answer(user, json_pack("{s:i, s:i, s:O}", "result", sockets->result, "missing",
                           (int)sockets->missing, "sockets", sockets->json));
}

/* Those whose answer comes later. */
static int begin(const char *verb, const struct what *what, yodel_decision *d)
{
    yodel_sio_args args = args_of(what);

    if (strcmp(verb, "ack") == 0)
        return yodel_sio_emit_ack(what->target, what->event, &args, on_answers, d);
    if (strcmp(verb, "fetch") == 0)
        return yodel_sio_target_fetch(what->target, on_sockets, d);
    if (strcmp(verb, "rooms") == 0)
        return yodel_sio_namespace_fetch_rooms(what->ns, on_sockets, d);
    if (strcmp(verb, "serverask") == 0)
        return yodel_sio_server_side_emit_ack(what->ns, what->event, &args, what->timeout_ms,
                                              on_answers, d);
    return -ENOSYS;
}

static int emit_binary(const struct what *what)
{
    yodel_bytes bytes = {some_bytes, sizeof some_bytes};

    return yodel_sio_emit(what->target, what->event, "sy", "bytes", bytes);
}

static int run_emitter(yodel_sio_emitter *emitter, const char *verb, const struct what *what)
{
    const yodel_sio_emitter_target target = {
        .size = sizeof target,
        .rooms = what->rooms[0] != NULL ? what->rooms : NULL,
        .except = what->except,
        .flags = what->target.flags,
    };
    yodel_bytes bytes = {some_bytes, sizeof some_bytes};
    yodel_sio_args args = args_of(what);

    if (strcmp(verb, "xemit") == 0)
        return yodel_sio_emitter_emit_args(emitter, &target, what->event, &args);
    if (strcmp(verb, "xbinary") == 0)
        return yodel_sio_emitter_emit(emitter, &target, what->event, "sy", "bytes", bytes);
    if (strcmp(verb, "xjoin") == 0)
        return yodel_sio_emitter_join(emitter, &target, what->names);
    if (strcmp(verb, "xleave") == 0)
        return yodel_sio_emitter_leave(emitter, &target, what->names);
    if (strcmp(verb, "xserver") == 0)
        return yodel_sio_emitter_server_side_emit(emitter, what->event, "i", 1);
    if (strcmp(verb, "xdisconnect") == 0)
        return yodel_sio_emitter_disconnect(emitter, &target, what->close);
    return -ENOSYS;
}

/* As another process would, by the emitter of a namespace whose slash is left out. */
static int run_outside(struct cluster *cluster, const char *verb, const struct what *what)
{
    yodel_str nsp = yodel_sio_namespace_name(what->ns);
    yodel_sio_emitter *emitter;
    char name[64];
    int rc;

    (void)snprintf(name, sizeof name, "%.*s", (int)nsp.len - 1, nsp.ptr + 1);
    rc = yodel_sio_emitter_new(cluster->redis,
                               YODEL_OPTIONS(yodel_sio_emitter_options, .nsp = name,
                                             .prefix = cluster->app->options.prefix),
                               &emitter);
    if (rc < 0)
        return rc;
    (void)yodel_sio_emitter_ref(emitter);
    rc = run_emitter(emitter, verb, what);
    yodel_sio_emitter_unref(emitter);
    yodel_sio_emitter_unref(emitter);
    return rc;
}

static int run(struct cluster *cluster, const char *verb, const struct what *what)
{
    yodel_sio_args args = args_of(what);

    if (verb[0] == 'x')
        return run_outside(cluster, verb, what);

    if (strcmp(verb, "emit") == 0)
        return yodel_sio_emit_args(what->target, what->event, &args);
    if (strcmp(verb, "binary") == 0)
        return emit_binary(what);
    if (strcmp(verb, "join") == 0)
        return yodel_sio_target_join(what->target, what->names);
    if (strcmp(verb, "leave") == 0)
        return yodel_sio_target_leave(what->target, what->names);
    if (strcmp(verb, "disconnect") == 0)
        return yodel_sio_target_disconnect(what->target, what->close);
    if (strcmp(verb, "server") == 0)
        return yodel_sio_server_side_emit_args(what->ns, what->event, &args);
    return -ENOSYS;
}

static void reply(yodel_request *req, int rc)
{
    json_t *json = json_pack("{s:i}", "rc", rc);

    (void)yodel_request_reply_json(req, 200, json);
    json_decref(json);
}

static void reply_told(yodel_request *req, struct cluster *cluster)
{
    json_t *json;

    pthread_mutex_lock(&cluster->lock);
    json = json_pack("{s:o, s:i}", "told", cluster->told, "state",
                     (int)yodel_redis_state(cluster->redis));
    cluster->told = json_array();
    pthread_mutex_unlock(&cluster->lock);
    (void)yodel_request_reply_json(req, 200, json);
    json_decref(json);
}

static void reply_stats(yodel_request *req, struct cluster *cluster)
{
    yodel_redis_stats stats = {.size = sizeof stats};
    json_t *json;

    (void)yodel_redis_get_stats(cluster->redis, &stats);
    json = json_pack("{s:I, s:I, s:I}", "malformed", (json_int_t)stats.malformed, "received",
                     (json_int_t)stats.received, "dropped", (json_int_t)stats.dropped);
    (void)yodel_request_reply_json(req, 200, json);
    json_decref(json);
}

static void on_do(yodel_request *req, void *user)
{
    yodel_str text = yodel_request_param(req, "verb");
    struct cluster *cluster = user;
    const json_t *body = NULL;
    yodel_decision *d;
    struct what what;
    char verb[16];
    int rc;

    (void)snprintf(verb, sizeof verb, "%.*s", (int)text.len, text.ptr);
    if (strcmp(verb, "told") == 0) {
        reply_told(req, cluster);
        return;
    }
    if (strcmp(verb, "stats") == 0) {
        reply_stats(req, cluster);
        return;
    }
    if (yodel_request_json(req, &body) < 0) {
        reply(req, -EINVAL);
        return;
    }
    read_what(cluster, body, &what);
    if ((rc = run(cluster, verb, &what)) != -ENOSYS) {
        reply(req, rc);
    } else {
        d = yodel_request_defer(req);
        if ((rc = begin(verb, &what, d)) < 0)
            answer(d, json_pack("{s:i}", "rc", rc));
    }
    free(what.args);
}

/* ---- start ---- */

static int form_of(const char *name, yodel_sio_redis_form *ret_form)
{
    if (name == NULL || strcmp(name, "classic") == 0)
        *ret_form = YODEL_SIO_REDIS_CLASSIC;
    else if (strcmp(name, "sharded") == 0)
        *ret_form = YODEL_SIO_REDIS_SHARDED;
    else if (strcmp(name, "streams") == 0)
        *ret_form = YODEL_SIO_REDIS_STREAMS;
    else
        return -EINVAL;
    return 0;
}

static int add_ns(struct cluster *cluster, yodel_sio_namespace *ns)
{
    int rc = yodel_sio_namespace_handle(
        ns, YODEL_OPTIONS(yodel_sio_handlers, .on_server_event = on_server_event), cluster);

    return rc < 0 ? rc : app_on(ns, handlers, cluster);
}

static int use_redis(struct cluster *cluster)
{
    const struct app_options *options = &cluster->app->options;
    yodel_sio_redis_options redis = {.size = sizeof redis, .answer_one = options->answer_one};
    int rc = form_of(options->form, &redis.form);

    redis.prefix = options->prefix;
    if (rc == 0)
        rc = app_connect(cluster->app, &cluster->redis);
    return rc < 0 ? rc : yodel_sio_use_redis(cluster->app->sio, cluster->redis, &redis);
}

static int start(struct app *app)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    yodel_sio_options options = {
        .size = sizeof options,
        .parser = app->options.msgpack ? YODEL_SIO_MSGPACK : YODEL_SIO_JSON,
    };
    int rc;

    if (cluster == NULL)
        return -ENOMEM;
    app->state = cluster;
    cluster->app = app;
    cluster->told = json_array();
    pthread_mutex_init(&cluster->lock, NULL);
    if (app->options.recovery)
        options.recovery_ms = 60000;
    if ((rc = app_new_sio(app, options)) < 0 || (rc = use_redis(cluster)) < 0 ||
        (rc = add_ns(cluster, app_of(app->sio, "/"))) < 0 ||
        (rc = add_ns(cluster, app_of(app->sio, "/chat"))) < 0 ||
        (rc = add_ns(cluster, app_of(app->sio, "/a*"))) < 0 ||
        (rc = add_ns(cluster, app_of_pattern(app->sio, "/(dyn-[0-9]+|ab|a1)"))) < 0)
        return rc;
    return yodel_server_route(app->server, "POST /do/{verb}", on_do, cluster);
}

static void done(struct app *app)
{
    struct cluster *cluster = app->state;

    if (cluster == NULL)
        return;
    yodel_redis_unref(cluster->redis);
    json_decref(cluster->told);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

const struct app_kind app_cluster = {
    .name = "cluster",
    .help = "one server of several; --redis URL, --form F, --prefix P, --answer-one",
    .start = start,
    .done = done,
};
