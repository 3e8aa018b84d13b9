/* SPDX-License-Identifier: MIT */
/* eio-ref, eioclient-app, eio-spawn: Engine.IO without Socket.IO, on /engine.io/. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps.h"
#include "base/container.h"
#include "eio/eio.h"
#include "server/server.h"

/* What an app has of each loop. */
struct part {
    struct yd_mail stop;
    struct eio_app *app;
    struct yd_eio_session *curious; /* wants to know the headers of the present POST */
};

struct eio_app {
    struct app *app;
    struct yd_eio *eio;
    struct eio_config *config; /* of eio-spawn */
    struct part parts[];
};

static const struct yd_eio_options defaults = {
    .path = "/engine.io/",
    .ping_interval_ms = 25000,
    .ping_timeout_ms = 20000,
    .upgrade_timeout_ms = 10000,
    .max_payload = 1000000,
    .max_buffered = 1024 * 1024,
    .compress_min = 1024,
    .deflate_min = 1024,
};

/* ---- sending ---- */

static int send_packet(struct yd_eio_session *session, yodel_ws_type type, const void *data,
                       size_t len)
{
    struct yd_msg *msg = yd_ws_make_msg(yd_eio_loop(session)->mem, type, (yodel_bytes){data, len});
    int rc = msg != NULL ? yd_eio_send(session, &msg, 1, 0) : -ENOMEM;

    yd_msg_unref(msg);
    return rc;
}

static int send_binary(struct yd_eio_session *session, const void *data, size_t len)
{
    return send_packet(session, YODEL_WS_BINARY, data, len);
}

static int send_text(struct yd_eio_session *session, const void *text, size_t len)
{
    char *packet = malloc(len + 1);
    int rc;

    if (packet == NULL)
        return -ENOMEM;
    packet[0] = '4';
    if (len > 0)
        memcpy(packet + 1, text, len);
    rc = send_packet(session, YODEL_WS_TEXT, packet, len + 1);
    free(packet);
    return rc;
}

static void echo(struct yd_eio_session *session, bool binary, const uint8_t *data, size_t len)
{
    int rc = binary ? send_binary(session, data, len) : send_text(session, data, len);

    if (rc == YODEL_ERR_CONGESTED) /* the reference would queue without end */
        yd_eio_close(session, YD_EIO_FORCED_CLOSE);
}

/* ---- starting and stopping ---- */

static void stop_loop(struct yd_mail *mail, void *receiver)
{
    struct part *part = yd_container_of(mail, struct part, stop);

    yd_eio_stop(part->app->eio, receiver);
}

static void stop(struct app *app)
{
    struct eio_app *state = app->state;

    for (unsigned i = 0; i < app->server->num_loops; i++) {
        state->parts[i].stop.run = stop_loop;
        (void)yd_loop_post(app->server->loops[i], &state->parts[i].stop);
    }
}

static void done(struct app *app)
{
    struct eio_app *state = app->state;

    if (state == NULL)
        return;
    yd_eio_free(state->eio);
    eio_config_free(state->config);
    free(state);
}

static struct eio_app *make_state(struct app *app)
{
    unsigned num = app->server->num_loops;
    struct eio_app *state = calloc(1, sizeof *state + num * sizeof state->parts[0]);

    if (state == NULL)
        return NULL;
    state->app = app;
    for (unsigned i = 0; i < num; i++)
        state->parts[i].app = state;
    app->state = state;
    return state;
}

static int add_eio(struct eio_app *state, const struct yd_eio_options *options,
                   const struct yd_eio_events *events)
{
    yodel_server *server = state->app->server;

    return yd_eio_new(&server->http, &server->ws, server->loops, server->num_loops, options, events,
                      state, &state->eio);
}

/* ---- eio-ref ---- */

static void *open_any(struct yd_eio_session *session, void *user)
{
    (void)session;
    return user;
}

static void forget(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    (void)session;
    (void)reason;
}

static void on_ref_message(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    echo(session, binary, data, len);
}

static const struct yd_eio_events ref_events = {
    .on_open = open_any, .on_message = on_ref_message, .on_close = forget};

static int start_ref(struct app *app)
{
    static const char *const any_origin[] = {"*", NULL};
    const yodel_cors_options cors = {.size = sizeof cors, .origins = any_origin};
    struct yd_eio_options options = defaults;
    struct eio_app *state = make_state(app);

    options.ping_interval_ms = 300;
    options.ping_timeout_ms = app->options.patient ? 30000 : 200;
    options.cors = &cors;
    return state != NULL ? add_eio(state, &options, &ref_events) : -ENOMEM;
}

const struct app_kind app_eio_ref = {.name = "eio-ref",
                                     .help = "Engine.IO conformance: an echo",
                                     .start = start_ref,
                                     .stop = stop,
                                     .done = done,
                                     .status = 501};

/* ---- eioclient-app ---- */

static void *open_client(struct yd_eio_session *session, void *user)
{
    return send_text(session, "hi", 2) == 0 ? user : NULL;
}

static struct part *part_of(struct eio_app *state, const struct yd_eio_session *session)
{
    return &state->parts[yd_eio_loop(session)->index];
}

static int is_text(bool binary, const uint8_t *data, size_t len, const char *text)
{
    return !binary && len == strlen(text) && memcmp(data, text, len) == 0;
}

/* Only a POST has headers to tell of; they are seen when it is answered, which is at once. */
static void want_headers(struct yd_eio_session *session)
{
    if (yd_eio_transport(session) == YD_EIO_POLLING)
        part_of(yd_eio_data(session), session)->curious = session;
    else
        (void)send_text(session, "", 0);
}

static void on_client_message(struct yd_eio_session *session, bool binary, uint8_t *data,
                              size_t len)
{
    static const uint8_t numbers[] = {0, 1, 2, 3, 4};
    static const char utf8[] = "пойду спать всем спокойной ночи";

    if (is_text(binary, data, len, "give binary"))
        (void)send_binary(session, numbers, sizeof numbers);
    else if (is_text(binary, data, len, "give utf8"))
        (void)send_text(session, utf8, sizeof utf8 - 1);
    else if (is_text(binary, data, len, "sendHeaders"))
        want_headers(session);
    else
        echo(session, binary, data, len);
}

static void on_client_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct part *part = part_of(yd_eio_data(session), session);

    (void)reason;
    if (part->curious == session)
        part->curious = NULL;
}

static const struct yd_eio_events client_events = {
    .on_open = open_client, .on_message = on_client_message, .on_close = on_client_close};

static void put_header(yodel_str name, yodel_str value, void *headers)
{
    char lower[64];
    size_t len = name.len < sizeof lower ? name.len : sizeof lower - 1;

    for (size_t i = 0; i < len; i++)
        lower[i] = (char)tolower((unsigned char)name.ptr[i]);
    lower[len] = '\0';
    (void)json_object_set_new(headers, lower, json_stringn(value.ptr, value.len));
}

static void tell_headers(struct yd_eio_session *session, const yodel_request *req)
{
    json_t *headers = json_object();
    char *text = NULL;

    if (headers != NULL) {
        yodel_request_each_header(req, put_header, headers);
        text = json_dumps(headers, JSON_COMPACT);
    }
    if (text != NULL)
        (void)send_text(session, text, strlen(text));
    free(text);
    json_decref(headers);
}

/* Of every answer. */
static void on_headers(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg,
                       void *user)
{
    struct eio_app *state = user;
    struct part *part = &state->parts[yd_conn_loop(yd_request_conn(req))->index];
    struct yd_eio_session *session = part->curious;

    (void)add;
    (void)arg;
    if (session == NULL || !yodel_str_eq(yodel_request_method(req), YODEL_STR("POST")))
        return;
    part->curious = NULL;
    tell_headers(session, req);
}

static void on_first_headers(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg,
                             void *user)
{
    char expires[64] = "4=4; Expires=";
    time_t now = time(NULL);
    struct tm utc;

    (void)req;
    (void)user;
    if (gmtime_r(&now, &utc) != NULL)
        strftime(expires + strlen(expires), sizeof expires - strlen(expires),
                 "%a, %d %b %Y %H:%M:%S GMT", &utc);
    add("set-cookie", "1=1; Max-Age=86400", arg);
    add("set-cookie", "2=2; Path=/; HttpOnly; Secure; SameSite=Strict", arg);
    add("set-cookie", "3=3; Max-Age=0", arg);
    add("set-cookie", expires, arg);
}

static int allow(yodel_request *req, void *user)
{
    (void)user;
    return yodel_request_query_param(req, "deny").ptr != NULL ? -EACCES : 0;
}

static int start_client(struct app *app)
{
    struct yd_eio_options options = defaults;
    struct eio_app *state = make_state(app);

    options.ping_interval_ms = 500;
    options.max_payload = 100;
    options.allow_request = allow;
    options.initial_headers = on_first_headers;
    options.headers = on_headers;
    options.hooks_user = state;
    return state != NULL ? add_eio(state, &options, &client_events) : -ENOMEM;
}

const struct app_kind app_eioclient = {.name = "eioclient-app",
                                       .help = "Engine.IO, for the tests of its client",
                                       .start = start_client,
                                       .stop = stop,
                                       .done = done};

/* ---- eio-spawn ---- */

static void ignore(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    (void)session;
    (void)binary;
    (void)data;
    (void)len;
}

static const struct yd_eio_events silent_events = {
    .on_open = open_any, .on_message = ignore, .on_close = forget};

static int start_spawn(struct app *app)
{
    struct yd_eio_options options = defaults;
    struct eio_app *state = make_state(app);
    int rc;

    if (state == NULL)
        return -ENOMEM;
    rc = eio_config_read(app->options.json != NULL ? app->options.json : "{}", &options,
                         &state->config);
    return rc == 0 ? add_eio(state, &options, &silent_events) : rc;
}

const struct app_kind app_eio_spawn = {.name = "eio-spawn",
                                       .help = "Engine.IO with the options given as JSON",
                                       .start = start_spawn,
                                       .stop = stop,
                                       .done = done,
                                       .status = 501,
                                       .tells_port = 1};
