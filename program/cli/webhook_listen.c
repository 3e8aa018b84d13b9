/* SPDX-License-Identifier: MIT */
/* yodel webhook listen: a back end, on a server of the library's own. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/http.h>
#include <yodel/json.h>
#include <yodel/listen.h>
#include <yodel/loop.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/answers.h"
#include "cli/output.h"
#include "cli/plain.h"
#include "cli/token_io.h"
#include "cli/webhook.h"
#include "hook/signature.h"

#define COMMAND "webhook listen"
#define MAX_BODY ((size_t)16 << 20)

static const char help[] =
    "Usage: yodel webhook listen [--address HOST:PORT|unix:PATH] [--secret-file FILE]...\n"
    "                            [--answers FILE] [--count N] [-o json]\n"
    "A back end for trying hooks: it checks the signature of each request, shows its events and\n"
    "answers them: connects are accepted, of user \"guest\" if no token has named one, events are\n"
    "acked with nothing.\n"
    "\n"
    "  --address A        127.0.0.1:5000 if not given; port 0 is any\n"
    "  --secret-file F    of the hook; a second one is taken as well.  Without one signatures are\n"
    "                     not looked at\n"
    "  --answers F        YAML or JSON: results by kind and, for events, by name (\"*\": others),\n"
    "                     as {connect: {user: ann}, event: {say: {ack: [1]}}}\n"
    "  --count N          ends after so many requests; with 77 if one was refused\n"
    "  -o json            a line of JSON for each event, with what it was answered\n";

/* Of one thread: the server has one loop. */
struct listener {
    yodel_server *server;
    const char *secrets[2];
    struct yg_text secret_texts[2];
    unsigned num_secrets;
    const char *address, *answers_path;
    json_t *answers; /* NULL: none */
    bool as_json, was_refused, failed;
    uint64_t count; /* requests after which it ends; 0: none */
    unsigned long num;
};

/* ---- what is shown ---- */

static void show(struct listener *listener, struct yg_text *text)
{
    yg_text_putc(text, '\n');
    if (yg_cli_print(text) != YG_EXIT_OK) {
        listener->failed = true;
        yodel_server_stop(listener->server, 0);
    }
}

static void show_event(struct listener *listener, yodel_request *req, const json_t *event,
                       const json_t *result)
{
    yodel_str attempt = yodel_request_header(req, "yodel-attempt");
    struct yg_text text = {0};

    if (listener->as_json) {
        json_t *line =
            json_pack("{s:O, s:o*, s:O*, s:s}", "event", event, "attempt",
                      attempt.len > 0 ? json_stringn(attempt.ptr, attempt.len) : NULL, "answer",
                      result, "signature", listener->num_secrets > 0 ? "right" : "unchecked");

        yg_plain_put_json(&text, line);
        json_decref(line);
    } else {
        yg_webhook_put_event(&text, event);
        yg_text_puts(&text, "\n    -> ");
        if (result != NULL)
            yg_plain_put_json(&text, result);
        else
            yg_text_puts(&text, "nothing");
    }
    show(listener, &text);
}

static void refuse(struct listener *listener, yodel_request *req, int status, const char *words)
{
    yodel_str peer = yodel_request_peer(req), id = yodel_request_header(req, "webhook-id");
    struct yg_text text = {0};

    listener->was_refused = true;
    if (listener->as_json) {
        yg_text_printf(&text, "{\"refused\": \"%s\", \"status\": %d, \"peer\": ", words, status);
        yg_text_put_json(&text, peer.ptr, peer.len);
        yg_text_puts(&text, ", \"id\": ");
        yg_text_put_json(&text, id.ptr, id.len);
        yg_text_putc(&text, '}');
        show(listener, &text);
    } else {
        yg_text_puts(&text, "refused: request ");
        yg_plain_put(&text, id.ptr, id.len);
        yg_text_printf(&text, " of %" YODEL_PRI ": %s\n", YODEL_ARG(peer), words);
        fputs(yg_text_string(&text), stderr);
        yg_text_done(&text);
    }
    (void)yodel_request_reply_pack(req, status, "{s:s}", "message", words);
}

/* ---- a request ---- */

/* What is wrong with the document, or NULL. */
static const char *check_document(const json_t *document)
{
    const json_t *events = json_object_get(document, "events"), *event;
    size_t i;

    if (json_integer_value(json_object_get(document, "version")) != 1)
        return "its version is not 1";
    if (json_array_size(events) == 0)
        return "it has no list of events";
    json_array_foreach(events, i, event)
    {
        const char *kind = json_string_value(json_object_get(event, "kind"));

        if (!json_is_string(json_object_get(event, "id")))
            return "an event has no id";
        if (kind == NULL || yg_webhook_kind(kind) < 0)
            return "an event has no kind that is known";
    }
    return NULL;
}

/* The result for one event, a new reference; NULL: nothing is to be said of it. */
static json_t *answer_of(const struct listener *listener, const json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "kind"));
    const json_t *found = yg_answers_find(listener->answers, kind,
                                          json_string_value(json_object_get(event, "event")));

    if (found != NULL)
        return json_copy((json_t *)found);
    if (strcmp(kind, "connect") == 0 &&
        json_is_null(json_object_get(json_object_get(event, "socket"), "user")))
        return json_pack("{s:s}", "user", "guest");
    return json_is_true(json_object_get(event, "ack")) ? json_pack("{s:[]}", "ack") : NULL;
}

static void answer(struct listener *listener, yodel_request *req, const json_t *events)
{
    json_t *results = json_array(), *event;
    const size_t num = json_array_size(events);
    size_t i;

    json_array_foreach(events, i, event)
    {
        json_t *result = answer_of(listener, event);

        show_event(listener, req, event, result);
        if (result == NULL)
            continue;
        if (num > 1)
            (void)json_object_set(result, "id", json_object_get(event, "id"));
        (void)json_array_append_new(results, result);
    }
    if (json_array_size(results) == 0)
        (void)yodel_request_reply(req, 204, NULL, (yodel_bytes){0});
    else if (num == 1)
        (void)yodel_request_reply_json(req, 200, json_array_get(results, 0));
    else
        (void)yodel_request_reply_pack(req, 200, "{s:O}", "results", results);
    json_decref(results);
}

/* Whether the signature is right, or none is wanted; else it is answered. */
static bool check_signature(struct listener *listener, yodel_request *req)
{
    const yodel_bytes body = yodel_request_body(req);
    enum yg_signed found = YG_SIGNED_WELL;
    int rc = 0;

    if (listener->num_secrets > 0)
        rc = yg_sign_check(
            listener->secrets, listener->num_secrets, yodel_request_header(req, "webhook-id"),
            yodel_request_header(req, "webhook-timestamp"),
            yodel_request_header(req, "webhook-signature"),
            (yodel_str){(const char *)body.ptr, body.len}, yg_clock_wall_ms() / 1000, &found);
    if (rc < 0)
        (void)yodel_request_reply_text(req, 503, NULL, YODEL_STR("out of memory\n"));
    else if (found != YG_SIGNED_WELL) /* 401 would say of the client that it may not connect */
        refuse(listener, req, 400, yg_signed_words(found));
    return rc == 0 && found == YG_SIGNED_WELL;
}

static void on_request(yodel_request *req, void *user)
{
    struct listener *listener = user;
    const yodel_bytes body = yodel_request_body(req);
    const char *problem;
    json_t *document;
    char error[160];

    if (check_signature(listener, req)) {
        if (yg_json_parse((const char *)body.ptr, body.len, error, &document) < 0) {
            refuse(listener, req, 400, "the body is not JSON");
        } else {
            if ((problem = check_document(document)) != NULL)
                refuse(listener, req, 400, problem);
            else
                answer(listener, req, json_object_get(document, "events"));
            json_decref(document);
        }
    }
    if (++listener->num == listener->count)
        yodel_server_stop(listener->server, 1000);
}

/* ---- options ---- */

static int take_secret(struct listener *listener, const char *path)
{
    struct yg_text *text = &listener->secret_texts[listener->num_secrets];
    struct yg_text signature = {0};
    int rc;

    if (listener->num_secrets == 2)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "at most two secrets");
    if ((rc = yg_webhook_secret(COMMAND, path, text)) != 0)
        return rc;
    listener->secrets[listener->num_secrets++] = yg_text_string(text);
    rc = yg_sign(&listener->secrets[listener->num_secrets - 1], 1, "1", 1, YODEL_STR(""),
                 &signature);
    yg_text_done(&signature);
    return rc < 0
               ? yg_token_say(YG_EXIT_DATA, COMMAND, "%s: what is behind whsec_ is no base64", path)
               : 0;
}

static int take_count(struct listener *listener, const char *text)
{
    if (*text != '0' && yg_token_count(text, UINT64_MAX, &listener->count))
        return 0;
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--count wants a number from 1");
}

static int take(struct listener *listener, int option)
{
    switch (option) {
    case 'a':
        listener->address = optarg;
        return 0;
    case 's':
        return take_secret(listener, optarg);
    case 'f':
        listener->answers_path = optarg;
        return 0;
    case 'n':
        return take_count(listener, optarg);
    case 'o':
        if (yg_token_format(optarg, &listener->as_json))
            return 0;
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "-o wants text or json");
    default:
        return yg_token_usage(COMMAND);
    }
}

/* -1: go on; else the status to end with. */
static int read_options(struct listener *listener, int argc, char **argv)
{
    static const struct option options[] = {{"address", required_argument, NULL, 'a'},
                                            {"secret-file", required_argument, NULL, 's'},
                                            {"answers", required_argument, NULL, 'f'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option, status;

    yg_token_name(argv, COMMAND);
    optind = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return YG_EXIT_OK;
        }
        if ((status = take(listener, option)) != 0)
            return status;
    }
    if (optind < argc)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "\"%s\" is too much", argv[optind]);
    if (listener->answers_path != NULL &&
        (status = yg_answers_read(COMMAND, listener->answers_path, &listener->answers)) != 0)
        return status;
    return -1;
}

/* ---- the server ---- */

static int open_server(struct listener *listener)
{
    const yodel_log_sink log = {.write = yodel_log_stderr, .min_level = YODEL_LOG_WARN};
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .log = &log,
                                            .max_body = MAX_BODY, .handle_signals = 1),
                              &listener->server);

    if (rc == 0)
        rc = yodel_server_route(listener->server, "POST /{path...}", on_request, listener);
    if (rc < 0)
        return rc;
    return yodel_server_listen(listener->server,
                               YODEL_OPTIONS(yodel_listen_options, .address = listener->address));
}

static void say_address(const struct listener *listener, int port)
{
    const char *colon = strrchr(listener->address, ':');

    if (strncmp(listener->address, "unix:", 5) == 0) {
        char *path = realpath(listener->address + 5, NULL); /* as URLs of hooks want it */

        fprintf(stderr, "listening on unix:%s:/\n", path != NULL ? path : listener->address + 5);
        free(path);
    } else
        fprintf(stderr, "listening on http://%.*s:%d/\n",
                (int)(colon != NULL ? colon - listener->address : 0), listener->address, port);
    if (listener->num_secrets == 0)
        fputs("without --secret-file signatures are not checked\n", stderr);
}

static int serve(struct listener *listener)
{
    const int port = open_server(listener);
    int rc;

    if (port < 0)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "%s: %s", listener->address,
                            yodel_strerror(port));
    say_address(listener, port);
    rc = yodel_server_run(listener->server);
    if (rc < 0)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", yodel_strerror(rc));
    if (listener->failed)
        return YG_EXIT_FAILED;
    return listener->count > 0 && listener->was_refused ? YG_EXIT_REFUSED : YG_EXIT_OK;
}

int yg_webhook_listen_main(int argc, char **argv)
{
    struct listener listener = {.address = "127.0.0.1:5000"};
    int status = read_options(&listener, argc, argv);

    if (status < 0)
        status = serve(&listener);
    listener.server = yodel_server_unref(listener.server);
    for (unsigned i = 0; i < 2; i++)
        yg_secret_done(&listener.secret_texts[i]);
    json_decref(listener.answers);
    return status;
}
