/* SPDX-License-Identifier: MIT */
#include "cli/client_options.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/output.h"
#include "cli/token_io.h"

int yg_client_check_json(const char *command, const char *name, const char *text, bool wants_list)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    const bool is_good = json != NULL && (wants_list ? json_is_array(json) : json_is_object(json));

    json_decref(json);
    if (is_good)
        return 0;
    return yg_token_say(YG_EXIT_USAGE, command, "%s wants %s in JSON", name,
                        wants_list ? "a list" : "an object");
}

static int take_protocol(struct yg_client_options *options, const char *text)
{
    static const char *const words[] = {"socketio", "websocket", "sse"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], text) == 0) {
            options->dial.protocol = i;
            return 0;
        }
    }
    return yg_token_say(YG_EXIT_USAGE, options->command,
                        "--protocol wants socketio, websocket or sse");
}

static int take_transport(struct yg_client_options *options, const char *text)
{
    static const char *const words[] = {[YG_TRANSPORT_WEBSOCKET] = "websocket",
                                        [YG_TRANSPORT_POLLING] = "polling",
                                        [YG_TRANSPORT_UPGRADE] = "upgrade"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], text) == 0) {
            options->dial.transport = (enum yg_transport)i;
            return 0;
        }
    }
    return yg_token_say(YG_EXIT_USAGE, options->command,
                        "--transport wants websocket, polling or upgrade");
}

static int add_header(struct yg_client_options *options, const char *text)
{
    if (!yg_token_is_header(text))
        return yg_token_say(YG_EXIT_USAGE, options->command, "--header wants 'Name: value'");
    if (options->num_headers == YG_CLIENT_MAX_HEADERS)
        return yg_token_say(YG_EXIT_USAGE, options->command, "at most %d headers",
                            YG_CLIENT_MAX_HEADERS);
    options->headers[options->num_headers++] = text;
    return 0;
}

static int take_timeout(struct yg_client_options *options, const char *text)
{
    int64_t ms;

    if (yg_token_duration(text, &ms) < 0 || ms < 1 || ms > 3600000)
        return yg_token_say(YG_EXIT_USAGE, options->command, "--timeout wants 1ms to 1h");
    options->dial.timeout_ms = (uint32_t)ms;
    return 0;
}

static int take_output(struct yg_client_options *options, const char *text)
{
    bool as_json;

    if (!yg_token_format(text, &as_json))
        return yg_token_say(YG_EXIT_USAGE, options->command, "-o wants text or json");
    options->output = as_json ? YG_CLIENT_JSON : YG_CLIENT_TEXT;
    return 0;
}

static int take_namespace(struct yg_client_options *options, const char *text)
{
    options->ns = text;
    if (text[0] == '/' && strpbrk(text, ",?") == NULL)
        return 0;
    return yg_token_say(YG_EXIT_USAGE, options->command,
                        "a namespace begins with \"/\", and has neither \",\" nor \"?\"");
}

static int take(struct yg_client_options *options, int option, const char *text)
{
    switch (option) {
    case 'n':
        return take_namespace(options, text);
    case 'o':
        return take_output(options, text);
    case YG_CLIENT_OPT_PROTOCOL:
        return take_protocol(options, text);
    case YG_CLIENT_OPT_TRANSPORT:
        return take_transport(options, text);
    case YG_CLIENT_OPT_DEFLATE:
        options->dial.offers_deflate = true;
        return 0;
    case YG_CLIENT_OPT_AUTH:
        options->auth = text;
        return yg_client_check_json(options->command, "--auth", text, false);
    case YG_CLIENT_OPT_TOKEN:
        options->token_file = text;
        return 0;
    case YG_CLIENT_OPT_HEADER:
        return add_header(options, text);
    case YG_CLIENT_OPT_CA:
        options->dial.ca_file = text;
        return 0;
    case YG_CLIENT_OPT_INSECURE:
        options->dial.is_insecure = true;
        return 0;
    case YG_CLIENT_OPT_TIMEOUT:
        return take_timeout(options, text);
    default:
        return yg_token_usage(options->command);
    }
}

/* A token goes to where servers look for it. */
static int read_token(struct yg_client_options *options)
{
    const int rc = yg_secret_read(options->token_file, &options->token);
    json_t *auth;

    if (rc < 0)
        return yg_token_say(YG_EXIT_FAILED, options->command, "%s: %s", options->token_file,
                            yg_file_strerror(rc));
    if (!yg_text_is_utf8(options->token.ptr, options->token.len))
        return yg_token_say(YG_EXIT_DATA, options->command, "%s: it is not UTF-8",
                            options->token_file);
    auth = json_loads(options->auth != NULL ? options->auth : "{}", 0, NULL);
    (void)json_object_set_new(auth, "token", json_string(yg_text_string(&options->token)));
    yg_text_printf(&options->bearer, "Authorization: Bearer %s", yg_text_string(&options->token));
    options->auth_text.ptr = json_dumps(auth, JSON_COMPACT);
    json_decref(auth);
    if (options->auth_text.ptr == NULL || yg_text_failed(&options->bearer))
        return yg_token_say(YG_EXIT_FAILED, options->command, "out of memory");
    options->auth_text.len = strlen(options->auth_text.ptr);
    options->auth = options->auth_text.ptr;
    return add_header(options, options->bearer.ptr);
}

/* The URL, which is the only word that is left, and the token. */
static int finish(struct yg_client_options *options, int argc, char **argv)
{
    int status = 0;

    if (optind + 1 != argc)
        return yg_token_say(YG_EXIT_USAGE, options->command,
                            optind < argc ? "one URL is enough" : "a URL is wanted");
    options->dial.url = argv[optind];
    if (options->token_file != NULL)
        status = read_token(options);
    options->dial.headers = options->headers;
    options->dial.num_headers = options->num_headers;
    return status;
}

/* ---- a command ---- */

/* -1: go on; else the status to end with. */
static int read_options(const struct yg_client_command *command, int argc, char **argv, void *user,
                        struct yg_client_options *options)
{
    int option, status;

    yg_token_name(argv, command->name);
    optind = 0;
    while ((option = getopt_long(argc, argv, "n:o:h", command->options, NULL)) != -1) {
        if (option == YG_CLIENT_OPT_HELP || option == 'h') {
            fputs(command->help, stdout);
            return YG_EXIT_OK;
        }
        status = command->take(option, optarg, user);
        if (status < 0)
            status = take(options, option, optarg);
        if (status != 0)
            return status;
    }
    status = finish(options, argc, argv);
    return status != 0 ? status : -1;
}

/* yg_dial_prepare(), of which what went wrong is said. */
static int find_server(const struct yg_client_options *options, struct yg_dial *ret_dial)
{
    const char *words;
    const int rc = yg_dial_prepare(&options->dial, &words, ret_dial);

    if (rc == 0 && options->dial.transport != YG_TRANSPORT_WEBSOCKET &&
        ret_dial->address.protocol != YG_PROTOCOL_SOCKETIO)
        return yg_token_say(YG_EXIT_USAGE, options->command, "--transport is of Socket.IO");
    if (rc == 0 && options->dial.offers_deflate &&
        (ret_dial->address.protocol == YG_PROTOCOL_SSE ||
         options->dial.transport == YG_TRANSPORT_POLLING))
        return yg_token_say(YG_EXIT_USAGE, options->command, "--deflate is of WebSockets");
    if (rc == 0)
        return 0;
    return yg_token_say(rc == -EINVAL         ? YG_EXIT_USAGE
                        : rc == -EHOSTUNREACH ? YG_EXIT_UNREACHABLE
                                              : YG_EXIT_FAILED,
                        options->command, "%s: %s", options->dial.url, words);
}

int yg_client_command_run(const struct yg_client_command *command, int argc, char **argv,
                          void *user)
{
    struct yg_client_options options = {
        .command = command->name,
        .ns = "/",
        .dial = {.protocol = -1, .max_message = YG_CLIENT_MAX_MESSAGE, .timeout_ms = 10000}};
    struct yg_dial dial = {0};
    int status = read_options(command, argc, argv, user, &options);

    if (status < 0 && (status = find_server(&options, &dial)) == 0)
        status = command->run(&options, &dial, user);
    yg_dial_done(&dial);
    yg_secret_done(&options.token);
    yg_secret_done(&options.bearer);
    yg_secret_done(&options.auth_text);
    return status;
}
