/* SPDX-License-Identifier: MIT */
/* A client of Socket.IO or WebSocket, from its connection to its end, on a loop of the library. */
#include "cli/connect_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "cli/emit_line.h"
#include "cli/output.h"
#include "cli/token_io.h"

#define COMMAND YG_CONNECT_COMMAND
#define HIGH_WATER ((size_t)1 << 20) /* bytes that wait, above which no input is read */
#define LOOK_MS 10                   /* how often that is looked at then */
#define ACKS_MS 5000                 /* for acks, once the input has ended */

struct session {
    const struct yg_connect_options *options;
    struct yg_dial *dial;
    struct yg_sio_options sio_options;
    yodel_server *server;
    struct yg_sio sio;
    struct yg_ws ws;
    bool is_sio, is_connected, is_finishing, input_ended, end_is_told;
    int status;
    struct yg_watcher watcher;
    struct yg_input *input;
    uint64_t next_ack, acks_owed;
    yodel_timer timer;      /* of --exit-after, and for acks at the end of the input */
    yodel_timer high_water; /* while no input is read */
};

/* ---- the end ---- */

static void stop(struct session *session, int status)
{
    session->status = status;
    yodel_server_stop(session->server, 0);
}

/* Ends in good manners, with this status. */
static void finish(struct session *session, int status)
{
    if (session->is_finishing)
        return;
    session->is_finishing = true;
    session->status = status;
    if (!session->is_connected) {
        stop(session, status);
        return;
    }
    if (session->is_sio)
        yg_sio_close(&session->sio);
    else
        yg_ws_close(&session->ws, 1000);
}

static void say(struct session *session, struct yg_text *line)
{
    yg_input_hide(session->input);
    yg_watcher_say(&session->watcher, line);
    yg_input_show(session->input);
    if (session->watcher.failed)
        finish(session, YG_EXIT_FAILED);
}

/* Whether a server has closed it for what it was sent: too big, say, which crosses our own close.
 */
static bool is_objection(const struct yg_end *end)
{
    return end->kind == YG_END_CLOSED && end->code > 1001 && end->code != 1005 && end->code != 1006;
}

static void on_end(struct session *session, const struct yg_end *end)
{
    struct yg_text line = {0};
    int status = yg_end_status(end);

    session->is_connected = false;
    if (session->is_finishing && (session->status != YG_EXIT_OK || !is_objection(end))) {
        stop(session, session->status);
        return;
    }
    session->is_finishing = true;
    yg_show_end(&line, session->options->as_json, end);
    if (status == YG_EXIT_OK && (!yg_watcher_has_all(&session->watcher) ||
                                 session->options->exit_count > 0 || session->acks_owed > 0))
        status = YG_EXIT_FAILED;
    if (session->options->as_json) {
        say(session, &line);
    } else {
        yg_input_hide(session->input);
        fprintf(stderr, "yodel " COMMAND ": %s: %s\n", session->options->client->dial.url,
                yg_text_string(&line));
        yg_input_show(session->input);
        yg_text_done(&line);
    }
    stop(session, status);
}

static void on_time(yodel_timer *timer, void *user)
{
    struct session *session = user;

    (void)timer;
    if (session->input_ended && session->acks_owed > 0)
        finish(session, yg_token_say(YG_EXIT_TIMEOUT, COMMAND, "an ack has not come in time"));
    else
        finish(session, yg_watcher_time_up(&session->watcher));
}

/* Whether the end of the input is the end of all. */
static bool ends_with_input(const struct session *session)
{
    const struct yg_connect_options *options = session->options;

    return options->expects.num == 0 && options->listens.num == 0 && options->exit_ms == 0 &&
           options->exit_count == 0;
}

/* The input has ended: acks that are owed are waited for. */
static void settle(struct session *session)
{
    if (!session->input_ended || !ends_with_input(session))
        return;
    if (session->acks_owed == 0)
        finish(session, YG_EXIT_OK);
    else
        (void)yodel_timer_start(&session->timer, ACKS_MS);
}

static void take(struct session *session, const char *name, struct yg_text *line)
{
    enum yg_watch_result result;

    yg_input_hide(session->input);
    result = yg_watcher_take(&session->watcher, name, line);
    yg_input_show(session->input);
    if (result == YG_WATCH_DONE)
        finish(session, YG_EXIT_OK);
    else if (result == YG_WATCH_FAILED)
        finish(session, YG_EXIT_FAILED);
}

/* ---- what is sent ---- */

static size_t waiting(const struct session *session)
{
    return session->is_sio ? yg_sio_waiting(&session->sio) : yg_link_waiting(&session->ws.link);
}

static void on_high_water(yodel_timer *timer, void *user)
{
    struct session *session = user;

    if (waiting(session) > HIGH_WATER / 2)
        (void)yodel_timer_start(timer, LOOK_MS);
    else
        yg_input_pause(session->input, false);
}

static void look_at_water(struct session *session)
{
    if (session->input == NULL || waiting(session) <= HIGH_WATER)
        return;
    yg_input_pause(session->input, true);
    (void)yodel_timer_start(&session->high_water, LOOK_MS);
}

/* Returns 0, or a status; what is wrong was said. */
static int emit(struct session *session, const char *ptr, size_t len)
{
    struct yg_emit_line line;
    struct yg_sio_message message;
    char problem[200] = "";
    int rc = yg_emit_line_read(ptr, len, problem, &line);

    if (rc < 0)
        return yg_token_say(rc == -EINVAL ? YG_EXIT_DATA : YG_EXIT_FAILED, COMMAND, "%.*s: %s",
                            len < 100 ? (int)len : 100, ptr,
                            rc == -EINVAL ? problem : "out of memory");
    message = (struct yg_sio_message){.has_id = line.wants_ack || session->options->wants_ack,
                                      .id = session->next_ack,
                                      .json = {line.command->args.ptr, line.command->args.len},
                                      .attachments = line.command->attachments,
                                      .num_attachments = (unsigned)line.command->num_attachments};
    if (message.has_id) {
        session->next_ack++;
        session->acks_owed++;
    }
    rc = yg_sio_send(&session->sio, YG_PACKET_EVENT, &message);
    yg_command_free(line.command);
    return rc < 0 ? yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", yodel_strerror(rc)) : 0;
}

static int send_binary(struct session *session, const char *ptr, size_t len)
{
    uint8_t *bytes = malloc(YG_BASE64_BYTES(len) + 1);
    size_t num = 0;
    int rc = -ENOMEM;

    if (bytes != NULL)
        rc = yg_base64_decode(ptr, len, bytes, &num)
                 ? yg_ws_send(&session->ws, YG_FRAME_BINARY, bytes, num)
                 : -EINVAL;
    free(bytes);
    if (rc == -EINVAL)
        return yg_token_say(YG_EXIT_DATA, COMMAND, "what is to be sent is not base64");
    return rc < 0 ? yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", yodel_strerror(rc)) : 0;
}

static int send_line(struct session *session, const char *ptr, size_t len)
{
    if (session->is_sio)
        return emit(session, ptr, len);
    if (session->options->is_binary)
        return send_binary(session, ptr, len);
    if (!yg_text_is_utf8(ptr, len))
        return yg_token_say(YG_EXIT_DATA, COMMAND, "a line is not UTF-8: --binary takes base64");
    return yg_ws_send(&session->ws, YG_FRAME_TEXT, ptr, len) < 0 ? YG_EXIT_FAILED : 0;
}

/* A slip of who sits at a terminal ends nothing. */
static void on_input(const char *ptr, size_t len, int status, void *user)
{
    struct session *session = user;

    if (session->is_finishing)
        return;
    if (ptr == NULL) {
        session->input_ended = true;
        if (status != 0)
            finish(session, status);
        else
            settle(session);
        return;
    }
    if (len == 0 && session->is_sio)
        return;
    yg_input_hide(session->input);
    status = send_line(session, ptr, len);
    yg_input_show(session->input);
    if (status != 0 && (status == YG_EXIT_FAILED || !isatty(STDIN_FILENO)))
        finish(session, status);
    look_at_water(session);
}

/* ---- connected ---- */

static void begin_input(struct session *session)
{
    int rc;

    if (session->options->no_input) {
        session->input_ended = true;
        settle(session);
        return;
    }
    rc = yg_input_open(yodel_server_loop(session->server, 0),
                       isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), on_input, session,
                       &session->input);
    if (rc < 0)
        finish(session,
               yg_token_say(YG_EXIT_FAILED, COMMAND, "the standard input: %s", yodel_strerror(rc)));
}

/* Sends and reads, once all is as it is to be. */
static void begin(struct session *session)
{
    const struct yg_connect_options *options = session->options;
    int status = 0;

    if (session->is_finishing)
        return;
    if (options->exit_ms > 0)
        (void)yodel_timer_start(&session->timer, (uint32_t)options->exit_ms);
    for (size_t i = 0; i < options->emits.num && status == 0; i++)
        status = send_line(session, options->emits.items[i], strlen(options->emits.items[i]));
    if (status != 0)
        finish(session, status);
    if (!session->is_finishing)
        begin_input(session);
}

/* Says what is no result: to people on standard error. */
static void remark(struct session *session, struct yg_text *line)
{
    if (session->options->as_json) {
        say(session, line);
    } else {
        fprintf(stderr, "%s\n", yg_text_string(line));
        yg_text_done(line);
    }
}

static enum yg_shown_deflate deflate_of(const struct session *session)
{
    if (!session->options->client->dial.offers_deflate)
        return YG_DEFLATE_UNASKED;
    return yg_ws_is_deflated(session->is_sio ? &session->sio.eio.ws : &session->ws)
               ? YG_DEFLATE_AGREED
               : YG_DEFLATE_NONE;
}

static bool upgrades(const struct session *session)
{
    return session->is_sio && session->options->client->dial.transport == YG_TRANSPORT_UPGRADE;
}

static void on_connected(struct session *session, const char *sid)
{
    const struct yg_connect_options *options = session->options;
    struct yg_text line = {0};

    session->is_connected = true;
    yg_show_connected(&line, options->as_json, sid,
                      upgrades(session) ? YG_DEFLATE_UNASKED : deflate_of(session));
    remark(session, &line);
    if (!upgrades(session))
        begin(session);
}

/* ---- Socket.IO ---- */

static struct session *of_sio(struct yg_sio *sio)
{
    return (struct session *)((char *)sio - offsetof(struct session, sio));
}

static void on_sio_connected(struct yg_sio *sio, yodel_str text)
{
    json_t *json = json_loadb(text.ptr, text.len, 0, NULL);

    on_connected(of_sio(sio), json_string_value(json_object_get(json, "sid")));
    json_decref(json);
}

static void on_sio_upgraded(struct yg_sio *sio)
{
    struct session *session = of_sio(sio);
    struct yg_text line = {0};

    yg_show_upgraded(&line, session->options->as_json, deflate_of(session));
    remark(session, &line);
    begin(session);
}

static void on_sio_wrong(struct session *session)
{
    finish(session, yg_token_say(YG_EXIT_DATA, COMMAND,
                                 "the server has sent a packet whose JSON is no list"));
}

/* The list of a message: a new reference, or NULL. */
static json_t *list_of(const struct yg_sio_message *message, bool wants_event)
{
    char error[160];
    json_t *json;

    if (yg_json_parse(message->json.ptr, message->json.len, error, &json) < 0)
        return NULL;
    if (json_is_array(json) && (!wants_event || json_is_string(json_array_get(json, 0))))
        return json;
    json_decref(json);
    return NULL;
}

static void on_sio_event(struct yg_sio *sio, const struct yg_sio_message *event)
{
    struct session *session = of_sio(sio);
    const struct yg_sio_message ack = {
        .has_id = true, .id = event->id, .json = yodel_str_of(session->options->ack_with)};
    json_t *list = list_of(event, true);
    struct yg_text line = {0};

    if (list == NULL) {
        on_sio_wrong(session);
        return;
    }
    if (event->has_id)
        (void)yg_sio_send(sio, YG_PACKET_ACK, &ack);
    yg_show_event(&line, session->options->as_json, event, list);
    take(session, json_string_value(json_array_get(list, 0)), &line);
    json_decref(list);
}

static void on_sio_ack(struct yg_sio *sio, const struct yg_sio_message *ack)
{
    struct session *session = of_sio(sio);
    json_t *list = list_of(ack, false);
    struct yg_text line = {0};

    if (list == NULL) {
        on_sio_wrong(session);
        return;
    }
    yg_show_ack(&line, session->options->as_json, ack, list);
    json_decref(list);
    say(session, &line);
    if (ack->id < session->next_ack && session->acks_owed > 0)
        session->acks_owed--;
    settle(session);
}

static void on_sio_ended(struct yg_sio *sio, const struct yg_end *end)
{
    on_end(of_sio(sio), end);
}

static const struct yg_sio_events sio_events = {.on_connected = on_sio_connected,
                                                .on_upgraded = on_sio_upgraded,
                                                .on_event = on_sio_event,
                                                .on_ack = on_sio_ack,
                                                .on_ended = on_sio_ended};

/* ---- WebSocket ---- */

static struct session *of_ws(struct yg_ws *ws)
{
    return (struct session *)((char *)ws - offsetof(struct session, ws));
}

static void on_ws_open(struct yg_ws *ws)
{
    on_connected(of_ws(ws), NULL);
}

static void on_ws_message(struct yg_ws *ws, const struct yg_frame *message)
{
    struct session *session = of_ws(ws);
    struct yg_text line = {0};

    yg_show_message(&line, session->options->as_json, message);
    take(session, "message", &line);
}

static void on_ws_ended(struct yg_ws *ws, const struct yg_end *end)
{
    on_end(of_ws(ws), end);
}

static const struct yg_ws_events ws_events = {
    .on_open = on_ws_open, .on_message = on_ws_message, .on_ended = on_ws_ended};

/* ---- the whole ---- */

static int on_start(yodel_loop *loop, void *user)
{
    struct session *session = user;
    int rc;

    session->dial->eio.ws.link.loop = loop;
    yodel_timer_init(&session->timer, loop, on_time, session);
    yodel_timer_init(&session->high_water, loop, on_high_water, session);
    session->sio_options = (struct yg_sio_options){.eio = session->dial->eio,
                                                   .ns = session->options->client->ns,
                                                   .auth = session->options->client->auth};
    if (session->is_sio)
        rc = yg_sio_open(&session->sio, &session->sio_options, &sio_events);
    else
        rc = yg_ws_open(&session->ws, &session->dial->eio.ws, &ws_events);
    if (rc < 0)
        stop(session, yg_token_say(YG_EXIT_UNREACHABLE, COMMAND, "%s: %s",
                                   session->options->client->dial.url, yodel_strerror(rc)));
    return 0;
}

static void on_stop(yodel_loop *loop, void *user)
{
    struct session *session = user;

    (void)loop;
    yg_input_close(session->input);
    session->input = NULL;
    yg_sio_drop(&session->sio);
    yg_ws_drop(&session->ws);
}

static int run_server(struct session *session)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_stop};
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .handle_signals = 1),
                              &session->server);

    if (rc == 0)
        rc = yodel_server_add_loop_handlers(session->server, &handlers, session);
    if (rc == 0)
        rc = yodel_server_run(session->server);
    session->server = yodel_server_unref(session->server);
    return rc < 0 ? yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", yodel_strerror(rc))
                  : session->status;
}

int yg_connect_run(const struct yg_connect_options *options, struct yg_dial *dial)
{
    struct session session = {.options = options,
                              .dial = dial,
                              .is_sio = dial->address.protocol == YG_PROTOCOL_SOCKETIO,
                              .next_ack = 1,
                              .watcher = {.options = options}};

    if (dial->address.protocol == YG_PROTOCOL_SSE)
        return yg_connect_sse(&session.watcher, dial);
    return run_server(&session);
}
