/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yodel/decision.h>

#include "api/call.h"
#include "api/query.h"

#define MAX_BODY ((size_t)4 << 20)
#define MAX_IDEMPOTENCY 100000
#define MAX_IDEMPOTENCY_BYTES ((size_t)64 << 20)
#define IDEMPOTENCY_MS 300000 /* before there are terms */
#define MAX_IDEM_NAME 255

/* ---- routes ---- */

enum what {
    COMMAND, /* its members are in the body, or in the query */
    BATCH,
    STREAM
};

static const struct route {
    const char *method, *path; /* "sockets/": one name behind it */
    enum what what;
    enum yg_verb verb;
} routes[] = {
    {"POST", "emit", COMMAND, YG_VERB_EMIT},
    {"POST", "join", COMMAND, YG_VERB_JOIN},
    {"POST", "leave", COMMAND, YG_VERB_LEAVE},
    {"POST", "disconnect", COMMAND, YG_VERB_DISCONNECT},
    {"POST", "update", COMMAND, YG_VERB_UPDATE},
    {"GET", "sockets", COMMAND, YG_VERB_SOCKETS},
    {"GET", "sockets/", COMMAND, YG_VERB_SOCKET},
    {"GET", "rooms", COMMAND, YG_VERB_ROOMS},
    {"GET", "presence", COMMAND, YG_VERB_PRESENCE},
    {"GET", "history", COMMAND, YG_VERB_HISTORY},
    {"DELETE", "history", COMMAND, YG_VERB_FORGET},
    {"GET", "nodes", COMMAND, YG_VERB_NODES},
    {"GET", "stats", COMMAND, YG_VERB_STATS},
    {"GET", "config", COMMAND, YG_VERB_CONFIG},
    {"POST", "batch", BATCH, YG_NUM_VERBS},
    {"POST", "stream", STREAM, YG_NUM_VERBS},
};

#define NUM_ROUTES ((int)(sizeof(routes) / sizeof(routes[0])))

static bool path_fits(const struct route *route, yodel_str path)
{
    const size_t len = strlen(route->path);

    if (route->path[len - 1] == '/')
        return path.len > len && memcmp(path.ptr, route->path, len) == 0;
    return path.len == len && memcmp(path.ptr, route->path, len) == 0;
}

static bool method_fits(const struct route *route, yodel_str method)
{
    return yodel_str_eq(method, yodel_str_of(route->method)) ||
           (yodel_str_eq(method, YODEL_STR("HEAD")) && strcmp(route->method, "GET") == 0);
}

/* ret_allow: methods of the path, of 32 bytes; "": there is no such path. */
static const struct route *find_route(yodel_str method, yodel_str path, char *ret_allow)
{
    ret_allow[0] = '\0';
    for (int i = 0; i < NUM_ROUTES; i++) {
        if (!path_fits(&routes[i], path))
            continue;
        if (method_fits(&routes[i], method))
            return &routes[i];
        strcat(ret_allow, ret_allow[0] != '\0' ? ", " : "");
        strcat(ret_allow, routes[i].method);
    }
    return NULL;
}

/* ---- who asks ---- */

static void refuse(yodel_request *req, enum yg_problem problem, const char *detail)
{
    yg_call_refuse(req, &(struct yg_complaint){.problem = problem, .detail = detail}, NULL, 0);
}

/* Whether it came by a Unix socket from one who needs no key.  A proxy that names a client is none.
 */
static bool is_trusted(const struct yg_api_options *options, yodel_request *req)
{
    yodel_peer_credentials peer = {.size = sizeof(peer)};

    if (!options->trusts_unix || !yodel_str_eq(yodel_request_peer(req), YODEL_STR("unix")) ||
        yodel_request_peer_credentials(req, &peer) < 0)
        return false;
    for (size_t i = 0; i < options->num_unix_uids; i++) {
        if (options->unix_uids[i] == peer.uid)
            return true;
    }
    return options->unix_uids == NULL;
}

/* Returns false when it was answered.  ret_who: with a reference; without a key for a Unix socket
 * that is trusted. */
static bool authenticate(struct yg_api *api, yodel_request *req, struct yg_api_who *ret_who)
{
    const yodel_header challenge = {"WWW-Authenticate", "Bearer"};
    const yodel_str value = yodel_request_header(req, "authorization");

    ret_who->held = yg_api_hold(api);
    ret_who->key = yg_api_key_find(&ret_who->held->terms, value);
    if (ret_who->key != NULL || (value.ptr == NULL && is_trusted(&api->options, req)))
        return true;
    yg_api_held_unref(ret_who->held);
    yg_call_refuse(req, &(struct yg_complaint){.problem = YG_PROBLEM_UNAUTHORIZED}, &challenge, 1);
    return false;
}

static bool has_type(const yodel_request *req, const char *type)
{
    const yodel_str value = yodel_request_header(req, "content-type");
    const size_t len = strlen(type);

    return value.len >= len && strncasecmp(value.ptr, type, len) == 0 &&
           (value.len == len || value.ptr[len] == ';' || value.ptr[len] == ' ');
}

/* ---- one command ---- */

static void on_reply(const struct yg_reply *reply, void *user)
{
    yg_call_reply(user, reply);
}

static void run_command(struct yg_call *call, enum yg_verb verb, const json_t *members)
{
    struct yg_command *command = NULL;
    struct yg_json wrong;
    const int rc = yg_command_parse_body(verb, members, "", false, &wrong, &command);

    call->order.verb = verb;
    if (rc == -EINVAL)
        yg_order_fail(&call->order,
                      &(struct yg_complaint){wrong.problem, wrong.detail, wrong.pointer});
    else if (rc < 0)
        yg_order_fail(&call->order, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED});
    else
        yg_order_run(&call->order, command, call->idem);
}

static void run_body(struct yg_call *call)
{
    const struct route *route = &routes[call->route];
    char error[160];
    json_t *json = NULL;
    const int rc = yg_json_parse(call->body.ptr, call->body.len, error, &json);

    if (rc < 0)
        yg_call_fail(call, &(struct yg_complaint){rc == -ENOMEM ? YG_PROBLEM_OVERLOADED
                                                                : YG_PROBLEM_BAD_REQUEST,
                                                  rc == -ENOMEM ? NULL : error, NULL});
    else if (route->what == BATCH)
        yg_batch_run(call, json);
    else
        run_command(call, route->verb, json);
    json_decref(json);
}

/* ---- the request ---- */

static void on_gone(yodel_decision *decision, void *user)
{
    struct yg_call *call = user;

    /* The command goes on: its answer may be asked for by its idempotency key. */
    (void)decision;
    call->decision = yodel_decision_unref(call->decision);
}

/* Returns false when it was answered, and call is gone. */
static bool defer(struct yg_call *call, yodel_request *req)
{
    call->decision = yodel_request_defer(req);
    if (call->decision != NULL) {
        yodel_decision_on_gone(call->decision, on_gone, call);
        return true;
    }
    refuse(req, YG_PROBLEM_OVERLOADED, "out of memory");
    yg_call_reply(call, &(struct yg_reply){.problem = YG_PROBLEM_OVERLOADED});
    return false;
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct yg_call *call = user;

    (void)req;
    yg_text_add(&call->body, (const char *)data.ptr, data.len);
    return yg_text_failed(&call->body) ? -ENOMEM : 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct yg_call *call = user;

    if (result == 0) {
        if (defer(call, req))
            run_body(call);
        return;
    }
    if (result == YODEL_ERR_TOO_BIG)
        refuse(req, YG_PROBLEM_TOO_LARGE, "the body");
    else if (result == -ENOMEM)
        refuse(req, YG_PROBLEM_OVERLOADED, "out of memory");
    else if (result == YODEL_ERR_PROTOCOL)
        refuse(req, YG_PROBLEM_BAD_REQUEST, "the body is malformed");
    yg_call_reply(call, &(struct yg_reply){.problem = YG_PROBLEM_INTERNAL});
}

static void read_body(struct yg_call *call, yodel_request *req)
{
    const size_t max = call->api->options.max_body != 0 ? call->api->options.max_body : MAX_BODY;
    const int rc = yodel_request_body_read(
        req,
        YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data, .on_end = on_end, .max_body = max),
        call);

    if (rc < 0) {
        refuse(req, YG_PROBLEM_OVERLOADED, yodel_strerror(rc));
        yg_call_reply(call, &(struct yg_reply){.problem = YG_PROBLEM_OVERLOADED});
    }
}

/* What stands in the path goes to the members of the query. */
static int add_path(const struct route *route, yodel_str path, json_t *members)
{
    const size_t len = strlen(route->path);

    if (route->verb != YG_VERB_SOCKET)
        return 0;
    return json_object_set_new(members, "sid", json_stringn(path.ptr + len, path.len - len)) == 0
               ? 0
               : -ENOMEM;
}

static void run_query(struct yg_call *call, yodel_request *req, yodel_str path)
{
    const struct route *route = &routes[call->route];
    const char *error = NULL;
    json_t *members = NULL;
    int rc = yg_query_json(yodel_request_query(req), &error, &members);

    if (rc == 0)
        rc = add_path(route, path, members);
    if (!defer(call, req)) {
        json_decref(members);
        return;
    }
    if (rc < 0)
        yg_call_fail(call, &(struct yg_complaint){rc == -ENOMEM ? YG_PROBLEM_OVERLOADED
                                                                : YG_PROBLEM_BAD_REQUEST,
                                                  error, NULL});
    else
        run_command(call, route->verb, members);
    json_decref(members);
}

static void end_call(struct yg_open *open)
{
    struct yg_call *call = (struct yg_call *)open;

    call->decision = yodel_decision_unref(call->decision);
    yg_call_reply(call, &(struct yg_reply){.problem = YG_PROBLEM_DRAINING});
}

static struct yg_call *new_call(struct yg_api *api, yodel_request *req,
                                const struct yg_api_who *who, int route)
{
    struct yg_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->open.end = end_call;
    call->api = api;
    call->loop = yodel_request_loop(req);
    call->route = route;
    call->order = (struct yg_order){
        .api = api, .loop = call->loop, .who = *who, .done = on_reply, .user = call};
    yg_open_link(api, call->loop, &call->open);
    return call;
}

/* Returns false when it was answered, and call is gone. */
static bool read_idem(struct yg_call *call, yodel_request *req)
{
    const yodel_str value = yodel_request_header(req, "idempotency-key");

    if (value.ptr == NULL)
        return true;
    if (value.len > 0 && value.len <= MAX_IDEM_NAME)
        call->idem = strndup(value.ptr, value.len);
    if (call->idem != NULL)
        return true;
    refuse(req,
           value.len > 0 && value.len <= MAX_IDEM_NAME ? YG_PROBLEM_OVERLOADED
                                                       : YG_PROBLEM_BAD_REQUEST,
           "Idempotency-Key");
    yg_call_reply(call, &(struct yg_reply){.problem = YG_PROBLEM_BAD_REQUEST});
    return false;
}

static void begin(struct yg_api *api, yodel_request *req, const struct route *route, yodel_str path,
                  struct yg_api_who who)
{
    struct yg_call *call;

    if (route->what == STREAM) {
        yg_ndjson_begin(api, req, who);
        return;
    }
    call = new_call(api, req, &who, (int)(route - routes));
    if (call == NULL) {
        yg_api_held_unref(who.held);
        refuse(req, YG_PROBLEM_OVERLOADED, "out of memory");
        return;
    }
    if (strcmp(route->method, "POST") != 0)
        run_query(call, req, path);
    else if (read_idem(call, req))
        read_body(call, req);
}

static void on_request(yodel_request *req, void *user)
{
    struct yg_api *api = user;
    const yodel_str path = yodel_request_param(req, "path");
    const struct route *route;
    struct yg_api_who who;
    char allow[32];

    if (api->options.serves != NULL &&
        !api->options.serves(yodel_request_listener_tag(req), api->options.user)) {
        refuse(req, YG_PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (yg_control_request(api, req, path) || !authenticate(api, req, &who))
        return;
    route = find_route(yodel_request_method(req), path, allow);
    if (route == NULL && allow[0] == '\0') {
        refuse(req, YG_PROBLEM_NOT_FOUND, NULL);
    } else if (route == NULL) {
        yg_call_refuse(req, &(struct yg_complaint){.problem = YG_PROBLEM_METHOD},
                       &(yodel_header){"Allow", allow}, 1);
    } else if (route->what == STREAM
                   ? !has_type(req, "application/x-ndjson")
                   : strcmp(route->method, "POST") == 0 && !has_type(req, "application/json")) {
        refuse(req, YG_PROBLEM_MEDIA_TYPE,
               route->what == STREAM ? "application/x-ndjson is" : "application/json is");
    } else {
        begin(api, req, route, path, who);
        return;
    }
    yg_api_held_unref(who.held);
}

/* ---- the API ---- */

static void on_loop_end(yodel_loop *loop, void *user)
{
    struct yg_api *api = user;
    struct yg_open **first = &api->open[yodel_loop_index(loop)];

    while (*first != NULL)
        (*first)->end(*first);
}

static int add_to_server(struct yg_api *api)
{
    yodel_server *server = api->service->server;
    const int rc = yodel_server_add_loop_handlers(
        server, YODEL_OPTIONS(yodel_loop_handlers, .on_end = on_loop_end), api);

    if (rc < 0)
        return rc;
    return yodel_server_route_with(
        server, "/api/v1/{path...}",
        YODEL_OPTIONS(yodel_route_options, .on_request = on_request, .stream_body = 1), api);
}

struct yg_api_held *yg_api_hold(struct yg_api *api)
{
    struct yg_api_held *held;

    pthread_mutex_lock(&api->lock);
    held = yg_api_held_ref(atomic_load(&api->held));
    pthread_mutex_unlock(&api->lock);
    return held;
}

int yg_api_set_terms(struct yg_api *api, const struct yg_api_terms *terms)
{
    struct yg_api_held *held;

    if (terms->num_keys > YG_API_MAX_KEYS)
        return -EINVAL;
    held = yg_api_held_new(terms);
    if (held == NULL)
        return -ENOMEM;
    yg_memory_set_ttl(api->memory, terms->idempotency_ms);
    pthread_mutex_lock(&api->lock);
    held = atomic_exchange(&api->held, held);
    pthread_mutex_unlock(&api->lock);
    yg_api_held_unref(held);
    return 0;
}

int yg_api_new(struct yg_service *service, const struct yg_api_options *options,
               struct yg_api **ret_api)
{
    struct yg_api *api;
    int rc = -ENOMEM;

    api = calloc(1, sizeof(*api));
    if (api == NULL)
        return -ENOMEM;
    pthread_mutex_init(&api->lock, NULL);
    api->service = service;
    api->options = *options;
    atomic_init(&api->held, yg_api_held_new(&(struct yg_api_terms){0}));
    api->memory =
        yg_memory_new(options->max_idempotency != 0 ? options->max_idempotency : MAX_IDEMPOTENCY,
                      options->max_idempotency_bytes != 0 ? options->max_idempotency_bytes
                                                          : MAX_IDEMPOTENCY_BYTES,
                      IDEMPOTENCY_MS);
    if (atomic_load(&api->held) != NULL && api->memory != NULL)
        rc = add_to_server(api);
    if (rc < 0) {
        yg_api_free(api);
        return rc;
    }
    *ret_api = api;
    return 0;
}

void yg_api_free(struct yg_api *api)
{
    if (api == NULL)
        return;
    yg_memory_free(api->memory);
    yg_api_held_unref(atomic_load(&api->held));
    pthread_mutex_destroy(&api->lock);
    free(api);
}
